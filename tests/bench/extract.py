# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extraction, relabelling and redaction, without Ansible or a network: CPU time of this process.

Usage: python -m tests.bench extract [--servers 1000] [--equal 0.95] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import Rule, run
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.bench.clock import cpu_seconds
from tests.bench.trees import tree

DISTINCT = 30
TARGETS = 5000
# The relabelling of a job in the trees, and what a discovered target brings to it.
RULES = (
    Rule(source_labels=("__meta_consul_service_metadata_company",), target_label="company"),
    Rule(source_labels=("__meta_consul_service_metadata_env",), regex="(prod|stage)", target_label="env"),
    Rule(source_labels=("__meta_consul_tags",), regex=",(linux|windows),", target_label="os"),
    Rule(source_labels=("__address__",), regex="([^:]+):.*", target_label="host"),
    Rule(action="labelmap", regex="__meta_consul_service_metadata_extra_(.+)"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench extract", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--equal", type=float, default=0.95, help="the part of all files that every server has alike")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"\nExtraction and redaction, CPU time, median of {options.rounds}")
    report_fleet(options.servers, options.equal, options.rounds)
    report_texts(options.rounds)
    report_targets(options.rounds)


def report_fleet(servers: int, equal: float, rounds: int) -> None:
    fleet = {f"prom-{number:04}": configs(tree(number, equal)) for number in range(servers)}
    texts = [file.content or "" for entry in fleet.values() for file in entry.files]
    seconds = median_cpu(rounds, lambda: extract(fleet))
    distinct = len(set(texts))
    size, each = sum(map(len, texts)), len(texts) // servers
    print(f"  extract, {servers} servers with {each} files each, {size / 1e6:.0f} MB in all, {distinct} distinct texts")
    line("the whole fleet", seconds, f"{size / seconds / 1e6:.0f} MB/s of all text")


def report_texts(rounds: int) -> None:
    """What a text costs the first time, by its kind; a text that was met before costs next to nothing."""
    trees = [tree(number) for number in range(DISTINCT)]
    servers = {f"prom-{number}": configs(files) for number, files in enumerate(trees)}
    size = sum(len(text) for files in trees for text in files.values())
    seconds = median_cpu(rounds, lambda: extract(servers))
    print(f"  {DISTINCT} servers that have no text in common, {size / 1e6:.1f} MB")
    line("extract", seconds, f"{size / seconds / 1e6:.2f} MB/s")
    for kind in ("prometheus/prometheus.yml", "prometheus/rules1.yml", "alertmanager/alertmanager.yml"):
        texts = [files[kind] for files in trees]
        size = sum(map(len, texts))
        seconds = median_cpu(rounds, lambda texts=texts: redact_each(Redactor(), texts))  # type: ignore[misc]
        name = kind.rpartition("/")[2]
        each = f"{seconds / len(texts) * 1000:.2f} ms for one of {size / len(texts) / 1000:.1f} kB"
        line(f"redact {name}", seconds, f"{size / seconds / 1e6:.2f} MB/s, {each}")
    redactor = Redactor()
    redact_each(redactor, texts)
    again = median_cpu(rounds, lambda: redact_each(redactor, texts * 100)) / 100
    line(f"redact {name} again", again, f"{size / again / 1e6:.0f} MB/s")


def report_targets(rounds: int) -> None:
    targets = [
        {
            "__address__": f"node-{number}.example:9100",
            "__meta_consul_service_metadata_company": f"company-{number % 40}",
            "__meta_consul_service_metadata_env": ("prod", "stage", "dev")[number % 3],
            "__meta_consul_tags": ",linux,",
            "__meta_consul_service_metadata_extra_rack": f"r{number % 12}",
            "__meta_consul_service_metadata_extra_row": f"w{number % 5}",
        }
        for number in range(TARGETS)
    ]
    seconds = median_cpu(rounds, lambda: [run(RULES, labels) for labels in targets])
    pairs = len(targets) * len(RULES)
    print(f"  relabel {TARGETS} targets with {len(RULES)} rules")
    line("all targets", seconds, f"{pairs / seconds:,.0f} target-rules per second")


def configs(files: dict[str, str]) -> ServerConfigs:
    return ServerConfigs(
        "ok", None, [ConfigFile(f"/etc/{path}", path.partition("/")[0], text) for path, text in files.items()]
    )


def redact_each(redactor: Redactor, texts: Sequence[str]) -> None:
    for text in texts:
        redactor.redact(text)


def median_cpu(rounds: int, work: Callable[[], object]) -> float:
    """Median CPU seconds of work()."""
    taken = []
    for _unused in range(rounds):
        start = cpu_seconds()
        work()
        taken.append(cpu_seconds() - start)
    return statistics.median(taken)


def line(what: str, seconds: float, note: str) -> None:
    print(f"    {what:<28} {seconds:9.4f} s CPU   {note}")


if __name__ == "__main__":
    main()
