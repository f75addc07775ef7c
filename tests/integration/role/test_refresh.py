# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook refresh: what it published is in the local cache, and plays that read it ask no store."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.integration.role.site import COLLECTION, NAMES, Run, Site
from tests.support.processes import free_port


def refresh(site: Site, *arguments: str) -> Run:
    return site.play(f"{COLLECTION}.refresh", *arguments, publish_hosts="monitoring", **cache(site))


def cache(site: Site) -> dict[str, Any]:
    return {"prometheus_fleet_cache_connection": str(site.folder / "cache")}


def read(site: Site, *tiers: str) -> dict[str, Any]:
    """What a play of another process finds in these tiers."""
    play = site.folder / "read.yml"
    names = json.dumps(tiers).replace('"', "'")
    answer = f"lookup('{COLLECTION}.fields', wantmeta=true, tiers={names}, cache_max_age=3600)"
    play.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.copy:\n"
        f'        content: "{{{{ {answer} | to_json }}}}"\n'
        f"        dest: {site.folder / 'answer.json'}\n"
        "        mode: '0600'\n"
        '      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}\n',
        encoding="utf-8",
    )
    where: dict[str, Any] = {
        "prometheus_fleet_consul_address": site.consul.address,
        "prometheus_fleet_prefix": site.prefix,
    }
    run = site.play(play, **cache(site), **where)
    assert run.status == 0, run.output
    answered: dict[str, Any] = json.loads((site.folder / "answer.json").read_text(encoding="utf-8"))
    return answered


def names(answer: dict[str, Any]) -> list[str]:
    return [field["name"] for field in answer["fields"]]


def test_what_was_published_is_in_the_local_cache(site: Site) -> None:
    run = refresh(site)
    assert run.status == 0, run.output
    fields = site.fields()
    assert fields["company"]["servers"] == NAMES
    assert f"Read {len(fields)} fields for the local cache" in run.task("Fill the local cache")
    answer = read(site, "cache")
    assert answer["tier"] == "cache"
    assert names(answer) == sorted(fields)
    assert answer["last_updated"] == site.document()["last_updated"]


def test_a_second_refresh_replaces_what_the_cache_holds(site: Site) -> None:
    assert refresh(site).status == 0
    assert "keeper" not in names(read(site, "cache"))
    path = site.fleet[NAMES[0]].path("/etc/prometheus/prometheus.yml")
    path.write_text(path.read_text(encoding="utf-8").replace("target_label: owner", "target_label: keeper"))
    run = refresh(site, "--check", "--diff")
    assert run.status == 0, run.output
    assert "new: keeper" in run.task("Summary")
    assert "keeper" not in names(read(site, "cache"))
    assert refresh(site).status == 0
    assert "keeper" in names(read(site, "cache"))


def test_of_a_cache_that_cannot_be_used_it_does_not_say_what_it_holds(site: Site) -> None:
    run = site.play(f"{COLLECTION}.refresh", prometheus_fleet_cache_connection="/proc/not-there")
    assert run.status == 0, run.output
    assert "The local cache cannot be read" in run.output
    assert "cache holds" not in run.output


def test_under_strategy_free_and_with_a_server_down(site: Site, tmp_path: Path) -> None:
    """The cache is filled once, with what the others gave."""
    play = tmp_path / "free.yml"
    roles = "".join(
        f"    - ansible.builtin.include_role: {{name: {COLLECTION}.publish, tasks_from: {entry}}}\n"
        for entry in ("main", "refresh")
    )
    play.write_text(
        f"- hosts: monitoring\n  gather_facts: false\n  strategy: free\n  tasks:\n{roles}", encoding="utf-8"
    )
    inventory = site.inventory({NAMES[1]: {"ansible_port": free_port()}})
    run = site.play(play, inventory=inventory, publish_connect_timeout=2, **cache(site))
    assert run.status == 0, run.output
    assert len(re.findall(r"Read \d+ fields for the local cache", run.output)) == 1
    answer = read(site, "cache")
    assert {field["name"]: field["servers"] for field in answer["fields"]}["company"] == [NAMES[0], NAMES[2]]
