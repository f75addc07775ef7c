# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many publishers at once, over parts of one fleet, and a person who edits: in the end all of everybody is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import Store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from tests.integration.store import writer
from tests.support.fleets import NOW, publish_to

PUBLISHERS = 8
ROUNDS = 25
# When they appeared depends on who came first.
OF_THE_RUN = {"first_seen", "last_seen", "orphaned_since"}


def test_no_update_is_lost(store: Store, prefix: str, tmp_path: Path) -> None:
    facts = store.facts()
    place = facts["path"] if facts["store"] == "directory" else facts["address"].removeprefix("http://")
    stop_file = tmp_path / "stop"
    command = [sys.executable, writer.__file__]
    started = [
        subprocess.Popen([*command, "publish", place, prefix, str(number), str(ROUNDS)]) for number in range(PUBLISHERS)
    ]
    editor = subprocess.Popen([*command, "edit", place, prefix, str(stop_file)], stdout=subprocess.PIPE, text=True)
    try:
        assert [process.wait(300) for process in started] == [0] * PUBLISHERS
        stop_file.touch()
        edits = int(editor.communicate(timeout=60)[0])
    finally:
        for process in started:
            stop_process(process)
        stop_process(editor)

    view = whole_view(store.read(), store, NOW)
    company = next(item for item in view["fields"] if item["name"] == "company")
    assert edits > 10
    assert [company.get(f"edit{number}") for number in range(edits)] == list(range(edits))
    expected = {
        name: sorted(reading["fields"])
        for number in range(PUBLISHERS)
        for name, reading in writer.slice_of(number, ROUNDS - 1)["servers"].items()
    }
    assert {name: reading["fields"] for name, reading in view["servers"].items()} == expected
    assert len(view["history"]) == 10

    # Nobody has anything to add, and what is there is what one run over the whole fleet would have made.
    whole = DirectoryStore(str(tmp_path / "whole"))
    for number in range(PUBLISHERS):
        assert not publish_to(store, writer.slice_of(number, ROUNDS - 1)).changed
        publish_to(whole, writer.slice_of(number, ROUNDS - 1))
    alone = whole_view(whole.read(), whole, NOW)
    names = {item["name"] for item in alone["fields"]}
    assert comparable(view["fields"], names, edits) == comparable(alone["fields"], names, edits)
    assert {item["status"] for item in view["fields"] if item["name"] not in names} == {"orphan"}


def stop_process(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait()


def comparable(fields: list[dict[str, Any]], names: set[str], edits: int) -> list[dict[str, Any]]:
    left_out = OF_THE_RUN | {f"edit{number}" for number in range(edits)}
    return [{k: v for k, v in item.items() if k not in left_out} for item in fields if item["name"] in names]


def test_writer_process_fails_loudly(tmp_path: Path) -> None:
    """The test above counts on a publisher that cannot publish to say so."""
    done = subprocess.run(
        [sys.executable, writer.__file__, "publish", "127.0.0.1:1", "x", "0", "1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "connection was refused" in done.stderr


@pytest.mark.parametrize("rounds", [3])
def test_two_servers_of_one_name(store: Store, rounds: int) -> None:
    """Two publishers that sweep the same server: the last word stands, and nothing is left of the other."""
    for round_ in range(rounds):
        publish_to(store, writer.slice_of(0, round_))
    publish_to(store, writer.slice_of(0, 0))
    view = whole_view(store.read(), store, NOW)
    assert view["servers"]["prom-0-0"]["fields"] == ["company", "env", "moving0", "own0"]
    env = next(item for item in view["fields"] if item["name"] == "env")
    assert [way["regex"] for way in env["ways"].values()] == ["round0"]
