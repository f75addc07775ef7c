# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields merged over a fleet."""

from __future__ import annotations

import gc
import json
import random
import re
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import document as document_module
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.made import MAX_VALUES, ORIGINS
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)

CONSUL = """
global: {external_labels: {site: %s}}
scrape_configs:
- job_name: %s
  consul_sd_configs: [{server: h}]
  relabel_configs:
  - {source_labels: [__meta_consul_service_metadata_company], target_label: company%s}
"""


def server(text: str, **kwargs: Any) -> ServerConfigs:
    return ServerConfigs("ok", "d1", [ConfigFile("/etc/prometheus/prometheus.yml", "prometheus", text)], **kwargs)


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item for item in found["fields"]}


def fleet() -> dict[str, ServerConfigs]:
    return {
        "a": server(CONSUL % ("rio", "consul", "")),
        "b": server("# a comment, so that lines differ\n\n" + CONSUL % ("rio", "other", "")),
        "c": server(CONSUL % ("paris", "consul", ", regex: '(.+)'")),
        "d": ServerConfigs("unreachable", None, [], "no route to d: check the network"),
    }


def test_the_form_of_a_field() -> None:
    found = extract(fleet())
    company = by_name(found)["company"]
    assert list(company) == [
        "name",
        "origin",
        "source_label",
        "regex",
        "replacement",
        "pattern",
        "presence",
        "sources",
        "servers",
        "values",
        "values_complete",
    ]
    assert list(company["sources"][0]) == [
        "servers",
        "jobs",
        "file",
        "line",
        "stage",
        "origin",
        "action",
        "source_labels",
        "separator",
        "regex",
        "replacement",
        "target_label",
        "modulus",
        "through",
        "from",
        "presence",
        "overwrites",
        "variables",
    ]
    assert json.loads(json.dumps(found)) == found


def test_a_rule_with_other_rules_before_it_is_a_source_of_its_own() -> None:
    rules = "[{source_labels: [%s], target_label: __tmp_x}, {source_labels: [__tmp_x], target_label: x}]"
    servers = {
        name: ServerConfigs(
            "ok",
            None,
            [
                ConfigFile(
                    "/etc/prometheus/prometheus.yml",
                    "prometheus",
                    "scrape_configs: [{job_name: j, consul_sd_configs: [{}], relabel_configs: %s}]" % (rules % label),
                )
            ],
        )
        for name, label in (("a", "__meta_consul_dc"), ("b", "__meta_consul_node"), ("c", "__meta_consul_dc"))
    }
    sources = by_name(extract(servers))["x"]["sources"]
    assert [(source["servers"], source["from"]) for source in sources] == [
        (["a", "c"], ["__meta_consul_dc"]),
        (["b"], ["__meta_consul_node"]),
    ]
    assert [rule["source_labels"] for source in sources for rule in source["through"]] == [
        ["__meta_consul_dc"],
        ["__meta_consul_node"],
    ]


def test_equal_rules_are_one_source_with_many_servers_and_the_commonest_comes_first() -> None:
    company = by_name(extract(fleet()))["company"]
    assert [(source["servers"], source["jobs"], source["line"], source["regex"]) for source in company["sources"]] == [
        (["a", "b"], ["consul", "other"], 7, None),
        (["c"], ["consul"], 7, "(.+)"),
    ]
    assert (company["origin"], company["source_label"], company["regex"], company["replacement"]) == (
        "relabel",
        "__meta_consul_service_metadata_company",
        None,
        None,
    )
    assert company["servers"] == ["a", "b", "c"]


def test_values_are_those_of_all_servers() -> None:
    site = by_name(extract(fleet()))["site"]
    assert (site["origin"], site["values"], site["values_complete"], site["presence"]) == (
        "external_label",
        ["paris", "rio"],
        True,
        "always",
    )


def test_a_server_that_was_not_reached_has_an_entry_and_no_fields() -> None:
    servers = extract(fleet())["servers"]
    assert list(servers) == ["a", "b", "c", "d"]
    assert servers["d"] == {
        "status": "unreachable",
        "error": "no route to d: check the network",
        "digest": None,
        "config": "missing",
        "external_labels": {},
        "jobs": [],
        "files": [],
        "fields": [],
        "problems": [],
    }
    assert servers["a"]["fields"] == ["company", "instance", "job", "site"]
    assert (servers["a"]["digest"], servers["a"]["external_labels"]) == ("d1", {"site": "rio"})


def test_an_unchanged_server_whose_files_were_not_read_again_has_no_problem() -> None:
    assert extract({"a": ServerConfigs("unchanged")})["servers"]["a"]["problems"] == []
    assert len(extract({"a": ServerConfigs("partial")})["servers"]["a"]["problems"]) == 1


def test_the_result_depends_on_the_input_alone() -> None:
    servers = fleet()
    expected = json.dumps(extract(servers))
    for attempt in range(5):
        names = list(servers)
        random.Random(attempt).shuffle(names)
        assert json.dumps(extract({name: servers[name] for name in names})) == expected


def test_origins_have_an_order() -> None:
    text = """
global: {external_labels: {env: x}}
scrape_configs:
- job_name: a
  static_configs: [{targets: ['h:1'], labels: {env: prod, job: b}}]
  metric_relabel_configs: [{target_label: env, replacement: y}]
- job_name: b
  static_configs: [{targets: ['h:2']}]
  relabel_configs: [{target_label: env, replacement: z}]
"""
    env = by_name(extract({"s": server(text)}))["env"]
    origins = [source["origin"] for source in env["sources"]]
    assert origins == ["relabel", "static", "external_label", "metric_relabel"]
    assert origins == sorted(origins, key=ORIGINS.index)
    assert (env["origin"], env["values"]) == ("relabel", ["prod", "x", "y", "z"])
    job = by_name(extract({"s": server(text)}))["job"]
    assert [(source["origin"], source["jobs"]) for source in job["sources"]] == [("static", ["a"]), ("default", ["b"])]


def test_presence_is_told_for_each_job() -> None:
    text = """
scrape_configs:
- {job_name: a, static_configs: [{targets: ['h:1'], labels: {env: prod}}]}
- {job_name: b, static_configs: [{targets: ['h:1'], labels: {env: prod}}, {targets: ['h:2']}]}
"""
    env = by_name(extract({"s": server(text)}))["env"]
    assert [(source["jobs"], source["presence"]) for source in env["sources"]] == [
        (["a"], "always"),
        (["b"], "conditional"),
    ]
    assert env["presence"] == "conditional"


def test_values_are_bounded() -> None:
    groups = ", ".join(f"{{targets: ['h:{n}'], labels: {{n: v{n:04}}}}}" for n in range(MAX_VALUES * 2))
    found = by_name(extract({"s": server(f"scrape_configs: [{{job_name: j, static_configs: [{groups}]}}]")}))["n"]
    assert (len(found["values"]), found["values_complete"]) == (MAX_VALUES, False)
    assert found["values"] == sorted(found["values"])


def test_a_masked_value_is_no_value() -> None:
    text = "scrape_configs: [{job_name: j, static_configs: [{targets: [h], labels: {api_token: '<secret:3f9a>'}}]}]"
    token = by_name(extract({"s": server(text)}))["api_token"]
    assert (token["values"], token["values_complete"]) == ([], False)


def test_equal_texts_are_parsed_once(monkeypatch: Any) -> None:
    parsed: list[str] = []
    real = document_module.parse

    def counting(text: str, *, is_json: bool = False) -> Any:
        parsed.append(text)
        return real(text, is_json=is_json)

    monkeypatch.setattr(document_module, "parse", counting)
    texts = [CONSUL % ("rio", "consul", ""), CONSUL % ("paris", "consul", "")]
    found = extract({f"s{number:03}": server(texts[number % 2]) for number in range(100)})
    assert sorted(parsed) == sorted(texts)
    assert len(by_name(found)["company"]["sources"]) == 1
    assert len(by_name(found)["company"]["servers"]) == 100


def test_garbage_collection_is_left_as_it_was() -> None:
    assert gc.isenabled()
    extract(fleet())
    assert gc.isenabled()
    gc.disable()
    try:
        extract(fleet())
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "maps",
    [
        "{action: labelmap, regex: '__meta_kubernetes_pod_label_(.+)'}",
        "{source_labels: [__meta_kubernetes_pod_uid], regex: '(.+)=(.+)', target_label: $1, replacement: $2}",
    ],
)
def test_labels_of_a_family_may_overwrite_a_default(maps: str) -> None:
    """A default, what may overwrite it, and then only targets that have something else: none of them is lost."""
    rules = ["{target_label: team, replacement: none}", maps, "{source_labels: [team], regex: db|web, action: keep}"]
    job = f"job_name: j, kubernetes_sd_configs: [{{role: pod}}], relabel_configs: [{', '.join(rules)}]"
    text = f"scrape_configs: [{{{job}}}]"
    fields = by_name(extract({"s": server(text)}))
    assert {"instance", "job", "team"} <= fields.keys()
    assert fields["team"]["values"] == ["db", "web"]
    assert fields["team"]["presence"] == "always"
    assert fields["job"]["origin"] == "default"


def test_names_that_labelmap_finds_in_either_case() -> None:
    job = "{job_name: j, kubernetes_sd_configs: [{role: pod}], relabel_configs: [{action: labelmap, regex: '%s'}]}"
    for expression in ("(?i)__META_kubernetes_pod_label_(Team|Env)", "(?i)__meta_kubernetes_pod_label_([a-z]+)"):
        fields = extract({"s": server(f"scrape_configs: [{job % expression}]")})["fields"]
        (shape,) = (re.compile(field["pattern"]) for field in fields if field["pattern"])
        assert all(shape.fullmatch(name) for name in ("team", "Team", "ENV"))
        assert not shape.fullmatch("team_1")


def test_internal_names_of_otlp_are_no_fields() -> None:
    fields = by_name(extract({"s": server("otlp: {promote_resource_attributes: [__y, service.name]}")}))
    assert set(fields) == {"service_name"}


@pytest.mark.parametrize(("replacement", "name"), [("x", "x"), ("x$2", "x"), ("$2", "")])
def test_labelmap_to_one_name_gives_that_label(replacement: str, name: str) -> None:
    """Whatever it is copied from: it has a name, and later rules read it."""
    rules = f"{{action: labelmap, regex: '__meta_kubernetes_pod_label_(.+)', replacement: '{replacement}'}}, "
    rules += "{source_labels: [x], regex: (a|b), target_label: y}"
    job = f"job_name: j, kubernetes_sd_configs: [{{role: pod}}], relabel_configs: [{rules}]"
    fields = by_name(extract({"s": server(f"scrape_configs: [{{{job}}}]")}))
    assert set(fields) == {"instance", "job", name, *(["y"] if name else [])}
    assert fields[name]["pattern"] is None
    assert fields[name]["source_label"] == "__meta_kubernetes_pod_label_(.+)"
    assert not name or fields["y"]["values"] == ["a", "b"]
