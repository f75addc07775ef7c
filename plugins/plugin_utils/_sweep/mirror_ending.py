# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done last when a sweep writes, be it that somebody ends it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class _EndedError(BaseException):
    """A signal came: nothing is to catch this but what raised it."""


@contextlib.contextmanager
def tidied(tidy: Callable[[], None]) -> Iterator[None]:
    """Call tidy after the block, and after SIGINT and SIGTERM have ended it too: they take effect once it is done.

    A worker of Ansible would die at once of them.
    """
    if threading.current_thread() is not threading.main_thread():
        try:
            yield
        finally:
            tidy()
        return
    came: list[int] = []
    ends = True

    def handler(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        # One more, as Ansible sends to its workers when it was ended itself, is not to stop the tidying.
        if ends and len(came) == 1:
            raise _EndedError

    before = {}
    ended = False
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            # None: set by what is not Python, and not to be put back.
            if signal.getsignal(number) not in {signal.SIG_IGN, None}:
                before[number] = signal.signal(number, handler)
        try:
            yield
        finally:
            ends = False
            tidy()
    except _EndedError:
        ended = True
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        if came:
            signal.raise_signal(came[0])
    if ended:
        # Whoever handles that signal went on, but the block did not.
        raise KeyboardInterrupt
