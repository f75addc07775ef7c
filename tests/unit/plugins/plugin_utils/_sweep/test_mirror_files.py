# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a mirror's files lie, that nothing lands outside of it, and that a kill leaves the old state or the new."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import (
    Mirror,
    MirrorError,
    MirrorUnfinishedError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_files import (
    component,
    location,
)
from tests.unit.plugins.plugin_utils._sweep.test_mirror import (
    ALERT,
    PROM,
    RULES,
    failed,
    held,
    item,
    ok,
    snapshot,
)

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)
odd = st.one_of(
    anything,
    st.sampled_from(["", ".", "..", "...", "/", "a/b", "\0", "%2E", "%", "%~", ".git", ".GIT", ".gitignore", "a\nb"]),
    st.text("./%~git\\ \0\n", max_size=8),
)


def encodable(text: str) -> bool:
    """Names come from bytes: surrogates stand for single ones."""
    return not any(0xD800 <= ord(character) < 0xDC80 or 0xDD00 <= ord(character) < 0xE000 for character in text)


@given(odd.filter(encodable), odd.filter(encodable))
@settings(max_examples=1000, deadline=None)
def test_names_stay_apart_and_within(one: str, other: str) -> None:
    for server in (False, True):
        name = component(one, server=server)
        assert 0 < len(name) <= 255
        assert b"/" not in name
        assert b"\0" not in name
        assert name not in {b".", b".."}
        assert name.isascii() or name.decode()
        assert not name.lower().startswith(b".git")
        assert not (server and name.startswith(b"."))
        assert (name == component(other, server=server)) == (one == other)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("prom-01.example.org", b"prom-01.example.org"),
        ("10.0.0.1:9090", b"10.0.0.1:9090"),
        ("prom 01 (old)", b"prom 01 (old)"),
        ("configuração", "configuração".encode()),
        ("..", b"%2E."),
        (".hidden", b"%2Ehidden"),
        ("a/../b", b"a%2F..%2Fb"),
        ("100%", b"100%25"),
        ("tab\there", b"tab%09here"),
        ("\udcff", b"%FF"),
    ],
)
def test_names_are_readable(name: str, wanted: bytes) -> None:
    assert component(name, server=True) == wanted


def test_locations() -> None:
    assert location("a", "/etc/prometheus/..data/x.yml") == (b"a", b"etc", b"prometheus", b"..data", b"x.yml")
    assert location("a", "/srv/.git/config") == (b"a", b"srv", b"%2Egit", b"config")
    long = location("a" * 300, "/" + "é" * 200)
    assert long[0].startswith(b"a" * 180 + b"%~")
    assert len(long[0]) == 180 + 2 + 64
    assert long[1].decode().startswith("é" * 90 + "%~")


NASTY = ["../../outside", "..", ".", "/etc", "", "a\0b", ".git", ".manifest.json", ".staging", ".lock", "x" * 400]


def test_nothing_lands_outside(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "mirror"
    mirror = Mirror(str(folder))
    paths = ["/../../../out.yml", "/etc/./x.yml", "/x/..", "/.git/config", "//y", "/a\0b", "/" + "z/" * 60 + "z"]
    results = {server: ok(*(item(path, f"{server!a} {path!a}\n") for path in paths)) for server in NASTY}
    mirror.apply(results)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["mirror"]
    assert held(mirror) == {server: {path: f"{server!a} {path!a}\n" for path in paths} for server in NASTY}
    assert not (folder / ".git").exists()
    own = {".lock", ".manifest.json", ".salt"}
    assert {path.name for path in folder.iterdir() if path.name.startswith(".")} == own


def plant(folder: Path, name: str, target: Path) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("name", ["a", "a/etc", "a/etc/prometheus"])
def test_links_to_folders_are_not_followed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mirror"
    outside = tmp_path / "outside"
    outside.mkdir()
    mirror = Mirror(str(folder))
    mirror.apply({"b": ok(item(PROM))})
    plant(folder, name, outside)
    before = snapshot(folder)
    with pytest.raises(MirrorError, match="links in a mirror are not followed"):
        mirror.apply({"a": ok(item(PROM)), "b": ok(item(PROM, "b: 2\n"))})
    assert list(outside.iterdir()) == []
    # As a whole or not at all: b's file waits until the obstacle is gone.
    assert snapshot(folder) == before
    (folder / name).unlink()
    mirror.apply({"a": ok(item(PROM)), "b": ok(item(PROM, "b: 2\n"))})
    assert held(mirror) == {"a": {PROM: "a: 1\n"}, "b": {PROM: "b: 2\n"}}


@pytest.mark.parametrize("name", [".manifest.json", ".salt", ".lock", ".staging", ".journal.json"])
def test_links_in_the_place_of_the_mirrors_own_files(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mirror"
    folder.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    victim = outside / "victim"
    victim.write_text("untouched")
    plant(folder, name, outside if name == ".staging" else victim)
    mirror = Mirror(str(folder))
    try:
        mirror.apply({"a": ok(item(PROM))})
    except MirrorError:
        assert name in {".lock", ".staging"}
    assert victim.read_text() == "untouched"
    assert list(outside.iterdir()) == [victim]


def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "mirror"))
    mirror.apply({"a": ok(item(PROM))})
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    place = tmp_path / "mirror/a" / PROM[1:]
    place.unlink()
    place.symlink_to(victim)
    mirror.apply({"a": ok(item(PROM, "b: 2\n"), digest="2")})
    assert not place.is_symlink()
    assert (place.read_text(), victim.read_text()) == ("b: 2\n", "untouched")


def test_a_file_becomes_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "mirror"))
    mirror.apply({"a": ok(item("/etc/prometheus/x", "file"), item("/etc/prometheus/y/z", "below"))})
    mirror.apply({"a": ok(item("/etc/prometheus/x/z", "below"), item("/etc/prometheus/y", "file"), digest="2")})
    assert held(mirror) == {"a": {"/etc/prometheus/x/z": "below", "/etc/prometheus/y": "file"}}


def test_a_file_and_a_directory_of_one_name_in_one_answer(tmp_path: Path) -> None:
    """Only a hostile server sends them: it must not stop the mirror for all others."""
    for first in (True, False):
        mirror = Mirror(str(tmp_path / str(first)))
        files = [item("/etc/x", "file"), item("/etc/x/y/z", "below")]
        answer = ok(*(files if first else reversed(files)))
        mirror.apply({"a": answer, "b": ok(item(PROM))})
        assert (answer.status, answer.error) == (
            "partial",
            "a: /etc/x: it came as a file and as a directory: run the sweep again",
        )
        assert held(mirror) == {"a": {"/etc/x": None, "/etc/x/y/z": "below"}, "b": {PROM: "a: 1\n"}}
        # Nor may what could not be read, and is kept, be in the way.
        odd = [item("/etc/x/y", "file"), item("/etc/x/y/z", error="EIO")]
        mirror.apply({"a": ok(*odd, status="partial", digest=None)})
        assert held(mirror)["a"] == {"/etc/x/y": "file", "/etc/x/y/z": None}


def test_paths_of_thousands_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a hostile server sends them: they take time by their length, not by its square."""
    depth = 1000
    deep = "/etc/" + "d/" * depth + "x.yml"
    mirror = Mirror(str(tmp_path))
    opened = itertools.count()
    real = os.open

    def counted(*words: Any, **named: Any) -> int:
        next(opened)
        return real(*words, **named)

    monkeypatch.setattr(os, "open", counted)
    for number, files in enumerate(([PROM, deep], [PROM], [deep], ["/etc/d/d"])):
        mirror.apply({"a": ok(*(item(path) for path in files), digest=str(number))})
    assert next(opened) < 20 * depth
    monkeypatch.undo()
    assert held(mirror) == {"a": {"/etc/d/d": "a: 1\n"}}
    assert sorted(path.name for path in (tmp_path / "a").rglob("*")) == ["d", "d", "etc"]


def test_empty_folders_go_up_to_the_first_that_is_not(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply({"a": ok(item("/1/2/3/4/x"), item("/1/y")), "b": ok(item("/1/x"))})
    mirror.apply({"a": ok(item("/1/y"), digest="2"), "b": ok(digest="2")})
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == [".lock", ".manifest.json", ".salt", "a", "a/1", "a/1/y"]


def test_a_folder_with_files_of_others_that_becomes_a_file(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply({"a": ok(item("/etc/x/y"), item("/etc/x/z/w"))})
    mine = tmp_path / "a/etc/x/z/mine"
    mine.write_text("mine")
    new = {"a": ok(item("/etc/x", "file"), digest="2")}
    with pytest.raises(MirrorError, match="a/etc/x: Is a directory"):
        mirror.apply(new)
    assert held(mirror) == {"a": {"/etc/x/y": "a: 1\n", "/etc/x/z/w": "a: 1\n"}}
    mine.unlink()
    mirror.apply(new)
    assert held(mirror) == {"a": {"/etc/x": "file"}}


def test_a_server_folder_that_goes_and_comes_back(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "mirror"))
    mirror.apply({"a": ok(item(PROM))})
    mirror.apply({"a": ok(item("/new.yml"), digest="2")})
    assert held(mirror) == {"a": {"/new.yml": "a: 1\n"}}


def test_a_folder_of_others_in_the_way_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    mirror = Mirror(str(folder))
    mirror.apply({"b": ok(item(PROM))})
    (folder / "a" / PROM[1:] / "mine").mkdir(parents=True)
    with pytest.raises(MirrorError, match=r"a/etc/prometheus/prometheus.yml: Is a directory"):
        mirror.apply({"a": ok(item(PROM)), "b": failed()})
    assert mirror.load()["hosts"].keys() == {"b"}
    assert not (folder / ".staging").exists()


OLD = {"a": ok(item(PROM, "old\n"), item(RULES, "old\n")), "b": ok(item(PROM, "old\n")), "c": ok(item(ALERT, "old\n"))}
NEW = {
    "a": ok(item(PROM, "new\n"), item(ALERT, "new\n"), digest="sha256:2"),
    "b": failed(),
    "c": ok(item(ALERT, "new\n"), digest="sha256:2"),
    "d": ok(item(PROM, "new\n"), digest="sha256:2"),
}
CALLS = ("replace", "unlink", "rmdir", "mkdir", "fsync", "fchmod", "open", "close", "dup")


def killed_at(mirror: Mirror, number: int, by: signal.Signals = signal.SIGKILL, *, after: bool = False) -> bool:
    """Apply NEW in a process that is killed at its nth call of the system, or after it; False when it ended before."""
    child = os.fork()
    if child == 0:
        if by != signal.SIGKILL:
            signal.signal(by, signal.SIG_DFL)
        counter = itertools.count()
        for name in CALLS:
            real: Callable[..., Any] = getattr(os, name)

            def counted(*words: Any, _real: Callable[..., Any] = real, **named: Any) -> Any:
                is_it = next(counter) == number
                if is_it and not after:
                    os.kill(os.getpid(), by)
                try:
                    return _real(*words, **named)
                finally:
                    if is_it and after:
                        os.kill(os.getpid(), by)

            setattr(os, name, counted)
        try:
            mirror.apply(NEW)
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_kill_at_any_moment_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    reference = Mirror(str(tmp_path / "reference"))
    reference.apply(OLD)
    old = reference.load()
    reference.apply(NEW)
    new = reference.load()
    states = []
    for number in range(400):
        mirror = Mirror(str(tmp_path / str(number)))
        mirror.apply(OLD)
        if not killed_at(mirror, number):
            break
        found = mirror.load()
        assert found in (old, new), f"half a sweep after call {number}"
        states.append(found == new)
        # What the next sweep is told fits what lies there; and the sweep after the kill is as if there had been none.
        known = mirror.known_digests(["a", "b", "c", "d"])
        assert known["c"] in ({"sha256:1"} if found == old else {"sha256:2", None})
        mirror.apply(NEW)
        assert mirror.load() == new
        left = {path.name for path in (tmp_path / str(number)).iterdir() if path.name.startswith(".")}
        assert left == {".lock", ".manifest.json", ".salt"}
        files = {path.relative_to(tmp_path / str(number)) for path in (tmp_path / str(number)).rglob("*.yml")}
        assert files == {path.relative_to(tmp_path / "reference") for path in (tmp_path / "reference").rglob("*.yml")}
    # Both happened, and once the new state is there it stays.
    assert states == sorted(states)
    assert 20 < states.count(False) < len(states) - 10


@pytest.mark.parametrize(("by", "after"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_what_is_ended_leaves_nothing_staged_but_what_is_decided(
    tmp_path: Path, by: signal.Signals, after: bool
) -> None:
    states = set()
    for number in range(400):
        folder = tmp_path / str(number)
        mirror = Mirror(str(folder))
        mirror.apply(OLD)
        if not killed_at(mirror, number, by, after=after):
            break
        left = {path.name for path in folder.iterdir() if path.name.startswith(".")}
        states.add((".journal.json" in left, ".staging" in left))
        mirror.apply(NEW)
        assert mirror.load()["hosts"]["a"]["digest"] == "sha256:2"
    assert states == {(False, False), (True, True)}


def test_an_interrupt_goes_on_to_who_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply(OLD)
    before = snapshot(tmp_path)
    seen: list[int] = []

    def interrupted(*words: Any, **named: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    old = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fchmod", interrupted)
            with pytest.raises(KeyboardInterrupt):
                mirror.apply(NEW)
        handler = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, old)
    assert (seen, callable(handler)) == ([signal.SIGTERM], True)
    assert snapshot(tmp_path) == before
    mirror.apply(NEW)


def test_a_sweep_that_cannot_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply(OLD)
    before = snapshot(tmp_path)
    real = os.fdopen

    class Full:
        """A disk that is full after some files."""

        left = 3

    def fdopen(descriptor: int, mode: str) -> Any:
        if mode == "wb":
            Full.left -= 1
            if Full.left < 0:
                os.close(descriptor)
                raise OSError(28, "No space left on device")
        return real(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", fdopen)
    with pytest.raises(MirrorError, match="No space left on device"):
        mirror.apply(NEW)
    monkeypatch.undo()
    assert snapshot(tmp_path) == before


def test_a_limit_of_the_size_of_files(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply(OLD)
    before = mirror.load()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(MirrorError, match=r"File too large .*: raise the limit .*ulimit -f"):
            mirror.apply(NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert mirror.load() == before
    assert not (tmp_path / ".staging").exists()
    mirror.apply(NEW)


def test_a_fault_after_the_decision_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Mirror(str(tmp_path / "reference"))
    for results in (OLD, NEW):
        reference.apply(results)
    mirror = Mirror(str(tmp_path / "mirror"))
    mirror.apply(OLD)
    real = os.replace
    moves = itertools.count()

    def replace(source: bytes, target: bytes, **folders: int) -> None:
        if next(moves) == 3:
            raise OSError(5, "Input/output error")
        real(source, target, **folders)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(MirrorUnfinishedError, match=r"Input/output error.*the next sweep finishes") as caught:
        mirror.apply(NEW)
    monkeypatch.undo()
    assert caught.value.change.added == {"a": [ALERT], "d": [PROM]}
    # What was decided is what is read, and the next sweep carries it out.
    assert mirror.load() == reference.load()
    mirror.apply({"e": failed()})
    assert mirror.load(["a", "b", "c", "d"])["hosts"] == reference.load()["hosts"]
    assert not (tmp_path / "mirror" / ".staging").exists()


def assert_refused_by_all(folder: Path, words: str) -> None:
    before = snapshot(folder)
    mirror = Mirror(str(folder))
    acts: list[Callable[[], object]] = [
        mirror.prepare_check,
        mirror.prepare,
        mirror.load,
        lambda: mirror.known_digests(["a"]),
        lambda: mirror.apply(NEW),
    ]
    for act in acts:
        with pytest.raises(MirrorError) as caught:
            act()
        assert str(folder) in str(caught.value)
        assert words in str(caught.value)
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"moves": [[1e400, ["a"]]], "removes": []}',
        '{"moves": [[-1, ["a"]]], "removes": []}',
        '{"moves": [[0, ["\\ud800"]]], "removes": []}',
        '{"moves": [[0, [".."]]], "removes": []}',
        '{"moves": [], "removes": [[]]}',
    ],
)
def test_a_damaged_journal(tmp_path: Path, text: str) -> None:
    Mirror(str(tmp_path)).apply(OLD)
    journal = tmp_path / ".journal.json"
    journal.write_text(text)
    assert_refused_by_all(tmp_path, f"is damaged: delete {journal} and sweep with force")


def test_a_journal_whose_files_are_gone(tmp_path: Path) -> None:
    """The rest is not carried out: half of a sweep would be there for good."""
    Mirror(str(tmp_path)).apply(OLD)
    journal = tmp_path / ".journal.json"
    removes = ["b", *PROM.split("/")[1:]]
    journal.write_text(json.dumps({"moves": [[0, ["c", "\x1b"]]], "removes": [removes]}))
    words = r"says that c/\x1b is still to be put in its place, and it is gone: delete "
    assert_refused_by_all(tmp_path, f"{words}{journal} and sweep with force")
    journal.unlink()
    Mirror(str(tmp_path)).apply(NEW)


@pytest.mark.parametrize("name", [".manifest.json", ".journal.json", ".salt", ".lock", ".staging"])
def test_what_stands_in_the_place_of_the_mirrors_own(tmp_path: Path, name: str) -> None:
    Mirror(str(tmp_path)).apply(OLD)
    place = tmp_path / name
    place.unlink(missing_ok=True)
    if name == ".staging":
        place.touch()
    else:
        place.mkdir()
    kind = "is not a directory" if name == ".staging" else "is a directory"
    assert_refused_by_all(tmp_path, f"{place} {kind}: remove it, and sweep again")


@pytest.mark.parametrize("below", ["", "deep/mirror"])
def test_a_link_to_nowhere(tmp_path: Path, below: str) -> None:
    """With --check too."""
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    name = link if below else "it"
    assert_refused_by_all(link / below, f"cannot be used: {name} is a link to nowhere, which is not there: make that ")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
    (tmp_path / "nowhere").mkdir()
    Mirror(str(link / below)).apply(OLD)
    assert Mirror(str(tmp_path / "nowhere" / below)).load()["summary"]["hosts"] == 3


def test_a_first_answer_in_part_is_not_replaced_by_an_older_one(tmp_path: Path) -> None:
    slow = Mirror(str(tmp_path))
    slow.prepare()
    Mirror(str(tmp_path)).apply({"a": ok(item(PROM, "v: 2\n"), status="partial", digest=None)})
    assert slow.apply({"a": ok(item(PROM, "v: 1\n"))}).superseded == ["a"]
    assert held(slow) == {"a": {PROM: "v: 2\n"}}


def test_a_path_that_is_not_absolute_is_refused(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply({"a": ok(item(PROM))})
    with pytest.raises(MirrorError, match="a: 'etc/x' is not an absolute path"):
        mirror.apply({"a": ok(item("etc/x"), digest="sha256:2")})
    assert held(mirror) == {"a": {PROM: "a: 1\n"}}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "fine"},
        {"files": {"etc/x.yml": {}}},
        {"files": {PROM: {"stored": {}}}},
    ],
)
def test_a_manifest_that_was_changed_by_hand_is_not_believed(tmp_path: Path, change: dict[str, Any]) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply({"a": ok(item(PROM))})
    manifest = tmp_path / ".manifest.json"
    data = json.loads(manifest.read_text())
    record = data["servers"]["a"]
    files = {path: {**record["files"][PROM], **new} for path, new in change.get("files", {PROM: {}}).items()}
    data["servers"]["a"] = {**record, **change, "files": files}
    manifest.write_text(json.dumps(data))
    for act in (mirror.load, lambda: mirror.apply({"a": ok(item(PROM, "b: 2\n"))})):
        with pytest.raises(MirrorError, match="manifest of mirror"):
            act()
    assert (tmp_path / "a" / PROM[1:]).read_text() == "a: 1\n"


def test_two_sweeps_take_turns(tmp_path: Path) -> None:
    Mirror(str(tmp_path)).apply({"start": ok(item(PROM))})
    failures: list[BaseException] = []

    def sweep(name: str) -> None:
        try:
            for number in range(20):
                mirror = Mirror(str(tmp_path))
                mirror.apply({name: ok(item(PROM, f"{name} {number}\n"), digest=f"sha256:{number}")})
                mirror.load()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=sweep, args=(f"server-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert held(Mirror(str(tmp_path))) == {
        "start": {PROM: "a: 1\n"},
        **{f"server-{number}": {PROM: f"server-{number} 19\n"} for number in range(4)},
    }


def test_waiting_for_another_sweep_has_a_bound(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path), lock_seconds=0.2)
    mirror.apply({"a": ok(item(PROM))})
    with (tmp_path / ".lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        for act in (lambda: mirror.apply({"a": ok(item(PROM, "b"))}), mirror.load, lambda: mirror.known_digests(["a"])):
            with pytest.raises(MirrorError, match="Another sweep has held the mirror"):
                act()
        assert time.monotonic() - began >= 0.6
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert held(mirror) == {"a": {PROM: "a: 1\n"}}


def test_a_copy_of_a_mirror_can_be_loaded_without_a_lock(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path))
    mirror.apply({"a": ok(item(PROM))})
    (tmp_path / ".lock").unlink()
    assert held(mirror) == {"a": {PROM: "a: 1\n"}}
    assert not (tmp_path / ".lock").exists()
