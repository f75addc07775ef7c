# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a real Consul that counts requests, and answers some of them itself as a script says."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.consul import ConsulAgent
from tests.support.processes import LOOPBACK


@dataclass(frozen=True)
class Request:
    """number counts from 1."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Fault:
    """What to do instead of passing a request on and its answer back.

    status, body, headers: this answer. lose: pass the request on and close without an answer. cut: pass it on and close
    in the middle of the answer. drip: seconds between the bytes of an endless answer. hang: seconds to wait before
    closing.
    """

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lose: bool = False
    cut: bool = False
    drip: float = 0.0
    hang: float = 0.0


Script = Callable[[Request], Fault | None]


@dataclass
class Proxy:
    port: int
    requests: list[Request] = field(default_factory=list)
    script: Script = lambda _request: None
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"


@contextlib.contextmanager
def proxy_to(agent: ConsulAgent) -> Iterator[Proxy]:
    """Run the proxy until the block ends."""
    proxy = Proxy(0)
    guard = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body in two small packets would otherwise wait for each other.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with guard:
                request = Request(len(proxy.requests) + 1, self.command, self.path, dict(self.headers), body)
                proxy.requests.append(request)
            fault = proxy.script(request)
            if fault is None:
                self.answer(*self.passed_on(request))
            elif fault.status:
                self.answer(fault.status, fault.headers, fault.body)
            else:
                self.break_off(request, fault)

        do_GET = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names that the base class calls

        def passed_on(self, request: Request) -> tuple[int, dict[str, str], bytes]:
            upstream = http.client.HTTPConnection(LOOPBACK, agent.http_port, timeout=30)
            try:
                headers = {key: value for key, value in request.headers.items() if key.lower() != "host"}
                upstream.request(request.method, request.path, request.body, headers)
                answer = upstream.getresponse()
                return answer.status, dict(answer.headers), answer.read()
            finally:
                upstream.close()

        def answer(self, status: int, headers: dict[str, str], body: bytes, sent: int | None = None) -> None:
            self.send_response(status)
            for key, value in headers.items():
                if key.startswith("X-Consul") or key in ("Content-Type", "Content-Encoding", "Location"):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:sent])

        def break_off(self, request: Request, fault: Fault) -> None:
            self.close_connection = True
            if fault.lose:
                self.passed_on(request)
            elif fault.cut:
                status, headers, body = self.passed_on(request)
                self.answer(status, headers, body, len(body) // 2)
            elif fault.hang:
                proxy.stopping.wait(fault.hang)
            else:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                with contextlib.suppress(OSError):
                    while not proxy.stopping.wait(fault.drip):
                        self.wfile.write(b" ")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class has
            pass

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        server.daemon_threads = True
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopping.set()
            server.shutdown()
            thread.join()
