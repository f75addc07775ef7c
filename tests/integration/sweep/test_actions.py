# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions and the lookup in real plays."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import machine
from tests.support.sshd import SAMPLE, SshdFleet

BIN = Path(sys.executable).parent
SUPPORT = Path(__file__).resolve().parents[2] / "support"
INFO = "skills_eye.prometheus_fleet.configs_info"
CONFIGS = "skills_eye.prometheus_fleet.configs"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("actions"), 3, password=True) as running:
        yield running


class Controller:
    """Runs plays on an inventory of the fleet."""

    def __init__(self, fleet: SshdFleet, directory: Path) -> None:
        self.fleet = fleet
        self.directory = directory
        self.inventory = fleet.inventory()
        self.record = directory / "results"
        self.environment = fleet.environment(
            ANSIBLE_CALLBACK_PLUGINS=str(SUPPORT / "callbacks"),
            ANSIBLE_CALLBACKS_ENABLED="record_results",
            RECORD_RESULTS=str(self.record),
        )

    def set(self, **variables: Any) -> None:
        self.inventory["monitoring"]["vars"].update(variables)

    def host(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.inventory["monitoring"]["hosts"][name]
        return found

    def play(
        self, *tasks: dict[str, Any], arguments: tuple[str, ...] = (), answer: str | None = None, **keywords: Any
    ) -> tuple[int, str]:
        """Exit status and output. answer is typed at the prompts of -k and -K."""
        path = self.directory / "play.yml"
        play = {"hosts": "monitoring", "gather_facts": False, **keywords, "tasks": list(tasks)}
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        source = self.directory / "inventory.yml"
        source.write_text(yaml.safe_dump(self.inventory), encoding="utf-8")
        command = [str(BIN / "ansible-playbook"), "-i", str(source), *arguments, str(path)]
        if answer is not None:
            return typed(command, answer, self.environment, self.directory)
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def result(self, action: str = INFO, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """What one task with run_once returns, with the play's output."""
        keywords = more.pop("task", {})
        return self.results({action: arguments or {}, **keywords}, **more)[0]

    def results(self, *tasks: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        """What tasks with run_once return in one play, whether they fail or not. Each has the play's output too."""
        self.record.unlink(missing_ok=True)
        once = {"run_once": True, "ignore_errors": True}
        status, output = self.play(*({**once, **task} for task in tasks), **more)
        assert status == 0, output
        found = [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines()]
        assert len(found) == len(tasks), output
        return [{**result, "output": output} for result in found]


def typed(command: list[str], answer: str, environment: dict[str, str], directory: Path) -> tuple[int, str]:
    """Run a command on a terminal and type the answer at each prompt for a password."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execve(command[0], command, environment)
    output = b""
    seen = 0
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
        prompts = len(re.findall(rb"password[^\n]*: ", output, re.IGNORECASE))
        while seen < prompts:
            seen += 1
            os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode(errors="replace")


@pytest.fixture
def controller(fleet: SshdFleet, tmp_path: Path) -> Controller:
    return Controller(fleet, tmp_path)


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {name: host["status"] for name, host in result["hosts"].items()}


ALL_OK = {"prom-01": "ok", "prom-02": "ok", "prom-03": "ok"}


def test_configs_info(controller: Controller) -> None:
    result = controller.result()
    assert statuses(result) == ALL_OK
    assert result["changed"] is False
    assert not result.get("failed")
    assert {key: result["summary"][key] for key in ("hosts", "ok", "failed", "unchanged", "files", "bytes")} == {
        "hosts": 3,
        "ok": 3,
        "failed": 0,
        "unchanged": 0,
        "files": 9,
        "bytes": 1518,
    }
    host = result["hosts"]["prom-01"]
    assert set(host) == {"status", "error", "transport", "endpoint", "digest", "attempts", "seconds", "files"}
    assert set(host["seconds"]) == {"connect", "transfer", "total"}
    assert host["files"][0]["content"].startswith("global:\n")
    assert "{'ansible" not in result["output"]


def test_limit_and_hosts(controller: Controller) -> None:
    _unused, output = controller.play({INFO: {}, "run_once": True}, arguments=("--limit", "prom-02"))
    assert "[1/1] prom-02 ok" in output
    result = controller.result(arguments={"hosts": ["prom-03", "nobody"]})
    assert statuses(result) == {"prom-03": "ok", "nobody": "unreachable"}
    assert "nobody is not in the inventory" in result["hosts"]["nobody"]["error"]
    result = controller.result(arguments={"hosts": "monitoring"})
    assert result["msg"].endswith("monitoring: it is a group: name its hosts, as groups['monitoring']")


def test_without_progress(controller: Controller) -> None:
    results = controller.results({INFO: {}}, {INFO: {"progress": False}})
    assert results[0]["output"].count("[1/3]") == 1


def test_fail_on(controller: Controller) -> None:
    """A task that fails returns the whole result too."""
    controller.host("prom-01")["ansible_host"] = "no-such-host.invalid"
    results = controller.results(*({INFO: {"fail_on": value}} for value in ("any", "all", "never")))
    assert [result.get("failed", False) for result in results] == [True, False, False]
    assert [statuses(result) for result in results] == [{**ALL_OK, "prom-01": "unreachable"}] * 3
    assert results[0]["msg"].startswith("1 of 3 servers did not answer whole: prom-01: ")


def test_wrong_options(controller: Controller) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"max_parallel": 0}, "max_parallel must be more than 0"),
        ({"services": [{"service": "prometheus", "directory": "etc"}]}, "must be absolute"),
        (
            {"services": [{"service": "prometheus", "directory": "/etc", "patterns": ["../*"]}]},
            "below its directory",
        ),
        ({"services": [{"service": "prometheus"}]}, "directory"),
        (
            {"services": [{"service": "Prometheus", "directory": "/etc/prometheus"}]},
            "the service Prometheus is probably meant to be prometheus",
        ),
        ({"no_such_option": 1}, "no_such_option"),
    ]
    results = controller.results(*({INFO: arguments} for arguments, _words in wrong))
    for result, (arguments, words) in zip(results, wrong, strict=True):
        assert result["failed"] is True, arguments
        assert words in result["msg"]
        assert "hosts" not in result


def test_keywords_of_the_play(controller: Controller) -> None:
    user = controller.fleet.user
    for name in ALL_OK:
        del controller.host(name)["ansible_user"]
    assert set(statuses(controller.result(remote_user="nobody-at-all")).values()) == {"auth_failed"}
    assert statuses(controller.result(remote_user=user)) == ALL_OK
    # A keyword may be a template over each server's variables.
    controller.set(login="nobody-at-all")
    controller.host("prom-02")["login"] = user
    assert statuses(controller.result(remote_user="{{ login }}")) == {
        "prom-01": "auth_failed",
        "prom-02": "ok",
        "prom-03": "auth_failed",
    }


def test_variables_of_the_play(controller: Controller) -> None:
    user = controller.fleet.user
    controller.set(ansible_user="nobody-at-all")
    for name in ALL_OK:
        del controller.host(name)["ansible_user"]
    assert statuses(controller.result(vars={"ansible_user": user})) == ALL_OK
    file = controller.directory / "login.yml"
    file.write_text(f"ansible_user: '{user}'\n", encoding="utf-8")
    assert statuses(controller.result(vars_files=[str(file)])) == ALL_OK
    assert statuses(controller.result(task={"vars": {"ansible_user": user}})) == ALL_OK
    # A variable of one host that uses one of the play.
    for name in ALL_OK:
        controller.host(name)["ansible_user"] = "{{ who }}"
    assert statuses(controller.result(vars={"who": user})) == ALL_OK


def test_environment_command_line_and_configuration(controller: Controller, tmp_path: Path) -> None:
    for name in ALL_OK:
        del controller.host(name)["ansible_user"]
    user = controller.fleet.user
    status, output = controller.play({INFO: {}, "run_once": True}, arguments=("-u", user))
    assert (status, output.count(" ok 3 files")) == (0, 3), output
    controller.environment["ANSIBLE_REMOTE_USER"] = user
    assert statuses(controller.result()) == ALL_OK
    del controller.environment["ANSIBLE_REMOTE_USER"]
    settings = tmp_path / "ansible.cfg"
    settings.write_text(f"[defaults]\nremote_user = {user}\nhost_key_checking = False\n", encoding="utf-8")
    controller.environment["ANSIBLE_CONFIG"] = str(settings)
    controller.set(ansible_ssh_common_args="-F none -o UserKnownHostsFile=/dev/null")
    assert statuses(controller.result()) == ALL_OK


def test_vaulted_variables(controller: Controller, tmp_path: Path) -> None:
    password = tmp_path / "vault_password"
    password.write_text("not-a-secret\n", encoding="utf-8")
    encrypted = subprocess.run(
        [BIN / "ansible-vault", "encrypt_string", "--vault-password-file", password, controller.fleet.user],
        env=controller.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    block = "\n".join(line.strip() for line in encrypted.strip().splitlines()[1:])
    group = tmp_path / "group_vars"
    group.mkdir()
    indented = block.replace("\n", "\n  ")
    (group / "monitoring.yml").write_text(f"ansible_user: !vault |\n  {indented}\n", encoding="utf-8")
    for name in ALL_OK:
        del controller.host(name)["ansible_user"]
    status, output = controller.play({INFO: {}, "run_once": True}, arguments=("--vault-password-file", str(password)))
    assert status == 0, output
    assert output.count(" ok 3 files") == 3


def test_a_host_whose_variables_cannot_be_used(controller: Controller) -> None:
    controller.host("prom-02")["ansible_host"] = "{{ no_such_variable }}"
    assert statuses(controller.result()) == {**ALL_OK, "prom-02": "unreachable"}
    # The host that the task runs for is Ansible's own business, unless the task is delegated.
    controller.host("prom-01")["ansible_host"] = "{{ no_such_variable }}"
    result = controller.result(task={"delegate_to": "localhost"})
    assert statuses(result) == {"prom-01": "unreachable", "prom-02": "unreachable", "prom-03": "ok"}


def test_delegated_with_keywords(controller: Controller) -> None:
    user = controller.fleet.user
    for name in ALL_OK:
        del controller.host(name)["ansible_user"]
    assert statuses(controller.result(remote_user=user, task={"delegate_to": "localhost"})) == ALL_OK
    result = controller.result(vars={"ansible_user": user}, task={"delegate_to": "localhost"})
    assert statuses(result) == ALL_OK


@pytest.mark.needs_root
def test_become_of_the_play(controller: Controller) -> None:
    secret = controller.fleet["prom-01"].write("/etc/prometheus/private.yml", "{}\n", 0o600)
    try:
        assert statuses(controller.result())["prom-01"] == "partial"
        assert statuses(controller.result(become=True)) == ALL_OK
        assert statuses(controller.result(become=True, become_user="deploy"))["prom-01"] == "partial"
        assert statuses(controller.result(task={"become": True, "delegate_to": "localhost"})) == ALL_OK
    finally:
        secret.unlink()


@pytest.mark.needs_root
def test_passwords_that_are_asked_for(controller: Controller) -> None:
    deploy = machine.USERS[1]
    secret = controller.fleet["prom-02"].write("/etc/prometheus/private.yml", "{}\n", 0o600)
    for name in ALL_OK:
        del controller.host(name)["ansible_ssh_private_key_file"]
        controller.host(name)["ansible_user"] = deploy.name
    try:
        status, output = controller.play(
            {INFO: {}, "run_once": True}, arguments=("-k", "-K"), answer=deploy.password, become=True
        )
        assert status == 0, output
        assert output.count(" ok ") == 3
        assert deploy.password not in output
        # What one host has for itself is not told to the others.
        controller.host("prom-01")["ansible_password"] = deploy.password
        result = controller.result()
        assert statuses(result) == {"prom-01": "ok", "prom-02": "auth_failed", "prom-03": "auth_failed"}
        assert "tried: no key)" in result["hosts"]["prom-02"]["error"]
    finally:
        secret.unlink()


@pytest.mark.needs_root
@pytest.mark.parametrize("task", [{}, {"delegate_to": "prom-01"}], ids=["", "delegated"])
def test_a_host_with_a_password_of_its_own_keeps_none_from_the_others(
    controller: Controller, task: dict[str, str]
) -> None:
    """Ansible hands the task its own host's, or its delegate's, in the place of those of -k and -K."""
    ops, deploy, _reader = machine.USERS
    for name in ALL_OK:
        del controller.host(name)["ansible_ssh_private_key_file"]
        controller.host(name).update(ansible_user=deploy.name, ansible_become=True)
    own = {"ansible_user": ops.name, "ansible_password": ops.password, "ansible_become_password": "not-a-secret-none"}
    controller.host("prom-01").update(own)
    secret = controller.fleet["prom-02"].write("/etc/prometheus/private.yml", "{}\n", 0o600)
    lookup = "lookup('skills_eye.prometheus_fleet.configs', fail_on='never')"
    debug = {"msg": f"found {{{{ ({lookup}).hosts.values() | map(attribute='status') | list }}}}"}
    try:
        status, output = controller.play(
            {INFO: {}, "run_once": True, **task},
            {"ansible.builtin.debug": debug, "run_once": True, **task},
            arguments=("-k", "-K"),
            answer=deploy.password,
        )
    finally:
        secret.unlink()
    assert status == 0, output
    assert output.count(" ok ") == 3, output
    assert "found ['ok', 'ok', 'ok']" in output


def test_configs(controller: Controller, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    dest = {"dest": str(mirror)}
    first, second, forced = controller.results({CONFIGS: dest}, {CONFIGS: dest}, {CONFIGS: {**dest, "force": True}})
    assert (first["changed"], statuses(first)) == (True, ALL_OK)
    assert first["dest"] == str(mirror)
    assert len(first["added"]["prom-01"]) == 3
    assert all(item["content"] is None for host in first["hosts"].values() for item in host["files"])
    assert (mirror / "prom-02/etc/alertmanager/alertmanager.yml").read_text(encoding="utf-8").startswith("route:")
    assert second["changed"] is False
    assert set(statuses(second).values()) == {"unchanged"}
    assert (forced["changed"], statuses(forced)) == (False, ALL_OK)


@pytest.mark.parametrize("dest", ["", " "])
def test_configs_without_a_directory(controller: Controller, dest: str) -> None:
    """A variable that is empty must not fill the directory that somebody is in."""
    before = set(controller.directory.iterdir())
    result = controller.result(CONFIGS, {"dest": dest})
    assert result["failed"] is True
    assert "dest is empty" in result["msg"]
    assert {path.name for path in set(controller.directory.iterdir()) - before} == {
        "play.yml",
        "inventory.yml",
        "results",
    }


def test_configs_check_and_diff(controller: Controller, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    status, output = controller.play(
        {CONFIGS: {"dest": str(mirror)}, "run_once": True}, arguments=("--check", "--diff")
    )
    assert status == 0, output
    assert "changed=1" in output
    assert "+scrape_configs:" in output
    assert '+    webhook_configs: [{url: "<secret:' in output
    assert not mirror.exists()


def test_configs_unmasked(controller: Controller, tmp_path: Path) -> None:
    mirror = tmp_path / "backup"
    controller.fleet["prom-03"].write("/etc/prometheus/prometheus.yml", "bearer_token: planted\n")
    try:
        status, output = controller.play(
            {CONFIGS: {"dest": str(mirror), "redact": False}, "run_once": True, "register": "found"},
            {"ansible.builtin.debug": {"var": "found"}, "run_once": True},
            arguments=("--diff", "-vvv"),
        )
    finally:
        controller.fleet["prom-03"].write("/etc/prometheus/prometheus.yml", SAMPLE["prometheus/prometheus.yml"])
    assert status == 0, output
    copy = mirror / "prom-03/etc/prometheus/prometheus.yml"
    assert copy.read_text(encoding="utf-8") == "bearer_token: planted\n"
    assert (copy.stat().st_mode & 0o777, mirror.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "planted" not in output


def test_configs_history(controller: Controller, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    task = {CONFIGS: {"dest": str(mirror), "history": "git"}}
    first, second = controller.results(task, task)
    log = subprocess.run(["git", "-C", mirror, "log", "--format=%H"], capture_output=True, text=True, check=True)
    assert log.stdout.split() == [first["commit"]]
    assert second["commit"] is None


def test_configs_without_a_place(controller: Controller, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    text = "scrape_configs:\n- bearer_token: hunter2\n"
    nowhere, missing, contents = controller.results(
        {CONFIGS: {"dest": str(tmp_path / "file/mirror")}}, {CONFIGS: {}}, {CONFIGS: {"dest": text}}
    )
    assert contents["msg"] == "dest must be the path of a directory, got a text of 2 lines"
    assert nowhere["failed"] is True
    assert str(tmp_path / "file/mirror") in nowhere["msg"]
    assert "dest" in missing["msg"]


def test_lookup(controller: Controller) -> None:
    status, output = controller.play(
        {
            "ansible.builtin.debug": {"msg": "{{ one.summary.files }} of {{ one.hosts | list }}, {{ all.summary.ok }}"},
            "run_once": True,
            "vars": {
                "one": "{{ lookup('skills_eye.prometheus_fleet.configs', 'prom-02', max_files=100) }}",
                "all": "{{ lookup('skills_eye.prometheus_fleet.configs') }}",
            },
        }
    )
    assert status == 0, output
    assert "3 of ['prom-02'], 3" in output


def test_lookup_that_fails(controller: Controller) -> None:
    expression = "{{ lookup('skills_eye.prometheus_fleet.configs', 'nobody') }}"
    status, output = controller.play({"ansible.builtin.debug": {"msg": expression}, "run_once": True})
    assert status == 2
    assert "nobody is not in the inventory" in output
    expression = "{{ lookup('skills_eye.prometheus_fleet.configs', 'monitoring') }}"
    assert "name its hosts, as groups[" in controller.play({"ansible.builtin.debug": {"msg": expression}})[1]
    # Ansible calls it unhandled, and says it twice, unless it is an error of lookups.
    assert "nhandled exception" not in output


def test_what_a_lookup_is_told_of_services_is_checked_as_for_a_task(controller: Controller) -> None:
    """Ansible does not look into the list: a slip in a word was no option, and the letters of a text were patterns."""
    named = "'service': 'prometheus', 'directory': '/etc/prometheus'"

    def ask(services: str) -> str:
        expression = "lookup('skills_eye.prometheus_fleet.configs', 'prom-01', services=" + services + ").summary.files"
        task = {"ansible.builtin.debug": {"msg": "{{ " + expression + " }} files"}, "run_once": True}
        return controller.play(task)[1]

    assert "1 files" in ask("[{" + named + ", 'patterns': 'prometheus.yml, other.yml'}]")
    assert "services.pattern. Supported parameters include: directory" in ask("[{" + named + ", 'pattern': 1}]")
    assert "missing required arguments: directory found in services" in ask("[{'service': 'prometheus'}]")
    assert "option 'services' is of type str" in ask("['prometheus']")


def test_nothing_secret_in_any_output(controller: Controller, tmp_path: Path) -> None:
    """Passwords of the controller and secrets of the servers, at the highest verbosity, over every transport."""
    controller.fleet["prom-01"].write("/etc/prometheus/prometheus.yml", "bearer_token: planted-a\n")
    controller.set(
        ansible_password="planted-b",
        ansible_become_password="planted-c",
        ansible_ssh_private_key_passphrase="planted-d",
    )
    controller.host("prom-02")["ansible_ssh_extra_args"] = "-o BindInterface=lo"
    controller.inventory["monitoring"]["hosts"]["here"] = {"ansible_connection": "local"}
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "x.yml").write_text("bearer_token: planted-e\n", encoding="utf-8")
    services = [
        {"service": "prometheus", "directory": "/etc/prometheus"},
        {"service": "alertmanager", "directory": str(folder)},
    ]
    controller.environment["ANSIBLE_LOG_PATH"] = str(tmp_path / "ansible.log")
    try:
        status, output = controller.play(
            {INFO: {"services": services}, "run_once": True, "register": "found"},
            {"ansible.builtin.debug": {"var": "found"}, "run_once": True},
            {CONFIGS: {"dest": str(tmp_path / "mirror"), "services": services}, "run_once": True},
            arguments=("-vvvvvv", "--diff"),
        )
    finally:
        controller.fleet["prom-01"].write("/etc/prometheus/prometheus.yml", SAMPLE["prometheus/prometheus.yml"])
    assert status == 0, output
    assert "bearer_token: <secret:" in output
    assert '"transport": "ssh (ssh option bindinterface)"' in output
    assert "planted" not in output
    assert "planted" not in (tmp_path / "ansible.log").read_text(encoding="utf-8")


def test_strategy_without_run_once(controller: Controller) -> None:
    """Where run_once is not known, a condition chooses the one host."""
    task = {INFO: {}, "when": "inventory_hostname == ansible_play_hosts_all[0]"}
    status, output = controller.play(task, strategy="ansible.builtin.free")
    assert (status, output.count(" ok 3 files")) == (0, 3), output


def test_without_run_once(controller: Controller, tmp_path: Path) -> None:
    """It is a waste that somebody is told of; and the first sweeps of a mirror, all at once, agree on its secrets."""
    mirror = {"dest": str(tmp_path / "mirror")}
    status, output = controller.play({CONFIGS: mirror})
    assert status == 0, output
    words = " ".join(output.split())
    assert f"{CONFIGS} has no run_once: each of the 3 hosts of the play sweeps all 3 servers" in words
    (tmp_path / "included.yml").write_text(yaml.safe_dump([{INFO: {}}]), encoding="utf-8")
    status, output = controller.play({"ansible.builtin.include_tasks": "included.yml", "run_once": True})
    assert (status, output.count(" ok 3 files")) == (0, 3), output
    assert "no run_once" not in output
    again = controller.result(CONFIGS, {**mirror, "force": True})
    assert (again["changed"], again["updated"]) == (False, {})
    assert "no run_once" not in again["output"]


def test_each_host_may_sweep_itself(controller: Controller) -> None:
    """Nothing is swept twice, and with run_once, which a warning would ask for, the others would not be swept."""
    status, output = controller.play({INFO: {"hosts": "{{ inventory_hostname }}"}})
    assert (status, output.count(" ok 3 files")) == (0, 3), output
    assert "WARNING" not in output


def test_serial(controller: Controller) -> None:
    status, output = controller.play({INFO: {}, "run_once": True}, serial=2)
    assert (status, output.count(" ok 3 files")) == (0, 6), output
    assert "sweeps all 3 servers in each batch" in " ".join(output.split())
    batch = {INFO: {"hosts": "{{ ansible_play_batch }}"}, "run_once": True}
    status, output = controller.play(batch, serial=2)
    assert (status, output.count(" ok 3 files")) == (0, 3), output
    assert "WARNING" not in output


def test_what_cannot_be_is_refused(controller: Controller) -> None:
    status, output = controller.play({INFO: {}, "run_once": True, "async": 10})
    assert status != 0
    assert "does not support async" in output


def test_a_log_has_no_lines_of_the_library(controller: Controller, tmp_path: Path) -> None:
    log = tmp_path / "ansible.log"
    controller.environment["ANSIBLE_LOG_PATH"] = str(log)
    controller.result()
    text = log.read_text(encoding="utf-8")
    assert " ok 3 files" in text
    assert "n=asyncssh" not in text
    assert "n=asyncio" not in text


def test_a_play_has_no_warnings_of_the_library(tmp_path: Path) -> None:
    """What asyncssh does of itself where a server has an old key exchange alone is nothing that a user can mend."""
    with SshdFleet(tmp_path, 1, sshd_config="KexAlgorithms diffie-hellman-group14-sha256") as old:
        result = Controller(old, tmp_path).result()
    assert statuses(result) == {"prom-01": "ok"}
    assert "WARNING" not in result["output"]


@pytest.mark.parametrize("keyword", [{}, {"connection": "ansible.builtin.ssh"}, {"connection": "{{ way }}"}])
@pytest.mark.parametrize("delegated", [{}, {"delegate_to": "localhost"}])
def test_how_the_own_host_is_reached_says_nothing_of_the_others(
    controller: Controller, keyword: dict[str, Any], delegated: dict[str, Any]
) -> None:
    """A sweep that takes the controller's own files for those of a server would be worse than none."""
    controller.set(way="ssh")
    controller.inventory["monitoring"]["hosts"]["a-controller"] = {"ansible_connection": "local"}
    task = {INFO: {}, "run_once": True, **delegated}
    for written in ({**task, **keyword}, {"block": [task], **keyword}):
        controller.record.unlink(missing_ok=True)
        status, output = controller.play(written)
        assert status == 0, output
        found = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[0])
        ways = {name: host["transport"].split(" ")[0] for name, host in found["hosts"].items()}
        assert ways == {"a-controller": "local", **dict.fromkeys(ALL_OK, "asyncssh")}


def test_no_servers(controller: Controller) -> None:
    """A group's name with a slip in it, perhaps."""
    result = controller.result(arguments={"hosts": "{{ groups['monitorin'] | default([]) }}"})
    assert (result["hosts"], result.get("failed", False)) == ({}, False)
    assert "There are no servers to sweep: hosts is empty" in " ".join(result["output"].split())
