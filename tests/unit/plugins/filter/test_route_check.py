# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter import route_check as module
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.route_check import FilterModule, route_check

FILES = {
    "/etc/prometheus/prometheus.yml": "rule_files: [a.yml]\nscrape_configs: [{job_name: a}]\n",
    "/etc/prometheus/a.yml": "groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {severity: page}}]}]\n",
    "/etc/alertmanager/alertmanager.yml": """\
route:
  receiver: r
  routes:
  - matchers: [team="db"]
receivers: [{name: r}]
""",
}


def sweep() -> dict[str, Any]:
    files = [
        {"path": path, "service": path.split("/")[2], "content": text, "sha256": None, "error": None}
        for path, text in FILES.items()
    ]
    return {"hosts": {"s1": {"status": "ok", "files": files}, "s2": {"status": "ok", "files": files}}}


def test_findings_are_plain_data_with_all_their_keys() -> None:
    assert json.loads(json.dumps(route_check(sweep()))) == [
        {
            "kind": "dead_route",
            "severity": "error",
            "certain": True,
            "reasons": [],
            "label": "team",
            "operator": "=",
            "value": "db",
            "message": 'The route to r gets no alert: it asks for team="db", and no alert has the label team.',
            "file": "/etc/alertmanager/alertmanager.yml",
            "line": 4,
            "path": "route.routes[0]",
            "receiver": "r",
            "servers": ["s1", "s2"],
        }
    ]


def test_arguments() -> None:
    assert route_check(sweep(), known_labels=["team"]) == []
    assert route_check(sweep(), servers=["s2"])[0]["servers"] == ["s2"]
    assert route_check(sweep()["hosts"]["s1"])[0]["servers"] == ["localhost"]
    assert route_check({"hosts": {}}) == []
    assert FilterModule().filters() == {"route_check": route_check}


@pytest.mark.parametrize(
    ("configs", "arguments", "message"),
    [
        (1, {}, "expected a sweep result"),
        ("/nonexistent/mirror", {}, "route_check: "),
        (sweep(), {"servers": ["s9"]}, "no server s9"),
        (sweep(), {"known_labels": "team"}, "known_labels must be a list"),
        (sweep(), {"prometheus_version": 4}, "prometheus_version"),
    ],
)
def test_what_cannot_be_used_is_refused(configs: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        route_check(configs, **arguments)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise AnsibleFilterError(f"{name}: no google-re2")

    monkeypatch.setattr(module, "require_re2", missing)
    with pytest.raises(AnsibleFilterError, match="route_check: no google-re2"):
        route_check(sweep())
