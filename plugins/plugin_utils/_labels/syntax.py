# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax tree of an RE2 expression: what its shape says without a text to match.

RE2 itself decides whether an expression is valid and what it matches. This reader only serves questions about texts
that are not known: can some text match, which few texts match, how short can a group be. parse() returns None for what
it does not know (Unicode classes, say), and whoever asks must then assume that anything can happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 4000
_MAX_CODE: Final = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]

ANY: Final[Ranges] = ((0, _MAX_CODE),)
NOT_NEWLINE: Final[Ranges] = ((0, 9), (11, _MAX_CODE))

_DIGIT: Final[Ranges] = ((48, 57),)
_WORD: Final[Ranges] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final[Ranges] = ((9, 10), (12, 13), (32, 32))
_POSIX: Final[dict[str, Ranges]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_ESCAPED: Final = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these ranges of code points."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Concat:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """most is None where there is no upper bound."""

    item: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """text is the group as written, brackets included; fold: there, letters of either case are the same."""

    item: Node
    number: int
    name: str | None
    text: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place in the text, such as a word boundary: it takes no character."""


Node = Chars | Concat | Either | Repeat | Group | Assertion

EMPTY: Final = Concat(())


class _UnknownSyntaxError(Exception):
    pass


def parse(expression: str, dot: Ranges = ANY) -> Node | None:
    """The tree of a valid expression, as matched against a whole text; None where this reader cannot tell."""
    if len(expression) > MAX_LENGTH:
        return None
    try:
        reader = _Reader(expression, dot)
        tree = reader.either()
    except (_UnknownSyntaxError, RecursionError, IndexError, ValueError):
        return None
    return tree if reader.at == len(expression) else None


def negated(ranges: Ranges) -> Ranges:
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _MAX_CODE:
        found.append((start, _MAX_CODE))
    return tuple(found)


def _both_cases(ranges: Ranges) -> Ranges:
    """Add the other case; only for ASCII and small sets, where that is the whole truth."""
    if ranges in (ANY, NOT_NEWLINE):
        return ranges
    added: list[tuple[int, int]] = []
    for low, high in ranges:
        if high > 127:
            raise _UnknownSyntaxError
        for shift, first, last in ((32, 65, 90), (-32, 97, 122)):
            start, end = max(low, first), min(high, last)
            if start <= end:
                added.append((start + shift, end + shift))
    return tuple(sorted({*ranges, *added}))


class _Reader:
    def __init__(self, text: str, dot: Ranges) -> None:
        self.text = text
        self.at = 0
        self.dot = dot
        self.fold = False
        self.groups = 0

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def either(self) -> Node:
        branches = [self.concat()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.concat())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def concat(self) -> Node:
        items: list[Node] = []
        while (char := self.peek()) and char not in "|)":
            if self.text.startswith("\\Q", self.at):
                end = self.text.find("\\E", self.at)
                literal = self.text[self.at + 2 : end if end >= 0 else None]
                self.at = end + 2 if end >= 0 else len(self.text)
                items.extend(self.literal(ord(letter)) for letter in literal)
                continue
            start_of_text = char == "^" and self.at == 0
            item = self.atom()
            if item is None or start_of_text:
                continue
            end_of_text = char == "$" and self.at == len(self.text)
            if not end_of_text:
                items.append(self.repeated(item))
        return items[0] if len(items) == 1 else Concat(tuple(items))

    def repeated(self, item: Node) -> Node:
        while char := self.peek():
            least: int
            most: int | None
            if char in "*+?":
                self.at += 1
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
            elif char == "{" and (bounds := self.bounds()):
                least, most = bounds
            else:
                break
            if self.peek() == "?":
                self.at += 1
            item = Repeat(item, least, most)
        return item

    def bounds(self) -> tuple[int, int | None] | None:
        end = self.text.find("}", self.at)
        inner = self.text[self.at + 1 : end] if end > 0 else ""
        least, comma, most = inner.partition(",")
        if not least.isdecimal() or (most and not most.isdecimal()):
            return None
        self.at = end + 1
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def atom(self) -> Node | None:
        """One item; None for a group that only sets flags."""
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return Chars(self.char_class())
        if char == ".":
            return Chars(self.dot)
        if char in "^$":
            return Assertion()
        if char == "\\":
            return self.escape()
        return self.literal(ord(char))

    def literal(self, code: int) -> Chars:
        ranges: Ranges = ((code, code),)
        return Chars(_both_cases(ranges) if self.fold else ranges)

    def group(self) -> Node | None:
        start = self.at - 1
        number, name = 0, None
        outer = (self.fold, self.dot)
        if self.peek() == "?":
            self.at += 1
            if self.peek() == "P" or (self.peek() == "<" and self.text[self.at + 1] not in "=!"):
                self.at = self.text.index("<", self.at) + 1
                end = self.text.index(">", self.at)
                name, self.at = self.text[self.at : end], end + 1
                self.groups += 1
                number = self.groups
            elif self.flags():
                return None
        else:
            self.groups += 1
            number = self.groups
        item = self.either()
        if self.take() != ")":
            raise _UnknownSyntaxError
        self.fold, self.dot = outer
        return Group(item, number, name, self.text[start : self.at], self.fold) if number else item

    def flags(self) -> bool:
        """Read flags up to ":" or ")"; true where the group ends with them, and they hold for what follows."""
        value = True
        while (char := self.take()) not in ":)":
            if char == "-":
                value = False
            elif char == "i":
                self.fold = value
            elif char == "s":
                self.dot = ANY if value else NOT_NEWLINE
            elif char not in "mU":
                raise _UnknownSyntaxError
        return char == ")"

    def escape(self) -> Node:
        char = self.take()
        if char in "bBAz":
            return Assertion()
        if char in "dDwWsS":
            return Chars(_perl_class(char))
        return self.literal(self.escaped_code(char))

    def escaped_code(self, char: str) -> int:
        if char in _ESCAPED:
            return _ESCAPED[char]
        if char == "x":
            if self.peek() == "{":
                end = self.text.index("}", self.at)
                digits, self.at = self.text[self.at + 1 : end], end + 1
            else:
                digits, self.at = self.text[self.at : self.at + 2], self.at + 2
            return int(digits, 16)
        if char.isascii() and char.isalnum():
            raise _UnknownSyntaxError
        return ord(char)

    def char_class(self) -> Ranges:
        negative = self.peek() == "^"
        if negative:
            self.at += 1
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if self.text.startswith("[:", self.at):
                end = self.text.index(":]", self.at)
                name, self.at = self.text[self.at + 2 : end], end + 2
                known = _POSIX.get(name.lstrip("^"))
                if known is None:
                    raise _UnknownSyntaxError
                ranges.extend(negated(known) if name.startswith("^") else known)
                continue
            low = self.class_member()
            if not isinstance(low, int):
                ranges.extend(low)
                continue
            high = low
            if self.peek() == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                member = self.class_member()
                if not isinstance(member, int):
                    raise _UnknownSyntaxError
                high = member
            ranges.append((low, high))
        self.at += 1
        found = tuple(sorted(ranges))
        if self.fold:
            found = _both_cases(found)
        return negated(found) if negative else found

    def class_member(self) -> int | Ranges:
        char = self.take()
        if char != "\\":
            return ord(char)
        char = self.take()
        if char in "dDwWsS":
            return _perl_class(char)
        return self.escaped_code(char)


def _perl_class(letter: str) -> Ranges:
    ranges = {"d": _DIGIT, "w": _WORD, "s": _SPACE}[letter.lower()]
    return negated(ranges) if letter.isupper() else ranges
