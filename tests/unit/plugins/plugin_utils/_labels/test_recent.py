# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was used last is kept, up to so many characters."""

from __future__ import annotations

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.recent import Recent


def test_the_oldest_goes_first() -> None:
    recent: Recent[str, int] = Recent(10)
    for number, key in enumerate("abc"):
        recent.put(key, number, 4)
    assert [recent.get(key) for key in "abc"] == [None, 1, 2]


def test_what_is_used_stays() -> None:
    recent: Recent[str, int] = Recent(10)
    recent.put("a", 1, 4)
    recent.put("b", 2, 4)
    assert recent.get("a") == 1
    recent.put("c", 3, 4)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_what_is_there_is_not_counted_twice() -> None:
    recent: Recent[str, int] = Recent(10)
    for _number in range(5):
        recent.put("a", 1, 6)
    recent.put("b", 2, 4)
    assert [recent.get(key) for key in "ab"] == [1, 2]


def test_what_is_larger_than_all_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(10)
    recent.put("a", 1, 3)
    recent.put("b", 2, 11)
    assert [recent.get(key) for key in "ab"] == [None, None]
    recent.put("c", 3, 10)
    assert recent.get("c") == 3
