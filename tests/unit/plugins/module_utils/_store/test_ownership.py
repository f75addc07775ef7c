# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is right on a technical attribute: every case of the three views."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    TECHNICAL,
    fingerprint,
    technical_id,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.ownership import commonest, settle


def technical(**attributes: Any) -> dict[str, Any]:
    return dict.fromkeys(TECHNICAL) | {"origin": "relabel"} | attributes


def stored_field(stored: dict[str, Any], last: dict[str, Any] | None) -> dict[str, Any]:
    return {"name": "os", **stored, **({"swept": fingerprint(last)} if last is not None else {})}


@pytest.mark.parametrize(
    ("last", "stored", "swept", "kept", "conflicts", "status"),
    [
        ("a", "a", "a", "a", [], "synced"),
        ("a", "a", "b", "b", [], "synced"),
        ("a", "by hand", "a", "by hand", ["regex"], "outdated"),
        ("a", "by hand", "b", "by hand", ["regex"], "outdated"),
        ("a", "b", "b", "b", [], "synced"),
        (None, "a", "b", "b", [], "synced"),
        (None, "a", "a", "a", [], "synced"),
        ("a", None, "a", None, ["regex"], "outdated"),
    ],
    ids=[
        "nobody changed it",
        "the sweep did",
        "a person did",
        "both did",
        "both did the same",
        "an older document, and the sweep differs",
        "an older document",
        "a person removed it",
    ],
)
def test_three_views(
    last: str | None, stored: str | None, swept: str, kept: str | None, conflicts: list[str], status: str
) -> None:
    item = stored_field(technical(regex=stored), None if last is None else technical(regex=last))
    way = technical(regex=swept)
    verdict = settle(item, {technical_id(way): 3}, {technical_id(way): way}, "report")
    assert verdict.technical["regex"] == kept
    assert [conflict["attribute"] for conflict in verdict.conflicts] == conflicts
    assert verdict.status == status
    assert verdict.swept == fingerprint(way)
    by_sweep = settle(item, {technical_id(way): 3}, {technical_id(way): way}, "sweep")
    assert (by_sweep.technical, by_sweep.status) == (way, "synced")
    assert [conflict["kept"] for conflict in by_sweep.conflicts] == ["swept"] * len(conflicts)


def test_person_and_sweep_change_different_attributes() -> None:
    item = stored_field(technical(regex="by hand", replacement="$1"), technical(regex="old", replacement="$1"))
    way = technical(regex="old", replacement="$2", source_label="__meta_x")
    verdict = settle(item, {technical_id(way): 1}, {technical_id(way): way}, "report")
    assert (verdict.technical["regex"], verdict.technical["replacement"]) == ("by hand", "$2")
    assert verdict.technical["source_label"] == "__meta_x"
    assert verdict.conflicts == [
        {
            "field": "os",
            "attribute": "regex",
            "last_swept": "old",
            "stored": "by hand",
            "swept": "old",
            "kept": "stored",
        }
    ]


def test_other_runs_keep_the_way_that_a_person_covered() -> None:
    """The run after the edit notes what the sweep says, so that a run that sweeps none of these servers knows it."""
    way = technical(regex="old")
    key = technical_id(way)
    first = settle(stored_field(technical(regex="by hand"), way), {key: 2}, {key: way}, "report")
    item = {"name": "os", **first.technical, "swept": first.swept, "ways": first.ways}
    later = settle(item, {key: 2}, {}, "report")
    assert later.technical["regex"] == "by hand"
    assert later.conflicts[0]["swept"] == "old"
    assert settle(item, {key: 2}, {}, "sweep").technical == way


def test_way_that_is_not_known_yet_changes_nothing() -> None:
    """Another run wrote its readings, and has yet to write the document that says what their ways are."""
    item = stored_field(technical(regex="a"), technical(regex="a"))
    verdict = settle(item, {"unknown1": 5}, {}, "report")
    assert (verdict.technical, verdict.swept, verdict.status) == (technical(regex="a"), item["swept"], "outdated")


@pytest.mark.parametrize(("last", "status"), [("a", "synced"), ("b", "outdated")])
def test_way_that_no_server_tells_changes_nothing(last: str, status: str) -> None:
    verdict = settle(stored_field(technical(regex="a"), technical(regex=last)), {"": 5}, {}, "report")
    assert (verdict.technical, verdict.status) == (technical(regex="a"), status)


def test_way_whose_content_was_edited_is_not_believed() -> None:
    way = technical(regex="old")
    item = stored_field(technical(regex="a"), technical(regex="a")) | {
        "ways": {technical_id(way): way | {"regex": "x"}}
    }
    assert settle(item, {technical_id(way): 5}, {}, "report").technical["regex"] == "a"


def test_ways_are_bounded() -> None:
    ways = {technical_id(way): way for way in (technical(regex=str(number)) for number in range(100))}
    item = stored_field(technical(regex="0"), technical(regex="0"))
    counts = {key: number + 1 for number, key in enumerate(ways)}
    verdict = settle(item, counts, ways, "report")
    assert verdict.technical["regex"] == "99"
    assert [way["regex"] for way in verdict.ways.values()] == [str(number) for number in range(98, 78, -1)]


def test_commonest_does_not_depend_on_order() -> None:
    ways = {technical_id(way): way for way in (technical(regex="b"), technical(regex="a"), technical(origin="static"))}
    keys = list(ways)
    assert commonest({keys[0]: 2, keys[1]: 2, keys[2]: 9}, ways) == keys[1]
    assert commonest({keys[2]: 9, keys[1]: 2, keys[0]: 2}, ways) == keys[1]
    assert commonest({keys[0]: 3, keys[1]: 2}, ways) == keys[0]
    assert commonest({"": 4}, ways) is None


def test_fingerprint_tells_null_from_text_and_attributes_apart() -> None:
    values = [None, "null", "", "None", 0, False, ["a"]]
    assert len({fingerprint(technical(regex=value)) for value in values}) == len(values)
    assert fingerprint(technical(regex="x")) != fingerprint(technical(replacement="x"))
