# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import ssh_config, ssh_options
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import (
    Credentials,
    Target,
    UnsupportedError,
)


def target(*words: str, host: str = "server", password: str | None = None) -> Target:
    return ssh_options.target(host, ["-F", "none", *words], Credentials(password))


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    home = ssh_config.home()
    found = target()
    assert (found.name, found.host, found.port, found.user) == ("server", "server", 22, ssh_config.local_user())
    assert (found.strict, found.agent, found.jump, found.proxy_command) == ("yes", None, None, None)
    assert found.known_hosts == (f"{home}/.ssh/known_hosts", f"{home}/.ssh/known_hosts2")
    assert found.global_known_hosts == ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
    assert found.identities[0] == f"{home}/.ssh/id_rsa"
    assert found.methods == ("publickey",)


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["-o", "HostName=%h.example"], "host", "server.example"),
        (["-o", "Port=2222"], "port", 2222),
        (["-l", "ops"], "user", "ops"),
        (["-o", "StrictHostKeyChecking=no"], "strict", "no"),
        (["-o", "StrictHostKeyChecking=off"], "strict", "no"),
        (["-o", "StrictHostKeyChecking=ask"], "strict", "yes"),
        (["-o", "StrictHostKeyChecking=accept-new"], "strict", "accept-new"),
        (["-o", "UserKnownHostsFile=/a /b"], "known_hosts", ("/a", "/b")),
        (["-o", 'UserKnownHostsFile="/with a blank"'], "known_hosts", ("/with a blank",)),
        (["-o", "UserKnownHostsFile=none"], "known_hosts", ()),
        (["-o", "UserKnownHostsFile=/k/%h-%p-%r", "-l", "u"], "known_hosts", ("/k/server-22-u",)),
        (["-o", "GlobalKnownHostsFile=/g"], "global_known_hosts", ("/g",)),
        (["-o", "HashKnownHosts=yes"], "hash_known_hosts", True),
        (["-o", "HostKeyAlias=x"], "host_key_alias", "x"),
        (["-o", "NoHostAuthenticationForLocalhost=yes"], "host_keys_for_localhost", False),
        (["-i", "/etc/passwd", "-i", "/etc/group", "-i", "/etc/passwd"], "identities", ("/etc/passwd", "/etc/group")),
        (["-i", "/etc/passwd", "-i", "/missing"], "identities", ("/etc/passwd", "/missing")),
        (["-o", "IdentityFile=/a"], "identities", ("/a",)),
        (["-o", "IdentityFile=none"], "identities", ()),
        (["-o", "IdentityFile=%d/%u/%n/%%"], "identities", None),
        (["-o", "CertificateFile=/c"], "certificates", ("/c",)),
        (["-o", "IdentitiesOnly=yes"], "identities_only", True),
        (["-o", "IdentityAgent=/agent"], "agent", "/agent"),
        (["-o", "IdentityAgent=none"], "agent", None),
        (["-o", "IdentityAgent=$OTHER_AGENT"], "agent", "/other"),
        (["-o", "IdentityAgent=SSH_AUTH_SOCK"], "agent", "/sock"),
        (["-4"], "family", int(socket.AF_INET)),
        (["-6"], "family", int(socket.AF_INET6)),
        (["-b", "127.0.0.2"], "bind_address", "127.0.0.2"),
        (["-o", "KexAlgorithms=+a"], "kex", "+a"),
        (["-c", "x,y"], "ciphers", "x,y"),
        (["-m", "z"], "macs", "z"),
        (["-o", "HostKeyAlgorithms=ssh-rsa"], "host_key_algorithms", "ssh-rsa"),
        (["-o", "PubkeyAcceptedKeyTypes=ssh-rsa"], "signature_algorithms", "ssh-rsa"),
        (["-o", "PubkeyAuthentication=no"], "methods", ()),
        (["-o", "ProxyJump=none", "-o", "ProxyJump=hop"], "jump", None),
        (["-o", "ProxyCommand=none", "-J", "hop"], "jump", None),
        (["-o", "ProxyCommand=nc --proxy p %h %p"], "proxy_command", "nc --proxy p server 22"),
    ],
)
def test_keywords(words: list[str], field: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/sock")
    monkeypatch.setenv("OTHER_AGENT", "/other")
    if field == "identities" and value is None:
        value = (f"{ssh_config.home()}/{ssh_config.local_user()}/server/%",)
    assert getattr(target(*words), field) == value


def test_a_key_file_of_the_command_line_that_is_not_there_leaves_the_usual_ones() -> None:
    """As ssh does it, which warns; here whoever is refused is told."""
    usual = target().identities
    assert target("-i", "/missing").identities == (*usual, "/missing")
    done = subprocess.run(
        ["ssh", "-G", "-F", "none", "-i", "/missing", "server"], capture_output=True, text=True, check=True
    )
    said = [line.split(None, 1)[1] for line in done.stdout.splitlines() if line.startswith("identityfile ")]
    assert "~/.ssh/id_rsa" in said
    assert "/missing" not in said


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("ops@server", []),
        ("ops@server", ["-l", "first"]),
        ("a@b@server", []),
        ("ssh://server", []),
        ("ssh://ops@server:2222", []),
        ("ssh://ops@server:2222", ["-p", "23", "-l", "first"]),
        ("::1", []),
        ("Server.Example", []),
        ("server", ["-o", "HostName=%h.%%b.example"]),
        ("127.1", []),
        ("0x7f.1", []),
        ("2130706433", []),
        ("127.000.000.001", []),
        ("0:0:0:0:0:0:0:1", []),
        ("fe80::1%1", []),
        ("server", ["-o", "HostName=127.1"]),
        ("db", []),
    ],
)
def test_names_of_servers_as_ssh_reads_them(host: str, words: list[str]) -> None:
    done = subprocess.run(["ssh", "-G", "-F", "none", *words, host], capture_output=True, text=True, check=True)
    said = dict(line.split(None, 1) for line in done.stdout.splitlines() if " " in line)
    found = target(*words, host=host)
    assert (found.user, found.host, str(found.port)) == (said["user"], said["hostname"], said["port"])
    assert found.name == host.removeprefix("ssh://").rpartition("@")[2].removesuffix(":2222")


@pytest.mark.parametrize("host", ["@server", "ssh://", "ssh://server:none", "ssh://server:70000"])
def test_names_that_ssh_refuses_are_for_it_to_refuse(host: str) -> None:
    assert subprocess.run(["ssh", "-G", "-F", "none", host], capture_output=True, check=False).returncode != 0
    with pytest.raises(UnsupportedError):
        target(host=host)


def test_methods_with_a_password() -> None:
    assert target(password="x").methods == ("publickey", "keyboard-interactive", "password")
    assert target("-o", "PreferredAuthentications=password,publickey", password="x").methods == (
        "password",
        "publickey",
    )
    assert target("-o", "KbdInteractiveAuthentication=no", password="x").methods == ("publickey", "password")
    assert target("-o", "ChallengeResponseAuthentication=no", password="x").methods == ("publickey", "password")
    assert target("-o", "PasswordAuthentication=no", password="x").methods == ("publickey", "keyboard-interactive")


def test_secrets_show_nowhere() -> None:
    found = ssh_options.target("server", ["-F", "none"], Credentials("planted-1", "planted-2", "planted-3"))
    assert "planted" not in repr(found)


@pytest.mark.parametrize(
    ("value", "chain"),
    [
        ("hop", [("hop", 22)]),
        ("me@hop:2222", [("hop", 2222)]),
        ("ssh://me@hop:2222", [("hop", 2222)]),
        ("[::1]:2222", [("::1", 2222)]),
        ("::1", [("::1", 22)]),
        ("a,b:1,c", [("c", 22), ("b", 1), ("a", 22)]),
    ],
)
def test_jumps(value: str, chain: list[tuple[str, int]]) -> None:
    found = target("-J", value, "-o", "User=ops", "-o", "StrictHostKeyChecking=no")
    hops = []
    hop = found.jump
    while hop:
        hops.append((hop.host, hop.port))
        # As with ssh: what is on the command line is not for the hops.
        assert hop.strict == "yes"
        assert hop.user != "ops"
        hop = hop.jump
    assert hops == chain
    if value.count("@"):
        assert found.jump is not None
        assert found.jump.user == "me"


def test_hops_have_the_settings_of_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host hop\n  HostName 192.0.2.1\n  User jumper\n  IdentityFile /hop_key\n", encoding="utf-8")
    found = ssh_options.target("server", ["-F", str(config), "-J", "hop"], Credentials("secret")).jump
    assert found is not None
    assert (found.host, found.user, found.identities) == ("192.0.2.1", "jumper", ("/hop_key",))
    # As with Ansible, whose answer to a prompt for a password is the same for each.
    assert found.credentials == Credentials("secret")


@pytest.mark.parametrize(
    "command",
    [
        "ssh -W %h:%p hop",
        "exec /usr/bin/ssh -q -W [%h]:%p hop",
        "ssh hop -W %h:%p",
        "ssh -o User=me -i /k -p 22 -W %h:%p hop",
    ],
)
def test_proxy_commands_that_are_jumps(command: str) -> None:
    found = target("-o", f"ProxyCommand={command}")
    assert found.proxy_command is None
    assert found.jump is not None
    assert (found.jump.host, found.jump.port) == ("hop", 22)


@pytest.mark.parametrize(
    "command",
    [
        "ssh hop nc %h %p",
        "ssh -W other:22 hop",
        "ssh -W %h:%p hop | tee log",
        "sshpass -p x ssh -W %h:%p hop",
        "ssh -o 'RemoteForward=1 a:1' -N -W %h:%p hop",
        "ssh -W %h:%p $HOP",
        "ssh -W %h:%p 'open",
        "cloudflared access ssh --hostname %h",
    ],
)
def test_other_proxy_commands(command: str) -> None:
    found = target("-o", f"ProxyCommand={command}")
    assert found.jump is None
    assert found.proxy_command == command.replace("%h", "server").replace("%p", "22")


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "NoSuchKeyword=1"],
        ["-o", "Port=0"],
        ["-o", "Port=many"],
        ["-o", "StrictHostKeyChecking=maybe"],
        ["-o", "AddressFamily=ipx"],
        ["-o", "VerifyHostKeyDNS=yes"],
        ["-o", "PKCS11Provider=/lib/x.so"],
        ["-o", "HostbasedAuthentication=yes"],
        ["-o", "IdentityFile=/%Z"],
        ["-o", "IdentityFile=${NO_SUCH_VARIABLE}/x"],
        ["-o", "ProxyJump=none", "-o", "ProxyCommand=x"],
        ["-J", "host:port:more"],
        ["another-host"],
        ["-W", "a:1"],
    ],
)
def test_what_ssh_must_do_itself(words: list[str]) -> None:
    with pytest.raises(UnsupportedError):
        target(*words)


def test_a_circle_is_nothing_for_ssh_to_try(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n", encoding="utf-8")
    with pytest.raises(ValueError, match="circle"):
        ssh_options.target("server", ["-F", str(config), "-J", "a"], Credentials())


@pytest.mark.skipif(not shutil.which("ssh"), reason="ssh is not installed")
def test_every_keyword_of_ssh_has_its_place() -> None:
    """A keyword that this ssh prints with its default is honoured, idle or harmless at that default."""
    done = subprocess.run(["ssh", "-G", "-F", "none", "server"], capture_output=True, text=True, check=True)
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    words = [f"-o{key}={value}" for key, blank, value in lines if key not in {"host", "identityfile"} and blank]
    assert len(words) > 50
    found = target(*words)
    assert found.host == "server"
    # What this ssh does where it is told nothing is what is done here, but for lists that asyncssh has of its own.
    lists = ("kex", "ciphers", "macs", "host_key_algorithms", "signature_algorithms")
    own = {name: getattr(target(), name) for name in (*lists, "identities", "agent")}
    assert replace(found, **own) == target()


@pytest.mark.parametrize("keyword", ["Protocol=2", "UsePrivilegedPort=no", "RSAAuthentication=yes", "KeepAlive=yes"])
def test_keywords_of_early_days_that_ssh_passes_over(keyword: str) -> None:
    words = ["-F", "none", "-o", keyword]
    assert subprocess.run(["ssh", "-G", *words, "server"], capture_output=True, check=False).returncode == 0
    assert target(*words).host == "server"


def test_targets_can_be_shared() -> None:
    assert target("-J", "hop").jump == target("-J", "hop", host="other").jump
    assert hash(target("-J", "hop").jump) == hash(target("-J", "hop", host="other").jump)
    assert target("-J", "hop") != target("-J", "hop", host="other")


def test_names_for_people() -> None:
    found = target("-J", "a,b:2", "-l", "ops")
    assert found.route == "ops@server:22 via b:2 via a:22"
    assert target(host="::1").address == "[::1]:22"
    assert os.sep not in found.address
