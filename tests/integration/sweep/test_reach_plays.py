# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plays of real sites say of their hosts: variables of other hosts, lookups, odd names, and odd ways to run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.sweep.test_actions import INFO, Controller, statuses
from tests.support.sshd import SshdFleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("plays"), ["prom-01", "prom-02", "bastion"]) as running:
        yield running


@pytest.fixture
def controller(fleet: SshdFleet, tmp_path: Path) -> Controller:
    made = Controller(fleet, tmp_path)
    made.inventory["bastions"] = {"hosts": {"bastion": made.inventory["monitoring"]["hosts"].pop("bastion")}}
    return made


# A plugin as that of a container: it runs commands where it was told to, which is here. Some have a few options of ssh.
CONTAINER = """\
DOCUMENTATION = '''
{name: container, short_description: Runs commands here, description: x, author: none,
 options: {ssh_args: {description: x, default: ""}}}
'''
from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    transport = "container"
"""
OK = {"prom-01": "ok", "prom-02": "ok"}


@pytest.mark.parametrize("task", [{}, {"delegate_to": "localhost"}, {"delegate_to": "prom-02"}])
def test_variables_of_another_host(controller: Controller, fleet: SshdFleet, task: dict[str, Any]) -> None:
    """A bastion is best named once: where it is a host itself."""
    config = controller.directory / "ssh_config"
    config.write_text(f"IdentityFile {fleet['bastion'].key}\nUserKnownHostsFile {fleet.known_hosts}\n")
    jump = "{{ hostvars[groups['bastions'][0]]"
    controller.set(
        ansible_ssh_common_args=f"-F {config} -o ProxyJump={jump}['ansible_user'] }}}}@{jump}['ansible_host'] }}}}"
        f":{jump}.ansible_port }}}}"
    )
    result = controller.result(task=task)
    assert statuses(result) == OK, result
    assert result["hosts"]["prom-01"]["endpoint"].endswith(f" via 127.0.0.1:{fleet['bastion'].port}")


# A variable of the command line goes over the inventory's, so it is what each server says.
@pytest.mark.parametrize(
    ("where", "kind"),
    [*itertools.product(["play", "block", "task"], ["keyword", "variable"]), ("command line", "keyword")],
)
def test_what_says_where_tasks_run(controller: Controller, where: str, kind: str) -> None:
    """`connection: local` is put on plays that have nothing to do on servers; their servers are not this machine.

    Its variable is put on tasks with delegate_to: localhost.
    """
    hosts = controller.inventory["monitoring"]["hosts"]
    hosts["localhost"] = {}
    hosts["explicit"] = {"ansible_connection": "local"}
    local: dict[str, Any] = {"connection": "local"} if kind == "keyword" else {"vars": {"ansible_connection": "local"}}
    task: dict[str, Any] = {INFO: {"hosts": "{{ groups['monitoring'] }}"}, "run_once": True}
    task.update({} if kind == "keyword" else {"delegate_to": "localhost"})
    task.update(local if where == "task" else {})
    tasks = {"block": [task], **local} if where == "block" else task
    arguments = ("-c", "local") if where == "command line" else ()
    found = {}
    everywhere = local if where == "play" else {}
    for name in ("monitoring", "localhost"):
        controller.record.unlink(missing_ok=True)
        status, output = controller.play(tasks, arguments=arguments, hosts=name, **everywhere)
        assert status == 0, output
        result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[0])
        found[name] = {server: host["transport"].partition(" ")[0] for server, host in result["hosts"].items()}
    expected = {**dict.fromkeys(OK, "asyncssh"), "localhost": "local", "explicit": "local"}
    assert found == {"monitoring": expected, "localhost": expected}


@pytest.mark.parametrize("where", ["play", "task"])
def test_the_inventory_says_local_by_a_word_of_the_play(controller: Controller, where: str) -> None:
    controller.host("prom-01")["ansible_connection"] = "{{ way }}"
    said: dict[str, Any] = {"vars": {"way": "local"}}
    result = controller.result(**({"task": said} if where == "task" else said))
    assert result["hosts"]["prom-01"]["transport"].startswith("local "), result["hosts"]["prom-01"]


@pytest.mark.parametrize("where", ["play", "block", "task", "command line"])
def test_another_connection_for_all(controller: Controller, where: str) -> None:
    plugins = controller.directory / "connection_plugins"
    plugins.mkdir()
    (plugins / "container.py").write_text(CONTAINER, encoding="utf-8")
    other = {"connection": "container"}
    task: dict[str, Any] = {INFO: {}, "run_once": True, **(other if where == "task" else {})}
    tasks = {"block": [task], **other} if where == "block" else task
    arguments = ("-c", "container") if where == "command line" else ()
    controller.host("prom-02")["ansible_connection"] = "ssh"
    status, output = controller.play(tasks, arguments=arguments, **(other if where == "play" else {}))
    assert status == 0, output
    result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[0])
    assert statuses(result) == OK, result
    assert [(name, host["transport"].partition(" ")[0]) for name, host in result["hosts"].items()] == [
        ("prom-01", "container"),
        ("prom-02", "asyncssh"),
    ]


def role(directory: Path, name: str, task: dict[str, Any], **files: dict[str, Any]) -> None:
    """A role beside the play: one task, and files as vars=... for vars/main.yml."""
    for folder, content in {"tasks": [{**task, "run_once": True}], **files}.items():
        path = directory / "roles" / name / folder / "main.yml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


WRONG = {"ansible_user": "nobody-at-all"}
# Where a play says who logs in, from what loses to what wins; every place before a case's own says it wrong.
PLACES = (
    "defaults",
    "group",
    "host",
    "play",
    "file",
    "role",
    "block",
    "task",
    "include_vars",
    "set_fact",
    "params",
    "-e",
)


@pytest.mark.parametrize(("place", "by_host"), [*((place, False) for place in PLACES), ("file", True)])
def test_which_of_the_variables_wins(controller: Controller, fleet: SshdFleet, place: str, by_host: bool) -> None:
    right, directory = {"ansible_user": fleet.user}, controller.directory
    said = {name: right if name == place else WRONG for name in PLACES[: PLACES.index(place) + 1]}
    for server in OK:
        del controller.host(server)["ansible_user"]
        controller.host(server).update(said.get("host", {}))
    controller.set(**said.get("group", {}))
    (directory / "included.yml").write_text(yaml.safe_dump(said.get("include_vars")), encoding="utf-8")
    task: dict[str, Any] = {"block": [{INFO: {}, "vars": said.get("task", {})}], "vars": said.get("block", {})}
    role(directory, "asking", task, defaults=said["defaults"], vars=said.get("role", {}))
    before: list[dict[str, Any]] = []
    if "include_vars" in said:
        before.append({"ansible.builtin.include_vars": str(directory / "included.yml")})
    if "set_fact" in said:
        before.append({"ansible.builtin.set_fact": said["set_fact"]})
    keywords: dict[str, Any] = {"roles": [{"role": "asking", **said.get("params", {})}], "vars": said.get("play", {})}
    if "file" in said:
        file = "file-of-{{ inventory_hostname }}.yml" if by_host else "file.yml"
        for server in OK:
            (directory / file.replace("{{ inventory_hostname }}", server)).write_text(yaml.safe_dump(said["file"]))
        keywords["vars_files"] = [file]
    arguments = ("-e", json.dumps(right)) if place == "-e" else ()
    controller.record.unlink(missing_ok=True)
    status, output = controller.play(pre_tasks=before, arguments=arguments, **keywords)
    assert status == 0, output
    result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[-1])
    assert statuses(result) == OK, result


@pytest.mark.parametrize("way", ["params", "vars of the role", "include_role", "vars of include_role", "include_tasks"])
def test_variables_of_one_role(controller: Controller, fleet: SshdFleet, way: str) -> None:
    """They are the tasks' within it, and nobody else's."""
    right = {"ansible_user": fleet.user}
    for server in OK:
        controller.host(server).update(WRONG)
    role(controller.directory, "asking", {INFO: {}}, vars=right if way == "include_role" else {})
    included: dict[str, Any] = {"ansible.builtin.include_role": {"name": "asking"}}
    if way == "include_tasks":
        included = {"ansible.builtin.include_tasks": "roles/asking/tasks/main.yml"}
    include = {**included, "vars": {} if way == "include_role" else right}
    roles = {"params": {"role": "asking", **right}, "vars of the role": {"role": "asking", "vars": right}}
    keywords: dict[str, Any] = {"roles": [roles[way]]} if way in roles else {}
    tasks = [] if keywords else [include]
    controller.record.unlink(missing_ok=True)
    status, output = controller.play(*tasks, **keywords)
    assert status == 0, output
    result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[-1])
    assert statuses(result) == OK, result


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("place", ["defaults", "vars"])
def test_variables_of_a_role_that_was_included(
    controller: Controller, fleet: SshdFleet, place: str, public: bool
) -> None:
    """With public, they are those of all tasks that follow, on every host; without, they were the role's."""
    for server in OK:
        del controller.host(server)["ansible_user"]
        controller.host(server).update({"login": fleet.user, **(WRONG if place == "vars" else {})})
    said = {place: {"ansible_user": "{{ login }}"}}
    role(controller.directory, "asking", {"ansible.builtin.debug": {"msg": "here"}}, **said)
    file = controller.directory / "roles/asking" / place / "main.yml"
    # Nobody has the key of what this play has no use for.
    secret = "a_secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030\n"
    file.write_text(secret + file.read_text(encoding="utf-8"), encoding="utf-8")
    include = {"ansible.builtin.include_role": {"name": "asking", "public": public}}
    if place == "defaults":
        controller.environment["ANSIBLE_REMOTE_USER"] = WRONG["ansible_user"]
    controller.record.unlink(missing_ok=True)
    status, output = controller.play(include, {INFO: {"fail_on": "never"}, "run_once": True})
    assert status == 0, output
    result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[-1])
    assert statuses(result) == dict.fromkeys(OK, "ok" if public else "auth_failed"), result


# What is written out does not count in a condition of a meta task.
@pytest.mark.parametrize(
    ("way", "written_out"),
    [*itertools.product(["argument", "condition", "role", "of the task"], [False, True]), ("meta", False)],
)
def test_a_lookup_knows_what_the_play_says(
    controller: Controller, fleet: SshdFleet, way: str, *, written_out: bool
) -> None:
    """As any lookup does: a variable of the play, its roles or the task is that of all hosts."""
    lookup = "lookup('skills_eye.prometheus_fleet.configs', 'prom-01', 'prom-02', fail_on='never')"
    statuses_of = f"({lookup}).hosts.values() | map(attribute='status') | list"
    for server in OK:
        # A role's defaults say less than the inventory, all else says more.
        del controller.host(server)["ansible_user"]
        controller.host(server).update({"login": fleet.user} if way == "role" else {**WRONG, "login": fleet.user})
    said: dict[str, Any] = {"ansible_user": fleet.user if written_out else "{{ login }}"}
    if way != "role":
        # Where a task runs is not where servers are.
        said["ansible_connection"] = "local"
    debug: dict[str, Any] = {"ansible.builtin.debug": {"msg": f"found {{{{ {statuses_of} }}}}"}, "run_once": True}
    if way == "condition":
        debug["ansible.builtin.debug"] = {"msg": "found ['ok', 'ok']"}
        debug["when"] = f"{statuses_of} == ['ok', 'ok']"
    keywords: dict[str, Any] = {"vars": said}
    tasks = [debug]
    if way == "role":
        role(controller.directory, "asking", debug, defaults=said)
        keywords, tasks = {"roles": ["asking"]}, []
    elif way == "of the task":
        keywords, tasks = {}, [{**debug, "vars": said}]
    elif way == "meta":
        # Of which Ansible reads the condition itself, and no worker.
        fail = {"ansible.builtin.fail": {"msg": f"found {{{{ {statuses_of} }}}}"}}
        tasks = [{"ansible.builtin.meta": "end_play", "when": f"{statuses_of} == ['ok', 'ok']"}, fail]
    status, output = controller.play(*tasks, **keywords)
    assert status == 0, output
    assert way == "meta" or "found ['ok', 'ok']" in output


@pytest.mark.parametrize(
    "said", [{}, {"ansible_connection": "ssh", "ansible_shell_executable": "/bin/sh", "ansible_timeout": 10}]
)
def test_a_lookup_takes_no_other_host_for_its_own(
    controller: Controller, fleet: SshdFleet, said: dict[str, Any]
) -> None:
    """Not even where Ansible has written its own host's settings into the variables: in a condition."""
    controller.set(**said)
    lookup = "lookup('skills_eye.prometheus_fleet.configs', 'prom-01', 'prom-02', fail_on='never')"
    own = controller.host("prom-01")
    own["ansible_ssh_user"], own["ansible_ssh_port"] = own.pop("ansible_user"), own.pop("ansible_port")
    other = controller.host("prom-02")
    controller.environment["ANSIBLE_REMOTE_USER"] = other.pop("ansible_user")
    controller.environment["ANSIBLE_REMOTE_PORT"] = str(other.pop("ansible_port"))
    places = [f"{fleet.user}@127.0.0.1:{fleet[name].port}" for name in OK]
    wanted = f"({lookup}).hosts.values() | map(attribute='endpoint') | list == {places}"
    status, output = controller.play(
        {"ansible.builtin.debug": {"msg": "as it should be"}, "when": wanted, "run_once": True}
    )
    assert status == 0, output
    assert "as it should be" in output


@pytest.mark.needs_root
@pytest.mark.parametrize("delegate", [None, "prom-02"])
def test_no_host_is_told_the_password_of_another(tmp_path: Path, delegate: str | None) -> None:
    """Ansible writes that of the host, or of the delegate, where it has that of -k, which is for all."""
    with SshdFleet(tmp_path, 2, password=True) as fleet:
        controller = Controller(fleet, tmp_path)
        controller.set(ansible_connection="ssh", ansible_shell_executable="/bin/sh", ansible_timeout=10)
        for server in OK:
            del controller.host(server)["ansible_ssh_private_key_file"]
        controller.host("prom-02")["ansible_ssh_pass"] = "not-a-secret-ops"
        keywords = {"delegate_to": delegate} if delegate else {}
        hosts = "prom-01" if delegate else "prom-02"
        lookup = "lookup('skills_eye.prometheus_fleet.configs', 'prom-01', 'prom-02', fail_on='never')"
        msg = f"found {{{{ ({lookup}).hosts.values() | map(attribute='status') | list }}}}"
        status, output = controller.play({"ansible.builtin.debug": {"msg": msg}, **keywords}, hosts=hosts)
        assert status == 0, output
        assert "found ['auth_failed', 'ok']" in output
        result = controller.result(arguments={"hosts": list(OK), "fail_on": "never"}, task=keywords, hosts=hosts)
        assert statuses(result) == {"prom-01": "auth_failed", "prom-02": "ok"}
        assert "password" not in fleet["prom-01"].log_text()


@pytest.mark.parametrize("where", ["play", "outer block", "block", "role", "import_role", "task", "delegated", "if"])
def test_a_keyword_that_is_a_template(controller: Controller, fleet: SshdFleet, where: str) -> None:
    """It means something else for each host, wherever it stands."""
    for server, login in {"prom-01": fleet.user, "prom-02": "nobody-at-all"}.items():
        del controller.host(server)["ansible_user"]
        controller.host(server)["login"] = login
    keyword = {"remote_user": "{{ login }}"}
    task: dict[str, Any] = {INFO: {"fail_on": "never"}, "run_once": True}
    role(controller.directory, "asking", task)
    ways: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "play": ([task], keyword),
        "outer block": ([{"block": [{"block": [task]}], **keyword}], {}),
        "block": ([{"block": [{"block": [task], **keyword}]}], {}),
        "role": ([], {"roles": [{"role": "asking", **keyword}]}),
        "import_role": ([{"ansible.builtin.import_role": {"name": "asking"}, **keyword}], {}),
        "task": ([{**task, **keyword}], {}),
        "delegated": ([{**task, "delegate_to": "localhost"}], keyword),
        "if": (
            [task],
            {"remote_user": f"{{% if login == '{fleet.user}' %}}{fleet.user}{{% else %}}nobody-at-all{{% endif %}}"},
        ),
    }
    tasks, keywords = ways[where]
    controller.record.unlink(missing_ok=True)
    status, output = controller.play(*tasks, **keywords)
    assert status == 0, output
    result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[-1])
    assert statuses(result) == {"prom-01": "ok", "prom-02": "auth_failed"}, result
    assert result["hosts"]["prom-02"]["endpoint"].startswith("nobody-at-all@")


def test_a_keyword_that_is_a_template_of_a_number_or_a_word(controller: Controller, fleet: SshdFleet) -> None:
    """Ansible makes a number of the one and a truth of the other before the task sees them."""
    for server, more in {
        "prom-01": {"sudo": "no"},
        "prom-02": {"sudo": "yes", "ansible_become_method": "gone"},
    }.items():
        controller.host(server).update(login_port=str(controller.host(server).pop("ansible_port")), **more)
    result = controller.result(arguments={"fail_on": "never"}, port="{{ login_port }}", become="{{ sudo }}")
    assert statuses(result) == {"prom-01": "ok", "prom-02": "denied"}, result
    controller.host("prom-02")["sudo"] = "no"
    result = controller.result(port="{{ login_port }}", become="{{ sudo }}")
    assert statuses(result) == OK, result


@pytest.mark.parametrize("first", ["says", "omits"])
def test_a_keyword_that_some_hosts_omit(controller: Controller, fleet: SshdFleet, first: str) -> None:
    for server in OK:
        del controller.host(server)["ansible_user"]
    controller.host("prom-01" if first == "says" else "prom-02")["login"] = fleet.user
    controller.environment["ANSIBLE_REMOTE_USER"] = WRONG["ansible_user"]
    result = controller.result(arguments={"fail_on": "never"}, remote_user="{{ login | default(omit) }}")
    users = {name: str(found["endpoint"]).partition("@")[0] for name, found in result["hosts"].items()}
    ours = [fleet.user, WRONG["ansible_user"]]
    assert list(users.values()) == (ours if first == "says" else ours[::-1]), result


def test_facts_of_each_host(controller: Controller, fleet: SshdFleet) -> None:
    """A fact is the host's own: what one was told does not lead to another."""
    for server in OK:
        controller.host(server)["login"] = fleet.user
    controller.host("prom-02")["login"] = "nobody-at-all"
    controller.record.unlink(missing_ok=True)
    fact = {"ansible.builtin.set_fact": {"ansible_user": "{{ login }}"}}
    status, output = controller.play(fact, {INFO: {}, "run_once": True}, vars={"ansible_user": "of-the-play"})
    assert status == 0, output
    result = json.loads(controller.record.read_text(encoding="utf-8").splitlines()[-1])
    assert statuses(result) == {"prom-01": "ok", "prom-02": "auth_failed"}
    assert result["hosts"]["prom-02"]["endpoint"].startswith("nobody-at-all@")


@pytest.mark.parametrize("control", [{}, {"loop_var": "login", "index_var": "number", "extended": True}])
def test_variables_of_a_loop(controller: Controller, fleet: SshdFleet, control: dict[str, Any]) -> None:
    name = control.get("loop_var", "item")
    user = f"{{{{ {name} if ansible_loop.first and number == 0 else '' }}}}" if control else "{{ item }}"
    task = {"vars": {"ansible_user": user}, "loop": [fleet.user], "loop_control": control}
    result = controller.result(task={key: value for key, value in task.items() if value})
    assert statuses(result["results"][0]) == OK, result
