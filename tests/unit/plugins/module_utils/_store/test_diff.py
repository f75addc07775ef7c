# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diff shows what changed, and not the fleet around it."""

from __future__ import annotations

import difflib
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from tests.support.fleets import NOW, extraction, publish_to

SERVERS = {f"prom-{number:02d}": ["company", "env", "os", "rack", "team", "zone"] for number in range(40)}


def changed_lines(folder: Path, first: dict[str, Any], then: dict[str, Any]) -> list[str]:
    store = DirectoryStore(str(folder))
    publish_to(store, first, now=NOW)
    diff = publish_to(store, then, now=NOW + timedelta(hours=1), check_mode=True).plan.diff("fields")
    lines = difflib.ndiff(diff["before"].splitlines(), diff["after"].splitlines())
    return [line for line in lines if line.startswith(("+", "-"))]


def test_a_server_that_lost_a_field_is_a_line_in_each_list(tmp_path: Path) -> None:
    fleet = extraction(SERVERS | {"prom-07": ["company", "env", "os", "rack", "team"]})
    lines = changed_lines(tmp_path, extraction(SERVERS), fleet)
    assert '-     "prom-07"' in lines
    assert any(line.startswith("-     zone: ") for line in lines)
    # What is left is who has the source, which stands in one line with it.
    assert [line[:14] for line in lines if len(line) > 100] == ['-     {"action', '+     {"action']


def test_one_of_several_rules_is_one_line(tmp_path: Path) -> None:
    names = sorted(SERVERS)
    others: dict[tuple[str, str], dict[str, Any]] = {(server, "env"): {"regex": "other"} for server in names[:10]}
    moved: dict[tuple[str, str], dict[str, Any]] = {(server, "env"): {"line": 14} for server in names[10:]}
    fleets = extraction(SERVERS, ways=others), extraction(SERVERS, ways=others | moved)
    before, after = changed_lines(tmp_path, *fleets)
    assert '"line":12' in before
    assert '"line":14' in after
    assert "other" not in before + after


def test_what_is_short_stands_in_one_line(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    outcome = publish_to(store, extraction({"prom-01": ["company"]}), now=NOW, defaults={"options": ["a", "b"]})
    after = outcome.plan.diff("fields")["after"]
    assert '  options: ["a","b"]\n' in after
    assert '  external_labels: {"site":"prom-01"}\n' in after
