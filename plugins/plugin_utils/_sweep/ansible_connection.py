# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same command over any connection plugin of Ansible: local, docker, ssh where asyncssh cannot do it, and others.

A plugin's exec_command blocks, and may block for good. So each runs in a process of its own, in a process group of its
own, which is ended when the time is over, when the sweep is cancelled, and when the sweep's process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import resource
import shlex
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

from ansible import constants as C  # noqa: N812
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure
from ansible.utils.display import Display

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.body import MARKER, quote
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.endpoint import Endpoint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Status

_MAX_STDERR: Final = 8192
_END_SECONDS: Final = 5.0
_CHUNK: Final = 256 * 1024
# How often what a plugin holds is looked at, and how much it may hold beside copies of the most that is wanted.
_WATCH_SECONDS: Final = 0.1
_COPIES: Final = 5
_MEMORY: Final = 64 * 1024 * 1024
_ARGUMENTS: Final = ("ssh_args", "ssh_common_args", "ssh_extra_args")


@dataclass(frozen=True, slots=True)
class Output:
    status: int
    stdout: bytes
    stderr: bytes


async def run(endpoint: Endpoint, command: str, *, seconds: float, max_bytes: int) -> Output:
    """Run command and return what it printed, of stdout at most max_bytes + 1. Raises Failure."""
    # One pipe carries the answer, the other tells the child that this process is alive.
    answer, answering = os.pipe()
    alive, living = os.pipe()
    context = multiprocessing.get_context("fork")
    child = context.Process(
        target=_child, args=(endpoint, command, max_bytes, (answering, alive), (answer, living)), daemon=False
    )
    try:
        child.start()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Whoever comes first: the group must be there before it is ended.
            os.setpgid(child.pid or 0, child.pid or 0)
        os.close(answering)
        answering = -1
        async with asyncio.timeout(seconds):
            data = await _read_all(answer, max_bytes + _MAX_STDERR + 4096)
    except TimeoutError:
        raise Failure(
            "timeout",
            f"no answer over the connection plugin {endpoint.transport} within {seconds:g} s: see that the host is up,"
            " or raise timeout",
        ) from None
    finally:
        for descriptor in (answer, alive, living, answering):
            if descriptor >= 0:
                os.close(descriptor)
        await _end(child)
    if not data:
        raise Failure("protocol_error", f"the connection plugin {endpoint.transport} ended without an answer")
    kind, *values = pickle.loads(data)  # noqa: S301  (written by this code, in a process of ours)
    if kind == "failure":
        raise Failure(values[0], values[1])
    return Output(*values)


async def _read_all(descriptor: int, limit: int) -> bytes:
    """Everything until the other side closes; more than limit bytes are cut off."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    parts: list[bytes] = []
    os.set_blocking(descriptor, False)

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            part = os.read(descriptor, _CHUNK)
            parts.append(part)
            if not part and not done.done():
                done.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        await done
    finally:
        loop.remove_reader(descriptor)
    return b"".join(parts)[:limit]


async def _end(child: Any) -> None:
    """End the child's process group and reap it."""
    if child.pid is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        for _unused in range(int(_END_SECONDS / 0.01)):
            if child.exitcode is not None:
                break
            await asyncio.sleep(0.01)
        if child.exitcode is not None:
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # What ignored the first signal.
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ValueError):
        child.close()


def _child(endpoint: Endpoint, command: str, max_bytes: int, mine: tuple[int, int], other: tuple[int, ...]) -> NoReturn:
    """In the forked process: run the command, write the answer, and be gone."""
    answering, alive = mine
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        for descriptor in other:
            os.close(descriptor)
        threading.Thread(target=_watch, args=(alive, answering, max_bytes), daemon=True).start()
        # What goes over the connection holds secrets: nothing of it is for anybody's eyes.
        display = Display()
        display.set_queue(cast("Any", _Nowhere()))
        display.verbosity = 0
        display.log_verbosity = 0
        C.DEFAULT_DEBUG = False
        data = pickle.dumps(_execute(endpoint, command, max_bytes))
        while data:
            data = data[os.write(answering, data) :]
    finally:
        os._exit(0)


class _Nowhere:
    """Takes what is displayed here in place of Ansible's queue, and drops it.

    This process may be ended at any moment. In the middle of a put to Ansible's queue that would leave its lock
    taken, and ansible-playbook waiting for it for good.
    """

    def send_display(self, *_arguments: object, **_options: object) -> None:
        pass


def _watch(alive: int, answering: int, max_bytes: int) -> None:
    """End this process group when the sweep's process is gone: its end of the pipe closes.

    Connection plugins hold what comes, and all of it: end it too when that is far more than is wanted.
    """
    most = _memory() + _COPIES * max_bytes + _MEMORY
    # Not with select(), which takes no file beyond the 1024th.
    while not multiprocessing.connection.wait([alive], _WATCH_SECONDS):
        if _memory() > most:
            words = f"more than {max_bytes} bytes came: narrow the services' patterns or raise max_bytes"
            os.write(answering, pickle.dumps(("failure", "too_large", words)))
            break
    os.killpg(0, signal.SIGKILL)


def _memory() -> int:
    """The most bytes that this process held at once so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _execute(endpoint: Endpoint, command: str, max_bytes: int) -> tuple[Any, ...]:
    try:
        connection = endpoint.make_connection()
        if connection.has_option("use_tty"):
            # A terminal would garble the stream.
            connection.set_option("use_tty", False)
        if connection.has_option("ssh_args"):
            # A shared connection would outlive the sweep, and might be somebody else's login: one that is open already
            # is used where there is no other way in.
            path = (endpoint.control_path or "none").replace("%", "%%")
            alone = "-o ControlMaster=no -o " + shlex.quote(f'ControlPath="{path}"')
            for name in filter(connection.has_option, _ARGUMENTS):
                connection.set_option(name, _not_quiet(str(connection.get_option(name) or "")))
            connection.set_option("ssh_args", f"{alone} -o LogLevel=INFO {connection.get_option('ssh_args')}")
        if endpoint.become:
            dialogue = endpoint.become.dialogue(command)
            connection.set_become_plugin(endpoint.become.plugin)
            command = dialogue.command
        status, stdout, stderr = connection.exec_command(command, in_data=None, sudoable=bool(endpoint.become))
        if endpoint.become and status != 0 and MARKER.strip() not in stdout:
            endpoint.become.explain(bytes(stderr or stdout))
    except Failure as failure:
        return "failure", failure.status, f"over the connection plugin {endpoint.transport}: {failure.message}"
    except Exception as error:
        return ("failure", *_explain(endpoint, error))
    stderr = bytes(stderr)[-_MAX_STDERR:]
    if endpoint.become:
        stderr = endpoint.become.hidden(stderr)
        if MARKER.strip() not in stdout:
            stdout = endpoint.become.hidden(bytes(stdout))
    # With the words of become, a plugin may have taken the line break that begins the stream.
    return "output", int(status), b"\n" + bytes(stdout)[: max_bytes + 1], stderr


def _not_quiet(text: str) -> str:
    """Arguments of ssh that let it say why it failed: nothing else would tell a wrong key from a host that is down."""
    try:
        return shlex.join(word for word in shlex.split(text) if word != "-q")
    except ValueError:
        # The plugin will say what it thinks of it.
        return text


def _explain(endpoint: Endpoint, error: Exception) -> tuple[Status, str]:
    said = str(error)
    words, low = quote(said.encode("utf-8", "replace"), 400), " ".join(said.split())[-400:].lower()
    where = f"over the connection plugin {endpoint.transport}"
    if "host key verification failed" in low or "remote host identification has changed" in low:
        return "host_key_rejected", f"{where}: {words}"
    if isinstance(error, AnsibleAuthenticationFailure) or "permission denied" in low:
        return "auth_failed", f"{where}: {words}"
    if endpoint.become and ("password" in low or "escalation" in low or "become" in low):
        return "denied", f"{where}: {words}: check ansible_become_password"
    if isinstance(error, AnsibleConnectionFailure):
        return "unreachable", f"{where}: {words}"
    return "unreachable", f"{where}: {type(error).__name__}: {words}"
