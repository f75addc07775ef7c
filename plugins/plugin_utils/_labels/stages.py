# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels that are not put on targets: external labels, rules, OTLP, and the relabelling of samples and alerts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import abstract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.abstract import State
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import Section
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import JobLabels
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.made import Made, is_public
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import Hole, shape
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import Dialect, Rules
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import (
    ABSENT,
    UNKNOWN,
    Alternative,
    Cell,
    Root,
    constant,
    present,
)

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[0-9*#$@!?-]))")
_BEGINS = re.compile(r"\$[{A-Za-z0-9_*#$@!?-]")


def is_literal(value: str) -> bool:
    """Whether the server takes an external label's value as it is written, as it does $(NAME)."""
    return _BEGINS.search(value) is None


def variables(value: str) -> set[str]:
    """The environment variables in an external label's value, which the server puts in for itself."""
    return {name for found in _VARIABLE.finditer(value) if (name := found[1] or found[2]) and name != "$"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A list of relabel rules with its place. name is its key in the config."""

    name: str
    origin: str
    file: str
    rules: Rules
    jobs: tuple[str, ...] = ()


def relabelled(stage: Stage, cells: dict[str, Cell], kind: str, dialect: Dialect) -> list[Made]:
    """The labels that rules write where any label may exist. cells are those known to; kind is of the others."""
    if not stage.rules:
        return []
    outcome = abstract.run(stage.rules, State(cells, [], kind), dialect)
    made: list[Made] = []
    for name, cell in outcome.state.cells.items():
        if is_public(name):
            made.extend(_written(stage, name, item) for item in present(cell) if item.chain)
    for family in outcome.state.families:
        if family.chain and (isinstance(family.name[0], Hole) or is_public(family.name[0])):
            item = Alternative(UNKNOWN, (Root(family.root.replace("*", "(.+)"), family.kind),), family.chain)
            made.append(_written(stage, shape(family.name), item, is_pattern=True))
    for one in made:
        writers = {stage.rules[index].line for index, names in outcome.written.items() if one.name in names}
        one.overwrites = writers - {other.line for other in made if other.name == one.name}
    return made


def _written(stage: Stage, name: str, item: Alternative, *, is_pattern: bool = False) -> Made:
    rule = stage.rules[item.chain[-1]]
    made = Made(name, stage.origin, stage.name, stage.file, rule.line, rule, name if is_pattern else None, always=False)
    made.through = stage.rules.feeders(item.chain[-1])
    made.roots = dict.fromkeys(root.label for root in item.roots)
    made.jobs = dict.fromkeys(stage.jobs)
    made.add_value(item.value.text)
    return made


def sample_cells(job: JobLabels) -> dict[str, Cell]:
    """The labels of a job's samples, as far as they come from its targets."""
    cells: dict[str, Cell] = {"__name__": (Alternative(UNKNOWN, (Root("__name__", "sample"),)),)}
    for made in job.made:
        if made.pattern is None:
            item = Alternative(UNKNOWN, (Root(made.name, "target"),))
            cells[made.name] = (item,) if made.always else (ABSENT, item)
    return cells


def alert_cells(external: dict[str, str]) -> dict[str, Cell]:
    """The labels that every alert has: its name, and external labels where nothing else set them."""
    cells: dict[str, Cell] = {"alertname": (Alternative(UNKNOWN, (Root("alertname", "rule"),)),)}
    for name, value in external.items():
        root = (Root(name, "external_label"),)
        own = Alternative(UNKNOWN, root)
        cells[name] = (Alternative(constant(value), root), own) if is_literal(value) else (own,)
    return cells


def external_labels(settings: Section | None, file: str) -> list[Made]:
    """The labels of global.external_labels. A value that the server expands is not known here."""
    labels = settings.get("external_labels") if settings else None
    if not isinstance(labels, Section):
        return []
    made: list[Made] = []
    for name, value in labels.items():
        if not value:
            continue
        item = Made(name, "external_label", "external_labels", file, labels.line_of(name))
        item.variables = variables(value)
        item.add_value(value if is_literal(value) else None)
        made.append(item)
    return made


@dataclass(frozen=True, slots=True)
class SetByRule:
    """A label that a recording or alerting rule sets. rule is the rule's name; an empty value deletes the label."""

    rule: str
    name: str
    value: str
    line: int
    is_alert: bool


def set_by_rules(groups: Any) -> Iterator[SetByRule]:
    """What recording and alerting rules set. A rule has the labels of its group that it does not set itself.

    An alert has its own name for alertname, over any label so called.
    """
    for group in (groups or {}).get("groups") or ():
        rules = (group.get("rules") or ()) if isinstance(group, Section) else ()
        for rule in rules:
            if not isinstance(rule, Section):
                continue
            is_alert = bool(rule.get("alert"))
            shared, own = (section.get("labels") or Section(0) for section in (group, rule))
            for name, value in {**shared, **own}.items():
                if is_public(name) and not (is_alert and name == "alertname"):
                    line = (own if name in own else shared).line_of(name)
                    yield SetByRule(rule.get("alert") or rule.get("record") or "", name, value or "", line, is_alert)


def rule_labels(groups: Any, file: str) -> list[Made]:
    """The labels that recording and alerting rules set."""
    found: dict[str, Made] = {}
    for item in set_by_rules(groups):
        if item.value:
            made = found.setdefault(item.name, Made(item.name, "rule", "rules", file, item.line, always=False))
            made.line = min(made.line, item.line)
            made.add_value(None if item.is_alert and "{{" in item.value else item.value)
    return list(found.values())


def otlp_labels(section: Section | None, file: str) -> list[Made]:
    """Resource attributes of OTLP metrics that become labels."""
    if not section:
        return []
    if section.get("promote_all_resource_attributes"):
        name = "^(.+)$"
        line = section.line_of("promote_all_resource_attributes")
        return [Made(name, "otlp", "otlp", file, line, pattern=name, always=False, complete=False)]
    keeps = (section.get("translation_strategy") or "").startswith("No")
    made: list[Made] = []
    line = section.line_of("promote_resource_attributes")
    for attribute in section.get("promote_resource_attributes") or ():
        name = attribute.strip() if keeps else _sanitized(attribute.strip(), section)
        if name and is_public(name):
            roots = {attribute.strip(): None}
            made.append(Made(name, "otlp", "otlp", file, line, always=False, complete=False, roots=roots))
    return made


def _sanitized(attribute: str, section: Section) -> str:
    name = re.sub(r"[^a-zA-Z0-9_]", "_", attribute)
    if not section.get("label_name_preserve_multiple_underscores", True):
        name = re.sub(r"_+", "_", name)
    if name[:1].isdigit():
        return f"key_{name}"
    if section.get("label_name_underscore_sanitization", True) and name.startswith("_") and not name.startswith("__"):
        return f"key{name}"
    return name
