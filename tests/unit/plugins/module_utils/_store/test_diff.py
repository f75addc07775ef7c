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
    assert '-     zone "prom-07"' in lines
    assert any(line.startswith('-     prom-07 "zone":') for line in lines)
    # What is left is who has the source, which stands in one line with it.
    assert [line[:19] for line in lines if len(line) > 100] == ['-     zone {"action', '+     zone {"action']


def test_one_of_several_rules_is_one_line(tmp_path: Path) -> None:
    names = sorted(SERVERS)
    others: dict[tuple[str, str], dict[str, Any]] = {(server, "env"): {"regex": "other"} for server in names[:10]}
    moved: dict[tuple[str, str], dict[str, Any]] = {(server, "env"): {"line": 14} for server in names[10:]}
    fleets = extraction(SERVERS, ways=others), extraction(SERVERS, ways=others | moved)
    before, after = changed_lines(tmp_path, *fleets)
    assert '"line":12' in before
    assert '"line":14' in after
    assert "other" not in before + after


def test_servers_of_a_large_fleet_are_not_compared_field_by_field(tmp_path: Path) -> None:
    """Ansible compares lines, and takes minutes for those that stand in every field."""
    labels = [f"label_{number:02d}" for number in range(20)]
    first = {f"prom-{number:03d}": labels for number in range(200)}
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction(first), now=NOW)
    then = extraction(first | {"prom-100x": labels})
    diff = publish_to(store, then, now=NOW + timedelta(hours=1), check_mode=True).plan.diff("fields")
    before, after = diff["before"].splitlines(), diff["after"].splitlines()
    assert len(before) < 20 * 50
    assert "    label_07: 101 alike before" in before
    assert "    label_07: 99 alike after" in before
    assert '    label_07 "prom-100x"' in after
    assert '    label_07 "prom-100"' not in after


def test_a_list_of_one_side_alone_stands_in_one_line(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction(SERVERS), now=NOW, manner={"detail": "brief"})
    later = NOW + timedelta(hours=1)
    plan = publish_to(store, extraction(SERVERS), now=later, manner={"detail": "full"}, check_mode=True).plan
    after = plan.diff("fields")["after"]
    assert '"prom-07"' in after
    assert '    company "prom-07"' not in after


def test_a_name_of_a_part_is_no_control_character(tmp_path: Path) -> None:
    fleets = [extraction({"prom-01": ["company"]}) for _time in range(2)]
    fleets[0]["servers"]["prom-01"]["external_labels"] = {"\x1b[31m": "a" * 100}
    fleets[1]["servers"]["prom-01"]["external_labels"] = {"\x1b[31m": "b" * 100}
    assert "\x1b" not in "".join(changed_lines(tmp_path, *fleets))


def test_what_is_short_stands_in_one_line(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    outcome = publish_to(store, extraction({"prom-01": ["company"]}), now=NOW, defaults={"options": ["a", "b"]})
    after = outcome.plan.diff("fields")["after"]
    assert '  options: ["a","b"]\n' in after
    assert '  external_labels: {"site":"prom-01"}\n' in after
