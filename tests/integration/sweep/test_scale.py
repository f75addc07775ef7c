# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of 1,000: nothing lost, memory bounded. And one that is larger than what the controller may have open."""

from __future__ import annotations

import multiprocessing
import re
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.asyncssh_fleet import address, asyncssh_fleet
from tests.support.sweeping import sweep

SERVERS = 1000
# All that a client may use at its peak, ansible and asyncssh included.
MOST_BYTES = 300 * 1024 * 1024


def _answer_of(client: Callable[..., None], *arguments: Any) -> Any:
    """What a client in a process of its own puts into the queue that it is given last."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=client, args=(*arguments, answer))
    process.start()
    try:
        return answer.get(timeout=300)
    finally:
        process.join(30)
        process.kill()


def _client(inventory: dict[str, Any], services: list[dict[str, Any]], directory: Path, answer: Any) -> None:
    lines: list[str] = []
    results = sweep(inventory, directory, services=services, say=lines.append, timeout=60.0, connect_timeout=30.0)
    answer.put(
        (
            Counter(result.status for result in results.values()),
            Counter(len(result.files) for result in results.values()),
            [result.error for result in results.values() if result.error][:5],
            lines,
            _peak(),
        )
    )


def _peak() -> int:
    """The most bytes that this process held. What getrusage says begins at what the process that started it holds."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def test_a_thousand_servers(tmp_path: Path) -> None:
    with asyncssh_fleet(tmp_path, SERVERS) as (inventory, services):
        statuses, files, errors, lines, peak = _answer_of(_client, inventory, services, tmp_path)
    assert (statuses, errors) == ({"ok": SERVERS}, [])
    assert files == {8: SERVERS}
    assert peak < MOST_BYTES
    # A line for each 5 %.
    assert len(lines) == 20
    assert lines[-1] == "[1000/1000] 100 %: 1000 ok"


def _client_with(
    limits: tuple[int, int], inventory: dict[str, Any], services: list[dict[str, Any]], directory: Path, answer: Any
) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    results = sweep(inventory, directory, services=services, timeout=60.0, connect_timeout=30.0)
    after = resource.getrlimit(resource.RLIMIT_NOFILE)
    answer.put(({result.error for result in results.values()}, {result.status for result in results.values()}, after))


@pytest.mark.parametrize("limits", [(64, 4096), (64, 64)], ids=["may be raised", "fixed"])
def test_more_servers_than_files_that_may_be_open(tmp_path: Path, limits: tuple[int, int]) -> None:
    with asyncssh_fleet(tmp_path, 60, bytes_each=8_000) as (inventory, services):
        found = _answer_of(_client_with, limits, inventory, services, tmp_path)
    assert found == ({None}, {"ok"}, limits)


def _client_with_few_threads(
    inventory: dict[str, Any], services: list[dict[str, Any]], directory: Path, answer: Any
) -> None:
    """With room for the stacks of some six threads. Names are looked up for so long that each wants one of its own."""
    really = socket.getaddrinfo

    def looked_up(host: Any, *arguments: Any, **keywords: Any) -> Any:
        time.sleep(0.3)
        return really(address(int(str(host).partition(".")[0])), *arguments, **keywords)

    socket.getaddrinfo = looked_up
    threading.stack_size(1 << 30)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 7 * (1 << 30), resource.RLIM_INFINITY))
    found: Any = None
    try:
        results = sweep(inventory, directory, services=services, timeout=60.0, connect_timeout=30.0)
        found = {(result.status, result.error) for result in results.values()}
    finally:
        # The queue has a thread too.
        threading.stack_size(0)
        answer.put(found)


def test_more_names_than_threads(tmp_path: Path) -> None:
    # Of this size masking is left to threads as well.
    with asyncssh_fleet(tmp_path, 30, bytes_each=800_000) as (inventory, services):
        group = inventory["monitoring"]
        group["hosts"] = {f"prom-{number}": {"ansible_host": f"{number}.invalid"} for number in range(30)}
        group["vars"]["ansible_ssh_common_args"] += " -o StrictHostKeyChecking=no"
        found = _answer_of(_client_with_few_threads, inventory, services, tmp_path)
    assert found == {("ok", None)}
