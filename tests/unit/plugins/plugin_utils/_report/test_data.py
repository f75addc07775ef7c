# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._report.data import page_data, ranges
from tests.integration.report import samples

ANSWERED = frozenset({"ok", "unchanged", "partial"})


def build(arguments: dict[str, Any]) -> dict[str, Any]:
    return page_data(title="Fleet", answered=ANSWERED, **arguments)


def numbers(text: str) -> set[int]:
    found: set[int] = set()
    for span in text.split(",") if text else []:
        first, _unused, last = span.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


@settings(deadline=None)
@given(st.sets(st.integers(min_value=0, max_value=300)))
def test_ranges_hold_the_numbers_they_were_made_of(given_numbers: set[int]) -> None:
    assert numbers(ranges(given_numbers)) == given_numbers


def test_ranges_are_short() -> None:
    assert ranges([5, 1, 2, 0]) == "0-2,5"
    assert ranges([]) == ""


def test_the_commonest_way_comes_first_and_every_maker_has_one_way() -> None:
    data = build(samples.small_fleet())
    company = next(field for field in data["fields"] if field["name"] == "company")
    assert [len(numbers(way["servers"])) for way in company["ways"]] == [7, 1]
    assert company["ways"][1]["rules"][0]["regex"] == "([^-]+)-.*"
    assert company["ways"][1]["rules"][0]["places"] == [
        {
            "file": "/etc/prometheus/scrape.d/legacy.yml",
            "line": 57,
            "jobs": ["linux", "windows"],
            "overwrites": [],
            "servers": "0",
        }
    ]


def test_the_same_rule_in_another_place_is_the_same_way() -> None:
    hosts = {name: samples.server_result(0.1, 0.1, 0.3) for name in ("a", "b")}
    sources = [samples.rule(["a"], "env"), samples.rule(["b"], "env", file="/etc/prometheus/other.yml", line=3)]
    data = build(samples.run(hosts, [samples.field("env", sources)]))
    assert len(data["fields"][0]["ways"]) == 1
    assert [place["file"] for place in data["fields"][0]["ways"][0]["rules"][0]["places"]] == [
        "/etc/prometheus/prometheus.yml",
        "/etc/prometheus/other.yml",
    ]


def test_another_rule_before_it_is_another_way() -> None:
    hosts = {name: samples.server_result(0.1, 0.1, 0.3) for name in ("a", "b")}
    sources = [
        samples.rule([name], "env", through=[samples.feeder(label, target_label="__tmp_env")])
        for name, label in (("a", "env"), ("b", "stage"))
    ]
    data = build(samples.run(hosts, [samples.field("env", sources)]))
    assert len(data["fields"][0]["ways"]) == 2


def test_one_more_rule_is_another_way() -> None:
    hosts = {name: samples.server_result(0.1, 0.1, 0.3) for name in ("a", "b")}
    sources = [samples.rule(["a", "b"], "env"), samples.rule(["b"], "env", regex="x")]
    ways = build(samples.run(hosts, [samples.field("env", sources)]))["fields"][0]["ways"]
    assert [(way["servers"], len(way["rules"])) for way in ways] == [("0", 1), ("1", 2)]


def test_a_server_that_has_a_field_of_no_known_rule_still_has_it() -> None:
    hosts = {"a": samples.server_result(0.1, 0.1, 0.3)}
    arguments = samples.run(hosts, [samples.field("env", [samples.rule(["a"], "env")])])
    arguments["extracted"]["fields"][0]["sources"] = []
    assert build(arguments)["fields"][0]["ways"] == [{"servers": "0", "rules": []}]


def test_the_size_grows_with_the_rules_and_not_with_the_cells() -> None:
    small = len(json.dumps(build(samples.fleet(100, 100))["fields"]))
    large = len(json.dumps(build(samples.fleet(100, 1000))["fields"]))
    assert large < 3 * small


def test_contents_and_secrets_of_a_sweep_never_reach_the_page() -> None:
    arguments = samples.small_fleet()
    for host in arguments["sweep"]["hosts"].values():
        for item in host["files"]:
            item["content"] = "password: not-for-the-page"
    assert "not-for-the-page" not in json.dumps(build(arguments))


def test_equal_problems_of_many_servers_are_one_finding() -> None:
    arguments = samples.small_fleet()
    problem = {"file": "/etc/prometheus/prometheus.yml", "line": 3, "message": "unknown key"}
    for server in arguments["extracted"]["servers"].values():
        server["problems"] = [problem]
    found = [item for item in build(arguments)["findings"] if item["source"] == "config"]
    assert [(item["file"], item["servers"]) for item in found] == [("/etc/prometheus/prometheus.yml", "0-8")]


def test_statuses_come_from_the_store_and_orphans_with_them() -> None:
    data = build(samples.small_fleet())
    statuses = {field["name"]: field["status"] for field in data["fields"]}
    assert statuses["tier"] == "outdated"
    assert statuses["severity"] == "missing"
    assert statuses["floor"] == "orphan"
    assert data["published"] == {"statuses": {"synced": 7, "outdated": 1, "orphan": 1, "missing": 1}}


def test_without_the_store_statuses_follow_from_the_publish() -> None:
    arguments = samples.small_fleet()
    del arguments["stored"]
    statuses = {field["name"]: field["status"] for field in build(arguments)["fields"]}
    assert (statuses["tier"], statuses["severity"], statuses["env"]) == ("outdated", "missing", "synced")
    assert "floor" not in statuses


def test_a_conflict_that_the_publish_settled_is_said_so_and_nothing_is_outdated() -> None:
    arguments = samples.small_fleet()
    del arguments["stored"]
    for conflict in arguments["published"]["conflicts"]:
        conflict["kept"] = "swept"
    data = build(arguments)
    assert {field["name"]: field["status"] for field in data["fields"]}["tier"] == "synced"
    [finding] = [item for item in data["findings"] if item["source"] == "store"]
    assert (finding["severity"], finding["label"]) == ("info", "tier")
    assert "replaced" in finding["message"]


def test_of_a_refused_configuration_nothing_is_known() -> None:
    arguments = samples.small_fleet()
    arguments["extracted"]["servers"]["prom-gru-02"]["config"] = "refused"
    known = {server["name"]: server["known"] for server in build(arguments)["servers"]}
    assert known["prom-gru-01"]
    assert not known["prom-gru-02"]
    assert not known["prom-rec-03"]


def test_nothing_published_is_said_so() -> None:
    arguments = samples.small_fleet()
    del arguments["stored"], arguments["published"]
    data = build(arguments)
    assert data["published"] is None
    assert {field["status"] for field in data["fields"]} == {None}


def test_a_server_outside_of_the_sweep_is_listed_without_times() -> None:
    arguments = samples.small_fleet()
    arguments["extracted"]["servers"]["prom-old-01"] = {"status": "unchanged", "fields": ["env"]}
    server = next(item for item in build(arguments)["servers"] if item["name"] == "prom-old-01")
    assert (server["seconds"], server["status"], server["fields"]) == (None, "unchanged", 1)
