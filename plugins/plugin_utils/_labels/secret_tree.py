# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets found by structure in YAML that parses: which scalars are secret, and how to cut them out of the source text.

The events of one libyaml pass are followed through the table of places. A scalar that aliases bring to several places
is judged in each; each anchored node is followed once for each place, so aliases cannot make the work explode.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_lines import LineReader
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    ANY,
    RELABEL,
    Kind,
    Place,
    masks,
    parameter_names_a_secret,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    MASK,
    Elsewhere,
    Span,
    merged,
    repeated,
    repetitions,
    shaped,
)

# PyYAML without libyaml gives the same events, slower.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_CHARACTERS = 4 * 1024 * 1024
_MAX_DEPTH = 100
_MAX_EVENTS = 600_000

_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_LINE = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|\Z)")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SWITCHES = frozenset({"true", "false", "True", "False", "TRUE", "FALSE"})
_VARIABLE = re.compile(r"\$(?:\{\w+\}|\w+)")
_PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*")
_GAP = re.compile(r"(?:\s|#[^\r\n]*)*")
_COMMENT = re.compile(r"(?:^|(?<=[ \t\r\n\"'\]}]))#[^\r\n\x85\u2028\u2029]*")
# A string that holds a config of its own, or a private key, has lines like this one.
_KEY_LINE = re.compile(r"^[ \t]*(?:(?:- +)?[\w\"'-]+:(?: |$)|-----BEGIN )", re.MULTILINE)


class UnreadableError(Exception):
    """The text is not YAML, or more than is read here. Carries no text."""


class Edit(NamedTuple):
    """A piece of the source text to replace by before, the mask of the secret (none if it is None) and after."""

    start: int
    end: int
    secret: str | None
    before: str = ""
    after: str = ""


class _Item(NamedTuple):
    """An event, as far as it matters: type is one letter (s, m, q, e, a, d), plain a null or a bare scalar."""

    type: str
    value: str = ""
    start: int = 0
    end: int = 0
    style: str | None = None
    anchor: str | None = None
    tag: str | None = None
    flow: bool = False


_OPENING = {yaml.MappingStartEvent: "m", yaml.SequenceStartEvent: "q"}
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def _items(text: str) -> list[_Item]:
    """The events of a text, of all its documents. Raises UnreadableError."""
    items: list[_Item] = []
    flows: list[bool] = [False]
    event: Any
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                items.append(
                    _Item(
                        "s",
                        event.value,
                        event.start_mark.index,
                        event.end_mark.index,
                        event.style,
                        event.anchor,
                        event.tag,
                        flows[-1],
                    )
                )
            elif kind in _OPENING:
                items.append(_Item(_OPENING[kind], anchor=event.anchor))
                flows.append(bool(event.flow_style))
            elif kind in _CLOSING:
                items.append(_Item("e"))
                flows.pop()
            elif kind is yaml.AliasEvent:
                items.append(_Item("a", anchor=event.anchor))
            elif kind is yaml.DocumentStartEvent:
                items.append(_Item("d"))
            if len(flows) > _MAX_DEPTH or len(items) > _MAX_EVENTS:
                raise UnreadableError
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        # The message of a parser quotes the source.
        raise UnreadableError from error
    return items


class _Frame:
    """A mapping or sequence that is open while events are followed."""

    __slots__ = ("is_map", "next", "place", "rule")

    def __init__(self, place: Place, is_map: bool) -> None:
        self.place = place
        self.is_map = is_map
        # The place of the value that comes next; None where a key comes next.
        self.next: Place | None = None if is_map else place
        # Of a relabel rule: the items of its target_label and replacement.
        self.rule: dict[str, int] = {}


class Tree:
    """The scalars of a text and what each of them is."""

    def __init__(self, text: str) -> None:
        """Parse and judge. Raises UnreadableError."""
        if len(text) > MAX_CHARACTERS:
            raise UnreadableError
        self.text = text
        self._items = _items(text)
        self._kinds: dict[int, Kind] = {}
        self._keys: set[int] = set()
        self._aliases: list[tuple[int, Place]] = []
        self._follow_all()

    @property
    def is_structured(self) -> bool:
        """Whether there is any mapping or sequence: prose, too, parses as one scalar."""
        return any(item.type in "mq" for item in self._items)

    def _follow_all(self) -> None:
        anchors: dict[str, int] = {}
        targets: dict[int, int] = {}
        for index, item in enumerate(self._items):
            if item.type == "d":
                anchors.clear()
            elif item.type == "a":
                targets[index] = anchors.get(item.anchor or "", -1)
            elif item.anchor:
                anchors[item.anchor] = index
        self._targets = targets
        budget = 4 * len(self._items) + 100_000
        budget -= self._follow(0, ANY, whole=True)
        done: set[tuple[int, int]] = set()
        while self._aliases:
            index, place = self._aliases.pop()
            if index < 0 or (index, id(place)) in done:
                continue
            done.add((index, id(place)))
            budget -= self._follow(index, place, whole=False)
            if budget < 0:
                raise UnreadableError

    def _follow(self, first: int, place: Place, *, whole: bool) -> int:
        """Judge the scalars of one node, or of all documents. Returns the number of events followed."""
        frames: list[_Frame] = []
        index = first
        for index in range(first, len(self._items)):
            item = self._items[index]
            letter = item.type
            if letter == "e":
                frame = frames.pop()
                if len(frame.rule) == 2:
                    self._judge_rule(frame.rule)
            elif letter == "d":
                continue
            else:
                top = frames[-1] if frames else None
                here = top.next if top else place
                if here is None and top is not None:
                    # A key: it decides the place of the value. A collection as a key is followed like any other.
                    top.next = self._key_place(index, top)
                    if letter == "s":
                        continue
                    here = ANY
                    if letter == "a":
                        continue
                    top.next = None
                elif top is not None and top.is_map:
                    top.next = None
                here = here or ANY
                if letter == "s":
                    self._judge(index, here)
                elif letter == "a":
                    self._aliases.append((self._targets[index], here))
                else:
                    frames.append(_Frame(here, letter == "m"))
            if not frames and not whole:
                break
        return index - first + 1

    def _key_place(self, index: int, frame: _Frame) -> Place:
        item = self._items[index]
        self._keys.add(index)
        if item.type == "a":
            target = self._targets[index]
            item = self._items[target] if target >= 0 else item
        if frame.place is RELABEL and item.value in {"target_label", "replacement"}:
            frame.rule[item.value] = index + 1
        return frame.place.child(item.value) if item.type == "s" else ANY

    def _judge(self, index: int, place: Place) -> None:
        self._kinds[index] = max(self._kinds.get(index, Kind.PATTERN), place.kind)

    def _judge_rule(self, rule: dict[str, int]) -> None:
        """A relabel rule that writes a constant into a secret URL parameter holds that secret."""
        label, value = (self._items[rule[name]] for name in ("target_label", "replacement"))
        if (
            label.value.startswith("__param_")
            and parameter_names_a_secret(label.value.removeprefix("__param_"))
            and "$" not in value.value
            and value.type == "s"
        ):
            self._kinds[rule["replacement"]] = Kind.SECRET

    # ---- from judgement to edits ----

    def edits(self, *, look_inside: bool) -> list[Edit]:
        """What to cut, in the order of the text. look_inside: some string may show a secret by its shape."""
        found: list[Edit] = []
        rest: list[tuple[int, Kind]] = []
        known: list[str] = []
        for index, item in enumerate(self._items):
            if item.type != "s":
                continue
            kind = self._kinds.get(index, Kind.PLAIN)
            if masks(kind) and _is_secret(item, kind):
                found.extend(self._mask_whole(item))
                known.extend(_lessons(item.value, kind))
            elif item.value:
                rest.append((index, kind))
        elsewhere = "\0".join([self._items[index].value for index, _kind in rest])
        # Few secrets stand twice; a pattern for each of the others would cost more than all the rest.
        again = [value for value in known if value in elsewhere]
        in_values, in_keys = repeated(again, Elsewhere.VALUE), repeated(again, Elsewhere.KEY)
        for index, kind in rest:
            item = self._items[index]
            if look_inside or in_values or "\n" in item.value:
                pattern = in_keys if index in self._keys else in_values
                found.extend(self._mask_parts(item, kind, pattern, look_inside=look_inside))
        if "#" in self.text:
            found.extend(self._comments(repeated(known, Elsewhere.COMMENT)))
        found.sort(key=lambda edit: (edit.start, edit.end))
        return found

    def _mask_whole(self, item: _Item) -> list[Edit]:
        text = self.text
        start, edits = item.start, []
        while text.startswith(("&", "!"), start) and start < item.end:
            match = _PROPERTY.match(text, start)
            end = match.end() if match else start + 1
            if text[start] == "!" and text[start:end] not in {"!", "!!str"}:
                edits.append(Edit(start, end, None))
            gap = _GAP.match(text, end)
            start = gap.end() if gap else end
        secret = item.value.strip()
        if item.style in {"|", ">"}:
            return [*edits, *self._mask_block(item, start, secret)]
        raw = text[start : item.end]
        breaks = _BREAK.findall(raw)
        quote = item.style if item.style in {'"', "'"} else ('"' if item.flow or breaks else "")
        last = _BREAK.split(raw)[-1] if breaks else ""
        indent = last[: len(last) - len(last.lstrip(" \t"))]
        return [*edits, Edit(start, item.end, secret, quote, quote + "".join(breaks) + (indent if breaks else ""))]

    def _mask_block(self, item: _Item, start: int, secret: str) -> list[Edit]:
        """The first line with text takes the mask, the other lines stay empty."""
        edits: list[Edit] = []
        for number, (begin, line) in enumerate(_lines(self.text, start, item.end)):
            content = line.strip()
            if number == 0 or not content:
                continue
            indent = len(line) - len(line.lstrip(" ")) if not edits else 0
            stop = begin + len(line.rstrip("\r\n\x85\u2028\u2029"))
            edits.append(Edit(begin + indent, stop, None if edits else secret))
        return edits

    def _mask_parts(self, item: _Item, kind: Kind, pattern: re.Pattern[str] | None, *, look_inside: bool) -> list[Edit]:
        """Secrets inside a scalar that is not secret as a whole."""
        value = item.value
        if item.style in {"|", ">"}:
            return self._parts_of_block(item, kind, pattern)
        spans: list[Span] = repetitions(pattern, value)
        if look_inside:
            spans.extend(shaped(value, address=kind is Kind.ADDRESS, pattern=kind is Kind.PATTERN))
        if "\n" in value and _KEY_LINE.search(value):
            spans.extend(_of_lines(value))
        if not spans:
            return []
        spans = merged(spans)
        raw = self.text[item.start : item.end]
        offset = raw.find(value)
        if offset >= 0:
            base = item.start + offset
            return [Edit(base + start, base + end, value[start:end]) for start, end in spans]
        # Escapes or line breaks stand between the value and its source.
        edits = []
        for start, end in spans:
            piece = value[start:end]
            if raw.count(piece) != 1:
                return self._mask_whole(item)
            begin = item.start + raw.index(piece)
            edits.append(Edit(begin, begin + len(piece), piece))
        return edits

    def _parts_of_block(self, item: _Item, kind: Kind, pattern: re.Pattern[str] | None) -> list[Edit]:
        edits: list[Edit] = []
        reader = LineReader() if _KEY_LINE.search(item.value) else None
        for number, (begin, line) in enumerate(_lines(self.text, item.start, item.end)):
            if number == 0:
                continue
            bare = line.rstrip("\r\n\x85\u2028\u2029")
            spans = [*repetitions(pattern, bare), *shaped(bare, pattern=kind is Kind.PATTERN)]
            if reader:
                spans.extend(reader.secrets(bare))
            edits.extend(Edit(begin + start, begin + end, bare[start:end]) for start, end in merged(spans))
        return edits

    def _comments(self, pattern: re.Pattern[str] | None) -> list[Edit]:
        """Secrets in comments: commented-out settings, prose that names one, secrets that were found elsewhere."""
        scalars = [(item.start, item.end, item.style) for item in self._items if item.type == "s"]
        reader = LineReader(trusted=True)
        edits: list[Edit] = []
        position = 0
        for begin, line in _lines(self.text, 0, len(self.text)):
            bare = line.rstrip("\r\n\x85\u2028\u2029")
            end = begin + len(bare)
            while position < len(scalars) and scalars[position][1] <= begin:
                position += 1
            inside = position < len(scalars) and scalars[position][0] < begin
            start = -1
            if "#" in bare:
                start = next(
                    (
                        match.start()
                        for match in _COMMENT.finditer(self.text, begin, end)
                        if not _within(scalars, position, match.start())
                    ),
                    -1,
                )
            if start < 0:
                if not inside:
                    reader.secrets(bare)
                continue
            if bare[: start - begin].strip():
                # Behind a value: the comment stands alone, the line belongs to the structure.
                if not inside:
                    reader.secrets(bare[: start - begin])
                base, found = start, LineReader(trusted=True).secrets(self.text[start:end])
            else:
                base, found = begin, reader.secrets(bare)
            spans = [
                *found,
                *((a + start - base, b + start - base) for a, b in repetitions(pattern, self.text[start:end])),
            ]
            edits.extend(Edit(base + a, base + b, self.text[base + a : base + b]) for a, b in merged(spans))
        return edits


def _of_lines(value: str) -> list[Span]:
    """The secrets of a config that is quoted as a string."""
    reader = LineReader()
    return [
        (begin + start, begin + end)
        for begin, line in _lines(value, 0, len(value))
        for start, end in reader.secrets(line.rstrip("\r\n\x85\u2028\u2029"))
    ]


def _within(scalars: list[tuple[int, int, str | None]], position: int, index: int) -> bool:
    """Whether a character is part of a scalar; position is that of the first scalar that can hold it."""
    while position < len(scalars) and scalars[position][0] <= index:
        if index < scalars[position][1]:
            return True
        position += 1
    return False


def _lines(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """The lines between two positions, each with where it begins and with its line break."""
    return [(match.start(), match.group()) for match in _LINE.finditer(text, start, end) if match.group()]


def _is_secret(item: _Item, kind: Kind) -> bool:
    value = item.value.strip()
    plain = item.style in {None, ""}
    if not value or (plain and value in _NULLS) or MASK.fullmatch(value) or value == "<secret>":
        return False
    if kind is Kind.NAMED and plain and value in _SWITCHES:
        return False
    return not (kind is Kind.EXPANDED and _VARIABLE.fullmatch(value))


def _lessons(value: str, kind: Kind) -> list[str]:
    """What to look for in the rest of the text, now that a secret is known."""
    value = value.strip()
    if kind is Kind.PRIVATE:
        # Free-form fields hold much that is no secret: only what looks random is looked for.
        words = [
            word for word in value.split() if len(word) >= 12 and any(c.isdigit() for c in word) and "/" not in word
        ]
        return words if len(value.split()) <= 2 else []
    parts = [value, *(line.strip() for line in value.splitlines() if len(line.strip()) >= 16)]
    scheme, _unused, credential = value.partition(" ")
    return [*parts, credential] if scheme in {"Bearer", "Basic", "Token"} else parts
