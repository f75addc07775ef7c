# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch one Debian package from one suite and unpack it, without touching the system's apt state.

Usage: python tools/debian_package.py PACKAGE SUITE [CACHE_DIR]

Prints the folder that holds the unpacked package. The lists, the archive cache and the sources of this apt run
live in CACHE_DIR (default: .cache/debian in the project), so neither root nor a change of the system is needed.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PROJECT = Path(__file__).resolve().parent.parent


def mirror() -> str:
    """The mirror the machine already uses, so that a configured proxy or local mirror is honoured."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for word in (word for line in lines if not line.lstrip().startswith("#") for word in line.split()):
            if word.startswith(("http://", "https://")) and word.rstrip("/").endswith("/debian"):
                return word.rstrip("/")
    raise SystemExit("apt's sources name no Debian mirror: add one to /etc/apt/sources.list")


def apt_options(state: Path, suite: str) -> list[str]:
    for sub in ("lists/partial", "archives/partial", "etc"):
        (state / sub).mkdir(parents=True, exist_ok=True)
    sources = state / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n", encoding="utf-8")
    (state / "status").touch()
    settings = {
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Cache::Archives": state / "archives",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": state / "etc",
        "Dir::Etc::PreferencesParts": state / "etc",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
        # The release files of an archived suite are past their date for ever.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def fetch(package: str, suite: str, cache: Path) -> Path:
    """Return the folder of the unpacked package; fetch it on first use (safe against parallel runs)."""
    target = cache / f"{package}-{suite}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        if not KEYRING.is_file():
            raise SystemExit(f"{KEYRING} is missing: apt install debian-archive-keyring")
        state = cache / f"apt-{suite}"
        options = apt_options(state, suite)
        if not any((state / "lists").glob("*_Packages*")):
            run(["apt-get", *options, "-q", "update"], cwd=state)
        run(["apt-get", *options, "-q", "download", package], cwd=state / "archives")
        archive = max((state / "archives").glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
        partial = cache / f".{package}-{suite}.partial"
        run(["dpkg", "-x", str(archive), str(partial)], cwd=cache)
        partial.rename(target)
    return target


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:1] + command[-2:])} failed:\n{done.stdout}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    print(fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]) if len(sys.argv) == 4 else PROJECT / ".cache" / "debian"))
