# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy on loopback that holds every byte for half a round trip in each direction: a slow link to real servers.

Usage: delay_proxy.py ROUND_TRIP_MS LISTEN_PORT:TARGET_PORT ...   (prints "ready"; SIGTERM or SIGINT ends it, status 0)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import sys

LOOPBACK = "127.0.0.1"


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Copy bytes, each chunk a fixed time after it came; chunks overlap, so the delay does not limit the throughput."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def receive() -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            queue.put_nowait((loop.time() + delay, data))

    async def deliver() -> None:
        while True:
            due, data = await queue.get()
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            with contextlib.suppress(OSError):
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

    async with asyncio.TaskGroup() as both:
        both.create_task(receive())
        both.create_task(deliver())


async def link(near: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int, delay: float) -> None:
    """One connection, both ways, until both ends are through with it."""
    writers = [writer]
    try:
        # The TCP handshake costs a round trip too.
        await asyncio.sleep(2 * delay)
        try:
            far, far_writer = await asyncio.open_connection(LOOPBACK, target)
        except OSError:
            return
        writers.append(far_writer)
        async with asyncio.TaskGroup() as both:
            both.create_task(carry(near, far_writer, delay))
            both.create_task(carry(far, writer, delay))
    finally:
        for each in writers:
            each.close()


async def serve(delay: float, pairs: list[tuple[int, int]]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    links: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        # A task of our own: the one that asyncio would make complains of its cancellation.
        task = asyncio.create_task(link(reader, writer, target, delay))
        links.add(task)
        task.add_done_callback(links.discard)

    servers = [
        await asyncio.start_server(functools.partial(connected, target=target), LOOPBACK, listen, backlog=512)
        for listen, target in pairs
    ]
    print("ready", flush=True)
    await ended.wait()
    for server in servers:
        server.close()
    for task in links:
        task.cancel()
    await asyncio.gather(*links, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(
        serve(
            float(sys.argv[1]) / 2000,
            [(int(pair.split(":")[0]), int(pair.split(":")[1])) for pair in sys.argv[2:]],
        )
    )
