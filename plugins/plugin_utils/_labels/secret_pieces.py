# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A config cut into pieces that are masked each for itself, since the configs of a fleet differ in few of them.

A piece is a setting at the top (`global:`), an entry of a list there or, where that entry was not met before, a setting
of it (`relabel_configs:` of a job), with all lines below it. Where no string and no braces reach from one piece into
the next (Tree.cuts tells), the lines of a piece and the setting that holds them say together what is read in it: it is
known when it comes again.

Servers that have the same settings often have other passwords in them. So a piece is also known by its outline, which
is all of it but its secrets, where each is one word that was masked as a whole, for its key: nothing hangs on its
letters.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.recent import Recent

# The places of pieces below the top.
_ENTRY_OF: Final = "entry of "
_HEAD_OF: Final = "head of "
_SETTING_OF: Final = "setting of "

_FEWEST_CHARACTERS: Final = 500
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
# A scalar of one word, plain or in quotes, behind a key that may be a secret's. No such word is special to YAML or to
# the table of places (`null`, `true`, `$NAME`, a mask), and in place of another it is read in the same way. The two
# kinds differ in the colon, which braces make much of.
_SECRET = re.compile(
    r": (?<=(?:word|oken|cret|ials|[_-]key|[_ {]url): )([\"']?)"
    r"(?:(?P<word>[A-Za-z0-9][\w./+=-]{4,98}[A-Za-z0-9=])|(?P<address>[A-Za-z0-9][\w./+=@%:-]{4,98}[A-Za-z0-9=]))"
    r"\1(?=[ ]*(?:[,}\n]|\Z))",
    re.ASCII,
)
_LONGEST_SECRET: Final = 100
# libyaml takes no key that is longer than 1,024 characters.
_LONGEST_LINE: Final = 1_000
# The settings of a relabel rule are judged together; those of these lists' entries are not.
_APART: Final = frozenset({"scrape_configs", "receivers"})


class Masked(NamedTuple):
    """A piece with its secrets masked, in how many places, and its secrets, to be looked for elsewhere."""

    text: str
    places: int
    lessons: tuple[str, ...]


class Piece(NamedTuple):
    """Lines that follow each other, and what they are: the same lines mean the same in the same place.

    needs: the numbers of the pieces without which they cannot be read, which are the setting that a list belongs to and
    the first lines of an entry. known: what is remembered of them.
    """

    place: str
    text: str
    needs: tuple[int, ...] = ()
    known: Masked | None = None


class Outline(NamedTuple):
    """A piece without its secrets: what stands between them, the quote and the kind of each."""

    texts: tuple[str, ...]
    quotes: tuple[str, ...]
    is_address: tuple[bool, ...]

    def around(self) -> list[str]:
        """All that stands around the secrets, with their quotes."""
        befores = [f": {quote}" for quote in self.quotes]
        return [
            f"{after}{text}{before}"
            for after, text, before in zip(["", *self.quotes], self.texts, [*befores, ""], strict=True)
        ]


# What is remembered of a text in a place.
Recall = Callable[[str, str], Masked | None]


def split(text: str, recall: Recall) -> list[Piece] | None:
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
    cuts = _Cuts(recall)
    if begin:
        cuts.add("start", text[:begin])
    for first, last in zip(settings, [*settings[1:], len(text)], strict=True):
        name = _SETTING.match(text, first)
        if not name:
            return None
        below = _LIST.match(text, name.end(), last)
        if below:
            cuts.add_list(text[first:last], name.group(1), len(below.group(1)))
        else:
            cuts.add("setting", text[first:last])
    return cuts.pieces


class _Cuts:
    """The pieces of a text, as they are cut."""

    def __init__(self, recall: Recall) -> None:
        self.pieces: list[Piece] = []
        self._recall = recall

    def add(self, place: str, text: str, needs: tuple[int, ...] = ()) -> None:
        self.pieces.append(Piece(place, text, needs, self._recall(place, text)))

    def add_list(self, text: str, name: str, indent: int) -> None:
        if _line(indent, "-(?:[ ]+[\"']?[ ]*-|[ ]+[|>!&*#]|[ ]*\n)").search(text):
            # Perhaps the options of a command: what an entry is hangs on the one before it.
            self.add("setting", text)
            return
        # A bare dash begins an entry as well: what follows it belongs to no setting of the entry before.
        starts = [match.start() + 1 for match in _line(indent, r"-(?=\s|\Z)").finditer(text)]
        number = len(self.pieces)
        self.add("list", text[: starts[0]])
        for first, last in zip(starts, [*starts[1:], len(text)], strict=True):
            self._add_entry(text[first:last], name, number)

    def _add_entry(self, content: str, name: str, number: int) -> None:
        place = _ENTRY_OF + name
        known = self._recall(place, content)
        edges = _settings(content) if known is None and name in _APART else []
        if not edges:
            self.pieces.append(Piece(place, content, (number,), known))
            return
        head = len(self.pieces)
        self.add(_HEAD_OF + name, content[: edges[0]], (number,))
        for begin, end in pairwise([*edges, len(content)]):
            self.add(_SETTING_OF + name, content[begin:end], (number, head))


def entries(pieces: Sequence[Piece], masked: Sequence[Masked]) -> Iterator[tuple[Piece, Masked]]:
    """The entries that were cut into several pieces, as a whole."""
    heads = [number for number, piece in enumerate(pieces) if piece.place.startswith(_HEAD_OF)]
    for head in heads:
        end = head + 1
        while end < len(pieces) and pieces[end].place.startswith(_SETTING_OF):
            end += 1
        place, parts = _ENTRY_OF + pieces[head].place.removeprefix(_HEAD_OF), masked[head:end]
        lessons = tuple({lesson for part in parts for lesson in part.lessons})
        yield (
            Piece(place, "".join([piece.text for piece in pieces[head:end]])),
            Masked("".join([part.text for part in parts]), sum([part.places for part in parts]), lessons),
        )


def still_known(pieces: Sequence[Piece]) -> list[Masked | None] | None:
    """What is known of each piece, None where it must be read; None alone where most must be."""
    found = [piece.known for piece in pieces]
    for number, piece in enumerate(pieces):
        if found[number] is None:
            for needed in piece.needs:
                found[needed] = None
    sizes = [len(piece.text) for piece in pieces]
    new = sum([size for size, known in zip(sizes, found, strict=True) if known is None])
    return found if new <= _WORTH * sum(sizes) else None


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

    def __init__(self, mask: Callable[[str], str]) -> None:
        """Begin with none. mask: what a secret becomes."""
        self._mask = mask
        self._known: Recent[tuple[str, str], Masked] = Recent(_REMEMBERED_CHARACTERS)
        # What stands between the masks, by the place and the outline of a piece.
        self._outlines: Recent[tuple[str, Outline], tuple[str, ...]] = Recent(_REMEMBERED_CHARACTERS)

    def recall(self, place: str, text: str) -> Masked | None:
        """What such a piece became, or would become."""
        found = self._known.get((place, text))
        if found is not None:
            return found
        outline, secrets = _outline(text)
        between = self._outlines.get((place, outline)) if secrets else None
        if not between:
            return None
        parts = [between[0]]
        for secret, part in zip(secrets, between[1:], strict=True):
            parts += self._mask(secret), part
        return Masked("".join(parts), len(secrets), tuple(secrets))

    def learn(self, pieces: Sequence[Piece], shares: Sequence[Masked]) -> None:
        """Remember what each piece became."""
        for piece, masked in (*zip(pieces, shares, strict=True), *entries(pieces, shares)):
            # What is a secret in a comment hangs on what stands above it.
            if piece.known or _COMMENT.search(piece.text):
                continue
            self._known.put((piece.place, piece.text), masked, len(piece.text) + len(masked.text))
            if masked.places:
                outline, secrets = _outline(piece.text)
                between = self._between(outline, secrets, masked)
                if between:
                    self._outlines.put((piece.place, outline), between, 2 * len(piece.text))

    def _between(self, outline: Outline, secrets: list[str], masked: Masked) -> tuple[str, ...] | None:
        """What stands between the masks; None where something else was masked than these secrets, or not as a whole."""
        kept = outline.around()
        # Another secret may be longer.
        longest = max([len(line) for line in ("x" * _LONGEST_SECRET).join(kept).split("\n")])
        # A place for each secret, and each secret a lesson: then each was a string of its own.
        if not len(secrets) == len(set(secrets)) == masked.places == len(kept) - 1 or longest > _LONGEST_LINE:
            return None
        if set(masked.lessons) != set(secrets):
            return None
        parts: list[str] = []
        position, quote = 0, ""
        for secret, part in zip([*secrets, ""], kept, strict=True):
            end = masked.text.find(self._mask(secret), position) if secret else len(masked.text)
            between = masked.text[position : max(end, position)]
            before, quote = quote, between[len(quote) + len(part) :]
            # A mask in braces is put in quotes.
            if between != before + part + quote or quote not in {"", '"' if secret else ""}:
                return None
            parts.append(between)
            position = end + len(self._mask(secret))
        return tuple(parts)


def _outline(text: str) -> tuple[Outline, list[str]]:
    """A piece without its secrets, as far as they are words behind keys of secrets, and these."""
    # In turn: what stands before a secret, its quote, itself as a word and as an address.
    parts = _SECRET.split(text)
    words = parts[2::4]
    secrets = [word or address for word, address in zip(words, parts[3::4], strict=True)]
    return Outline(tuple(parts[::4]), tuple(parts[1::4]), tuple([word is None for word in words])), secrets


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
