# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tier sweep of the lookup fields: whom it asks, and for whom its answer is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.read.test_lookup_tiers import CONFIG, NAME, NAMES, Player
from tests.support import machine
from tests.support.consul import ConsulAgent, consul_agent
from tests.support.consul_proxy import Fault, proxy_to
from tests.support.processes import free_port
from tests.support.sshd import SshdFleet

pytestmark = pytest.mark.skipif(machine.unavailable() is not None, reason=str(machine.unavailable()))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("fleet"), 2) as running:
        for server, label in zip(running, ("company", "tenant"), strict=True):
            server.write("/etc/prometheus/prometheus.yml", CONFIG % label)
        yield running


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul")) as running:
        yield running


@pytest.fixture
def player(fleet: SshdFleet, agent: ConsulAgent, tmp_path: Path) -> Iterator[Player]:
    with proxy_to(agent) as proxy:
        yield Player(fleet, proxy, tmp_path)


def down(player: Player) -> None:
    player.proxy.script = lambda _request: Fault(status=500, body=b"No cluster leader")


def test_the_controller_is_no_server_for_being_where_a_play_runs(player: Player) -> None:
    down(player)
    where = f"address='{player.proxy.address}', prefix='test/x'"
    words = player.fails(f"query('{NAME}', {where})", hosts="localhost")
    assert "leader" in words
    assert "sweep: the play targets no server of the inventory: name those to ask with hosts" in words
    [names] = player.ask(
        f"query('{NAME}', {where}, attribute='name', hosts=groups['monitoring'], tiers=['sweep'])", hosts="localhost"
    )
    assert {"company", "tenant"} <= set(names)


def test_an_answer_of_some_servers_is_not_given_to_those_who_ask_more(player: Player) -> None:
    down(player)
    one = f"query('{NAME}', attribute='name', hosts=['prom-01'])"
    meta = f"lookup('{NAME}', wantmeta=true).tier"
    of_one, of_all, tier, of_one_again = player.ask(
        one, NAMES, meta, f"lookup('{NAME}', hosts=['prom-02'], wantmeta=true)"
    )
    assert "company" in of_one
    assert "tenant" not in of_one
    assert {"company", "tenant"} <= set(of_all)
    # Who would ask less is served by it.
    assert tier == "cache"
    assert of_one_again["tier"] == "cache"


def test_with_the_store_an_answer_of_some_servers_speaks_for_all(player: Player) -> None:
    player.publish()
    some = f"query('{NAME}', attribute='name', hosts=['prom-01'], force_refresh=true)"
    of_one, after = player.ask(some, f"lookup('{NAME}', wantmeta=true)")
    assert {"company", "tenant"} <= set(of_one)
    assert after["tier"] == "cache"


def test_servers_that_a_sweep_could_not_read_are_named(player: Player) -> None:
    down(player)
    player.fleet.write_inventory(
        player.inventory,
        prometheus_fleet_consul_address=player.proxy.address,
        prometheus_fleet_cache_connection=str(player.cache),
        ansible_ssh_timeout=2,
    )
    text = player.inventory.read_text(encoding="utf-8")
    [port] = {str(player.fleet["prom-02"].port)}
    assert text.count(port) == 1
    player.inventory.write_text(text.replace(port, str(free_port())), encoding="utf-8")
    done = player.play(f"query('{NAME}', attribute='name')")
    assert done.returncode == 0, done.stdout
    words = " ".join((done.stdout + done.stderr).split())
    assert "1 of 2 servers could not be read, so what only they make is missing: prom-02 (unreachable)." in words
