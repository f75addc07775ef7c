# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that break, of servers and of the jump host that they share: once is made up for, always is a status."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import LOOPBACK
from tests.support.sshd import SAMPLE, SshdFleet
from tests.support.sweeping import sweep

# Nothing that gzip makes smaller.
LARGE = random.Random(1).randbytes(200_000).hex()


@dataclass
class Cutter:
    """A way to a port that breaks: the first `cuts` connections are reset after so many bytes of the server.

    answered: how many bytes of the server went through.
    """

    to: int
    cuts: int
    after: int
    port: int = 0
    connections: int = 0
    answered: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[Cutter]:
        listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = int(listener.getsockname()[1])
        accepting = threading.Thread(target=self._accept, args=(listener,))
        accepting.start()
        try:
            yield self
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            for thread in (accepting, *self._threads):
                thread.join(10)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _unused = listener.accept()
                self.connections += 1
                left = self.after if self.connections <= self.cuts else None
                far = socket.create_connection((LOOPBACK, self.to))
                for thread in (
                    threading.Thread(target=self._pass, args=(near, far, None, False)),
                    threading.Thread(target=self._pass, args=(far, near, left, True)),
                ):
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, source: socket.socket, target: socket.socket, left: int | None, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096 if left is None else min(left, 4096)):
                target.sendall(data)
                self.answered += len(data) if is_answer else 0
                if left is not None:
                    left -= len(data)
                    if not left:
                        # A reset, as of a machine that fails, when the other thread lets go of it.
                        target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    tree = {**SAMPLE, "prometheus/large.yml": LARGE}
    with SshdFleet(tmp_path_factory.mktemp("broken"), ["prom-01", "prom-02", "outer"], tree=tree) as running:
        yield running


# In the exchange of keys, around the login, at the command, in the first and in the last of the files.
@pytest.mark.parametrize("after", [600, 1_800, 2_600, 3_400, 50_000, 190_000])
def test_once(fleet: SshdFleet, tmp_path: Path, after: int) -> None:
    inventory = fleet.inventory(ansible_ssh_common_args="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null")
    with Cutter(fleet["prom-01"].port, 1, after).running() as cutter:
        inventory["monitoring"]["hosts"] = {
            "prom-01": {**inventory["monitoring"]["hosts"]["prom-01"], "ansible_port": cutter.port}
        }
        result = sweep(inventory, tmp_path)["prom-01"]
    assert (result.status, result.error) == ("ok", None)
    assert len(result.files) == 4
    assert cutter.connections == 2


@pytest.mark.parametrize("after", [2_600, 50_000])
def test_always(fleet: SshdFleet, tmp_path: Path, after: int) -> None:
    """A command is not asked for again and again: what breaks it may be what it does."""
    inventory = fleet.inventory(ansible_ssh_common_args="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null")
    with Cutter(fleet["prom-01"].port, 100, after).running() as cutter:
        inventory["monitoring"]["hosts"]["bad"] = {
            **inventory["monitoring"]["hosts"]["prom-01"],
            "ansible_port": cutter.port,
        }
        results = sweep(inventory, tmp_path)
    assert results["prom-01"].status == results["prom-02"].status == "ok"
    assert results["bad"].status in {"protocol_error", "unreachable"}
    assert "br" in str(results["bad"].error)
    assert 1 < cutter.connections <= 6


def behind(fleet: SshdFleet, cutter: Cutter, directory: Path) -> dict[str, Any]:
    """The fleet's inventory, with all servers behind the server outer, and that behind the cutter."""
    outer = fleet["outer"]
    config = directory / "ssh_config"
    config.write_text(
        f"Host outer\n  HostName {LOOPBACK}\n  Port {cutter.port}\n  User {outer.user}\n"
        f"  IdentityFile {outer.key}\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n",
        encoding="utf-8",
    )
    arguments = f"-F {config} -J outer -o UserKnownHostsFile={fleet.known_hosts}"
    return fleet.inventory(ansible_ssh_common_args=arguments)


@pytest.mark.parametrize("after", [4_000, 40_000, 400_000])
def test_a_jump_host_that_breaks_once_costs_no_server(
    fleet: SshdFleet, tmp_path: Path, after: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with Cutter(fleet["outer"].port, 1, after).running() as cutter:
        inventory = behind(fleet, cutter, tmp_path)
        hosts = inventory["monitoring"]["hosts"]
        inventory["monitoring"]["hosts"] = {
            f"{name}-{number}": hosts[name] for name in ("prom-01", "prom-02") for number in range(15)
        }
        results = sweep(inventory, tmp_path)
    assert {(result.status, result.error) for result in results.values()} == {("ok", None)}
    assert cutter.connections == 2
    assert capfd.readouterr().err == ""


def test_a_jump_host_that_goes(fleet: SshdFleet, tmp_path: Path) -> None:
    """Each server that it costs says that it was the jump host."""
    with Cutter(fleet["outer"].port, 100, 40_000).running() as cutter:
        inventory = behind(fleet, cutter, tmp_path)
        del inventory["monitoring"]["hosts"]["outer"]
        results = sweep(inventory, tmp_path)
        assert cutter.connections <= 3
    for result in results.values():
        assert result.status in {"unreachable", "protocol_error"}
        assert "unexpected" not in str(result.error)
        assert "jump host" in str(result.error) or "broke" in str(result.error)
