# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo as sites set it up: lectures, prompts, terminals, few rights; and users who may not log in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.integration.sweep.test_become import DEPLOY, OPS, SECRET, become, is_whole
from tests.support.sshd import SshdFleet, SshServer, ssh_agent

pytestmark = pytest.mark.needs_root


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("become"), 1) as running:
        running["prom-01"].write(SECRET, "scrape_configs: []\n", 0o600)
        yield running


@pytest.fixture
def server(fleet: SshdFleet) -> Iterator[SshServer]:
    """Its sudoers and users are the test's own."""
    server = fleet["prom-01"]
    paths = [server.path(f"/etc/{name}") for name in ("sudoers", "passwd", "shadow")]
    before = [path.read_text(encoding="utf-8") for path in paths]
    yield server
    for path, text in zip(paths, before, strict=True):
        path.write_text(text, encoding="utf-8")


def more(server: SshServer, name: str, line: str) -> None:
    with server.path(f"/etc/{name}").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def with_sudo(fleet: SshdFleet, directory: Path, **variables: Any) -> ServerResult:
    return become(fleet, directory, DEPLOY, **{"ansible_become_password": DEPLOY.password, **variables})


@pytest.mark.parametrize(
    "line",
    [
        "Defaults lecture=always",
        "Defaults lecture=always, lecture_file=/etc/hosts",
        'Defaults passprompt_override, passprompt="Enter your directory password: "',
        "Defaults use_pty",
        "Defaults requiretty",
        "Defaults use_pty, log_output, iolog_dir=/run",
        "Defaults insults, passwd_tries=3, pwfeedback",
        "Defaults timestamp_timeout=0, !env_reset, umask=0777",
    ],
)
def test_settings_of_sudo(fleet: SshdFleet, server: SshServer, tmp_path: Path, line: str) -> None:
    more(server, "sudoers", line)
    assert is_whole(with_sudo(fleet, tmp_path))
    result = with_sudo(fleet, tmp_path, ansible_become_password="wrong-by-design")
    assert result.status == "denied"
    assert "sudo to root refused the password" in str(result.error)


def test_what_the_host_said_is_not_taken_for_the_password(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    more(server, "sudoers", "Defaults secure_path=/nowhere")
    result = with_sudo(fleet, tmp_path)
    assert result.status == "protocol_error"
    assert "sh: not found: log in by hand" in str(result.error)
    assert "via ansible" not in str(result.error)


# A sudo of the site's own that says what it read, and then runs the command in vain, or not at all.
_TALKS = """#!/bin/sh
while [ "$1" != -p ]; do shift; done
printf %s "$2" >&2
read -r word
echo "helper: got $word of deploy" >&STREAM
END
while [ "$1" != -u ]; do shift; done
shift 2
PATH=/nowhere exec "$@"
"""


@pytest.mark.parametrize("way", ["asyncssh", "ssh"])
@pytest.mark.parametrize("stream", ["1", "2"])
@pytest.mark.parametrize("end", ["", "exec 2>&-", "exit"])
def test_a_host_that_repeats_the_password(fleet: SshdFleet, tmp_path: Path, end: str, stream: str, way: str) -> None:
    fleet["prom-01"].write("/etc/talks", _TALKS.replace("END", end).replace("STREAM", stream), 0o755)
    variables = {"ansible_become_exe": "/etc/talks", "ansible_become_password": "kaninchen"}
    if way == "ssh":
        wrapper = tmp_path / "wrapper"
        wrapper.write_text('#!/bin/sh\nexec ssh "$@"\n', encoding="utf-8")
        wrapper.chmod(0o755)
        variables["ansible_ssh_executable"] = str(wrapper)
    result = with_sudo(fleet, tmp_path, **variables)
    assert (result.status in {"denied", "protocol_error"}, str(result.transport).split()[0]) == (True, way)
    assert "kaninchen" not in str(result.error)


@pytest.mark.parametrize("flags", ["-H -S", "-n", "", "-i", "--login", "-E -k", "-s"])
def test_flags(fleet: SshdFleet, tmp_path: Path, flags: str) -> None:
    assert is_whole(become(fleet, tmp_path, OPS, ansible_become_flags=flags))


def test_a_user_who_may_run_other_commands_only(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    """sudo repeats the command that it refuses, and the word in it that stands for success."""
    more(server, "sudoers", "deploy ALL=(ALL) !/bin/sh")
    result = with_sudo(fleet, tmp_path)
    assert result.status == "denied"
    error = str(result.error)
    assert "sudo to root did not run the command (" in error
    assert "user deploy is not allowed to execute the command as root on " in error
    assert "BECOME" not in error


def test_a_user_who_may_not_log_in(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    more(server, "passwd", "prometheus:x:2010:2010::/nonexistent:/usr/sbin/nologin")
    more(server, "shadow", "prometheus:!:19000::::::")
    result = become(fleet, tmp_path, OPS, ansible_become_user="prometheus")
    assert (result.status, {item.path for item in result.files if item.error}) == ("partial", {SECRET})
    result = become(fleet, tmp_path, OPS, ansible_become_user="prometheus", ansible_become_flags="-i")
    assert result.status == "denied"
    assert "This account is currently not available." in str(result.error)


def test_a_user_who_is_not_there(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, OPS, ansible_become_user="nobody-at-all")
    assert result.status == "denied"
    assert "unknown user nobody-at-all" in str(result.error)


def test_sudo_and_su(fleet: SshdFleet, tmp_path: Path) -> None:
    assert is_whole(become(fleet, tmp_path, OPS, ansible_become_method="su", ansible_become_exe="sudo su -"))


def test_scripts_of_the_other_user(fleet: SshdFleet, server: SshServer, tmp_path: Path) -> None:
    profile = server.write("/etc/profile", "echo Welcome; echo careful >&2; echo 'password:'\n")
    try:
        assert is_whole(with_sudo(fleet, tmp_path, ansible_become_flags="-i"))
    finally:
        profile.unlink()


# As sudo with pam_ssh_agent_auth: whose agent answers needs no password.
ASKS_THE_AGENT = """\
#!/bin/sh
ssh-add -l >/dev/null 2>&1 || { echo "sudo: a password is required" >&2; exit 1; }
exec sudo "$@"
"""


@pytest.mark.parametrize(("arguments", "works"), [("-o ForwardAgent=yes", True), ("-A", True), ("", False)])
def test_sudo_that_asks_the_agent(
    fleet: SshdFleet, server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, works: bool
) -> None:
    server.write("/etc/ssh/asks-the-agent", ASKS_THE_AGENT, 0o755)
    with ssh_agent(tmp_path, [server.key]) as environment:
        monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
        settings: dict[str, Any] = {
            "ansible_become_exe": "/etc/ssh/asks-the-agent",
            "ansible_ssh_extra_args": arguments,
        }
        result = become(fleet, tmp_path, OPS, **settings)
        if works:
            assert is_whole(result)
            assert re.match(r"ssh \(become was refused at .*, and ssh forwards the agent\)", str(result.transport))
        else:
            assert (result.status, "set ansible_become_password" in str(result.error)) == ("denied", True), result.error
        # A password that is wrong is tried once.
        result = become(fleet, tmp_path, DEPLOY, ansible_become_password="wrong-by-design", **settings)
        assert (result.status, result.transport) == ("denied", "asyncssh")
