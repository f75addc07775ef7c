# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules and the lookup as users run them: through ansible-playbook, against a real Consul and a directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.consul import ConsulAgent, consul_agent
from tests.support.consul_proxy import proxy_to
from tests.support.fleets import extraction

PROJECT = Path(__file__).resolve().parents[3]
NAME = "skills_eye.prometheus_fleet.fields"
FLEET = extraction({"prom-01": ["company", "env"], "prom-02": ["company"]})


class Player:
    """Runs plays on localhost, each with the same environment and in the same directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}

    def run(self, plays: list[dict[str, Any]], *options: str) -> subprocess.CompletedProcess[str]:
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CONSUL_", "ANSIBLE_"))}
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        }
        command = [sys.executable, "-m", "ansible", "playbook", str(playbook), *options]
        return subprocess.run(
            command,
            env=clean | settings | self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def tasks(self, *tasks: dict[str, Any], options: tuple[str, ...] = (), **play: Any) -> list[dict[str, Any]]:
        """Run tasks in one play and return their results, in order; a task that fails is ignored and returned too."""
        numbered = [task | {"register": f"result{n}", "ignore_errors": True} for n, task in enumerate(tasks)]
        results = self.folder / "results.json"
        wanted = "{{ [" + ", ".join(f"result{n}" for n in range(len(tasks))) + "] | to_json }}"
        write = {
            "ansible.builtin.copy": {"dest": str(results), "content": wanted},
            "check_mode": False,
            "diff": False,
        }
        played = self.run(
            [{"hosts": "localhost", "gather_facts": False, **play, "tasks": [*numbered, write]}], *options
        )
        assert played.returncode == 0, played.stdout + played.stderr
        loaded: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
        return loaded


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(tmp_path)


@pytest.fixture(params=["consul", "directory"])
def where(request: pytest.FixtureRequest, prefix: str, tmp_path: Path) -> dict[str, Any]:
    """The options that say which store."""
    if request.param == "directory":
        return {"store": "directory", "path": str(tmp_path / "store")}
    agent: ConsulAgent = request.getfixturevalue("agent")
    return {"address": agent.address, "prefix": prefix}


def test_publish_check_diff_and_read(player: Player, where: dict[str, Any]) -> None:
    publish = {NAME: FLEET | where}
    checked, read_before, first, second, read = player.tasks(
        publish | {"check_mode": True},
        {f"{NAME}_info": where},
        publish,
        publish,
        {f"{NAME}_info": where},
        options=("--diff",),
    )
    assert checked["changed"]
    assert not read_before["exists"]
    assert read_before["fields"] == []
    assert first["changed"]
    assert checked["diff"] == first["diff"] | {"after": checked["diff"]["after"]}
    assert "fields company\n" in first["diff"]["after"]
    assert "servers prom-02\n" in first["diff"]["after"]
    assert first["diff"]["before"] == ""
    assert first["added"] == checked["added"] == ["company", "env"]
    assert not second["changed"]
    assert second["requests"] == 1
    assert second["diff"]["before"] == second["diff"]["after"] == ""
    assert not read["changed"]
    assert [item["name"] for item in read["fields"]] == ["company", "env"]
    assert read["store"]["requests"] == 1
    assert 0 <= read["age"] < 120
    assert sorted(read["servers"]) == ["prom-01", "prom-02"]
    assert first["store"].items() <= read["store"].items()


def test_rollback(player: Player, where: dict[str, Any]) -> None:
    more = extraction({"prom-01": ["company", "env", "rack"], "prom-02": ["company"]})
    _first, _second, info, checked, back, again = player.tasks(
        {NAME: FLEET | where},
        {NAME: more | where},
        {f"{NAME}_info": where},
        {NAME: where | {"state": "rolled_back"}, "check_mode": True},
        {NAME: where | {"state": "rolled_back", "to": "{{ result2.history[0].entry }}"}},
        {NAME: where | {"state": "rolled_back", "to": "{{ result2.history[0].entry }}"}},
    )
    assert checked["changed"]
    assert back["changed"]
    assert back["restored"] == checked["restored"] == info["history"][0]["entry"]
    assert back["removed"] == ["rack"]
    assert back["missing"] == ["rack"]
    assert not again["changed"]


def test_a_document_that_was_deleted_is_a_warning(player: Player, tmp_path: Path) -> None:
    where = {"store": "directory", "path": str(tmp_path / "store")}
    player.tasks({NAME: FLEET | where}, {NAME: extraction({"prom-01": ["env"], "prom-02": ["company"]}) | where})
    (tmp_path / "store" / "fields.json").unlink()
    [kept] = [path.stem for path in (tmp_path / "store" / "history").iterdir()]
    looked, done, again = player.tasks(
        {NAME: FLEET | where | {"state": "checked"}}, {NAME: FLEET | where}, {NAME: FLEET | where}
    )
    [warning] = done["warnings"]
    assert warning.endswith(
        f"fields.json was deleted from the store; what people set on its fields is taken from the "
        f"history, as of {kept}."
    )
    assert done["restored"] == kept
    for quiet in (looked, again):
        assert "warnings" not in quiet
    assert "restored" not in again


def test_options_that_cannot_be(player: Player, where: dict[str, Any]) -> None:
    results = player.tasks(
        {NAME: where},
        {NAME: FLEET | where | {"field_defaults": {"regex": "x"}}},
        {NAME: FLEET | where | {"orphan_grace": "soon"}},
        {NAME: FLEET | where | {"field_defaults": {"categori": "biz"}}},
        {NAME: FLEET | where | {"mode": "0666x"}},
        {NAME: FLEET | where | {"timeout": 0}},
        {NAME: FLEET | where | {"retry_seconds": "nan"}},
        {NAME: {"fields": [{"x": 1}], "servers": {}} | where},
        {NAME: {"fields": [], "servers": {"prom-01": "ok"}} | where},
        {NAME: {"store": "directory", "state": "rolled_back"}},
    )
    messages = [
        "missing",
        "field_defaults sets regex",
        "orphan_grace: 'soon' is not a duration",
        "field_defaults has no categori",
        "octal digits",
        "timeout must be more than 0",
        "retry_seconds must be 0 or more",
        "without a name",
        "servers.prom-01 is not a dictionary",
        "path",
    ]
    for result, message in zip(results, messages, strict=True):
        assert result["failed"]
        assert message in result["msg"]
        assert "Traceback" not in json.dumps(result)


def test_a_document_that_is_nearly_too_large_is_a_warning(player: Player, tmp_path: Path) -> None:
    where = {"store": "directory", "path": str(tmp_path / "store"), "detail": "full"}
    large = where | {"presentation": {"env": {"description": "x" * 450_000}}}
    quiet, first, again = player.tasks({NAME: FLEET | where}, {NAME: FLEET | large}, {NAME: FLEET | large})
    assert "warnings" not in quiet
    assert (first["changed"], again["changed"]) == (True, False)
    for told in (first, again):
        [warning] = told["warnings"]
        assert "fields.json takes 44" in warning
        assert "The largest fields: env (44" in warning


def test_a_check_says_nothing_of_the_size_of_what_it_does_not_write(player: Player, tmp_path: Path) -> None:
    """The role checks with no fields, so the size would be that of another document than the one it publishes."""
    where = {"store": "directory", "path": str(tmp_path / "store")}
    large = where | {"presentation": {"env": {"description": "x" * 450_000}}}
    unread = {"fields": [], "servers": {name: {"status": "ok"} for name in FLEET["servers"]}, "state": "checked"}
    brief, checked, published = player.tasks(
        {NAME: FLEET | large | {"detail": "brief"}}, {NAME: unread | large}, {NAME: FLEET | large}
    )
    assert len(brief["warnings"]) == len(published["warnings"]) == 1
    assert "warnings" not in checked


def test_conflict_is_a_warning(player: Player, tmp_path: Path) -> None:
    where = {"store": "directory", "path": str(tmp_path / "store")}
    player.tasks({NAME: FLEET | where})
    document = tmp_path / "store" / "fields.json"
    document.write_text(document.read_text(encoding="utf-8").replace('"regex": null', '"regex": "mine"', 1), "utf-8")
    reported, stored, swept = player.tasks(
        {NAME: FLEET | where},
        {NAME: FLEET | where | {"on_conflict": "store"}},
        {NAME: FLEET | where | {"on_conflict": "sweep"}},
    )
    assert "The regex of the field company was changed by hand" in reported["warnings"][0]
    assert reported["conflicts"][0]["stored"] == "mine"
    assert not stored.get("warnings")
    assert swept["updated"] == ["company"]


def test_presentation_is_set_from_a_file_in_git(player: Player, tmp_path: Path) -> None:
    where = {"store": "directory", "path": str(tmp_path / "store")}
    kept = {
        "company": {"display_name": "Company", "order": "{{ '5' }}", "required": "{{ 'yes' }}"},
        "env": {"category": "business", "options": ["prod", "dev"]},
    }
    nothing: dict[str, Any] = {"fields": [], "servers": {}}
    first, looked, alone, again, other, misspelt = player.tasks(
        {NAME: FLEET | where | {"presentation": {"env": {"order": 7}}}},
        {NAME: nothing | where | {"presentation": kept}, "check_mode": True, "diff": True},
        {NAME: nothing | where | {"presentation": kept}},
        {NAME: FLEET | where | {"presentation": kept, "field_defaults": {"order": 1}}},
        {NAME: FLEET | where | {"presentation": {"company": {"display_name": "Firm"}}}},
        {NAME: nothing | where | {"presentation": {"compani": {"order": 1}, "env": {}}}},
    )
    assert first["added"] == ["company", "env"]
    assert first["presented"] == []
    for did in (looked, alone):
        assert (did["changed"], did["presented"], did["updated"]) == (True, ["company", "env"], [])
    assert '  display_name: "Company"\n' in looked["diff"]["after"]
    assert not again["changed"]
    assert (other["changed"], other["presented"]) == (True, ["company"])
    assert not misspelt["changed"]
    assert misspelt["warnings"] == ["presentation names compani, and there is no such field."]
    stored = json.loads((tmp_path / "store" / "fields.json").read_text(encoding="utf-8"))
    company, env = stored["fields"]
    assert (company["display_name"], company["order"], company["required"]) == ("Firm", 5, True)
    assert (env["order"], env["category"], env["options"]) == (7, "business", ["prod", "dev"])


def test_a_server_to_forget_that_is_not_there_is_a_warning(player: Player, tmp_path: Path) -> None:
    """Also a list in quotes, as it comes from -e NAME='["prom-09"]': since ansible-core 2.19 it is one odd name."""
    where = {"store": "directory", "path": str(tmp_path / "store")}
    nothing: dict[str, Any] = {"fields": [], "servers": {}}
    _first, misspelt, quoted, right = player.tasks(
        {NAME: FLEET | where},
        {NAME: nothing | where | {"forget_servers": ["prom-1", "prom-01"]}, "check_mode": True},
        {NAME: nothing | where | {"forget_servers": "{{ odd }}"}},
        {NAME: nothing | where | {"forget_servers": ["prom-02"]}},
        vars={"odd": '["prom-09"]'},
    )
    assert misspelt["forgotten"] == ["prom-01"]
    assert misspelt["warnings"] == ["forget_servers names prom-1, and the store knows no such server."]
    assert "prom-09" in quoted["warnings"][0]
    assert right["forgotten"] == ["prom-02"]
    assert not right.get("warnings")


def test_a_server_without_its_config_is_a_warning(player: Player, tmp_path: Path) -> None:
    where = {"store": "directory", "path": str(tmp_path / "store")}
    missing = {"prom-01": {"status": "ok", "config": "missing"}, "prom-09": {"status": "ok", "config": "missing"}}
    _first, gone = player.tasks({NAME: FLEET | where}, {NAME: {"fields": [], "servers": missing} | where})
    assert gone["unfound"] == ["prom-01"]
    assert gone["orphaned"] == []
    [warning] = gone["warnings"]
    assert "No main config of Prometheus was found on prom-01, " in warning
    assert "forget_servers" in warning


def test_directory_files_have_the_mode_that_is_asked_for(player: Player, tmp_path: Path) -> None:
    where = {"store": "directory", "path": str(tmp_path / "store"), "mode": "0600"}
    player.tasks({NAME: FLEET | where})
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "store").rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in (tmp_path / "store").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


# Consul's own variables, and module_defaults.


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("acl"), acl=True) as agent:
        yield agent


def test_consul_variables_serve_modules_and_lookup(player: Player, guarded: ConsulAgent, prefix: str) -> None:
    token = guarded.new_token(f'key_prefix "{prefix}/" {{ policy = "write" }}')
    player.environment = {"CONSUL_HTTP_ADDR": guarded.url, "CONSUL_HTTP_TOKEN": token}
    where = {"prefix": prefix}
    lookup = (
        "{{ query('skills_eye.prometheus_fleet.fields', prefix='"
        + prefix
        + "', tiers=['store']) | map(attribute='name') }}"
    )
    published, read, looked_up = player.tasks(
        {NAME: FLEET | where},
        {f"{NAME}_info": where},
        {"ansible.builtin.debug": {"msg": lookup}},
    )
    assert published["changed"]
    assert read["exists"]
    assert looked_up["msg"] == ["company", "env"]


def test_token_file_by_variable_and_group_defaults(
    player: Player, guarded: ConsulAgent, prefix: str, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(guarded.new_token(f'key_prefix "{prefix}/" {{ policy = "write" }}'), encoding="utf-8")
    player.environment = {"CONSUL_HTTP_TOKEN_FILE": str(token_file)}
    group = "group/skills_eye.prometheus_fleet.consul"
    published, read = player.tasks(
        {NAME: FLEET},
        {f"{NAME}_info": {}},
        module_defaults={group: {"address": guarded.address, "prefix": prefix}},
    )
    assert published["changed"]
    assert len(read["fields"]) == 2


def test_token_is_in_no_output(player: Player, guarded: ConsulAgent, prefix: str) -> None:
    token = guarded.new_token(f'key_prefix "{prefix}/" {{ policy = "read" }}')
    wrapped = "{{ lookup('env', 'WRAPPED') }}"
    where = {"address": guarded.address, "prefix": prefix}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"prometheus_fleet_consul_address": guarded.address, "prometheus_fleet_consul_token": wrapped},
        "tasks": [
            {NAME: FLEET | where | {"token": wrapped}, "ignore_errors": True},
            {
                "ansible.builtin.debug": {"msg": f"{{{{ query('{NAME}', prefix='{prefix}', tiers=['store']) }}}}"},
                "ignore_errors": True,
            },
        ],
    }
    player.environment = {"WRAPPED": token}
    played = player.run([play], "-vvvv", "--diff")
    output = " ".join((played.stdout + played.stderr).split())
    assert "does not let the token write this" in output
    assert "Nothing was published at" in output
    assert token not in output


def test_password_in_an_address_is_in_no_result(player: Player, agent: ConsulAgent) -> None:
    for address in (f"http://user:hidden@{agent.address}", f"user:hidden@{agent.address}"):
        results = player.tasks({NAME: FLEET | {"address": address}}, {f"{NAME}_info": {"address": address}})
        for result in results:
            assert "must not hold a user or password" in result["msg"]
            assert "hidden" not in json.dumps(result)


def test_variables_that_are_empty_are_not_set(player: Player, agent: ConsulAgent, prefix: str) -> None:
    names = ("ADDR", "TOKEN", "TOKEN_FILE", "SSL", "SSL_VERIFY")
    player.environment = {f"CONSUL_HTTP_{name}": "" for name in names} | {"CONSUL_CACERT": "", "CONSUL_NAMESPACE": ""}
    [published] = player.tasks({NAME: FLEET | {"address": agent.address, "prefix": prefix}})
    assert published["changed"]


def test_half_a_character_set_by_hand_stops_nobody(player: Player, tmp_path: Path) -> None:
    """Ansible refuses such a text in a result, which would make a failure of a publish that was done."""
    where = {"store": "directory", "path": str(tmp_path / "store")}
    player.tasks({NAME: FLEET | where})
    document = tmp_path / "store" / "fields.json"
    changed = document.read_text(encoding="utf-8").replace('"display_name": "company"', '"display_name": "\\ud83d"', 1)
    document.write_text(changed, encoding="utf-8")
    swept, read = player.tasks(
        {NAME: extraction({"prom-03": ["company"]}) | where}, {f"{NAME}_info": where}, options=("--diff",)
    )
    assert swept["changed"]
    assert len(read["servers"]) == 3
    assert b'"display_name": "\\ud83d"' in document.read_bytes()


def test_missing_requirement(player: Player, tmp_path: Path, prefix: str) -> None:
    blocked = tmp_path / "blocked" / "consul"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('No module named consul')\n", encoding="utf-8")
    player.environment = {"PYTHONPATH": str(tmp_path / "blocked")}
    where = {"prefix": prefix}
    directory = {"store": "directory", "path": str(tmp_path / "store")}
    published, read, looked_up, elsewhere = player.tasks(
        {NAME: FLEET | where},
        {f"{NAME}_info": where},
        {"ansible.builtin.debug": {"msg": f"{{{{ query('{NAME}', tiers=['store']) }}}}"}},
        {NAME: FLEET | directory},
    )
    for result in (published, read, looked_up):
        assert result["failed"]
        assert "Failed to import the required Python library (py-consul)" in result["msg"]
        assert "for the consul store" in result["msg"]
    assert elsewhere["changed"]


# The lookup.


def test_lookup_reads_once_however_much_is_asked(
    player: Player, agent: ConsulAgent, prefix: str, tmp_path: Path
) -> None:
    with proxy_to(agent) as proxy:
        variables = {"prometheus_fleet_consul_address": proxy.address, "prometheus_fleet_prefix": prefix}
        player.tasks({NAME: FLEET | {"address": agent.address, "prefix": prefix}})
        all_of, two, one, missing = player.tasks(
            {"ansible.builtin.debug": {"msg": f"{{{{ query('{NAME}', tiers=['store']) }}}}"}},
            {
                "ansible.builtin.debug": {
                    "msg": f"{{{{ query('{NAME}', 'env', 'company', tiers=['store']) | map(attribute='name') }}}}"
                }
            },
            {"ansible.builtin.debug": {"msg": f"{{{{ lookup('{NAME}', 'company', tiers=['store']).source_label }}}}"}},
            {"ansible.builtin.debug": {"msg": f"{{{{ query('{NAME}', 'company', 'tenant', tiers=['store']) }}}}"}},
            vars=variables,
        )
        assert [item["name"] for item in all_of["msg"]] == ["company", "env"]
        assert two["msg"] == ["env", "company"]
        assert one["msg"] == "__meta_consul_service_metadata_company"
        assert missing["failed"]
        assert "There is no field tenant. There are: company, env." in missing["msg"]
        # One for each lookup, whatever it asks for; what the tiers before the store spare is tested with them.
        assert [request.path for request in proxy.requests] == [f"/v1/kv/{prefix}/fields"] * 4


def test_lookup_takes_its_options_from_every_place(player: Player, tmp_path: Path) -> None:
    store = tmp_path / "store"
    lookup = {"ansible.builtin.debug": {"msg": f"{{{{ query('{NAME}', tiers=['store']) | length }}}}"}}
    player.tasks({NAME: FLEET | {"store": "directory", "path": str(store)}})
    (tmp_path / "ansible.cfg").write_text(f"[prometheus_fleet]\nstore = directory\npath = {store}\n", encoding="utf-8")
    [by_ini] = player.tasks(lookup)
    # Until ansible-core 2.18, what a template gives is text.
    assert int(by_ini["msg"]) == 2
    nowhere = {"prometheus_fleet_path": str(tmp_path / "nowhere")}
    [by_variable] = player.tasks(lookup, vars=nowhere)
    assert "Nothing was published at" in by_variable["msg"]
    [by_argument] = player.tasks(
        {"ansible.builtin.debug": {"msg": f"{{{{ query('{NAME}', path='{store}', tiers=['store']) | length }}}}"}},
        vars=nowhere,
    )
    assert int(by_argument["msg"]) == 2
