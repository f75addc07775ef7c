# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory store alone: locks, killed writers, strange neighbours, git."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    Commit,
    Put,
    Snapshot,
    StoreDeniedError,
    StoreError,
    StoreUnavailableError,
    server_key,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.publish import written_keys
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from tests.support.fleets import NOW, extraction, publish_to

PROJECT = Path(__file__).resolve().parents[5]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process that holds the lock."""
    code = (
        "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print(1, flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "1\n"
        yield
    finally:
        process.kill()
        process.communicate()


def test_lock_of_another_run_is_waited_for_in_vain(tmp_path: Path) -> None:
    publish_to(DirectoryStore(str(tmp_path)), extraction({"prom-01": ["company"]}))
    impatient = DirectoryStore(str(tmp_path), timeout=0.1)
    # A turn that it had is over.
    with impatient.turn():
        impatient.read()
    with locked(tmp_path):
        for action in (impatient.read, lambda: impatient.commit(Commit(first=[Put("servers/x", b"1", ABSENT)]))):
            with pytest.raises(StoreUnavailableError, match=r"has been locked by another run for 0\.1 s"):
                action()
        # The document is replaced whole, so it can be read meanwhile.
        assert impatient.read_document() is not None
    assert publish_to(impatient, extraction({"prom-01": ["env"]})).changed


class Overtaken(DirectoryStore):
    """Takes so long over its plan that somebody else always writes first, if the lock lets them."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.others: list[threading.Thread] = []

    def read(self, *, latest: bool = False) -> Snapshot:
        snapshot = super().read(latest=latest)
        other = DirectoryStore(str(self.path))
        swept = extraction({f"prom-{len(self.others)}": ["env"]})
        self.others.append(threading.Thread(target=publish_to, args=(other, swept)))
        self.others[-1].start()
        # Whoever waits for the lock is waited for in vain.
        self.others[-1].join(1.0)
        return snapshot


def test_whoever_was_overtaken_is_next(tmp_path: Path) -> None:
    slow = Overtaken(tmp_path)
    publish_to(DirectoryStore(str(tmp_path)), extraction({"prom-x": ["env"]}))
    try:
        outcome = publish_to(slow, extraction({"slow": ["company"]}), retry_seconds=4.0)
    finally:
        for other in slow.others:
            other.join(30.0)
    assert outcome.attempts == 2
    servers = whole_view(DirectoryStore(str(tmp_path)).read(), slow, NOW)["servers"]
    assert sorted(servers) == ["prom-0", "prom-1", "prom-x", "slow"]


def test_readers_do_not_keep_each_other_out(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path), timeout=0.1)
    publish_to(store, extraction({"prom-01": ["company"]}))
    reader = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    try:
        assert len(store.read().entries) == 2
    finally:
        os.close(reader)


def test_killed_writers_leave_a_whole_document(tmp_path: Path) -> None:
    """Writers are killed at any moment; each time the store reads well, and the next run finishes the work."""
    store_path = tmp_path / "store"
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from tests.support.fleets import *\n"
        "store = DirectoryStore(sys.argv[3])\n"
        "print(1, flush=True)\n"
        "for n in range(100000):\n"
        "    names = ['company', f'f{n % 5}']\n"
        "    publish_to(store, extraction({f'prom-{i}': names for i in range(20)}))\n"
    )
    command = [sys.executable, "-c", code, str(PROJECT), str(PROJECT / ".venv" / "collections"), str(store_path)]
    store = DirectoryStore(str(store_path))
    chance = random.Random(7)
    for _round in range(6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        time.sleep(chance.uniform(0.02, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in store_path.rglob("*.json"):
            json.loads(path.read_text(encoding="utf-8"))
        if (store_path / "fields.json").exists():
            whole_view(store.read(), store, NOW)
    publish_to(store, extraction({f"prom-{number}": ["company"] for number in range(20)}))
    view = whole_view(store.read(), store, NOW)
    assert [item["name"] for item in view["fields"] if item["status"] == "synced"] == ["company"]
    assert list(store_path.rglob(".new-*")) == []


def test_other_files_stay(tmp_path: Path) -> None:
    neighbours = ["README.md", "fields.json.orig", "servers/notes.txt", "servers/.hidden.json", "history/old/x.json"]
    for name in neighbours:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction({"prom-01": ["company"]}), manner={"adopt": True})
    for name in neighbours:
        assert (tmp_path / name).read_text(encoding="utf-8") == name
    assert set(store.read().entries) == {"fields", "servers/prom-01"}


def test_no_server_name_leaves_the_directory(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    store = DirectoryStore(str(inside))
    for name in ("../../outside", "/etc/outside", "..", "a/../../outside", ".new-x"):
        publish_to(store, extraction({name: ["company"]}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside"]
    assert len(store.read().entries) == 1 + 5 + len(list((inside / "history").iterdir()))


def test_name_that_is_too_long_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name of the server is too long"):
        publish_to(DirectoryStore(str(tmp_path)), extraction({"x" * 300: ["company"]}))
    assert not (tmp_path / "fields.json").exists()


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"Cannot (read|write) .*file"):
        publish_to(DirectoryStore(str(tmp_path / "file")), extraction({"prom-01": ["company"]}))


@contextlib.contextmanager
def ordinary_user() -> Iterator[Path]:
    """A directory that is the user's own; where the tests run as root, who may do everything, as another user."""
    with tempfile.TemporaryDirectory() as folder:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)


def test_place_that_may_not_be_written() -> None:
    keys = written_keys(["prom-01"], 1)
    with ordinary_user() as folder:
        store = DirectoryStore(str(folder))
        publish_to(store, extraction({"prom-01": ["company"]}))
        before = store.read().entries
        store.probe(keys)
        DirectoryStore(str(folder / "not" / "there")).probe(keys)
        (folder / "servers").chmod(0o500)
        for attempt in (lambda: publish_to(store, extraction({"prom-02": ["company"]})), lambda: store.probe(keys)):
            with pytest.raises(StoreDeniedError, match=r"permission denied\. Run as a user who may"):
                attempt()
        with pytest.raises(StoreDeniedError, match="permission denied"):
            DirectoryStore(str(folder / "servers" / "not" / "there")).probe(keys)
        assert store.read().entries == before
        folder.chmod(0o000)
        with pytest.raises(StoreDeniedError, match="Cannot read"):
            store.read()
        folder.chmod(0o700)


def test_what_is_no_directory_is_known_without_writing(tmp_path: Path) -> None:
    """A probe that took the next folder above promised what a publish could not do, or called it a lack of rights."""
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "servers").write_text("", encoding="utf-8")
    for name in ("gone", "broken"):
        store = DirectoryStore(str(tmp_path / name))
        with pytest.raises(StoreError, match=f"Cannot write {tmp_path}/{name}.*: File exists"):
            publish_to(store, extraction({"prom-01": ["company"]}))
        with pytest.raises(StoreError, match=f"Cannot write {tmp_path}/{name}.*: Not a directory"):
            store.probe(written_keys(["prom-01"], 1))


def test_directory_that_is_read_only_can_be_read(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, extraction({"prom-01": ["company"]}))
    for path in (tmp_path / "servers", tmp_path / "history", tmp_path):
        path.chmod(0o500)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert len(store.read().entries) == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_git_shows_what_changed_and_no_more(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(tmp_path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    store = DirectoryStore(str(tmp_path))
    fleet = {f"prom-{number:02d}": ["company", "env", "os"] for number in range(10)}
    publish_to(store, extraction(fleet))
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    publish_to(store, extraction(fleet))
    assert git("status", "--porcelain") == ""
    ways = {(server, "os"): {"regex": "changed"} for server in fleet}
    publish_to(store, extraction(fleet, ways=ways))
    numbers = {line.split("\t")[2]: line.split("\t")[:2] for line in git("diff", "--numstat").splitlines()}
    # The regex, in the field and in its source; the fingerprint; the time, and that of each of the ten servers.
    assert numbers.pop("fields.json") == ["14", "14"]
    assert set(numbers) == {f"servers/{server}.json" for server in fleet}
    assert all(change == ["2", "2"] for change in numbers.values())
    assert [line for line in git("status", "--porcelain").splitlines() if line.startswith("??")] == ["?? history/"]


def test_key_of_a_server_is_readable(tmp_path: Path) -> None:
    assert server_key("prom-01.example.com") == "servers/prom-01.example.com"
    assert server_key("a/b") == "servers/a%2Fb"


FLEET = extraction({"prom-01": ["company", "env"], "prom-02": ["company"]})


def test_link_that_leads_nowhere_hides_nothing_else(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=NOW)
    link = store.path / "servers" / "elsewhere.json"
    link.symlink_to(store.path / "nowhere.json")
    assert sorted(store.read().entries) == ["fields", "servers/prom-01", "servers/prom-02"]
    assert not publish_to(store, FLEET, now=NOW).changed
    assert publish_to(store, extraction({"prom-01": ["company", "rack"]}), retry_seconds=0).changed
    assert link.is_symlink()


@contextlib.contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """As on a full disk: what is written beyond it fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_write_that_fails_leaves_no_file_behind(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=NOW)
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    with limited_file_size(100), pytest.raises(StoreError, match="Cannot write"):
        publish_to(store, extraction({"prom-01": ["company", "rack"]}))
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


def test_narrower_mode_closes_the_files_that_are_there(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    publish_to(store, FLEET, now=NOW)
    other = store.path / "README"
    other.write_text("mine", encoding="utf-8")
    other.chmod(0o644)
    narrow = DirectoryStore(str(store.path), mode=0o600)
    publish_to(narrow, extraction({"prom-01": ["company", "rack"]}))
    modes = {path.stat().st_mode & 0o777 for path in store.path.rglob("*.json")}
    assert modes == {0o600}
    assert other.stat().st_mode & 0o777 == 0o644
