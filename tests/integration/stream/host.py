# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for the remote command: chosen shells and tools on a PATH of its own, and a directory tree.

The command runs as sshd runs it (`LOGIN_SHELL -c COMMAND`), with nothing on PATH but what the host is given.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import (
    Bundle,
    BundleReader,
    remote_command,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service

PATTERNS = ("*.yml", "*.yaml", "*/*.yml", "*/*.yaml")
UNPRIVILEGED = 65534

SHELLS = ("dash", "bash", "busybox", "mksh", "zsh", "ksh93")
TARS: Mapping[str, str] = {"gnu": "tar", "busybox": "busybox", "bsdtar": "bsdtar", "toybox": "toybox"}
LOGIN_SHELLS = ("dash", "bash", "busybox", "fish", "csh", "tcsh", "zsh")

# Programs that a test machine need not have: the Debian package, and the path in it.
PACKAGED: Mapping[str, tuple[str, str]] = {
    "ksh93": ("ksh93u+m", "bin/ksh93"),
    "mksh": ("mksh", "bin/mksh"),
    "tcsh": ("tcsh", "bin/tcsh"),
    "tinysshd": ("tinysshd", "usr/sbin/tinysshd"),
    "toybox": ("toybox", "bin/toybox"),
    "zsh": ("zsh", "bin/zsh"),
}
# What is a program, and no built-in, in these shells.
BESIDE: Mapping[str, tuple[str, ...]] = {"mksh": ("printf",)}
PROJECT = Path(__file__).resolve().parents[3]


@functools.cache
def program(name: str) -> str:
    """The path of a program of this machine or of a private Debian package, or a skip that says what is missing."""
    found = shutil.which(name)
    if found is not None:
        return found
    if name not in PACKAGED:
        pytest.skip(f"{name} is not installed")
    package, path = PACKAGED[name]
    tool = [sys.executable, str(PROJECT / "tools" / "debian_package.py"), package, "bookworm"]
    fetched = subprocess.run(tool, capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode != 0:
        pytest.skip(f"{name} is not installed and {package} could not be fetched: {fetched.stderr[-200:]}")
    return f"{fetched.stdout.strip()}/{path}"


@dataclass
class Host:
    """tools are further programs on PATH: by default what a small Linux host has. login is the login shell."""

    folder: Path
    shell: str = "dash"
    tar: str = "gnu"
    login: str = "dash"
    tools: Sequence[str] = ("cat", "gzip", "readlink", "ls", "sha256sum", "cksum")
    noise: str = ""
    uid: int | None = None
    compress: bool = True
    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.root = self.folder / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "bin"
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        (self.path / "sh").symlink_to(program(self.shell))
        (self.path / "tar").symlink_to(program(TARS[self.tar]))
        for tool in (*self.tools, *BESIDE.get(self.shell, ())):
            (self.path / tool).symlink_to(program(tool))
        if not self.services:
            self.services = [
                Service("prometheus", f"{self.root}/etc/prometheus", PATTERNS),
                Service("alertmanager", f"{self.root}/etc/alertmanager", PATTERNS),
            ]

    def write(self, name: str, text: str | bytes = "a: 1\n") -> Path:
        """Write a file below the root; name may hold anything that a file system takes."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def run(self, known: str | None = None) -> subprocess.CompletedProcess[bytes]:
        command = self.noise + remote_command(self.services, self.limits, known, compress=self.compress)
        login = program(self.login)
        words = [login, "sh", "-c", command] if self.login == "busybox" else [login, "-c", command]
        if self.uid is not None:
            words = [program("setpriv"), f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", *words]
        words = [*self.prefix, *words]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            words,
            env={"PATH": str(self.path), "HOME": str(home), **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def sweep(self, known: str | None = None, *, piece: int = 4096) -> Bundle:
        """Run the command and read what it printed, in pieces."""
        done = self.run(known)
        reader = BundleReader(self.services, self.limits, known)
        for start in range(0, len(done.stdout), piece):
            if reader.feed(done.stdout[start : start + piece]):
                break
        return reader.finish(done.returncode, done.stderr)

    def log_programs(self) -> Path:
        """From now on each program that the host runs, sh apart, writes its name to the file returned."""
        log = self.folder / "programs"
        log.touch()
        for link in list(self.path.iterdir()):
            if link.name != "sh":
                real = link.readlink()
                link.unlink()
                link.write_text(f'#!/bin/sh\necho {link.name} >>{log}\nexec {real} "$@"\n')
                link.chmod(0o755)
        return log

    def found(self, bundle: Bundle) -> dict[str, bytes | None]:
        """Contents by path below the root."""
        return {item.path.removeprefix(f"{self.root}/"): item.data for item in bundle.files}

    def errors(self, bundle: Bundle) -> dict[str, str]:
        return {item.path.removeprefix(f"{self.root}/"): item.error for item in bundle.files if item.error is not None}
