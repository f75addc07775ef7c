# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way of a metric: the text, a real node_exporter, a real Prometheus, the dashboard's queries."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.metrics_text import metrics_text
from tests.integration.metrics.runs import full_run, hostile_run
from tests.integration.metrics.test_monitoring import queries
from tests.integration.report import samples
from tests.support.processes import LOOPBACK, free_ports, port_is_open, running

PROJECT = Path(__file__).resolve().parents[3]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@dataclass(frozen=True)
class NodeExporter:
    folder: Path
    port: int

    def put(self, text: str) -> None:
        """Replace the file as the role does: by a name that the collector does not read."""
        partial = self.folder / "fleet.new"
        partial.write_text(text, encoding="utf-8")
        partial.replace(self.folder / "fleet.prom")

    def metrics(self) -> str:
        return get(f"http://{LOOPBACK}:{self.port}/metrics")


@pytest.fixture
def node_exporter(tmp_path: Path) -> Iterator[NodeExporter]:
    tool = PROJECT / "tools" / "debian_package.py"
    done = subprocess.run(
        [sys.executable, tool, "prometheus-node-exporter", "bookworm"], check=True, capture_output=True, text=True
    )
    folder = tmp_path / "textfile"
    folder.mkdir()
    [port] = free_ports(1)
    command = [
        f"{done.stdout.strip()}/usr/bin/prometheus-node-exporter",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
    ]
    with running(command, ready=lambda: port_is_open(port), log=tmp_path / "node_exporter.log"):
        yield NodeExporter(folder, port)


@pytest.mark.parametrize("run", [full_run, hostile_run])
def test_node_exporter_takes_the_text_as_it_is(node_exporter: NodeExporter, run: Any) -> None:
    text = metrics_text(**run())
    node_exporter.put(text)
    served = node_exporter.metrics()
    assert "node_textfile_scrape_error 0" in served
    # Only a line feed ends a line of this format; str.splitlines knows more ends, and the names have them.
    found = [line for line in served.split("\n") if line.startswith("prometheus_fleet_")]
    assert len(found) == sum(line.startswith("prometheus_fleet_") for line in text.split("\n"))


def test_a_server_that_left_is_gone_with_the_next_run(node_exporter: NodeExporter) -> None:
    two = samples.run({name: samples.server_result(0.1, 0.1, 0.3) for name in ("stays", "leaves")}, [])["sweep"]
    one = samples.run({"stays": samples.server_result(0.1, 0.1, 0.3)}, [])["sweep"]
    first = metrics_text(two)
    node_exporter.put(first)
    assert 'server="leaves"' in node_exporter.metrics()
    node_exporter.put(metrics_text(one, previous=first, known_servers=["stays"]))
    served = node_exporter.metrics()
    assert 'server="leaves"' not in served
    assert 'server="stays"' in served


def test_every_query_of_the_dashboard_has_an_answer(node_exporter: NodeExporter, tmp_path: Path) -> None:
    node_exporter.put(metrics_text(**full_run()))
    [port] = free_ports(1)
    config = tmp_path / "prometheus.yml"
    scrape = {"job_name": "node", "static_configs": [{"targets": [f"{LOOPBACK}:{node_exporter.port}"]}]}
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}), encoding="utf-8"
    )
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]

    def ask(expression: str) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(get(f"http://{LOOPBACK}:{port}/api/v1/query?{query}"))
        return list(answer["data"]["result"])

    def scraped() -> bool:
        # Before it is ready it answers 503; an increase needs two scrapes.
        try:
            return port_is_open(port) and bool(ask("increase(prometheus_fleet_cache_hits_total[1d])"))
        except urllib.error.HTTPError:
            return False

    with running(command, ready=scraped, log=tmp_path / "prometheus.log", seconds=60):
        answers = {expression: ask(expression) for expression in queries()}
        # rec-03 of the sample was never seen, so the query for how long it has not been seen has no answer.
        silent = {expression for expression, answer in answers.items() if not answer}
        assert silent == {expression for expression in answers if "and on (instance, server)" in expression}
        assert (
            answers['sum(prometheus_fleet_servers{instance=~".*",status!~"ok|unchanged|partial"})'][0]["value"][1]
            == "1"
        )
