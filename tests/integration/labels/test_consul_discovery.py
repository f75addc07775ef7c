# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets that a real Consul tells a real Prometheus: what the engine says of them must hold.

Only Prometheus 2.24 of Debian's has consul_sd. Later versions get the labels that it saw as static targets, which comes
to the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract, read_servers
from tests.integration.labels import engine
from tests.support.consul import ConsulAgent, consul_agent
from tests.support.prometheus import prometheus

SERVICES: list[dict[str, Any]] = [
    {
        "Name": "web",
        "ID": "web-1",
        "Address": "10.1.1.1",
        "Port": 9100,
        "Tags": ["prod", "team=core", "linux"],
        "Meta": {"company": "ACME", "env": "prod", "prometheus_path": "/metrics", "app-name": "shop"},
    },
    {"Name": "web", "ID": "web-2", "Address": "10.1.1.2", "Port": 9100, "Tags": ["test"], "Meta": {"company": "Ours"}},
    {"Name": "db", "ID": "db-1", "Address": "10.1.1.3", "Port": 9187, "Tags": ["prod", "win"], "Meta": {"env": "dev"}},
    {"Name": "bare", "ID": "bare-1", "Port": 80},
]

# What stands below consul_sd_configs, job by job.
CHAINS: dict[str, str] = {
    "raw": "[]",
    "usual": r"""
  - {source_labels: [__meta_consul_tags], regex: '.*,prod,.*', action: keep}
  - {source_labels: [__meta_consul_service_metadata_company], target_label: company}
  - {source_labels: [__meta_consul_service_metadata_env], regex: (prod|test), target_label: env}
  - {source_labels: [__meta_consul_dc], target_label: datacenter, replacement: dc-$1}
  - {source_labels: [__meta_consul_tags], regex: '.*,(win|linux),.*', target_label: os}
  - {source_labels: [__meta_consul_service], target_label: job}
""",
    "map": r"""
  - {action: labelmap, regex: __meta_consul_service_metadata_(.+)}
  - {action: labeldrop, regex: prometheus_.*}
""",
    "map-all": "[{action: labelmap, regex: '__meta_consul_(.+)', replacement: 'consul_$1'}]",
    "template": r"""
  - {source_labels: [__meta_consul_tags], regex: '.*,(\w+)=(\w+),.*', target_label: '${1}', replacement: '${2}'}
""",
    "through-tmp": r"""
  - {source_labels: [__meta_consul_service_metadata_env], target_label: __tmp_env}
  - {source_labels: [__tmp_env, __meta_consul_service], regex: '(.+);(.+)', target_label: both, replacement: '$2-$1'}
  - {source_labels: [both], target_label: both2, regex: (.+)}
""",
    "none-left": "[{source_labels: [__meta_consul_tags], regex: '.*,nothing,.*', action: keep}]",
    "dropped-all": "[{source_labels: [__meta_consul_service], regex: '.*', action: drop}]",
    "kept-labels": r"""
  - {source_labels: [__meta_consul_service_metadata_company], regex: (.+), target_label: company}
  - {action: labelkeep, regex: '__.*|company|job'}
""",
    "shards": r"""
  - {source_labels: [__meta_consul_service_id], modulus: 4, target_label: shard, action: hashmod}
  - {source_labels: [shard], regex: '[0-2]', action: keep}
""",
}


def config(address: str) -> str:
    jobs = "".join(
        f"- job_name: {name}\n  consul_sd_configs: [{{server: '{address}', services: [web, db, bare]}}]\n"
        f"  relabel_configs:{' ' if rules.startswith('[') else ''}{rules}\n"
        for name, rules in CHAINS.items()
    )
    return f"global: {{scrape_interval: 1h}}\nscrape_configs:\n{jobs}"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with consul_agent(tmp_path_factory.mktemp("consul")) as running:
        for service in SERVICES:
            running.request("PUT", "/v1/agent/service/register", json.dumps(service).encode())
        yield running


def discovered(found: dict[str, Any]) -> list[dict[str, str]]:
    """The labels of every target before any rule, from the job that has none."""
    raw = [target for target in found["activeTargets"] if target["scrapePool"] == "raw"]
    internal = ("__address__", "__meta_")
    return [{k: v for k, v in target["discoveredLabels"].items() if k.startswith(internal)} for target in raw]


def check(theirs: dict[str, list[dict[str, str]]], text: str, seen: list[dict[str, str]], version: str) -> None:
    """Names and values for what was seen, and what was said without having seen it."""
    configs = engine.server(text)
    chosen = engine.options(version)
    fields = engine.names(configs, version)
    inputs = read_servers({"s": configs}, chosen)["s"].inputs
    assert [given.name for given in inputs] == list(CHAINS)
    for given in inputs:
        made = [engine.target_labels(given, own, chosen) for own in seen]
        unique = {tuple(sorted(labels.items())) for labels in made if labels is not None}
        assert (given.name, sorted(unique)) == (
            given.name,
            sorted(tuple(sorted(labels.items())) for labels in theirs.get(given.name, [])),
        )
        names, always, shapes = fields.get(given.name, (set(), set(), []))
        for labels in theirs.get(given.name, []):
            unknown = {name for name in labels if name not in names and not any(shape.match(name) for shape in shapes)}
            assert (given.name, unknown) == (given.name, set())
            assert always <= set(labels)


def test_what_consul_tells_prometheus(agent: ConsulAgent, tmp_path: Path) -> None:
    text = config(agent.address)
    with prometheus(tmp_path, "2.24", text) as server:
        found = server.targets(at_least=4 * len(CHAINS))
    seen = discovered(found)
    assert len(seen) == len(SERVICES)
    assert any(own.get("__meta_consul_service_metadata_app_name") == "shop" for own in seen)
    theirs: dict[str, list[dict[str, str]]] = {}
    for target in found["activeTargets"]:
        theirs.setdefault(target["scrapePool"], []).append(target["labels"])
    assert {"none-left", "dropped-all"}.isdisjoint(theirs)
    check(theirs, text, seen, "2.24")
    # A job that surely keeps nothing has no fields, one whose targets merely happen to go has.
    said = engine.names(engine.server(text), "2.24")
    assert "dropped-all" not in said
    assert "none-left" in said

    for version in ("2.42", "3.5"):
        static = json.dumps([{"targets": [own.pop("__address__")], "labels": own} for own in map(dict, seen)])
        jobs = "".join(
            f"- job_name: {name}\n  static_configs: {static}\n"
            f"  relabel_configs:{' ' if rules.startswith('[') else ''}{rules}\n"
            for name, rules in CHAINS.items()
        )
        substituted = f"global: {{scrape_interval: 1h}}\nscrape_configs:\n{jobs}"
        with prometheus(tmp_path / version, version, substituted) as server:
            check(server.labels(at_least=len(seen)), text, seen, version)


def test_each_label_of_consul_is_listed(agent: ConsulAgent, tmp_path: Path) -> None:
    """No label that a real discovery sets is reported as one that none sets."""
    with prometheus(tmp_path, "2.24", config(agent.address)) as server:
        seen = discovered(server.targets(at_least=4 * len(CHAINS)))
    labels = sorted({name for own in seen for name in own if name.startswith("__meta_")})
    rules = "".join(f"  - {{source_labels: [{name}], target_label: x}}\n" for name in labels)
    text = f"scrape_configs:\n- job_name: j\n  consul_sd_configs: [{{server: x}}]\n  relabel_configs:\n{rules}"
    assert extract({"s": engine.server(text)})["servers"]["s"]["problems"] == []
    assert len(labels) > 10
