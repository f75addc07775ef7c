# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets found line by line: in YAML that does not parse, in comments, in a config quoted inside another.

The lines are read as YAML would be if it were sound: indentation gives the place of each key. Where that is in doubt,
more is masked rather than less.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_beside import (
    COMMENT,
    DASHES,
    ENTRY,
    JSON_KEY,
    KEY,
    NOTHING,
    RESOURCE,
    SAYS,
    TEMPLATE,
    TOLD,
    indent,
    is_told_key,
    said_values,
    says_secret,
    told_keys,
    told_values,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_flow import (
    EMPTY,
    MASKED,
    MAX_OPEN,
    scan_flow,
    unquoted,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_forms import in_other_forms
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    ANY,
    OTHER_HEADERS,
    TEXT,
    Kind,
    Place,
    masks,
    names_a_secret,
    only_points,
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
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_time import check
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_words import (
    commanded,
    goes_on,
    in_prose,
    is_expression,
    is_option_value,
    says_where,
    spoken,
    told,
    two_words,
)

_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]+)*")
_BLOCK = re.compile(r"(?:[&!]\S*[ \t]+)*[|>]")
# A comment that is but one word; with a blank before it, a word such as "unset" is prose.
ONE_WORD = r"\S+|[ \t]+(?![A-Za-z]+[.:!?]*[ \t]*$)\S+"
# What begins with a sign is no value to YAML where nobody quoted it.
_MISREAD = re.compile(rf"(?!(?:[&!]\S*[ \t]+)*[|>])(?:[&*!]\S|#+(?:{ONE_WORD})[ \t]*$)")
_ANCHORED = re.compile(r"&([\w-]{1,200})[ \t]+([^|>\s](?:.*\S)?)")
_ALIAS = re.compile(r"\*([\w-]{1,200})")
# PromQL: what looks like an assignment there selects by a label.
_QUERY = Place()
# Where a line may say anything.
_OTHER_TEXT = (TEXT, ANY, OTHER_HEADERS)
# A comment behind a value, and what is said in it.
_BESIDE = re.compile(r"(?<=[ \t])#(?!\}[ \t]*$)#*+!?+[ \t]*+(\S.*)")
_BRACKETS = re.compile(r"[\[\]{}, \t]*$")
_ONLY_MASKS = re.compile(rf"(?:{MASK.pattern}\s*)+")
# What a template says alone, with no word of its own.
_ONLY_TEMPLATE = re.compile(r"(?:\{\{[^{}\"'`]{0,400}\}\}){1,20}(?=[\s\"'.,;]|$)")
# The tests of a template engine, which read like prose about a secret.
_TEST = re.compile(r"(?:not[ \t]+)?(?:defined|undefined|none|null|empty|true|false|string|sameas|in)\b")
_QUOTED = re.compile(r"\"((?:[^\"\\]++|\\.)*+)")
# The end of a template's block, and what a merge left.
_MARK = re.compile(
    r"\{%[-+]?[ \t]*(?:end\w{0,20}|else)[ \t]*[-+]?%\}|\{\{-?[ \t]*(?:end|else)[ \t]*-?\}\}|[<>|=]{7}(?: [\w./-]+)?"
)
# Comments of templates and of other languages.
_REMARK = re.compile(r"[ \t]*(?:\{#|\{\{-?[ \t]*/\*|//|<!--)")
_BY_NAME = (Kind.POINTER, Kind.NAMED)
_MAX_PARENTS = 20
_MAX_COMMAND = 120


class _Open(NamedTuple):
    """A key whose value is on the lines below.

    whole: it is one string, so what looks like a key in it is none. filled: the value begins on the line of the key.
    """

    indent: int
    place: Place
    commented: bool
    whole: bool = False
    filled: bool = False


class LineReader:
    """Goes through the lines of one text and tells where secrets stand on each."""

    def __init__(self, *, trusted: bool = False, quoted: bool = False) -> None:
        """Take what the text is.

        trusted: sound YAML, so that only its comments are asked about. quoted: the content of a string.
        """
        self._trusted = trusted
        self._quoted = quoted
        # What is secret by what stands beside it: keys of TOLD by their number, and values in flow style.
        self._told: frozenset[int] = frozenset()
        self._told_values: frozenset[tuple[str, str]] = frozenset()
        self._number = 0
        self._is_told = False
        self._open: list[_Open] = []
        self._quote = ""
        self._in_private_key = False
        self._flow: list[Place] = []
        # The items before, which may be a command, of the text and of what is commented out; whether a commented-out
        # variable has the name of a secret.
        self._items: tuple[list[str], list[str]] = ([], [])
        self._is_named = False
        # What of a command stands on the lines before, where this one goes on with it.
        self._command = ""
        # The anchors that aliases bring to where a secret stands.
        self.aliased: set[str] = set()

    @classmethod
    def of(cls, text: str, *, quoted: bool = False) -> LineReader:
        """One for a config that stands in a string, or does not parse; its lines are these, in this order."""
        reader = cls(quoted=quoted)
        if any(says_secret(*match.groups()) for match in SAYS.finditer(text)):
            reader._told = told_keys(text)
            reader._told_values = told_values(text)
        return reader

    def secrets(self, line: str) -> list[Span]:
        """The secrets of the next line, which comes without its line break."""
        check()
        comment = COMMENT.match(line)
        may_be_told = bool(self._told) and not comment and is_told_key(line)
        self._is_told = may_be_told and self._number in self._told
        self._number += may_be_told
        if self._trusted and not comment:
            self._note(line)
            return []
        command, self._command = self._command, ""
        if comment and (self._trusted or not self._is_in_secret(line)):
            found = self._commented(line, comment)
        else:
            found = self._uncommented(line)
        said = line.rstrip()
        if command:
            start = _content(line)
            found = merged([*found, *((start + a, start + b) for a, b in goes_on(command, said[start:]))])
        if said.endswith("\\"):
            self._command = (command + said[_content(line) : -1])[-_MAX_COMMAND:].rstrip() + " "
        return found

    def _uncommented(self, line: str) -> list[Span]:
        if not line.strip():
            return []
        key_lines = self._private_key(line)
        if key_lines is not None:
            return key_lines
        if self._quote:
            if not KEY.match(line, indent(line)):
                if line.rstrip().endswith(self._quote):
                    self._quote = ""
                return _rest(line, indent(line))
            self._quote = ""
        # Braces that stay open are followed, but a line that reads like a setting of its own is believed as well.
        found = scan_flow(line, 0, self._flow) if self._flow else []
        found.extend(said_values(line, self._told_values))
        if "\\n" in line and not self._quoted:
            found.extend(_of_escaped_lines(line))
        found = merged([*found, *self._entry(line, 0, commented=False)])
        if comment := _BESIDE.search(line):
            if found:
                found.extend(said_beside(line, found[-1][1]))
            start = comment.start()
            found.extend((start + a, start + b) for a, b in LineReader(trusted=True).secrets(line[start:]))
        for begin, end in found:
            if alias := _ALIAS.fullmatch(line, begin, end):
                self.aliased.add(alias.group(1))
        return merged(found)

    def _is_in_secret(self, line: str) -> bool:
        """Whether a line that looks like a comment is one of a secret with several lines."""
        if self._quote:
            return True
        top = self._open[-1] if self._open else None
        return (
            top is not None and top.whole and not top.commented and masks(top.place.kind) and indent(line) > top.indent
        )

    def _commented(self, line: str, comment: re.Match[str]) -> list[Span]:
        key_lines = self._private_key(line)
        if key_lines is not None:
            return key_lines
        if not line[comment.end() :].strip():
            return []
        flow, quote, self._flow, self._quote = self._flow, self._quote, [], ""
        found = self._entry(line, comment.end(), commented=True)
        self._flow, self._quote = flow, quote
        told_here = told_values(line) if "{" in line else frozenset()
        found = merged([*found, *in_prose(line), *said_values(line, told_here)])
        return [span for span in found if not says_where(line[slice(*span)])]

    def _private_key(self, line: str) -> list[Span] | None:
        """A whole line of a PEM block with a private key, or None."""
        if self._in_private_key:
            if PRIVATE_KEY_END.search(line):
                self._in_private_key = False
                return []
            # A PEM block has no keys in it: this one was never closed.
            if not KEY.match(line, _content(line)):
                return _rest(line, _content(line))
            self._in_private_key = False
        begin = PRIVATE_KEY_BEGIN.search(line)
        if begin and not PRIVATE_KEY_END.search(line, begin.end()):
            self._in_private_key = True
            rest = line[begin.end() :].strip()
            return _rest(line, begin.end()) if rest else []
        return None

    def _shaped(self, line: str, kind: Kind = Kind.PLAIN) -> list[Span]:
        address = kind is Kind.ADDRESS or not self._trusted
        return shaped(line, address=address, pattern=kind is Kind.PATTERN, in_line=True)

    def _note(self, line: str) -> None:
        """Follow the keys of sound YAML without asking for secrets."""
        start = indent(line)
        if start == len(line):
            return
        self._command = ""
        self._leave(line, start, commented=False)
        dashes = DASHES.match(line, start)
        at = dashes.end() if dashes else start
        key = KEY.match(line, at)
        if key:
            self._enter(line, key, at, self._parents(line, start, "", commented=False), commented=False)

    def _leave(self, line: str, start: int, *, commented: bool) -> None:
        """Close what a line ends; one that is commented out ends nothing of what is not."""
        dash = line.startswith("-", start)
        while self._open:
            top = self._open[-1]
            if commented != top.commented:
                if commented:
                    return
            elif not _ends(top, start, dash=dash):
                return
            self._open.pop()

    def _enter(self, line: str, key: re.Match[str], at: int, parents: list[Place], *, commented: bool) -> Place:
        name = unquoted(key.group(1))
        place = max([parent.child(name) for parent in parents], key=lambda found: found.kind)
        if name == "expr" and (place is ANY or place is TEXT):
            place = _QUERY
        rest = line[key.end() :].strip()
        nothing = NOTHING.match(rest) is not None
        # The value of a secret may go on in the next lines even if it begins in this one.
        if (nothing or masks(place.kind)) and len(self._open) < MAX_OPEN:
            whole = _BLOCK.match(rest) is not None
            self._open.append(_Open(at, place, commented, whole, whole or not nothing))
        return place

    def _parents(self, line: str, start: int, name: str, *, commented: bool) -> list[Place]:
        """The places that a line may belong to, the likeliest first; more than one where it is commented out.

        Nobody knows how many of the blanks stood there before the sign did, nor whether there were more.
        """
        if not commented or not self._open:
            return [self._open[-1].place if self._open else ANY]
        dash = line.startswith("-", start)
        lowest = max(indent(line), start - 2)
        found: list[Place] = []
        deeper: list[Place] = []
        for entry in self._open[: -_MAX_PARENTS - 1 : -1]:
            if entry.commented or not _ends(entry, start, dash=dash):
                found.append(entry.place)
                # A key that is commented out and that nobody knows may be the end of a sentence.
                if entry.place is not ANY if entry.commented else not _ends(entry, lowest, dash=dash):
                    break
            elif not entry.filled and (name in entry.place.keys or (entry.place.keys and not name)):
                deeper.append(entry.place)
        return [*(found or [ANY]), *deeper]

    def _entry(self, line: str, begin: int, *, commented: bool) -> list[Span]:
        start = begin + indent(line[begin:])
        dashes = DASHES.match(line, start)
        at = dashes.end() if dashes else start
        key = KEY.match(line, at) or JSON_KEY.match(line, at)
        item = line[at:].strip().strip("\"',") if key is None and at > start else ""
        # Templates and comments may stand between an option and its value.
        items = self._items[commented]
        if item:
            is_secret = is_option_value(items, item)
            items.append(item)
            if is_secret:
                return _rest(line, at)
        elif key:
            items.clear()
        # Only a key ends the value of a secret: garbage may stand between the two, and the indentation be off. What is
        # neither key nor entry ends nothing: templates, prose and the marks of a conflict stand wherever they like.
        in_secret = bool(self._open) and masks(self._open[-1].place.kind)
        if key or (not commented and not in_secret and ENTRY.match(line, start)):
            self._leave(line, start, commented=commented)
        above = self._open[-1].place if self._open else ANY
        if self._open and self._open[-1].whole and masks(above.kind) and (not commented or self._open[-1].commented):
            return _rest(line, start)
        if key is None:
            if at >= len(line.rstrip()):
                return []
            if TEMPLATE.match(line, at) and not masks(above.kind):
                found = scan_flow(line, at, [above])
                return merged([*found, *self._shaped(line), *_of_template(line, at)])
            if line[at] in "{[" and not masks(above.kind):
                places = dict.fromkeys(self._parents(line, start, "", commented=commented))
                found = [span for place in places for span in self._flow_value(line, at, place)]
                return merged([*found, *self._shaped(line), *told(line)])
            # A comment below a secret's key may be prose about it; what it says of secrets, pairs() finds.
            if masks(above.kind) and not (commented and not self._open[-1].commented):
                says_nothing = MASKED.match(line, at) or _BRACKETS.match(line, at) or _MARK.fullmatch(line.strip())
                return [] if says_nothing else _rest(line, at)
            said = [] if commented or (above is _QUERY and start > self._open[-1].indent) else _in_prose(line)
            return merged([*self._shaped(line), *said])
        parents = [TOLD] if self._is_told else self._parents(line, start, unquoted(key.group(1)), commented=commented)
        place = self._enter(line, key, at, parents, commented=commented)
        value = key.end() + indent(line[key.end() :])
        if commented and self._is_variable(unquoted(key.group(1)), line[value:]):
            return _rest(line, value)
        # Where no keys of its own can stand below.
        if (place.named is place or place.kind in _BY_NAME) and masks(place.kind) and _MISREAD.match(line, value):
            if alias := _ALIAS.match(line, value):
                self.aliased.add(alias.group(1))
            return _rest(line, value)
        properties = _PROPERTIES.match(line, value)
        value = properties.end() if properties else value
        if value >= len(line.rstrip()) or NOTHING.match(line, value):
            is_block = masks(place.kind) and self._open[-1].whole
            return said_beside(line, value) if is_block and not self._trusted else []
        if masks(place.kind) and not _is_map(line, value, place):
            return self._mask_value(line, value, place)
        if line[value] in "{[":
            asks = is_expression(unquoted(key.group(1)))
            said = [] if asks else told(line)
            return merged([*self._flow_value(line, value, place), *self._shaped(line), *said])
        found = self._shaped(line, place.kind)
        return merged([*found, *_in_prose(line)]) if place in _OTHER_TEXT else found

    def _is_variable(self, name: str, value: str) -> bool:
        """Whether this commented-out key is the value of a variable that has the name of a secret."""
        is_named, self._is_named = self._is_named, False
        if name == "name":
            self._is_named = names_a_secret(value.strip().strip("\"'"))
        return name == "value" and is_named

    def _mask_value(self, line: str, value: int, place: Place) -> list[Span]:
        if MASKED.match(line, value):
            return [] if self._trusted else said_beside(line, value)
        if EMPTY.match(line, value) or only_points(place.kind, unquoted(line[value:].strip().rstrip(","))):
            return []
        if place.kind is Kind.EXPANDED and re.fullmatch(r"[\"']?\$\{?\w+\}?[\"']?", line[value:].strip()):
            return []
        quote = line[value]
        if quote in "\"'" and quote not in line[value + 1 :]:
            self._quote = quote
        if quote in "{[" and not self._flow:
            scan_flow(line, value, flow := [place])
            self._flow = flow
        return _rest(line, value)

    def _flow_value(self, line: str, at: int, place: Place) -> list[Span]:
        """The secrets of a value in braces or brackets; if it stays open, the next lines belong to it."""
        if (
            place is ANY
            and "Secret" in line
            and any(match.groups() == ("kind", "Secret") for match in SAYS.finditer(line))
        ):
            place = RESOURCE
        flow = [place]
        found = scan_flow(line, at, flow)
        if flow and not self._flow:
            self._flow = flow
        return found


def _ends(entry: _Open, start: int, *, dash: bool) -> bool:
    """Whether a key or an entry of a list that begins here closes a key above it."""
    return entry.indent > start or (entry.indent == start and not dash)


def _of_template(line: str, at: int) -> list[Span]:
    """The secrets that a line of a template sets or asks for."""
    said = in_prose(line) if _REMARK.match(line) else _pairs(line)
    return [span for span in said if span[0] > at and not _TEST.match(line, span[0])]


def _in_prose(line: str) -> list[Span]:
    """The secrets that a line names."""
    found: list[Span] = [*commanded(line), *in_other_forms(line), *two_words(line)]
    if _REMARK.match(line):
        found.extend(spoken(line))
    return [*found, *_pairs(line)]


def _pairs(line: str) -> list[Span]:
    """The pairs of name and secret in a line, but for what a template will put in their places."""
    found: list[Span] = []
    for start, end in pairs(line):
        template = _ONLY_TEMPLATE.match(line, start)
        begin = template.end() if template else start
        found.extend([(begin + a, begin + b) for a, b in pairs(line[begin:end])] if template else [(start, end)])
    return found


def anchored(line: str, names: set[str]) -> list[Span]:
    """The value of a line that has one of these anchors: what LineReader.aliased names."""
    return [
        match.span(2)
        for match in _ANCHORED.finditer(line)
        if match.group(1) in names and not MASK.match(match.group(2).strip("\"'"))
    ]


def of_lines(text: str, parts: Sequence[str]) -> list[list[Span]]:
    """The secrets of each line of a config that is the content of a string. parts: its lines, as they stand there."""
    reader = LineReader.of(text)
    found = [reader.secrets(part) for part in parts]
    if not reader.aliased:
        return found
    return [merged([*spans, *anchored(part, reader.aliased)]) for spans, part in zip(found, parts, strict=True)]


def said_beside(line: str, start: int) -> list[Span]:
    """All that a comment behind this position says: beside a secret, prose tells of it. Masks alone say nothing."""
    match = _BESIDE.search(line, start)
    if not match or _ONLY_MASKS.fullmatch(match.group(1)):
        return []
    return [(match.start(1), len(line.rstrip()))]


def _of_escaped_lines(line: str) -> list[Span]:
    """The secrets of configs that are quoted as one string, their line breaks written as escapes."""
    # In quotes, a config begins behind them: what stands before is no part of its first line.
    quoted = [match.span(1) for match in _QUOTED.finditer(line) if "\\n" in match.group(1)]
    found: list[Span] = []
    for begin, end in [(0, len(line)), *quoted]:
        pieces = line[begin:end].split("\\n")
        reader = LineReader.of("\n".join(pieces), quoted=True)
        at = begin
        for piece in pieces:
            found.extend((at + first, at + last) for first, last in reader.secrets(piece))
            at += len(piece) + 2
    return merged(found)


def _is_map(line: str, at: int, place: Place) -> bool:
    """Whether braces or brackets of a secret place may hold keys of their own, which say what in it is secret."""
    if not place.keys and place.named is not None:
        return False
    # A secret by its name alone is a string more often than a map.
    return line[at] in "{[" if place.kind not in _BY_NAME else line[at] == "{" and not TEMPLATE.match(line, at)


def _content(line: str) -> int:
    """Where the text of a line begins, behind indentation and comment signs."""
    comment = COMMENT.match(line)
    begin = comment.end() if comment else 0
    return begin + indent(line[begin:])


def _rest(line: str, start: int) -> list[Span]:
    end = len(line.rstrip())
    if start >= end or MASKED.match(line, start):
        return []
    return [(start, end)]
