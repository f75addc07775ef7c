# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that outlive the program that asked for them: real sshd with the demo's configs, and a real Consul.

    python -m tests.support.scenario start DIRECTORY INVENTORY   # returns when all of them answer
    python -m tests.support.scenario stop DIRECTORY              # ends them by the process id of their keeper

A keeper in the background holds them and ends them all when it is told to, and in any case after half an hour. The
inventory reaches the servers as the group monitoring and says where Consul is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.consul import consul_agent
from tests.support.sshd import SshdFleet

PROJECT = Path(__file__).resolve().parents[2]
TREES = PROJECT / "demo" / "trees"
LONGEST_LIFE = 1800.0
PATIENCE = 90.0
ENDS = {signal.SIGTERM, signal.SIGINT}


def keep(directory: Path, inventory: Path) -> None:
    """Start everything, write the inventory, and hold it until a signal or the end of its time."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    names = sorted(path.name for path in TREES.iterdir() if path.is_dir())
    with SshdFleet(directory / "fleet", names, tree={}) as fleet, consul_agent(directory / "consul") as agent:
        for server in fleet:
            for path in sorted((TREES / server.name).rglob("*.yml")):
                server.write(f"/{path.relative_to(TREES / server.name)}", path.read_bytes())
        # Under its own name only when it is whole: that is what start() waits for.
        fleet.write_inventory(directory / "inventory.new", publish_consul_address=agent.address)
        (directory / "inventory.new").rename(inventory)
        signal.sigtimedwait(ENDS, LONGEST_LIFE)


def start(directory: Path, inventory: Path) -> None:
    directory.mkdir(parents=True)
    inventory.unlink(missing_ok=True)
    with (directory / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.scenario", "keep", str(directory), str(inventory)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (directory / "keeper.pid").write_text(f"{keeper.pid}\n", encoding="ascii")
    deadline = time.monotonic() + PATIENCE
    while not inventory.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                keeper.terminate()
            raise SystemExit(f"The servers did not start:\n{(directory / 'keeper.log').read_text(encoding='utf-8')}")
        time.sleep(0.1)
    print("started", keeper.pid)


def is_keeper(pid: int) -> bool:
    """Whether the process is still ours: a number may have been given to another one since."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"tests.support.scenario" in words and b"keep" in words


def stop(directory: Path) -> None:
    try:
        pid = int((directory / "keeper.pid").read_text(encoding="ascii"))
    except FileNotFoundError:
        return
    if is_keeper(pid):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while is_keeper(pid):
        if time.monotonic() > deadline:
            raise SystemExit(f"Process {pid} does not end; its log is {directory / 'keeper.log'}")
        time.sleep(0.1)
    (directory / "keeper.pid").unlink()
    print("stopped", pid)


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["start", directory, inventory]:
            start(Path(directory).resolve(), Path(inventory).resolve())
        case ["keep", directory, inventory]:
            keep(Path(directory), Path(inventory))
        case ["stop", directory]:
            stop(Path(directory).resolve())
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
