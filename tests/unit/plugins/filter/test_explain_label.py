# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.explain_label import FilterModule, explain_label

CONFIG = """
scrape_configs:
- job_name: j
  consul_sd_configs: [{server: h}]
  relabel_configs: [{source_labels: [__meta_consul_dc], target_label: dc}]
"""
SWEEP = {
    "hosts": {
        name: {"status": "ok", "files": [{"path": "/p/prometheus.yml", "service": "prometheus", "content": CONFIG}]}
        for name in ("a", "b")
    }
}


def test_it_is_found_under_its_name() -> None:
    assert FilterModule().filters() == {"explain_label": explain_label}


def test_servers_job_and_target_can_be_given() -> None:
    found = explain_label(SWEEP, "dc", servers="a", job="j", target={"__address__": "h:1", "__meta_consul_dc": "rio"})
    (entry,) = found["jobs"]
    assert (entry["servers"], entry["targets"][0]["result"]) == (["a"], "'rio'")
    assert "gives dc = '$1': absent -> 'rio'" in found["text"]
    assert explain_label(SWEEP, "dc")["jobs"][0]["servers"] == ["a", "b"]


def test_a_config_that_is_refused_is_explained_all_the_same() -> None:
    broken = {"a": {"files": [{"path": "/p/prometheus.yml", "service": "prometheus", "content": CONFIG + "x: 1\n"}]}}
    assert explain_label(broken, "dc")["jobs"][0]["targets"][0]["presence"] == "conditional"


@pytest.mark.parametrize(
    ("label", "options", "message"),
    [
        ("", {}, "the label must be a name"),
        (None, {}, "the label must be a name"),
        ("dc", {"job": "other"}, "no server has a job called other"),
        ("dc", {"target": "h:1"}, "target must be a dictionary of labels, not text"),
        ("dc", {"servers": ["x"]}, "the sweep has no server x"),
    ],
)
def test_what_cannot_be_used_is_said(label: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"explain_label: {message}"):
        explain_label(SWEEP, label, **options)
