# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of records and tar archives (see remote.py), parsed as it comes: ustar, GNU long names, pax.

Names are bytes and stay names: nothing here opens a file. The stream is not trusted: every length is checked before
memory is used for it, and anything that no tar writes raises StreamError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BLOCK: Final = 512
# A record, a long name or a pax header: far above any path that a system takes.
MAX_EXTENSION: Final = 64 * 1024

# Enough of a content's end for a mark that begins in it and ends behind it.
_TAIL: Final = 64

_NEWLINE: Final = 10
_ZEROS: Final = re.compile(rb"\0+")
_FILE_TYPES: Final = frozenset(b"07\0")
# Links, devices, directories, pipes: their size field means nothing.
_NO_CONTENT: Final = frozenset(b"123456")
_GNU_NAME: Final = ord("L")
_GNU_LINK: Final = ord("K")
_PAX: Final = frozenset(b"xX")
_EXTENSIONS: Final = _PAX | frozenset(b"gLK")


class StreamError(Exception):
    """The stream is not what the remote command prints."""


class TooLargeError(Exception):
    """A cap was reached; the message says which."""


@dataclass(slots=True)
class Member:
    """One entry of an archive. kind is tar's type flag; link is the earlier name that a hard link stands for.

    size and mtime are bytes and seconds. content is False when the stream carries no plain content for it.
    """

    name: bytes
    kind: int
    size: int
    mtime: int
    link: bytes
    content: bool


class ArchiveReader:
    """Feed it bytes; it calls back for each record, each member header and each content.

    on_record says whether the stream ends with it. on_member says whether the content is wanted: unwanted content is
    skipped without being held. on_content says where in the content another stream may begin (a tar that died within
    a file leaves the rest of its size to what comes next), or -1: from there on, what comes is also kept for rest().
    """

    def __init__(
        self,
        on_record: Callable[[bytes, bytes], bool],
        on_member: Callable[[Member], bool],
        on_content: Callable[[bytes], int],
    ) -> None:
        self._on_record = on_record
        self._on_member = on_member
        self._on_content = on_content
        self._buffer = bytearray()
        self._need = 1
        self._skip = 0
        self._member: Member | None = None
        self._extension: dict[bytes, bytes] = {}
        self._kept: bytearray | None = None
        self._tail = b""
        self.ended = False

    def feed(self, chunk: bytes) -> int:
        """Take what follows; return how many bytes of it belong to the stream: all, until the last record has come."""
        if self._kept is not None:
            self._kept += chunk
        buffer = self._buffer
        if buffer:
            held = len(buffer)
            buffer += chunk
            if len(buffer) < self._need:
                return len(chunk)
            data = bytes(buffer)
            buffer.clear()
        else:
            held = 0
            data = chunk
        position = self._parse(data)
        if self.ended:
            return position - held
        if position < len(data):
            buffer += memoryview(data)[position:]
        return len(chunk)

    def rest(self) -> bytes:
        """After a StreamError or the end: what can hold a stream, from where on_content saw one, or the unread."""
        return bytes(self._kept) if self._kept is not None else self._tail + bytes(self._buffer)

    def _parse(self, data: bytes) -> int:
        position = 0
        try:
            while position < len(data) and not self.ended:
                step = self._step(data, position)
                if step == 0:
                    break
                position += step
        except StreamError:
            self._buffer += memoryview(data)[position:]
            raise
        return position

    def _step(self, data: bytes, position: int) -> int:
        """Take one thing from the position; return its length, or 0 when not all of it has come."""
        left = len(data) - position
        if self._skip:
            step = min(self._skip, left)
            self._skip -= step
            return step
        if self._member is not None:
            padded = -(-self._member.size // BLOCK) * BLOCK
            if left < padded:
                self._need = padded
                return 0
            self._content(data, position, padded)
            return padded
        first = data[position]
        if first == 0:
            # The end of an archive, and what pads it.
            zeros = _ZEROS.match(data, position)
            return zeros.end() - position if zeros else 1
        if first == _NEWLINE:
            stop = data.find(b"\0", position)
            if stop < 0:
                if left > MAX_EXTENSION:
                    raise StreamError("a record without end")
                self._need = 1
                return 0
            self._record(data, position, stop)
            return stop + 1 - position
        if left < BLOCK:
            self._need = BLOCK
            return 0
        self._header(data[position : position + BLOCK])
        return BLOCK

    def _record(self, data: bytes, start: int, stop: int) -> None:
        if stop - start < 3 or data[start + 2] != 0x20:
            raise StreamError("a record of unknown form")
        self.ended = self._on_record(data[start + 1 : start + 2], data[start + 3 : stop])

    def _content(self, data: bytes, position: int, padded: int) -> None:
        member, self._member = self._member, None
        if member is None:
            return
        content = data[position : position + member.size]
        if member.kind not in _EXTENSIONS:
            begin = self._on_content(content)
            if self._kept is None:
                end = position + padded
                self._tail = data[max(end - _TAIL, position) : end]
                if begin >= 0:
                    self._kept = bytearray(memoryview(data)[position + begin :])
        elif member.kind == _GNU_NAME:
            self._extension[b"path"] = content.rstrip(b"\0")
        elif member.kind == _GNU_LINK:
            self._extension[b"linkpath"] = content.rstrip(b"\0")
        elif member.kind in _PAX:
            self._extension.update(_pax(content))
        # A global pax header is a comment of the whole archive: no tar puts a name or a size there.

    def _header(self, block: bytes) -> None:
        _check(block)
        kind = block[156]
        size = _number(block[124:136])
        if kind in _EXTENSIONS:
            if not 0 <= size <= MAX_EXTENSION:
                raise StreamError("an extended header of absurd size")
            self._member = Member(b"", kind, size, 0, b"", content=True)
            if size == 0:
                # It has come whole: a step of no bytes would look like one that waits for more.
                self._content(b"", 0, 0)
            return
        name = block[:100].partition(b"\0")[0]
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].partition(b"\0")[0] + b"/" + name
        mtime = _number(block[136:148])
        link = block[157:257].partition(b"\0")[0]
        sparse = False
        if self._extension:
            extension, self._extension = self._extension, {}
            name = extension.get(b"path", name)
            link = extension.get(b"linkpath", link)
            if b"size" in extension:
                size = _decimal(extension[b"size"])
            if b"mtime" in extension:
                mtime = _decimal(extension[b"mtime"].partition(b".")[0])
            sparse = any(key.startswith(b"GNU.sparse.") for key in extension)
        if size < 0:
            raise StreamError("a negative size")
        if kind in _NO_CONTENT:
            size = 0
        member = Member(name, kind, size, mtime, link, content=kind in _FILE_TYPES and not sparse)
        wanted = self._on_member(member)
        if size == 0:
            if wanted:
                self._on_content(b"")
        elif wanted:
            self._member = member
        else:
            self._skip = -(-size // BLOCK) * BLOCK


def _check(block: bytes) -> None:
    """Raise StreamError unless the header's checksum is right; some old tars sum signed bytes."""
    stated = _number(block[148:156])
    total = sum(block) - sum(block[148:156]) + 8 * 0x20
    if stated != total:
        high = sum(byte > 0x7F for byte in block[:148]) + sum(byte > 0x7F for byte in block[156:])
        if stated != total - 256 * high:
            raise StreamError("a tar header with a wrong checksum")


def _number(text: bytes) -> int:
    """A number of a tar header: octal digits, or GNU's base 256."""
    if text[0] & 0x80:
        value = int.from_bytes(text, "big", signed=False)
        bits = 8 * len(text)
        # Bit 7 of the first byte is the mark, bit 6 the sign.
        return value - (1 << bits) if text[0] & 0x40 else value & ((1 << (bits - 1)) - 1)
    digits = text.partition(b"\0")[0].strip()
    if not digits:
        return 0
    if not digits.isdigit():
        raise StreamError("a tar header with a number that is none")
    try:
        return int(digits, 8)
    except ValueError:
        raise StreamError("a tar header with a number that is none") from None


def _decimal(text: bytes) -> int:
    if len(text) > 20 or not text.lstrip(b"-").isdigit() or text.count(b"-") > 1:
        raise StreamError("a pax header with a number that is none")
    return int(text)


def _pax(content: bytes) -> dict[bytes, bytes]:
    """The records of a pax header: `LENGTH KEY=VALUE` and a newline each, LENGTH counting all of it."""
    found: dict[bytes, bytes] = {}
    position = 0
    while position < len(content):
        blank = content.find(b" ", position, position + 8)
        digits = content[position : max(blank, position)]
        if not digits.isdigit():
            raise StreamError("a pax header of unknown form")
        stop = position + int(digits)
        key, equals, value = content[blank + 1 : stop - 1].partition(b"=")
        if stop > len(content) or stop <= blank + 1 or not equals or content[stop - 1] != _NEWLINE:
            raise StreamError("a pax header of unknown form")
        found[key] = value
        position = stop
    return found
