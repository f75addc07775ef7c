# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time intervals of Alertmanager's config: what it refuses in them."""

from __future__ import annotations

import re
import zoneinfo
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Check,
    ListOf,
    Report,
    Section,
    Struct,
    Text,
    is_masked,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_http import STRING, keys_of
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_receivers import needs

_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# The longest month in which every day of a month exists: a range must not be empty there.
_SHORTEST_MONTH: Final = 28


def _check_time(text: str) -> str | None:
    return None if _TIME.fullmatch(text) else "has a time that is not HH:MM from 00:00 to 24:00"


def _check_times(section: Section, report: Report) -> None:
    start, end = section.get("start_time"), section.get("end_time")
    for key, value in (("start_time", start), ("end_time", end)):
        if not value and (key in section or key not in section.lines):
            report.add(section.line, f"has a time range without {key}")
    if start and end and start >= end:
        report.add(section.line_of("end_time"), "has a time range that ends before it starts: split it at midnight")


def _numbers(text: str, names: tuple[str, ...], first: int) -> tuple[int, int] | None:
    """The two ends of a range such as monday:friday or 1:5, or of one value."""
    ends = text.lower().split(":")
    found = [names.index(end) + first if end in names else _integer(end) for end in ends]
    if len(found) > 2 or any(number is None for number in found):
        return None
    start, end = found[0], found[-1]
    return None if start is None or end is None else (start, end)


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[-+]?[0-9]{1,9}", text) else None


def _range_check(what: str, names: tuple[str, ...] = (), first: int = 0, *, named_only: bool = False) -> Check:
    def check(text: str) -> str | None:
        ends = _numbers(text, names, first)
        if ends is None or (named_only and not all(end in names for end in text.lower().split(":"))):
            known = f" (known: {', '.join(names)})" if named_only else ""
            return f"has a range of {what} that cannot be read{known}"
        return f"has a range of {what} that ends before it starts" if ends[0] > ends[1] else None

    return check


def _check_days(text: str) -> str | None:
    ends = _numbers(text, (), 0)
    if ends is None or not all(0 < abs(end) <= 31 for end in ends):
        return "has a range of days of the month that is not within 1 to 31 or -31 to -1"
    start, end = ends
    if start < 0 < end:
        return "has a range of days of the month that starts from the end of the month and ends from its start"
    start, end = (day + _SHORTEST_MONTH if day < 0 else day for day in ends)
    return "has a range of days of the month that ends before it starts" if start > end else None


# Where the time zone database has its zones; single names such as CET lie beside these.
_AREAS: Final = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"),
    *("Brazil", "Canada", "Chile", "Mexico", "US", "Etc", "posix", "right", "SystemV"),
)


def _check_location(text: str) -> str | None:
    """A zone that no database has. Of others one cannot be sure: databases differ by age and by what is left out."""
    area, slash, _name = text.partition("/")
    if slash and area not in _AREAS:
        return "has a location that is no time zone (such as Europe/Berlin)"
    return None


def _check_zone(section: Section, report: Report) -> None:
    location = section.get("location")
    if location not in (None, "", "UTC", "Local") and not is_masked(location) and not _may_be_zone(location):
        report.warn(section.line_of("location"), "has a location that is not in this machine's time zone database")


def _may_be_zone(name: str) -> bool:
    """Whether this machine's time zone database has a zone; true as well where it has none at all."""
    return _has_zone(name) or not _has_zone("Europe/Berlin")


def _has_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _ranges(check: Check) -> ListOf:
    return ListOf(Text(check, named_string=True), "range", null_item=True)


_TIMES: Final = Struct(
    "time interval",
    {
        "times": ListOf(
            Struct("time range", keys_of(Text(_check_time, named_string=True), "start_time end_time"), _check_times),
            "time range",
            null_item=True,
        ),
        "weekdays": _ranges(_range_check("weekdays", _WEEKDAYS, named_only=True)),
        "days_of_month": _ranges(_check_days),
        "months": _ranges(_range_check("months", _MONTHS, 1)),
        "years": _ranges(_range_check("years")),
        "location": Text(_check_location, named_string=True),
    },
    _check_zone,
)
TIME_INTERVALS: Final = ListOf(
    Struct(
        "time interval",
        {"name": STRING, "time_intervals": ListOf(_TIMES, "time interval", null_item=True)},
        lambda section, report: needs(section, report, "name"),
    ),
    "time interval",
)
