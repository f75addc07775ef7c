# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's task that writes the metrics, run by ansible-playbook: the file, its replacement, its memory."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.metrics.runs import full_run
from tests.integration.metrics.test_monitoring import promtool
from tests.integration.report import samples
from tests.integration.report.playbooks import play
from tests.unit.plugins.filter.test_metrics_text import value, values

IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x8, 0x80, 0x100, 0x200
EVENT = struct.Struct("iIII")


@contextmanager
def watched(folder: Path) -> Iterator[list[tuple[int, str]]]:
    """What inotify says of the folder while the block runs: (kind, name), filled in at its end."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0
    events: list[tuple[int, str]] = []
    try:
        kinds = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE
        assert library.inotify_add_watch(descriptor, os.fsencode(folder), kinds) >= 0
        yield events
        while True:
            try:
                data = os.read(descriptor, 1 << 16)
            except BlockingIOError:
                break
            while data:
                _watch, kind, _cookie, length = EVENT.unpack_from(data)
                name = data[EVENT.size : EVENT.size + length].rstrip(b"\0")
                events.append((kind & kinds, os.fsdecode(name)))
                data = data[EVENT.size + length :]
    finally:
        os.close(descriptor)


def variables(target: Path, run: dict[str, Any]) -> dict[str, Any]:
    return {
        "publish_metrics_textfile": str(target),
        "_publish_swept": run["sweep"],
        "publish_extracted": run["extracted"],
        "_publish_published": run["published"],
    }


def test_the_file_is_written_for_node_exporter(tmp_path: Path) -> None:
    target = tmp_path / "fleet.prom"
    output = play(tmp_path, "metrics", variables(target, full_run()))
    assert "changed=0" in output
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    text = target.read_text(encoding="utf-8")
    assert promtool("check", "metrics", text=text) == ""
    assert value(text, "last_run_success") == 1
    # company is made otherwise on one server of the sample, and tier is missing on two.
    assert values(text, "drift_findings")[("warning",)] >= 2


def test_the_file_is_replaced_by_one_rename(tmp_path: Path) -> None:
    folder = tmp_path / "textfile"
    folder.mkdir()
    target = folder / "fleet.prom"
    play(tmp_path, "metrics", variables(target, full_run()))
    with watched(folder) as events:
        play(tmp_path, "metrics", variables(target, full_run()))
    assert [(kind, name) for kind, name in events if name.endswith(".prom")] == [(IN_MOVED_TO, "fleet.prom")]
    assert [path.name for path in folder.iterdir()] == ["fleet.prom"]


def test_a_run_that_failed_keeps_the_last_success_and_says_what_it_knows(tmp_path: Path) -> None:
    target = tmp_path / "fleet.prom"
    play(tmp_path, "metrics", variables(target, full_run()))
    succeeded = value(target.read_text(encoding="utf-8"), "last_success_timestamp_seconds")
    assert succeeded > 0
    for lost in ({"_publish_published": {"failed": True, "msg": "no leader"}}, {"publish_fail_on": "any"}):
        play(tmp_path, "metrics", variables(target, full_run()) | lost)
        text = target.read_text(encoding="utf-8")
        assert value(text, "last_run_success") == 0
        assert value(text, "last_success_timestamp_seconds") == succeeded
    play(tmp_path, "metrics", {"publish_metrics_textfile": str(target)})
    text = target.read_text(encoding="utf-8")
    assert value(text, "last_run_success") == 0
    assert value(text, "last_success_timestamp_seconds") == succeeded


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "fleet.prom"
    play(tmp_path, "metrics", variables(target, full_run()), "--check", "--diff")
    assert not target.exists()


def test_servers_of_the_inventory_outside_of_the_run_keep_their_times(tmp_path: Path) -> None:
    target = tmp_path / "fleet.prom"
    both = samples.run({name: samples.server_result(0.1, 0.1, 0.3) for name in ("prom-01", "prom-99")}, [])
    play(tmp_path, "metrics", variables(target, full_run() | both))
    one = samples.run({"other": samples.server_result(0.1, 0.1, 0.3)}, [])
    play(tmp_path, "metrics", variables(target, full_run() | one))
    text = target.read_text(encoding="utf-8")
    assert 'last_seen_timestamp_seconds{server="prom-01"}' in text
    assert "prom-99" not in text
