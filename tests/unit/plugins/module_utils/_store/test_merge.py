# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The merge as a function: the order of runs does not matter, nothing is lost, and the work is linear."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    ORIGINS,
    VERSION,
    Document,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import (
    Rules,
    merge_fields,
    merge_readings,
    server_status,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import VALUES_KEPT, Reading
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import made
from tests.support.fleets import NOW, extraction, sweep_of

Readings = dict[str, Reading]


def run(
    document: Document, readings: Readings, extracted: dict[str, Any], **rules: Any
) -> tuple[Document, Readings, Any]:
    """One run over a part of a fleet, without a store."""
    settled = Rules(now=rules.pop("now", NOW), **rules)
    sweep = sweep_of(extracted, settled.now)
    after, _changed = merge_readings(readings, sweep, settled)
    fields, report = merge_fields(document, readings, after, sweep, settled)
    rows = server_status(after, fields, document, with_fields=False)
    return Document(fields=fields, server_status=rows, version=VERSION), after, report


def test_origins_are_those_of_the_extraction() -> None:
    assert ORIGINS == made.ORIGINS


SERVERS = [f"prom-{number}" for number in range(5)]
NAMES = ["company", "env", "os", "rack"]
WAY = st.fixed_dictionaries(
    {
        "regex": st.sampled_from([None, "a(.*)", "b(.*)"]),
        "source_labels": st.sampled_from([["__meta_a"], ["__meta_b"]]),
        "line": st.integers(1, 4),
        "origin": st.sampled_from(["relabel", "static", "external_label"]),
        "presence": st.sampled_from(["always", "conditional"]),
    }
).map(lambda way: way | {"from": way["source_labels"]})


@st.composite
def fleets(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[tuple[str, str], Any]]:
    fields = draw(st.fixed_dictionaries({server: st.sets(st.sampled_from(NAMES)) for server in SERVERS}))
    chosen = {server: sorted(names) for server, names in fields.items()}
    ways = {(server, name): draw(WAY) for server, names in chosen.items() for name in names}
    return chosen, ways


@settings(max_examples=80, deadline=None)
@given(fleets(), fleets(), st.permutations(SERVERS), st.lists(st.integers(1, 4), max_size=3))
def test_parts_of_a_fleet_in_any_order_make_the_whole(
    earlier: Any, later: Any, order: list[str], cuts: list[int]
) -> None:
    """Whatever was there before, runs over parts end in what one run over the whole fleet ends in."""
    first, readings, _report = run(Document(), {}, extraction(earlier[0], ways=earlier[1]))
    whole, whole_readings, _report = run(first, readings, extraction(later[0], ways=later[1]))
    document = first
    edges = sorted({0, len(order), *cuts})
    for start, end in itertools.pairwise(edges):
        part = {server: later[0][server] for server in order[start:end]}
        document, readings, _report = run(document, readings, extraction(part, ways=later[1]))
    assert readings == whole_readings
    assert comparable(document) == comparable(whole)


def comparable(document: Document) -> dict[str, Any]:
    """The content, but for what depends on who was heard last.

    An orphan keeps the way in which it was made last. The extraction gives a rule that several servers have one place,
    that of the first; where the others have it is not known until they are heard alone.
    """
    fields: dict[str, Any] = {}
    for name, item in document.fields.items():
        sources = [{key: value for key, value in source.items() if key != "line"} for source in item["sources"]]
        known = item | {"sources": sorted(sources, key=repr)}
        fields[name] = known if item["status"] != "orphan" else {"status": "orphan"}
    return document.content() | {"fields": fields}


@settings(max_examples=50, deadline=None)
@given(fleets(), st.sampled_from(SERVERS))
def test_a_run_repeated_changes_nothing(fleet: Any, server: str) -> None:
    extracted = extraction(fleet[0], ways=fleet[1])
    document, readings, _report = run(Document(), {}, extracted)
    later = NOW + timedelta(days=1)
    for again in (extracted, extraction({server: fleet[0][server]}, ways=fleet[1])):
        same, after, report = run(document, readings, again, now=later)
        assert same.content() == document.content()
        assert after == readings
        assert report.updated == report.added == report.orphaned == []


@settings(max_examples=50, deadline=None)
@given(fleets(), st.dictionaries(st.sampled_from(NAMES), st.dictionaries(st.text(max_size=5), st.integers())))
def test_what_people_set_outlives_any_run(fleet: Any, presentation: dict[str, dict[str, int]]) -> None:
    document, readings, _report = run(Document(), {}, extraction({"prom-0": NAMES}))
    ours = set(document.fields["env"]) - {"display_name"}
    for name, attributes in presentation.items():
        document.fields[name] |= {key: value for key, value in attributes.items() if key not in ours}
        document.fields[name]["display_name"] = f"{name} by hand"
    after, _readings, _report = run(document, readings, extraction(fleet[0], ways=fleet[1]))
    for name, attributes in presentation.items():
        kept = after.fields[name]
        assert kept["display_name"] == f"{name} by hand"
        assert all(kept[key] == value for key, value in attributes.items() if key not in ours)


def test_way_of_most_servers_is_the_field_and_the_others_are_kept() -> None:
    ways = {("prom-2", "env"): {"regex": "other"}}
    document, readings, _report = run(Document(), {}, extraction({key: ["env"] for key in SERVERS[:3]}, ways=ways))
    env = document.fields["env"]
    assert env["regex"] is None
    assert [way["regex"] for way in env["ways"].values()] == ["other"]
    # When another server goes over to it, most do it in the other way, and a run that sees only one of them knows it.
    ways |= {("prom-1", "env"): {"regex": "other"}}
    document, _readings, report = run(document, readings, extraction({"prom-1": ["env"]}, ways=ways))
    assert document.fields["env"]["regex"] == "other"
    assert report.updated == ["env"]


def test_first_of_the_origins_is_the_field_however_few_have_it() -> None:
    ways = {(server, "env"): {"origin": "external_label"} for server in SERVERS[1:]}
    document, _readings, _report = run(Document(), {}, extraction({key: ["env"] for key in SERVERS}, ways=ways))
    assert document.fields["env"]["origin"] == "relabel"


def test_values_are_those_of_all_servers_until_all_were_asked_again() -> None:
    fleet = {"prom-0": ["env"], "prom-1": ["env"]}
    document, readings, _report = run(Document(), {}, extraction(fleet, values={"env": ["dev", "prod"]}))
    document, readings, _report = run(document, readings, extraction({"prom-0": ["env"]}, values={"env": ["test"]}))
    assert document.fields["env"]["values"] == ["dev", "prod", "test"]
    document, readings, _report = run(document, readings, extraction(fleet, values={"env": ["test"]}))
    assert document.fields["env"]["values"] == ["test"]


def test_values_are_complete_where_those_of_all_servers_are() -> None:
    def told(servers: dict[str, list[str]], values: list[str], *, complete: bool) -> dict[str, Any]:
        extracted = extraction(servers, values={"env": values})
        extracted["fields"][0]["values_complete"] = complete
        return extracted

    fleet, part = {"prom-0": ["env"], "prom-1": ["env"]}, {"prom-0": ["env"]}
    document, readings, _report = run(Document(), {}, extraction({}))
    for servers, complete, expected in (
        (fleet, True, True),
        (part, True, True),
        (part, False, False),
        (part, True, False),
        (fleet, True, True),
    ):
        document, readings, _report = run(document, readings, told(servers, ["dev"], complete=complete))
        assert document.fields["env"]["values_complete"] is expected
    many = [f"v{number:03}" for number in range(VALUES_KEPT + 1)]
    for servers, values, expected in ((fleet, many[:-1], True), (part, many[-1:], False)):
        document, readings, _report = run(document, readings, told(servers, values, complete=True))
        assert document.fields["env"]["values"] == many[:VALUES_KEPT]
        assert document.fields["env"]["values_complete"] is expected


def test_roots_of_equal_rules_are_put_together() -> None:
    """The extraction puts the roots of all servers into one source; a run over some of them takes none of them away."""
    fleet = extraction({"prom-0": ["env"], "prom-1": ["env"]})
    fleet["fields"][0]["sources"][0]["from"] = ["__meta_a", "__meta_b"]
    document, readings, _report = run(Document(), {}, fleet)
    for server, root in (("prom-1", "__meta_b"), ("prom-0", "__meta_a")):
        ways = {(server, "env"): {"from": [root]}}
        document, readings, _report = run(document, readings, extraction({server: ["env"]}, ways=ways))
        assert [source["from"] for source in document.fields["env"]["sources"]] == [["__meta_a", "__meta_b"]]


@pytest.mark.parametrize("order", list(itertools.permutations(SERVERS[:3])))
def test_a_rule_stands_where_the_first_of_its_servers_has_it(order: tuple[str, ...]) -> None:
    lines = {server: number * 10 for number, server in enumerate(SERVERS, 1)}
    document, readings, _report = run(Document(), {}, extraction({}))
    for server in order:
        ways = {(server, "env"): {"line": lines[server], "file": f"/{server}.yml"}}
        document, readings, _report = run(document, readings, extraction({server: ["env"]}, ways=ways))
    [source] = document.fields["env"]["sources"]
    assert (source["servers"], source["file"], source["line"]) == (SERVERS[:3], "/prom-0.yml", 10)


def test_job_that_no_server_has_any_more_goes() -> None:
    ways = {(server, "env"): {"jobs": ["node", "old"]} for server in SERVERS}
    before = extraction({"prom-0": ["env"], "prom-1": ["env"]}, ways=ways)
    for server in before["servers"].values():
        server["jobs"] = ["node", "old"]
    document, readings, _report = run(Document(), {}, before)
    assert document.fields["env"]["sources"][0]["jobs"] == ["node", "old"]
    for server in ("prom-0", "prom-1"):
        document, readings, _report = run(document, readings, extraction({server: ["env"]}))
    assert document.fields["env"]["sources"] == [
        extraction({"prom-0": ["env"], "prom-1": ["env"]})["fields"][0]["sources"][0]
    ]


@pytest.mark.parametrize("status", ["unreachable", "denied", "timeout", "no_such_directory"])
def test_server_that_did_not_answer_is_as_before(status: str) -> None:
    document, readings, _report = run(Document(), {}, extraction({"prom-0": ["env"]}))
    silent = extraction({"prom-0": []}, status={"prom-0": status})
    same, after, report = run(document, readings, silent, orphans="remove", orphan_grace=timedelta(0))
    assert same.content() == document.content()
    assert after == readings
    assert report.silent == {"prom-0": status}


def test_unchanged_server_without_files_says_nothing() -> None:
    document, readings, _report = run(Document(), {}, extraction({"prom-0": ["env"]}))
    unchanged = extraction({"prom-0": []}, status={"prom-0": "unchanged"})
    unchanged["servers"]["prom-0"]["files"] = []
    same, after, report = run(document, readings, unchanged)
    assert (same.content(), after, report.silent) == (document.content(), readings, {"prom-0": "unchanged"})
    # With its files read from the mirror it is as good as one that sent them.
    whole = extraction({"prom-0": ["env"]}, status={"prom-0": "unchanged"})
    assert run(document, readings, whole)[1] == readings


def test_field_that_a_server_names_without_saying_more() -> None:
    """A name in a server's list that no entry of fields explains is known, but cannot be added."""
    extracted = extraction({"prom-0": ["env"]})
    extracted["servers"]["prom-0"]["fields"].append("mystery")
    document, _readings, report = run(Document(), {}, extracted)
    assert list(document.fields) == ["env"]
    assert report.missing == ["mystery"]


def test_answer_that_is_not_whole_takes_nothing_away() -> None:
    before = extraction({"prom-0": ["env", "os"]})
    document, readings, _report = run(Document(), {}, before)
    said = {"external_labels": {"site": "other"}, "jobs": ["other"], "files": ["/other.yml"], "config": "/other.yml"}
    for answer in ({}, said):
        partial = extraction({"prom-0": ["env"]}, status={"prom-0": "partial"})
        partial["servers"]["prom-0"] |= dict.fromkeys(said) | {"external_labels": {}, "jobs": [], "files": []} | answer
        _document, after, _report = run(document, readings, partial)
        assert {key: getattr(after["prom-0"], key) for key in said} == {
            key: before["servers"]["prom-0"][key] for key in said
        } | answer
        assert list(after["prom-0"].fields) == ["env", "os"]


def test_answer_that_is_not_whole_says_how_what_it_has_is_made() -> None:
    document, readings, _report = run(Document(), {}, extraction({"prom-0": ["env", "os"]}))
    ways = {("prom-0", "env"): {"regex": "new"}}
    partial = extraction({"prom-0": ["env"]}, status={"prom-0": "partial"}, ways=ways)
    document, _readings, _report = run(document, readings, partial)
    assert [source["regex"] for source in document.fields["env"]["sources"]] == ["new"]
    assert [source["servers"] for source in document.fields["os"]["sources"]] == [["prom-0"]]


def test_an_orphan_has_nobody_left() -> None:
    ways = {("prom-2", "env"): {"regex": "other"}}
    document, readings, _report = run(Document(), {}, extraction({key: ["env"] for key in SERVERS[:3]}, ways=ways))
    assert document.fields["env"]["ways"]
    document, _readings, report = run(document, readings, extraction({key: [] for key in SERVERS[:3]}))
    env = document.fields["env"]
    assert (env["status"], env["servers"], env["servers_count"], env["sources"]) == ("orphan", [], 0, [])
    assert "ways" not in env
    assert report.statuses == {"synced": 0, "outdated": 0, "orphan": 1, "missing": 0}


def test_new_fields_that_are_not_to_be_added_are_counted() -> None:
    _document, _readings, report = run(Document(), {}, extraction({"prom-0": ["env", "os"]}), new_fields="report")
    assert (report.missing, report.statuses["missing"]) == (["env", "os"], 2)


def test_servers_are_in_order_whatever_else_they_have() -> None:
    fleet = {"prom-0": ["env"], "prom-1": ["env", "os"], "prom-2": ["env"]}
    document, _readings, _report = run(Document(), {}, extraction(fleet))
    assert document.fields["env"]["servers"] == ["prom-0", "prom-1", "prom-2"]


def test_reading_without_a_time_is_written_anew() -> None:
    fleet = extraction({"prom-0": ["env"]})
    document, readings, _report = run(Document(), {}, fleet)
    readings["prom-0"].last_seen = "at noon"
    _document, after, _report = run(document, readings, fleet, touch_after=timedelta(days=1))
    assert after["prom-0"].last_seen == "2026-01-31T08:15:00+00:00"


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of the store's code it runs."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        if "_store" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(previous)
    return count


@pytest.mark.parametrize("grow", ["fields", "servers", "ways"])
def test_work_is_linear(grow: str) -> None:
    def work(size: int) -> int:
        fields = size if grow == "fields" else 20
        servers = size if grow != "fields" else 20
        names = [f"field{number}" for number in range(fields)]
        fleet = {f"prom-{number}": names for number in range(servers)}
        ways = {}
        if grow == "ways":
            ways = {(server, name): {"regex": f"{server}"} for server in fleet for name in names[:2]}
        extracted = extraction(fleet, ways=ways)
        document, readings, _report = run(Document(), {}, extracted)
        return lines_run(lambda: run(document, readings, extracted))

    small, large = work(40), work(160)
    assert large < small * 4 * 1.25
