# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a user gets it: built into an archive and installed from it, apart from the checkout.

A test file takes the fixture by name: `from tests.support.collection import installed_collection`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NAME = "skills_eye.prometheus_fleet"


@dataclass(frozen=True)
class InstalledCollection:
    """Where `ansible-galaxy collection install` put the collection, and how to run Ansible on it."""

    archive: Path
    collections: Path
    home: Path

    @property
    def folder(self) -> Path:
        """The collection's own folder."""
        return self.collections.joinpath("ansible_collections", *NAME.split("."))

    def environment(self, **more: str) -> dict[str, str]:
        """An environment in which only the installed collection is found; ANSIBLE_* of the caller are left out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        own = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_HOME": str(self.home),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        return kept | own | more

    def run(self, *command: str | Path, cwd: Path, seconds: float = 120, **more: str) -> str:
        """Run a program of the environment the tests run in; its output. AssertionError when it fails."""
        return run([BIN / command[0], *command[1:]], cwd=cwd, env=self.environment(**more), seconds=seconds)


def run(command: Sequence[str | Path], *, cwd: Path, env: dict[str, str], seconds: float) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} exited with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def installed_collection(tmp_path_factory: pytest.TempPathFactory) -> InstalledCollection:
    """The checkout, built and installed without a network, in folders of this test run."""
    folder = tmp_path_factory.mktemp("collection")
    home = folder / "home"
    galaxy: list[str | Path] = [BIN / "ansible-galaxy", "collection"]
    env = InstalledCollection(folder, folder, home).environment()
    run([*galaxy, "build", "--output-path", folder, PROJECT], cwd=folder, env=env, seconds=120)
    (archive,) = folder.glob("*.tar.gz")
    installed = InstalledCollection(archive, folder / "collections", home)
    install = [*galaxy, "install", "--offline", "--no-deps", "--collections-path", installed.collections, archive]
    run(install, cwd=folder, env=installed.environment(), seconds=120)
    return installed
