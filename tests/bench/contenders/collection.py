# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This collection's sweep without ansible-playbook around it: the same endpoints, transport, redaction and result.

Usage: collection.py SERVERS.json MAX_PARALLEL [unmasked] [loaded]

loaded: all is imported first, and the work alone is measured. Else asyncssh and what masks are imported by the way.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins import plugin_utils
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.endpoint import ASYNCSSH, Endpoint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.fleet import Options, sweep
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Service
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Credentials, target
from tests.bench.clock import work

PATTERNS = ("*.yml", "*.yaml", "*/*.yml", "*/*.yaml")


class Listed:
    """Endpoints from the list, by the arguments that Ansible would give ssh."""

    def __init__(self, servers: list[dict[str, Any]]) -> None:
        self._servers = {server["name"]: server for server in servers}

    def resolve(self, server: str) -> Endpoint:
        entry = self._servers[server]
        words = ["-F", "none", "-o", f"UserKnownHostsFile={entry['known_hosts']}", "-o", f"Port={entry['port']}"]
        words += ["-i", entry["key"], "-l", entry["user"], "-o", "PreferredAuthentications=publickey"]
        reached = target(entry["host"], words, Credentials(None, None, None))
        return Endpoint(server, ASYNCSSH, 10.0, lambda: None, reached)


def main() -> None:
    servers = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    loaded = "loaded" in sys.argv[3:]
    if loaded:
        for name in ("_sweep.ssh", "_labels.secrets"):
            importlib.import_module(f"{plugin_utils.__name__}.{name}")
    with work() if loaded else contextlib.nullcontext():
        sweep_all(servers, int(sys.argv[2]), redact="unmasked" not in sys.argv[3:])


def sweep_all(servers: list[dict[str, Any]], max_parallel: int, *, redact: bool) -> None:
    services = tuple(Service(Path(path).name, path, PATTERNS) for path in servers[0]["directories"])
    options = Options(services, max_parallel=max_parallel, redact=redact)
    swept = sweep([server["name"] for server in servers], Listed(servers), options)
    for server in servers:
        result = swept.servers[server["name"]]
        if result.status != "ok" or len(result.files) != server["files"]:
            raise SystemExit(f"{server['name']}: {result.status}, {len(result.files)} files: {result.error}")


if __name__ == "__main__":
    main()
