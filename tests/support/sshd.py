# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of real OpenSSH servers on loopback, each a small machine of its own, and the inventory that reaches it.

    with SshdFleet(tmp_path, 3) as fleet:
        server = fleet["prom-01"]                    # port, user, key, host_key, prometheus, alertmanager, log
        server.write("/etc/prometheus/extra.yml", "groups: []\\n")
        fleet.write_inventory(tmp_path / "inventory.yml", group="monitoring")
        subprocess.run(["ansible-playbook", "-i", ...], env=fleet.environment(), check=True)

Every server has its own host key, login key, port and /etc/prometheus + /etc/alertmanager (SAMPLE, unless told
otherwise); users, passwords, sudo, su and doas are those of tests.support.machine. The inventory checks host keys
against fleet.known_hosts. Nothing outside the fleet's directory is written, and all processes end with the block.

Also runs without pytest (molecule, bench): SshdFleet(...).start() and .stop().
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh
import yaml

from tests.support import machine
from tests.support.processes import LOOPBACK, free_ports, port_is_open, stop

# What a server carries unless the fleet is given a tree of its own: path below /etc → text.
SAMPLE: Mapping[str, str] = {
    "prometheus/prometheus.yml": """\
global:
  external_labels:
    datacenter: dc1
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: node
    static_configs:
      - targets: [localhost:9100]
        labels: {company: acme}
    relabel_configs:
      - {source_labels: [__meta_consul_service_metadata_env], target_label: env}
""",
    "prometheus/rules/node.yml": """\
groups:
  - name: node
    rules:
      - {alert: NodeDown, expr: up == 0, labels: {severity: page}}
""",
    "alertmanager/alertmanager.yml": """\
route: {receiver: team}
receivers:
  - name: team
    webhook_configs: [{url: "http://localhost:5001/hook"}]
""",
}

_CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys/%u
PidFile none
StrictModes no
UsePAM {pam}
PasswordAuthentication {password}
KbdInteractiveAuthentication {kbdint}
LogLevel VERBOSE
PrintMotd no
PrintLastLog no
UseDNS no
{extra}
"""


@dataclass
class SshServer:
    """One server of a fleet. key is the private key that its users accept; host_key the public key it shows."""

    name: str
    directory: Path
    port: int
    user: str
    address: str = LOOPBACK
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def key(self) -> Path:
        return self.directory / "login_key"

    @property
    def host_key(self) -> str:
        """Public part, as in known_hosts: 'ssh-ed25519 AAAA...'."""
        return (self.directory / "host_key.pub").read_text(encoding="utf-8").strip()

    @property
    def log(self) -> Path:
        return self.directory / "sshd.log"

    @property
    def prometheus(self) -> Path:
        """The directory that the server knows as /etc/prometheus."""
        return self.directory / "machine/etc/prometheus"

    @property
    def alertmanager(self) -> Path:
        return self.directory / "machine/etc/alertmanager"

    def path(self, absolute: str) -> Path:
        """Where a path below /etc or /home of the server really lies."""
        return self.directory / "machine" / absolute.lstrip("/")

    def write(self, absolute: str, content: str | bytes, mode: int = 0o644) -> Path:
        """Write a file below the server's /etc."""
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def authorize(self, public_key: str, user: str | None = None) -> None:
        """Let one more key in: for the given user, or for all."""
        for name in [user] if user else [entry.name for entry in machine.users()]:
            with self.path(f"/etc/ssh/authorized_keys/{name}").open("a", encoding="utf-8") as file:
                file.write(public_key.strip() + "\n")

    def new_host_key(self) -> None:
        """Show another host key from the next start on; known_hosts keeps the old one."""
        _new_key(self.directory / "host_key")

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def logins(self) -> int:
        """Logins accepted so far. One connection is one login."""
        return len(re.findall(r"^Accepted \S+ for ", self.log_text(), re.MULTILINE))

    def connections(self) -> int:
        """TCP connections seen so far, those that only asked whether the server is up included."""
        return self.log_text().count("\nConnection from ")


class SshdFleet:
    """Servers prom-01 … prom-NN (or the given names) below directory.

    sshd_config is added to each server's configuration. password and keyboard_interactive allow such logins. tree
    replaces SAMPLE; shell is the users' login shell. Raises RuntimeError where no server can be run: ask
    tests.support.machine.unavailable() first.
    """

    def __init__(
        self,
        directory: Path,
        servers: int | Sequence[str] = 1,
        *,
        sshd_config: str = "",
        password: bool = False,
        keyboard_interactive: bool = False,
        tree: Mapping[str, str | bytes] | None = None,
        shell: str = "/bin/sh",
        address: str = LOOPBACK,
    ) -> None:
        self.directory = directory / "fleet"
        self.names = [f"prom-{i + 1:02}" for i in range(servers)] if isinstance(servers, int) else list(servers)
        self.user = machine.users()[0].name
        self.servers: dict[str, SshServer] = {}
        self._sshd_config = sshd_config
        self._password = password
        self._keyboard_interactive = keyboard_interactive
        self._tree = SAMPLE if tree is None else tree
        self._shell = shell
        self._address = address

    def __getitem__(self, name: str) -> SshServer:
        return self.servers[name]

    def __iter__(self) -> Iterator[SshServer]:
        return iter(self.servers.values())

    def __len__(self) -> int:
        return len(self.servers)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def start(self, seconds: float = 60.0) -> Self:
        """Lay out and start all servers; returns when every one of them answers."""
        reason = machine.unavailable()
        if reason:
            raise RuntimeError(reason)
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            for name, port in zip(self.names, free_ports(len(self.names), self._address), strict=True):
                self.servers[name] = self._prepare(name, port)
                self._launch(self.servers[name])
            self.known_hosts.write_text(
                "".join(f"[{server.address}]:{server.port} {server.host_key}\n" for server in self), encoding="utf-8"
            )
            for server in self:
                _wait(server, seconds)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        for server in self:
            self.stop_server(server.name)

    def stop_server(self, name: str) -> None:
        server = self.servers[name]
        if server.process is not None:
            stop(server.process)
            server.process = None

    def restart_server(self, name: str, sshd_config: str | None = None) -> None:
        """Stop one server and start it on the same port; its log starts anew."""
        self.stop_server(name)
        if sshd_config is not None:
            self._write_config(self.servers[name], sshd_config)
        self._launch(self.servers[name])
        _wait(self.servers[name], 30.0)

    def inventory(self, group: str = "monitoring", **variables: Any) -> dict[str, Any]:
        """The fleet as an Ansible inventory; variables are set on the group."""
        hosts = {
            server.name: {
                "ansible_host": server.address,
                "ansible_port": server.port,
                "ansible_user": server.user,
                "ansible_ssh_private_key_file": str(server.key),
            }
            for server in self
        }
        common = {"ansible_ssh_common_args": f"-o UserKnownHostsFile={self.known_hosts}", **variables}
        return {group: {"hosts": hosts, "vars": common}}

    def write_inventory(self, path: Path, group: str = "monitoring", **variables: Any) -> Path:
        path.write_text(yaml.safe_dump(self.inventory(group, **variables)), encoding="utf-8")
        return path

    def environment(self, **more: str) -> dict[str, str]:
        """An environment for ansible-playbook that reads nobody's settings and writes below the fleet's directory."""
        home = self.directory / "controller"
        (home / ".ssh").mkdir(parents=True, exist_ok=True)
        (home / "ansible.cfg").touch()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "SSH_", "CONSUL_"))}
        return {
            **kept,
            "HOME": str(home),
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).resolve().parents[2] / ".venv/collections"),
            "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            **more,
        }

    def _prepare(self, name: str, port: int) -> SshServer:
        server = SshServer(name, self.directory / name, port, self.user, self._address)
        machine.build(server.directory / "machine", self._shell)
        for path, content in self._tree.items():
            server.write(f"/etc/{path}", content)
        _new_key(server.directory / "host_key")
        public = _new_key(server.key)
        server.authorize(public)
        self._write_config(server, self._sshd_config)
        return server

    def _write_config(self, server: SshServer, extra: str) -> None:
        pam = machine.privileged() and (self._password or self._keyboard_interactive)
        text = _CONFIG.format(
            port=server.port,
            address=server.address,
            directory=server.directory,
            pam="yes" if pam else "no",
            password="yes" if self._password else "no",
            kbdint="yes" if self._keyboard_interactive else "no",
            extra=extra,
        )
        (server.directory / "sshd_config").write_text(text, encoding="utf-8")

    def _launch(self, server: SshServer) -> None:
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        command = [sshd, "-D", "-e", "-f", str(server.directory / "sshd_config")]
        with server.log.open("wb") as log:
            server.process = subprocess.Popen(
                machine.enter(server.directory / "machine", command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _new_key(path: Path) -> str:
    """Write an ed25519 key pair; returns the public part."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    for old in (path, path.with_name(path.name + ".pub")):
        old.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.export_private_key())
    public = key.export_public_key().decode()
    path.with_name(path.name + ".pub").write_text(public, encoding="utf-8")
    return public


def _wait(server: SshServer, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not port_is_open(server.port, server.address):
        running = server.process is not None and server.process.poll() is None
        if not running or time.monotonic() > deadline:
            raise RuntimeError(f"sshd {server.name} did not get ready:\n{server.log_text()[-2000:]}")
        time.sleep(0.02)


@contextlib.contextmanager
def ssh_agent(directory: Path, keys: Sequence[Path] = ()) -> Iterator[dict[str, str]]:
    """A real ssh-agent with the given keys; yields the environment that reaches it."""
    socket = directory / "agent.sock"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        environment = {"SSH_AUTH_SOCK": str(socket)}
        deadline = time.monotonic() + 10
        # Its socket is there before it listens. 2 is for an agent that cannot be reached.
        ask = functools.partial(
            subprocess.run, ["ssh-add", "-l"], env={**os.environ, **environment}, capture_output=True, check=False
        )
        while ask().returncode == 2:
            if time.monotonic() > deadline:
                raise TimeoutError("ssh-agent does not answer")
            time.sleep(0.02)
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, **environment}, check=True)
        yield environment
    finally:
        stop(process)
