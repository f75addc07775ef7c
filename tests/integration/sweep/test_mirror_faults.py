# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play is told when the mirror or its history fails: before any server is asked, or with what they said."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sweep.test_actions import ALL_OK, CONFIGS, Controller, statuses
from tests.support.sshd import SshdFleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("mirror_faults"), 3) as running:
        yield running


@pytest.fixture
def controller(fleet: SshdFleet, tmp_path: Path) -> Controller:
    return Controller(fleet, tmp_path)


@contextlib.contextmanager
def small_disk(place: Path, *, size: str = "64k") -> Iterator[None]:
    """A file system of its own."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def assert_nobody_was_asked(result: dict[str, Any], words: str) -> None:
    assert result["failed"] is True
    assert words in result["msg"]
    assert "hosts" not in result
    assert "[1/3]" not in result["output"]


def assert_nothing_is_lost(result: dict[str, Any], words: str) -> None:
    """The task failed, and what the servers said is there."""
    assert result["failed"] is True
    assert words in result["msg"]
    assert statuses(result) == ALL_OK
    assert result["summary"]["ok"] == 3
    assert set(result) >= {"changed", "dest", "added", "updated", "removed", "commit"}
    assert len(result["hosts"]["prom-01"]["files"]) >= 3
    assert all(item["content"] is None for host in result["hosts"].values() for item in host["files"])


@pytest.mark.needs_root
def test_a_disk_that_is_full_at_the_end(controller: Controller, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    big = [
        controller.fleet["prom-02"].write(f"/etc/prometheus/big-{number}.yml", f"{number}: {'x' * 40_000}\n")
        for number in range(3)
    ]
    task = {CONFIGS: {"dest": str(disk / "mirror"), "history": "git"}}
    try:
        with small_disk(disk):
            result = controller.results(task)[0]
            mirror = disk / "mirror"
            left = sorted(path.name for path in mirror.iterdir() if path.is_file())
    finally:
        for path in big:
            path.unlink()
    assert_nothing_is_lost(result, f"The mirror {mirror} cannot be used: No space left on device")
    assert "make room there, and sweep again" in result["msg"]
    assert (result["changed"], result["added"], result["commit"]) == (False, {}, None)
    assert left == [".lock", ".salt"]


@pytest.mark.needs_root
def test_a_disk_that_is_full_before(controller: Controller, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        dest = {"dest": str(disk / "mirror")}
        assert statuses(controller.result(CONFIGS, dest)) == ALL_OK
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as stream:
            while stream.write(b"x" * 4096):
                pass
        full = controller.result(CONFIGS, dest)
        (disk / "filler").unlink()
        again = controller.result(CONFIGS, dest)
    assert_nobody_was_asked(full, "No space left on device")
    assert set(statuses(again).values()) == {"unchanged"}


@pytest.mark.needs_root
def test_a_place_that_is_read_only(controller: Controller, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        (disk / "old").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        tasks = [{CONFIGS: {"dest": str(disk / name)}, "check_mode": check} for name in ("old", "a/new")
                 for check in (False, True)]  # fmt: skip
        results = controller.results(*tasks)
    for result in results:
        assert_nobody_was_asked(result, f"The mirror {disk}")
        assert "choose another place" in result["msg"]


@pytest.mark.needs_root
@pytest.mark.parametrize("change", ["update", "add", "remove"])
def test_a_folder_in_the_mirror_that_cannot_be_written(controller: Controller, tmp_path: Path, change: str) -> None:
    """It is found before anything is moved: found halfway, it would hold up every later sweep of all servers."""
    dest = tmp_path / "mirror"
    task = {CONFIGS: {"dest": str(dest)}}
    server = controller.fleet["prom-02"]
    extra = server.write("/etc/prometheus/extra.yml", "a: 1\n")
    new = server.path("/etc/prometheus/new.yml")
    controller.results(task)
    folder = dest / "prom-02/etc/prometheus"
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        if change == "update":
            extra.write_text("a: 2\n", encoding="utf-8")
        elif change == "add":
            new.write_text("a: 1\n", encoding="utf-8")
        else:
            extra.unlink()
        results = controller.results(task, {CONFIGS: {"dest": str(dest), "hosts": ["prom-01", "prom-03"]}})
    finally:
        subprocess.run(["umount", folder], check=True)
        extra.unlink(missing_ok=True)
    try:
        again = controller.results(task)[0]
    finally:
        new.unlink(missing_ok=True)
    assert results[0]["failed"] is True
    assert "cannot be written at prom-02/etc/prometheus" in results[0]["msg"]
    assert statuses(results[0]) == {"prom-01": "unchanged", "prom-02": "ok", "prom-03": "unchanged"}
    assert results[0]["changed"] is False
    assert (results[1].get("failed", False), statuses(results[1])) == (
        False,
        {"prom-01": "unchanged", "prom-03": "unchanged"},
    )
    assert not again.get("failed")


@pytest.mark.needs_root
def test_a_fault_when_half_is_moved(controller: Controller, tmp_path: Path) -> None:
    """What was changed is told, and the next sweep that can finishes it."""
    dest = tmp_path / "mirror"
    task = {CONFIGS: {"dest": str(dest), "history": "git"}}
    extra = controller.fleet["prom-02"].write("/etc/prometheus/extra.yml", "a: 1\n")
    controller.results(task)
    copy = dest / "prom-02/etc/prometheus/extra.yml"
    if subprocess.run(["chattr", "+i", copy], capture_output=True, check=False).returncode != 0:
        pytest.skip("this file system has no immutable files")
    try:
        extra.write_text("a: 2\n", encoding="utf-8")
        first, second = controller.results(task, task)
    finally:
        subprocess.run(["chattr", "-i", copy], check=True)
    try:
        third = controller.results(task)[0]
    finally:
        extra.unlink()
    assert first["failed"] is True
    assert "the next sweep finishes what this one has begun" in first["msg"]
    assert statuses(first)["prom-02"] == "ok"
    assert (first["changed"], first["updated"]) == (True, {"prom-02": ["/etc/prometheus/extra.yml"]})
    assert (second["failed"], "hosts" in second) == (True, False)
    assert copy.read_text(encoding="utf-8") == "a: 2\n"
    assert set(statuses(third).values()) == {"unchanged"}
    assert third["commit"]


def test_what_can_be_known_before(controller: Controller, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    (open_to_all / "index.html").touch()
    masked, odd, later, broken = (tmp_path / name for name in ("masked", "odd", "later", "broken"))
    for place in (masked, odd, later, broken):
        assert statuses(controller.result(CONFIGS, {"dest": str(place)})) == ALL_OK
    (odd / ".manifest.json").write_text('{"version": 1', encoding="utf-8")
    manifest = json.loads((later / ".manifest.json").read_text(encoding="utf-8"))
    (later / ".manifest.json").write_text(json.dumps({**manifest, "version": 2}), encoding="utf-8")
    (broken / ".git").mkdir()
    (broken / ".git" / "HEAD").touch()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"dest": str(file)}, f"The mirror {file} cannot be used: Not a directory"),
        ({"dest": str(file / "below")}, "Not a directory"),
        ({"dest": str(open_to_all), "redact": False}, "open to others"),
        ({"dest": str(masked), "redact": False, "force": True}, "a directory of their own"),
        ({"dest": str(odd), "force": True}, "manifest of mirror"),
        ({"dest": str(later), "force": True}, "version 2"),
        ({"dest": str(broken), "history": "git"}, "git rev-parse"),
    ]
    tasks = [{CONFIGS: arguments, "check_mode": check} for arguments, _words in cases for check in (False, True)]
    results = controller.results(*tasks)
    for result, task in zip(results, tasks, strict=True):
        assert_nobody_was_asked(result, next(words for arguments, words in cases if arguments == task[CONFIGS]))
    assert "delete the mirror" not in results[10]["msg"]


def path_without_git(folder: Path) -> str:
    """A PATH with what a controller needs, and no git."""
    folder.mkdir()
    for name in ("sh", "ssh", "env", "id", "cat", "ls", "uname"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return str(folder)


def test_without_git(controller: Controller, tmp_path: Path) -> None:
    controller.environment["PATH"] = path_without_git(tmp_path / "bin")
    dest = tmp_path / "mirror"
    task = {CONFIGS: {"dest": str(dest), "history": "git"}}
    for result in controller.results(task, {**task, "check_mode": True}):
        assert_nobody_was_asked(result, "needs git on the controller: install it, or sweep without history")
    assert not dest.exists()


def test_a_lock_that_git_left_behind(controller: Controller, tmp_path: Path) -> None:
    dest = tmp_path / "mirror"
    task = {CONFIGS: {"dest": str(dest), "history": "git"}}
    assert controller.results(task)[0]["commit"]
    lock = dest / ".git/index.lock"
    lock.touch()
    assert_nobody_was_asked(controller.results(task)[0], f"{lock}: File exists")
    lock.unlink()
    assert set(statuses(controller.results(task)[0]).values()) == {"unchanged"}


def test_a_history_that_fails_after_the_sweep(controller: Controller, tmp_path: Path) -> None:
    """A fault that git finds when it commits: the mirror is written, and the next sweep commits it."""
    dest = tmp_path / "mirror"
    task = {CONFIGS: {"dest": str(dest), "history": "git"}}
    first = controller.results(task)[0]
    objects = dest / ".git/objects"
    objects.rename(tmp_path / "objects")
    objects.mkdir()
    extra = controller.fleet["prom-01"].write("/etc/prometheus/extra.yml", "a: 1\n")
    try:
        result = controller.results(task)[0]
        shutil.rmtree(objects)
        (tmp_path / "objects").rename(objects)
        again = controller.results(task)[0]
    finally:
        extra.unlink()
    assert result["failed"] is True
    assert "git commit" in result["msg"] or "git diff" in result["msg"] or "git update-index" in result["msg"]
    assert "the next sweep commits what is missing" in result["msg"]
    assert statuses(result) == {"prom-01": "ok", "prom-02": "unchanged", "prom-03": "unchanged"}
    assert (result["changed"], result["commit"]) == (True, None)
    assert result["added"] == {"prom-01": ["/etc/prometheus/extra.yml"]}
    assert set(statuses(again).values()) == {"unchanged"}
    assert again["commit"] not in {None, first["commit"]}


def test_an_obstacle_in_the_mirror(controller: Controller, tmp_path: Path) -> None:
    """fail_on has its say too: nobody has to guess which of two faults it was."""
    dest = tmp_path / "mirror"
    (dest / "prom-02/etc/prometheus/prometheus.yml/mine").mkdir(parents=True)
    controller.host("prom-03")["ansible_host"] = "no-such-host.invalid"
    result = controller.result(CONFIGS, {"dest": str(dest), "fail_on": "any"})
    assert result["failed"] is True
    assert "prom-02/etc/prometheus/prometheus.yml: Is a directory; remove what stands there" in result["msg"]
    assert "; 1 of 3 servers did not answer whole: prom-03: " in result["msg"]
    assert statuses(result) == {**ALL_OK, "prom-03": "unreachable"}
    assert (result["changed"], result["added"]) == (False, {})
    assert not (dest / ".manifest.json").exists()
