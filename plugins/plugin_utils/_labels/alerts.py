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
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import Mapping as YamlMapping
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
    relabelling: tuple[Rule, ...] = ()
    relabelled: Names = field(default_factory=Names)
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alert:
    """Alerts that look the same to an Alertmanager: for each label that was asked about, what is known of it."""

    values: tuple[Value, ...]
    rule: str
    server: str


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
            name: None if "$" in value or is_masked(value) else value for name, value in labels.external_labels.items()
        }
        self._note_labels(labels)
        mains, _guessed = self._files.mains(self._shared.options.main_names, self._shared.documents)
        for main in mains:
            self._read_main(main)
        for path in labels.files:
            self._read_rules(self._files.get(path))
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
        alerting = config.get("alerting")
        if isinstance(alerting, Section):
            self.sender.relabelling = rules_of(alerting, "alert_relabel_configs")
        for pattern in config.get("rule_files") or ():
            path = joined(posixpath.dirname(main.path), pattern)
            if not self._files.matching(path):
                self.sender.gaps.append(f"{self.sender.name} has no file in the sweep for its rule_files {pattern}")

    def _read_rules(self, file: ConfigFile | None) -> None:
        if file is None or file.content is None:
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


def _rule_file(file: ConfigFile, shared: Shared) -> RuleFile:
    found = RuleFile()
    root = shared.documents.of(file).root
    if not isinstance(root, YamlMapping) or root.get("groups") is None:
        return found
    groups, faults = shared.read(file, RULE_FILE, explicit_wins=True)
    if any(fault.severity == "error" for fault in faults):
        found.is_refused = True
        return found
    for group in groups.get("groups") or ():
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


def alerts_of(senders: Sequence[Sender], labels: Sequence[str]) -> list[Alert]:
    """Every kind of alert that the fleet can send, told apart by these labels alone."""
    found: dict[tuple[Value, ...], Alert] = {}
    read: dict[object, _Expressions] = {}
    for sender in senders:
        key = (tuple(sender.rules), tuple(sender.recorded))
        if key not in read:
            read[key] = _Expressions(sender)
        view = _View(sender, labels, read[key])
        for rule in sender.rules:
            values = view.values(rule)
            if values not in found:
                found[values] = Alert(values, rule.name, sender.name)
    return list(found.values())


class _Expressions:
    """The expressions of a set of rules. named: every label that one of them names."""

    def __init__(self, sender: Sender) -> None:
        metrics = promql.recorded(sender.recorded)
        texts = (*(rule.expression for rule in sender.rules), *(text for _name, text, _labels in sender.recorded))
        self.read = {text: promql.read(text, metrics) for text in dict.fromkeys(texts)}
        self.named = frozenset().union(*(item.named for item in self.read.values()))


class _View:
    """The alerts of one sender, for some labels."""

    def __init__(self, sender: Sender, labels: Sequence[str], expressions: _Expressions) -> None:
        self._sender = sender
        self._labels = labels
        self._expressions = expressions
        self._relabelled = {name: self._relabelling(name) for name in labels}
        self._known = {name: sender.targets.has(name) for name in labels}

    def values(self, rule: AlertRule) -> tuple[Value, ...]:
        own = dict(rule.labels)
        expression = self._expressions.read[rule.expression].labels
        return tuple(self._relabelled[name] or self._value(name, rule, own, expression) for name in self._labels)

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
        if expression.metrics:
            named = name in self._expressions.named or name in self._sender.named
            return POSSIBLE if named or self._sender.series.has(name) else THINKABLE
        return ABSENT

    def _external(self, name: str, value: Value) -> Value:
        """With the external label of this name, which counts where the alert has none of its own."""
        if name not in self._sender.external:
            return value
        text = self._sender.external[name]
        return POSSIBLE if text is None else Value(text, value.otherwise)

    def _relabelling(self, name: str) -> Value | None:
        """What alert_relabel_configs make of a label of any alert; None where they leave it alone."""
        found: Value | None = None
        for rule in self._sender.relabelling:
            dropped = rule.action == "labeldrop" and rule.pattern().matches(name)
            if dropped or (rule.action == "labelkeep" and not rule.pattern().matches(name)):
                found = ABSENT
            elif rule.target_label == name and rule.action in WRITERS:
                constant = rule.action == "replace" and not rule.source_labels and "$" not in rule.replacement
                always = constant and rule.pattern().matches("")
                found = Value(rule.replacement) if always else POSSIBLE
            elif rule.action == "labelmap" or "$" in rule.target_label:
                found = POSSIBLE if self._sender.relabelled.has(name) else found
        return found


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
