# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a mirror while its fleet changes, in real plays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import load
from tests.integration.sweep.test_actions import ALL_OK, BIN, CONFIGS, Controller, statuses
from tests.support.sshd import SAMPLE, SshdFleet

SAME = dict.fromkeys(ALL_OK, "unchanged")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("incremental"), 3) as running:
        yield running


@pytest.fixture
def controller(fleet: SshdFleet, tmp_path: Path) -> Controller:
    """Each test finds the servers as they were."""
    for server in fleet:
        for folder in (server.prometheus, server.alertmanager):
            shutil.rmtree(folder)
            folder.mkdir()
        for path, content in SAMPLE.items():
            server.write(f"/etc/{path}", content)
    return Controller(fleet, tmp_path)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=True).stdout


def test_a_server_that_is_renamed(controller: Controller, dest: Path) -> None:
    """The old name stays, for a sweep cannot know; who deletes its folder is rid of it."""
    task = {CONFIGS: {"dest": str(dest), "history": "git"}}
    controller.results(task)
    hosts = controller.inventory["monitoring"]["hosts"]
    hosts["renamed"] = hosts.pop("prom-01")
    first = controller.results(task)[0]
    assert statuses(first) == {"prom-02": "unchanged", "prom-03": "unchanged", "renamed": "ok"}
    assert load(str(dest))["hosts"].keys() == {"prom-01", "prom-02", "prom-03", "renamed"}
    shutil.rmtree(dest / "prom-01")
    second = controller.results(task)[0]
    assert second["removed"].keys() == {"prom-01"}
    assert load(str(dest))["hosts"].keys() == {"prom-02", "prom-03", "renamed"}
    assert git(dest, "status", "--porcelain") == ""


def test_names_that_change_places(controller: Controller, dest: Path) -> None:
    controller.fleet["prom-01"].write("/etc/prometheus/own.yml", "a: 1\n")
    controller.result(CONFIGS, {"dest": str(dest)})
    hosts = controller.inventory["monitoring"]["hosts"]
    hosts["prom-01"], hosts["prom-02"] = hosts["prom-02"], hosts["prom-01"]
    result = controller.result(CONFIGS, {"dest": str(dest)})
    assert (result["added"], result["removed"]) == (
        {"prom-02": ["/etc/prometheus/own.yml"]},
        {"prom-01": ["/etc/prometheus/own.yml"]},
    )


def test_services_and_patterns_that_change(controller: Controller, dest: Path) -> None:
    """A digest answers for what was asked at that time only."""
    server = controller.fleet["prom-01"]
    server.write("/etc/prometheus/targets.json", "[]")

    def asked(*patterns: str) -> dict[str, object]:
        service = {"service": "prometheus", "directory": "/etc/prometheus", "patterns": list(patterns)}
        return {CONFIGS: {"dest": str(dest), "services": [service], "hosts": ["prom-01"]}}

    results = controller.results(asked("*.yml"), asked("*.yml", "*.json"), asked("*.yml"), asked("*.yml"))
    assert [result["added"] for result in results] == [
        {"prom-01": ["/etc/prometheus/prometheus.yml"]},
        {"prom-01": ["/etc/prometheus/targets.json"]},
        {},
        {},
    ]
    assert [result["removed"] for result in results] == [{}, {}, {"prom-01": ["/etc/prometheus/targets.json"]}, {}]
    assert statuses(results[3]) == {"prom-01": "unchanged"}


@pytest.mark.parametrize("options", [{}, {"prune": False}])
def test_a_file_that_becomes_a_directory_and_back(
    controller: Controller, dest: Path, options: dict[str, object]
) -> None:
    server = controller.fleet["prom-01"]
    task = {CONFIGS: {"dest": str(dest), **options}}
    place = server.write("/etc/prometheus/x.yml", "a: file\n")
    controller.results(task)
    place.unlink()
    server.write("/etc/prometheus/x.yml/y.yml", "a: below\n")
    result = controller.results(task)[0]
    assert not result.get("failed"), result["msg"]
    assert (result["added"], result["removed"]) == (
        {"prom-01": ["/etc/prometheus/x.yml/y.yml"]},
        {"prom-01": ["/etc/prometheus/x.yml"]},
    )
    shutil.rmtree(place)
    server.write("/etc/prometheus/x.yml", "a: file\n")
    again = controller.results(task)[0]
    assert not again.get("failed"), again["msg"]
    assert (dest / "prom-01/etc/prometheus/x.yml").read_text(encoding="utf-8") == "a: file\n"


@pytest.mark.needs_root
def test_what_cannot_be_read_keeps_its_copy(controller: Controller, dest: Path) -> None:
    """And nothing else goes while a server does not answer whole."""
    server = controller.fleet["prom-01"]
    task = {CONFIGS: {"dest": str(dest)}}
    closed = server.write("/etc/prometheus/closed.yml", "a: 1\n")
    latin = server.write("/etc/prometheus/latin.yml", "a: 1\n")
    gone = server.write("/etc/prometheus/gone.yml", "a: 1\n")
    controller.results(task)
    closed.chmod(0)
    latin.write_bytes(b"a: \xe9\n")
    gone.unlink()
    first, second = controller.results(task, task)
    assert statuses(first)["prom-01"] == "partial"
    assert (first["removed"], first["updated"], second["changed"]) == ({}, {}, False)
    copies = dest / "prom-01/etc/prometheus"
    assert all((copies / f"{name}.yml").read_text(encoding="utf-8") == "a: 1\n" for name in ("closed", "latin", "gone"))
    closed.chmod(0o644)
    latin.write_text("a: 2\n", encoding="utf-8")
    third = controller.results(task)[0]
    assert (third["removed"], third["updated"]) == (
        {"prom-01": ["/etc/prometheus/gone.yml"]},
        {"prom-01": ["/etc/prometheus/latin.yml"]},
    )


def test_pruned_later(controller: Controller, dest: Path) -> None:
    server = controller.fleet["prom-02"]
    extra = server.write("/etc/prometheus/extra.yml", "a: 1\n")
    controller.result(CONFIGS, {"dest": str(dest)})
    extra.unlink()
    keep = {CONFIGS: {"dest": str(dest), "prune": False}}
    first, second, third = controller.results(keep, keep, {CONFIGS: {"dest": str(dest)}})
    assert (statuses(first)["prom-02"], first["removed"]) == ("ok", {})
    assert (statuses(second), second["changed"]) == (SAME, False)
    assert (statuses(third), third["removed"]) == (SAME, {"prom-02": ["/etc/prometheus/extra.yml"]})


def test_parts_of_the_fleet(controller: Controller, dest: Path) -> None:
    task = {CONFIGS: {"dest": str(dest)}}
    for limit in ("prom-01", "prom-03:prom-02"):
        assert controller.results(task, arguments=("--limit", limit))[0]["changed"] is True
    assert statuses(controller.results(task)[0]) == SAME


def test_two_plays_at_once(controller: Controller, tmp_path: Path) -> None:
    """They wait for each other, and both histories are there."""
    dest = tmp_path / "mirror"
    inventory = controller.fleet.write_inventory(tmp_path / "inventory.yml")
    plays = []
    for name in ("prom-01", "prom-02", "prom-03"):
        tasks = [{CONFIGS: {"dest": str(dest), "history": "git", "hosts": [name, "prom-01"]}, "run_once": True}]
        path = tmp_path / f"{name}.yml"
        path.write_text(yaml.safe_dump([{"hosts": "monitoring", "gather_facts": False, "tasks": tasks}]))
        command = [str(BIN / "ansible-playbook"), "-i", str(inventory), str(path)]
        plays.append(
            subprocess.Popen(command, env=controller.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )
    for play in plays:
        output = play.communicate(timeout=120)[0]
        assert play.returncode == 0, output.decode()
    result = controller.result(CONFIGS, {"dest": str(dest), "history": "git"})
    assert (statuses(result), result["commit"]) == (SAME, None)
    assert git(dest, "status", "--porcelain") == ""
    assert {path.name for path in dest.iterdir()} == {".git", ".lock", ".manifest.json", ".salt", *ALL_OK}


def test_odd_names_and_contents_in_every_output(controller: Controller, dest: Path) -> None:
    """Nothing of them breaks a play, whatever it prints."""
    server = controller.fleet["prom-01"]
    folder = os.fsencode(server.prometheus)
    for name in (b"caf\xe9.yml", b"new\nline.yml", "日本 'q'.yml".encode(), b"\x1b[31m.yml"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"a: 1\n")
    server.write("/etc/prometheus/binary.yml", bytes(range(256)))
    server.write("/etc/prometheus/long.yml", f'a: "{"y" * 2_000_000}"\n')
    server.write("/etc/prometheus/ends.yml", "a: 1\r\nb: \x85\u2028\r")
    hosts = controller.inventory["monitoring"]["hosts"]
    hosts["prôm 'é'"] = dict(hosts["prom-02"])
    task = {CONFIGS: {"dest": str(dest), "history": "git"}, "run_once": True, "register": "found"}
    show = {"ansible.builtin.debug": {"var": "found"}, "run_once": True}
    for arguments in (("--check", "--diff", "-vvv"), ("--diff", "-vvv"), ("--diff",)):
        status, output = controller.play(task, show, arguments=arguments)
        assert status == 0, output[-3000:]
        assert "Traceback" not in output
    assert git(dest, "status", "--porcelain") == ""
    assert git(dest, "rev-list", "--count", "HEAD").strip() == "1"
    server.write("/etc/prometheus/long.yml", f'a: "{"z" * 2_000_000}"\n')
    status, output = controller.play(task, arguments=("--check", "--diff"))
    assert status == 0
    assert "too much to show" in output
    assert len(output) < 100_000


def test_a_salt_that_was_lost(controller: Controller, dest: Path) -> None:
    """As in a clone of the history: equal secrets look equal on all servers, also where nothing changed."""
    for server in controller.fleet:
        server.write("/etc/prometheus/prometheus.yml", "bearer_token: planted\n")
    task = {CONFIGS: {"dest": str(dest)}}
    controller.results(task)
    (dest / ".salt").unlink()
    controller.results({CONFIGS: {"dest": str(dest), "hosts": ["prom-01"]}}, task)
    texts = {(dest / name / "etc/prometheus/prometheus.yml").read_text(encoding="utf-8") for name in ALL_OK}
    assert len(texts) == 1
    assert "<secret:" in texts.pop()
