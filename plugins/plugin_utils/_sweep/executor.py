# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The executors of a sweep: threads for what may block, and none for what does not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

_OPTIONS: Final = "SSHClientConnectionOptions"


class Executor(ThreadPoolExecutor):
    """asyncssh prepares the options of each connection in a thread, since that may read key files.

    Ours read none, and a thread's turn costs more than the work: a tenth of the client's time for a server.

    Where the system gives no more threads, those that there are take turns.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        # By its name: asyncssh may not be there yet.
        if not (isinstance(fn, functools.partial) and getattr(fn.func, "__name__", "") == _OPTIONS):
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            # What was submitted is in the queue by now.
            if not self._threads:
                raise
