# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.extract_fields import extract_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.report_html import (
    MAPPINGS_SHOWN,
    FilterModule,
    report_html,
)
from tests.integration.report import samples


def carried(page: str) -> dict[str, Any]:
    match = re.search('<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    return dict(json.loads(match[1]))


def test_it_is_found_under_its_name() -> None:
    assert FilterModule().filters() == {"report_html": report_html}


def test_equal_runs_give_equal_pages() -> None:
    assert report_html(**samples.small_fleet()) == report_html(**samples.small_fleet())


def test_the_title_and_the_time_can_be_given() -> None:
    page = carried(report_html({}, extracted={}, title="Edge & core", generated="2026-01-02T03:04:05+00:00"))
    assert (page["title"], page["generated"]) == ("Edge & core", "2026-01-02T03:04:05+00:00")


def test_the_time_is_now_with_its_zone_unless_given() -> None:
    assert datetime.fromisoformat(carried(report_html({}, extracted={}))["generated"]).tzinfo is not None


def test_a_label_that_a_server_makes_by_a_mapping_is_not_absent_there() -> None:
    """The drift on the same page says that it is made in another way."""
    meta = "__meta_consul_service_metadata_"
    rules = {
        "named": f"[{{source_labels: [{meta}env], target_label: env}}]",
        "mapped": f"[{{action: labelmap, regex: '{meta}(.+)'}}]",
        "without": "[{target_label: other, replacement: x}]",
    }
    hosts = {}
    for name, text in rules.items():
        job = f"{{job_name: j, consul_sd_configs: [{{server: h}}], relabel_configs: {text}}}"
        file = {"path": "/p/prometheus.yml", "service": "prometheus", "content": f"scrape_configs: [{job}]"}
        hosts[name] = {"status": "ok", "files": [file]}
    sweep = {"hosts": hosts}
    page = carried(report_html(sweep, extracted=extract_fields(sweep)))
    (env,) = (field for field in page["fields"] if field["name"] == "env")
    ways = {way["servers"]: [rule["action"] for rule in way["rules"]] for way in env["ways"]}
    number = {server["name"]: str(index) for index, server in enumerate(page["servers"])}
    assert ways == {number["named"]: ["replace"], number["mapped"]: ["labelmap"]}


def test_very_many_mappings_are_told_as_one() -> None:
    """Else each label has a way for each server, and the page of a large fleet hundreds of megabytes."""
    hosts = {}
    for number in range(MAPPINGS_SHOWN + 2):
        rules = f"[{{action: labelmap, regex: '__meta_consul_service_metadata_p{number}_(.+)'}}]"
        rules = rules if number else "[{target_label: env, replacement: x}]"
        job = f"{{job_name: j, consul_sd_configs: [{{server: h}}], relabel_configs: {rules}}}"
        file = {"path": "/p/prometheus.yml", "service": "prometheus", "content": f"scrape_configs: [{job}]"}
        hosts[f"s{number:02}"] = {"status": "ok", "files": [file]}
    sweep = {"hosts": hosts}
    page = carried(report_html(sweep, extracted=extract_fields(sweep)))
    (env,) = (field for field in page["fields"] if field["name"] == "env")
    mapped, own = env["ways"]
    assert (mapped["servers"], own["servers"]) == (f"1-{MAPPINGS_SHOWN + 1}", "0")
    (rule,) = mapped["rules"]
    assert (rule["action"], rule["regex"], len(rule["places"])) == ("labelmap", None, 1)
    assert rule["places"][0]["file"] == f"{MAPPINGS_SHOWN + 1} mappings, each told under the names that it gives"


@pytest.mark.parametrize("nothing", [None, "", {}, []])
def test_what_a_run_did_not_get_to_may_be_nothing(nothing: Any) -> None:
    lists = nothing if nothing != {} else None
    page = carried(report_html({}, extracted={}, drift=lists, routes=lists, stored=lists, published=None))
    assert page["findings"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"extracted": []}, "extracted must be a dict, got list"),
        ({"extracted": {}, "drift": {"a": 1}}, "drift must be a list, got dict"),
        ({"extracted": {}, "published": "no"}, "published must be a dict, got str"),
        ({"extracted": {"hosts": {}}}, "extracted must be what extract_fields returns, and has none of its keys"),
    ],
)
def test_a_wrong_kind_of_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        report_html({}, **arguments)
