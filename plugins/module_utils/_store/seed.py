# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking over a document of the older form: its fields with their presentation, and what it knew of its servers.

The older form keeps no readings: who had which field stands in extraction_status. Those servers are taken over as
readings under the names that it gives them, so that a field becomes an orphan only when each of them has answered
without it or was forgotten by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    Document,
    technical_id,
    technical_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import Reading
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.shapes import dict_of, list_of
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import parse, stamp

# Top-level mark of a document that was taken over; its readers are then given what they expect of each server.
IMPORTED = "imported_from"


def imported(document: Document, readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """Readings for the servers that an older document names and the store does not know yet; marks the document."""
    if not document.older:
        return {}
    document.extra.setdefault(IMPORTED, document.version)
    moment = parse(document.last_updated)
    found: dict[str, Reading] = {}
    for row in document.server_status:
        name = row["hostname"]
        if name not in readings and row.get("success"):
            count = row.get("files_count")
            found[name] = Reading(
                server=name,
                last_seen=stamp(moment) if moment else "",
                external_labels=dict_of(row.get("external_labels")),
                files=count if isinstance(count, int) else 0,
                fields={
                    item["name"]: _way(document, item) for item in list_of(row.get("fields"), dict) if _is_named(item)
                },
                imported=True,
            )
    return found


def _is_named(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("name"), str)


def _way(document: Document, item: Mapping[str, Any]) -> str:
    """The id of the way that an older document gives for a field on a server; noted with the field where it differs."""
    stored = document.fields.get(item["name"])
    if stored is None:
        return ""
    way = technical_of({"origin": stored.get("origin"), **item})
    key = technical_id(way)
    if key != technical_id(technical_of(stored)):
        stored.setdefault("ways", {})[key] = way
    return key
