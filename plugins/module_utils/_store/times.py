# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as they stand in documents and in the names of history entries. All are UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# How far two machines' clocks may be apart before the stamp of one is not believed on the other.
CLOCKS_APART = timedelta(hours=1)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
ENTRY_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_DURATION = re.compile(r"([0-9]+)\s*([smhdw]?)")


def stamp(moment: datetime) -> str:
    """2026-01-31T08:15:00+00:00; with microseconds where there are some."""
    return moment.astimezone(UTC).isoformat()


def parse(text: object) -> datetime | None:
    """Read a stamp, also one without a zone (taken as UTC); None for what is not a time."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def next_after(previous: object, now: datetime) -> datetime:
    """Now, or a moment after the previous stamp where the clock that wrote that one is a little ahead of this one."""
    moment = parse(previous)
    if moment is not None and now <= moment < now + CLOCKS_APART:
        return moment + timedelta(microseconds=1)
    return now


def entry_name(moment: datetime) -> str:
    """20260131T081500.000000Z: sorts by time and fits in a key and a file name."""
    return moment.astimezone(UTC).strftime(ENTRY_FORMAT)


def moment_of(name: str) -> datetime | None:
    """The moment that names an entry; None for what is not the name of one."""
    try:
        moment = datetime.strptime(name, ENTRY_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if entry_name(moment) == name else None


def age_seconds(text: object, now: datetime) -> float | None:
    """How old a stamp is; never negative, since clocks differ."""
    moment = parse(text)
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def duration(text: str) -> timedelta:
    """Read 90, 90s, 15m, 12h, 7d or 2w. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m, 12h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2] or "s"])
