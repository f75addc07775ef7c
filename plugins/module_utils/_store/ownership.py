# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word counts on the technical part of a field: the sweep's, unless a person changed it by hand.

Three views are compared: the technical part that the sweep last gave, the one that is stored now, and the one that the
sweep gives now. The first is stored as its id; the way itself is kept where it differs from what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    TECHNICAL,
    Field,
    Technical,
    technical_id,
    technical_of,
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
    stored_id = technical_id(stored)
    base_id: str | None = item.get("swept")
    edited = base_id is not None and stored_id != base_id
    known = {key: way for key, way in _ways(item).items() if technical_id(way) == key} | dict(offered)
    if not edited:
        known[stored_id] = stored
    winner = commonest(counts, known)
    if winner is None:
        # Another run has written its readings but not yet the document: it will say what the way is.
        unknown = any(key and key != stored_id for key in counts)
        return Verdict(stored, base_id, _kept(counts, known, stored_id), OUTDATED if unknown or edited else SYNCED)
    swept = known[winner]
    verdict = Verdict(dict(swept), winner)
    if edited and stored != swept:
        base = known.get(str(base_id))
        for attribute in TECHNICAL:
            by_hand = base is None or stored[attribute] != base[attribute]
            if by_hand and stored[attribute] != swept[attribute]:
                if on_conflict != SWEEP:
                    verdict.technical[attribute] = stored[attribute]
                verdict.conflicts.append(
                    {
                        "field": item["name"],
                        "attribute": attribute,
                        "last_swept": None if base is None else base[attribute],
                        "stored": stored[attribute],
                        "swept": swept[attribute],
                        "kept": "swept" if on_conflict == SWEEP else "stored",
                    }
                )
    verdict.status = SYNCED if verdict.technical == swept else OUTDATED
    verdict.ways = _kept(counts, known, technical_id(verdict.technical))
    return verdict


def commonest(counts: Mapping[str, int], known: Mapping[str, Technical]) -> str | None:
    """The way in use on most servers, of those that are known; the same one whatever the order of the runs was."""
    candidates = [(-count, key) for key, count in counts.items() if key in known]
    return min(candidates)[1] if candidates else None


def _ways(item: Field) -> dict[str, Technical]:
    ways = item.get("ways")
    return {key: technical_of(way) for key, way in ways.items()} if isinstance(ways, dict) else {}


def _kept(counts: Mapping[str, int], known: Mapping[str, Technical], stored_id: str) -> dict[str, Technical]:
    used = sorted((-count, key) for key, count in counts.items() if key in known and key != stored_id)
    return {key: known[key] for _count, key in used[:WAYS_KEPT]}
