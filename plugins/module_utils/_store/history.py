# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier versions of the document: how they are named, listed, found and pruned."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    HISTORY,
    Delete,
    Entry,
    Put,
    Snapshot,
    StoreError,
    history_key,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import (
    entry_name,
    moment_of,
    parse,
)

# Marks what was not a document of ours and was saved before its place was taken. It is never pruned.
ADOPTED = "-adopted-"


def entries(snapshot: Snapshot) -> dict[str, Entry]:
    """The earlier versions by name, the oldest first; what was adopted, or put there by others, is not among them."""
    return {name: entry for name, entry in snapshot.under(HISTORY) if moment_of(name)}


def listed(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every entry, the newest first: {entry, last_updated, source, fields, size, restorable}."""
    rows = []
    for name, entry in snapshot.under(HISTORY):
        document = _document(entry.value)
        rows.append(
            {
                "entry": name,
                "last_updated": document.get("last_updated"),
                "source": document.get("source"),
                "fields": len(document["fields"]) if isinstance(document.get("fields"), list) else None,
                "size": len(entry.value),
                "restorable": moment_of(name) is not None,
            }
        )
    return rows[::-1]


def saved(snapshot: Snapshot, value: bytes, last_updated: object, now: datetime) -> list[Put]:
    """The write that keeps a version of the document under the time it was written; none if it is kept already.

    It is named after all that is there, also where an earlier one was written by a clock that was ahead: what was
    written last must be found last, and pruned last.
    """
    known = entries(snapshot)
    moment = parse(last_updated) or now
    if known:
        newest, entry = list(known.items())[-1]
        if entry.value == value:
            return []
        moment = max(moment, (moment_of(newest) or moment) + timedelta(microseconds=1))
    return [Put(history_key(entry_name(moment)), value, ABSENT)]


def adopted(snapshot: Snapshot, key: str, value: bytes, now: datetime) -> list[Put]:
    """The write that keeps what lay at a key before it is taken; none if an attempt that ended early kept it."""
    end = f"{ADOPTED}{key.replace('/', '-')}"
    if any(name.endswith(end) and entry.value == value for name, entry in snapshot.under(HISTORY)):
        return []
    return [Put(history_key(f"{entry_name(now)}{end}"), value, ABSENT)]


def pruned(snapshot: Snapshot, added: Collection[Put], keep: int) -> list[Delete]:
    """The deletions that leave the newest entries, those just added among them."""
    known = {history_key(name): entry.version for name, entry in entries(snapshot).items()}
    order = sorted({*known, *(put.key for put in added)})
    return [Delete(key, known[key]) for key in order[: max(0, len(order) - keep)] if key in known]


def found(snapshot: Snapshot, wanted: str | None) -> list[tuple[str, Entry]]:
    """The entries to go back to: the one that is named, or all that are not the present version, the newest first.

    The present version is there too where a run was ended after it had saved it. Raises StoreError, naming what there
    is.
    """
    known = entries(snapshot)
    if wanted is not None:
        if wanted not in known:
            names = ", ".join(reversed(known)) or "none"
            raise _missed(f"There is no entry {wanted} in the history that can be restored. There are: {names}.")
        return [(wanted, known[wanted])]
    present = snapshot.document
    earlier = [(name, entry) for name, entry in known.items() if present is None or entry.value != present.value]
    if not earlier:
        what = "holds the present one only" if known else "is empty"
        raise _missed(f"There is no earlier version to go back to: the history {what}.")
    return earlier[::-1]


def _missed(message: str) -> StoreError:
    error = StoreError(message)
    error.unseen = history_key("probe")
    return error


def _document(value: bytes) -> dict[str, Any]:
    try:
        data = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
