# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that make one field, over the fleet: equal ones once, with all their servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import compact
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import Reading

# In what equal rules may differ: where they stand, and for whom.
APART = frozenset({"servers", "jobs", "file", "line", "from", "overwrites", "variables"})
# Of these, what all of them say is put together; the others come from the first of the servers.
TOGETHER = ("from", "variables")
ALWAYS, CONDITIONAL = "always", "conditional"


@dataclass(slots=True)
class _Rule:
    """One rule. first: the server whose place it has, the first of them by name, as the extraction does it.

    Where the rule stands on the others is not known, so after a run over some servers the place may be an older one.
    """

    first: str
    place: dict[str, Any]
    servers: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)


class Sources:
    """Collects the sources of one field. Servers without a reading are left out, and so are jobs that nobody has."""

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        self._readings = readings
        self._rules: dict[str, tuple[dict[str, Any], _Rule]] = {}

    def add(self, source: Mapping[str, Any], servers: Iterable[str]) -> None:
        here = {server for server in servers if server in self._readings}
        if not here:
            return
        same = {key: value for key, value in source.items() if key not in APART}
        place = {key: value for key, value in source.items() if key in APART and key not in ("servers", "jobs")}
        first = min(here)
        _same, rule = self._rules.setdefault(compact(same), (same, _Rule(first, place)))
        if rule.place is not place:
            ordered = (place, rule.place) if first < rule.first else (rule.place, place)
            together = {
                key: list(dict.fromkeys([*(ordered[0].get(key) or ()), *(ordered[1].get(key) or ())]))
                for key in TOGETHER
                if key in ordered[0]
            }
            rule.first, rule.place = min(first, rule.first), ordered[0] | together
        rule.servers |= here
        rule.jobs.update(map(str, source.get("jobs") or []))

    def listed(self) -> list[dict[str, Any]]:
        """The sources, in the order of files and lines."""
        ordered = sorted(self._rules.items(), key=lambda pair: (*_position(pair[1][1].place), pair[0]))
        return [
            {**same, **rule.place, "jobs": self._jobs(rule), "servers": sorted(rule.servers)}
            for _key, (same, rule) in ordered
        ]

    def presence(self) -> str | None:
        """Whether every target has the label; None where that is not known."""
        presences = {same.get("presence") for same, _rule in self._rules.values()}
        if not presences or None in presences:
            return None
        return ALWAYS if presences == {ALWAYS} else CONDITIONAL

    def _jobs(self, rule: _Rule) -> list[str]:
        gone = set(rule.jobs)
        known = False
        for server in rule.servers:
            if not gone:
                break
            known = known or bool(self._readings[server].jobs)
            gone.difference_update(map(str, self._readings[server].jobs))
        return sorted(rule.jobs - gone if known else rule.jobs)


def _position(place: Mapping[str, Any]) -> tuple[str, int]:
    line = place.get("line")
    return str(place.get("file") or ""), line if isinstance(line, int) else 0
