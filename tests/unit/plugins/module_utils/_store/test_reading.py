# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an extraction says, taken apart by server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    StoreError,
    StoreForeignError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import technical_id
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import (
    PROBLEMS_KEPT,
    STATUSES,
    VALUES_KEPT,
    reading_from,
    sweep_from,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_statuses import PARTIAL, WHOLE
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import result
from tests.support.fleets import extraction, sweep_of


def test_one_way_is_one_id_and_several_are_in_their_order() -> None:
    fleet = extraction({"a": ["env"], "b": ["env"]}, ways={("b", "env"): {"regex": "x"}})
    item = fleet["fields"][0]
    item["sources"].append(item["sources"][0] | {"servers": ["b"], "origin": "static"})
    sweep = sweep_of(fleet)
    ids = {key: (way["origin"], way["regex"]) for key, way in sweep.technical["env"].items()}
    assert ids[sweep.readings["a"].fields["env"]] == ("relabel", None)
    assert [ids[key] for key in sweep.readings["b"].fields["env"].split()] == [("relabel", "x"), ("static", None)]


def test_source_alone_gives_the_line_that_a_field_of_it_would_have() -> None:
    """So a server has the same id whether it was swept alone or among others that do it differently."""
    ways = {("b", "env"): {"regex": "x", "replacement": "$2", "from": ["__meta_b"], "source_labels": ["__tmp"]}}
    among = sweep_of(extraction({"a": ["env"], "b": ["env"], "c": ["env"]}, ways=ways))
    alone = sweep_of(extraction({"b": ["env"]}, ways=ways))
    assert alone.readings["b"].fields == among.readings["b"].fields
    assert among.readings["a"].fields != among.readings["b"].fields


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ({"regex": "(.*)", "replacement": "$1", "source_labels": ["__meta_env"]}, "__meta_env"),
        ({"regex": None, "replacement": "${1}", "source_labels": ["__tmp_env"]}, "__meta_env"),
        ({"regex": "x", "replacement": None, "source_labels": ["__meta_other", "z"]}, "__meta_other"),
        ({"regex": "x", "replacement": None, "source_labels": ["z", "__meta_env"]}, "__meta_env"),
        ({"regex": "x", "replacement": None, "source_labels": []}, "__meta_env"),
    ],
)
def test_sources_of_the_plain_contract(source: dict[str, Any], label: str) -> None:
    """A source may come without its origin and its roots; then they are taken from the field where it agrees."""
    item: dict[str, Any] = {
        "name": "env",
        "origin": "relabel",
        "source_label": "__meta_env",
        "regex": None,
        "replacement": None,
    }
    item |= {"servers": ["a"], "sources": [source | {"servers": ["a"]}]}
    sweep = sweep_from([item], {"a": {"status": "ok", "fields": ["env"]}}, "now")
    [way] = [sweep.technical["env"][key] for key in sweep.readings["a"].fields["env"].split()]
    assert way["source_label"] == label


def test_field_without_sources_has_the_way_of_its_line() -> None:
    item: dict[str, Any] = {"name": "env", "origin": "default", "servers": ["a", "not swept"]}
    sweep = sweep_from([item], {"a": {"status": "ok"}}, "now")
    assert sweep.readings["a"].fields == {"env": technical_id({"origin": "default"})}


def test_servers_that_did_not_answer_are_in_no_source() -> None:
    fleet = extraction({"a": ["env"], "b": ["env"]}, status={"b": "timeout"})
    sweep = sweep_of(fleet)
    assert list(sweep.readings) == ["a"]
    assert sweep.silent == {"b": "timeout"}
    assert sweep.sources["env"][0]["servers"] == ["a"]
    # The input is as it was.
    assert fleet["fields"][0]["sources"][0]["servers"] == ["a", "b"]


def test_statuses_are_those_of_the_sweep() -> None:
    """This room knows nothing of the sweep's; docs/sweep.md lists them for people."""
    text = (Path(__file__).parents[5] / "docs" / "sweep.md").read_text(encoding="utf-8")
    table = text.partition("## Statuses")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(STATUSES)
    assert set(get_args(result.Status)) == set(STATUSES)
    assert frozenset({*WHOLE, PARTIAL}) == result.ANSWERED


def test_lists_are_bounded() -> None:
    fleet = extraction({"a": ["env"]}, values={"env": [str(number) for number in range(500)]})
    warnings = [{"message": str(number), "severity": "warning"} for number in range(500)]
    errors = [{"message": name, "severity": "error"} for name in ("b", "a")]
    fleet["servers"]["a"]["problems"] = [*warnings, *errors]
    sweep = sweep_of(fleet)
    assert len(sweep.values["env"]) == VALUES_KEPT
    assert sweep.readings["a"].problems == [*errors, *warnings][:PROBLEMS_KEPT]


@pytest.mark.parametrize(
    ("fields", "servers", "message"),
    [
        ([{"origin": "x"}], {}, "an entry without a name"),
        (["env"], {}, "an entry without a name"),
        ([{"name": "env"}, {"name": "env"}], {}, "holds env twice"),
        ([], {"a": ["env"]}, "servers.a is not a dictionary"),
        ([], {"a": {"status": "okay"}}, "servers.a.status is 'okay', which no sweep gives. There are: ok, "),
        ([], {"a": {"fields": ["env"]}}, "servers.a.status is not set. There are: ok, "),
    ],
)
def test_input_of_another_shape_is_refused(fields: list[Any], servers: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        sweep_from(fields, servers, "now")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"x", "not JSON"),
        (b"{}", "not a reading of the server a"),
        (b'{"server": "b", "fields": {}}', "not a reading of the server a"),
        (b'{"server": "a", "fields": ["env"]}', "not a reading of the server a"),
        (b'{"server": "a", "fields": {}, "version": "2.2.0"}', "update the collection"),
    ],
)
def test_readings_that_are_not_ours_are_refused(value: bytes, message: str) -> None:
    with pytest.raises(StoreForeignError, match=message):
        reading_from("a", value, "servers/a")


def test_reading_is_read_as_it_was_written() -> None:
    reading = sweep_of(extraction({"a": ["env", "company"]}, status={"a": "partial"})).readings["a"]
    assert (reading.status, reading.external_labels) == ("partial", {"site": "a"})
    for pretty in (True, False):
        assert reading_from("a", reading.text("servers/a", pretty=pretty), "servers/a") == reading
