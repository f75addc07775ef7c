# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.alerts import Alerts, alerts_of
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile, ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.routes import check_routes

PROMETHEUS = """\
global: {external_labels: {site: rio, replica: "${HOSTNAME}"}}
rule_files: [rules/*.yml]
alerting: {alert_relabel_configs: [{regex: dropped, action: labeldrop}, {target_label: added, replacement: x}]}
scrape_configs:
- job_name: a
  static_configs: [{targets: ["h:1"], labels: {env: prod}}]
  metric_relabel_configs: [{source_labels: [x], target_label: from_metrics}]
"""
# Nothing here keeps the labels of a metric that only an exporter knows.
CLOSED = """\
groups:
- name: g
  rules:
  - {record: "job:x:sum", expr: sum by (job) (x), labels: {tier: gold}}
  - {alert: Down, expr: up == 0, labels: {severity: page, dropped: x}}
  - {alert: Slow, expr: "job:x:sum > 1", labels: {severity: info, owner: "{{ $labels.owner }}"}}
"""
OPEN = CLOSED + "  - {alert: Full, expr: 'free{fstype=\"ext4\"} < 1', labels: {severity: info}}\n"


def alertmanager(routes: str = "", more: str = "", group_by: str = "[alertname]") -> str:
    text = f"route:\n  receiver: root\n  group_by: {group_by}\n"
    text += f"  routes:\n{routes}" if routes else ""
    return text + "receivers: [{name: root}, {name: a}, {name: b}, {name: c}]\n" + more


def server(
    am: str | None, prometheus: str | None = PROMETHEUS, rules: str | None = CLOSED, status: str = "ok"
) -> ServerConfigs:
    files = [
        ConfigFile(path, service, text)
        for path, service, text in (
            ("/etc/prometheus/prometheus.yml", "prometheus", prometheus),
            ("/etc/prometheus/rules/a.yml", "prometheus", rules),
            ("/etc/alertmanager/alertmanager.yml", "alertmanager", am),
        )
        if text is not None
    ]
    return ServerConfigs(status, None, files)


def found(am: str, rules: str | None = CLOSED, **more: Any) -> list[tuple[Any, ...]]:
    findings = check_routes({"s": server(am, rules=rules)}, **more)
    return [(item["kind"], item["severity"], item["certain"], item["label"], item["line"]) for item in findings]


def route(*matchers: str, receiver: str = "a", rest: str = "") -> str:
    quoted = ", ".join(f"'{matcher}'" for matcher in matchers)
    return f"  - receiver: {receiver}\n    matchers: [{quoted}]\n{rest}"


@pytest.mark.parametrize(
    "matcher",
    [
        *('severity="page"', 'severity=~"p.*"', 'severity!="page"', 'alertname="Down"', 'site="rio"', 'env="x"'),
        *('job="x"', 'instance="x"', 'tier="x"', 'owner="x"', 'replica="x"', 'added="x"', 'site!=""'),
    ],
)
def test_a_route_that_an_alert_may_take_is_no_finding(matcher: str) -> None:
    assert found(alertmanager(route(matcher))) == []


@pytest.mark.parametrize(
    ("matcher", "label"),
    [
        ('severity="critical"', "severity"),
        ('severity!~"page|info"', "severity"),
        ('alertname="Gone"', "alertname"),
        ('site="sao"', "site"),
        ('site=""', "site"),
        ('team="db"', "team"),
        ('team!=""', "team"),
        ('from_metrics="x"', "from_metrics"),
        ('dropped="x"', "dropped"),
        ('added="y"', "added"),
        ('__name__="x"', "__name__"),
    ],
)
def test_a_route_that_no_alert_can_take_is_an_error(matcher: str, label: str) -> None:
    assert found(alertmanager(route(matcher))) == [("dead_route", "error", True, label, 6)]


def test_a_label_that_only_a_metric_could_have_is_said_to_be_unknown() -> None:
    am = alertmanager(route('mountpoint="/"'))
    assert found(am, OPEN) == [("dead_route", "warning", False, "mountpoint", 6)]
    message = check_routes({"s": server(am, rules=OPEN)})[0]["message"]
    assert "cannot be known for sure" in message
    assert "a metric may have the label" in message
    assert found(am, OPEN, also=["mountpoint"]) == []


@pytest.mark.parametrize("matcher", ['fstype="ext4"', 'from_metrics="x"', 'env="prod"'])
def test_a_label_that_an_expression_or_a_config_names_is_possible(matcher: str) -> None:
    assert found(alertmanager(route(matcher)), OPEN) == []


def test_matchers_that_no_single_alert_satisfies_together() -> None:
    findings = check_routes({"s": server(alertmanager(route('severity="page"', 'alertname="Slow"')))})
    assert [(item["kind"], item["severity"], item["line"]) for item in findings] == [("dead_route", "error", 6)]
    assert findings[0]["message"].endswith('no alert satisfies all of severity="page", alertname="Slow".')


def test_matchers_of_the_routes_above_count_and_a_dead_route_is_reported_once() -> None:
    child = "    routes:\n    - {receiver: b, matchers: ['severity=\"info\"']}\n"
    assert found(alertmanager(route('alertname="Down"', rest=child))) == [("dead_route", "error", True, "severity", 8)]
    dead = route('team="y"', rest="    routes:\n    - {receiver: b, matchers: ['floor=\"x\"']}\n")
    assert found(alertmanager(dead)) == [("dead_route", "error", True, "team", 6)]


def test_a_route_behind_others_that_take_everything() -> None:
    routes = route('severity=~"page|info"') + route('env=~".*"', receiver="b")
    assert found(alertmanager(routes)) == [("shadowed_route", "error", True, None, 7)]
    assert found(alertmanager(routes.replace("    matchers", "    continue: true\n    matchers", 1))) == []
    # Whether env is set is not known, so something may be left for the second.
    assert found(alertmanager(route('env="prod"') + route('severity="page"', receiver="b"))) == []


def test_groupings() -> None:
    assert found(alertmanager(group_by="[alertname, site, job]")) == []
    assert found(alertmanager(group_by="['...']")) == []
    assert found(alertmanager(group_by="[alertname, floor]")) == [("empty_group_by", "warning", True, "floor", 3)]
    assert found(alertmanager(group_by="[device]"), OPEN) == [("empty_group_by", "info", False, "device", 3)]
    assert found(alertmanager(group_by="[dropped]")) == [("empty_group_by", "warning", True, "dropped", 3)]


def test_a_matcher_that_lets_everything_through() -> None:
    assert found(alertmanager(route('team=""'))) == [("idle_matcher", "warning", True, "team", 6)]
    assert found(alertmanager(route('team!="x"', 'severity="page"'))) == [("idle_matcher", "warning", True, "team", 6)]


def test_inhibitions() -> None:
    def rule(source: str, target: str, equal: str) -> str:
        return f"inhibit_rules:\n- source_matchers: ['{source}']\n  target_matchers: ['{target}']\n  equal: {equal}\n"

    good = rule('severity="page"', 'severity="info"', "[site]")
    assert found(alertmanager(more=good)) == []
    dead = rule('severity="critical"', 'severity="info"', "[site]")
    assert found(alertmanager(more=dead)) == [("dead_inhibition", "error", True, "severity", 6)]
    dead = rule('severity="page"', 'team="x"', "[site]")
    assert found(alertmanager(more=dead)) == [("dead_inhibition", "error", True, "team", 7)]
    assert found(alertmanager(more=rule('severity="page"', 'severity="info"', "[site, floor]"))) == [
        ("empty_equal", "warning", True, "floor", 8)
    ]


@pytest.mark.parametrize(
    ("servers", "reason"),
    [
        ({"p": server(None, rules=None)}, "p has no file in the sweep for its rule_files rules/*.yml"),
        ({"p": ServerConfigs("unreachable")}, "p was not read (unreachable)"),
        ({"p": server(None, rules="groups: [{name: g, rules: [{alert: A}]}]")}, "a rule file that Prometheus refuses"),
        ({"p": server(None, prometheus=PROMETHEUS + "x: 1\n")}, "the config of p is one that Prometheus refuses"),
    ],
)
def test_what_was_not_seen_makes_findings_uncertain(servers: dict[str, ServerConfigs], reason: str) -> None:
    findings = check_routes({"s": server(alertmanager(route('team="x"'))), **servers})
    assert [(item["kind"], item["severity"], item["certain"]) for item in findings] == [
        ("dead_route", "warning", False)
    ]
    assert any(reason in text for text in findings[0]["reasons"])


def judged(
    jobs: str = "", top: str = "", matcher: str = 'team="x"', rules: str = CLOSED, **more: str | None
) -> list[tuple[bool, str, list[str]]]:
    """Findings on a route, where a config has these jobs and settings: certain, severity and reasons."""
    text = (
        f"rule_files: ['[ab].yml']\n{top}\nscrape_configs:\n- {{job_name: a, static_configs: [{{targets: ['h:1']}}]}}\n"
    )
    configs = server(alertmanager(route(matcher)), text + jobs, None)
    for name, content in {"a.yml": rules, **{key.replace("_", "."): value for key, value in more.items()}}.items():
        error = "denied" if content is None else None
        configs.files.append(ConfigFile(f"/etc/prometheus/{name}", "prometheus", content, None, error))
    return [(item["certain"], item["severity"], item["reasons"]) for item in check_routes({"s": configs})]


SURE: list[tuple[bool, str, list[str]]] = [(True, "error", [])]


@pytest.mark.parametrize(
    ("job", "key"),
    [
        ("http_sd_configs: [{url: 'http://h'}]", "http_sd_configs"),
        ("file_sd_configs: [{files: ['t/*.json']}]", "file_sd_configs"),
    ],
)
def test_targets_that_may_carry_any_label_make_findings_uncertain(job: str, key: str) -> None:
    job = f"- job_name: b\n  {job}\n"
    reason = f"targets of job b of s may have any label: its {key} give them some that are not in the sweep"
    assert judged(job) == [(False, "warning", [reason])]
    # Nothing of a target is in a sum, and relabelling can take its labels away.
    assert judged(job, rules=CLOSED.replace("up == 0", "sum(up) == 0")) == SURE
    assert judged(job + "  relabel_configs: [{regex: te.m, action: labeldrop}]\n") == SURE
    assert judged(job + "  relabel_configs: [{regex: '__.*|job', action: labelkeep}]\n") == SURE
    assert judged(job, matcher='__meta_team="x"') == SURE
    # A rule that names the label knows why.
    assert judged(job, rules=CLOSED.replace("up == 0", "\"up{team=~'.+'} == 0\"")) == []


def test_target_files_that_are_all_in_the_sweep_leave_no_doubt() -> None:
    job = "- {job_name: b, file_sd_configs: [{files: [t.json]}]}\n"
    assert judged(job, t_json='[{"targets": ["h:1"]}]') == SURE
    assert judged(job, t_json='[{"targets": ["h:1"], "labels": {"team": "x"}}]') == []
    assert [item[0] for item in judged(job, t_json=None)] == [False]
    # Prometheus keeps the targets that it had.
    reason = "targets of job b of s may have any label: /etc/prometheus/t.json is broken"
    assert judged(job, t_json="[") == [(False, "warning", [reason])]


def test_jobs_in_files_that_are_not_in_the_sweep_make_findings_uncertain() -> None:
    reason = "s has no file in the sweep for its scrape_config_files jobs/*.yml"
    assert judged(top="scrape_config_files: ['jobs/*.yml']") == [(False, "warning", [reason])]
    more = "scrape_configs: [{job_name: c, static_configs: [{targets: ['h:2']}]}]"
    assert judged(top="scrape_config_files: [c.yaml]", c_yaml=more) == SURE
    assert judged(top="scrape_config_files: [c.yaml, 'jobs/*.yml']", c_yaml=more) == [(False, "warning", [reason])]
    ((certain, _severity, reasons),) = judged(top="scrape_config_files: [c.yaml]", c_yaml=None)
    assert (certain, reasons[0]) == (False, "/etc/prometheus/c.yaml of s could not be read")


def test_a_rule_file_that_cannot_be_read_or_is_broken_makes_findings_uncertain() -> None:
    assert judged(b_yml=None) == [(False, "warning", ["/etc/prometheus/b.yml of s could not be read"])]
    refused = "/etc/prometheus/b.yml of s is a rule file that Prometheus refuses"
    for text in ("groups: [\n- {\n", "- a list\n", "grups: []\n"):
        assert judged(b_yml=text) == [(False, "warning", [refused])], text
    for text in ("", "# nothing\n", "groups:\n", "groups: []\n"):
        assert judged(b_yml=text) == SURE, text


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("honor_labels: true", "job b of s keeps the labels of what it scrapes (honor_labels)"),
        ("metrics_path: /federate", "job b of s scrapes series of another server (federation)"),
        ("metrics_path: /prom/federate/", "job b of s scrapes series of another server (federation)"),
        ("params: {'match[]': [x]}", "job b of s scrapes series of another server (federation)"),
        (
            "relabel_configs: [{target_label: __metrics_path__, replacement: /federate}]",
            "job b of s scrapes series of another server (federation)",
        ),
    ],
)
def test_scraped_series_may_have_the_names_of_those_that_prometheus_makes(job: str, reason: str) -> None:
    job = f"- job_name: b\n  static_configs: [{{targets: ['h:1']}}]\n  {job}\n"
    assert judged(job) == [(False, "warning", [reason])]
    assert judged(job, matcher='exported_job="x"') == [(False, "warning", [reason])]
    recorded = CLOSED.replace("up == 0", "sum(up) == 0").replace("sum by (job) (x)", "sum(x)")
    assert judged(job, rules=recorded) == [(False, "warning", [reason])]
    assert judged(job, rules=recorded.replace("job:x:sum >", "sum(x) >")) == SURE
    assert judged(job, matcher='__team="x"', rules=recorded) == SURE


def test_an_ordinary_job_leaves_no_doubt() -> None:
    job = "- job_name: b\n  static_configs: [{targets: ['h:1']}]\n  params: {module: [http]}\n  metrics_path: /probe\n"
    assert judged(job + "  honor_labels: false\n") == SURE


@pytest.mark.parametrize(
    ("top", "reason"),
    [
        ("otlp: {promote_resource_attributes: [team]}", "s takes metrics by otlp"),
        ("remote_read: [{url: 'http://h'}]", "s reads series of another server (remote_read)"),
    ],
)
def test_series_that_come_from_elsewhere_may_have_any_label(top: str, reason: str) -> None:
    assert judged(top=top) == [(False, "warning", [reason])]


def test_a_route_that_only_a_label_in_doubt_can_lead_to_is_not_certainly_shadowed() -> None:
    job = "- {job_name: b, http_sd_configs: [{url: 'http://h'}]}\n"
    configs = server(
        alertmanager(
            route('severity="page"') + route('severity=~"page|info"', 'team!=""', receiver="b"),
        ),
        PROMETHEUS + job,
        CLOSED.replace('"job:x:sum > 1"', "up > 1").replace("{{ $labels.owner }}", "me"),
    )
    configs.files.append(ConfigFile("/etc/prometheus/rules/b.yml", "prometheus", GIVEN))
    (finding,) = check_routes({"s": configs})
    assert (finding["kind"], finding["severity"], finding["certain"]) == ("shadowed_route", "warning", False)
    assert "targets of job b of s may have any label" in finding["reasons"][0]


GIVEN = "groups: [{name: o, rules: [{alert: T, expr: vector(1), labels: {severity: page, team: x}}]}]\n"
OWN = """\
alerting:
  alert_relabel_configs: [{target_label: stage, replacement: live}, {target_label: zone, replacement: z}]
  alertmanagers:
  - static_configs: [{targets: ['h:1']}]
    alert_relabel_configs: [{target_label: team, replacement: db}, {regex: zone, action: labeldrop}]
"""
OTHER = """\
  - static_configs: [{targets: ['h:2']}]
    alert_relabel_configs: [{source_labels: [stage], target_label: phase}, {target_label: dc, replacement: y}]
"""


@pytest.mark.parametrize(
    ("top", "matchers", "is_live"),
    [
        (OWN, ('team="db"',), True),
        (OWN, ('team="db"', 'stage="live"'), True),
        (OWN, ('team="x"',), False),
        # The one Alertmanager there is never sees it.
        (OWN, ('zone="z"',), False),
        (OWN + "  - static_configs: [{targets: ['h:3']}]\n", ('zone="z"', 'team=""'), True),
        (OWN + OTHER, ('phase="live"',), True),
        (OWN + OTHER, ('team=""', 'dc=""'), False),
        # Before Prometheus 3.7, what is done for one Alertmanager was also seen by those after it.
        (OWN + OTHER, ('team="db"', 'dc="y"'), True),
    ],
)
def test_relabelling_for_one_alertmanager_comes_after_that_for_all(
    top: str, matchers: tuple[str, ...], is_live: bool
) -> None:
    found = check_routes({"s": server(alertmanager(route(*matchers)), "rule_files: [rules/a.yml]\n" + top)})
    assert ([item["kind"] for item in found if item["kind"] != "idle_matcher"] == []) is is_live


def test_alerts_of_one_server_make_routes_of_another_live() -> None:
    other = server(None, rules=CLOSED.replace("severity: info", "severity: critical"))
    am = alertmanager(route('severity="critical"') + route('severity="page"', receiver="b"))
    assert check_routes({"s": server(am), "p": other}) == []
    assert len(check_routes({"s": server(am)})) == 1


def test_equal_configs_of_many_servers_are_one_finding() -> None:
    am = alertmanager(route('team="x"'))
    findings = check_routes({f"s{number}": server(am) for number in range(3)})
    assert [item["servers"] for item in findings] == [["s0", "s1", "s2"]]


def test_alerts_are_told_apart_by_what_matchers_ask_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by what every server has of its own: each config is held against all of them."""
    kinds: list[int] = []

    def counted(*arguments: Any) -> Alerts:
        kinds.append(len(alerts_of(*arguments).kinds))
        return alerts_of(*arguments)

    monkeypatch.setattr(f"{check_routes.__module__}.alerts_of", counted)
    inhibition = "{source_matchers: ['severity=page'], target_matchers: ['severity=info'], equal: [at]}"
    for count in (2, 20):
        servers = {}
        for number in range(count):
            more = f"# {number}\ninhibit_rules: [{inhibition}]\n"
            am = alertmanager(route('severity="page"'), more, "[site, replica]")
            prometheus = PROMETHEUS.replace("site: rio", f"site: s{number}, at: '{number}'")
            servers[f"s{number}"] = server(am, prometheus)
        assert check_routes(servers) == []
    assert kinds == [2, 2]


def test_without_alerting_rules_nothing_is_claimed() -> None:
    findings = check_routes({"s": server(alertmanager(route('team="x"')), prometheus=None, rules=None)})
    assert [(item["kind"], item["severity"]) for item in findings] == [("no_alerts", "info")]


def test_a_broken_alertmanager_config_is_a_finding() -> None:
    assert found("route: [") == [("config", "error", True, None, 2)]


def test_a_masked_label_is_not_taken_for_its_value() -> None:
    rules = CLOSED.replace("severity: page", "severity: page, api_token: <secret:3f9a>")
    assert found(alertmanager(route('api_token="x"')), rules) == []


def test_an_expression_that_a_mask_left_unreadable_is_said_to_be_so() -> None:
    """Of (https://hooks.slack.com/services/(.+)) a bracket goes with the secret."""
    masked = alertmanager(route('team="x"', rest="    match_re: {url: '(<secret:3f9a>'}\n"))
    (finding,) = (item for item in check_routes({"s": server(masked)}) if item["kind"] == "config")
    message = "The config has a matcher that cannot be read: it has a regular expression for url that is not valid."
    assert (finding["severity"], finding["message"]) == ("warning", message)


def test_copies_in_folders_below_are_no_configs() -> None:
    configs = server(alertmanager(route('team="x"')))
    copy = alertmanager(route('floor="x"'))
    configs.files.append(ConfigFile("/etc/alertmanager/old/alertmanager.yml", "alertmanager", copy))
    assert [item["label"] for item in check_routes({"s": configs})] == ["team"]


def test_a_config_under_another_name_is_found() -> None:
    files = [ConfigFile("/etc/alertmanager/config.yml", "alertmanager", alertmanager(route('team="x"')))]
    files.append(ConfigFile("/etc/alertmanager/other.yml", "alertmanager", "a: b"))
    findings = check_routes({"a": ServerConfigs("ok", None, files), "s": server(None)})
    assert [item["kind"] for item in findings] == ["dead_route"]


def messages(am: str, rules: str = CLOSED) -> list[str]:
    return [item["message"].partition(" This cannot")[0] for item in check_routes({"s": server(am, rules=rules)})]


@pytest.mark.parametrize("rules", [CLOSED, OPEN])
def test_a_label_that_is_spelled_nearly_so_is_named(rules: str) -> None:
    am = alertmanager(route('severty="page"'), group_by="[alertnmae]", more="inhibit_rules: [{equal: [instanec]}]\n")
    found = messages(am, rules)
    assert len(found) == 3
    for label in ("severity", "alertname", "instance"):
        assert sum(f"(was {label} meant?)" in message for message in found) == 1, (label, found)
    assert not any("meant" in message for message in messages(alertmanager(route('floor="1"')), rules))


def test_a_value_that_no_rule_gives_is_told_as_such() -> None:
    """The label is there, if not on every alert: that is not the same as a label that nothing gives."""
    rules = OPEN.replace("dropped: x", "team: db")
    assert messages(alertmanager(route('team="dba"')), rules) == [
        'The route to a gets no alert: it asks for team="dba", and no rule gives such a value (but db).'
    ]


def test_a_matcher_that_cannot_be_read_is_said_to_be_one() -> None:
    (message,) = [text for text in messages(alertmanager(route("bad"))) if "read" in text]
    assert message.startswith("The config has a matcher that cannot be read: it is not a matcher such as")
