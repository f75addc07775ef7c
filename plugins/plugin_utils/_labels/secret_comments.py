# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in the comments of sound YAML.

Three kinds are found: commented-out settings, by where they stand; secrets of the text that are said again; and all
that is said on the line of a masked value, since prose there tells of that value (``token: x  # was y until May``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_events import Item
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_lines import (
    ONE_WORD,
    LineReader,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    BREAKS,
    MASK,
    Elsewhere,
    Span,
    lines,
    merged,
    repeated,
    repetitions,
    seen_again,
)

_TO_BREAK = re.compile(rf"[^{BREAKS}]*")
_PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*")
_GAP = re.compile(rf"(?:\s|#[^{BREAKS}]*)*")
# What of a comment is said, without its signs and the blanks around it.
_SAID = re.compile(r"#++!?+\s*+(.*\S)", re.DOTALL)
# One word behind nothing: a secret that begins with #, which nobody quoted, or one that was taken out.
_ONE_WORD = re.compile(rf"#+!?({ONE_WORD})\s*")
_ONLY_MASKS = re.compile(rf"(?:{MASK.pattern}\s*)+")


class Comment(NamedTuple):
    """Where a comment's line begins, where the comment does, where both end; whether the line has nothing else."""

    line: int
    start: int
    end: int
    is_alone: bool


def properties(text: str, item: Item) -> tuple[list[Span], int]:
    """The anchor and the tag before a scalar, and where the scalar itself begins."""
    found: list[Span] = []
    start = item.start
    while text.startswith(("&", "!"), start) and start < item.end:
        match = _PROPERTY.match(text, start)
        end = match.end() if match else start + 1
        found.append((start, end))
        gap = _GAP.match(text, end)
        start = gap.end() if gap else end
    return found, start


def comments(text: str, scalars: list[Item]) -> list[Comment]:
    """All comments of a text that parses. scalars: its scalars in order; what else may hold a # is only comments."""
    found: list[Comment] = []
    starts = [item.start for item in scalars]
    at, last = text.find("#"), 0
    # The scalar that is judged, and where its content begins: many comments may stand between its anchor and that.
    judged, content = -1, 0
    while at >= 0:
        number = bisect_right(starts, at) - 1
        if number >= 0 and at < scalars[number].end:
            if number != judged:
                judged, content = number, _content(text, scalars[number])
            if at >= content:
                at = text.find("#", scalars[number].end)
                continue
        line = max([text.rfind(sign, last, at) for sign in BREAKS]) + 1
        match = _TO_BREAK.match(text, at)
        last = match.end() if match else len(text)
        found.append(Comment(line, at, last, not text[line:at].strip()))
        at = text.find("#", last)
    return found


def _content(text: str, item: Item) -> int:
    """Where a scalar begins in which a # is no comment."""
    if item.anchor is None and item.tag is None and item.style not in {"|", ">"}:
        return item.start
    start = properties(text, item)[1]
    if item.style in {"|", ">"}:
        match = _TO_BREAK.match(text, start)
        return match.end() if match else start
    return start


class CommentReader:
    """Goes through the comments of one text and tells what to mask in each."""

    def __init__(self, text: str, scalars: list[Item]) -> None:
        """Take a text that parses and its scalars."""
        self.comments = comments(text, scalars)
        self._text = text
        self._scalars = scalars
        self._starts = [item.start for item in scalars]
        self._reader = LineReader(trusted=True)
        self._cuts = {comment.line: comment.start for comment in self.comments if not comment.is_alone}
        # Up to where the reader knows the text.
        self._read = 0

    def secrets(self, known: Iterable[str], masked: list[Span], missing: list[Span]) -> tuple[list[Span], bool]:
        """The secrets of the comments, and whether each is all that is said on the line of a masked value.

        known: the secrets of the text. masked: what was masked in it, in order. missing: where a secret could stand.
        """
        if not self.comments:
            return [], True
        text = self._text
        said = "\n".join([text[comment.start : comment.end] for comment in self.comments])
        pattern = repeated(seen_again(known, said), Elsewhere.COMMENT)
        ends, missing_ends = [end for _start, end in masked], [end for _start, end in missing]
        found: list[Span] = []
        only_whole = True
        for comment in self.comments:
            if _is_beside(comment, masked, ends):
                found.extend(whole(text, comment.start, comment.end))
                continue
            spans = merged([*self._commented(comment), *self._again(comment, pattern)])
            if _is_beside(comment, missing, missing_ends):
                word = _ONE_WORD.fullmatch(text, comment.start, comment.end)
                spans = [word.span(1)] if word and not MASK.fullmatch(word.group(1).strip()) else spans
            only_whole = only_whole and not spans
            found.extend(spans)
        return found, only_whole

    def _again(self, comment: Comment, pattern: re.Pattern[str] | None) -> list[Span]:
        start = comment.start
        return [(start + a, start + b) for a, b in repetitions(pattern, self._text[start : comment.end])]

    def _commented(self, comment: Comment) -> list[Span]:
        """The secrets of a comment that is a setting or names one."""
        if comment.is_alone:
            base, reader = comment.line, self._reader
            self._note(comment)
        else:
            # Behind a value: the comment stands alone, the line belongs to the structure.
            base, reader = comment.start, LineReader(trusted=True)
        return [(base + a, base + b) for a, b in reader.secrets(self._text[base : comment.end])]

    def _note(self, comment: Comment) -> None:
        """Let the reader see what stands before a comment, as far as the place of the comment hangs on it."""
        text = self._text
        start = begin = max(self._read, 0)
        # A key at the margin closes all that is open before it.
        end = comment.line
        while (margin := text.rfind("\n", start, end - 1) + 1) > start:
            if text[margin] not in " \t\r\n#-" and not self._is_inside(margin):
                begin = margin
                break
            end = margin
        for line, content in lines(text, begin, comment.line):
            if not self._is_inside(line):
                bare = content.rstrip(BREAKS)
                cut = self._cuts.get(line)
                self._reader.secrets(bare if cut is None else bare[: cut - line])
        self._read = comment.end

    def _is_inside(self, position: int) -> bool:
        """Whether a line that begins here begins inside a scalar."""
        number = bisect_right(self._starts, position - 1) - 1
        return number >= 0 and self._scalars[number].end > position


def _is_beside(comment: Comment, spans: list[Span], ends: list[int]) -> bool:
    """Whether a comment stands behind one of these spans, which are in order, on its last line or its head."""
    number = bisect_right(ends, comment.line)
    return not comment.is_alone and number < len(spans) and spans[number][0] < comment.start


def whole(text: str, start: int, end: int) -> list[Span]:
    """All that a comment says, unless that is masks alone."""
    match = _SAID.match(text, start, end)
    if not match or _ONLY_MASKS.fullmatch(match.group(1)):
        return []
    return [match.span(1)]
