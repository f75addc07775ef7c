# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fields
short_description: Read published metadata fields
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Reads fields that M(skills_eye.prometheus_fleet.fields) published to a store. The whole document is read in one
    request, however many fields are asked for.
  - Works on the controller.
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.consul
  - skills_eye.prometheus_fleet.consul.plugins
  - skills_eye.prometheus_fleet.store
  - skills_eye.prometheus_fleet.store.plugins
options:
  _terms:
    description:
      - Names of fields, in the order in which they are wanted. Without any, all fields are returned, sorted by name.
    type: list
    elements: str
requirements:
  - py-consul, or python-consul 1.1.0 (for the V(consul) store)
seealso:
  - module: skills_eye.prometheus_fleet.fields
  - module: skills_eye.prometheus_fleet.fields_info
"""

EXAMPLES = r"""
- name: Use published fields
  hosts: localhost
  gather_facts: false
  vars:
    prometheus_fleet_store: directory
    prometheus_fleet_path: /tmp/prometheus-fleet-example
  tasks:
    - name: Name every field
      ansible.builtin.debug:
        msg: "{{ query('skills_eye.prometheus_fleet.fields') | map(attribute='name') }}"

    - name: Show where one field comes from
      ansible.builtin.debug:
        msg: "{{ lookup('skills_eye.prometheus_fleet.fields', 'company').source_label }}"
"""

RETURN = r"""
_raw:
  description:
    - The fields, each with its technical part, its presentation and its state, as the document holds them.
  type: list
  elements: dict
  sample:
    - name: company
      origin: relabel
      source_label: __meta_consul_service_metadata_company
      status: synced
      display_name: Company
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible import constants as C  # noqa: N812 - as everywhere in Ansible
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import StoreError
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import store_from, store_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import read_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=self._resolved(variables or {}), direct=kwargs)
        try:
            fields = self._from_store()
        except StoreError as fault:
            raise AnsibleLookupError(str(fault)) from fault
        names = plain(terms)
        if not names:
            return fields
        by_name = {item["name"]: item for item in fields}
        if missing := [str(name) for name in names if name not in by_name]:
            raise AnsibleLookupError(
                f"The store has no field {', '.join(missing)}. It has: {', '.join(by_name) or 'none'}."
            )
        return [by_name[name] for name in names]

    def _resolved(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The variables that options are read from. A lookup is given them as they were written, templates and all."""
        names = C.config.get_plugin_vars("lookup", self._load_name)
        return {name: self._templar.template(variables[name]) for name in names if name in variables}

    def _from_store(self) -> list[dict[str, Any]]:
        """All published fields, in one request. Raises StoreError."""
        store = store_from({name: plain(self.get_option(name)) for name in store_spec()})
        view = read_fields(store, datetime.now(UTC))
        if view is None:
            raise StoreError(
                f"Nothing was published at {store.place('fields')}: run the publish playbook, or check prefix."
            )
        return list(view["fields"])
