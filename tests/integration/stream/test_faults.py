# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host cannot give is said file by file, and costs the rest nothing."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import (
    Bundle,
    BundleReader,
    remote_command,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service
from tests.integration.stream.host import PATTERNS, TARS, UNPRIVILEGED, Host, program
from tests.integration.stream.host import SHELLS as ALL_SHELLS

SHELLS = ("dash", "bash", "busybox")
ROOT = os.geteuid() == 0


def open_to_all(host: Host) -> None:
    """Let the unprivileged user reach the host's root, which lies in a folder of pytest's."""
    for folder in (host.folder, *host.folder.parents):
        if folder != Path("/") and folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)


# A disk of 4,096 blocks, which a script fills and breaks before the command runs beside it.
_ON_DISK = """
set -e
cd "$1"
mkdir -p disk
truncate -s 4M image
mkfs.ext2 -q -F -b 1024 image
mount -o loop image disk
{script}
shift
trap 'umount disk' EXIT
"$@"
"""


def on_disk(folder: Path, script: str, host: Host, command: list[str], known: str | None = None) -> Bundle:
    """Run a command where a script has mounted a broken disk, and read what it printed."""
    if not ROOT:
        pytest.skip("a broken disk needs root")
    for name in ("unshare", "mkfs.ext2", "debugfs"):
        program(name)
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            _ON_DISK.replace("{script}", script),
            "sh",
            str(folder),
            "env",
            f"PATH={host.path}",
            *command,
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    if b"mount:" in done.stderr:
        pytest.skip(f"no loop device can be mounted here: {done.stderr[-200:]!r}")
    reader = BundleReader(host.services, host.limits, known)
    reader.feed(done.stdout)
    return reader.finish(done.returncode, done.stderr)


@pytest.fixture
def user() -> int | None:
    """Whom files can be hidden from: another user where the tests run as root."""
    return UNPRIVILEGED if ROOT else None


@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("shell", SHELLS)
def test_links(tmp_path: Path, shell: str, tar: str) -> None:
    host = Host(tmp_path, shell=shell, tar=tar)
    data = host.write("etc/prometheus/..2026_11_24/prometheus.yml", "from: configmap\n").parent
    base = data.parent
    (base / "..data").symlink_to("..2026_11_24")
    (base / "prometheus.yml").symlink_to("..data/prometheus.yml")
    host.write("etc/prometheus/real.yml", "real: 1\n")
    (base / "alias.yml").symlink_to("real.yml")
    (base / "absolute.yml").symlink_to(base / "alias.yml")
    (base / "same.yml").hardlink_to(base / "real.yml")
    host.write("etc/prometheus/rules/a -> b.yml", "arrow: 1\n")
    (base / "arrow.yml").symlink_to("rules/a -> b.yml")
    (base / "more").symlink_to("rules")
    (base / "back").symlink_to("..//prometheus/.")
    # Out, in a circle, to nothing.
    outside = host.write("etc/secret.yml", "password: hidden\n")
    host.write("etc/prometheus-other/x.yml", "password: hidden\n")
    (base / "out.yml").symlink_to(outside)
    (base / "out2.yml").symlink_to("../secret.yml")
    (base / "out3.yml").symlink_to("rules/../../prometheus-other/x.yml")
    (base / "other").symlink_to("../prometheus-other")
    (base / "loop.yml").symlink_to("pool.yml")
    (base / "pool.yml").symlink_to("loop.yml")
    (base / "nothing.yml").symlink_to("no/such/file.yml")
    bundle = host.sweep()
    found = {
        path.removeprefix("etc/prometheus/"): data for path, data in host.found(bundle).items() if data is not None
    }
    real = dict.fromkeys(("real.yml", "alias.yml", "absolute.yml", "same.yml"), b"real: 1\n")
    link = dict.fromkeys(("rules/a -> b.yml", "arrow.yml", "more/a -> b.yml"), b"arrow: 1\n")
    config = {"prometheus.yml": b"from: configmap\n"}
    back = {f"back/{name}": content for name, content in {**real, **config, "arrow.yml": b"arrow: 1\n"}.items()}
    assert found == {**real, **link, **config, **back}
    errors = {path.removeprefix("etc/prometheus/"): error for path, error in host.errors(bundle).items()}
    words = {
        "out.yml": "a link out of",
        "out2.yml": "a link out of",
        "out3.yml": "a link out of",
        "other/x.yml": "a link out of",
        "loop.yml": "in a circle",
        "pool.yml": "in a circle",
        "nothing.yml": "leads to nothing",
    }
    for name, part in words.items():
        assert part in errors[name]
    again = {f"back/{name}" for name in words if "/" not in name}
    assert set(errors) == set(words) | again
    assert (bundle.status, bundle.digest) == ("partial", None)
    assert b"hidden" not in host.run().stdout


def test_links_without_readlink(tmp_path: Path) -> None:
    host = Host(tmp_path, tools=("ls", "gzip"))
    host.write("etc/prometheus/rules/a -> b.yml", "arrow: 1\n")
    (host.root / "etc/prometheus/x.yml").symlink_to("rules/a -> b.yml")
    (host.root / "etc/prometheus/out.yml").symlink_to(host.write("etc/secret.yml"))
    bundle = host.sweep()
    assert host.found(bundle)["etc/prometheus/x.yml"] == b"arrow: 1\n"
    assert "a link out of" in host.errors(bundle)["etc/prometheus/out.yml"]


def test_a_directory_that_is_a_link_is_followed(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("opt/prom/prometheus.yml", "a: 1\n")
    (host.root / "opt/prom/alias.yml").symlink_to("prometheus.yml")
    (host.root / "etc").mkdir()
    (host.root / "etc/prometheus").symlink_to("../opt/prom")
    bundle = host.sweep()
    assert bundle.status == "ok"
    assert sorted(host.found(bundle)) == ["etc/prometheus/alias.yml", "etc/prometheus/prometheus.yml"]


@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("shell", SHELLS)
def test_files_and_directories_that_must_not_be_read(tmp_path: Path, shell: str, tar: str, user: int | None) -> None:
    host = Host(tmp_path, shell=shell, tar=tar, uid=user)
    host.write("etc/prometheus/good.yml", "good: 1\n")
    host.write("etc/prometheus/hidden.yml").chmod(0)
    host.write("etc/prometheus/closed/x.yml").parent.chmod(0)
    host.write("etc/prometheus/listed/x.yml").parent.chmod(0o444)
    host.write("etc/prometheus/passable/x.yml").parent.chmod(0o111)
    host.write("etc/prometheus/rules/fine.yml", "fine: 1\n")
    open_to_all(host)
    try:
        bundle = host.sweep()
    finally:
        for name in ("closed", "listed", "passable"):
            (host.root / "etc/prometheus" / name).chmod(0o755)
    found = {path: data for path, data in host.found(bundle).items() if data is not None}
    assert found == {"etc/prometheus/good.yml": b"good: 1\n", "etc/prometheus/rules/fine.yml": b"fine: 1\n"}
    errors = host.errors(bundle)
    assert {path.removeprefix("etc/prometheus/") for path in errors} == {"hidden.yml", "closed", "listed", "passable"}
    assert all("permission denied" in error and "become" in error for error in errors.values())
    assert (bundle.status, bundle.digest) == ("partial", None)
    assert bundle.error is not None
    assert "and 3 more" in bundle.error


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("mode", [0, 0o111, 0o444])
def test_nothing_readable_is_denied(tmp_path: Path, shell: str, mode: int, user: int | None) -> None:
    host = Host(tmp_path, shell=shell, uid=user)
    folder = host.write("etc/prometheus/x.yml").parent
    open_to_all(host)
    folder.chmod(mode)
    try:
        bundle = host.sweep()
    finally:
        folder.chmod(0o755)
    assert bundle.status == "denied"
    assert list(host.errors(bundle)) == ["etc/prometheus"]
    assert bundle.error is not None
    assert f"{host.root}/etc/prometheus: permission denied" in bundle.error


@pytest.mark.parametrize("shell", SHELLS)
def test_a_closed_parent_is_not_a_missing_directory(tmp_path: Path, shell: str, user: int | None) -> None:
    host = Host(tmp_path, shell=shell, uid=user)
    host.write("etc/prometheus/x.yml")
    open_to_all(host)
    (host.root / "etc").chmod(0o700 if ROOT else 0)
    try:
        assert host.sweep().status == "denied"
    finally:
        (host.root / "etc").chmod(0o755)


@pytest.mark.parametrize("shell", SHELLS)
def test_missing_directories(tmp_path: Path, shell: str) -> None:
    host = Host(tmp_path, shell=shell)
    neither = host.sweep()
    assert neither.status == "no_such_directory"
    assert neither.error is not None
    assert f"{host.root}/etc/prometheus, {host.root}/etc/alertmanager" in neither.error
    host.write("etc/prometheus/notes.txt")
    empty = host.sweep()
    assert (empty.status, empty.error, empty.files) == ("ok", None, [])
    host.write("etc/prometheus/a.yml")
    one = host.sweep()
    assert (one.status, list(host.found(one))) == ("ok", ["etc/prometheus/a.yml"])


def test_what_is_in_the_place_of_a_directory(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("etc/prometheus", "a file")
    (host.root / "etc/alertmanager").symlink_to("nowhere")
    bundle = host.sweep()
    assert host.errors(bundle) == {
        "etc/prometheus": "it is not a directory",
        "etc/alertmanager": "its link leads to nothing",
    }
    assert (bundle.status, bundle.digest) == ("partial", None)


@pytest.mark.parametrize("shell", ALL_SHELLS)
def test_a_directory_that_cannot_be_seen_is_not_missing(tmp_path: Path, shell: str) -> None:
    """What was fetched from there before must stay."""
    host = Host(tmp_path, shell=shell)
    host.write("etc/alertmanager/alertmanager.yml")
    (host.root / "srv").symlink_to("srv")
    host.services = [
        Service("prometheus", f"{host.root}/srv/prometheus", PATTERNS),
        Service("alertmanager", f"{host.root}/etc/alertmanager", (*PATTERNS, "no.yml", "none/*.yml")),
    ]
    bundle = host.sweep()
    assert (bundle.status, bundle.digest) == ("partial", None)
    # What the shell makes of the reason is its own.
    assert list(host.errors(bundle)) == ["srv/prometheus"]
    assert host.errors(bundle)["srv/prometheus"].startswith("it cannot be read: ")
    assert [path for path, data in host.found(bundle).items() if data] == ["etc/alertmanager/alertmanager.yml"]


# Directories whose entries lie beyond the end of the disk: they are there, and listing them is an input/output error.
_BAD_DIRECTORIES = """
mkdir -p disk/bad disk/good/rules disk/good/sound
printf 'a: 1\n' | tee disk/bad/a.yml disk/good/a.yml disk/good/rules/b.yml disk/good/sound/c.yml >/dev/null
sync
umount disk
debugfs -w -R 'sif bad block[0] 4090' image 2>/dev/null
debugfs -w -R 'sif good/rules block[0] 4090' image 2>/dev/null
mount -o loop image disk
truncate -s 4080k image
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_directories_that_cannot_be_listed(tmp_path: Path, shell: str) -> None:
    host = Host(tmp_path / "host", shell=shell)
    disk = tmp_path / "disk"
    host.services = [Service("bad", f"{disk}/bad", PATTERNS), Service("good", f"{disk}/good", PATTERNS)]
    command = remote_command(host.services, host.limits)
    bundle = on_disk(tmp_path, _BAD_DIRECTORIES, host, [program("dash"), "-c", command])
    assert {item.path.removeprefix(f"{disk}/"): item.error for item in bundle.files} == {
        "bad": "it cannot be read: Input/output error",
        "good/rules": "it cannot be read: Input/output error",
        "good/a.yml": None,
        "good/sound/c.yml": None,
    }
    assert (bundle.status, bundle.digest) == ("partial", None)


# Directories of several blocks, one of which lies beyond the end of the disk: listing them breaks off midway.
_BROKEN_DIRECTORIES = """
mkdir -p disk/bad disk/good/rules disk/good/sound
for number in $(seq 100); do
    for folder in bad good/rules good/sound; do : >disk/$folder/a-file-whose-name-takes-some-room-$number.yml; done
done
sync
umount disk
debugfs -w -R 'sif bad block[3] 4090' image 2>/dev/null
debugfs -w -R 'sif good/rules block[3] 4090' image 2>/dev/null
mount -o loop image disk
truncate -s 4080k image
"""


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("shell", SHELLS)
def test_directories_whose_listing_breaks_off(tmp_path: Path, shell: str, compress: bool) -> None:
    """What a shell has of them looks whole: the files that it lacks would be pruned."""
    host = Host(tmp_path / "host", shell=shell)
    disk = tmp_path / "disk"
    host.services = [
        Service("bad", f"{disk}/bad", PATTERNS),
        Service("good", f"{disk}/good", PATTERNS),
        Service("none", f"{disk}/none", PATTERNS),
    ]
    command = remote_command(host.services, host.limits, "sha256:" + "0" * 64, compress=compress)
    bundle = on_disk(tmp_path, _BROKEN_DIRECTORIES, host, [program("dash"), "-c", command])
    errors = {item.path.removeprefix(f"{disk}/"): item.error for item in bundle.files if item.error}
    if not errors and len(bundle.files) == 300:
        pytest.skip("this system lists such a directory whole")
    assert errors == {
        "bad": "it cannot be read: Input/output error",
        "good/rules": "it cannot be read: Input/output error",
    }
    assert (bundle.status, bundle.digest) == ("partial", None)
    found = [item.path for item in bundle.files if item.error is None]
    assert sum(f"{disk}/good/sound/" in path for path in found) == 100


def test_what_ls_says_of_names_is_no_fault_of_the_directory(tmp_path: Path) -> None:
    """BusyBox asks about each name: one may have gone, or be where another user has mounted something."""
    host = Host(tmp_path)
    for number in range(40):
        host.write(f"etc/prometheus/rules/{number}.yml")
    host.write("etc/alertmanager/a.yml")
    (host.path / "ls").unlink()
    (host.path / "ls").write_text('#!/bin/sh\necho "ls: $1/gone: No such file or directory" >&2\nexit 1\n')
    (host.path / "ls").chmod(0o755)
    bundle = host.sweep()
    assert (bundle.status, bundle.error, len(bundle.files)) == ("ok", None, 41)


def test_a_function_of_the_user_is_not_ls(tmp_path: Path) -> None:
    """bash, where it is sh, takes functions from the environment, as a login script exports them."""
    host = Host(tmp_path, shell="bash", login="bash")
    host.environment = {"BASH_FUNC_ls%%": '() { command ls -F "$@"; [ -t 1 ]; }'}
    for number in range(40):
        host.write(f"etc/prometheus/rules/{number}.yml")
    bundle = host.sweep()
    assert (bundle.status, bundle.error, len(bundle.files)) == ("ok", None, 40)


@pytest.mark.parametrize("shell", SHELLS)
def test_pipes_and_sockets_are_not_opened(tmp_path: Path, shell: str) -> None:
    host = Host(tmp_path, shell=shell)
    host.write("etc/prometheus/good.yml")
    base = host.root / "etc/prometheus"
    os.mkfifo(base / "pipe.yml")
    (base / "folder.yml").mkdir()
    (base / "pipe-link.yml").symlink_to("pipe.yml")
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as bound:
        os.chdir(base)
        try:
            bound.bind("socket.yml")
        finally:
            os.chdir(here)
        bundle = host.sweep()
    assert set(host.errors(bundle)) == {f"etc/prometheus/{name}.yml" for name in ("pipe", "pipe-link", "socket")}
    assert set(host.errors(bundle).values()) == {"it is not a regular file"}


# A file system on a disk that ends too early: reading past its end is a real input/output error.
_BAD_DISK = """
printf 'good: 1\\n' >disk/good.yml
printf 'last: 1\\n' >disk/zz.yml
head -c 300000 /dev/urandom >disk/bad.yml
sync
umount disk
last=$(debugfs -R 'blocks bad.yml' image 2>/dev/null | tr ' ' '\\n' | sort -n | tail -20 | head -1)
mount -o loop image disk
truncate -s "${last}k" image
"""


@pytest.mark.parametrize("tools", [("cat", "gzip", "sha256sum"), ("cat",), ("gzip",)], ids=["all", "no-gzip", "no-cat"])
@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("known", [None, "sha256:" + "0" * 64], ids=["first", "known"])
def test_input_output_errors(tmp_path: Path, known: str | None, tar: str, tools: tuple[str, ...]) -> None:
    host = Host(tmp_path / "host", tar=tar, tools=tools)
    disk = tmp_path / "disk"
    host.services = [Service("prometheus", str(disk), PATTERNS)]
    command = remote_command(host.services, host.limits, known)
    bundle = on_disk(tmp_path, _BAD_DISK, host, [program("dash"), "-c", command], known)
    whole = {item.path: item.data for item in bundle.files if item.error is None}
    errors = {item.path: item.error for item in bundle.files if item.error is not None}
    if "cat" not in tools and tar != "gnu":
        # These stop in the middle of the file, and without cat no file can be tried alone.
        assert bundle.status == "protocol_error"
        assert bundle.error is not None
        assert "broke off" in bundle.error
        assert "the host said: " in bundle.error
        return
    assert whole == {f"{disk}/good.yml": b"good: 1\n", f"{disk}/zz.yml": b"last: 1\n"}
    assert list(errors) == [f"{disk}/bad.yml"]
    if "cat" in tools:
        assert errors[f"{disk}/bad.yml"] == "it cannot be read: Input/output error"
    assert (bundle.status, bundle.digest) == ("partial", None)


@pytest.mark.parametrize("tar", TARS)
@pytest.mark.parametrize("shell", SHELLS)
def test_only_sh_and_tar(tmp_path: Path, shell: str, tar: str) -> None:
    """No gzip, no cat, no hash: the files come in plain, and every time."""
    host = Host(tmp_path, shell=shell, tar=tar, tools=())
    if shell == "busybox":
        host.limits = Limits(max_files=10)
    host.write("etc/prometheus/a.yml", "a" * 5000)
    host.write("etc/prometheus/rules/b.yml", "b\n")
    bundle = host.sweep(piece=100)
    assert (bundle.status, len(host.found(bundle))) == ("ok", 2)
    assert host.sweep("sha256:" + "0" * 64).status == "ok"


def test_no_tar(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("etc/prometheus/a.yml")
    (host.path / "tar").unlink()
    bundle = host.sweep()
    assert bundle.status == "protocol_error"
    assert bundle.error is not None
    assert "tar: not found" in bundle.error


def test_no_sh(tmp_path: Path) -> None:
    host = Host(tmp_path, login="bash")
    (host.path / "sh").unlink()
    bundle = host.sweep()
    assert bundle.status == "protocol_error"
    assert bundle.error is not None
    assert "exit status 127" in bundle.error
    assert "sh: command not found" in bundle.error


def test_the_cap_on_files_holds_on_the_host_too(tmp_path: Path) -> None:
    host = Host(tmp_path, limits=Limits(max_files=20))
    for number in range(21):
        host.write(f"etc/prometheus/{number}.yml", os.urandom(20_000))
    done = host.run()
    assert len(done.stdout) < 21 * 20_000
    bundle = host.sweep()
    assert bundle.status == "too_large"
    assert bundle.error is not None
    assert "max_files" in bundle.error
    (host.root / "etc/prometheus/0.yml").unlink()
    assert host.sweep().status == "ok"


def test_overlapping_patterns_and_directories_give_each_file_once(tmp_path: Path) -> None:
    host = Host(tmp_path)
    base = f"{host.root}/etc/prometheus"
    host.services = [
        Service("prometheus", f"{base}/", ("*.yml", "p*", "./*.yml", "*/*.yml")),
        Service("rules", f"{base}//rules", ("*.yml",)),
    ]
    host.write("etc/prometheus/prometheus.yml", "p: 1\n")
    host.write("etc/prometheus/rules/a.yml", "a: 1\n")
    bundle = host.sweep()
    assert bundle.status == "ok"
    assert [(item.path, item.service) for item in bundle.files] == [
        (f"{base}/prometheus.yml", "prometheus"),
        (f"{base}/rules/a.yml", "prometheus"),
    ]


def test_services_that_share_a_directory(tmp_path: Path) -> None:
    host = Host(tmp_path)
    base = f"{host.root}/etc/prometheus"
    host.services = [
        Service("prometheus", base, ("*.yml",)),
        Service("rules", f"{base}/rules", ("*.rules", "*/*.rules")),
        Service("alertmanager", base, ("alert[mn]*.yaml",)),
        Service("root", "/", (f"{host.root}/etc/root.yml"[1:],)),
    ]
    wanted = {
        "prometheus.yml": "prometheus",
        "rules/a.rules": "rules",
        "rules/b/c.rules": "rules",
        "alertmanager.yaml": "alertmanager",
        "../root.yml": "root",
    }
    for name in wanted:
        host.write(f"etc/prometheus/{name}")
    bundle = host.sweep()
    assert bundle.status == "ok"
    assert {os.path.relpath(item.path, base): item.service for item in bundle.files} == wanted


def test_nothing_is_written_on_the_host(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("etc/prometheus/a.yml")
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*") if path.name != "home")
    host.sweep(host.sweep().digest)
    after = sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*") if path.name != "home")
    assert after == before
