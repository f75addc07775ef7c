# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label values that are not known, or only in part, and where they come from."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    MAX_TEXT,
    SOMETHING,
    Hole,
    Parts,
    Pattern,
    compiled,
    joined,
    least_length,
    template_pieces,
)

MAX_ALTERNATIVES: Final = 64
_MAX_EXPANSIONS: Final = 16
_MAX_PARTS: Final = 64
_MAX_EXPRESSIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Root:
    """A label as it was before any rule. kind says what set it: see ROOT_KINDS of the callers."""

    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Value:
    """A set of texts: all of one shape, known to match some expressions and not to match others.

    No parts at all is the empty text, which for a label means that it does not exist.
    """

    parts: Parts
    matches: frozenset[str] = frozenset()
    rejects: frozenset[str] = frozenset()

    @property
    def text(self) -> str | None:
        """The one text, where there is just one."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    @property
    def may_be_empty(self) -> bool:
        return least_length(self.parts) == 0 and not any(
            not compiled(expression).matches("") for expression in self.matches
        )

    def can_be(self, text: str) -> bool:
        """Whether this text is in the set."""
        expression = "".join(
            re.escape(part) if isinstance(part, str) else (".+" if part.least else ".*") for part in self.parts
        )
        return (
            compiled(expression).matches(text)
            and all(compiled(wanted).matches(text) for wanted in self.matches)
            and not any(compiled(unwanted).matches(text) for unwanted in self.rejects)
        )


EMPTY: Final = Value(())
UNKNOWN: Final = Value(SOMETHING)


def constant(text: str) -> Value:
    return Value((text,)) if text else EMPTY


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way in which a label comes to its value: from which roots, through which rules (the last one wrote it)."""

    value: Value
    roots: tuple[Root, ...] = ()
    chain: tuple[int, ...] = ()


Cell = tuple[Alternative, ...]

ABSENT: Final = Alternative(EMPTY)


def unique(alternatives: Iterable[Alternative]) -> Cell:
    """Without repetitions, and with absence only once; many values of one making become one unknown value."""
    found = dict.fromkeys(ABSENT if item.value == EMPTY else item for item in alternatives)
    if len(found) <= MAX_ALTERNATIVES:
        return tuple(found)
    makings = dict.fromkeys((item.roots, item.chain) for item in found if item is not ABSENT)
    some = tuple(Alternative(UNKNOWN, roots, chain) for roots, chain in makings)[:MAX_ALTERNATIVES]
    return (ABSENT, *some) if ABSENT in found else some


def may_be_absent(cell: Cell) -> bool:
    return not cell or any(item.value.may_be_empty for item in cell)


def present(cell: Cell) -> Cell:
    return tuple(item for item in cell if item.value != EMPTY)


@dataclass(frozen=True, slots=True)
class Combination:
    """One choice of alternatives for the source labels of a rule, and the joined value."""

    value: Value
    picks: Cell

    @property
    def roots(self) -> tuple[Root, ...]:
        return tuple(dict.fromkeys(root for pick in self.picks for root in pick.roots))

    @property
    def chain(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(index for pick in self.picks for index in pick.chain))


def combinations(cells: Sequence[Cell], separator: str) -> list[Combination]:
    """All values that source labels may have together; alternatives are made coarser where there would be too many."""
    count = 1
    for cell in cells:
        count *= len(cell)
    if count > MAX_ALTERNATIVES:
        cells = [_coarse(cell) for cell in cells]
    return [Combination(_joined(picks, separator), picks) for picks in itertools.product(*cells)]


def bounded(parts: Parts) -> Parts:
    """The same text, less exactly where it would be too long to follow."""
    if len(parts) <= _MAX_PARTS and sum(len(part) for part in parts if isinstance(part, str)) <= MAX_TEXT:
        return parts
    return (Hole(min(least_length(parts), 1)),)


def _coarse(cell: Cell) -> Cell:
    if len(cell) == 1:
        return cell
    roots = tuple(dict.fromkeys(root for item in cell for root in item.roots))
    chain = tuple(dict.fromkeys(index for item in cell for index in item.chain))
    return (Alternative(Value((Hole(0 if may_be_absent(cell) else 1),)), roots, chain),)


def _joined(picks: Cell, separator: str) -> Value:
    if len(picks) == 1:
        return picks[0].value
    parts: list[str | Hole] = []
    for index, pick in enumerate(picks):
        if index:
            parts.append(separator)
        parts.extend(pick.value.parts)
    return Value(bounded(joined(parts)))


def verdict(pattern: Pattern, value: Value) -> bool | None:
    """Whether the expression matches: every text of the value, none (False), or some (None)."""
    text = value.text
    if text is not None:
        return pattern.matches(text)
    if pattern.expression in value.matches or pattern.must_match(value.parts):
        return True
    if pattern.expression in value.rejects or not pattern.can_match(value.parts):
        return False
    if any(not pattern.shares_text_with(compiled(wanted)) for wanted in value.matches):
        return False
    if pattern.finite is not None and not any(value.can_be(text) for text in pattern.finite):
        return False
    return None


def narrowed(value: Value, pattern: Pattern) -> list[Value]:
    """The texts of a value that match; none where no text does."""
    found = verdict(pattern, value)
    if found is not None:
        return [value] if found else []
    if pattern.finite is not None:
        return [constant(text) for text in pattern.finite if value.can_be(text)]
    if len(value.matches) >= _MAX_EXPRESSIONS:
        return [value]
    return [Value(value.parts, value.matches | {pattern.expression}, value.rejects)]


def without(value: Value, pattern: Pattern) -> list[Value]:
    """The texts of a value that do not match; none where all do."""
    found = verdict(pattern, value)
    if found is not None:
        return [] if found else [value]
    if len(value.rejects) >= _MAX_EXPRESSIONS:
        return [value]
    return [Value(value.parts, value.matches, value.rejects | {pattern.expression})]


def expand_value(pattern: Pattern, value: Value, template: str) -> list[Value]:
    """What a template may become when pattern matches some texts of value. Never empty."""
    number = _lone_group(pattern, template)
    if number is not None and number in (0, pattern.whole_group):
        found = narrowed(value, pattern)
        return found or [value]
    return [Value(parts) for parts in expand_parts(pattern, value, template)]


def _lone_group(pattern: Pattern, template: str) -> int | None:
    pieces = template_pieces(template)
    return pattern.group_number(pieces[0][0]) if len(pieces) == 1 and pieces[0][1] else None


def expand_parts(
    pattern: Pattern, value: Value, template: str, groups: Mapping[int, list[Parts]] | None = None
) -> list[Parts]:
    """The shapes that a template may take when pattern matches some texts of value, where they are not known.

    groups holds what is known of single groups.
    """
    choices: list[list[Parts]] = []
    count = 1
    for text, is_group in template_pieces(template):
        options: list[Parts] = _group_shapes(pattern, value, text, groups or {}) if is_group else [(text,)]
        if count * len(options) > _MAX_EXPANSIONS:
            options = [(Hole(min(least_length(option) for option in options) and 1, ".*"),)]
        count *= len(options)
        choices.append(options)
    made = (bounded(joined(itertools.chain.from_iterable(pieces))) for pieces in itertools.product(*choices))
    return list(dict.fromkeys(made))


def _group_shapes(pattern: Pattern, value: Value, name: str, groups: Mapping[int, list[Parts]]) -> list[Parts]:
    number = pattern.group_number(name)
    if number is None:
        return [()]
    if number in groups:
        return groups[number]
    if number in (0, pattern.whole_group):
        match value.parts:
            case (Hole(least=least),) if number and not pattern.covers:
                group = pattern.groups[number][0]
                return [(Hole(1 if least or group.shortest else 0, group.inner),)]
        return [value.parts]
    if number not in pattern.groups:
        return [(Hole(0),)]
    group, sure = pattern.groups[number]
    texts = group.finite
    if texts is not None and len(texts) <= _MAX_EXPANSIONS:
        options: list[Parts] = [(text,) if text else () for text in texts]
        return options if sure or () in options else [*options, ()]
    return [(Hole(1 if sure and group.shortest else 0, group.inner),)]
