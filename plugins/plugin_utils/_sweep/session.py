# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command on an open connection, its output read as it comes, with the dialogue of become in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import early_channel, failures
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.become import Become, Dialogue
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh

_STDERR_TAIL: Final = 8192
# In seconds.
_PAUSES: Final = (0.05, 0.2, 0.5)
# A terminal that passes bytes on as they are.
_RAW: Final = {
    asyncssh.PTY_OPOST: 0,
    asyncssh.PTY_ONLCR: 0,
    asyncssh.PTY_ECHO: 0,
    asyncssh.PTY_ICANON: 1,
    asyncssh.PTY_ISIG: 0,
}


class _Session(asyncssh.SSHClientSession[bytes]):
    """Feeds output to a sink until the sink has had enough, or the command ends."""

    def __init__(self, sink: Callable[[bytes], bool], dialogue: Dialogue | None, max_bytes: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stderr = b""
        self.exit_status: int | None = None
        self.received = 0
        self.lost = False
        self._sink = sink
        self._dialogue = dialogue
        self._max_bytes = max_bytes
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if self.done.done():
            return
        self.received += len(data)
        if self.received > self._max_bytes:
            # Of either stream: the sink has caps of its own, but is not told of complaints.
            words = f"more than {self._max_bytes} bytes came: see what the login shell and the command print there"
            self.done.set_exception(Failure("too_large", words))
            return
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self.stderr = (self.stderr + data)[-_STDERR_TAIL:]
        if self._dialogue:
            data = self._talk(self._dialogue, data)
        if data and datatype != asyncssh.EXTENDED_DATA_STDERR and self._sink(data):
            self._finish()

    def _talk(self, dialogue: Dialogue, data: bytes) -> bytes:
        """Answer prompts; returns what is left for the sink once the command has begun."""
        try:
            answer = dialogue.feed(data)
        except Failure as failure:
            self.done.set_exception(failure)
            return b""
        if answer and self._channel:
            self._channel.write(answer)
            # A prompt explains no fault, and what follows its last word would be masked as the password.
            self.stderr = b""
        if dialogue.succeeded:
            self._dialogue = None
            return dialogue.output(data)
        return b""

    def exit_status_received(self, status: int) -> None:
        self.exit_status = status

    def connection_lost(self, exc: Exception | None) -> None:
        # What came before counts: whether it is whole is the sink's to say.
        self.lost = exc is not None and not self.done.done()
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(
    connection: asyncssh.SSHClientConnection,
    command: str,
    sink: Callable[[bytes], bool],
    become: Become | None,
    *,
    seconds: float,
    max_bytes: int,
    early: bool,
) -> tuple[int | None, bytes]:
    """Run command until sink(bytes) says it has enough, or the command ends, within the time.

    early: the command may go out before its channel is confirmed. The connection must have had no channel yet, and may
    break where the server counts its channels in another way.

    Returns the exit status, where it came in time, and the end of standard error. Raises Failure: timeout, denied (what
    become said), too_large (more than max_bytes of both streams), protocol_error (the server runs no command, or the
    connection broke).
    """
    call = _Call(connection, sink, become.dialogue(command) if become else None, max_bytes)
    try:
        async with asyncio.timeout(seconds):
            await call.run(command, early=early)
            if become and call.dialogue and call.dialogue.wants_terminal:
                await call.closed()
                call = _Call(connection, sink, become.dialogue(command, tty=True), max_bytes)
                await _when_it_may(connection, call, command)
    except TimeoutError:
        if call.dialogue and not call.dialogue.succeeded:
            raise Failure("denied", call.dialogue.unanswered(seconds)) from None
        raise Failure(
            "timeout",
            f"the command did not end within {seconds:g} s ({call.received} bytes came): see what that host is busy"
            " with, or raise timeout",
        ) from None
    except asyncssh.ChannelOpenError as error:
        raise failures.no_command(error, call.received, closed=connection.is_closed()) from None
    except (asyncssh.ConnectionLost, OSError):
        raise failures.broken(call.received) from None
    except asyncssh.Error as error:
        # What the server could not bear may be that the command came early.
        raise Failure("protocol_error", f"the command could not be run ({error})", again=early) from None
    if call.lost:
        raise failures.broken(call.received)
    if call.dialogue:
        call.dialogue.check(call.stderr)
    return call.exit_status, become.hidden(call.stderr) if become else call.stderr


async def _when_it_may(connection: asyncssh.SSHClientConnection, call: _Call, command: str) -> None:
    """Run a second session: a server that allows one at a time may take a moment to see that the first has ended."""
    for pause in _PAUSES:
        try:
            return await call.run(command)
        except asyncssh.ChannelOpenError:
            if connection.is_closed():
                raise
        await asyncio.sleep(pause)
    return await call.run(command)


class _Call:
    """One session on a connection, and what came of it."""

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        sink: Callable[[bytes], bool],
        dialogue: Dialogue | None,
        max_bytes: int,
    ) -> None:
        self.dialogue = dialogue
        self._connection = connection
        self._session = _Session(sink, dialogue, max_bytes)
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    @property
    def received(self) -> int:
        return self._session.received

    @property
    def lost(self) -> bool:
        """Whether the connection broke before the sink had enough."""
        return self._session.lost

    @property
    def stderr(self) -> bytes:
        return self._session.stderr

    @property
    def exit_status(self) -> int | None:
        return self._session.exit_status

    async def run(self, command: str, *, early: bool = False) -> None:
        dialogue = self.dialogue
        command = dialogue.command if dialogue else command
        tty = bool(dialogue and dialogue.tty)
        if early and not tty and early_channel.counts_from_zero(self._connection):
            channel = await early_channel.open_session(
                self._connection, self._session, command, self._session.done.done
            )
        else:
            channel = await self._open_session(command, tty=tty)
        self._channel = channel
        if not dialogue:
            # Whatever reads there, in a login script or in the command's place, is not to wait.
            channel.write_eof()
        try:
            await self._session.done
        finally:
            channel.close()

    async def closed(self) -> None:
        if self._channel:
            await self._channel.wait_closed()

    async def _open_session(self, command: str, *, tty: bool) -> asyncssh.SSHClientChannel[bytes]:
        options: dict[str, Any] = {"request_pty": "force", "term_type": "dumb", "term_modes": _RAW} if tty else {}
        channel, _unused = await self._connection.create_session(
            lambda: self._session, command, encoding=None, send_env=(), **options
        )
        return channel
