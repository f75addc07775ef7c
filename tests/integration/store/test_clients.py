# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Consul packages that are supported, apart from the one that is installed: the same tests run with each."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
# The oldest that requirements.txt lets in, and the package that it continues.
CLIENTS = {"py-consul==1.5.0": ["py-consul==1.5.0"], "python-consul==1.1.0": ["python-consul==1.1.0", "six"]}


def installed(name: str) -> Path:
    """A folder with that client and nothing else; fetched on first use."""
    target = PROJECT / ".cache" / "clients" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            partial = target.with_name(f".{name}")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(partial)]
            done = subprocess.run([*command, *CLIENTS[name]], capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                pytest.skip(f"pip cannot fetch {name}: {done.stderr.strip().splitlines()[-1:]}")
            partial.rename(target)
    return target


@pytest.mark.parametrize("name", CLIENTS)
def test_other_client(name: str) -> None:
    folder = installed(name)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    environment = {key: value for key, value in environment.items() if not key.startswith("PYTEST_")}
    probe = subprocess.run(
        [sys.executable, "-c", "import consul; print(consul.__file__)"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert probe.stdout.startswith(str(folder))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Elections and restarts are slow and have nothing to do with the client.
    command += ["-k", "not directory and not leader_lost and not restarts and not hangs and not drips"]
    done = subprocess.run(
        [*command, *(HERE / f"test_{name}.py" for name in ("contract", "history", "faults", "leader"))],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
