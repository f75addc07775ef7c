# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sweep that is ended from outside leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import FrameType

import pytest
import yaml

from tests.support.collection import InstalledCollection, installed_collection
from tests.support.processes import LOOPBACK
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep

__all__ = ["installed_collection"]

BIN = Path(sys.executable).parent
# Where the tests run in the background, an interrupt may be a signal that is ignored, by whatever is started too.
HEEDING = ["env", "--default-signal=INT"]

TALKING_CONNECTION = """
DOCUMENTATION = '''
name: talking
short_description: the local connection, with a word to the display
description: For a test.
'''

from ansible.plugins.connection.local import Connection as Local
from ansible.utils.display import Display


class Connection(Local):
    transport = "talking"

    def exec_command(self, *arguments, **options):
        Display().display("a word from the connection")
        return super().exec_command(*arguments, **options)
"""


def started_by(mark: str) -> set[int]:
    """Processes, dead ones not counted, whose environment holds the mark."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    mark = f"sweep-{uuid.uuid4()}"
    mirror = tmp_path / "mirror"
    with (
        SshdFleet(tmp_path, 2) as fleet,
        socket.create_server((LOOPBACK, 0)) as hung,
        # A short path: ansible-core 2.21 has a socket below it.
        tempfile.TemporaryDirectory(prefix="interrupt-") as temporary,
    ):
        fleet["prom-02"].write("/etc/ssh/forced", "#!/bin/sh\nexec sleep 300\n", 0o755)
        fleet.restart_server("prom-02", "ForceCommand /etc/ssh/forced")
        inventory = fleet.inventory()
        hosts = inventory["monitoring"]["hosts"]
        hosts["hung"] = {**hosts["prom-01"], "ansible_port": hung.getsockname()[1]}
        hosts["proxied"] = {**hosts["prom-01"], "ansible_ssh_extra_args": "-o ProxyCommand='sleep 300'"}
        hosts["plugin"] = {**hosts["prom-02"], "ansible_ssh_extra_args": "-o BindInterface=lo"}
        hosts["local"] = {
            "ansible_connection": "local",
            "ansible_become": True,
            "ansible_become_exe": "sleep 300; sudo",
            "ansible_become_user": "somebody",
        }
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        task = {"skills_eye.prometheus_fleet.configs": {"dest": str(mirror), "connect_timeout": 200, "timeout": 200}}
        play = [{"hosts": "monitoring", "gather_facts": False, "tasks": [{**task, "run_once": True}]}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
        process = subprocess.Popen(
            [*HEEDING, BIN / "ansible-playbook", "-i", tmp_path / "inventory.yml", tmp_path / "play.yml"],
            env=fleet.environment(MARK=mark, TMPDIR=temporary),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            # By the time the sound server's line is out, the others hang.
            for line in process.stdout:
                if "prom-01 ok" in line:
                    break
            deadline = time.monotonic() + 60
            while len(started_by(mark)) < 7 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert len(started_by(mark)) >= 7
            process.send_signal(number)
            process.wait(60)
            deadline = time.monotonic() + 20
            while started_by(mark) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert started_by(mark) == set()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    # What the first sweep masks with is kept before it begins, and nothing else.
    assert {path.name for path in mirror.iterdir()} == {".lock", ".salt"}
    assert [path.name for path in tmp_path.glob("ansible-*")] == []
    assert [path.name for path in tmp_path.glob("tmp*")] == []


class _TimeIsUpError(BaseException):
    """As Ansible's for the keyword timeout."""


def test_the_time_of_a_task_is_over(tmp_path: Path) -> None:
    """Whatever runs at that moment: here, what asyncio would else lose it in."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise _TimeIsUpError

    def say(_line: str) -> None:
        signal.raise_signal(signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with SshdFleet(tmp_path, 1) as fleet, socket.create_server((LOOPBACK, 0)) as hung:
            inventory = fleet.inventory()
            hosts = inventory["monitoring"]["hosts"]
            hosts["hung"] = {**hosts["prom-01"], "ansible_port": hung.getsockname()[1]}
            with pytest.raises(_TimeIsUpError):
                sweep(inventory, tmp_path, say=say, connect_timeout=200, timeout=200)
        assert signal.getsignal(signal.SIGALRM) is handler
    finally:
        signal.signal(signal.SIGALRM, before)


def test_no_word_of_a_connection_plugin_on_the_way_to_ansible(
    installed_collection: InstalledCollection, tmp_path: Path
) -> None:
    """A process ended while it sends one would keep the lock of the queue that Ansible itself waits for at its end."""
    (tmp_path / "connection_plugins").mkdir()
    (tmp_path / "connection_plugins/talking.py").write_text(TALKING_CONNECTION, encoding="utf-8")
    (tmp_path / "inventory.ini").write_text("here ansible_connection=talking\n", encoding="utf-8")
    services = [{"service": "prometheus", "directory": str(tmp_path)}]
    task = {"skills_eye.prometheus_fleet.configs_info": {"services": services}}
    play = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    (tmp_path / "ansible.cfg").touch()
    output = installed_collection.run(
        "ansible-playbook", "-vvvvv", "-i", "inventory.ini", "play.yml", cwd=tmp_path, ANSIBLE_CONFIG="ansible.cfg"
    )
    assert "here ok" in output
    assert "a word from the connection" not in output
