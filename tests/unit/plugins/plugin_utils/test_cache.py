# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tiers in front of the store, with Ansible's own jsonfile cache plugin and real processes for the lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.plugins.loader import cache_loader

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache import (
    Answer,
    CacheError,
    Chain,
    Document,
    Kept,
    Memory,
    PluginCache,
    Source,
    SourceError,
    cache_directory,
    locked,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_entry import packed

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
    store = Asked({"fields": [{"name": "1"}]})
    chain = Chain([Memory(60)], [Source("store", store)], clock=clock)
    first, second = chain.answer(key), chain.answer(key)
    assert (first.tier, second.tier) == ("store", "memory")
    assert first.document == second.document == {"fields": [{"name": "1"}]}
    assert store.times == 1


def test_an_answer_older_than_max_age_is_asked_for_again(key: str, clock: Clock) -> None:
    store = Asked({"fields": [{"name": "1"}]})
    chain = Chain([Memory(60)], [Source("store", store)], clock=clock)
    chain.answer(key)
    clock.now += 61
    store.document = {"fields": [{"name": "2"}]}
    assert chain.answer(key).document == {"fields": [{"name": "2"}]}


def test_the_local_cache_serves_the_next_process_and_fills_its_memory(
    key: str, clock: Clock, local: Callable[[], PluginCache]
) -> None:
    store = Asked({"fields": [{"name": "é"}]})
    Chain([local()], [Source("store", store)], clock=clock).answer(key)
    clock.now += 10
    chain = Chain([Memory(60), local()], [Source("store", store)], clock=clock)
    answer = chain.answer(key)
    assert (answer.tier, answer.age, answer.document) == ("cache", 10, {"fields": [{"name": "é"}]})
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
        {"version": 99, "fetched": 1.0, "source": "store", "document": packed({})},
        {"version": 1, "fetched": 1.0, "source": "store", "document": packed({})},
        {"version": 2, "fetched": 1.0, "source": "store", "document": 5},
        {"version": 2, "fetched": 1.0, "source": "store", "document": "{}"},
        {"version": 2, "fetched": "now", "source": "store", "document": packed({})},
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


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b"5", b'"x"', b'{"__payload__": 5}', b'{"__payload__": "{"}', b"\xff"]
)
def test_a_file_of_another_form_is_dropped_with_a_warning(
    key: str, clock: Clock, local: Callable[[], PluginCache], tmp_path: Path, warnings: list[str], content: bytes
) -> None:
    store = Asked({"fields": []})
    Chain([local()], [Source("store", store)], clock=clock).answer(key)
    [file] = (tmp_path / "cache").iterdir()
    file.write_bytes(content)
    assert Chain([local()], [Source("store", store)], clock=clock).answer(key).tier == "store"
    assert len(warnings) == 1
    assert "damaged" in warnings[0]
    assert Chain([local()], [Source("store", store)], clock=clock).answer(key).tier == "cache"
    assert len(warnings) == 1


def test_an_entry_in_which_a_character_changed_is_dropped_with_a_warning(
    key: str, clock: Clock, local: Callable[[], PluginCache], tmp_path: Path, warnings: list[str]
) -> None:
    document = {"fields": [{"name": f"field_{number}"} for number in range(50)]}
    store = Asked(document)
    Chain([local()], [Source("store", store)], clock=clock).answer(key)
    [file] = (tmp_path / "cache").iterdir()
    text = file.read_text(encoding="utf-8")
    middle = text.index("document") + (len(text) - text.index("document")) // 2
    file.write_text(text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :], encoding="utf-8")
    assert Chain([local()], [Source("store", store)], clock=clock).answer(key).document == document
    assert store.times == 2
    assert "damaged" in warnings[0]


def test_the_address_of_another_kind_of_cache_is_no_directory(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of redis is HOST:PORT:DB:PASSWORD."""
    monkeypatch.chdir(tmp_path)
    tier = PluginCache("ansible.builtin.memory", "localhost:6379:0:fake-password", "fields_", 300)
    assert tier.get(key) is None
    assert list(tmp_path.iterdir()) == []
    assert cache_directory("ansible.builtin.memory", "localhost:6379:0:fake-password") is None


def test_the_cache_plugin_memory_holds_what_it_was_given(key: str, clock: Clock, warnings: list[str]) -> None:
    store = Asked({"fields": [{"name": "1"}]})

    def asked() -> Answer:
        tier = PluginCache("ansible.builtin.memory", "", "", 300, warnings.append)
        return Chain([tier], [Source("store", store)], clock=clock).answer(key)

    assert [asked().tier, asked().tier] == ["store", "cache"]
    assert warnings == []


def test_the_cache_plugin_lets_nothing_expire(
    key: str, clock: Clock, local: Callable[[], PluginCache], tmp_path: Path
) -> None:
    """How old an answer may be is judged here, and an old one is wanted where every source fails."""
    Chain([local()], [Source("store", Asked({}))], clock=clock).answer(key)
    [file] = (tmp_path / "cache").iterdir()
    os.utime(file, (0, 0))
    assert local().get(key) is not None


def test_a_cache_plugin_is_not_loaded_where_memory_answers(key: str, clock: Clock, tmp_path: Path) -> None:
    store = Asked({"fields": [{"name": "1"}]})
    Chain([Memory(60)], [Source("store", store)], clock=clock).answer(key)
    far = PluginCache("nonsense", str(tmp_path / "cache"), "", 60)
    assert Chain([Memory(60), far], [Source("store", store)], clock=clock).answer(key).tier == "memory"


def test_variables_and_the_home_in_a_directory_are_read_as_the_plugin_reads_them(
    key: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_HERE", str(tmp_path / "here"))
    tier = PluginCache("ansible.builtin.jsonfile", "$CACHE_HERE/cache", "fields_", 300)
    Chain([tier], [Source("store", Asked({}))], clock=clock).answer(key)
    directory = tmp_path / "here" / "cache"
    assert [stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.iterdir()]] == [0o700, 0o600]


def test_refresh_believes_no_warm_tier(key: str, clock: Clock, local: Callable[[], PluginCache]) -> None:
    store, servers = Asked({"fields": [{"name": "old"}]}), Asked({"fields": [{"name": "new"}]})
    chain = Chain([Memory(60), local()], [Source("store", store), Source("sweep", servers)], clock=clock)
    assert chain.answer(key).document == {"fields": [{"name": "old"}]}
    answer = chain.answer(key, refresh=True)
    assert (answer.tier, answer.document) == ("sweep", {"fields": [{"name": "new"}]})
    assert chain.answer(key).document == {"fields": [{"name": "new"}]}
    assert Chain([local()], [Source("store", store)], clock=clock).answer(key).document == {"fields": [{"name": "new"}]}
    assert (store.times, servers.times) == (1, 1)


class Filled:
    """A tier that another process has just filled from the store, whatever is dropped here."""

    name = "cache"
    max_age = 60.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, _key: str) -> Kept | None:
        return Kept({"fields": [{"name": "old"}]}, self._clock.now, "store")

    def put(self, key: str, kept: Kept) -> None:
        pass

    def drop(self, key: str) -> None:
        pass


def test_a_refresh_takes_no_answer_that_another_process_had_of_the_store(key: str, clock: Clock) -> None:
    servers = Asked({"fields": [{"name": "new"}]})
    chain = Chain([Filled(clock)], [Source("store", Asked({})), Source("sweep", servers)], clock=clock)
    assert chain.answer(key, refresh=True).document == {"fields": [{"name": "new"}]}


def test_an_answer_that_does_not_suit_is_not_taken_from_a_tier(key: str, clock: Clock) -> None:
    sweep = Asked({"fields": [], "asked": ["a"]})
    chain = Chain([Memory(60)], [Source("sweep", sweep)], clock=clock)
    chain.answer(key)
    wanted = Chain(
        [Memory(60)],
        [Source("sweep", Asked({"fields": [], "asked": ["a", "b"]}))],
        max_stale=600,
        clock=clock,
        suits=lambda document, _refresh: "b" in document["asked"],
    )
    assert wanted.answer(key).tier == "sweep"
    assert wanted.answer(key).tier == "memory"
    assert chain.answer(key).tier == "memory"


def test_an_answer_that_does_not_suit_is_no_stale_one_either(key: str, clock: Clock) -> None:
    chain = Chain([Memory(60)], [Source("sweep", Asked({"fields": []}))], clock=clock)
    chain.answer(key)
    down = Asked()
    down.fault = "unreachable"
    other = Chain([Memory(60)], [Source("sweep", down)], max_stale=600, clock=clock, suits=lambda *_: False)
    with pytest.raises(CacheError, match="unreachable"):
        other.answer(key)


def test_the_sweep_is_asked_where_the_store_has_nothing(key: str, clock: Clock) -> None:
    chain = Chain(
        [Memory(60)], [Source("store", Asked(None)), Source("sweep", Asked({"fields": [{"name": "3"}]}))], clock=clock
    )
    assert chain.answer(key).tier == "sweep"


def test_a_document_that_is_too_old_by_its_own_word_is_passed_over(key: str, clock: Clock) -> None:
    store = Source("store", Asked({"fields": [{"name": "old"}]}), age=lambda _document: 500.0, max_age=400)
    assert (
        Chain([], [store, Source("sweep", Asked({"fields": [{"name": "new"}]}))], clock=clock).answer(key).tier
        == "sweep"
    )
    with pytest.raises(CacheError, match="500 s old"):
        Chain([], [store], clock=clock).answer(key)


def test_a_stale_answer_is_given_only_within_its_bound_and_says_why(key: str, clock: Clock) -> None:
    store = Asked({"fields": [{"name": "1"}]})
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


@pytest.mark.parametrize(("age", "tier"), [(500.0, "memory"), (50.0, "store")])
def test_of_two_stale_answers_the_younger_is_given(key: str, clock: Clock, age: float, tier: str) -> None:
    Chain([Memory(60)], [Source("store", Asked({"fields": []}))], clock=clock).answer(key)
    clock.now += 100
    down = Asked()
    down.fault = "unreachable"
    store = Source("store", Asked({"fields": [{"name": "1"}]}), age=lambda _document: age, max_age=40)
    answer = Chain([Memory(60)], [store, Source("sweep", down)], max_stale=600, clock=clock).answer(key)
    assert (answer.tier, answer.age, answer.stale) == (tier, min(age, 100.0), True)
    # The option by the name that it has.
    assert str(answer.reason).startswith(f"store: what is there is {age:.0f} s old, and store_max_age is 40 s")


def test_without_max_stale_a_fault_is_an_error(key: str, clock: Clock) -> None:
    store = Asked({"fields": [{"name": "1"}]})
    chain = Chain([Memory(60)], [Source("store", store)], clock=clock)
    chain.answer(key)
    store.fault = "connection refused"
    clock.now += 61
    with pytest.raises(CacheError, match="connection refused"):
        chain.answer(key)


def test_a_refresh_that_fails_can_fall_back_on_what_it_dropped(key: str, clock: Clock) -> None:
    store, servers = Asked({"fields": [{"name": "1"}]}), Asked()
    chain = Chain([Memory(60)], [Source("store", store), Source("sweep", servers)], max_stale=600, clock=clock)
    chain.answer(key)
    servers.fault = "unreachable"
    answer = chain.answer(key, refresh=True)
    assert (answer.stale, answer.document, answer.reason) == (True, {"fields": [{"name": "1"}]}, "sweep: unreachable")


def test_an_unknown_cache_plugin_is_named(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="cache plugin nonsense"):
        PluginCache("nonsense", str(tmp_path), "", 60).get("key")


BROKEN_PLUGIN = """
DOCUMENTATION = '''
name: broken
short_description: A cache whose server went away
description: As redis without a server, whose errors are no OSError.
author: nobody
options: {_uri: {description: none}, _prefix: {description: none}, _timeout: {description: none, type: int}}
'''
from ansible.plugins.cache import BaseCacheModule

class Gone(Exception):
    pass

def gone(*_given):
    raise Gone("connection refused")

class CacheModule(BaseCacheModule):
    get = set = keys = contains = delete = flush = copy = gone
"""


def test_a_cache_plugin_that_fails_in_its_own_way_fails_no_lookup(
    key: str, clock: Clock, tmp_path: Path, warnings: list[str]
) -> None:
    (tmp_path / "broken_for_tests.py").write_text(BROKEN_PLUGIN, encoding="utf-8")
    cache_loader.add_directory(str(tmp_path))
    store = Asked({"fields": [{"name": "1"}]})
    tier = PluginCache("broken_for_tests", "somewhere:6379:0", "fields_", 300, warnings.append)
    chain = Chain([tier], [Source("store", store)], clock=clock)
    assert chain.answer(key).document == {"fields": [{"name": "1"}]}
    assert chain.answer(key, refresh=True).tier == "store"
    assert warnings[0] == "The local cache cannot be read: connection refused"
    assert "The answer could not be kept in the local cache: connection refused" in warnings


@pytest.mark.parametrize("place", ["home/cache", "~nobody-of-that-name/cache"])
def test_a_cache_whose_directory_cannot_be_made_fails_no_lookup(
    key: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings: list[str], place: str
) -> None:
    """As in an execution environment in which the user has no home."""
    monkeypatch.chdir(tmp_path)
    for name in ("home", "~nobody-of-that-name"):
        (tmp_path / name).touch()
    store = Asked({"fields": [{"name": "1"}]})
    tier = PluginCache("ansible.builtin.jsonfile", place, "fields_", 300, warnings.append)
    chain = Chain([tier], [Source("store", store)], clock=clock)
    assert chain.answer(key).tier == "store"
    assert chain.answer(key, refresh=True).tier == "store"
    assert warnings
    # Ansible's own words, which begin with a small letter until ansible-core 2.18.
    assert {warning.replace(": error", ": Error").partition(": Error")[0] for warning in warnings} == {
        "The local cache cannot be read: the cache plugin ansible.builtin.jsonfile cannot be used"
    }


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
    return {"fields": [{"name": "swept"}]}

(work / f"started-{sys.argv[2]}").touch()
tier = PluginCache("ansible.builtin.jsonfile", str(work / "cache"), "fields_", 300)
chain = Chain([tier], [Source("sweep", sweep)], lock_file=work / "lock", lock_timeout=30)
assert chain.answer("key", refresh=sys.argv[3] == "refresh").document == {"fields": [{"name": "swept"}]}
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
