# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of one sweep over asyncssh: logins within limits, jump hosts shared, one command on each.

A Dialer lives in one event loop; close() ends all that it opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import failures
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import (
    Failure,
    OtherTransportNeeded,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.host_keys import KnownHosts, is_exempt
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.login_keys import KeyRing
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.other_logins import other_login
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.proxy import Proxy
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_attempt import Attempt
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.tcp import Connector

# An sshd with its default MaxStartups of 10:30:100 begins to drop logins when ten are under way.
LOGINS_PER_ADDRESS: Final = 8
_MAX_ATTEMPTS: Final = 6
_FIRST_PAUSE: Final = 0.25
_CLOSE_SECONDS: Final = 5.0
# How often a jump connection that broke is made anew.
_MAX_HOP_LIVES: Final = 3


@dataclass(slots=True)
class Login:
    """An open connection; attempts counts the logins it took, seconds the time of the last one."""

    connection: asyncssh.SSHClientConnection
    attempts: int
    seconds: float


@dataclass(slots=True)
class _Gate:
    """Logins with one credential at one address: the first goes alone, and none follows one that was refused.

    withheld are refusals without the password, by how the host key was judged: they say nothing of other names of the
    server.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    proven: bool = False
    refused: Failure | OtherTransportNeeded | None = None
    withheld: dict[tuple[Any, ...], Failure | OtherTransportNeeded] = field(default_factory=dict)

    def refusal(self, target: Target) -> Failure | OtherTransportNeeded | None:
        return self.refused or self.withheld.get(_judgement(target))

    def refuse(self, target: Target, failure: Failure, other: OtherTransportNeeded | None) -> None:
        if failure.withheld:
            self.withheld[_judgement(target)] = other or failure
        else:
            self.refused = other or failure


@dataclass(slots=True)
class _Hop:
    """A shared jump connection, and how many were made so far."""

    task: asyncio.Task[Login]
    lives: int = 1


class Dialer:
    """Opens connections. Times are seconds: connect_timeout bounds one login until keys are agreed upon, login_timeout
    the whole of it; patience bounds all attempts at one server.
    """

    def __init__(self, connect_timeout: float, login_timeout: float, patience: float, connector: Connector) -> None:
        self._connect_timeout = connect_timeout
        self._login_timeout = login_timeout
        self._patience = patience
        self._connector = connector
        self._known_hosts = KnownHosts()
        self._ring = KeyRing()
        self._gates: dict[tuple[Any, ...], _Gate] = {}
        self._slots: dict[tuple[Any, ...], asyncio.Semaphore] = {}
        self._hops: dict[Target, _Hop] = {}
        self._proxies: dict[asyncssh.SSHClientConnection, Proxy] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close everything. Bounded; safe to call after a cancellation."""
        hops = [hop.task for hop in self._hops.values()]
        for task in hops:
            if task.done() and not task.cancelled() and task.exception() is None:
                self.release(task.result().connection)
            task.cancel()
        await asyncio.gather(*hops, return_exceptions=True)
        # Each of these is bounded by _closed.
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._ring.close()

    def release(self, connection: asyncssh.SSHClientConnection) -> None:
        """Close a connection without waiting for it."""
        connection.close()
        task = asyncio.ensure_future(_closed(connection, self._proxies.pop(connection, None)))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def connect(self, target: Target) -> Login:
        """Log in, again when the server dropped the attempt. Raises Failure or OtherTransportNeeded."""
        tunnel = await self._tunnel(target)
        gate = self._gates.setdefault(_credential(target), _Gate())
        if not gate.proven and gate.refusal(target) is None:
            async with gate.lock:
                if not gate.proven and gate.refusal(target) is None:
                    try:
                        return await self._attempts(target, tunnel, gate)
                    finally:
                        gate.proven = gate.refusal(target) is None
        refusal = gate.refusal(target)
        if isinstance(refusal, OtherTransportNeeded):
            raise OtherTransportNeeded(str(refusal), refusal.control_path)
        if refusal:
            raise Failure(
                refusal.status, f"{refusal.message}; not tried again with the same credentials at one address"
            )
        return await self._attempts(target, tunnel, gate)

    async def _attempts(self, target: Target, tunnel: asyncssh.SSHClientConnection | None, gate: _Gate) -> Login:
        slots = self._slots.setdefault(_place(target), asyncio.Semaphore(LOGINS_PER_ADDRESS))
        began: float | None = None
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            async with slots:
                started = time.monotonic()
                began = began or started
                try:
                    if tunnel and tunnel.is_closed():
                        tunnel = await self._tunnel(target)
                    connection = await self._login(target, tunnel)
                except OtherTransportNeeded as needed:
                    gate.refused = needed
                    raise
                except Failure as failure:
                    if failure.status == "auth_failed":
                        other = await asyncio.to_thread(other_login, target)
                        gate.refuse(target, failure, other)
                        if other:
                            raise other from None
                    pause = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311
                    over = time.monotonic() + pause > began + self._patience
                    most = _MAX_ATTEMPTS if not failure.once else 2
                    if not failure.again or attempt >= most or over:
                        if attempt > 1:
                            raise Failure(failure.status, f"{failure.message} ({attempt} attempts)") from failure
                        raise
                else:
                    return Login(connection, attempt, time.monotonic() - started)
            await asyncio.sleep(pause)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    async def _login(self, target: Target, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
        """One login, within the time; what a proxy command complained of is part of the failure."""
        proxies: list[Proxy] = []
        try:
            return await self._logged_in(target, tunnel, proxies)
        except Failure as failure:
            if proxies and failure.status in {"unreachable", "timeout"} and (said := proxies[-1].said()):
                failure.message += f"; the proxy command said: {said}"
            raise
        finally:
            for proxy in proxies:
                await proxy.close()

    async def _logged_in(
        self, target: Target, tunnel: asyncssh.SSHClientConnection | None, proxies: list[Proxy]
    ) -> asyncssh.SSHClientConnection:
        """Where there is but one key to offer, it is offered without being asked for."""
        began = asyncio.get_running_loop().time()
        limit, bound = self._connect_timeout, asyncio.timeout(self._connect_timeout)

        def heard() -> None:
            nonlocal limit
            self._remember(attempt)
            if self._login_timeout > limit and not bound.expired():
                limit = self._login_timeout
                bound.reschedule(began + limit)

        attempt = Attempt(target, self._known_hosts.trust(target), heard)
        try:
            async with bound:
                attempt.keys = await self._ring.keys(target)
                try:
                    connection = await self._open(attempt.start(), tunnel, proxies)
                except asyncssh.Error as error:
                    if not attempt.may_go_on(error):
                        raise
                    connection = await self._open(attempt.start(), tunnel, proxies)
            if proxies:
                self._proxies[connection] = proxies.pop()
        except TimeoutError:
            connected = attempt.client.connected
            raise failures.no_answer(target, limit, connected=connected) from None
        except (OSError, asyncssh.Error) as error:
            if tunnel and tunnel.is_closed():
                raise failures.broken_jump(target) from None
            if isinstance(error, asyncssh.ChannelOpenError):
                raise failures.jump(target, error) from None
            if isinstance(error, OSError):
                raise failures.unreachable(target, error) from None
            if isinstance(error, asyncssh.ConnectionLost) and attempt.client.exchanging_keys:
                # An sshd that finds no algorithm in common hangs up.
                raise OtherTransportNeeded(f"{target.address} broke off the key exchange") from None
            if isinstance(error, asyncssh.ConnectionLost) and attempt.client.authenticating:
                raise failures.turned_away(target) from None
            if attempt.client.withheld and isinstance(error, asyncssh.PermissionDenied):
                raise failures.withheld(target, attempt.trust, attempt.tried) from None
            raise failures.login(target, error, attempt.trust, attempt.tried) from None
        except ValueError as error:
            # asyncssh refuses an option: ssh may take it.
            raise OtherTransportNeeded(f"asyncssh: {' '.join(str(error).split())[:200]}") from None
        if "-tinyssh" in str(connection.get_extra_info("server_version")):
            # It reads no packet that comes close behind another until more come, and asyncssh sends them in pairs.
            self.release(connection)
            raise OtherTransportNeeded("TinySSH does not understand asyncssh")
        return connection

    async def _open(
        self, attempt: Attempt, tunnel: asyncssh.SSHClientConnection | None, proxies: list[Proxy]
    ) -> asyncssh.SSHClientConnection:
        """Connect and log in; a proxy that was started for it is the last of proxies."""
        target = attempt.target
        options = attempt.options()
        if target.proxy_command:
            proxies.append(await Proxy.start(target.proxy_command))
            options["sock"] = proxies[-1].socket
        elif tunnel is None and (made := await self._connector.connected(target)):
            options["sock"] = made
        return await asyncssh.connect(target.host, target.port, tunnel=tunnel or (), **options)

    def _remember(self, attempt: Attempt) -> None:
        """Keep a new host key that was taken, as ssh does before it logs in: whoever refuses the login, or drops it,
        is not to come with another key the next time.
        """
        target, key = attempt.target, attempt.trust.offered
        if key and not attempt.client.mismatch and not is_exempt(target):
            # As with ssh: a known_hosts that cannot be written costs nobody the connection.
            with contextlib.suppress(OSError):
                self._known_hosts.add(target, key)
            attempt.trust = self._known_hosts.trust(target)

    async def _tunnel(self, target: Target) -> asyncssh.SSHClientConnection | None:
        """The connection to the target's jump host: one for all that share it."""
        if target.jump is None:
            return None
        hop = self._hops.get(target.jump)
        if hop is None:
            hop = self._hops[target.jump] = _Hop(asyncio.ensure_future(self.connect(target.jump)))
        elif _broken(hop.task) and hop.lives < _MAX_HOP_LIVES:
            hop.task = asyncio.ensure_future(self.connect(target.jump))
            hop.lives += 1
        try:
            login = await asyncio.shield(hop.task)
        except Failure as failure:
            raise failures.of_jump_host(failure) from None
        except OtherTransportNeeded as needed:
            raise OtherTransportNeeded(f"jump host: {needed}") from None
        return login.connection


def _broken(task: asyncio.Task[Login]) -> bool:
    """Whether a jump connection that once stood is gone."""
    done = task.done() and not task.cancelled() and task.exception() is None
    return done and task.result().connection.is_closed()


async def _closed(connection: asyncssh.SSHClientConnection, proxy: Proxy | None) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.wait_closed()
    except (OSError, asyncssh.Error, TimeoutError):
        connection.abort()
    finally:
        if proxy:
            await proxy.close()


def _place(target: Target) -> tuple[Any, ...]:
    """What one sshd is known by."""
    return target.host, target.port, target.proxy_command, target.jump


def _credential(target: Target) -> tuple[Any, ...]:
    """Logins that the same sshd would answer in the same way."""
    return (
        *_place(target),
        target.user,
        target.identities,
        target.certificates,
        target.identities_only,
        target.agent,
        target.methods,
        target.control_path,
        target.credentials,
    )


def _judgement(target: Target) -> tuple[Any, ...]:
    """What decides whether a server's host key fits."""
    return target.strict, target.known_hosts, target.global_known_hosts, target.host_key_alias
