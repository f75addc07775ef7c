# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules take the options that they document, and return what they document."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.doc_fragments import consul, store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import StoreError
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import PRESENTATION
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import file_mode, store_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import named
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from ansible_collections.skills_eye.prometheus_fleet.plugins.modules import fields, fields_info
from tests.support.fleets import NOW, extraction, publish_to, roll_back


def documented(module: ModuleType) -> dict[str, Any]:
    own: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION).get("options", {})
    shared = [yaml.safe_load(part.ModuleDocFragment.DOCUMENTATION)["options"] for part in (consul, store)]
    return {key: value for options in (*shared, own) for key, value in options.items()}


@pytest.mark.parametrize(("module", "spec"), [(fields, fields.argument_spec()), (fields_info, store_spec())])
def test_options_are_documented_as_they_are(module: ModuleType, spec: dict[str, Any]) -> None:
    options = documented(module)
    assert set(options) == set(spec)
    for name, option in options.items():
        for key in ("type", "default", "choices", "elements"):
            assert option.get(key) == spec[name].get(key), (name, key)


def test_defaults_of_new_fields_are_documented() -> None:
    text = " ".join(documented(fields)["field_defaults"]["description"])
    assert all(f"C({attribute})" in text for attribute in PRESENTATION)
    assert f"C({PRESENTATION['category']})" in text
    assert str(PRESENTATION["order"]) in text


def given(**options: Any) -> dict[str, Any]:
    """The options of the module as Ansible hands them over."""
    return {name: option.get("default") for name, option in fields.argument_spec().items()} | options


def test_defaults_of_new_fields_are_taken_as_they_are_meant() -> None:
    """Until ansible-core 2.18 a template makes a text of a number and of a truth."""
    meant = {"category": "biz", "order": "5", "required": "True", "show_in_form": False, "validation_regex": "x"}
    rules = fields.rules_from(given(field_defaults=meant | {"options": ["a"], "default_value": 1}), NOW)
    assert rules.defaults == {
        "category": "biz",
        "order": 5,
        "required": True,
        "show_in_form": False,
        "validation_regex": "x",
        "options": ["a"],
        "default_value": 1,
    }
    same = dict(PRESENTATION)
    assert fields.rules_from(given(field_defaults=same), NOW).defaults == same


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"categori": "biz"}, "field_defaults has no categori; it takes available_for_registration, category, "),
        ({"required": "maybe"}, "field_defaults.required must be true or false, got: 'maybe'"),
        ({"required": None}, "field_defaults.required must be true or false, got: None"),
        ({"order": "first"}, "field_defaults.order must be a whole number, got: 'first'"),
        ({"order": True}, "field_defaults.order must be a whole number, got: True"),
        ({"category": ["biz"]}, "field_defaults.category must be a text, got: "),
        ({"options": "a,b"}, "field_defaults.options must be a list or null, got: 'a,b'"),
        ({"validation_regex": 5}, "field_defaults.validation_regex must be a text or null, got: 5"),
        ({1: "x"}, "field_defaults has no 1;"),
    ],
)
def test_defaults_of_new_fields_that_cannot_be(defaults: dict[Any, Any], message: str) -> None:
    with pytest.raises(StoreError) as refused:
        fields.rules_from(given(field_defaults=defaults), NOW)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("presentation", "message"),
    [
        ({"env": {"categori": "biz"}}, "presentation.env has no categori; it takes available_for_registration, "),
        ({"env": {"regex": "x"}}, "presentation.env sets regex, but that is not presentation"),
        ({"env": {"order": "first"}}, "presentation.env.order must be a whole number, got: 'first'"),
        ({"env": None}, "presentation.env must be a dictionary, got: None"),
        ({"env": ["order"]}, "presentation.env must be a dictionary, got: ['order']"),
    ],
)
def test_presentation_that_cannot_be(presentation: dict[Any, Any], message: str) -> None:
    with pytest.raises(StoreError) as refused:
        fields.rules_from(given(presentation=presentation), NOW)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["orphan_grace", "touch_after"])
def test_a_duration_that_is_none_is_named(name: str) -> None:
    with pytest.raises(StoreError, match=f"^{name}: '7 days' is not a duration"):
        fields.rules_from(given(**{name: "7 days"}), NOW)


@pytest.mark.parametrize("text", ["0600", "0644", "640", "0755"])
def test_modes(text: str) -> None:
    assert file_mode(text) == int(text, 8)


@pytest.mark.parametrize("text", ["", "u=rw", "420", "384", "416", "0444", "01777", "-600", "0o600x"])
def test_modes_that_cannot_be(text: str) -> None:
    """420 is what YAML makes of an unquoted 0644."""
    with pytest.raises(StoreError, match=r"octal digits in quotes .*without them, YAML reads 0600 as the number 384"):
        file_mode(text)


def returned(module: ModuleType) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(module.RETURN)
    return values


def test_results_are_documented_as_they_are(tmp_path: Any) -> None:
    target = DirectoryStore(str(tmp_path))
    publish_to(target, extraction({"prom-01": ["a"]}))
    outcome = publish_to(target, extraction({"prom-01": ["a", "b"]}))
    result = fields.result_of(outcome, target)
    back = fields.result_of(roll_back(target), target)
    assert set(result) | {"restored"} == {*returned(fields), "changed"} == set(back)
    assert set(whole_view(target.read(), target, NOW)) == set(returned(fields_info))
    kinds = {"str": str, "list": list, "dict": dict, "int": int}
    for name, value in back.items():
        if name != "changed":
            assert isinstance(value, kinds[returned(fields)[name]["type"]]), name
            assert isinstance(returned(fields)[name]["sample"], kinds[returned(fields)[name]["type"]]), name


def test_what_is_shown_of_a_run_is_small() -> None:
    fleet = extraction({f"prom-{number}": ["company"] for number in range(50)})
    shown = fields.invocation_of({"fields": fleet["fields"], "servers": fleet["servers"], "state": "published"})
    assert shown == {"module_args": {"fields": "1 fields", "servers": "50 servers", "state": "published"}}
    assert fields.invocation_of({"fields": None, "servers": None}) == {"module_args": {"fields": None, "servers": None}}


def test_what_it_tells_has_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    """Names of fields, values, and keys of the store are what servers and whoever may write there make of them."""
    odd = "l\nok: [localhost]\x1b[2J\x9b"
    published = publish_to(DirectoryStore(str(tmp_path)), extraction({"a": [odd]}, values={odd: [odd]}))
    diff = published.plan.diff(odd)
    assert {sign for sign in diff["after"] if not sign.isprintable()} == {"\n"}
    assert "ok: [localhost]" not in [line[:15] for line in diff["after"].splitlines()]
    for text in (str(StoreError(odd)), named([odd])):
        assert text == r"l\nok: [localhost]\x1b[2J\x9b"
