# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our checksum against the system's cksum."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.cksum import Cksum


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 65535, 65536, 1_000_000])
def test_it_is_what_cksum_prints(size: int) -> None:
    data = bytes((number * 7 + number // 251) & 0xFF for number in range(size))
    printed = subprocess.run(["cksum"], input=data, capture_output=True, check=True).stdout.decode().split()
    at_once = Cksum()
    at_once.update(data)
    in_pieces = Cksum()
    for start in range(0, size, 777):
        in_pieces.update(data[start : start + 777])
    assert at_once.hexdigest() == in_pieces.hexdigest() == "-".join(printed)
    # Asking does not end it.
    assert at_once.hexdigest() == at_once.hexdigest()
