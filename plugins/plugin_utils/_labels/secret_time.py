# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a text may take: the loops over what a hostile server can make long ask whether the time is over.

The time is that of the thread itself, so nobody pays for what others do meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

_limit = threading.local()


class TooSlowError(Exception):
    """The time that a text may take is over."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give what is done here so much CPU time of this thread, in seconds."""
    before = getattr(_limit, "over", None)
    _limit.over = time.thread_time() + seconds
    try:
        yield
    finally:
        _limit.over = before


def check() -> None:
    """Raise TooSlowError when the time is over."""
    over = getattr(_limit, "over", None)
    if over is not None and time.thread_time() > over:
        raise TooSlowError
