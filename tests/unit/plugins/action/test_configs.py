# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions and the lookup say when they cannot begin."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils import _sweep_call

ROOT = Path(__file__).resolve().parents[4]


def not_found(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


def test_asyncssh_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", not_found)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(AnsibleError, match=r"\(asyncssh\).* to reach the servers.*pip install 'asyncssh\[bcrypt\]>=2"):
        _sweep_call.sweep_modules()


def test_asyncssh_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "2.14.0")
    with pytest.raises(AnsibleError, match=r"asyncssh 2\.14\.0 is too old: 2\.23\.1 or later.*pip install"):
        _sweep_call.sweep_modules()


def test_asyncssh_that_does_not_say_which_it_is_may_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", not_found)
    assert _sweep_call.sweep_modules()


def test_asyncssh_is_not_imported_before_a_server_is_asked() -> None:
    code = (
        "import sys\n"
        "from ansible_collections.skills_eye.prometheus_fleet.plugins.action import configs, configs_info\n"
        "from ansible_collections.skills_eye.prometheus_fleet.plugins.lookup import configs as lookup\n"
        "from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils import _sweep_call\n"
        "_sweep_call.sweep_modules()\n"
        "assert 'asyncssh' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".venv/collections")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.parametrize("name", ["configs", "configs_info"])
def test_the_documented_module_does_nothing_by_itself(name: str) -> None:
    module = f"ansible_collections.skills_eye.prometheus_fleet.plugins.modules.{name}"
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"dest": "/nowhere"} if name == "configs" else {}})
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".venv/collections")}
    done = subprocess.run(
        [sys.executable, "-m", module], input=arguments, env=environment, capture_output=True, text=True, check=False
    )
    result = json.loads(done.stdout)
    assert result["failed"] is True
    assert result["msg"] == f"skills_eye.prometheus_fleet.{name} runs on the controller, as an action plugin"


def ask(*terms: Any, **options: Any) -> Any:
    """Run the lookup on the localhost that Ansible makes up."""
    lookup = lookup_loader.get("skills_eye.prometheus_fleet.configs", loader=None, templar=Templar(loader=None))
    variables = {"hostvars": {}, "groups": {"all": ["prom-01"]}, "ansible_play_hosts_all": ["localhost"]}
    return lookup.run(list(terms), variables=options.pop("variables", variables), **options)


def test_lookup_without_an_inventory() -> None:
    with pytest.raises(AnsibleError, match="needs an inventory"):
        ask("prom-01", variables={})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("tiemout", "there is no option tiemout. Is it timeout?"),
        ("hosts", "there is no option hosts. The terms are the servers, as in lookup"),
        ("xyz", "there is no option xyz. There are: connect_timeout, .*timeout"),
    ],
)
def test_lookup_with_an_unknown_option(option: str, message: str) -> None:
    with pytest.raises(AnsibleError, match=message):
        ask("prom-01", **{option: 3})


def test_lookup_does_not_take_the_controller_for_a_server() -> None:
    """The localhost that Ansible makes up is where a play runs."""
    with pytest.raises(AnsibleError, match="the play targets no server of the inventory: name those to ask"):
        ask()


def test_lookup_with_lists_of_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def inline(servers: list[str], *_others: Any) -> dict[str, Any]:
        asked.append(servers)
        return {"hosts": {}, "summary": {}}

    gather, _play_view = _sweep_call.sweep_modules()
    monkeypatch.setattr(gather, "inline", inline)
    ask(["prom-01", "prom-02"], "prom-03")
    # Nobody's names are not everybody's.
    ask([])
    assert asked == [["prom-01", "prom-02", "prom-03"], []]
    with pytest.raises(AnsibleError, match="a term is a name or a list of names, not dict"):
        ask({"prom-01": 1})
