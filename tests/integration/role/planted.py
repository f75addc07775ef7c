# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs with a secret of its own in every place where a real config has one: whole files, broken ones, comments."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

# Each @@ stands for a secret.
_PROMETHEUS = """\
# What was here before: https://u:@@@old.example/?token=@@
global:
  external_labels: {site: rio}
alerting:
  alertmanagers:
    - basic_auth: {username: u, password: @@}
      static_configs: [{targets: [localhost:9094]}]
    - sigv4: {region: r, access_key: @@, secret_key: @@}
      static_configs: [{targets: [localhost:9093]}]
remote_write:
  - url: https://writer:@@@push.example/api?tenant=t&api_key=@@
    headers: {X-Scope-OrgID: @@}
    http_headers:
      X-Key: {values: [@@], secrets: [@@]}
    oauth2:
      client_id: public
      client_secret: @@
      token_url: https://login.example/token?client_secret=@@
      endpoint_params: {resource: @@}
      tls_config: {cert_file: /etc/c.pem, key: @@}
  - url: https://other.example/
    azuread: {oauth: {client_id: public, client_secret: @@, tenant_id: public}}
remote_read:
  - url: https://reader:@@@read.example/
    authorization: {type: Bearer, credentials: @@}
tracing:
  endpoint: localhost:4317
  headers: {X-Key: @@}
scrape_configs:
  - job_name: anchored
    basic_auth: &login {username: u, password: @@}
    static_configs: [{targets: [localhost:2]}]
  - job_name: merged
    basic_auth: {<<: *login, username: v}
    static_configs: [{targets: [localhost:1], labels: {company: acme, api_token: @@}}]
  - job_name: inline
    bearer_token: "@@"
    proxy_url: http://proxy:@@@proxy.example:3128
    proxy_connect_header: {Proxy-Authorization: [@@]}
    params: {token: [@@], module: [if_mib]}
    tls_config:
      cert_file: /etc/c.pem
      key: |
        -----BEGIN PRIVATE KEY-----
        @@
        @@
        -----END PRIVATE KEY-----
    consul_sd_configs:
      - {server: localhost:8500, token: @@, password: @@}
    http_sd_configs:
      - url: https://u:@@@sd.example/targets?access_token=@@
    ec2_sd_configs:
      - {region: r, access_key: @@, secret_key: @@}
    openstack_sd_configs:
      - {region: r, role: instance, username: u, password: @@, application_credential_secret: @@}
    relabel_configs:
      - {source_labels: [__meta_consul_service_metadata_env], target_label: env}
      - {target_label: __param_token, replacement: @@}
  # - job_name: gone
  #   bearer_token: @@
"""
_FUTURE = "scrape_configs: [{job_name: future, unheard_of: {future_secret: @@}}]  # password: @@ until May\n"
_RULES = """\
groups:
  - name: r
    rules:
      - alert: Down
        expr: up == 0
        labels: {severity: page}
        annotations: {runbook: "https://u:@@@wiki.example/?sig=@@"}
"""
_TARGETS = """\
- targets: [switch.example]
  labels: {device: switch, __param_auth_token: @@}
"""
_WEB = "basic_auth_users: {admin: @@}\n"
_BLACKBOX = """\
modules:
  login:
    prober: http
    http: {headers: {Authorization: @@}, basic_auth: {username: u, password: @@}, body: "pw=@@"}
  chat:
    prober: tcp
    tcp: {query_response: [{send: "PASS @@"}]}
"""
_SNMP = "auths: {v2: {community: @@}, v3: {password: @@, priv_password: @@}}\n"
_BROKEN = """\
scrape_configs:
  - job_name: broken
    basic_auth: {username: u, password: @@
  bearer_token: @@
 consul_sd_configs: [token: "@@]
# password: @@
"""
_ALERTMANAGER = """\
global:
  smtp_auth_password: @@
  smtp_auth_secret: @@
  slack_api_url: https://chat.example/services/@@
  opsgenie_api_key: @@
  victorops_api_key: @@
  wechat_api_secret: @@
  telegram_bot_token: @@
  pagerduty_url: https://u:@@@pager.example/
  http_config: {authorization: {credentials: @@}}
route: {receiver: team, group_by: [alertname, company]}
receivers:
  - name: team
    email_configs: [{to: a@b.example, auth_password: @@, auth_secret: @@, headers: {X-Auth: @@}}]
    slack_configs: [{channel: c, api_url: "https://chat.example/services/@@", app_token: @@}]
    pagerduty_configs:
      - {service_key: @@, details: {key: @@}}
      - routing_key: @@
    opsgenie_configs: [{api_key: @@}]
    victorops_configs: [{api_key: @@, routing_key: @@}]
    wechat_configs: [{api_secret: @@}]
    pushover_configs: [{user_key: @@, token: @@}]
    telegram_configs: [{chat_id: 1, bot_token: "@@"}]
    webhook_configs:
      - url: https://desk.example/hook/@@
        http_config: {basic_auth: {username: u, password: @@}}
    discord_configs: [{webhook_url: "https://discord.example/api/webhooks/@@"}]
    msteams_configs: [{webhook_url: "https://teams.example/@@"}]
    sns_configs: [{topic_arn: public, sigv4: {access_key: @@, secret_key: @@}, attributes: {k: @@}}]
    jira_configs: [{api_url: "https://u:@@@jira.example/", fields: {f: @@}}]
    rocketchat_configs: [{token: @@, token_id: @@}]
    hipchat_configs: [{auth_token: @@}]
"""
_TEXTS: Mapping[str, str] = {
    "/etc/prometheus/prometheus.yml": _PROMETHEUS,
    "/etc/prometheus/rules/planted.yml": _RULES,
    "/etc/prometheus/targets/planted.yml": _TARGETS,
    "/etc/prometheus/future.yml": _FUTURE,
    "/etc/prometheus/web.yml": _WEB,
    "/etc/prometheus/blackbox.yml": _BLACKBOX,
    "/etc/prometheus/snmp.yml": _SNMP,
    "/etc/prometheus/broken.yml": _BROKEN,
    # An encoding that nobody expects: the letter after the secret is no UTF-8.
    "/etc/prometheus/latin.yml": "# caf\u00e9\nbasic_auth: {password: @@}\n",
    "/etc/alertmanager/alertmanager.yml": _ALERTMANAGER,
    "/etc/alertmanager/broken.yaml": _BROKEN,
}


@dataclass(frozen=True)
class Planted:
    """files: path → content. places: secret → the line that it stands in, with @@ for it."""

    files: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def plant() -> Planted:
    planted = Planted()
    numbers = itertools.count(1)
    for path, text in _TEXTS.items():
        lines = []
        for line in text.splitlines(keepends=True):
            planted_line = line
            while "@@" in planted_line:
                # It begins with a letter and is no word: nothing else that a run writes can hold it by chance.
                secret = f"Qz{next(numbers):03}vXw{len(path):02}kJ"
                planted.places[secret] = f"{path}: {line.strip()}"
                planted_line = planted_line.replace("@@", secret, 1)
            lines.append(planted_line)
        encoding = "latin-1" if path.endswith("latin.yml") else "utf-8"
        planted.files[path] = "".join(lines).encode(encoding)
    return planted
