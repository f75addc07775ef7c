# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that nothing has to wait for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.executor import Executor

HANGS = """
import asyncio, os
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.executor import Executor

async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Executor(2))
    hanging = loop.run_in_executor(None, os.read, 0, 1)
    print(await loop.run_in_executor(None, str, "done"))
    hanging.cancel()

asyncio.run(main())
"""


@pytest.fixture
def executor() -> Iterator[Executor]:
    made = Executor(2)
    yield made
    made.shutdown()


def test_nothing_waits_for_what_hangs() -> None:
    """Neither asyncio at its end, nor Python. What is read would come when the process has ended."""
    client = subprocess.Popen(
        [sys.executable, "-c", HANGS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with client:
        try:
            assert client.wait(60) == 0
        finally:
            client.kill()
        assert client.stdout
        assert client.stdout.read() == b"done\n"


def test_results_and_errors(executor: Executor) -> None:
    assert executor.submit(divmod, 7, 2).result(30) == (3, 1)
    assert isinstance(executor.submit(divmod, 7, 0).exception(30), ZeroDivisionError)


def test_no_more_threads_than_said(executor: Executor) -> None:
    go = threading.Event()
    futures = [executor.submit(lambda: (go.wait(30), threading.get_ident())) for _unused in range(6)]
    go.set()
    found = [future.result(30) for future in futures]
    assert all(came for came, _thread in found)
    assert len({thread for _came, thread in found}) <= 2


def test_an_end_waits_for_idle_threads_and_cancels_what_has_not_begun() -> None:
    executor = Executor(1)
    go = threading.Event()
    before = threading.active_count()
    executor.submit(int).result(30)
    executor.shutdown()
    assert threading.active_count() == before
    # asyncio does it again.
    executor.shutdown()
    executor = Executor(1)
    running, queued = executor.submit(go.wait, 30), executor.submit(int)
    executor.shutdown()
    assert queued.cancelled()
    go.set()
    assert running.result(30)


def test_threads_take_turns_where_there_are_no_more(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    first = executor.submit(go.wait, 30)

    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", none_left)
        queued = [executor.submit(int) for _unused in range(3)]
        go.set()
        assert first.result(30)
        assert [future.result(30) for future in queued] == [0, 0, 0]
        with pytest.raises(RuntimeError, match="start new thread"):
            Executor(1).submit(int)
    meeting = threading.Barrier(2)
    met = [executor.submit(meeting.wait, 30) for _unused in range(2)]
    assert {future.result(30) for future in met} == {0, 1}
