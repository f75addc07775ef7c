# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules and filters return is what their documentation says that they return."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.integration.role.site import COLLECTION, PROJECT, TREES, Site

KINDS: dict[str, Any] = {"str": str, "list": list, "dict": dict, "int": int, "float": (int, float), "bool": bool}
# What Ansible itself puts beside each result.
OF_ANSIBLE = {"changed", "failed", "invocation", "warnings", "deprecations", "diff"}
# By the names under which the play keeps them.
RESULTS = {
    "swept": "configs_info",
    "mirrored": "configs",
    "published": "fields",
    "rolled_back": "fields",
    "nothing": "fields_info",
    "stored": "fields_info",
}
FILTERS = {"extracted": "extract_fields", "drift": "label_drift", "routes": "route_check", "explained": "explain_label"}
PLAY = f"""
- hosts: monitoring
  gather_facts: false
  tasks:
    - vars:
        extracted: "{{{{ swept | {COLLECTION}.extract_fields }}}}"
      module_defaults:
        group/{COLLECTION}.consul: {{address: "{{{{ publish_consul_address }}}}", prefix: "{{{{ publish_prefix }}}}"}}
      run_once: true
      delegate_to: localhost
      block:
        - {{{COLLECTION}.configs_info: {{}}, register: swept}}
        - {{{COLLECTION}.configs: {{dest: "{{{{ folder }}}}/mirror", history: git}}, register: mirrored}}
        - {{{COLLECTION}.fields_info: {{}}, register: nothing}}
        - {COLLECTION}.fields: {{fields: "{{{{ extracted.fields }}}}", servers: "{{{{ extracted.servers }}}}"}}
          register: published
        - {COLLECTION}.fields: {{fields: [], servers: {{}}, presentation: {{env: {{order: 5}}}}}}
        - {{{COLLECTION}.fields: {{state: rolled_back}}, register: rolled_back}}
        - {{{COLLECTION}.fields_info: {{}}, register: stored}}
        - ansible.builtin.copy:
            dest: "{{{{ folder }}}}/results.json"
            content: "{{{{ {{'swept': swept, 'mirrored': mirrored, 'published': published, 'rolled_back': rolled_back,
              'nothing': nothing, 'stored': stored, 'extracted': extracted,
              'drift': extracted | {COLLECTION}.label_drift, 'routes': swept | {COLLECTION}.route_check,
              'explained': swept | {COLLECTION}.explain_label('env')}} | to_json }}}}"
          vars: {{ansible_connection: local}}
"""


def of_module(name: str) -> dict[str, Any]:
    body = ast.parse((PROJECT / f"plugins/modules/{name}.py").read_text(encoding="utf-8")).body
    texts = [item.value for item in body if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "RETURN"]
    said: dict[str, Any] = yaml.safe_load(ast.literal_eval(texts[0]))
    return said


def of_filter(name: str) -> dict[str, Any]:
    text = (PROJECT / f"plugins/filter/{name}.yml").read_text(encoding="utf-8")
    said: dict[str, Any] = yaml.safe_load(text)["RETURN"]["_value"]
    return said


def differences(said: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    """Where a value is other than its entry of the documentation, with all that the entry contains."""
    if value is None:
        return
    if not isinstance(value, KINDS[said["type"]]):
        yield f"{place} is {type(value).__name__}, said to be {said['type']}"
    elif said.get("choices") and value not in said["choices"]:
        yield f"{place} is {value}, which is none of its choices"
    elif contains := said.get("contains"):
        items = value if isinstance(value, list) else [value]
        # Entries by server.
        items = [*value.values()] if place.endswith("servers") and isinstance(value, dict) else items
        for item in items:
            yield from (f"{place}.{key} is not documented" for key in item if key not in contains)
            for key in contains.keys() & item.keys():
                yield from differences(contains[key], item[key], f"{place}.{key}")
    else:
        yield from of_sample(said.get("sample"), value, place)


def of_sample(sample: Any, value: Any, place: str) -> Iterator[str]:
    """Entries by server, and the figures of a summary, have the keys that the sample has."""
    if not isinstance(sample, dict) or not isinstance(value, dict) or not sample or not value:
        return
    if all(isinstance(entry, dict) for entry in sample.values()):
        entries = list(value.values())
        example, *_others = sample.values()
    elif place.endswith(("summary", "store", "statuses")):
        entries, example = [value], sample
    else:
        return
    for entry in entries:
        if entry.keys() != example.keys():
            yield f"{place} has {sorted(entry.keys() ^ example.keys())} on one side only"


def test_results_are_as_documented(site: Site) -> None:
    routes = "etc/alertmanager/alertmanager.yml"
    text = (TREES / "prometheus-rio" / routes).read_text(encoding="utf-8")
    assert 'team = "web"' in text
    site.fleet["prometheus-rio"].write(f"/{routes}", text.replace('team = "web"', 'team = "dba"'))
    playbook = site.folder / "returns.yml"
    playbook.write_text(PLAY, encoding="utf-8")
    run = site.play(playbook, folder=str(site.folder))
    assert run.status == 0, run.output
    results = json.loads((site.folder / "results.json").read_text(encoding="utf-8"))
    found: list[str] = []
    for result, name in RESULTS.items():
        said = of_module(name)
        found += [f"{name}.{key} is not documented" for key in results[result] if key not in {*said, *OF_ANSIBLE}]
        for key in said.keys() & results[result].keys():
            found += differences(said[key], results[result][key], f"{name}.{key}")
    for result, name in FILTERS.items():
        assert results[result], name
        found += differences(of_filter(name), results[result], name)
    assert sorted(set(found)) == []
