# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways through bastions as people write them, names that no shell may read, and IPv6."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import failures, ssh_options
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep

HOPS = ("outer", "middle", "inner")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("jumps"), ["prom-01", "prom-02", *HOPS]) as running:
        yield running


def configuration(fleet: SshdFleet, directory: Path, first: str = "") -> Path:
    """An ssh configuration in which the hops have names."""
    path = directory / "ssh_config"
    blocks = [
        f"Host {name}\n  HostName 127.0.0.1\n  Port {fleet[name].port}\n  User {fleet.user}\n"
        f"  IdentityFile {fleet[name].key}\n"
        for name in HOPS
    ]
    path.write_text("".join([first, *blocks, f"Host *\n  UserKnownHostsFile {fleet.known_hosts}\n"]), encoding="utf-8")
    return path


def through(fleet: SshdFleet, directory: Path, arguments: str, **variables: Any) -> dict[str, ServerResult]:
    inventory = fleet.inventory(ansible_ssh_common_args=arguments)
    for name in HOPS:
        del inventory["monitoring"]["hosts"][name]
    for host in inventory["monitoring"]["hosts"].values():
        host.update(variables)
    return sweep(inventory, directory, timeout=5.0)


def test_three_hops(fleet: SshdFleet, tmp_path: Path) -> None:
    chain = "Host inner\n  ProxyJump middle\nHost middle\n  ProxyJump outer\n"
    plain, chained = tmp_path / "plain", tmp_path / "chained"
    plain.mkdir()
    chained.mkdir()
    for way in (
        f"-F {configuration(fleet, plain)} -J outer,middle,inner",
        f"-F {configuration(fleet, chained, chain)} -J inner",
        f"-F {plain}/ssh_config -o ProxyCommand='ssh -F {plain}/ssh_config -J outer,middle -W %h:%p inner'",
    ):
        before = [fleet[name].logins() for name in HOPS]
        results = through(fleet, tmp_path, way)
        assert [(result.status, result.error) for result in results.values()] == [("ok", None)] * 2
        assert [fleet[name].logins() - count for name, count in zip(HOPS, before, strict=True)] == [1, 1, 1]


@pytest.mark.parametrize(
    "command",
    [
        "ssh -F {config} -i ~/.ssh/bastion -W %h:%p -q outer",
        "ssh -F {config} -q outer -W %h:%p 2>/dev/null",
        "ssh -F {config} -o ForwardAgent=yes -l {user} -i $HOME/.ssh/bastion -W [%h]:%p outer 2> /dev/null",
    ],
)
def test_a_proxy_command_that_is_a_jump_is_one_connection(
    fleet: SshdFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    shutil.copy(fleet["outer"].key, home / ".ssh/bastion")
    monkeypatch.setenv("HOME", str(home))
    config = configuration(fleet, tmp_path)
    if ".ssh/bastion" in command:
        config.write_text(config.read_text(encoding="utf-8").replace(str(fleet["outer"].key), "/nothing"))
    before = fleet["outer"].logins()
    results = through(
        fleet, tmp_path, f"-F {config} -o ProxyCommand='{command.format(config=config, user=fleet.user)}'"
    )
    assert [(result.status, result.error) for result in results.values()] == [("ok", None)] * 2
    assert fleet["outer"].logins() - before == 1


def test_localhost_behind_a_jump_host_is_not_this_one(fleet: SshdFleet, tmp_path: Path) -> None:
    """NoHostAuthenticationForLocalhost does not mean it; ssh is asked too."""
    exempt = ["-o", "NoHostAuthenticationForLocalhost=yes", "-o", "UserKnownHostsFile=none"]
    outer = fleet["outer"]
    words = ["-F", str(configuration(fleet, tmp_path)), "-J", "outer", *exempt]
    results = through(fleet, tmp_path, " ".join(words))
    assert {result.status for result in results.values()} == {"host_key_rejected"}
    words += ["-o", "BatchMode=yes", "-i", str(fleet["prom-01"].key), "-p", str(fleet["prom-01"].port)]
    done = subprocess.run(
        ["ssh", *words, f"{fleet.user}@127.0.0.1", "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert b"Host key verification failed" in done.stderr
    assert outer.logins() > 0


def test_a_jump_host_named_after_its_server(fleet: SshdFleet, tmp_path: Path) -> None:
    hop = f"Host of-127.0.0.1\n  HostName 127.0.0.1\n  Port {fleet['outer'].port}\n"
    config = configuration(fleet, tmp_path, f"{hop}  User {fleet.user}\n  IdentityFile {fleet['outer'].key}\n")
    results = through(fleet, tmp_path, f"-F {config} -o ProxyJump=of-%h")
    assert [(result.status, result.error) for result in results.values()] == [("ok", None)] * 2


def test_a_proxy_command_that_is_not_there(fleet: SshdFleet, tmp_path: Path) -> None:
    result = through(fleet, tmp_path, "-F none -o ProxyCommand='no-such-program %h %p'")["prom-01"]
    assert result.status == "unreachable"
    assert "the proxy command to 127.0.0.1:" in str(result.error)
    assert "MaxStartups" not in str(result.error)
    assert "the proxy command said: " in str(result.error)
    assert re.search("no-such-program: .*not found", str(result.error))


def test_what_a_proxy_command_complains_of_is_one_line_and_masked(fleet: SshdFleet, tmp_path: Path) -> None:
    script = tmp_path / "proxy"
    script.write_text(
        "#!/bin/sh\ni=0\nwhile [ $i -lt 20000 ]; do echo 'a line of many' >&2; i=$((i + 1)); done\n"
        "printf 'no way:\\tpassword=not-a-real-one\\033[31m\\n\\n' >&2\n"
    )
    script.chmod(0o755)
    result = through(fleet, tmp_path, f"-F none -o ProxyCommand='{script} %h'")["prom-01"]
    assert result.status == "unreachable"
    assert str(result.error).count("the proxy command said: no way: ") == 1
    assert "a line of many" not in str(result.error)
    assert "not-a-real-one" not in str(result.error)
    assert str(result.error).isprintable()


def knowing_outer(fleet: SshdFleet, tmp_path: Path) -> Path:
    """The configuration by which a ProxyCommand can run ssh to the outer jump host."""
    outer = fleet["outer"]
    hop = f"Host outer\n  HostName 127.0.0.1\n  Port {outer.port}\n  User {fleet.user}\n  IdentityFile {outer.key}\n"
    return configuration(fleet, tmp_path, hop)


def test_a_proxy_command_that_complains_but_works(fleet: SshdFleet, tmp_path: Path) -> None:
    config = knowing_outer(fleet, tmp_path)
    command = f"echo careful >&2; exec ssh -F {config} -q -W %h:%p outer"
    result = through(fleet, tmp_path, f"-F {config} -o ProxyCommand='{command}'")["prom-01"]
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize(
    ("shell", "end"), [("/bin/bash", "2> >(cat)"), ("/usr/bin/fish", "(true)"), ("/bin/false", "")]
)
def test_a_proxy_command_for_the_users_shell(
    fleet: SshdFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, end: str
) -> None:
    """As ssh does, which asks SHELL: sh can read neither of the first two. The last one is a service's."""
    if not Path(shell).exists():
        pytest.skip(f"{shell} is not installed")
    monkeypatch.setenv("SHELL", shell)
    config = knowing_outer(fleet, tmp_path)
    command = f"ssh -F {config} -q -W %h:%p outer {end}"
    result = through(fleet, tmp_path, f"-F {config} -o 'ProxyCommand={command}'")["prom-01"]
    assert (result.status, result.error) == ("ok", None)


def test_a_proxy_command_that_waits(fleet: SshdFleet, tmp_path: Path) -> None:
    words = "-F none -o ConnectTimeout=1 -o ProxyCommand='echo still looking >&2; exec sleep 30'"
    result = through(fleet, tmp_path, words)["prom-01"]
    assert result.status == "timeout"
    assert "the proxy command said: still looking" in str(result.error)


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_host": "127.0.0.1;touch {0}"},
        {"ansible_host": "$(touch {0})"},
        {"ansible_host": "`touch {0}`"},
        {"ansible_host": "a b"},
        {"ansible_host": "-oProxyCommand=touch"},
        {"ansible_user": "ops;touch {0}"},
        {"ansible_user": "a|touch {0}"},
    ],
)
@pytest.mark.parametrize("command", ["true %h %p %r", "true %n %r"])
def test_no_name_is_for_a_shell_to_read(
    fleet: SshdFleet, tmp_path: Path, variables: dict[str, str], command: str
) -> None:
    """A dynamic inventory may take names from where others write them; ssh refuses such names too."""
    trace = tmp_path / "trace"
    odd = {name: text.format(trace) for name, text in variables.items()}
    result = through(fleet, tmp_path, f"-F none -o ProxyCommand='{command}'", **odd)["prom-01"]
    assert not trace.exists()
    assert result.status == "unreachable"
    assert "characters that a shell would read" in str(result.error)


def test_a_jump_host_that_has_just_gone_may_come_back(fleet: SshdFleet) -> None:
    """The library says that of a channel before the connection counts as closed."""
    outer = fleet["outer"]
    found = ssh_options.target("127.0.0.1", ["-F", "none", "-p", str(outer.port)], ssh_options.Credentials())
    behind = dataclasses.replace(found, jump=found)

    async def broken() -> failures.Failure:
        options = {"known_hosts": str(fleet.known_hosts), "client_keys": [str(outer.key)], "config": None}
        async with asyncssh.connect("127.0.0.1", outer.port, username=outer.user, **options) as connection:
            connection.abort()
            assert not connection.is_closed()
            with pytest.raises(asyncssh.ChannelOpenError) as caught:
                await asyncssh.connect("127.0.0.1", fleet["prom-01"].port, tunnel=connection, config=None)
        return failures.jump(behind, caught.value)

    failure = asyncio.run(broken())
    assert failure.again
    assert f"the connection to the jump host 127.0.0.1:{outer.port} broke" in failure.message


@pytest.fixture(scope="module")
def fleet_of_six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("v6"), ["prom-01", "hop"], sshd_config="ListenAddress ::1") as running:
        lines = [f"[::1]:{server.port} {server.host_key}\n" for server in running]
        running.known_hosts.write_text("".join(lines), encoding="utf-8")
        yield running


class TestIPv6:
    @pytest.fixture
    def fleet(self, fleet_of_six: SshdFleet) -> SshdFleet:
        return fleet_of_six

    def ask(self, fleet: SshdFleet, directory: Path, arguments: str, host: str = "::1") -> ServerResult:
        config = directory / "ssh_config"
        config.write_text(f"UserKnownHostsFile {fleet.known_hosts}\nIdentityFile {fleet['hop'].key}\n")
        arguments = arguments.format(config=config, port=fleet["hop"].port, user=fleet.user)
        inventory = fleet.inventory(ansible_ssh_common_args=f"-F {config} {arguments}")
        del inventory["monitoring"]["hosts"]["hop"]
        inventory["monitoring"]["hosts"]["prom-01"]["ansible_host"] = host
        return sweep(inventory, directory)["prom-01"]

    @pytest.mark.parametrize(
        "arguments",
        [
            "",
            "-6",
            "-J {user}@[::1]:{port}",
            "-o ProxyJump=ssh://{user}@[::1]:{port}",
            "-o 'ProxyCommand=ssh -F {config} -W [%h]:%p -p {port} {user}@::1'",
        ],
    )
    def test_addresses(self, fleet: SshdFleet, tmp_path: Path, arguments: str) -> None:
        result = self.ask(fleet, tmp_path, arguments)
        assert (result.status, result.error, result.transport) == ("ok", None, "asyncssh")
        via = f" via [::1]:{fleet['hop'].port}" if arguments.startswith(("-J", "-o")) else ""
        assert result.endpoint == f"{fleet.user}@[::1]:{fleet['prom-01'].port}{via}"

    def test_the_other_family_only(self, fleet: SshdFleet, tmp_path: Path) -> None:
        assert self.ask(fleet, tmp_path, "-o AddressFamily=inet").status == "unreachable"

    def test_an_address_that_is_written_otherwise(self, fleet: SshdFleet, tmp_path: Path) -> None:
        result = self.ask(fleet, tmp_path, "-o HostKeyAlias=[::1]:{port}", "0:0:0:0:0:0:0:1")
        assert result.status == "host_key_rejected"
        alias = f"-o HostKeyAlias=[::1]:{fleet['prom-01'].port}"
        assert self.ask(fleet, tmp_path, alias, "0:0:0:0:0:0:0:1").status == "ok"
