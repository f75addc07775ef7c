# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How earlier versions are named, found and pruned."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store import history
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    Entry,
    Put,
    Snapshot,
    StoreError,
)

NOW = datetime(2026, 1, 31, 8, 15, tzinfo=UTC)
STAMP = "2026-01-30T00:00:00+00:00"
NAME = "20260130T000000.000000Z"


def snapshot(**entries: bytes) -> Snapshot:
    return Snapshot({f"history/{name}": Entry(value, number) for number, (name, value) in enumerate(entries.items())})


def test_version_is_saved_under_the_time_it_was_written() -> None:
    assert history.saved(Snapshot(), b"x", STAMP, NOW) == [Put(f"history/{NAME}", b"x", ABSENT)]
    assert history.saved(Snapshot(), b"x", None, NOW)[0].key == "history/20260131T081500.000000Z"


def test_version_is_saved_once_and_never_over_another() -> None:
    assert history.saved(snapshot(**{NAME: b"x"}), b"x", STAMP, NOW) == []
    [put] = history.saved(snapshot(**{NAME: b"other"}), b"x", STAMP, NOW)
    assert put.key == f"history/{NAME}-2"
    assert history.saved(snapshot(**{NAME: b"other", f"{NAME}-2": b"x"}), b"x", STAMP, NOW) == []


def test_what_was_adopted_is_listed_but_never_pruned_or_restored() -> None:
    kept = history.adopted("servers/a%2Fb", b"raw", NOW)
    assert kept.key == "history/20260131T081500.000000Z-adopted-servers-a%252Fb"
    stored = Snapshot({kept.key: Entry(b"raw", 1), f"history/{NAME}": Entry(b'{"fields": [1]}', 2)})
    assert [(row["entry"], row["restorable"], row["fields"]) for row in history.listed(stored)] == [
        ("20260131T081500.000000Z-adopted-servers-a%2Fb", False, None),
        (NAME, True, 1),
    ]
    assert [delete.key for delete in history.pruned(stored, [kept], 0)] == [f"history/{NAME}"]
    with pytest.raises(StoreError, match=f"no entry 20260131T081500.*There are: {NAME}"):
        history.found(stored, "20260131T081500.000000Z-adopted-servers-a%2Fb")


@pytest.mark.parametrize(
    ("keep", "left"), [(0, []), (1, ["d"]), (2, ["c", "d"]), (4, ["a", "b", "c", "d"]), (9, list("abcd"))]
)
def test_newest_are_kept_the_new_one_among_them(keep: int, left: list[str]) -> None:
    stored = snapshot(a=b"1", b=b"2", c=b"3")
    added = [Put("history/d", b"4", ABSENT)]
    gone = {delete.key.removeprefix("history/") for delete in history.pruned(stored, added if keep else [], keep)}
    assert [name for name in "abcd" if name not in gone and (keep or name != "d")] == left


def test_last_version_is_found_where_none_is_named() -> None:
    assert history.found(snapshot(a=b"1", b=b"2"), None)[0] == "b"
    assert history.found(snapshot(a=b"1", b=b"2"), "a")[1].value == b"1"
    with pytest.raises(StoreError, match="the history is empty"):
        history.found(Snapshot(), None)
