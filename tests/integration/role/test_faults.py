# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that cannot be read: the others are published, and nothing of the bad one's is lost.

And readings of servers that were lost or broken in the store: every advice that a run gives can be followed.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.role.site import NAMES, Site
from tests.support.processes import LOOPBACK, free_port

BAD = "prometheus-rio"
GOOD = [name for name in NAMES if name != BAD]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where something listens and never says a word."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(64)
        yield int(listener.getsockname()[1])


def down(_site: Site, _silent: int) -> dict[str, Any]:
    return {"ansible_port": free_port()}


def hung(_site: Site, silent: int) -> dict[str, Any]:
    return {"ansible_port": silent}


def other_login_key(site: Site, _silent: int) -> dict[str, Any]:
    return {"ansible_ssh_private_key_file": str(site.fleet[GOOD[0]].key)}


def other_host_key(site: Site, _silent: int) -> dict[str, Any]:
    """known_hosts says that this server has the key of another one."""
    wrong = site.folder / "known_hosts"
    wrong.write_text(f"[{LOOPBACK}]:{site.fleet[BAD].port} {site.fleet[GOOD[0]].host_key}\n", encoding="utf-8")
    return {"ansible_ssh_common_args": f"-o UserKnownHostsFile={wrong}"}


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (down, {"unreachable"}),
        (hung, {"timeout", "unreachable"}),
        (other_login_key, {"auth_failed"}),
        (other_host_key, {"host_key_rejected"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_one_bad_server_costs_the_others_nothing(
    site: Site, silent_port: int, fault: Callable[[Site, int], dict[str, Any]], statuses: set[str]
) -> None:
    site.published()
    before = site.stored()
    # Something new on a good server, so that there is something to publish.
    site.fleet[GOOD[0]].write(
        "/etc/prometheus/rules/new.yml",
        "groups: [{name: n, rules: [{alert: N, expr: up, labels: {fresh: label}}]}]\n",
    )
    file = site.folder / "summary.json"
    run = site.publish(
        inventory=site.inventory({BAD: fault(site, silent_port)}),
        publish_connect_timeout=2,
        publish_timeout=5,
        publish_summary_file=str(file),
    )
    site.fleet[GOOD[0]].path("/etc/prometheus/rules/new.yml").unlink()

    assert run.status == 0, run.output
    summary = run.task("Summary")
    assert "Servers: 2 of 3 answered whole" in summary
    assert any(f"{BAD}: {status}" in summary for status in statuses), summary
    after = site.stored()
    assert after[f"servers/{BAD}"] == before[f"servers/{BAD}"]
    fields = site.fields()
    assert "fresh" in fields
    assert [name for name, field in fields.items() if field["status"] == "orphan"] == []
    assert fields["company"]["servers"] == NAMES
    assert fields["os"]["servers"] == [BAD, "prometheus-sao-paulo"]


def test_fail_on_any_publishes_first_and_fails_then(site: Site) -> None:
    run = site.publish(inventory=site.inventory({BAD: {"ansible_port": free_port()}}), publish_fail_on="any")
    assert run.status != 0
    assert "1 of 3 servers did not answer whole" in run.output
    assert site.fields()["company"]["servers"] == GOOD


@pytest.mark.parametrize(("fail_on", "fails"), [("all", True), ("never", False)])
def test_where_no_server_answers_nothing_is_written(site: Site, fail_on: str, fails: bool) -> None:
    site.published()
    before = site.stored()
    gone = site.inventory({name: {"ansible_port": free_port()} for name in NAMES})
    run = site.publish(inventory=gone, publish_fail_on=fail_on)
    assert (run.status != 0) == fails, run.output
    assert "Servers: 0 of 3 answered whole" in run.task("Summary")
    assert site.stored() == before
    assert site.leftovers() == []


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"service": "Prometheus", "directory": "/etc/prometheus"}, "is probably meant to be prometheus"),
        (
            {"service": "prometheus", "directory": "/etc/prometheus", "patterns": ["rules/*.yml"]},
            "No main config of Prometheus was found on",
        ),
    ],
    ids=["misspelt", "elsewhere"],
)
def test_a_sweep_that_looks_in_the_wrong_place_makes_no_orphans(
    site: Site, service: dict[str, Any], words: str
) -> None:
    site.published()
    run = site.publish(publish_services=[service])
    assert words in " ".join(run.output.split())
    assert "0 of 0" not in run.output
    fields = site.fields()
    assert [name for name, field in fields.items() if field["status"] == "orphan"] == []
    assert fields["company"]["servers"] == NAMES


def test_hosts_that_the_play_lost_before_are_reported(site: Site, tmp_path: Path) -> None:
    """A fact gathering that fails takes hosts out of the play; the sweep asks them all the same."""
    play = tmp_path / "own.yml"
    play.write_text(
        "- hosts: monitoring\n  gather_facts: false\n"
        "  pre_tasks:\n"
        f"    - ansible.builtin.fail: {{msg: lost}}\n      when: inventory_hostname == '{NAMES[0]}'\n"
        "  roles: [skills_eye.prometheus_fleet.publish]\n",
        encoding="utf-8",
    )
    run = site.play(play)
    assert "Servers: 3 of 3 answered whole" in run.task("Summary")
    assert site.fields()["company"]["servers"] == NAMES


ADVICE = "publish a sweep in which these servers answer, or name them in forget_servers"


def lose(site: Site, server: str) -> None:
    """Somebody deletes what a server last gave."""
    assert site.consul.request("DELETE", f"/v1/kv/{site.prefix}/servers/{server}")[0] == 200


def words(output: str) -> str:
    return " ".join(output.split())


def test_a_reading_that_was_deleted_comes_with_the_servers_next_answer(site: Site) -> None:
    site.published()
    before = site.fields()
    lose(site, BAD)
    logins = site.logins()
    run = site.publish("--limit", GOOD[0])
    assert run.status != 0
    assert ADVICE in words(run.output)
    # This sweep could not have settled it, so nobody was asked.
    assert site.logins() == logins
    run = site.publish()
    assert run.status == 0, run.output
    assert f"servers/{BAD}" in site.stored()
    assert site.fields() == before


def test_a_server_whose_reading_was_deleted_and_that_is_down_can_be_forgotten(site: Site) -> None:
    site.published()
    lose(site, BAD)
    gone = site.inventory({BAD: {"ansible_port": free_port()}})
    run = site.publish(inventory=gone, publish_connect_timeout=2)
    assert run.status != 0
    assert ADVICE in words(run.output)
    # As -e publish_forget_servers=... gives it, with blanks as people write them.
    run = site.publish(inventory=gone, publish_connect_timeout=2, publish_forget_servers=f" {BAD}, ")
    assert run.status == 0, run.output
    assert site.fields()["company"]["servers"] == GOOD


def test_a_broken_reading_is_adopted_where_its_server_answers(site: Site) -> None:
    site.published()
    before = site.fields()
    site.consul.put(f"{site.prefix}/servers/{BAD}", "{broken")
    logins = site.logins()
    assert site.publish().status != 0
    assert site.logins() == logins
    run = site.publish(publish_adopt=True)
    assert run.status == 0, run.output
    assert site.fields() == before
    assert b"{broken" in [value for key, (_index, value) in site.stored().items() if key.startswith("history/")]


def test_a_rollback_can_forget_a_server_whose_reading_is_lost(site: Site) -> None:
    site.published()
    new = "groups: [{name: n, rules: [{alert: N, expr: up, labels: {fresh: label}}]}]\n"
    site.fleet[GOOD[0]].write("/etc/prometheus/rules/new.yml", new)
    assert site.publish().status == 0
    site.fleet[GOOD[0]].path("/etc/prometheus/rules/new.yml").unlink()
    lose(site, BAD)
    run = site.play("skills_eye.prometheus_fleet.rollback", publish_adopt=True)
    assert run.status != 0
    assert ADVICE in words(run.output)
    run = site.play("skills_eye.prometheus_fleet.rollback", publish_forget_servers=[BAD])
    assert run.status == 0, run.output
    assert "fresh" not in site.fields()
    assert site.fields()["company"]["servers"] == GOOD
