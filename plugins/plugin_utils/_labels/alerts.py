# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels the alerts of a fleet can have when they reach an Alertmanager.

An alert has the labels of its expression's result, over them those of its rule, alertname, external labels where it has
none of that name, and then whatever alert_relabel_configs make of them. What a metric's own labels are is not in any
config; so each label of each alert is known, possible, or thinkable.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import promql
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import Section, is_masked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.discovery import OPEN_KINDS
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import (
    Discovery,
    Groups,
    JobInput,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.made import is_public
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.paths import FileSet, joined
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import compiled
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import (
    ServerLabels,
    Shared,
    read_server,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    WRITERS,
    Rule,
    rules_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema import MAIN
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_rules import RULE_FILE
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.stages import is_literal

_TARGET_STAGES: Final = frozenset(
    {"relabel_configs", "static_configs", "file_sd_configs", "service_discovery", "default"}
)
_SERIES_STAGES: Final = frozenset({"metric_relabel_configs", "otlp"})


class Chance(IntEnum):
    """How far something about an alert can be."""

    NEVER = 0
    # Only if a metric has a label, and nothing in the configs says that one does.
    THINKABLE = 1
    POSSIBLE = 2
    ALWAYS = 3


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of one label of one alert.

    It has the value text, which is empty where the alert does not have the label; otherwise is the chance that it has
    some other value, which is not known.
    """

    text: str
    otherwise: Chance = Chance.NEVER


ABSENT: Final = Value("")
POSSIBLE: Final = Value("", Chance.POSSIBLE)
THINKABLE: Final = Value("", Chance.THINKABLE)
OF_METRICS: Final = "a metric may have the label: rules keep the labels of their metrics, which no config names"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule. labels: its own and its group's, with None for a templated value."""

    name: str
    expression: str
    labels: tuple[tuple[str, str | None], ...]
    file: str
    line: int


@dataclass(slots=True)
class Names:
    """Label names, some of which are only known by a pattern."""

    names: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        return name in self.names or any(compiled(pattern).matches(name) for pattern in self.patterns)


@dataclass(slots=True)
class RuleFile:
    """What a rule file says. recorded: name, expression and labels of its recording rules. named: see Sender."""

    rules: list[AlertRule] = field(default_factory=list)
    recorded: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    is_refused: bool = False


@dataclass(slots=True)
class Sender:
    """One Prometheus, as far as its alerts are concerned.

    targets and series: the labels that its configs put on them. named: labels that its configs read from metrics.
    external: None for a value that is not known. relabelling: its alert_relabel_configs, relabelled: what they write.
    """

    name: str
    rules: list[AlertRule] = field(default_factory=list)
    recorded: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    external: dict[str, str | None] = field(default_factory=dict)
    targets: Names = field(default_factory=Names)
    series: Names = field(default_factory=Names)
    named: set[str] = field(default_factory=set)
    relabelling: list[tuple[Rule, ...]] = field(default_factory=list)
    relabelled: Names = field(default_factory=Names)
    doubtful: list[tuple[str, tuple[Rule, ...]]] = field(default_factory=list)
    imported: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alert:
    """Alerts that look the same to an Alertmanager: for each label that was asked about, what is known of it.

    doubts: why they may have the labels that are thinkable.
    """

    values: tuple[Value, ...]
    rule: str
    server: str
    doubts: set[str] = field(default_factory=set, compare=False)


@dataclass(frozen=True, slots=True)
class Alerts:
    """The alerts of a fleet. known: for each label, what some alert has of it, with why where it is thinkable."""

    kinds: list[Alert]
    known: dict[str, dict[Value, set[str]]]


def senders_of(servers: Mapping[str, ServerConfigs], shared: Shared) -> list[Sender]:
    """Each server that has a Prometheus, equal ones once. Servers that could not be read are senders with gaps."""
    known: dict[object, Sender] = {}
    files: dict[object, RuleFile] = {}
    for name in sorted(servers):
        configs = servers[name]
        if not configs.files and configs.status in {"ok", "unchanged"}:
            continue
        key = (configs.status, tuple((item.path, item.service, item.content, item.error) for item in configs.files))
        if key not in known:
            known[key] = _Reader(name, configs, shared, files).read()
    return [sender for sender in known.values() if sender.rules or sender.gaps or sender.targets.names]


class _Reader:
    def __init__(self, name: str, configs: ServerConfigs, shared: Shared, known: dict[object, RuleFile]) -> None:
        self._known = known
        self._configs = configs
        self._shared = shared
        self._files = FileSet(configs.files)
        self.sender = Sender(name)

    def read(self) -> Sender:
        sender = self.sender
        if self._configs.status not in {"ok", "partial", "unchanged", "no_such_directory"}:
            sender.gaps.append(f"{sender.name} was not read ({self._configs.status})")
            return sender
        labels = read_server(self._configs, self._shared)
        if labels.config == "missing":
            return sender
        if labels.config == "refused":
            sender.gaps.append(f"the config of {sender.name} is one that Prometheus refuses")
        sender.external = {
            name: value if is_literal(value) and not is_masked(value) else None
            for name, value in labels.external_labels.items()
        }
        self._note_labels(labels)
        mains, _guessed = self._files.mains(self._shared.options.main_names, self._shared.documents)
        for main in mains:
            self._read_main(main)
        for given in labels.inputs:
            self._note_job(given)
        return sender

    def _note_labels(self, labels: ServerLabels) -> None:
        for made in labels.made:
            place: Names | None = None
            if made.stage in _TARGET_STAGES:
                place = self.sender.targets
            elif made.stage in _SERIES_STAGES:
                place = self.sender.series
            elif made.stage == "alert_relabel_configs":
                place = self.sender.relabelled
            if made.stage == "metric_relabel_configs":
                self.sender.named.update(made.roots)
            if place is not None:
                (place.patterns if made.pattern else place.names).add(made.name)

    def _read_main(self, main: ConfigFile) -> None:
        config, _faults = self._shared.read(main, MAIN)
        if not isinstance(config, Section):
            return
        self.sender.relabelling.extend(_ways(config.get("alerting")))
        read: set[str] = set()
        for file in self._named(main, config, "rule_files", self.sender.gaps):
            if file.path not in read:
                read.add(file.path)
                self._read_rules(file)
        missing: list[str] = []
        for file in self._named(main, config, "scrape_config_files", missing):
            self._is_text(file)
        # A job that is not known can do all that one can do.
        self.sender.doubtful.extend((why, ()) for why in missing)
        self.sender.imported.extend(missing)
        if config.get("otlp") is not None:
            self.sender.imported.append(f"{self.sender.name} takes metrics by otlp")
        if config.get("remote_read"):
            self.sender.imported.append(f"{self.sender.name} reads series of another server (remote_read)")

    def _named(self, main: ConfigFile, config: Section, key: str, missing: list[str]) -> list[ConfigFile]:
        """The files that a list of paths names; why some are missing is added to a list."""
        found: list[ConfigFile] = []
        for pattern in config.get(key) or ():
            files = self._files.matching(joined(posixpath.dirname(main.path), pattern))
            found.extend(files)
            if not files:
                missing.append(f"{self.sender.name} has no file in the sweep for its {key} {pattern}")
        return found

    def _is_text(self, file: ConfigFile) -> bool:
        if file.content is None:
            self.sender.gaps.append(f"{file.path} of {self.sender.name} could not be read")
        return file.content is not None

    def _note_job(self, given: JobInput) -> None:
        """What the targets and series of a job may have beside what its config says."""
        job = f"job {given.name} of {self.sender.name}"
        rules = rules_of(given.section, "relabel_configs")
        reasons: dict[str, None] = {}
        for source in given.sources:
            if isinstance(source, Discovery):
                if source.kind in OPEN_KINDS:
                    reasons[f"its {source.key} give them some that are not in the sweep"] = None
            elif source.kind == "file_sd" and self._is_broken(source.file):
                # Prometheus then keeps the targets that it had.
                reasons[f"{source.file} is broken"] = None
        self.sender.doubtful.extend((f"targets of {job} may have any label: {reason}", rules) for reason in reasons)
        if _federates(given, rules):
            self.sender.imported.append(f"{job} scrapes series of another server (federation)")
        elif given.section.get("honor_labels"):
            self.sender.imported.append(f"{job} keeps the labels of what it scrapes (honor_labels)")

    def _is_broken(self, path: str) -> bool:
        file = self._files.get(path)
        return file is not None and any(fault.severity == "error" for fault in self._shared.targets(file)[1])

    def _read_rules(self, file: ConfigFile) -> None:
        if not self._is_text(file):
            return
        key = (file.path, file.key)
        if key not in self._known:
            self._known[key] = _rule_file(file, self._shared)
        found = self._known[key]
        if found.is_refused:
            self.sender.gaps.append(f"{file.path} of {self.sender.name} is a rule file that Prometheus refuses")
        self.sender.rules.extend(found.rules)
        self.sender.recorded.extend(found.recorded)
        self.sender.named |= found.named
        for _name, _expression, labels in found.recorded:
            self.sender.series.names |= labels


def _ways(alerting: Section | None) -> list[tuple[Rule, ...]]:
    """The relabelling of alerts on each way to an Alertmanager: that for all, then that of its entry."""
    if not isinstance(alerting, Section):
        return [()]
    shared = rules_of(alerting, "alert_relabel_configs")
    entries = alerting.get("alertmanagers") or ()
    own = list(dict.fromkeys(rules_of(entry, "alert_relabel_configs") for entry in entries))
    # Before Prometheus 3.7, what the rules of one entry made of an alert was also seen by the entries after it.
    mixed = [one + other for one in own for other in own if one and other and one != other]
    return [shared + rules for rules in (*own, *mixed)] or [shared]


def _federates(given: JobInput, rules: Iterable[Rule]) -> bool:
    """Whether a job scrapes what another Prometheus has, by its path or its parameters."""
    paths = [given.section.get("metrics_path") or ""]
    paths.extend(rule.replacement for rule in rules if rule.target_label == "__metrics_path__")
    for source in given.sources:
        if isinstance(source, Groups):
            paths.extend(
                labels.get("__metrics_path__", "") for group in source.groups if (labels := group.get("labels"))
            )
    is_path = any(path.rstrip("/").endswith("/federate") for path in paths)
    return is_path or "match[]" in (given.section.get("params") or ())


def _rule_file(file: ConfigFile, shared: Shared) -> RuleFile:
    found = RuleFile()
    groups, faults = shared.read(file, RULE_FILE, explicit_wins=True)
    if any(fault.severity == "error" for fault in faults):
        found.is_refused = True
        return found
    for group in (groups or {}).get("groups") or ():
        for rule in (group.get("rules") or ()) if isinstance(group, Section) else ():
            if isinstance(rule, Section):
                _note_rule(rule, {**(group.get("labels") or {}), **(rule.get("labels") or {})}, file.path, found)
    return found


def _note_rule(rule: Section, labels: dict[str, str], path: str, found: RuleFile) -> None:
    templates = (*labels.values(), *(rule.get("annotations") or {}).values())
    found.named.update(name for text in templates if "{{" in text for name in read_by_template(text))
    if rule.get("alert"):
        values = tuple(
            (name, None if "{{" in value or is_masked(value) else value) for name, value in sorted(labels.items())
        )
        found.rules.append(AlertRule(rule["alert"], rule.get("expr") or "", values, path, rule.line))
    elif rule.get("record"):
        names = frozenset(name for name, value in labels.items() if value)
        found.recorded.append((rule["record"], rule.get("expr") or "", names))


# ---- the alerts, seen through some labels ----


def alerts_of(senders: Sequence[Sender], told_by: Sequence[str], labels: Sequence[str] = ()) -> Alerts:
    """Every kind of alert that the fleet can send, told apart by some labels alone, and what it has of others."""
    kinds: dict[tuple[Value, ...], Alert] = {}
    known: dict[str, dict[Value, set[str]]] = {name: {} for name in (*told_by, *labels)}
    read: dict[object, _Expressions] = {}
    for sender in senders:
        key = (tuple(sender.rules), tuple(sender.recorded), bool(sender.imported))
        if key not in read:
            read[key] = _Expressions(sender)
        for relabelling in dict.fromkeys(sender.relabelling) or [()]:
            view = _View(sender, list(known), read[key], relabelling)
            for rule in sender.rules:
                values = view.values(rule)
                own = values[: len(told_by)]
                alert = kinds.get(own)
                if alert is None:
                    alert = kinds[own] = Alert(own, rule.name, sender.name)
                whys = [known[name].setdefault(value, set()) for name, value in zip(known, values, strict=True)]
                doubted = [why for why, value in zip(whys, values, strict=True) if value.otherwise is Chance.THINKABLE]
                if doubted:
                    for found in (alert.doubts, *doubted):
                        found.update(view.doubts(rule))
    return Alerts(list(kinds.values()), known)


class _Expressions:
    """The expressions of a set of rules. named: every label that one of them names."""

    def __init__(self, sender: Sender) -> None:
        metrics = promql.recorded(sender.recorded, imported=bool(sender.imported))
        texts = (*(rule.expression for rule in sender.rules), *(text for _name, text, _labels in sender.recorded))
        self.read = {text: promql.read(text, metrics) for text in dict.fromkeys(texts)}
        self.named = frozenset().union(*(item.named for item in self.read.values()))


class _View:
    """The alerts of one sender on one way, for some labels."""

    def __init__(
        self, sender: Sender, labels: Sequence[str], expressions: _Expressions, relabelling: Sequence[Rule]
    ) -> None:
        self._sender = sender
        self._labels = labels
        self._expressions = expressions
        self._relabelled = {name: _relabelling(name, relabelling, sender.relabelled) for name in labels}
        self._known = {name: sender.targets.has(name) for name in labels}
        # For each label, why targets may have it although no config says so.
        self._doubtful = {
            name: [why for why, rules in sender.doubtful if is_public(name) and not _is_removed(name, rules)]
            for name in labels
        }
        self._of_targets = list(dict.fromkeys(why for reasons in self._doubtful.values() for why in reasons))

    def values(self, rule: AlertRule) -> tuple[Value, ...]:
        own = dict(rule.labels)
        expression = self._expressions.read[rule.expression].labels
        return tuple(self._relabelled[name] or self._value(name, rule, own, expression) for name in self._labels)

    def doubts(self, rule: AlertRule) -> tuple[str, ...]:
        """Why an alert may have labels that nothing in the configs gives it."""
        expression = self._expressions.read[rule.expression].labels
        return (
            *((OF_METRICS,) if expression.metrics else ()),
            *(self._of_targets if expression.targets else ()),
            *(self._sender.imported if expression.imported else ()),
        )

    def _value(self, name: str, rule: AlertRule, own: dict[str, str | None], expression: promql.Labels) -> Value:
        if name == "alertname":
            return Value(rule.name)
        if name not in own:
            return self._external(name, self._from_result(name, expression))
        text = own[name]
        if text is None:
            return POSSIBLE
        return Value(text) if text else self._external(name, ABSENT)

    def _from_result(self, name: str, expression: promql.Labels) -> Value:
        if name in expression.names:
            return POSSIBLE
        if self._known[name] and (expression.targets or expression.metrics):
            return POSSIBLE
        if expression.metrics and self._sender.series.has(name):
            return POSSIBLE
        doubtful = (expression.targets and self._doubtful[name]) or (expression.imported and is_public(name))
        if expression.metrics or doubtful:
            named = name in self._expressions.named or name in self._sender.named
            return POSSIBLE if named else THINKABLE
        return ABSENT

    def _external(self, name: str, value: Value) -> Value:
        """With the external label of this name, which counts where the alert has none of its own."""
        if name not in self._sender.external:
            return value
        text = self._sender.external[name]
        return POSSIBLE if text is None else Value(text, value.otherwise)


def _relabelling(name: str, rules: Iterable[Rule], relabelled: Names) -> Value | None:
    """What alert_relabel_configs make of a label of any alert; None where they leave it alone."""
    found: Value | None = None
    for rule in rules:
        if _is_removed(name, [rule]):
            found = ABSENT
        elif rule.target_label == name and rule.action in WRITERS:
            constant = rule.action == "replace" and not rule.source_labels and "$" not in rule.replacement
            always = constant and rule.pattern().matches("")
            found = Value(rule.replacement) if always else POSSIBLE
        elif rule.action == "labelmap" or "$" in rule.target_label:
            found = POSSIBLE if relabelled.has(name) else found
    return found


def _is_removed(name: str, rules: Iterable[Rule]) -> bool:
    """Whether a rule removes every label of this name."""
    return any(
        rule.action in {"labeldrop", "labelkeep"} and rule.pattern().matches(name) == (rule.action == "labeldrop")
        for rule in rules
    )


_TEMPLATE_LABEL = re.compile(r"(?:\$labels|\.Labels)\.(\w+)|\$labels\s+\"((?:[^\"\\]|\\.)*)\"")


def read_by_template(text: str) -> list[str]:
    """The labels that a rule's template reads."""
    return [match.group(1) or match.group(2) for match in _TEMPLATE_LABEL.finditer(text)]


def known_names(senders: Iterable[Sender]) -> frozenset[str]:
    """The labels that something in the configs gives to alerts."""
    found = {"alertname"}
    for sender in senders:
        found.update(name for rule in sender.rules for name, _value in rule.labels)
        found.update(sender.external, sender.targets.names, sender.series.names, sender.relabelled.names)
    return frozenset(found)


def gaps_of(senders: Iterable[Sender]) -> list[str]:
    """Why what is known of the fleet's alerts may not be all."""
    return sorted({gap for sender in senders for gap in sender.gaps})
