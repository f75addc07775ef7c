# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role are the options of the plugins that they are given to: type, choices, default, secrecy."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import consul_spec, store_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import mirror_spec, sweep_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.modules import fields

ROLE = Path(__file__).resolve().parents[3] / "roles" / "publish"
# What tells of a run is the role's own; no module has it.
OWN = {"publish_summary_file", "publish_metrics_textfile", "publish_report"}
# Options that the role decides itself, and those that only other entry points have.
DECIDED = {"hosts", "dest", "progress", "redact", "history", "state", "to", "fields", "servers"}
# The role says nothing where the module's default is longer than a variable's ought to be.
EMPTY_FOR_DEFAULT = {"publish_services"}


def load(path: str) -> Any:
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


@cache
def entries() -> dict[str, Any]:
    found: dict[str, Any] = load("meta/argument_specs.yml")["argument_specs"]
    return found


def variables() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = entries()["main"]["options"]
    return found


def variable_of(option: str) -> str:
    """The role's name of a module's option."""
    if option == "consistency" or option in set(consul_spec()) - {"timeout"}:
        return f"publish_consul_{option}"
    return f"publish_{option}"


@cache
def options() -> dict[str, dict[str, Any]]:
    """Variable of the role → option of the module that it is given to."""
    found = {f"publish_{name}": option for name, option in (sweep_spec() | mirror_spec()).items()}
    store = store_spec()
    found |= {variable_of(name): option for name, option in store.items() if name != "timeout"}
    found["publish_store_timeout"] = store["timeout"]
    own = set(fields.argument_spec()) - set(store)
    found |= {f"publish_{name}": fields.argument_spec()[name] for name in own}
    chosen = {name: option for name, option in found.items() if name.removeprefix("publish_") not in DECIDED}
    return chosen | {"publish_mirror": found["publish_dest"]}


def test_every_option_has_a_variable_and_every_variable_an_option() -> None:
    assert set(variables()) - OWN == set(options())


@pytest.mark.parametrize("name", sorted(options()))
def test_a_variable_is_what_its_option_is(name: str) -> None:
    variable, option = variables()[name], options()[name]
    for attribute in ("type", "elements", "choices"):
        assert variable.get(attribute) == option.get(attribute), attribute
    # In a role it hides nothing, and ansible-core 2.18 fails over it where the variable is vaulted.
    assert "no_log" not in variable
    if "fallback" in option:
        # Any value at all would hide the environment variable that the module looks at.
        assert "default" not in variable
    elif name not in EMPTY_FOR_DEFAULT:
        # Empty stands for not set: the role leaves such an option out.
        assert (variable.get("default") or None) == (option.get("default") or None)


def test_services_are_described_as_the_module_describes_them() -> None:
    described = {
        name: {key: value for key, value in option.items() if key != "description"}
        for name, option in variables()["publish_services"]["options"].items()
    }
    wanted = {
        name: {key: value for key, value in option.items() if key != "default"}
        for name, option in sweep_spec()["services"]["options"].items()
    }
    assert described == wanted


def test_defaults_are_those_that_the_argument_spec_names() -> None:
    said = {name: option["default"] for name, option in variables().items() if "default" in option}
    assert load("defaults/main.yml") == said


def test_no_secret_has_a_default() -> None:
    secret = {name for name, option in options().items() if option.get("no_log")}
    assert secret == {"publish_consul_token"}
    assert secret & set(load("defaults/main.yml")) == set()


def test_every_store_option_is_handed_on_to_the_modules_and_to_the_lookup() -> None:
    """module_defaults are written out by hand, and so are the lookup's options."""
    defaults = load("tasks/with_store.yml")[0]["module_defaults"]["group/skills_eye.prometheus_fleet.consul"]
    assert set(defaults) == set(store_spec())
    given = load("vars/main.yml")["_publish_store_given"]
    assert set(given) == set(store_spec())
    for option, template in defaults.items():
        variable = "publish_store_timeout" if option == "timeout" else variable_of(option)
        assert re.search(rf"\b_?{variable}\b", template), option
        assert re.search(rf"\b_?{variable}\b", given[option]), option


def test_every_variable_is_used_where_its_step_is() -> None:
    places = [*sorted((ROLE / "tasks").glob("*.yml")), ROLE / "vars" / "main.yml"]
    tasks = "".join(path.read_text(encoding="utf-8") for path in places)
    assert [name for name in variables() if not re.search(rf"\b{name}\b", tasks)] == []
    known = {name for entry in entries().values() for name in entry["options"]}
    facts = {"publish_extracted", "publish_summary"}
    assert set(re.findall(r"(?<![\w.])publish_\w+", tasks)) - facts <= known


def test_every_entry_point_is_described() -> None:
    files = {path.stem for path in (ROLE / "tasks").glob("*.yml")}
    assert set(entries()) <= files
    playbooks = {path.stem for path in (ROLE.parents[1] / "playbooks").glob("*.yml")}
    assert playbooks - {"publish"} == set(entries()) - {"main"}


def test_no_expression_may_come_to_nothing() -> None:
    """Jinja2 3.0, which ansible-core 2.18 takes, fails to join what an if without an else is in a macro."""
    texts = {str(path): path.read_text(encoding="utf-8") for path in ROLE.rglob("*") if path.suffix in {".j2", ".yml"}}
    expressions = [(path, found) for path, text in texts.items() for found in re.findall(r"{{.*?}}", text, re.DOTALL)]
    assert len(expressions) > 100
    assert [item for item in expressions if re.search(r"\sif\s", item[1]) and not re.search(r"\selse\s", item[1])] == []


@pytest.mark.parametrize("name", ["label_drift", "route_check"])
def test_what_takes_long_is_worked_out_once_in_a_run(name: str) -> None:
    """A variable is a template that each use of it works out anew, so these stand in a task that keeps the result."""
    files = [path for path in ROLE.rglob("*.yml") if f".{name}" in path.read_text(encoding="utf-8")]
    (using,) = [task for path in files for task in load(str(path)) if f".{name}" in yaml.safe_dump(task)]
    assert "ansible.builtin.set_fact" in using
