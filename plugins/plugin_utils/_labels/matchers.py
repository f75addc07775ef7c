# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager's matchers: severity="page", team=~"a|b", and several of them in one string.

Alertmanager reads them in two ways since 0.27, UTF-8 and classic. What only one of them reads counts as that one reads
it; where both do and differ, the classic reading counts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    InvalidPatternError,
    Pattern,
    compiled,
)

OPERATORS: Final = ("=~", "!~", "!=", "=")


class MatcherError(ValueError):
    """A string that Alertmanager does not take for matchers; the text says why and quotes no value."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. operator is one of OPERATORS; a missing label counts as an empty value."""

    name: str
    operator: str
    value: str

    @property
    def is_negative(self) -> bool:
        return self.operator.startswith("!")

    @property
    def is_regex(self) -> bool:
        return self.operator.endswith("~")

    def pattern(self) -> Pattern:
        """The expression of a regex matcher. Raises InvalidPatternError."""
        return compiled(self.value, dot_newline=False)

    def matches(self, value: str) -> bool:
        """Whether a label of this value satisfies it."""
        equal = self.pattern().matches(value) if self.is_regex else value == self.value
        return equal != self.is_negative

    @property
    def matches_absent(self) -> bool:
        """Whether an alert without the label satisfies it."""
        return self.matches("")

    def __str__(self) -> str:
        name = self.name
        if any(char in _RESERVED or _is_space(char) for char in name):
            name = f'"{_escape(name)}"'
        return f'{name}{self.operator}"{_escape(self.value)}"'


@dataclass(frozen=True, slots=True)
class Reading:
    """What a string means. note says what is doubtful about it, or is None."""

    matchers: tuple[Matcher, ...]
    note: str | None = None


def parse(text: str) -> Reading:
    """Read one item of matchers. Raises MatcherError."""
    utf8: tuple[Matcher, ...] | None
    fault = ""
    try:
        utf8 = _Utf8(text).matchers()
    except MatcherError as error:
        utf8, fault = None, str(error)
    try:
        classic = _classic(text)
    except MatcherError as error:
        if utf8 is None:
            raise error from None
        return Reading(utf8)
    if utf8 is None:
        return Reading(classic, f"is read in the classic way only ({fault}): quote the value and escape backslashes")
    if utf8 != classic:
        return Reading(classic, "is read differently by the classic and the UTF-8 parser: quote the value")
    return Reading(utf8)


def made(name: str, operator: str, value: str) -> Matcher:
    """A matcher that can be asked. Raises MatcherError."""
    matcher = Matcher(name, operator, value)
    if matcher.is_regex:
        try:
            matcher.pattern()
        except InvalidPatternError:
            raise MatcherError(f"has a regular expression for {name} that is not valid") from None
    return matcher


# ---- the classic reading ----

# As Go has it: names and whitespace are ASCII.
_CLASSIC = re.compile(
    r"[ \t\n\f\r]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t\n\f\r]*(=~|=|!=|!~)[ \t\n\f\r]*(.*?)[ \t\n\f\r]*\Z", re.DOTALL
)


def _classic(text: str) -> tuple[Matcher, ...]:
    found: list[str] = []
    token = ""
    quoted = escaped = False
    for char in text.removeprefix("{").removesuffix("}"):
        if char == "," and not quoted:
            found.append(token)
            token = ""
            continue
        if char == '"':
            if escaped:
                escaped = False
            else:
                quoted = not quoted
        elif char == "\\":
            escaped = not escaped
        else:
            escaped = False
        token += char
    if token.strip():
        found.append(token.strip())
    return tuple(_classic_matcher(item) for item in found)


def _classic_matcher(text: str) -> Matcher:
    match = _CLASSIC.match(text)
    if match is None:
        raise MatcherError('is not a matcher such as severity="page" or team=~"a|b"')
    name, operator, raw = match.groups()
    opened = raw.startswith('"')
    raw = raw[1:] if opened else raw
    value = ""
    escaped = closed = False
    for index, char in enumerate(raw):
        last = index == len(raw) - 1
        if escaped:
            escaped = False
            value += {"n": "\n", '"': '"', "\\": "\\"}.get(char, "\\" + char)
        elif char == "\\" and not last:
            escaped = True
        elif char == '"':
            if not opened or not last:
                raise MatcherError(f"has a double quote inside the value for {name}")
            closed = True
        else:
            value += char
    if opened and not closed:
        raise MatcherError(f"has a value for {name} whose double quote is not closed")
    return made(name, operator, value)


# ---- the UTF-8 reading ----

_RESERVED: Final = frozenset("{}!=~,\\\"'`")
_SIMPLE_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"',
}  # fmt: skip
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _is_space(char: str) -> bool:
    """Go's unicode.IsSpace."""
    return char in "\t\n\v\f\r \x85\xa0" or unicodedata.category(char) in ("Zs", "Zl", "Zp")


class _Utf8:
    """A tokenizer and the grammar over it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._scan()
        self._at = 0

    def matchers(self) -> tuple[Matcher, ...]:
        found: list[Matcher] = []
        braces = self._take("{")
        while not (self._peek() is None or self._peek() == "}"):
            found.append(self._matcher())
            if not self._take(","):
                break
        closed = self._take("}")
        if braces and not closed:
            raise MatcherError("has a brace that is not closed")
        if closed and not braces:
            raise MatcherError("closes a brace that is not open")
        if self._peek() is not None:
            raise MatcherError("goes on where its matchers should end")
        return tuple(found)

    def _matcher(self) -> Matcher:
        name = self._word("a label name")
        operator = self._peek()
        if operator not in OPERATORS:
            raise MatcherError("has no operator (=, !=, =~ or !~) after a label name")
        self._at += 1
        return made(name, operator, self._word(f"a value for {name}"))

    def _word(self, what: str) -> str:
        token = self._peek()
        if token is None or token in {*OPERATORS, *"{},"}:
            raise MatcherError(f"lacks {what}")
        self._at += 1
        return _unquoted(token) if token.startswith('"') else token

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _scan(self) -> list[str]:
        text, found, at = self._text, [], 0
        while at < len(text):
            char = text[at]
            if _is_space(char):
                at += 1
                continue
            if char in "{},":
                token = char
            elif char in "=!":
                token = next((sign for sign in OPERATORS if text.startswith(sign, at)), "")
            elif char == '"':
                token = self._quoted(at)
            else:
                token = self._bare(at)
            if not token:
                raise MatcherError(f"has {char!r} where it cannot stand unquoted")
            found.append(token)
            at += len(token)
        return found

    def _quoted(self, start: int) -> str:
        at = start + 1
        while at < len(self._text):
            if self._text[at] == "\\":
                at += 2
            elif self._text[at] == '"':
                return self._text[start : at + 1]
            else:
                at += 1
        raise MatcherError("has a double quote that is not closed")

    def _bare(self, start: int) -> str:
        at = start
        while at < len(self._text) and self._text[at] not in _RESERVED and not _is_space(self._text[at]):
            at += 1
        return self._text[start:at]


def _unquoted(token: str) -> str:
    """A Go string literal without its quotes and escapes."""
    inner = token[1:-1]
    if "\n" in inner:
        raise MatcherError("has a line break inside double quotes")
    found = bytearray()
    at = 0
    while at < len(inner):
        if inner[at] != "\\":
            found += inner[at].encode("utf-8", "surrogatepass")
            at += 1
            continue
        match = _ESCAPE.match(inner, at)
        if match is None:
            raise MatcherError("has an escape that is not valid inside double quotes")
        found += _escaped(match)
        at = match.end()
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError:
        raise MatcherError("has a value that is not UTF-8") from None


def _escaped(match: re.Match[str]) -> bytes:
    byte, short, long, octal, simple = match.groups()
    if simple is not None:
        if simple not in _SIMPLE_ESCAPES:
            raise MatcherError("has an escape that is not valid inside double quotes")
        return _SIMPLE_ESCAPES[simple].encode()
    if byte or octal:
        value = int(byte, 16) if byte else int(octal, 8)
        if value > 255:
            raise MatcherError("has an escape that is not valid inside double quotes")
        return bytes([value])
    code = int(short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise MatcherError("has an escape that is not valid inside double quotes")
    return chr(code).encode()
