# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are reached at the second try, or the second address, or by the key that is known."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.integration.sweep.test_become import DEPLOY, become
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep


def ask(fleet: SshdFleet, directory: Path, arguments: str = "", **variables: Any) -> ServerResult:
    inventory = fleet.inventory()
    inventory["monitoring"]["vars"]["ansible_ssh_common_args"] += f" -F none {arguments}"
    inventory["monitoring"]["hosts"]["prom-01"].update(variables)
    return sweep(inventory, directory, timeout=10.0, connect_timeout=5.0)["prom-01"]


@pytest.mark.parametrize("algorithms", ["", "+ssh-rsa", "-ssh-dss", "-ssh-rsa*,rsa-*"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_the_host_key_that_is_known_is_asked_for(tmp_path: Path, algorithms: str, kind: str) -> None:
    """A server has several keys; a known_hosts file, often one of them."""
    with SshdFleet(tmp_path, 1) as fleet:
        server = fleet["prom-01"]
        paths = [server.directory / name for name in ("rsa", "ecdsa")]
        for path in paths:
            command = ["ssh-keygen", "-q", "-t", path.name, "-N", "", "-f", str(path)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        fleet.restart_server("prom-01", "".join(f"HostKey {path}\n" for path in paths))
        public = (server.directory / f"{kind}.pub").read_text(encoding="utf-8")
        fleet.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public}", encoding="utf-8")
        result = ask(fleet, tmp_path, f"-o HostKeyAlgorithms={algorithms}" if algorithms else "")
    refused = kind == "rsa" and "rsa-*" in algorithms
    assert result.status == ("host_key_rejected" if refused else "ok"), result.error


@pytest.mark.needs_root
def test_one_session_at_a_time(tmp_path: Path) -> None:
    """sudo wants a terminal, which takes a second session."""
    with SshdFleet(tmp_path, 1, sshd_config="MaxSessions 1") as fleet:
        with fleet["prom-01"].path("/etc/sudoers").open("a", encoding="utf-8") as file:
            file.write("Defaults requiretty\n")
        result = become(fleet, tmp_path, DEPLOY, ansible_become_password=DEPLOY.password)
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.needs_root
@pytest.mark.parametrize("script", ["read answer", "cat >/dev/null"])
def test_login_scripts_that_ask(tmp_path: Path, script: str) -> None:
    with SshdFleet(tmp_path, 1, shell="/bin/bash") as fleet:
        path = fleet["prom-01"].path(f"/home/{fleet.user}/.bashrc")
        path.write_text(script + "\n", encoding="utf-8")
        path.chmod(0o644)
        result = ask(fleet, tmp_path)
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.needs_root
def test_an_account_that_expired(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1, password=True) as fleet:
        server = fleet["prom-01"]
        shadow = server.path("/etc/shadow")
        text = re.sub(rf"(?m)^({DEPLOY.name}:.*:)(:)$", r"\g<1>1\2", shadow.read_text(encoding="utf-8"))
        shadow.write_text(text, encoding="utf-8")
        result = ask(fleet, tmp_path, ansible_user=DEPLOY.name)
        # Each try is one with the early request and one by the book; the fleet itself looked once whether sshd is up.
        assert server.connections() <= 5
    assert result.status == "unreachable"
    assert "closed the connection while deploy logged in" in str(result.error)


class TestAddresses:
    @pytest.fixture
    def fleet(self, tmp_path: Path) -> Iterator[SshdFleet]:
        with SshdFleet(tmp_path, 1) as running:
            yield running

    @pytest.fixture
    def silent(self, fleet: SshdFleet) -> Iterator[str]:
        """An address that takes no connection to the server's port: one that listens, and never has room."""
        address = ("127.0.0.2", fleet["prom-01"].port)
        with socket.create_server(address, backlog=0):
            waiting = [socket.socket() for _unused in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(address)
            yield address[0]
            for each in waiting:
                each.close()

    def test_one_of_them_does_not_answer(
        self, fleet: SshdFleet, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = socket.getaddrinfo

        def names(host: Any, *rest: Any, **more: Any) -> Any:
            hosts = (silent, "127.0.0.1") if host == "two.example" else (host,)
            return [found for each in hosts for found in known(each, *rest, **more)]

        monkeypatch.setattr(socket, "getaddrinfo", names)
        alias = f"-o HostKeyAlias=[127.0.0.1]:{fleet['prom-01'].port}"
        result = ask(fleet, tmp_path, alias, ansible_host="two.example")
        assert (result.status, result.error) == ("ok", None)
