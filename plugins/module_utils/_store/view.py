# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store's content as readers want it: fields with all that is known of them, and how old it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store import history
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    Snapshot,
    Store,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    STATE,
    TECHNICAL,
    Document,
    Field,
    defaults_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import (
    decoded,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import holders_of
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.ownership import (
    MISSING,
    ORPHAN,
    OUTDATED,
    SYNCED,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import understood
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.seed import imported
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.shapes import text_of
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import age_seconds

_TECHNICAL: Field = dict.fromkeys(("name", *TECHNICAL))
_STATE: Field = {**dict.fromkeys(STATE), "servers_count": 0}


def document_view(document: Document, now: datetime) -> dict[str, Any]:
    """{fields, last_updated, age, source, version, detail}. age is in seconds since the document was written."""
    _fill_in_last_seen(document, {row["hostname"]: text_of(row.get("last_seen")) for row in document.server_status})
    return {
        "fields": [_with_all(item) for _name, item in sorted(document.fields.items())],
        "last_updated": document.last_updated,
        "age": age_seconds(document.last_updated, now),
        "source": document.source,
        "version": document.version or None,
        "detail": document.detail,
    }


def _with_all(item: Field) -> Field:
    """A field with every attribute: Jinja fails on one that is not there.

    One that a person added, or of the older form, lacks most.
    """
    return {**_TECHNICAL, **defaults_of(item["name"]), **_STATE, "ways": {}, **item}


def _fill_in_last_seen(document: Document, heard: Mapping[str, str | None]) -> None:
    """When each field was last seen. Stored is this of orphans only: of the others it is when their servers were heard.

    heard: by server. A brief document says neither.
    """
    known: dict[int, str] = {}
    for item in document.fields.values():
        servers = item.get("servers")
        if servers and item.get("status") != ORPHAN:
            # Fields of the same servers share their list.
            if id(servers) not in known:
                known[id(servers)] = max((heard.get(server) or "" for server in servers), default="")
            if known[id(servers)]:
                item["last_seen"] = known[id(servers)]


def read_fields(store: Store, now: datetime) -> dict[str, Any] | None:
    """The view of the document alone, in one request; None where nothing was published. Raises StoreError."""
    entry = store.read_document()
    return None if entry is None else document_view(decoded(entry.value, store.place(DOCUMENT_KEY)), now)


def whole_view(snapshot: Snapshot, store: Store, now: datetime) -> dict[str, Any]:
    """Everything that a store knows, from one read. Raises StoreError where a part of it is not ours."""
    state = understood(snapshot, store.place)
    document = state.document
    if snapshot.document is None:
        store.see([DOCUMENT_KEY])
    readings = dict(sorted({**state.readings, **imported(document, state.readings)}.items()))
    holders = holders_of(readings)
    lost = state.lost
    for name, item in document.fields.items():
        held = holders.get(name)
        # Who has it follows from the readings only where all of them are there; a brief document does not say it.
        if held is not None and not lost:
            item["servers"] = held.servers
            item["servers_count"] = len(held.servers)
        elif held is not None:
            item["servers"] = item.get("servers") or held.servers
            item.setdefault("servers_count", len(item["servers"]))
    _fill_in_last_seen(document, {name: reading.last_seen for name, reading in readings.items()})
    missing = sorted(holders.keys() - document.fields.keys())
    statuses = [item.get("status") for item in document.fields.values()]
    return {
        "exists": snapshot.document is not None,
        **document_view(document, now),
        "servers": {
            name: {
                **{key: value for key, value in reading.content().items() if key not in ("version", "server")},
                # Of one that was taken over, only how many they were is known.
                "files": reading.files if isinstance(reading.files, list) else [],
                "imported": reading.imported,
                "fields": sorted(reading.fields),
                "last_seen": reading.last_seen or None,
                "age": age_seconds(reading.last_seen, now),
            }
            for name, reading in readings.items()
        },
        "lost": lost,
        "missing": missing,
        "statuses": {
            **{status: statuses.count(status) for status in (SYNCED, OUTDATED, ORPHAN)},
            MISSING: len(missing),
        },
        "history": history.listed(snapshot),
        "store": {
            **store.facts(),
            "requests": store.requests,
            "keys": len(snapshot.entries),
            "bytes": sum(len(entry.value) for entry in snapshot.entries.values()),
            "staleness": snapshot.staleness_ms / 1000,
        },
    }
