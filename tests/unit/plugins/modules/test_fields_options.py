# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules take the options that they document, and return what they document."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.doc_fragments import consul, store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import StoreError
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import PRESENTATION
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import store_spec
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


@pytest.mark.parametrize("text", ["0600", "0644", "640", "0755"])
def test_modes(text: str) -> None:
    assert fields.file_mode(text) == int(text, 8)


@pytest.mark.parametrize("text", ["", "u=rw", "420", "384", "416", "0444", "01777", "-600", "0o600x"])
def test_modes_that_cannot_be(text: str) -> None:
    """420 is what YAML makes of an unquoted 0644."""
    with pytest.raises(StoreError, match="octal digits in quotes"):
        fields.file_mode(text)


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
