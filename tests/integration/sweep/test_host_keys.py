# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose server it is: known_hosts and StrictHostKeyChecking mean what they mean to ssh, which is asked too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support.sshd import SshdFleet, SshServer
from tests.support.sweeping import sweep


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("host_keys"), 1) as running:
        yield running


@pytest.fixture
def server(fleet: SshdFleet) -> SshServer:
    return fleet["prom-01"]


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def check(fleet: SshdFleet, directory: Path, known_hosts: Path, more: str = "", **variables: Any) -> ServerResult:
    arguments = f"-F none -o UserKnownHostsFile={known_hosts} -o GlobalKnownHostsFile=none {more}"
    return sweep(fleet.inventory(ansible_ssh_common_args=arguments, **variables), directory)["prom-01"]


def ssh(server: SshServer, known_hosts: Path, *more: str) -> int:
    """What ssh itself makes of it: 0, or 255."""
    common = ["-F", "none", "-o", f"UserKnownHostsFile={known_hosts}", "-o", "GlobalKnownHostsFile=none"]
    command = ["ssh", *common, "-o", "BatchMode=yes", "-i", str(server.key), "-p", str(server.port), *more]
    done = subprocess.run(
        [*command, f"{server.user}@127.0.0.1", "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode


def other_key(kind: str = "ssh-ed25519") -> str:
    return asyncssh.generate_private_key(kind).export_public_key().decode().strip()


def test_unknown_key(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    result = check(fleet, tmp_path, known_hosts)
    assert result.status == "host_key_rejected"
    assert result.error is not None
    assert f"[127.0.0.1]:{server.port} is not in {known_hosts}" in result.error
    assert "ssh-ed25519 SHA256:" in result.error
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {known_hosts}" in result.error
    assert ssh(server, known_hosts) == 255
    assert not known_hosts.exists()


def test_changed_key(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    known_hosts.write_text(f"# a comment\n\n[127.0.0.1]:{server.port} {other_key()}\n", encoding="utf-8")
    result = check(fleet, tmp_path, known_hosts)
    assert result.status == "host_key_rejected"
    assert result.error is not None
    assert f"is not the one in {known_hosts}:3" in result.error
    assert f"ssh-keygen -f {known_hosts} -R '[127.0.0.1]:{server.port}'" in result.error
    assert ssh(server, known_hosts) == 255


def test_changed_key_is_not_accepted_as_new(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path
) -> None:
    text = f"[127.0.0.1]:{server.port} {other_key()}\n"
    known_hosts.write_text(text, encoding="utf-8")
    result = check(fleet, tmp_path, known_hosts, "-o StrictHostKeyChecking=accept-new")
    assert result.status == "host_key_rejected"
    assert known_hosts.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("value", ["accept-new", "no", "off"])
def test_new_key_is_added(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path, value: str) -> None:
    known_hosts.write_text("other.example ssh-ed25519 AAAA", encoding="utf-8")
    assert check(fleet, tmp_path, known_hosts, f"-o StrictHostKeyChecking={value}").status == "ok"
    key = " ".join(server.host_key.split()[:2])
    assert known_hosts.read_text(encoding="utf-8").splitlines() == [
        "other.example ssh-ed25519 AAAA",
        f"[127.0.0.1]:{server.port} {key}",
    ]
    assert ssh(server, known_hosts, "-o", "StrictHostKeyChecking=yes") == 0
    assert check(fleet, tmp_path, known_hosts).status == "ok"


def test_new_key_is_added_hashed(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    arguments = "-o StrictHostKeyChecking=accept-new -o HashKnownHosts=yes"
    assert check(fleet, tmp_path, known_hosts, arguments).status == "ok"
    assert known_hosts.read_text(encoding="utf-8").startswith("|1|")
    assert known_hosts.stat().st_mode & 0o777 == 0o600
    assert ssh(server, known_hosts, "-o", "StrictHostKeyChecking=yes") == 0
    assert check(fleet, tmp_path, known_hosts).status == "ok"


def test_new_key_is_added_where_the_login_is_refused(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path
) -> None:
    """Who stands in between once is noticed the next time."""
    arguments = "-o StrictHostKeyChecking=accept-new -o PubkeyAuthentication=no"
    assert check(fleet, tmp_path, known_hosts, arguments).status == "auth_failed"
    by_ssh = tmp_path / "by_ssh"
    assert ssh(server, by_ssh, *arguments.split()) == 255
    assert known_hosts.read_text(encoding="utf-8") == by_ssh.read_text(encoding="utf-8")


def test_no_check_at_all(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    known_hosts.write_text(f"[127.0.0.1]:{server.port} {other_key()}\n", encoding="utf-8")
    assert check(fleet, tmp_path, known_hosts, ansible_host_key_checking=False).status == "ok"


@pytest.mark.needs_root
def test_a_password_is_not_told_to_a_server_whose_key_changed(tmp_path: Path, known_hosts: Path) -> None:
    with SshdFleet(tmp_path, 1, password=True, keyboard_interactive=True) as fleet:
        server = fleet["prom-01"]
        inventory = fleet.inventory(ansible_ssh_common_args=f"-F none -o UserKnownHostsFile={known_hosts}")
        host = inventory["monitoring"]["hosts"]["prom-01"]
        del host["ansible_ssh_private_key_file"]
        host.update(ansible_password="not-a-secret-ops", ansible_host_key_checking=False)
        assert sweep(inventory, tmp_path)["prom-01"].status == "ok"
        known_hosts.write_text(f"@revoked * {server.host_key}\n", encoding="utf-8")
        result = sweep(inventory, tmp_path)["prom-01"]
        assert (result.status, "is marked as revoked" in str(result.error)) == ("auth_failed", True), result.error
        known_hosts.write_text(f"[127.0.0.1]:{server.port} {other_key()}\n", encoding="utf-8")
        result = sweep(inventory, tmp_path)["prom-01"]
        assert result.status == "auth_failed"
        assert "(tried: no key). It was told no password, because the host key of" in str(result.error)
        assert f"is not the one in {known_hosts}:1" in str(result.error)
        # What was not said was not refused: another name of the server may know its key.
        right = f"-F none -o UserKnownHostsFile={fleet.known_hosts}"
        names = {"stale-01": host, "right": {**host, "ansible_ssh_common_args": right}, "stale-02": host}
        inventory["monitoring"]["hosts"] = names
        results = sweep(inventory, tmp_path)
        expected = {"stale-01": "auth_failed", "right": "ok", "stale-02": "auth_failed"}
        assert {name: found.status for name, found in results.items()} == expected, results
        assert "Failed password" not in server.log_text()
        assert server.logins() == 2


@pytest.mark.needs_root
@pytest.mark.parametrize("revoked", ["key", "authority"])
def test_a_password_is_not_told_to_a_server_whose_certificate_is_revoked(
    tmp_path: Path, known_hosts: Path, authority: asyncssh.SSHKey, revoked: str
) -> None:
    certificate = tmp_path / "certificate"
    with SshdFleet(tmp_path, 1, password=True) as fleet:
        server = fleet["prom-01"]
        public = asyncssh.import_public_key(server.host_key)
        authority.generate_host_certificate(public, "test", principals=["127.0.0.1"]).write_certificate(certificate)
        fleet.restart_server("prom-01", f"HostCertificate {certificate}")
        signer = authority.export_public_key().decode().strip()
        inventory = fleet.inventory(ansible_ssh_common_args=f"-F none -o UserKnownHostsFile={known_hosts}")
        host = inventory["monitoring"]["hosts"]["prom-01"]
        del host["ansible_ssh_private_key_file"]
        host.update(ansible_password="not-a-secret-ops", ansible_host_key_checking=False)
        known_hosts.write_text(f"@cert-authority * {signer}\n", encoding="utf-8")
        assert sweep(inventory, tmp_path)["prom-01"].status == "ok"
        key = server.host_key if revoked == "key" else signer
        known_hosts.write_text(f"@cert-authority * {signer}\n@revoked * {key}\n", encoding="utf-8")
        result = sweep(inventory, tmp_path)["prom-01"]
        assert (result.status, "is marked as revoked" in str(result.error)) == ("auth_failed", True), result.error


def test_key_of_the_global_file(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    known = tmp_path / "global"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n", encoding="utf-8")
    arguments = f"-F none -o UserKnownHostsFile=none -o GlobalKnownHostsFile={known}"
    inventory = fleet.inventory(ansible_ssh_common_args=arguments)
    assert sweep(inventory, tmp_path)["prom-01"].status == "ok"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("127.0.0.1", "ok"),  # known without the port
        ("[127.0.0.*]:{port}", "ok"),
        ("[127.0.0.*]:{port},![127.0.0.1]:{port}", "host_key_rejected"),
        ("[127.0.0.1]:1", "host_key_rejected"),
    ],
)
def test_names(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path, name: str, status: str) -> None:
    known_hosts.write_text(f"{name.format(port=server.port)} {server.host_key}\n", encoding="utf-8")
    assert check(fleet, tmp_path, known_hosts).status == status
    assert ssh(server, known_hosts) == (0 if status == "ok" else 255)


@pytest.mark.parametrize("host", ["127.1", "0x7F.0.0.1", "LocalHost"])
def test_names_that_are_written_otherwise(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path, host: str
) -> None:
    """known_hosts knows an address as it is usually written, and a name in lower case."""
    names = ",".join(f"[{name}]:{server.port}" for name in ("127.0.0.1", "localhost"))
    known_hosts.write_text(f"{names} {server.host_key}\n", encoding="utf-8")
    inventory = fleet.inventory(ansible_ssh_common_args=f"-F none -o UserKnownHostsFile={known_hosts}")
    inventory["monitoring"]["hosts"]["prom-01"]["ansible_host"] = host
    result = sweep(inventory, tmp_path)["prom-01"]
    assert (result.status, result.transport) == ("ok", "asyncssh"), result.error


def test_alias(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    known_hosts.write_text(f"monitoring-alias {server.host_key}\n", encoding="utf-8")
    assert check(fleet, tmp_path, known_hosts, "-o HostKeyAlias=monitoring-alias").status == "ok"
    assert ssh(server, known_hosts, "-o", "HostKeyAlias=monitoring-alias") == 0


def test_an_alias_of_localhost_is_checked(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path
) -> None:
    """Whoever names it means it, whatever NoHostAuthenticationForLocalhost says."""
    exempt = "NoHostAuthenticationForLocalhost=yes"
    assert ssh(server, known_hosts, "-o", exempt) == 0
    assert check(fleet, tmp_path, known_hosts, f"-o {exempt}").status == "ok"
    alias = "HostKeyAlias=monitoring-alias"
    for key, status in ((other_key(), "host_key_rejected"), (server.host_key, "ok")):
        known_hosts.write_text(f"monitoring-alias {key}\n", encoding="utf-8")
        assert ssh(server, known_hosts, "-o", exempt, "-o", alias) == (0 if status == "ok" else 255)
        assert check(fleet, tmp_path, known_hosts, f"-o {exempt} -o {alias}").status == status


def test_revoked_key(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    name = f"[127.0.0.1]:{server.port}"
    known_hosts.write_text(f"{name} {server.host_key}\n@revoked * {server.host_key}\n", encoding="utf-8")
    result = check(fleet, tmp_path, known_hosts)
    assert result.status == "host_key_rejected"
    assert result.error is not None
    assert f"revoked ({known_hosts}:2)" in result.error
    assert ssh(server, known_hosts) == 255


@pytest.mark.parametrize("named", [True, False])
def test_a_revoked_key_where_nothing_is_checked(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path, named: bool
) -> None:
    line = f"[127.0.0.1]:{server.port} {server.host_key}\n" if named else ""
    known_hosts.write_text(f"{line}@revoked * {server.host_key}\n", encoding="utf-8")
    before = known_hosts.read_text(encoding="utf-8")
    for strict, status in (("no", "ok"), ("accept-new", "host_key_rejected")):
        way = f"StrictHostKeyChecking={strict}"
        assert ssh(server, known_hosts, "-o", way) == (0 if status == "ok" else 255)
        assert check(fleet, tmp_path, known_hosts, f"-o {way}").status == status
    assert known_hosts.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("marker", ["revoked", "cert-authority"])
def test_a_line_for_all_hides_no_key_that_is_known_without_its_port(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path, marker: str
) -> None:
    known_hosts.write_text(f"@{marker} * {other_key()}\n127.0.0.1 {server.host_key}\n", encoding="utf-8")
    assert ssh(server, known_hosts) == 0
    result = check(fleet, tmp_path, known_hosts)
    assert result.status == "ok", result.error


@pytest.fixture(scope="module")
def authority() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, authority: asyncssh.SSHKey) -> Iterator[SshdFleet]:
    """A server that shows a certificate for its key, signed by the authority."""
    directory = tmp_path_factory.mktemp("certified")
    certificate = directory / "fleet/prom-01/host_key-cert.pub"
    with SshdFleet(directory, 1) as fleet:
        public = asyncssh.import_public_key(fleet["prom-01"].host_key)
        authority.generate_host_certificate(public, "test", principals=["127.0.0.1"]).write_certificate(certificate)
        fleet.restart_server("prom-01", f"HostCertificate {certificate}")
        yield fleet


def test_certificate_of_a_known_authority(
    certified: SshdFleet, authority: asyncssh.SSHKey, tmp_path: Path, known_hosts: Path
) -> None:
    public = authority.export_public_key().decode()
    known_hosts.write_text(f"@cert-authority [127.0.0.*]:* {public}", encoding="utf-8")
    assert check(certified, tmp_path, known_hosts).status == "ok"
    assert ssh(certified["prom-01"], known_hosts) == 0


def test_certificate_of_an_unknown_authority(certified: SshdFleet, tmp_path: Path, known_hosts: Path) -> None:
    known_hosts.write_text(f"@cert-authority [127.0.0.*]:* {other_key()}\n", encoding="utf-8")
    assert check(certified, tmp_path, known_hosts).status == "host_key_rejected"
    assert ssh(certified["prom-01"], known_hosts) == 255


@pytest.mark.parametrize("fault", ["expired", "of another host"])
@pytest.mark.parametrize("known", ["key", "nothing", "another key", "revoked authority"])
def test_a_certificate_that_is_no_good(
    certified: SshdFleet, authority: asyncssh.SSHKey, tmp_path: Path, known_hosts: Path, fault: str, known: str
) -> None:
    """The server's key alone counts then, whether it is known or not."""
    server, certificate = certified["prom-01"], tmp_path / "certificate"
    until: dict[str, Any] = {"valid_before": "20200101"} if fault == "expired" else {}
    name = "elsewhere.example" if fault == "of another host" else "127.0.0.1"
    made = authority.generate_host_certificate(
        asyncssh.import_public_key(server.host_key), "t", principals=[name], **until
    )
    made.write_certificate(certificate)
    certified.restart_server("prom-01", f"HostCertificate {certificate}")
    lines = {
        "key": f"[127.0.0.1]:{server.port} {server.host_key}",
        "nothing": "",
        "another key": f"[127.0.0.1]:{server.port} {other_key()}",
        "revoked authority": f"[127.0.0.1]:{server.port} {server.host_key}\n"
        f"@revoked * {authority.export_public_key().decode().strip()}",
    }
    text = f"@cert-authority [127.0.0.*]:* {authority.export_public_key().decode().strip()}\n{lines[known]}\n"
    for strict in ("yes", "accept-new", "no"):
        known_hosts.write_text(text, encoding="utf-8")
        way = f"StrictHostKeyChecking={strict}"
        wanted = ssh(server, known_hosts, "-o", way)
        known_hosts.write_text(text, encoding="utf-8")
        result = check(certified, tmp_path, known_hosts, f"-o {way}")
        assert result.status == ("host_key_rejected" if wanted else "ok"), (way, result.error)


def test_plain_key_of_a_server_with_a_certificate(certified: SshdFleet, tmp_path: Path, known_hosts: Path) -> None:
    server = certified["prom-01"]
    known_hosts.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n", encoding="utf-8")
    assert check(certified, tmp_path, known_hosts).status == "ok"
    known_hosts.unlink()
    assert check(certified, tmp_path, known_hosts, "-o StrictHostKeyChecking=accept-new").status == "ok"


def test_host_key_algorithms(fleet: SshdFleet, server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    known_hosts.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n", encoding="utf-8")
    assert check(fleet, tmp_path, known_hosts, "-o HostKeyAlgorithms=ssh-ed25519").status == "ok"
    # The server has no such key; what ssh says of it comes through Ansible's own plugin.
    result = check(fleet, tmp_path, known_hosts, "-o HostKeyAlgorithms=rsa-sha2-512")
    assert result.status == "unreachable"
    assert result.transport is not None
    assert result.transport.startswith("ssh (")
    assert result.error is not None
    assert "no matching host key type found" in result.error
