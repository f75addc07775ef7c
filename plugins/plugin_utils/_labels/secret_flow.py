# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Braces and brackets in texts that do not parse: the secrets of one line, and what stays open behind it."""

from __future__ import annotations

import re
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    Place,
    masks,
    only_points,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import MASK, Span
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_words import (
    commanded,
    is_option_value,
)

MAX_OPEN: Final = 200

MASKED = re.compile(rf"(?:{MASK.pattern}|\"{MASK.pattern}\"|'{MASK.pattern}')[ \t,\]}}]*(?:#.*)?$")
EMPTY = re.compile(r"(?:null|~|\"\"|''|true|false)?[ \t]*,?[ \t]*(?:#.*)?$")
# In flow style: strings, signs, plain scalars; a quote that nothing closes takes the rest of the line.
_FLOW = re.compile(
    r"\"(?:[^\"\\]|\\.){0,20000}\"|'(?:[^']|''){0,20000}'|[\"'].*|[{}\[\],]|:(?=[\s\"'\[{]|$)"
    r"|(?:[^{}\[\],:\"'\s]|:(?=\S))[^{}\[\],:]*(?::(?=[^\s\"'\[{])[^{}\[\],:]*)*"
)


def scan_flow(line: str, at: int, flow: list[Place]) -> list[Span]:
    """The secrets of a line inside braces or brackets. flow: the places that are open; it is kept up to date."""
    found: list[Span] = []
    # A scalar that may be a key or an item, and the place of the value that follows a key.
    pending: re.Match[str] | None = None
    place: Place | None = None
    before: list[str] = []
    for token in _FLOW.finditer(line, at):
        sign = token.group()
        if sign in {"{", "["}:
            if len(flow) < MAX_OPEN:
                flow.append(place or flow[-1])
            pending, place, before = None, None, []
        elif sign in {"}", "]", ","}:
            if pending and place is None:
                found.extend(_flow_item(pending, flow[-1], before))
                before.append(unquoted(pending.group().strip()))
            pending = place = None
            if sign == ",":
                continue
            flow.pop()
            if len(flow) <= 1:
                flow.clear()
                return found
        elif sign == ":":
            place = flow[-1].child(unquoted(pending.group().strip())) if pending else place
            pending = None
        elif place is not None:
            found.extend(_flow_scalar(token, place))
        else:
            pending = token
    if pending and place is None:
        found.extend(_flow_item(pending, flow[-1], before))
    return found


def _flow_item(token: re.Match[str], place: Place, before: list[str]) -> list[Span]:
    """The same of an item of a list; before: the items before it, which may say that it is a secret."""
    if is_option_value(before, unquoted(token.group().strip())):
        return [(token.start(), token.start() + len(token.group().rstrip()))]
    # A string may be a header.
    base = token.start() + len(token.group()) - len(token.group().lstrip("\"'"))
    return _flow_scalar(token, place) or [
        (base + start, base + end) for start, end in commanded(token.group().strip().strip("\"'"))
    ]


def _flow_scalar(token: re.Match[str], place: Place) -> list[Span]:
    """The span of a scalar in flow style if its place is secret."""
    if not masks(place.kind):
        return []
    text = token.group().rstrip()
    if MASKED.match(text) or EMPTY.fullmatch(text) or only_points(place.kind, unquoted(text)):
        return []
    return [(token.start(), token.start() + len(text))]


def unquoted(key: str) -> str:
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
