# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalars, read by the types that their keys have."""

from __future__ import annotations

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import number


@pytest.mark.parametrize("text", ["9" * 5000, "-" + "9" * 5000, "0x" + "f" * 5000, "0b" + "1" * 5000, "1e999"])
def test_a_number_that_is_too_long_is_none(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("9" * 20, 10**20 - 1), ("9" * 100, 1e100), ("0b" + "1" * 64, 2**64 - 1), ("1_000", 1000), ("1e-999", 0.0)],
)
def test_a_long_number_is_one(text: str, value: float) -> None:
    assert number(text) == value
