# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers behind one jump host, behind two, and behind a proxy command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support.processes import free_port
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep

SERVERS = ("prom-01", "prom-02", "prom-03", "prom-04")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("jumps"), [*SERVERS, "outer", "inner"]) as running:
        yield running


@pytest.fixture
def config(fleet: SshdFleet, tmp_path: Path) -> Path:
    """An ssh configuration in which both bastions have names."""
    path = tmp_path / "ssh_config"
    path.write_text(
        "".join(
            f"Host {name}\n  HostName 127.0.0.1\n  Port {fleet[name].port}\n  User {fleet.user}\n"
            f"  IdentityFile {fleet[name].key}\n"
            for name in ("outer", "inner")
        )
        + f"Host *\n  UserKnownHostsFile {fleet.known_hosts}\n",
        encoding="utf-8",
    )
    return path


def through(fleet: SshdFleet, directory: Path, arguments: str, **options: Any) -> dict[str, ServerResult]:
    inventory = fleet.inventory(ansible_ssh_common_args=arguments)
    for name in ("outer", "inner"):
        del inventory["monitoring"]["hosts"][name]
    return sweep(inventory, directory, **options)


@pytest.mark.parametrize(
    "way",
    [
        "-F {config} -J outer",
        "-F {config} -o ProxyJump=outer",
        "-F {config} -o 'ProxyJump ssh://{user}@outer:{port}'",
        "-F {config} -o ProxyCommand='ssh -F {config} -W %h:%p -q outer'",
        "-F {config} -o 'ProxyCommand=ssh -F {config} -q -W [%h]:%p {user}@outer'",
    ],
)
def test_one_hop_is_one_connection(fleet: SshdFleet, config: Path, tmp_path: Path, way: str) -> None:
    before = fleet["outer"].logins()
    arguments = way.format(config=config, user=fleet.user, port=fleet["outer"].port)
    results = through(fleet, tmp_path, arguments)
    assert [(result.status, result.transport) for result in results.values()] == [("ok", "asyncssh")] * 4
    assert results["prom-01"].endpoint == (
        f"{fleet.user}@127.0.0.1:{fleet['prom-01'].port} via 127.0.0.1:{fleet['outer'].port}"
    )
    assert fleet["outer"].logins() - before == 1


def test_two_hops(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    before = fleet["outer"].logins(), fleet["inner"].logins()
    results = through(fleet, tmp_path, f"-F {config} -J outer,inner")
    assert {result.status for result in results.values()} == {"ok"}
    assert (fleet["outer"].logins() - before[0], fleet["inner"].logins() - before[1]) == (1, 1)


def test_two_hops_of_the_configuration(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    config.write_text(f"Host inner\n  ProxyJump outer\n{config.read_text(encoding='utf-8')}", encoding="utf-8")
    before = fleet["outer"].logins(), fleet["inner"].logins()
    results = through(fleet, tmp_path, f"-F {config} -J inner")
    assert {result.status for result in results.values()} == {"ok"}
    assert (fleet["outer"].logins() - before[0], fleet["inner"].logins() - before[1]) == (1, 1)


def test_jump_of_a_pattern_that_meets_the_jump_host_too(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    config.write_text(f"{config.read_text(encoding='utf-8')}  ProxyJump outer\n", encoding="utf-8")
    results = through(fleet, tmp_path, f"-F {config}")
    assert {result.status for result in results.values()} == {"ok"}


def test_jumps_in_a_circle(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(f"Host outer\n  ProxyJump inner\nHost inner\n  ProxyJump outer\n{text}", encoding="utf-8")
    results = through(fleet, tmp_path, f"-F {config} -J outer")
    assert {result.status for result in results.values()} == {"unreachable"}
    assert "ProxyJump may lead in a circle" in str(results["prom-01"].error)


def test_any_other_proxy_command(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    before = fleet["outer"].logins()
    command = f"ssh -F {config} outer busybox nc %h %p | cat"
    results = through(fleet, tmp_path, f'-F {config} -o ProxyCommand="{command}"')
    assert [(result.status, result.transport) for result in results.values()] == [("ok", "asyncssh")] * 4
    assert fleet["outer"].logins() - before == 4


def test_proxy_command_that_fails(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    results = through(fleet, tmp_path, f"-F {config} -o ProxyCommand=false", timeout=1.0)
    assert {result.status for result in results.values()} == {"unreachable"}


def test_hop_that_is_down(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    results = through(fleet, tmp_path, f"-F {config} -J 127.0.0.1:{free_port()}")
    assert {result.status for result in results.values()} == {"unreachable"}
    for result in results.values():
        assert "jump host: cannot connect to 127.0.0.1:" in str(result.error)
        assert "and that Port is right" in str(result.error)


def test_hop_that_refuses_the_login_is_asked_once(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    text = config.read_text(encoding="utf-8").replace(str(fleet["outer"].key), str(fleet["inner"].key))
    config.write_text(text, encoding="utf-8")
    before = fleet["outer"].connections()
    results = through(fleet, tmp_path, f"-F {config} -J outer")
    assert {result.status for result in results.values()} == {"auth_failed"}
    for result in results.values():
        assert "jump host: " in str(result.error)
        assert "name its user and key (User, IdentityFile) in an OpenSSH configuration file" in str(result.error)
        # It is not the inventory's.
        assert "ansible_" not in str(result.error)
    assert fleet["outer"].connections() - before == 1


def test_hop_whose_key_is_not_known(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    text = config.read_text(encoding="utf-8")
    config.write_text(f"Host outer\n  UserKnownHostsFile {nothing}\n{text}", encoding="utf-8")
    results = through(fleet, tmp_path, f"-F {config} -J outer")
    assert {result.status for result in results.values()} == {"host_key_rejected"}


def test_server_that_the_hop_cannot_reach(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    inventory = fleet.inventory(ansible_ssh_common_args=f"-F {config} -J outer")
    inventory["monitoring"]["hosts"] = {
        "prom-01": inventory["monitoring"]["hosts"]["prom-01"],
        "gone": {**inventory["monitoring"]["hosts"]["prom-02"], "ansible_port": free_port()},
    }
    results = sweep(inventory, tmp_path)
    assert results["prom-01"].status == "ok"
    assert results["gone"].status == "unreachable"
    assert "cannot connect to 127.0.0.1:" in str(results["gone"].error)


def test_hop_that_may_not_forward(config: Path, fleet: SshdFleet, tmp_path: Path) -> None:
    with SshdFleet(tmp_path, ["closed"], sshd_config="AllowTcpForwarding no") as other:
        closed = other["closed"]
        text = config.read_text(encoding="utf-8")
        config.write_text(
            f"Host closed\n  HostName 127.0.0.1\n  Port {closed.port}\n  User {closed.user}\n"
            f"  IdentityFile {closed.key}\n  UserKnownHostsFile {other.known_hosts}\n{text}",
            encoding="utf-8",
        )
        results = through(fleet, tmp_path, f"-F {config} -J closed")
    assert {result.status for result in results.values()} == {"unreachable"}
    assert "AllowTcpForwarding" in str(results["prom-01"].error)


def test_many_servers_behind_a_hop_that_limits_logins(fleet: SshdFleet, config: Path, tmp_path: Path) -> None:
    fleet.restart_server("outer", "MaxStartups 2:100:3")
    inventory = fleet.inventory(ansible_ssh_common_args=f"-F {config} -J outer")
    hosts = inventory["monitoring"]["hosts"]
    inventory["monitoring"]["hosts"] = {f"{name}-{number}": hosts[name] for name in SERVERS for number in range(10)}
    results = sweep(inventory, tmp_path, max_parallel=40)
    assert {result.status for result in results.values()} == {"ok"}
    assert fleet["outer"].logins() == 1
