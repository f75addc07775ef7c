# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror's history, with the real git."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import (
    Mirror,
    MirrorChange,
    MirrorError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_history import (
    AUTHOR,
    history,
    message,
    ready,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.unit.plugins.plugin_utils._sweep.test_mirror import ALERT, PROM, RULES, failed, item, ok, snapshot


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True, timeout=60)
    return done.stdout.decode("utf-8", "surrogateescape")


def sweep(folder: Path, results: dict[str, ServerResult], *, redacted: bool = True) -> str | None:
    change = Mirror(str(folder)).apply(results, redacted=redacted)
    return history(str(folder), change)


def test_each_changed_sweep_is_a_commit(tmp_path: Path) -> None:
    first = sweep(tmp_path, {"prom-01": ok(item(PROM), item(RULES)), "prom-02": ok(item(PROM))})
    assert first is not None
    assert git(tmp_path, "rev-parse", "HEAD").strip() == first
    assert sweep(tmp_path, {"prom-01": ok(item(PROM), item(RULES)), "prom-02": ok(item(PROM))}) is None
    results = {"prom-01": ok(item(PROM, "b: 2\n"), item(ALERT), digest="2"), "prom-02": failed("timeout")}
    second = sweep(tmp_path, results)
    assert git(tmp_path, "rev-list", "--count", "HEAD").strip() == "2"
    assert git(tmp_path, "log", "-1", "--format=%H%n%an%n%B").strip() == (
        f"{second}\n{AUTHOR}\n"
        "Sweep: prom-01, prom-02\n\n"
        f"prom-01: added {ALERT}\n"
        f"prom-01: updated {PROM}\n"
        f"prom-01: removed {RULES}\n"
        "prom-02: timeout"
    )
    changed = git(tmp_path, "show", "--no-renames", "--name-status", "--format=", "HEAD").splitlines()
    assert changed == [
        "M\t.manifest.json",
        f"A\tprom-01{ALERT}",
        f"M\tprom-01{PROM}",
        f"D\tprom-01{RULES}",
    ]
    assert git(tmp_path, "status", "--porcelain") == ""
    assert git(tmp_path, "show", f"HEAD~1:prom-01{PROM}") == "a: 1\n"


class _TimeIsUpError(BaseException):
    """As Ansible's, which may come at any moment."""


def test_a_commit_that_is_ended_leaves_no_lock(tmp_path: Path) -> None:
    """git is held by a filter of the repository's own, as that of large files is."""
    assert sweep(tmp_path, {"a": ok(item(PROM))})
    lock, held = tmp_path / ".git/index.lock", tmp_path / "held"
    held.touch()
    git(tmp_path, "config", "filter.slow.clean", f"while [ -e '{held}' ]; do sleep 0.05; done; cat")
    (tmp_path / ".git/info/attributes").write_text("* filter=slow\n", encoding="utf-8")

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise _TimeIsUpError

    def end_it() -> None:
        while not lock.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, handler)
    thread = threading.Thread(target=end_it, daemon=True)
    thread.start()
    try:
        with pytest.raises(_TimeIsUpError):
            sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), digest="2")})
    finally:
        signal.signal(signal.SIGALRM, before)
        held.unlink()
    thread.join()
    assert not lock.exists()
    assert sweep(tmp_path, {"a": ok(item(PROM, "c: 3\n"), digest="3")})


def test_only_what_is_the_mirrors_is_committed(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path))
    change = mirror.apply({"a": ok(item(PROM), item("/etc/prometheus/.gitignore", "*\n"), item("/etc/a/.git/x", "y"))})
    (tmp_path / "README").write_text("mine")
    (tmp_path / "a/etc/prometheus/mine.yml").write_text("mine")
    history(str(tmp_path), change)
    tracked = git(tmp_path, "ls-files").split()
    assert sorted(tracked) == [
        ".manifest.json",
        "a/etc/a/%2Egit/x",
        "a/etc/prometheus/%2Egitignore",
        "a/etc/prometheus/prometheus.yml",
    ]
    assert git(tmp_path, "status", "--porcelain").split() == ["??", "README", "??", "a/etc/prometheus/mine.yml"]
    # What a person commits there stays theirs.
    git(tmp_path, "add", "README")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "Mine")
    (tmp_path / "README").write_text("changed")
    sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), digest="2")})
    assert git(tmp_path, "show", "HEAD:README") == "mine"
    assert sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), digest="2")}) is None


def test_what_an_earlier_sweep_did_not_commit_is_committed(tmp_path: Path) -> None:
    sweep(tmp_path, {"a": ok(item(PROM), item(RULES)), "b": ok(item(PROM))})
    Mirror(str(tmp_path)).apply({"a": ok(item(PROM), digest="2"), "b": ok(item(PROM, "b: 2\n"), digest="2")})
    assert history(str(tmp_path), MirrorChange()) is not None
    assert git(tmp_path, "log", "-1", "--format=%B").strip() == f"Sweep: a, b\n\na: removed {RULES}\nb: updated {PROM}"
    assert git(tmp_path, "status", "--porcelain") == ""
    assert sorted(git(tmp_path, "ls-files").split()) == [".manifest.json", f"a{PROM}", f"b{PROM}"]


def test_a_status_that_an_earlier_sweep_did_not_commit_is_committed(tmp_path: Path) -> None:
    sweep(tmp_path, {"a": ok(item(PROM)), "b": ok(item(PROM))})
    Mirror(str(tmp_path)).apply({"b": failed("timeout")})
    assert sweep(tmp_path, {"a": ok(item(PROM))}) is not None
    assert git(tmp_path, "log", "-1", "--format=%B").strip() == "Sweep: b\n\nb: timeout"


def test_what_a_killed_sweep_had_decided_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(tmp_path, {"a": ok(item(PROM), item(RULES)), "b": ok(item(PROM))})
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", ends_after(os.replace, 1))
        with pytest.raises(KeyboardInterrupt):
            Mirror(str(tmp_path)).apply({"a": ok(item(PROM, "b: 2\n"), item(ALERT), digest="2")})
    assert (tmp_path / ".journal.json").exists()
    assert sweep(tmp_path, {"b": ok(item(PROM))}) is not None
    text = git(tmp_path, "log", "-1", "--format=%B").strip()
    assert text == f"Sweep: a\n\na: added {ALERT}\na: updated {PROM}\na: removed {RULES}"


def ends_after(real: Callable[..., None], calls: int) -> Callable[..., None]:
    """real, and Ctrl-C instead of it after some calls."""
    count = itertools.count()

    def ended(*words: object, **named: object) -> None:
        if next(count) == calls:
            raise KeyboardInterrupt
        real(*words, **named)

    return ended


def test_a_mode_alone_is_no_commit(tmp_path: Path) -> None:
    first = sweep(tmp_path, {"a": ok(item(PROM))})
    assert sweep(tmp_path, {"a": ok(item(PROM), digest="2")}) is None
    assert git(tmp_path, "rev-parse", "HEAD").strip() == first
    assert sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), digest="3")})
    assert git(tmp_path, "status", "--porcelain") == ""


def test_a_forgotten_server_leaves_the_history_too(tmp_path: Path) -> None:
    sweep(tmp_path, {"a": ok(item(PROM)), "b": ok(item(PROM))})
    shutil.rmtree(tmp_path / "a")
    assert sweep(tmp_path, {"b": ok(item(PROM))}) is not None
    assert git(tmp_path, "ls-files").split() == [".manifest.json", f"b{PROM}"]
    assert git(tmp_path, "status", "--porcelain") == ""
    assert f"a: removed {PROM}" in git(tmp_path, "log", "-1", "--format=%B")


def test_odd_names(tmp_path: Path) -> None:
    odd = [os.fsdecode(b"/etc/prometheus/caf\xe9.yml"), "/etc/prometheus/a\nb \x1b[31m.yml", "/etc/prometheus/-q é.yml"]
    sweep(tmp_path, {"-host\n": ok(*(item(path) for path in odd)), "%": ok(item(PROM))})
    assert git(tmp_path, "status", "--porcelain") == ""
    assert len(git(tmp_path, "ls-files").splitlines()) == 5
    text = git(tmp_path, "log", "-1", "--format=%B")
    assert "\x1b" not in text
    assert r"-host\n: added /etc/prometheus/a\nb \x1b[31m.yml" in text
    assert r"-host\n: added /etc/prometheus/caf\udce9.yml" in text


def test_names_that_git_refuses_or_takes_for_one(tmp_path: Path) -> None:
    """Where file systems know no case, git init says so; there, and with names that Windows knows, history goes on."""
    sweep(tmp_path, {"a": ok(item(PROM))})
    git(tmp_path, "config", "core.ignoreCase", "true")
    names = ["/etc/prometheus/X.yml", "/etc/prometheus/x.yml", "/etc/GIT~1/x.yml", "/etc/git~1/hooks/y.yml"]
    assert sweep(tmp_path, {"a": ok(*(item(name) for name in names), digest="2"), "git~1": ok(item(PROM))}) is not None
    assert len(git(tmp_path, "ls-files").split()) == 6


@pytest.mark.parametrize("kind", ["long", "other"])
def test_a_file_that_git_does_not_take(tmp_path: Path, kind: str) -> None:
    """The sweep that brings it fails and says so; it and those after it commit all else."""
    folder = tmp_path / "mirror"
    odd = "/etc/" + "d/" * 2100 + "x.yml" if kind == "long" else "/etc/refused.yml"
    fake = tmp_path / "git"
    fake.write_text(
        "#!/bin/sh\ncase \"$*\" in *' update-index '*) cat > $0.given; "
        'if grep -qa refused $0.given; then echo no such >&2; exit 128; fi; exec git "$@" < $0.given;; esac\n'
        'exec git "$@"\n'
    )
    fake.chmod(0o755)

    def swept(results: dict[str, ServerResult]) -> str | None:
        return history(str(folder), Mirror(str(folder)).apply(results), git=str(fake))

    answer = ok(item(PROM), item(odd), *(item(f"/etc/{number}") for number in range(20)))
    with pytest.raises(
        MirrorError, match=r"lacks a:/etc/(d/|refused\.yml).*, which git does not take: .*too long|such"
    ):
        swept({"a": answer, "b": ok(item(PROM))})
    assert len(git(folder, "ls-files").split()) == 23
    assert swept({"a": answer, "b": ok(item(PROM))}) is None
    assert swept({"b": ok(item(PROM, "b: 2\n"), digest="2")}) is not None
    assert git(folder, "log", "-1", "--format=%B").strip() == f"Sweep: b\n\nb: updated {PROM}"
    assert swept({"a": ok(item(PROM), digest="2")}) is not None
    assert git(folder, "status", "--porcelain") == ""


def test_what_is_no_fault_of_a_file_is_said_soon(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    fake = tmp_path / "git"
    fails = f"*' update-index '*) echo >> {calls}; echo full >&2; exit 128;;"
    fake.write_text(f'#!/bin/sh\ncase "$*" in {fails} esac\nexec git "$@"\n')
    fake.chmod(0o755)
    folder = tmp_path / "mirror"
    change = Mirror(str(folder)).apply({"a": ok(*(item(f"/etc/{number}") for number in range(500)))})
    with pytest.raises(MirrorError, match=r"git update-index in .* failed: full"):
        history(str(folder), change, git=str(fake))
    assert calls.read_text().count("\n") == 2


def test_a_clone_of_the_history_is_a_mirror_too(tmp_path: Path) -> None:
    """Its salt is a secret that must not be offered to `git add .`; what a person excludes there stays excluded."""
    sweep(tmp_path / "mirror", {"a": ok(item(PROM))})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(tmp_path / "mirror"), str(clone))
    (clone / ".git/info/exclude").write_text("/own")
    (clone / "own").touch()
    sweep(clone, {"a": ok(item(PROM, "b: 2\n"), digest="2")})
    assert git(clone, "status", "--porcelain") == ""
    before = (clone / ".git/info/exclude").read_text()
    sweep(clone, {"a": ok(item(PROM), digest="3")})
    assert (clone / ".git/info/exclude").read_text() == before


def test_a_repository_around_the_mirror_is_not_touched(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "own").write_text("x")
    git(tmp_path, "add", "own")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "Own")
    before = snapshot(tmp_path / ".git")
    folder = tmp_path / "mirror"
    assert sweep(folder, {"a": ok(item(PROM))}) is not None
    assert snapshot(tmp_path / ".git") == before
    assert git(folder, "rev-list", "--count", "HEAD").strip() == "1"


@pytest.mark.parametrize("state", ["unborn", "staged", "committed", "manifest"])
def test_a_repository_of_somebody_elses_is_refused(tmp_path: Path, state: str) -> None:
    """Whoever pushes it would push the fleet's configs too."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    git(folder, "init", "-q")
    if state != "unborn":
        name = ".manifest.json" if state == "manifest" else "own"
        (folder / name).write_text("{}")
        git(folder, "add", name)
    if state in ("committed", "manifest"):
        git(folder, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "Own")
        (folder / ".manifest.json").unlink(missing_ok=True)
    before = snapshot(folder / ".git")
    with pytest.raises(MirrorError, match=r"theirs/\.git is a repository that this collection did not make"):
        ready(str(folder))
    with pytest.raises(MirrorError, match="did not make"):
        sweep(folder, {"a": ok(item(PROM))}, redacted=False)
    assert snapshot(folder / ".git") == before


def test_a_repository_whose_first_commit_failed_is_the_mirrors(tmp_path: Path) -> None:
    Mirror(str(tmp_path)).apply({"a": ok(item(PROM))})
    refuses = tmp_path.parent / "git-that-cannot-commit"
    refuses.write_text('#!/bin/sh\ncase "$*" in *" commit "*) echo full >&2; exit 1;; esac\nexec git "$@"\n')
    refuses.chmod(0o755)
    with pytest.raises(MirrorError, match="full"):
        history(str(tmp_path), MirrorChange(), git=str(refuses))
    assert (tmp_path / ".git/objects").is_dir()
    ready(str(tmp_path))
    assert history(str(tmp_path), MirrorChange()) is not None


def test_the_users_settings_and_hooks_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "prepare-commit-msg"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\nexit 1\n")
        (hooks / name).chmod(0o755)
    template = home / "template"
    (template / "hooks").mkdir(parents=True)
    (template / "hooks" / "pre-commit").write_bytes((hooks / "pre-commit").read_bytes())
    (template / "hooks" / "pre-commit").chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[user]\n\tname = Somebody\n[core]\n\thooksPath = {hooks}\n\tautocrlf = true\n"
        f"\tfsmonitor = touch {tmp_path}/hooked\n\texcludesFile = {home}/ignore\n"
        f"[commit]\n\tgpgSign = true\n[init]\n\ttemplateDir = {template}\n[broken\n"
    )
    (home / "ignore").write_text("*.yml\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template))
    folder = tmp_path / "mirror"
    assert sweep(folder, {"a": ok(item(PROM, "a: 1\r\n"))}) is not None
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert git(folder, "log", "-1", "--format=%an %cn").split() == [AUTHOR, AUTHOR]
    assert git(folder, "show", f"HEAD:a{PROM}") == "a: 1\r\n"
    assert not (tmp_path / "elsewhere").exists()
    own = folder / ".git" / "hooks"
    own.mkdir(exist_ok=True)
    for hook in hooks.iterdir():
        (own / hook.name).write_bytes(hook.read_bytes())
        (own / hook.name).chmod(0o755)
    assert sweep(folder, {"a": ok(item(PROM, "b: 2\n"), digest="2")}) is not None
    assert not (tmp_path / "hooked").exists()


def test_an_unredacted_history_is_closed_too(tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    sweep(folder, {"a": ok(item(PROM))}, redacted=False)
    assert folder.stat().st_mode & 0o077 == 0
    for path in (folder / ".git").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_without_git(tmp_path: Path) -> None:
    change = Mirror(str(tmp_path)).apply({"a": ok(item(PROM))})
    with pytest.raises(MirrorError, match="needs git on the controller"):
        ready(str(tmp_path), git="git-that-is-not-there")
    with pytest.raises(MirrorError, match="needs git on the controller"):
        history(str(tmp_path), change, git="git-that-is-not-there")
    (tmp_path / ".git").write_text("gitdir: /elsewhere\n")
    with pytest.raises(MirrorError, match="is not a directory"):
        history(str(tmp_path), change)


def test_what_git_says_is_told_from_its_beginning(tmp_path: Path) -> None:
    """A lock that a machine left behind when it failed: its whole path is what somebody needs."""
    sweep(tmp_path, {"a": ok(item(PROM))})
    lock = tmp_path / ".git/index.lock"
    lock.touch()
    with pytest.raises(MirrorError) as caught:
        sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), digest="2")})
    assert str(lock) in str(caught.value)
    with pytest.raises(MirrorError, match=r"index\.lock: File exists"):
        ready(str(tmp_path))
    lock.unlink()
    ready(str(tmp_path))
    assert sweep(tmp_path, {}) is not None
    assert git(tmp_path, "status", "--porcelain") == ""


def test_another_git_is_waited_for(tmp_path: Path) -> None:
    sweep(tmp_path, {"a": ok(item(PROM))})
    lock = tmp_path / ".git/index.lock"
    lock.touch()
    other = threading.Timer(0.3, lock.unlink)
    other.start()
    try:
        assert sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), digest="2")}) is not None
    finally:
        other.join()


def test_what_a_person_has_staged_stays_theirs(tmp_path: Path) -> None:
    sweep(tmp_path, {"a": ok(item(PROM), item(RULES))})
    (tmp_path / "README").write_text("mine")
    git(tmp_path, "add", "README")
    sweep(tmp_path, {"a": ok(item(PROM, "b: 2\n"), item(ALERT), digest="2")})
    changed = git(tmp_path, "show", "--no-renames", "--name-status", "--format=", "HEAD").splitlines()
    assert changed == ["M\t.manifest.json", f"A\ta{ALERT}", f"M\ta{PROM}", f"D\ta{RULES}"]
    assert git(tmp_path, "status", "--porcelain") == "A  README\n"


@pytest.mark.parametrize("state", ["detached", "branch", "merging"])
def test_a_repository_in_which_a_person_works(tmp_path: Path, state: str) -> None:
    person = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    first = sweep(tmp_path, {"a": ok(item(PROM))})
    new = {"a": ok(item(PROM, "b: 2\n"), digest="2")}
    if state == "detached":
        git(tmp_path, "checkout", "-q", "--detach")
    elif state == "branch":
        git(tmp_path, "checkout", "-qb", "mine")
    else:
        git(tmp_path, "checkout", "-qb", "mine")
        git(tmp_path, *person, "commit", "-q", "--allow-empty", "-m", "Mine")
        git(tmp_path, "checkout", "-q", "main")
        git(tmp_path, *person, "merge", "-q", "--no-ff", "--no-commit", "mine")
        with pytest.raises(MirrorError, match="during a merge"):
            sweep(tmp_path, new)
        git(tmp_path, "merge", "--abort")
    assert git(tmp_path, "rev-parse", "HEAD").strip() == first
    second = sweep(tmp_path, new)
    assert git(tmp_path, "show", f"HEAD:a{PROM}") == "b: 2\n"
    assert git(tmp_path, "rev-parse", "HEAD").strip() == second
    assert (git(tmp_path, "rev-parse", "main").strip() == first) == (state != "merging")


def test_where_there_is_no_mirror(tmp_path: Path) -> None:
    assert history(str(tmp_path / "nowhere"), MirrorChange()) is None
    assert history(str(tmp_path), MirrorChange()) is None
    assert not (tmp_path / ".git").exists()


def test_a_message_stays_short() -> None:
    many = MirrorChange(added={f"host-{number:03}": [PROM, RULES, ALERT] for number in range(200)})
    lines = message(many).splitlines()
    assert lines[0] == "Sweep: host-000, host-001, host-002 and 197 more"
    assert lines[-1] == "... and 400 more"
    assert len(lines) == 203
    long = MirrorChange(added={"a": [f"/{'é' * 2000}/{number}" for number in range(100)]})
    text = message(long)
    assert len(text.encode()) < 101_000
    assert text.splitlines()[-1].endswith(" more")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a repository to another user needs root")
def test_a_repository_of_another_user_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write in a mirror's directory may make one there that looks like the mirror's own."""
    sweep(tmp_path, {"a": ok(item(PROM))})
    ran = tmp_path / "ran"
    git(tmp_path, "config", "filter.any.clean", f"touch {ran}; cat")
    (tmp_path / ".git" / "info" / "attributes").write_text("* filter=any\n", encoding="utf-8")
    os.chown(tmp_path / ".git", 12345, -1)
    for attempt in (ready, lambda path: history(path, MirrorChange())):
        with pytest.raises(MirrorError, match=r"/\.git belongs to another user \(uid 12345\), and git runs"):
            attempt(str(tmp_path))
    assert not ran.exists()
    monkeypatch.setenv("SUDO_UID", "12345")
    ready(str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(MirrorError, match="belongs to another user"):
        ready(str(tmp_path))
