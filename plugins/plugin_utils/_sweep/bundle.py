# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server sends, as files: the stream of remote.py is unpacked as it comes, with a cap on everything.

No input or output here: whoever holds the connection feeds the reader, stops reading when feed() says so, and asks
finish() for the Bundle, which always comes: a stream that is wrong, cut off or too large is a status, no exception.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.archive import (
    ArchiveReader,
    Member,
    StreamError,
    TooLargeError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.cksum import Cksum
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.remote import (
    DIGEST,
    fingerprint,
    remote_command,
    service_directory,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service, Status

__all__ = ["Bundle", "BundleReader", "RawFile", "remote_command"]

MARKER: Final = b"\nprometheus-fleet/1 "
# Login scripts may print this much before the marker.
MAX_NOISE: Final = 1024 * 1024
_MAX_HEAD: Final = 160
# What one call of zlib may hand out.
_PIECE: Final = 256 * 1024
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

    digest is the known digest for the next sweep; None unless all files came whole. wire_bytes counts what travelled.
    """

    status: Status
    error: str | None = None
    digest: str | None = None
    files: list[RawFile] = field(default_factory=list)
    wire_bytes: int = 0


class BundleReader:
    """Turns the output of remote_command(services, limits, known_digest) into a Bundle."""

    def __init__(self, services: Sequence[Service], limits: Limits, known_digest: str | None = None) -> None:
        self._services = list(services)
        self._directories = [service_directory(service) for service in services]
        self._limits = limits
        self._known = known_digest if known_digest and DIGEST.fullmatch(known_digest) else None
        self._fingerprint = fingerprint(services).encode()
        self._wire = 0
        self._noise = 0
        self._head: bytes | None = b""
        self._kind = "none"
        self._inflate: zlib._Decompress | None = None
        self._unchanged = False
        self._failure: tuple[Status, str] | None = None
        self._complete = False
        self._hopeless = False
        self._attempt = _Attempt(self._services, self._directories, limits, self._fingerprint, "none")
        self._attempts = 1

    def feed(self, data: bytes) -> bool:
        """Take what came from the server's standard output; True: complete or hopeless, read no more."""
        if self._complete or self._hopeless or self._failure:
            return True
        self._wire += len(data)
        try:
            if self._wire > self._limits.max_wire_bytes:
                raise TooLargeError(f"more than {self._limits.max_wire_bytes} bytes came over the wire")
            if self._head is not None:
                data = self._find_head(data)
            if self._head is None and data and not self._complete:
                if self._inflate is None:
                    self._plain(data)
                else:
                    self._zipped(data)
        except TooLargeError as error:
            self._fail("too_large", f"{error}: narrow the services' patterns or raise the cap")
        except StreamError as error:
            self._fail("protocol_error", f"the stream holds {error}: see what sh and tar are on that host")
        except zlib.error:
            self._fail("protocol_error", "the stream is not what gzip writes: see what gzip is on that host")
        return self._complete or self._hopeless or self._failure is not None

    def finish(self, exit_status: int | None, stderr: bytes) -> Bundle:
        """The Bundle, after feed() said True or the command ended.

        exit_status is None where it is not known; stderr (its end is enough) is quoted where it explains a fault.
        """
        if self._failure:
            status, message = self._failure
            return Bundle(status, message, wire_bytes=self._wire)
        if self._unchanged:
            return Bundle("unchanged", digest=self._known, wire_bytes=self._wire)
        if not self._complete:
            return Bundle("protocol_error", self._cut_off(exit_status, stderr), wire_bytes=self._wire)
        return self._attempt.bundle(self._wire, stderr)

    def _find_head(self, data: bytes) -> bytes:
        """Look for the line that begins the stream; return what follows it."""
        held = (self._head or b"") + data
        start = held.find(MARKER)
        if start < 0:
            keep = len(MARKER) - 1
            self._noise += max(len(held) - keep, 0)
            if self._noise > MAX_NOISE:
                raise StreamError(f"no sign of the remote command in the first {MAX_NOISE} bytes")
            self._head = held[-keep:]
            return b""
        stop = held.find(b"\n", start + len(MARKER))
        if stop < 0:
            if len(held) - start > _MAX_HEAD:
                raise StreamError("a first line of unknown form")
            self._head = held[start:]
            return b""
        self._head = None
        mode, _blank, word = held[start + len(MARKER) : stop].rstrip(b"\r").partition(b" ")
        self._begin(mode, word.decode("ascii", "replace"))
        return held[stop + 1 :]

    def _begin(self, mode: bytes, word: str) -> None:
        if mode == b"same":
            if self._known is None or word != self._known:
                raise StreamError("`unchanged` for a digest that was not asked about")
            self._unchanged = self._complete = True
            return
        if mode not in {b"gz", b"plain"} or word not in {"sha256", "cksum", "none"}:
            raise StreamError("a first line of unknown form")
        self._kind = word
        self._restart()
        if mode == b"gz":
            self._inflate = zlib.decompressobj(wbits=31)

    def _restart(self) -> None:
        self._attempt = _Attempt(self._services, self._directories, self._limits, self._fingerprint, self._kind)

    def _plain(self, data: bytes) -> None:
        while data:
            used = self._attempt.feed(data)
            data = data[used:]
            if not self._attempt.ended:
                return
            if self._settled():
                return

    def _zipped(self, data: bytes) -> None:
        inflate = self._inflate
        while inflate is not None:
            piece = inflate.decompress(data, _PIECE)
            if piece and self._attempt.feed(piece) < len(piece):
                raise StreamError("something after its end")
            if inflate.eof:
                if self._settled():
                    return
                data = inflate.unused_data
                inflate = self._inflate = zlib.decompressobj(wbits=31)
                if not data:
                    return
                continue
            data = inflate.unconsumed_tail
            if not data and len(piece) < _PIECE:
                return

    def _settled(self) -> bool:
        """At the end of a body: whether it is the last one. A body that tar did not pack well is sent once more."""
        attempt = self._attempt
        if self._attempts == 1 and (not attempt.ended or attempt.tar_status != 0):
            self._attempts = 2
            self._restart()
            return False
        self._hopeless = not attempt.ended
        self._complete = attempt.ended
        return True

    def _fail(self, status: Status, message: str) -> None:
        self._failure = (status, message)
        self._restart()

    def _cut_off(self, exit_status: int | None, stderr: bytes) -> str:
        words = _quote(stderr)
        said = f"; the host said: {words}" if words else ""
        ended = "" if exit_status is None else f" (exit status {exit_status})"
        if self._head is None:
            return f"the stream broke off after {self._wire} bytes{ended}{said}: run the sweep again"
        return (
            f"the remote command printed no stream{ended}{said}: "
            "log in by hand and see that sh and tar run there and that login scripts do not end the session"
        )


class _Attempt:
    """One body of the stream, on its way to a Bundle."""

    def __init__(
        self, services: list[Service], directories: list[str], limits: Limits, asked: bytes, kind: str
    ) -> None:
        self._services = services
        self._directories = directories
        self._limits = limits
        self._asked: bytes | None = asked
        self._kind = kind
        self._hash = hashlib.sha256() if kind == "sha256" else Cksum() if kind == "cksum" else None
        self._reader = ArchiveReader(self._record, self._member, self._content)
        self._service = -1
        self._missing = 0
        self._last_missing = -1
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
                raise TooLargeError(f"its files take more than {self._limits.max_bytes} bytes (max_bytes)")
            used = self._reader.feed(chunk)
            if self._hash is not None:
                self._hash.update(chunk if used == len(chunk) else chunk[:used])
        return used

    def bundle(self, wire_bytes: int, stderr: bytes) -> Bundle:
        files = list(self._files.values())
        error = None
        if self.tar_status != 0:
            error = self._blame(stderr)
        broken = sum(item.error is not None for item in files)
        if broken == 0 and error is None:
            if self._missing == len(self._services):
                looked = ", ".join(self._directories)
                message = f"none of the directories exist: {looked}: set the services to what this host has"
                return Bundle("no_such_directory", message, wire_bytes=wire_bytes)
            digest = f"{self._kind}:{self._hash.hexdigest()}" if self._hash else None
            return Bundle("ok", None, digest, files, wire_bytes)
        first = next((item for item in files if item.error), None)
        if broken and first is not None:
            rest = f" (and {broken - 1} more)" if broken > 1 else ""
            error = f"{_printable(first.path)}: {first.error}{rest}"
        status: Status = "denied" if self._denied and broken == len(files) else "partial"
        return Bundle(status, error, None, files, wire_bytes)

    def _record(self, letter: bytes, text: bytes) -> bool:
        """Take a record of remote.py; True at the end of the body."""
        if letter == b"e":
            if not text.isdigit() or len(text) > 4 or self._service + 1 < len(self._services):
                raise StreamError("a record of unknown form")
            self.tar_status = int(text)
            return True
        if letter == b"c" and text == self._asked:
            self._asked = None
        elif letter == b"s" and self._asked is None and text == b"%d" % (self._service + 1):
            self._service += 1
            if self._service == len(self._services):
                raise StreamError("a record of unknown form")
        elif letter == b"d" and self._service > self._last_missing:
            self._last_missing = self._service
            self._missing += 1
        elif letter == b"x" and self._service >= 0:
            self._skipped(text)
        elif letter == b"m" and self._last_error is not None:
            words = _quote(text)
            self._denied = self._denied or words in _DENIED_WORDS
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
        path = self._directories[self._service] if name == b"." else self._path(name)
        self._denied = self._denied or code == b"denied"
        self._last_error = self._add(RawFile(path, self._services[self._service].service, error=message))

    def _member(self, member: Member) -> bool:
        """An entry of the archive; True: its content is wanted."""
        self._current = None
        if self._service < 0:
            raise StreamError("an archive without a service")
        if member.kind == _DIRECTORY:
            self._count_one()
            return False
        path = self._path(member.name)
        mtime = member.mtime if abs(member.mtime) < 1 << 40 else 0
        item = RawFile(path, self._services[self._service].service, member.size, mtime)
        earlier = self._files.get(path)
        if earlier is not None and earlier.service != item.service:
            # Two services share a directory: the first one has it.
            self._count_one()
            return False
        if member.kind == _HARD_LINK:
            return self._linked(item, self._path(member.link))
        if not member.content:
            item.error = ERRORS["special"]
        elif member.size > self._limits.max_file_bytes:
            item.error = f"it is larger than {self._limits.max_file_bytes} bytes: narrow the patterns or raise the cap"
        if item.error:
            self._add(item)
            return False
        self._bytes += member.size
        if self._bytes > self._limits.max_bytes:
            raise TooLargeError(f"its files take more than {self._limits.max_bytes} bytes (max_bytes)")
        self._current = item
        return True

    def _linked(self, item: RawFile, target: str) -> bool:
        """tar packs a file's second name as a link to the first."""
        source = self._files.get(target)
        if source is None or source.data is None:
            item.error = "it came as a link to a file that did not come"
        else:
            item.size, item.data, item.sha256 = source.size, source.data, source.sha256
        self._keep(item)
        return False

    def _content(self, content: bytes) -> None:
        item = self._current
        if item is not None:
            item.data = content
            item.sha256 = hashlib.sha256(content).hexdigest()
            self._keep(item)
            self._current = None

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

    def _path(self, name: bytes) -> str:
        """The absolute path of a member, which must lie below its service's directory."""
        if name[:2] == b"./" and _ODD_NAME.search(name) is None and len(name) > 2:
            return f"{self._directories[self._service].rstrip('/')}/{name[2:].decode('utf-8', 'surrogateescape')}"
        raise StreamError("a name that leads out of its directory")

    def _blame(self, stderr: bytes) -> str:
        """tar failed twice: the files that it named are not trusted."""
        for item in self._files.values():
            name = item.path.rpartition("/")[2].encode("utf-8", "surrogateescape")
            if item.error is None and name + b":" in stderr:
                item.data = item.sha256 = None
                item.error = "tar could not pack it as it stood: run the sweep again"
        words = _quote(stderr)
        return f"tar ended with status {self.tar_status}{': ' + words if words else ''}: run the sweep again"


_DIRECTORY: Final = ord("5")
_HARD_LINK: Final = ord("1")
_ODD_NAME: Final = re.compile(rb"\0|//|/\.{1,2}(?:/|\Z)|/\Z")


def _printable(text: str) -> str:
    """text for a message: one line, nothing that a terminal obeys or that cannot be encoded."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _quote(text: bytes) -> str:
    """The end of what a host said, short and on one line."""
    words = " ".join(_printable(" ".join(text[-300:].decode("utf-8", "replace").split())).split())
    return words if len(words) <= 200 else "..." + words[-200:]
