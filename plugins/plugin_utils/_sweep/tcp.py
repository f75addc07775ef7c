# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP connection to a name whose addresses may not all answer: IPv6 behind a firewall, mostly (RFC 8305).

asyncio does that, but asyncssh has no way to ask it to: it is given the socket.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any, Final, cast

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

# An address has this long for itself before the next one is tried beside it, in seconds.
_ALONE: Final = 0.25


class _Unread(asyncio.Protocol):
    """Leaves what comes to whoever gets the socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).pause_reading()


async def connected(target: Target) -> socket.socket | None:
    """A socket to the first address of a name that answers; None for an address. Raises OSError."""
    if _is_address(target.host):
        return None
    bound: dict[str, Any] = {"local_addr": (target.bind_address, 0)} if target.bind_address else {}
    transport, _protocol = await asyncio.get_running_loop().create_connection(
        _Unread, target.host, target.port, family=target.family, happy_eyeballs_delay=_ALONE, **bound
    )
    try:
        return cast(socket.socket, transport.get_extra_info("socket").dup())
    finally:
        transport.abort()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
