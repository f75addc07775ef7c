# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A config cut into pieces that are masked each for itself, since the configs of a fleet differ in few of them.

A piece is a setting at the top (`global:`), an entry of a list there, or a setting of such an entry (`relabel_configs:`
of a job), with all lines below it. Where no string and no braces reach from one piece into the next (Tree.cuts tells),
the lines of a piece and the setting that holds them say together what is read in it: it is known when it comes again.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

_FEWEST_CHARACTERS: Final = 2_000
_MOST_CHARACTERS: Final = 1024 * 1024
_REMEMBERED_CHARACTERS: Final = 8 * 1024 * 1024
# Reading a few pieces costs as much as reading all, when most are new.
_WORTH: Final = 0.7

# What makes a text one that is read in whole: anchors and aliases, which join what is far apart, documents after the
# first, and line breaks that are few people's. A pattern begins with fixed text, which `re` finds fast in a long text.
_ANCHOR = re.compile(r"&(?<=[\s\[{,:-]&)\w")
_ALIAS = re.compile(r"\*(?<=[\s\[{,:-]\*)\w")
_WHOLE: Final = ("\n---", "\n...", *"\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\ufeff")

_START = re.compile(r"(?:#[^\n]*\n|[ ]*\n)*(?:---[ ]*\n(?:#[^\n]*\n|[ ]*\n)*)?")
_MARGIN = re.compile(r"\n[^ \n]")
_SETTING = re.compile(r"([A-Za-z_][\w.-]*):(?=[ \n]|\Z)")
_LIST = re.compile(r"[ ]*\n(?:[ ]*\n)*([ ]*)-[ ]")
_ENTRY = re.compile(r"[ ]*-[ ]+(?=[A-Za-z_][\w.-]*:[ \n])")
_COMMENT = re.compile(r"#(?<![^\s]#)")
# The settings of a relabel rule are judged together; those of these lists' entries are not.
_APART: Final = frozenset({"scrape_configs", "receivers"})


class Piece(NamedTuple):
    """Lines that follow each other, and what they are: the same lines mean the same in the same place.

    needs: the numbers of the pieces without which they cannot be read, which are the setting that a list belongs to and
    the first lines of an entry.
    """

    place: str
    text: str
    needs: tuple[int, ...] = ()


class Masked(NamedTuple):
    """A piece with its secrets masked, in how many places, and its secrets, to be looked for elsewhere."""

    text: str
    places: int
    lessons: tuple[str, ...]


def split(text: str) -> list[Piece] | None:
    """The pieces, which together are the text; None where it is not one for which they are worth it."""
    if not _FEWEST_CHARACTERS < len(text) <= _MOST_CHARACTERS:
        return None
    start = _START.match(text)
    begin = start.end() if start else 0
    if any(text.find(sign, begin) >= 0 for sign in _WHOLE) or _ANCHOR.search(text) or _ALIAS.search(text):
        return None
    settings = [
        begin,
        *(mark for match in _MARGIN.finditer(text, begin) if text[mark := match.start() + 1] not in "#-"),
    ]
    pieces = [Piece("start", text[:begin])] if begin else []
    for first, last in zip(settings, [*settings[1:], len(text)], strict=True):
        name = _SETTING.match(text, first)
        if not name:
            return None
        below = _LIST.match(text, name.end(), last)
        if below:
            pieces.extend(_entries(text[first:last], name.group(1), len(below.group(1)), len(pieces)))
        else:
            pieces.append(Piece("setting", text[first:last]))
    return pieces


def _entries(text: str, name: str, indent: int, number: int) -> Iterator[Piece]:
    """The pieces of a setting that is a list, of which the first has this number."""
    # A bare dash begins an entry as well: what follows it belongs to no setting of the entry before.
    starts = [match.start() + 1 for match in _line(indent, r"-(?=\s|\Z)").finditer(text)]
    yield Piece("list", text[: starts[0]])
    head = number + 1
    for first, last in zip(starts, [*starts[1:], len(text)], strict=True):
        content = text[first:last]
        edges = [0, *(_settings(content) if name in _APART else ()), len(content)]
        yield Piece(f"entry of {name}", content[: edges[1]], (number,))
        for begin, end in pairwise(edges[1:]):
            yield Piece(f"setting of {name}", content[begin:end], (number, head))
        head += len(edges) - 1


def _settings(entry: str) -> list[int]:
    """Where the settings of an entry begin, but for the first; none where a key is not plainly one."""
    key = _ENTRY.match(entry)
    if not key:
        return []
    starts = [match.start() + 1 for match in _line(key.end(), "[^ \n#-]").finditer(entry)]
    plain = all(_SETTING.match(entry, start + key.end()) for start in starts)
    return starts if plain else []


@functools.lru_cache(maxsize=64)
def _line(indent: int, begin: str) -> re.Pattern[str]:
    return re.compile("\n" + " " * indent + begin)


class Memory:
    """The pieces that were masked with one salt. Not for several threads at once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: OrderedDict[tuple[str, str], Masked] = OrderedDict()
        self._characters = 0

    def recall(self, pieces: Sequence[Piece]) -> list[Masked | None] | None:
        """What is known of each piece, None where it must be read; None alone where most must be."""
        found = [self._known.get((piece.place, piece.text)) for piece in pieces]
        for number, piece in enumerate(pieces):
            if found[number] is None:
                for needed in piece.needs:
                    found[needed] = None
            else:
                self._known.move_to_end((piece.place, piece.text))
        sizes = [len(piece.text) for piece in pieces]
        new = sum([size for size, known in zip(sizes, found, strict=True) if known is None])
        return found if new <= _WORTH * sum(sizes) else None

    def learn(self, pieces: Sequence[Piece], shares: Sequence[Masked]) -> None:
        """Remember what each piece became."""
        for piece, masked in zip(pieces, shares, strict=True):
            key = piece.place, piece.text
            # What is a secret in a comment hangs on what stands above it.
            if key not in self._known and not _COMMENT.search(piece.text):
                self._known[key] = masked
                self._characters += len(piece.text) + len(masked.text)
        while self._characters > _REMEMBERED_CHARACTERS:
            (_place, text), masked = self._known.popitem(last=False)
            self._characters -= len(text) + len(masked.text)


def shared_out(
    text: str, pieces: Sequence[Piece], places: Iterable[int], lessons: Iterable[tuple[int, str]]
) -> list[Masked] | None:
    """A masked text as the pieces that it was before, line by line; None where it has other lines.

    places: where something was masked in the text that the pieces are; lessons: secrets, and where they stood there.
    """
    lines = text.splitlines(keepends=True)
    begins = [0, *accumulate([piece.text.count("\n") for piece in pieces])]
    # Only the last piece may end without a line break.
    if not pieces or not begins[-1] <= len(lines) <= begins[-1] + (not pieces[-1].text.endswith("\n")):
        return None
    ends = list(accumulate([len(piece.text) for piece in pieces]))
    counts = [0] * len(pieces)
    for place in places:
        counts[bisect_right(ends, place)] += 1
    learnt: list[set[str]] = [set() for _piece in pieces]
    for place, secret in lessons:
        learnt[bisect_right(ends, place)].add(secret)
    parts = [lines[begin:end] for begin, end in pairwise([*begins[:-1], len(lines)])]
    return [
        Masked("".join(part), count, tuple(secrets)) for part, count, secrets in zip(parts, counts, learnt, strict=True)
    ]
