# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier versions, and what was there before ours, on each of the stores."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    DOCUMENT_KEY,
    Commit,
    Delete,
    Put,
    Store,
    StoreDeniedError,
    StoreError,
    StoreForeignError,
    history_key,
    server_key,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import compact
from tests.integration.store.looking import LATER, field, set_by_hand, view
from tests.support.fleets import NOW, extraction, publish_to, roll_back

NO = timedelta(0)
SEED = Path(__file__).resolve().parents[4] / "shared" / "ancestor-fields.json"


def test_history_keeps_the_last_versions_and_restores_them(store: Store) -> None:
    for number in range(6):
        names = [f"field{n}" for n in range(number + 1)]
        fleet = extraction({"prom-01": names})
        publish_to(store, fleet, now=NOW + timedelta(minutes=number), manner={"history_keep": 3})
    rows = view(store)["history"]
    assert [row["fields"] for row in rows] == [5, 4, 3]
    assert all(row["restorable"] for row in rows)
    outcome = roll_back(store, rows[2]["entry"], now=LATER)
    assert outcome.plan.restored == rows[2]["entry"]
    assert outcome.plan.report.removed == outcome.plan.report.missing == ["field3", "field4", "field5"]
    assert outcome.plan.report.updated == []
    assert outcome.plan.report.statuses == {"synced": 3, "outdated": 0, "orphan": 0, "missing": 3}
    assert [item["name"] for item in view(store)["fields"]] == ["field0", "field1", "field2"]
    assert not roll_back(store, rows[2]["entry"], now=LATER).changed
    # Going back is itself undone by going back.
    roll_back(store, now=LATER)
    assert len(view(store)["fields"]) == 6


def test_rollback_restores_presentation_and_technical_part(store: Store) -> None:
    old = extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "old"}})
    new = extraction({"prom-01": ["os"]}, ways={("prom-01", "os"): {"regex": "new", "line": 99}})
    publish_to(store, old, now=NOW)
    set_by_hand(store, "os", display_name="System")
    publish_to(store, new, now=NOW + timedelta(minutes=1))
    set_by_hand(store, "os", display_name="spoiled")
    checked = roll_back(store, now=LATER, check_mode=True)
    assert checked.changed
    assert field(store, "os")["display_name"] == "spoiled"
    assert roll_back(store, now=LATER).plan.report.updated == ["os"]
    back = field(store, "os")
    assert (back["display_name"], back["regex"], back["status"]) == ("System", "old", "outdated")
    assert [source["line"] for source in back["sources"]] == [99]
    # A run over any other part of the fleet knows enough to bring the technical part up to date.
    publish_to(store, extraction({"prom-02": []}), now=LATER)
    assert (field(store, "os")["regex"], field(store, "os")["status"]) == ("new", "synced")
    assert field(store, "os")["display_name"] == "System"


def test_history_is_in_order_whatever_the_clocks_say(store: Store) -> None:
    """A controller a day ahead publishes first, and then one whose clock is right."""
    ahead = NOW + timedelta(days=1)
    for moment, names in ((ahead, ["a"]), (ahead, ["b"]), (NOW, ["c"]), (NOW, ["d"])):
        publish_to(store, extraction({"prom-01": names}), now=moment, manner={"history_keep": 2}, orphans="remove")
    assert [row["fields"] for row in view(store)["history"]] == [3, 2]
    roll_back(store, now=NOW)
    assert [item["name"] for item in view(store)["fields"]] == ["a", "b", "c"]


def test_rollback_without_history_says_so(store: Store) -> None:
    with pytest.raises(StoreError, match="history is empty"):
        roll_back(store)
    publish_to(store, extraction({"prom-01": ["a"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["a", "b"]}), now=LATER)
    with pytest.raises(StoreError, match=r"no entry yesterday .*There are: 20260131T081500"):
        roll_back(store, "yesterday")


def test_rollback_goes_back_to_what_it_can_restore(store: Store) -> None:
    """Versions that differ in who has a field alone are passed over: to go back to one would do nothing, for ever."""
    fleet = {"prom-01": ["a"], "prom-02": ["a"], "prom-03": ["a"]}
    publish_to(store, extraction({"prom-01": ["a", "old"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["a"]}), now=NOW + timedelta(minutes=1), orphans="remove", orphan_grace=NO)
    for number, server in enumerate(fleet):
        part = extraction({server: ["a"]})
        publish_to(store, part, now=NOW + timedelta(minutes=2 + number))
    outcome = roll_back(store, now=LATER)
    assert (outcome.changed, outcome.plan.restored) == (True, view(store)["history"][-1]["entry"])
    assert outcome.plan.report.added == ["old"]
    # Again: to where the first one started.
    assert roll_back(store, now=LATER + timedelta(minutes=1)).plan.report.removed == ["old"]
    set_by_hand(store, "a", display_name="A")
    assert roll_back(store, now=LATER + timedelta(minutes=2)).changed
    assert field(store, "a")["display_name"] == "a"


def test_rollback_with_nothing_to_restore_writes_nothing(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["a"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["a"], "prom-02": ["a"]}), now=NOW + timedelta(minutes=1))
    before = store.read().entries
    [row] = view(store)["history"]
    for wanted in (None, row["entry"]):
        outcome = roll_back(store, wanted, now=LATER)
        assert (outcome.changed, outcome.plan.restored) == (False, row["entry"])
    assert store.read().entries == before


def test_rollback_forgets_the_servers_that_it_is_told_to(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["a"], "prom-02": ["a"], "prom-03": ["a"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["a", "b"]}), now=NOW + timedelta(minutes=1))
    store.commit(Commit(last=[Delete(server_key("prom-02"), store.read().version(server_key("prom-02")))]))
    with pytest.raises(StoreDeniedError, match=r"prom-02.*forget_servers"):
        roll_back(store, now=LATER)
    outcome = roll_back(store, now=LATER, forget=["prom-02", "prom-03"])
    assert outcome.plan.report.forgotten == ["prom-03"]
    assert list(view(store)["servers"]) == ["prom-01"]
    assert field(store, "a")["servers"] == ["prom-01"]


def test_document_that_was_deleted_comes_back_with_what_people_set(store: Store) -> None:
    """By a part of the fleet, whose runs alone would know nothing of the rest."""
    publish_to(store, extraction({"prom-01": ["os"], "prom-02": ["env", "os"], "prom-03": ["os"]}), now=NOW)
    set_by_hand(store, "env", display_name="Ambiente")
    part = extraction({"prom-01": ["os", "rack"]})
    publish_to(store, part, now=NOW + timedelta(minutes=1))
    # The newest version names a server that was forgotten since.
    publish_to(store, extraction({"prom-01": ["os"]}), now=NOW + timedelta(minutes=2), forget=["prom-03"])
    newest = view(store)["history"][0]["entry"]
    store.commit(Commit(last=[Delete(DOCUMENT_KEY, store.read().version(DOCUMENT_KEY))]))

    checked = publish_to(store, part, now=LATER, check_mode=True)
    assert (checked.changed, view(store)["exists"]) == (True, False)
    outcome = publish_to(store, part, now=LATER)
    assert (outcome.changed, outcome.plan.restored) == (True, newest)
    assert checked.plan.after == outcome.plan.after
    assert outcome.plan.before["fields"] == {}
    assert sorted(outcome.plan.after["fields"]) == ["env", "os", "rack"]
    env = field(store, "env")
    assert (env["display_name"], env["status"], env["servers"]) == ("Ambiente", "synced", ["prom-02"])
    assert [source["servers"] for source in env["sources"]] == [["prom-02"]]
    assert (view(store)["lost"], view(store)["missing"]) == ([], [])
    again = publish_to(store, part, now=LATER)
    assert (again.changed, again.plan.restored) == (False, None)


def test_document_that_was_deleted_comes_from_the_newest_version_that_can_be_read(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["os"]}), now=NOW)
    set_by_hand(store, "os", display_name="System")
    publish_to(store, extraction({"prom-01": ["env", "os"]}), now=NOW + timedelta(minutes=1))
    [kept] = view(store)["history"]
    store.commit(
        Commit(
            first=[Put(history_key("20990101T000000.000000Z"), b"{", ABSENT)],
            last=[Delete(DOCUMENT_KEY, store.read().version(DOCUMENT_KEY))],
        )
    )
    outcome = publish_to(store, extraction({"prom-01": ["env", "os"]}), now=LATER)
    assert (outcome.plan.restored, outcome.plan.report.added) == (kept["entry"], ["env"])
    assert field(store, "os")["display_name"] == "System"


def test_broken_entry_is_not_restored(store: Store) -> None:
    for number, names in enumerate((["a"], ["b"], ["c"])):
        publish_to(store, extraction({"prom-01": names}), now=NOW + timedelta(minutes=number))
    newest, oldest = (row["entry"] for row in view(store)["history"])
    key = history_key(newest)
    store.commit(Commit(first=[Put(key, b"{broken", store.read().version(key))]))
    with pytest.raises(StoreForeignError, match=rf"not JSON\. It cannot be restored: .*There are: {oldest}\.$"):
        roll_back(store)
    assert roll_back(store, oldest).changed


def test_rollback_to_a_version_in_which_a_field_was_an_orphan(store: Store) -> None:
    for number, names in enumerate((["a", "b"], ["b"], ["a", "b"])):
        publish_to(store, extraction({"prom-01": names}), now=NOW + timedelta(minutes=number))
    orphaned = view(store)["history"][0]["entry"]
    set_by_hand(store, "b", display_name="B")
    assert roll_back(store, orphaned, now=LATER).changed
    a = field(store, "a")
    assert (a["status"], a["servers"]) == ("synced", ["prom-01"])
    entry = store.read_document()
    assert entry is not None
    [stored] = [item for item in json.loads(entry.value)["fields"] if item["name"] == "a"]
    assert not {"orphaned_since", "last_seen"} & stored.keys()


def test_rollback_replaces_what_is_not_ours_only_where_it_may(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["a"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["a", "b"]}), now=NOW + timedelta(minutes=1))
    store.commit(Commit(first=[Put("servers/other", b"mine", ABSENT)]))
    before = store.read().entries
    with pytest.raises(StoreForeignError, match="servers/other"):
        roll_back(store, now=LATER)
    assert store.read().entries == before
    assert roll_back(store, now=LATER, adopt=True).plan.report.removed == ["b"]
    assert [key.partition("/")[0] for key, entry in store.read().entries.items() if entry.value == b"mine"] == [
        "history"
    ]


def test_rollback_gives_back_what_people_note_in_the_document(store: Store) -> None:
    for number, owner in enumerate(("one", "two")):
        publish_to(store, extraction({f"prom-{number}": ["a"]}), now=NOW + timedelta(minutes=number))
        note(store, owner=owner)
    publish_to(store, extraction({"prom-2": ["a"]}), now=NOW + timedelta(minutes=2))
    assert roll_back(store, now=LATER).changed
    entry = store.read_document()
    assert entry is not None
    assert json.loads(entry.value)["owner"] == "one"


def note(store: Store, **notes: str) -> None:
    entry = store.read_document()
    assert entry is not None
    value = json.dumps({**json.loads(entry.value), **notes}).encode()
    store.commit(Commit(document=Put(DOCUMENT_KEY, value, entry.version)))


def test_no_history_where_none_is_wanted(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["a"]}), now=NOW)
    publish_to(store, extraction({"prom-01": ["a", "b"]}), now=LATER, manner={"history_keep": 0})
    assert view(store)["history"] == []


# The older form.


@pytest.mark.skipif(not SEED.is_file(), reason=f"{SEED} is not here")
def test_document_of_the_older_form_is_taken_over(store: Store) -> None:
    value = SEED.read_bytes()
    older = json.loads(value)
    store.commit(Commit(document=Put(DOCUMENT_KEY, value, ABSENT)))
    unpublished = view(store)
    assert unpublished["servers"]["203.0.113.21"]["external_labels"] == {"site": "dtc", "cluster": "dtc-cluster"}
    assert len(unpublished["fields"]) == len(older["fields"])
    fleet = extraction({"198.51.100.26": ["vendor", "region", "company", "rack"]})
    outcome = publish_to(store, fleet, now=NOW)
    assert outcome.plan.report.added == ["rack"]
    entry = store.read_document()
    assert entry is not None
    data = json.loads(entry.value)
    by_name = {item["name"]: item for item in data["fields"]}
    technical = {"source_label", "regex", "replacement"}
    for item in older["fields"]:
        for key, attribute in item.items():
            if key not in technical:
                assert by_name[item["name"]][key] == attribute, (item["name"], key)
    # What was there first can be had back, byte by byte.
    assert value in [saved.value for saved in store.read().entries.values()]
    # Readers of the older form find what they look for, new fields included.
    assert data["total_fields"] == len(data["fields"]) == 11
    assert set(older) <= set(data)
    assert all(set(older["fields"][0]) <= set(item) for item in data["fields"])
    status = data["extraction_status"]
    assert (status["total_servers"], status["successful_servers"]) == (3, 3)
    assert [row["hostname"] for row in status["server_status"]] == ["198.51.100.14", "198.51.100.26", "203.0.113.21"]
    for row in status["server_status"]:
        assert set(older["extraction_status"]["server_status"][0]) <= set(row)
        assert row["fields_count"] == len(row["fields"])
        assert all({"name", "source_label", "regex", "replacement"} <= set(item) for item in row["fields"])
    for before in older["extraction_status"]["server_status"]:
        [row] = [row for row in status["server_status"] if row["hostname"] == before["hostname"]]
        swept = row["hostname"] in fleet["servers"]
        assert row["port"] == before["port"]
        assert row["duration_ms"] == (None if swept else before["duration_ms"])
        if not swept:
            assert sorted(row["fields"], key=compact) == sorted(before["fields"], key=compact)
    # A server that did not answer yet still has what the older document says of it.
    assert by_name["os"]["status"] == "synced"
    assert by_name["os"]["servers"] == ["198.51.100.14", "203.0.113.21"]
    assert by_name["testeCampo8"]["status"] == "orphan"
    assert not publish_to(store, fleet, now=LATER).changed
    publish_to(store, extraction({}), forget=["198.51.100.14", "203.0.113.21"])
    assert field(store, "os")["status"] == "orphan"
    # A rollback goes to the older form too, and gives it what it does not have.
    oldest = view(store)["history"][-1]["entry"]
    roll_back(store, oldest, now=LATER)
    assert [item["name"] for item in view(store)["fields"]] == sorted(item["name"] for item in older["fields"])
    assert all(item["first_seen"] and item["status"] for item in view(store)["fields"])
    assert not roll_back(store, oldest, now=LATER).changed


def test_document_that_was_deleted_comes_back_for_readers_of_the_older_form(store: Store) -> None:
    """Nothing was replaced since it was taken over, so the history has the older form alone."""
    ways = {"prom-01": "a", "prom-02": "b"}
    rows = [
        {"hostname": name, "success": True, "fields": [{"name": "os", "regex": regex}]} for name, regex in ways.items()
    ]
    fields = [{"name": "os", "regex": "a", "display_name": "System"}]
    older = {"version": "2.0.0", "fields": fields, "extraction_status": {"server_status": rows}}
    store.commit(Commit(document=Put(DOCUMENT_KEY, json.dumps(older).encode(), ABSENT)))
    fleet = extraction({"prom-03": ["env", "os"]})
    publish_to(store, fleet, now=NOW)
    before = store.read_document()
    assert before is not None
    store.commit(Commit(last=[Delete(DOCUMENT_KEY, before.version)]))
    publish_to(store, fleet, now=LATER)
    after = store.read_document()
    assert after is not None
    old, new = json.loads(before.value), json.loads(after.value)
    assert new["imported_from"] == old["imported_from"] == "2.0.0"
    assert new["extraction_status"] == old["extraction_status"]
    assert field(store, "os")["display_name"] == "System"
    # So does going back to it, which does not know when a field was first seen.
    first_seen = field(store, "os")["first_seen"]
    roll_back(store, view(store)["history"][-1]["entry"], now=LATER + timedelta(minutes=1))
    last = store.read_document()
    assert last is not None
    back = json.loads(last.value)
    assert field(store, "os")["first_seen"] == first_seen
    assert back["imported_from"] == "2.0.0"
    made = {
        row["hostname"]: [item["name"] for item in row["fields"]] for row in back["extraction_status"]["server_status"]
    }
    assert made == {"prom-01": ["os"], "prom-02": ["os"], "prom-03": ["os"]}


def test_what_people_note_of_a_server_stays(store: Store) -> None:
    publish_to(store, extraction({"prom-01": ["company"], "prom-02": ["company"]}), now=NOW)
    entry = store.read_document()
    assert entry is not None
    document = json.loads(entry.value)
    document["extraction_status"]["server_status"][0]["note"] = "in the cellar"
    document["owner"] = {"team": "monitoring"}
    store.commit(Commit(document=Put(DOCUMENT_KEY, json.dumps(document).encode(), entry.version)))
    publish_to(store, extraction({"prom-01": ["company", "env"]}), now=LATER)
    publish_to(store, extraction({"prom-02": ["env"]}), now=LATER)
    entry = store.read_document()
    assert entry is not None
    data = json.loads(entry.value)
    assert [row.get("note") for row in data["extraction_status"]["server_status"]] == ["in the cellar", None]
    assert data["owner"] == {"team": "monitoring"}
