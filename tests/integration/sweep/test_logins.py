# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to log in, against real sshd."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support import machine
from tests.support.sshd import SshdFleet, SshServer, ssh_agent
from tests.support.sweeping import sweep

PASSPHRASE = "not-a-secret-passphrase"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("logins"), 1, password=True, keyboard_interactive=True) as running:
        yield running


@pytest.fixture
def server(fleet: SshdFleet) -> SshServer:
    return fleet["prom-01"]


def login(fleet: SshdFleet, directory: Path, drop: tuple[str, ...] = (), **variables: Any) -> ServerResult:
    """One server's result with these variables in place of the fleet's own; those in drop are taken away."""
    inventory = fleet.inventory()
    host = inventory["monitoring"]["hosts"]["prom-01"]
    for name in drop:
        del host[name]
    host.update(variables)
    common = inventory["monitoring"]["vars"]["ansible_ssh_common_args"]
    inventory["monitoring"]["vars"]["ansible_ssh_common_args"] = f"{common} {host.pop('more_args', '')} -F none"
    return sweep(inventory, directory, fail_on="never")["prom-01"]


NO_KEY = ("ansible_ssh_private_key_file",)


def new_key(directory: Path, name: str = "key", passphrase: str | None = None, kind: str = "ed25519") -> Path:
    path = directory / name
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase or "", "-f", str(path), "-C", ""]
    subprocess.run([*command, *(["-b", "2048"] if kind == "rsa" else [])], check=True, stdin=subprocess.DEVNULL)
    return path


def authorized(server: SshServer, key: Path) -> Path:
    server.authorize(key.with_name(key.name + ".pub").read_text(encoding="utf-8"))
    return key


def test_key(fleet: SshdFleet, tmp_path: Path) -> None:
    result = login(fleet, tmp_path)
    assert (result.status, result.error, result.transport, result.attempts) == ("ok", None, "asyncssh", 1)
    assert [item.path for item in result.files] == [
        "/etc/prometheus/prometheus.yml",
        "/etc/prometheus/rules/node.yml",
        "/etc/alertmanager/alertmanager.yml",
    ]


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys(fleet: SshdFleet, server: SshServer, tmp_path: Path, kind: str) -> None:
    key = authorized(server, new_key(tmp_path, kind=kind))
    assert login(fleet, tmp_path, ansible_ssh_private_key_file=str(key)).status == "ok"


@pytest.mark.needs_root
def test_password(fleet: SshdFleet, tmp_path: Path) -> None:
    user = machine.USERS[1]
    result = login(fleet, tmp_path, NO_KEY, ansible_user=user.name, ansible_password=user.password)
    assert (result.status, result.endpoint) == ("ok", f"{user.name}@127.0.0.1:{fleet['prom-01'].port}")


@pytest.mark.needs_root
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_password_with_a_line_break_at_its_end(fleet: SshdFleet, tmp_path: Path, end: str) -> None:
    """`echo ... | ansible-vault encrypt_string` leaves one there, and ssh reads up to it."""
    result = login(fleet, tmp_path, NO_KEY, ansible_password=machine.USERS[0].password + end)
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.needs_root
def test_keyboard_interactive(tmp_path: Path) -> None:
    user = machine.USERS[2]
    with SshdFleet(tmp_path, 1, keyboard_interactive=True) as fleet:
        result = login(fleet, tmp_path, NO_KEY, ansible_user=user.name, ansible_password=user.password)
        assert result.status == "ok", result.error
        assert "keyboard-interactive/pam" in fleet["prom-01"].log_text()


@pytest.mark.needs_root
def test_wrong_password(fleet: SshdFleet, tmp_path: Path) -> None:
    result = login(fleet, tmp_path, NO_KEY, ansible_password="wrong-by-design")
    assert result.status == "auth_failed"
    assert result.error is not None
    assert "prom-01" in result.error
    assert "ansible_password" in result.error
    assert "wrong-by-design" not in repr(result)


def test_wrong_key(fleet: SshdFleet, tmp_path: Path) -> None:
    result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(new_key(tmp_path)))
    assert result.status == "auth_failed"
    assert result.error is not None
    assert "tried: 1 key" in result.error


def test_missing_key_file(fleet: SshdFleet, tmp_path: Path) -> None:
    result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(tmp_path / "nothing"))
    assert result.status == "auth_failed"
    assert result.error is not None
    assert f"there is no key file {tmp_path / 'nothing'}" in result.error


class TestEncryptedKey:
    @pytest.fixture(params=["openssh", "pkcs8"])
    def key(self, server: SshServer, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        if request.param == "openssh":
            return authorized(server, new_key(tmp_path, passphrase=PASSPHRASE))
        key = authorized(server, new_key(tmp_path, kind="ecdsa"))
        key.write_bytes(asyncssh.read_private_key(str(key)).export_private_key("pkcs8-pem", PASSPHRASE))
        return key

    def test_passphrase_of_the_inventory(self, fleet: SshdFleet, tmp_path: Path, key: Path) -> None:
        result = login(
            fleet,
            tmp_path,
            ansible_ssh_private_key_file=str(key),
            ansible_ssh_private_key_passphrase=PASSPHRASE,
        )
        assert result.status == "ok", result.error

    def test_passphrase_with_a_line_break_at_its_end(self, fleet: SshdFleet, tmp_path: Path, key: Path) -> None:
        result = login(
            fleet,
            tmp_path,
            ansible_ssh_private_key_file=str(key),
            ansible_ssh_private_key_passphrase=f"{PASSPHRASE}\n",
        )
        assert (result.status, result.error) == ("ok", None)

    def test_no_passphrase(self, fleet: SshdFleet, tmp_path: Path, key: Path) -> None:
        result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(key))
        assert result.status == "auth_failed"
        assert result.error is not None
        assert f"{key} is encrypted" in result.error

    def test_wrong_passphrase(self, fleet: SshdFleet, tmp_path: Path, key: Path) -> None:
        result = login(
            fleet, tmp_path, ansible_ssh_private_key_file=str(key), ansible_ssh_private_key_passphrase="not-it"
        )
        assert result.status == "auth_failed"
        assert result.error is not None
        assert f"the passphrase for {key} is wrong" in result.error
        assert "not-it" not in result.error

    def test_agent_that_holds_it(
        self, fleet: SshdFleet, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = tmp_path / "plain"
        plain.write_bytes(asyncssh.read_private_key(str(key), PASSPHRASE).export_private_key())
        plain.chmod(0o600)
        with ssh_agent(tmp_path, [plain]) as environment:
            monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
            result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(key), more_args="-o IdentitiesOnly=yes")
        assert result.status == "ok", result.error


class TestAgent:
    def test_its_keys_are_offered(self, fleet: SshdFleet, server: SshServer, tmp_path: Path, monkeypatch: Any) -> None:
        with ssh_agent(tmp_path, [server.key]) as environment:
            monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
            assert login(fleet, tmp_path, NO_KEY).status == "ok"

    def test_identities_only_keeps_them_back(
        self, fleet: SshdFleet, server: SshServer, tmp_path: Path, monkeypatch: Any
    ) -> None:
        other = new_key(tmp_path)
        with ssh_agent(tmp_path, [server.key]) as environment:
            monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
            result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(other), more_args="-o IdentitiesOnly=yes")
        assert result.status == "auth_failed"

    def test_a_public_key_names_one_of_the_agents(
        self, fleet: SshdFleet, server: SshServer, tmp_path: Path, monkeypatch: Any
    ) -> None:
        # More keys than sshd lets anybody try: only the one that is named may be offered.
        keys = [new_key(tmp_path, f"key{number}") for number in range(8)]
        public = tmp_path / "named.pub"
        public.write_bytes(server.key.with_name(server.key.name + ".pub").read_bytes())
        with ssh_agent(tmp_path, [*keys, server.key]) as environment:
            monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
            result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(public), more_args="-o IdentitiesOnly=yes")
        assert result.status == "ok", result.error

    def test_one_that_does_not_answer(self, fleet: SshdFleet, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nobody.sock"))
        assert login(fleet, tmp_path).status == "ok"
        result = login(fleet, tmp_path, NO_KEY)
        assert result.status == "auth_failed"
        assert result.error is not None
        assert "the ssh-agent at" in result.error


class TestCertificate:
    @pytest.fixture
    def authority(self) -> asyncssh.SSHKey:
        return asyncssh.generate_private_key("ssh-ed25519")

    @pytest.fixture
    def certified(
        self, tmp_path_factory: pytest.TempPathFactory, authority: asyncssh.SSHKey
    ) -> Iterator[tuple[SshdFleet, Path]]:
        directory = tmp_path_factory.mktemp("certified")
        trusted = directory / "ca.pub"
        trusted.write_bytes(authority.export_public_key())
        with SshdFleet(directory, 1, sshd_config=f"TrustedUserCAKeys {trusted}") as fleet:
            key = new_key(directory)
            public = asyncssh.read_public_key(str(key) + ".pub")
            certificate = authority.generate_user_certificate(public, "test", principals=[fleet.user])
            certificate.write_certificate(str(key) + "-cert.pub")
            yield fleet, key

    def test_beside_the_key(self, certified: tuple[SshdFleet, Path], tmp_path: Path) -> None:
        fleet, key = certified
        assert login(fleet, tmp_path, ansible_ssh_private_key_file=str(key)).status == "ok"

    def test_elsewhere(self, certified: tuple[SshdFleet, Path], tmp_path: Path) -> None:
        fleet, key = certified
        moved = tmp_path / "elsewhere-cert.pub"
        key.with_name(key.name + "-cert.pub").rename(moved)
        result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(key))
        assert result.status == "auth_failed"
        result = login(fleet, tmp_path, ansible_ssh_private_key_file=str(key), more_args=f"-o CertificateFile={moved}")
        assert result.status == "ok", result.error

    def test_for_a_key_of_the_agent(self, certified: tuple[SshdFleet, Path], tmp_path: Path, monkeypatch: Any) -> None:
        fleet, key = certified
        moved = tmp_path / "elsewhere-cert.pub"
        key.with_name(key.name + "-cert.pub").rename(moved)
        with ssh_agent(tmp_path, [key]) as environment:
            monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
            result = login(
                fleet, tmp_path, ansible_ssh_private_key_file=f"{key}.pub", more_args=f"-o CertificateFile={moved}"
            )
        assert result.status == "ok", result.error


def test_the_key_that_fits_comes_last(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    """Of many servers at once, so that answers come at any moment; refused keys of every kind in front."""
    wrong = [new_key(tmp_path, kind, kind=kind) for kind in ("ed25519", "rsa", "ecdsa")]
    inventory = fleet.inventory()
    arguments = " ".join(f"-i {key}" for key in [*wrong, server.key])
    host = {**inventory["monitoring"]["hosts"]["prom-01"], "ansible_ssh_extra_args": arguments}
    del host["ansible_ssh_private_key_file"]
    inventory["monitoring"]["hosts"] = {f"alias-{number:02}": host for number in range(40)}
    results = sweep(inventory, tmp_path)
    assert {(result.status, result.error, result.attempts) for result in results.values()} == {("ok", None, 1)}


def test_a_credential_that_was_refused_is_not_tried_again(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    wrong = new_key(tmp_path)
    inventory = fleet.inventory()
    host = {**inventory["monitoring"]["hosts"]["prom-01"], "ansible_ssh_private_key_file": str(wrong)}
    inventory["monitoring"]["hosts"] = {f"alias-{number:02}": host for number in range(20)}
    before = server.connections()
    results = sweep(inventory, tmp_path)
    assert {result.status for result in results.values()} == {"auth_failed"}
    assert server.connections() - before == 1
    assert sum("not tried again" in str(result.error) for result in results.values()) == 19


def test_inline_private_key(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    text = server.key.read_text(encoding="utf-8")
    assert login(fleet, tmp_path, NO_KEY, ansible_private_key=text).status == "ok"


def new_keys(directory: Path, *kinds: str) -> list[Path]:
    return [new_key(directory, f"key{number}", kind=kind) for number, kind in enumerate(kinds)]


def offered(*keys: Path) -> dict[str, Any]:
    """What to change so that these keys are offered, in this order."""
    return {"drop": NO_KEY, "ansible_ssh_extra_args": " ".join(f"-i {key}" for key in keys)}


@pytest.mark.parametrize("kinds", [("rsa", "ed25519"), ("rsa", "rsa"), ("ed25519", "rsa")])
def test_no_try_is_wasted_where_a_server_takes_few(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    with SshdFleet(tmp_path, 1, sshd_config="MaxAuthTries 3") as fleet:
        result = login(fleet, tmp_path, **offered(*new_keys(tmp_path, *kinds), fleet["prom-01"].key))
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize("algorithm", ["rsa-sha2-512", "rsa-sha2-256"])
@pytest.mark.parametrize("first", [True, False])
def test_servers_that_take_one_kind_of_rsa_signature(tmp_path: Path, algorithm: str, first: bool) -> None:
    """sshd may say that it takes both kinds, whatever it is told to take; ssh itself tries the first only."""
    with SshdFleet(tmp_path, 1, sshd_config=f"PubkeyAcceptedAlgorithms {algorithm}") as fleet:
        right, wrong = new_keys(tmp_path, "rsa", "ed25519")
        authorized(fleet["prom-01"], right)
        # The early request is followed by one with the other signature; asyncssh before 2.24.1 makes none, as ssh.
        if algorithm == "rsa-sha2-512" or (first and hasattr(asyncssh.SSHClientConnection, "auth")):
            result = login(fleet, tmp_path, **offered(*([right, wrong] if first else [wrong, right])))
            assert (result.status, result.error) == ("ok", None)


def test_an_old_server_where_the_older_signature_is_allowed(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1, sshd_config="PubkeyAcceptedAlgorithms ssh-rsa") as fleet:
        key = authorized(fleet["prom-01"], new_key(tmp_path, kind="rsa"))
        result = login(fleet, tmp_path, **offered(key), more_args="-o PubkeyAcceptedAlgorithms=ssh-rsa")
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.needs_root
@pytest.mark.parametrize(
    "order",
    [
        "publickey,password",
        "publickey,keyboard-interactive",
        "password,publickey",
        "keyboard-interactive,publickey",
        "publickey,publickey,password",
    ],
)
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_more_than_one_proof(tmp_path: Path, order: str, kind: str) -> None:
    settings = f"AuthenticationMethods {order}"
    with SshdFleet(tmp_path, 1, password=True, keyboard_interactive=True, sshd_config=settings) as fleet:
        keys = [authorized(fleet["prom-01"], key) for key in new_keys(tmp_path, kind, "ecdsa")]
        password = machine.USERS[0].password
        result = login(fleet, tmp_path, **offered(*keys), ansible_password=password)
        assert (result.status, result.error) == ("ok", None)
        assert login(fleet, tmp_path, **offered(*keys)).status == "auth_failed"


def test_no_login_goes_to_a_server_whose_key_changed(tmp_path: Path) -> None:
    """Not a byte of a request, signed or not: the server's own log has none."""
    with SshdFleet(tmp_path, 1) as fleet:
        server = fleet["prom-01"]
        settings = server.directory / "sshd_config"
        settings.write_text(settings.read_text().replace("LogLevel VERBOSE", "LogLevel DEBUG3"))
        fleet.restart_server("prom-01")
        assert login(fleet, tmp_path).status == "ok"
        assert "userauth-request" in server.log_text()
        server.new_host_key()
        fleet.restart_server("prom-01")
        assert login(fleet, tmp_path).status == "host_key_rejected"
        fleet.stop_server("prom-01")
        log = server.log_text()
    assert "SSH2_MSG_KEXINIT sent" in log
    assert "userauth-request" not in log
