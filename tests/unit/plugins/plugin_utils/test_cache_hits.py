# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The counts of answers by tier: over processes, private, of one size, and in nobody's way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils import _cache_hits
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_hits import FILE, TIERS, Hits

NOTHING = {"memory": 0, "cache": 0, "store": 0, "sweep": 0}


def test_every_answer_is_counted_for_its_tier(tmp_path: Path) -> None:
    hits = Hits(tmp_path / "cache")
    assert hits.read() == NOTHING
    for tier in ("memory", "memory", "store", "sweep", "memory"):
        hits.count(tier)
    assert Hits(tmp_path / "cache").read() == {"memory": 3, "cache": 0, "store": 1, "sweep": 1}


def test_workers_that_end_without_a_word_lose_nothing(tmp_path: Path) -> None:
    """As Ansible's: forked from one process that has counted already, and ended by os._exit."""
    hits = Hits(tmp_path)
    hits.count("store")
    workers = []
    for number in range(8):
        worker = os.fork()
        if worker == 0:
            for _time in range(200):
                hits.count(TIERS[number % 4])
            os._exit(0)
        workers.append(worker)
    assert [os.waitpid(worker, 0)[1] for worker in workers] == [0] * 8
    assert hits.read() == {"memory": 400, "cache": 400, "store": 401, "sweep": 400}


def test_the_file_is_private_and_does_not_grow(tmp_path: Path) -> None:
    hits = Hits(tmp_path / "made" / "cache")
    hits.count("memory")
    file = tmp_path / "made" / "cache" / FILE
    size = file.stat().st_size
    for _time in range(50):
        hits.count("cache")
    assert file.stat().st_size == size < 200
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", [b"", b"memory", b"memory many\n", b"\xff\xfe", b"a b c\n", b"junk " * 99])
def test_a_damaged_file_is_counted_anew(tmp_path: Path, text: bytes) -> None:
    (tmp_path / FILE).write_bytes(text)
    hits = Hits(tmp_path)
    assert hits.read() == NOTHING
    hits.count("cache")
    assert hits.read() == NOTHING | {"cache": 1}


def test_a_place_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    hits = Hits(tmp_path / "file")
    hits.count("memory")
    assert hits.read() == NOTHING


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me", encoding="utf-8")
    (tmp_path / FILE).symlink_to(precious)
    Hits(tmp_path).count("memory")
    assert precious.read_text(encoding="utf-8") == "keep me"


def test_a_process_that_was_stopped_with_the_lock_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache_hits, "_PATIENCE", 0.01)
    hits = Hits(tmp_path)
    hits.count("memory")
    with hits._locked(os.O_RDWR):
        hits.count("memory")
    assert hits.read()["memory"] == 1
