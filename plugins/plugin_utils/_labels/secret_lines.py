# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets found line by line: in YAML that does not parse, in comments, in a config quoted inside another.

The lines are read as YAML would be if it were sound: indentation gives the place of each key. Where that is in doubt,
more is masked rather than less.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    ANY,
    TEXT,
    Kind,
    Place,
    masks,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    MASK,
    PRIVATE_KEY_BEGIN,
    PRIVATE_KEY_END,
    Span,
    merged,
    pairs,
    shaped,
)

_DASHES = re.compile(r"(?:[-?][ \t]{1,200}){0,20}")
_KEY = re.compile(
    r"(\"(?:[^\"\\]|\\.){1,400}\"|'(?:[^']|''){1,400}'|[^\s\"'\[\]{},#&*!|>%@`:][^\s:#,\[\]{}\"']{0,400})"
    r"[ \t]{0,40}:(?=[ \t]|$)"
)
# JSON needs no space after the colon.
_JSON_KEY = re.compile(r"(\"(?:[^\"\\]|\\.){1,400}\")[ \t]{0,40}:")
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]+)*")
_NOTHING = re.compile(r"(?:[&!*]\S*[ \t]*|[|>][-+0-9]{0,3}[ \t]*)*(?:#.*)?$")
_MASKED = re.compile(rf"(?:{MASK.pattern}|\"{MASK.pattern}\"|'{MASK.pattern}')[ \t,\]}}]*(?:#.*)?$")
_EMPTY = re.compile(r"(?:null|~|\"\"|''|true|false)?[ \t]*,?[ \t]*(?:#.*)?$")
# In flow style: strings, signs, plain scalars; a quote that nothing closes takes the rest of the line.
_FLOW = re.compile(
    r"\"(?:[^\"\\]|\\.){0,20000}\"|'(?:[^']|''){0,20000}'|[\"'].*|[{}\[\],]|:(?=[\s\"'\[{]|$)"
    r"|(?:[^{}\[\],:\"'\s]|:(?=\S))[^{}\[\],:]*(?::(?=[^\s\"'\[{])[^{}\[\],:]*)*"
)
_COMMENT = re.compile(r"[ \t]*(#+!?)")
_MAX_OPEN = 200


class _Open(NamedTuple):
    """A key whose value is on the lines below."""

    indent: int
    place: Place
    commented: bool


class LineReader:
    """Goes through the lines of one text and tells where secrets stand on each."""

    def __init__(self, *, trusted: bool = False) -> None:
        """Take whether the text is sound YAML, so that only its comments are asked about."""
        self._trusted = trusted
        self._open: list[_Open] = []
        self._quote = ""
        self._in_private_key = False
        self._flow: list[Place] = []

    def secrets(self, line: str) -> list[Span]:
        """The secrets of the next line, which comes without its line break."""
        comment = _COMMENT.match(line)
        if comment:
            return self._commented(line, comment)
        if self._trusted:
            self._note(line)
            return []
        return self._uncommented(line)

    def _uncommented(self, line: str) -> list[Span]:
        if not line.strip():
            return []
        key_lines = self._private_key(line)
        if key_lines is not None:
            return key_lines
        if self._quote:
            if not _KEY.match(line, _indent(line)):
                if line.rstrip().endswith(self._quote):
                    self._quote = ""
                return _rest(line, _indent(line))
            self._quote = ""
        if self._flow:
            return merged([*self._scan_flow(line, 0), *shaped(line, in_line=True)])
        return self._entry(line, 0, commented=False)

    def _commented(self, line: str, comment: re.Match[str]) -> list[Span]:
        key_lines = self._private_key(line)
        if key_lines is not None:
            return key_lines
        if not line[comment.end() :].strip():
            return []
        flow, quote, self._flow, self._quote = self._flow, self._quote, [], ""
        found = self._entry(line, comment.end(), commented=True)
        self._flow, self._quote = flow, quote
        return merged([*found, *pairs(line)])

    def _private_key(self, line: str) -> list[Span] | None:
        """A whole line of a PEM block with a private key, or None."""
        if self._in_private_key:
            if PRIVATE_KEY_END.search(line):
                self._in_private_key = False
                return []
            # A PEM block has no keys in it: this one was never closed.
            if not _KEY.match(line, _content(line)):
                return _rest(line, _content(line))
            self._in_private_key = False
        begin = PRIVATE_KEY_BEGIN.search(line)
        if begin and not PRIVATE_KEY_END.search(line, begin.end()):
            self._in_private_key = True
            rest = line[begin.end() :].strip()
            return _rest(line, begin.end()) if rest else []
        return None

    def _note(self, line: str) -> None:
        """Follow the keys of sound YAML without asking for secrets."""
        start = _indent(line)
        if start == len(line):
            return
        self._leave(line, start, commented=False)
        dashes = _DASHES.match(line, start)
        at = dashes.end() if dashes else start
        key = _KEY.match(line, at)
        if key:
            self._enter(line, key, at, commented=False)

    def _leave(self, line: str, start: int, *, commented: bool) -> None:
        dash = line.startswith("-", start)
        while self._open:
            top = self._open[-1]
            stale = top.commented and not commented
            if not (stale or top.indent > start or (top.indent == start and not dash)):
                return
            self._open.pop()

    def _enter(self, line: str, key: re.Match[str], at: int, *, commented: bool) -> Place:
        parent = self._open[-1].place if self._open else ANY
        place = parent.child(_unquoted(key.group(1)))
        rest = line[key.end() :].strip()
        if _NOTHING.match(rest) and len(self._open) < _MAX_OPEN:
            self._open.append(_Open(at, place, commented))
        return place

    def _entry(self, line: str, begin: int, *, commented: bool) -> list[Span]:
        start = begin + _indent(line[begin:])
        self._leave(line, start, commented=commented)
        dashes = _DASHES.match(line, start)
        at = dashes.end() if dashes else start
        key = _KEY.match(line, at) or _JSON_KEY.match(line, at)
        above = self._open[-1].place if self._open else ANY
        if key is None:
            if at >= len(line.rstrip()):
                return []
            if line[at] in "{[" and not masks(above.kind):
                self._flow = [above]
                found = self._scan_flow(line, at)
                return merged([*found, *shaped(line, in_line=True)])
            # A comment below a secret's key may be prose about it; what it says of secrets, pairs() finds.
            if masks(above.kind) and not (commented and not self._open[-1].commented):
                return [] if _MASKED.match(line, at) else _rest(line, at)
            return merged([*shaped(line, in_line=True), *([] if commented else pairs(line))])
        place = self._enter(line, key, at, commented=commented)
        value = key.end() + _indent(line[key.end() :])
        properties = _PROPERTIES.match(line, value)
        value = properties.end() if properties else value
        if value >= len(line.rstrip()) or _NOTHING.match(line, value):
            return []
        if masks(place.kind):
            return self._mask_value(line, value, place)
        if line[value] in "{[":
            self._flow = [place]
            return merged([*self._scan_flow(line, value), *shaped(line, in_line=True)])
        found = shaped(line, address=place.kind is Kind.ADDRESS, pattern=place.kind is Kind.PATTERN, in_line=True)
        return merged([*found, *pairs(line)]) if place is TEXT or place is ANY else found

    def _mask_value(self, line: str, value: int, place: Place) -> list[Span]:
        if _MASKED.match(line, value) or _EMPTY.match(line, value):
            return []
        if place.kind is Kind.EXPANDED and re.fullmatch(r"[\"']?\$\{?\w+\}?[\"']?", line[value:].strip()):
            return []
        quote = line[value]
        if quote in "\"'" and quote not in line[value + 1 :]:
            self._quote = quote
        if quote in "{[" and not _balanced(line[value:]):
            self._flow = [place]
        return _rest(line, value)

    def _scan_flow(self, line: str, at: int) -> list[Span]:
        """The secrets of a line inside braces or brackets, which may stay open at its end."""
        found: list[Span] = []
        pending: re.Match[str] | None = None
        place: Place | None = None
        for token in _FLOW.finditer(line, at):
            sign = token.group()
            if sign in {"{", "["}:
                if len(self._flow) < _MAX_OPEN:
                    self._flow.append(place or self._flow[-1])
                pending = place = None
            elif sign in {"}", "]"}:
                if pending and place is None:
                    found.extend(_flow_scalar(pending, self._flow[-1]))
                self._flow.pop()
                pending = place = None
                if len(self._flow) <= 1:
                    self._flow = []
                    break
            elif sign == ",":
                if pending and place is None:
                    found.extend(_flow_scalar(pending, self._flow[-1]))
                pending = place = None
            elif sign == ":":
                if pending:
                    place = self._flow[-1].child(_unquoted(pending.group().strip()))
                pending = None
            elif place is not None:
                found.extend(_flow_scalar(token, place))
            else:
                pending = token
        if self._flow and pending and place is None:
            found.extend(_flow_scalar(pending, self._flow[-1]))
        return found


def _flow_scalar(token: re.Match[str], place: Place) -> list[Span]:
    """The span of a scalar in flow style if its place is secret."""
    if not masks(place.kind):
        return []
    text = token.group().rstrip()
    if _MASKED.match(text) or _EMPTY.fullmatch(text):
        return []
    return [(token.start(), token.start() + len(text))]


def _balanced(text: str) -> bool:
    return text.count("{") + text.count("[") <= text.count("}") + text.count("]")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _content(line: str) -> int:
    """Where the text of a line begins, behind indentation and comment signs."""
    comment = _COMMENT.match(line)
    begin = comment.end() if comment else 0
    return begin + _indent(line[begin:])


def _rest(line: str, start: int) -> list[Span]:
    end = len(line.rstrip())
    if start >= end or _MASKED.match(line, start):
        return []
    return [(start, end)]


def _unquoted(key: str) -> str:
    """A key as YAML reads it; escapes are decoded for what can hide a name."""
    if key.startswith('"') and key.endswith('"') and len(key) > 1:
        inner = key[1:-1]
        if "\\" in inner:
            inner = re.sub(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", _unescape, inner)
        return inner
    if key.startswith("'") and key.endswith("'") and len(key) > 1:
        return key[1:-1].replace("''", "'")
    return key


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else match.group(3)
