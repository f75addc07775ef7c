#!/usr/bin/python
# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: configs
short_description: Mirror the Prometheus and Alertmanager configs of a fleet
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Reads the config files of all servers of a play at once, over one connection and with one command for each server,
    and keeps them with their secrets masked in a directory on the controller, in a folder for each server.
  - A server of which nothing changed since the last sweep says so, and sends nothing.
  - One server that cannot be read costs no other server its result, and keeps what the mirror has of it.
  - A server that is not swept any more keeps its files too. To have the mirror forget it, delete its folder - the next
    sweep of other servers does the rest.
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.attributes
  - skills_eye.prometheus_fleet.attributes.controller_action
  - skills_eye.prometheus_fleet.attributes.actiongroup_sweep
  - skills_eye.prometheus_fleet.sweep
  - skills_eye.prometheus_fleet.sweep.action
  - skills_eye.prometheus_fleet.ssh
  - skills_eye.prometheus_fleet.ssh.action
attributes:
  check_mode:
    support: full
    details:
      - The servers are asked, and nothing is written.
  diff_mode:
    support: full
    details:
      - Shows the masked texts. With O(redact=false) there is no diff.
  idempotent:
    support: full
options:
  dest:
    description:
      - The directory on the controller. It is made where it does not exist.
      - A file lies there in C(SERVER/PATH), with its path on the server.
    type: path
    required: true
  redact:
    description:
      - Whether secrets are masked. V(false) is for backups - the directory and files are then for their owner alone
        (modes 0700 and 0600), and nothing of the contents is in the result.
      - One directory holds either masked or unmasked contents, never both.
    type: bool
    default: true
  prune:
    description: Whether a file that a server has no more is removed. Only a server that answered whole loses files.
    type: bool
    default: true
  force:
    description: Whether to fetch everything, even from servers of which nothing changed.
    type: bool
    default: false
  history:
    description:
      - V(git) commits each sweep that changed something, in a repository in O(dest), with git 2.25 or later.
      - A repository around O(dest) is not touched. One in O(dest) itself that this collection did not make, or that is
        no clone of one it made, is refused.
    type: str
    choices: [none, git]
    default: none
seealso:
  - module: skills_eye.prometheus_fleet.configs_info
  - plugin: skills_eye.prometheus_fleet.extract_fields
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Keep the configs of a fleet
  hosts: monitoring
  gather_facts: false
  tasks:
    - name: Sweep into a mirror
      skills_eye.prometheus_fleet.configs:
        dest: /tmp/prometheus-fleet-example/mirror
      register: swept
      run_once: true

    - name: Work out the labels
      ansible.builtin.debug:
        msg: "{{ (swept.dest | skills_eye.prometheus_fleet.extract_fields).fields | map(attribute='name') }}"
      run_once: true

- name: Back them up, unmasked
  hosts: monitoring
  gather_facts: false
  become: true
  tasks:
    - name: Sweep into a private directory with a history
      skills_eye.prometheus_fleet.configs:
        dest: /tmp/prometheus-fleet-example/backup
        redact: false
        history: git
        fail_on: any
      run_once: true
"""

RETURN = r"""
hosts:
  description:
    - What each server gave, by its name in the inventory, as
      RV(skills_eye.prometheus_fleet.configs_info#module:hosts) has it, but without contents - C(content) is none, and
      C(files) is empty for a server that is V(unchanged). Filters that read contents take RV(dest) in place of it.
    - It is there when the task fails, too, because of O(fail_on), or because the mirror or its history could not
      be written after the sweep. Only what is wrong before any server is asked - options, a O(dest) that cannot be
      written, no git for O(history=git) - fails without it.
  type: dict
  returned: when servers were asked
  sample:
    prom-01:
      status: unchanged
      error:
      transport: asyncssh
      endpoint: ops@192.0.2.11:22
      digest: sha256:9f2b
      attempts: 1
      seconds: {connect: 0.09, transfer: 0.01, total: 0.11}
      files: []
summary:
  description: The sweep in figures. C(ok) counts unchanged servers too; C(seconds) is the time of the whole sweep.
  type: dict
  returned: when servers were asked
  sample: {hosts: 40, ok: 39, failed: 1, unchanged: 38, files: 8, bytes: 90000, seconds: 0.9}
dest:
  description: The absolute path of the mirror.
  type: str
  returned: when servers were asked
  sample: /tmp/prometheus-fleet-example/mirror
added:
  description: New files, by server. Empty where the mirror could not be written, as RV(updated) and RV(removed) are.
  type: dict
  returned: when servers were asked
  sample: {prom-01: [/etc/prometheus/rules/new.yml]}
updated:
  description: Files that changed, by server.
  type: dict
  returned: when servers were asked
  sample: {prom-02: [/etc/prometheus/prometheus.yml]}
removed:
  description: Files that were removed from the mirror, by server.
  type: dict
  returned: when servers were asked
  sample: {}
commit:
  description: The commit that O(history=git) made. There is none where nothing differs from the last one, nor where git
    failed; the next sweep commits what is missing.
  type: str
  returned: when servers were asked
  sample: 4b825dc642cb6eb9a060e54bf8d69288fbee4904
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import mirror_spec, sweep_spec


def main() -> None:
    """Only documents the action of the same name."""
    module = AnsibleModule(argument_spec={**sweep_spec(), **mirror_spec()}, supports_check_mode=True)
    module.fail_json(msg="skills_eye.prometheus_fleet.configs runs on the controller, as an action plugin")


if __name__ == "__main__":
    main()
