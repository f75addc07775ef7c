# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a line of YAML reads by itself, and which values are secret by what stands beside them."""

from __future__ import annotations

import re

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_flow import (
    EMPTY,
    MASKED,
    unquoted,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    NAMED_SECRET,
    SECRET,
    Kind,
    Place,
    names_a_secret,
    rule_names_a_secret,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import BREAK, Span

DASHES = re.compile(r"(?:[-?][ \t]{1,200}){0,20}")
KEY = re.compile(
    r"(\"(?:[^\"\\]|\\.){1,400}\"|'(?:[^']|''){1,400}'|[^\s\"'\[\]{},#&*!|>%@`:][^\s:#,\[\]{}\"']{0,400})"
    r"[ \t]{0,40}:(?=[ \t]|$)"
)
# JSON needs no space after the colon.
JSON_KEY = re.compile(r"(\"(?:[^\"\\]|\\.){1,400}\")[ \t]{0,40}:")
NOTHING = re.compile(r"(?:[&!*]\S*[ \t]*|[|>][-+0-9]{0,3}[ \t]*)*(?:#.*)?$")
# The lines of a template engine.
TEMPLATE = re.compile(r"\{[{%#]")
ENTRY = re.compile(r"-(?:[ \t]|--|$)")
# In flow style: what may be secret by what stands beside it in the same braces, and what says so.
_MAP = re.compile(
    r"\{(?:\$\{\w{0,80}\}|\"(?:[^\"\\]|\\.){0,400}\"|'[^']{0,400}'|[^{}]){0,2000}",
)
_SAID = re.compile(
    r"(?<![\w.-])(replacement|value)[\"']?[ \t]{0,8}:[ \t]{0,8}"
    r"(\"(?:[^\"\\]|\\.){0,400}\"|'(?:[^']|''){0,400}'|"
    r"(?:\$\{\w{0,80}\}|[^\s,}\]\"'])(?:\$\{\w{0,80}\}|[^,}\]\r\n\x85\u2028\u2029]){0,400})"
)
SAYS = re.compile(
    r"(?<![\w.-])(kind|name|key|target_label)[\"']?[ \t]{0,8}:[ \t]{0,8}[\"']?([^\s,}\"']{1,200})[\"']?(?=[\s,}]|$)"
)
# A replacement that differs for each target.
_VARIABLES = re.compile(r"[\"']?(?:\$\w+|\$\{\w+\})*[\"']?(?:[ \t]+#.*)?")
# All below the data of a Secret of Kubernetes; what is secret by what stands beside it; JSON with a Secret on one line.
_HIDDEN = Place({"": SECRET}, Kind.SECRET, SECRET)
TOLD = Place({"data": _HIDDEN, "stringData": _HIDDEN, "value": NAMED_SECRET, "replacement": SECRET})
RESOURCE = Place({"data": _HIDDEN, "stringData": _HIDDEN})
RESOURCE.keys["items"] = RESOURCE
# The key of a header is its name.
_NAMES = frozenset({"name", "key"})
_KIND = frozenset({"kind"})
_TELLS = {"data": _KIND, "stringData": _KIND, "value": _NAMES, "replacement": frozenset({"target_label"})}
COMMENT = re.compile(r"[ \t]*#+!?(?:[ \t]*#+)*")


def indent(line: str) -> int:
    """How many blanks a line begins with."""
    return len(line) - len(line.lstrip(" \t"))


class _Entry:
    """A mapping in block style: where its keys begin, what they say, and the keys of which that decides."""

    def __init__(self, column: int) -> None:
        self.column = column
        self.says: set[str] = set()
        self.keys: list[tuple[str, int]] = []
        # Whether the last key has a value on its line, so that no key can stand below it.
        self.filled = False

    def told(self) -> list[int]:
        """The numbers of the keys that are secret."""
        return [number for name, number in self.keys if not _TELLS[name].isdisjoint(self.says)]


def told_keys(text: str) -> frozenset[int]:
    """Which keys are secret by what stands beside them: of all keys of _TELLS that begin a line, by their number."""
    told: list[int] = []
    entries: list[_Entry] = []
    number = 0
    for line in [*BREAK.split(text), "---"]:
        if COMMENT.match(line) or not line.strip():
            continue
        start, at, key = _first_key(line)
        is_entry = at > start or ENTRY.match(line, start) is not None
        if key is None and not is_entry and (line[at] not in "{}[]" or TEMPLATE.match(line, at)):
            continue
        while entries and entries[-1].column > (-1 if line.startswith("---") else start):
            told.extend(entries.pop().told())
        if key is None:
            continue
        # A template may have moved a key to where it looks like one below a key that has a value.
        if not entries or is_entry or (entries[-1].column != at and not entries[-1].filled):
            entries.append(_Entry(at))
        entry, name, value = entries[-1], unquoted(key.group(1)), line[key.end() :].strip()
        entry.filled = NOTHING.match(value) is None
        if name in _TELLS:
            if not (name == "replacement" and _VARIABLES.fullmatch(value) and entry.filled):
                entry.keys.append((name, number))
            number += 1
        elif says_secret(name, re.split(r"[ \t]#", value)[0].strip(" \t,\"'")):
            entry.says.add(name)
    return frozenset(told)


def told_values(text: str) -> frozenset[tuple[str, str]]:
    """The same for what stands in braces: the key and the value, as it is written."""
    found: set[tuple[str, str]] = set()
    for braces in _MAP.finditer(text):
        inside = braces.group()
        says = {match.group(1) for match in SAYS.finditer(inside) if says_secret(*match.groups())}
        for match in _SAID.finditer(inside) if says else ():
            name, value = match.groups()
            varies = name == "replacement" and _VARIABLES.fullmatch(value)
            if not (_TELLS[name].isdisjoint(says) or varies or MASKED.match(value) or EMPTY.fullmatch(value)):
                found.add((name, value))
    return frozenset(found)


def said_values(line: str, told: frozenset[tuple[str, str]]) -> list[Span]:
    """Where these keys and values stand on a line."""
    if not told:
        return []
    said = (match for match in _SAID.finditer(line) if match.groups() in told)
    return [(match.start(2), match.start(2) + len(match.group(2).rstrip())) for match in said]


def says_secret(name: str, value: str) -> bool:
    """Whether this setting says that another one beside it is secret."""
    if name == "kind":
        return value == "Secret"
    if name in _NAMES:
        return names_a_secret(value)
    return name == "target_label" and rule_names_a_secret(value)


def _first_key(line: str) -> tuple[int, int, re.Match[str] | None]:
    """Where the text of a line begins, where it does behind the dashes, and the key that stands there."""
    start = indent(line)
    dashes = DASHES.match(line, start)
    at = dashes.end() if dashes else start
    return start, at, KEY.match(line, at) or JSON_KEY.match(line, at)


def is_told_key(line: str) -> bool:
    """Whether a line begins with a key that may be secret by what stands beside it."""
    key = _first_key(line)[2]
    return key is not None and unquoted(key.group(1)) in _TELLS
