# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tiers in front of the store, with Ansible's own jsonfile cache plugin and real processes for the lock."""

from __future__ import annotations

import stat
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.plugins.loader import cache_loader

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache import (
    CacheError,
    Chain,
    Document,
    Memory,
    PluginCache,
    Source,
    SourceError,
    locked,
)

COLLECTIONS = Path(__file__).resolve().parents[4] / ".venv/collections"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """A source whose answers the test sets; it counts how often it is asked."""

    def __init__(self, document: Document | None = None) -> None:
        self.document = document
        self.times = 0
        self.fault: str | None = None

    def __call__(self) -> Document | None:
        self.times += 1
        if self.fault:
            raise SourceError(self.fault)
        return self.document


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex  # the memory tier outlives a test


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def local(tmp_path: Path, warnings: list[str]) -> Callable[[], PluginCache]:
    """Makes the local tier as another process would see it: nothing but the files is shared."""
    return lambda: PluginCache("ansible.builtin.jsonfile", str(tmp_path / "cache"), "fields_", 300, warnings.append)


def test_a_near_tier_answers_without_asking_the_source(key: str, clock: Clock) -> None:
    store = Asked({"fields": [1]})
    chain = Chain([Memory(60)], [Source("store", store)], clock=clock)
    first, second = chain.answer(key), chain.answer(key)
    assert (first.tier, second.tier) == ("store", "memory")
    assert first.document == second.document == {"fields": [1]}
    assert store.times == 1


def test_an_answer_older_than_max_age_is_asked_for_again(key: str, clock: Clock) -> None:
    store = Asked({"fields": [1]})
    chain = Chain([Memory(60)], [Source("store", store)], clock=clock)
    chain.answer(key)
    clock.now += 61
    store.document = {"fields": [2]}
    assert chain.answer(key).document == {"fields": [2]}


def test_the_local_cache_serves_the_next_process_and_fills_its_memory(
    key: str, clock: Clock, local: Callable[[], PluginCache]
) -> None:
    store = Asked({"fields": ["é"]})
    Chain([local()], [Source("store", store)], clock=clock).answer(key)
    clock.now += 10
    chain = Chain([Memory(60), local()], [Source("store", store)], clock=clock)
    answer = chain.answer(key)
    assert (answer.tier, answer.age, answer.document) == ("cache", 10, {"fields": ["é"]})
    assert chain.answer(key).tier == "memory"
    assert store.times == 1


def test_nobody_else_can_read_the_local_cache(
    key: str, clock: Clock, local: Callable[[], PluginCache], tmp_path: Path
) -> None:
    Chain([local()], [Source("store", Asked({}))], clock=clock).answer(key)
    files = list((tmp_path / "cache").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def test_a_file_that_is_no_json_is_dropped_with_a_warning(
    key: str, clock: Clock, local: Callable[[], PluginCache], tmp_path: Path, warnings: list[str]
) -> None:
    store = Asked({"fields": []})
    Chain([local()], [Source("store", store)], clock=clock).answer(key)
    [file] = (tmp_path / "cache").iterdir()
    file.write_text("{", encoding="utf-8")
    assert Chain([local()], [Source("store", store)], clock=clock).answer(key).tier == "store"
    assert len(warnings) == 1
    assert "damaged" in warnings[0]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"version": 99, "fetched": 1.0, "source": "store", "document": {}},
        {"version": 1, "fetched": 1.0, "source": "store", "document": 5},
        {"version": 1, "fetched": "now", "source": "store", "document": {}},
    ],
)
def test_an_entry_of_another_form_is_dropped_with_a_warning(
    key: str, clock: Clock, local: Callable[[], PluginCache], tmp_path: Path, warnings: list[str], entry: object
) -> None:
    plugin = cache_loader.get("ansible.builtin.jsonfile", _uri=str(tmp_path / "cache"), _prefix="fields_", _timeout=0)
    plugin.set(key, entry)
    tier = local()
    assert tier.get(key) is None
    assert len(warnings) == 1
    assert "damaged" in warnings[0]
    assert tier.get(key) is None
    assert len(warnings) == 1


def test_refresh_believes_no_warm_tier(key: str, clock: Clock, local: Callable[[], PluginCache]) -> None:
    store, servers = Asked({"fields": ["old"]}), Asked({"fields": ["new"]})
    chain = Chain([Memory(60), local()], [Source("store", store), Source("sweep", servers)], clock=clock)
    assert chain.answer(key).document == {"fields": ["old"]}
    answer = chain.answer(key, refresh=True)
    assert (answer.tier, answer.document) == ("sweep", {"fields": ["new"]})
    assert chain.answer(key).document == {"fields": ["new"]}
    assert Chain([local()], [Source("store", store)], clock=clock).answer(key).document == {"fields": ["new"]}
    assert (store.times, servers.times) == (1, 1)


def test_the_sweep_is_asked_where_the_store_has_nothing(key: str, clock: Clock) -> None:
    chain = Chain([Memory(60)], [Source("store", Asked(None)), Source("sweep", Asked({"fields": [3]}))], clock=clock)
    assert chain.answer(key).tier == "sweep"


def test_a_document_that_is_too_old_by_its_own_word_is_passed_over(key: str, clock: Clock) -> None:
    store = Source("store", Asked({"fields": ["old"]}), age=lambda _document: 500.0, max_age=400)
    assert Chain([], [store, Source("sweep", Asked({"fields": ["new"]}))], clock=clock).answer(key).tier == "sweep"
    with pytest.raises(CacheError, match="500 s old"):
        Chain([], [store], clock=clock).answer(key)


def test_a_stale_answer_is_given_only_within_its_bound_and_says_why(key: str, clock: Clock) -> None:
    store = Asked({"fields": [1]})
    chain = Chain([Memory(60)], [Source("store", store)], max_stale=600, clock=clock)
    chain.answer(key)
    store.fault = "no leader"
    clock.now += 599
    answer = chain.answer(key)
    assert (answer.stale, answer.tier, answer.age) == (True, "memory", 599)
    assert answer.reason == "store: no leader"
    clock.now += 2
    with pytest.raises(CacheError, match=r"no leader.*601 s old.*600 s"):
        chain.answer(key)


def test_without_max_stale_a_fault_is_an_error(key: str, clock: Clock) -> None:
    store = Asked({"fields": [1]})
    chain = Chain([Memory(60)], [Source("store", store)], clock=clock)
    chain.answer(key)
    store.fault = "connection refused"
    clock.now += 61
    with pytest.raises(CacheError, match="connection refused"):
        chain.answer(key)


def test_a_refresh_that_fails_can_fall_back_on_what_it_dropped(key: str, clock: Clock) -> None:
    store, servers = Asked({"fields": [1]}), Asked()
    chain = Chain([Memory(60)], [Source("store", store), Source("sweep", servers)], max_stale=600, clock=clock)
    chain.answer(key)
    servers.fault = "unreachable"
    answer = chain.answer(key, refresh=True)
    assert (answer.stale, answer.document, answer.reason) == (True, {"fields": [1]}, "sweep: unreachable")


def test_an_unknown_cache_plugin_is_named(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="cache plugin nonsense"):
        PluginCache("nonsense", str(tmp_path), "", 60)


ONE_OF_TWO = """
import sys, time
from pathlib import Path
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[4]])
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache import Chain, PluginCache, Source

work = Path(sys.argv[1])

def sweep():
    with (work / "sweeps").open("a") as log:
        log.write("x")
    # The others must come while this one is at work.
    deadline = time.monotonic() + 20
    while len(list(work.glob("started-*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    return {"fields": ["swept"]}

(work / f"started-{sys.argv[2]}").touch()
tier = PluginCache("ansible.builtin.jsonfile", str(work / "cache"), "fields_", 300)
chain = Chain([tier], [Source("sweep", sweep)], lock_file=work / "lock", lock_timeout=30)
assert chain.answer("key", refresh=sys.argv[3] == "refresh").document == {"fields": ["swept"]}
"""


def test_processes_that_find_the_cache_empty_at_once_sweep_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ONE_OF_TWO, str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    processes = [
        subprocess.Popen([*command, str(number), "plain", str(COLLECTIONS)], env=environment) for number in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "sweeps").read_text() == "x"


def test_a_lock_that_cannot_be_had_in_time_stops_nobody(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", 1) as first, locked(tmp_path / "lock", 0.1) as second:
        assert (first, second) == (True, False)


def test_a_lock_in_a_place_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with locked(tmp_path / "file" / "lock", 1) as held:
        assert not held
