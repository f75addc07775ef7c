# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets found by structure in YAML that parses: how to cut them out of the source text."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_comments import (
    CommentReader,
    properties,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_events import (
    MAX_CHARACTERS,
    Events,
    Item,
    UnreadableError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_lines import of_lines
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import Kind, only_points
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    BREAK,
    BREAKS,
    MASK,
    Elsewhere,
    Span,
    lines,
    merged,
    repeated,
    repetitions,
    seen_again,
    shaped,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_time import check
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_words import (
    across_lines,
    in_lines,
    is_expression,
    told,
)

__all__ = ["MAX_CHARACTERS", "Cuts", "Edit", "Tree", "UnreadableError"]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NULL = "tag:yaml.org,2002:null"
_SWITCHES = frozenset({"true", "false", "True", "False", "TRUE", "FALSE"})
_BLOCKS = frozenset("|>")
_VARIABLE = re.compile(r"\$(?:\{\w+\}|\w+)")
# A string that holds a config of its own, or a private key, has lines like this one.
_KEY_LINE = re.compile(
    r"^[ \t]*(?:(?:- +)?(?:[{\[] *){0,4}(?:[\w\"'-]+:(?: |$)|\"[^\"\n]{1,400}\"[ \t]*:)|-----BEGIN )", re.MULTILINE
)
_BRACES = frozenset("{[")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?")
_RUNS = re.compile(r"[A-Za-z]+|\d+")
# What a string is not written as itself with, by the quote around it.
_FOLD = rf"(?:(?<![ \t])[ \t]++)?(?:{BREAK.pattern})(?:[ \t]*(?:{BREAK.pattern}))*[ \t]*"
_ODD = {
    "": re.compile(_FOLD),
    "'": re.compile(rf"''|{_FOLD}"),
    '"': re.compile(
        rf"\\(?:x[0-9A-Fa-f]{{2}}|u[0-9A-Fa-f]{{4}}|U[0-9A-Fa-f]{{8}}|(?:{BREAK.pattern})[ \t]*|.)|{_FOLD}"
    ),
}


class Edit(NamedTuple):
    """A piece of the source text to replace by before, the mask of the secret (none if it is None) and after."""

    start: int
    end: int
    secret: str | None
    before: str = ""
    after: str = ""


class Cuts(NamedTuple):
    """What to cut, in the order of the text, and whether the result needs no second look.

    at_rest holds where each edit puts a mask in the place of a whole scalar on one line, or of all that a comment says
    behind a value: then the result has the same events in the same places, its comments stand where they stood and are
    read with the same keys above them, and each scalar but the masks is what it was, so no secret can come to light.

    lessons are the secrets to look for elsewhere, each with its place in the text. apart says that none was met there,
    and that nothing is open at the edges that were asked about but mappings and lists in block style.
    """

    edits: list[Edit]
    at_rest: bool = False
    lessons: Sequence[tuple[int, str]] = ()
    apart: bool = False

    def places(self) -> list[int]:
        """Where something is masked."""
        return [edit.start for edit in self.edits if edit.secret is not None]


class Tree:
    """The scalars of a text and how to mask them."""

    def __init__(self, text: str) -> None:
        """Parse and judge. Raises UnreadableError."""
        self.text = text
        self._events = Events(text)
        self._items = self._events.items

    @property
    def is_structured(self) -> bool:
        """Whether there is any mapping or sequence: prose, too, parses as one scalar."""
        return self._events.is_structured

    def cuts(self, *, look_inside: bool, edges: Sequence[int] = ()) -> Cuts:
        """What to cut. look_inside: some string may show a secret by its shape. edges: where lines begin, in order."""
        items, kinds, keys = self._items, self._events.kinds, self._events.keys
        judged = sorted(index for index, kind in kinds.items() if kind >= Kind.EXPANDED)
        secret: set[int] = set()
        edits: list[Edit] = []
        # What is masked, now or before, with the line of its key: a comment there tells of the value as well.
        masked: list[Span] = []
        # Values that are not there, where a secret is expected: the comment behind one may be a secret without quotes.
        missing: list[Span] = []
        lessons: list[tuple[int, str]] = []
        at_rest = not self._events.has_odd_keys
        for index in judged:
            check()
            item = items[index]
            if _is_secret(item, kinds[index]):
                secret.add(index)
                found = self._mask_whole(index)
                edits.extend(found)
                at_rest = at_rest and index not in keys and self._keeps_its_place(item, found)
                lessons.extend([(item.start, lesson) for lesson in _lessons(item.value, kinds[index])])
            elif misread := self._misread(index):
                edits.append(misread)
                at_rest = False
            elif not MASK.fullmatch(item.value):
                if not item.value and not item.style:
                    missing.append((item.start, item.end))
                continue
            masked.append((items[index - 1].end if index - 1 in keys else item.start, item.end))
        known = [lesson for _start, lesson in lessons]
        parts, alone = self._parts(secret, known, look_inside=look_inside)
        if parts:
            at_rest = False
            edits.extend(parts)
            masked.extend([(edit.start, edit.end) for edit in parts])
            masked.sort()
        if "#" in self.text:
            scalars = [item for item in items if item[0] == "s" and item[3] > item[2]]
            spans, only_whole = CommentReader(self.text, scalars).secrets(known, masked, missing)
            at_rest = at_rest and only_whole
            edits.extend([Edit(start, end, self.text[start:end]) for start, end in spans])
        edits.sort(key=lambda edit: (edit.start, edit.end))
        return Cuts(edits, at_rest, lessons, alone and not self._any_joins(edges))

    def _any_joins(self, edges: Sequence[int]) -> bool:
        """Whether some string or braces reach over one of these edges."""
        if not edges:
            return False
        items = self._items
        scalars = [index for index, item in enumerate(items) if item[0] == "s"]
        starts = [items[index][2] for index in scalars]
        for edge in edges:
            number = bisect_left(starts, edge)
            if number and items[scalars[number - 1]].end > edge:
                return True
            if number < len(scalars) and self._events.in_flow(scalars[number]):
                return True
        return False

    def _parts(self, secret: set[int], known: list[str], *, look_inside: bool) -> tuple[list[Edit], bool]:
        """Secrets inside the scalars that are not secret as a whole, and whether none of them is one that is known."""
        items, keys, kinds = self._items, self._events.keys, self._events.kinds
        rest = [index for index, item in enumerate(items) if item[0] == "s" and item[1] and index not in secret]
        elsewhere = "\0".join([items[index][1] for index in rest])
        # Few secrets stand twice; a pattern for each of the others would cost more than all the rest.
        again = seen_again(known, elsewhere)
        in_values, in_keys = repeated(again, Elsewhere.VALUE), repeated(again, Elsewhere.KEY)
        if not look_inside and not in_values:
            # A config of its own stands on several lines, on the one of a block, or in braces; a command may
            # have a line break in it. Where one stands, the source is longer than the string and its quotes.
            rest = [
                index
                for index in rest
                if (item := items[index])[3] - item[2] > len(item[1]) + (2 if item[4] else 0)
                or item[4] in _BLOCKS
                or item[1][0] in _BRACES
            ]
        found: list[Edit] = []
        for index in rest:
            check()
            pattern = in_keys if index in keys else in_values
            kind = kinds.get(index, Kind.PLAIN)
            found.extend(self._mask_parts(index, kind, pattern, look_inside=look_inside))
        return found, in_values is None and in_keys is None

    def _keeps_its_place(self, item: Item, edits: list[Edit]) -> bool:
        """Whether a scalar that these edits mask leaves all that is around it as it was: see Cuts."""
        # A line that begins with a dash closes other keys, as lines are read for the comments below them.
        return (
            len(edits) == 1
            and item.style not in _BLOCKS
            and not self.text.startswith("-", edits[0].start)
            and not BREAK.search(self.text, item.start, item.end)
        )

    def _misread(self, index: int) -> Edit | None:
        """A secret that begins with & or !, which nobody quoted: to YAML it is an anchor or a tag of nothing."""
        item = self._items[index]
        tagged = item.tag is not None and item.tag != _NULL
        if item.value or item.style or not (tagged or (item.anchor and index not in self._events.aliased)):
            return None
        return Edit(item.start, item.end, self.text[item.start : item.end])

    def _mask_whole(self, index: int) -> list[Edit]:
        text, item = self.text, self._items[index]
        edits: list[Edit] = []
        start = item.start
        if item.anchor or item.tag:
            # A tag that no mask can have goes, and an anchor that nothing uses: it may be a part of the secret.
            before, start = properties(text, item)
            kept = {"!", "!!str", f"&{item.anchor}" if index in self._events.aliased else ""}
            edits = [Edit(begin, end, None) for begin, end in before if text[begin:end] not in kept]
        secret = item.value.strip()
        if item.style in _BLOCKS:
            return [*edits, *self._mask_block(item, start, secret)]
        raw = text[start : item.end]
        breaks = BREAK.findall(raw)
        # A plain scalar that a mask replaces in braces, or on several lines, needs quotes.
        quote = item.style or ('"' if breaks or self._events.in_flow(index) else "")
        last = BREAK.split(raw)[-1] if breaks else ""
        indent = last[: len(last) - len(last.lstrip(" \t"))]
        return [*edits, Edit(start, item.end, secret, quote, quote + "".join(breaks) + indent)]

    def _mask_block(self, item: Item, start: int, secret: str) -> list[Edit]:
        """The first line with text takes the mask, the other lines stay empty."""
        edits: list[Edit] = []
        for number, (begin, line) in enumerate(lines(self.text, start, item.end)):
            content = line.strip()
            if number == 0 or not content:
                continue
            indent = len(line) - len(line.lstrip(" ")) if not edits else 0
            stop = begin + len(line.rstrip(BREAKS))
            edits.append(Edit(begin + indent, stop, None if edits else secret))
        return edits

    def _mask_parts(self, index: int, kind: Kind, pattern: re.Pattern[str] | None, *, look_inside: bool) -> list[Edit]:
        """Secrets inside a scalar that is not secret as a whole."""
        item = self._items[index]
        value = item.value
        if item.style in _BLOCKS:
            return self._parts_of_block(index, kind, pattern, look_inside=look_inside)
        spans: list[Span] = repetitions(pattern, value)
        if look_inside:
            spans.extend(shaped(value, address=kind is Kind.ADDRESS, pattern=kind is Kind.PATTERN))
            spans.extend(self._assigned(index, value, kind))
        elif BREAK.search(self.text, item.start, item.end):
            spans.extend(self._assigned(index, value, kind, across_lines))
        if "\n" in value or value[0] in _BRACES:
            spans.extend(_of_lines(value) if _KEY_LINE.search(value) else in_lines(value))
        if not spans:
            return []
        spans = merged(spans)
        begin = properties(self.text, item)[1]
        raw = self.text[begin : item.end]
        offset = raw.find(value)
        if offset >= 0 and len(raw) == len(value) + 2 * offset:
            base = begin + offset
            return [Edit(base + start, base + end, value[start:end]) for start, end in spans]
        # Escapes or line breaks stand between the value and its source.
        places = _in_source(raw, value, item.style, spans)
        if places is None:
            return self._mask_whole(index)
        return [
            Edit(begin + first, begin + last, value[start:end])
            for (start, end), (first, last) in zip(spans, places, strict=True)
        ]

    def _assigned(self, index: int, value: str, kind: Kind, asked: Callable[[str], list[Span]] = told) -> list[Span]:
        """What a string assigns to the name of a secret, unless it is a pattern or asks for labels."""
        if kind is Kind.PATTERN or index in self._events.keys:
            return []
        spans = asked(value)
        return [] if spans and is_expression(self._events.key_of(index)) else spans

    def _parts_of_block(
        self, index: int, kind: Kind, pattern: re.Pattern[str] | None, *, look_inside: bool
    ) -> list[Edit]:
        item = self._items[index]
        edits: list[Edit] = []
        _head, *rest = lines(self.text, properties(self.text, item)[1], item.end)
        content = [(begin, line.rstrip(BREAKS)) for begin, line in rest]
        has_keys = _KEY_LINE.search(item.value) is not None
        parts = [bare for _begin, bare in content]
        inner = of_lines(item.value, parts) if has_keys else [in_lines(part) for part in parts]
        assigned = self._assigned(index, item.value, kind) if look_inside else []
        for number, span in _on_lines(item.value, assigned, parts):
            inner[number].append(span)
        if item.style == ">":
            begins = [len(part) - len(part.lstrip(" \t")) for part in parts]
            said = [part.strip(" \t") for part in parts]
            edges = list(accumulate([len(line) + 1 for line in said], initial=0))
            for start, end in self._assigned(index, " ".join(said), kind, across_lines):
                number = bisect_right(edges, start) - 1
                shift = begins[number] - edges[number]
                inner[number].append((start + shift, min(end, edges[number + 1] - 1) + shift))
        for (begin, bare), found in zip(content, inner, strict=True):
            spans = [
                *repetitions(pattern, bare),
                *shaped(bare, address=kind is Kind.ADDRESS, pattern=kind is Kind.PATTERN),
            ]
            if assigned:
                spans.extend(told(bare))
            spans.extend(found)
            edits.extend(Edit(begin + start, begin + end, bare[start:end]) for start, end in merged(spans))
        return edits


class _Run(NamedTuple):
    """Characters of a string and where they stand in its source, from where to where; odd if not as themselves."""

    start: int
    end: int
    first: int
    last: int
    is_odd: bool


def _in_source(raw: str, value: str, style: str | None, spans: list[Span]) -> list[Span] | None:
    """Where parts of a string stand in its source; None where that is not sure, or where one has a line break in it."""
    runs = _runs(raw, value, style)
    if runs is None:
        return None
    starts = [run.start for run in runs]
    found: list[Span] = []
    for start, end in spans:
        head, tail = runs[bisect_right(starts, start) - 1], runs[bisect_right(starts, end - 1) - 1]
        if (head.is_odd and start != head.start) or (tail.is_odd and end != tail.end):
            return None
        first = head.first + start - head.start
        last = tail.last if tail.is_odd else tail.first + end - tail.start
        if BREAK.search(raw, first, last):
            return None
        found.append((first, last))
    return found


def _runs(raw: str, value: str, style: str | None) -> list[_Run] | None:
    """How the source says a string. Of what is said in another way only the length counts; all else is compared."""
    runs: list[_Run] = []
    start, at, end = 0, len(style or ""), len(raw) - len(style or "")
    for match in _ODD[style or ""].finditer(raw, at, end):
        said = match.group()
        number = len(BREAK.findall(said))
        # Breaks are one blank or, if there are more, all but the first; one that is escaped is nothing.
        length = (number - 1 or 1) if number and said[0] != "\\" else 1 - number
        middle = start + match.start() - at
        runs.append(_Run(start, middle, at, match.start(), is_odd=False))
        runs.append(_Run(middle, middle + length, match.start(), match.end(), is_odd=True))
        start, at = middle + length, match.end()
    runs.append(_Run(start, start + end - at, at, end, is_odd=False))
    same = all(run.is_odd or value.startswith(raw[run.first : run.last], run.start) for run in runs)
    return runs if same and runs[-1].end == len(value) else None


def _on_lines(value: str, spans: list[Span], parts: list[str]) -> Iterator[tuple[int, Span]]:
    """Where parts of the content of a block stand in its lines, by their number; none where it is folded."""
    rest = iter(spans)
    span = next(rest, None)
    for number, ((begin, line), part) in enumerate(zip(lines(value, 0, len(value)), parts, strict=False)):
        said = line.rstrip(BREAKS)
        if span is None or not part.endswith(said):
            return
        end, shift = begin + len(line), len(part) - len(said) - begin
        while span and span[0] < end:
            first, last = max(span[0], begin), min(span[1], begin + len(said))
            if first < last:
                yield number, (first + shift, last + shift)
            if span[1] > end:
                break
            span = next(rest, None)


def _of_lines(value: str) -> list[Span]:
    """The secrets of a config that is quoted as a string."""
    content = lines(value, 0, len(value))
    inner = of_lines(value, [line.rstrip(BREAKS) for _begin, line in content])
    return [
        (begin + start, begin + end)
        for (begin, _line), found in zip(content, inner, strict=True)
        for start, end in found
    ]


def _is_secret(item: Item, kind: Kind) -> bool:
    value = item.value.strip()
    plain = item.style in {None, ""}
    if not value or (plain and value in _NULLS) or MASK.fullmatch(value) or value == "<secret>":
        return False
    if kind is Kind.NAMED and plain and value in _SWITCHES:
        return False
    return not (kind is Kind.EXPANDED and _VARIABLE.fullmatch(value)) and not only_points(kind, value)


def _looks_random(word: str) -> bool:
    """Whether a word is no name of a tenant, a host or a place: letters and digits change places in it."""
    if len(word) < 12 or "/" in word or _HOST.fullmatch(word):
        return False
    return any(len(_RUNS.findall(part)) >= 3 for part in re.split(r"[-_.:=]", word))


def _lessons(value: str, kind: Kind) -> list[str]:
    """What to look for in the rest of the text, now that a secret is known."""
    value = value.strip()
    if kind is Kind.PRIVATE:
        # Free-form fields hold much that is no secret: only what looks random is looked for.
        words = value.split()
        return [word for word in words if _looks_random(word)] if len(words) <= 2 else []
    parts = [value, *(line.strip() for line in value.splitlines() if len(line.strip()) >= 16)]
    scheme, _unused, credential = value.partition(" ")
    return [*parts, credential] if scheme in {"Bearer", "Basic", "Token"} else parts
