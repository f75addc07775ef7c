# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The executors of a sweep: threads for what may block, and none for what does not."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

_OPTIONS: Final = "SSHClientConnectionOptions"

_Call = tuple[Future[Any], Callable[[], Any]]


class Executor(ThreadPoolExecutor):
    """asyncssh prepares the options of each connection in a thread, since that may read key files.

    Ours read none, and a thread's turn costs more than the work: a tenth of the client's time for a server.

    A lookup that no name server answers cannot be ended, and may take minutes: unlike the threads of the class that
    asyncio insists on, these are waited for neither where it hangs, nor when Python ends. Where the system gives no
    more threads, those that there are take turns.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._most = most
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._takers: list[Thread] = []
        self._open: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        call: _Call = (future, functools.partial(fn, *args, **kwargs))
        # By its name: asyncssh may not be there yet.
        if isinstance(fn, functools.partial) and getattr(fn.func, "__name__", "") == _OPTIONS:
            _run(*call)
            return future
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        self._calls.put(call)
        if len(self._takers) < min(len(self._open), self._most):
            self._take_another()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: ARG002
        """Nothing begins after this. Threads end, and are waited for where none has anything left to do."""
        with contextlib.suppress(Empty):
            while call := self._calls.get_nowait():
                call[0].cancel()
        for _unused in self._takers:
            self._calls.put(None)
        if wait and not self._open:
            for taker in self._takers:
                taker.join()

    def _take_another(self) -> None:
        taker = Thread(target=self._take, daemon=True)
        try:
            taker.start()
        except RuntimeError:
            if not self._takers:
                raise
        else:
            self._takers.append(taker)

    def _take(self) -> None:
        while call := self._calls.get():
            _run(*call)
            # What it holds may be large.
            del call


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)
