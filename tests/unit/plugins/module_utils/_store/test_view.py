# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers find every attribute on every field: Jinja fails on one that is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import DOCUMENT_KEY
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    LISTS,
    OURS,
    PRESENTATION,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import read_fields, whole_view
from tests.support.fleets import NOW, extraction, publish_to

LATER = NOW + timedelta(hours=1)
OLDER = {
    "version": "2.0.0",
    "last_updated": "2025-11-12T14:03:22.118203",
    "fields": [{"name": "company", "display_name": "Empresa", "order": 3}, {"name": "gone"}],
    "extraction_status": {
        "server_status": [{"hostname": "192.0.2.1", "success": True, "files_count": 8, "fields": [{"name": "company"}]}]
    },
}
FLEET = extraction({"prom-01": ["company"]}, values={"company": ["acme"]})
READS: list[Callable[[DirectoryStore], Any]] = [
    lambda store: whole_view(store.read(), store, LATER),
    lambda store: read_fields(store, LATER),
]


def add_by_hand(folder: Path, field: dict[str, Any]) -> None:
    file = folder / f"{DOCUMENT_KEY}.json"
    document = json.loads(file.read_bytes())
    document["fields"].append(field)
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("detail", ["full", "shared", "brief"])
@pytest.mark.parametrize("published", [True, False])
def test_every_field_has_every_attribute(tmp_path: Path, detail: str, published: bool, read: Any) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction({"prom-01": ["company", "orphan"]}), now=NOW, manner={"detail": detail})
    publish_to(store, FLEET, now=NOW, manner={"detail": detail})
    add_by_hand(tmp_path, {"name": "a_tenant", "note": "mine"})
    if published:
        publish_to(store, FLEET, now=LATER, manner={"detail": detail})
    unknown = {*LISTS} if detail == "brief" else set()
    fields = {item["name"]: item for item in read(store)["fields"]}
    assert [*fields] == ["a_tenant", "company", "orphan"]
    for item in fields.values():
        assert {*OURS, *PRESENTATION} - unknown <= item.keys(), item["name"]
    tenant = fields["a_tenant"]
    assert (tenant["status"], tenant["display_name"], tenant["order"], tenant["note"]) == (
        "orphan" if published else None,
        "a_tenant",
        1000,
        "mine",
    )
    assert fields["company"]["orphaned_since"] is None
    assert fields["orphan"]["orphaned_since"]


def test_readers_of_the_document_itself_find_the_lists_of_every_field(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=NOW)
    add_by_hand(tmp_path, {"name": "a_tenant"})
    publish_to(store, FLEET, now=LATER)
    by_hand, swept = json.loads((tmp_path / f"{DOCUMENT_KEY}.json").read_bytes())["fields"]
    assert swept.keys() - by_hand.keys() == {*PRESENTATION, "swept"}
    assert [by_hand[key] for key in LISTS] == [[], [], [], False, None]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("published", [True, False])
def test_every_field_of_the_older_form_has_every_attribute(tmp_path: Path, published: bool, read: Any) -> None:
    (tmp_path / f"{DOCUMENT_KEY}.json").write_text(json.dumps(OLDER))
    store = DirectoryStore(str(tmp_path))
    if published:
        publish_to(store, FLEET, now=LATER)
    fields = {item["name"]: item for item in read(store)["fields"]}
    for item in fields.values():
        assert {*OURS, *PRESENTATION} <= item.keys(), item["name"]
    assert (fields["company"]["display_name"], fields["company"]["order"]) == ("Empresa", 3)
    gone = fields["gone"]
    assert (gone["values"], gone["values_complete"], gone["presence"]) == ([], False, None)


def test_every_server_has_every_attribute(tmp_path: Path) -> None:
    (tmp_path / f"{DOCUMENT_KEY}.json").write_text(json.dumps(OLDER))
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=LATER)
    servers = whole_view(store.read(), store, LATER)["servers"]
    assert [(name, server["imported"], type(server["files"])) for name, server in servers.items()] == [
        ("192.0.2.1", True, list),
        ("prom-01", False, list),
    ]


def test_a_field_added_by_hand_says_who_has_it_also_where_readings_are_gone(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction({"prom-01": ["company", "tenant"], "prom-02": ["company"]}), now=NOW)
    file = tmp_path / f"{DOCUMENT_KEY}.json"
    document = json.loads(file.read_bytes())
    document["fields"] = [item for item in document["fields"] if item["name"] != "tenant"]
    file.write_text(json.dumps(document))
    add_by_hand(tmp_path, {"name": "tenant"})
    (tmp_path / "servers" / "prom-02.json").unlink()
    view = whole_view(store.read(), store, LATER)
    assert view["lost"] == ["prom-02"]
    tenant = view["fields"][1]
    assert (tenant["name"], tenant["servers"], tenant["servers_count"]) == ("tenant", ["prom-01"], 1)
