# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store promises, on each of them: the same tests, and nothing that knows which one it is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    DOCUMENT_KEY,
    VALUE_LIMIT,
    Commit,
    Delete,
    Put,
    Store,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreForeignError,
    StoreTooLargeError,
    server_key,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import PROBLEMS_KEPT
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import read_fields
from tests.integration.store.looking import LATER, field, set_by_hand, view
from tests.support.fleets import NOW, extraction, publish_to, roll_back

# Keys, versions and commits.


def test_empty_store_reads_as_empty(store: Store) -> None:
    assert not store.read().entries
    assert store.read_document() is None


@pytest.mark.parametrize("name", ["prom-01", "a b", "a/b", "..", ".", "é", "ü" * 60, "%2F", "x?y#z&k=v", "::1", "+"])
def test_any_server_name_makes_a_key(store: Store, name: str) -> None:
    store.commit(Commit(first=[Put(server_key(name), b"{}", ABSENT)]))
    assert [found for found, _entry in store.read().under("servers/")] == [name]


def test_write_needs_the_version_that_was_read(store: Store) -> None:
    store.commit(Commit(document=Put(DOCUMENT_KEY, b"1", ABSENT)))
    first = store.read_document()
    assert first is not None
    store.commit(Commit(document=Put(DOCUMENT_KEY, b"2", first.version)))
    for stale in (first.version, ABSENT):
        with pytest.raises(StoreConflictError):
            store.commit(Commit(document=Put(DOCUMENT_KEY, b"3", stale)))
    with pytest.raises(StoreConflictError):
        store.commit(Commit(last=[Delete(DOCUMENT_KEY, first.version)]))
    second = store.read_document()
    assert second is not None
    assert second.value == b"2"
    store.commit(Commit(last=[Delete(DOCUMENT_KEY, second.version)]))
    assert store.read_document() is None


def test_conflict_on_one_key_writes_none(store: Store) -> None:
    store.commit(Commit(document=Put(DOCUMENT_KEY, b"1", ABSENT)))
    with pytest.raises(StoreConflictError) as conflict:
        store.commit(Commit(first=[Put("servers/a", b"{}", ABSENT)], document=Put(DOCUMENT_KEY, b"2", ABSENT)))
    assert not conflict.value.wrote
    assert set(store.read().entries) == {DOCUMENT_KEY}


@pytest.mark.parametrize("size", [0, VALUE_LIMIT * 3 // 4, VALUE_LIMIT])
def test_values_up_to_the_limit_fit(store: Store, size: int) -> None:
    value = b"x" * size
    store.commit(Commit(first=[Put("servers/a", value, ABSENT)], document=Put(DOCUMENT_KEY, value, ABSENT)))
    assert {entry.value for entry in store.read().entries.values()} == {value}


def test_many_keys_are_written_and_read_in_one_go(store: Store) -> None:
    first = [Put(f"servers/s{number}", str(number).encode() * 1000, ABSENT) for number in range(300)]
    store.commit(Commit(first=first, document=Put(DOCUMENT_KEY, b"{}", ABSENT)))
    before = store.requests
    snapshot = store.read()
    assert store.requests == before + 1
    assert {key: entry.value for key, entry in snapshot.entries.items()} == {
        **{put.key: put.value for put in first},
        DOCUMENT_KEY: b"{}",
    }


# Publishing.


def test_first_publish_then_nothing_to_do(store: Store) -> None:
    fleet = extraction({"prom-01": ["company", "env"], "prom-02": ["company"]})
    outcome = publish_to(store, fleet, now=NOW)
    assert outcome.changed
    assert outcome.plan.report.added == ["company", "env"]
    assert outcome.plan.report.servers == ["prom-01", "prom-02"]
    assert (outcome.plan.before["servers"], list(outcome.plan.after["servers"])) == ({}, ["prom-01", "prom-02"])
    before = store.read().entries
    requests = store.requests
    again = publish_to(store, fleet, now=LATER)
    assert not again.changed
    assert store.requests == requests + 1
    assert store.read().entries == before
    seen = view(store)
    assert seen["age"] == 3600
    assert [item["name"] for item in seen["fields"]] == ["company", "env"]
    assert seen["servers"]["prom-01"]["fields"] == ["company", "env"]
    company = field(store, "company")
    assert company["servers"] == ["prom-01", "prom-02"]
    assert company["sources"][0]["servers"] == ["prom-01", "prom-02"]
    assert company["display_name"] == "company"
    assert company["first_seen"] == company["last_seen"] == "2026-01-31T08:15:00+00:00"


@pytest.mark.parametrize("detail", ["full", "shared"])
def test_last_seen_is_when_a_server_with_the_field_was_heard(store: Store, detail: str) -> None:
    publish_to(store, extraction({"prom-01": ["company"], "prom-02": ["company", "env"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["company", "rack"]}), now=LATER, manner={"detail": detail})
    published = read_fields(store, LATER)
    assert published is not None
    for fields in (published["fields"], view(store)["fields"]):
        assert {item["name"]: item["last_seen"] for item in fields} == {
            "company": "2026-01-31T09:15:00+00:00",
            "env": "2026-01-31T08:15:00+00:00",
            "rack": "2026-01-31T09:15:00+00:00",
        }


def test_check_mode_writes_nothing(store: Store) -> None:
    outcome = publish_to(store, extraction({"prom-01": ["company"]}), check_mode=True)
    assert outcome.changed
    assert outcome.plan.report.added == ["company"]
    assert outcome.plan.after["fields"]["company"]["status"] == "synced"
    assert not store.read().entries


def test_slices_end_in_the_same_document_as_one_run(store: Store, tmp_path: Path) -> None:
    servers = {f"prom-{n}": ["company", "env", f"own{n % 3}"] for n in range(6)}
    ways = {(f"prom-{n}", "env"): {"regex": "(prod|dev)"} for n in range(2)}
    for names in (["prom-3", "prom-1"], ["prom-0", "prom-5"], ["prom-2", "prom-4"]):
        publish_to(store, extraction({name: servers[name] for name in names}, ways=ways), now=NOW)
    whole = DirectoryStore(str(tmp_path / "whole"))
    publish_to(whole, extraction(servers, ways=ways), now=NOW)
    sliced, once = view(store), view(whole)
    for part in ("fields", "servers", "statuses"):
        assert sliced[part] == once[part]


def test_presentation_is_never_overwritten(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company", "env"]}))
    set_by_hand(store, "company", display_name="Empresa", required=True, options=["a", "b"], own_attribute={"x": [1]})
    fleet = extraction({"prom-01": ["company", "env", "new"]}, ways={("prom-01", "company"): {"regex": "x"}})
    outcome = publish_to(store, fleet, defaults={"display_name": "default", "category": "auto"})
    assert outcome.plan.report.updated == ["company"]
    company = field(store, "company")
    assert company["regex"] == "x"
    assert (company["display_name"], company["required"], company["options"]) == ("Empresa", True, ["a", "b"])
    assert company["own_attribute"] == {"x": [1]}
    assert (field(store, "new")["display_name"], field(store, "new")["category"]) == ("default", "auto")


def test_server_that_does_not_answer_keeps_its_last_word(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"], "prom-02": ["rack"]}), now=NOW)
    silent = extraction({"prom-01": ["company"], "prom-02": []}, status={"prom-02": "unreachable"})
    outcome = publish_to(store, silent, now=LATER)
    assert not outcome.changed
    assert outcome.plan.report.silent == {"prom-02": "unreachable"}
    assert field(store, "rack")["status"] == "synced"
    assert view(store)["servers"]["prom-02"]["last_seen"] == "2026-01-31T08:15:00+00:00"


def test_a_refused_configuration_orphans_nothing(store: Store) -> None:
    """A Prometheus that would not load the new configuration still runs the one before it."""
    publish_to(store, extraction({"prom-01": ["company", "env"], "prom-02": ["env"]}))
    broken = extraction({"prom-01": [], "prom-02": ["env"]})
    broken["servers"]["prom-01"]["config"] = "refused"
    publish_to(store, broken)
    assert field(store, "company")["status"] == "synced"
    # Once it loads again, its word counts.
    publish_to(store, extraction({"prom-01": ["env"], "prom-02": ["env"]}))
    assert field(store, "company")["status"] == "orphan"


def test_a_file_that_is_refused_orphans_nothing(store: Store) -> None:
    """A Prometheus keeps the rules and targets of before where it would not load the new ones."""
    publish_to(store, extraction({"prom-01": ["company", "env"], "prom-02": ["env"]}))
    broken = extraction({"prom-01": ["env", "rack"], "prom-02": ["env"]})
    problem = {"file": "/etc/prometheus/rules.yml", "line": 3, "message": "is not valid YAML"}
    warnings = [{**problem, "line": line, "severity": "warning"} for line in range(PROBLEMS_KEPT)]
    broken["servers"]["prom-01"]["problems"] = [*warnings, {**problem, "severity": "error"}]
    publish_to(store, broken)
    assert [field(store, name)["status"] for name in ("company", "env", "rack")] == ["synced"] * 3
    assert view(store)["servers"]["prom-01"]["fields"] == ["company", "env", "rack"]
    # What is merely odd does not count.
    broken["servers"]["prom-01"]["problems"] = warnings
    publish_to(store, broken)
    assert field(store, "company")["status"] == "orphan"


def without_config(*servers: str) -> dict[str, Any]:
    """What an extraction says of servers that answered, and on which no main config was found."""
    extracted = extraction({server: [] for server in servers})
    for server in servers:
        problem = {"file": "prometheus.yml", "line": 0, "message": "not found", "severity": "warning"}
        extracted["servers"][server] |= {"config": "missing", "files": [], "jobs": [], "problems": [problem]}
    return extracted


@pytest.mark.parametrize("status", ["ok", "unchanged"])
def test_a_missing_configuration_orphans_nothing(store: Store, status: str) -> None:
    """It is rather the sweep that looked in the wrong place; whoever means it forgets the server."""
    publish_to(store, extraction({"prom-01": ["company", "env"], "prom-02": ["company"]}))
    missing = without_config("prom-01", "prom-03")
    missing["servers"]["prom-01"]["status"] = status
    for _round in range(2):
        outcome = publish_to(store, missing, orphans="remove", orphan_grace=timedelta(0))
        assert outcome.plan.report.unfound == ["prom-01"]
        assert (outcome.plan.report.orphaned, outcome.plan.report.removed) == ([], [])
    assert not outcome.changed
    read = view(store)["servers"]
    assert (read["prom-01"]["fields"], read["prom-01"]["config"]) == (["company", "env"], "missing")
    assert read["prom-01"]["problems"][0]["message"] == "not found"
    assert read["prom-03"]["fields"] == []
    assert field(store, "env")["sources"][0]["servers"] == ["prom-01"]

    back = publish_to(store, extraction({"prom-01": ["company"], "prom-02": ["company"]}))
    assert (back.plan.report.orphaned, back.plan.report.unfound) == (["env"], [])


def test_a_server_without_a_configuration_can_be_forgotten_though_it_answers(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company", "env"], "prom-02": ["company"]}))
    outcome = publish_to(store, without_config("prom-01"), forget=["prom-01"])
    assert (outcome.plan.report.forgotten, outcome.plan.report.unfound) == (["prom-01"], [])
    assert outcome.plan.report.orphaned == ["env"]
    assert view(store)["servers"]["prom-01"]["fields"] == []
    again = publish_to(store, without_config("prom-01"), forget=["prom-01"])
    assert (again.changed, again.plan.report.forgotten) == (False, [])


def test_partial_answer_orphans_nothing(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company", "rack"]}))
    partial = extraction({"prom-01": ["company", "env"]}, status={"prom-01": "partial"})
    publish_to(store, partial)
    assert {item["name"]: item["status"] for item in view(store)["fields"]} == {
        "company": "synced",
        "env": "synced",
        "rack": "synced",
    }
    assert field(store, "rack")["sources"][0]["servers"] == ["prom-01"]


def test_orphan_only_when_every_server_answered_without_it(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["rack"], "prom-02": ["rack"]}), now=NOW)
    outcome = publish_to(store, extraction({"prom-01": []}), now=NOW + timedelta(days=1))
    assert outcome.plan.report.orphaned == []
    assert field(store, "rack")["servers"] == ["prom-02"]
    outcome = publish_to(store, extraction({"prom-02": []}), now=NOW + timedelta(days=2))
    assert outcome.plan.report.orphaned == ["rack"]
    rack = field(store, "rack")
    assert rack["status"] == "orphan"
    assert rack["orphaned_since"] == "2026-02-02T08:15:00+00:00"
    assert rack["last_seen"] == "2026-01-31T08:15:00+00:00"
    outcome = publish_to(store, extraction({"prom-02": ["rack"]}), now=NOW + timedelta(days=3))
    assert outcome.plan.report.returned == ["rack"]
    rack = field(store, "rack")
    assert rack["status"] == "synced"
    assert rack["orphaned_since"] is None
    assert rack["first_seen"] == "2026-01-31T08:15:00+00:00"


def test_orphans_are_removed_after_their_grace(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["rack", "company"]}), now=NOW)
    gone = extraction({"prom-01": ["company"]})
    publish_to(store, gone, now=NOW, orphans="remove")
    early = publish_to(store, gone, now=NOW + timedelta(days=6, hours=23), orphans="remove")
    assert not early.changed
    late = publish_to(store, gone, now=NOW + timedelta(days=7), orphans="remove")
    assert late.plan.report.removed == ["rack"]
    assert [item["name"] for item in view(store)["fields"]] == ["company"]


def test_new_fields_are_reported_and_not_written(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"]}))
    fleet = extraction({"prom-01": ["company", "tenant"]})
    outcome = publish_to(store, fleet, new_fields="report")
    assert outcome.plan.report.missing == ["tenant"]
    document = store.read_document()
    assert document is not None
    assert b"tenant" not in document.value
    assert view(store)["missing"] == ["tenant"]
    assert view(store)["statuses"] == {"synced": 1, "outdated": 0, "orphan": 0, "missing": 1}
    outcome = publish_to(store, fleet)
    assert outcome.plan.report.added == ["tenant"]


def test_server_is_forgotten_by_name_only(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"], "prom-02": ["rack"]}))
    publish_to(store, extraction({"prom-01": ["company"]}))
    assert "prom-02" in view(store)["servers"]
    outcome = publish_to(store, extraction({}), forget=["prom-02", "never-there"])
    assert outcome.plan.report.forgotten == ["prom-02"]
    assert list(view(store)["servers"]) == ["prom-01"]
    assert field(store, "rack")["status"] == "orphan"
    with pytest.raises(StoreError, match="answered in this very sweep"):
        publish_to(store, extraction({"prom-01": ["company"]}), forget=["prom-01"])


def test_touch_after_refreshes_old_readings(store: Store) -> None:
    fleet = extraction({"prom-01": ["company"]})
    publish_to(store, fleet, now=NOW)
    assert not publish_to(store, fleet, now=NOW + timedelta(hours=5), touch_after=timedelta(hours=6)).changed
    assert publish_to(store, fleet, now=NOW + timedelta(hours=7), touch_after=timedelta(hours=6)).changed
    assert view(store)["servers"]["prom-01"]["last_seen"] == "2026-01-31T15:15:00+00:00"
    assert view(store)["last_updated"].startswith("2026-01-31T15:15:00")


# Ownership of the technical part.


def test_conflict_is_reported_and_what_is_stored_is_kept(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "old"}}))
    set_by_hand(store, "os", regex="by hand")
    fleet = extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "new", "replacement": "$1!"}})
    for _round in range(2):
        outcome = publish_to(store, fleet)
        assert [(c["attribute"], c["stored"], c["swept"], c["kept"]) for c in outcome.plan.report.conflicts] == [
            ("regex", "by hand", "new", "stored")
        ]
    assert not outcome.changed
    kept = field(store, "os")
    assert (kept["regex"], kept["replacement"], kept["status"]) == ("by hand", "$1!", "outdated")
    assert publish_to(store, fleet, on_conflict="store").plan.report.statuses["outdated"] == 1
    publish_to(store, fleet, on_conflict="sweep")
    assert (field(store, "os")["regex"], field(store, "os")["status"]) == ("new", "synced")
    assert publish_to(store, fleet).plan.report.conflicts == []


def test_conflict_shows_all_three_views(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "old"}}))
    set_by_hand(store, "os", regex="by hand")
    publish_to(store, extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "old"}}))
    outcome = publish_to(store, extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "new"}}))
    assert outcome.plan.report.conflicts == [
        {
            "field": "os",
            "attribute": "regex",
            "last_swept": "old",
            "stored": "by hand",
            "swept": "new",
            "kept": "stored",
        }
    ]


def test_edit_outlives_runs_over_other_servers(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["os"], "prom-02": ["os", "company"]}))
    set_by_hand(store, "os", source_label="by_hand")
    publish_to(store, extraction({"prom-03": ["company"]}))
    publish_to(store, extraction({"prom-02": ["company"]}))
    assert field(store, "os")["source_label"] == "by_hand"


# What is not ours.


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"not json", "not JSON"),
        (b"[1]", "not an object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a": 1}', "not a document"),
        (b'{"version": "2.0.0", "fields": [{"x": 1}]}', "without a name"),
    ],
)
def test_foreign_document_is_refused_and_adopted_only_after_saving(store: Store, value: bytes, message: str) -> None:
    store.commit(Commit(document=Put(DOCUMENT_KEY, value, ABSENT)))
    fleet = extraction({"prom-01": ["company"]})
    with pytest.raises(StoreForeignError, match=message):
        publish_to(store, fleet)
    assert {key: entry.value for key, entry in store.read().entries.items()} == {DOCUMENT_KEY: value}
    publish_to(store, fleet, manner={"adopt": True})
    assert [item["name"] for item in view(store)["fields"]] == ["company"]
    [saved] = view(store)["history"]
    assert not saved["restorable"]
    assert value in [entry.value for entry in store.read().entries.values()]


def test_foreign_reading_is_refused_and_adopted_only_after_saving(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"]}))
    store.commit(Commit(first=[Put("servers/other", b"mine", ABSENT), Put("servers/prom-02", b'{"a":1}', ABSENT)]))
    before = store.read().entries
    fleet = extraction({"prom-02": ["env"]})
    with pytest.raises(StoreForeignError, match="servers/"):
        publish_to(store, fleet)
    assert store.read().entries == before
    publish_to(store, fleet, manner={"adopt": True})
    assert list(view(store)["servers"]) == ["prom-01", "prom-02"]
    values = [entry.value for entry in store.read().entries.values()]
    assert b"mine" in values
    assert b'{"a":1}' in values


def test_newer_document_is_refused(store: Store) -> None:
    value = b'{"version": "2.2.0", "fields": []}'
    store.commit(Commit(document=Put(DOCUMENT_KEY, value, ABSENT)))
    for adopt in (False, True):
        with pytest.raises(StoreForeignError, match="update the collection"):
            publish_to(store, extraction({"prom-01": ["company"]}), manner={"adopt": adopt})
    assert {key: entry.value for key, entry in store.read().entries.items()} == {DOCUMENT_KEY: value}


def test_part_of_a_store_is_not_taken_for_the_whole(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"], "prom-02": ["rack"]}))
    lost = store.read().entries[server_key("prom-02")]
    store.commit(Commit(last=[Delete(server_key("prom-02"), lost.version)]))
    before = store.read().entries
    with pytest.raises(StoreDeniedError, match=r"prom-02.*forget_servers"):
        publish_to(store, extraction({"prom-01": []}))
    assert store.read().entries == before
    publish_to(store, extraction({"prom-01": []}), forget=["prom-02"])
    assert list(view(store)["servers"]) == ["prom-01"]


def test_newer_reading_is_refused(store: Store) -> None:
    value = b'{"version": "2.2.0", "server": "prom-01", "fields": {}, "new": 1}'
    store.commit(Commit(first=[Put(server_key("prom-01"), value, ABSENT)]))
    for adopt in (False, True):
        with pytest.raises(StoreForeignError, match="update the collection"):
            publish_to(store, extraction({"prom-02": ["company"]}), manner={"adopt": adopt})
    assert [entry.value for entry in store.read().entries.values()] == [value]


@pytest.mark.parametrize(("name", "message"), [("", "a server without a name"), ("prom-\udce9", "which is not text")])
def test_server_whose_name_makes_no_key_is_refused(store: Store, name: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        publish_to(store, extraction({name: ["company"], "prom-01": ["company"]}))
    assert store.read().entries == {}


def test_reading_that_was_deleted_by_hand_comes_with_the_next_answer(store: Store) -> None:
    fleet = extraction({"prom-01": ["company"], "prom-02": ["rack"]})
    publish_to(store, fleet, now=NOW)
    set_by_hand(store, "rack", display_name="Rack")
    store.commit(Commit(last=[Delete(server_key("prom-02"), store.read().version(server_key("prom-02")))]))
    some = extraction({"prom-02": []}, status={"prom-02": "partial"})
    with pytest.raises(StoreDeniedError, match=r"prom-02.*a sweep in which these servers answer"):
        publish_to(store, some, now=LATER)
    publish_to(store, fleet, now=LATER)
    assert list(view(store)["servers"]) == ["prom-01", "prom-02"]
    assert (field(store, "rack")["status"], field(store, "rack")["display_name"]) == ("synced", "Rack")
    assert not publish_to(store, fleet, now=LATER).changed


def test_half_a_character_set_by_hand_is_kept(store: Store) -> None:
    """JavaScript cuts an emoji in two, and writes it as an escape."""
    publish_to(store, extraction({"prom-01": ["company"]}), now=NOW)
    set_by_hand(store, "company", display_name="half \ud83d", description="whole \U0001f600 \\ud83d")
    publish_to(store, extraction({"prom-01": ["company", "env"]}), now=LATER)
    kept = field(store, "company")
    assert (kept["display_name"], kept["description"]) == ("half \ud83d", "whole \U0001f600 \\ud83d")
    entry = store.read_document()
    assert entry is not None
    assert b"half \\ud83d" in entry.value
    assert "whole \U0001f600".encode() in entry.value


def test_keys_that_are_not_ours_stay(consul_store: ConsulStore) -> None:
    store = consul_store
    foreign = {"other": b"1", "servers/a/b": b"2", "history/x/y": b"3", "history/000-notes": b"4"}
    # Names are quoted in one way only, and Consul's own page makes a folder by a key that ends in a slash.
    foreign |= {"servers/100%": b"5", "servers/%41": b"6", "servers/a%2fb": b"7"}
    foreign |= {"": b"", "servers/": b"", "history/": b"", "history/folder/": b""}
    for key, value in foreign.items():
        store.commit(Commit(first=[Put(key, value, ABSENT)]))
    for names in (["company"], ["company", "env"], ["company"]):
        publish_to(store, extraction({"prom-01": names}), manner={"history_keep": 1})
    assert list(view(store)["servers"]) == ["prom-01"]
    publish_to(store, extraction({"prom-01": ["env"]}), manner={"adopt": True})
    roll_back(store, history_keep=1)
    assert [row["entry"] for row in view(store)["history"] if not row["restorable"]] == ["000-notes"]
    entries = store.read().entries
    assert {key: entries[key].value for key in foreign} == foreign


# Size.


def test_document_that_is_too_large_is_refused_whole(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"]}))
    names = [f"field_{number:04d}" for number in range(700)]
    set_by_hand(store, "company", description="x" * 300_000)
    before = store.read().entries
    with pytest.raises(StoreTooLargeError, match=r"largest fields: company \(.*Nothing was written"):
        publish_to(store, extraction({"prom-01": ["company", *names]}), defaults={"description": "y" * 400})
    assert store.read().entries == before


def test_reading_that_is_too_large_names_its_server(store: Store) -> None:
    fleet = extraction({"prom-01": ["company"], "prom-02": ["company"]})
    fleet["servers"]["prom-02"]["files"] = [
        f"/etc/prometheus/rules/{number:05d}/{'x' * 80}.yml" for number in range(5000)
    ]
    with pytest.raises(StoreTooLargeError, match=r"prom-02 is its files \(5\d\d KiB\)"):
        publish_to(store, fleet)
    assert not store.read().entries


def test_lists_of_servers_are_shared_before_anything_is_left_out(store: Store) -> None:
    servers = {f"prometheus-{n:03d}.example.com": [f"field{m}" for m in range(60)] for n in range(200)}
    fleet = extraction(servers)
    outcome = publish_to(store, fleet)
    assert outcome.plan.document.detail == "shared"
    document = store.read_document()
    assert document is not None
    data = json.loads(document.value)
    assert len(document.value) < VALUE_LIMIT
    key = data["fields"][0]["servers"]
    assert data["server_sets"][key] == sorted(servers)
    assert field(store, "field7")["sources"][0]["servers"] == sorted(servers)
    assert not publish_to(store, fleet).changed
    some = dict(list(servers.items())[:3])
    assert not publish_to(store, extraction(some)).changed


def test_two_thousand_fields_fit_without_their_sources(store: Store) -> None:
    servers = {f"prom-{n:03d}": [f"field_{m:04d}" for m in range(n % 20, 2000, 20)] for n in range(200)}
    fleet = extraction(servers)
    outcome = publish_to(store, fleet)
    assert outcome.plan.document.detail == "brief"
    published = read_fields(store, LATER)
    assert published is not None
    assert len(published["fields"]) == 2000
    # What was left out for being at its default is there for our readers.
    assert published["fields"][0]["display_name"] == "field_0000"
    assert "sources" not in published["fields"][0]
    assert not publish_to(store, fleet).changed
    set_by_hand(store, "field_0007", display_name="Seven", placeholder="x")
    publish_to(store, extraction({"prom-007": []}))
    seven = field(store, "field_0007")
    assert (seven["display_name"], seven["placeholder"], seven["servers_count"]) == ("Seven", "x", 9)


def test_brief_document_stays_brief_until_the_whole_fleet_is_swept(store: Store) -> None:
    fleet = extraction({"prom-01": ["company"], "prom-02": ["company"]})
    publish_to(store, fleet, manner={"detail": "brief"})
    assert publish_to(store, extraction({"prom-01": ["company"]})).plan.document.detail == "brief"
    assert publish_to(store, fleet).plan.document.detail == "full"
    assert field(store, "company")["sources"][0]["servers"] == ["prom-01", "prom-02"]
