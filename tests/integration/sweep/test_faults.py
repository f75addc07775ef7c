# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong with a server: it has its own status, and the others keep theirs."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import secrets
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import gather
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support.processes import LOOPBACK, free_port
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep

SlowToMask = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("faults"), 2) as running:
        yield running


def beside(fleet: SshdFleet, directory: Path, options: dict[str, Any] | None = None, **bad: Any) -> ServerResult:
    """The result of a server with these variables, swept beside two sound ones."""
    inventory = fleet.inventory()
    hosts = inventory["monitoring"]["hosts"]
    hosts["bad"] = {**hosts["prom-01"], **bad}
    results = sweep(inventory, directory, **(options or {}))
    assert [results[name].status for name in ("prom-01", "prom-02")] == ["ok", "ok"]
    assert len(results["prom-01"].files) == 3
    result = results["bad"]
    assert result.error is not None
    assert result.error.startswith("bad: ")
    return result


@contextlib.contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answers each connection with serve, in a thread of its own; yields the port."""
    listener = socket.create_server((LOOPBACK, 0))
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            serve(connection)
        connection.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _unused = listener.accept()
                open_sockets.append(connection)
                thread = threading.Thread(target=handle, args=(connection,))
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def drain(connection: socket.socket) -> None:
    """Read and say nothing, until the other side has enough."""
    connection.settimeout(60)
    while connection.recv(4096):
        pass


def test_nothing_listens(fleet: SshdFleet, tmp_path: Path) -> None:
    port = free_port()
    result = beside(fleet, tmp_path, ansible_port=port)
    assert result.status == "unreachable"
    assert f"cannot connect to 127.0.0.1:{port} (Connection refused): " in str(result.error)
    assert "see that sshd runs, and that ansible_port is right" in str(result.error)


@pytest.mark.parametrize("name", ["old_password", "token", "vault-secret"])
def test_a_server_that_is_called_like_a_secret(fleet: SshdFleet, tmp_path: Path, name: str) -> None:
    inventory = fleet.inventory()
    inventory["monitoring"]["hosts"] = {name: {"ansible_host": LOOPBACK, "ansible_port": free_port()}}
    error = str(sweep(inventory, tmp_path)[name].error)
    assert error.startswith(f"{name}: cannot connect to 127.0.0.1:"), error


def test_name_that_cannot_be_resolved(fleet: SshdFleet, tmp_path: Path) -> None:
    result = beside(fleet, tmp_path, ansible_host="no-such-host.invalid")
    assert result.status == "unreachable"
    assert "the name 'no-such-host.invalid' cannot be resolved" in str(result.error)


def test_names_that_no_name_server_answers_for_hold_up_nobody(
    fleet: SshdFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many of them, and asked for first. Each is looked up until the sweep has ended, which does not wait for it."""
    over = threading.Event()
    waited: list[bool] = []
    really = socket.getaddrinfo

    def looked_up(host: Any, *arguments: Any, **keywords: Any) -> Any:
        if str(host).endswith(".invalid"):
            waited.append(not over.wait(60))
        return really(host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    inventory = fleet.inventory(ansible_ssh_extra_args="-o StrictHostKeyChecking=no")
    sound = inventory["monitoring"]["hosts"]
    silent = {f"a-silent-{number}": {"ansible_host": f"{number}.invalid"} for number in range(30)}
    inventory["monitoring"]["hosts"] = silent | {name: {**sound[name], "ansible_host": "localhost"} for name in sound}
    try:
        results = sweep(inventory, tmp_path, connect_timeout=8)
        assert not waited
    finally:
        over.set()
    assert {name: results[name].status for name in sound} == dict.fromkeys(sound, "ok")
    assert {results[name].status for name in silent} == {"unreachable"}


def test_no_answer_to_the_connection(fleet: SshdFleet, tmp_path: Path) -> None:
    # A listener whose queue is full drops what comes after.
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        for _unused in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        result = beside(fleet, tmp_path, {"connect_timeout": 1.5}, ansible_port=full.getsockname()[1])
    assert result.status == "unreachable"
    assert "within 1.5 s" in str(result.error)


def test_accepts_and_says_nothing(fleet: SshdFleet, tmp_path: Path) -> None:
    with tcp_server(drain) as port:
        result = beside(fleet, tmp_path, {"connect_timeout": 1.5}, ansible_port=port)
    assert result.status == "timeout"
    assert "accepted the connection but did not finish the login within 1.5 s" in str(result.error)
    assert "raise connect_timeout" in str(result.error)


def test_not_an_ssh_server(fleet: SshdFleet, tmp_path: Path) -> None:
    def web(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"<p>no</p>\r\n" * 2000)
        drain(connection)

    with tcp_server(web) as port:
        result = beside(fleet, tmp_path, {"connect_timeout": 3.0}, ansible_port=port)
    assert result.status in {"protocol_error", "timeout"}


def test_hangs_up_at_once_and_is_tried_again(fleet: SshdFleet, tmp_path: Path) -> None:
    calls: list[int] = []
    with tcp_server(lambda _: calls.append(1)) as port:
        result = beside(fleet, tmp_path, {"timeout": 3.0, "connect_timeout": 1.0}, ansible_port=port)
    assert result.status == "unreachable"
    assert "MaxStartups" in str(result.error)
    assert len(calls) > 1
    assert f"({len(calls)} attempts)" in str(result.error)


def test_dropped_logins_are_tried_again(fleet: SshdFleet, tmp_path: Path) -> None:
    # Behind this sshd, all logins after the first two that are under way are dropped.
    fleet.restart_server("prom-02", "MaxStartups 2:100:2")
    try:
        inventory = fleet.inventory()
        host = inventory["monitoring"]["hosts"]["prom-02"]
        inventory["monitoring"]["hosts"] = {f"alias-{number:02}": host for number in range(16)}
        results = sweep(inventory, tmp_path)
        assert {result.status for result in results.values()} == {"ok"}
        assert "drop connection" in fleet["prom-02"].log_text()
        assert max(result.attempts for result in results.values()) > 1
    finally:
        fleet.restart_server("prom-02", "")


def test_logins_at_one_address_stay_below_the_default_limit(fleet: SshdFleet, tmp_path: Path) -> None:
    inventory = fleet.inventory()
    host = inventory["monitoring"]["hosts"]["prom-02"]
    inventory["monitoring"]["hosts"] = {f"alias-{number:02}": host for number in range(60)}
    results = sweep(inventory, tmp_path, max_parallel=60)
    assert {(result.status, result.attempts) for result in results.values()} == {("ok", 1)}
    assert "drop connection" not in fleet["prom-02"].log_text()


def test_unreadable_file(fleet: SshdFleet, tmp_path: Path) -> None:
    if fleet.user == "root":
        pytest.skip("root reads everything")
    path = fleet["prom-02"].write("/etc/prometheus/secret.yml", "{}\n", 0o000)
    try:
        result = sweep(fleet.inventory(), tmp_path)["prom-02"]
    finally:
        path.unlink()
    assert result.status == "partial"
    assert "/etc/prometheus/secret.yml: permission denied" in str(result.error)
    assert "become" in str(result.error)
    assert sum(item.content is not None for item in result.files) == 3


def test_a_server_of_whose_files_none_can_be_read(tmp_path: Path) -> None:
    """Its word is believed no more than that of one that is silent, whatever the reason."""
    with SshdFleet(tmp_path, 2, tree={}) as fleet:
        for server in fleet:
            server.path("/etc/prometheus/prometheus.yml").symlink_to("nowhere.yml")
        results = sweep(fleet.inventory(), tmp_path)
        assert {result.status for result in results.values()} == {"partial"}
        assert "prom-01: /etc/prometheus/prometheus.yml: its link leads" in str(gather.failure(results, "all"))
        fleet["prom-02"].write("/etc/prometheus/nowhere.yml", "a: 1\n")
        assert gather.failure(sweep(fleet.inventory(), tmp_path), "all") is None


def test_file_that_is_not_utf8(fleet: SshdFleet, tmp_path: Path) -> None:
    path = fleet["prom-02"].write("/etc/prometheus/latin1.yml", "labels: {city: São Paulo}\n".encode("latin-1"))
    try:
        result = sweep(fleet.inventory(), tmp_path)["prom-02"]
    finally:
        path.unlink()
    assert result.status == "partial"
    odd = next(item for item in result.files if item.path.endswith("latin1.yml"))
    assert (odd.content, odd.error) == (None, "it is not UTF-8 text: its content is left out")
    assert odd.size == 26
    assert odd.sha256


def test_no_directory_at_all(fleet: SshdFleet, tmp_path: Path) -> None:
    services = [{"service": "prometheus", "directory": "/opt/prometheus"}]
    result = sweep(fleet.inventory(), tmp_path, services=services, fail_on="never")["prom-01"]
    assert result.status == "no_such_directory"
    assert "/opt/prometheus" in str(result.error)


def test_one_directory_of_two_is_enough(fleet: SshdFleet, tmp_path: Path) -> None:
    services = [
        {"service": "prometheus", "directory": "/etc/prometheus"},
        {"service": "alertmanager", "directory": "/opt/alertmanager"},
    ]
    result = sweep(fleet.inventory(), tmp_path, services=services)["prom-01"]
    assert (result.status, result.error) == ("ok", None)


def test_a_directory_without_a_file_that_was_asked_for(tmp_path: Path) -> None:
    """No fault, but somebody should hear of it; and it is asked again, so that they hear of it again."""
    with SshdFleet(tmp_path, 2, tree={"prometheus/prometheus.conf": "a: 1\n"}) as fleet:
        fleet["prom-02"].write("/etc/prometheus/prometheus.yml", "a: 1\n")
        lines: list[str] = []
        results = sweep(fleet.inventory(), tmp_path, say=lines.append)
    assert {(result.status, result.error) for result in results.values()} == {("ok", None)}
    assert results["prom-01"].digest is None
    said = {line.split()[1]: line for line in lines}
    assert "no file of /etc/prometheus, /etc/alertmanager matches the patterns" in said["prom-01"]
    assert "no file of /etc/alertmanager matches the patterns" in said["prom-02"]
    assert gather.hints(results) == [
        "/etc/prometheus has no file that matches the patterns on prom-01",
        "/etc/alertmanager has no file that matches the patterns on prom-01, prom-02",
    ]


def test_without_tar(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1) as fleet:
        tools = fleet["prom-01"].path("/home/tools")
        tools.mkdir()
        for name in ("sh", "cat"):
            (tools / name).symlink_to("/bin/" + name)
        fleet.restart_server("prom-01", "SetEnv PATH=/home/tools")
        result = sweep(fleet.inventory(), tmp_path)["prom-01"]
    assert result.status == "protocol_error"
    assert "tar: not found" in str(result.error)
    assert "see that tar is installed" in str(result.error)


def test_too_many_files_and_bytes(fleet: SshdFleet, tmp_path: Path) -> None:
    assert sweep(fleet.inventory(), tmp_path, max_files=2)["prom-01"].status == "too_large"
    assert sweep(fleet.inventory(), tmp_path, max_bytes=300)["prom-01"].status == "too_large"
    # What it is that does not belong there is said.
    dump = fleet["prom-01"].write("/etc/prometheus/dump.yml", "")
    with dump.open("r+b") as file:
        file.truncate(1 << 33)
    result = sweep(fleet.inventory(), tmp_path)["prom-01"]
    dump.unlink()
    assert result.status == "too_large"
    assert f"the largest so far /etc/prometheus/dump.yml with {1 << 33}: narrow" in str(result.error)


def test_a_file_that_two_patterns_name_counts_once(fleet: SshdFleet, tmp_path: Path) -> None:
    patterns = ["prom*.yml", "*.yml", "rules/*.yml", "*/*.yml"]
    services = [{"service": "prometheus", "directory": "/etc/prometheus", "patterns": patterns}]
    result = sweep(fleet.inventory(), tmp_path, services=services, max_files=2)["prom-01"]
    assert (result.status, len(result.files)) == ("ok", 2), result.error


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("sleep 30", "timeout", "0 bytes came"),
        ("while echo -n x; do sleep 0.2; done", "timeout", "bytes came"),
        ("$SSH_ORIGINAL_COMMAND | head -c 120", "protocol_error", ""),
        ("echo no shell for you; exit 3", "protocol_error", ""),
        ("kill -9 $PPID", "protocol_error", ""),
    ],
)
def test_a_server_that_runs_something_else(tmp_path: Path, command: str, status: str, words: str) -> None:
    with SshdFleet(tmp_path, 2) as fleet:
        script = fleet["prom-02"].write("/etc/ssh/forced", f"#!/bin/sh\n{command}\n", 0o755)
        assert script.exists()
        fleet.restart_server("prom-02", "ForceCommand /etc/ssh/forced")
        results = sweep(fleet.inventory(), tmp_path, timeout=2.0)
    assert results["prom-01"].status == "ok"
    assert results["prom-02"].status == status, results["prom-02"].error
    assert words in str(results["prom-02"].error)
    assert str(results["prom-02"].error).startswith("prom-02: ")


@pytest.mark.needs_root
@pytest.mark.parametrize("become", [False, True])
@pytest.mark.parametrize("stream", [1, 2])
def test_a_flood_of_either_stream_has_an_end(tmp_path: Path, stream: int, become: bool) -> None:
    with SshdFleet(tmp_path, 2) as fleet:
        fleet["prom-02"].write("/etc/ssh/forced", f"#!/bin/sh\nexec cat /dev/zero >&{stream}\n", 0o755)
        fleet.restart_server("prom-02", "ForceCommand /etc/ssh/forced")
        results = sweep(fleet.inventory(ansible_become=become), tmp_path, timeout=60.0, max_bytes=2_000_000)
    assert results["prom-01"].status == "ok"
    assert results["prom-02"].status in {"too_large", "protocol_error"}, results["prom-02"].error
    assert "bytes" in str(results["prom-02"].error)


def test_noise_of_login_scripts(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1, shell="/bin/bash") as fleet:
        home = fleet["prom-01"].path(f"/home/{fleet.user}")
        (home / ".bashrc").write_text("echo Welcome\necho careful >&2\nprintf '\\000\\377'\n", encoding="utf-8")
        (home / ".bashrc").chmod(0o644)
        result = sweep(fleet.inventory(), tmp_path)["prom-01"]
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize("shell", ["/bin/dash", "/bin/bash", "/usr/bin/fish", "/bin/csh"])
def test_login_shells(tmp_path: Path, shell: str) -> None:
    if not Path(shell).exists():
        pytest.skip(f"{shell} is not installed")
    with SshdFleet(tmp_path, 1, shell=shell) as fleet:
        results = sweep(fleet.inventory(), tmp_path)
    assert (results["prom-01"].status, results["prom-01"].error) == ("ok", None)


def test_server_whose_variables_cannot_be_used(fleet: SshdFleet, tmp_path: Path) -> None:
    result = beside(fleet, tmp_path, ansible_host="{{ no_such_variable }}.example")
    assert result.status == "unreachable"
    assert "no_such_variable" in str(result.error)
    assert "correct its inventory variables" in str(result.error)
    assert beside(fleet, tmp_path, ansible_port="many").status == "unreachable"


def test_unchanged(fleet: SshdFleet, tmp_path: Path) -> None:
    first = sweep(fleet.inventory(), tmp_path)
    known = {name: str(result.digest) for name, result in first.items()}
    path = fleet["prom-02"].write("/etc/prometheus/new.yml", "{}\n")
    try:
        second = sweep(fleet.inventory(), tmp_path, known=known)
    finally:
        path.unlink()
    assert (second["prom-01"].status, second["prom-01"].digest, second["prom-01"].files) == (
        "unchanged",
        known["prom-01"],
        [],
    )
    assert second["prom-02"].status == "ok"
    assert second["prom-02"].digest != known["prom-02"]


def test_a_banner_that_is_not_utf8(tmp_path: Path) -> None:
    """Many were written before UTF-8. asyncssh cannot be told to let them pass."""
    banner = tmp_path / "banner"
    banner.write_bytes("Zutritt nur für Befugte\n".encode("latin-1"))
    with SshdFleet(tmp_path, 1, sshd_config=f"Banner {banner}") as fleet:
        result = sweep(fleet.inventory(), tmp_path)["prom-01"]
        assert (result.status, result.error) == ("ok", None)
        place = f"127.0.0.1:{fleet['prom-01'].port}"
        assert result.transport == f"ssh ({place} greets in an encoding other than UTF-8)"


def test_progress(fleet: SshdFleet, tmp_path: Path) -> None:
    lines: list[str] = []
    sweep(fleet.inventory(), tmp_path, say=lines.append)
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        assert re.fullmatch(rf"\[{number}/2\] prom-0[12] ok 3 files 506 B \d+\.\d\d s", line)


def test_secrets_do_not_leave(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1) as fleet:
        fleet["prom-01"].write(
            "/etc/prometheus/prometheus.yml",
            "remote_write:\n  - url: https://u:planted-1@h/x\n    basic_auth: {username: u, password: planted-2}\n",
        )
        result = sweep(fleet.inventory(), tmp_path)["prom-01"]
    assert result.status == "ok"
    assert "planted" not in repr(result)
    assert next(item for item in result.files if item.path.endswith("prometheus.yml")).redacted == 2


@pytest.mark.parametrize("name", ["api-key", "prom-secret", "prom-token", "wrong-pass"])
def test_a_message_is_not_the_secret_that_the_servers_name_speaks_of(
    fleet: SshdFleet, tmp_path: Path, name: str
) -> None:
    server = fleet["prom-01"]
    known_hosts = tmp_path / "known_hosts"
    arguments = f"-F none -o UserKnownHostsFile={known_hosts} -o ProxyCommand='busybox nc 127.0.0.1 {server.port}'"
    host = {"ansible_user": "nobody-here", "ansible_ssh_private_key_file": str(server.key)}
    inventory = {"monitoring": {"hosts": {name: host}, "vars": {"ansible_ssh_common_args": arguments}}}
    unknown = str(sweep(inventory, tmp_path)[name].error)
    assert f"{name}: the host key of {name} is not in {known_hosts} (it shows ssh-ed25519 SHA256:" in unknown
    assert unknown.endswith(f"for example with: ssh-keyscan -p 22 {name} >> {known_hosts}")
    known_hosts.write_text(f"{name} {server.host_key}\n", encoding="utf-8")
    refused = str(sweep(inventory, tmp_path)[name].error)
    assert refused.startswith(f"{name}: {name}:22 refused the login as nobody-here (tried: 1 key): check ansible_user,")
    host["ansible_ssh_common_args"] = "-F none -o ProxyCommand='echo password=planted >&2'"
    told = str(sweep(inventory, tmp_path)[name].error)
    assert told.startswith(f"{name}: the proxy command to {name}:22 ended before the login was done: see that its")
    assert "password=<secret:" in told


def test_redaction_can_be_left_out(tmp_path: Path) -> None:
    with SshdFleet(tmp_path, 1) as fleet:
        fleet["prom-01"].write("/etc/prometheus/prometheus.yml", "bearer_token: planted-1\n")
        result = sweep(fleet.inventory(), tmp_path, redact=False)["prom-01"]
    assert "planted-1" in repr(result)


def test_nothing_is_left_running(fleet: SshdFleet, tmp_path: Path) -> None:
    """Of a sweep with all kinds of faults, no thread, task, descriptor or child stays."""

    def left() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    def once() -> None:
        with tcp_server(drain) as hung:
            inventory = fleet.inventory()
            hosts = inventory["monitoring"]["hosts"]
            hosts["hung"] = {**hosts["prom-01"], "ansible_port": hung}
            hosts["refused"] = {**hosts["prom-01"], "ansible_port": free_port()}
            hosts["proxied"] = {**hosts["prom-01"], "ansible_ssh_extra_args": "-o ProxyCommand='sleep 60'"}
            hosts["local"] = {"ansible_connection": "local"}
            sweep(inventory, tmp_path, connect_timeout=1.0, timeout=2.0)

    once()
    before = left()
    once()
    # A thread that waited for a child may take a moment to end.
    deadline = time.monotonic() + 10
    while left() != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left() == before


class _SlowRedactor(secrets.Redactor):
    """Masks a marked text for as long as the test says."""

    def __init__(self, wait: Callable[[], object], salt: bytes | None) -> None:
        super().__init__(salt)
        self._wait = wait

    def redact(self, text: str) -> secrets.Redacted:
        if text.startswith("# slow"):
            self._wait()
        return super().redact(text)


@pytest.fixture
def slow_to_mask(monkeypatch: pytest.MonkeyPatch) -> SlowToMask:
    """Have the masking of a marked text take as long as a call."""

    def mark(wait: Callable[[], object]) -> None:
        monkeypatch.setattr(secrets, "Redactor", functools.partial(_SlowRedactor, wait))

    return mark


def test_a_file_that_is_long_to_mask_holds_nobody_up(
    fleet: SshdFleet, tmp_path: Path, slow_to_mask: SlowToMask
) -> None:
    fleet["prom-02"].write("/etc/prometheus/slow.yml", "# slow\n" + "a: 1\n" * 30_000)
    # The other server is later.
    fleet["prom-01"].write("/etc/ssh/forced", '#!/bin/sh\nsleep 2\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n', 0o755)
    fleet.restart_server("prom-01", "ForceCommand /etc/ssh/forced")
    others = threading.Event()

    def say(line: str) -> None:
        if "prom-01 ok" in line:
            others.set()

    met: list[bool] = []
    try:
        slow_to_mask(lambda: met.append(others.wait(20)))
        results = sweep(fleet.inventory(), tmp_path, say=say)
    finally:
        fleet["prom-02"].path("/etc/prometheus/slow.yml").unlink()
        fleet.restart_server("prom-01", "")
    assert met == [True]
    assert {result.status for result in results.values()} == {"ok"}


def test_masking_one_server_ends_in_time(fleet: SshdFleet, tmp_path: Path) -> None:
    """And costs no other server its time: that one's large file waits for a turn."""
    slow = {
        "sound.yml": "# password: x\n" * 200_000,
        "broken.yml": "\t{\n" + "password: y\n" * 300_000,
        "pairs.yml": "- {a: 1, password: b2}\n" * 300_000,
    }
    for name, text in slow.items():
        fleet["prom-02"].write(f"/etc/prometheus/{name}", text)
    fleet["prom-01"].write("/etc/prometheus/large.yml", "a: 1\npassword: x\n" * 10_000)
    try:
        results = sweep(fleet.inventory(), tmp_path, timeout=5.0)
    finally:
        for name in slow:
            fleet["prom-02"].path(f"/etc/prometheus/{name}").unlink()
        fleet["prom-01"].path("/etc/prometheus/large.yml").unlink()
    assert results["prom-01"].status == "ok"
    assert results["prom-02"].status == "partial"
    assert "masking the files of this server took more than 5 s" in str(results["prom-02"].error)
    without = {item.path for item in results["prom-02"].files if item.content is None}
    assert "/etc/prometheus/sound.yml" in without
    assert all(path.removeprefix("/etc/prometheus/") in slow for path in without)
