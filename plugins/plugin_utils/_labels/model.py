# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the room takes in and hands out: the files of a server, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# What is told of one server. Each problem is in results, the summary and the page.
MAX_PROBLEMS: Final = 1000


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file of a server.

    path is absolute; service is "prometheus" or "alertmanager"; content is None where the file is not text or could not
    be read, and error then says why; sha256 is of the original bytes, None where unknown.
    """

    path: str
    service: str
    content: str | None = None
    sha256: str | None = None
    error: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConfigFile:
        """Read one entry of "files" of a sweep result; keys that are missing count as unknown."""
        return cls(
            path=str(data.get("path") or ""),
            service=str(data.get("service") or "prometheus"),
            content=data.get("content"),
            sha256=data.get("sha256"),
            error=data.get("error"),
        )

    @property
    def key(self) -> object:
        """Equal for files with equal text: what parsed documents are remembered by."""
        return self.content


@dataclass(frozen=True, slots=True)
class ServerConfigs:
    """What the sweep brought from one server. status, digest and error are those of the sweep."""

    status: str
    digest: str | None = None
    files: list[ConfigFile] = field(default_factory=list)
    error: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ServerConfigs:
        """Read one entry of "hosts" of a sweep result."""
        files = [ConfigFile.from_dict(item) for item in data.get("files") or []]
        return cls(str(data.get("status") or "ok"), data.get("digest"), files, data.get("error"))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a file. line counts from 1; 0 means the file as a whole.

    severity is "error" for what the server's program refuses, "warning" for what it takes but hardly means.
    """

    file: str
    line: int
    message: str
    severity: str = "error"

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "message": self.message, "severity": self.severity}


def told(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by file and line; of very many, the first errors, then the first warnings, and how many more."""
    found = sorted(problems)
    left = len(found) - MAX_PROBLEMS
    if left > 0:
        found = sorted(sorted(found, key=lambda problem: problem.severity)[:MAX_PROBLEMS])
        more = f"is on a server with {left} more problems than are told here"
        found.append(Problem(found[-1].file, 0, more, "warning"))
    return found
