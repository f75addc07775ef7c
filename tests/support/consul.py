# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Consul servers on loopback: one agent, a cluster of three, with ACLs or TLS where a test asks for them.

    with consul_agent(tmp_path) as agent:
        agent.put("key", "value")

Everything that a server writes lies in the folder that the test gives.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import LOOPBACK, free_ports, running
from tests.support.tls import Certificates

PROJECT = Path(__file__).resolve().parents[2]
# A fixed, invented management token for servers with ACLs: loopback only, gone with the test.
ROOT_TOKEN = "11111111-2222-3333-4444-555555555555"


@functools.cache
def consul_binary() -> Path:
    """The consul on PATH, else the last one that Debian shipped, unpacked in the project's cache."""
    found = shutil.which("consul")
    if found:
        return Path(found)
    tool = PROJECT / "tools" / "debian_package.py"
    done = subprocess.run([sys.executable, tool, "consul", "bullseye"], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()) / "usr" / "bin" / "consul"


@functools.cache
def consul_version() -> tuple[int, ...]:
    done = subprocess.run([consul_binary(), "version"], check=True, capture_output=True, text=True)
    return tuple(int(part) for part in done.stdout.split()[1].lstrip("v").split("-")[0].split("+")[0].split("."))


@dataclass
class ConsulAgent:
    """One server agent. It keeps its data over stop() and start()."""

    folder: Path
    datacenter: str = "dc1"
    node: str = "node1"
    acl: bool = False
    certificates: Certificates | None = None
    peers: int = 1
    extra: dict[str, Any] = field(default_factory=dict)
    token: str | None = None

    def __post_init__(self) -> None:
        self.http_port, self.server_port, self.serf_port = free_ports(3)
        self._running = contextlib.ExitStack()
        self.folder.mkdir(parents=True, exist_ok=True)
        # An agent takes what lies in its working directory for configuration, so it gets an empty one.
        (self.folder / "cwd").mkdir(exist_ok=True)
        if self.acl and self.token is None:
            self.token = ROOT_TOKEN

    @property
    def address(self) -> str:
        """host:port, the form of CONSUL_HTTP_ADDR without a scheme."""
        return f"{LOOPBACK}:{self.http_port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.certificates else 'http'}://{self.address}"

    def configuration(self) -> dict[str, Any]:
        ports = {"dns": -1, "grpc": -1, "serf_wan": -1, "server": self.server_port, "serf_lan": self.serf_port}
        ports |= {"http": -1, "https": self.http_port} if self.certificates else {"http": self.http_port, "https": -1}
        settings: dict[str, Any] = {
            "node_name": self.node,
            "datacenter": self.datacenter,
            "data_dir": str(self.folder / "data"),
            "bind_addr": LOOPBACK,
            "client_addr": LOOPBACK,
            "server": True,
            "bootstrap_expect": self.peers,
            "disable_update_check": True,
            "log_level": "warn",
            "ports": ports,
            # Elections in a tenth of a second, not in seconds.
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
        }
        if consul_version() >= (1, 14):
            ports["grpc_tls"] = -1
        if self.acl:
            management = "initial_management" if consul_version() >= (1, 11) else "master"
            settings["acl"] = {"enabled": True, "default_policy": "deny", "tokens": {management: ROOT_TOKEN}}
        if self.certificates:
            settings |= {
                "ca_file": str(self.certificates.ca),
                "cert_file": str(self.certificates.server_cert),
                "key_file": str(self.certificates.server_key),
                "verify_incoming_https": True,
            }
        return settings | self.extra

    def start(self, *, wait_for_leader: bool = True) -> None:
        config = self.folder / "agent.json"
        config.write_text(json.dumps(self.configuration()), encoding="utf-8")
        ready = self.is_writable if wait_for_leader else self.is_up
        command: list[str | Path] = [consul_binary(), "agent", "-config-file", config]
        self._running.enter_context(
            running(command, ready=ready, log=self.folder / "agent.log", cwd=self.folder / "cwd", seconds=60)
        )

    def stop(self) -> None:
        self._running.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def is_up(self) -> bool:
        """The agent answers HTTP, with or without a leader."""
        try:
            return self.request("GET", "/v1/agent/self")[0] == 200
        except OSError:
            return False

    def is_writable(self) -> bool:
        """There is a leader, and it takes writes (with ACLs: the management token is in force)."""
        try:
            return self.request("PUT", "/v1/kv/.test-ready", b"")[0] == 200 and (
                self.request("DELETE", "/v1/kv/.test-ready")[0] == 200
            )
        except OSError:
            return False

    def request(
        self, method: str, path: str, body: bytes | None = None, *, token: str | None = None, timeout: float = 10
    ) -> tuple[int, bytes]:
        """One HTTP request by the standard library alone: (status, body)."""
        headers = {"X-Consul-Token": token or self.token or ""}
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self._tls()) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()

    def _tls(self) -> ssl.SSLContext | None:
        if self.certificates is None:
            return None
        context = ssl.create_default_context(cafile=str(self.certificates.ca))
        # A test may want a certificate that is for another name or another time.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self.certificates.client_cert, self.certificates.client_key)
        return context

    # What tests ask of the key/value store, apart from the client that they test.

    def put(self, key: str, value: str | bytes) -> None:
        body = value.encode() if isinstance(value, str) else value
        status, answer = self.request("PUT", "/v1/kv/" + urllib.parse.quote(key), body)
        assert (status, answer.strip()) == (200, b"true"), (status, answer)

    def get(self, key: str) -> bytes | None:
        status, answer = self.request("GET", "/v1/kv/" + urllib.parse.quote(key))
        if status == 404:
            return None
        assert status == 200, (status, answer)
        return base64.b64decode(json.loads(answer)[0]["Value"] or "")

    def compare_and_set(self, key: str, value: str, index: int) -> bool:
        status, answer = self.request("PUT", f"/v1/kv/{urllib.parse.quote(key)}?cas={index}", value.encode())
        assert status == 200, (status, answer)
        return answer.strip() == b"true"

    def dump(self, prefix: str = "") -> dict[str, tuple[int, bytes]]:
        """Every key under the prefix: (modify index, value)."""
        status, answer = self.request("GET", f"/v1/kv/{urllib.parse.quote(prefix)}?recurse=1")
        if status == 404:
            return {}
        assert status == 200, (status, answer)
        return {row["Key"]: (row["ModifyIndex"], base64.b64decode(row["Value"] or "")) for row in json.loads(answer)}

    def new_token(self, rules: str) -> str:
        """A token with the given policy rules (HCL); only where acl is on."""
        name = f"policy-{abs(hash(rules))}"
        self.request("PUT", "/v1/acl/policy", json.dumps({"Name": name, "Rules": rules}).encode())
        status, answer = self.request("PUT", "/v1/acl/token", json.dumps({"Policies": [{"Name": name}]}).encode())
        assert status == 200, (status, answer)
        return str(json.loads(answer)["SecretID"])


@contextlib.contextmanager
def consul_agent(folder: Path, **settings: Any) -> Iterator[ConsulAgent]:
    """One agent with a leader; settings are those of ConsulAgent."""
    agent = ConsulAgent(folder, **settings)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()


@contextlib.contextmanager
def consul_cluster(folder: Path, servers: int = 3) -> Iterator[list[ConsulAgent]]:
    """Servers of one datacenter that have elected a leader. Stop all but one, and that one has none."""
    agents = [ConsulAgent(folder / f"node{n}", node=f"node{n}", peers=servers) for n in range(1, servers + 1)]
    for agent in agents:
        agent.extra["retry_join"] = [f"{LOOPBACK}:{other.serf_port}" for other in agents if other is not agent]
        agent.extra["retry_interval"] = "1s"
    try:
        for agent in agents[:-1]:
            agent.start(wait_for_leader=False)
        # The last one completes the quorum, so it is the one that can wait for a leader.
        agents[-1].start()
        yield agents
    finally:
        for agent in agents:
            agent.stop()
