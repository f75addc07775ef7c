# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relabelling over values that are not known: which labels may result, from what, by which rules.

The result covers every label set that the start allows: a label that some of them would get is found, and a label that
is said to be always there is there for all. Values that hang together are taken apart, so the reverse holds only
nearly: a label that is found may, in rare cases, never come to be. Values that are not known are taken to be of one
line, and of labels with names of their own only those whose values are known are taken to be overwritten by those of a
family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    Hole,
    Parts,
    Pattern,
    compiled,
    expanded,
    joined,
    shape,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    MAX_LABELS,
    PROMETHEUS_3,
    Dialect,
    Rule,
    hashmod,
    lowercase,
    uppercase,
    valid_name,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import (
    ABSENT,
    EMPTY,
    UNKNOWN,
    Alternative,
    Cell,
    Combination,
    Root,
    Value,
    combinations,
    constant,
    expand_parts,
    expand_value,
    may_be_absent,
    narrowed,
    present,
    unique,
    verdict,
    without,
)

_FEW: Final = 32
_MAX_FAMILIES: Final = 100
# What the values that these actions make surely match.
LETTER_CASES: Final = {"lowercase": "[^A-Z]*", "uppercase": "[^a-z]*"}
# Discovered systems hardly name their own labels so; whoever maps all labels does not mean these.
_NEVER_MAPPED: Final = frozenset({"job", "instance"})


@dataclass(frozen=True, slots=True)
class Family:
    """Labels that are known by the shape of their names only.

    root is the name of the label that such a label comes from, "*" standing for the part that is not known. requires
    and rejects are expressions that a name must match, and must not match, to be still there.
    """

    name: Parts
    root: str
    kind: str
    chain: tuple[int, ...] = ()
    requires: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        return (
            compiled(shape(self.name)).matches(name)
            and all(compiled(wanted).matches(name) for wanted in self.requires)
            and not any(compiled(unwanted).matches(name) for unwanted in self.rejects)
        )

    def root_of(self, name: str) -> str:
        """The root of one member, where the unknown part of both names is the same."""
        match self.name:
            case (Hole(),):
                return self.root.replace("*", name, 1)
            case (str() as start, Hole()):
                return self.root.replace("*", name[len(start) :], 1)
        return self.root


@dataclass(slots=True)
class State:
    """A label set that is known in part.

    open_kind: labels beside those named may exist, and what sets them. open_start: of those, only labels that a rule
    names and that begin so; empty for any label.
    """

    cells: dict[str, Cell] = field(default_factory=dict)
    families: list[Family] = field(default_factory=list)
    open_kind: str | None = None
    open_start: str = ""

    def copy(self) -> State:
        return State(dict(self.cells), list(self.families), self.open_kind, self.open_start)


@dataclass(slots=True)
class Outcome:
    """What rules make of a State.

    dropped_by is the rule that surely drops everything. written: for each rule, the labels (names, or shapes of names)
    that it may have written or deleted; matched: the rules whose expression may match at all.
    """

    state: State
    dropped_by: int | None = None
    written: dict[int, list[str]] = field(default_factory=dict)
    matched: set[int] = field(default_factory=set)


def known(labels: Mapping[str, str], kind: str) -> dict[str, Cell]:
    """Cells for labels whose values are known."""
    return {name: (Alternative(constant(value), (Root(name, kind),)),) for name, value in labels.items() if value}


def run(rules: Sequence[Rule], start: State, dialect: Dialect = PROMETHEUS_3) -> Outcome:
    """Apply rules in order. start is not changed."""
    machine = _Machine(start.copy(), dialect)
    for index, rule in enumerate(rules):
        if not machine.apply(index, rule):
            machine.outcome.dropped_by = index
            break
    return machine.outcome


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule may do to one label. dropped: it surely drops everything.

    matched says whether the rule's expression surely matches, surely does not (False), or depends on the target (None).
    """

    index: int
    before: Cell
    after: Cell
    matched: bool | None
    dropped: bool = False


def trace(rules: Sequence[Rule], start: State, label: str, dialect: Dialect = PROMETHEUS_3) -> list[Step]:
    """Follow one label through the rules, up to the rule that surely drops everything."""
    machine = _Machine(start.copy(), dialect)
    steps: list[Step] = []
    for index, rule in enumerate(rules):
        before = machine.cell(label)
        matched = machine.matched(rule)
        goes_on = machine.apply(index, rule)
        steps.append(Step(index, before, machine.cell(label), matched, not goes_on))
        if not goes_on:
            break
    return steps


class _Machine:
    def __init__(self, state: State, dialect: Dialect) -> None:
        self.state = state
        self.dialect = dialect
        self.outcome = Outcome(state)
        self._open_rejects: list[str] = []
        self._open_requires: list[str] = []

    def apply(self, index: int, rule: Rule) -> bool:
        """One rule; false where it surely drops every label set."""
        match rule.action:
            case "keep" | "drop":
                return self._filter(index, rule)
            case "keepequal" | "dropequal":
                return self._compare(index, rule)
            case "labelmap":
                self._map(index, rule)
            case "labeldrop" | "labelkeep":
                self._delete(index, rule)
            case "replace":
                self._replace(index, rule)
            case _:
                self._compute(index, rule)
        return True

    # --- what a label may be ---

    def cell(self, name: str) -> Cell:
        found = self.state.cells.get(name)
        if found is not None:
            return found
        roots = [
            (Root(family.root_of(name), family.kind), family.chain)
            for family in self.state.families
            if family.has(name)
        ]
        if self.state.open_kind is not None and self._open_has(name):
            roots.append((Root(name, self.state.open_kind), ()))
        return (ABSENT, *(Alternative(UNKNOWN, (root,), chain) for root, chain in dict.fromkeys(roots)))

    def _open_has(self, name: str) -> bool:
        if not name.startswith(self.state.open_start):
            return False
        return all(compiled(wanted).matches(name) for wanted in self._open_requires) and not any(
            compiled(unwanted).matches(name) for unwanted in self._open_rejects
        )

    def _combinations(self, rule: Rule) -> list[Combination]:
        if not rule.source_labels:
            return [Combination(EMPTY, ())]
        return combinations([self.cell(name) for name in rule.source_labels], rule.separator)

    def _note(self, index: int, name: str) -> None:
        self.outcome.matched.add(index)
        names = self.outcome.written.setdefault(index, [])
        if name not in names:
            names.append(name)

    def _put(self, index: int, name: str, cell: Iterable[Alternative]) -> None:
        self.state.cells[name] = unique(cell)
        self._note(index, name)

    def matched(self, rule: Rule) -> bool | None:
        """Whether a rule's expression matches now; None where that depends on the target, or there is none to match."""
        if rule.action not in ("replace", "keep", "drop"):
            return None
        pattern = rule.pattern(self.dialect)
        found = {verdict(pattern, combo.value) for combo in self._combinations(rule)}
        return found.pop() if len(found) == 1 else None

    # --- dropping ---

    def _filter(self, index: int, rule: Rule) -> bool:
        pattern = rule.pattern(self.dialect)
        keeps = rule.action == "keep"
        combos = self._combinations(rule)
        verdicts = [verdict(pattern, combo.value) for combo in combos]
        if any(found is not False for found in verdicts):
            self.outcome.matched.add(index)
        left = [combo for combo, found in zip(combos, verdicts, strict=True) if found is not (not keeps)]
        if not left:
            return False
        if len(rule.source_labels) == 1:
            cut = narrowed if keeps else without
            self._narrow(
                rule.source_labels[0],
                [replace(combo.picks[0], value=value) for combo in left for value in cut(combo.value, pattern)],
            )
        elif rule.source_labels:
            self._narrow_joined(rule, pattern, left, keeps)
        return True

    def _narrow(self, name: str, cell: list[Alternative]) -> None:
        """Note what a label can still be, without any rule having written it."""
        found = unique(cell)
        if found and (name in self.state.cells or found != (ABSENT,)):
            self.state.cells[name] = found

    def _narrow_joined(self, rule: Rule, pattern: Pattern, left: list[Combination], keeps: bool) -> None:
        pieces: list[set[str]] | None = None
        if keeps and pattern.finite and rule.separator:
            split = [text.split(rule.separator) for text in pattern.finite]
            if all(len(texts) == len(rule.source_labels) for texts in split):
                pieces = [set(texts) for texts in zip(*split, strict=True)]
        for position, name in enumerate(rule.source_labels):
            cell: list[Alternative] = []
            for pick in dict.fromkeys(combo.picks[position] for combo in left):
                if pieces is None:
                    cell.append(pick)
                else:
                    fitting = sorted(text for text in pieces[position] if pick.value.can_be(text))
                    cell.extend(replace(pick, value=constant(text)) for text in fitting)
            self._narrow(name, cell)

    def _compare(self, index: int, rule: Rule) -> bool:
        self.outcome.matched.add(index)
        if rule.source_labels == (rule.target_label,):
            return rule.action == "keepequal"
        wanted = rule.action == "keepequal"
        others = self.cell(rule.target_label)
        for combo in self._combinations(rule):
            for other in others:
                mine, theirs = combo.value.text, other.value.text
                if mine is None or theirs is None:
                    if mine is None and theirs is not None and not combo.value.can_be(theirs) and wanted:
                        continue
                    if theirs is None and mine is not None and not other.value.can_be(mine) and wanted:
                        continue
                    return True
                if (mine == theirs) is wanted:
                    return True
        return False

    # --- writing ---

    def _compute(self, index: int, rule: Rule) -> None:
        """hashmod, lowercase, uppercase."""
        cell: list[Alternative] = []
        for combo in self._combinations(rule):
            cell.extend(
                Alternative(value, combo.roots, (*combo.chain, index)) for value in _computed(rule, combo.value)
            )
        self._put(index, rule.target_label, cell)

    def _replace(self, index: int, rule: Rule) -> None:
        pattern = rule.pattern(self.dialect)
        stays: list[Combination] = []
        targets: dict[Parts, list[Alternative]] = {}
        for combo in self._combinations(rule):
            found = verdict(pattern, combo.value)
            if found is not True:
                stays.append(combo)
            if found is False:
                continue
            for name, value in _writes(pattern, rule, combo):
                text = "".join(str(part) for part in name) if all(isinstance(part, str) for part in name) else None
                if text is not None and not valid_name(text, self.dialect):
                    stays.append(combo)
                    continue
                if value == EMPTY and not self.dialect.template_deletes and name != (rule.target_label,):
                    stays.append(combo)
                    continue
                made = Alternative(value, combo.roots, (*combo.chain, index)) if value != EMPTY else ABSENT
                targets.setdefault(name, []).append(made)
        sure = len(targets) == 1
        for name, cell in targets.items():
            if all(isinstance(part, str) for part in name):
                label = "".join(str(part) for part in name)
                self._put(index, label, [*self._left_alone(rule, label, stays, sure), *cell])
            else:
                self._add_family(index, name, present(tuple(cell)))

    def _left_alone(self, rule: Rule, label: str, stays: list[Combination], sure: bool) -> Cell:
        """What a label keeps where the rule does not write it."""
        if not sure:
            return self.cell(label)
        if not stays:
            return ()
        if label in rule.source_labels:
            position = rule.source_labels.index(label)
            return tuple(combo.picks[position] for combo in stays)
        return self.cell(label)

    def _add_family(self, index: int, name: Parts, cell: Cell) -> None:
        roots = [(made.roots[0] if made.roots else Root("", "constant"), made.chain) for made in cell]
        self._extend([Family(name, root.label, root.kind, chain) for root, chain in roots])
        self._note(index, shape(name))

    def _extend(self, families: list[Family]) -> None:
        """Add families. Of labels that have a name of their own, they are taken to overwrite those of known values."""
        known = {replace(family, chain=()) for family in self.state.families}
        families = [family for family in families if replace(family, chain=()) not in known]
        self.state.families = [*self.state.families, *families][:_MAX_FAMILIES]
        gone = [name for name, cell in self.state.cells.items() if cell == (ABSENT,)]
        for name in gone:
            if any(family.has(name) for family in families):
                del self.state.cells[name]
        for name, cell in self.state.cells.items():
            if name in _NEVER_MAPPED or name.startswith("__") or any(item.value == UNKNOWN for item in cell):
                continue
            made = [
                Alternative(UNKNOWN, (Root(family.root_of(name), family.kind),), family.chain)
                for family in families
                if family.has(name)
            ]
            if made:
                self.state.cells[name] = unique((*cell, *made))

    # --- whole names ---

    def _map(self, index: int, rule: Rule) -> None:
        pattern = rule.pattern(self.dialect)
        copied: dict[str, list[Cell]] = {}
        for name, cell in self.state.cells.items():
            if len(copied) + len(self.state.cells) >= MAX_LABELS:
                break
            if not present(cell) or (found := pattern.match(name)) is None:
                continue
            target = expanded(pattern, found, rule.replacement)
            copied.setdefault(target, []).append(cell)
        families: list[Family] = []
        for family in self.state.families:
            if pattern.can_match(family.name):
                families.extend(self._map_family(index, rule, family, copied))
        if self.state.open_kind is not None and not self.state.open_start:
            everything = Family((Hole(1, ".+"),), "*", self.state.open_kind)
            families.extend(self._map_family(index, rule, everything, copied))
        for target, cells in copied.items():
            made = [replace(item, chain=(*item.chain, index)) for cell in cells for item in cell if item.value != EMPTY]
            old = self.cell(target) if all(may_be_absent(cell) for cell in cells) else ()
            self._put(index, target, [*old, *made])
        self._extend(families)

    def _map_family(self, index: int, rule: Rule, family: Family, copied: dict[str, list[Cell]]) -> list[Family]:
        """Copy labels of a family: under their names where the expression has few, else as new families."""
        pattern = rule.pattern(self.dialect)
        if pattern.finite is None:
            root = _mapped_root(pattern, family)
            made: list[Family] = []
            for name in _mapped_names(pattern, family.name, rule.replacement):
                if any(isinstance(part, Hole) for part in name):
                    self._note(index, shape(name))
                    made.append(Family(name, root, family.kind, (*family.chain, index)))
                else:
                    source = Root(root.replace("*", "(.+)"), family.kind)
                    cell = (ABSENT, Alternative(UNKNOWN, (source,), family.chain))
                    copied.setdefault("".join(map(str, name)), []).append(cell)
            return made
        for label in pattern.finite:
            if family.has(label) and label not in self.state.cells and (found := pattern.match(label)) is not None:
                member = Alternative(UNKNOWN, (Root(family.root_of(label), family.kind),), family.chain)
                copied.setdefault(expanded(pattern, found, rule.replacement), []).append((ABSENT, member))
        return []

    def _delete(self, index: int, rule: Rule) -> None:
        pattern = rule.pattern(self.dialect)
        keeps = rule.action == "labelkeep"
        for name in [name for name in self.state.cells if pattern.matches(name) != keeps]:
            if present(self.state.cells.pop(name)):
                self._note(index, name)
        left: list[Family] = []
        for family in self.state.families:
            if keeps:
                if pattern.can_match(family.name):
                    left.append(replace(family, requires=(*family.requires, rule.regex)))
            elif not pattern.must_match(family.name):
                left.append(replace(family, rejects=(*family.rejects, rule.regex)))
        self.state.families = left
        (self._open_requires if keeps else self._open_rejects).append(rule.regex)


def _computed(rule: Rule, value: Value) -> list[Value]:
    text = value.text
    if rule.action == "hashmod":
        if text is not None:
            return [constant(hashmod(text, rule.modulus))]
        if rule.modulus <= _FEW:
            return [constant(str(bucket)) for bucket in range(rule.modulus)]
        return [Value((Hole(1, "[0-9]+"),))]
    case = lowercase if rule.action == "lowercase" else uppercase
    if text is not None:
        return [constant(case(text))]
    parts = tuple(case(part) if isinstance(part, str) else part for part in value.parts)
    return [Value(parts, matches=frozenset({LETTER_CASES[rule.action]}))]


def _writes(pattern: Pattern, rule: Rule, combo: Combination) -> list[tuple[Parts, Value]]:
    """Each label that a replace rule may write for one combination, with its value; EMPTY where it deletes."""
    value = combo.value
    texts: Iterable[str] | None = None
    if value.text is not None:
        texts = [value.text]
    elif pattern.finite is not None:
        texts = [text for text in pattern.finite if value.can_be(text)]
    if texts is not None:
        made: list[tuple[Parts, Value]] = []
        for text in texts:
            if (found := pattern.match(text)) is not None:
                name = constant(expanded(pattern, found, rule.target_label)).parts
                made.append((name, constant(expanded(pattern, found, rule.replacement))))
        return list(dict.fromkeys(made))
    names = expand_parts(pattern, value, rule.target_label) if "$" in rule.target_label else [(rule.target_label,)]
    results: list[Value] = []
    for result in expand_value(pattern, value, rule.replacement):
        results.extend(_split_empty(result))
    return [(name, result) for name in names for result in dict.fromkeys(results)]


def _split_empty(value: Value) -> list[Value]:
    """The value, and emptiness apart from it where it is possible."""
    if value == EMPTY or not value.may_be_empty:
        return [value]
    match value.parts:
        case (Hole(source=source),):
            value = replace(value, parts=(Hole(1, source),))
    return [value, EMPTY]


def _mapped_names(pattern: Pattern, name: Parts, template: str) -> list[Parts]:
    """The names that labelmap gives to labels whose names have a known shape."""
    group, tail = _tail(pattern, name)
    found = expand_parts(pattern, Value(name), template, {group: [tail]} if group else {})
    return [(Hole(1, parts[0].source),) if len(parts) == 1 and isinstance(parts[0], Hole) else parts for parts in found]


def _tail(pattern: Pattern, name: Parts) -> tuple[int, Parts]:
    """For an expression that is a fixed text and then one group: the group's number and what it holds for this name."""
    start, group = pattern.prefix_group
    if not group or not name:
        return 0, ()
    match name:
        case (str() as fixed, *rest) if fixed.startswith(start):
            return group, joined((fixed[len(start) :], *rest))
        case (str() as fixed, Hole()) if start.startswith(fixed):
            return group, (Hole(1, pattern.groups[group][0].inner),)
        case (Hole(),):
            return group, (Hole(1, pattern.groups[group][0].inner),)
    return 0, ()


def _mapped_root(pattern: Pattern, family: Family) -> str:
    """The name of the label that labelmap copies from, with the part that is not known as "*"."""
    start = pattern.literal_prefix[0]
    fixed = family.name[0] if family.name and isinstance(family.name[0], str) else ""
    if not family.chain and start.startswith(fixed) and len(start) > len(fixed):
        return f"{start}*"
    return family.root
