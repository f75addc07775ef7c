# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TCP connections that asyncssh is given: those that began before it was there, and those to names.

Not all addresses of a name may answer, IPv6 behind a firewall mostly (RFC 8305): asyncio can do that, but asyncssh has
no way to ask it to.

A client may say its version first (RFC 4253, 4.2), and a server answers with all that it has to say before the key
exchange. On a connection that begins before asyncssh is there, that costs no time.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# An address has this long for itself before the next one is tried beside it, in seconds.
_ALONE: Final = 0.25

# What asyncssh is to call itself: not by its own version, which is not known before it is there.
CLIENT_VERSION: Final = "AsyncSSH"
_GREETING: Final = f"SSH-2.0-{CLIENT_VERSION}\r\n".encode()


class _Unread(asyncio.Protocol):
    """Leaves what comes to whoever gets the socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).pause_reading()


class _Greeted(socket.socket):
    """A connection on which the greeting was said: whoever says it again is believed, and not heard."""

    said = b""

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        said, self.said = self.said, b""
        if not said:
            return super().send(data, flags)
        if bytes(memoryview(data)[: len(said)]) != said:
            raise ConnectionResetError
        rest = memoryview(data)[len(said) :]
        return len(said) + (super().send(rest, flags) if rest else 0)


class Connector:
    """The connections of one sweep, in one event loop; close() ends those that nobody took."""

    def __init__(self) -> None:
        self._begun: dict[tuple[Any, ...], asyncio.Task[socket.socket]] = {}

    def begin(self, target: Target) -> None:
        """Connect to the first host on the way to the target: once, since that may be a jump host of many."""
        while target.jump:
            target = target.jump
        if not target.proxy_command and _place(target) not in self._begun:
            self._begun[_place(target)] = asyncio.ensure_future(_greeted(target))

    async def connected(self, target: Target) -> socket.socket | None:
        """A socket to a target without a jump host, at the first address of its name that answers.

        None where asyncssh does as well. Raises OSError.
        """
        begun = self._begun.pop(_place(target), None)
        if begun:
            return await begun
        return None if _is_address(target.host) else await _connected(target)

    async def close(self) -> None:
        begun = list(self._begun.values())
        self._begun.clear()
        for task in begun:
            task.cancel()
        for made in await asyncio.gather(*begun, return_exceptions=True):
            if isinstance(made, socket.socket):
                made.close()


async def _connected(target: Target) -> socket.socket:
    bound: dict[str, Any] = {"local_addr": (target.bind_address, 0)} if target.bind_address else {}
    transport, _protocol = await asyncio.get_running_loop().create_connection(
        _Unread, target.host, target.port, family=target.family, happy_eyeballs_delay=_ALONE, **bound
    )
    try:
        return cast(socket.socket, transport.get_extra_info("socket").dup())
    finally:
        transport.abort()


async def _greeted(target: Target) -> socket.socket:
    made = await _connected(target)
    greeted = _Greeted(made.family, made.type, made.proto, fileno=made.detach())
    greeted.setblocking(False)
    # Where nothing can be sent, the connection is broken: whoever takes it will see.
    with contextlib.suppress(OSError):
        greeted.said = _GREETING[: greeted.send(_GREETING)]
    return greeted


def _place(target: Target) -> tuple[Any, ...]:
    return target.host, target.port, target.family, target.bind_address


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
