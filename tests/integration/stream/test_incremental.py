# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host answers `unchanged` when, and only when, it would send what the digest was computed from."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.stream.host import TARS, UNPRIVILEGED, Host

HASH_TOOLS = ("sha256sum", "openssl", "shasum", "cksum")
# shasum is a Perl script.
BESIDE = {"shasum": ("perl", "env")}


def host_with(tmp_path: Path, tool: str, *, shell: str = "dash", tar: str = "gnu", **more: int | None) -> Host:
    tools = ("cat", "gzip", tool, *BESIDE.get(tool, ()))
    host = Host(tmp_path, shell=shell, tar=tar, tools=tools, uid=more.get("uid"))
    host.write("etc/prometheus/prometheus.yml", "a: 1\n" * 400)
    host.write("etc/prometheus/rules/node.yml", "b: 1\n" * 700)
    host.write("etc/alertmanager/alertmanager.yml", "route: {}\n")
    return host


@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("shell", ["dash", "bash", "mksh"])
@pytest.mark.parametrize("tool", HASH_TOOLS)
def test_every_hash_tool(tmp_path: Path, tool: str, shell: str, tar: str) -> None:
    host = host_with(tmp_path, tool, shell=shell, tar=tar)
    first = host.sweep()
    assert first.status == "ok"
    assert first.digest is not None
    assert first.digest.startswith("cksum:" if tool == "cksum" else "sha256:")
    again = host.sweep(first.digest)
    assert (again.status, again.digest, again.error, again.files) == ("unchanged", first.digest, None, [])
    host.write("etc/prometheus/rules/node.yml", "b: 2\n" * 700)
    assert host.sweep(first.digest).status == "ok"


def test_tools_of_the_same_hash_know_each_other(tmp_path: Path) -> None:
    first = host_with(tmp_path, "sha256sum").sweep()
    assert Host(tmp_path, tools=("gzip", "sha256sum")).sweep(first.digest).status == "unchanged"
    assert Host(tmp_path, tools=("gzip", "openssl")).sweep(first.digest).status == "unchanged"
    weaker = Host(tmp_path, tools=("gzip", "cksum")).sweep(first.digest)
    assert weaker.status == "ok"
    assert weaker.digest is not None
    assert weaker.digest.startswith("cksum:")
    assert Host(tmp_path).sweep(weaker.digest).digest == first.digest


def test_without_a_hash_tool_everything_is_sent(tmp_path: Path) -> None:
    host = Host(tmp_path, tools=("gzip",))
    host.write("etc/prometheus/a.yml")
    first = host.sweep()
    assert (first.status, first.digest) == ("ok", None)
    assert host.sweep("none:").status == "ok"


def touch_content(host: Host) -> None:
    """The same size and the same time: only the content tells."""
    path = host.root / "etc/prometheus/prometheus.yml"
    seen = path.stat()
    path.write_text("a: 2\n" * 400)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


CHANGES: dict[str, Callable[[Host], object]] = {
    "content": touch_content,
    "mtime": lambda host: os.utime(host.root / "etc/prometheus/prometheus.yml", (1, 1)),
    "name": lambda host: (host.root / "etc/prometheus/rules/node.yml").rename(host.root / "etc/prometheus/rules/n.yml"),
    "new file": lambda host: host.write("etc/alertmanager/new.yml", ""),
    "file gone": lambda host: (host.root / "etc/alertmanager/alertmanager.yml").unlink(),
    "directory gone": lambda host: (host.root / "etc/alertmanager").rename(host.root / "etc/was"),
    "broken link": lambda host: (host.root / "etc/prometheus/z.yml").symlink_to("nowhere"),
    "moved between": lambda host: (host.root / "etc/alertmanager/alertmanager.yml").rename(
        host.root / "etc/prometheus/alertmanager.yml"
    ),
}


@pytest.mark.parametrize("tool", ["sha256sum", "cksum"])
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(tmp_path: Path, change: str, tool: str) -> None:
    host = host_with(tmp_path, tool)
    first = host.sweep()
    assert host.sweep(first.digest).status == "unchanged"
    CHANGES[change](host)
    second = host.sweep(first.digest)
    assert second.status in {"ok", "partial"}
    assert second.digest != first.digest
    assert second.files


def test_a_file_that_may_no_longer_be_read_is_seen(tmp_path: Path) -> None:
    host = host_with(tmp_path, "sha256sum", uid=UNPRIVILEGED if os.geteuid() == 0 else None)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    first = host.sweep()
    assert first.status == "ok"
    (host.root / "etc/prometheus/rules/node.yml").chmod(0)
    second = host.sweep(first.digest)
    assert (second.status, second.digest) == ("partial", None)
    (host.root / "etc/prometheus/rules/node.yml").chmod(0o644)
    assert host.sweep(first.digest).status == "unchanged"


def test_other_services_are_another_digest(tmp_path: Path) -> None:
    host = host_with(tmp_path, "sha256sum")
    first = host.sweep()
    host.services = [replace(host.services[0], service="thanos"), host.services[1]]
    second = host.sweep(first.digest)
    assert second.status == "ok"
    assert {item.service for item in second.files} == {"thanos", "alertmanager"}
    host.services = [replace(host.services[0], patterns=(*host.services[0].patterns, "*.rules")), host.services[1]]
    assert host.sweep(second.digest).status == "ok"


@pytest.mark.parametrize("known", ["", "sha256:abc", "sha256:$(touch pwned)", "cksum:1-2'; touch pwned; '", "x" * 5000])
def test_a_digest_of_another_form_never_reaches_the_host(tmp_path: Path, known: str) -> None:
    host = host_with(tmp_path, "sha256sum")
    assert host.sweep(known).status == "ok"
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()


def test_files_that_change_under_the_sweep(tmp_path: Path) -> None:
    """The digest always is of what was sent: whoever gets `unchanged` for it holds what the host has."""
    host = host_with(tmp_path, "sha256sum")
    path = host.root / "etc/prometheus/prometheus.yml"
    done = threading.Event()

    def churn() -> None:
        number = 0
        while not done.is_set():
            number += 1
            beside = path.with_suffix(".tmp")
            beside.write_text(f"n: {number}\n" * (200 + number % 300))
            beside.replace(path)
            (path.parent / "come.yml").write_text("x" * (number % 9000))
            (path.parent / "come.yml").unlink()

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        bundles = [host.sweep() for _unused in range(25)]
    finally:
        done.set()
        writer.join()
    last = host.sweep()
    assert last.status == "ok"
    for bundle in [*bundles, last]:
        # tar may have met a file that went away, and says so: never a crash, never a torn file taken for whole.
        assert bundle.status in {"ok", "partial"}, bundle.error
        for item in bundle.files:
            if item.path == str(path) and item.error is None:
                assert item.data is not None
                assert len(set(item.data.splitlines())) == 1
        if bundle.digest is not None and host.sweep(bundle.digest).status == "unchanged":
            held = {item.path: item.data for item in bundle.files}
            assert held == {item.path: item.data for item in last.files}
