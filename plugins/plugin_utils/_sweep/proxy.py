# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ProxyCommand, with all that it starts, for as long as a connection needs it and this process lives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from asyncio.subprocess import Process
from typing import IO, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.body import quote

_END_SECONDS: Final = 3.0
_TAIL: Final = 1024
# The shell is in a session of its own. It ends, and takes all of that along, when nobody holds the other end of what it
# has for standard error any more. What runs in the background would read from nowhere, hence 4.
_SUPERVISE: Final = """\
exec 3<&2 2>/dev/null 4<&0
"$3" -c "$1" <&4 3<&- 4<&- 2>>"/dev/fd/$2" &
exec </dev/null >/dev/null 4<&-
read -r end <&3
kill -9 0
"""


class Proxy:
    """A running command; socket leads to its standard input and output."""

    def __init__(self, process: Process, ours: socket.socket, living: int, complaints: IO[bytes]) -> None:
        self.socket = ours
        self._process = process
        self._complaints = complaints
        self._living = living

    @classmethod
    async def start(cls, command: str) -> Proxy:
        """Run the command with the user's shell, as ssh does, if that is one. Raises OSError."""
        ours, theirs = socket.socketpair()
        alive, living = os.pipe()
        # A pipe that nobody reads would hold up a command that complains much.
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the command
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                _SUPERVISE,
                "proxy",
                command,
                str(complaints.fileno()),
                _shell(),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=alive,
                pass_fds=[complaints.fileno()],
                start_new_session=True,
            )
        except BaseException:
            os.close(living)
            ours.close()
            complaints.close()
            raise
        finally:
            os.close(alive)
            theirs.close()
        ours.setblocking(False)
        return cls(process, ours, living, complaints)

    def said(self) -> str:
        """The last line that the command printed on standard error, if any."""
        size = os.fstat(self._complaints.fileno()).st_size
        lines = os.pread(self._complaints.fileno(), _TAIL, max(0, size - _TAIL)).rstrip().splitlines()
        return quote(lines[-1]) if lines else ""

    async def close(self) -> None:
        """End the command and all that it started, and reap it."""
        if self._living < 0:
            return
        os.close(self._living)
        self._living = -1
        self.socket.close()
        self._complaints.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _shell() -> str:
    """A service's user often has one that runs nothing: there ssh fails, without a word."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    return "/bin/sh" if shell.rpartition("/")[2] in {"false", "nologin"} else shell
