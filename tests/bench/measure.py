# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run whole commands side by side; medians of wall seconds, CPU seconds (children included) and peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.clock import cpu_seconds


@dataclass(frozen=True)
class Contender:
    """A command that is run as a user would run it; a status other than 0 ends the bench."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


@dataclass(frozen=True)
class Sample:
    """work: wall and CPU seconds without start and imports, where the contender's last line of output says them."""

    wall: float
    cpu: float
    peak_mb: float
    work: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    name: str
    wall: float
    cpu: float
    peak_mb: float
    work: tuple[float, float] | None = None


# A bench process measures one command in a child of its own, so that ru_maxrss and the CPU times are of that command
# and of what it started, and of nothing else.
_CHILD = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
if done.returncode:
    sys.stderr.buffer.write(done.stdout[-4000:])
    sys.exit(done.returncode)
last = done.stdout.decode(errors="replace").splitlines()[-1:] or [""]
work = json.loads(last[0][5:]) if last[0].startswith("work ") else None
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, work]))
"""


def run_once(contender: Contender) -> Sample:
    """Run one contender to its end. Raises SystemExit with its last output when it fails: a failed run is no figure."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *contender.command],
        capture_output=True,
        text=True,
        # Bytecode is kept, as it is unless somebody forbids it.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **contender.env},
        cwd=contender.cwd,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{contender.name} failed ({done.returncode}):\n{done.stderr}")
    wall, cpu, peak_mb, work = json.loads(done.stdout.splitlines()[-1])
    return Sample(wall, cpu, peak_mb, (work[0], work[1]) if work else None)


def side_by_side(contenders: Sequence[Contender], rounds: int) -> list[Row]:
    """Medians over the rounds; each round runs every contender once, so that a busy moment hits all alike."""
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            samples[contender.name].append(run_once(contender))
            print(f"\r  round {number + 1}/{rounds}  {contender.name:<60}", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 90 + "\r", end="", file=sys.stderr)
    return [_row(name, taken) for name, taken in samples.items()]


def _row(name: str, taken: Sequence[Sample]) -> Row:
    work = [sample.work for sample in taken if sample.work]
    return Row(
        name,
        statistics.median(sample.wall for sample in taken),
        statistics.median(sample.cpu for sample in taken),
        statistics.median(sample.peak_mb for sample in taken),
        (statistics.median(each[0] for each in work), statistics.median(each[1] for each in work)) if work else None,
    )


def print_table(title: str, rows: Sequence[Row]) -> None:
    """The rows, and how each compares with the first that says it: above 1 means that the first row is better.

    The columns of the work leave out the start of the process and its imports, which a running Ansible has behind it.
    """
    first = rows[0]
    first_work = next((row.work for row in rows if row.work), None)
    width = max(len(row.name) for row in rows)
    print(f"\n{title}")
    print(f"  {'':<{width}}  {'whole process':^42} | {'the work alone':^31}")
    columns = f"{'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'wall x':>8} {'CPU x':>6}"
    print(f"  {'':<{width}}  {columns} | {'wall s':>7} {'CPU s':>7} {'wall x':>7} {'CPU x':>7}")
    for row in rows:
        line = (
            f"  {row.name:<{width}}  {row.wall:8.2f} {row.cpu:8.2f} {row.peak_mb:8.0f}"
            f" {row.wall / first.wall:8.2f} {row.cpu / first.cpu:6.2f} |"
        )
        if row.work and first_work:
            line += (
                f" {row.work[0]:7.2f} {row.work[1]:7.2f}"
                f" {row.work[0] / first_work[0]:7.2f} {row.work[1] / first_work[1]:7.2f}"
            )
        print(line)


def print_reads(what: str, read: Callable[[], str], tier: str, reads: int) -> None:
    """Read so often and print what it took. read() says which tier answered; another than the one meant ends all."""
    walls, cpus = [], []
    for _unused in range(reads):
        wall, cpu = time.perf_counter(), cpu_seconds()
        answered = read()
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
        if answered != tier:
            raise SystemExit(f"the answer came from {answered}, not {tier}")
    wall, cpu = statistics.median(walls) * 1000, statistics.fmean(cpus) * 1000
    print(f"    {what:<34} {wall:9.3f} ms wall {cpu:9.3f} ms CPU (mean)", flush=True)
