# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of ssh that distributions and people have, and inventories in which servers share things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support import machine
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("settings"), 1, password=True) as running:
        yield running


def ask(fleet: SshdFleet, directory: Path, config: str, arguments: str = "", drop: str = "") -> ServerResult:
    path = directory / "ssh_config"
    path.write_text(config, encoding="utf-8")
    inventory = fleet.inventory(ansible_ssh_common_args=f"-F {path} {arguments}")
    inventory["monitoring"]["hosts"]["prom-01"].pop(drop, None)
    return sweep(inventory, directory, timeout=10.0)["prom-01"]


def test_a_configuration_that_is_not_there(fleet: SshdFleet, tmp_path: Path) -> None:
    """ssh refuses it: what it was to say of a server is not to be done without, as in a path that is misspelt."""
    missing = tmp_path / "ssh_confg"
    common = f"-F {missing} -o UserKnownHostsFile={fleet.known_hosts}"
    result = sweep(fleet.inventory(ansible_ssh_common_args=common), tmp_path)["prom-01"]
    assert result.status == "unreachable"
    assert f"Can't open user config file {missing}" in str(result.error)


# What RHEL and Fedora lay out: the policy of the whole system, in a block for the final pass.
REDHAT = """\
Match final all
    Include {directory}/openssh.config
    GSSAPIAuthentication yes
    ForwardX11Trusted yes
    SendEnv LANG LC_CTYPE
"""
POLICY = """\
Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256
GSSAPIKeyExchange no
KexAlgorithms curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256
HostKeyAlgorithms ecdsa-sha2-nistp256,sk-ecdsa-sha2-nistp256@openssh.com,ssh-ed25519,rsa-sha2-256,rsa-sha2-512
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,sk-ssh-ed25519@openssh.com,ssh-ed25519,rsa-sha2-256,rsa-sha2-512
CASignatureAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256
RequiredRSASize 2048
"""
TUNED = """\
Host *
    ControlMaster auto
    ControlPath {directory}/%C
    ControlPersist 10m
    ServerAliveInterval 5
    ForwardAgent yes
    RequestTTY force
    VisualHostKey yes
    AddKeysToAgent yes
    SetEnv A=b
    IgnoreUnknown UseKeychain
    UseKeychain yes
    ChannelTimeout session=5m
    IdentityAgent "~/Library/Group Containers/of nobody/agent.sock"
"""


@pytest.mark.parametrize(
    "config",
    [
        "Include {directory}/conf.d/*.conf\nHost *\n  UserKnownHostsFile {known_hosts}\n",
        TUNED + "  UserKnownHostsFile {known_hosts}\n",
        "Host unix/* vsock/*\n  ProxyCommand no-such-program\n  ProxyUseFdpass yes\nHost *\n"
        "  UserKnownHostsFile={known_hosts}\n",
        '\tHost\t127.0.0.1\n\t\tConnectTimeout = 3\r\n\t\tUserKnownHostsFile="{known_hosts}"\r\n',
        'Match host elsewhere exec "false"\n  Port 1\nMatch all\n  UserKnownHostsFile {known_hosts}\n',
        "Host 127.0.0.?\n  UserKnownHostsFile {directory}/of-%h-%p-%r\n",
    ],
)
def test_configurations(fleet: SshdFleet, tmp_path: Path, config: str) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/50-redhat.conf").write_text(REDHAT.format(directory=tmp_path), encoding="utf-8")
    (tmp_path / "openssh.config").write_text(POLICY, encoding="utf-8")
    own = tmp_path / f"of-127.0.0.1-{fleet['prom-01'].port}-{fleet.user}"
    own.write_bytes(fleet.known_hosts.read_bytes())
    result = ask(fleet, tmp_path, config.format(directory=tmp_path, known_hosts=fleet.known_hosts))
    assert (result.status, result.error, result.transport) == ("ok", None, "asyncssh")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ('Match exec "true"\n  UserKnownHostsFile {known_hosts}\n', "Match exec"),
        ("CanonicalizeHostname yes\nUserKnownHostsFile {known_hosts}\n", "CanonicalizeHostname"),
        ("KnownHostsCommand /bin/cat {known_hosts}\n", "knownhostscommand"),
    ],
)
def test_what_ssh_must_see_itself(fleet: SshdFleet, tmp_path: Path, config: str, reason: str) -> None:
    result = ask(fleet, tmp_path, config.format(known_hosts=fleet.known_hosts))
    assert (result.status, result.error) == ("ok", None)
    assert re.match(rf"ssh \(.*{reason}", str(result.transport))


def test_a_key_that_is_named_by_the_host(fleet: SshdFleet, tmp_path: Path) -> None:
    key = tmp_path / f"of {fleet.user}-127.0.0.1-{fleet['prom-01'].port}"
    key.write_bytes(fleet["prom-01"].key.read_bytes())
    config = f'UserKnownHostsFile {fleet.known_hosts}\nIdentityFile "{tmp_path}/of %r-%h-%p"\n'
    assert ask(fleet, tmp_path, config, drop="ansible_ssh_private_key_file").status == "ok"


@pytest.mark.parametrize("known_hosts", ["/dev/null", "none"])
def test_no_host_key_is_checked_or_kept(fleet: SshdFleet, tmp_path: Path, known_hosts: str) -> None:
    arguments = f"-o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
    assert ask(fleet, tmp_path, "", arguments).status == "ok"
    assert ask(fleet, tmp_path, "", arguments.replace("=no", "=yes")).status == "host_key_rejected"


@pytest.mark.needs_root
def test_servers_at_one_address(fleet: SshdFleet, tmp_path: Path) -> None:
    """One name for each user, and one user by two names; who is refused costs the others nothing."""
    inventory = fleet.inventory()
    host = inventory["monitoring"]["hosts"]["prom-01"]
    password: dict[str, Any] = {name: value for name, value in host.items() if not name.endswith("key_file")}
    inventory["monitoring"]["hosts"] = {
        **{f"key-of-{user.name}": {**host, "ansible_user": user.name} for user in machine.USERS},
        **{
            f"password-of-{user.name}": {**password, "ansible_user": user.name, "ansible_password": user.password}
            for user in machine.USERS
        },
        "again": dict(host),
        "wrong": {**password, "ansible_password": "wrong-by-design"},
        "wrong-user": {**host, "ansible_user": "nobody-at-all"},
        "by-name": {**host, "ansible_host": "localhost"},
    }
    alias = f"-o HostKeyAlias=[127.0.0.1]:{fleet['prom-01'].port}"
    inventory["monitoring"]["vars"]["ansible_ssh_common_args"] += f" -F none {alias}"
    results = sweep(inventory, tmp_path)
    failed = {name: result.status for name, result in results.items() if result.status != "ok"}
    assert failed == {"wrong": "auth_failed", "wrong-user": "auth_failed"}
    endpoint = f"@127.0.0.1:{fleet['prom-01'].port}"
    for user in machine.USERS:
        assert results[f"key-of-{user.name}"].endpoint == results[f"password-of-{user.name}"].endpoint
        assert results[f"key-of-{user.name}"].endpoint == f"{user.name}{endpoint}"
