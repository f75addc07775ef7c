# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in what is read line by line: around templates, the marks of a conflict, comments at any indentation."""

from __future__ import annotations

import re

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_lines import (
    LineReader,
    anchored,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import SALT

SECRET = "S3cret99"
MASK = re.compile(r"<secret:[0-9a-f]{4}>")
HOOK = "receivers:\n- name: r\n  webhook_configs:\n"
CHAT = "receivers:\n- name: r\n  slack_configs:\n  - channel: c\n"
URL = "  - url: https://hook/@\n"


def shown(text: str) -> str:
    """The masked text, which stays as it is when it is masked again."""
    first = Redactor(SALT).redact(text).text
    assert Redactor(SALT).redact(first).text == first
    return MASK.sub("M", first)


def config_map(text: str) -> str:
    """Sound YAML with the text in a block."""
    return "data:\n  a.yml: |\n" + "".join(f"    {line}\n" for line in text.splitlines())


def assert_masked(text: str, *, public: str = "") -> None:
    found = shown(text.replace("@", SECRET))
    assert SECRET not in found
    assert public in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{% for x in y %}", "{% endfor %}"),
        ("{%- for x in y -%}", "{%- endfor -%}"),
        ("{{- range .y }}", "{{- end }}"),
        ("  {{- with .x }}", "  {{- end }}"),
        ("{# the hook #}", "{% if x %}"),
        ("<<<<<<< HEAD", ">>>>>>> x"),
        ("=======", ">>>>>>> x"),
        ("||||||| 1a2b3c", ">>>>>>> x"),
        ("%{ for x in y ~}", "%{ endfor ~}"),
        ("garbage", "{{"),
    ],
)
@pytest.mark.parametrize(
    ("head", "secret"),
    [
        (HOOK, URL),
        (CHAT, "    api_url: https://chat/@\n"),
        (HOOK + "  - send_resolved: true\n", "    url: https://hook/@\n"),
        ("global:\n", "  slack_api_url: https://mm/hooks/@\n"),
        ("auths:\n  a:\n    version: 2\n", "    community: @\n"),
        ("scrape_configs:\n- job_name: a\n  params:\n", "    auth: [@]\n"),
        ("scrape_configs:\n- job_name: a\n  http_headers:\n    A:\n", "      values:\n      - @\n"),
        ("basic_auth_users:\n", "  bob: @\n"),
    ],
)
def test_what_is_no_key_closes_none(head: str, secret: str, before: str, after: str) -> None:
    text = f"{head}{before}\n{secret}{after}\n"
    assert_masked(text)
    assert_masked(config_map(text))
    assert_masked(f"{head}{before}\n# why\n{before}\n{secret}{after}\nroute:\n  receiver: public\n", public="public")


@pytest.mark.parametrize("end", ["", "{{\n"], ids=["sound", "broken"])
@pytest.mark.parametrize(
    "comments",
    [
        "# the hook of x\n",
        "#the hook of x\n",
        "# - see the wiki\n",
        "#- url: https://old/\n",
        "#- name: old\n",
        "# name: old\n",
        "#\n# webhook_configs:\n# the old one\n",
        "  # - url: https://old/\n  # why\n",
        "# see:\n",
    ],
)
def test_a_comment_closes_no_key(comments: str, end: str) -> None:
    for indented in (comments, "".join(f"  {line}\n" for line in comments.splitlines())):
        text = HOOK + indented + URL
        assert_masked(text + end)
        assert_masked(config_map(text + end))
        assert_masked(HOOK + "  - url: https://old/\n" + indented + URL + end)
        assert_masked(HOOK + indented + "  # - url: https://hook/@\n  - url: b\n" + end)


@pytest.mark.parametrize("end", ["", "{{\n"], ids=["sound", "broken"])
@pytest.mark.parametrize(
    "text",
    [
        HOOK + "#- url: https://hook/@\n  - url: b\n",
        HOOK + "# - url: https://hook/@\n  - url: b\n",
        HOOK + "#   - url: https://hook/@\n  - url: b\n",
        HOOK + "  # note\n  #- url: https://hook/@\n  - url: b\n",
        HOOK + "  - url: b\n    http_config:\n      proxy_url: c\n  # - url: https://hook/@\n",
        HOOK + "  - url: b\n    http_config:\n      proxy_url: c\n#- url: https://hook/@\n",
        HOOK + "  - url: b\n    http_config:\n      proxy_url: c\n# - {url: https://hook/@}\n",
        "receivers:\n- name: r\n#  webhook_configs:\n# the old one\n#  - url: https://hook/@\n",
        "receivers:\n- name: r\n#  webhook_configs:\n#- prose\n#  - url: https://hook/@\n",
        "global:\n# note\n  # slack_api_url: https://mm/hooks/@\n  a: b\n",
        "global:\n#slack_api_url: https://mm/hooks/@\n",
    ],
)
def test_a_setting_that_is_commented_out_at_any_indentation(text: str, end: str) -> None:
    assert_masked(text + end)
    assert_masked(config_map(text + end))


@pytest.mark.parametrize("end", ["", "z: 1\n{{\n"], ids=["sound", "broken"])
@pytest.mark.parametrize(
    "text",
    [
        HOOK + "  - send_resolved: true\n    # max_alerts: 5\n  # max_alerts: 5\n# note: see the wiki\n",
        "basic_auth:\n  username: bob\n  password_file: /x\n# note: see the wiki\n",
        "receivers:\n- name: r\n  pagerduty_configs:\n  # - url: https://pd/\n  #   description: d\n  - url: b\n",
        "receivers:\n#- name: r\n#  pagerduty_configs:\n#  - url: https://pd/\n- name: s\n",
        HOOK + "#- name: s\n#  pagerduty_configs:\n#  - url: https://pd/\n",
        "scrape_configs:\n- job_name: a\n# - job_name: b\n#   scheme: https\n#   metrics_path: /x\n",
    ],
)
def test_what_is_no_secret_in_comments_stays(text: str, end: str) -> None:
    assert shown(text + end) == text + end


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{% set api_token = 'S3cret99' %}", "{% set api_token = M %}"),
        ('{{ $token := "S3cret99" }}', "{{ $token := M }}"),
        ("{# password: S3cret99 #}", "{# password: M"),
        ("{%- set cfg = {'password': 'S3cret99'} %}", None),
        ("{% if api_token is defined %}", "{% if api_token is defined %}"),
        ("{% if api_token is not none %}", "{% if api_token is not none %}"),
        ("{% for x in y %}", "{% for x in y %}"),
    ],
)
def test_a_line_of_a_template(line: str, expected: str | None) -> None:
    found = shown(f"{line}\nglobal: {{a: b}}\n")
    assert SECRET not in found
    if expected:
        assert found.startswith(expected + "\n")


RULES = """\
scrape_configs:
- relabel_configs:
  - target_label: __param_auth
    source_labels: [a]
  - target_label: __address__
    replacement: snmp-exporter:9116
- relabel_configs:
  - target_label: env
    replacement: prod
  - {target_label: __param_token, source_labels: [a]}
  - {target_label: __address__, replacement: 'snmp-exporter:9116'}
  - replacement: $1
    target_label: __param_auth
"""


def test_a_rule_that_fills_a_parameter_says_nothing_of_others() -> None:
    assert shown(RULES + "{{\n") == RULES + "{{\n"
    assert shown(config_map(RULES)) == config_map(RULES)


@pytest.mark.parametrize(
    "rule",
    [
        "  - target_label: __param_auth\n    replacement: @\n",
        "  - replacement: @\n    target_label: __param_auth\n",
        "  - replacement: '@ x'  # why\n    source_labels:\n    - a\n    target_label: __param_auth\n",
        "  - source_labels:\n    - a\n    target_label: __param_auth\n    replacement: @,@\n",
        "  - target_label: __param_auth\n{{ if .x }}\n      replacement: @\n{{ end }}\n",
        "  - target_label: __param_auth\n    # replacement: x\n    replacement: @-$1\n",
        "  - {target_label: __param_auth, replacement: @}\n",
        "  - {target_label: token, replacement: @}\n",
        "  - target_label: db_password\n    replacement: @\n",
        "  - {replacement: '@ x', target_label: __param_auth}\n",
        "  - {regex: 'a{2}', target_label: __param_auth,\n replacement: @}\n",
        '  - {"target_label":"__param_auth","replacement":"@"}\n',
        "  - {target_label: __param_auth, replacement: @\n",
        "  -\n    target_label: __param_auth\n    replacement: @\n",
    ],
)
def test_a_rule_that_fills_a_parameter(rule: str) -> None:
    public = "snmp-exporter:9116\n- relabel_configs"
    assert_masked(RULES + rule + "{{\n", public=public)
    assert_masked(RULES.replace("  - target_label: env\n", rule + "  - target_label: env\n") + "{{\n", public=public)
    assert_masked(config_map(RULES + rule), public="snmp-exporter:9116\n    - relabel_configs")


@pytest.mark.parametrize(
    "text",
    [
        "kind: Secret\ndata:\n  a.yml: @\n",
        "data:\n  a.yml: @\n  b.yml: @\nkind: Secret\nmetadata: {name: public}\n",
        'kind: "Secret" # why\nmetadata:\n  name: public\nstringData:\n  a.yml: |\n    @\n    x: @\n',
        "kind: Secret\nstringData: {a: @}\n",
        "kind: Secret\n{{ if .x }}\ndata:\n{{ end }}\n  a.yml: @\n",
        "kind: List\nitems:\n- kind: Secret\n  data:\n    a: @\n- kind: Secret\n  data: {a: @}\n",
        "kind: ConfigMap\ndata:\n  a: public\n---\nkind: Secret\ndata:\n  a: @\n",
        '{"kind":"Secret","data":{"a":"@"}}\n',
        '{\n  "kind": "Secret",\n  "data": {\n    "a": "@",\n    "b": "@"\n  },\n  "c": "public"\n}\n',
    ],
)
def test_a_secret_of_kubernetes(text: str) -> None:
    public = "public" if "public" in text else ""
    assert_masked(text + "{{\n", public=public)
    assert_masked(config_map(text + "{{\n"), public=public)
    assert_masked(config_map(text), public=public)


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\ndata:\n  a: b\n---\nkind: Secret\nmetadata: {name: x}\n---\ndata:\n  a: b\n",
        "items:\n- kind: Secret\n- kind: ConfigMap\n  data:\n    a: b\n",
        "env:\n- name: LOG_LEVEL\n  value: b\n- name: DB_PASSWORD\n  valueFrom: {key: a}\n- name: X\n  value: c\n",
        "env:\n- name: DB_PASSWORD\n  value: ''\n- name: USE_TOKEN\n  value: true\n",
    ],
)
def test_what_stands_beside_another_setting_stays(text: str) -> None:
    assert shown(text + "z: 1\n{{\n") == text + "z: 1\n{{\n"
    assert shown(config_map(text)) == config_map(text)


@pytest.mark.parametrize(
    "text",
    [
        "env:\n- name: DB_PASSWORD\n  value: @\n- name: LOG_LEVEL\n  value: public\n",
        "env:\n  - value: @\n    name: DB_PASSWORD\n  - name: LOG_LEVEL\n    value: public\n",
        "env:\n- name: DB_PASSWORD\n  value: |\n    @\n    @\n- name: LOG_LEVEL\n  value: public\n",
        "env:\n- {name: DB_PASSWORD, value: @}\n- {name: LOG_LEVEL, value: public}\n",
        'env: [{"name":"DB_PASSWORD","value":"@"},{"name":"LOG_LEVEL","value":"public"}]\n',
    ],
)
def test_a_variable_of_the_environment(text: str) -> None:
    assert_masked(text + "{{\n", public="public")
    assert_masked(config_map(text), public="public")


@pytest.mark.parametrize("end", ["", "{{\n"], ids=["sound", "broken"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("before", ['data:\n  a.yml: "', '{"data": {"b": "x\\n", "a.yml": "'])
def test_the_first_key_of_a_config_with_escapes(before: str, mark: str, end: str) -> None:
    text = f'{before}{mark}auths:\\n  v2: {{community: @}}\\n  public: {{version: 2}}\\n"'
    assert_masked(text + ("}}\n" if before.startswith("{") else "\n") + end)


def test_the_mark_of_a_file_in_a_block() -> None:
    assert_masked("data:\n  a.yml: |\n    \ufeffauths:\n      v2: {community: @, version: public}\n", public="public")


def test_rules_in_a_config_with_escapes() -> None:
    inside = RULES.replace("\n", "\\n") + "  - target_label: __param_auth\\n    replacement: @\\n"
    assert_masked(f"x: '{inside}'\n{{{{\n", public="snmp-exporter:9116\\n- relabel")


@pytest.mark.parametrize(
    "text",
    [
        "x: &h https://h/@\ny: &i public\nreceivers:\n- name: r\n  webhook_configs: [{url: *h}]\n",
        "x: &h https://h/@\ny: &i public\nreceivers:\n- name: r\n  webhook_configs:\n  - {url: *h, max_alerts: *i}\n",
        "x: &h https://h/@\ny: &i public\nscrape_configs:\n- params: {token: [*h], module: [*i]}\n",
        "x: &h @\ny: &i public\nenv:\n- name: DB_PASSWORD\n  value: *h\n",
    ],
)
def test_an_anchor_that_is_used_in_braces(text: str) -> None:
    assert_masked(text + "{{\n", public="y: &i public\n")


def test_the_value_of_an_anchor() -> None:
    reader = LineReader.of("bearer_token: *h\n")
    assert reader.secrets("bearer_token: *h") == [(14, 16)]
    assert reader.aliased == {"h"}
    assert anchored("x: &h abc", reader.aliased) == [(6, 9)]
    assert anchored("x: &i abc", reader.aliased) == []


@pytest.mark.parametrize(
    "line",
    [
        'expr: kube_secret_info{secret="x", token=~"a.*"} > 1',
        'expr: |\n      kube_secret_info{secret="x", token=~"a.*"}\n      > 1',
        'description: "Secret: {{ $labels.namespace }} expires"',
        "description: 'Token: {{ $value | humanize }}'",
    ],
)
def test_rules_that_tell_of_secrets_stay(line: str) -> None:
    text = f"groups:\n- rules:\n  - alert: A\n    {line}\n{{{{\n"
    assert shown(text) == text


@pytest.mark.parametrize(
    "line",
    [
        "description: 'Secret: {{ $labels.x }} password: @'",
        "description: 'Secret: {{ or .Pw \"@\" }}'",
        "expr: up{a=\"b\"}\n{{ $token := '@' }}",
        "expr: up\nTOKEN=@",
    ],
)
def test_rules_with_a_secret(line: str) -> None:
    assert_masked(f"groups:\n- rules:\n  - alert: A\n    {line}\n{{{{\n")


@pytest.mark.parametrize(
    "text",
    [
        "data:\n  p.yml: |\n    x: &h Zq8planted77\n    scrape_configs:\n    - bearer_token: *h\n",
        'data:\n  p.yml: "x: &h Zq8planted77\\nscrape_configs:\\n- bearer_token: *h\\n"\n',
        "{% if api_token == 'Zq8planted77' %}\na: 1\n{% endif %}\n",
    ],
)
def test_anchors_within_strings_and_what_templates_compare_with(text: str) -> None:
    shown = Redactor(b"x").redact(text).text
    assert "Zq8planted77" not in shown
    assert Redactor(b"x").redact(shown).text == shown


@pytest.mark.parametrize("sign", ['"', "`"])
def test_a_template_that_reads_like_a_map_of_yaml(sign: str) -> None:
    for begin, end in (("{{", "}}"), ("\n{{-", "-}}")):
        text = f"{begin} $token := {sign}correcthorse{sign} {end}\n"
        assert "correcthorse" not in shown(text)
