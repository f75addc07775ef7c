# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The molecule scenario, on a copy of the collection: molecule deletes what lies in its ephemeral directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import machine
from tests.support.consul import consul_binary
from tools.ansible_test_sanity import PROJECT, shipped_files

BIN = Path(sys.executable).parent


def copied(folder: Path) -> Path:
    """The shipped files, where Ansible finds them as the collection."""
    collection = folder / "ansible_collections" / "skills_eye" / "prometheus_fleet"
    for name in shipped_files(PROJECT):
        (collection / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, collection / name, follow_symlinks=False)
    return collection


def ephemeral_directory(folder: Path) -> Path:
    """An existing directory of the test's own, outside the project and outside the copy."""
    directory = (folder / "ephemeral" / "molecule").resolve()
    directory.mkdir(parents=True)
    # molecule removes parents that it left empty.
    (folder / "ephemeral" / "stays").touch()
    assert str(directory)
    for tree in (PROJECT.resolve(), (folder / "ansible_collections").resolve()):
        assert tree != directory
        assert tree not in directory.parents
        assert directory not in tree.parents
    return directory


def processes_of(directory: Path) -> list[str]:
    """Command lines of live processes that name a path below the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace") if entry.name.isdigit() else ""
        except OSError:
            continue
        if str(directory) in words:
            found.append(words.replace("\0", " "))
    return found


def test_scenario_passes_and_leaves_no_process(tmp_path: Path) -> None:
    if reason := machine.unavailable():
        pytest.skip(reason)
    collection = copied(tmp_path)
    ephemeral = ephemeral_directory(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    outside = ("ANSIBLE_", "MOLECULE_", "CONSUL_", "XDG_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outside)} | {
        "MOLECULE_EPHEMERAL_DIRECTORY": str(ephemeral),
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
        "ANSIBLE_REMOTE_TMP": str(home / "modules"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PATH": f"{BIN}{os.pathsep}{consul_binary().parent}{os.pathsep}{os.environ['PATH']}",
    }
    before = shipped_files(PROJECT)
    try:
        done = subprocess.run(
            [BIN / "molecule", "test", "--scenario-name", "default", "--destroy", "always"],
            cwd=collection,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=540,
            check=False,
        )
    finally:
        stop: list[str | Path] = [sys.executable, "-m", "tests.support.scenario", "stop", ephemeral / "servers"]
        subprocess.run(stop, cwd=collection, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-12000:]
    for playbook in ("create", "converge", "idempotence", "verify", "destroy"):
        assert re.search(rf"default\W+{playbook}\b", done.stdout), playbook
    assert "3 of 3 answered whole" in done.stdout
    assert "unchanged in http://" in done.stdout
    assert processes_of(ephemeral) == []
    # Neither the project nor the copy lost anything.
    assert [name for name in before if not (PROJECT / name).exists() and not (collection / name).exists()] == []
    assert (collection / "galaxy.yml").is_file()
