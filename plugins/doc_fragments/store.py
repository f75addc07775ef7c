# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Where fields are published.
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where fields are published. V(consul) is Consul's key/value store; V(directory) is a directory of JSON files on
        the host where the task runs, for trying it out, for git, or for machines without Consul.
    type: str
    choices: [consul, directory]
    default: consul
  prefix:
    description:
      - The keys of the V(consul) store are under this prefix.
        Only the keys V(fields), V(servers/*) and V(history/*) below it are read and written.
    type: str
    default: skills/cm/metadata
  path:
    description:
      - The directory of the V(directory) store. Needed with O(store=directory).
    type: path
"""

    # Where a lookup finds these options beside its arguments.
    PLUGINS = r"""
options:
  store:
    ini: [{section: prometheus_fleet, key: store}]
    vars: [{name: prometheus_fleet_store}]
  prefix:
    ini: [{section: prometheus_fleet, key: prefix}]
    vars: [{name: prometheus_fleet_prefix}]
  path:
    ini: [{section: prometheus_fleet, key: path}]
    vars: [{name: prometheus_fleet_path}]
"""
