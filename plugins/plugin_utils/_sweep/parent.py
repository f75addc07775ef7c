# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sweep in a worker of Ansible ends with ansible-playbook, and with the time that its task has."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_with_parent() -> Iterator[None]:
    """Within the block, this process gets SIGTERM when the one that forked it is gone. For a running event loop.

    ansible-playbook hands that signal on by itself, but not where it is killed, and until ansible-core 2.18 not at all:
    the worker would keep its connections until their time is over.
    """
    # Whoever was forked by it has imported it: a sweep that was not need not take that time.
    multiprocessing = sys.modules.get("multiprocessing")
    parent = multiprocessing.parent_process() if multiprocessing else None
    if parent is None:
        yield
        return
    loop, sentinel = asyncio.get_running_loop(), parent.sentinel

    def gone() -> None:
        loop.remove_reader(sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, gone)
    try:
        yield
    finally:
        loop.remove_reader(sentinel)


@contextmanager
def ended_in_time() -> Iterator[None]:
    """Within the block, SIGALRM cancels the task that entered it; whoever set a handler hears of it at the end.

    Ansible's raises, wherever it is, to bound a task by its keyword timeout. What asyncio calls is no place for that:
    what is raised there is swallowed, or comes out in a group, of which the worker dies. For a running event loop.
    """
    handler = signal.getsignal(signal.SIGALRM)
    task = asyncio.current_task()
    if not callable(handler) or task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, came = asyncio.get_running_loop(), False

    def over(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        loop.call_soon_threadsafe(task.cancel)

    # The loop's own way to do this leaves a moment at its end in which the signal kills the process.
    signal.signal(signal.SIGALRM, over)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        if came:
            signal.raise_signal(signal.SIGALRM)
