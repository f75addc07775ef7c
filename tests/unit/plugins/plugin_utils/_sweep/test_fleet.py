# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a sweep as a whole: progress, what counts as failed, and faults of the code itself."""

from __future__ import annotations

import errno
import gc
import signal
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import sweep_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import fleet, gather
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.endpoint import Endpoint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import (
    Failure,
    unreachable,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.progress import Progress
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import (
    FileResult,
    Seconds,
    ServerResult,
    Service,
    Status,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

OPTIONS = fleet.Options((Service("prometheus", "/etc/prometheus", ("*.yml",)),))


class Endpoints:
    """Raises for each server what it was given."""

    def __init__(self, errors: dict[str, Exception]) -> None:
        self._errors = errors

    def resolve(self, server: str) -> Endpoint:
        raise self._errors[server]


def test_a_fault_of_the_code_costs_one_server() -> None:
    errors = {"a": Failure("denied", "not you"), "b": ZeroDivisionError("planted"), "c": Failure("timeout", "late")}
    results = fleet.sweep(["a", "b", "c", "a"], Endpoints(errors), OPTIONS).servers
    assert list(results) == ["a", "b", "c"]
    assert [result.status for result in results.values()] == ["denied", "protocol_error", "timeout"]
    assert results["a"].error == "a: not you"
    assert results["b"].error == "b: unexpected ZeroDivisionError: please report it"


def test_what_the_controller_is_short_of_is_no_fault_of_the_server() -> None:
    files, forks = OSError(errno.EMFILE, "Too many open files"), BlockingIOError(errno.EAGAIN, "No fork")
    results = fleet.sweep(["a", "b"], Endpoints({"a": files, "b": forks}), OPTIONS).servers
    assert [result.status for result in results.values()] == ["unreachable", "unreachable"]
    begin = "the controller has no more to give"
    assert results["a"].error == (
        f"a: {begin} (Too many open files): lower max_parallel, or raise the number of files that it may have open"
        " (ulimit -n)"
    )
    assert results["b"].error == (
        f"b: {begin} (Resource temporarily unavailable): lower max_parallel, or raise the number of its processes and"
        " threads (ulimit -u)"
    )
    target = Target("prom", "prom", 22, "ops")
    assert unreachable(target, files).again
    assert "the controller has no more to give" in unreachable(target, files).message


def test_no_moment_in_which_the_time_of_a_task_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody hears of what comes while the signal does what it does by default."""
    handlers: list[Any] = []
    real = signal.signal

    def record(number: int, handler: Any) -> Any:
        if number == signal.SIGALRM:
            handlers.append(handler)
        return real(number, handler)

    before = signal.signal(signal.SIGALRM, lambda *_unused: None)
    try:
        monkeypatch.setattr(signal, "signal", record)
        fleet.sweep(["a"], Endpoints({"a": Failure("denied", "not you")}), OPTIONS)
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGALRM, before)
    assert handlers
    assert signal.SIG_DFL not in handlers


def test_messages_are_masked() -> None:
    errors: dict[str, Exception] = {"a": Failure("timeout", "see https://u:planted@h/x")}
    result = fleet.sweep(["a"], Endpoints(errors), OPTIONS).servers["a"]
    assert "planted" not in str(result.error)
    assert "see https://u:" in str(result.error)


def test_messages_hold_nothing_that_a_terminal_obeys() -> None:
    said = "gone \x1b[31mRED\x1b]0;owned\x07 \u202e \udcff\r\nnext"
    lines: list[str] = []
    result = fleet.sweep(["a"], Endpoints({"a": Failure("timeout", said)}), OPTIONS, say=lines.append).servers["a"]
    assert result.error == r"a: gone \x1b[31mRED\x1b]0;owned\x07 \u202e \udcff\r\nnext"
    assert len(lines) == 1
    assert lines[0].isprintable()


def test_nobody_to_ask() -> None:
    assert fleet.sweep([], Endpoints({}), OPTIONS).servers == {}


def test_interrupt_goes_through() -> None:
    class Interrupted(Endpoints):
        def resolve(self, server: str) -> Endpoint:
            signal.raise_signal(signal.SIGINT)
            return super().resolve(server)

    before = gc.get_freeze_count()
    errors: dict[str, Exception] = {name: Failure("timeout", "late") for name in "abcdefgh"}
    # Where the tests run in the background, the signal may be one that is ignored.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fleet.sweep(errors, Interrupted(errors), OPTIONS)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert gc.get_freeze_count() == before


def result(status: Status, files: int = 0, size: int = 0) -> ServerResult:
    found = ServerResult(
        status, None if status in {"ok", "unchanged"} else f"it is {status}", seconds=Seconds(total=0.311)
    )
    found.files = [FileResult(f"/f{number}", "s", size) for number in range(files)]
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_a_line(number: signal.Signals) -> None:
    events: list[str] = []

    def say(line: str) -> None:
        signal.raise_signal(number)
        events.append("line")

    before = signal.signal(number, lambda *_unused: events.append("signal"))
    try:
        Progress(1, say).add("prom-01", result("ok"))
        assert events == ["line", "signal"]
        signal.raise_signal(number)
        assert events == ["line", "signal", "signal"]
    finally:
        signal.signal(number, before)


def test_lines_of_a_small_fleet() -> None:
    lines: list[str] = []
    progress = Progress(40, lines.append)
    progress.add("prom-03", result("ok", 8, 5125))
    progress.add("prom-04", result("unchanged"))
    progress.add("prom-05", result("timeout"))
    progress.add("prom-06", result("partial", 1, 999))
    progress.add("prom-07", result("ok", 1, 1234))
    progress.add("prom-08", result("ok", 1, 12_345_678))
    progress.add("p" * 2000, result("ok"))
    progress.add("\u30b5" * 600, result("ok"))
    assert lines[:6] == [
        "[ 1/40] prom-03 ok 8 files 41 kB 0.31 s",
        "[ 2/40] prom-04 unchanged 0.31 s",
        "[ 3/40] prom-05 timeout 0.31 s: it is timeout",
        "[ 4/40] prom-06 partial 1 files 999 B 0.31 s: it is partial",
        "[ 5/40] prom-07 ok 1 files 1.2 kB 0.31 s",
        "[ 6/40] prom-08 ok 1 files 12 MB 0.31 s",
    ]
    assert all(len(line.encode()) < 1000 for line in lines)


def test_a_name_that_is_more_than_a_line() -> None:
    lines: list[str] = []
    Progress(1, lines.append).add("prom\n\x1b[2J-01", result("ok", 1, 999))
    assert lines == ["[1/1] prom\\n\\x1b[2J-01 ok 1 files 999 B 0.31 s"]


def test_a_line_names_the_server_once() -> None:
    lines: list[str] = []
    for name in ("prom-01", "prom\n01"):
        told = result("denied")
        told.error = shown(f"{name}: it may not be read")
        Progress(1, lines.append).add(name, told)
    assert lines == [
        "[1/1] prom-01 denied 0.31 s: it may not be read",
        "[1/1] prom\\n01 denied 0.31 s: it may not be read",
    ]


@pytest.mark.parametrize(("total", "count"), [(100, 100), (101, 20), (1000, 20), (10_007, 20)])
def test_number_of_lines(total: int, count: int) -> None:
    lines: list[str] = []
    progress = Progress(total, lines.append)
    for number in range(total):
        progress.add(f"prom-{number}", result("denied" if number % 10 == 0 else "ok"))
    assert len(lines) == count
    if total > 100:
        denied = len(range(0, total, 10))
        assert lines[-1] == f"[{total}/{total}] 100 %: {denied} denied, {total - denied} ok"


@pytest.mark.parametrize(
    ("fail_on", "statuses", "failed"),
    [
        ("all", ["ok", "timeout"], False),
        ("all", ["timeout", "denied"], True),
        ("all", ["partial", "denied"], False),
        ("all", ["unchanged"], False),
        ("all", [], False),
        ("any", ["ok", "unchanged"], False),
        ("any", ["ok", "partial"], True),
        ("any", ["ok", "timeout"], True),
        ("never", ["timeout"], False),
    ],
)
def test_failure(fail_on: str, statuses: list[Status], failed: bool) -> None:
    servers = {f"s{number}": result(status) for number, status in enumerate(statuses)}
    for found in servers.values():
        if found.status == "partial":
            found.files = [FileResult("/read", "s", sha256="0" * 64), FileResult("/not", "s", error="gone")]
    message = gather.failure(servers, fail_on)
    assert (message is not None) is failed
    if message:
        bad = sum(status not in {"ok", "unchanged"} for status in statuses)
        assert message.startswith(f"{bad} of {len(statuses)} servers did not answer whole: ")


def test_a_long_failure_is_cut() -> None:
    message = gather.failure({f"s{number}": result("timeout") for number in range(500)}, "all")
    assert message is not None
    assert message.endswith("; and 490 more")


def asked(service: str) -> fleet.Options:
    entry = {"service": service, "directory": "/etc/x"}
    given = {name: option.get("default") for name, option in sweep_spec().items()}
    return gather.options({**given, "services": [entry]})


@pytest.mark.parametrize(
    "name", ["Prometheus", "promethues", "prometeus", " prometheus", "alert_manager", "ALERTMANAGER"]
)
def test_misspelt_service_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"the service {name} is probably meant to be (prometheus|alertmanager)"):
        asked(name)


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "pushgateway", "prometheus-agent", "prom", "loki"])
def test_other_services_are_swept(name: str) -> None:
    assert [service.service for service in asked(name).services] == [name]


def test_service_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="each is to have a service"):
        asked("")
