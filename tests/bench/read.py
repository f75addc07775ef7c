# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading published fields through each tier: this process's memory, the local cache, a real Consul.

Usage: python -m tests.bench read [--fields 2000] [--servers 200] [--reads 50]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
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
from tests.bench.measure import cpu_seconds
from tests.bench.store import PREFIX, fleet_extraction, publish_once
from tests.support.consul import consul_agent, consul_version

KEY = "fields"
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
        print(f"\nRead {options.fields} fields ({len(document.value) / 1024:.0f} KiB), median of {options.reads}")
        source = Source("store", lambda: read_fields(store, datetime.now(UTC)))
        memory = Memory(MAX_AGE)
        cache = PluginCache("jsonfile", str(Path(directory) / "cache"), "bench_", MAX_AGE)
        report(f"store (Consul {version}), no tier", Chain((), (source,)), "store", options.reads)
        report("local cache (jsonfile)", filled(Chain((cache,), (source,))), "cache", options.reads)
        report("memory of this process", filled(Chain((memory, cache), (source,))), "memory", options.reads)


def filled(chain: Chain) -> Chain:
    chain.answer(KEY)
    return chain


def report(what: str, chain: Chain, tier: str, reads: int) -> None:
    walls, cpus = [], []
    for _unused in range(reads):
        wall, cpu = time.perf_counter(), cpu_seconds()
        answer = chain.answer(KEY)
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
        if answer.tier != tier or answer.stale:
            raise SystemExit(f"the answer came from {answer.tier}, not {tier}")
    wall, cpu = statistics.median(walls) * 1000, statistics.fmean(cpus) * 1000
    print(f"    {what:<34} {wall:9.3f} ms wall {cpu:9.3f} ms CPU (mean)")


if __name__ == "__main__":
    main()
