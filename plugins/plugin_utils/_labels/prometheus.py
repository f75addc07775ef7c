# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one server → the labels that its Prometheus makes, and what is wrong with them.

Only files that can be reached from the main config count. What Prometheus would refuse to load gives no labels, unless
Options.refused asks for them.
"""

from __future__ import annotations

import gc
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import stages
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Items,
    Kind,
    Report,
    Section,
    read,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.discovery import (
    META,
    NOTHING,
    OPEN_KINDS,
    SUFFIX,
    Catalogue,
    catalogue_of,
    everything,
    kind_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import Documents, Fault
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import (
    MAX_SERVER_TARGETS,
    Discovery,
    Groups,
    Job,
    JobInput,
    JobLabels,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.made import Made, gathered
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    Problem,
    ServerConfigs,
    told,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.paths import (
    FileSet,
    is_pattern,
    joined,
    sweep_pattern,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    PROMETHEUS_2,
    PROMETHEUS_3,
    Dialect,
    Rule,
    rules_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema import (
    MAIN,
    SCRAPE_CONFIG_FILE,
    check_jobs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_rules import RULE_FILE
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.targets import read_targets

MAIN_NAMES: Final = ("prometheus.yml", "prometheus.yaml")
# The names of variables that can be set.
_VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Options:
    """main_names: what main configs are called. version: 2 or 3. refused: labels also of what is not loaded."""

    main_names: tuple[str, ...] = MAIN_NAMES
    version: int = 3
    refused: bool = False

    @property
    def dialect(self) -> Dialect:
        return PROMETHEUS_2 if self.version == 2 else PROMETHEUS_3


class Shared:
    """What servers have in common: every text is parsed and read once."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.documents = Documents()
        self._read: dict[object, tuple[Any, list[Fault]]] = {}
        self._targets: dict[object, tuple[Items, list[Fault]]] = {}
        self._rules: dict[object, list[Made]] = {}
        self.jobs: dict[object, tuple[list[Made], list[Fault]]] = {}

    def read(self, file: ConfigFile, kind: Kind, *, explicit_wins: bool = False) -> tuple[Any, list[Fault]]:
        key = (file.key, id(kind))
        if key not in self._read:
            self._read[key] = read(self.documents.of(file), kind, explicit_wins=explicit_wins)
        return self._read[key]

    def targets(self, file: ConfigFile) -> tuple[Items, list[Fault]]:
        is_json = file.path.lower().endswith(".json")
        key = (file.key, is_json)
        if key not in self._targets:
            document = self.documents.of(file, is_json=is_json)
            self._targets[key] = read_targets(file.content or "", document, is_json=is_json)
        return self._targets[key]

    def rule_labels(self, groups: Any, path: str) -> list[Made]:
        key = (id(groups), path)
        if key not in self._rules:
            self._rules[key] = stages.rule_labels(groups, path)
        return self._rules[key]


@dataclass(slots=True)
class ServerLabels:
    """What one server's files come to.

    config: "loaded", "refused" (Prometheus would not load the main config) or "missing" (there is none). jobs are their
    names, files the paths that count. made holds each making once for each stage, inputs what the jobs were made from,
    rule_files the groups of rules with their files, and later what relabels alerts and what is written elsewhere.
    """

    config: str = "missing"
    external_labels: dict[str, str] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    inputs: list[JobInput] = field(default_factory=list)
    rule_files: list[tuple[str, Any]] = field(default_factory=list)
    later: list[stages.Stage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Trees of many small objects without cycles: looking for cycles among them costs more than building them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_server(configs: ServerConfigs, shared: Shared) -> ServerLabels:
    """Everything that a server's Prometheus makes of labels. Never raises for what the files hold."""
    return _Server(configs, shared).read()


class _Server:
    def __init__(self, configs: ServerConfigs, shared: Shared) -> None:
        self.files = FileSet(configs.files)
        self.shared = shared
        self.dialect = shared.options.dialect
        self.result = ServerLabels()
        self._paths: set[str] = set()
        self._seen: set[Problem] = set()
        self._directory = ""
        self._targets_left = MAX_SERVER_TARGETS

    def read(self) -> ServerLabels:
        mains, guessed = self.files.mains(self.shared.options.main_names, self.shared.documents)
        for main in mains:
            if guessed:
                names = " or ".join(self.shared.options.main_names)
                self.note(main.path, 0, f"is taken as the main config, since the sweep has no {names}", "warning")
            self._read_main(main)
        self.result.files = sorted(self._paths)
        self.result.made = gathered(self.result.made)
        self.result.problems = told(self.result.problems)
        return self.result

    # --- problems ---

    def note(self, file: str, line: int, message: str, severity: str = "error") -> None:
        problem = Problem(file, line, message, severity)
        if problem not in self._seen:
            self._seen.add(problem)
            self.result.problems.append(problem)

    def note_all(self, file: str, faults: Iterable[Fault]) -> bool:
        """Note faults; true where one of them is an error."""
        failed = False
        for fault in faults:
            self.note(file, fault.line, fault.message, fault.severity)
            failed = failed or fault.severity == "error"
        return failed

    def _usable(self, file: ConfigFile) -> bool:
        self._paths.add(file.path)
        if file.content is not None:
            return True
        self.note(file.path, 0, f"could not be read: {file.error or 'it is not text'}")
        return False

    def _named(self, patterns: Any, file: ConfigFile, line: int, what: str) -> list[ConfigFile]:
        """The files that a list of paths names; a path that the sweep does not cover is noted."""
        found: list[ConfigFile] = []
        for index, pattern in enumerate(patterns or ()):
            place = patterns.lines[index] if isinstance(patterns, Items) and patterns.lines[index] else line
            path = joined(posixpath.dirname(file.path), pattern)
            matches = self.files.matching(path) if path else []
            if path and not matches:
                missing = "matches no file of the sweep" if is_pattern(path) else "is not among the files of the sweep"
                advice = sweep_pattern(path, self._directory)
                self.note(file.path, place, f"names {what} {path}, which {missing}: {advice} if it exists", "warning")
            found.extend(matches)
        return found

    # --- the main config ---

    def _read_main(self, file: ConfigFile) -> None:
        self._directory = posixpath.dirname(file.path)
        if not self._usable(file):
            self.result.config = "refused"
            return
        config, faults = self.shared.read(file, MAIN)
        failed = self.note_all(file.path, faults)
        config = config if isinstance(config, Section) else Section(0)
        settings = config.get("global")
        jobs = [(job, file) for job in config.get("scrape_configs") or () if isinstance(job, Section)]
        included, broken = self._included(config, file, jobs)
        failed = failed or broken
        if self.result.config != "refused":
            self.result.config = "refused" if failed else "loaded"
        if failed and not self.shared.options.refused:
            # Say what is wrong in the rule files too, but take no labels from them.
            kept = self.result.made, self.result.rule_files
            self.result.made, self.result.rule_files = [], []
            self._rules(config, file)
            self.result.made, self.result.rule_files = kept
            return
        self._external(settings, file)
        for job, place in (*jobs, *included):
            self._read_job(job, place, settings)
        self._rules(config, file)
        self._alerts(config, file)
        self._writes(config, file)
        self.result.made.extend(stages.otlp_labels(config.get("otlp"), file.path))

    def _included(
        self, config: Section, file: ConfigFile, jobs: Sequence[tuple[Section, ConfigFile]]
    ) -> tuple[list[tuple[Section, ConfigFile]], bool]:
        """The jobs of scrape_config_files, and whether one of those files keeps the config from loading."""
        names = {job.get("job_name"): place.path for job, place in jobs}
        found: list[tuple[Section, ConfigFile]] = []
        broken = False
        paths = config.get("scrape_config_files")
        # A file that two patterns name is loaded twice, which its job names do not allow.
        for other in self._named(paths, file, config.line_of("scrape_config_files"), "the scrape config file"):
            if not self._usable(other):
                broken = True
                continue
            section, faults = self.shared.read(other, SCRAPE_CONFIG_FILE)
            broken = self.note_all(other.path, faults) or broken
            if not isinstance(section, Section):
                continue
            report = Report()
            check_jobs(section, report, config.get("global"))
            broken = self.note_all(other.path, report.faults) or broken
            own = [job for job in section.get("scrape_configs") or () if isinstance(job, Section)]
            for job in own:
                if (name := job.get("job_name")) in names:
                    self.note(other.path, job.line_of("job_name"), f"has the job_name {name!r}, as {names[name]} has")
                    broken = True
            names.update((job.get("job_name"), other.path) for job in own)
            found.extend((job, other) for job in own)
        return found, broken

    def _external(self, settings: Any, file: ConfigFile) -> None:
        labels = settings.get("external_labels") if isinstance(settings, Section) else None
        if isinstance(labels, Section):
            self.result.external_labels.update((name, value) for name, value in labels.items() if value)
            for name, value in labels.items():
                if not all(_VARIABLE.fullmatch(one) for one in stages.variables(value or "")):
                    message = f"has a variable that cannot be set in the external label {name}: Prometheus reads names"
                    self.note(file.path, labels.line_of(name), f"{message} alone, and no defaults", "warning")
        self.result.made.extend(stages.external_labels(settings, file.path))

    # --- jobs ---

    def _read_job(self, section: Section, file: ConfigFile, settings: Any) -> None:
        given = JobInput(section, file.path, settings)
        known = NOTHING
        closed = True
        groups = section.get("static_configs")
        if isinstance(groups, Items):
            given.sources.append(Groups("static", file.path, groups))
        for key, entries in section.items():
            kind = kind_of(key)
            for entry in entries or () if kind is not None else ():
                if kind is None or not isinstance(entry, Section):
                    continue
                known |= catalogue_of(kind, entry)
                if kind == "file":
                    closed = self._target_files(given, entry, file) and closed
                else:
                    given.sources.append(Discovery(key, kind, entry))
                    closed = closed and kind not in OPEN_KINDS
        self.result.inputs.append(given)
        if given.name:
            self.result.jobs.append(given.name)
        known_as = (given.key, closed)
        if known_as not in self.shared.jobs:
            self.shared.jobs[known_as] = self._job(given, known, closed)
        made, faults = self.shared.jobs[known_as]
        self.result.made.extend(made)
        self.note_all(file.path, faults)

    def _job(self, given: JobInput, known: Catalogue, closed: bool) -> tuple[list[Made], list[Fault]]:
        """What a job makes, and what is wrong with it. closed: all that its targets can carry is known."""
        done = Job.of(given, self.dialect, self._targets_left)
        self._targets_left = max(self._targets_left - done.looked_at, 0)
        faults = list(done.faults)
        if closed:
            groups = (source.groups for source in given.sources if isinstance(source, Groups))
            carried = {name for items in groups for name in _labels_of(items)}
            rules = rules_of(given.section, "relabel_configs")
            faults.extend(_unknown_labels(rules, given.section, known.has, carried))
        return [*done.made, *self._samples(given, done)], faults

    def _target_files(self, given: JobInput, entry: Section, file: ConfigFile) -> bool:
        """Add the targets of an entry of file_sd_configs; false where some are not known."""
        complete = True
        for index, pattern in enumerate(entry.get("files") or ()):
            named = Items()
            named.append(pattern)
            named.lines.append(entry["files"].lines[index])
            matches = self._named(named, file, 0, "the target file")
            readable = [match for match in matches if self._usable(match)]
            for match in readable:
                groups, faults = self.shared.targets(match)
                self.note_all(match.path, faults)
                given.sources.append(Groups("file_sd", match.path, groups))
            if not matches or len(readable) < len(matches):
                given.sources.append(Discovery("file_sd_configs", "file", entry))
                complete = False
        return complete

    def _samples(self, given: JobInput, done: JobLabels) -> list[Made]:
        rules = rules_of(given.section, "metric_relabel_configs")
        if not done.live:
            return []
        stage = stages.Stage("metric_relabel_configs", "metric_relabel", given.file, rules, (done.name,))
        return stages.relabelled(stage, stages.sample_cells(done), "sample", self.dialect)

    # --- rules, alerts, remote write ---

    def _rules(self, config: Section, file: ConfigFile) -> None:
        for other in self._named(config.get("rule_files"), file, config.line_of("rule_files"), "the rule file"):
            if not self._usable(other):
                continue
            groups, faults = self.shared.read(other, RULE_FILE, explicit_wins=True)
            if not self.note_all(other.path, faults) or self.shared.options.refused:
                self.result.rule_files.append((other.path, groups))
                self.result.made.extend(self.shared.rule_labels(groups, other.path))

    def _alerts(self, config: Section, file: ConfigFile) -> None:
        alerting = config.get("alerting")
        if not isinstance(alerting, Section):
            return
        cells = stages.alert_cells(self.result.external_labels)
        places = [alerting]
        for entry in alerting.get("alertmanagers") or ():
            if isinstance(entry, Section):
                places.append(entry)
                self._check_alertmanager(entry, file)
        for place in places:
            rules = rules_of(place, "alert_relabel_configs")
            stage = stages.Stage("alert_relabel_configs", "alert_relabel", file.path, rules)
            self.result.later.append(stage)
            self.result.made.extend(stages.relabelled(stage, dict(cells), "alert", self.dialect))

    def _check_alertmanager(self, entry: Section, file: ConfigFile) -> None:
        known = NOTHING
        for key, entries in entry.items():
            kind = kind_of(key)
            if kind in OPEN_KINDS:
                return
            for item in entries or () if kind is not None else ():
                known |= catalogue_of(kind, item) if kind is not None and isinstance(item, Section) else NOTHING
        rules = rules_of(entry, "relabel_configs")
        self.note_all(file.path, _unknown_labels(rules, entry, known.has, _labels_of(entry.get("static_configs"))))

    def _writes(self, config: Section, file: ConfigFile) -> None:
        for entry in config.get("remote_write") or ():
            if isinstance(entry, Section):
                rules = rules_of(entry, "write_relabel_configs")
                stage = stages.Stage("write_relabel_configs", "write_relabel", file.path, rules)
                self.result.later.append(stage)
                cells = stages.alert_cells(self.result.external_labels)
                del cells["alertname"]
                self.result.made.extend(stages.relabelled(stage, cells, "sample", self.dialect))


def _labels_of(groups: Any) -> set[str]:
    """All label names of target groups."""
    found: set[str] = set()
    for group in groups or ():
        if isinstance(group, Section):
            found.update(group.get("labels") or ())
    return found


def _unknown_labels(rules: Sequence[Rule], section: Section, known: Any, carried: set[str]) -> list[Fault]:
    """Meta labels that a rule reads although nothing sets them."""
    kinds = [key for key in section if key.endswith(SUFFIX)]
    written: set[str] = set(carried)
    faults: list[Fault] = []
    for rule in rules:
        for label in rule.source_labels:
            if not label.startswith(META) or label in written or known(label):
                continue
            if not everything().has(label):
                message = f"reads {label}, which no service discovery of Prometheus sets"
            elif kinds:
                message = f"reads {label}, which this job's {' and '.join(kinds)} does not set"
            else:
                message = f"reads {label}, but the job has no service discovery that sets it"
            faults.append(Fault(rule.line, message, "warning"))
        if rule.target_label:
            written.add(rule.target_label)
        if rule.action == "labelmap" and META in rule.replacement:
            return faults  # what it copies may be any of them
    return faults
