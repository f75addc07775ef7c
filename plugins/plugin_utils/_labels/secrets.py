# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction: secrets in a config text are replaced by ``<secret:3f9a>``, everything else stays as it is.

The four digits are a salted fingerprint: two secrets that differ can be told apart (but for one chance in 65,536),
and with a salt that is not known nothing can be learnt from them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as random_source
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.recent import Recent
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_forms import (
    FORM_SIGNS,
    of_netrc,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_lines import (
    LineReader,
    anchored,
    said_beside,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_pieces import (
    Masked,
    Memory,
    Piece,
    shared_out,
    split,
    still_known,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    BREAK,
    MASK,
    Elsewhere,
    Signs,
    is_telling,
    may_hold,
    merged,
    repeated,
    repetitions,
    seen_again,
    shaped,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_time import TooSlowError, check
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_tree import (
    MAX_CHARACTERS,
    Cuts,
    Edit,
    Tree,
    UnreadableError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_words import (
    COMMAND_SIGNS,
    commanded,
    in_prose,
    may_tell,
)

# No secret of the table can stand in a text that has none of these words in it.
_HINTS = (
    "pass", "pwd", "pswd", "psk", "_pw", "pw ", "pw:", "pw=", 'pw"', "secret", "token", "credential", "key", "auth",
    "header", "communit", "webhook", "hook_url", "hookurl", "_hook", "jwt", "cookie", "creds", "_pat:", "_pat=",
    "_pat =", '_pat"', "slack", "pagerduty", "opsgenie", "victorops", "jira", "sns", "modules", "bearer", "sig",
    "kennwort", "senha", "contrase", "login ", "login:", "sessid", "sessionid", "session_id", "session-id",
)  # fmt: skip
_SIGNS = Signs((*_HINTS, *COMMAND_SIGNS, *FORM_SIGNS))
# Beyond this a text is masked whole: one that is read line by line takes seconds for each million of characters.
_MAX_CHARACTERS = 16 * 1024 * 1024
_MAX_ROUNDS = 4
_CACHE_CHARACTERS = 32 * 1024 * 1024
# All that stands beside `kind: Secret` is secret: such texts are read as a whole.
_RESOURCE = re.compile(r"Secret(?<!\wSecret)(?!\w)")
_BREAKS = re.compile(rf"({BREAK.pattern})")
# A secret that is written in but one way, and what writes any text in another.
_VERBATIM = re.compile(r"[^\s\"'\\]*")
_ESCAPED = re.compile(r"\\[xuU/\n]")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many places were masked."""

    text: str
    count: int


class _Settled(NamedTuple):
    """A masked text, in how many places, and the same of each piece, where those do not hang together."""

    text: str
    places: int
    shares: list[Masked] | None


_NOTHING = _Settled("", 0, [])


class Redactor:
    """Masks secrets with one salt, so that equal secrets have equal masks in all texts of a run."""

    def __init__(self, salt: bytes | None = None) -> None:
        """Take the salt of the fingerprints; without one, a random one that is never shown."""
        # Copied for each secret: that takes half the time of a new one.
        self._keyed = hmac.new(random_source.token_bytes(32) if salt is None else salt, digestmod="sha256")
        self._cache: Recent[bytes, Redacted] = Recent(_CACHE_CHARACTERS)
        self._memory = Memory(self.mask)
        self._lock = threading.Lock()

    def redact(self, text: str) -> Redacted:
        """Mask the secrets of a config file: what cannot be understood is masked rather than shown.

        Raises nothing but TooSlowError, and that only within a limit of time.
        """
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            known = self._cache.get(key)
        if known is not None:
            return known
        try:
            result = self._redact(text)
        except TooSlowError:
            raise
        except Exception:  # An error here must cost the text, not show it.
            result = self._mask_all(text)
        with self._lock:
            self._cache.put(key, result, len(result.text))
        return result

    def redact_message(self, text: str) -> str:
        """Mask what shows itself as a secret in a message: URLs, tokens, ``password: x``."""
        parts = _BREAKS.split(text)
        for number in range(0, len(parts), 2):
            line = parts[number]
            spans = merged([*shaped(line, in_line=True), *in_prose(line), *commanded(line)])
            parts[number] = self._apply(line, [Edit(start, end, line[start:end]) for start, end in spans])
        return "".join(parts)

    def mask(self, secret: str) -> str:
        """The mask of a secret."""
        fingerprint = self._keyed.copy()
        fingerprint.update(secret.encode("utf-8", "surrogatepass"))
        return f"<secret:{fingerprint.digest()[:2].hex()}>"

    def _redact(self, text: str) -> Redacted:
        if not _SIGNS.any_in(text):
            return Redacted(text, 0)
        if len(text) > _MAX_CHARACTERS:
            return self._mask_all(text)
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        bare = text.removeprefix(mark)
        with self._lock:
            is_whole = "kind" in bare and _RESOURCE.search(bare)
            pieces = [] if is_whole else split(bare, self._memory.recall) or []
        found = (self._by_pieces(pieces) if pieces else None) or self._settle(bare, pieces)
        if found and found.shares:
            with self._lock:
                self._memory.learn(pieces, found.shares)
        return Redacted(mark + found.text, found.places) if found else self._mask_all(text)

    def _by_pieces(self, pieces: list[Piece]) -> _Settled | None:
        """The text that these pieces are, masked by what is known of most of them; None where that does not do."""
        known = still_known(pieces)
        if known is None:
            return None
        new = [piece for piece, old in zip(pieces, known, strict=True) if old is None]
        read = self._settle("".join([piece.text for piece in new]), new) if new else _NOTHING
        if read is None or read.shares is None:
            return None
        fresh = iter(read.shares)
        masked = [old or next(fresh) for old in known]
        text = "".join([piece.text for piece in masked])
        # A secret that stands elsewhere as well is for a reading of the whole text to find.
        lessons = [lesson for piece in masked for lesson in piece.lessons]
        if _ESCAPED.search(text) or not all(map(_VERBATIM.fullmatch, lessons)):
            return None
        # Where a part of a string was masked, which is no lesson, the whole of it is to be looked for as it was.
        parted = [
            piece.text for piece, became in zip(pieces, masked, strict=True) if became.places > len(became.lessons)
        ]
        again = seen_again(lessons, "\0".join([text, *parted]))
        if any(is_telling(lesson, Elsewhere.COMMENT) for lesson in again):
            return None
        return _Settled(text, sum([piece.places for piece in masked]), masked)

    def _settle(self, text: str, pieces: list[Piece]) -> _Settled | None:
        """Mask a text until it is at rest; None when it does not come to rest. pieces: what it is made of."""
        edges = list(accumulate([len(piece.text) for piece in pieces], initial=0)) if pieces else []
        look_inside = _may_hold_within(text)
        current, first, count, changes = text, None, 0, 0
        # A text from which secrets were cut is read again, unless the cuts are such that it must be at rest: no secret
        # may come to light in the result, and what did not parse may parse now.
        for _unused in range(_MAX_ROUNDS):
            cuts = self._cuts(current, look_inside, [] if first else edges)
            first = first or cuts
            changed = self._apply(current, cuts.edits)
            count += len(cuts.places())
            changes += changed != current
            looked_inside, look_inside = look_inside, _may_hold_within(changed)
            at_rest = cuts.at_rest and looked_inside >= look_inside and len(changed) <= MAX_CHARACTERS
            if changed == current or at_rest:
                shares = None
                # A second change may hang on what the first one left, wherever that is.
                if first.apart and changes < 2:
                    shares = shared_out(changed, pieces, first.places(), first.lessons)
                return _Settled(changed, count, shares)
            current = changed
        return None

    def _cuts(self, text: str, look_inside: bool, edges: Sequence[int]) -> Cuts:
        if text.lstrip().startswith("{{"):
            # A template, of which YAML makes a map that is the key of another.
            return Cuts(_line_edits(text))
        try:
            tree = Tree(text)
        except UnreadableError:
            return Cuts(_line_edits(text))
        if not tree.is_structured:
            return Cuts(_line_edits(text))
        return tree.cuts(look_inside=look_inside, edges=edges)

    def _apply(self, text: str, edits: Iterable[Edit]) -> str:
        pieces: list[str] = []
        position = 0
        for edit in edits:
            if edit.start < position:
                # Overlaps the edit before it: what is not covered yet goes as well.
                position = max(position, edit.end)
                continue
            pieces.append(text[position : edit.start])
            pieces.append(edit.before + (self.mask(edit.secret) if edit.secret is not None else "") + edit.after)
            position = edit.end
        pieces.append(text[position:])
        return "".join(pieces)

    def _mask_all(self, text: str) -> Redacted:
        """The last resort: each line is one mask; the number of lines stays."""
        parts = _BREAKS.split(text)
        count = 0
        for number in range(0, len(parts), 2):
            if parts[number].strip() and not MASK.fullmatch(parts[number]):
                parts[number] = self.mask(parts[number])
                count += 1
        return Redacted("".join(parts), count)


def _may_hold_within(text: str) -> bool:
    """Whether some string of a text may hold a secret that is not all of it; quick, for whole files."""
    return may_hold(text) or may_tell(text)


def _line_edits(text: str) -> list[Edit]:
    """The secrets of a text that is no sound YAML, line by line."""
    reader = LineReader.of(text)
    lines: list[tuple[int, str, list[tuple[int, int]]]] = []
    known: list[str] = []
    rest: list[str] = []
    position = 0
    # Those that come last stand first.
    logins = sorted(of_netrc(text), reverse=True) if "login" in text else []
    for number, part in enumerate(_BREAKS.split(text)):
        if number % 2 == 0 and part:
            told = []
            while logins and logins[-1][0] < position + len(part):
                start, end = logins.pop()
                told.append((start - position, end - position))
            spans = merged([*reader.secrets(part), *told])
            lines.append((position, part, spans))
            rest.extend(_outside(part, spans))
            known.extend(part[start:end].strip("\"' ,") for start, end in spans)
        position += len(part)
    if reader.aliased:
        lines = [(begin, line, merged([*spans, *anchored(line, reader.aliased)])) for begin, line, spans in lines]
    pattern = repeated(seen_again(known, "\0".join(rest)), Elsewhere.COMMENT)
    edits: list[Edit] = []
    for begin, line, spans in lines:
        check()
        again = repetitions(pattern, line)
        if again and not line.lstrip().startswith("#"):
            again.extend(said_beside(line, again[-1][1]))
        for start, end in merged([*spans, *again]):
            edits.append(Edit(begin + start, begin + end, line[start:end].strip("\"' ,")))
    return edits


def _outside(line: str, spans: list[tuple[int, int]]) -> list[str]:
    """What of a line the spans leave."""
    edges = [0, *(edge for span in spans for edge in span), len(line)]
    return [line[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
