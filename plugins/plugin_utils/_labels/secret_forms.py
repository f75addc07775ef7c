# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts of other forms that stand in a config: XML, JSON that is quoted, netrc, pgpass, users of Redis.

Every pattern is bounded or ends where the next one begins, so that a hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import names_a_secret
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    MASK,
    NO_VALUE,
    Span,
)

# `<password>x</password>`, `<string name="password">x</string>`.
_ELEMENT = re.compile(
    r"<(?:[\w-]{1,80}:)?([\w.-]{1,80})(\s[^<>]*)?>\s{0,80}"
    r"(?:<!\[CDATA\[([^<>\]]+)|([^<>\s](?:[^<>]*[^<>\s])?))"
)
# `<property name="password" value="x"/>`.
_TAG = re.compile(r"<[\w.:-]{1,80}\s([^<>]+)>")
_CALLED = re.compile(r"(?<![\w.-])(?:name|key)\s{0,4}=\s{0,4}[\"']([^\"'<>]{1,200})[\"']")
_VALUE = re.compile(r"(?<![\w.-])value\s{0,4}=\s{0,4}[\"']([^\"'<>]+)[\"']")
# `<name>x.password</name> <value>x</value>`.
_NAME_AND_VALUE = re.compile(r"<name>\s{0,80}([^<>\s]{1,200})\s{0,80}</name>\s{0,80}<value>\s{0,80}([^<>\s][^<>]*)")
# `"password": "x"`, its quotes escaped where it is quoted once more. Fixed text comes first: `re` finds that fast.
_QUOTED_NAMES = tuple((sign, re.compile(sign + r"\s{0,8}(\\{0,7}[\"'])")) for sign in ('":', "':"))
_QUOTE = re.compile(r"[\"']")
_NETRC = re.compile(r"login\s{1,8}\S{1,200}\s{1,80}(?:account\s{1,8}\S{1,200}\s{1,80})?password\s{1,8}(\S{1,4000})")
# `host:5432:database:user:x`, of ports that PostgreSQL is met at; signs of which one stands in each such text.
_PGPASS = re.compile(
    r"(?<![^\s\"'#])[\w.*/\[\]-]{1,200}:(?:\d{2,5}|\*):[^\s:]{1,100}:(?=[^:]{0,100}[A-Za-z*])[^\s:]{1,100}:([^\s\"']{1,400})"
)
_PGPASS_SIGNS = ("432:", "433:", ":*:")
# `user name on >x ~* +@all`.
_ACL = re.compile(r"user[ \t]{1,8}\S{1,100}[ \t]([^\n]{1,4000})", re.IGNORECASE)
_ACL_SIGNS = ("+@", "~*", "allkeys")
_ACL_SECRET = re.compile(r"(?<=[ \t\"'])(?:>([^\s\"']{1,400})|#([0-9a-f]{64})(?!\S))")
# One of these stands in a text that has no other sign of a secret than these forms.
FORM_SIGNS = (*_PGPASS_SIGNS, *_ACL_SIGNS)


def in_other_forms(text: str) -> Iterator[Span]:
    """What XML, JSON within a string and the files of other programs name as a secret."""
    if "<" in text:
        for span in _marked_up(text):
            # Asked last, since `in` takes longer than a pattern does: without these it is no markup.
            if _is_value(text, span) and ("</" in text or "/>" in text):
                yield span
    for sign, pattern in _QUOTED_NAMES:
        if sign in text:
            # What ends far away, or never, is looked for once.
            done = 0
            for match in pattern.finditer(text):
                if match.start() < done:
                    continue
                name = _QUOTE.split(text[max(match.start() - 82, 0) : match.start()].rstrip("\\"))[-1]
                if names_a_secret(name):
                    done = _closed(text, match.end(), match.group(1))
                    span = match.end(), done
                    if _is_value(text, span):
                        yield span
    if "login" in text:
        yield from of_netrc(text)
    if any(sign in text for sign in _PGPASS_SIGNS):
        for match in _PGPASS.finditer(text):
            if _is_value(text, match.span(1)):
                yield match.span(1)
    if any(sign in text for sign in _ACL_SIGNS):
        for line in _ACL.finditer(text):
            said = " " + line.group(1)
            for match in _ACL_SECRET.finditer(said) if any(sign in said for sign in _ACL_SIGNS) else ():
                start, end = match.span(match.lastindex or 0)
                span = line.start(1) + start - 1, line.start(1) + end - 1
                if _is_value(text, span):
                    yield span


def of_netrc(text: str) -> Iterator[Span]:
    """The passwords of netrc, whose words may stand on several lines."""
    for match in _NETRC.finditer(text):
        before = ["", "", *text[max(match.start() - 300, 0) : match.start()].rsplit(None, 2)]
        # A quote of a shell, or more, may stand before the first word.
        is_login = before[-2].endswith("machine") or before[-1].endswith("default")
        if is_login and _is_value(text, match.span(1)):
            yield match.span(1)


def _marked_up(text: str) -> Iterator[Span]:
    for match in _ELEMENT.finditer(text):
        called = _CALLED.search(match.group(2) or "")
        if names_a_secret(match.group(1)) or (called and names_a_secret(called.group(1))):
            yield match.span(3 if match.group(3) else 4)
    for match in _TAG.finditer(text):
        called, value = _CALLED.search(match.group(1)), _VALUE.search(match.group(1))
        if called and value and names_a_secret(called.group(1)):
            yield match.start(1) + value.start(1), match.start(1) + value.end(1)
    for match in _NAME_AND_VALUE.finditer(text):
        if names_a_secret(match.group(1)):
            start, end = match.span(2)
            yield start, start + len(text[start:end].rstrip())


def _closed(text: str, start: int, quote: str) -> int:
    """Where a string ends that begins here, or its line; a quote in it is escaped once more than those around it."""
    end = text.find(quote, start)
    while end > start and text[end - 1] == "\\":
        end = text.find(quote, end + 1)
    end = len(text) if end < 0 else end
    line = text.find("\n", start, end)
    return end if line < 0 else line


def _is_value(text: str, span: Span) -> bool:
    start, end = span
    return start < end and not MASK.match(text, start) and not NO_VALUE.match(text[start:end])
