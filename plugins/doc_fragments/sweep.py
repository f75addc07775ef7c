# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What is gathered, and within which bounds.
    DOCUMENTATION = r"""
options:
  services:
    description:
      - What to read on each server.
      - A directory that a server does not have is no error, as long as it has one of them.
    type: list
    elements: dict
    default:
      - service: prometheus
        directory: /etc/prometheus
      - service: alertmanager
        directory: /etc/alertmanager
    suboptions:
      service:
        description:
          - The name of the service. Fields are taken from V(prometheus), routes from V(alertmanager). Any other one is
            swept and mirrored as well, unless it looks like one of these, misspelt.
        type: str
        required: true
      directory:
        description: The absolute path of its directory on the servers.
        type: str
        required: true
      patterns:
        description:
          - Which files below the directory make up the configuration. A C(*) stands for part of one name, never for a
            slash, and C(**) is refused.
        type: list
        elements: str
        default: ["*.yml", "*.yaml", "*/*.yml", "*/*.yaml"]
  connect_timeout:
    description:
      - How long one login may take, in seconds.
      - Without it, what the server's own settings say counts, as C(ansible_ssh_timeout), C(timeout) in C(ansible.cfg),
        or C(--timeout); if those say nothing, V(10). As with C(ssh), they bound the connection until both sides have
          agreed on keys; a server that is slow to look up users and names then has O(timeout) more.
    type: float
  timeout:
    description:
      - How long the command on a server and the transfer of its files may take, in seconds.
      - A login that the server dropped is tried again within this time.
    type: float
    default: 30.0
  max_parallel:
    description: How many servers are asked at the same time; fewer where the controller may not open so many files.
    type: int
    default: 50
  max_bytes:
    description: How many bytes the files of one server may have together. A server that has more is V(too_large).
    type: int
    default: 67108864
  max_files:
    description: How many files one server may send. A server that has more is V(too_large).
    type: int
    default: 2000
"""

    # What an action has beside that.
    ACTION = r"""
options:
  hosts:
    description:
      - The names of the servers, as the inventory has them.
      - Without it, all hosts of the play, as C(--limit) leaves them (C(ansible_play_hosts_all)).
    type: list
    elements: str
  fail_on:
    description:
      - V(all) fails when no server gave anything, V(any) when a single server did not answer whole, V(never) never.
      - The result is whole in each case; a task that failed returns it too.
    type: str
    choices: [any, all, never]
    default: all
  progress:
    description: Whether to show a line for each server as it comes in, and for each 5 % above 100 servers.
    type: bool
    default: true
"""
