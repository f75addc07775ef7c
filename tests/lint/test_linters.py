# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every linter is a test, so that one pytest run shows all that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.ansible_test_sanity import PROJECT, shipped_files

BIN = Path(sys.executable).parent
PACKAGE = "ansible_collections.skills_eye.prometheus_fleet.plugins"

LINTERS: dict[str, list[str]] = {
    "ruff-check": ["ruff", "check", "."],
    "ruff-format": ["ruff", "format", "--check", "--diff", "."],
    "mypy": ["mypy", "-p", PACKAGE, "-p", "tests", "-p", "tools", "-p", "demo"],
    "yamllint": ["yamllint", "--strict", "."],
    "ansible-lint": ["ansible-lint", "--offline", "--strict"],
    "antsibull-docs": [
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--validate-collection-refs=all",
        ".",
    ],
    "antsibull-changelog": ["antsibull-changelog", "lint"],
    "reuse": ["reuse", "lint", "--quiet"],
}


def environment() -> dict[str, str]:
    """The tools' caches and logs stay in the project, and no tool of theirs is taken from elsewhere."""
    home = PROJECT / ".cache" / "lint"
    home.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "HOME": str(home),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
    }


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_has_nothing_to_say(linter: str) -> None:
    program, *arguments = LINTERS[linter]
    done = subprocess.run(
        [BIN / program, *arguments],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout)
        pytest.fail(f"{program} exited with {done.returncode}", pytrace=False)


def shell_scripts() -> list[Path]:
    """The shipped files whose first line names a shell."""
    found = []
    for path in (PROJECT / name for name in shipped_files(PROJECT)):
        with path.open("rb") as file:
            first = file.readline()
        if first.startswith(b"#!") and first.split()[-1].endswith(b"sh"):
            found.append(path)
    return found


def test_shellcheck_has_nothing_to_say() -> None:
    scripts = shell_scripts()
    assert PROJECT / "tools" / "system_packages" in scripts
    done = subprocess.run(["shellcheck", *scripts], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    if done.returncode != 0:
        print(done.stdout)
        pytest.fail(f"shellcheck exited with {done.returncode}", pytrace=False)
