# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cache hits by tier: plays that use the lookup, on many forks, and then the metrics that the role writes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from tests.integration.metrics.test_monitoring import promtool
from tests.integration.role.site import COLLECTION, Run, Site
from tests.unit.plugins.filter.test_metrics_text import values

LOOKUP = f"'{COLLECTION}.fields'"


def hits(site: Site, playbook: str = "publish", **variables: Any) -> dict[str, float]:
    """cache_hits_total by tier, as a run of the role writes it."""
    target = site.folder / "fleet.prom"
    run = site.play(
        f"{COLLECTION}.{playbook}",
        publish_hosts="monitoring",
        publish_metrics_textfile=str(target),
        **cache(site),
        **variables,
    )
    assert run.status == 0, run.output
    text = target.read_text(encoding="utf-8")
    assert promtool("check", "metrics", text=text) == ""
    return {tier: count for (tier,), count in values(text, "cache_hits_total").items()}


def cache(site: Site) -> dict[str, Any]:
    return {"prometheus_fleet_cache_connection": str(site.folder / "cache")}


def ask(site: Site, *expressions: str, **variables: Any) -> Run:
    """A task for each expression, on every server of the fleet."""
    tasks = "".join(f'    - ansible.builtin.debug: {{msg: "{{{{ {text} }}}}"}}\n' for text in expressions)
    play = site.folder / "ask.yml"
    play.write_text(f"- hosts: monitoring\n  gather_facts: false\n  tasks:\n{tasks}", encoding="utf-8")
    where: dict[str, Any] = {
        "prometheus_fleet_consul_address": site.consul.address,
        "prometheus_fleet_prefix": site.prefix,
    }
    run = site.play(play, "--forks", "5", **where | cache(site) | variables)
    assert run.status == 0, run.output
    return run


def test_hits_of_every_tier_are_counted_over_processes_and_runs(site: Site) -> None:
    before = hits(site)
    assert set(before) == {"memory", "cache", "store", "sweep"}
    servers = len(list(site.fleet))
    names = f"(query({LOOKUP}, attribute='name', memory_max_age=3600, cache_max_age=3600) | length)"
    # A worker for each server and task: the first of them asks the store, each other asks the cache once, then memory.
    ask(site, f"{names} + {names} + {names}", f"{names} + {names}")
    answered = {"memory": 3 * servers, "cache": 2 * servers - 1, "store": 1, "sweep": 0}
    after = hits(site)
    assert {tier: after[tier] - before[tier] for tier in after} == answered

    ask(site, f"query({LOOKUP}, force_refresh=true, hosts=['{next(iter(site.fleet)).name}']) | length")
    last = hits(site)
    assert last["sweep"] - after["sweep"] >= 1
    assert sum(last.values()) - sum(after.values()) == servers


def test_the_counts_are_private_and_outlive_a_refresh(site: Site) -> None:
    hits(site, "refresh")
    ask(site, f"query({LOOKUP}, attribute='name', cache_max_age=3600) | length")
    files = list((site.folder / "cache").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    found = hits(site, "refresh")
    assert found["cache"] == len(list(site.fleet))
    assert found["store"] == 1


def test_they_are_counted_where_the_cache_is_not_asked_and_has_no_directory(site: Site) -> None:
    hits(site)
    other: dict[str, Any] = {
        "prometheus_fleet_cache_plugin": "ansible.builtin.memory",
        "prometheus_fleet_cache_connection": "",
    }
    run = ask(site, f"query({LOOKUP}, tiers=['store'], attribute='name') | length", **other)
    assert run.status == 0
    home = Path(site.fleet.environment()["HOME"]) / ".ansible" / "prometheus_fleet" / "cache"
    assert [path.name for path in home.iterdir()] == [".prometheus_fleet_hits"]
    shown = ask(site, f"'stores=' ~ lookup({LOOKUP}, wanthits=true).store", **other)
    assert f"stores={len(list(site.fleet))}" in shown.output
