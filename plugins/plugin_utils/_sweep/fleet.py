# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sweep: all servers at once within a limit, a result for each, and no server's fault at another's cost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import (
    MAX_NOISE,
    Bundle,
    BundleReader,
    remote_command,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.endpoint import ASYNCSSH, Endpoint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.executor import Executor
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import (
    Failure,
    OtherTransportNeeded,
    places,
    scarce,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.masking import Masking
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.open_files import room_for
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.parent import (
    ended_in_time,
    ended_with_parent,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.progress import Progress
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import load_asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import (
    Limits,
    ServerResult,
    Service,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.tcp import Connector

if TYPE_CHECKING:
    from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh import Dialer

_COLLECT_EVERY: Final = 50


class Endpoints(Protocol):
    """Where the servers are."""

    def resolve(self, server: str) -> Endpoint:
        """A server's endpoint. Raises Failure."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a sweep. Times are seconds; connect_timeout None: what each server's own settings say."""

    services: tuple[Service, ...]
    limits: Limits = field(default_factory=Limits)
    connect_timeout: float | None = None
    timeout: float = 30.0
    max_parallel: int = 50
    redact: bool = True


@dataclass(slots=True)
class Sweep:
    """The results by server, in the order in which the servers were named, and how long it all took."""

    servers: dict[str, ServerResult]
    seconds: float


def sweep(
    servers: Iterable[str],
    endpoints: Endpoints,
    options: Options,
    *,
    salt: bytes | None = None,
    known_digests: Mapping[str, str | None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Sweep:
    """Sweep the servers. salt is that of the masks; say gets lines of progress.

    Must not be called from a running event loop. Whatever ends it, no connection, task or process is left.
    """
    # What is there already is none of the sweep's: looking through it again and again would cost more than the logins.
    gc.freeze()
    fleet = _Fleet(servers, endpoints, options, salt=salt, known_digests=known_digests or {}, say=say)
    try:
        # Not the results: asyncio writes out what its main task returned, in an error message that nobody sees.
        with _quiet():
            asyncio.run(fleet.run())
    finally:
        gc.unfreeze()
    return fleet.sweep()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A log of Ansible's takes what every library says: of each login a dozen lines, and the whole command."""
    asyncio_logger, asyncssh_logger = logging.getLogger("asyncio"), logging.getLogger("asyncssh")
    level = asyncssh_logger.level
    asyncssh_logger.setLevel(logging.ERROR)
    asyncio_logger.addFilter(_worth_saying)
    try:
        yield
    finally:
        asyncio_logger.removeFilter(_worth_saying)
        asyncssh_logger.setLevel(level)


def _worth_saying(record: logging.LogRecord) -> bool:
    """A connection that breaks is in the results; asyncio would print a line for each write that came too late."""
    return not str(record.msg).startswith("socket.send() raised")


def _load() -> None:
    """Import what asyncssh is needed for. Raises ImportError where it is there, but cannot be used."""
    load_asyncssh()
    from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import session, ssh  # noqa: F401

    gc.freeze()


class _Fleet:
    """The state of one sweep, within one event loop."""

    def __init__(
        self,
        servers: Iterable[str],
        endpoints: Endpoints,
        options: Options,
        *,
        salt: bytes | None,
        known_digests: Mapping[str, str | None],
        say: Callable[[str], None] | None,
    ) -> None:
        self._servers = list(dict.fromkeys(servers))
        self._endpoints = endpoints
        self._options = options
        self._masking = Masking(salt, redact=options.redact, seconds=options.timeout)
        self._known = known_digests
        self._progress = Progress(len(self._servers), say) if say else None
        self._results: dict[str, ServerResult] = {}
        self._seconds = 0.0
        self._connector = Connector()
        self._loading: asyncio.Future[None] | None = None
        self._dialers: dict[float, Dialer] = {}

    def sweep(self) -> Sweep:
        """What run() found."""
        return Sweep({server: self._results[server] for server in self._servers}, self._seconds)

    async def run(self) -> None:
        began = time.monotonic()
        # Importing asyncssh takes one thread, and each name that is looked up. A lookup that no name server answers
        # holds its own for longer than its server is waited for: with fewer, no other name would be looked up.
        threads = Executor(len(self._servers) + 1)
        asyncio.get_running_loop().set_default_executor(threads)
        queue = iter(self._servers)
        try:
            with (
                ended_in_time(),
                ended_with_parent(),
                room_for(min(self._options.max_parallel, len(self._servers))) as workers,
            ):
                async with asyncio.TaskGroup() as group:
                    for _unused in range(workers):
                        group.create_task(self._worker(queue))
        finally:
            await asyncio.gather(*(dialer.close() for dialer in self._dialers.values()), return_exceptions=True)
            await self._connector.close()
            self._masking.close()
            # asyncio takes one more thread to do this, for which there may be no room.
            threads.shutdown()
            self._seconds = time.monotonic() - began

    async def _worker(self, queue: Iterator[str]) -> None:
        for server in queue:
            result = await self._server(server)
            self._results[server] = result
            if self._progress:
                self._progress.add(server, result)
            if len(self._results) % _COLLECT_EVERY == 0:
                # Connections refer to themselves in circles, with all their buffers.
                gc.collect()
            # Reading variables takes time of its own: let what came in be read between two servers.
            await asyncio.sleep(0)

    async def _server(self, server: str) -> ServerResult:
        began = time.monotonic()
        result = ServerResult("unreachable")
        target: Target | None = None
        try:
            endpoint = self._endpoints.resolve(server)
            result.transport, result.endpoint, target = endpoint.transport, endpoint.place, endpoint.target
            if endpoint.transport == ASYNCSSH and endpoint.target:
                try:
                    await self._over_asyncssh(endpoint, endpoint.target, result)
                except OtherTransportNeeded as needed:
                    endpoint.transport, endpoint.reason = "ssh", str(needed)
                    endpoint.control_path = needed.control_path
            if endpoint.transport != ASYNCSSH:
                result.transport = f"{endpoint.transport} ({endpoint.reason})"
                await self._over_ansible(endpoint, result)
        except Failure as failure:
            result.status, result.error = failure.status, failure.message
        except Exception as error:
            # A fault of this code or of a library must not cost the other servers their results.
            unexpected = f"unexpected {type(error).__name__}: please report it"
            fault = scarce(error) or Failure("protocol_error", unexpected)
            result.status, result.error = fault.status, fault.message
        if result.error:
            result.error = shown(f"{server}: {await self._masking.message(result.error, places(target))}")
        result.seconds.total = time.monotonic() - began
        return result

    async def _over_asyncssh(self, endpoint: Endpoint, target: Target, result: ServerResult) -> None:
        options = self._options
        await self._asyncssh_for(target)
        from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import other_logins, session

        dialer = self._dialer(options.connect_timeout or endpoint.connect_timeout)
        over = time.monotonic() + options.timeout
        for last in (False, True):
            reader = self._reader(endpoint.server)
            login = await dialer.connect(target)
            result.attempts += login.attempts
            result.seconds.connect = login.seconds
            began = time.monotonic()
            try:
                status, stderr = await session.run(
                    login.connection,
                    self._command(endpoint.server),
                    reader.feed,
                    endpoint.become,
                    seconds=options.timeout,
                    # What the sink takes, and one more: it says best what is wrong.
                    max_bytes=options.limits.max_wire_bytes + MAX_NOISE + 1,
                    early=not last,
                )
                break
            except Failure as failure:
                become = endpoint.become
                if become and (other := other_logins.other_become(target, failure, password=bool(become.password))):
                    raise other from None
                # A connection that broke may hold the next time; what breaks it twice is not asked for again.
                if last or not failure.again or time.monotonic() > over:
                    raise
            finally:
                result.seconds.transfer += time.monotonic() - began
                dialer.release(login.connection)
        await self._take(reader.finish(status, stderr), result)

    async def _over_ansible(self, endpoint: Endpoint, result: ServerResult) -> None:
        # Nothing else in a sweep needs Ansible, whose start takes longer than many a sweep.
        from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import ansible_connection

        reader = self._reader(endpoint.server)
        result.attempts = 1
        began = time.monotonic()
        output = await ansible_connection.run(
            endpoint,
            self._command(endpoint.server),
            seconds=(self._options.connect_timeout or endpoint.connect_timeout) + self._options.timeout,
            max_bytes=self._options.limits.max_wire_bytes,
        )
        result.seconds.transfer = time.monotonic() - began
        reader.feed(output.stdout)
        await self._take(reader.finish(output.status, output.stderr), result)

    async def _asyncssh_for(self, target: Target) -> None:
        """Wait until asyncssh is there. Meanwhile the first servers take their connections, and their sshd begins."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().run_in_executor(None, _load)
        if not self._loading.done():
            self._connector.begin(target)
        try:
            await asyncio.shield(self._loading)
        except ImportError as error:
            words = f"asyncssh cannot be imported ({error}): install it again for the Python that runs Ansible"
            raise Failure("unreachable", words) from None
        # What comes next is waiting for servers, and then their files.
        self._masking.begin()

    def _dialer(self, connect_timeout: float) -> Dialer:
        if connect_timeout not in self._dialers:
            from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh import Dialer

            patience = connect_timeout + self._options.timeout
            # ssh, whose word Ansible's settings are, bounds the connection by them, and not how long a server takes to
            # look up users and names.
            login_timeout = self._options.connect_timeout or patience
            self._dialers[connect_timeout] = Dialer(connect_timeout, login_timeout, patience, self._connector)
        return self._dialers[connect_timeout]

    def _command(self, server: str) -> str:
        return remote_command(self._options.services, self._options.limits, self._known.get(server))

    def _reader(self, server: str) -> BundleReader:
        return BundleReader(self._options.services, self._options.limits, self._known.get(server))

    async def _take(self, bundle: Bundle, result: ServerResult) -> None:
        result.status = bundle.status
        result.error = bundle.error
        result.digest = bundle.digest
        result.empty = bundle.empty
        result.files = await self._masking.files(bundle.files)
        if result.status == "ok" and any(item.error for item in result.files):
            result.status = "partial"
            first = next(item for item in result.files if item.error)
            result.error = f"{first.path}: {first.error}"
