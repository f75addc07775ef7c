# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy on loopback that holds every byte for half a round trip in each direction: a slow link to real servers.

Usage: delay_proxy.py ROUND_TRIP_MS LISTEN_PORT:TARGET_PORT ...   (prints "ready" and runs until it is ended)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys

LOOPBACK = "127.0.0.1"


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Copy bytes, each chunk a fixed time after it came; chunks overlap, so the delay does not limit the throughput."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await queue.get()
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    with contextlib.suppress(OSError):
        while True:
            data = await reader.read(65536)
            queue.put_nowait((loop.time() + delay, data))
            if not data:
                break
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await delivery


async def serve(delay: float, pairs: list[tuple[int, int]]) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        # The TCP handshake costs a round trip too.
        await asyncio.sleep(2 * delay)
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer, delay), carry(far_reader, writer, delay))
        for each in (writer, far_writer):
            each.close()

    servers = [
        await asyncio.start_server(functools.partial(connected, target=target), LOOPBACK, listen, backlog=512)
        for listen, target in pairs
    ]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(
            serve(
                float(sys.argv[1]) / 2000,
                [(int(pair.split(":")[0]), int(pair.split(":")[1])) for pair in sys.argv[2:]],
            )
        )
