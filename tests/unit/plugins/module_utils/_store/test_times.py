# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times in documents and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import (
    age_seconds,
    duration,
    entry_name,
    next_after,
    parse,
    stamp,
)

NOW = datetime(2026, 1, 31, 8, 15, 0, 120431, tzinfo=UTC)


def test_stamps_are_read_back() -> None:
    assert stamp(NOW) == "2026-01-31T08:15:00.120431+00:00"
    assert parse(stamp(NOW)) == NOW
    brazil = NOW.astimezone(timezone(timedelta(hours=-3)))
    assert stamp(brazil) == stamp(NOW)
    assert parse("2026-01-31T05:15:00.120431-03:00") == NOW
    assert parse("2026-01-31T08:15:00.120431Z") == NOW
    # The older form has times without a zone.
    assert parse("2026-01-31T08:15:00.120431") == NOW


@pytest.mark.parametrize("text", [None, 5, "", "yesterday", "2026-13-01", {}])
def test_what_is_not_a_time(text: object) -> None:
    assert parse(text) is None
    assert age_seconds(text, NOW) is None


def test_age_is_never_negative() -> None:
    assert age_seconds(stamp(NOW - timedelta(seconds=90)), NOW) == 90.0
    assert age_seconds(stamp(NOW + timedelta(seconds=90)), NOW) == 0.0


def test_names_sort_by_time() -> None:
    moments = [NOW + timedelta(microseconds=number * 37) for number in range(5)]
    names = [entry_name(moment) for moment in moments]
    assert names == sorted(names)
    assert names[0] == "20260131T081500.120431Z"


def test_next_stamp_is_later_even_if_another_clock_is_ahead() -> None:
    assert next_after(stamp(NOW - timedelta(hours=1)), NOW) == NOW
    assert next_after(None, NOW) == NOW
    ahead = NOW + timedelta(seconds=5)
    assert next_after(stamp(ahead), NOW) == ahead + timedelta(microseconds=1)
    # A clock that is years ahead is not followed.
    assert next_after("2099-01-01T00:00:00+00:00", NOW) == NOW


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("12 h", 43200), ("7D", 604800), ("2w", 1209600)],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "7 days", "d", "1d2h", "\u0661d"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        duration(text)
