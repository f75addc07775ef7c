# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How documents are written and read."""

from __future__ import annotations

import copy
import difflib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    VALUE_LIMIT,
    StoreForeignError,
    StoreTooLargeError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    LISTS,
    PRESENTATION,
    TECHNICAL,
    VERSION,
    Document,
    default_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import (
    compact,
    decoded,
    document_from,
    dumped,
    nearly_full,
    parsed,
    size_of,
    written,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SERVERS = st.lists(st.sampled_from(["a", "b", "c", "ü"]), unique=True).map(sorted)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    fields = {}
    for name in draw(st.sets(st.text(min_size=1, max_size=6), max_size=4)):
        own = draw(st.dictionaries(st.sampled_from([*PRESENTATION, "x", "y"]), JSON, max_size=5))
        sources = draw(st.lists(st.fixed_dictionaries({"line": st.integers(0, 9), "servers": SERVERS}), max_size=2))
        fields[name] = {
            "name": name,
            **{key: draw(st.none() | st.text(max_size=4)) for key in TECHNICAL},
            **{key: default_of(name, key) for key in PRESENTATION},
            **own,
            "status": "synced",
            "servers": draw(SERVERS),
            "sources": sources,
            "values": draw(st.lists(st.text(max_size=3), max_size=3)),
            "values_complete": draw(st.booleans()),
            "presence": draw(st.sampled_from(["always", "conditional"])),
        }
    extra = draw(st.dictionaries(st.sampled_from(["note", "imported_from"]), JSON))
    rows = [{"hostname": name, "success": True, "status": "ok", "error": None} for name in draw(SERVERS)]
    return Document(fields=fields, server_status=rows, extra=extra, last_updated="2026-01-31T08:15:00+00:00")


@settings(max_examples=80, deadline=None)
@given(documents(), st.booleans())
def test_every_form_is_read_as_it_was_meant(document: Document, pretty: bool) -> None:
    meant = copy.deepcopy(document)
    for form in ("full", "shared", "brief"):
        text, size = dumped(written(document, form, "fields"), pretty=pretty)
        assert size == len(compact(json.loads(text)).encode())
        read = decoded(text, "fields")
        assert (read.detail, read.version, read.extra) == (form, VERSION, meant.extra)
        expected: dict[str, Any] = meant.fields
        if form == "brief":
            expected = {name: {k: v for k, v in item.items() if k not in LISTS} for name, item in expected.items()}
        assert read.fields == expected
        assert read.server_names == [row["hostname"] for row in meant.server_status]
    # Writing is no reason to change what is in memory.
    assert document == meant


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_pretty_text_says_the_same(value: Any) -> None:
    assert json.loads(dumped(value, pretty=True)[0]) == value
    assert json.loads(dumped(value, pretty=False)[0]) == value


def field(name: str, **attributes: Any) -> dict[str, Any]:
    return {
        "name": name,
        **dict.fromkeys(TECHNICAL),
        **{key: default_of(name, key) for key in PRESENTATION},
        "status": "synced",
        "servers": [],
        "sources": [],
        **attributes,
    }


def document_of(*fields: dict[str, Any], **settings_: Any) -> Document:
    return Document(fields={item["name"]: item for item in fields}, **settings_)


def test_one_change_is_one_line() -> None:
    before = document_of(*(field(f"field{number}") for number in range(20)))
    after = copy.deepcopy(before)
    after.fields["field7"]["display_name"] = "Seven"
    texts = [
        dumped(written(item, "auto", "fields"), pretty=True)[0].decode().splitlines(keepends=True)
        for item in (before, after)
    ]
    changed = [line for line in difflib.ndiff(texts[0], texts[1]) if line[0] in "+-"]
    assert changed == ['-       "display_name": "field7",\n', '+       "display_name": "Seven",\n']
    keys = [line.split('"')[1] for line in texts[0] if line.startswith('      "')]
    assert keys[: len(keys) // 20] == sorted(keys[: len(keys) // 20])


def padded(total: int, detail: str) -> Document:
    """A document whose given form has exactly this size."""
    document = document_of(field("a", description=""))
    missing = total - size_of(written(document, detail, "fields"))
    # In a brief document the description itself appears only when it is set.
    missing -= len('"description":"",') if detail == "brief" else 0
    document.fields["a"]["description"] = "x" * missing
    return document


@pytest.mark.parametrize("detail", ["full", "shared", "brief"])
def test_limit_is_met_to_the_byte(detail: str) -> None:
    assert size_of(written(padded(VALUE_LIMIT, detail), detail, "fields")) == VALUE_LIMIT
    with pytest.raises(StoreTooLargeError) as refused:
        written(padded(VALUE_LIMIT + 1, detail), detail, "some/fields")
    message = str(refused.value)
    assert message.startswith("some/fields would be 512 KiB with its 1 fields (51")
    assert " KiB) and 0 servers (0.1 KiB), and 512 KiB is the most that fits." in message
    assert "The largest fields: a (51" in message
    assert ("Set detail to auto" in message) == (detail != "brief")


@pytest.mark.parametrize("detail", ["full", "auto"])
def test_a_document_that_cannot_be_shorter_is_told_before_it_is_too_large(detail: str) -> None:
    edge = math.ceil(VALUE_LIMIT * 0.8)
    form = "brief" if detail == "auto" else detail
    # What is read as brief stays so where anything longer had no room to spare.
    for size, is_told in ((edge - 1, False), (edge, True)):
        document = padded(size, form)
        document.detail = form
        data = written(document, detail, "some/fields")
        assert data["detail"] == form
        message = nearly_full(document, data, detail, "some/fields")
        assert message.startswith("some/fields takes 410 KiB with its 1 fields (40") is is_told
        assert ("The largest fields: a (40" in message) is is_told
    assert ("Set detail to auto" in message) == (detail == "full")
    longer = document_of(field("a", description="x" * edge))
    assert nearly_full(longer, written(longer, "auto", "fields"), "auto", "fields") == ""


def test_where_the_servers_take_the_room_the_refusal_says_so() -> None:
    rows = [{"hostname": f"prom-{n:05}", "success": True, "status": "ok", "fields_count": 1} for n in range(10000)]
    with pytest.raises(StoreTooLargeError, match=r"1 fields \(0\.\d KiB\) and 10000 servers \(7\d\d KiB\), and 512"):
        written(document_of(field("a"), server_status=rows), "auto", "some/fields")


def test_forms_are_tried_in_order() -> None:
    servers = [f"prometheus-{number:04d}.example.com" for number in range(1000)]
    few = document_of(*(field(f"f{number}", servers=servers) for number in range(10)))
    many = document_of(*(field(f"f{number}", servers=servers) for number in range(40)))
    most = document_of(*(field(f"f{number:04d}", servers=servers) for number in range(2000)))
    assert [written(item, "auto", "x")["detail"] for item in (few, many, most)] == ["full", "shared", "brief"]


def test_brief_document_grows_again_only_with_room_to_spare() -> None:
    nearly = padded(int(VALUE_LIMIT * 0.8), "full")
    roomy = padded(int(VALUE_LIMIT * 0.7), "full")
    assert written(nearly, "auto", "x")["detail"] == "full"
    nearly.detail = roomy.detail = "brief"
    assert written(nearly, "auto", "x")["detail"] == "brief"
    assert written(roomy, "auto", "x")["detail"] == "full"
    assert written(nearly, "full", "x")["detail"] == "full"


def test_what_servers_repeat_goes_first() -> None:
    rows = [{"hostname": "a", "success": True, "fields": [{"name": "x" * 100}] * 6000}]
    data = written(document_of(field("a"), server_status=rows), "auto", "x")
    assert data["detail"] == "full"
    assert "fields" not in data["extraction_status"]["server_status"][0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"version": "2.2.0", "fields": []}, "update the collection"),
        ({"version": "3", "fields": []}, "update the collection"),
        ({"version": "10.0.0", "fields": []}, "update the collection"),
        ({"version": 2, "fields": []}, "not a document of fields"),
        ({"version": "new", "fields": []}, "not a document of fields"),
        ({"version": "2.0.0", "fields": {}}, "not a document of fields"),
        ({"version": "2.0.0", "fields": ["a"]}, "field without a name"),
        ({"version": "2.0.0", "fields": [{"name": "a"}, {"name": "a"}]}, "the field a twice"),
    ],
)
def test_what_is_not_understood_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreForeignError, match=message) as refused:
        document_from(data, "some/fields")
    assert str(refused.value).startswith("some/fields ")


@pytest.mark.parametrize("version", ["2.1.0", "2.1.7", "2.0.0", "1.0"])
def test_versions_that_are_understood(version: str) -> None:
    document = document_from({"version": version, "fields": [{"name": "a", "extra": 1}]}, "x")
    assert document.fields["a"]["extra"] == 1
    assert document.older == (version < "2.1")


@pytest.mark.parametrize("depth", [100_000])
def test_nesting_without_end_is_refused(depth: int) -> None:
    with pytest.raises(StoreForeignError, match="not JSON"):
        decoded(b"[" * depth, "x")


def test_shared_document_with_a_set_that_is_gone() -> None:
    data = {
        "version": VERSION,
        "detail": "shared",
        "server_sets": {"k": ["a"]},
        "fields": [{"name": "x", "servers": "gone", "sources": [{"servers": "k"}]}],
    }
    assert document_from(data, "x").fields["x"]["servers"] == []
    assert document_from(data, "x").fields["x"]["sources"] == [{"servers": ["a"]}]


def test_a_number_that_json_does_not_have_is_none() -> None:
    """Written back as Infinity, it would make the document unreadable for everybody else, and the page fail."""
    found = parsed(b'{"a": 1e999, "b": NaN, "c": -Infinity, "d": 1.5e2, "e": 7}', "here")
    assert found == {"a": None, "b": None, "c": None, "d": 150.0, "e": 7}
