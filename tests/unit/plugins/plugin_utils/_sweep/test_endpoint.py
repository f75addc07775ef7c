# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory variables → endpoints, with Ansible's own inventory, templates and plugins."""

from __future__ import annotations

import contextlib
import pwd
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import ssh_config
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.endpoint import Endpoint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.resolver import Resolver
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target
from tests.support.sweeping import play_view

ALONE = "-F none"


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSIBLE_REMOTE_USER", "ANSIBLE_SSH_ARGS", "ANSIBLE_TIMEOUT", "ANSIBLE_BECOME", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)


def resolve(directory: Path, keywords: dict[str, Any] | None = None, **variables: Any) -> Endpoint:
    hosts = {"hosts": {"prom-01": {"ansible_ssh_extra_args": ALONE, **variables}}}
    view = play_view({"monitoring": hosts}, directory, **(keywords or {}))[0]
    return Resolver(view).resolve("prom-01")


def target(directory: Path, keywords: dict[str, Any] | None = None, **variables: Any) -> Target:
    found = resolve(directory, keywords, **variables).target
    assert found is not None
    return found


def test_defaults(tmp_path: Path) -> None:
    endpoint = resolve(tmp_path)
    assert (endpoint.transport, endpoint.reason, endpoint.become) == ("asyncssh", None, None)
    assert endpoint.connect_timeout == 10
    assert endpoint.target is not None
    assert (endpoint.target.host, endpoint.target.port, endpoint.target.strict) == ("prom-01", 22, "yes")


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ({"ansible_host": "192.0.2.1"}, "host", "192.0.2.1"),
        ({"ansible_ssh_host": "192.0.2.2"}, "host", "192.0.2.2"),
        ({"ansible_port": "{{ 2200 + 22 }}"}, "port", 2222),
        ({"ansible_user": "{{ inventory_hostname }}-ops"}, "user", "prom-01-ops"),
        ({"ansible_host_key_checking": False}, "strict", "no"),
        ({"ansible_ssh_host_key_checking": "no"}, "strict", "no"),
        ({"ansible_ssh_private_key_file": "~/k"}, "identities", None),
        ({"ansible_ssh_common_args": "-o User=b", "ansible_user": "a"}, "user", "a"),
        ({"ansible_ssh_args": "-o User=b", "ansible_user": "a"}, "user", "b"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new"}, "strict", "accept-new"),
        ({"ansible_user": "{{ omit }}", "ansible_port": 24}, "port", 24),
    ],
)
def test_variables(tmp_path: Path, variables: dict[str, Any], field: str, value: Any) -> None:
    found = target(tmp_path, **variables)
    if value is None:
        assert found.identities[-1].endswith("/k")
        assert found.identities[-1].startswith("/")
    else:
        assert getattr(found, field) == value


def test_the_usual_ssh_by_its_path(tmp_path: Path) -> None:
    assert resolve(tmp_path, ansible_ssh_executable=shutil.which("ssh")).transport == "asyncssh"
    # PATH may find it under another of its names: /bin is /usr/bin on many hosts.
    link = tmp_path / "ssh"
    link.symlink_to(str(shutil.which("ssh")))
    assert resolve(tmp_path, ansible_ssh_executable=str(link)).transport == "asyncssh"


def test_keywords(tmp_path: Path) -> None:
    keywords = {"remote_user": "of_the_play", "port": 2022, "connection": "ssh"}
    assert (target(tmp_path, keywords).user, target(tmp_path, keywords).port) == ("of_the_play", 2022)
    assert target(tmp_path, keywords, ansible_user="of_the_host").user == "of_the_host"


def test_a_key_file_that_is_not_there_is_the_only_one(tmp_path: Path) -> None:
    """As Ansible names it to ssh: nobody logs in with another key than the one that was meant."""
    path = tmp_path / "a key"
    assert target(tmp_path, ansible_ssh_private_key_file=str(path)).identities == (str(path),)


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_REMOTE_USER", "of_the_environment")
    monkeypatch.setenv("ANSIBLE_TIMEOUT", "7")
    endpoint = resolve(tmp_path)
    assert endpoint.connect_timeout == 7
    assert endpoint.target is not None
    assert endpoint.target.user == "of_the_environment"


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"ansible_ssh_timeout": 7}, 7),
        # As with ssh, what Ansible says first counts.
        ({"ansible_ssh_args": "-o ConnectTimeout=60"}, 60),
        ({"ansible_ssh_args": "-o ConnectTimeout=1m30s", "ansible_ssh_timeout": 7}, 90),
        ({"ansible_ssh_args": "-o ConnectTimeout=none", "ansible_ssh_timeout": 7}, 7),
        ({"ansible_ssh_common_args": "-o ConnectTimeout=60"}, 10),
    ],
)
def test_time_for_the_connection(tmp_path: Path, variables: dict[str, Any], seconds: float) -> None:
    assert resolve(tmp_path, **variables).connect_timeout == seconds


def test_passwords_stay_with_their_host(tmp_path: Path) -> None:
    inventory = {
        "monitoring": {
            "hosts": {
                "a": {"ansible_password": "planted-a", "ansible_become": True, "ansible_become_password": "planted-b"},
                "b": {"ansible_become": True},
            },
            "vars": {"ansible_ssh_extra_args": ALONE},
        }
    }
    resolver = Resolver(play_view(inventory, tmp_path)[0])
    first, second, again = (resolver.resolve(name) for name in ("a", "b", "a"))
    assert "planted" not in repr(first)
    assert first.target is not None
    assert first.become is not None
    assert second.target is not None
    assert second.become is not None
    assert (first.target.credentials.password, first.become.password) == ("planted-a", "planted-b")
    assert (second.target.credentials.password, second.become.password) == (None, None)
    assert second.target.methods == ("publickey",)
    assert again.target == first.target
    # The plugin of one server is not touched by the next.
    assert first.become.plugin.get_option("become_pass") == "planted-b"
    assert first.make_connection().get_option("password") == "planted-a"


def test_become(tmp_path: Path) -> None:
    become = resolve(tmp_path, ansible_become=True, ansible_become_user="prometheus", ansible_become_flags="-H").become
    assert become is not None
    assert (become.method, become.user, become.password) == ("sudo", "prometheus", None)
    command = become.dialogue("sh -c 'echo 1'").command
    assert command.startswith("/bin/sh -c 'sudo -H ")
    assert "-u prometheus" in command
    become = resolve(tmp_path, {"become": True, "become_method": "su", "become_user": "root"}).become
    assert become is not None
    assert become.dialogue("true").tty
    assert resolve(tmp_path, {"become": True}, ansible_become="no").become is None
    assert resolve(tmp_path, ansible_become=True, ansible_become_user="x", ansible_user="x").become is None


@pytest.mark.parametrize(
    ("variables", "transport", "reason"),
    [
        ({"ansible_connection": "local"}, "local", "connection local"),
        ({"ansible_connection": "ansible.builtin.local"}, "ansible.builtin.local", "connection ansible.builtin.local"),
        ({"ansible_ssh_executable": "/opt/wrapper"}, "ssh", "ssh_executable is set"),
        ({"ansible_sshpass_prompt": "LDAP:", "ansible_password": "x"}, "ssh", "sshpass_prompt is set"),
        ({"ansible_ssh_executable": "/opt/wrapper/ssh"}, "ssh", "ssh_executable is set"),
        ({"ansible_ssh_pkcs11_provider": "/lib/x.so"}, "ssh", "pkcs11_provider is set"),
        ({"ansible_ssh_common_args": "-o NoSuchOption=1"}, "ssh", "ssh option nosuchoption"),
        ({"ansible_ssh_common_args": "-o 'open"}, "ssh", "ssh arguments with an open quote"),
    ],
)
def test_other_transports(tmp_path: Path, variables: dict[str, Any], transport: str, reason: str) -> None:
    endpoint = resolve(tmp_path, **variables)
    assert (endpoint.transport, endpoint.reason, endpoint.target) == (transport, reason, None)


def test_a_prompt_matters_where_there_is_a_password(tmp_path: Path) -> None:
    assert resolve(tmp_path, ansible_sshpass_prompt="LDAP:").transport == "asyncssh"


@pytest.mark.parametrize("name", ["ssh", "smart", "ansible.builtin.ssh"])
def test_names_of_ssh(tmp_path: Path, name: str) -> None:
    assert resolve(tmp_path, ansible_connection=name).transport == "asyncssh"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_host": "{{ nothing }}"}, "'nothing' is undefined"),
        ({"ansible_port": "many"}, "port"),
        ({"ansible_connection": "no.such.plugin"}, "the connection plugin no.such.plugin is not installed"),
        ({"ansible_become": True, "ansible_become_method": "no_such"}, "the become plugin no_such is not installed"),
        (
            {"ansible_become": True, "ansible_shell_type": "powershell"},
            r"settings cannot be used \(.*become.*\): correct its inventory variables",
        ),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, variables: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        resolve(tmp_path, **variables)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "set HOME and USER in the environment"),
        ({"HOME": "/runner"}, "set USER in the environment"),
        ({"USER": "runner"}, "set HOME in the environment"),
        ({"HOME": "/runner", "LOGNAME": "runner"}, None),
    ],
)
def test_a_user_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str | None
) -> None:
    """As a container may have it."""

    def nobody(number: int) -> NoReturn:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    cached = (ssh_config.home, ssh_config.unset_of_nameless)
    for function in cached:
        function.cache_clear()
    try:
        with contextlib.nullcontext() if words is None else pytest.raises(Failure, match=words):
            assert resolve(tmp_path).transport == "asyncssh"
        assert resolve(tmp_path, ansible_ssh_executable="/opt/ssh").transport == "ssh"
    finally:
        for function in cached:
            function.cache_clear()


def test_host_that_nobody_knows(tmp_path: Path) -> None:
    resolver = Resolver(play_view({"monitoring": {"hosts": {"a": {}}}}, tmp_path)[0])
    with pytest.raises(Failure, match="is not in the inventory"):
        resolver.resolve("b")
