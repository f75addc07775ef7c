# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers with settings that real sites have: what they let a login do, and how they say no."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.integration.stream.host import program
from tests.support import machine
from tests.support.processes import port_is_open, running
from tests.support.sshd import SshdFleet, SshServer
from tests.support.sweeping import sweep


def ask(fleet: SshdFleet, directory: Path, arguments: str = "", **variables: Any) -> ServerResult:
    common = f"-F none -o UserKnownHostsFile={fleet.known_hosts} {arguments}"
    inventory = fleet.inventory(ansible_ssh_common_args=common, **variables)
    return sweep(inventory, directory, timeout=10.0)["prom-01"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("ForceCommand internal-sftp", "This service allows sftp connections only."),
        ("ForceCommand echo Backups only; exit 3", "(exit status 3); the host said: Backups only: log in by hand"),
        ("ForceCommand echo No. >&2", "the host said: No.: log in by hand"),
    ],
)
def test_a_command_in_the_place_of_the_sweeps(tmp_path: Path, settings: str, words: str) -> None:
    with SshdFleet(tmp_path, 1, sshd_config=settings) as fleet:
        result = ask(fleet, tmp_path)
    assert result.status == "protocol_error"
    assert words in str(result.error)


@pytest.mark.parametrize("settings", ["MaxSessions 1", "PermitTTY no\nBanner /etc/hosts", "RekeyLimit 1K"])
def test_settings_that_do_not_matter(tmp_path: Path, settings: str) -> None:
    with SshdFleet(tmp_path, 1, sshd_config=settings) as fleet:
        result = ask(fleet, tmp_path)
    assert (result.status, result.error) == ("ok", None)


def test_a_long_banner(tmp_path: Path) -> None:
    banner = tmp_path / "banner"
    banner.write_text("Authorized use only.\n" * 1000, encoding="utf-8")
    with SshdFleet(tmp_path, 1, sshd_config=f"Banner {banner}") as fleet:
        assert ask(fleet, tmp_path).status == "ok"


def with_shell(server: SshServer, shell: str) -> None:
    path = server.path("/etc/passwd")
    text = re.sub(rf"(?m)^({server.user}:.*:)[^:]*$", rf"\g<1>{shell}", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("shell", "words"),
    [("/usr/sbin/nologin", "This account is currently not available."), ("/bin/false", "(exit status 1): log in")],
)
def test_an_account_that_runs_nothing(tmp_path: Path, shell: str, words: str) -> None:
    with SshdFleet(tmp_path, 1) as fleet:
        with_shell(fleet["prom-01"], shell)
        result = ask(fleet, tmp_path)
    assert result.status == "protocol_error"
    assert words in str(result.error)


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 3", "protocol_error"),
        ("set -eu; set -o noclobber; umask 777; cd /nonexistent || true", "ok"),
        ("alias sh=false tar=false; printf() { :; }; export -f printf", "ok"),
        ("export LC_ALL=de_DE.UTF-8 TAR_OPTIONS=-z GZIP=-9 POSIXLY_CORRECT=1 CDPATH=/etc", "ok"),
        ("trap 'echo bye' EXIT; ulimit -f 1; stty -echo", "ok"),
        ("export PATH=/nowhere", "protocol_error"),
    ],
)
def test_login_scripts(tmp_path: Path, script: str, status: str) -> None:
    with SshdFleet(tmp_path, 1, shell="/bin/bash") as fleet:
        path = fleet["prom-01"].path(f"/home/{fleet.user}/.bashrc")
        path.write_text(script + "\n", encoding="utf-8")
        path.chmod(0o644)
        assert ask(fleet, tmp_path).status == status


@pytest.mark.parametrize(
    "settings",
    ["KexAlgorithms sntrup761x25519-sha512@openssh.com", "Ciphers aes256-ctr\nMACs umac-128-etm@openssh.com"],
)
def test_algorithms_that_ssh_has_alone(tmp_path: Path, settings: str) -> None:
    with SshdFleet(tmp_path, 1, sshd_config=settings) as fleet:
        result = ask(fleet, tmp_path)
        assert result.status == "ok", result.error


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
def test_old_algorithms_are_allowed_by_name(tmp_path: Path) -> None:
    """ssh itself says what a server offers in place of what it takes."""
    settings = "KexAlgorithms diffie-hellman-group1-sha1\nCiphers 3des-cbc\nMACs hmac-md5"
    with SshdFleet(tmp_path, 1, sshd_config=settings) as fleet:
        result = ask(fleet, tmp_path)
        assert (result.status, str(result.transport).partition(" ")[0]) == ("unreachable", "ssh")
        assert "Their offer: diffie-hellman-group1-sha1" in str(result.error)
        for sign in ("+", ""):
            algorithms = f"-o KexAlgorithms={sign}diffie-hellman-group1-sha1 -o Ciphers={sign}3des-cbc"
            result = ask(fleet, tmp_path, f"{algorithms} -o MACs={sign}hmac-md5")
            assert (result.status, result.transport) == ("ok", "asyncssh"), result.error


# What inetd does: a server for each connection, which it reads and writes.
_INETD = """
import socket, subprocess, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listening:
    while True:
        made = listening.accept()[0]
        subprocess.Popen(sys.argv[3:], stdin=made, stdout=made)
        made.close()
"""


@pytest.mark.needs_root
def test_a_server_that_reads_one_packet_at_a_time(tmp_path: Path) -> None:
    """TinySSH leaves one that came close behind another unread, and with asyncssh, that is every one."""
    tinysshd = program("tinysshd")
    with SshdFleet(tmp_path, 1) as fleet:
        server = fleet["prom-01"]
        fleet.stop_server(server.name)
        known = server.path(f"/home/{server.user}/.ssh/authorized_keys")
        shutil.copy(server.path(f"/etc/ssh/authorized_keys/{server.user}"), known)
        shutil.chown(known, machine.USERS[0].uid)
        keys = server.directory / "tiny_keys"
        subprocess.run([f"{tinysshd}-makekey", str(keys)], check=True)
        shown = subprocess.run([f"{tinysshd}-printkey", str(keys)], check=True, capture_output=True, text=True).stdout
        kind, key = re.findall(r"^(ssh-ed25519) (\S+)", shown, re.MULTILINE)[0]
        fleet.known_hosts.write_text(f"[{server.address}]:{server.port} {kind} {key}\n", encoding="utf-8")
        command = [sys.executable, "-c", _INETD, server.address, str(server.port), tinysshd, str(keys)]
        entered = machine.enter(server.directory / "machine", command)
        with running(entered, ready=lambda: port_is_open(server.port, server.address), log=tmp_path / "log"):
            result = ask(fleet, tmp_path)
    assert (result.status, len(result.files)) == ("ok", 3), result.error
    assert str(result.transport).startswith("ssh (TinySSH ")
