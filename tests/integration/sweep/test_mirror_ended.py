# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play that is ended while its mirror is written."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest
import yaml

from tests.integration.sweep.test_actions import CONFIGS
from tests.integration.sweep.test_interrupt import BIN, HEEDING, started_by
from tests.support.sshd import SshdFleet


def entries(folder: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return len(list(folder.iterdir()))
    return 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whole_group", [True, False])
def test_nothing_is_left_staged(tmp_path: Path, number: signal.Signals, whole_group: bool) -> None:
    """Of a terminal's Ctrl-C the worker hears twice: from the terminal, and from ansible-playbook."""
    mark = f"sweep-{uuid.uuid4()}"
    mirror = tmp_path / "mirror"
    staging = mirror / ".staging"
    with SshdFleet(tmp_path, 1) as fleet:
        for count in range(1500):
            fleet["prom-01"].write(f"/etc/prometheus/{count}.yml", "a: 1\n")
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(fleet.inventory()), encoding="utf-8")
        play = [{"hosts": "monitoring", "gather_facts": False, "tasks": [{CONFIGS: {"dest": str(mirror)}}]}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
        process = subprocess.Popen(
            [*HEEDING, BIN / "ansible-playbook", "-i", tmp_path / "inventory.yml", tmp_path / "play.yml"],
            env=fleet.environment(MARK=mark),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 60
            while entries(staging) < 20 and time.monotonic() < deadline:
                time.sleep(0.001)
            os.killpg(process.pid, number) if whole_group else process.send_signal(number)
            process.wait(60)
            deadline = time.monotonic() + 20
            while started_by(mark) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
            # Until ansible-core 2.18 a worker waits for ever to tell its result to who was terminated.
            for worker in started_by(mark):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    left = {path.name for path in mirror.iterdir()}
    # What was decided by then stays, for the next sweep.
    assert left == {".lock", ".salt"} or {".staging", ".journal.json"} <= left or ".manifest.json" in left
    assert (".staging" in left) == (".journal.json" in left)
