# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that a string shows by its own shape: in URLs, as ``name: value`` in prose.

Every pattern is bounded, so that a hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_logins import bare_logins
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    UNDERSCORE_KEY,
    names_a_secret,
    parameter_names_a_secret,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_tokens import (
    TOKEN_WORDS,
    rare_tokens,
    tokens,
)

try:
    import re2
except ImportError:
    re2 = None

# Start and end of a secret in the string that was asked about.
Span = tuple[int, int]

MASK = re.compile(r"<secret:[0-9a-f]{4,64}>")

# What ends a line in YAML.
BREAKS = "\r\n\x85\u2028\u2029"
BREAK = re.compile(rf"\r\n|[{BREAKS}]")
_TO_BREAK = re.compile(rf"[^{BREAKS}]*")
_LINE = re.compile(rf"[^{BREAKS}]*(?:{BREAK.pattern}|\Z)")

# What may follow a quote that ends a string; a quote before anything else is taken as part of the string.
_QUOTE = r"'(?![\s,\]}:]|$)"
_TEMPLATE = r"\{\{[^{}\n]{0,200}\}\}"
_AUTHORITY = re.compile(rf"(?:{_TEMPLATE}|[^\s/?#]){{0,2000}}")
_AUTHORITY_IN_LINE = re.compile(rf"(?:{_TEMPLATE}|[^\s/?#\"']|{_QUOTE}){{0,2000}}")
_USER = re.compile(rf"{MASK.pattern}|(?:{_TEMPLATE})+")
# The rest of a password that holds a slash, a question mark or a hash, none of which belongs in a URL unescaped.
_STRAY = re.compile(r"[/?#][^\s\"'@]{0,256}@")
_USER_AND_NO_PORT = re.compile(r"[^:\[\]]+:(?!(?:[89]\d|[1-9]\d{2,4})$)(?!\$\{?\w+\}?$)(?!\{\{)[^:]")
# Where a password begins like a port, only what looks like a host behind it tells that it is one.
_USER_OR_HOST = re.compile(r"[\w%+~-]+:\d+|[^@]+@[\w.-]+:\d+")
_STRAY_BEFORE_HOST = re.compile(
    r"/[^\s\"'@/?#&=]{1,256}@(?=(?:[\w-]+\.){1,9}[A-Za-z]{2,}(?![\w.@])|(?:\d+\.){3}\d|[\w.-]+:\d{2,5}(?!\w))"
)
_PARAMETER = re.compile(r"[?&;#]([\w.~%\[\]-]{1,64})=")
_CONTENT = re.compile(rf"(?:[^\s&#\"'<>`]|{_QUOTE}){{1,4000}}")
# What may stand in quotes; a sign that ends the URL in prose or HTML is taken as part of it before anything else.
_NAMED_CONTENT = re.compile(
    rf"(?:\"(?=\w))?((?:[^\s&#\"'<>`]|{_QUOTE})(?:[^\s&#\"'<>`]|{_QUOTE}|[\"`](?![\s,.;:>)\]}}\\]|/>|$)"
    r"|<(?![/!]|secret|br\b|$)){0,4000})"
)
_SHORT_CONTENT = re.compile(rf"((?:[^\s&;#\"'<>`]|{_QUOTE}){{1,4000}})")
_QUERY = re.compile(_PARAMETER.pattern + _CONTENT.pattern)
_VARIABLE = re.compile(r"\$\d+|\$\{\w+\}|\{\{.*\}\}")
# Where a URL belongs, a place without a scheme may stand, with a login before it.
_LOGIN_SIGN = re.compile(r":[^\s/@:]{1,200}@")
_LOGIN = re.compile(r"[ ]*[^\s/@:]{1,200}:([^\s/@]{1,200})@[^\s/@]+")
_DATABASE = re.compile(r"@(?:[a-z][a-z0-9]{0,15})?\(")
_DATABASE_USER = re.compile(r"[\w.~%-]$")
_PATTERN_SIGNS = re.compile(r"[()\[\]{}|\\*]")
# Parameters that hold a password in the URLs of well-known remote storage, and nowhere else.
_SHORT_PARAMETERS = frozenset({"p", "pw", "code"})
# Names that mean other things as well: what looks like a secret behind one of them is one.
_VAGUE_PARAMETERS = frozenset({"access", "code", "session", "sid", "ticket"})
_TICKET_OR_DATE = re.compile(r"[A-Z]{2,10}[-_]?\d{1,12}|\d{4}-\d\d-\d\d(?:[T_ ][\d:.]{1,20}Z?)?")
_RANDOM = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[\w-]{24,}")

# What stands in the middle of whatever _QUERY finds.
_ASSIGNED = re.compile(r"=(?<=[\w.~%\[\]-]=)[^\s&#\"<>`]")
PRIVATE_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
PRIVATE_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

_WORD = re.compile(r"\S+")
_NAME = (
    r"(?<![\w.?&-])((?!existing)[\w.-]{0,80}?(?:passwords?|passwd|passphrase|passcode|passwort|kennwort|senha"
    r"|contrase[nñ]a|secret(?:s|_?id)?|tokens?|credentials?|creds|pwd"
    rf"|{UNDERSCORE_KEY}|[_-]pass|rediscli_auth|(?-i:_PAT|JWT|(?:BASIC|NEO4J)_AUTH)"
    r"|(?:api|secret|access|private|auth|service|routing|integration|encryption|account|instrumentation)[- _]?key"
    r"|(?<![A-Za-z])community(?=[ \t]{1,8}=[ \t]{1,8}[\"'])"
    r"|(?:(?<![A-Za-z])pass|dbpass|_pw)(?=\\?[\"']?[ \t]{0,8}=)|(?<![A-Za-z])(?:pw|pass)(?=[ \t]{0,8}[:=][ \t])))"
    r"\\{0,7}[\"']?"
)
_URL = re.compile(r"[\"']{0,3}https?://(?P<here>(?:localhost|127\.0\.0\.1)(?=[:/]))?")
_OPENING = re.compile(r"\"{3}|'{3}|[\"']")
# Any name before a sign that assigns: the names of keys judge it.
_ANY_NAME = r"(?<![\w.?&-])([\w.-]{1,100}+)\\{0,7}[\"']?"
_PAIR = re.compile(
    rf"(?:{_NAME}(?:[ \t]{{0,8}}(?::=|:|==?)[ \t]{{0,8}}|[ \t]{{1,4}}(?:is|was)[ \t]{{1,4}})(?!https?://)"
    rf"|{_ANY_NAME}[ \t]{{0,8}}=(?![=~>])[ \t]{{0,8}})(?=[^\s])",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(
    rf"(?:{_NAME}|{_ANY_NAME})([ \t]{{0,8}}=>?[ \t]{{0,8}})(?![=~])\\?(\"{{3}}|'{{3}}|[\"']?)(?=[^\s])", re.IGNORECASE
)
# All of these end what _ASSIGNMENT takes for the name of a secret, and more; digits may follow.
_NAME_ENDS = (
    "password", "passwords", "passwd", "passphrase", "pass_phrase", "passcode", "creds", "secret", "secrets", "token",
    "tokens", "credential", "credentials", "key", "keys", "pass", "pwd", "pswd", "pw", "psk", "_auth", "masterauth",
    "uthorization", "cookie", "_pat", "jwt", "passwort", "kennwort", "senha", "contrasena", "contraseña",
    "community", "community_string", "secret_id", "secretid", "hash", "token_b", "token-b", "tokenb", "token_base",
    "token-base", "tokenbase", "hook", "hook_url", "hook-url", "hookurl", "header_value", "headervalue",
    "token_value", "token-value", "tokenvalue", "password_value", "passwordvalue", "secret_value", "secretvalue",
    "token_string", "tokenstring", "password_string", "passwordstring", "secret_string", "secretstring",
    "key_base", "key-data",
)  # fmt: skip
_EQUALS = re.compile(r"=(?<=[ADEGHKLNPSTWYadeghklnpstwy0-9\"'\\\s]=)")
# A quote ends a value where something follows that ends strings.
_ASSIGNED_WORD = re.compile(r"(?:[^\s\"'\\]|\\(?![\"'])|[\"'](?![\s,;\]})]|$))+")
# Behind one of these, all of a line is the value, if there are blanks around the sign.
_LINE_BEGIN = re.compile(r"[ \t]*(?:[#;][ \t]*)?(?:export[ \t]+)?")
_CLOSES = re.compile(r"[\"']{0,2}(?:[\s,;\]})]|$)")
_LONGEST_VARIABLE = 4000
# No secret: a variable, what a template or a shell puts there, a switch, the path of a file.
NO_VALUE = re.compile(
    r"\$(?:(?-i:[A-Z_][A-Z0-9_]*|\d+)|\{\w+(?::?[?-])?\})[\"',;)\]}]*$|\$\("
    r"|\{[{%]|%[({]|(?:true|false|null|none)[\"',;)\]}]*$|/[\w./-]+\.(?:pem|key|crt|txt)\b",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(
    r"(?:\"\"|''|[\"']?(?:/[\w./-]+\.(?:pem|key|crt|txt)|true|false|null|none))[\"',;)\]}]*$", re.IGNORECASE
)


# ---- quick answers about whole files ----

# A quoted string may be written with escapes.
_ESCAPES = re.compile(r"\\[xuU/]")

# What _has_address and rare_tokens ask for, and more: RE2 looks for all at once, but does not look back.
_ROUGHLY = (
    "://",
    r":[^ \t\n\r\f\v/@]+@",
    r"=[^ \t\n\r\f\v&#\"<>`]",
    r"[0-9]{8}:[0-9A-Za-z_-]{35}",
    r"s\.[0-9A-Za-z]{24}",
    r"/[0-9A-Za-z_~-]{16}",
    _DATABASE.pattern,
    _ESCAPES.pattern,
)


class Words:
    """Words to look for in whole files, whatever their case; with RE2 that takes one pass for all of them."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take the words, which are in lower case."""
        self._words = sorted(set(words))
        self._fast = _fast(map(re.escape, self._words))

    def any_in(self, text: str) -> bool:
        """Whether one of them stands in the text."""
        if self._fast is not None:
            return self._fast.search(text.encode("utf-8", "surrogatepass")) is not None
        low = text.lower()
        return any(word in low for word in self._words)


def _fast(patterns: Iterable[str]) -> Any:
    """One RE2 pattern for all of them, whatever their case; None where RE2 is not installed."""
    if re2 is None:
        return None
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile("|".join(patterns), options)


_IN_TOKENS = Words(TOKEN_WORDS)


class Signs:
    """Tells texts that no secret can stand in: quick, for the many files that have none."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take words of which one stands in each key that leads to secrets, in lower case."""
        words = [*names, *TOKEN_WORDS]
        self._words = Words(words)
        self._any = _fast([*map(re.escape, words), *_ROUGHLY])

    def any_in(self, text: str) -> bool:
        """Whether a secret may stand in the text."""
        if self._any is not None and self._any.search(text.encode("utf-8", "surrogatepass")) is None:
            return False
        return self._words.any_in(text) or _has_address(text) or any(rare_tokens(text))


def may_hold(text: str) -> bool:
    """Whether any string of the text can show a secret by its shape; quick, for whole files."""
    if _has_address(text) or _assigns(text):
        return True
    has_words = _IN_TOKENS.any_in(text)
    return (has_words and ("PRIVATE KEY" in text or any(tokens(text)))) or any(rare_tokens(text))


def _has_address(text: str) -> bool:
    """Whether there may be a URL with a password or a parameter, or a string whose escapes may hide one."""
    return (
        ("@" in text and ("://" in text or _LOGIN_SIGN.search(text) is not None or _DATABASE.search(text) is not None))
        or (_ASSIGNED.search(text) is not None and _QUERY.search(text) is not None)
        or _ESCAPES.search(text) is not None
    )


def _assigns(text: str) -> bool:
    """Whether there may be a ``NAME=value`` that `assigned` finds."""
    for match in _EQUALS.finditer(text):
        at = match.start()
        said = text[max(at - 32, 0) : at].rstrip("\"'\\ \t\r\n").rstrip("0123456789").lower()
        # A tab may be written as an escape.
        if said.endswith(_NAME_ENDS) or said.removesuffix("\\t").endswith(_NAME_ENDS):
            return True
    return False


# ---- one string ----


def shaped(value: str, *, address: bool = False, pattern: bool = False, in_line: bool = False) -> list[Span]:
    """Where a string shows secrets by their shape.

    address: it is a URL that may hold secrets under more names. pattern: it is a regular expression. in_line: it is a
    line of source text, where quotes end strings.
    """
    found: list[Span] = []
    if "://" in value and "@" in value:
        found.extend(_user_info(value, pattern=pattern, in_line=in_line))
    if "=" in value:
        found.extend(_parameters(value, address=address, pattern=pattern))
    if address and not in_line and "@" in value and (login := _LOGIN.match(value)):
        found.append(login.span(1))
    if "@" in value and ":" in value:
        found.extend(_logins(value) if "(" in value else ())
        found.extend(() if pattern else (span for span in bare_logins(value) if not NO_VALUE.match(value, *span)))
    if len(value) > 20 or value[:1] == "/":
        found.extend(tokens(value) if _IN_TOKENS.any_in(value) else ())
        found.extend(rare_tokens(value))
    if "PRIVATE KEY" in value:
        found.extend(_private_keys(value))
    return merged((start, end) for start, end in found if not _is_masked(value[start:end])) if found else found


def _is_masked(piece: str) -> bool:
    return MASK.match(piece) is not None or piece in {"<secret>", "xxxxx"}


def _private_keys(value: str) -> Iterator[Span]:
    """What stands between the marks; a key that never ends takes the rest, with all that begins in it."""
    begin = PRIVATE_KEY_BEGIN.search(value)
    while begin:
        end = PRIVATE_KEY_END.search(value, begin.end())
        yield begin.end(), end.start() if end else len(value)
        begin = PRIVATE_KEY_BEGIN.search(value, end.end()) if end else None


def _user_info(value: str, *, pattern: bool, in_line: bool) -> Iterator[Span]:
    authority = _AUTHORITY_IN_LINE if in_line else _AUTHORITY
    at = value.find("://")
    while at >= 0:
        start = at + 3
        match = authority.match(value, start)
        end = match.end() if match else start
        found = value[start:end]
        last = found.rfind("@")
        # A name without a dot or a port may be the rest of a password as well.
        is_host = last < 0 or "." in found[last:] or ":" in found[last:] or found.endswith("@localhost")
        stray: re.Match[str] | None = None
        if (last < 0 and _USER_AND_NO_PORT.match(found)) or not is_host:
            stray = _STRAY.match(value, end)
        elif _USER_OR_HOST.fullmatch(found):
            stray = _STRAY_BEFORE_HOST.match(value, end)
        # Who logs in with a name that has an @ in it, or with a token at a host that has a port: the text tells not.
        is_unsure = stray is not None and last >= 0 and is_host
        if stray:
            last = stray.end() - 1 - start
            found = value[start : stray.end()]
        user_info = found[: max(last, 0)]
        if user_info and not MASK.fullmatch(user_info) and not (pattern and _PATTERN_SIGNS.search(user_info)):
            user = _USER.match(user_info)
            colon = user_info.find(":", user.end() if user else 0)
            begin, stop = start + colon + 1, start + last
            if is_unsure:
                begin = start
            elif begin == stop:
                # A token that is sent as a user without a password.
                begin, stop = start, begin - 1
            if begin < stop and not _VARIABLE.fullmatch(value[begin:stop]) and not _is_masked(value[begin:stop]):
                yield begin, stop
        at = value.find("://", start)


def _logins(value: str) -> Iterator[Span]:
    """The passwords of databases in the manner of Go: ``user:password@tcp(host)/``."""
    for match in _DATABASE.finditer(value):
        end = match.start()
        words = value[max(end - 264, 0) : end].split()
        user, colon, password = words[-1].partition(":") if words and not value[end - 1].isspace() else ("", "", "")
        # PromQL calls these.
        is_function = value.startswith(("@start()", "@end()"), end)
        if colon and password and not is_function and _DATABASE_USER.search(user) and not _VARIABLE.fullmatch(password):
            yield end - len(password), end


def _parameters(value: str, *, address: bool, pattern: bool) -> Iterator[Span]:
    at = 0
    while match := _PARAMETER.search(value, at):
        name, at = match.group(1), match.end()
        named = parameter_names_a_secret(name)
        is_vague = name.lower() in _VAGUE_PARAMETERS
        if not named and not address and not is_vague:
            continue
        # A secret may hold a semicolon; another value ends there, since that parts parameters as well.
        content = (_NAMED_CONTENT if named else _SHORT_CONTENT).match(value, at)
        if content is None:
            continue
        said = content.group(1)
        at = content.end()
        if said.startswith("{{") or _VARIABLE.fullmatch(said) or (pattern and said[0] in "([{\\.*"):
            continue
        is_status = name == "code" and len(said) == 3 and said.isdigit()
        is_vague = is_vague and not _TICKET_OR_DATE.fullmatch(said)
        is_likely = address and not is_status and (name in _SHORT_PARAMETERS or _RANDOM.fullmatch(said))
        if named or is_likely or (is_vague and is_telling(said, Elsewhere.VALUE)):
            yield content.span(1)


def pairs(line: str) -> list[Span]:
    """Where a line of prose or of code says ``password: x``, ``TOKEN=x`` or the like: the rest of it, or the word."""
    found: list[Span] = []
    position, last = 0, len(line.rstrip())
    while match := _PAIR.search(line, position):
        start, end = match.end(), last
        name = _name_of(match)
        if name is None:
            position = start
            continue
        mask = MASK.match(line, max(match.start() - 1, 0))
        if mask:
            position = mask.end()
            continue
        masked = MASK.match(line, start) or (MASK.match(line, start + 1) if line[start] in "\"'" else None)
        if masked:
            position = masked.end()
            continue
        if "=" in match.group(0):
            quote = _OPENING.match(line, start)
            close = line.find(quote.group(), quote.end()) if quote else -1
            # Only where no quote closes: the word may reach to the end of a line with thousands of pairs.
            word = None if quote and close > 0 else _WORD.match(line, start)
            end = word.end() if word else close + len(quote.group() if quote else "")
            end = (_end_of_variable(line, name, start) or _end_of_map(line, start) if word else 0) or end
            if _NO_SECRET.match(line[start:end]):
                end = start
        if start < end:
            found.append((start, end))
        position = max(end, start)
    return found


def _name_of(match: re.Match[str]) -> Span | None:
    """Where the name of a secret stands that a value is assigned to; None where the name is of none.

    Only of a hook elsewhere is a URL the secret itself.
    """
    if match.group(1):
        return match.span(1)
    name, url = match.group(2), _URL.match(match.string, match.end())
    is_secret = names_a_secret(name.lstrip("-")) and (not url or ("hook" in name.lower() and not url["here"]))
    return match.span(2) if is_secret else None


def _end_of_variable(text: str, name: Span, start: int) -> int:
    """Where the value of a variable ends that is quoted with its name, ``"DB_PASSWORD=x y"``; 0 if it is not."""
    quote = text[max(name[0] - 1, 0) : name[0]]
    if not quote or quote not in "\"'" or not text[slice(*name)].isupper():
        return 0
    # Escaped like the one that opens; another ends it only where something follows that ends strings.
    is_escaped = text[max(name[0] - 2, 0) : name[0] - 1] == "\\"
    at = start - 1
    for _unused in range(8):
        at = text.find(quote, at + 1, start + _LONGEST_VARIABLE)
        if at < 0:
            break
        if is_escaped or (text[at - 1] != "\\" and _CLOSES.match(text, at + 1)):
            return 0 if BREAK.search(text, start, at) else at
    return 0


def _end_of_map(text: str, start: int) -> int:
    """Where JSON ends that begins here and ends on its line; 0 if there is none."""
    if not text.startswith("{", start) or text.startswith(("{{", "{%", "{#"), start):
        return 0
    end = text.rfind("}", start, start + _LONGEST_VARIABLE) + 1
    line = BREAK.search(text, start, end)
    return text.rfind("}", start, line.start()) + 1 if line else end


def assigned(text: str) -> list[Span]:
    """Where a string of sound YAML says ``NAME=value``: a variable, an option, a line of another kind of config."""
    found: list[Span] = []
    position = 0 if _assigns(text) else len(text)
    while match := _ASSIGNMENT.search(text, position):
        start, quote, sign = match.end(), match.group(4), match.group(3)
        name = _name_of(match)
        position = start
        if name is None:
            continue
        mask = MASK.match(text, start)
        if mask:
            position = mask.end()
            continue
        before = text[max(match.start() - 200, 0) : match.start()].rpartition("\n")[2]
        if before.endswith('"$'):
            # A shell compares.
            continue
        if sign == "=" and (before.endswith((";", "#")) or (quote and before.rfind("{") > before.rfind("}"))):
            # A parameter of a URL, which others look for, or the matcher of a label.
            continue
        close = text.find(quote, start) if quote else -1
        if close >= 0 and not BREAK.search(text, start, close):
            end = close
        elif sign != sign.strip() and len(before) < 200 and _LINE_BEGIN.fullmatch(before):
            # Looks ahead no further than to the end of the line.
            line = _TO_BREAK.match(text, start)
            end = start + len(line.group().rstrip()) if line else start
        else:
            word = _ASSIGNED_WORD.match(text, start)
            end = _end_of_variable(text, name, start) or _end_of_map(text, start)
            end = end or (word.end() if word else start)
        said = text[start:end]
        if said and not _is_masked(said) and not (said[0] == "-" and sign != "=") and not NO_VALUE.match(said):
            found.append((start, end))
        position = max(end, position)
    return found


def lines(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """The lines between two positions, each with where it begins and with its line break."""
    return [(match.start(), match.group()) for match in _LINE.finditer(text, start, end) if match.group()]


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


_HEAD = 6
_FEW = 200
# Secrets times characters: some seconds of work.
_MOST = 400_000_000


class TooMuchError(Exception):
    """So many secrets that look alike that finding each of them again would hold up everybody else."""


def seen_again(values: Iterable[str], text: str) -> list[str]:
    """Those of the secrets that are long enough to be told from a common word and stand in the text.

    Raises TooMuchError.
    """
    found = {value for value in values if len(value) >= _HEAD}
    if len(found) > _FEW:
        # One pass over the text rather than one for each of thousands of secrets.
        heads = {value[:_HEAD] for value in found}
        heads.intersection_update([text[at : at + _HEAD] for at in range(len(text) - _HEAD + 1)])
        found = {value for value in found if value[:_HEAD] in heads}
        if len(found) * len(text) > _MOST:
            raise TooMuchError
    return [value for value in found if value in text]


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
