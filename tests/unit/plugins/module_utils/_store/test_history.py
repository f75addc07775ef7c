# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How earlier versions are named, found and pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
LATER = NOW + timedelta(days=1)
STAMP = "2026-01-30T00:00:00+00:00"
NAME = "20260130T000000.000000Z"
DAYS = [f"2026010{day}T000000.000000Z" for day in range(1, 5)]


def snapshot(**entries: bytes) -> Snapshot:
    return Snapshot({f"history/{name}": Entry(value, number) for number, (name, value) in enumerate(entries.items())})


def test_version_is_saved_under_the_time_it_was_written() -> None:
    assert history.saved(Snapshot(), b"x", STAMP, NOW) == [Put(f"history/{NAME}", b"x", ABSENT)]
    assert history.saved(Snapshot(), b"x", None, NOW)[0].key == "history/20260131T081500.000000Z"


def test_version_is_saved_once_and_never_over_another() -> None:
    assert history.saved(snapshot(**{NAME: b"x"}), b"x", STAMP, NOW) == []
    [put] = history.saved(snapshot(**{NAME: b"other"}), b"x", STAMP, NOW)
    assert put.key == "history/20260130T000000.000001Z"
    assert history.saved(snapshot(**{NAME: b"other", "20260130T000000.000001Z": b"x"}), b"x", STAMP, NOW) == []


def test_version_is_saved_last_even_if_another_clock_was_ahead() -> None:
    ahead = "20260201T120000.000000Z"
    [put] = history.saved(snapshot(**{ahead: b"other"}), b"x", STAMP, NOW)
    assert put.key == "history/20260201T120000.000001Z"


def test_what_others_put_there_is_neither_pruned_nor_restored() -> None:
    names = ("000-notes", "README", "99999999T999999.999999Z", "20260130T000000Z")
    stored = snapshot(**{NAME: b"1"}, **dict.fromkeys(names, b"mine"))
    assert list(history.entries(stored)) == [NAME]
    assert [delete.key for delete in history.pruned(stored, [], 0)] == [f"history/{NAME}"]
    assert history.found(stored, None)[0][0] == NAME
    assert [row["entry"] for row in history.listed(stored) if row["restorable"]] == [NAME]


def test_folder_that_is_a_key_is_no_entry() -> None:
    stored = Snapshot({"history/": Entry(b"", 1), "servers/": Entry(b"", 2)})
    assert list(stored.under("history/")) == list(stored.under("servers/")) == []


def test_present_version_is_not_an_earlier_one() -> None:
    """A run that was ended after it had saved the version, and before it wrote another one."""
    present = {"fields": Entry(b"2", 9)}
    kept = snapshot(**dict(zip(DAYS[:2], (b"1", b"2"), strict=True)))
    assert history.found(Snapshot({**kept.entries, **present}), None)[0][0] == DAYS[0]
    with pytest.raises(StoreError, match="holds the present one only"):
        history.found(Snapshot({f"history/{NAME}": Entry(b"2", 1), **present}), None)


def test_what_was_adopted_is_listed_but_never_pruned_or_restored() -> None:
    [kept] = history.adopted(Snapshot(), "servers/a%2Fb", b"raw", NOW)
    assert kept.key == "history/20260131T081500.000000Z-adopted-servers-a%252Fb"
    stored = Snapshot({kept.key: Entry(b"raw", 1), f"history/{NAME}": Entry(b'{"fields": [1]}', 2)})
    assert history.adopted(stored, "servers/a%2Fb", b"raw", NOW) == []
    assert len(history.adopted(stored, "servers/a%2Fb", b"other", LATER)) == 1
    assert [(row["entry"], row["restorable"], row["fields"]) for row in history.listed(stored)] == [
        ("20260131T081500.000000Z-adopted-servers-a%2Fb", False, None),
        (NAME, True, 1),
    ]
    assert [delete.key for delete in history.pruned(stored, [kept], 0)] == [f"history/{NAME}"]
    with pytest.raises(StoreError, match=f"no entry 20260131T081500.*There are: {NAME}"):
        history.found(stored, "20260131T081500.000000Z-adopted-servers-a%2Fb")


@pytest.mark.parametrize(("keep", "left"), [(0, 0), (1, 1), (2, 2), (4, 4), (9, 4)])
def test_newest_are_kept_the_new_one_among_them(keep: int, left: int) -> None:
    stored = snapshot(**dict(zip(DAYS[:3], (b"1", b"2", b"3"), strict=True)))
    added = [Put(f"history/{DAYS[3]}", b"4", ABSENT)] if keep else []
    gone = {delete.key.removeprefix("history/") for delete in history.pruned(stored, added, keep)}
    assert [name for name in DAYS[: 3 + len(added)] if name not in gone] == DAYS[4 - left : 4]


def test_last_version_is_found_where_none_is_named() -> None:
    stored = snapshot(**dict(zip(DAYS[:2], (b"1", b"2"), strict=True)))
    assert [name for name, _entry in history.found(stored, None)] == [DAYS[1], DAYS[0]]
    assert history.found(stored, DAYS[0])[0][1].value == b"1"
    with pytest.raises(StoreError, match="the history is empty"):
        history.found(Snapshot(), None)
