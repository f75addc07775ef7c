# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that came in, with their secrets masked: no server's file holds up another server.

Importing what masks takes as long as a login: it begins when there is nothing to do but to wait for servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_time import (
    TooSlowError,
    check,
    within,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import RawFile
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.executor import Executor
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import FileResult

if TYPE_CHECKING:
    from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

# Bytes that are masked in some milliseconds, whatever they are; a file counts for some of them, if it is empty.
_LARGE: Final = 64 * 1024
_FILE: Final = 1024
_MASKERS: Final = 4
# What stands in a message for where a login goes while it is masked.
_PLACE: Final = "the-place-"

# Content, places masked, error.
_Text = tuple[str | None, int, str | None]


class Masking:
    """The masking of one sweep, in one event loop."""

    def __init__(self, salt: bytes | None, *, redact: bool, seconds: float) -> None:
        """Take whether contents are masked (messages always are), and what CPU time that may take for one server."""
        self._salt = salt
        self._redact = redact
        self._seconds = seconds
        self._redactor: asyncio.Future[Redactor] | None = None
        # Masking a large file of a hostile server takes seconds. Each server has one file here at a time.
        self._maskers = Executor(_MASKERS)
        # The first thread is taken before names are looked up, which may take all that there are.
        self._maskers.submit(int)
        # Contents that are equal on many servers are held once.
        self._texts: dict[str, _Text] = {}
        # Bytes that were masked here since anything else had its turn.
        self._at_once = 0

    def begin(self) -> None:
        """Make the redactor, if there will be something to mask."""
        if self._redact:
            self._begun()

    async def message(self, text: str, places: Sequence[str] = ()) -> str:
        """A message with its secrets masked. places are our own words in it: prom-token:22 tells no token."""
        stands = {place: f"{_PLACE}{number}-" for number, place in enumerate(places) if _PLACE not in text}
        for place, word in stands.items():
            text = text.replace(place, word)
        text = (await self._made()).redact_message(text)
        for place, word in stands.items():
            text = text.replace(word, place)
        return text

    async def files(self, received: Iterable[RawFile]) -> list[FileResult]:
        """The files of one server; those for which there is no time are left without content."""
        budget = _Budget(self._seconds)
        return [await self._file(raw, budget) for raw in received]

    def close(self) -> None:
        """Whoever interrupts a sweep does not wait for a file that is being masked."""
        self._maskers.shutdown()

    async def _made(self) -> Redactor:
        # Whoever stops waiting for it does not take it from the others.
        return await asyncio.shield(self._begun())

    def _begun(self) -> asyncio.Future[Redactor]:
        if self._redactor is None:
            self._redactor = asyncio.get_running_loop().run_in_executor(self._maskers, _redactor, self._salt)
        return self._redactor

    async def _file(self, raw: RawFile, budget: _Budget) -> FileResult:
        result = FileResult(raw.path, raw.service, raw.size, raw.mtime, raw.sha256, None, 0, raw.error)
        if raw.error:
            result.error = await self.message(raw.error)
        # The bytes are not needed any more, and there may be many.
        data, raw.data = raw.data, None
        if data is None or raw.sha256 is None:
            return result
        text = self._texts.get(raw.sha256) or await self._masked(data, budget)
        if text is None:
            result.error = (
                f"its content is left out: masking the files of this server took more than"
                f" {self._seconds:g} s: see what they are, or raise timeout"
            )
            return result
        self._texts[raw.sha256] = text
        result.content, result.redacted, problem = text
        result.error = result.error or problem
        return result

    async def _masked(self, data: bytes, budget: _Budget) -> _Text | None:
        """None where the time is over."""
        redactor = await self._made() if self._redact else None
        if len(data) > _LARGE:
            return await asyncio.get_running_loop().run_in_executor(self._maskers, budget.text, data, redactor)
        # Thousands of small files are as long as a large one.
        self._at_once += len(data) + _FILE
        if self._at_once > _LARGE:
            self._at_once = 0
            await asyncio.sleep(0)
        return budget.text(data, redactor)


class _Budget:
    """What masking the files of one server may take: CPU time, since others may be masked beside it."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def text(self, data: bytes, redactor: Redactor | None) -> _Text | None:
        """The text of a file with its secrets masked; None where the time is over."""
        if redactor is None:
            return _text(data, None)
        began = time.thread_time()
        try:
            with within(self._left):
                return _text(data, redactor)
        except TooSlowError:
            return None
        finally:
            self._left -= time.thread_time() - began


def _redactor(salt: bytes | None) -> Redactor:
    from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

    return Redactor(salt)


def _text(data: bytes, redactor: Redactor | None) -> _Text:
    text: str | None = None
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode("utf-8")
    if text is None or "\0" in text:
        return None, 0, "it is not UTF-8 text: its content is left out"
    if not redactor:
        return text, 0, None
    check()
    redacted = redactor.redact(text)
    return redacted.text, redacted.count, None
