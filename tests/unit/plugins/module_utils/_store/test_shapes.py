# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person breaks by hand in what the sweep owns ends in no traceback, and the next sweep mends it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    Commit,
    Put,
    StoreError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import read_fields, whole_view
from tests.support.fleets import NOW, extraction, publish_to, roll_back

LATER = NOW + timedelta(hours=1)
WAYS = {("prom-02", "company"): {"regex": "other"}}
FLEET = extraction({"prom-01": ["company"], "prom-02": ["company", "env"]}, values={"env": ["a"]}, ways=WAYS)
BROKEN: list[Any] = [None, 1, True, "x", [], {}, [1], ["x", None], {"a": 1}, [[]], [{}], [{"servers": 3, "jobs": 4}]]


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a JSON value."""
    if place:
        yield place
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*place, key))


def broken(value: dict[str, Any], place: tuple[Any, ...], by: Any) -> bytes:
    whole = copy.deepcopy(value)
    part: Any = whole
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = by
    return json.dumps(whole).encode()


@pytest.mark.parametrize("detail", ["full", "shared", "brief"])
@pytest.mark.parametrize("key", [DOCUMENT_KEY, "servers/prom-02"])
def test_every_part_broken_in_every_way(tmp_path: Path, detail: str, key: str) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction({"prom-01": ["company", "gone"]}), now=NOW, manner={"detail": detail})
    publish_to(store, FLEET, now=NOW, manner={"detail": detail})
    whole = json.loads(store.read().entries[key].value)
    file = tmp_path / f"{key}.json"
    outcomes = {"done": 0, "refused": 0}
    # Every fourth way for each place: each is tried on many.
    cases = ((place, by) for number, place in enumerate(places(whole)) for by in BROKEN[number % 4 :: 4])
    for place, by in cases:
        file.write_bytes(broken(whole, place, by))
        for work in (
            lambda: publish_to(store, FLEET, now=LATER, check_mode=True),
            lambda: publish_to(store, extraction({"prom-01": ["env"]}), now=LATER, check_mode=True, orphans="remove"),
            lambda: read_fields(store, LATER),
            lambda: json.dumps(whole_view(store.read(), store, LATER)),
            lambda: roll_back(store, check_mode=True),
        ):
            try:
                work()
                outcomes["done"] += 1
            except StoreError:
                outcomes["refused"] += 1
    assert outcomes["done"] > outcomes["refused"] > 0


def test_next_sweep_mends_what_was_broken(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=NOW)
    before = whole_view(store.read(), store, LATER)["fields"]
    document = json.loads((tmp_path / "fields.json").read_bytes())
    for item in document["fields"]:
        item |= {"sources": "x", "servers": 3, "values": {}, "presence": [], "ways": [1], "note": {"mine": [1]}}
    entry = store.read_document()
    assert entry is not None
    store.commit(Commit(document=Put(DOCUMENT_KEY, json.dumps(document).encode(), entry.version)))
    publish_to(store, FLEET, now=LATER)
    after = whole_view(store.read(), store, LATER)["fields"]
    assert after == [item | {"note": {"mine": [1]}} for item in before]


def test_a_field_that_was_put_anew_by_hand_gets_its_lists_back_in_a_rollback(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=NOW)
    publish_to(store, extraction({"prom-03": ["company"]}), now=LATER)
    file = tmp_path / f"{DOCUMENT_KEY}.json"
    document = json.loads(file.read_bytes())
    document["fields"] = [item for item in document["fields"] if item["name"] != "env"] + [{"name": "env"}]
    file.write_text(json.dumps(document))
    field = roll_back(store).plan.document.fields["env"]
    assert (field["values"], field["presence"]) == (["a"], "conditional")
    assert [source["servers"] for source in field["sources"]] == [["prom-02"]]
