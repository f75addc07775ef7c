# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins and the role say of themselves agrees with what they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.ansible_test_sanity import PROJECT

NAME = "skills_eye.prometheus_fleet"
FOLDERS = {"module": "modules", "lookup": "lookup", "filter": "filter"}
# Keywords of plays, blocks and tasks that may stand beside the action's name.
RESULT_AND_FLOW = "register until retries delay loop loop_control when changed_when failed_when notify"
WHERE_AND_HOW = (
    "name vars environment tags become become_user delegate_to run_once ignore_errors no_log check_mode diff"
)
TASK_KEYWORDS = {*RESULT_AND_FLOW.split(), *WHERE_AND_HOW.split(), "module_defaults", "throttle", "timeout"}
PLAY_KEYWORDS = {"hosts", "gather_facts", "serial", "strategy", "roles", "tasks", "pre_tasks", "post_tasks"}
TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")


def plugin_files(kind: str) -> list[Path]:
    folder = PROJECT / "plugins" / FOLDERS[kind]
    return sorted(path for path in folder.glob("*.py") if not path.stem.startswith("_"))


PLUGINS = [(kind, path.stem) for kind in FOLDERS for path in plugin_files(kind)]


@cache
def documents(kind: str) -> dict[str, Any]:
    """What ansible-doc says of the plugins of one kind, fragments merged in: short name to document."""
    names = [f"{NAME}.{path.stem}" for path in plugin_files(kind)]
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
        "ANSIBLE_HOME": str(PROJECT / ".cache" / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-doc", "--type", kind, "--json", *names],
        env=os.environ | settings,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.removeprefix(f"{NAME}."): document for name, document in json.loads(done.stdout).items()}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_plugin_is_documented_in_full(kind: str, name: str) -> None:
    document = documents(kind)[name]
    doc = document["doc"]
    assert doc["version_added"]
    assert doc["short_description"]
    assert doc["author"]
    assert [option for option, text in doc.get("options", {}).items() if not text.get("description")] == []
    assert document["return"], "RETURN says nothing"
    samples = [key for key, value in document["return"].items() if "sample" not in value and "contains" not in value]
    assert samples == [], "return values without a sample"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_code_in_the_docs_does_not_end_at_a_bracket_of_its_own(kind: str, name: str) -> None:
    """C() has no way to write a closing bracket; V() has."""
    assert re.findall(r"\bC\([^)]*\(.*?\)", json.dumps(documents(kind)[name])) == []


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_examples_are_yaml_with_full_names(kind: str, name: str) -> None:
    text = documents(kind)[name]["examples"]
    examples = yaml.safe_load(text)
    assert isinstance(examples, list), "examples are a list of tasks or plays"
    short = {action for task in tasks(examples) for action in actions(task) if action.count(".") < 2}
    assert short == set(), "actions without a full name"
    own = "|".join(sorted({path.stem for path in plugin_files("filter")}))
    assert re.findall(rf"\|\s*(?:{own})\b", text) == [], "filters without a full name"
    assert [term for term in re.findall(r"(?:lookup|query|q)\(\s*['\"]([^'\"]+)", text) if term.count(".") < 2] == []
    assert f"{NAME}.{name}" in text


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_examples_take_contents_from_where_they_are(kind: str, name: str) -> None:
    """What configs returns has none: they are in its mirror."""
    text = documents(kind)[name]["examples"]
    mirrored = [task.get("register") for task in tasks(yaml.safe_load(text)) if f"{NAME}.configs" in task]
    for register in filter(None, mirrored):
        reads = rf"\b{register}(\.hosts)?\s*\|\s*{re.escape(NAME)}\.(extract_fields|explain_label|route_check)"
        assert re.findall(reads, text) == [], register


def tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tasks of a list of plays, blocks and tasks."""
    for entry in entries:
        inner = [entry[key] for key in TASK_LISTS if key in entry]
        for block in inner:
            yield from tasks(block)
        if not inner and "hosts" not in entry:
            yield entry


def actions(task: dict[str, Any]) -> list[str]:
    found = [key for key in task if key not in TASK_KEYWORDS | PLAY_KEYWORDS and not key.startswith("with_")]
    assert len(found) == 1, f"not one action but {found}"
    return found


def test_action_groups_in_the_docs_are_those_of_the_runtime() -> None:
    groups = load(PROJECT / "meta" / "runtime.yml")["action_groups"]
    in_runtime = {(f"{NAME}.{group}", module) for group, modules in groups.items() for module in modules}
    in_docs = {
        (group, name)
        for name, document in documents("module").items()
        for group in document["doc"].get("attributes", {}).get("action_group", {}).get("membership", [])
    }
    assert in_runtime == in_docs


def test_every_action_has_a_documented_module_beside_it() -> None:
    named = {path.stem for path in (PROJECT / "plugins" / "action").glob("*.py")}
    assert named
    assert named <= {path.stem for path in plugin_files("module")}


def test_every_filter_has_its_document_beside_it() -> None:
    folder = PROJECT / "plugins" / "filter"
    assert {path.stem for path in folder.glob("*.yml")} == {path.stem for path in plugin_files("filter")}


def roles() -> list[Path]:
    return sorted(path for path in (PROJECT / "roles").glob("*") if path.is_dir())


def test_there_is_a_role() -> None:
    assert [role.name for role in roles()] == ["publish"]


@pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)
def test_role_defaults_are_its_argument_specs(role: Path) -> None:
    """The same names with the same values; an argument without a default is required or documented to have none."""
    defaults = load(role / "defaults" / "main.yml") or {}
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    specified = {name: option["default"] for name, option in options.items() if "default" in option}
    assert defaults == specified
    assert [name for name in options if not name.startswith(f"{role.name}_")] == []


def test_readme_lists_every_plugin_role_and_playbook() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    rows = [line.lower() for line in readme.splitlines() if line.startswith("|")]
    for kind, name in PLUGINS:
        assert any(f"`{name}`" in row and kind in row for row in rows), f"no row for the {kind} {name}"
    for role in roles():
        assert any(f"`{role.name}`" in row and "role" in row for row in rows), f"no row for the role {role.name}"
    for playbook in sorted((PROJECT / "playbooks").glob("*.yml")):
        assert any(f"`{playbook.stem}`" in row and "playbook" in row for row in rows), f"no row for {playbook.name}"


def test_changelog_names_every_plugin() -> None:
    releases = load(PROJECT / "changelogs" / "changelog.yaml")["releases"].values()
    told = {("module", plugin["name"]) for release in releases for plugin in release.get("modules", [])}
    told |= {
        (kind, plugin["name"])
        for release in releases
        for kind, plugins in release.get("plugins", {}).items()
        for plugin in plugins
    }
    assert told == set(PLUGINS), "run make changelog"
