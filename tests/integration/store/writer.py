# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that writes to a store again and again; the concurrency test starts several.

Usage: writer.py publish ADDRESS|DIRECTORY PREFIX NUMBER ROUNDS
       writer.py edit ADDRESS|DIRECTORY PREFIX STOP_FILE

publish: publisher NUMBER publishes its slice, a little different in each round. edit: sets attribute after attribute on
the field company, as a front end does it, until STOP_FILE is there; prints how many it set.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(PROJECT), str(PROJECT / ".venv" / "collections")]

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    Commit,
    Put,
    Store,
    StoreConflictError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import ConsulSettings
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from tests.support.fleets import extraction, publish_to

SERVERS_OF_EACH = 4


def slice_of(number: int, round_: int) -> dict[str, Any]:
    """The part of the fleet that a publisher sweeps: fields of its own, of all, and one that moves with the rounds."""
    names = ["company", "env", f"own{number}", f"moving{round_ % 7}"]
    servers = {f"prom-{number}-{n}": names for n in range(SERVERS_OF_EACH)}
    ways = {(f"prom-{number}-0", "env"): {"regex": f"round{round_}"}}
    return extraction(servers, ways=ways)


def store_at(place: str, prefix: str) -> Store:
    if "/" in place:
        return DirectoryStore(place)
    return ConsulStore(ConsulSettings(address=place), prefix)


def publish_rounds(store: Store, number: int, rounds: int) -> None:
    for round_ in range(rounds):
        publish_to(store, slice_of(number, round_), retry_seconds=240.0)


def edit_until(store: Store, stop: Path) -> int:
    count = 0
    while not stop.exists():
        entry = store.read_document()
        if entry is not None:
            document = json.loads(entry.value)
            company = next(item for item in document["fields"] if item["name"] == "company")
            company[f"edit{count}"] = count
            try:
                store.commit(Commit(document=Put(DOCUMENT_KEY, json.dumps(document).encode(), entry.version)))
            except StoreConflictError:
                continue
            count += 1
        # Publishers that take turns with it must now and then be first, on a slow machine too.
        time.sleep(0.1)
    return count


if __name__ == "__main__":
    what, place, prefix, *rest = sys.argv[1:]
    if what == "publish":
        publish_rounds(store_at(place, prefix), int(rest[0]), int(rest[1]))
    else:
        print(edit_until(store_at(place, prefix), Path(rest[0])))
