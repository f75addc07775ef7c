# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH servers on loopback that run the real command they are sent, each with an /etc of its own.

Every server has its own host key, login key and port; the port is that of the run before where it is free, so that a
second run finds the same servers. Where mount namespaces are allowed (as root, or as anybody where
user namespaces are), a command sees the server's tree as /etc/prometheus and /etc/alertmanager. Elsewhere it finds the
tree below FALLBACK_ROOT, an open directory that the command inherits: the same path on all servers, each with other
contents. The command itself is never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

LOOPBACK = "127.0.0.1"
USER = "demo"
SERVICES = ("prometheus", "alertmanager")
# File descriptor 9 of every command is the root of its server's tree.
FALLBACK_ROOT = "/dev/fd/9"

# $1 the server's tree, $2 a directory of its own, $3 the command. The machine's own /etc stays reachable: its entries
# are links to where it is bound.
_IN_NAMESPACE = """\
set -e
mount --rbind /etc "$2"
mount -t tmpfs tmpfs /etc
ln -s "$2"/* /etc/
for service in prometheus alertmanager; do
    rm -f "/etc/$service"
    if [ -d "$1/etc/$service" ]; then
        mkdir "/etc/$service"
        mount --bind "$1/etc/$service" "/etc/$service"
    fi
done
cd /
exec sh -c "$3"
"""
_IN_FALLBACK = 'exec 9<"$1"; cd /; exec sh -c "$3"'


@dataclass
class DemoServer:
    """One server: its tree (which holds etc/prometheus), the folder with its keys, and its port once it listens."""

    name: str
    tree: Path
    directory: Path
    namespace: bool
    port: int = 0
    children: set[asyncio.subprocess.Process] = field(default_factory=set, repr=False)

    @property
    def login_key(self) -> Path:
        return self.directory / "login_key"

    @property
    def known_host(self) -> str:
        """A known_hosts line."""
        key = (self.directory / "host_key.pub").read_text(encoding="utf-8").strip()
        return f"[{LOOPBACK}]:{self.port} {key}\n"

    def make_keys(self) -> None:
        """New keys for each run: nothing that opens a server is kept."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.directory / "etc").mkdir(exist_ok=True)
        for name in ("host_key", "login_key"):
            key = asyncssh.generate_private_key("ssh-ed25519", comment=f"{name} of {self.name}")
            path = self.directory / name
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            key.write_private_key(path)
            key.write_public_key(self.directory / f"{name}.pub")

    def command_line(self, command: str) -> list[str]:
        """What runs a command on this server."""
        arguments = [str(self.tree), str(self.directory / "etc"), command]
        if not self.namespace:
            return ["sh", "-c", _IN_FALLBACK, "sh", *arguments]
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        return ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", _IN_NAMESPACE, "sh", *arguments]

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Serve one SSH session: run its command in a real shell and carry the streams."""
        child = await asyncio.create_subprocess_exec(
            *self.command_line(process.command or ":"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.children.add(child)
        assert child.stdin
        assert child.stdout
        assert child.stderr
        feed = asyncio.create_task(_carry(process.stdin, child.stdin))
        try:
            await asyncio.gather(_carry(child.stdout, process.stdout), _carry(child.stderr, process.stderr))
            process.exit(await child.wait())
        except (OSError, asyncssh.Error):
            process.close()
        finally:
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
            end(child)
            await child.wait()
            self.children.discard(child)

    async def listen(self) -> asyncssh.SSHAcceptor:
        kept = self.directory / "port"
        try:
            acceptor = await self._listen(int(kept.read_text(encoding="ascii")))
        except (OSError, ValueError, OverflowError):
            # The first run, a port that somebody else has now, or a file that somebody edited.
            acceptor = await self._listen(0)
        self.port = acceptor.get_port()
        kept.write_text(f"{self.port}\n", encoding="ascii")
        return acceptor

    async def _listen(self, port: int) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            asyncssh.SSHServer,
            LOOPBACK,
            port,
            server_host_keys=[self.directory / "host_key"],
            authorized_client_keys=str(self.directory / "login_key.pub"),
            process_factory=self.run,
            encoding=None,
        )


class DemoFleet:
    """All servers below a folder of trees, from the start of an `async with` block to its end."""

    def __init__(self, trees: Path, directory: Path) -> None:
        self.directory = directory
        names = sorted(path.name for path in trees.iterdir() if path.is_dir())
        self.servers = [DemoServer(name, trees / name, directory / "servers" / name, True) for name in names]
        self.namespace = True
        self._acceptors: list[asyncssh.SSHAcceptor] = []

    async def __aenter__(self) -> Self:
        for server in self.servers:
            server.make_keys()
        self.namespace = all(namespace_works(server) for server in self.servers)
        for server in self.servers:
            server.namespace = self.namespace
            self._acceptors.append(await server.listen())
        (self.directory / "known_hosts").write_text(
            "".join(server.known_host for server in self.servers), encoding="utf-8"
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        for child in [child for server in self.servers for child in server.children]:
            end(child)
        for acceptor in self._acceptors:
            await acceptor.wait_closed()

    def services(self) -> list[dict[str, Any]] | None:
        """What publish_services must be to reach the trees, or None where the default does."""
        if self.namespace:
            return None
        return [{"service": service, "directory": f"{FALLBACK_ROOT}/etc/{service}"} for service in SERVICES]

    def inventory(self) -> dict[str, Any]:
        """A YAML inventory in which the fleet is the group monitoring."""
        options = f"-o UserKnownHostsFile={self.directory / 'known_hosts'} -o GlobalKnownHostsFile=/dev/null"
        variables: dict[str, Any] = {
            "ansible_host": LOOPBACK,
            "ansible_user": USER,
            "ansible_ssh_common_args": options,
            "ansible_host_key_checking": True,
        }
        hosts = {
            server.name: {"ansible_port": server.port, "ansible_ssh_private_key_file": str(server.login_key)}
            for server in self.servers
        }
        return {"monitoring": {"hosts": hosts, "vars": variables}}


def namespace_works(server: DemoServer) -> bool:
    """Whether a command really sees the tree of its server below /etc."""
    command = server.command_line("cat /etc/prometheus/prometheus.yml")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout == (server.tree / "etc/prometheus/prometheus.yml").read_bytes()


def end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()


async def _carry(source: Any, target: Any) -> None:
    """Move bytes from a reader to a writer until the source ends, then tell the target so."""
    while block := await source.read(65536):
        target.write(block)
        await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()
