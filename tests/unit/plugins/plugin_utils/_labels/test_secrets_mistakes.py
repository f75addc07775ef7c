# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets where YAML sees none: values that somebody forgot to quote, templates, JSON in strings, odd URLs."""

from __future__ import annotations

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import SALT

SECRET = "S3cret99"
BROKEN = "x: {{ a }\n"


def shown(text: str) -> str:
    """The masked text, which stays as it is when it is masked again."""
    first = Redactor(SALT).redact(text).text
    assert Redactor(SALT).redact(first).text == first
    return first


@pytest.mark.parametrize("more", ["", BROKEN])
@pytest.mark.parametrize(
    "value",
    ["#@", "# @", "*@", "&@", "!@", "!!@", "&@ y", "!@ y", "&@ !t y", "%@", "@@", "`@", "!<@>", "&anchor @", "!tag @"],
)
def test_unquoted_sign(value: str, more: str) -> None:
    text = f"global:\n  smtp_auth_password: {value.replace('@', SECRET)}\n  smtp_from: a\n{more}"
    assert SECRET not in shown(text)
    assert "  smtp_from: a\n" in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "global:\n  smtp_auth_password: # kept in the vault\n  smtp_from: a\n",
        "global:\n  smtp_auth_password: # unset\n  smtp_from: a\n",
        "global:\n  smtp_auth_password: # TODO:\n  smtp_from: a\n" + BROKEN,
        "global:\n  smtp_auth_password: \n  # prose\n",
        "scrape_configs:\n- basic_auth: # by prom\n    username: u\n",
        "scrape_configs:\n- basic_auth: &login\n    username: u\n- basic_auth: *login\n",
        "scrape_configs:\n- basic_auth: &login\n    username: u\n- basic_auth: *login\n" + BROKEN,
        "receivers:\n- webhook_configs:\n  - url_file: &file /x\n  - url_file: *file\n",
    ],
)
def test_what_is_beside_nothing_stays(text: str) -> None:
    assert shown(text) == text


def test_anchor_that_is_used_stays() -> None:
    text = f"a:\n  password: &pw {SECRET}\nb:\n  password: *pw\n"
    assert SECRET not in shown(text)
    assert "password: &pw <secret:" in shown(text)
    assert "password: *pw" in shown(text)


@pytest.mark.parametrize("more", ["", BROKEN])
@pytest.mark.parametrize(
    "text",
    [
        "bearer_token: {{ x | default('@') }}\n",
        'bearer_token: {{ or .Pw "@" }}\n',
        "bearer_token: {@}\n",
        "bearer_token: {@: }\n",
        "basic_auth: {@}\n",
        "bearer_token:\n  ? [@]\n  : x\n",
        "bearer_token:\n  ? {a: {b: @}}\n  : x\n",
        "receivers:\n- name: a\n  webhook_configs:\n  - url: {{ h | default('https://h/@') }}\n",
        "basic_auth: {{ x | default('@') }}\n",
    ],
)
def test_template_that_is_not_quoted(text: str, more: str) -> None:
    assert SECRET not in shown(text.replace("@", SECRET) + more)


def test_anchor_in_a_broken_text() -> None:
    text = f"x: &p {SECRET}\ny: &q public\nbearer_token: *p\nz: *q\n{{% if %}}\n"
    assert SECRET not in shown(text)
    assert "y: &q public\n" in shown(text)


def test_names_of_users_stay() -> None:
    text = f"basic_auth_users: {{admin: {SECRET}, bob: {SECRET}2}}\n"
    assert "{admin: " in shown(text)
    assert "bob: " in shown(text)
    assert SECRET not in shown(text)


@pytest.mark.parametrize("more", ["", BROKEN])
@pytest.mark.parametrize(
    "text",
    [
        'metadata:\n  annotations:\n    last-applied: |\n      {"stringData":{"password":"@"}}\n',
        'metadata:\n  annotations:\n    last-applied: \'{"stringData":{"password":"@"}}\'\n',
        'metadata:\n  annotations:\n    last-applied: "{\\"stringData\\":{\\"password\\":\\"@\\"}}"\n',
        'x: \'{"basic_auth": {"password": "@"}}\'\n',
        'x: \'[{"basic_auth":{"password":"@"}}]\'\n',
        'x: |\n  {"data":{"prometheus.yml":"global:\\n  a: 1\\nscrape_configs:\\n- bearer_token: @\\n"}}\n',
        'x: |\n  {"data":{"prometheus.yml":"scrape_configs:\\n- basic_auth: {password: \\"@\\"}\\n"}}\n',
    ],
)
def test_json_in_a_string(text: str, more: str) -> None:
    assert SECRET not in shown(text.replace("@", SECRET) + more)


@pytest.mark.parametrize(
    "text",
    [
        "global:\n  smtp_auth_password: |\n    #@\n    #@\n  a: b\n" + BROKEN,
        "data:\n  p.yml: |\n    bearer_token: |\n      #@\n    x: y\n",
        'global:\n  smtp_auth_password: "a\n    #@\n    b"\n' + BROKEN,
    ],
)
def test_sign_of_a_comment_in_a_secret(text: str) -> None:
    assert SECRET not in shown(text.replace("@", SECRET))


@pytest.mark.parametrize(
    "query",
    [
        "token=*@", "password=.@", "token=(@", "token=[@", "password=$1@", "password=${A}@", "a=b;token=@",
        "a=b;c=d;token=@", "token=x;@", "token={@",
    ],
)  # fmt: skip
def test_query_of_a_url(query: str) -> None:
    query = query.replace("@", SECRET)
    text = f"remote_write:\n- url: https://h/?{query}&x=1\n"
    assert SECRET not in shown(text)
    assert shown(text).endswith("&x=1\n")
    assert SECRET not in shown(f"a: b\n# see https://h/?{query}&x=1\n")


@pytest.mark.parametrize(
    "text",
    [
        "- relabel_configs:\n  - {source_labels: [a], regex: '.*[?&]token=(.*)', target_label: b}\n",
        "- relabel_configs:\n  - {target_label: __param_token, source_labels: [a], replacement: $1}\n",
        "- relabel_configs:\n  - {target_label: __param_token, source_labels: [a], replacement: '${1}$2'}\n",
        "- relabel_configs:\n  - {target_label: namespace_key, replacement: default}\n",
        "- relabel_configs:\n  - {target_label: token, source_labels: [a], replacement: '${1}$2'}\n",
        "remote_write:\n- url: https://h/?token={{ token }}&x=1\n",
        "remote_write:\n- url: 'https://h/?token=${TOKEN}&x=1'\n",
        "scrape_configs:\n- consul_sd_configs:\n  - server: 'consul.example:8500'\n",
    ],
)
def test_what_is_no_secret_in_a_url_or_rule_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    "rule",
    [
        "{target_label: __param_password, replacement: pa$$@}",
        "{target_label: __param_password, replacement: '@-$1'}",
        "{target_label: __param_password, replacement: *t}",
        "{target_label: db_password, replacement: '@'}",
        "{target_label: token, replacement: *t}",
        "{target_label: api_key, replacement: *t}",
    ],
)
def test_constant_of_a_relabel_rule(rule: str) -> None:
    text = f"x: &t {SECRET}\nscrape_configs:\n- relabel_configs:\n  - {rule.replace('@', SECRET)}\n"
    assert SECRET not in shown(text if "*t" in rule else text.partition("\n")[2])


def test_constant_of_a_relabel_rule_in_a_string() -> None:
    rule = f"- {{target_label: __param_password, replacement: {SECRET}}}"
    assert SECRET not in shown(f"data:\n  p.yml: |\n    scrape_configs:\n    - relabel_configs:\n      {rule}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scrape_configs:\n- proxy_url: user:@@p:3128\n", "user:<secret:"),
        ("scrape_configs:\n- consul_sd_configs:\n  - server: user:@@c:8500\n", "user:<secret:"),
        ("remote_write:\n- url: https://@:@h/\n", ":@h/"),
    ],
)
def test_user_info(text: str, expected: str) -> None:
    text = text.replace("@@", f"{SECRET}@").replace("//@", f"//{SECRET}")
    assert SECRET not in shown(text)
    assert expected in shown(text)


@pytest.mark.parametrize("text", ["if_mib:\n  auth:\n    community: @\n", "SMTP_PASS=@\n", "x: 1\n# DB_PASS=@\n"])
def test_other_names(text: str) -> None:
    assert SECRET not in shown(text.replace("@", SECRET))


def test_secret_of_kubernetes() -> None:
    text = f"apiVersion: v1\nkind: Secret\ndata:\n  alertmanager.yaml: {SECRET}\nstringData: {{a: {SECRET}}}\n"
    assert SECRET not in shown(text)
    assert "alertmanager.yaml: " in shown(text)
    turned = f"data:\n  a: {SECRET}\nkind: Secret\nmetadata: {{name: x}}\n"
    assert SECRET not in shown(turned)
    # Also where the same data stood in something else before.
    redactor = Redactor(SALT)
    for kind in ("ConfigMap", "Secret", '"Secret"'):
        found = redactor.redact(f"kind: {kind}\ndata:\n  a: {SECRET}\nmetadata: {{name: x}}\n").text
        assert (SECRET in found) == (kind == "ConfigMap")
    other = "kind: ConfigMap\ndata:\n  a: text of mine\n"
    assert shown(other) == other


@pytest.mark.parametrize("key", ["secret", "webhook", "password"])
@pytest.mark.parametrize("value", ["&@", "!@", "{{ x }}:@", "{% if x %}@{% endif %}", "[@]", "{{ x | default('@') }}"])
def test_a_secret_that_begins_with_a_sign_where_the_text_does_not_parse(key: str, value: str) -> None:
    assert SECRET not in shown(f"{{{{ x }}}}\n{key}: {value}\n".replace("@", SECRET))


def test_an_alias_below_a_key_that_may_lead_to_a_map() -> None:
    assert SECRET not in shown(f"{{{{ x }}}}\na: &a {SECRET}\nsecret: *a\n")


@pytest.mark.parametrize("frame", ["a: [\n{}\n", "x: |\n  {}\n", "{{{{ if }}}}\n{}\n"])
@pytest.mark.parametrize(
    "text",
    [
        'requirepass Xy"@', "requirepass Xy;@", "requirepass Xy'@", "$requirepass @", "x 'DB_PASSWORD=it'\\''s@' y",
        'x "DB_PASSWORD=ab9"@ y', 'x "DB_PASSWORD=ab9 c\\"@" y',
        "glpat-abcdefghijKLMNOPQR-9@", "glsa_" + "abcdEFGH" * 4 + "_99999999@",
    ],
)  # fmt: skip
def test_what_hides_a_part_of_a_secret_hides_no_other(frame: str, text: str) -> None:
    end = "zq" if text.startswith("gl") else SECRET
    assert end not in shown(frame.format(text.replace("@", end)))


@pytest.mark.parametrize("text", ["x PASSWORD={{x}}{{y}}@ y", "x DB_PASSWORD={{x}}{{y}}:@", "PASSWORD: {{x}}{{y}}@"])
def test_templates_before_a_secret(text: str) -> None:
    assert SECRET not in shown(text.join(["{{ if }}\n", "\n"]).replace("@", SECRET))
    assert SECRET not in shown(f"a: [\n{text}\n".replace("@", SECRET))


@pytest.mark.parametrize(
    "said",
    [
        "password: not Swordfish", "password is not set, was swordfish", "password: not changeme, now swordfish",
        "password: not set, but swordfish",
    ],
)  # fmt: skip
def test_what_a_password_is_not(said: str) -> None:
    assert "wordfish" not in shown(f"# {said}\na: 1\n")
    assert "wordfish" not in shown(f"a: 1 # {said}\n")


@pytest.mark.parametrize("value", ["wJalrXUtnFEMI/K7MDENGbPxRfiCY", "wJalrXUtnFEMIK7MDENGbPxRfiCY", SECRET])
def test_a_key_that_is_no_name_beside_a_reference(value: str) -> None:
    assert value not in shown(f"spec:\n- secretKey: {value}\n  remoteRef: {{key: x}}\n")


def test_a_login_whose_password_is_called_like_a_node() -> None:
    assert "rabbit" not in shown("url: admin:rabbit@broker1.example.com\n")
