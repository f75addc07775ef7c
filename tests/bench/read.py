# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading published fields through each tier: this process's memory, the local cache, a real Consul.

First the tiers alone, then the whole lookup as a template calls it, with its options and its count of the answer.

Usage: python -m tests.bench read [--fields 2000] [--servers 200] [--reads 50]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import ConsulSettings
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import read_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache import (
    Chain,
    Memory,
    PluginCache,
    Source,
)
from tests.bench.measure import print_reads
from tests.bench.store import PREFIX, fleet_extraction, publish_once
from tests.support.consul import consul_agent, consul_version

KEY = "fields"
PROJECT = Path(__file__).resolve().parents[2]
MAX_AGE = 3600.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench read", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", type=int, default=2000)
    parser.add_argument("--servers", type=int, default=200, help="every server has every field")
    parser.add_argument("--reads", type=int, default=50)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory,
        consul_agent(Path(directory) / "consul") as agent,
    ):
        store = ConsulStore(ConsulSettings(address=agent.address), PREFIX)
        publish_once(store, fleet_extraction(options.fields, options.servers), datetime.now(UTC).replace(microsecond=0))
        document = store.read_document()
        assert document is not None
        version = ".".join(map(str, consul_version()))
        size = len(document.value) / 1024
        print(f"\nRead {options.fields} fields ({size:.0f} KiB), median of {options.reads}", flush=True)
        source = Source("store", lambda: read_fields(store, datetime.now(UTC)))

        def cache() -> PluginCache:
            # File plugins keep what they read for as long as they live.
            return PluginCache("jsonfile", str(Path(directory) / "cache"), "bench_", MAX_AGE)

        report(f"store (Consul {version})", lambda: Chain((), (source,)), "store", options.reads)
        report("local cache (jsonfile)", lambda: Chain((cache(),), (source,)), "cache", options.reads)
        report("memory of this process", lambda: Chain((Memory(MAX_AGE), cache()), (source,)), "memory", options.reads)
        where = {"address": agent.address, "prefix": PREFIX, "cache_connection": str(Path(directory) / "lookup")}
        given = {**where, "reads": options.reads, "collections": str(PROJECT / ".venv" / "collections")}
        subprocess.run([sys.executable, "-m", "tests.bench.read_lookup", json.dumps(given)], cwd=PROJECT, check=True)


def report(what: str, chain: Callable[[], Chain], tier: str, reads: int) -> None:
    """chain makes a new one, as every lookup has; it is filled before it is measured."""

    def read() -> str:
        answer = chain().answer(KEY)
        return "nobody" if answer.stale else answer.tier

    read()
    print_reads(what, read, tier, reads)


if __name__ == "__main__":
    main()
