# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys as people have them: in a home that is not the account's, on a token, too many in an agent, of older forms."""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sweep.test_logins import NO_KEY, authorized, login, new_key
from tests.support import machine
from tests.support.sshd import SshdFleet, SshServer, ssh_agent
from tests.support.sweeping import sweep

PASSPHRASE = "not-a-secret-passphrase"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("logins"), 1, password=True) as running:
        yield running


@pytest.fixture
def server(fleet: SshdFleet) -> SshServer:
    return fleet["prom-01"]


@pytest.mark.parametrize("written", ["~/.ssh/key of mine", ".ssh/key of mine"])
def test_a_home_that_is_not_the_accounts(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """As in a container, under sudo -E or in a job: Ansible goes by HOME, and by the directory it runs in."""
    (tmp_path / ".ssh").mkdir()
    shutil.copy(server.key, tmp_path / ".ssh/key of mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    result = login(fleet, tmp_path, ansible_ssh_private_key_file=written)
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize("form", ["PEM", "PKCS8", "RFC4716"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_forms_of_key_files(fleet: SshdFleet, server: SshServer, tmp_path: Path, form: str, encrypted: bool) -> None:
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", form, "-N", PASSPHRASE if encrypted else ""]
    subprocess.run([*command, "-C", "", "-f", str(key)], check=True, stdin=subprocess.DEVNULL)
    authorized(server, key)
    named: dict[str, Any] = {"ansible_ssh_private_key_file": str(key)}
    if encrypted:
        result = login(fleet, tmp_path, **named)
        assert result.status == "auth_failed"
        assert f"{key} is encrypted" in str(result.error)
        if form == "RFC4716":
            pytest.importorskip("bcrypt", reason="OpenSSH's own form is encrypted with bcrypt")
        named["ansible_ssh_private_key_passphrase"] = PASSPHRASE
    result = login(fleet, tmp_path, **named)
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no key"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "holds no key"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n3030\n", "holds no key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "is not known"),
    ],
)
def test_files_that_are_no_keys(fleet: SshdFleet, tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(path))
    assert result.status == "auth_failed"
    assert f"{path} {words}" in str(result.error).replace(" holds a key of a type or format that", "")


def security_key(path: Path) -> str:
    """A key file of a token that nobody has; returns the public part."""

    def string(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    kind, point = string(b"sk-ssh-ed25519@openssh.com"), string(bytes(range(32)))
    public = kind + point + string(b"ssh:")
    private = b"abcdabcd" + public + b"\1" + string(bytes(64)) + string(b"") + string(b"")
    private += bytes(range(1, 1 + -len(private) % 8))
    none = string(b"none") * 2 + string(b"")
    text = base64.b64encode(
        b"openssh-key-v1\0" + none + struct.pack(">I", 1) + string(public) + string(private)
    ).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    frame = "-----{} OPENSSH PRIVATE KEY-----"
    path.write_text("\n".join([frame.format("BEGIN"), *lines, frame.format("END"), ""]), encoding="utf-8")
    path.chmod(0o600)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(public).decode()}"


class TestSecurityKey:
    @pytest.fixture
    def token(self, server: SshServer, tmp_path: Path) -> Path:
        path = tmp_path / "id_ed25519_sk"
        server.authorize(security_key(path))
        return path

    def test_it_holds_up_nobody(self, fleet: SshdFleet, server: SshServer, tmp_path: Path, token: Path) -> None:
        """Of many servers at once, so that answers come at any moment."""
        inventory = fleet.inventory()
        host = {**inventory["monitoring"]["hosts"]["prom-01"], "ansible_ssh_extra_args": f"-i {token} -i {server.key}"}
        del host["ansible_ssh_private_key_file"]
        inventory["monitoring"]["hosts"] = {f"alias-{number:02}": host for number in range(30)}
        results = sweep(inventory, tmp_path)
        assert {(result.status, result.error, result.transport) for result in results.values()} == {
            ("ok", None, "asyncssh")
        }

    def test_before_a_key_that_fits(self, fleet: SshdFleet, server: SshServer, tmp_path: Path, token: Path) -> None:
        result = login(fleet, tmp_path, NO_KEY, ansible_ssh_extra_args=f"-i {token} -i {server.key}")
        assert (result.status, result.error, result.transport) == ("ok", None, "asyncssh")

    @pytest.mark.needs_root
    def test_before_a_password(self, fleet: SshdFleet, tmp_path: Path, token: Path) -> None:
        password = machine.USERS[0].password
        result = login(fleet, tmp_path, NO_KEY, ansible_ssh_extra_args=f"-i {token}", ansible_password=password)
        assert (result.status, result.error, result.transport) == ("ok", None, "asyncssh")

    def test_alone_it_is_for_ssh(self, fleet: SshdFleet, tmp_path: Path, token: Path) -> None:
        result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(token))
        assert result.status == "auth_failed"
        assert str(result.transport).startswith("ssh (")
        assert f"{token} is of a security key" in str(result.transport)


def test_more_keys_in_the_agent_than_a_server_lets_anybody_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [new_key(tmp_path, f"key{number}") for number in range(5)]
    with SshdFleet(tmp_path, 1, sshd_config="MaxAuthTries 3") as fleet, ssh_agent(tmp_path, keys) as environment:
        monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
        # As with ssh, the keys of the agent come first.
        result = login(fleet, tmp_path)
        assert result.status == "auth_failed"
        assert "IdentitiesOnly=yes" in str(result.error)
        for way in ("IdentitiesOnly=yes", "IdentityAgent=none"):
            assert login(fleet, tmp_path, more_args=f"-o {way}").status == "ok"


def test_an_agent_that_refuses_to_sign(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there to confirm: the next key is tried."""
    key = authorized(server, new_key(tmp_path))
    with ssh_agent(tmp_path) as agent:
        subprocess.run(["ssh-add", "-q", "-c", str(key)], env={**os.environ, **agent}, check=True)
        monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
        result = login(fleet, tmp_path, NO_KEY)
        assert result.status == "auth_failed"
        result = login(fleet, tmp_path)
        assert (result.status, result.error) == ("ok", None)


@pytest.mark.needs_root
def test_a_server_that_is_slow_to_look_up_its_users(tmp_path: Path) -> None:
    """ConnectTimeout of ssh, for which Ansible's settings stand, ends where that begins."""
    with SshdFleet(tmp_path, 1) as fleet:
        server = fleet["prom-01"]
        server.write("/etc/ssh/slow", "#!/bin/sh\nsleep 2\ncat /etc/ssh/authorized_keys/$1\n", 0o755)
        # Asked where no file has the key.
        config = server.directory / "sshd_config"
        config.write_text(config.read_text().replace("AuthorizedKeysFile /etc/ssh/authorized_keys/%u\n", ""))
        settings = "AuthorizedKeysCommand /etc/ssh/slow %u\nAuthorizedKeysCommandUser nobody\n"
        config.write_text(config.read_text() + settings)
        fleet.restart_server("prom-01")
        inventory = fleet.inventory(ansible_ssh_timeout=1)
        result = sweep(inventory, tmp_path)["prom-01"]
        assert (result.status, result.error) == ("ok", None)
        result = sweep(inventory, tmp_path, connect_timeout=1.0)["prom-01"]
        assert result.status == "timeout"
        assert "did not finish the login within 1 s" in str(result.error)
        result = sweep(inventory, tmp_path, timeout=0.5)["prom-01"]
        assert result.status == "timeout"
        assert "did not finish the login within 1.5 s" in str(result.error)
