# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word counts on the technical part of a field: the sweep's, unless a person changed it by hand.

Three views are compared, attribute by attribute: what the sweep last gave, what is stored now, and what the sweep gives
now. Of the first a fingerprint is stored with the field, which is enough to tell what a person changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    MARK,
    TECHNICAL,
    Field,
    Technical,
    fingerprint,
    rank_of,
    technical_id,
    technical_of,
    way_id,
)

REPORT, SWEEP, STORE = "report", "sweep", "store"
SYNCED, OUTDATED, ORPHAN, MISSING = "synced", "outdated", "orphan", "missing"
WAYS_KEPT = 20


@dataclass(slots=True)
class Verdict:
    """What to store. conflicts: attributes that a person and the sweep both changed, with the three views of each."""

    technical: Technical
    swept: str | None
    ways: dict[str, Technical] = field(default_factory=dict)
    status: str = SYNCED
    conflicts: list[dict[str, Any]] = field(default_factory=list)


def settle(item: Field, counts: Mapping[str, int], offered: Mapping[str, Technical], on_conflict: str) -> Verdict:
    """Decide on the technical part of a stored field.

    counts: on how many servers each way (by id) is in use. offered: the ways that the sweep brings with it.
    """
    stored = technical_of(item)
    now = fingerprint(stored)
    base = item.get("swept") or now
    known = {key: way for key, way in _ways(item).items() if technical_id(way) == key} | dict(offered)
    if now == base:
        known[way_id(now)] = stored
    winner = commonest(counts, known)
    if winner is None:
        # Another run has written its readings but not yet the document: it will say what the way is.
        unknown = any(key and key != way_id(now) for key in counts)
        status = OUTDATED if unknown or now != base else SYNCED
        return Verdict(stored, item.get("swept"), _kept(counts, known, way_id(now)), status)
    swept = known[winner]
    verdict = Verdict(dict(swept), fingerprint(swept))
    for number, attribute in enumerate(TECHNICAL):
        marks = slice(number * MARK, (number + 1) * MARK)
        by_hand = now[marks] != base[marks]
        if by_hand and stored[attribute] != swept[attribute]:
            if on_conflict != SWEEP:
                verdict.technical[attribute] = stored[attribute]
            last = known.get(way_id(base), {}).get(attribute)
            if verdict.swept is not None and verdict.swept[marks] == base[marks]:
                last = swept[attribute]
            verdict.conflicts.append(
                {
                    "field": item["name"],
                    "attribute": attribute,
                    "last_swept": last,
                    "stored": stored[attribute],
                    "swept": swept[attribute],
                    "kept": "swept" if on_conflict == SWEEP else "stored",
                }
            )
    verdict.status = SYNCED if verdict.technical == swept else OUTDATED
    verdict.ways = _kept(counts, known, technical_id(verdict.technical))
    return verdict


def commonest(counts: Mapping[str, int], known: Mapping[str, Technical]) -> str | None:
    """The way in use on most servers, of those with the first of the origins that are known.

    It is the same one whatever the order of the runs was.
    """
    ranked = [(rank_of(known[key]), key) for key in counts if key in known]
    return min(ranked, key=lambda pair: (pair[0][0], -counts[pair[1]], *pair))[1] if ranked else None


def _ways(item: Field) -> dict[str, Technical]:
    ways = item.get("ways")
    return {key: technical_of(way) for key, way in ways.items()} if isinstance(ways, dict) else {}


def _kept(counts: Mapping[str, int], known: Mapping[str, Technical], stored_id: str) -> dict[str, Technical]:
    used = sorted((-count, key) for key, count in counts.items() if key in known and key != stored_id)
    return {key: known[key] for _count, key in used[:WAYS_KEPT]}
