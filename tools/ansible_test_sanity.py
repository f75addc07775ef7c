# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test sanity on a copy of the checkout, in folders of the project's own.

Usage: .venv/bin/python tools/ansible_test_sanity.py [OPTION OF ansible-test sanity ...]

ansible-test wants the path .../ansible_collections/NAMESPACE/NAME and judges what git would ship; so the tracked files
and the new ones that are not ignored are copied there. It also fetches get-pip from the network and keeps virtual
environments below the home folder; a home below .cache holds both, with a script in get-pip's place that takes pip
from Python's own ensurepip. Exit status: that of ansible-test.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
COPY = PROJECT / "build" / "sanity" / "ansible_collections" / "skills_eye" / "prometheus_fleet"
# Short: the first line of a script in its environments may hold 127 characters.
HOME = PROJECT / ".cache" / "sanity"

PIP_FROM_ENSUREPIP = '''\
"""Stands in for get-pip: pip out of ensurepip, then pip installs what get-pip was asked for."""
import subprocess
import sys

wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet"] + wanted)
'''


def shipped_files(root: Path) -> list[Path]:
    """The files that git tracks, and the new ones that it does not ignore, relative to root; links included."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(listing, cwd=root, stdout=subprocess.PIPE, check=True).stdout
    names = [Path(os.fsdecode(name)) for name in output.split(b"\0") if name]
    return [name for name in names if (root / name).is_symlink() or (root / name).is_file()]


def copy_checkout(root: Path, target: Path) -> None:
    """Make target hold exactly the shipped files, as a repository of its own: ansible-test asks git what to test."""
    shutil.rmtree(target, ignore_errors=True)
    for name in shipped_files(root):
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, destination, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", "."], cwd=target, check=True)


def lay_get_pip(home: Path) -> None:
    """Save the stand-in under every name that the installed ansible-test may look for."""
    source = Path(sysconfig.get_path("purelib")) / "ansible_test" / "_internal" / "python_requirements.py"
    versions = set(re.findall(r"\bpip=['\"]([0-9.]+)['\"]", source.read_text(encoding="utf-8")))
    if not versions:
        raise SystemExit(f"{source} names no pip version: ansible-test has changed, look there for get_pip")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in versions:
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(PIP_FROM_ENSUREPIP, encoding="utf-8")


def main(arguments: list[str]) -> int:
    COPY.parent.mkdir(parents=True, exist_ok=True)
    with (PROJECT / "build" / ".sanity.lock").open("w", encoding="utf-8") as lock:
        # Two runs at once would delete each other's copy.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run_sanity(arguments)


def run_sanity(arguments: list[str]) -> int:
    copy_checkout(PROJECT, COPY)
    lay_get_pip(HOME)
    command = [
        str(Path(sys.executable).with_name("ansible-test")),
        "sanity",
        "--color",
        "no",
        "--python",
        f"{sys.version_info.major}.{sys.version_info.minor}",
        *arguments,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"HOME": str(HOME), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=COPY, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
