# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remote command gives the same files whatever shells and tar a host has."""

from __future__ import annotations

import hashlib
import os
import pty
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import (
    BundleReader,
    remote_command,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Service
from tests.integration.stream.host import LOGIN_SHELLS, SHELLS, TARS, Host, program

# Below /etc/prometheus. The last two are not UTF-8: Latin-1 bytes, as old tools left them.
NAMES = [
    "prometheus.yml",
    "rules/node.yml",
    "rules/more.yaml",
    "two words.yml",
    "-rf.yml",
    "--checkpoint=1.yml",
    "it's.yml",
    'a "quoted" one.yml',
    "$(id) `id` $HOME.yml",
    "back\\slash\\n.yml",
    "line\nbreak.yml",
    "star * [x].yml",
    "bang!bang.yml",
    "@file.yml",
    "configuração-日本.yml",
    "x" * 180 + ".yml",
    "r" * 120 + "/" + "s" * 120 + ".yml",
    "tab\there.yml",
    os.fsdecode(b"caf\xe9.yml"),
    os.fsdecode(b"d\xfcr/\xff\xfe.yml"),
]


def fill(host: Host) -> dict[str, bytes]:
    files = {f"etc/prometheus/{name}": f"name: {number}\n".encode() * 40 for number, name in enumerate(NAMES)}
    files["etc/prometheus/empty.yml"] = b""
    files["etc/prometheus/block.yml"] = b"b" * 512
    files["etc/prometheus/binary.yml"] = bytes(range(256)) * 5
    files["etc/prometheus/large.yml"] = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(12000))
    files["etc/alertmanager/alertmanager.yml"] = b"route: {}\n"
    for name, data in files.items():
        host.write(name, data)
    # What no pattern matches stays where it is.
    host.write("etc/prometheus/notes.txt", "no")
    host.write("etc/prometheus/a/b/deep.yml", "no")
    return files


@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_with_every_tar(tmp_path: Path, shell: str, tar: str) -> None:
    host = Host(tmp_path, shell=shell, tar=tar)
    files = fill(host)
    bundle = host.sweep()
    assert (bundle.status, bundle.error) == ("ok", None)
    assert host.found(bundle) == files
    for item in bundle.files:
        seen = Path(item.path).stat()
        assert (item.size, item.mtime) == (seen.st_size, int(seen.st_mtime))
        assert item.sha256 == hashlib.sha256(Path(item.path).read_bytes()).hexdigest()
    assert {item.service for item in bundle.files} == {"prometheus", "alertmanager"}
    again = host.sweep(bundle.digest)
    assert (again.status, again.digest, again.files) == ("unchanged", bundle.digest, [])
    assert again.wire_bytes < 200
    host.compress = False
    plain = host.sweep()
    assert (plain.status, plain.digest, plain.files) == ("ok", bundle.digest, bundle.files)
    assert plain.wire_bytes > bundle.wire_bytes


@pytest.mark.parametrize("login", LOGIN_SHELLS)
def test_every_login_shell(tmp_path: Path, login: str) -> None:
    host = Host(tmp_path, login=login)
    files = fill(host)
    bundle = host.sweep()
    assert (bundle.status, bundle.error) == ("ok", None)
    assert host.found(bundle) == files
    assert host.sweep(bundle.digest).status == "unchanged"


@pytest.mark.parametrize("login", LOGIN_SHELLS)
def test_odd_directories_and_patterns_reach_the_host_whole(tmp_path: Path, login: str) -> None:
    odd = 'it\'s $HOME `id` "q" \\ ! ; & ~ # {a,b}\nnew é' + os.fsdecode(b"\xff")
    host = Host(tmp_path, login=login)
    # In a pattern a backslash is an escape, as in any shell.
    name = odd.replace("\\", "")
    host.services = [
        Service("prometheus", f"{host.root}/{odd}", (f"{name}*.yml", "*/$(touch pwned).yml", "[!a]b.yml", "ends\n")),
    ]
    wanted = {
        f"{odd}/{name}1.yml": b"1",
        f"{odd}/sub/$(touch pwned).yml": b"2",
        f"{odd}/!b.yml": b"3",
        f"{odd}/ends\n": b"4",
    }
    for name, data in wanted.items():
        host.write(name, data)
    host.write(f"{odd}/ab.yml", b"not asked for")
    bundle = host.sweep()
    assert (bundle.status, bundle.error) == ("ok", None)
    assert host.found(bundle) == wanted
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "noise",
    [
        "echo Welcome to this host; ",
        "echo prometheus-fleet/1 gz sha256; ",
        "printf no-newline-at-the-end; ",
        "head -c 300000 /dev/urandom; ",
        "cat /dev/zero | head -c 900000; ",
    ],
)
def test_noise_of_login_scripts_does_not_matter(tmp_path: Path, noise: str) -> None:
    host = Host(tmp_path, tools=("cat", "gzip", "sha256sum", "head"), noise=noise)
    files = fill(host)
    assert host.found(host.sweep(piece=7)) == files


@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_environment_of_the_login_does_not_matter(tmp_path: Path, shell: str, tar: str) -> None:
    host = Host(tmp_path, shell=shell, tar=tar)
    files = fill(host)
    plain = host.sweep()
    host.environment = {
        "BASHOPTS": "dotglob:failglob:nocaseglob:nullglob",
        "CDPATH": "/tmp:/",
        "ENV": str(host.write("env", "echo noise; exit 1\n")),
        "GZIP": "--best --name",
        "IFS": "e/",
        "LC_ALL": "C.UTF-8",
        "POSIXLY_CORRECT": "1",
        "SHELLOPTS": "errexit:noglob:nounset",
        "TAR_OPTIONS": "--exclude=*.yml --format=posix",
        "TAR_WRITER_OPTIONS": "compression=9",
    }
    bundle = host.sweep()
    assert (bundle.status, bundle.error) == ("ok", None)
    assert host.found(bundle) == files
    assert bundle.digest == plain.digest


def test_a_terminal_does_not_mangle_the_stream(tmp_path: Path) -> None:
    """Where a password prompt needs a terminal, the stream passes one too."""
    host = Host(tmp_path, tools=("cat", "gzip", "sha256sum", "stty"))
    files = fill(host)
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            host.path / "sh",
            ["sh", "-c", remote_command(host.services, host.limits)],
            {"PATH": str(host.path), "HOME": str(tmp_path)},
        )
    reader = BundleReader(host.services, host.limits)
    try:
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data or reader.feed(data):
                break
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    bundle = reader.finish(None, b"")
    assert (bundle.status, bundle.error) == ("ok", None)
    assert host.found(bundle) == files


@pytest.mark.parametrize("tar", TARS)
def test_more_files_than_one_call_of_tar_takes(tmp_path: Path, tar: str) -> None:
    # With so small a stack, Linux takes 128 KiB of arguments.
    host = Host(tmp_path, tar=tar, prefix=(program("prlimit"), "--stack=524288"))
    for number in range(1203):
        host.write(f"etc/prometheus/{'n' * 60}{number:04}.yml", f"n: {number}\n")
    assert 1203 * len(f"{host.root}/etc/prometheus/{'n' * 60}0000.yml") > 128 * 1024
    bundle = host.sweep()
    assert (bundle.status, bundle.error) == ("ok", None)
    assert len(bundle.files) == 1203
    assert host.sweep(bundle.digest).status == "unchanged"


def test_as_few_programs_as_can_be(tmp_path: Path) -> None:
    """Each one costs a server about a millisecond, and a sweep of near servers its lead."""
    host = Host(tmp_path)
    for number in range(3):
        host.write(f"etc/prometheus/rules/{number}.yml")
    digest = host.sweep().digest
    log = host.log_programs()

    def programs(known: str | None) -> list[str]:
        log.write_text("")
        assert host.sweep(known).status in {"ok", "unchanged"}
        return sorted(log.read_text().split())

    assert programs(None) == ["gzip", "tar"]
    assert programs(digest) == ["sha256sum", "tar"]
    assert programs("sha256:" + "0" * 64) == ["gzip", "sha256sum", "tar", "tar"]
    host.compress = False
    assert programs(None) == ["tar"]
    for number in range(40):
        host.write(f"etc/prometheus/rules/{number}.yml")
    assert programs(None) == ["ls", "tar"]
