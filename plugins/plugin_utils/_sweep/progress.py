# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of a running sweep: a plain line for each server, or for each 5 % of a large fleet."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult

EACH_UP_TO: Final = 100
_STEP: Final = 5
_MAX_LINE: Final = 900  # bytes


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """SIGINT and SIGTERM wait until the block is done.

    A worker of Ansible dies at once of a signal. In the middle of a put to Ansible's queue it would leave the queue's
    lock taken, and ansible-playbook waits for that lock when it ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _frame: waiting.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for number in waiting:
            signal.raise_signal(number)


class Progress:
    """Writes lines of less than 1 kB through say as results come in; total is how many will come."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total = total
        self._say = say
        self._done = 0
        self._counts: Counter[str] = Counter()
        self._step = 0

    def add(self, server: str, result: ServerResult) -> None:
        self._done += 1
        self._counts[result.status] += 1
        if self._total <= EACH_UP_TO:
            self._write(self._line(server, result))
            return
        step = self._done * 100 // (self._total * _STEP)
        if step > self._step:
            self._step = step
            counts = ", ".join(f"{count} {status}" for status, count in sorted(self._counts.items()))
            self._write(f"{self._head} {step * _STEP} %: {counts}")

    def _write(self, line: str) -> None:
        with _uninterrupted():
            self._say(line.encode("utf-8", "replace")[:_MAX_LINE].decode("utf-8", "ignore"))

    @property
    def _head(self) -> str:
        width = len(str(self._total))
        return f"[{self._done:{width}}/{self._total}]"

    def _line(self, server: str, result: ServerResult) -> str:
        # A name may be anything that an inventory holds, and a line is one line.
        line = f"{self._head} {shown(server)} {result.status}"
        if result.status in {"ok", "partial"}:
            size = sum(item.size for item in result.files)
            line += f" {len(result.files)} files {_bytes(size)}"
        line += f" {result.seconds.total:.2f} s"
        if result.error:
            # Which begins with the name, too.
            line += f": {' '.join(result.error.removeprefix(shown(f'{server}: ')).split())}"
        elif result.empty:
            line += f": no file of {shown(', '.join(result.empty))} matches the patterns"
        return line


def _bytes(size: int) -> str:
    """A size as people write it, in powers of 1,000."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            break
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
