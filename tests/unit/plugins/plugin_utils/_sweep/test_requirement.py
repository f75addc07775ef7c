# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import of asyncssh starts no other program, and leaves the process as it was."""

from __future__ import annotations

import os
import subprocess
import sys

REQUIREMENT = "ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement"
IMPORT = f"""
import ctypes.util, gc, sys
from {REQUIREMENT} import load_asyncssh

started = []
sys.addaudithook(lambda event, arguments: started.append(arguments[0]) if event == "subprocess.Popen" else None)
find_library = ctypes.util.find_library
COLLECT
load_asyncssh()
assert "asyncssh" in sys.modules
assert ctypes.util.find_library is find_library
print(gc.isenabled(), started)
"""


def imported(collect: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.replace("COLLECT", collect)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout.strip()


def test_no_program_is_started() -> None:
    assert imported("") == "True []"


def test_a_collector_that_was_off_stays_off() -> None:
    assert imported("gc.disable()") == "False []"
