# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real alerts of a real Prometheus, sent to a real Alertmanager: what arrives must be what was foreseen."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.alerts import (
    ABSENT,
    alerts_of,
    senders_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile, ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import Shared
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.routes import check_routes
from tests.support.processes import free_ports, port_is_open, running
from tests.support.prometheus import binary, packaged

PROJECT = Path(__file__).parents[3]
PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = packaged("prometheus-alertmanager", "sid") / "prometheus-alertmanager"

CONFIG = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: {site: rio, severity: from-outside, env: outside}
rule_files: [rules/*.yml]
alerting:
  alert_relabel_configs:
  - {regex: dropped, action: labeldrop}
  - {source_labels: [code], target_label: http_code}
  - {target_label: stage, replacement: live}
  alertmanagers:
  - static_configs: [{targets: ["127.0.0.1:ALERTMANAGER"]}]
scrape_configs:
- job_name: self
  static_configs: [{targets: ["127.0.0.1:PROMETHEUS"], labels: {env: prod, team: core}}]
  metric_relabel_configs: [{source_labels: [handler], regex: /(.*), target_label: page}]
- job_name: nobody
  static_configs: [{targets: ["127.0.0.1:1"], labels: {room: "7"}}]
"""
RULES = """\
groups:
- name: g
  rules:
  - {record: "job:up:sum", expr: sum by (job) (up), labels: {tier: gold}}
  - {alert: Down, expr: up == 0, labels: {severity: page, dropped: x}}
  - {alert: Recorded, expr: "job:up:sum >= 0"}
  - {alert: Exposed, expr: prometheus_http_requests_total > 0, labels: {owner: "of {{ $labels.handler }}", env: ""}}
  - {alert: Summed, expr: sum(up) >= 0}
  - {alert: Without, expr: sum without (instance) (up) >= 0}
  - {alert: Counted, expr: 'count_values by (job) ("many", up) >= 0'}
  - {alert: Top, expr: "topk(1, up) >= 0"}
  - {alert: Missing, expr: 'absent(nothing{floor="3", room!="1"})'}
  - {alert: Replaced, expr: 'label_replace(sum by (job) (up), "copy", "$1", "job", "(.*)") >= 0'}
  - {alert: Joined, expr: 'sum by (instance) (up) * on (instance) group_left (version) prometheus_build_info >= 0'}
  - {alert: Either, expr: 'sum by (job) (up) >= 0 or vector(1)'}
  - {alert: Constant, expr: vector(1), labels: {severity: info}}
"""
ROUTES = """\
route:
  receiver: root
  group_by: [alertname, floor, shelf]
  routes:
  - {receiver: page, continue: true, matchers: ['severity="page"']}
  - {receiver: external, continue: true, matchers: ['severity="from-outside"']}
  - {receiver: dead-value, continue: true, matchers: ['severity="critical"']}
  - {receiver: dead-label, continue: true, matchers: ['dropped="x"']}
  - {receiver: floor, continue: true, matchers: ['floor="3"']}
  - {receiver: metric, continue: true, matchers: ['handler=~"/.*"']}
  - {receiver: relabelled, continue: true, matchers: ['http_code="200"']}
  - {receiver: dead-pair, continue: true, matchers: ['alertname="Constant"', 'team="core"']}
  - {receiver: pair, continue: true, matchers: ['alertname="Top"', 'team="core"']}
  - {receiver: all, matchers: ['stage="live"']}
  - {receiver: dead-shadowed, matchers: ['severity="page"']}
receivers: [{name: root}, {name: page}, {name: external}, {name: dead-value}, {name: dead-label}, {name: floor},
            {name: metric}, {name: relabelled}, {name: dead-pair}, {name: pair}, {name: all}, {name: dead-shadowed}]
"""


def answer(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.load(reply)


@pytest.mark.skipif(not PROMETHEUS or not ALERTMANAGER.exists(), reason="Prometheus and Alertmanager 0.33 are not here")
def test_real_alerts_have_the_labels_and_take_the_routes_that_were_foreseen(tmp_path: Path) -> None:
    own, other = free_ports(2)
    config = CONFIG.replace("ALERTMANAGER", str(other)).replace("PROMETHEUS", str(own))
    (tmp_path / "rules").mkdir()
    for name, text in (("prometheus.yml", config), ("rules/a.yml", RULES), ("alertmanager.yml", ROUTES)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    sender = [
        PROMETHEUS,
        "--config.file=prometheus.yml",
        f"--web.listen-address=127.0.0.1:{own}",
        "--storage.tsdb.path=data",
    ]
    # What fires before the Alertmanager is known is sent again soon.
    sender.append("--rules.alert.resend-delay=1s")
    receiver = [ALERTMANAGER, "--config.file=alertmanager.yml", f"--web.listen-address=127.0.0.1:{other}"]
    receiver += ["--storage.path=alerts", "--cluster.listen-address="]
    names = {line.split("alert: ")[1].split(",")[0] for line in RULES.splitlines() if "alert:" in line}
    with (
        running(
            [str(word) for word in receiver], ready=lambda: port_is_open(other), log=tmp_path / "a.log", cwd=tmp_path
        ),
        running([str(word) for word in sender], ready=lambda: port_is_open(own), log=tmp_path / "p.log", cwd=tmp_path),
    ):
        alerts: list[dict[str, Any]] = []
        for _unused in range(150):
            alerts = answer(f"http://127.0.0.1:{other}/api/v2/alerts")
            seen = {alert["labels"]["alertname"] for alert in alerts}
            if seen == names and any("http_code" in alert["labels"] for alert in alerts):
                break
            time.sleep(0.2)
    assert {alert["labels"]["alertname"] for alert in alerts} == names

    files = [
        ConfigFile("/etc/prometheus/prometheus.yml", "prometheus", config),
        ConfigFile("/etc/prometheus/rules/a.yml", "prometheus", RULES),
        ConfigFile("/etc/alertmanager/alertmanager.yml", "alertmanager", ROUTES),
    ]
    servers = {"s": ServerConfigs("ok", None, files)}
    labels = sorted({name for alert in alerts for name in alert["labels"]} | {"dropped", "shelf", "version", "room"})
    foreseen: dict[str, list[tuple[Any, ...]]] = {}
    for found in alerts_of(senders_of(servers, Shared()), labels).kinds:
        foreseen.setdefault(found.rule, []).append(found.values)
    for alert in alerts:
        own_labels = alert["labels"]
        values = foreseen[own_labels["alertname"]]
        for number, name in enumerate(labels):
            text = own_labels.get(name, "")
            possible = {value[number] for value in values}
            assert any(value.text == text or value.otherwise for value in possible), (own_labels, name, possible)
            # What is foreseen to be absent is absent, and what has a known value has it.
            assert possible != {ABSENT} or not text

    findings = check_routes(servers)
    dead = {item["receiver"] for item in findings if item["kind"] in {"dead_route", "shadowed_route"}}
    certain = {item["receiver"] for item in findings if item["certain"] and item["severity"] == "error"}
    taken = {receiver["name"] for alert in alerts for receiver in alert["receivers"]}
    assert taken == {"page", "external", "floor", "metric", "relabelled", "pair", "all"}
    assert dead == {"dead-value", "dead-label", "dead-pair", "dead-shadowed"}
    # Exposed has no severity of its own, and its metric might have one.
    assert certain == dead - {"dead-value"}
    assert [item["label"] for item in findings if item["kind"] == "empty_group_by"] == ["shelf"]


ELSEWHERE = """\
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [r.yml]
alerting:
  alert_relabel_configs: [{target_label: stage, replacement: live}]
  alertmanagers:
  - static_configs: [{targets: ["127.0.0.1:PORT"]}]
    path_prefix: /one
    alert_relabel_configs: [{source_labels: [stage], target_label: phase}]
  - static_configs: [{targets: ["127.0.0.1:PORT"]}]
    path_prefix: /two
scrape_configs:
- {job_name: found, http_sd_configs: [{url: "http://127.0.0.1:PORT/targets"}]}
- {job_name: files, file_sd_configs: [{files: ["t/*.json"]}]}
- {job_name: kept, honor_labels: true, static_configs: [{targets: ["127.0.0.1:PORT"]}]}
- {job_name: federated, metrics_path: /federate, static_configs: [{targets: ["127.0.0.1:PORT"]}]}
"""
ELSEWHERE_RULES = """\
groups:
- name: g
  rules:
  - {record: "a:b", expr: sum(up)}
  - {alert: Down, expr: up == 0}
  - {alert: Recorded, expr: "a:b == 0"}
"""
# Each of these comes with some alert, and nothing in the config but phase says so.
FROM_ELSEWHERE = ("team=http", "team=file", "team=series", "exported_job=other", "floor=3", "phase=live")


class _Elsewhere(BaseHTTPRequestHandler):
    """All that the Prometheus of ELSEWHERE talks to. server.seen: the labels of the alerts that came."""

    def do_GET(self) -> None:
        if self.path == "/targets":
            self._answer("application/json", json.dumps([{"targets": ["127.0.0.1:1"], "labels": {"team": "http"}}]))
        else:
            self._answer("text/plain; version=0.0.4", 'up{team="series",job="other"} 0\na:b{floor="3"} 0\n')

    def do_POST(self) -> None:
        alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.update(f"{name}={text}" for alert in alerts for name, text in alert["labels"].items())  # type: ignore[attr-defined]
        self._answer("application/json", "{}")

    def _answer(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: Any) -> None:
        pass


def test_what_real_alerts_have_from_elsewhere_is_not_certainly_absent(tmp_path: Path) -> None:
    (own,) = free_ports(1)
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    seen: set[str] = set()
    elsewhere.seen = seen  # type: ignore[attr-defined]
    config = ELSEWHERE.replace("PORT", str(elsewhere.server_port))
    (tmp_path / "t").mkdir()
    targets = '[{"targets": ["127.0.0.1:2"], "labels": {"team": "file"}}]'
    for name, text in (("prometheus.yml", config), ("r.yml", ELSEWHERE_RULES), ("t/a.json", targets)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    sender = [str(binary("3.5")), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{own}"]
    sender += ["--storage.tsdb.path=data", "--rules.alert.resend-delay=1s"]
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    try:
        with running(sender, ready=lambda: port_is_open(own), log=tmp_path / "p.log", cwd=tmp_path):
            for _unused in range(150):
                if seen.issuperset(FROM_ELSEWHERE):
                    break
                time.sleep(0.2)
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()
    assert seen.issuperset(FROM_ELSEWHERE)

    routes = "route:\n  receiver: root\n  routes:\n"
    for pair in (*FROM_ELSEWHERE, "stage=test"):
        routes += f"  - {{receiver: {pair.replace('=', '-')}, continue: true, matchers: ['{pair}']}}\n"
    routes += "receivers:\n- name: root\n"
    routes += "".join(f"- name: {pair.replace('=', '-')}\n" for pair in (*FROM_ELSEWHERE, "stage=test"))
    files = [
        ConfigFile("/etc/prometheus/prometheus.yml", "prometheus", config),
        ConfigFile("/etc/prometheus/r.yml", "prometheus", ELSEWHERE_RULES),
        ConfigFile("/etc/alertmanager/alertmanager.yml", "alertmanager", routes),
    ]
    findings = check_routes({"s": ServerConfigs("ok", None, files)})
    assert [item["receiver"] for item in findings if item["certain"]] == ["stage-test"]
    assert "phase-live" not in {item["receiver"] for item in findings}
