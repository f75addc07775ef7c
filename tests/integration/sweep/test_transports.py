# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that go through Ansible's own connection plugins: the same command, stream and result."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.open_files import room_for
from tests.support import machine
from tests.support.processes import free_port
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("transports"), 2, password=True) as running:
        yield running


@pytest.fixture
def tree(tmp_path: Path) -> list[dict[str, Any]]:
    """A directory on this machine, as the services to read."""
    folder = tmp_path / "etc/prometheus"
    folder.mkdir(parents=True)
    (folder / "prometheus.yml").write_text("bearer_token: planted\n", encoding="utf-8")
    return [{"service": "prometheus", "directory": str(folder)}]


def over(fleet: SshdFleet, arguments: str = "", **variables: Any) -> dict[str, Any]:
    """The fleet's inventory with these arguments for ssh, -F none among them."""
    known = f"-F none -o UserKnownHostsFile={fleet.known_hosts}"
    return fleet.inventory(ansible_ssh_common_args=f"{known} {arguments}", **variables)


def test_local(tmp_path: Path, tree: list[dict[str, Any]]) -> None:
    inventory = {"all": {"hosts": {"here": {"ansible_connection": "local"}}}}
    result = sweep(inventory, tmp_path, services=tree)["here"]
    assert (result.status, result.transport) == ("ok", "local (connection local)")
    assert result.error is None
    assert result.files[0].path == f"{tmp_path}/etc/prometheus/prometheus.yml"
    assert "planted" not in repr(result)


def test_localhost_that_no_inventory_names(tmp_path: Path, tree: list[dict[str, Any]]) -> None:
    inventory = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}
    assert sweep(inventory, tmp_path, services=tree)["localhost"].status == "ok"


@pytest.mark.needs_root
def test_local_as_another_user(tmp_path: Path, tree: list[dict[str, Any]]) -> None:
    for folder in (tmp_path, tmp_path / "etc", tmp_path / "etc/prometheus"):
        folder.chmod(0o755)
    variables = {"ansible_connection": "local", "ansible_become": True, "ansible_become_user": "nobody"}
    result = sweep({"all": {"hosts": {"here": variables}}}, tmp_path, services=tree)["here"]
    # The folders above belong to root alone.
    assert result.status in {"ok", "denied"}, result.error


@pytest.mark.needs_root
def test_local_whose_become_answers_all_at_once(tmp_path: Path, tree: list[dict[str, Any]]) -> None:
    """Ansible takes the blanks behind the words of become away, where it reads what follows along with them."""
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nsudo "$@" >"$0.output"\ncat "$0.output"\n', encoding="utf-8")
    sudo.chmod(0o755)
    variables = {"ansible_connection": "local", "ansible_become": True, "ansible_become_exe": str(sudo)}
    result = sweep({"all": {"hosts": {"here": variables}}}, tmp_path, services=tree)["here"]
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("-o RemoteCommand=none -o BindInterface=lo", "ssh option bindinterface"),
        ("-o KnownHostsCommand=/bin/true", "ssh option knownhostscommand"),
        ("-o CanonicalizeHostname=yes", "CanonicalizeHostname"),
        ("-o ProxyUseFdpass=yes", "ssh option proxyusefdpass"),
        ("-o KexAlgorithms=no-such-algorithm", "none of the algorithms asked for is known to asyncssh"),
        ("-L 127.0.0.1:1:127.0.0.1:1", "ssh option -L"),
    ],
)
def test_option_that_only_ssh_honours(fleet: SshdFleet, tmp_path: Path, arguments: str, reason: str) -> None:
    results = sweep(over(fleet, arguments), tmp_path)
    for result in results.values():
        assert str(result.transport).startswith("ssh (")
        assert reason in str(result.transport)
        if "no-such" not in arguments and "ProxyUse" not in arguments:
            assert (result.status, result.error) == ("ok", None)
            assert len(result.files) == 3


def test_unknown_option_is_refused_by_ssh_itself(fleet: SshdFleet, tmp_path: Path) -> None:
    result = sweep(over(fleet, "-o NoSuchOption=yes"), tmp_path)["prom-01"]
    assert result.status == "unreachable"
    assert "nosuchoption" in str(result.error).lower()
    assert "ssh option nosuchoption" in str(result.transport)


def test_option_that_may_be_unknown(fleet: SshdFleet, tmp_path: Path) -> None:
    result = sweep(over(fleet, "-o IgnoreUnknown=NoSuch* -o NoSuchOption=yes"), tmp_path)["prom-01"]
    assert (result.status, result.transport) == ("ok", "asyncssh")


FORCED = "-o BindInterface=lo"


def test_ssh_keeps_the_digest(fleet: SshdFleet, tmp_path: Path) -> None:
    first = sweep(over(fleet, FORCED), tmp_path)
    known = {name: str(result.digest) for name, result in first.items()}
    assert {result.status for result in sweep(over(fleet, FORCED), tmp_path, known=known).values()} == {"unchanged"}
    direct = sweep(over(fleet), tmp_path)
    assert [result.digest for result in direct.values()] == [result.digest for result in first.values()]


@pytest.mark.needs_root
def test_ssh_with_become(fleet: SshdFleet, tmp_path: Path) -> None:
    secret = fleet["prom-01"].write("/etc/prometheus/private.yml", "{}\n", 0o600)
    deploy = machine.USERS[1]
    try:
        inventory = over(fleet, FORCED, ansible_become=True, ansible_become_password=deploy.password)
        inventory["monitoring"]["hosts"]["prom-01"]["ansible_user"] = deploy.name
        result = sweep(inventory, tmp_path)["prom-01"]
        assert (result.status, result.error) == ("ok", None)
        assert len(result.files) == 4
        inventory["monitoring"]["vars"]["ansible_become_password"] = "wrong-by-design"
        result = sweep(inventory, tmp_path)["prom-01"]
        assert result.status == "denied"
        assert "ansible_become_password" in str(result.error)
        assert "wrong-by-design" not in repr(result)
    finally:
        secret.unlink()


def test_ssh_leaves_no_shared_connection_behind(fleet: SshdFleet, tmp_path: Path) -> None:
    """Ansible's own arguments would keep a connection open for a minute, in a process of its own."""

    def masters() -> set[str]:
        found = set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                text = path.read_bytes()
                if text.startswith(b"ssh") and f"Port={fleet['prom-01'].port}".encode() in text:
                    found.add(path.parent.name)
        return found

    result = sweep(over(fleet, FORCED), tmp_path)["prom-01"]
    assert result.status == "ok"
    assert masters() == set()


def test_ssh_faults(fleet: SshdFleet, tmp_path: Path) -> None:
    inventory = over(fleet, FORCED)
    hosts = inventory["monitoring"]["hosts"]
    known = tmp_path / "empty"
    hosts["refused"] = {**hosts["prom-01"], "ansible_port": free_port()}
    hosts["wrong_key"] = {**hosts["prom-01"], "ansible_ssh_private_key_file": str(fleet["prom-02"].key)}
    hosts["unknown"] = {**hosts["prom-01"], "ansible_ssh_args": f"-o UserKnownHostsFile={known}"}
    results = sweep(inventory, tmp_path)
    assert {name: result.status for name, result in results.items()} == {
        "prom-01": "ok",
        "prom-02": "ok",
        "refused": "unreachable",
        "wrong_key": "auth_failed",
        "unknown": "host_key_rejected",
    }


@pytest.mark.parametrize("quiet", ["-q", "-o LogLevel=QUIET", "-o 'LogLevel quiet' -q"])
def test_ssh_that_is_told_to_be_quiet_says_why_it_failed(fleet: SshdFleet, tmp_path: Path, quiet: str) -> None:
    """People silence warnings with these; without its words, each fault would be a host that is down."""
    inventory = over(fleet, f"{quiet} {FORCED}")
    hosts = inventory["monitoring"]["hosts"]
    hosts["wrong_key"] = {**hosts["prom-01"], "ansible_ssh_private_key_file": str(fleet["prom-02"].key)}
    hosts["unknown"] = {**hosts["prom-01"], "ansible_ssh_args": f"-o UserKnownHostsFile={tmp_path / 'empty'} {quiet}"}
    results = sweep(inventory, tmp_path)
    expected = {"prom-01": "ok", "prom-02": "ok", "wrong_key": "auth_failed", "unknown": "host_key_rejected"}
    assert {name: result.status for name, result in results.items()} == expected, results
    assert "Permission denied" in str(results["wrong_key"].error)


def test_command_that_hangs_is_ended(fleet: SshdFleet, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    variables = {
        "ansible_connection": "local",
        "ansible_become": True,
        "ansible_become_exe": f"echo $$ > {marker}; exec sleep 600; sudo",
        "ansible_become_user": "somebody-else",
    }
    result = sweep({"all": {"hosts": {"here": variables}}}, tmp_path, timeout=1.0, connect_timeout=0.5)["here"]
    assert result.status == "timeout"
    assert "over the connection plugin local within 1.5 s" in str(result.error)
    pid = int(marker.read_text(encoding="utf-8"))
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_plugin_that_is_not_installed(tmp_path: Path) -> None:
    inventory = {"all": {"hosts": {"there": {"ansible_connection": "community.docker.docker"}}}}
    result = sweep(inventory, tmp_path)["there"]
    assert result.status == "unreachable"
    assert "the connection plugin community.docker.docker is not installed" in str(result.error)


def children() -> set[int]:
    """Processes that this one started, dead or alive."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in lists for pid in path.read_text(encoding="ascii").split()}


def test_many_at_once(tmp_path: Path, tree: list[dict[str, Any]]) -> None:
    inventory = {"all": {"hosts": {f"here-{number:02}": {"ansible_connection": "local"} for number in range(20)}}}
    before = children()
    results = sweep(inventory, tmp_path, services=tree)
    assert {result.status for result in results.values()} == {"ok"}
    assert children() == before


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Sockets have paths of at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="open 100% ") as name:
        yield Path(name)


def test_a_connection_that_is_open_already(fleet: SshdFleet, tmp_path: Path, short_folder: Path) -> None:
    """Somebody logged in by hand, with what no file or agent holds: ssh uses that, and so does the sweep."""
    server = fleet["prom-01"]
    folder = short_folder
    config = tmp_path / "ssh_config"
    config.write_text(
        f'Host *\n  ControlPath "{str(folder).replace("%", "%%")}/%r-%p"\n  UserKnownHostsFile {fleet.known_hosts}\n'
        "  IdentityAgent none\n",
        encoding="utf-8",
    )
    ssh = ["ssh", "-F", str(config), "-i", str(server.key), "-p", str(server.port), f"{fleet.user}@{server.address}"]
    inventory = fleet.inventory(ansible_ssh_common_args=f"-F {config}")
    host = {**inventory["monitoring"]["hosts"]["prom-01"], "ansible_ssh_private_key_file": str(tmp_path / "none")}
    inventory["monitoring"]["hosts"] = {"prom-01": host, "alias": host}
    master = subprocess.Popen([*ssh, "-M", "-N"], stdin=subprocess.DEVNULL)
    try:
        socket = folder / f"{fleet.user}-{server.port}"
        deadline = time.monotonic() + 20
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        before = server.connections()
        for result in sweep(inventory, tmp_path).values():
            assert (result.status, result.error) == ("ok", None)
            assert result.transport == f"ssh (the open connection at {socket})"
        # The refusal, once for both names.
        assert server.connections() == before + 1
        assert master.poll() is None
    finally:
        master.terminate()
        master.wait(10)
    results = sweep(inventory, tmp_path)
    assert {(result.status, result.transport) for result in results.values()} == {("auth_failed", "asyncssh")}


@pytest.mark.parametrize("ticket", [True, False])
def test_a_login_with_kerberos_is_left_to_ssh(
    fleet: SshdFleet, tmp_path: Path, ticket: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is a ticket: many systems allow GSSAPI to everybody, and a refusal need not be repeated by ssh."""
    klist = tmp_path / "bin/klist"
    klist.parent.mkdir()
    klist.write_text(f"#!/bin/sh\nexit {0 if ticket else 1}\n", encoding="utf-8")
    klist.chmod(0o755)
    monkeypatch.setenv("PATH", f"{klist.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("KRB5CCNAME", str(klist))
    inventory = over(fleet, "-o GSSAPIAuthentication=yes")
    inventory["monitoring"]["hosts"]["prom-01"]["ansible_ssh_private_key_file"] = str(tmp_path / "none")
    result = sweep(inventory, tmp_path)["prom-01"]
    # This server has no Kerberos: what counts is who was asked.
    assert result.status == "auth_failed"
    assert ("ssh has a Kerberos ticket" in str(result.transport)) == ticket
    assert ("over the connection plugin ssh" in str(result.error)) == ticket


@pytest.mark.parametrize("many", [0, 1100])
def test_a_flood_over_a_connection_plugin_is_stopped(tmp_path: Path, tree: list[dict[str, Any]], many: int) -> None:
    """Plugins hold all that comes. What sits in the place of tar here would fill any memory within the time.

    So many files are open at that time: select() knows 1024.
    """
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "head", "sudo"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    (tools / "tar").write_text("#!/bin/sh\nexec cat /dev/zero\n", encoding="utf-8")
    (tools / "tar").chmod(0o755)
    (tools / "sh").symlink_to("/bin/sh")
    inventory = {"all": {"hosts": {"here": {"ansible_connection": "local", "ansible_shell_executable": "/bin/sh"}}}}
    before = os.environ["PATH"]
    os.environ["PATH"] = str(tools)
    try:
        with room_for(many), contextlib.ExitStack() as stack:
            for _unused in range(many):
                stack.enter_context(Path(os.devnull).open("rb"))
            result = sweep(inventory, tmp_path, services=tree, max_bytes=1_000_000)["here"]
    finally:
        os.environ["PATH"] = before
    assert (result.status, result.seconds.total < 25) == ("too_large", True), result.error
    assert "max_bytes" in str(result.error)
