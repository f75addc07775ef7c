# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sweep returns: the shapes that every part of the room shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_statuses import ANSWERED, WHOLE, Status

__all__ = ["ANSWERED", "WHOLE", "FileResult", "Limits", "Seconds", "ServerResult", "Service", "Status", "summary"]


@dataclass(frozen=True, slots=True)
class Service:
    """A directory of one service on a server, and the globs below it that make up its configuration."""

    service: str
    directory: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps for one server. Sizes are bytes; max_bytes counts expanded contents, max_wire_bytes what travels."""

    max_files: int = 2000
    max_bytes: int = 64 * 1024 * 1024
    max_file_bytes: int = 16 * 1024 * 1024
    max_wire_bytes: int = 64 * 1024 * 1024


@dataclass(slots=True)
class FileResult:
    """One file. size and sha256 are of the original bytes; content is redacted text, None where it is not text.

    mtime is in seconds since the epoch. error says why the file could not be read, or None.
    """

    path: str
    service: str
    size: int = 0
    mtime: int = 0
    sha256: str | None = None
    content: str | None = None
    redacted: int = 0
    error: str | None = None


@dataclass(slots=True)
class Seconds:
    connect: float = 0.0
    transfer: float = 0.0
    total: float = 0.0


@dataclass(slots=True)
class ServerResult:
    """What one server gave. digest names the exact set of files, for the next incremental sweep.

    empty are its directories without any file that was asked for; it is for people, and no part of the contract.
    """

    status: Status
    error: str | None = None
    transport: str | None = None
    endpoint: str | None = None
    digest: str | None = None
    attempts: int = 0
    seconds: Seconds = field(default_factory=Seconds)
    files: list[FileResult] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data by the contract; written out because dataclasses.asdict copies every content."""
        return {
            "status": self.status,
            "error": self.error,
            "transport": self.transport,
            "endpoint": self.endpoint,
            "digest": self.digest,
            "attempts": self.attempts,
            "seconds": {
                "connect": round(self.seconds.connect, 3),
                "transfer": round(self.seconds.transfer, 3),
                "total": round(self.seconds.total, 3),
            },
            "files": [
                {
                    "path": item.path,
                    "service": item.service,
                    "size": item.size,
                    "mtime": item.mtime,
                    "sha256": item.sha256,
                    "content": item.content,
                    "redacted": item.redacted,
                    "error": item.error,
                }
                for item in self.files
            ],
        }


def summary(servers: dict[str, ServerResult], seconds: float) -> dict[str, Any]:
    """Count a sweep: hosts, ok (unchanged included), failed, unchanged, files, bytes, seconds."""
    results = list(servers.values())
    whole = sum(result.status in WHOLE for result in results)
    return {
        "hosts": len(results),
        "ok": whole,
        "failed": len(results) - whole,
        "unchanged": sum(result.status == "unchanged" for result in results),
        "files": sum(len(result.files) for result in results),
        "bytes": sum(item.size for result in results for item in result.files),
        "seconds": round(seconds, 3),
    }
