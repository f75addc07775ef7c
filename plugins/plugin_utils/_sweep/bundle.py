# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server sends, as files: the stream of remote.py is unpacked as it comes, with a cap on everything.

No input or output here: whoever holds the connection feeds the reader, stops reading when feed() says so, and asks
finish() for the Bundle, which always comes: a stream that is wrong, cut off or too large is a status, no exception.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.archive import (
    StreamError,
    TooLargeError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.body import (
    MARKER,
    Asked,
    Body,
    Bundle,
    RawFile,
    quote,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.remote import DIGEST, remote_command
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service, Status

__all__ = ["Bundle", "BundleReader", "RawFile", "remote_command"]

# Login scripts may print this much before the marker.
MAX_NOISE: Final = 1024 * 1024
_MAX_HEAD: Final = 160
_MAX_QUOTED: Final = 512
# What one call of zlib may hand out.
_PIECE: Final = 256 * 1024


class BundleReader:
    """Turns the output of remote_command(services, limits, known_digest) into a Bundle."""

    def __init__(self, services: Sequence[Service], limits: Limits, known_digest: str | None = None) -> None:
        self._asked = Asked(services)
        self._limits = limits
        self._known = known_digest if known_digest and DIGEST.fullmatch(known_digest) else None
        self._wire = 0
        self._noise = 0
        # The end of that, as long as no body has begun.
        self._heard = b""
        # What may be the beginning of the line that begins a body; None within a body.
        self._head: bytes | None = b""
        self._inflate: zlib._Decompress | None = None
        self._attempt: Body | None = None
        self._first: Body | None = None
        self._attempts = 0
        self._over = False
        self._unchanged = False
        self._failure: tuple[Status, str] | None = None

    def feed(self, data: bytes) -> bool:
        """Take what came from the server's standard output; True: complete or hopeless, read no more."""
        if not self._over:
            self._wire += len(data)
            self._take(data)
        return self._over

    def finish(self, exit_status: int | None, stderr: bytes) -> Bundle:
        """The Bundle, after feed() said True or the command ended.

        exit_status is None where it is not known; stderr (its end is enough) is quoted where it explains a fault.
        """
        attempt = self._attempt
        if not self._over and attempt is not None and self._inflate is None and self._attempts == 1:
            # A tar that died within a file: what follows may lie in the rest of that file's size.
            rest = attempt.rest()
            if MARKER in rest:
                self._begin_again(attempt)
                self._take(rest)
        if self._failure:
            return Bundle(*self._failure, wire_bytes=self._wire)
        if self._unchanged:
            return Bundle("unchanged", digest=self._known, wire_bytes=self._wire)
        if self._over and self._attempt is not None and self._attempt.ended:
            return self._attempt.bundle(self._wire, stderr)
        if self._first is not None and self._first.ended:
            # The second body never began.
            return self._first.bundle(self._wire, stderr)
        return Bundle("protocol_error", self._cut_off(exit_status, stderr), wire_bytes=self._wire)

    def _take(self, data: bytes) -> None:
        try:
            if self._wire > self._limits.max_wire_bytes:
                raise TooLargeError(f"more than {self._limits.max_wire_bytes} bytes came over the wire")
            while data and not self._over:
                if self._attempt is None:
                    data = self._find_head(data)
                elif self._inflate is None:
                    data = self._plain(self._attempt, data)
                else:
                    data = self._zipped(self._attempt, self._inflate, data)
        except TooLargeError as error:
            self._fail("too_large", f"{error}: narrow the services' patterns or raise the cap")
        except StreamError as error:
            self._fail("protocol_error", f"the stream holds {error}: see what sh and tar are on that host")
        except zlib.error:
            self._fail("protocol_error", "the stream is not what gzip writes: see what gzip is on that host")

    def _find_head(self, data: bytes) -> bytes:
        """Look for the line that begins a body; return what follows it."""
        held = (self._head or b"") + data
        start = held.find(MARKER)
        while start >= 0:
            stop = held.find(b"\n", start + len(MARKER))
            if stop < 0 and len(held) - start <= _MAX_HEAD:
                self._noise += start
                self._head = held[start:]
                return b""
            if stop >= 0:
                mode, _blank, word = held[start + len(MARKER) : stop].rstrip(b"\r").partition(b" ")
                if self._begin(mode, word.decode("ascii", "replace")):
                    return held[stop + 1 :]
            # A login script speaks of it.
            start = held.find(MARKER, start + 1)
        keep = len(MARKER) - 1
        self._noise += max(len(held) - keep, 0)
        self._heard = (self._heard + data)[-_MAX_QUOTED:]
        if self._noise > MAX_NOISE:
            self._fail(
                "protocol_error",
                f"no sign of the remote command in the first {MAX_NOISE} bytes: see what login scripts print there",
            )
        self._head = held[-keep:]
        return b""

    def _begin(self, mode: bytes, word: str) -> bool:
        """Begin a body, if that is a line that begins one."""
        if mode == b"same":
            if self._known is None or word != self._known:
                raise StreamError("`unchanged` for a digest that was not asked about")
            self._unchanged = self._over = True
            return True
        if mode not in {b"gz", b"plain"} or word not in {"sha256", "cksum", "none"}:
            return False
        self._head = self._first = None
        self._attempts += 1
        self._attempt = Body(self._asked, self._limits, word, last=self._attempts > 1)
        self._inflate = zlib.decompressobj(wbits=31) if mode == b"gz" else None
        return True

    def _plain(self, attempt: Body, data: bytes) -> bytes:
        try:
            used = attempt.feed(data)
        except StreamError:
            rest = attempt.rest()
            if self._attempts > 1 or MARKER not in rest:
                raise
            self._begin_again(attempt)
            return rest
        return self._settle(attempt, data[used:]) if attempt.ended else b""

    def _zipped(self, attempt: Body, inflate: zlib._Decompress, data: bytes) -> bytes:
        piece = inflate.decompress(data, _PIECE)
        while piece or inflate.eof:
            if piece and attempt.feed(piece) < len(piece):
                raise StreamError("something after its end")
            if inflate.eof:
                return self._settle(attempt, inflate.unused_data)
            # An empty input still draws what zlib holds back.
            piece = inflate.decompress(inflate.unconsumed_tail, _PIECE)
        return b""

    def _settle(self, attempt: Body, rest: bytes) -> bytes:
        """At the end of a body. One that tar did not pack well is sent once more; return what belongs to that."""
        if self._attempts == 1 and (not attempt.ended or attempt.tar_status != 0):
            self._begin_again(attempt)
            return rest
        self._over = True
        return b""

    def _begin_again(self, attempt: Body) -> None:
        self._first, self._attempt, self._inflate = attempt, None, None
        self._head = b""

    def _fail(self, status: Status, message: str) -> None:
        self._failure = (status, message)
        self._over = True
        self._attempt = self._first = self._inflate = None

    def _cut_off(self, exit_status: int | None, stderr: bytes) -> str:
        # Who is sent away is told so on standard output: by nologin, sftp or a forced command.
        words = quote(stderr) or ("" if self._attempts else quote(self._heard))
        said = f"; the host said: {words}" if words else ""
        ended = "" if exit_status is None else f" (exit status {exit_status})"
        if self._attempts:
            return f"the stream broke off after {self._wire} bytes{ended}{said}: run the sweep again"
        return (
            f"the remote command printed no stream{ended}{said}: "
            "log in by hand and see that sh and tar run there and that login scripts do not end the session"
        )
