# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sweep in this process over an inventory, with Ansible's own inventory, variables and templates.

results = sweep(fleet.inventory(ansible_become=True), tmp_path)
assert results["prom-01"].status == "ok"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import secrets
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import fleet, gather, session, ssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.play_view import PlayView
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.resolver import Resolver
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult

# Ansible's finder, which play_view() installs, loads nothing of a collection that began without it.
assert secrets
assert session
assert ssh

DEFAULTS: dict[str, Any] = {"timeout": 20.0, "max_parallel": 50, "max_bytes": 1 << 26, "max_files": 2000}


def play_view(inventory: Mapping[str, Any], directory: Path, **keywords: Any) -> tuple[PlayView, list[str]]:
    """What a play with these keywords says of the hosts of an inventory, and the hosts' names."""
    if not AnsibleCollectionConfig.collection_finder:
        init_plugin_loader()
    path = directory / "sweeping.yml"
    path.write_text(yaml.safe_dump(dict(inventory)), encoding="utf-8")
    loader = DataLoader()
    manager = InventoryManager(loader=loader, sources=[str(path)])
    variables = VariableManager(loader=loader, inventory=manager)
    hostvars = HostVars(manager, variables, loader)
    view = PlayView(hostvars, Templar(loader=loader, variables={}), keywords)
    return view, [host.name for host in manager.get_hosts()]


def sweep(
    inventory: Mapping[str, Any],
    directory: Path,
    *,
    known: Mapping[str, str] | None = None,
    say: Callable[[str], None] | None = None,
    keywords: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, ServerResult]:
    """Sweep all hosts of the inventory; options are those of the actions."""
    view, servers = play_view(inventory, directory, **(keywords or {}))
    asked = gather.options({**DEFAULTS, **options})
    return fleet.sweep(servers, Resolver(view), asked, known_digests=known, say=say).servers
