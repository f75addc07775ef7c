# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity passes, with no ignore file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.ansible_test_sanity import PROJECT


def test_ansible_test_sanity() -> None:
    done = subprocess.run(
        [sys.executable, PROJECT / "tools" / "ansible_test_sanity.py"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout)
        pytest.fail(f"ansible-test sanity exited with {done.returncode}", pytrace=False)
    # A run that found nothing to test would pass too.
    assert 'Running sanity test "validate-modules"' in done.stdout
    assert 'Running sanity test "pylint"' in done.stdout
