# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration trees for the bench: eight YAML files of about 90 kB in all for each server, seven for Prometheus."""

from __future__ import annotations

import random

RULES = 55


def tree(server: int, equal_share: float = 0.0) -> dict[str, str]:
    """Path below /etc → text of one server. equal_share is the part of the fleet's files that every server has alike.

    Files that differ are the main ones first, as they do for their external_labels.
    """
    own, common = _files(server), _files(0)
    # Shares that are no whole number of files come out right over the fleet: 0.95 of 8 is 8, 7, 8, 7, 8 of them.
    shared = round((server + 1) * len(own) * equal_share) - round(server * len(own) * equal_share)
    differing = list(own)[: len(own) - shared]
    return {name: own[name] if name in differing else text for name, text in common.items()}


def _files(server: int) -> dict[str, str]:
    return {
        "prometheus/prometheus.yml": _main(server),
        "alertmanager/alertmanager.yml": _alertmanager(server),
        **{f"prometheus/rules{number}.yml": _rules(number, server) for number in range(1, 7)},
    }


def _main(server: int) -> str:
    jobs = "".join(
        f"""\
  - job_name: job{number}
    scrape_interval: 30s
    basic_auth: {{username: scrape, password: not-a-secret-{server}-{number}}}
    consul_sd_configs:
      - server: consul.example:8500
        token: not-a-token-{server}-{number}
    relabel_configs:
      - {{source_labels: [__meta_consul_service_metadata_company], target_label: company}}
      - {{source_labels: [__meta_consul_service_metadata_env], regex: (prod|stage), target_label: env}}
      - {{source_labels: [__meta_consul_tags], regex: ",(linux|windows),", target_label: os}}
      - {{source_labels: [__address__], regex: "([^:]+):.*", target_label: host}}
      - {{action: labelmap, regex: __meta_consul_service_metadata_extra_(.+)}}
"""
        for number in range(20)
    )
    return f"""\
global:
  scrape_interval: 15s
  external_labels:
    datacenter: dc{server % 7}
    replica: prom-{server}
rule_files: [rules*.yml]
scrape_configs:
{jobs}"""


def _rules(group: int, server: int) -> str:
    # Text that does not compress to nothing, as real annotations do not.
    words = random.Random(f"{server}-{group}")
    rules = "".join(
        f"""\
      - alert: Alert{group}_{number}
        expr: rate(errors_total{{job="job{number}"}}[5m]) > {words.random():.6f}
        for: 5m
        labels: {{severity: page, team: team{number % 5}}}
        annotations: {{summary: "{words.getrandbits(200):050x}"}}
"""
        for number in range(RULES)
    )
    return f"groups:\n  - name: group{group}\n    rules:\n{rules}"


def _alertmanager(server: int) -> str:
    receivers = "".join(
        f"""\
  - name: team{number}
    slack_configs: [{{api_url: "https://hooks.example/not-a-secret/{server}/{number}", channel: "#team{number}"}}]
"""
        for number in range(5)
    )
    routes = "".join(f'    - {{receiver: team{number}, matchers: [team="team{number}"]}}\n' for number in range(5))
    return f"""\
route:
  receiver: team0
  group_by: [alertname, datacenter]
  routes:
{routes}receivers:
{receivers}"""
