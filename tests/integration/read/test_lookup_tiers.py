# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup fields and its tiers, through ansible-playbook, on real sshd servers and a real Consul."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import machine
from tests.support.consul import ConsulAgent, consul_agent
from tests.support.consul_proxy import Fault, Proxy, proxy_to
from tests.support.sshd import SshdFleet

pytestmark = pytest.mark.skipif(machine.unavailable() is not None, reason=str(machine.unavailable()))

NAME = "skills_eye.prometheus_fleet.fields"
CONFIG = """\
scrape_configs:
  - job_name: node
    static_configs:
      - targets: [localhost:9100]
        labels: {%s: acme}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("fleet"), 1) as running:
        yield running


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul")) as running:
        yield running


class Player:
    """Runs plays against the fleet, with a home and a prefix of the test's own."""

    def __init__(self, fleet: SshdFleet, proxy: Proxy, directory: Path) -> None:
        self.fleet = fleet
        self.proxy = proxy
        self.directory = directory
        self.cache = directory / "cache"
        self.inventory = fleet.write_inventory(
            directory / "inventory.yml",
            prometheus_fleet_consul_address=proxy.address,
            prometheus_fleet_prefix=f"test/{directory.name}",
            prometheus_fleet_cache_connection=str(self.cache),
        )

    def server_makes(self, label: str) -> None:
        self.fleet["prom-01"].write("/etc/prometheus/prometheus.yml", CONFIG % label)

    def publish(self) -> None:
        """Sweep, extract and publish."""
        done = self._play(
            {"skills_eye.prometheus_fleet.configs_info": {"progress": False}, "register": "swept"},
            {
                NAME: {
                    "fields": "{{ (swept | skills_eye.prometheus_fleet.extract_fields).fields }}",
                    "servers": "{{ (swept | skills_eye.prometheus_fleet.extract_fields).servers }}",
                    "address": self.proxy.address,
                    "prefix": f"test/{self.directory.name}",
                },
                "delegate_to": "localhost",
                "vars": {"ansible_python_interpreter": sys.executable},
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, *expressions: str, hosts: str = "monitoring", **variables: Any) -> list[Any]:
        """The value of each expression, each in a task of its own."""
        out = self.directory / "answers.json"
        tasks: list[dict[str, Any]] = [
            {"ansible.builtin.set_fact": {f"answer_{number}": "{{ " + text + " }}"}}
            for number, text in enumerate(expressions)
        ]
        collected = ", ".join(f"answer_{number}" for number in range(len(expressions)))
        copy = {"content": "{{ [" + collected + "] | to_json }}", "dest": str(out)}
        local = {"ansible_python_interpreter": sys.executable}
        tasks.append({"ansible.builtin.copy": copy, "delegate_to": "localhost", "vars": local})
        done = self._play(*tasks, hosts=hosts, variables=variables)
        assert done.returncode == 0, done.stdout + done.stderr
        answers: list[Any] = json.loads(out.read_text(encoding="utf-8"))
        return answers

    def fails(self, expression: str, hosts: str = "monitoring") -> str:
        done = self.play(expression, hosts)
        assert done.returncode != 0, done.stdout
        return " ".join((done.stdout + done.stderr).split())

    def play(self, expression: str, hosts: str = "monitoring") -> subprocess.CompletedProcess[str]:
        """One task that evaluates the expression."""
        return self._play({"ansible.builtin.set_fact": {"answer": "{{ " + expression + " }}"}}, hosts=hosts)

    def _play(
        self, *tasks: Mapping[str, Any], hosts: str = "monitoring", variables: Mapping[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        play = {"hosts": hosts, "gather_facts": False, "vars": dict(variables or {}), "tasks": list(tasks)}
        path = self.directory / "play.yml"
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        return subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.inventory), str(path)],
            env=self.fleet.environment(HOME=str(self.directory)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def store_reads(self) -> int:
        return sum(request.method == "GET" for request in self.proxy.requests)


@pytest.fixture
def player(fleet: SshdFleet, agent: ConsulAgent, tmp_path: Path) -> Iterator[Player]:
    with proxy_to(agent) as proxy:
        yield Player(fleet, proxy, tmp_path)


NAMES = f"query('{NAME}', attribute='name')"


def test_many_uses_in_one_play_cost_one_read_of_the_store(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    before = player.store_reads()
    answers = player.ask(
        *[NAMES] * 4, f"lookup('{NAME}', 'company').origin", "fleet_fields", fleet_fields=f"{{{{ {NAMES} }}}}"
    )
    assert answers[0] == answers[3] == answers[5]
    assert "company" in answers[0]
    assert answers[4] == "static"
    assert player.store_reads() - before == 1


def test_an_answer_says_where_it_came_from(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    meta = f"lookup('{NAME}', wantmeta=true)"
    first, second, third = player.ask(meta, meta, f"[{meta}, {meta}]")
    assert (first["tier"], first["stale"], first["reason"]) == ("store", False, None)
    assert second["tier"] == "cache"
    assert second["age"] >= 0
    assert second["last_updated"] == first["last_updated"]
    # Within one process, memory is nearer than the cache.
    assert [answer["tier"] for answer in third] == ["cache", "memory"]


def test_force_refresh_returns_what_the_servers_say_now_with_every_tier_warm(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    assert "company" in player.ask(NAMES)[0]
    player.server_makes("tenant")
    stale, forced, after = player.ask(NAMES, f"lookup('{NAME}', force_refresh=true, wantmeta=true)", NAMES)
    assert "tenant" not in stale
    assert forced["tier"] == "sweep"
    names = {item["name"]: item["status"] for item in forced["fields"]}
    assert "tenant" in names
    assert names.get("company", "orphan") == "orphan"
    assert "tenant" in after
    # Asking is not publishing.
    assert "tenant" not in player.ask(f"query('{NAME}', attribute='name', tiers=['store'])")[0]


def test_a_refresh_without_the_sweep_reads_the_store_anew(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    player.ask(NAMES)
    player.server_makes("tenant")
    player.publish()
    warm, forced = player.ask(
        NAMES, f"lookup('{NAME}', force_refresh=true, wantmeta=true, tiers=['memory', 'cache', 'store'])"
    )
    assert "tenant" not in warm
    assert forced["tier"] == "store"
    assert "tenant" in [item["name"] for item in forced["fields"]]


def test_where_nothing_was_published_the_servers_answer(player: Player) -> None:
    player.server_makes("company")
    [answer] = player.ask(f"lookup('{NAME}', wantmeta=true)")
    assert answer["tier"] == "sweep"
    assert "company" in [item["name"] for item in answer["fields"]]


def test_a_store_that_is_down_is_said_and_a_stale_answer_too(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    player.ask(NAMES)
    dead = "address='127.0.0.1:9', tiers=['memory', 'cache', 'store'], memory_max_age=0, cache_max_age=0"
    assert "127.0.0.1:9" in player.fails(f"query('{NAME}', {dead})")
    player.proxy.script = lambda _request: Fault(status=500, body=b"No cluster leader")
    asked = "tiers=['cache', 'store'], cache_max_age=0, wantmeta=true"
    [answer] = player.ask(f"lookup('{NAME}', {asked}, stale_if_error=true)")
    assert (answer["stale"], answer["tier"]) == (True, "cache")
    assert "leader" in answer["reason"]
    assert "company" in [item["name"] for item in answer["fields"]]
    assert "max_stale" in player.fails(f"lookup('{NAME}', {asked}, stale_if_error=true, max_stale=0)")


def test_fields_are_chosen_by_name_and_by_attribute(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    by_name, where, attribute = player.ask(
        f"query('{NAME}', 'job', 'company') | map(attribute='name')",
        f"query('{NAME}', where={{'origin': 'static'}}, attribute='name')",
        f"query('{NAME}', 'company', attribute='display_name')",
    )
    assert by_name == ["job", "company"]
    assert where == ["company"]
    assert len(attribute) == 1
    assert "There is no field nonsense" in player.fails(f"query('{NAME}', 'nonsense')")


def test_a_cache_that_is_empty_yet_is_no_matter_for_a_warning(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    done = player.play(NAMES)
    assert done.returncode == 0
    assert "WARNING" not in done.stdout + done.stderr


def test_nobody_else_can_read_the_local_cache(player: Player) -> None:
    player.server_makes("company")
    player.publish()
    player.ask(NAMES)
    assert stat.S_IMODE(player.cache.stat().st_mode) == 0o700
    entries = [path for path in player.cache.iterdir() if path.is_file()]
    assert entries
    assert {stat.S_IMODE(path.stat().st_mode) for path in entries} == {0o600}


def test_an_unknown_option_of_the_sweep_is_named(player: Player) -> None:
    words = player.fails(f"lookup('{NAME}', force_refresh=true, sweep_options={{'nonsense': 1}})")
    assert "nonsense" in words
