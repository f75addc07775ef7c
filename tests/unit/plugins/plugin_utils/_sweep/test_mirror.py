# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror keeps, changes and says."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import (
    Mirror,
    MirrorChange,
    MirrorError,
    load,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_merge import MAX_DIFF
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import (
    FileResult,
    ServerResult,
    Status,
)

PROM = "/etc/prometheus/prometheus.yml"
RULES = "/etc/prometheus/rules/node.yml"
ALERT = "/etc/alertmanager/alertmanager.yml"


def item(
    path: str, content: str | None = "a: 1\n", *, mtime: int = 1_700_000_000, error: str | None = None
) -> FileResult:
    raw = (content or "").encode("utf-8", "surrogateescape")
    return FileResult(
        path=path,
        service="prometheus" if "prometheus" in path else "alertmanager",
        size=len(raw),
        mtime=mtime,
        sha256=None if error else hashlib.sha256(raw).hexdigest(),
        content=None if error else content,
        redacted=0,
        error=error,
    )


def ok(*files: FileResult, digest: str | None = "sha256:1", status: Status = "ok") -> ServerResult:
    return ServerResult(status, digest=digest, transport="asyncssh", endpoint="192.0.2.1:22", files=list(files))


def failed(status: Status = "unreachable", error: str = "no route") -> ServerResult:
    return ServerResult(status, error=error)


def unchanged(digest: str = "sha256:1") -> ServerResult:
    return ServerResult("unchanged", digest=digest, transport="asyncssh", endpoint="192.0.2.1:22")


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything that lies in a folder: mode, inode, mtime and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (seen.st_mode, seen.st_ino, seen.st_mtime_ns, data)
    return found


def held(mirror: Mirror) -> dict[str, dict[str, str | None]]:
    """Contents by server and path, as load gives them."""
    return {
        server: {one["path"]: one["content"] for one in result["files"]}
        for server, result in mirror.load()["hosts"].items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "mirror"


@pytest.fixture
def mirror(folder: Path) -> Mirror:
    return Mirror(str(folder))


def test_a_first_sweep(mirror: Mirror, folder: Path) -> None:
    change = mirror.apply(
        {"prom-01": ok(item(PROM), item(RULES, "groups: []\n")), "prom-02": failed("timeout", "slow")}
    )
    assert change == MirrorChange(added={"prom-01": [PROM, RULES]}, statuses={"prom-01": "ok", "prom-02": "timeout"})
    assert change.changed
    place = folder / "prom-01" / PROM[1:]
    assert place.read_text() == "a: 1\n"
    assert place.stat().st_mtime == 1_700_000_000
    assert not (folder / "prom-02").exists()
    loaded = mirror.load()
    assert loaded["summary"] == {
        "hosts": 2, "ok": 1, "failed": 1, "unchanged": 0, "files": 2, "bytes": 16, "seconds": 0.0
    }  # fmt: skip
    assert loaded["hosts"]["prom-01"] == ok(item(PROM), item(RULES, "groups: []\n")).as_dict()
    assert loaded["hosts"]["prom-02"] == failed("timeout", "slow").as_dict()
    assert load(str(folder), ["prom-02", "unknown"])["hosts"].keys() == {"prom-02"}


def test_the_same_again_writes_nothing(mirror: Mirror, folder: Path) -> None:
    results = {
        "a": ok(item(PROM), item(RULES)),
        "b": failed(),
        "c": ok(item(PROM), item(ALERT, error="denied"), status="partial", digest=None),
    }
    mirror.apply(results)
    before = snapshot(folder)
    assert mirror.apply(results) == MirrorChange()
    assert mirror.apply({"a": unchanged()}) == MirrorChange()
    assert snapshot(folder) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder to another group needs root")
def test_a_group_that_reads_the_mirror(tmp_path: Path) -> None:
    """A folder that hands its group down is how several people share one."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    os.chown(folder, -1, 4321)
    folder.chmod(0o2750)
    mirror = Mirror(str(folder))
    mirror.prepare()
    mirror.apply({"a": ok(item(PROM))})
    groups = {path.name: path.stat().st_gid for path in folder.rglob("*")}
    assert groups == dict.fromkeys(groups, 4321)


@pytest.mark.parametrize("mask", [0, 0o077, 0o177])
def test_modes(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        for redacted, folder_mode, file_mode in ((True, 0o750, 0o640), (False, 0o700, 0o600)):
            base = tmp_path / str(redacted)
            mirror = Mirror(str(base))
            mirror.apply({"a": ok(item(PROM))}, redacted=redacted)
            for path in [base, *base.rglob("*")]:
                wanted = folder_mode if path.is_dir() else 0o600 if path.name == ".salt" else file_mode
                assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    finally:
        os.umask(old)


def test_updates_and_removals(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(PROM), item(RULES), item(ALERT))})
    change = mirror.apply({"a": ok(item(PROM, "b: 2\n"), item(ALERT), digest="sha256:2")}, diff=True)
    assert (change.changed, change.added, change.updated, change.removed) == (True, {}, {"a": [PROM]}, {"a": [RULES]})
    assert change.statuses == {}
    assert change.diff == [
        {"before": "a: 1\n", "after": "b: 2\n", "before_header": f"a:{PROM}", "after_header": f"a:{PROM}"},
        {"before": "a: 1\n", "after": "", "before_header": f"a:{RULES}", "after_header": f"a:{RULES}"},
    ]
    assert held(mirror) == {"a": {ALERT: "a: 1\n", PROM: "b: 2\n"}}
    # The folder that held the rules is empty, and gone.
    assert sorted(path.name for path in (folder / "a/etc/prometheus").iterdir()) == ["prometheus.yml"]
    assert mirror.known_digests(["a"]) == {"a": "sha256:2"}


def test_a_new_time_alone_is_a_change_of_the_copy(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(PROM))})
    change = mirror.apply({"a": ok(item(PROM, mtime=1_700_000_001), digest="sha256:2")}, diff=True)
    assert (change.updated, change.diff) == ({"a": [PROM]}, [])
    assert (folder / "a" / PROM[1:]).stat().st_mtime == 1_700_000_001


def test_a_new_mode_or_way_is_kept_but_is_no_change(mirror: Mirror, folder: Path) -> None:
    """A tar archive names modes, so a chmod gives the server another digest."""
    mirror.apply({"a": ok(item(PROM))})
    files = {name: entry for name, entry in snapshot(folder).items() if not name.startswith(".")}
    moved = ok(item(PROM), digest="sha256:2")
    moved.endpoint = "ops@192.0.2.7:22"
    assert not mirror.apply({"a": moved}, check=True).changed
    assert mirror.known_digests(["a"]) != {"a": "sha256:2"}
    change = mirror.apply({"a": moved}, diff=True)
    assert (change.changed, change.diff, change.statuses) == (False, [], {})
    assert mirror.known_digests(["a"]) == {"a": "sha256:2"}
    assert {name: entry for name, entry in snapshot(folder).items() if not name.startswith(".")} == files


@pytest.mark.parametrize(
    "status", ["unreachable", "auth_failed", "timeout", "denied", "no_such_directory", "too_large"]
)
def test_a_failed_server_keeps_its_files(mirror: Mirror, folder: Path, status: Status) -> None:
    mirror.apply({"a": ok(item(PROM)), "b": ok(item(PROM))})
    files = {name: entry for name, entry in snapshot(folder).items() if not name.startswith(".")}
    change = mirror.apply({"a": failed(status, "why")}, diff=True)
    assert (change.changed, change.statuses, change.removed) == (True, {"a": status}, {})
    assert change.diff == [
        {
            "before": "status: ok\n",
            "after": f"status: {status}\nerror: why\n",
            "before_header": "a (status)",
            "after_header": "a (status)",
        }
    ]
    assert {name: entry for name, entry in snapshot(folder).items() if not name.startswith(".")} == files
    loaded = mirror.load()["hosts"]
    assert (loaded["a"]["status"], loaded["a"]["error"], loaded["a"]["digest"]) == (status, "why", "sha256:1")
    assert loaded["a"]["files"][0]["content"] == "a: 1\n"
    assert loaded["b"]["status"] == "ok"
    # What it had is what it is asked about, and `unchanged` makes it whole again.
    assert mirror.known_digests(["a", "b"]) == {"a": "sha256:1", "b": "sha256:1"}
    assert mirror.apply({"a": unchanged()}).statuses == {"a": "ok"}


def test_times(mirror: Mirror, folder: Path) -> None:
    def record() -> dict[str, Any]:
        found: dict[str, Any] = json.loads((folder / ".manifest.json").read_text())["servers"]["a"]
        return found

    mirror.apply({"a": ok(item(PROM))})
    seen = record()["last_seen"]
    assert seen.endswith("Z")
    assert record()["failing_since"] is None
    mirror.apply({"a": failed()})
    assert record()["last_seen"] == seen
    since = record()["failing_since"]
    assert since >= seen
    manifest = folder / ".manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"failing_since": "{since}"', '"failing_since": "long ago"'))
    mirror.apply({"a": failed("timeout")})
    assert record()["failing_since"] == "long ago"
    mirror.apply({"a": unchanged()})
    assert record()["failing_since"] is None


def test_a_partial_answer_removes_nothing(mirror: Mirror) -> None:
    mirror.apply({"a": ok(item(PROM), item(RULES), item(ALERT))})
    change = mirror.apply({"a": ok(item(PROM, "b: 2\n"), item(RULES, error="EIO"), status="partial", digest=None)})
    assert (change.updated, change.removed) == ({"a": [PROM]}, {})
    assert held(mirror) == {"a": {ALERT: "a: 1\n", PROM: "b: 2\n", RULES: "a: 1\n"}}
    errors = {one["path"]: one["error"] for one in mirror.load()["hosts"]["a"]["files"]}
    assert errors == {ALERT: None, PROM: None, RULES: "EIO"}
    assert mirror.known_digests(["a"]) == {"a": None}
    mirror.apply({"a": ok(item(PROM, "b: 2\n"), item(RULES), digest="sha256:3")})
    assert held(mirror) == {"a": {PROM: "b: 2\n", RULES: "a: 1\n"}}


@pytest.mark.parametrize("sha256", ["1" * 64, None])
def test_a_file_whose_content_is_left_out_keeps_its_copy(mirror: Mirror, sha256: str | None) -> None:
    """It is not text any more, or masking it took too long: what the mirror has is still the last word."""
    mirror.apply({"a": ok(item(PROM), item(RULES))})
    left_out = FileResult(PROM, "prometheus", 9, 1_700_000_001, sha256, None, 0, "it is not UTF-8 text")
    change = mirror.apply({"a": ok(left_out, item(RULES), status="partial", digest=None)})
    assert (change.removed, change.updated) == ({}, {})
    assert held(mirror) == {"a": {PROM: "a: 1\n", RULES: "a: 1\n"}}
    assert mirror.load()["hosts"]["a"]["files"][0]["error"] == "it is not UTF-8 text"


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_kept_gives_way_to_what_is_there(mirror: Mirror, folder: Path, whole: bool) -> None:
    """A file where a directory was, and the other way round, are no reason to refuse the whole sweep."""
    mirror.apply({"a": ok(item("/etc/x"), item("/etc/y/z"), item("/etc/y/deep/w"), item("/etc/xx")), "b": ok()})
    files = [item("/etc/x/z"), item("/etc/y")]
    if not whole:
        files.append(item("/etc/q", error="EIO"))
    answer = ok(*files, digest="2", status="ok" if whole else "partial")
    change = mirror.apply({"a": answer, "b": ok(item(PROM), digest="2")}, prune=not whole)
    assert held(mirror)["a"].keys() >= {"/etc/x/z", "/etc/y"}
    assert sorted(change.removed["a"]) == ["/etc/x", "/etc/y/deep/w", "/etc/y/z"]
    assert held(mirror)["b"] == {PROM: "a: 1\n"}
    assert (folder / "a/etc/x/z").is_file()


def test_a_server_whose_folder_was_deleted_is_forgotten(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(PROM)), "b": ok(item(PROM)), "never": failed()})
    shutil.rmtree(folder / "a")
    assert mirror.load()["hosts"]["a"]["status"] == "partial"
    assert mirror.apply({"b": ok(item(PROM))}, check=True).removed == {"a": [PROM]}
    change = mirror.apply({"b": ok(item(PROM))})
    assert (change.changed, change.removed) == (True, {"a": [PROM]})
    assert mirror.load()["hosts"].keys() == {"b", "never"}
    # One that is swept is mended instead.
    shutil.rmtree(folder / "b")
    assert mirror.apply({"b": ok(item(PROM))}).updated == {"b": [PROM]}


def test_a_digest_of_a_partial_answer_is_not_kept(mirror: Mirror) -> None:
    mirror.apply({"a": ok(item(PROM), status="partial", digest="sha256:1")})
    assert mirror.known_digests(["a"]) == {"a": None}


def test_a_file_that_could_never_be_read(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(RULES, error="permission denied"), status="partial", digest=None)})
    (one,) = mirror.load()["hosts"]["a"]["files"]
    assert (one["path"], one["content"], one["error"]) == (RULES, None, "permission denied")
    assert not (folder / "a").exists()


def test_a_file_that_is_no_longer_text(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(PROM))})
    binary = item(PROM, None)
    mirror.apply({"a": ok(binary, digest="sha256:2")})
    (one,) = mirror.load()["hosts"]["a"]["files"]
    assert (one["content"], one["sha256"], one["error"]) == (None, binary.sha256, None)
    assert not (folder / "a").exists()
    assert mirror.known_digests(["a"]) == {"a": "sha256:2"}


def test_without_prune_files_stay_until_a_sweep_prunes(mirror: Mirror) -> None:
    mirror.apply({"a": ok(item(PROM), item(RULES))})
    change = mirror.apply({"a": ok(item(PROM), digest="sha256:2")}, prune=False)
    assert change.removed == {}
    assert held(mirror)["a"].keys() == {PROM, RULES}
    assert mirror.apply({"a": ok(item(PROM), digest="sha256:2")}, prune=False) == MirrorChange()
    assert mirror.known_digests(["a"]) == {"a": "sha256:2"}
    assert mirror.apply({"a": unchanged("sha256:2")}, prune=False) == MirrorChange()
    assert mirror.apply({"a": unchanged("sha256:2")}).removed == {"a": [RULES]}
    assert held(mirror)["a"].keys() == {PROM}


def test_files_of_others_are_left_alone(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(PROM), item(RULES))})
    own = [folder / "README", folder / "a/etc/prometheus/rules/mine.yml", folder / "other/etc/x.yml"]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    mirror.apply({"a": ok(item(PROM), digest="sha256:2")})
    assert all(path.read_text() == "mine" for path in own)
    assert not (folder / "a/etc/prometheus/rules/node.yml").exists()
    assert held(mirror)["a"].keys() == {PROM}


def test_servers_that_are_not_in_the_sweep_are_left_alone(mirror: Mirror) -> None:
    mirror.apply({"a": ok(item(PROM)), "b": ok(item(PROM))})
    mirror.apply({"b": ok(item(PROM, "b: 2\n"), digest="sha256:2")})
    assert held(mirror) == {"a": {PROM: "a: 1\n"}, "b": {PROM: "b: 2\n"}}


def test_check_writes_nothing_and_says_the_same(mirror: Mirror, folder: Path) -> None:
    steps: list[dict[str, ServerResult]] = [
        {"a": ok(item(PROM), item(RULES)), "b": failed()},
        {"a": ok(item(PROM, "b: 2\n"), item(ALERT), digest="sha256:2"), "b": ok(item(PROM))},
        {"a": failed(), "b": ok(item(PROM), status="partial", digest=None)},
        {"a": unchanged("sha256:2"), "b": ok()},
    ]
    for step in steps:
        before = snapshot(folder.parent) if folder.parent.exists() else None
        predicted = mirror.apply(step, check=True, diff=True)
        assert (snapshot(folder.parent) if folder.parent.exists() else None) == before
        assert mirror.apply(step, diff=True) == predicted
        assert predicted.changed
        assert mirror.apply(step, check=True) == MirrorChange()


def test_unredacted_contents_are_never_shown(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "m"))
    mirror.apply({"a": ok(item(PROM, "password: first\n"))}, redacted=False)
    change = mirror.apply({"a": ok(item(PROM, "password: other\n"), digest="2")}, redacted=False, diff=True)
    text = json.dumps(change.diff)
    assert "(contents not shown)" in text
    assert "password" not in text
    assert change.diff[0]["before"] != change.diff[0]["after"]
    assert held(mirror) == {"a": {PROM: "password: other\n"}}


def test_redacted_and_unredacted_are_never_mixed(tmp_path: Path) -> None:
    for redacted in (True, False):
        mirror = Mirror(str(tmp_path / str(redacted)))
        mirror.apply({"a": ok(item(PROM))}, redacted=redacted)
        before = snapshot(tmp_path)
        for check in (True, False):
            with pytest.raises(MirrorError, match="a directory of their own"):
                mirror.apply({"a": ok(item(PROM, "x"))}, redacted=not redacted, check=check)
        with pytest.raises(MirrorError, match="a directory of their own"):
            mirror.known_digests(["a"], redacted=not redacted)
        assert snapshot(tmp_path) == before


def test_unredacted_contents_need_a_closed_directory(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "index.html").write_text("public")
    with pytest.raises(MirrorError, match="open to others"):
        Mirror(str(shared)).apply({"a": ok(item(PROM))}, redacted=False)
    assert sorted(path.name for path in shared.iterdir()) in ([".lock", "index.html"], ["index.html"])
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    Mirror(str(empty)).apply({"a": ok(item(PROM))}, redacted=False)
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700


def test_another_policy_means_fetching_anew(mirror: Mirror) -> None:
    mirror.apply({"a": ok(item(PROM))}, policy="1")
    assert mirror.known_digests(["a"], policy="1") == {"a": "sha256:1"}
    assert mirror.known_digests(["a"], policy="2") == {"a": None}
    mirror.apply({"a": ok(item(PROM, "masked\n"))}, policy="2")
    assert mirror.known_digests(["a"], policy="2") == {"a": "sha256:1"}
    mirror.apply({"a": failed()}, policy="3")
    assert mirror.known_digests(["a"], policy="2") == {"a": "sha256:1"}


def test_known_digests_only_of_copies_that_are_there(mirror: Mirror, folder: Path) -> None:
    assert mirror.known_digests(["a", "b"]) == {"a": None, "b": None}
    results = {name: ok(item(PROM)) for name in ("gone", "shorter", "edited", "link", "folder", "fine")}
    mirror.apply(results)
    place = {name: folder / name / PROM[1:] for name in results}
    place["gone"].unlink()
    place["shorter"].write_text("")
    place["edited"].write_text("a: 2\n")
    place["link"].unlink()
    place["link"].symlink_to(place["fine"])
    place["folder"].unlink()
    place["folder"].mkdir()
    known = mirror.known_digests([*results, "never"])
    assert known == {**dict.fromkeys([*results, "never"]), "fine": "sha256:1"}
    # Such a copy is not taken for what the server has, and the next sweep mends it.
    loaded = mirror.load()["hosts"]
    for name in ("gone", "shorter", "edited", "link", "folder"):
        assert loaded[name]["status"] == "partial"
        assert loaded[name]["files"][0]["content"] is None
        assert "changed or damaged" in loaded[name]["files"][0]["error"]
    place["folder"].rmdir()
    change = mirror.apply(results)
    assert sorted(change.updated) == ["edited", "folder", "gone", "link", "shorter"]
    assert held(mirror) == {name: {PROM: "a: 1\n"} for name in results}
    assert place["fine"].read_text() == "a: 1\n"


def test_unchanged_without_a_known_state_is_a_fault(mirror: Mirror) -> None:
    change = mirror.apply({"a": unchanged()})
    assert change.statuses == {"a": "protocol_error"}
    mirror.apply({"a": ok(item(PROM))})
    assert mirror.apply({"a": unchanged("sha256:other")}).statuses == {"a": "protocol_error"}
    assert held(mirror) == {"a": {PROM: "a: 1\n"}}


def test_a_damaged_copy_of_the_same_size_and_time_is_mended(mirror: Mirror, folder: Path) -> None:
    mirror.apply({"a": ok(item(PROM))})
    place = folder / "a" / PROM[1:]
    place.write_text("a: X\n")
    os.utime(place, (1_700_000_000, 1_700_000_000))
    assert "sweep with force" in mirror.load()["hosts"]["a"]["files"][0]["error"]
    # That is what force makes of it.
    assert mirror.apply({"a": ok(item(PROM))}).updated == {"a": [PROM]}
    assert held(mirror) == {"a": {PROM: "a: 1\n"}}


def test_unchanged_since_a_state_that_another_sweep_replaced(folder: Path) -> None:
    """Two sweeps at once: the answer is no fault of the server, and says nothing of what the mirror holds by now."""
    slow, quick = Mirror(str(folder)), Mirror(str(folder))
    slow.apply({"a": ok(item(PROM))})
    assert slow.known_digests(["a"]) == {"a": "sha256:1"}
    quick.apply({"a": ok(item(PROM, "b: 2\n"), digest="sha256:2")})
    for check in (True, False):
        assert slow.apply({"a": unchanged("sha256:1")}, check=check) == MirrorChange()
    assert held(slow) == {"a": {PROM: "b: 2\n"}}
    assert slow.load()["hosts"]["a"]["status"] == "ok"
    shutil.rmtree(folder / "a")
    quick.apply({"b": failed()})
    assert slow.apply({"a": unchanged("sha256:1")}).statuses == {"a": "protocol_error"}


@pytest.mark.parametrize("begin", ["prepare", "known_digests", "prepare_check"])
def test_an_answer_that_is_older_than_what_another_sweep_stored(folder: Path, begin: str) -> None:
    """The first of two sweeps at once waits for a slow server, and ends last."""
    old = {name: ok(item(PROM)) for name in ("both", "slow", "same", "failed", "up", "emptied")}
    Mirror(str(folder)).apply(old)
    Mirror(str(folder)).apply({"up": failed()})
    slow, quick = Mirror(str(folder)), Mirror(str(folder))
    acts: dict[str, Callable[[], object]] = {
        "prepare": slow.prepare,
        "prepare_check": slow.prepare_check,
        "known_digests": lambda: slow.known_digests(list(old)),
    }
    acts[begin]()
    new = ok(item(PROM, "v: 2\n"), item(RULES), digest="sha256:2")
    quick.apply(
        {
            "both": new,
            "first": new,
            "same": new,
            "failed": new,
            "slow": failed("timeout"),
            "unseen": failed("timeout"),
            "up": ok(item(PROM)),
            "emptied": ok(digest="sha256:0"),
        }
    )
    late = ok(item(PROM, "v: 1\n"), digest="sha256:1.5")
    answers = {"both": late, "first": late, "slow": late, "unseen": late, "same": new, "emptied": late}
    answers |= {"failed": failed(), "up": failed()}
    for check in (True, False):
        change = slow.apply(answers, check=check, diff=True)
        assert change.superseded == ["both", "emptied", "failed", "first", "up"]
        assert "state of both, emptied, failed, first, up: that one is kept" in change.warnings[0]
        # What another sweep could not read gives way to what this one has.
        assert (change.updated, change.added, change.removed) == ({"slow": [PROM]}, {"unseen": [PROM]}, {})
        assert change.statuses == {"slow": "ok", "unseen": "ok"}
    v2 = {PROM: "v: 2\n", RULES: "a: 1\n"}
    v1 = {PROM: "v: 1\n"}
    assert held(slow) == {
        **dict.fromkeys(("both", "first", "same", "failed"), v2),
        **dict.fromkeys(("slow", "unseen"), v1),
        "up": {PROM: "a: 1\n"},
        "emptied": {},
    }
    assert {host["status"] for host in slow.load()["hosts"].values()} == {"ok"}
    # The next sweep is told of the state that was kept, and asked again it takes what is said.
    assert slow.known_digests(["both"]) == {"both": "sha256:2"}
    assert slow.apply({"both": late}).removed == {"both": [RULES]}


def test_no_warning_without_another_sweep(mirror: Mirror) -> None:
    mirror.prepare()
    mirror.known_digests(["a"])
    assert mirror.apply({"a": ok(item(PROM))}).warnings == []
    mirror.known_digests(["a"])
    assert mirror.apply({"a": ok(item(PROM, "b: 2\n"), digest="2")}).warnings == []


def test_salt(mirror: Mirror, folder: Path) -> None:
    salt = mirror.salt
    assert len(salt) == 32
    assert not folder.exists()
    mirror.apply({"a": ok(item(PROM))})
    assert Mirror(str(folder)).salt == mirror.salt == salt
    assert Mirror(str(folder) + "-other").salt != salt
    assert salt.hex() not in (folder / ".manifest.json").read_text()


def test_two_first_sweeps_have_one_salt(tmp_path: Path) -> None:
    mirrors = [Mirror(str(tmp_path / "mirror")) for _unused in range(8)]
    # Each of them would make one of its own.
    assert len({mirror.salt for mirror in mirrors[:4]}) == 4
    with ThreadPoolExecutor(8) as pool:
        salts = set(pool.map(lambda mirror: (mirror.prepare(), mirror.salt)[1], mirrors))
    assert salts == {(tmp_path / "mirror/.salt").read_bytes()}
    assert {path.name for path in (tmp_path / "mirror").iterdir()} == {".salt", ".lock"}


def test_contents_of_any_kind(mirror: Mirror) -> None:
    contents = {
        "/etc/prometheus/crlf.yml": "a: 1\r\nb: 2\r",
        "/etc/prometheus/empty.yml": "",
        "/etc/prometheus/é 日本.yml": "name: é 日本 \U0001f600\n",
        "/etc/prometheus/latin.yml": "caf\udce9\n",
        os.fsdecode(b"/etc/prometheus/\xff\xfe.yml"): "x",
        "/etc/prometheus/nul.yml": "\0",
    }
    mirror.apply({"a": ok(*(item(path, text) for path, text in contents.items()))})
    assert held(mirror) == {"a": contents}


def test_a_large_diff_is_left_out(mirror: Mirror) -> None:
    change = mirror.apply({"a": ok(item(PROM, "x" * (MAX_DIFF + 1)), item(RULES, "y\n"))}, diff=True)
    shown = {one["after_header"]: one["after"] for one in change.diff if "(status)" not in one["after_header"]}
    assert shown == {f"a:{PROM}": "(changed; too much to show)\n", f"a:{RULES}": "y\n"}


def test_a_diff_has_nothing_that_a_terminal_obeys(mirror: Mirror) -> None:
    odd = ok(item("/etc/prometheus/\x1b[31m\n\udcff\u202e é.yml", "\x1b]0;a\x9b\rb \u202e\n\té \udcff\r\n"))
    shown, status = mirror.apply({"\x1b]0;a": odd}, diff=True).diff
    named = (r"\x1b]0;a:/etc/prometheus/\x1b[31m\n\udcff\u202e é.yml", r"\x1b]0;a (status)")
    assert all((shown[key], status[key]) == named for key in ("before_header", "after_header"))
    assert shown["after"] == "\\x1b]0;a\\x9b\\rb \\u202e\n\té \\udcff\\r\n"


def test_what_is_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(MirrorError, match="There is no mirror at"):
        load(str(tmp_path / "nowhere"))
    with pytest.raises(MirrorError, match="There is no mirror at"):
        load(str(tmp_path))
    file = tmp_path / "file"
    file.write_text("")
    for act in (lambda: load(str(file)), lambda: Mirror(str(file)).apply({"a": ok()})):
        with pytest.raises(MirrorError, match="cannot be used"):
            act()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 2, "redacted": true, "servers": {}}',
        '{"version": 1, "redacted": true, "servers": {"a": {}}}',
        '{"version": 1, "redacted": true, "servers": {"\\ud800": {}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_manifest_is_said(mirror: Mirror, folder: Path, text: str) -> None:
    mirror.apply({"a": ok(item(PROM))})
    (folder / ".manifest.json").write_text(text)
    for act in (mirror.load, lambda: mirror.known_digests(["a"]), lambda: mirror.apply({"a": ok(item(PROM))})):
        with pytest.raises(MirrorError, match="manifest of mirror"):
            act()
