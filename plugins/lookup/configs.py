# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: configs
short_description: Read the Prometheus and Alertmanager configs of servers in an expression
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Does what M(skills_eye.prometheus_fleet.configs_info) does, where a value is wanted rather than a task.
  - Keywords of the play, as C(remote_user) and C(become), do not reach a lookup - variables, C(ansible.cfg), the
    environment and the command line do.
  - Variables of the play, its roles and the task count as for a task on each of the servers. In what Ansible reads
    before there is a task on a host, as the condition of a C(meta) task, those named C(ansible_*) count only where they
    are templates, and passwords asked for by C(-k) and C(-K) do not.
options:
  _terms:
    description:
      - The names of the servers, as the inventory has them, or lists of them.
      - Without any, all hosts of the play that are in the inventory, so a play on an implicit C(localhost) must name
        them.
    type: list
    elements: str
  fail_on:
    description:
      - V(all) raises an error when no server gave anything, V(any) when a single server did not answer whole, V(never)
        never.
    type: str
    choices: [any, all, never]
    default: all
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.sweep
  - skills_eye.prometheus_fleet.ssh
seealso:
  - module: skills_eye.prometheus_fleet.configs_info
  - plugin: skills_eye.prometheus_fleet.fields
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Look at two servers
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Say how they are
      ansible.builtin.debug:
        msg: "{{ swept.hosts | dict2items | map(attribute='value.status') }}"
      vars:
        swept: "{{ lookup('skills_eye.prometheus_fleet.configs', 'prom-01', 'prom-02', fail_on='never') }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary with C(hosts) and C(summary), as M(skills_eye.prometheus_fleet.configs_info) returns them.
  type: list
  elements: dict
  sample:
    - hosts: {}
      summary: {hosts: 2, ok: 2, failed: 0, unchanged: 0, files: 16, bytes: 180000, seconds: 0.2}
"""

from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.lookup import LookupBase

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import sweep_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import names_in, unknown_option
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._asked import play_hosts
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep_call import sweep_modules

NAME = "skills_eye.prometheus_fleet.configs"


class LookupModule(LookupBase):
    """Sweeps the servers that the terms name."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        if wrong := unknown_option(kwargs, self.option_definitions):
            if "hosts" in kwargs:
                wrong = f"there is no option hosts. The terms are the servers, as in lookup('{NAME}', 'prom-01')"
            raise AnsibleLookupError(f"{NAME}: {wrong}")
        self.set_options(var_options=variables, direct=kwargs)
        names = ("services", "connect_timeout", "timeout", "max_parallel", "max_bytes", "max_files", "fail_on")
        spec = {name: value for name, value in sweep_spec().items() if name in names}
        # Of what is in a list, Ansible checks nothing for a lookup.
        checked = ArgumentSpecValidator(spec).validate({name: plain(self.get_option(name)) for name in names})
        if checked.error_messages:
            raise AnsibleLookupError(f"{NAME}: {'; '.join(checked.error_messages)}")
        given = checked.validated_parameters
        try:
            gather, play_view = sweep_modules()
        except AnsibleError as error:
            raise AnsibleLookupError(f"{NAME}: {error}") from None
        known = variables or {}
        if "hostvars" not in known:
            raise AnsibleLookupError(f"{NAME} needs an inventory")
        try:
            named = names_in(terms)
            servers = plain(play_hosts(known, named))
            if named is None and not servers:
                raise ValueError(
                    "the play targets no server of the inventory: name those to ask, "
                    f"as in lookup('{NAME}', groups['monitoring'])"
                )
            result = gather.inline(servers, play_view.of_lookup(known, self._templar), given, None)
        except ValueError as error:
            raise AnsibleLookupError(f"{NAME}: {error}") from None
        if result.get("failed"):
            raise AnsibleLookupError(result["msg"])
        return [{"hosts": result["hosts"], "summary": result["summary"]}]
