#!/usr/bin/python
# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: configs_info
short_description: Read the Prometheus and Alertmanager configs of a fleet
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Reads the config files of all servers of a play at once, over one connection and with one command for each server,
    and returns them with their secrets masked.
  - One server that cannot be read costs no other server its result. Each has a status and, where that is not V(ok), a
    message that says what to do.
  - Contents are part of the result. For more than a few servers, M(skills_eye.prometheus_fleet.configs) keeps them in a
    directory instead.
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.attributes
  - skills_eye.prometheus_fleet.attributes.info_module
  - skills_eye.prometheus_fleet.attributes.controller_action
  - skills_eye.prometheus_fleet.attributes.actiongroup_sweep
  - skills_eye.prometheus_fleet.sweep
  - skills_eye.prometheus_fleet.sweep.action
  - skills_eye.prometheus_fleet.ssh
  - skills_eye.prometheus_fleet.ssh.action
seealso:
  - module: skills_eye.prometheus_fleet.configs
  - plugin: skills_eye.prometheus_fleet.configs
    plugin_type: lookup
  - plugin: skills_eye.prometheus_fleet.extract_fields
    plugin_type: filter
"""

EXAMPLES = r"""
- name: See which labels a fleet makes
  hosts: monitoring
  gather_facts: false
  tasks:
    - name: Read the configs
      skills_eye.prometheus_fleet.configs_info:
      register: swept
      run_once: true

    - name: Name the servers that did not answer whole
      ansible.builtin.debug:
        msg: "{{ swept.hosts | dict2items | rejectattr('value.status', 'eq', 'ok') | map(attribute='value.error') }}"
      run_once: true

- name: Read one service as root
  hosts: monitoring
  gather_facts: false
  become: true
  tasks:
    - name: Read the blackbox exporter's config
      skills_eye.prometheus_fleet.configs_info:
        services:
          - service: blackbox
            directory: /etc/prometheus
            patterns: ["blackbox*.yml"]
        connect_timeout: 5
        fail_on: any
      run_once: true
"""

RETURN = r"""
hosts:
  description:
    - What each server gave, by its name in the inventory.
    - C(status) is V(ok), V(partial) (some files could not be read), V(unchanged), V(unreachable), V(auth_failed),
      V(host_key_rejected), V(no_such_directory), V(denied), V(timeout), V(too_large) or V(protocol_error).
    - C(error) is none, or names the server, what was tried, and what to do.
    - C(transport) is V(asyncssh), or the connection plugin that was used and why.
    - C(size) and C(sha256) of a file are of the original bytes; C(content) is the text with its secrets masked, in
      C(redacted) places, and none where the file is not text.
  type: dict
  returned: when servers were asked
  sample:
    prom-01:
      status: ok
      error:
      transport: asyncssh
      endpoint: ops@192.0.2.11:22
      digest: sha256:9f2b
      attempts: 1
      seconds: {connect: 0.09, transfer: 0.05, total: 0.15}
      files:
        - path: /etc/prometheus/prometheus.yml
          service: prometheus
          size: 4096
          mtime: 1767225600
          sha256: 3f79
          content: "global:\n  scrape_interval: 15s\n"
          redacted: 0
          error:
summary:
  description: The sweep in figures. C(ok) counts unchanged servers too; C(seconds) is the time of the whole sweep.
  type: dict
  returned: when servers were asked
  sample: {hosts: 40, ok: 39, failed: 1, unchanged: 0, files: 312, bytes: 3600000, seconds: 1.4}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import sweep_spec


def main() -> None:
    """Only documents the action of the same name."""
    module = AnsibleModule(argument_spec=sweep_spec(), supports_check_mode=True)
    module.fail_json(msg="skills_eye.prometheus_fleet.configs_info runs on the controller, as an action plugin")


if __name__ == "__main__":
    main()
