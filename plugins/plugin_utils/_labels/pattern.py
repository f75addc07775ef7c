# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The regular expressions of relabelling: RE2 for known texts, and reasoning about texts that are not known."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import syntax
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.class_names import older_names
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.syntax import (
    Assertion,
    Chars,
    Concat,
    Either,
    Group,
    Node,
    Repeat,
)

try:
    import re2
except ImportError as error:
    re2 = None
    RE2_IMPORT_ERROR: ImportError | None = error
else:
    RE2_IMPORT_ERROR = None

# Rules can double a value over and over; Prometheus' own limits are far below this.
MAX_TEXT: Final = 65_536
MAX_FINITE: Final = 64
_MAX_PAIRS: Final = 5_000
# RE2 has less room for an expression than Go, if it is given none: what is too large is tried again with about as much.
_ROOM: Final = 64 * 1024 * 1024
_ESCAPE: Final = re.compile(r"\\Q.*?(?:\\E|$)|\\.", re.DOTALL)
_MAX_POSITIONS: Final = 800


class InvalidPatternError(ValueError):
    """The expression is not valid RE2; the text says why."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of text that is not known; least is 0 or 1, the characters it has at least.

    source is the expression that it is known to match, for display.
    """

    least: int = 0
    source: str = ".*"


Parts = tuple[str | Hole, ...]

SOMETHING: Final[Parts] = (Hole(1, ".+"),)


@lru_cache(maxsize=8192)
def compiled(expression: str, dot_newline: bool = True) -> Pattern:
    """The expression, anchored at both ends as Prometheus does it. Raises InvalidPatternError."""
    return Pattern(expression, dot_newline)


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """inner is its expression, finite all its texts where they are few, shortest the length of the shortest."""

    inner: str
    finite: tuple[str, ...] | None
    shortest: int

    @classmethod
    def of(cls, group: Group) -> GroupFacts:
        start = group.text.index(">") + 1 if group.name is not None else 1
        texts = _finite(group.item)
        finite = None if texts is None or _has_assertion(group.item) else tuple(dict.fromkeys(texts))
        inner = group.text[start:-1]
        return cls(f"(?i:{inner})" if group.fold else inner, finite, shortest(group.item))


def _anchored(expression: str, dot_newline: bool, room: int = 0) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = room or options.max_mem
    anchored = f"^(?s:{expression})$" if dot_newline else f"^(?:{expression})$"
    try:
        return re2.compile(anchored, options)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else "cannot be read"
        if isinstance(reason, bytes):
            reason = reason.decode("utf-8", errors="replace")
        if "too large" in reason and not room:
            return _anchored(expression, dot_newline, _ROOM)
        raise InvalidPatternError(str(reason)) from None


class Pattern:
    """An anchored expression. dot_newline: a dot matches a line break too (Prometheus 3; not in 2)."""

    def __init__(self, expression: str, dot_newline: bool) -> None:
        self.expression = expression
        self._dot = syntax.ANY if dot_newline else syntax.NOT_NEWLINE
        if "\\C" in expression and any(found[0] == "\\C" for found in _ESCAPE.finditer(expression)):
            raise InvalidPatternError("invalid escape sequence: \\C")  # Go has no such thing, RE2 for C++ has
        try:
            self._re2 = _anchored(expression, dot_newline)
        except InvalidPatternError:
            older = older_names(expression)
            if older == expression:
                raise
            self._re2 = _anchored(older, dot_newline)
        self.names: dict[str, int] = dict(self._re2.groupindex)
        if not all(map(str.isascii, self.names)):
            raise InvalidPatternError("invalid name of a group")  # RE2 for C++ takes any letters

    def match(self, text: str) -> Any | None:
        return self._re2.search(text)

    def matches(self, text: str) -> bool:
        return self._re2.search(text) is not None

    @cached_property
    def tree(self) -> Node | None:
        return syntax.parse(self.expression, self._dot)

    @cached_property
    def groups(self) -> dict[int, tuple[GroupFacts, bool]]:
        """Number → group, and whether every match goes through it."""
        if self.tree is None:
            return {}
        return {group.number: (GroupFacts.of(group), sure) for group, sure in _groups(self.tree, True)}

    @cached_property
    def whole_group(self) -> int | None:
        """The number of a group that spans all of the text."""
        return self.tree.number if isinstance(self.tree, Group) else None

    @cached_property
    def covers(self) -> int | None:
        """0 where it matches every text, 1 every text but the empty one; None where that cannot be told."""
        return None if self.tree is None else _covers(self.tree)

    @cached_property
    def finite(self) -> tuple[str, ...] | None:
        """All texts that match, where they are few; None where they are not, or cannot be told."""
        if self.tree is None:
            return None
        found = _finite(self.tree)
        if found is None:
            return None
        return tuple(text for text in dict.fromkeys(found) if self.matches(text))

    @cached_property
    def automaton(self) -> Automaton | None:
        return None if self.tree is None else Automaton.of(self.tree)

    @cached_property
    def literal_prefix(self) -> tuple[str, int | None]:
        """Its fixed beginning, and what follows: 0 for any text, 1 for any but the empty one, None for other things."""
        return ("", None) if self.tree is None else _literal_prefix(self.tree)

    @cached_property
    def prefix_group(self) -> tuple[str, int]:
        """A fixed text and the number of the one group that follows, for expressions like a_(.+); else ("", 0)."""
        node = self.tree
        if isinstance(node, Group) and _covers(node) is not None:
            return "", node.number
        if isinstance(node, Concat) and node.items:
            last = node.items[-1]
            start, rest = _literal_prefix(node)
            if isinstance(last, Group) and rest is not None and len(start) == len(node.items) - 1:
                return start, last.number
        return "", 0

    def can_match(self, parts: Parts) -> bool:
        """Whether some text of this shape may match; true also where it cannot be told."""
        if len(parts) < 2 and (not parts or isinstance(parts[0], str)):
            return self.matches("".join(str(part) for part in parts))
        return self.automaton is None or self.automaton.accepts(parts)

    def must_match(self, parts: Parts) -> bool:
        """Whether every text of this shape matches; false also where it cannot be told."""
        if all(isinstance(part, str) for part in parts):
            return self.matches("".join(str(part) for part in parts))
        if self._dot != syntax.ANY and any(isinstance(part, str) and "\n" in part for part in parts):
            return False
        if self.covers is not None and least_length(parts) >= self.covers:
            return True
        start, rest = self.literal_prefix
        if rest is None or not parts or not isinstance(parts[0], str) or not parts[0].startswith(start):
            return False
        return least_length((parts[0][len(start) :], *parts[1:])) >= rest

    def shares_text_with(self, other: Pattern) -> bool:
        """Whether some text may match both; true also where it cannot be told."""
        if self.finite is not None:
            return any(other.matches(text) for text in self.finite)
        if other.finite is not None:
            return any(self.matches(text) for text in other.finite)
        if self.automaton is None or other.automaton is None:
            return True
        return self.automaton.meets(other.automaton)

    def group_number(self, name: str) -> int | None:
        """The group that a template's name means; None for one that does not exist."""
        if name.isascii() and name.isdecimal():
            if (len(name) > 1 and name.startswith("0")) or len(name) > len(str(self._re2.groups)):
                return None
            return int(name) if int(name) <= self._re2.groups else None
        return self.names.get(name)


def least_length(parts: Iterable[str | Hole]) -> int:
    return sum(len(part) if isinstance(part, str) else part.least for part in parts)


def joined(parts: Iterable[str | Hole]) -> Parts:
    """The same text with neighbouring literals made one."""
    found: list[str | Hole] = []
    for part in parts:
        if part == "":
            continue
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    return tuple(found)


def shape(parts: Parts) -> str:
    """An anchored expression for texts of this shape, to show and to match with."""
    return "^" + "".join(re.escape(part) if isinstance(part, str) else f"({part.source})" for part in parts) + "$"


_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))?")


@lru_cache(maxsize=8192)
def template_pieces(template: str) -> tuple[tuple[str, bool], ...]:
    """A replacement as (text, False) and (name of a group, True), by the rules of Go's templates."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for found in _REFERENCE.finditer(template):
        pieces.append((template[at : found.start()], False))
        at = found.end()
        name = found[2] or found[3]
        pieces.append((name, True) if name else ("$", False))
    pieces.append((template[at:], False))
    return tuple(piece for piece in pieces if piece[0])


def expanded(pattern: Pattern, match: Any, template: str) -> str:
    """The template with the groups of a match put in; groups that do not exist or took no part are empty."""
    if "$" not in template:
        return template
    found = ""
    for text, is_group in template_pieces(template):
        if not is_group:
            found += text
        elif (number := pattern.group_number(text)) is not None:
            found += match.group(number) or ""
        if len(found) > MAX_TEXT:
            return found[:MAX_TEXT]
    return found


def _groups(node: Node, sure: bool) -> Iterator[tuple[Group, bool]]:
    match node:
        case Group():
            yield node, sure
            yield from _groups(node.item, sure)
        case Concat():
            for item in node.items:
                yield from _groups(item, sure)
        case Either():
            for item in node.items:
                yield from _groups(item, False)
        case Repeat():
            yield from _groups(node.item, sure and node.least > 0)


def shortest(node: Node) -> int:
    """The length of the shortest text that matches."""
    match node:
        case Chars():
            return 1
        case Concat():
            return sum(shortest(item) for item in node.items)
        case Either():
            return min(shortest(item) for item in node.items)
        case Repeat():
            return node.least * shortest(node.item)
        case Group():
            return shortest(node.item)
        case Assertion():
            return 0


def _has_assertion(node: Node) -> bool:
    match node:
        case Assertion():
            return True
        case Concat() | Either():
            return any(_has_assertion(item) for item in node.items)
        case Repeat() | Group():
            return _has_assertion(node.item)
    return False


def _covers(node: Node) -> int | None:
    match node:
        case Group():
            return _covers(node.item)
        case Repeat(item=Chars(ranges=ranges), least=least, most=None) if ranges in (syntax.ANY, syntax.NOT_NEWLINE):
            return least if least < 2 else None
        case Either():
            return min((length for item in node.items if (length := _covers(item)) is not None), default=None)
        case Concat():
            known = [length for item in node.items if (length := _covers(item)) is not None]
            return sum(known) if known and len(known) == len(node.items) and sum(known) < 2 else None
    return None


def _literal_prefix(node: Node) -> tuple[str, int | None]:
    while isinstance(node, Group):
        node = node.item
    if (least := _covers(node)) is not None:
        return "", least
    if not isinstance(node, Concat):
        return "", None
    letters: list[str] = []
    for index, item in enumerate(node.items):
        match item:
            case Chars(ranges=((low, high),)) if low == high:
                letters.append(chr(low))
            case _:
                return "".join(letters), _covers(Concat(node.items[index:]))
    return "".join(letters), None


def _finite(node: Node) -> list[str] | None:
    match node:
        case Chars(ranges=ranges):
            if sum(high - low + 1 for low, high in ranges) > 16:
                return None
            return [chr(code) for low, high in ranges for code in range(low, high + 1)]
        case Group():
            return _finite(node.item)
        case Either():
            found: list[str] = []
            for item in node.items:
                texts = _finite(item)
                if texts is None or len(found) + len(texts) > MAX_FINITE:
                    return None
                found.extend(texts)
            return found
        case Concat():
            return _products([_finite(item) for item in node.items])
        case Repeat():
            texts = _finite(node.item)
            if texts is None or node.most is None or node.most > 16:
                return None
            counted = [_products([texts] * count) for count in range(node.least, node.most + 1)]
            found = [text for some in counted for text in some or []]
            return found if all(some is not None for some in counted) and len(found) <= MAX_FINITE else None
        case Assertion():
            # Whether the place is there depends on the text; RE2 sorts that out.
            return [""]


def _products(choices: Sequence[list[str] | None]) -> list[str] | None:
    found = [""]
    for texts in choices:
        if texts is None or len(found) * len(texts) > MAX_FINITE:
            return None
        found = [start + end for start, end in itertools.product(found, texts)]
    return found


class Automaton:
    """The positions of an expression and which can follow which: enough to try texts that are known in part."""

    def __init__(self) -> None:
        self.ranges: list[syntax.Ranges] = []
        self.follow: list[set[int]] = []
        self.first: frozenset[int] = frozenset()
        self.last: frozenset[int] = frozenset()
        self.nullable = False

    @classmethod
    def of(cls, tree: Node) -> Automaton | None:
        """Build it; None for an expression that would be too large."""
        made = cls()
        try:
            nullable, first, last = made._add(tree)
        except (OverflowError, RecursionError):
            return None
        made.nullable, made.first, made.last = nullable, frozenset(first), frozenset(last)
        return made

    def _add(self, node: Node) -> tuple[bool, set[int], set[int]]:
        match node:
            case Chars():
                if len(self.ranges) >= _MAX_POSITIONS:
                    raise OverflowError
                self.ranges.append(node.ranges)
                self.follow.append(set())
                position = len(self.ranges) - 1
                return False, {position}, {position}
            case Assertion():
                return True, set(), set()
            case Group():
                return self._add(node.item)
            case Either():
                parts = [self._add(item) for item in node.items]
                return (
                    any(nullable for nullable, _first, _last in parts),
                    set().union(*(first for _nullable, first, _last in parts)),
                    set().union(*(last for _nullable, _first, last in parts)),
                )
            case Concat():
                return self._chain(self._add(item) for item in node.items)
            case Repeat():
                return self._repeat(node)

    def _chain(self, parts: Iterable[tuple[bool, set[int], set[int]]]) -> tuple[bool, set[int], set[int]]:
        nullable, first, last = True, set[int](), set[int]()
        for part_nullable, part_first, part_last in parts:
            for position in last:
                self.follow[position] |= part_first
            if nullable:
                first |= part_first
            last = last | part_last if part_nullable else set(part_last)
            nullable = nullable and part_nullable
        return nullable, first, last

    def _repeat(self, node: Repeat) -> tuple[bool, set[int], set[int]]:
        copies = [self._add(node.item) for _count in range(max(node.least, 1) if node.most is None else node.most)]
        if node.most is None:
            for position in copies[-1][2]:
                self.follow[position] |= copies[-1][1]
            if node.least == 0:
                copies[-1] = (True, copies[-1][1], copies[-1][2])
        else:
            for index in range(node.least, len(copies)):
                copies[index] = (True, copies[index][1], copies[index][2])
        return self._chain(copies)

    def accepts(self, parts: Parts) -> bool:
        """Whether some text of this shape may match."""
        ahead, accepting = set(self.first), self.nullable
        for part in parts:
            if isinstance(part, Hole):
                passed = self._reachable(ahead)
                after = set().union(*(self.follow[position] for position in passed))
                ends = not self.last.isdisjoint(passed)
                ahead, accepting = (after, ends) if part.least else (ahead | after, accepting or ends)
                continue
            for char in part:
                code = ord(char)
                passed = {
                    position for position in ahead if any(low <= code <= high for low, high in self.ranges[position])
                }
                ahead = set().union(*(self.follow[position] for position in passed))
                accepting = not self.last.isdisjoint(passed)
                if not passed:
                    return False
        return accepting

    def _reachable(self, start: Iterable[int]) -> set[int]:
        found = set(start)
        waiting = list(found)
        while waiting:
            for position in self.follow[waiting.pop()]:
                if position not in found:
                    found.add(position)
                    waiting.append(position)
        return found

    def meets(self, other: Automaton) -> bool:
        """Whether some text may match both; true also where that takes too long to find out."""
        if self.nullable and other.nullable:
            return True
        seen: set[tuple[int, int]] = set()
        waiting = list(itertools.product(self.first, other.first))
        while waiting:
            pair = waiting.pop()
            if pair in seen:
                continue
            seen.add(pair)
            if len(waiting) > _MAX_PAIRS or len(seen) > _MAX_PAIRS:
                return True
            mine, theirs = pair
            if not _overlap(self.ranges[mine], other.ranges[theirs]):
                continue
            if mine in self.last and theirs in other.last:
                return True
            waiting.extend(itertools.product(self.follow[mine], other.follow[theirs]))
        return False


def _overlap(some: syntax.Ranges, others: syntax.Ranges) -> bool:
    return any(low <= other_high and other_low <= high for low, high in some for other_low, other_high in others)
