# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.extract_fields import extract_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.label_drift import FilterModule, label_drift


def extracted() -> dict[str, Any]:
    def host(labels: str, site: str) -> dict[str, Any]:
        text = f"global: {{external_labels: {{site: {site}, member: {site}}}}}\n"
        text += f"scrape_configs: [{{job_name: a, static_configs: [{{targets: [h], labels: {{{labels}}}}}]}}]\n"
        return {"status": "ok", "files": [{"path": "/p/prometheus.yml", "service": "prometheus", "content": text}]}

    return extract_fields({"hosts": {"a": host("env: prod", "rio"), "b": host("", "sao")}})


def test_findings() -> None:
    assert label_drift(extracted()) == [
        {
            "kind": "missing",
            "severity": "warning",
            "label": "env",
            "servers": ["b"],
            "message": "env is missing on b (it is on 1 of 2 servers, made in /p/prometheus.yml:2).",
            "present": 1,
        }
    ]


def test_arguments() -> None:
    assert label_drift(extracted(), ignore=["env"]) == []
    found = label_drift(extracted(), ignore=["env"], replica_labels=["member", "site"])
    assert [item["kind"] for item in found] == ["ha_pair"]
    assert FilterModule().filters() == {"label_drift": label_drift}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "a",
        [],
        {"hosts": {}},
        {"fields": [], "servers": []},
        {"fields": [{}], "servers": {}},
        {"fields": ["sources"], "servers": {}},
        {"fields": [5], "servers": {}},
        {"fields": [], "servers": {"a": "hunter2"}},
    ],
)
def test_what_is_no_result_of_extract_fields_is_refused(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="extract_fields"):
        label_drift(value)


@pytest.mark.parametrize("option", ["ignore", "replica_labels"])
def test_lists_must_be_lists(option: str) -> None:
    with pytest.raises(AnsibleFilterError, match=option):
        label_drift(extracted(), **{option: "env"})
