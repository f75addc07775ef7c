# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel and its command in one round trip.

A client asks for a channel, learns the server's number for it, and asks for the command by that number. OpenSSH counts
its channels from 0, so the command can go out with the request for a connection's first channel. Where the number turns
out to be another one, OpenSSH's way is to end the connection: the caller asks again by the book, on a new one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_wire import string

_FIRST_NUMBER: Final = 0
_CHANNEL_REQUEST: Final = 98
_WINDOW: Final = 2 * 1024 * 1024
_PACKET: Final = 32 * 1024
# The class is public, but its methods have no place in asyncssh's documentation: another version may have others.
_PARAMETERS: Final = {
    "__init__": "self conn loop utf8_decode_errors encoding errors window max_pktsize",
    "create": "self session_factory command subsystem env request_pty term_type term_size term_modes x11_forwarding"
    " x11_display x11_auth_path x11_single_connection agent_forwarding",
    "process_open_confirmation": "self send_chan send_window send_pktsize packet",
    "process_packet": "self pkttype pktid packet",
    "send_packet": "self pkttype args",
}


def _as_known() -> bool:
    methods = {name: getattr(asyncssh.SSHClientChannel, name, None) for name in _PARAMETERS}
    return all(
        method and " ".join(inspect.signature(method).parameters) == _PARAMETERS[name]
        for name, method in methods.items()
    )


_KNOWN: Final = _as_known()


def counts_from_zero(connection: asyncssh.SSHClientConnection) -> bool:
    """Whether the number of the connection's first channel is known before the server says it."""
    return _KNOWN and "OpenSSH_" in str(connection.get_extra_info("server_version"))


async def open_session(
    connection: asyncssh.SSHClientConnection,
    session: asyncssh.SSHClientSession[bytes],
    command: str,
    over: Callable[[], bool],
) -> asyncssh.SSHClientChannel[bytes]:
    """Run command on the first channel of a connection that counts_from_zero. Raises what create_session does.

    Once it is over before the server has closed it, the channel ends with its connection, without a word of its own.
    """
    channel = _EarlyChannel(connection, over)
    # create() has sent the request for the channel by the time that it waits for the first time.
    asyncio.get_running_loop().call_soon(channel.ask, connection, command)
    off: Any = (False, None, None, {}, False, None, None, False, False)
    await channel.create(lambda: session, command, None, {}, *off)
    return channel


class _EarlyChannel(asyncssh.SSHClientChannel[bytes]):
    """Keeps what the server sends until asyncssh asks for the command, which has gone out before."""

    def __init__(self, connection: asyncssh.SSHClientConnection, over: Callable[[], bool]) -> None:
        super().__init__(connection, asyncio.get_running_loop(), "strict", None, "strict", _WINDOW, _PACKET)
        self._early: list[tuple[int, int, Any]] | None = []
        self._over = over

    def ask(self, connection: asyncssh.SSHClientConnection, command: str) -> None:
        """Send the command to the channel that is about to be confirmed."""
        if not connection.is_closed():
            words = (_FIRST_NUMBER.to_bytes(4, "big"), string(b"exec"), b"\1", string(command.encode()))
            connection.send_packet(_CHANNEL_REQUEST, *words, handler=self)

    def process_open_confirmation(self, send_chan: int, send_window: int, send_pktsize: int, packet: Any) -> None:
        if send_chan != _FIRST_NUMBER:
            # A server that does not mind gets the command once more.
            self._early = None
        super().process_open_confirmation(send_chan, send_window, send_pktsize, packet)

    def close(self) -> None:
        if not self._over():
            super().close()

    def process_packet(self, pkttype: int, pktid: int, packet: Any) -> Any:
        if self._over():
            # Each answer to it would cost both sides a packet that nobody waits for.
            return True
        if self._early is None:
            return super().process_packet(pkttype, pktid, packet)
        self._early.append((pkttype, pktid, packet))
        return True

    def send_packet(self, pkttype: int, *args: bytes) -> None:
        if self._early is None or pkttype != _CHANNEL_REQUEST:
            super().send_packet(pkttype, *args)
            return
        early, self._early = self._early, None
        for received in early:
            super().process_packet(*received)
