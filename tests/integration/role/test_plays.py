# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role under every strategy, order and batch size: the fleet is swept once, not once for each host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.role.site import NAMES, Run, Site


def own_play(site: Site, folder: Path, keywords: dict[str, str], *arguments: str, inventory: Path | None = None) -> Run:
    """The role in a play with the given keywords."""
    play = folder / "own.yml"
    lines = ["- hosts: monitoring", "  gather_facts: false", "  roles: [skills_eye.prometheus_fleet.publish]"]
    lines += [f"  {keyword}: {value}" for keyword, value in keywords.items()]
    play.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site.play(play, *arguments, inventory=inventory)


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"strategy": "free"},
        {"strategy": "host_pinned"},
        {"order": "reverse_inventory"},
        {"order": "sorted"},
        {"order": "reverse_sorted", "strategy": "free"},
        {"serial": "1"},
        {"serial": "2", "order": "reverse_sorted"},
        {"serial": "2", "strategy": "free"},
    ],
    ids=lambda keywords: "-".join(keywords.values()) or "linear",
)
def test_every_server_is_asked_once(site: Site, tmp_path: Path, keywords: dict[str, str]) -> None:
    before = site.logins()
    run = own_play(site, tmp_path, keywords)
    assert run.status == 0, run.output
    assert {name: count - before[name] for name, count in site.logins().items()} == dict.fromkeys(NAMES, 1)
    fields = site.fields()
    assert fields["company"]["servers"] == NAMES
    assert [name for name, field in fields.items() if field["status"] != "synced"] == []


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_limit_narrows_the_fleet(site: Site, tmp_path: Path, strategy: str) -> None:
    before = site.logins()
    run = own_play(site, tmp_path, {"strategy": strategy}, "--limit", NAMES[1])
    assert run.status == 0, run.output
    assert {name: count - before[name] for name, count in site.logins().items()} == {
        name: int(name == NAMES[1]) for name in NAMES
    }
    assert site.fields()["company"]["servers"] == [NAMES[1]]


# With one fork strategy free loses every host before the next one is asked: the last two are in an order by chance.
@pytest.mark.parametrize("arguments", [[], ["--forks", "1"]], ids=["", "one-fork"])
@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_a_shuffled_play_is_refused_aloud(site: Site, tmp_path: Path, strategy: str, arguments: list[str]) -> None:
    """Nobody could say which host speaks for the fleet, and doing nothing in silence would look like success."""
    server = site.fleet[NAMES[0]]
    twin = {
        "ansible_host": server.address,
        "ansible_port": server.port,
        "ansible_user": server.user,
        "ansible_ssh_private_key_file": str(server.key),
    }
    # So many hosts that a shuffle does not come out in order by chance.
    inventory = site.inventory({f"twin-{number:02}": twin for number in range(12)})
    before = site.logins()
    run = own_play(site, tmp_path, {"order": "shuffle", "strategy": strategy}, *arguments, inventory=inventory)
    assert run.status != 0
    assert "The play has order: shuffle" in run.output
    assert site.stored() == {}
    assert site.logins() == before


FAILS_AT_THE_STORE: dict[str, Any] = {"publish_consul_address": "127.0.0.1:1", "publish_retry_seconds": 0}
GO_ON = """
    - name: Tell that all is well
      ansible.builtin.debug:
        msg: all is well
      run_once: true
"""


def test_after_a_run_that_failed_no_host_goes_on(site: Site, tmp_path: Path) -> None:
    play = tmp_path / "own.yml"
    play.write_text(
        "- hosts: monitoring\n  gather_facts: false\n  roles: [skills_eye.prometheus_fleet.publish]\n  post_tasks:"
        + GO_ON,
        encoding="utf-8",
    )
    run = site.play(play, **FAILS_AT_THE_STORE)
    assert run.status != 0
    assert "all is well" not in run.output
    run = site.play(play)
    assert run.status == 0, run.output
    assert "all is well" in run.output


def test_a_run_that_failed_is_rescued_on_every_host(site: Site, tmp_path: Path) -> None:
    play = tmp_path / "own.yml"
    play.write_text(
        "- hosts: monitoring\n  gather_facts: false\n  tasks:\n  - block:\n"
        "    - ansible.builtin.include_role:\n        name: skills_eye.prometheus_fleet.publish\n"
        + GO_ON
        + "    rescue:\n    - ansible.builtin.debug:\n        msg: rescued on {{ inventory_hostname }}\n",
        encoding="utf-8",
    )
    run = site.play(play, **FAILS_AT_THE_STORE)
    assert run.status == 0, run.output
    assert "all is well" not in run.output
    assert [name for name in NAMES if f"rescued on {name}" not in run.output] == []


def test_refresh_leaves_the_cache_alone_where_the_publish_failed(site: Site) -> None:
    site.published()
    summary = str(site.folder / "nowhere" / "summary.json")
    run = site.play("skills_eye.prometheus_fleet.refresh", publish_hosts="monitoring", publish_summary_file=summary)
    assert run.status != 0
    assert "for the local cache" not in run.output
