# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Prometheus servers on loopback, of several versions.

    with prometheus(tmp_path, "3.5", config) as server:
        server.targets()

Debian's packages: the system's own (2.42), bullseye's (2.24, the only one with consul_sd) and sid's (3.5), the last two
unpacked in the project's cache. promtool comes with the first two.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import LOOPBACK, free_port, running

PROJECT = Path(__file__).resolve().parents[2]
_SUITES = {"2.24": "bullseye", "3.5": "sid"}

# A discovery tells its targets at most every five seconds.
_FIRST_TARGETS = 30.0


@functools.cache
def _folder(version: str) -> Path:
    return packaged("prometheus", _SUITES[version])


@functools.cache
def packaged(package: str, suite: str) -> Path:
    """Where the programs of a Debian package lie, fetched on first use."""
    tool = PROJECT / "tools" / "debian_package.py"
    done = subprocess.run([sys.executable, tool, package, suite], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()) / "usr" / "bin"


@functools.cache
def binary(version: str, name: str = "prometheus") -> Path:
    """The program of a version: 2.24, 2.42 or 3.5."""
    if version in _SUITES:
        return _folder(version) / name
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: apt install prometheus")
    return Path(found)


@dataclass
class Prometheus:
    """A running server. folder is where its config lies."""

    folder: Path
    version: str
    port: int

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}{path}", timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def targets(self, at_least: int = 1, seconds: float = _FIRST_TARGETS) -> dict[str, Any]:
        """activeTargets and droppedTargets, as soon as there are so many of both together and their number rests.

        Raises TimeoutError when there are not so many in time.
        """
        deadline = time.monotonic() + seconds
        before = -1
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.get("/api/v1/targets")
            count = len(found["activeTargets"]) + len(found["droppedTargets"])
            if count >= at_least and count == before:
                return found
            before = count
            time.sleep(0.5)
        raise TimeoutError(f"Prometheus {self.version} has {before} targets, not {at_least}")

    def labels(self, at_least: int = 1) -> dict[str, list[dict[str, str]]]:
        """The labels of each active target, by scrape job, in a fixed order."""
        found: dict[str, list[dict[str, str]]] = {}
        for target in self.targets(at_least)["activeTargets"]:
            found.setdefault(target["scrapePool"], []).append(target["labels"])
        return {job: sorted(labels, key=lambda item: sorted(item.items())) for job, labels in found.items()}


@contextlib.contextmanager
def prometheus(folder: Path, version: str, config: str, files: Mapping[str, str] | None = None) -> Iterator[Prometheus]:
    """Run a server with this config, and other files beside it by their relative paths, until the block ends.

    Raises RuntimeError with the end of the log for a config that it refuses.
    """
    write_config(folder, config, files)
    server = Prometheus(folder, version, free_port())
    command: list[str | Path] = [
        binary(version),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{server.port}",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    with running(command, ready=server.is_ready, log=log, cwd=folder, seconds=60):
        yield server


def write_config(folder: Path, config: str, files: Mapping[str, str] | None = None) -> Path:
    """Lay a config down with the files that it names; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    path = folder / "prometheus.yml"
    path.write_text(config, encoding="utf-8")
    return path


def promtool(version: str, *arguments: str | Path) -> tuple[bool, str]:
    """Run promtool of 2.24 or 2.42: whether it is content, and what it says."""
    done = subprocess.run(
        [binary(version, "promtool"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0, done.stdout
