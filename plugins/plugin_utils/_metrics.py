# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of one run, in Prometheus' text format, for node_exporter's textfile collector.

Every metric is a gauge about the last run but one, the answers of the cache tiers, which are counted elsewhere, over
all processes. A textfile is replaced whole, so a server that is gone is gone from it. Carried over from the text before
are when a run last succeeded, when each server last answered, and what a server has that sent no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

PROMETHEUS_CLIENT_ERROR: ImportError | None = None
try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.parser import text_string_to_metric_families
except ImportError as error:
    PROMETHEUS_CLIENT_ERROR = error

Family = TypeVar("Family", "GaugeMetricFamily", "CounterMetricFamily")
PREFIX = "prometheus_fleet_"
LAST_SUCCESS = PREFIX + "last_success_timestamp_seconds"
LAST_SEEN = PREFIX + "server_last_seen_timestamp_seconds"
FILES = PREFIX + "server_config_files"
BYTES = PREFIX + "server_config_bytes"
FIELD_STATUSES = ("missing", "synced", "outdated", "orphan")


@dataclass(frozen=True, slots=True)
class Carried:
    """What outlives a run. Times are seconds since the epoch; 0 is never. The rest is by server."""

    last_success: float = 0.0
    last_seen: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, float] = field(default_factory=dict)
    size: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as counts. None means that the run did not get that far: such metrics are left out.

    servers holds the contract's hosts; severities, statuses and tiers that are listed with 0 stay in the text with 0.
    """

    now: float
    success: bool
    servers: Mapping[str, Mapping[str, Any]]
    answered: frozenset[str]
    statuses: Iterable[str]
    seconds: float | None = None
    extracted: int | None = None
    problems: Mapping[str, int] | None = None
    fields: Mapping[str, int] | None = None
    drift: Mapping[str, int] | None = None
    routes: Mapping[str, int] | None = None
    conflicts: int | None = None
    attempts: int | None = None
    cache_hits: Mapping[str, int] | None = None
    known_servers: frozenset[str] = frozenset()
    carried: Carried = field(default_factory=Carried)


def carried_from(text: str) -> Carried:
    """Read from an earlier text what outlives a run. Raises ValueError where the text is not in Prometheus' format."""
    last_success = 0.0
    by_server: dict[str, dict[str, float]] = {LAST_SEEN: {}, FILES: {}, BYTES: {}}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == LAST_SUCCESS:
                last_success = float(sample.value)
            elif sample.name in by_server and "server" in sample.labels:
                by_server[sample.name][sample.labels["server"]] = float(sample.value)
    return Carried(last_success, by_server[LAST_SEEN], by_server[FILES], by_server[BYTES])


def render(run: Run) -> str:
    """The run in Prometheus' text format, with a newline at its end."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(_families(run)))
    return generate_latest(registry).decode("utf-8")


class _Families:
    """What a registry collects from: families that are made already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(run: Run) -> list[Metric]:
    families = [*_run_families(run), *_server_families(run), *_count_families(run)]
    return [family for family in families if family.samples]


def _run_families(run: Run) -> Iterable[GaugeMetricFamily]:
    last_success = run.now if run.success else run.carried.last_success
    yield _single("last_run_timestamp_seconds", "When the last run ended, in seconds since the epoch.", run.now)
    yield _single("last_run_success", "Whether the last run succeeded.", int(run.success))
    yield _single(
        "last_success_timestamp_seconds",
        "When a run last succeeded, in seconds since the epoch; 0 for never.",
        last_success,
    )
    if run.seconds is not None:
        yield _single("sweep_duration_seconds", "How long the last sweep of the whole fleet took.", run.seconds)


def _server_families(run: Run) -> Iterable[GaugeMetricFamily]:
    servers = {_label(name): server for name, server in sorted(run.servers.items())}
    status = _family("servers", "Servers of the last sweep by status.", "status")
    counts = Counter(str(server.get("status")) for server in servers.values())
    for name in [*run.statuses, *sorted(set(counts) - set(run.statuses))]:
        status.add_metric([_label(name)], counts[name])
    info = _family("server_info", "How each server was read in the last sweep.", "server", "status", "transport")
    phase = _family(
        "server_sweep_duration_seconds",
        "How long each server took in the last sweep; the phases of a server add up to its total.",
        "server",
        "phase",
    )
    seen = _family(
        LAST_SEEN.removeprefix(PREFIX),
        "When each server last answered, in seconds since the epoch; 0 for never.",
        "server",
    )
    files = _family("server_config_files", "Configuration files that each server has.", "server")
    size = _family("server_config_bytes", "Size of the configuration files that each server has.", "server")
    # A server that is unchanged or was not read sends no files, and has what it had.
    has = {name: (number, run.carried.size.get(name, 0)) for name, number in run.carried.files.items()}
    for name, server in servers.items():
        answered = server.get("status") in run.answered
        info.add_metric([name, _label(server.get("status")), _label(server.get("transport") or "")], 1)
        for part, seconds in _phases(server.get("seconds") or {}).items():
            phase.add_metric([name, part], seconds)
        seen.add_metric([name], run.now if answered else run.carried.last_seen.get(name, 0.0))
        listed = server.get("files") or []
        if listed or server.get("status") in {"ok", "partial"}:
            has[name] = (len(listed), sum(int(item.get("size") or 0) for item in listed))
    for name, moment in sorted(run.carried.last_seen.items()):
        if name not in servers and name in run.known_servers:
            seen.add_metric([name], moment)
    for name, (number, total) in sorted(has.items()):
        if name in servers or name in run.known_servers:
            files.add_metric([name], number)
            size.add_metric([name], total)
    return [status, info, phase, seen, files, size]


def _phases(seconds: Mapping[str, Any]) -> dict[str, float]:
    """Connect, transfer and what is left of the total, so that a sum over phases counts nothing twice."""
    if not seconds:
        return {}
    connect, transfer = float(seconds.get("connect") or 0), float(seconds.get("transfer") or 0)
    rest = max(0.0, float(seconds.get("total") or 0) - connect - transfer)
    return {"connect": connect, "transfer": transfer, "other": round(rest, 6)}


def _count_families(run: Run) -> Iterable[Metric]:
    if run.extracted is not None:
        yield _single("extracted_fields", "Fields found in the configurations of the last sweep.", run.extracted)
    if run.problems is not None:
        problems = _family("server_config_problems", "Problems found in the configuration of each server.", "server")
        for name, count in sorted({_label(name): count for name, count in run.problems.items()}.items()):
            problems.add_metric([name], count)
        yield problems
    yield _counts("fields", "Fields in the store by status, after the last run.", "status", run.fields)
    yield _counts("drift_findings", "Labels on which servers disagree, by severity.", "severity", run.drift)
    yield _counts("route_findings", "Findings on how Alertmanager uses labels, by severity.", "severity", run.routes)
    yield _counter("cache_hits", "Reads of fields that each tier has answered.", "tier", run.cache_hits)
    if run.conflicts is not None:
        text = "Attributes that were changed by hand, that the last sweep contradicts and that are kept in the store."
        yield _single("publish_conflicts", text, run.conflicts)
    if run.attempts is not None:
        text = "How often the last publish read and planned until its write met no other."
        yield _single("publish_attempts", text, run.attempts)


def _counts(name: str, documentation: str, label: str, counts: Mapping[str, int] | None) -> GaugeMetricFamily:
    return _filled(_family(name, documentation, label), counts)


def _counter(name: str, documentation: str, label: str, counts: Mapping[str, int] | None) -> CounterMetricFamily:
    """Its name ends in _total in the text."""
    return _filled(CounterMetricFamily(PREFIX + name, documentation, labels=[label]), counts)


def _filled(family: Family, counts: Mapping[str, int] | None) -> Family:
    for value, count in {_label(value): count for value, count in (counts or {}).items()}.items():
        family.add_metric([value], count)
    return family


def _single(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    family = _family(name, documentation)
    family.add_metric([], value)
    return family


def _family(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, documentation, labels=labels)


def _label(value: Any) -> str:
    """A value that can be written: names of broken UTF-8 hold surrogates, which no encoder takes."""
    return str(value).encode("utf-8", errors="replace").decode("utf-8")
