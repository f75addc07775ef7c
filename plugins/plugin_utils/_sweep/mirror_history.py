# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror's history: a commit for each sweep that changed it, in a git repository of the mirror's own.

git runs with the repository named outright and without the user's and the system's settings, so a repository that
the mirror happens to lie in is never touched, and no hook, signature or filter of the user's has a say. One that lies
in the mirror's own place and that somebody else made is refused: it may be pushed to where no config belongs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import Mirror
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_files import (
    JOURNAL,
    LOCK,
    MANIFEST,
    SALT,
    STAGING,
    MirrorError,
    Tree,
    component,
    location,
    locked,
    recover,
    refusal,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_manifest import (
    ServerRecord,
    parse_manifest,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_merge import (
    MirrorChange,
    standing,
)

AUTHOR: Final = "prometheus_fleet"
_SECONDS: Final = 300
_END_SECONDS: Final = 5.0
# How long another git that works in the mirror is waited for.
_LOCK_SECONDS: Final = 5.0
# A commit message names this many servers in its first line, and this many files below. It is one word of a command,
# which Linux caps at 128 kB.
_MAX_NAMED: Final = 3
_MAX_LINES: Final = 200
_MAX_BYTES: Final = 100_000
# Of a path, in messages, and for the system: git names a file by its path below the mirror.
_MAX_NAME: Final = 200
_MAX_PATH: Final = 4096
# How often git is asked to find out which files it does not take.
_MAX_TRIES: Final = 100
_SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.autocrlf": "false",
    "core.ignoreCase": "false",
    "core.safecrlf": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "commit.gpgSign": "false",
    "gc.autoDetach": "false",
    "maintenance.autoDetach": "false",
    "init.defaultBranch": "main",
    "init.templateDir": "",
}


def ready(path: str, *, git: str = "git") -> None:
    """Raises MirrorError where history() could not work, before there is anything to commit. Writes nothing."""
    root = Mirror(path).path
    if shutil.which(git) is None:
        raise _without_git(root)
    try:
        with Tree.opened(root) as tree:
            if tree is not None:
                repository = _Repository(tree, git, private=True)
                if repository.exists():
                    repository.run("rev-parse", "--git-dir")
                    repository.refuse_others()
                    repository.wait_for_others()
    except OSError as error:
        raise _not_kept(root, error) from error


def history(path: str, change: MirrorChange, *, git: str = "git", lock_seconds: float = 60.0) -> str | None:
    """Commit what the mirror at path holds; return the commit's id, or None when nothing differs from the last one.

    The message names what the commit changes: what an earlier sweep did not commit is committed now. change is of this
    sweep. Files that are not the mirror's are left out. Raises MirrorError where git is missing or refuses.
    """
    root = Mirror(path).path
    try:
        with Tree.opened(root) as tree:
            if tree is None:
                return None
            with locked(tree, exclusive=True, seconds=lock_seconds):
                recover(tree)
                return _commit(tree, change, git)
    except OSError as error:
        raise _not_kept(root, error) from error


def _without_git(root: str) -> MirrorError:
    return MirrorError(
        f"The history of mirror {root} needs git on the controller: install it, or sweep without history"
    )


def _not_kept(root: str, error: OSError) -> MirrorError:
    return MirrorError(f"The history of mirror {root} cannot be kept: {refusal(root, error)}")


def _commit(tree: Tree, change: MirrorChange, git: str) -> str | None:
    raw = tree.read((MANIFEST,))
    if raw is None:
        return None
    try:
        manifest = parse_manifest(raw)
    except ValueError as error:
        raise MirrorError(f"The manifest of mirror {tree.path} cannot be used: {error}") from error
    servers = manifest["servers"]
    repository = _Repository(tree, git, private=not manifest["redacted"])
    repository.ensure()
    held = {MANIFEST}
    earlier = repository.earlier_servers()
    folders = {component(server, server=True) for server in (*servers, *earlier)}
    for server, record in servers.items():
        held.update(b"/".join(location(server, name)) for name, item in record["files"].items() if item["stored"])
    gone = {
        name
        for name in repository.run("ls-files", "-z").split(b"\0")
        if name
        and name.partition(b"/")[0] in folders
        and name not in held
        and tree.stat(tuple(name.split(b"/"))) is None
    }
    own = held | gone
    repository.wait_for_others()
    refused = repository.stage(own)
    staged = repository.run("diff", "--cached", "--name-status", "--no-renames", "-z").split(b"\0")
    changed = {name: kind for kind, name in zip(staged[::2], staged[1::2], strict=False) if name in own}
    commit = _kept(repository, changed, _told(changed, earlier, servers), change)
    _say_refused(tree, refused, change)
    return commit


def _kept(
    repository: _Repository, changed: Mapping[bytes, bytes], told: MirrorChange, change: MirrorChange
) -> str | None:
    if not told.changed:
        # All is committed but a time or a mode. Alone that is nothing to tell of: it goes with the next commit.
        if not changed or not change.changed:
            return None
        told = change
    # What a person has staged there stays staged: only these files are committed.
    repository.run(
        "commit",
        "--quiet",
        "--no-verify",
        "--only",
        "--pathspec-from-file=-",
        "--pathspec-file-nul",
        b"--message=" + message(told).encode(),
        given=_listed(changed),
    )
    return repository.run("rev-parse", "HEAD").decode().strip()


def _say_refused(tree: Tree, refused: Mapping[bytes, str], change: MirrorChange) -> None:
    """Raises MirrorError for what is of this sweep. An earlier one failed already, and those after it are to go on."""
    for kind in (change.added, change.updated):
        for server, paths in kind.items():
            for path in paths if refused else ():
                name = b"/".join(location(server, path))
                if name in refused:
                    more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
                    # The end of a name that is too long says no more than its beginning.
                    named = shown(f"{server}:{path}")
                    named = named if len(named) <= _MAX_NAME else f"{named[:_MAX_NAME]}..."
                    raise MirrorError(
                        f"The history of mirror {tree.path} lacks {named}{more}, which git does not take: "
                        f"{shown(refused[name])}; all else is committed: keep that file off the patterns, or sweep"
                        " without history"
                    )


def _told(
    changed: Mapping[bytes, bytes], earlier: Mapping[str, ServerRecord], now: Mapping[str, ServerRecord]
) -> MirrorChange:
    """What a commit changes, be it of this sweep or of earlier ones: its files as git has them, and the statuses."""
    told = MirrorChange()
    kinds = {b"A": told.added, b"D": told.removed}
    names: dict[bytes, tuple[str, str]] = {}
    if changed:
        for server, record in (*earlier.items(), *now.items()):
            names.update((b"/".join(location(server, path)), (server, path)) for path in record["files"])
    for name in sorted(changed):
        if name == MANIFEST:
            continue
        folder, _slash, path = os.fsdecode(name).partition("/")
        server, path = names.get(name, (folder, f"/{path}"))
        kinds.get(changed[name], told.updated).setdefault(server, []).append(path)
    if MANIFEST in changed:
        told.statuses.update(
            (server, record["status"])
            for server, record in now.items()
            if server not in earlier or standing(earlier[server]) != standing(record)
        )
    return told


def _listed(names: Iterable[bytes]) -> bytes:
    return b"".join(name + b"\0" for name in sorted(names))


class _Repository:
    """git on <mirror>/.git and nothing else."""

    def __init__(self, tree: Tree, git: str, *, private: bool) -> None:
        self._tree = tree
        self._umask = 0o077 if private else 0o027
        self._command = [git]
        for key, value in _SETTINGS.items():
            self._command += ["-c", f"{key}={value}"]
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_DIR": f"{tree.path}/.git",
            "GIT_WORK_TREE": tree.path,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": AUTHOR,
            "GIT_AUTHOR_EMAIL": f"{AUTHOR}@localhost",
            "GIT_COMMITTER_NAME": AUTHOR,
            "GIT_COMMITTER_EMAIL": f"{AUTHOR}@localhost",
            "LC_ALL": "C",
        }

    def exists(self) -> bool:
        """Raises MirrorError where something else stands in its place, or it cannot be written."""
        found = self._tree.stat((b".git",))
        if found is None:
            return False
        if not stat.S_ISDIR(found.st_mode):
            raise MirrorError(
                f"{self._tree.path}/.git is not a directory: remove it, or keep this mirror without history"
            )
        # git looks at this itself, but not where the repository is named outright. Root by sudo is still the caller.
        caller = os.environ.get("SUDO_UID") if os.geteuid() == 0 else None
        if str(found.st_uid) not in {"0", str(os.geteuid()), caller}:
            raise MirrorError(
                f"{self._tree.path}/.git belongs to another user (uid {found.st_uid}), and git runs what is set there:"
                " run as that user, or give the mirror a directory of its own"
            )
        if not os.access(b".git", os.W_OK | os.X_OK, dir_fd=self._tree.descriptor):
            raise MirrorError(f"{self._tree.path}/.git cannot be written: let the user who runs Ansible write there")
        return self._tree.stat((b".git", b"HEAD")) is not None

    def wait_for_others(self) -> None:
        """Another git is done in a moment, or died and left its lock. Raises MirrorError for the second."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while self._tree.stat((b".git", b"index.lock")) is not None:
            if time.monotonic() >= deadline:
                raise MirrorError(
                    f"git in {self._tree.path} failed: {self._tree.path}/.git/index.lock: File exists: another git"
                    " works there, or one died there; if none runs, remove that file"
                )
            time.sleep(0.05)

    def stage(self, names: set[bytes]) -> dict[bytes, str]:
        """Stage them, but for those that git does not take; return these, and what it said."""
        refused = {name: "File name too long" for name in names if len(name) >= _MAX_PATH}
        queue = [sorted(names - refused.keys())]
        tries = 0
        while queue:
            some = queue.pop()
            tries += 1
            try:
                self.run("update-index", "--add", "--remove", "-z", "--stdin", given=_listed(some))
            except MirrorError as error:
                # What fails for the manifest too, or for many, is not for a name.
                if MANIFEST in some and len(some) > 1 and tries == 1:
                    self.run("update-index", "--add", "-z", "--stdin", given=_listed([MANIFEST]))
                if some == [MANIFEST] or tries > _MAX_TRIES:
                    raise
                if len(some) == 1:
                    refused[some[0]] = str(error)
                else:
                    queue += [some[: len(some) // 2], some[len(some) // 2 :]]
        return refused

    def earlier_servers(self) -> dict[str, ServerRecord]:
        """The servers of the last commit."""
        try:
            return parse_manifest(self.run("show", "HEAD:" + os.fsdecode(MANIFEST)))["servers"]
        except (MirrorError, ValueError):
            return {}

    def ensure(self) -> None:
        if self.exists():
            self.refuse_others()
        else:
            self.run("init", "--quiet")
        exclude = self._exclude
        if not exclude.exists():
            exclude.parent.mkdir(mode=0o700, exist_ok=True)
            exclude.touch(mode=0o600)
        known = exclude.read_bytes()
        missing = self._not_excluded(known)
        if missing:
            begin = known if known.endswith(b"\n") or not known else known + b"\n"
            exclude.write_bytes(begin + b"".join(b"/%s\n" % name for name in missing))

    def refuse_others(self) -> None:
        """Raises MirrorError for a repository that is neither one that this collection made nor a clone of one."""
        try:
            known = self._exclude.read_bytes()
        except FileNotFoundError:
            known = None
        if known is not None and not self._not_excluded(known):
            return
        # A run may have ended between git's init and the mark. People's repositories begin with git's template, which
        # has this file, and with something staged or committed.
        nothing = known is None and not self.run("ls-files", "--cached") and not self.run("for-each-ref", "--count=1")
        if nothing or self._began_with_a_sweep():
            return
        raise MirrorError(
            f"{self._tree.path}/.git is a repository that this collection did not make, and what is committed there may"
            " be pushed with it: give the mirror a directory of its own, or keep this one without history"
        )

    def _began_with_a_sweep(self) -> bool:
        """A clone has no mark, but the first commit that the mirror made."""
        try:
            authors = self.run("log", "--max-parents=0", "--format=%ae", "HEAD").split()
        except MirrorError:
            return False
        return set(authors) == {f"{AUTHOR}@localhost".encode()}

    @property
    def _exclude(self) -> Path:
        return Path(self._tree.path, ".git", "info", "exclude")

    @staticmethod
    def _not_excluded(known: bytes) -> list[bytes]:
        """What is the mirror's, not for git, and not said there yet. Where all of it is said, a history was kept."""
        return [name for name in (JOURNAL, LOCK, SALT, STAGING) if b"/" + name not in known.split(b"\n")]

    def run(self, *words: str | bytes, given: bytes = b"") -> bytes:
        """Raises MirrorError with git's own words."""
        try:
            status, output, complaints = _ended(
                subprocess.Popen(
                    [*self._command, *words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self._environment,
                    cwd=self._tree.path,
                    umask=self._umask,
                ),
                given,
            )
        except FileNotFoundError as error:
            raise _without_git(self._tree.path) from error
        except subprocess.TimeoutExpired as error:
            raise MirrorError(
                f"git {os.fsdecode(words[0])} in {self._tree.path} took more than {_SECONDS} seconds"
            ) from error
        if status != 0:
            said = " ".join(complaints.decode("utf-8", "replace").split())[:300]
            raise MirrorError(f"git {os.fsdecode(words[0])} in {self._tree.path} failed: {said}")
        return output


def _ended(process: subprocess.Popen[bytes], given: bytes) -> tuple[int, bytes, bytes]:
    with process:
        try:
            output, complaints = process.communicate(given, _SECONDS)
        except BaseException:
            # Told to end, git takes its lock away. Killed, it would leave it in the way of every sweep to come.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
            process.kill()
            raise
    return process.returncode, output, complaints


def message(change: MirrorChange) -> str:
    """What a sweep changed, for people: servers in the first line, then a line for each file and status."""
    servers = sorted({*change.added, *change.updated, *change.removed, *change.statuses})
    named = ", ".join(shown(server) for server in servers[:_MAX_NAMED])
    more = f" and {len(servers) - _MAX_NAMED} more" if len(servers) > _MAX_NAMED else ""
    lines = list(_lines(change, servers))
    kept = lines[:_MAX_LINES]
    while sum(len(line.encode()) + 1 for line in kept) > _MAX_BYTES:
        kept = kept[: len(kept) // 2]
    if len(kept) < len(lines):
        kept.append(f"... and {len(lines) - len(kept)} more")
    return "\n".join([f"Sweep: {named or 'no new change'}{more}", "", *kept]) + "\n"


def _lines(change: MirrorChange, servers: Iterable[str]) -> Iterable[str]:
    kinds = (("added", change.added), ("updated", change.updated), ("removed", change.removed))
    for server in servers:
        if server in change.statuses:
            yield f"{shown(server)}: {change.statuses[server]}"
        for word, paths in kinds:
            for path in paths.get(server, []):
                yield f"{shown(server)}: {word} {shown(path)}"
