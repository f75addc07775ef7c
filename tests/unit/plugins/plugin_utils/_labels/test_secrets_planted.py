# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret planted in every place that holds one is never seen again, in whole files and in broken ones."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

# Each @ stands for a secret of its own.
HTTP = """\
basic_auth: {username: bob, password: @}
authorization: {type: Bearer, credentials: @}
bearer_token: @
oauth2:
  client_id: public-id
  client_secret: @
  client_certificate_key: @
  token_url: "https://u:@@auth.example/token?client_secret=@&grant=x"
  endpoint_params: {resource: @}
  claims: {sub: @}
  proxy_connect_header: {Proxy-Authorization: [@, @]}
  tls_config: {key: @}
tls_config:
  ca_file: /etc/ca.pem
  key: |
    @
    @
proxy_url: http://proxy:@@proxy.example:3128
proxy_connect_header:
  X-Proxy: [@]
http_headers:
  X-Key:
    values: [@]
    secrets:
    - @
    files: [/etc/public-file]
"""
DISCOVERY = {
    "ec2": "secret_key access_key",
    "lightsail": "secret_key access_key",
    "msk": "secret_key access_key",
    "azure": "client_secret",
    "consul": "token password",
    "marathon": "auth_token",
    "oci": "key_passphrase",
    "openstack": "password application_credential_secret",
    "outscale": "secret_key access_key",
    "scaleway": "secret_key access_key",
    "ovhcloud": "application_secret consumer_key application_key",
    "stackit": "service_account_key private_key",
    "uyuni": "password",
}
ADDRESSES = {
    "consul": "server",
    "docker": "host",
    "eureka": "server",
    "http": "url",
    "kubernetes": "api_server",
    "kuma": "server",
    "nomad": "server",
    "openstack": "identity_endpoint",
    "puppetdb": "url",
    "scaleway": "api_url",
    "stackit": "endpoint",
    "uyuni": "server",
}


def indented(text: str, spaces: int) -> str:
    return "".join(" " * spaces + line for line in text.splitlines(keepends=True))


def discoveries() -> str:
    secrets = "".join(
        f"  {kind}_sd_configs:\n  - region: public\n" + "".join(f"    {name}: @\n" for name in names.split())
        for kind, names in DISCOVERY.items()
    )
    addresses = "".join(
        f"- job_name: u{kind}\n  {kind}_sd_configs:\n  - {name}: https://u:@@host.example/x?token=@&page=1\n"
        for kind, name in ADDRESSES.items()
    )
    return "- job_name: d\n" + secrets + addresses


PROMETHEUS = f"""\
global:
  external_labels: {{site: rio, ingest_token: @, from_env_token: "${{TOKEN}}"}}
scrape_configs:
- job_name: one
{indented(HTTP, 2)}\
  params: {{module: [http_2xx], token: [@], api_key: [@], auth: [@]}}
  static_configs:
  - targets: ["https://u:@@probe.example/?sig=@", "https://@@user.example"]
    labels: {{env: prod, __param_token: @, db_password: @}}
  relabel_configs:
  - {{target_label: __param_api_key, replacement: @}}
{discoveries()}\
alerting:
  alertmanagers:
  - sigv4: {{secret_key: @, access_key: @, profile: public}}
{indented(HTTP, 4)}\
remote_write:
- url: https://u:@@write.example/push?db=prometheus&u=bob&p=@
  headers: {{X-Scope-OrgID: @}}
  sigv4: {{secret_key: @, access_key: @}}
  azuread:
    oauth: {{client_id: public, client_secret: @}}
    certificate: {{certificate_path: /public, certificate_password: @}}
remote_read:
- url: https://@@read.example
  headers:
    X-Key: @
tracing:
  headers: {{api: @}}
  tls_config: {{key: @}}
"""

ALERTMANAGER = f"""\
global:
  smtp_auth_username: bob
  smtp_auth_password: @
  smtp_auth_secret: @
  smtp_tls_config: {{key: @}}
  slack_api_url: https://hooks.example/@
  slack_app_token: @
  opsgenie_api_key: @
  opsgenie_api_url: https://u:@@ops.example/
  victorops_api_key: @
  wechat_api_secret: @
  telegram_bot_token: @
  rocketchat_token: @
  rocketchat_token_id: @
  mattermost_webhook_url: https://mm.example/@
  hipchat_auth_token: @
  jira_api_url: https://u:@@jira.example
  http_config:
{indented(HTTP, 4)}\
route: {{receiver: r}}
receivers:
- name: r
  email_configs:
  - to: ops@example.org
    auth_password: @
    auth_secret: @
    tls_config: {{key: @}}
    headers: {{X-Key: @}}
  slack_configs:
  - api_url: https://hooks.example/@
    app_token: @
    actions: [{{type: button, text: Go, url: "https://x.example/@"}}]
    http_config:
{indented(HTTP, 6)}\
  pagerduty_configs:
  - service_key: @
    routing_key: @
    url: https://u:@@pd.example
    details: {{key: @}}
    links: [{{href: "https://x.example/@", text: Go}}]
  opsgenie_configs:
  - api_key: @
    details: {{a: @}}
  victorops_configs:
  - api_key: @
    routing_key: @
    custom_fields: {{a: @}}
  wechat_configs:
  - api_secret: @
    corp_id: public
  pushover_configs:
  - user_key: @
    token: @
  telegram_configs:
  - bot_token: @
    chat_id: 12345
  rocketchat_configs:
  - token: @
    token_id: @
  webhook_configs:
  - url: "http://hook.example/@"
    payload: {{a: @}}
  discord_configs:
  - webhook_url: https://x.example/@
  msteams_configs:
  - webhook_url: https://x.example/@
  msteamsv2_configs:
  - webhook_url: https://x.example/@
  mattermost_configs:
  - webhook_url: https://x.example/@
  incidentio_configs:
  - url: https://u:@@inc.example
    alert_source_token: @
  sns_configs:
  - sigv4: {{secret_key: @, access_key: @}}
    attributes: {{a: @}}
  jira_configs:
  - fields: {{a: @}}
  hipchat_configs:
  - auth_token: @
event_recorder:
  webhook_outputs:
  - url: https://x.example/@
  kafka_outputs:
  - tls_config: {{key: @}}
tracing:
  headers: {{a: {{secrets: [@], values: [@]}}}}
"""
OTHERS = {
    "web": "basic_auth_users:\n  alice: @\n  bob: @\ntls_server_config: {key_file: /public}\n",
    "blackbox": f"""\
modules:
  http:
    prober: http
    http:
      headers: {{X-Key: @, Host: @}}
      body: '{{"a": "@"}}'
{indented(HTTP, 6)}\
  tcp:
    prober: tcp
    tcp:
      query_response: [{{expect: "^220"}}, {{send: "AUTH @"}}]
""",
    "snmp": """\
auths:
  v2: {community: @, version: 2}
  v3: {username: bob, password: @, priv_password: @, auth_protocol: SHA}
modules:
  old: {walk: [1.3.6], auth: {community: @}}
""",
    "file_sd": """\
- targets: ["https://u:@@h.example/?access_token=@"]
  labels: {env: prod, __param_key: @, api_token: @}
""",
    "scrape_list": "- job_name: a\n" + indented(HTTP, 2),
    "rules": """\
groups:
- name: g
  rules:
  - alert: A
    expr: up == 0
    labels: {severity: page, ingest_token: @}
    annotations: {runbook_url: "https://u:@@wiki.example/x?token=@"}
""",
    "unknown": """\
storage:
  s3: {endpoint: s3.example, secret_access_key: @, access_key: @, apiKey: @}
  redis_password: @
  credentials: [@, {a: @}]
  private_key:
    inner: @
""",
    "configmap": "apiVersion: v1\ndata:\n  prometheus.yml: |\n"
    + indented("scrape_configs:\n- job_name: a\n" + indented(HTTP, 2), 4),
    "comments": """\
# password: @
# api_token = "@"
# export GRAFANA_TOKEN=@
scrape_configs:
- job_name: a   # secret_key: @
  #basic_auth:
  #  username: bob
  #  password: @
  # authorization:
  #   credentials: |
  #     @
# see https://u:@@wiki.example/?token=@
receivers:
- name: r
  webhook_configs:
  #- url: http://hook.example/@
  - send_resolved: true
    # url: http://hook.example/@
""",
}
FILES = {"prometheus": PROMETHEUS, "alertmanager": ALERTMANAGER, **OTHERS}


def planted(template: str) -> tuple[str, list[str]]:
    """The text with a secret for each @ that stands alone, and the secrets. A @ of a URL or an address stays."""
    secrets: list[str] = []

    def plant(match: re.Match[str]) -> str:
        secrets.append(f"Pl4nted-{len(secrets):03}-fake")
        return secrets[-1] + ("@" if match.group() == "@@" else "")

    return re.sub(r"@@|@(?!example)", plant, template), secrets


def paths(node: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in paths(value, (*path, key))]
    if isinstance(node, list):
        return [found for number, value in enumerate(node) for found in paths(value, (*path, number))]
    return [path]


@pytest.mark.parametrize("name", FILES)
def test_no_planted_secret_is_seen_again(name: str) -> None:
    text, secrets = planted(FILES[name])
    assert yaml.safe_load(text), "the sample itself must parse"
    result = Redactor().redact(text)
    assert [secret for secret in secrets if secret in result.text] == []
    assert result.text.count("\n") == text.count("\n")
    assert result.count >= len(set(secrets)) * 0.8
    assert paths(yaml.safe_load(result.text)) == paths(yaml.safe_load(text))
    for word in re.findall(r"public[-\w]*|/etc/[\w.-]+|\bbob\b|grant=x|page=1|db=prometheus|[\w.]+\.example", text):
        assert result.text.count(word) == text.count(word) or "example/" in text, word


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda text: text + "\n\t: ][ {\n", id="garbage at the end"),
        pytest.param(lambda text: "a: [\n" + text, id="bracket never closed"),
        pytest.param(lambda text: 'x: "\n' + text, id="quote never closed"),
        pytest.param(lambda text: "{{ if .x }}\n" + text + "{{ end }}\n", id="template"),
        pytest.param(lambda text: text.replace("\n", "\r\n") + "\tx: {\r\n", id="CRLF"),
        pytest.param(lambda text: "\ufeff%bad\n" + text, id="byte order mark"),
        pytest.param(lambda text: text + "\x00", id="NUL"),
        pytest.param(lambda text: text + "x: \udcff\n", id="not UTF-8"),
        pytest.param(lambda text: text + "- " * 300 + "x\n", id="too deep"),
    ],
)
def test_no_planted_secret_is_seen_in_broken_yaml(name: str, broken: object) -> None:
    text, secrets = planted(FILES[name])
    text = broken(text)  # type: ignore[operator]
    redactor = Redactor()
    result = redactor.redact(text)
    assert [secret for secret in secrets if secret in result.text] == []
    assert result.text.count("\n") == text.count("\n")
    assert Redactor().redact(result.text).text == result.text


@pytest.mark.parametrize("name", FILES)
def test_no_planted_secret_is_seen_where_a_file_is_cut_off(name: str) -> None:
    """A sweep's caps can end a file anywhere, in the middle of a secret too."""
    text, secrets = planted(FILES[name])
    redactor = Redactor()
    for cut in range(0, len(text), 37):
        shown = redactor.redact(text[:cut]).text
        assert [secret for secret in secrets if secret in shown] == [], cut


@pytest.mark.parametrize("name", [name for name in FILES if name != "comments"])
def test_no_planted_secret_is_seen_in_json(name: str) -> None:
    import json

    template, _unused = planted(FILES[name])
    data = yaml.safe_load(template)
    for text in (json.dumps(data), json.dumps(data, indent=2), json.dumps(data, separators=(",", ":"))):
        result = Redactor().redact(text)
        assert set(re.findall(r"Pl4nted-\d+-fake", result.text)) == set(), text
        assert paths(json.loads(result.text)) == paths(data)
        for broken in (text[:-1], text + "}", text.replace("{", "{,", 1)):
            assert re.findall(r"Pl4nted-\d+-fake", Redactor().redact(broken).text) == []
