# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scrape job → the labels of its targets: as Prometheus builds them, for targets known and discovered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import abstract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.abstract import Outcome, State
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    duration_text,
    milliseconds,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import Items, Section
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.discovery import (
    Catalogue,
    catalogue_of,
    kind_of,
    start_state,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import Fault
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.made import Made, is_public
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import Hole, shape
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    PROMETHEUS_3,
    Dialect,
    Rule,
    Rules,
    Run,
    rules_of,
    run,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import (
    ABSENT,
    UNKNOWN,
    Alternative,
    Cell,
    Root,
    constant,
    may_be_absent,
    present,
    unique,
)

# Targets of one job, and of one server, that are looked at one by one; beyond, addresses count as not known.
MAX_TARGETS: Final = 20_000
MAX_SERVER_TARGETS: Final = 200_000

_OPEN: Final = frozenset({"file_sd", "http_sd"})
INTERNAL: Final = "__"
_DEFAULT_PORTS: Final = {"": ":80", "http": ":80", "https": ":443"}
_NEVER: Final = r"[^\x00-\x{10FFFF}]"


@dataclass(frozen=True, slots=True)
class Groups:
    """Target groups that are known. kind is static or file_sd, file is where they are written."""

    kind: str
    file: str
    groups: Items


@dataclass(frozen=True, slots=True)
class Discovery:
    """One entry of a service discovery. key is its key in the job, such as consul_sd_configs; kind its beginning."""

    key: str
    kind: str
    section: Section


@dataclass(slots=True)
class JobInput:
    """A job with where its targets come from; no sources at all: it has no discovery."""

    section: Section
    file: str
    settings: Mapping[str, Any] | None
    sources: list[Groups | Discovery] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.section.get("job_name") or ""

    @property
    def key(self) -> object:
        """Equal for jobs that come to the same, as long as what was read of the files is kept."""
        sources = tuple(
            (source.file, id(source.groups)) if isinstance(source, Groups) else (source.key, id(source.section))
            for source in self.sources
        )
        return (id(self.section), self.file, tuple(base_labels(self.section, self.settings).items()), sources)


@dataclass(slots=True)
class JobLabels:
    """What one job makes. faults are about this job's lines; live says whether any target can be left; looked_at
    counts the known targets that were followed one by one.
    """

    name: str
    made: list[Made] = field(default_factory=list)
    live: bool = False
    faults: list[Fault] = field(default_factory=list)
    looked_at: int = 0


@dataclass(slots=True)
class _Track:
    """Where the present value of a label comes from."""

    roots: tuple[Root, ...]
    chain: tuple[int, ...] = ()


def base_labels(job: Section, settings: Mapping[str, Any] | None) -> dict[str, str]:
    """The labels that Prometheus lays under those of a target. settings: the global section."""
    settings = settings or {}
    interval = _time(job, "scrape_interval") or _time(settings, "scrape_interval") or 60_000
    overall = _time(settings, "scrape_timeout") or min(10_000, _time(settings, "scrape_interval") or 60_000)
    labels = {
        "job": job.get("job_name") or "",
        "__scrape_interval__": duration_text(interval),
        "__scrape_timeout__": duration_text(_time(job, "scrape_timeout") or min(overall, interval)),
        "__metrics_path__": job.get("metrics_path", "/metrics"),
        "__scheme__": job.get("scheme", "http"),
    }
    for name, values in (job.get("params") or {}).items():
        if values:
            labels[f"__param_{name}"] = values[0]
    return {name: value for name, value in labels.items() if value}


def _time(section: Mapping[str, Any], key: str) -> int:
    return milliseconds(str(section.get(key) or "0")) or 0


def has_discovery(job: Section) -> bool:
    return any(key == "static_configs" or kind_of(key) for key in job)


def _wins(name: str, dialect: Dialect) -> bool:
    """Whether a label that the job gives counts also where the target has it."""
    return dialect.params_win and name.startswith("__param_")


def laid_under(own: Mapping[str, str], base: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """A target's own labels over those that its job gives; an empty label does not exist."""
    labels = {name: value for name, value in own.items() if value}
    for name, value in base.items():
        if name not in labels or _wins(name, dialect):
            labels[name] = value
    return labels


def laid_under_state(state: State, base: Mapping[str, str], dialect: Dialect) -> State:
    """The same for a target that is not known."""
    cells = dict(state.cells)
    for name, value in base.items():
        default = Alternative(constant(value), (Root(name, "default" if name == "job" else "setting"),))
        if _wins(name, dialect):
            cells[name] = (default,)
            continue
        cell = present(cells.get(name, ()))
        if name not in cells and state.open_kind is not None and not state.open_start:
            cell = (Alternative(UNKNOWN, (Root(name, state.open_kind),)),)
        cells[name] = (*cell, default) if may_be_absent(cells.get(name, ())) else cell
    return State(cells, state.families, state.open_kind, state.open_start)


def unknown_target() -> State:
    """A target of which nothing is known but that it has an address."""
    cells: dict[str, Cell] = {"__address__": (Alternative(UNKNOWN, (Root("__address__", "address"),)),)}
    return State(cells, [], "discovery", INTERNAL)


class Job:
    """Collects the labels of one job over its target groups and discoveries."""

    def __init__(
        self, section: Section, file: str, settings: Mapping[str, Any] | None, dialect: Dialect = PROMETHEUS_3
    ) -> None:
        self.section = section
        self.file = file
        self.dialect = dialect
        self.rules = rules_of(section, "relabel_configs")
        self.base = base_labels(section, settings)
        self.name: str = section.get("job_name") or ""
        self.limit = MAX_TARGETS
        self._looked_at = 0
        self._made: dict[object, Made] = {}
        self._names: list[set[str]] = []  # for each kind of target that is left: its labels
        self._sure: list[set[str]] = []  # and those of them that it surely has
        self._faults: list[Fault] = []
        self._places: dict[tuple[str, str], tuple[str, int]] = {}
        self._reads_address = any(_reads_address(rule, dialect) for rule in self.rules)
        self._wrote: dict[str, set[int]] = {}

    @classmethod
    def of(cls, given: JobInput, dialect: Dialect = PROMETHEUS_3, limit: int | None = None) -> JobLabels:
        """The labels of a job over all its sources. limit: how many known targets to follow one by one."""
        job = cls(given.section, given.file, given.settings, dialect)
        job.limit = MAX_TARGETS if limit is None else min(limit, MAX_TARGETS)
        for source in given.sources:
            if isinstance(source, Groups):
                job.add_groups(source)
            else:
                job.add_discovery(source.kind, source.section)
        if not given.sources and not has_discovery(given.section):
            job.add_unknown_target()
        return job.result()

    def result(self) -> JobLabels:
        """What was collected. A label is always there when every target that is left surely has it."""
        always = set.intersection(*self._sure) if self._sure else set()
        lasting: dict[str, set[int]] = {}
        for made in self._made.values():
            if made.rule is not None:
                lasting.setdefault(made.name, set()).add(made.rule.line)
        for made in self._made.values():
            made.always = made.name in always
            lines = {self.rules[index].line for index in self._wrote.get(made.name, ())}
            made.overwrites = lines - lasting.get(made.name, set())
        return JobLabels(self.name, list(self._made.values()), bool(self._names), self._faults, self._looked_at)

    # --- targets that are known ---

    def add_groups(self, groups: Groups) -> None:
        for group in groups.groups:
            if not isinstance(group, Section):
                continue
            labels = {name: value for name, value in (group.get("labels") or {}).items() if value}
            for name in labels:
                line = group["labels"].line_of(name)
                self._places.setdefault((name, groups.kind), (groups.file, line))
            targets = group.get("targets") or ()
            # Where no rule reads the address, one target stands for all that are taken or refused alike.
            each = {target if self._reads_address else self._form(target): target for target in targets}
            self._looked_at += len(each)
            if self._looked_at > self.limit:
                self._add_state(self._unknown_target(labels, groups))
                continue
            for target in each.values():
                self._add_target(target, labels, groups, group.line)

    def _form(self, address: str) -> tuple[bool, ...]:
        """What decides whether an address is one of a target."""
        return not address, "/" in address, self.dialect.instance_port and _lacks_port(address)

    def _unknown_target(self, labels: Mapping[str, str], groups: Groups) -> State:
        cells = abstract.known(labels, groups.kind)
        cells["__address__"] = (Alternative(UNKNOWN, (Root("__address__", "address"),)),)
        return State(cells)

    def _add_target(self, target: str, group_labels: Mapping[str, str], groups: Groups, line: int) -> None:
        labels = {**group_labels, "__address__": target}
        if groups.kind == "file_sd":
            labels["__meta_filepath"] = groups.file
        track = {
            name: _Track((Root(name, "discovery" if name == "__meta_filepath" else groups.kind),)) for name in labels
        }
        track["__address__"] = _Track((Root("__address__", "address"),))
        for name in self.base:
            if not labels.get(name) or _wins(name, self.dialect):
                track[name] = _Track((Root(name, "default" if name == "job" else "setting"),))
        done = _evaluated(self.rules, tuple(laid_under(labels, self.base, self.dialect).items()), self.dialect)
        self._follow(done, track)
        if done.dropped_by is not None:
            return
        fault = target_fault(done.labels, self.dialect)
        if fault is not None:
            if groups.kind != "static":
                line, fault = self.section.line, fault.replace("a target", f"a target in {groups.file}", 1)
            self._faults.append(Fault(line, fault, "warning"))
            return
        names = set(final_labels(done.labels, self.dialect))
        for name in names:
            if name in done.labels:
                self._note(name, track[name], done.labels[name])
            else:
                self._note(name, _Track(track["__address__"].roots), None, by_default=True)
        self._names.append(names)
        self._sure.append(names)

    def _follow(self, done: Run, track: dict[str, _Track]) -> None:
        for write in done.writes:
            self._wrote.setdefault(write.label, set()).add(write.rule)
            if not write.after:
                track.pop(write.label, None)
                continue
            sources = [track[name] for name in write.sources if name in track]
            roots = tuple(dict.fromkeys(root for source in sources for root in source.roots))
            chain = tuple(dict.fromkeys(index for source in sources for index in source.chain))
            track[write.label] = _Track(roots, (*chain, write.rule))

    # --- targets that are discovered ---

    def add_unknown_target(self) -> None:
        """A target of which nothing is known: for a job that has no discovery at all."""
        self._add_state(unknown_target())

    def add_discovery(self, kind: str, section: Mapping[str, Any] | None) -> None:
        """kind as in discovery.kind_of; of file_sd only what is not known."""
        outcome, fault = _discovered(
            self.rules, tuple(self.base.items()), kind, catalogue_of(kind, section), self.dialect
        )
        if fault is not None:
            index, message = fault
            self._faults.append(Fault(self.rules[index].line, message, "warning"))
        self._add_outcome(outcome)

    def _add_state(self, state: State) -> None:
        state = laid_under_state(state, self.base, self.dialect)
        self._add_outcome(abstract.run(self.rules, state, self.dialect))

    def _add_outcome(self, outcome: Outcome) -> None:
        for index, labels in outcome.written.items():
            for label in labels:
                self._wrote.setdefault(label, set()).add(index)
        if outcome.dropped_by is not None:
            return
        address = _usable_addresses(outcome.state.cells.get("__address__", ()))
        if not address or not _usable_times(outcome.state.cells):
            return
        names: set[str] = set()
        sure: set[str] = set()
        for name, cell in outcome.state.cells.items():
            if is_public(name) and self._note_cell(name, cell):
                names.add(name)
                if not may_be_absent(cell):
                    sure.add(name)
        if may_be_absent(outcome.state.cells.get("instance", (ABSENT,))):
            roots = tuple(dict.fromkeys(root for item in address for root in item.roots))
            self._note("instance", _Track(roots), None, by_default=True)
        names.add("instance")
        sure.add("instance")
        for family in outcome.state.families:
            if family.chain and (isinstance(family.name[0], Hole) or is_public(str(family.name[0]))):
                name = shape(family.name)
                names.add(name)
                root = Root(family.root.replace("*", "(.+)"), family.kind)
                self._note(name, _Track((root,), family.chain), None, pattern=name)
        self._names.append(names)
        self._sure.append(sure)

    def _note_cell(self, name: str, cell: Cell) -> bool:
        found = False
        for item in unique(present(cell)):
            track = _Track(item.roots, item.chain)
            if not item.chain and item.roots and item.roots[0].kind in _OPEN and item.value == UNKNOWN:
                continue  # whoever writes the targets may set it, but nothing says so
            self._note(name, track, item.value.text)
            found = True
        return found

    # --- notes ---

    def _note(
        self, name: str, track: _Track, value: str | None, *, pattern: str | None = None, by_default: bool = False
    ) -> None:
        rule = self.rules[track.chain[-1]] if track.chain else None
        origin, stage, file, line = "default", "default", self.file, self.section.line_of("job_name")
        if rule is not None:
            origin = "labelmap" if rule.action == "labelmap" else "relabel"
            stage, line = "relabel_configs", rule.line
        elif not by_default and track.roots:
            kind = track.roots[0].kind
            if kind in ("static", "file_sd"):
                origin, stage = kind, "static_configs" if kind == "static" else "file_sd_configs"
                file, line = self._places.get((track.roots[0].label, kind), (self.file, self.section.line))
            elif kind == "discovery":
                origin, stage = "discovery", "service_discovery"
        key = (name, origin, stage, rule)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = Made(name, origin, stage, file, line, rule, pattern, jobs={self.name: None})
            made.through = self.rules.feeders(track.chain[-1]) if track.chain else ()
        if rule is not None or by_default:
            made.roots.update(dict.fromkeys(root.label for root in track.roots if root.label))
        made.add_value(value)


def final_labels(labels: Mapping[str, str], dialect: Dialect = PROMETHEUS_3) -> dict[str, str]:
    """The labels that a target has on its series, from those that relabelling left, which must have an address."""
    found = {name: value for name, value in labels.items() if is_public(name)}
    if "instance" not in found:
        address = labels["__address__"]
        port = _DEFAULT_PORTS.get(labels.get("__scheme__", ""), "") if dialect.instance_port else ""
        found["instance"] = address + port if port and _lacks_port(address) else address
    return found


def _lacks_port(address: str) -> bool:
    """Whether an address is one that a port can be added to, as Go splits addresses."""
    return not _splits(address) and _splits(f"{address}:1")


def _splits(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    if host.startswith("["):
        return host.endswith("]") and not re.search(r"[\[\]]", host[1:-1] + port)
    return bool(colon) and not re.search(r"[:\[\]]", host) and not re.search(r"[\[\]]", port)


@lru_cache(maxsize=16_384)
def _evaluated(rules: Rules, labels: tuple[tuple[str, str], ...], dialect: Dialect) -> Run:
    """What rules make of one label set; many servers have the same targets. The result is not to be changed."""
    return run(rules, dict(labels), dialect)


@lru_cache(maxsize=4096)
def _discovered(
    rules: Rules, base: tuple[tuple[str, str], ...], kind: str, labels: Catalogue, dialect: Dialect
) -> tuple[Outcome, tuple[int, str] | None]:
    """What rules make of discovered targets. Many servers have the same, in other lines of other files.

    Where they keep only targets with an internal label that nothing sets, suppose that it is set, and say so (the rule
    and a message): other programs fill in such labels, or variables in the expression that tests them.
    """
    state = laid_under_state(start_state(kind, labels), dict(base), dialect)
    outcome = abstract.run(rules, state, dialect)
    if outcome.dropped_by is None or not state.open_start:
        return outcome, None
    state.open_start = INTERNAL
    again = abstract.run(without_contradictions(rules, dialect), state, dialect)
    if again.dropped_by is not None:
        return outcome, None
    names = " and ".join(rules[outcome.dropped_by].source_labels)
    message = f"drops every target, since nothing sets what it tests ({names}): supposing it is"
    return again, (outcome.dropped_by, message)


def without_contradictions(rules: Sequence[Rule], dialect: Dialect) -> tuple[Rule, ...]:
    """Rules for one and the same target: of replace rules that want different values of one label, the last stands."""
    left: list[Rule] = []
    for index, rule in enumerate(rules):
        contradicted = rule.action == "replace" and any(
            other.action == "replace"
            and (other.source_labels, other.separator) == (rule.source_labels, rule.separator)
            and not rule.pattern(dialect).shares_text_with(other.pattern(dialect))
            for other in rules[index + 1 :]
        )
        left.append(replace(rule, regex=_NEVER) if contradicted else rule)
    return tuple(left)


def _reads_address(rule: Rule, dialect: Dialect) -> bool:
    if rule.action in ("labeldrop", "labelkeep"):
        return False
    if rule.action == "labelmap":
        return rule.pattern(dialect).matches("__address__")
    compares = rule.action in ("keepequal", "dropequal") and rule.target_label == "__address__"
    return compares or "__address__" in rule.source_labels


def target_fault(labels: Mapping[str, str], dialect: Dialect = PROMETHEUS_3) -> str | None:
    """Why Prometheus would not take a target after relabelling."""
    address = labels.get("__address__", "")
    if not address:
        return "has a target that has no address after relabelling"
    if "/" in address:
        return "has a target whose address after relabelling is not a host name or address"
    if dialect.instance_port and labels.get("__scheme__", "") not in _DEFAULT_PORTS and _lacks_port(address):
        return "has a target without a port whose scheme after relabelling is neither http nor https"
    interval, timeout = (milliseconds(labels.get(f"__scrape_{name}__", "")) for name in ("interval", "timeout"))
    if not interval or not timeout or timeout > interval:
        return "has a target whose scrape interval or timeout after relabelling is not valid"
    return None


def _usable_addresses(cell: Cell) -> Cell:
    return tuple(item for item in present(cell) if "/" not in (item.value.text or ""))


def _usable_times(cells: Mapping[str, Cell]) -> bool:
    """Whether interval and timeout can both be valid."""
    for name in ("__scrape_interval__", "__scrape_timeout__"):
        if not any(item.value.text is None or milliseconds(item.value.text) for item in present(cells.get(name, ()))):
            return False
    return True
