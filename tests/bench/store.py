# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing to a real Consul on loopback, and writing many documents beside the other ways to do so.

Usage: python -m tests.bench store [--fields 2000] [--servers 200] [--documents 1000] [--tasks 50] [--rounds 5]

Publishing is measured in this process: what the module does between its start and its answer. The tasks of
community.general.consul_kv are measured where that collection is installed (the PyPI package ansible has it).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import ABSENT, Commit, Put
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import (
    ConsulClient,
    ConsulSettings,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import Rules
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import Manner, plan_publish
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.publish import publish
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import sweep_from
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import stamp
from tests.bench.clock import cpu_seconds
from tests.support.consul import ConsulAgent, consul_agent, consul_version
from tests.support.fleets import extraction

PREFIX = "bench/metadata"
DOCUMENT_BYTES = 2000
GENERAL = "community.general.consul_kv"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", type=int, default=2000)
    parser.add_argument("--servers", type=int, default=200, help="every server has every field")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=50, help="tasks to measure one by; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory,
        consul_agent(Path(directory) / "consul") as agent,
    ):
        version = ".".join(map(str, consul_version()))
        print(f"\nStore: Consul {version} on loopback, median of {options.rounds}")
        report_publish(agent, options.fields, options.servers, options.rounds)
        report_documents(agent, Path(directory), options.documents, options.tasks, options.rounds)


def fleet_extraction(fields: int, servers: int) -> dict[str, Any]:
    names = [f"field_{number:04}" for number in range(fields)]
    return extraction({f"prom-{number:03}": names for number in range(servers)})


def publish_once(store: ConsulStore, found: dict[str, Any], now: datetime) -> bool:
    """Publish as the module does; returns whether anything was written."""
    rules, manner = Rules(now=now), Manner(place=store.place)

    def plan(snapshot: Any) -> Any:
        return plan_publish(snapshot, sweep_from(found["fields"], found["servers"], stamp(now)), rules, manner)

    return publish(store, plan, check_mode=False, retry_seconds=15.0).changed


def report_publish(agent: ConsulAgent, fields: int, servers: int, rounds: int) -> None:
    found = fleet_extraction(fields, servers)
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    requests: list[int] = []
    now = datetime.now(UTC).replace(microsecond=0)
    # As in the module: a second's work on objects that all live to the end.
    gc.disable()
    try:
        for number in range(rounds):
            prefix = f"{PREFIX}/{number}"
            store = ConsulStore(ConsulSettings(address=agent.address), prefix)
            first.append(measured(lambda store=store: publish_once(store, found, now), expected=True))  # type: ignore[misc]
            made = store.requests
            before = agent.dump(f"{prefix}/")
            later = ConsulStore(ConsulSettings(address=agent.address), prefix)
            again.append(measured(lambda store=later: publish_once(store, found, now), expected=False))  # type: ignore[misc]
            written = sum(agent.dump(f"{prefix}/")[key] != value for key, value in before.items())
            requests = [
                made,
                later.requests,
                written,
                len(before),
                sum(len(value) for _unused, value in before.values()),
            ]
            gc.collect()
    finally:
        gc.enable()
    made, asked, written, keys, size = requests
    print(f"  publish {fields} fields of {servers} servers, each field on every server")
    line("for the first time", first, f"{made} requests, {keys} keys, {size / 1024:.0f} KiB")
    line("again, unchanged", again, f"{asked} request(s), {written} writes")


def report_documents(agent: ConsulAgent, work: Path, documents: int, tasks: int, rounds: int) -> None:
    value = json.dumps({"fields": "x" * (DOCUMENT_BYTES - 14)}).encode()
    together: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    requests = 0
    for number in range(rounds):
        writes = [Put(f"servers/prom-{each:04}", value, ABSENT) for each in range(documents)]
        store = ConsulStore(ConsulSettings(address=agent.address), f"bench/transactions/{number}")
        together.append(measured(lambda s=store, w=writes: s.commit(Commit(first=w))))  # type: ignore[misc]
        requests = store.requests
        client = ConsulClient(ConsulSettings(address=agent.address))

        def one_by_one(client: ConsulClient = client, number: int = number) -> None:
            for each in range(documents):
                client.put(f"/v1/kv/bench/puts/{number}/{each:04}", [("cas", "0")], value, (200,))

        alone.append(measured(one_by_one))
    base = statistics.median(wall for wall, _unused in together)
    print(f"  write {documents} documents of {DOCUMENT_BYTES} bytes that are new")
    line("in transactions", together, f"{requests} requests")
    line("one PUT after another", alone, f"{documents} requests, {ratio(alone, base)} times as long")
    if tasks < 2:
        return
    each_task = seconds_per_task(agent, work, tasks)
    if each_task is None:
        print(f"    {GENERAL} is not installed and is left out: pip install ansible brings it (PYTHONPATH may name it)")
        return
    whole = each_task * documents
    note = f"{each_task:.3f} s for one, by {tasks} loop items; scaled up: {whole / base:.0f} times as long"
    print(f"    {'consul_kv tasks':<28} {whole:9.2f} s wall                    {note}")


def seconds_per_task(agent: ConsulAgent, work: Path, tasks: int) -> float | None:
    """Wall seconds of one more item of a looped task, its playbook's start left out; None without the collection."""
    environment = {
        **os.environ,
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_HOME": str(work / "ansible"),
    }
    ansible = [sys.executable, "-m", "ansible", "doc", "-t", "module", "--json", GENERAL]
    there = subprocess.run(ansible, env=environment, capture_output=True, text=True, check=False)
    if there.returncode or GENERAL not in there.stdout:
        return None
    walls = []
    for count in (1, tasks):
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "tasks": [
                {
                    GENERAL: {
                        "host": "127.0.0.1",
                        "port": agent.http_port,
                        "key": f"bench/tasks/{count}/{{{{ item }}}}",
                        "value": "x" * DOCUMENT_BYTES,
                    },
                    "loop": list(range(count)),
                    "vars": {"ansible_python_interpreter": sys.executable},
                }
            ],
        }
        path = work / f"tasks-{count}.yml"
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        start = time.perf_counter()
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - start)
        if done.returncode or len(agent.dump(f"bench/tasks/{count}/")) != count:
            raise SystemExit(f"{GENERAL} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return (walls[1] - walls[0]) / (tasks - 1)


def measured(work: Callable[[], object], expected: object = None) -> tuple[float, float]:
    """Wall and CPU seconds of work(), which must give what is expected: a failed run is no figure."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    result = work()
    taken = time.perf_counter() - wall, cpu_seconds() - cpu
    if result != expected:
        raise SystemExit(f"the run gave {result}, not {expected}")
    return taken


def ratio(taken: Sequence[tuple[float, float]], base: float) -> str:
    return f"{statistics.median(wall for wall, _unused in taken) / base:.1f}"


def line(what: str, taken: Sequence[tuple[float, float]], note: str) -> None:
    wall, cpu = (statistics.median(each[part] for each in taken) for part in (0, 1))
    print(f"    {what:<28} {wall:9.4f} s wall {cpu:9.4f} s CPU   {note}")


if __name__ == "__main__":
    main()
