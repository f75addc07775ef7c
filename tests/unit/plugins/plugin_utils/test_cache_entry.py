# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document in the local cache: it comes back as it was, is short, and a damaged one is not misread."""

from __future__ import annotations

import base64
import copy
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_entry import (
    EntryError,
    packed,
    unpacked,
)

PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 0.5, 1.0]) | st.text(max_size=4)
NAMES = st.lists(st.sampled_from(["prom-01", "prom-02", "ü"]), max_size=3)
SOURCE = st.fixed_dictionaries({}, optional={"servers": st.none() | NAMES, "line": PLAIN})
FIELD = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=3),
        "required": PLAIN,
        "order": PLAIN,
        "options": st.none() | NAMES,
        "servers": st.none() | NAMES,
        "sources": st.none() | st.lists(SOURCE, max_size=2),
        "ways": st.dictionaries(st.text(max_size=2), PLAIN, max_size=2),
    },
)
DOCUMENT = st.fixed_dictionaries({}, optional={"fields": st.lists(FIELD, max_size=5), "age": PLAIN, "source": PLAIN})


def exact(value: Any) -> str:
    """Equal for what is equal to its types: 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True)


@given(DOCUMENT)
def test_a_document_comes_back_as_it_was(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    text = packed(document)
    assert document == before
    assert text.isascii()
    assert exact(unpacked(text)) == exact(before)


def test_values_that_are_equal_and_not_the_same_are_kept_apart() -> None:
    document = {"fields": [{"required": value} for value in (1, True, 1.0, True, 0, False, "", None)]}
    assert exact(unpacked(packed(document))) == exact(document)


def test_broken_names_come_back() -> None:
    document = {"fields": [{"name": "caf\udce9", "servers": ["\udcff"]}]}
    assert unpacked(packed(document)) == document


def test_what_fields_share_is_held_once() -> None:
    names = [f"prom-{number:04}" for number in range(1000)]
    sources = [{"file": "/etc/prometheus/prometheus.yml", "line": 4, "servers": names}]
    document = {
        "fields": [
            {"name": f"field_{number}", "description": "", "servers": names, "sources": sources}
            for number in range(300)
        ]
    }
    text = packed(document)
    assert len(text) < 20_000
    assert len(json.dumps(document)) > 6_000_000
    back = unpacked(text)
    assert back == document
    assert back["fields"][0]["servers"] is back["fields"][299]["sources"][0]["servers"]


def text_of(data: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(data).encode())).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        "aGVsbG8=",
        packed({"fields": [{"name": "company"}]})[:-8],
        text_of([]),
        text_of({}),
        text_of({"rest": {}, "lists": [], "usual": {}, "fields": 5}),
        text_of({"rest": [], "lists": [], "usual": {}, "fields": None}),
        text_of({"rest": {}, "lists": [], "usual": {}, "fields": [{"servers": 3}]}),
        text_of({"rest": {}, "lists": [[]], "usual": {}, "fields": [{"sources": 3}]}),
        text_of({"rest": {}, "lists": [[]], "usual": 5, "fields": [{}]}),
        base64.b64encode(zlib.compress(b"[" * 200_000)).decode(),
    ],
)
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(EntryError):
        unpacked(text)


def test_a_changed_byte_is_noticed() -> None:
    raw = bytearray(base64.b64decode(packed({"fields": [{"name": f"field_{number}"} for number in range(50)]})))
    for position in range(len(raw)):
        damaged = bytearray(raw)
        damaged[position] ^= 1
        with pytest.raises(EntryError):
            unpacked(base64.b64encode(damaged).decode())
