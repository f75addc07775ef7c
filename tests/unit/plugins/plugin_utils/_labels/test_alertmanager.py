# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import matchers, schema_times
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.alertmanager import (
    AlertmanagerConfig,
    read_alertmanager,
    template_labels,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile

CONFIG = """\
route:
  receiver: root
  group_by: [alertname, site]
  routes:
    - match: {team: db}
      match_re: {severity: "page|critical"}
      routes:
        - matchers:
            - '{env="prod", owner!~".+"}'
            - region=~"eu-.*"
          group_by: ['...']
          receiver: pager
          continue: true
        - receiver: pager
inhibit_rules:
  - source_match: {severity: critical}
    target_match_re: {severity: warning|info}
    source_matchers: [site!=""]
    equal: [alertname, site]
receivers:
  - name: root
  - name: pager
    webhook_configs:
      - url: <secret:3f9a>
        http_config: {bearer_token: "<secret:3f9a>"}
    slack_configs:
      - api_url: "<secret:11aa>"
        title: '{{ .CommonLabels.alertname }} on {{ range .Alerts }}{{ .Labels.instance }}{{ end }}'
        text: |
          {{ index .GroupLabels "kubernetes.io/name" }} {{ $x := .GroupLabels.SortedPairs }}
templates: [/etc/alertmanager/*.tmpl]
"""


def read(text: str) -> AlertmanagerConfig:
    return read_alertmanager(ConfigFile("/a.yml", "alertmanager", text))


def test_every_use_of_a_label_has_its_place() -> None:
    config = read(CONFIG)
    assert config.problems == []
    assert [(use.kind, use.label, use.operator, use.value, use.path, use.line) for use in config.uses] == [
        ("group_by", "alertname", None, None, "route.group_by", 3),
        ("group_by", "site", None, None, "route.group_by", 3),
        ("route", "team", "=", "db", "route.routes[0].match", 5),
        ("route", "severity", "=~", "page|critical", "route.routes[0].match_re", 6),
        ("route", "env", "=", "prod", "route.routes[0].routes[0].matchers", 9),
        ("route", "owner", "!~", ".+", "route.routes[0].routes[0].matchers", 9),
        ("route", "region", "=~", "eu-.*", "route.routes[0].routes[0].matchers", 10),
        ("group_by", "...", None, None, "route.routes[0].routes[0].group_by", 11),
        ("inhibit_source", "severity", "=", "critical", "inhibit_rules[0].source_match", 16),
        ("inhibit_source", "site", "!=", "", "inhibit_rules[0].source_matchers", 18),
        ("inhibit_target", "severity", "=~", "warning|info", "inhibit_rules[0].target_match_re", 17),
        ("inhibit_equal", "alertname", None, None, "inhibit_rules[0].equal", 19),
        ("inhibit_equal", "site", None, None, "inhibit_rules[0].equal", 19),
        ("template", "alertname", None, None, "receivers[1].slack_configs[0].title", 28),
        ("template", "instance", None, None, "receivers[1].slack_configs[0].title", 28),
        ("template", "kubernetes.io/name", None, None, "receivers[1].slack_configs[0].text", 29),
    ]


def test_receivers_and_groupings_are_inherited() -> None:
    config = read(CONFIG)
    assert config.route is not None
    found = {
        route.path: (route.receiver, route.group_by, route.group_by_line, route.continues, len(above))
        for route, above in config.route.walk()
    }
    assert found == {
        "route": ("root", ["alertname", "site"], 3, False, 0),
        "route.routes[0]": ("root", ["alertname", "site"], 0, False, 1),
        "route.routes[0].routes[0]": ("pager", ["..."], 11, True, 2),
        "route.routes[0].routes[1]": ("pager", ["alertname", "site"], 0, False, 2),
    }
    assert config.templates == ["/etc/alertmanager/*.tmpl"]
    assert config.receivers == ["root", "pager"]


ROOT = "route: {receiver: r}\nreceivers: [{name: r}]\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("route: [\n", 2, "is not valid YAML"),
        ("route: {receiver: r}\nroute: {receiver: r}\nreceivers: [{name: r}]\n", 2, "twice"),
        (ROOT + "inhibitrules: []\n", 3, "unknown key 'inhibitrules'"),
        ("receivers: [{name: r}]\n", 1, "has no route"),
        ("route: {}\nreceivers: [{name: r}]\n", 1, "without a receiver"),
        ("route:\n  receiver: x\nreceivers: [{name: r}]\n", 2, "receiver 'x', which does not exist"),
        ("route:\n  receiver: r\n  match: {a: b}\nreceivers: [{name: r}]\n", 3, "must take all alerts"),
        ("route:\n  receiver: r\n  routes:\n  - matchers:\n    - a\nreceivers: [{name: r}]\n", 5, "is not a matcher"),
        (
            "route:\n  receiver: r\n  routes:\n  - matchers: [a=~'(']\nreceivers: [{name: r}]\n",
            4,
            "regular expression for a",
        ),
        ("route:\n  receiver: r\n  routes:\n  - match_re: {a: '('}\nreceivers: [{name: r}]\n", 4, "regular expression"),
        ("route:\n  receiver: r\n  routes:\n  - match_re:\n      a:\nreceivers: [{name: r}]\n", 5, "that is empty"),
        ("route:\n  receiver: r\n  routes:\n  - match: {a-b: c}\nreceivers: [{name: r}]\n", 4, "not valid here"),
        ("route:\n  receiver: r\n  group_by: [a, a]\nreceivers: [{name: r}]\n", 3, "groups by a twice"),
        ("route:\n  receiver: r\n  group_by: [a, ...]\nreceivers: [{name: r}]\n", 3, "at the same time"),
        ("route: {receiver: r}\nreceivers:\n- name: r\n- name: r\n", 4, "two receivers"),
        (
            "route:\n  receiver: r\n  routes:\n  - mute_time_intervals: [x]\nreceivers: [{name: r}]\n",
            4,
            "'x', which does",
        ),
        ("route: {receiver: r}\nreceivers:\n- name: r\n  slack_configs:\n  - channel: x\n", 5, "without api_url"),
        (
            "route: {receiver: r}\nreceivers:\n- name: r\n  webhook_configs:\n  - max_alerts: 1\n",
            5,
            "none of url, url_file",
        ),
        (ROOT + "global:\n  smtp_smarthost: h\n", 4, "not host:port"),
        (ROOT + "inhibit_rules:\n- source_matchers: a=b\n", 4, "must be a list"),
        ("", 0, "holds no config"),
    ],
)
def test_what_alertmanager_refuses_is_a_problem_with_a_line(text: str, line: int, words: str) -> None:
    config = read(text)
    assert config.refused
    assert [(problem.line, problem.severity) for problem in config.problems if words in problem.message] == [
        (line, "error")
    ]
    assert all(problem.file == "/a.yml" for problem in config.problems)


def test_what_newer_versions_alone_refuse_is_a_warning() -> None:
    client = "global:\n  http_config:\n    tls_config: {cert_file: a}\n"
    config = read(ROOT + client)
    assert not config.refused
    assert [(problem.line, problem.severity) for problem in config.problems] == [(5, "warning")]
    # Only newer versions know it.
    assert read(ROOT + "global:\n  smtp_tls_config: {cert_file: a}\n").refused


TIMES = "time_intervals:\n- name: x\n  time_intervals:\n  - location: "


@pytest.mark.parametrize("location", ["Foo/Bar", "europe/berlin", "../x", "/etc/x"])
def test_a_time_zone_that_there_cannot_be_is_refused(location: str) -> None:
    config = read(f"{ROOT}{TIMES}{location}\n")
    assert [(problem.line, problem.severity) for problem in config.problems] == [(6, "error")]


def test_a_time_zone_that_is_not_known_here_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_times, "_has_zone", {"Europe/Berlin", "CET"}.__contains__)
    for location in ("Europe/Berlin", "CET", "UTC", "Local", "''"):
        assert read(f"{ROOT}{TIMES}{location}\n").problems == []
    for location in ("Europe/Nowhere", "Berlin", "US/Eastern", "Europe"):
        config = read(f"{ROOT}{TIMES}{location}\n")
        assert [(problem.line, problem.severity) for problem in config.problems] == [(6, "warning")]
    # Without a time zone database nothing can be said.
    monkeypatch.setattr(schema_times, "_has_zone", set().__contains__)
    assert read(f"{ROOT}{TIMES}Europe/Nowhere\n").problems == []


def test_what_is_not_text_is_a_problem() -> None:
    config = read_alertmanager(ConfigFile("/a.yml", "alertmanager", error="it is not UTF-8"))
    assert config.refused
    assert config.problems[0].message == "could not be read: it is not UTF-8"


def test_a_matcher_that_is_read_in_one_way_only_is_a_warning() -> None:
    config = read("route:\n  receiver: r\n  routes:\n  - matchers: ['a=b c']\nreceivers: [{name: r}]\n")
    assert not config.refused
    assert [(problem.line, problem.severity) for problem in config.problems] == [(4, "warning")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="page"', ['severity="page"']),
        ("severity=page", ['severity="page"']),
        ('{a="b", c!~"d|e",}', ['a="b"', 'c!~"d|e"']),
        ('"utf-8 name"=~"x"', ['"utf-8 name"=~"x"']),
        ('a="b,c"', ['a="b,c"']),
        (r'a="\u00fc"', [r'a="\\u00fc"']),
        (r'"ü"="\u00fc"', ['ü="ü"']),
        ("{}", []),
        ("", []),
        ("a=", ['a=""']),
    ],
)
def test_matchers(text: str, expected: list[str]) -> None:
    assert [str(matcher) for matcher in matchers.parse(text).matchers] == expected


@pytest.mark.parametrize("text", ["a", "=b", 'a="b', 'a=b"', "{a=b,,c=d", '"ü"=b}', 'a=~"("', "a-b=c}"])
def test_what_is_no_matcher(text: str) -> None:
    with pytest.raises(matchers.MatcherError):
        matchers.parse(text)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ('a="b"', "b", True),
        ('a="b"', "", False),
        ('a!="b"', "", True),
        ('a=""', "", True),
        ('a=~"b|c"', "bc", False),
        ('a=~"b|c"', "c", True),
        ('a=~".*"', "", True),
        ('a!~".+"', "", True),
        ('a=~"b.c"', "b\nc", False),
    ],
)
def test_a_missing_label_is_an_empty_one(text: str, value: str, expected: bool) -> None:
    matcher = matchers.parse(text).matchers[0]
    assert matcher.matches(value) is expected
    assert matcher.matches_absent is matcher.matches("")


def test_labels_in_templates() -> None:
    text = "{{ .CommonLabels.a }} .CommonLabels.no {{ (index .Alerts 0).Labels.b }}"
    text += " {{ index .Labels `c d` }} {{ .GroupLabels.Names }}"
    assert template_labels(text) == ["a", "b", "c d"]


def test_a_deep_tree_is_walked_without_recursion_errors() -> None:
    text = "route:\n  receiver: r\n" + "".join(
        f"{'  ' * n}  routes:\n{'  ' * n}  - matchers: [a=b]\n" for n in range(55)
    )
    config = read(text + "receivers: [{name: r}]\n")
    assert config.route is not None
    assert len(list(config.route.walk())) == 56
