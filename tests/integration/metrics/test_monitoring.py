# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics, rules and dashboard, judged by the real promtool and held against each other."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.metrics_text import SEVERITIES, metrics_text
from tests.integration.metrics.runs import full_run, hostile_run

MONITORING = Path(__file__).resolve().parents[3] / "docs" / "monitoring"
NAME = re.compile(r"\bprometheus_fleet_[a-z_]+\b")
COLUMNS = 24


def promtool(*arguments: str | Path, text: str | None = None) -> str:
    """Run promtool; its output. Fails the test where it does not end with 0."""
    program = shutil.which("promtool")
    assert program, "promtool is not installed: apt install prometheus"
    done = subprocess.run(
        [program, *arguments],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def emitted() -> set[str]:
    """Every metric that a run which got to everything emits."""
    return {line.split()[2] for line in metrics_text(**full_run()).splitlines() if line.startswith("# TYPE")}


def dashboard() -> dict[str, Any]:
    return dict(json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8")))


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    """The dashboard's expressions as Prometheus gets them."""
    return [target["expr"].replace("$instance", ".*") for panel in dashboard()["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("run", [full_run, hostile_run, lambda: {"sweep": {}}])
def test_promtool_has_nothing_to_say_of_the_metrics(run: Any) -> None:
    assert promtool("check", "metrics", text=metrics_text(**run())) == ""


def test_promtool_would_say_something() -> None:
    program = shutil.which("promtool")
    assert program
    broken = metrics_text(**full_run()).replace(
        "# TYPE prometheus_fleet_servers gauge", "# TYPE prometheus_fleet_servers counter"
    )
    done = subprocess.run(
        [program, "check", "metrics"], input=broken, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0


def test_promtool_takes_the_rules_and_their_test() -> None:
    assert "SUCCESS" in promtool("check", "rules", MONITORING / "rules.yml")
    assert "SUCCESS" in promtool("test", "rules", MONITORING / "rules_test.yml")


def test_every_rule_has_a_test_in_which_it_fires() -> None:
    tests = yaml.safe_load((MONITORING / "rules_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules()}


def test_promtool_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [{"record": f"q{number}", "expr": expression} for number, expression in enumerate(queries())]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}), encoding="utf-8")
    assert f"{len(recorded)} rules found" in promtool("check", "rules", path)


def test_rules_and_dashboard_use_only_metrics_that_are_emitted() -> None:
    used = set(NAME.findall(" ".join([*queries(), *(rule["expr"] for rule in rules())])))
    assert len(used) > 12
    assert used <= emitted()


def test_the_dashboard_shows_every_metric() -> None:
    assert emitted() - set(NAME.findall(" ".join(queries()))) == {
        "prometheus_fleet_last_run_timestamp_seconds",
        "prometheus_fleet_last_run_success",
    }


def test_the_table_of_metrics_is_complete() -> None:
    text = (MONITORING / "README.md").read_text(encoding="utf-8").partition("## Metrics")[2]
    listed = {f"prometheus_fleet_{name}" for name in re.findall(r"^\| `([a-z_]+)`", text, re.MULTILINE)}
    assert listed == emitted()


def test_severities_that_the_rules_leave_out_exist() -> None:
    named = set(re.findall(r'severity!?=~?"(\w+)"', " ".join([*queries(), *(rule["expr"] for rule in rules())])))
    assert named <= set(SEVERITIES)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    board = dashboard()
    variables = {item["name"]: item for item in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert board["id"] is None
    sources = {item["datasource"]["uid"] for panel in board["panels"] for item in [panel, *panel["targets"]]} | {
        variables["instance"]["datasource"]["uid"]
    }
    assert sources == {"${datasource}"}


def test_panels_have_their_own_place_and_number() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert place["x"] + place["w"] <= COLUMNS
        assert not taken & cells, panel["title"]
        taken |= cells
        assert panel["description"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
