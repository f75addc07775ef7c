# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports keep to the rooms of ARCHITECTURE.md, and to what Ansible publishes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.interpreter import printed_by
from tools.ansible_test_sanity import PROJECT, shipped_files

PLUGINS = "ansible_collections.skills_eye.prometheus_fleet.plugins."
# Room to the rooms that it may import from, beside itself. The edges (action, lookup, filter, modules) may import all.
MAY_IMPORT = {
    "plugin_utils._labels": {"plugin_utils._plain"},
    "plugin_utils._sweep": {
        "plugin_utils._plain",
        "plugin_utils._labels.secret",
        "module_utils._shown",
        "module_utils._sweep",
    },
    "module_utils._store": {"module_utils"},
}
NOT_PUBLISHED = ("ansible.module_utils._text", "ansible._internal", "ansible.module_utils._internal")


def python_files(*folders: str) -> list[Path]:
    wanted = [Path("plugins", folder) for folder in folders] or [Path("plugins")]
    return [
        name
        for name in shipped_files(PROJECT)
        if name.suffix == ".py" and any(name.is_relative_to(folder) for folder in wanted)
    ]


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, wherever in the file; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse((PROJECT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = tuple(PLUGINS + name for name in {room, *MAY_IMPORT[room]})
    files = python_files(room.replace(".", "/"))
    assert files
    wrong = [
        f"{path}: {name}"
        for path in files
        for name in imported(path)
        if name.startswith(PLUGINS) and not name.startswith(allowed)
    ]
    assert wrong == []


def test_what_a_module_carries_needs_nothing_of_the_controller() -> None:
    files = python_files("modules", "module_utils")
    assert files
    wrong = [
        f"{path}: {name}" for path in files for name in imported(path) if name.startswith(PLUGINS + "plugin_utils")
    ]
    wrong += [
        f"{path}: {name}"
        for path in files
        for name in imported(path)
        if name.split(".")[0] == "ansible" and not name.startswith("ansible.module_utils.")
    ]
    assert wrong == []


def test_only_the_published_api_of_ansible_is_used() -> None:
    wrong = [
        f"{path}: {name}"
        for path in python_files()
        for name in imported(path)
        if name.startswith(NOT_PUBLISHED) or name.endswith(".AnsibleTaggedObject")
    ]
    assert wrong == []


def test_a_sweep_over_asyncssh_loads_nothing_of_ansible() -> None:
    """Whoever knows how the servers are reached can sweep them without the time that Ansible takes to start."""
    code = (
        "import sys\n"
        f"import {PLUGINS}plugin_utils._sweep.fleet\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'ansible'])\n"
    )
    assert printed_by(code) == "[]\n"
