# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store looked at and edited, as the tests of this folder do it."""

from __future__ import annotations

import json
import traceback
from datetime import timedelta
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    Commit,
    Put,
    Store,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import ConsulSettings
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from tests.support.fleets import NOW, extraction

LATER = NOW + timedelta(hours=1)
FLEET = extraction({"prom-01": ["company", "env"], "prom-02": ["company"]})
LARGE = extraction({f"prom-{number:03d}": ["company", f"own{number}"] for number in range(150)})


def store_at(address: str, prefix: str = "fleet", **settings: Any) -> ConsulStore:
    return ConsulStore(ConsulSettings(address=address, **settings), prefix)


def names(store: ConsulStore) -> list[str]:
    return [item["name"] for item in whole_view(store.read(), store, NOW)["fields"]]


def view(store: Store) -> dict[str, Any]:
    return whole_view(store.read(), store, LATER)


def field(store: Store, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in view(store)["fields"] if item["name"] == name)
    return found


def text_of(fault: BaseException) -> str:
    """All that a user could be shown of a fault, with what caused it."""
    return "".join(traceback.format_exception(fault)) + repr(fault)


def set_by_hand(store: Store, name: str, **attributes: Any) -> None:
    """A person edits the document, as a front end does it."""
    entry = store.read_document()
    assert entry is not None
    document = json.loads(entry.value)
    for item in document["fields"]:
        if item["name"] == name:
            item.update(attributes)
    store.commit(Commit(document=Put(DOCUMENT_KEY, json.dumps(document).encode(), entry.version)))
