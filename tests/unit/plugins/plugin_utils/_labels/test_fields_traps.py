# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs that a reader of target_label alone gets wrong, with the labels that a real Prometheus gave."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import Options
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor


@dataclass(frozen=True)
class Trap:
    """labels: those of the one target, None where it is dropped. sources: origin and source label of some of them."""

    name: str
    config: str
    labels: dict[str, str] | None
    sources: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def job(labels: str, rules: str | None = None, target: str = "h:9100") -> str:
    text = f"scrape_configs:\n- job_name: j\n  static_configs: [{{targets: ['{target}'], labels: {{{labels}}}}}]\n"
    if rules is not None:
        text += "  relabel_configs:\n" + "".join(f"  - {rule}\n" for rule in rules.split("\n") if rule)
    return text


def with_defaults(target: str = "h:9100", **labels: str) -> dict[str, str]:
    return {"instance": target, "job": "j", **labels}


BLACKBOX = """
scrape_configs:
- job_name: j
  metrics_path: /probe
  static_configs: [{targets: ['https://a.example'], labels: {company: ACME}}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {source_labels: [nosuch], target_label: ghost}
  - {target_label: __address__, replacement: '127.0.0.1:9115'}
"""
CONSUL = "__meta_consul_service_metadata"

TRAPS = [
    Trap(
        "1 labels of static targets",
        job("company: ACME, env: prod"),
        with_defaults(company="ACME", env="prod"),
        {"company": ("static", None)},
    ),
    Trap(
        "2 labels of target files",
        "scrape_configs: [{job_name: j, file_sd_configs: [{files: ['t.yml']}]}]",
        with_defaults(company="ACME", site="rio"),
        {"site": ("file_sd", None)},
        {"t.yml": "- targets: ['h:9100']\n  labels: {company: ACME, site: rio}\n"},
    ),
    Trap(
        "3 a constant",
        job("", "{target_label: region, replacement: sa-east-1}"),
        with_defaults(region="sa-east-1"),
        {"region": ("relabel", None)},
    ),
    Trap(
        "4 labelmap",
        job(f"{CONSUL}_company: ACME, {CONSUL}_env: prod", f"{{action: labelmap, regex: '{CONSUL}_(.+)'}}"),
        with_defaults(company="ACME", env="prod"),
        {"company": ("labelmap", f"{CONSUL}_company")},
    ),
    Trap(
        "5 deleted by a later labeldrop",
        job(
            f"{CONSUL}_company: ACME",
            f"{{source_labels: [{CONSUL}_company], target_label: company}}\n{{action: labeldrop, regex: 'comp.*'}}",
        ),
        with_defaults(),
    ),
    Trap(
        "6 deleted by an empty replacement",
        job("note: x", "{source_labels: [note], target_label: note, replacement: ''}"),
        with_defaults(),
    ),
    Trap(
        "7 dropequal writes nothing",
        job("__meta_p: '80', __meta_x: '80'", "{source_labels: [__meta_p], target_label: wanted, action: dropequal}"),
        with_defaults(),
    ),
    Trap(
        "8 a name from a template",
        job(
            "__meta_consul_tags: ',team=core,'",
            r"{source_labels: [__meta_consul_tags], regex: ',(\w+)=(\w+),', target_label: '${1}', replacement: '${2}'}",
        ),
        with_defaults(team="core"),
        {"team": ("relabel", "__meta_consul_tags")},
    ),
    Trap(
        "9 job is a label like others",
        job("__meta_consul_service: api", "{source_labels: [__meta_consul_service], target_label: job}"),
        {"instance": "h:9100", "job": "api"},
        {"job": ("relabel", "__meta_consul_service")},
    ),
    Trap(
        "10 from the address",
        job(
            "",
            r"{source_labels: [__address__], regex: '[^.]+\.([^.]+)\..*', target_label: site}",
            "db01.rio.example:9100",
        ),
        with_defaults("db01.rio.example:9100", site="rio"),
        {"site": ("relabel", "__address__")},
    ),
    Trap(
        "11 through an internal label",
        job(
            "__meta_ec2_tag_Team: core",
            "{source_labels: [__meta_ec2_tag_Team], target_label: __tmp_team}\n"
            "{source_labels: [__tmp_team], target_label: team}",
        ),
        with_defaults(team="core"),
        {"team": ("relabel", "__meta_ec2_tag_Team")},
    ),
    Trap(
        "12 the last write wins",
        job(
            f"{CONSUL}_env: prod, __meta_consul_dc: rio",
            f"{{source_labels: [{CONSUL}_env], target_label: env}}\n"
            "{source_labels: [__meta_consul_dc], target_label: env}",
        ),
        with_defaults(env="rio"),
        {"env": ("relabel", "__meta_consul_dc")},
    ),
    Trap(
        "13 a regex that does not match",
        job("env: preprod", "{source_labels: [env], regex: prod, target_label: tier, replacement: gold}"),
        with_defaults(env="preprod"),
    ),
    Trap("14 rules that are null", job("env: prod", ""), with_defaults(env="prod")),
    Trap(
        "15 all targets dropped",
        job(
            "env: prod",
            "{source_labels: [env], target_label: environment}\n{source_labels: [env], regex: prod, action: drop}",
        ),
        None,
    ),
    Trap(
        "16 a source that the target lacks",
        job(
            f"{CONSUL}_env: prod",
            f"{{source_labels: [{CONSUL}_vendor], target_label: vendor}}\n"
            f"{{source_labels: [{CONSUL}_env], target_label: env}}",
        ),
        with_defaults(env="prod"),
    ),
    Trap("17 instance is always there", job(""), with_defaults(), {"instance": ("default", "__address__")}),
    Trap(
        "18 included files",
        "scrape_config_files: ['inc/*.yml']",
        {"instance": "h:1", "job": "inc", "tenant": "t1"},
        {},
        {
            "inc/a.yml": "scrape_configs:\n- job_name: inc\n  static_configs: "
            "[{targets: ['h:1'], labels: {tenant: t1}}]\n"
        },
    ),
    Trap(
        "19 hashmod",
        job("env: prod", "{source_labels: [env], modulus: 8, target_label: shard, action: hashmod}"),
        with_defaults(env="prod", shard="7"),
        {"shard": ("relabel", "env")},
    ),
    Trap(
        "20 targets through an exporter",
        BLACKBOX,
        with_defaults("https://a.example", company="ACME"),
        {"instance": ("relabel", "__address__"), "company": ("static", None)},
    ),
    Trap(
        "21 two rules, one target",
        job(
            "__meta_consul_tags: ',lnx,', __meta_consul_dc: rio",
            "{source_labels: [__meta_consul_tags], regex: ',(win|lnx),', target_label: os}\n"
            "{source_labels: [__meta_consul_dc], target_label: os, replacement: 'dc-$1'}",
        ),
        with_defaults(os="dc-rio"),
        {"os": ("relabel", "__meta_consul_dc")},
    ),
    Trap(
        "22 labelkeep deletes the rest",
        job(
            "__meta_consul_dc: rio, env: prod",
            "{source_labels: [__meta_consul_dc], target_label: dc}\n{action: labelkeep, regex: '__.*|env'}",
        ),
        {"env": "prod", "instance": "h:9100"},
    ),
    Trap(
        "23 joined sources",
        job("__meta_consul_dc: rio", "{source_labels: [nosuch, __meta_consul_dc], target_label: loc}"),
        with_defaults(loc=";rio"),
        {"loc": ("relabel", "__meta_consul_dc")},
    ),
    Trap(
        "24 a label of a target file under another name",
        """
scrape_configs:
- job_name: j
  file_sd_configs: [{files: ['t.json']}]
  relabel_configs: [{source_labels: [datacenter], target_label: dc}, {regex: datacenter, action: labeldrop}]
""",
        with_defaults("h:1", dc="rio", modulo="icmp"),
        {"dc": ("relabel", "datacenter"), "modulo": ("file_sd", None)},
        {"t.json": '[{"targets":["h:1"],"labels":{"datacenter":"rio","modulo":"icmp"}}]'},
    ),
]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_trap(trap: Trap) -> None:
    files = {"prometheus.yml": trap.config, **trap.files}
    found = extract(
        {"s": ServerConfigs("ok", None, [ConfigFile(f"/p/{name}", "prometheus", text) for name, text in files.items()])}
    )
    fields = {item["name"]: item for item in found["fields"]}
    assert sorted(fields) == sorted(trap.labels or {})
    for name, value in (trap.labels or {}).items():
        assert fields[name]["presence"] == "always"
        if fields[name]["origin"] != "default" or name == "job":
            assert (name, fields[name]["values"]) == (name, [value])
    for name, expected in trap.sources.items():
        assert (name, fields[name]["origin"], fields[name]["source_label"]) == (name, *expected)
    errors = [problem for problem in found["servers"]["s"]["problems"] if problem["severity"] == "error"]
    assert errors == []


def test_there_is_one_for_each_known_trap() -> None:
    assert [int(trap.name.split()[0]) for trap in TRAPS] == list(range(1, 25))


def test_rule_and_result_are_of_one_rule() -> None:
    """Trap 21: a field tells the regex and the replacement of the rule that writes it, and not of two."""
    trap = TRAPS[20]
    (os,) = (
        item
        for item in extract(
            {"s": ServerConfigs("ok", None, [ConfigFile("/p/prometheus.yml", "prometheus", trap.config)])}
        )["fields"]
        if item["name"] == "os"
    )
    assert (os["regex"], os["replacement"]) == (None, "dc-$1")
    assert [(source["regex"], source["replacement"], source["line"]) for source in os["sources"]] == [
        (None, "dc-$1", 6)
    ]


URLS = "[{targets: ['http://h:1/metrics', 'ok:1', 'also-ok:1', ''], labels: {env: prod}}]"


RULES = ["{target_label: a, replacement: b}", "{source_labels: [__address__], target_label: a}"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sources", [f"static_configs: {URLS}", "file_sd_configs: [{files: [web.yml]}]"])
def test_a_target_that_is_not_taken_is_told_whatever_the_others_are(rule: str, sources: str) -> None:
    """And it costs the group no label: each target stands for itself, whether rules read its address or not."""
    config = f"scrape_configs:\n- job_name: j\n  {sources}\n  relabel_configs: [{rule}]\n"
    texts = {"prometheus.yml": config, "web.yml": URLS}
    files = [ConfigFile(f"/etc/prometheus/{name}", "prometheus", text) for name, text in texts.items()]
    found = extract({"s": ServerConfigs("ok", None, files)})["servers"]["s"]
    what = "a target" if sources.startswith("static") else "a target in /etc/prometheus/web.yml"
    assert sorted(problem["message"] for problem in found["problems"]) == [
        f"has {what} that has no address after relabelling",
        f"has {what} whose address after relabelling is not a host name or address",
    ]
    assert found["fields"] == ["a", "env", "instance", "job"]


def test_prometheus_2_takes_a_target_with_a_port_beside_one_without() -> None:
    """It adds no port to an address under a scheme of its own, and one without a port is then no target."""
    config = job("__scheme__: tcp", "{target_label: a, replacement: b}").replace("['h:9100']", "['h', 'h:9100']")
    server = ServerConfigs("ok", None, [ConfigFile("/etc/prometheus/prometheus.yml", "prometheus", config)])
    assert [item["name"] for item in extract({"s": server}, Options(version=2))["fields"]] == ["a", "instance", "job"]


def test_a_label_of_a_group_counts_for_the_rules_that_have_no_other_value() -> None:
    rules = """
groups:
- name: g
  labels: {severity: warning, team: core, note: "{{ $value }}", gone: x, alertname: z}
  rules:
  - {alert: A, expr: up, labels: {severity: page, gone: ''}}
  - {record: r, expr: up, labels: {severity: info, gone: '', note: "{{ as it is }}", alertname: y}}
- {name: without rules, labels: {idle: x}}
"""
    texts = {"prometheus.yml": "rule_files: [rules.yml]", "rules.yml": rules}
    files = [ConfigFile(f"/etc/prometheus/{name}", "prometheus", text) for name, text in texts.items()]
    found = extract({"s": ServerConfigs("ok", None, files)})["fields"]
    assert {item["name"]: (item["values"], item["values_complete"]) for item in found} == {
        "alertname": (["y"], True),
        "note": (["{{ as it is }}"], False),
        "severity": (["info", "page"], True),
        "team": (["core"], True),
    }
    assert [source["line"] for item in found for source in item["sources"]] == [7, 4, 6, 4]


@pytest.mark.parametrize(("version", "module"), [(2, "job"), (3, "group")])
@pytest.mark.parametrize("sources", ["static_configs", "file_sd_configs", "http_sd_configs"])
def test_whose_parameter_counts_depends_on_the_version(version: int, module: str, sources: str) -> None:
    """Prometheus 2.24 and 2.42 send what the job says, 3.5 what the target says."""
    groups = "[{targets: ['h:1'], labels: {__param_module: group}}]"
    given = {
        "static_configs": groups,
        "file_sd_configs": "[{files: [t.yml]}]",
        "http_sd_configs": "[{url: 'http://h'}]",
    }
    config = f"scrape_configs:\n- job_name: j\n  params: {{module: [job]}}\n  {sources}: {given[sources]}\n"
    config += "  relabel_configs: [{source_labels: [__param_module], target_label: module}]\n"
    files = [
        ConfigFile("/etc/prometheus/prometheus.yml", "prometheus", config),
        ConfigFile("/etc/prometheus/t.yml", "prometheus", groups),
    ]
    result = extract({"s": ServerConfigs("ok", None, files)}, Options(version=version))
    (found,) = (item for item in result["fields"] if item["name"] == "module")
    is_known = sources != "http_sd_configs" or version == 2
    assert found["values"] == ([module] if is_known else ["job"])
    assert found["values_complete"] is is_known


@pytest.mark.parametrize(
    ("rule", "is_meant"),
    [
        ("{target_label: env, replacement: '${ENV}'}", False),
        ("{source_labels: [a], target_label: b, replacement: $1_x}", False),
        ("{source_labels: [a], target_label: b, regex: x}", True),
        ("{source_labels: [a], target_label: b, regex: x, replacement: $1}", False),
        ("{source_labels: [a], target_label: b$2, regex: '(x)'}", False),
        ("{source_labels: [a], target_label: b, regex: , replacement: $1}", False),
        ("{action: labelmap, regex: 'a_.+', replacement: b_$1}", False),
        ("{action: labelmap, regex: 'a_(.+)', target_label: $9, replacement: b_$1}", True),
        ("{source_labels: [a], target_label: b, regex: '(?P<x>.)(.)', replacement: '$x-${1}_$2$0$$y'}", True),
        ("{source_labels: [a], target_label: $1, action: hashmod, modulus: 2, replacement: $7}", True),
    ],
)
def test_a_group_that_does_not_exist_is_a_warning(rule: str, is_meant: bool) -> None:
    found = extract(
        {"s": ServerConfigs("ok", None, [ConfigFile("/p/prometheus.yml", "prometheus", job("a: x", rule))])}
    )
    server = found["servers"]["s"]
    assert server["config"] == "loaded"
    told = [(item["line"], item["severity"]) for item in server["problems"] if "with a group that" in item["message"]]
    assert told == ([] if is_meant else [(5, "warning")])


@pytest.mark.parametrize("action", ["replace", "keep", "drop", "labelmap", "labeldrop"])
@pytest.mark.parametrize("place", ["relabel_configs", "metric_relabel_configs"])
def test_a_regex_that_a_mask_left_unreadable_is_a_rule_less(action: str, place: str) -> None:
    read = "source_labels: [a], target_label: b, " if action == "replace" else ""
    read += "source_labels: [a], " if action in ("keep", "drop") else ""
    regex = "https://hooks.slack.com/services/(T01ABCDEF/B01ABCDEF/abcdefghijklmnopqrstuvwx)"
    config = job("a: x, c: y", f"{{{read}action: {action}, regex: '{regex}'}}").replace("relabel_configs", place)
    text = Redactor().redact(config).text
    assert "<secret:" in text
    found = extract({"s": ServerConfigs("ok", None, [ConfigFile("/p/prometheus.yml", "prometheus", text)])})
    server = found["servers"]["s"]
    assert server["config"] == "loaded"
    assert [(item["line"], item["severity"]) for item in server["problems"]] == [(5, "warning")]
    assert {"a", "c"} <= {field["name"] for field in found["fields"]}


def test_a_regex_whose_groups_a_mask_may_have_taken_is_no_warning() -> None:
    text = job("a: x", "{source_labels: [a], target_label: b, regex: '<secret:3f9a>', replacement: $1}")
    found = extract({"s": ServerConfigs("ok", None, [ConfigFile("/p/prometheus.yml", "prometheus", text)])})
    assert found["servers"]["s"]["problems"] == []
