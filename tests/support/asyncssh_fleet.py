# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small SSH servers in one process, each with an address and a host key of its own.

    with asyncssh_fleet(tmp_path, 1000, bytes_each=80_000) as (inventory, services):
        results = sweep(inventory, tmp_path, services=services)

Each answers the sweep's command with what that command really printed for a tree of 8 files, run once by sh. For tests
of scale: the servers cost little.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh

from tests.support.processes import free_port, running

USER = "ops"


def address(number: int) -> str:
    """The loopback address of the server with this number, from 0."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


@contextlib.contextmanager
def asyncssh_fleet(
    directory: Path, count: int, *, bytes_each: int = 80_000, version: str = "Fleet", first_channel: int = 0
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Run count servers in a process of their own; yields the inventory and the services to ask for.

    version is what they say they are, first_channel the number that they give to a connection's first channel.
    """
    place = directory / "asyncssh_fleet"
    tree = place / "tree"
    (tree / "rules").mkdir(parents=True)
    line = "      - {alert: Filler, expr: up == 0, labels: {severity: page}, annotations: {summary: nothing at all}}\n"
    for number in range(8):
        text = "groups:\n  - name: filler\n    rules:\n" + line * (bytes_each // 8 // len(line))
        (tree / f"rules/{number}.yml").write_text(text, encoding="utf-8")
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(place / "login_key"))
    key.write_public_key(str(place / "login_key.pub"))
    (place / "login_key").chmod(0o600)
    port = free_port()
    known_hosts = place / "known_hosts"
    command = [sys.executable, "-m", "tests.support.asyncssh_fleet", str(place), str(port), str(count), version]
    command.append(str(first_channel))
    root = Path(__file__).resolve().parents[2]
    log = place / "log"
    with running(command, ready=known_hosts.exists, log=log, cwd=root, env={"PYTHONPATH": str(root)}, seconds=120):
        hosts = {f"prom-{number:04}": {"ansible_host": address(number)} for number in range(count)}
        variables = {
            "ansible_port": port,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(place / "login_key"),
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known_hosts}",
        }
        inventory = {"monitoring": {"hosts": hosts, "vars": variables}}
        yield inventory, [{"service": "prometheus", "directory": str(tree)}]


class _Answer:
    """Prints what a command prints here. Each command runs once, which bounds what the one process has to do."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def __call__(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command = process.command or "true"
        if command not in self._known:
            self._known[command] = subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout
        process.stdout.write(self._known[command])
        process.exit(0)


class _Server(asyncssh.SSHServer):
    def __init__(self, first_channel: int) -> None:
        self._first_channel = first_channel

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        # There is no public way to choose it.
        conn._next_recv_chan = self._first_channel


async def _serve(place: Path, port: int, count: int, version: str, first_channel: int) -> None:
    answer = _Answer()
    lines = []
    for number in range(count):
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        await asyncssh.listen(
            address(number),
            port,
            server_factory=lambda: _Server(first_channel),
            server_version=version,
            server_host_keys=[host_key],
            authorized_client_keys=str(place / "login_key.pub"),
            process_factory=answer,
            encoding=None,
            backlog=16,
        )
        public = host_key.export_public_key().decode().strip()
        lines.append(f"[{address(number)}]:{port} {public}\n")
    known_hosts = place / "known_hosts"
    known_hosts.with_suffix(".new").write_text("".join(lines), encoding="utf-8")
    known_hosts.with_suffix(".new").rename(known_hosts)
    await asyncio.Event().wait()


def main() -> None:
    """Arguments: the fleet's directory, the port, how many servers, their version, the number of the first channel."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))
    place, port, count, version, first_channel = sys.argv[1:]
    asyncio.run(_serve(Path(place), int(port), int(count), version, int(first_channel)))


if __name__ == "__main__":
    main()
