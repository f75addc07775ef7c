# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A label and one way in which it comes to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import is_masked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import Rule

# What makes a label, in the order in which a field names its main origin.
ORIGINS: Final = (
    "relabel",
    "labelmap",
    "static",
    "file_sd",
    "discovery",
    "external_label",
    "rule",
    "alert_relabel",
    "metric_relabel",
    "write_relabel",
    "otlp",
    "default",
)

MAX_VALUES: Final = 100


@dataclass(slots=True)
class Made:
    """One making of one label in one or more jobs.

    name is the label, or for labels whose names are not known the shape of their names; pattern then says the same and
    is None for all others. stage is the key of the config where it happens. rule writes the label, through are rules
    before it that write what it reads. roots are the labels that the value comes
    from, as they were before any rule. always: each target of the jobs has the label. values are those known, in which
    case complete says that there are no others. variables are the names in ${NAME} of a value that the server expands.
    overwrites are lines of rules whose result for this label does not last. file and line are the first place.
    """

    name: str
    origin: str
    stage: str
    file: str = ""
    line: int = 0
    rule: Rule | None = None
    pattern: str | None = None
    always: bool = True
    complete: bool = True
    roots: dict[str, None] = field(default_factory=dict)
    jobs: dict[str, None] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    overwrites: set[int] = field(default_factory=set)
    through: tuple[Rule, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, Rule | None, tuple[Rule, ...], bool]:
        """Equal for makings that are the same: they differ in place, jobs and values at most."""
        return (self.name, self.origin, self.stage, self.rule, self.through, self.always)

    def add_value(self, value: str | None) -> None:
        """Note a value that the label may have; None for one that is not known. A masked one is not known either."""
        if value is None or is_masked(value):
            self.complete = False
        elif value:
            self.values.add(value)
            self._bound_values()

    def _bound_values(self) -> None:
        if len(self.values) > MAX_VALUES:
            self.values = set(sorted(self.values)[:MAX_VALUES])
            self.complete = False

    def absorb(self, other: Made) -> None:
        """Take over what the same making did elsewhere. The place stays that of the first."""
        self.complete = self.complete and other.complete
        self.roots.update(other.roots)
        self.jobs.update(other.jobs)
        self.values |= other.values
        self.variables |= other.variables
        if (self.file, self.line) == (other.file, other.line):
            self.overwrites |= other.overwrites
        self._bound_values()

    def copy(self) -> Made:
        return Made(
            self.name,
            self.origin,
            self.stage,
            self.file,
            self.line,
            self.rule,
            self.pattern,
            self.always,
            self.complete,
            dict(self.roots),
            dict(self.jobs),
            set(self.values),
            set(self.variables),
            set(self.overwrites),
            self.through,
        )


def gathered(made: Iterable[Made]) -> list[Made]:
    """Equal makings put together, in the order of their first appearance."""
    found: dict[object, Made] = {}
    for item in made:
        known = found.get(item.key)
        if known is None:
            found[item.key] = item.copy()
        else:
            known.absorb(item)
    return list(found.values())


def is_public(name: str) -> bool:
    """Whether a label stays on targets and series: names with two leading underscores are internal."""
    return not name.startswith("__")
