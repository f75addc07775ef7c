# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that goes out with the request for its channel, and servers where it must not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import session
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure
from tests.support.asyncssh_fleet import asyncssh_fleet
from tests.support.processes import LOOPBACK
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep

COMMAND = "printf out; printf err >&2; exit 3"
ASKED = "Sent MSG_CHANNEL_REQUEST"
CONFIRMED = "Received MSG_CHANNEL_OPEN_CONFIRMATION"


def _into(output: bytearray) -> Callable[[bytes], bool]:
    """A sink that never has enough: the output ends with the command."""

    def sink(data: bytes) -> bool:
        output.extend(data)
        return False

    return sink


def _connected(fleet: SshdFleet) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    server = fleet["prom-01"]
    return asyncssh.connect(
        LOOPBACK,
        server.port,
        username=server.user,
        client_keys=[str(server.key)],
        known_hosts=str(fleet.known_hosts),
        config=None,
    )


async def _outputs(fleet: SshdFleet, earlies: list[bool]) -> list[tuple[int | None, bytes, bytes]]:
    """What the same command gave on one connection, for each time that it was run: status, output, complaints."""
    found = []
    async with _connected(fleet) as connection:
        for early in earlies:
            output = bytearray()
            status, stderr = await session.run(
                connection, COMMAND, _into(output), None, seconds=20, max_bytes=1000, early=early
            )
            found.append((status, bytes(output), stderr))
    return found


@pytest.mark.parametrize("early", [True, False])
def test_the_command_does_not_wait_for_the_channel(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, early: bool
) -> None:
    asyncssh.set_debug_level(3)
    try:
        with SshdFleet(tmp_path, 1) as fleet, caplog.at_level(logging.DEBUG, "asyncssh"):
            # A second command takes its channel by the book.
            assert asyncio.run(_outputs(fleet, [early, False])) == [(3, b"out", b"err")] * 2
    finally:
        asyncssh.set_debug_level(1)
    lines = [record.getMessage() for record in caplog.records]
    asked = [number for number, line in enumerate(lines) if ASKED in line]
    confirmed = [number for number, line in enumerate(lines) if CONFIRMED in line]
    assert len(asked) == len(confirmed) == 2
    assert (asked[0] < confirmed[0]) is early
    assert asked[1] > confirmed[1]


def test_a_server_that_runs_no_command_says_so(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1, sshd_config="MaxSessions 0\n") as fleet:
        with pytest.raises(Failure) as caught:
            asyncio.run(_outputs(fleet, [True]))
        assert caught.value.status == "protocol_error"
        result = sweep(fleet.inventory(), tmp_path)["prom-01"]
    assert result.status == "protocol_error"
    assert "runs no command (open failed): see what its sshd allows (MaxSessions" in str(result.error)


@pytest.mark.parametrize("early", [True, False])
def test_a_connection_that_has_just_broken(tmp_path: Path, *, early: bool) -> None:
    """asyncssh takes a moment to count it as closed."""

    async def broken(fleet: SshdFleet) -> Failure:
        async with _connected(fleet) as connection:
            connection.abort()
            with pytest.raises(Failure) as caught:
                await session.run(
                    connection, COMMAND, _into(bytearray()), None, seconds=20, max_bytes=1000, early=early
                )
        return caught.value

    with SshdFleet(tmp_path, 1) as fleet:
        failure = asyncio.run(broken(fleet))
    assert failure.again
    assert "the connection broke after 0 bytes" in failure.message


# asyncssh's own servers end a connection on which a message comes for a channel that there is not.
@pytest.mark.parametrize(("version", "attempts"), [("OpenSSH_9.9", 2), ("Other", 1)])
def test_a_server_that_wants_it_by_the_book(tmp_path: Path, version: str, attempts: int) -> None:
    with asyncssh_fleet(tmp_path, 3, version=version, first_channel=7) as (inventory, services):
        results = sweep(inventory, tmp_path, services=services)
    for result in results.values():
        assert (result.status, result.error, len(result.files)) == ("ok", None, 8)
        assert result.attempts == attempts


class _Lenient(asyncssh.SSHServer):
    """Gives its first channel the number 7, and minds no message for channel 0."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        channels: Any = conn
        channels._next_recv_chan = 7
        channels._channels[0] = self

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return False

    def log_received_packet(self, *message: object) -> None:
        """Of the message for channel 0."""

    def process_packet(self, *message: object) -> bool:  # noqa: ARG002
        return True

    def process_connection_close(self, exc: Exception | None) -> None:
        """As the connection does with each of its channels."""


async def _lenient() -> tuple[int | None, bytes]:
    def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(str(process.command).encode())
        process.exit(4)

    keys = [asyncssh.generate_private_key("ssh-ed25519")]
    server = await asyncssh.listen(
        LOOPBACK,
        0,
        server_factory=_Lenient,
        server_version="OpenSSH_9.9",
        server_host_keys=keys,
        process_factory=answer,
        encoding=None,
    )
    output = bytearray()
    async with server, asyncssh.connect(LOOPBACK, server.get_port(), known_hosts=None, config=None) as connection:
        status, _unused = await session.run(
            connection, "a command", _into(output), None, seconds=20, max_bytes=1000, early=True
        )
    return status, bytes(output)


def test_a_server_that_minds_no_unknown_channel_gets_the_command_again() -> None:
    assert asyncio.run(_lenient()) == (4, b"a command")
