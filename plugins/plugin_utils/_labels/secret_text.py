# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that a string shows by its own shape: in URLs, as known kinds of token, as ``name: value`` in prose.

Every pattern is bounded, so that a hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    parameter_names_a_secret,
)

# Start and end of a secret in the string that was asked about.
Span = tuple[int, int]

MASK = re.compile(r"<secret:[0-9a-f]{4,64}>")

# What may follow a quote that ends a string; a quote before anything else is taken as part of the string.
_QUOTE = r"'(?![\s,\]}:]|$)"
_AUTHORITY = re.compile(r"[^\s/?#]{0,2000}")
_AUTHORITY_IN_LINE = re.compile(rf"(?:[^\s/?#\"']|{_QUOTE}){{0,2000}}")
# The rest of a password that holds a slash, a question mark or a hash, none of which belongs in a URL unescaped.
_STRAY = re.compile(r"[/?#][^\s\"'@]{0,256}@")
_USER_AND_NO_PORT = re.compile(r"[^:\[\]]+:(?!\d+$)(?!\$\{?\w+\}?$)(?!\{\{)[^:]")
_QUERY = re.compile(rf"[?&;#]([\w.~%\[\]-]{{1,64}})=((?:[^\s&#\"'<>`]|{_QUOTE}){{1,4000}})")
_VARIABLE = re.compile(r"\$\d+|\$\{\w+\}|\{\{.*\}\}")
_PATTERN_SIGNS = re.compile(r"[()\[\]{}|\\*]")
# Parameters that hold a password in the URLs of well-known remote storage, and nowhere else.
_SHORT_PARAMETERS = frozenset({"p", "pw", "code"})
_RANDOM = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[\w-]{24,}")

_END = r"[^\s\"'<>`\\,|)\]}]"
_TOKENS = re.compile(
    "|".join(
        (
            rf"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/({_END}{{3,400}})",
            rf"discord(?:app)?\.com/api/(?:v\d{{1,2}}/)?webhooks/({_END}{{3,400}})",
            rf"(?:webhook|outlook)\.office(?:365)?\.com/webhook(?:b2)?/({_END}{{3,600}})",
            rf"hooks\.zapier\.com/hooks/catch/({_END}{{3,200}})",
            r"events\.pagerduty\.com/integration/(\w{16,64})",
            r"/with/key/([\w-]{8,80})",
            r"(?<!\d)(\d{8,10}:[\w-]{35})(?![\w-])",
            r"\b(xox[a-z](?:\.xox[a-z])?-[\w-]{8,200}|xapp-[\w-]{8,200})",
            r"\b(gh[pousr]_\w{20,100}|github_pat_\w{20,120}|glpat-[\w-]{16,100}|glsa_\w{20,100})",
            r"\b(hv[sbr]\.[\w-]{20,400})",
            r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b",
            r"\b(eyJ[\w-]{8,4000}\.eyJ[\w-]{8,4000}\.[\w-]{0,2000})",
            r"(\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53})",
            r"\b(?:[Bb]earer|[Bb]asic|BEARER|BASIC)[ \t]{1,8}(?=\S{0,400}\d)([\w.~+/-]{16,4000}={0,2})",
        )
    )
)
# One of these stands in whatever _TOKENS finds, but for the tokens of Telegram's bots.
_TOKEN_HINTS = (
    "hooks.", "/webhooks/", "/webhook", "events.pagerduty.com", "/with/key/", "xox", "xapp-", "ghp_", "gho_", "ghu_",
    "ghs_", "ghr_", "github_pat_", "glpat-", "glsa_", "hvs.", "hvb.", "hvr.", "AKIA", "ASIA", "eyJ", "$2", "earer ",
    "earer\t", "EARER ", "EARER\t", "asic ", "asic\t", "ASIC ", "ASIC\t",
)  # fmt: skip
_BOT_TOKEN = re.compile(r"\d{8}:[\w-]{35}")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(.{1,20000}?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
PRIVATE_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
PRIVATE_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")

_PAIR = re.compile(
    r"(?<![\w.?&-])([\w.-]{0,80}?(?:passwords?|passwd|passphrase|secrets?|tokens?|credentials?|api-?key|[_-]key|pwd))"
    r"\\?[\"']?(?:[ \t]{0,8}(?::=|:|=)[ \t]{0,8}|[ \t]{1,4}(?:is|was)[ \t]{1,4})(?!https?://)(?=[^\s])",
    re.IGNORECASE,
)


def may_hold(text: str) -> bool:
    """Whether any string of the text can show a secret by its shape; quick, for whole files."""
    return (
        ("://" in text and "@" in text)
        or _QUERY.search(text) is not None
        or (_hints_at_token(text) and _TOKENS.search(text) is not None)
        or "PRIVATE KEY-----" in text
    )


def _hints_at_token(text: str) -> bool:
    return any(hint in text for hint in _TOKEN_HINTS) or _BOT_TOKEN.search(text) is not None


def shaped(value: str, *, address: bool = False, pattern: bool = False, in_line: bool = False) -> list[Span]:
    """Where a string shows secrets by their shape.

    address: it is a URL that may hold secrets under more names. pattern: it is a regular expression. in_line: it is a
    line of source text, where quotes end strings.
    """
    found: list[Span] = []
    if "://" in value and "@" in value:
        found.extend(_user_info(value, pattern=pattern, in_line=in_line))
    if "=" in value:
        found.extend(_parameters(value, address=address))
    if len(value) > 20 and _hints_at_token(value):
        found.extend(match.span(match.lastindex or 0) for match in _TOKENS.finditer(value))
    if "PRIVATE KEY-----" in value:
        found.extend(match.span(1) for match in _PRIVATE_KEY.finditer(value))
    return merged((start, end) for start, end in found if not _is_masked(value[start:end])) if found else found


def _is_masked(piece: str) -> bool:
    return MASK.match(piece) is not None or piece in {"<secret>", "xxxxx"}


def _user_info(value: str, *, pattern: bool, in_line: bool) -> Iterator[Span]:
    authority = _AUTHORITY_IN_LINE if in_line else _AUTHORITY
    at = value.find("://")
    while at >= 0:
        start = at + 3
        match = authority.match(value, start)
        end = match.end() if match else start
        found = value[start:end]
        last = found.rfind("@")
        if last < 0 and _USER_AND_NO_PORT.match(found):
            stray = _STRAY.match(value, end)
            if stray:
                last = stray.end() - 1 - start
                found = value[start : stray.end()]
        user_info = found[: max(last, 0)]
        if user_info and not MASK.fullmatch(user_info) and not (pattern and _PATTERN_SIGNS.search(user_info)):
            colon = user_info.find(":")
            begin, stop = start + colon + 1, start + last
            if begin < stop and not _VARIABLE.fullmatch(value[begin:stop]):
                yield begin, stop
        at = value.find("://", start)


def _parameters(value: str, *, address: bool) -> Iterator[Span]:
    for match in _QUERY.finditer(value):
        name, content = match.group(1), match.group(2)
        if content[0] in "([{\\.*" or _VARIABLE.match(content):
            continue
        more = address and (name in _SHORT_PARAMETERS or _RANDOM.fullmatch(content))
        if more or parameter_names_a_secret(name):
            yield match.span(2)


def pairs(line: str) -> list[Span]:
    """Where a line of prose or of code says ``password: x``, ``TOKEN=x`` or the like: the rest of it, or the word."""
    found: list[Span] = []
    position = 0
    while match := _PAIR.search(line, position):
        start = match.end()
        mask = MASK.match(line, max(match.start() - 1, 0))
        if mask:
            position = mask.end()
            continue
        end = len(line.rstrip())
        if "=" in match.group(0):
            quote = line[start] if line[start] in "\"'" else ""
            close = line.find(quote, start + 1) if quote else -1
            word = re.compile(r"\S+").match(line, start)
            end = close + 1 if close > 0 else (word.end() if word else end)
        masked = MASK.match(line, start) or (MASK.match(line, start + 1) if line[start] in "\"'" else None)
        if masked:
            position = masked.end()
            continue
        if start < end:
            found.append((start, end))
        position = max(end, start)
    return found


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap joined."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


# ---- secrets that were found, seen again elsewhere ----


class Elsewhere(IntEnum):
    """Where a text that equals a secret is met again; the more a change there would break, the surer it must be."""

    COMMENT = 0
    VALUE = 1
    KEY = 2


def is_telling(value: str, where: Elsewhere) -> bool:
    """Whether a secret is so particular that the same text elsewhere is that secret and not a common word."""
    if len(value) < 6 or MASK.search(value) or "{{" in value or value.startswith("${") or len(set(value)) < 6:
        return False
    digit = any(char.isdigit() for char in value)
    letter = any(char.isalpha() for char in value)
    if where is Elsewhere.KEY:
        return digit and letter and len(value) >= 12
    if where is Elsewhere.VALUE:
        return len(value) >= 20 or (digit and letter and len(value) >= 8)
    sign = any(not char.isalnum() and not char.isspace() for char in value)
    mixed = value.lower() != value and value.upper() != value and not value.istitle()
    return (digit and letter) or (len(value) >= 8 and (sign or mixed)) or len(value) >= 16


def repeated(values: Iterable[str], where: Elsewhere) -> re.Pattern[str] | None:
    """A pattern that finds these secrets, and masks, so that a mask is never searched for secrets."""
    telling = sorted({value for value in values if is_telling(value, where)}, key=len, reverse=True)[:500]
    if not telling:
        return None
    words = (
        rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])" if len(value) < 12 else re.escape(value)
        for value in telling
    )
    return re.compile(rf"{MASK.pattern}|({'|'.join(words)})")


def repetitions(pattern: re.Pattern[str] | None, text: str) -> list[Span]:
    """Where the pattern of `repeated` finds a secret."""
    if pattern is None:
        return []
    return [match.span(1) for match in pattern.finditer(text) if match.group(1)]
