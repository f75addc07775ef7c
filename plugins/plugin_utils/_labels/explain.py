# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a label is what it is: every rule of a job that makes, changes or deletes it, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import abstract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.abstract import LETTER_CASES, State
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import Section
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.discovery import (
    catalogue_of,
    start_state,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import (
    INTERNAL,
    Groups,
    base_labels,
    final_labels,
    laid_under,
    laid_under_state,
    target_fault,
    unknown_target,
    without_contradictions,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import Hole
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    WRITERS,
    Dialect,
    Rule,
    rules_of,
    run,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import (
    EMPTY,
    UNKNOWN,
    Cell,
    Value,
    may_be_absent,
    present,
)

MAX_TARGETS: Final = 500
MAX_EXAMPLES: Final = 5
MAX_VALUES: Final = 8
FILTERS: Final = frozenset({"keep", "drop", "keepequal", "dropequal"})
ABSENT: Final = "absent"


@dataclass(slots=True)
class Step:
    """One rule. before and after are the label's value in words; effect is one of written, deleted, unchanged, dropped,
    may_drop, kept; matched is None where it depends on the target. also tells what became of labels that feed this one.
    """

    file: str
    line: int
    action: str
    rule: str
    matched: bool | None
    before: str
    after: str
    effect: str
    also: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """What happens to the label for one kind of target. target names an example, None where targets are discovered."""

    source: str
    target: str | None
    targets: int
    start: str
    steps: list[Step] = field(default_factory=list)
    result: str = ABSENT
    presence: str = "never"
    dropped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _together(stories: Sequence[Story]) -> Story:
    """The first of some stories that go the same way, with the values of all."""
    story = stories[0]
    story.targets = len(stories)
    story.start = _either(other.start for other in stories)
    story.result = _either(other.result for other in stories)
    return story


def rule_text(rule: Rule) -> str:
    """A rule on one line."""
    sources = f"[{', '.join(rule.source_labels)}]"
    if rule.separator != ";" and len(rule.source_labels) > 1:
        sources += f" joined by {rule.separator!r}"
    match rule.action:
        case "replace" if not rule.source_labels and rule.regex == "(.*)":
            return f"{rule.target_label} = {rule.replacement!r}"
        case "replace":
            return f"{sources} =~ {rule.regex!r} gives {rule.target_label} = {rule.replacement!r}"
        case "keep" | "drop":
            return f"{rule.action} where {sources} =~ {rule.regex!r}"
        case "keepequal" | "dropequal":
            return f"{rule.action[:4]} where {sources} equals {rule.target_label}"
        case "hashmod":
            return f"{rule.target_label} = hash of {sources} modulo {rule.modulus}"
        case "labelmap":
            return f"copy labels named {rule.regex!r} to {rule.replacement!r}"
        case "labeldrop" | "labelkeep":
            return f"{'delete' if rule.action == 'labeldrop' else 'keep only'} labels named {rule.regex!r}"
    return f"{rule.target_label} = {rule.action} of {sources}"


def describe(cell: Cell) -> str:
    """The values that a label may have, in words."""
    values = list(dict.fromkeys(item.value for item in present(cell)))
    words = [_describe_value(value) for value in values if not any(_covers(other, value) for other in values)]
    if words and (any(item.value == EMPTY for item in cell) or not cell):
        words.insert(0, ABSENT)
    return _either(words) or ABSENT


def _either(words: Iterable[str]) -> str:
    found = list(dict.fromkeys(words))
    return " or ".join([*found[:MAX_VALUES], "others"] if len(found) > MAX_VALUES else found)


def _covers(whole: Value, part: Value) -> bool:
    """Whether a value that may be anything, as far as it goes, makes a word on another one needless."""
    wide = whole.parts == UNKNOWN.parts and part.text is None and part != whole
    return wide and whole.matches <= part.matches and whole.rejects <= part.rejects


def _describe_value(value: Value) -> str:
    if value.text is not None:
        return repr(value.text)
    parts = [repr(part) if isinstance(part, str) else _hole(part) for part in value.parts]
    words = " + ".join(parts)
    cases = [f" in {name.removesuffix('case')} case" for name, form in LETTER_CASES.items() if form in value.matches]
    words += "".join(cases)
    if matches := sorted(value.matches - set(LETTER_CASES.values())):
        words += " that matches " + " and ".join(map(repr, matches))
    if value.rejects:
        words += " that does not match " + " or ".join(repr(item) for item in sorted(value.rejects))
    return words


def _hole(part: Hole) -> str:
    return "anything" if part.source in (".+", ".*") else f"something like {part.source!r}"


def feeding(rules: Sequence[Rule], label: str) -> set[str]:
    """The label and all labels that may feed it through the rules."""
    wanted = {label}
    for rule in reversed(rules):
        if rule.action in WRITERS and (rule.target_label in wanted or "$" in rule.target_label):
            wanted.update(rule.source_labels)
    return wanted


def concerns(rule: Rule, wanted: Iterable[str], dialect: Dialect) -> bool:
    """Whether a rule may write or delete one of the labels, or drop the target."""
    if rule.action in FILTERS or "$" in rule.target_label:
        return True
    if rule.action in WRITERS:
        return rule.target_label in wanted
    if rule.action == "labelmap":
        return "$" in rule.replacement or rule.replacement in wanted
    pattern = rule.pattern(dialect)
    return any(pattern.matches(name) == (rule.action == "labeldrop") for name in wanted)


class JobExplainer:
    """Tells what becomes of one label in one job."""

    def __init__(self, section: Section, file: str, settings: Mapping[str, Any] | None, label: str, dialect: Dialect):
        self.file = file
        self.label = label
        self.dialect = dialect
        self.rules = rules_of(section, "relabel_configs")
        self.base = base_labels(section, settings)
        self.wanted = feeding(self.rules, label)
        self.left_out = 0  # known targets of which no story tells

    # --- targets that are known ---

    def groups(self, groups: Groups) -> list[Story]:
        """One story for each way in which targets of these groups fare: the steps of an example, the values of all."""
        each = [
            (number, place, target)
            for place, group in enumerate(groups.groups)
            if isinstance(group, Section)
            for number, target in enumerate(group.get("targets") or ())
        ]
        # The first of each group rather than the second of any, but told as they are written.
        followed = sorted(sorted(each)[:MAX_TARGETS], key=lambda item: item[1])
        found: dict[object, list[Story]] = {}
        for _number, place, target in followed:
            group = groups.groups[place]
            labels = {**(group.get("labels") or {}), "__address__": target}
            if groups.kind == "file_sd":
                labels["__meta_filepath"] = groups.file
            story = self.target(labels, groups.file)
            key = (tuple((step.line, step.effect) for step in story.steps), story.presence, story.dropped)
            found.setdefault(key, []).append(story)
        told = [_together(stories) for stories in list(found.values())[:MAX_EXAMPLES]]
        self.left_out += len(each) - sum(story.targets for story in told)
        return told

    def target(self, own: Mapping[str, str], source: str) -> Story:
        """The story of one label set, as the discovery gives it."""
        labels = laid_under(own, self.base, self.dialect)
        story = Story(source, labels.get("__address__", ""), 1, _shown(labels.get(self.label, "")))
        for rule in self.rules:
            before = labels.get(self.label, "")
            value = rule.separator.join(labels.get(name, "") for name in rule.source_labels)
            done = run((rule,), labels, self.dialect)
            labels = done.labels
            dropped = done.dropped_by is not None
            if dropped or concerns(rule, self.wanted, self.dialect):
                matched = (
                    rule.pattern(self.dialect).matches(value) if rule.action in ("replace", "keep", "drop") else None
                )
                after = labels.get(self.label, "")
                effect = "dropped" if dropped else _effect(rule, before, after)
                step = self._step(rule, matched, _shown(before), _shown(after), effect)
                step.also = [
                    f"{write.label}: {_shown(write.before)} -> {_shown(write.after)}"
                    for write in done.writes
                    if write.label in self.wanted and write.label != self.label
                ]
                fed = rule.target_label if rule.action in WRITERS else ""
                if not done.writes and fed in self.wanted and fed != self.label:
                    step.also = [f"{fed} stays {_shown(labels.get(fed, ''))}"]
                story.steps.append(step)
            if dropped:
                story.dropped = f"{self.file}:{rule.line}: {rule_text(rule)}"
                return story
        fault = target_fault(labels, self.dialect)
        if fault is not None:
            story.dropped = fault.removeprefix("has ")
            return story
        labels = {**labels, **final_labels(labels, self.dialect)}
        story.result = _shown(labels.get(self.label, ""))
        story.presence = "always" if labels.get(self.label) else "never"
        return story

    # --- targets that are discovered ---

    def discovered(self, key: str, kind: str, section: Mapping[str, Any] | None) -> Story:
        """The story of what a discovery may give."""
        return self._unknown(key, start_state(kind, catalogue_of(kind, section)))

    def nothing_known(self) -> Story:
        return self._unknown("no service discovery", unknown_target())

    def _unknown(self, source: str, state: State) -> Story:
        state = laid_under_state(state, self.base, self.dialect)
        rules: Sequence[Rule] = self.rules
        steps = abstract.trace(rules, state, self.label, self.dialect)
        if steps and steps[-1].dropped and state.open_start:
            # As for the fields: what keeps no target because nothing sets what it tests is supposed to be set.
            state.open_start = INTERNAL
            rules = without_contradictions(self.rules, self.dialect)
            supposed = abstract.trace(rules, state, self.label, self.dialect)
            if not supposed[-1].dropped:
                line = self.rules[steps[-1].index].line
                steps, source = supposed, f"{source}, supposing that what line {line} tests is set"
        also = self._also(rules, state)
        first = steps[0].before if steps else state.cells.get(self.label, ())
        story = Story(source, None, 0, describe(first))
        cell = first
        for step in steps:
            rule = self.rules[step.index]
            cell = step.after
            if step.dropped or concerns(rule, self.wanted, self.dialect):
                before, after = describe(step.before), describe(step.after)
                if step.dropped:
                    effect = "dropped"
                elif rule.action in FILTERS:
                    effect = "kept" if step.matched is (rule.action == "keep") else "may_drop"
                else:
                    effect = _effect(rule, before, after)
                story.steps.append(self._step(rule, step.matched, before, after, effect))
                story.steps[-1].also = also.get(step.index, [])
            if step.dropped:
                story.dropped = f"{self.file}:{rule.line}: {rule_text(rule)}"
                return story
        story.result = describe(cell)
        if self.label == "instance" and may_be_absent(cell):
            story.result = "the address" if not present(cell) else f"{describe(present(cell))} or the address"
            story.presence = "always"
        elif present(cell):
            story.presence = "conditional" if may_be_absent(cell) else "always"
        return story

    def _also(self, rules: Sequence[Rule], state: State) -> dict[int, list[str]]:
        """What becomes of the labels that feed this one, by rule."""
        found: dict[int, list[str]] = {}
        for name in sorted(self.wanted - {self.label}):
            if not any(rule.action in WRITERS and rule.target_label == name for rule in rules):
                continue
            for step in abstract.trace(rules, state, name, self.dialect):
                before, after = describe(step.before), describe(step.after)
                rule = rules[step.index]
                if before != after and rule.action not in FILTERS:
                    found.setdefault(step.index, []).append(f"{name}: {before} -> {after}")
                elif rule.action in WRITERS and rule.target_label == name:
                    found.setdefault(step.index, []).append(f"{name} stays {after}")
        return found

    def _step(self, rule: Rule, matched: bool | None, before: str, after: str, effect: str) -> Step:
        return Step(self.file, rule.line, rule.action, rule_text(rule), matched, before, after, effect)


def _shown(value: str) -> str:
    return repr(value) if value else ABSENT


def _effect(rule: Rule, before: str, after: str) -> str:
    if before == after:
        return "kept" if rule.action in FILTERS else "unchanged"
    return "deleted" if after in ("", ABSENT) else "written"
