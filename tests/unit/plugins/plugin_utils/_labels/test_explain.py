# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.explain_fleet import explain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from tests.support.relabel_chains import chains, label_sets

CONFIG = """
global: {external_labels: {company: ours}}
scrape_configs:
- job_name: consul
  consul_sd_configs: [{server: h}]
  relabel_configs:
  - {source_labels: [__meta_consul_tags], regex: '.*,prod,.*', action: keep}
  - {source_labels: [__meta_consul_service_metadata_company], target_label: __tmp_c}
  - {source_labels: [__tmp_c], regex: '(acme|other).*', target_label: company}
  - {target_label: unrelated, replacement: x}
  - {source_labels: [company], action: uppercase, target_label: company}
- job_name: static
  static_configs:
  - {targets: ['a:1', 'b:1'], labels: {company: z}}
  - {targets: ['q:1']}
  relabel_configs:
  - {source_labels: [__address__], regex: 'a.*', target_label: company, replacement: A}
  - {source_labels: [__address__], regex: 'q.*', action: drop}
"""


def server(text: str) -> ServerConfigs:
    return ServerConfigs("ok", None, [ConfigFile("/p/prometheus.yml", "prometheus", text)])


def stories(found: dict[str, Any], job: str) -> list[dict[str, Any]]:
    (entry,) = (entry for entry in found["jobs"] if entry["job"] == job)
    targets: list[dict[str, Any]] = entry["targets"]
    return targets


def test_discovered_targets_are_followed_by_what_they_may_be() -> None:
    (story,) = stories(explain({"s": server(CONFIG)}, "company"), "consul")
    assert (story["source"], story["target"], story["start"]) == ("consul_sd_configs", None, "absent")
    assert [(step["line"], step["effect"], step["matched"], step["after"]) for step in story["steps"]] == [
        (7, "may_drop", None, "absent"),
        (8, "unchanged", True, "absent"),
        (9, "written", None, "absent or 'acme' or 'other'"),
        (11, "written", None, "absent or 'ACME' or 'OTHER'"),
    ]
    assert (story["result"], story["presence"], story["dropped"]) == (
        "absent or 'ACME' or 'OTHER'",
        "conditional",
        None,
    )


def test_known_targets_are_followed_each_in_its_way() -> None:
    a, b, q = stories(explain({"s": server(CONFIG)}, "company"), "static")
    assert (a["target"], a["start"], a["result"], a["presence"]) == ("a:1", "'z'", "'A'", "always")
    assert [(step["effect"], step["matched"], step["before"], step["after"]) for step in a["steps"]] == [
        ("written", True, "'z'", "'A'"),
        ("kept", False, "'A'", "'A'"),
    ]
    assert (b["steps"][0]["effect"], b["steps"][0]["matched"], b["result"]) == ("unchanged", False, "'z'")
    assert q["presence"] == "never"
    assert q["dropped"] == "/p/prometheus.yml:18: drop where [__address__] =~ 'q.*'"


def test_targets_that_fare_alike_are_one_story() -> None:
    targets = ", ".join(f"'h{number}:1'" for number in range(200))
    text = f"scrape_configs: [{{job_name: j, static_configs: [{{targets: [{targets}]}}]}}]"
    (story,) = stories(explain({"s": server(text)}, "instance"), "j")
    assert (story["targets"], story["target"]) == (200, "h0:1")
    assert story["result"].startswith("'h0:1' or 'h1:1' or ")


def test_a_given_target_is_followed_with_its_values() -> None:
    target = {
        "__address__": "h:1",
        "__meta_consul_tags": ",prod,",
        "__meta_consul_service_metadata_company": "acme-x",
    }
    found = explain({"s": server(CONFIG)}, "company", job="consul", target=target)
    assert [entry["job"] for entry in found["jobs"]] == ["consul"]
    (story,) = stories(found, "consul")
    assert story["result"] == "'ACME'"
    assert story["steps"][1]["also"] == ["__tmp_c: absent -> 'acme-x'"]
    (dropped,) = stories(
        explain({"s": server(CONFIG)}, "company", job="consul", target={"__address__": "h:1"}), "consul"
    )
    assert dropped["dropped"] == "/p/prometheus.yml:7: keep where [__meta_consul_tags] =~ '.*,prod,.*'"
    (gone,) = stories(explain({"s": server(CONFIG)}, "company", job="static", target={}), "static")
    assert gone["dropped"] == "a target that has no address after relabelling"


def test_servers_with_the_same_story_are_told_together() -> None:
    changed = CONFIG.replace("acme|other", "acme")
    found = explain({"b": server(CONFIG), "a": server(CONFIG), "c": server(changed)}, "company", job="consul")
    assert [entry["servers"] for entry in found["jobs"]] == [["a", "b"], ["c"]]


def test_the_text_tells_the_same() -> None:
    text = explain({"s": server(CONFIG)}, "company")["text"]
    for line in (
        "Label company",
        "  job consul (/p/prometheus.yml:4) on s",
        "      line 9: [__tmp_c] =~ '(acme|other).*' gives company = '$1': absent -> absent or 'acme' or 'other'",
        "    target q:1 (/p/prometheus.yml): absent at first",
        "      no target is left: /p/prometheus.yml:18: drop where [__address__] =~ 'q.*'",
        "  external_labels (/p/prometheus.yml:2) on s",
    ):
        assert line in text.splitlines() or any(found.startswith(line) for found in text.splitlines()), line
    assert explain({"s": server("global: {}")}, "nothing")["text"] == "Label nothing\n  nothing makes it"


def test_families_of_labels_are_sources_too() -> None:
    rules = "relabel_configs: [{action: labelmap, regex: '__meta_consul_service_metadata_(.+)'}]"
    text = f"scrape_configs: [{{job_name: j, consul_sd_configs: [{{server: h}}], {rules}}}]"
    found = explain({"s": server(text)}, "team")
    (story,) = stories(found, "j")
    assert (story["result"], story["presence"]) == ("absent or anything", "conditional")
    assert [source["from"] for source in found["sources"]] == [["__meta_consul_service_metadata_(.+)"]]


def test_instance_is_the_address_where_nothing_else_is() -> None:
    (story,) = stories(explain({"s": server(CONFIG)}, "instance"), "consul")
    assert (story["result"], story["presence"]) == ("the address", "always")


def test_a_placeholder_is_supposed_to_be_filled_in() -> None:
    rules = """
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__tmp_hash, __tmp_disable_sharding], regex: '$(SHARD);|.+;.+', action: keep}
"""
    text = f"scrape_configs:\n- job_name: j\n  kubernetes_sd_configs: [{{role: pod}}]\n  relabel_configs:{rules}"
    (story,) = stories(explain({"s": server(text)}, "namespace"), "j")
    assert story["source"] == "kubernetes_sd_configs, supposing that what line 6 tests is set"
    assert (story["result"], story["dropped"]) == ("absent or anything", None)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(label_sets(), chains("3.5"))
def test_stories_end_as_the_fields_say(labels: dict[str, str], chain: list[dict[str, Any]]) -> None:
    """What is told step by step is what comes out of all steps at once."""
    import json

    config = json.dumps(
        {
            "scrape_configs": [
                {"job_name": "j", "static_configs": [{"targets": ["h:1"], "labels": labels}], "relabel_configs": chain}
            ]
        }
    )
    fields = {item["name"] for item in extract({"s": server(config)})["fields"]}
    for label in ("env", "team", "job", "instance", "a_b"):
        (story,) = stories(explain({"s": server(config)}, label), "j")
        assert (story["presence"] == "always") == (label in fields), label
        assert (story["dropped"] is None) == bool(fields)


CHAIN = """
scrape_configs:
- job_name: j
  kubernetes_sd_configs: [{role: pod}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_label_app], target_label: __tmp}
  - {source_labels: [__tmp], regex: '(.+)-canary', target_label: __tmp}
  - {source_labels: [__meta_kubernetes_namespace, __tmp], separator: /, target_label: app}
  - {action: labelmap, regex: '__meta_kubernetes_pod_label_(.+)'}
  - {source_labels: [app], action: lowercase, target_label: app}
  - {source_labels: [app], regex: 'KUBE/.*', action: drop}
"""


def test_a_chain_tells_of_the_labels_on_the_way() -> None:
    lines = explain({"s": server(CHAIN)}, "app")["text"].splitlines()
    told = [line.partition("gives __tmp = '$1': ")[2] for line in lines[3:5]]
    assert told == ["__tmp: absent -> absent or anything", "__tmp stays absent or anything"]
    assert lines[6].endswith("-> '/' or anything")
    assert lines[7].endswith("app = lowercase of [app]: '/' or anything -> '/' or anything in lower case")
    assert lines[8].endswith("keeps the target; stays '/' or anything in lower case")
    assert lines[9].endswith("in the end: '/' or anything in lower case (always)")


def test_a_given_target_tells_of_the_labels_on_the_way() -> None:
    target = {"__address__": "h:1", "__meta_kubernetes_pod_label_app": "Web"}
    lines = explain({"s": server(CHAIN)}, "app", target=target)["text"].splitlines()
    told = [line.partition("gives __tmp = '$1': ")[2] for line in lines[3:5]]
    assert told == ["__tmp: absent -> 'Web'", "does not match; __tmp stays 'Web'"]
    assert lines[6].endswith("'/Web' -> 'Web'")


def test_rules_for_alerts_are_told_in_full() -> None:
    text = "alerting: {alert_relabel_configs: [{source_labels: [site], target_label: dc}]}"
    assert explain({"s": server(text)}, "dc")["text"].splitlines()[1:] == [
        "  alert_relabel_configs (/p/prometheus.yml:1) on s: [site] =~ '(.*)' gives dc = '$1'"
    ]


def test_targets_of_one_story_are_told_with_all_their_values() -> None:
    groups = "".join(f"  - {{targets: ['h{n}:1'], labels: {{env: {value}}}}}\n" for n, value in enumerate("abac"))
    found = explain({"s": server(f"scrape_configs:\n- job_name: j\n  static_configs:\n{groups}")}, "env")
    (story,) = stories(found, "j")
    assert (story["target"], story["targets"]) == ("h0:1", 4)
    assert story["start"] == story["result"] == "'a' or 'b' or 'c'"
    assert "target h0:1 and 3 more like it (/p/prometheus.yml): 'a' or 'b' or 'c' at first" in found["text"]
    ten = explain({"s": server(MANY)}, "n")
    assert stories(ten, "j")[0]["result"].endswith("or '7' or others")


HOSTS = ", ".join(f"'h{number}:1'" for number in range(600))
MANY = f"""
scrape_configs:
- job_name: j
  static_configs: [{{targets: [{HOSTS}]}}, {{targets: ['q:1', 'q:2'], labels: {{env: test}}}}]
  relabel_configs: [{{source_labels: [__address__], regex: 'h(.*):1', target_label: n}}]
"""


def test_targets_that_are_not_followed_are_counted() -> None:
    """And a group is not among them because one before it is large."""
    found = explain({"s": server(MANY)}, "env")
    (large, small) = stories(found, "j")
    assert (large["targets"], small["targets"], small["result"]) == (498, 2, "'test'")
    assert found["jobs"][0]["left_out"] == 102
    assert "    and 102 targets more, not followed or in further ways" in found["text"].splitlines()
    few = explain({"s": server(CONFIG)}, "company")
    assert {entry["left_out"] for entry in few["jobs"]} == {0}
    assert "not followed" not in few["text"]


RULES = """
groups:
- name: hosts
  labels: {team: ops}
  rules:
  - {alert: Down, expr: up == 0, labels: {severity: critical}}
  - {alert: Full, expr: up == 0, labels: {team: storage, severity: critical}}
  - {alert: Quiet, expr: up == 0, labels: {team: '', alertname: other}}
"""
PROBES = "groups: [{name: p, rules: [{record: 'a:b', expr: up, labels: {team: web}}]}]"
BEYOND = """
global: {external_labels: {site: SITE, dc: '${DC}'}}
rule_files: ['*.rules.yml']
scrape_configs:
- job_name: one
  static_configs: [{targets: ['a:1'], labels: {team: own}}]
  metric_relabel_configs:
  - {source_labels: [__name__], regex: go_.*, action: drop}
  - {regex: team, action: labeldrop}
- job_name: two
  static_configs: [{targets: ['a:2']}]
  metric_relabel_configs: [{action: labelmap, regex: 'x_(te.+)'}]
alerting:
  alert_relabel_configs:
  - {source_labels: [severity], regex: info, action: drop}
  - {regex: team|floor, action: labeldrop}
remote_write:
- {url: 'http://h', write_relabel_configs: [{target_label: team, replacement: ''}, {regex: site, action: labelkeep}]}
"""


def beyond(site: str = "rio") -> ServerConfigs:
    files = [("prometheus", BEYOND.replace("SITE", site)), ("hosts.rules", RULES), ("probes.rules", PROBES)]
    return ServerConfigs("ok", None, [ConfigFile(f"/p/{name}.yml", "prometheus", text) for name, text in files])


def told_elsewhere(label: str, servers: dict[str, ServerConfigs], **options: Any) -> list[str]:
    found = explain(servers, label, **options)
    others = ("    ", "  job ", "  not in job ")
    lines = [line for line in found["text"].splitlines()[1:] if not line.startswith(others)]
    assert len(lines) == len(found["elsewhere"]), found["text"]
    return lines


def test_what_rules_set_is_told_with_its_value_and_the_rules_that_do() -> None:
    assert told_elsewhere("severity", {"s": beyond()}) == [
        "  rules (/p/hosts.rules.yml:6) on s: severity = 'critical' in Down, Full",
        "  alert_relabel_configs (/p/prometheus.yml:15) on s: drop where [severity] =~ 'info'",
        "  write_relabel_configs (/p/prometheus.yml:18) on s: keep only labels named 'site'",
    ]


def test_what_takes_a_label_off_alerts_and_samples_is_told() -> None:
    lines = told_elsewhere("team", {"s": beyond()})
    assert lines == [
        "  rules (/p/hosts.rules.yml:4) on s: team = 'ops' in Down",
        "  rules (/p/hosts.rules.yml:7) on s: team = 'storage' in Full",
        "  rules (/p/hosts.rules.yml:8) on s: no team in Quiet",
        "  rules (/p/probes.rules.yml:1) on s: team = 'web' in a:b",
        "  metric_relabel_configs of job one (/p/prometheus.yml:9) on s: delete labels named 'team'",
        "  metric_relabel_configs of job two (/p/prometheus.yml:12) on s: copy labels named 'x_(te.+)' to '$1'",
        "  alert_relabel_configs (/p/prometheus.yml:16) on s: delete labels named 'team|floor'",
        "  write_relabel_configs (/p/prometheus.yml:18) on s: team = ''",
        "  write_relabel_configs (/p/prometheus.yml:18) on s: keep only labels named 'site'",
    ]
    of_two = [line for line in lines if "job one" not in line]
    assert told_elsewhere("team", {"s": beyond()}, job="two") == of_two


def test_what_feeds_a_label_in_one_job_alone_is_told_of_that_job_alone() -> None:
    feeds, makes = "{source_labels: [a], target_label: b}", "{source_labels: [b], target_label: team}"
    jobs = [("one", f"{feeds}, {makes}"), ("two", feeds)]
    text = "scrape_configs:\n" + "".join(
        f"- {{job_name: {name}, metric_relabel_configs: [{rules}]}}\n" for name, rules in jobs
    )
    assert told_elsewhere("team", {"s": server(text)}) == [
        "  metric_relabel_configs of job one (/p/prometheus.yml:2) on s: [a] =~ '(.*)' gives b = '$1'",
        "  metric_relabel_configs of job one (/p/prometheus.yml:2) on s: [b] =~ '(.*)' gives team = '$1'",
    ]


def test_external_labels_are_told_with_the_value_of_each_server() -> None:
    servers = {"a": beyond(), "b": beyond("recife"), "c": beyond()}
    assert told_elsewhere("site", servers) == [
        "  external_labels (/p/prometheus.yml:2) on a, c: site = 'rio'",
        "  external_labels (/p/prometheus.yml:2) on b: site = 'recife'",
    ]
    assert told_elsewhere("dc", {"a": beyond()}) == [
        "  external_labels (/p/prometheus.yml:2) on a: dc = '${DC}' of the server's environment",
        "  write_relabel_configs (/p/prometheus.yml:18) on a: keep only labels named 'site'",
    ]
    (entry,) = explain({"a": beyond()}, "site")["elsewhere"]
    assert entry == {
        "servers": ["a"],
        "jobs": [],
        "stage": "external_labels",
        "file": "/p/prometheus.yml",
        "line": 2,
        "does": "site = 'rio'",
    }


def test_many_rules_that_set_the_same_are_one_line() -> None:
    rules = "".join(f"  - {{alert: A{number}, expr: up, labels: {{team: x}}}}\n" for number in range(30))
    configs = beyond()
    configs.files[1] = ConfigFile("/p/many.rules.yml", "prometheus", f"groups:\n- name: g\n  rules:\n{rules}")
    (line,) = (line for line in told_elsewhere("team", {"s": configs}) if "many" in line)
    assert line.endswith("team = 'x' in A0, A1, A2, A3, A4 and 25 more")


def test_jobs_that_do_not_have_the_label_are_named_on_a_line_each() -> None:
    text = "scrape_configs:\n- {job_name: a, static_configs: [{targets: ['h:1']}]}\n- {job_name: b}\n"
    more = text + "- {job_name: c, static_configs: [{targets: ['h:1'], labels: {env: x}}]}\n"
    lines = explain({"s": server(text), "t": server(more)}, "env")["text"].splitlines()
    assert lines[1].startswith("  job c (")
    assert lines[-2:] == ["  not in job a on s, t", "  not in job b on s, t"]
