# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenSSH's ssh would be told for one host: its command line, then its configuration files, first word wins.

Only reading and matching happens here; what each keyword means for a connection is in ssh_options.py. What cannot be
decided without ssh itself (Match exec, for one) raises UnsupportedError with the reason.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import pwd
import re
import shlex
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SYSTEM_CONFIG: Final = "/etc/ssh/ssh_config"
_MAX_INCLUDES: Final = 16
# 127.1, 0x7f.1 and ::0:1 are addresses too, written otherwise.
_NUMERIC: Final = re.compile(r"(?:0x)?[0-9a-fA-F.x]*|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%.+)?")
_USUAL: Final = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
# Keywords whose values add up; for all others the first value wins.
MULTIPLE: Final = frozenset({"identityfile", "certificatefile", "sendenv", "setenv", "ignoreunknown"})
# Flags of ssh that stand for a keyword, and flags that change nothing for a sweep.
_VALUE_FLAGS: Final = {
    "i": "identityfile",
    "l": "user",
    "p": "port",
    "J": "proxyjump",
    "c": "ciphers",
    "m": "macs",
    "b": "bindaddress",
}
_PLAIN_FLAGS: Final = {
    "4": ("addressfamily", ("inet",)),
    "6": ("addressfamily", ("inet6",)),
    "A": ("forwardagent", ("yes",)),
    "C": ("compression", ("yes",)),
    "a": ("forwardagent", ("no",)),
}
_IDLE_FLAGS: Final = frozenset("qvTnxXYKktM")
_IDLE_VALUE_FLAGS: Final = frozenset("Se")
_SYNONYMS: Final = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
}


class UnsupportedError(Exception):
    """Only ssh itself can honour this; the message says what it is, without values."""


@functools.cache
def home() -> str:
    """The home directory that ssh uses: of the user database, not of the environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return str(Path.home())


@functools.cache
def unset_of_nameless() -> tuple[str, ...]:
    """What must be set, and is not, where the user who runs Ansible has no entry in the user database, as in a
    container. asyncssh asks for it, whoever logs in.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        places = {"HOME": ("HOME",), "USER": ("LOGNAME", "USER", "LNAME", "USERNAME")}
        return tuple(name for name, found in places.items() if not any(os.environ.get(place) for place in found))
    return ()


@functools.cache
def local_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def expand_home(path: str) -> str:
    """~ is the home of the user database; ~NAME that of another user."""
    if path == "~" or path.startswith("~/"):
        return home() + path[1:]
    return str(Path(path).expanduser()) if path.startswith("~") else path


@functools.lru_cache(maxsize=4096)
def canonical(host: str) -> str:
    """The host as known_hosts and %h have it: in lower case, an address as it is usually written."""
    if _NUMERIC.fullmatch(host) and not _USUAL.fullmatch(host):
        with contextlib.suppress(OSError):
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            return socket.getnameinfo(found[0][4], socket.NI_NUMERICHOST)[0]
    name, sign, zone = host.partition("%")
    return f"{name.lower()}{sign}{zone}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a configuration file, split into words; keyword is lower case. base is where Include looks."""

    keyword: str
    words: tuple[str, ...]
    base: str


@dataclass(slots=True)
class Arguments:
    """What a command line of ssh says: keywords with their words, in order, -F, -W, and words that are not options.

    missing are key files of -i that are not there: to ssh they are not even named.
    """

    keywords: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    config: str | None = None
    forward: str | None = None
    words: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def parse_arguments(words: Sequence[str]) -> Arguments:
    """Split the words of a command line of ssh. Raises UnsupportedError for a flag that only ssh can honour."""
    result = Arguments()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            result.words += queue
            break
        if not word.startswith("-") or word == "-":
            result.words.append(word)
            continue
        rest = word[1:]
        while rest:
            flag, rest = rest[0], rest[1:]
            if flag in _IDLE_FLAGS:
                continue
            if flag in _PLAIN_FLAGS:
                result.keywords.append(_PLAIN_FLAGS[flag])
                continue
            if flag not in _VALUE_FLAGS and flag not in _IDLE_VALUE_FLAGS and flag not in "oFW":
                raise UnsupportedError(f"ssh option -{flag}")
            if not rest and not queue:
                raise UnsupportedError(f"ssh option -{flag} without a value")
            value, rest = rest or queue.pop(0), ""
            if flag == "i" and not Path(path := expand_home(value)).exists():
                result.missing.append(path)
            elif flag in _VALUE_FLAGS:
                result.keywords.append((_VALUE_FLAGS[flag], (value,)))
            elif flag == "o":
                result.keywords.append(_assignment(value))
            elif flag == "F":
                result.config = value
            elif flag == "W":
                result.forward = value
    return result


def _assignment(text: str) -> tuple[str, tuple[str, ...]]:
    match = re.fullmatch(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)", text, re.DOTALL)
    if not match:
        raise UnsupportedError("an ssh option -o without a value")
    keyword = match[1].lower()
    keyword = _SYNONYMS.get(keyword, keyword)
    value = match[2].strip()
    return keyword, (value,) if keyword == "proxycommand" else _split(value)


@functools.lru_cache(maxsize=1024)
def _split(text: str) -> tuple[str, ...]:
    """Words with quotes and backslashes as OpenSSH reads them; a # that begins a word ends the line."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    # A backslash escapes a quote, a blank or itself; shlex is near enough for the rest.
    words = []
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            words.append(word)
    except ValueError:
        raise UnsupportedError("a line of the ssh configuration with an open quote") from None
    return tuple(words)


@functools.lru_cache(maxsize=64)
def _read(path: str, base: str, _stamp: tuple[int, int]) -> tuple[Line, ...]:
    lines = []
    for text in Path(path).read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        stripped = text.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = re.match(r'"?([A-Za-z0-9]+)"?\s*=?\s*(.*)', stripped)
        if not match:
            raise UnsupportedError(f"a line of {path} that cannot be read")
        keyword = match[1].lower()
        keyword = _SYNONYMS.get(keyword, keyword)
        words = (match[2],) if keyword == "proxycommand" else _split(match[2])
        lines.append(Line(keyword, words, base))
    return tuple(lines)


def read_file(path: str, base: str) -> tuple[Line, ...]:
    """The lines of a file, read once as long as it does not change; none when it does not exist."""
    try:
        status = Path(path).stat()
    except OSError:
        return ()
    try:
        return _read(path, base, (status.st_mtime_ns, status.st_size))
    except OSError:
        raise UnsupportedError(f"{path} cannot be read") from None


@dataclass(slots=True)
class Settings:
    """Keywords of one host with their words; host is as it was asked for."""

    host: str
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def add(self, keyword: str, words: tuple[str, ...]) -> None:
        if not words:
            return
        if keyword in MULTIPLE:
            self.lists.setdefault(keyword, []).append(" ".join(words))
        else:
            self.values.setdefault(keyword, words)

    def get(self, keyword: str, default: str = "") -> str:
        words = self.values.get(keyword)
        return default if words is None else " ".join(words)

    def place(self) -> str:
        """Where host leads to, as far as that is said by now."""
        text = self.values.get("hostname")
        if text is None:
            return self.host
        return re.sub(r"%([%h])", lambda match: {"h": self.host, "%": "%"}[match[1]], " ".join(text))

    def flag(self, keyword: str, default: bool) -> bool:
        return self.get(keyword, "yes" if default else "no").lower() in {"yes", "true", "on"}


def settings(host: str, arguments: Arguments) -> Settings:
    """Everything that ssh would be told for host: arguments, then -F or ~/.ssh/config and /etc/ssh/ssh_config."""
    result = Settings(host)
    for keyword, words in arguments.keywords:
        result.add(keyword, words)
    if arguments.config is None:
        files = [(f"{home()}/.ssh/config", f"{home()}/.ssh"), (SYSTEM_CONFIG, "/etc/ssh")]
    elif arguments.config.lower() == "none":
        files = []
    else:
        files = [(expand_home(arguments.config), f"{home()}/.ssh")]
        if not os.access(files[0][0], os.R_OK):
            # ssh goes on without its usual files, and not without one that was named. It will say so.
            raise UnsupportedError(f"{files[0][0]} cannot be read")
    final = False
    for path, base in files:
        final |= _apply(result, read_file(path, base), first=True)
    if result.get("canonicalizehostname", "no").lower() not in {"no", "none", "false"}:
        raise UnsupportedError("CanonicalizeHostname")
    if final:
        # Where to connect to is settled by then, and Host lines speak of that.
        result.values["hostname"] = (canonical(result.place()).replace("%", "%%"),)
        for path, base in files:
            _apply(result, read_file(path, base), first=False)
    return result


def _apply(result: Settings, lines: Iterable[Line], *, first: bool) -> bool:
    """Add the values of the blocks that match; tells whether a block waits for the final pass."""
    final = False
    for line in _active(result, lines, first=first, live=True, depth=0):
        if line.keyword == "match":
            final = True
        else:
            result.add(line.keyword, line.words)
    return final


def _active(result: Settings, lines: Iterable[Line], *, first: bool, live: bool, depth: int) -> Iterator[Line]:
    """The lines that count. In a file that is included where nothing does, a word of the final pass still does."""
    if depth > _MAX_INCLUDES:
        raise UnsupportedError("Include that is nested too deeply")
    active = live
    for line in lines:
        if line.keyword == "host":
            active = live and matches(result.host if first else result.place(), line.words)
        elif line.keyword == "match":
            if first and {"final", "!final"} & {word.lower() for word in line.words}:
                yield line
            active = live and _match(result, line.words, first=first)
        elif line.keyword == "include":
            for path in _included(line):
                yield from _active(result, read_file(path, line.base), first=first, live=active, depth=depth + 1)
        elif active:
            yield line


def _included(line: Line) -> Iterator[str]:
    for word in line.words:
        path = expand_home(word)
        yield from sorted(glob.glob(path if path.startswith("/") else f"{line.base}/{path}"))  # noqa: PTH207


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one pattern matches and none that begins with an exclamation mark does; letter case counts."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if _glob(pattern[1:]).fullmatch(name):
                return False
        elif _glob(pattern).fullmatch(name):
            found = True
    return found


@functools.lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    """Only * and ? are special."""
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def _match(result: Settings, words: Sequence[str], *, first: bool) -> bool:
    """Whether a Match line holds. All its criteria must."""
    queue = list(words)
    holds = True
    while queue:
        word = queue.pop(0)
        negated = word.startswith("!")
        name, separator, value = word.lstrip("!").partition("=")
        name = name.lower()
        if name == "all":
            found = True
        elif name in {"canonical", "final"}:
            found = not first
        else:
            if not separator:
                value = queue.pop(0) if queue else ""
            if not holds:
                continue
            found = _criterion(result, name, value)
        holds = holds and found is not negated
    return holds


def _criterion(result: Settings, name: str, value: str) -> bool:
    patterns = value.split(",")
    if name in {"host", "originalhost"}:
        # Unlike a Host line, these do not mind letter case.
        asked = result.place() if name == "host" else result.host
        return matches(asked.lower(), [pattern.lower() for pattern in patterns])
    if name == "user":
        return matches(result.get("user", local_user()), patterns)
    if name == "localuser":
        return matches(local_user(), patterns)
    if name == "tagged":
        return matches(result.get("tag"), patterns)
    raise UnsupportedError(f"Match {name} in the ssh configuration")
