# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An earlier version of the document, put on the readings of now.

Fields, presentation and technical parts go back as they were. Who has a field, and by which rules, is what the servers
say, and they have not gone back: where their word is another one by now, the field is outdated until the next sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    TECHNICAL,
    Document,
    Field,
    Technical,
    technical_id,
    technical_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import (
    Holders,
    Report,
    Rules,
    holders_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.ownership import (
    MISSING,
    ORPHAN,
    OUTDATED,
    SYNCED,
    commonest,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import Reading


def restore_fields(
    earlier: Document, current: Document, readings: Mapping[str, Reading], rules: Rules
) -> tuple[dict[str, Field], Report]:
    """The fields of the restored document, and how they differ from the current ones."""
    holders = holders_of(readings)
    fields = {
        name: _restored(item, current.fields.get(name), holders.get(name), rules)
        for name, item in sorted(earlier.fields.items())
    }
    now = current.fields
    report = Report(
        added=sorted(fields.keys() - now.keys()),
        removed=sorted(now.keys() - fields.keys()),
        updated=[
            name
            for name, item in fields.items()
            if name in now and any(item.get(key) != now[name].get(key) for key in TECHNICAL)
        ],
        missing=sorted(holders.keys() - fields.keys()),
    )
    statuses = [item["status"] for item in fields.values()]
    report.statuses = {status: statuses.count(status) for status in (SYNCED, OUTDATED, ORPHAN)}
    report.statuses[MISSING] = len(report.missing)
    return fields, report


def _restored(item: Field, now: Field | None, holders: Holders | None, rules: Rules) -> Field:
    restored = {key: value for key, value in item.items() if key not in ("orphaned_since", "last_seen", "ways")}
    # The older form does not know when it first saw a field.
    restored.setdefault("first_seen", (now or {}).get("first_seen") or rules.today)
    if holders is None:
        kept = now if now is not None and now.get("status") == ORPHAN else item
        return {
            **restored,
            "status": ORPHAN,
            "orphaned_since": kept.get("orphaned_since") or rules.today,
            "last_seen": kept.get("last_seen"),
            "servers": [],
            "servers_count": 0,
            "sources": [],
        }
    own = technical_id(technical_of(item))
    known = _known_ways(item, now)
    ways = {key: way for key, way in known.items() if key in holders.ways and key != own}
    servers = set(holders.servers)
    # One that a person put in its place by hand has no status, and says nothing of who makes it.
    lists = now if now is not None and "status" in now else item
    return {
        **restored,
        "status": SYNCED if commonest(holders.ways, known) in (own, None) else OUTDATED,
        "servers": holders.servers,
        "servers_count": len(holders.servers),
        "sources": _sources(lists, servers),
        **{key: lists[key] for key in ("values", "values_complete", "presence") if key in lists},
        **({"ways": ways} if ways else {}),
    }


def _known_ways(item: Field, now: Field | None) -> dict[str, Technical]:
    """Every way that either version knows, so that the next sweep of any part of the fleet finds what is in use."""
    known: dict[str, Technical] = {}
    for version in (item, now):
        if version is not None:
            technical = technical_of(version)
            known |= {**(version.get("ways") or {}), technical_id(technical): technical}
    return known


def _sources(item: Field, servers: set[str]) -> list[dict[str, Any]]:
    sources = []
    for source in item.get("sources") or []:
        here = [server for server in source.get("servers") or [] if server in servers]
        if here:
            sources.append({**source, "servers": here})
    return sources
