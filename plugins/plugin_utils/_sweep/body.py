# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One body of a sweep's stream (see remote.py), on its way to files: what is asked for, what is believed, the caps."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.archive import (
    ArchiveReader,
    Member,
    StreamError,
    TooLargeError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.cksum import Cksum
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.remote import (
    fingerprint,
    service_directory,
    service_patterns,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service, Status

# What the line before a body begins with.
MARKER: Final = b"\nprometheus-fleet/1 "
# What headers and padding may add to the contents.
_OVERHEAD: Final = 1024 * 1024
_OVERHEAD_PER_FILE: Final = 4096

_GRANT = "let the login user read it, use become, or narrow the patterns of the service"
# What the codes of an x record mean, and what to do.
ERRORS: Final[dict[str, str]] = {
    "denied": f"permission denied: {_GRANT}",
    "unreadable": "it cannot be read",
    "outside": "it is a link out of the service's directory, which is not followed: make that directory a service",
    "loop": "its links lead in a circle",
    "gone": "its link leads to nothing",
    "special": "it is not a regular file",
    "nodir": "it is not a directory",
}
_DENIED_WORDS: Final = ("Permission denied", "Operation not permitted")
# How GNU tar writes some characters in its messages.
_ESCAPES: Final = {ord("\\"): rb"\\"} | dict(
    zip(b"\a\b\f\n\r\t\v\x7f", (rb"\%c" % sign for sign in b"abfnrtv?"), strict=True)
)
_DIRECTORY: Final = ord("5")
_HARD_LINK: Final = ord("1")
# What leads elsewhere, and what no file system takes for a name.
_ODD_NAME: Final = re.compile(rb"\0|//|/\.{1,2}(?:/|\Z)|/\Z|[^/]{256}")
_LONGEST_PATH: Final = 4096
# What shells do not agree on: a part of a pattern that has it is taken to fit.
_DISPUTED: Final = re.compile(rb"[\[?\\()]")


@dataclass(slots=True)
class RawFile:
    """One file as it is on the server. path is absolute; bytes that are not UTF-8 are surrogate escapes.

    data is None where error says why; sha256 is of data. size is in bytes, mtime in seconds since the epoch.
    """

    path: str
    service: str
    size: int = 0
    mtime: int = 0
    data: bytes | None = None
    sha256: str | None = None
    error: str | None = None


@dataclass(slots=True)
class Bundle:
    """What one server sent. status is ok, partial, unchanged, no_such_directory, denied, too_large or protocol_error.

    digest is the known digest for the next sweep; None unless files came, and all of them whole. wire_bytes counts
    what travelled. empty are the directories that exist, but have no file that was asked for.
    """

    status: Status
    error: str | None = None
    digest: str | None = None
    files: list[RawFile] = field(default_factory=list)
    wire_bytes: int = 0
    empty: list[str] = field(default_factory=list)


class Asked:
    """What the sweep asked for, and whose each path is."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.names = [service.service for service in services]
        self.directories = [service_directory(service) for service in services]
        # As the command names them.
        self.folders = [b"." + path.rstrip("/").encode("utf-8", "surrogateescape") for path in self.directories]
        self.fingerprint = fingerprint(tuple(services)).encode()
        self._services = services
        self._prefixes = [directory.rstrip("/") + "/" for directory in self.directories]

    def path(self, name: bytes) -> str:
        """The absolute path of a member or record. Raises StreamError unless it is a plain one."""
        if name[:2] == b"./" and 2 < len(name) <= _LONGEST_PATH and _ODD_NAME.search(name) is None:
            return name[1:].decode("utf-8", "surrogateescape")
        raise StreamError("a name that leads out of its directory")

    def service(self, path: str, *, through: bool = False) -> str:
        """The service that a file belongs to: where directories lie in one another, the first whose pattern fits.

        through: it may also be a directory that a pattern goes through. Raises StreamError where nobody asked for it.
        """
        for service, prefix in zip(self._services, self._prefixes, strict=True):
            if path.startswith(prefix):
                below = path[len(prefix) :].encode("utf-8", "surrogateescape")
                files, directories = _wanted(service)
                if files.fullmatch(below) or (through and directories.fullmatch(below)):
                    return service.service
        raise StreamError("a name that was not asked for")


@functools.lru_cache(maxsize=64)
def _wanted(service: Service) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """What the names of a service's files can be, and those of the directories on the way to them."""
    files = [[_part(part) for part in pattern.split("/")] for pattern in service_patterns(service)]
    directories = {b"/".join(parts[:depth]) for parts in files for depth in range(1, len(parts))}
    return re.compile(b"|".join(b"/".join(parts) for parts in files)), re.compile(b"|".join(directories) or rb"(?!)")


def _part(pattern: str) -> bytes:
    """A part of a pattern between slashes as a regular expression: between two stars, the first that fits is taken."""
    raw = pattern.encode("utf-8", "surrogateescape")
    if _DISPUTED.search(raw):
        return rb"[^/]+"
    first, *others = map(re.escape, raw.split(b"*"))
    if not others:
        return first
    *between, last = others
    return first + b"".join(b"(?>[^/]*?%s)" % text for text in between if text) + rb"[^/]*" + last


class Body:
    """One body of the stream, on its way to a Bundle."""

    def __init__(self, asked: Asked, limits: Limits, kind: str, *, last: bool) -> None:
        self._asked = asked
        self._limits = limits
        self._kind = kind
        self._end = b"f" if last else b"e"
        self._hash = hashlib.sha256() if kind == "sha256" else Cksum() if kind == "cksum" else None
        self._reader = ArchiveReader(self._record, self._member, self._content)
        self._answers = False
        self._service = -1
        self._missing: list[int] = []
        self._count = 0
        self._bytes = 0
        self._expanded = 0
        self._most_expanded = limits.max_bytes + limits.max_files * _OVERHEAD_PER_FILE + _OVERHEAD
        self._files: dict[str, RawFile] = {}
        self._current: RawFile | None = None
        self._last_error: RawFile | None = None
        self._denied = False
        self.tar_status = 0

    @property
    def ended(self) -> bool:
        return self._reader.ended

    def feed(self, chunk: bytes) -> int:
        used = 0
        if not self._reader.ended:
            self._expanded += len(chunk)
            if self._expanded > self._most_expanded:
                raise self._too_many_bytes()
            used = self._reader.feed(chunk)
            if self._hash is not None:
                self._hash.update(chunk if used == len(chunk) else chunk[:used])
        return used

    def rest(self) -> bytes:
        """What may hold another body, after a StreamError or the end of the stream."""
        return self._reader.rest()

    def bundle(self, wire_bytes: int, stderr: bytes) -> Bundle:
        files = list(self._files.values())
        error = None
        if self.tar_status != 0:
            error = self._blame(stderr)
        broken = sum(item.error is not None for item in files)
        if broken == 0 and error is None:
            if len(self._missing) == len(self._asked.names):
                looked = ", ".join(self._asked.directories)
                message = f"none of the directories exist: {looked}: set the services to what this host has"
                return Bundle("no_such_directory", message, wire_bytes=wire_bytes)
            digest = f"{self._kind}:{self._hash.hexdigest()}" if self._hash and files else None
            return Bundle("ok", None, digest, files, wire_bytes, self._empty())
        if not any(item.error is None for item in files) and error is not None and not broken:
            # Not a file came: tar did not run at all.
            return Bundle("protocol_error", f"{error}; see that tar is installed there", wire_bytes=wire_bytes)
        first = next((item for item in files if item.error), None)
        if broken and first is not None:
            rest = f" (and {broken - 1} more)" if broken > 1 else ""
            error = f"{shown(first.path)}: {first.error}{rest}"
        status: Status = "denied" if self._denied and broken == len(files) else "partial"
        return Bundle(status, error, None, files, wire_bytes)

    def _empty(self) -> list[str]:
        return [
            directory
            for index, directory in enumerate(self._asked.directories)
            if index not in self._missing
            and not any(path.startswith(directory.rstrip("/") + "/") for path in self._files)
        ]

    def _record(self, letter: bytes, text: bytes) -> bool:
        """Take a record of remote.py; True at the end of the body."""
        if letter == self._end:
            if not text.isdigit() or len(text) > 4 or self._service + 1 < len(self._asked.names):
                raise StreamError("a record of unknown form")
            self.tar_status = int(text)
            return True
        if letter == b"c" and text == self._asked.fingerprint:
            self._answers = True
        elif letter == b"s" and self._answers and text == b"%d" % (self._service + 1):
            self._service += 1
            if self._service == len(self._asked.names):
                raise StreamError("a record of unknown form")
        elif letter == b"d" and self._service >= 0 and self._service not in self._missing[-1:]:
            self._missing.append(self._service)
        elif letter == b"x" and self._service >= 0:
            self._skipped(text)
        elif letter == b"m" and self._last_error is not None:
            words = quote(text)
            self._denied = self._denied or words in _DENIED_WORDS
            # A file that came before the record about it stays as it came.
            if self._last_error.error:
                self._last_error.error = f"{ERRORS['unreadable']}: {words}"
            self._last_error = None
        elif letter == b"l":
            raise TooLargeError(f"it has more than {self._limits.max_files} files (max_files)")
        else:
            raise StreamError("a record of unknown form")
        return False

    def _skipped(self, text: bytes) -> None:
        code, _blank, name = text.partition(b" ")
        message = ERRORS.get(code.decode("ascii", "replace"))
        if message is None:
            raise StreamError("a record of unknown form")
        if name in self._asked.folders:
            index = self._asked.folders.index(name)
            path, service = self._asked.directories[index], self._asked.names[index]
        else:
            path = self._asked.path(name)
            service = self._asked.service(path, through=True)
        self._denied = self._denied or code == b"denied"
        self._last_error = self._add(RawFile(path, service, error=message))

    def _member(self, member: Member) -> bool:
        """An entry of the archive; True: its content is wanted."""
        self._current = None
        if not self._answers:
            raise StreamError("an archive without a beginning")
        if member.kind == _DIRECTORY:
            self._count_one()
            return False
        path = self._asked.path(member.name)
        mtime = member.mtime if abs(member.mtime) < 1 << 40 else 0
        item = RawFile(path, self._asked.service(path), member.size, mtime)
        if member.kind == _HARD_LINK:
            return self._linked(item, self._asked.path(member.link))
        if not member.content:
            item.error = ERRORS["special"]
        elif member.size > self._limits.max_file_bytes:
            most = self._limits.max_file_bytes
            item.error = (
                f"it is larger than {most} bytes, the most that one file may have: leave it out of the patterns"
            )
        if item.error:
            self._add(item)
            return False
        self._count_bytes(member.size)
        self._current = item
        return True

    def _linked(self, item: RawFile, target: str) -> bool:
        """tar packs a file's second name as a link to the first."""
        source = self._files.get(target)
        if source is None or source.data is None:
            item.error = "it came as a link to a file that did not come"
        else:
            # Whoever writes the files writes this one too.
            self._count_bytes(source.size)
            item.size, item.data, item.sha256 = source.size, source.data, source.sha256
        self._keep(item)
        return False

    def _content(self, content: bytes) -> int:
        """Take what the last member holds; return where in it another body may begin, or -1."""
        item, self._current = self._current, None
        if item is None:
            return -1
        item.data = content
        item.sha256 = hashlib.sha256(content).hexdigest()
        self._keep(item)
        return content.find(MARKER)

    def _keep(self, item: RawFile) -> None:
        """Overlapping patterns send a file twice: the same content is one file, another is a fault of it."""
        earlier = self._add(item)
        if earlier is not item and earlier.error is None and earlier.sha256 != item.sha256:
            earlier.data = earlier.sha256 = None
            earlier.error = "it came twice with different contents: run the sweep again"

    def _add(self, item: RawFile) -> RawFile:
        self._count_one()
        return self._files.setdefault(item.path, item)

    def _count_one(self) -> None:
        self._count += 1
        if self._count > 2 * self._limits.max_files or len(self._files) >= self._limits.max_files:
            raise TooLargeError(f"it has more than {self._limits.max_files} files (max_files)")

    def _count_bytes(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._limits.max_bytes:
            raise self._too_many_bytes()

    def _too_many_bytes(self) -> TooLargeError:
        # One that is for no configuration is soon the largest: a dump, or a file of holes.
        largest = max(self._files.values(), key=lambda item: item.size, default=None)
        named = f", the largest so far {shown(largest.path)} with {largest.size}" if largest and largest.size else ""
        return TooLargeError(f"its files take more than {self._limits.max_bytes} bytes (max_bytes){named}")

    def _blame(self, stderr: bytes) -> str:
        """tar failed twice: the files that it named are not trusted."""
        for item in self._files.values():
            name = item.path.rpartition("/")[2].encode("utf-8", "surrogateescape")
            if item.error is None and any(said + b":" in stderr for said in (name, _as_gnu_tar_says(name))):
                item.data = item.sha256 = None
                item.error = "tar could not pack it as it stood: run the sweep again"
        words = quote(stderr)
        return f"tar ended with status {self.tar_status}{': ' + words if words else ''}: run the sweep again"


def _as_gnu_tar_says(name: bytes) -> bytes:
    """A name as GNU tar writes it in a message."""
    return b"".join(_ESCAPES.get(byte, b"%c" % byte if 0x20 <= byte < 0x7F else b"\\%03o" % byte) for byte in name)


def quote(text: bytes, most: int = 300) -> str:
    """What a host said, short and on one line: its end, and its beginning, where the cause is named before advice."""
    if len(text) > 8 * most:
        # Only what can be part of the answer is looked at.
        text = text[: 4 * most] + b" " + text[-4 * most :]
    words = " ".join(shown(" ".join(text.decode("utf-8", "replace").split())).split())
    half = most // 2
    return words if len(words) <= most else f"{words[:half].rstrip()} ... {words[-half:].lstrip()}"
