# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that begin while asyncssh is imported: one for each address, used by the login, or closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import fleet as fleet_module
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import tcp
from tests.integration.sweep.test_broken_connections import Cutter
from tests.integration.sweep.test_faults import tcp_server
from tests.support.processes import free_port
from tests.support.sshd import SAMPLE, SshdFleet
from tests.support.sweeping import sweep

ANY_KEY = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
Waits = Callable[[Callable[[], bool]], list[bool]]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("begin"), ["prom-01", "prom-02", "jump"], tree=SAMPLE) as running:
        yield running


@pytest.fixture
def import_waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Have the import of asyncssh wait until something is so; the list says then whether it was."""

    def wait(until: Callable[[], bool]) -> list[bool]:
        load, seen, clock = fleet_module._load, list[bool](), threading.Event()

        def late() -> None:
            for _turn in range(400):
                if until():
                    break
                clock.wait(0.05)
            seen.append(until())
            load()

        monkeypatch.setattr(fleet_module, "_load", late)
        return seen

    return wait


def hosts(fleet: SshdFleet, **of_hosts: dict[str, Any]) -> dict[str, Any]:
    """An inventory of prom-01 under other names, each with variables of its own."""
    inventory = fleet.inventory(ansible_ssh_common_args=ANY_KEY)
    base = inventory["monitoring"]["hosts"]["prom-01"]
    inventory["monitoring"]["hosts"] = {name: {**base, **variables} for name, variables in of_hosts.items()}
    return inventory


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_one_that_began_is_the_one_of_the_login(
    fleet: SshdFleet, tmp_path: Path, import_waits: Waits, host: str
) -> None:
    with Cutter(fleet["prom-01"].port, 0, 0).running() as cutter:
        began = import_waits(lambda: cutter.connections == 1)
        server = {"ansible_host": host, "ansible_port": cutter.port}
        results = sweep(hosts(fleet, one=server), tmp_path)
        assert cutter.connections == 1
    assert began == [True]
    assert (results["one"].status, results["one"].attempts) == ("ok", 1)


def test_the_server_says_all_it_can_meanwhile(fleet: SshdFleet, tmp_path: Path, import_waits: Waits) -> None:
    """Its version, and, once it has heard the client's, what it can do: more than 500 bytes."""
    with Cutter(fleet["prom-01"].port, 0, 0).running() as cutter:
        answered = import_waits(lambda: cutter.answered > 500)
        results = sweep(hosts(fleet, one={"ansible_port": cutter.port}), tmp_path)
        assert cutter.connections == 1
    assert answered == [True]
    assert (results["one"].status, results["one"].attempts) == ("ok", 1)


def test_asyncssh_that_calls_itself_something_else(
    fleet: SshdFleet, tmp_path: Path, import_waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said cannot be taken back: another connection is made."""
    monkeypatch.setattr(tcp, "_GREETING", b"SSH-2.0-Another\r\n")
    with Cutter(fleet["prom-01"].port, 0, 0).running() as cutter:
        answered = import_waits(lambda: cutter.answered > 500)
        results = sweep(hosts(fleet, one={"ansible_port": cutter.port}), tmp_path)
        assert cutter.connections == 2
    assert answered == [True]
    assert results["one"].status == "ok"


def test_one_address_is_begun_with_once(fleet: SshdFleet, tmp_path: Path, import_waits: Waits) -> None:
    """An sshd drops logins when many are under way: the others wait for their turn."""
    with Cutter(fleet["prom-01"].port, 0, 0).running() as cutter:
        began = import_waits(lambda: cutter.connections == 1)
        server = {"ansible_port": cutter.port}
        results = sweep(hosts(fleet, **{f"host{number}": server for number in range(6)}), tmp_path)
        assert cutter.connections == 6
    assert began == [True]
    assert {result.status for result in results.values()} == {"ok"}


def test_a_jump_host_is_begun_with(fleet: SshdFleet, tmp_path: Path, import_waits: Waits) -> None:
    jump = fleet["jump"]
    with Cutter(jump.port, 0, 0).running() as cutter:
        began = import_waits(lambda: cutter.connections == 1)
        config = tmp_path / "config"
        config.write_text(
            f"Host way\n HostName 127.0.0.1\n Port {cutter.port}\n User {jump.user}\n IdentityFile {jump.key}\n"
            " StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n"
        )
        behind = {"ansible_ssh_common_args": f"-F {config} {ANY_KEY} -J way"}
        results = sweep(hosts(fleet, one=behind, two=behind), tmp_path)
        assert cutter.connections == 1
    assert began == [True]
    assert {name: result.status for name, result in results.items()} == {"one": "ok", "two": "ok"}


def test_one_that_nobody_takes_is_closed(fleet: SshdFleet, tmp_path: Path, import_waits: Waits) -> None:
    """Its options are for ssh alone, which connects by itself: nothing is left open."""
    closed = threading.Event()
    heard: list[bytes] = []

    def wait_for_the_end(connection: socket.socket) -> None:
        connection.settimeout(30)
        heard.append(connection.recv(100))
        heard.append(connection.recv(100))
        closed.set()

    with tcp_server(wait_for_the_end) as port:
        began = import_waits(lambda: len(heard) == 1)
        odd = {"ansible_port": port, "ansible_ssh_common_args": f"{ANY_KEY} -o KexAlgorithms=not-one"}
        results = sweep(hosts(fleet, one={}, odd=odd), tmp_path, fail_on="never")
        assert closed.wait(30)
    assert began == [True]
    assert results["one"].status == "ok"
    assert heard == [b"SSH-2.0-AsyncSSH\r\n", b""]


def test_nothing_listens(fleet: SshdFleet, tmp_path: Path, import_waits: Waits) -> None:
    import_waits(lambda: True)
    results = sweep(hosts(fleet, one={}, gone={"ansible_port": free_port()}), tmp_path, fail_on="never")
    assert results["one"].status == "ok"
    assert results["gone"].status == "unreachable"
    assert "nothing listens there" in str(results["gone"].error)


def test_asyncssh_that_cannot_be_imported(fleet: SshdFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can do without it does."""

    def broken() -> None:
        raise ImportError("no module named bits")

    monkeypatch.setattr(fleet_module, "_load", broken)
    inventory = hosts(fleet, one={}, two={}, here={"ansible_connection": "local"})
    (tmp_path / "prometheus.yml").write_text("global: {}\n")
    services = [{"service": "prometheus", "directory": str(tmp_path), "patterns": ["prometheus.yml"]}]
    results = sweep(inventory, tmp_path, fail_on="never", services=services)
    assert results["here"].status == "ok"
    for name in ("one", "two"):
        assert results[name].status == "unreachable"
        assert "asyncssh cannot be imported (no module named bits)" in str(results[name].error)
