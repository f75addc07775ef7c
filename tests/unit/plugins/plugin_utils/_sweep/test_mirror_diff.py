# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the differences of a mirror show where signs are told as escapes: each change, no other, and not too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import Mirror
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_merge import MAX_DIFF
from tests.unit.plugins.plugin_utils._sweep.test_mirror import PROM, item, ok


def diff(folder: Path, before: str, after: str) -> tuple[str, str]:
    """A file's difference between two sweeps."""
    mirror = Mirror(str(folder / "mirror"))
    mirror.apply({"a": ok(item(PROM, before))})
    [one] = mirror.apply({"a": ok(item(PROM, after), digest="sha256:2")}, diff=True).diff
    return one["before"], one["after"]


def test_a_line_that_is_not_text_is_the_same_on_both_sides(tmp_path: Path) -> None:
    before, after = diff(tmp_path, "caf\udce9\n", "caf\udce9\nb: 2\n")
    assert (before, after) == ("caf\\udce9\n", "caf\\udce9\nb: 2\n")


@pytest.mark.parametrize(("before", "after"), [("a: \\r\n", "a: \r\n"), ("a: \x1b", "a: \\x1b")])
def test_a_sign_in_place_of_its_escape_is_a_difference(tmp_path: Path, before: str, after: str) -> None:
    shown = diff(tmp_path, before, after)
    assert shown[0] != shown[1]


def test_escapes_count_for_what_is_too_much(tmp_path: Path) -> None:
    shown = diff(tmp_path, "a: 1\n", "\0" * (MAX_DIFF // 3))
    assert shown == ("(too much to show)\n", "(changed; too much to show)\n")
