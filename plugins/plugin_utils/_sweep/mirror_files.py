# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror's files: where each one lies, and changes that happen as a whole or not at all.

A change is staged in `.staging`, then named in `.journal.json`, then carried out by renames. Whoever opens the mirror
after a kill finds no journal (the old state is whole: the staging folder is dropped) or a journal (the rest of it is
carried out first). Folders are walked by descriptor and links are never followed, so nothing is written outside.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_ending import tidied

MANIFEST: Final = b".manifest.json"
JOURNAL: Final = b".journal.json"
STAGING: Final = b".staging"
LOCK: Final = b".lock"
SALT: Final = b".salt"

Location = tuple[bytes, ...]

# Everything else is written as %XX, the bytes of its UTF-8 form; so is a leading dot that would hide a server or name
# a file that git obeys.
_PLAIN: Final = re.compile(r"[\w.+@=,:~#&() -]+")
_MAX_NAME: Final = 255
_MAX_TIME: Final = 2**31 - 1
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


_ADVICE: Final = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f) of the user who runs Ansible",
    errno.EROFS: "it is mounted read-only: choose another place",
    errno.ENOTDIR: "choose another place",
    errno.EACCES: "let the user who runs Ansible read and write there, or choose another place",
    errno.EPERM: "let the user who runs Ansible read and write there, or choose another place",
}


class MirrorError(Exception):
    """The mirror cannot be used; the message names it and says what to do."""


def explained(path: str, error: OSError) -> MirrorError:
    """What the system refused in the mirror at path."""
    return MirrorError(f"The mirror {path} cannot be used: {refusal(path, error)}: {_advice(error)}, and sweep again")


def refusal(path: str, error: OSError) -> str:
    """The system's words, and where; path where it does not say."""
    at = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else path
    return f"{error.strerror} ({at})"


def _advice(error: OSError) -> str:
    return _ADVICE.get(error.errno or 0, "see what is wrong there")


def component(name: str, *, server: bool = False) -> bytes:
    """A name as one component of a path: readable, never `.`, `..` or a path, and no two names the same.

    A name too long for a file system keeps its beginning; `%~` and a hash stand for the rest.
    """
    text = name
    if not _PLAIN.fullmatch(name):
        text = "".join(
            character if _PLAIN.fullmatch(character) else "".join(f"%{byte:02X}" for byte in _encode(character))
            for character in name
        )
    if text.startswith(".") and (server or text in {".", ".."} or text.lower().startswith(".git")):
        text = "%2E" + text[1:]
    if text.lower().startswith("git~"):
        # Windows may call .git so, and git takes no such name anywhere.
        text = f"%{ord(text[0]):02X}{text[1:]}"
    encoded = _encode(text)
    if not encoded or len(encoded) > _MAX_NAME:
        begin = encoded[:180].decode("utf-8", "ignore")
        encoded = _encode(f"{begin}%~{hashlib.sha256(_encode(name)).hexdigest()}")
    return encoded


def location(server: str, path: str) -> Location:
    """Where the file path of server lies below the mirror."""
    return (component(server, server=True), *(component(part) for part in path.split("/") if part))


def file_time(mtime: int) -> int:
    """mtime as every file system can keep it."""
    return min(max(mtime, 0), _MAX_TIME)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class Paths:
    """Paths by their parts. Each takes time by its length: of thousands of folders, their beginnings are no set."""

    def __init__(self, paths: Iterable[Sequence[str | bytes]]) -> None:
        self._root = _Node()
        for parts in paths:
            node = self._root
            for part in parts:
                node = node.below.setdefault(part, _Node())
            node.ends = True

    def have_above(self, parts: Sequence[str | bytes]) -> bool:
        """Whether one of them is a folder in which parts lies."""
        node = self._root
        for part in parts[:-1]:
            below = node.below.get(part)
            if below is None or below.ends:
                return below is not None
            node = below
        return False

    def are_below(self, parts: Sequence[str | bytes]) -> bool:
        """Whether one of them lies in the folder parts."""
        node = self._at(parts)
        return node is not None and bool(node.below)

    def _at(self, parts: Sequence[str | bytes]) -> _Node | None:
        node: _Node | None = self._root
        for part in parts:
            node = node.below.get(part) if node is not None else None
        return node

    def __contains__(self, parts: Sequence[str | bytes]) -> bool:
        node = self._at(parts)
        return node is not None and node.ends


class _Node:
    __slots__ = ("below", "ends")

    def __init__(self) -> None:
        self.below: dict[str | bytes, _Node] = {}
        self.ends = False


class Tree:
    """An open mirror directory. folder_mode and file_mode hold for what is made in it."""

    def __init__(self, path: str, descriptor: int, *, private: bool = False) -> None:
        self.path = path
        self.descriptor = descriptor
        self.folder_mode = 0o700 if private else 0o750
        self.file_mode = 0o600 if private else 0o640
        self._folder: tuple[Location, int] | None = None

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: str) -> Iterator[Tree | None]:
        """The mirror at path, or None where there is none."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            _refuse_dangling(path)
            descriptor = None
        tree = None if descriptor is None else cls(path, descriptor)
        try:
            yield tree
        finally:
            if tree is not None:
                tree.close()

    @classmethod
    @contextlib.contextmanager
    def made(cls, path: str, *, private: bool) -> Iterator[Tree]:
        """The mirror at path, made where there is none. The mode of a directory that exists is left alone."""
        _refuse_dangling(path)
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error
        with contextlib.suppress(FileExistsError):
            Path(path).mkdir(mode=0o700)
            Path(path).chmod(0o700 if private else 0o750)
        with cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), private=private)._held() as tree:
            yield tree

    @contextlib.contextmanager
    def _held(self) -> Iterator[Tree]:
        try:
            yield self
        finally:
            self.close()

    def close(self) -> None:
        self._close_folder()
        os.close(self.descriptor)

    def folder(self, parts: Location, *, create: bool = False) -> int:
        """A descriptor of the folder, good until the next call. Raises OSError; ELOOP and ENOTDIR name an obstacle."""
        if not parts:
            return self.descriptor
        if self._folder is not None and self._folder[0] == parts:
            return self._folder[1]
        known = self._folder
        if known is not None and len(parts) > len(known[0]) and parts[: len(known[0])] == known[0]:
            # From there on: a walk down through folders enters each of them once.
            current, deeper = os.dup(known[1]), parts[len(known[0]) :]
        else:
            current, deeper = os.dup(self.descriptor), parts
        self._close_folder()
        try:
            for part in deeper:
                above, current = current, self._enter(current, part, create=create)
                os.close(above)
        except BaseException:
            os.close(current)
            raise
        self._folder = (parts, current)
        return current

    def _enter(self, parent: int, part: bytes, *, create: bool) -> int:
        try:
            return os.open(part, _FOLDER_FLAGS, dir_fd=parent)
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=parent)
        descriptor = os.open(part, _FOLDER_FLAGS, dir_fd=parent)
        # Where a folder hands its group down, as one that several people read does, so do those in it.
        os.fchmod(descriptor, self.folder_mode | (os.fstat(descriptor).st_mode & stat.S_ISGID))
        return descriptor

    def _close_folder(self) -> None:
        # Forgotten first: a signal may come behind any call, and what tidies then is not to use what is closed.
        known, self._folder = self._folder, None
        if known is not None:
            os.close(known[1])

    def stat(self, parts: Location) -> os.stat_result | None:
        """Like lstat; None where there is nothing, or a link on the way."""
        try:
            return os.stat(parts[-1], dir_fd=self.folder(parts[:-1]), follow_symlinks=False)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise

    def read(self, parts: Location) -> bytes | None:
        """The content of a regular file; None where there is none."""
        try:
            descriptor = os.open(
                parts[-1],
                os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                dir_fd=self.folder(parts[:-1]),
            )
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()

    def write(
        self, parts: Location, data: bytes, *, mtime: int | None = None, mode: int | None = None, sync: bool = False
    ) -> None:
        """Write a new file, in the staging folder, where nobody looks yet."""
        folder = self.folder(parts[:-1], create=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(parts[-1], flags, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(descriptor, self.file_mode if mode is None else mode)
            if mtime is not None:
                os.utime(descriptor, (file_time(mtime), file_time(mtime)))
            if sync:
                os.fsync(descriptor)

    def move(self, source: Location, target: Location) -> None:
        """Put a staged file in its place; done already where it is staged no more."""
        folder = self.folder(target[:-1], create=True)
        staging = os.open(source[0], _FOLDER_FLAGS, dir_fd=self.descriptor)
        try:
            os.replace(source[-1], target[-1], src_dir_fd=staging, dst_dir_fd=folder)
        except FileNotFoundError:
            if self.stat(target) is None:
                raise
        finally:
            os.close(staging)

    def remove(self, parts: Location) -> None:
        """Remove a file and the folders that it leaves empty; a folder in its place stays."""
        try:
            os.unlink(parts[-1], dir_fd=self.folder(parts[:-1]))
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EPERM}:
                raise
            return
        with contextlib.suppress(OSError):
            self._remove_empty(parts[:-1])

    def _remove_empty(self, parts: Location) -> None:
        """Remove folders from the last one up; OSError says which one is not empty.

        It climbs by `..`, and only to where it came from: from the mirror down again for each, a path of thousands of
        folders took a minute.
        """
        self._close_folder()
        way: list[tuple[int, int]] = []
        current = os.dup(self.descriptor)
        try:
            for part in parts:
                way.append(_identity(current))
                below = os.open(part, _FOLDER_FLAGS, dir_fd=current)
                os.close(current)
                current = below
            for part in reversed(parts):
                above = os.open("..", _FOLDER_FLAGS, dir_fd=current)
                os.close(current)
                current = above
                if _identity(current) != way.pop():
                    return
                os.rmdir(part, dir_fd=current)
        finally:
            os.close(current)

    def remove_folder(self, parts: Location) -> None:
        """Remove an empty folder, and forget that it was open."""
        parent = self.folder(parts[:-1])
        if self._folder is not None and self._folder[0] == parts:
            self._close_folder()
        os.rmdir(parts[-1], dir_fd=parent)

    def names(self, parts: Location = ()) -> list[bytes]:
        try:
            return [os.fsencode(name) for name in os.listdir(self.folder(parts))]  # noqa: PTH208  (a descriptor)
        except FileNotFoundError:
            return []


def _refuse_dangling(path: str) -> None:
    """Raises MirrorError where path, or what it lies in, is a link to nowhere: what it is to be is not ours to make."""
    place = Path(path)
    while not place.exists():
        if place.is_symlink():
            link = "it" if str(place) == path else place
            raise MirrorError(
                f"The mirror {path} cannot be used: {link} is a link to {place.readlink()}, which is not"
                " there: make that directory or remove the link, and sweep again"
            )
        place = place.parent


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _make_lock(tree: Tree) -> None:
    """Whatever the umask: who may read the mirror may wait for it."""
    with contextlib.suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(LOCK, flags, 0o600, dir_fd=tree.descriptor)
        try:
            os.fchmod(descriptor, tree.file_mode)
        finally:
            os.close(descriptor)


def _refuse_what_stands_there(tree: Tree) -> None:
    """Raises MirrorError for a directory in the place of a file of the mirror's own, or a file in that of a folder."""
    for name in (MANIFEST, JOURNAL, LOCK, SALT, STAGING):
        found = tree.stat((name,))
        if found is not None and stat.S_ISDIR(found.st_mode) != (name == STAGING):
            what = "is not a directory" if name == STAGING else "is a directory"
            raise MirrorError(
                f"The mirror {tree.path} cannot be used: {tree.path}/{os.fsdecode(name)} {what}: remove it, and sweep"
                " again"
            )


@contextlib.contextmanager
def locked(tree: Tree, *, exclusive: bool, seconds: float) -> Iterator[None]:
    """Hold the mirror's lock; the system frees it with the process. Raises MirrorError when seconds have passed.

    A reader that finds no lock file, as in a copy of a mirror, goes on without.
    """
    _refuse_what_stands_there(tree)
    flags = (os.O_RDWR if exclusive else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if exclusive:
            _make_lock(tree)
        descriptor = os.open(LOCK, flags, dir_fd=tree.descriptor)
    except OSError as error:
        if exclusive:
            raise explained(tree.path, error) from error
        yield
        return
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise MirrorError(
                        f"Another sweep has held the mirror {tree.path} for {seconds:g} seconds: "
                        "run one sweep at a time into a mirror, or give each its own"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


class Transaction:
    """Changes of a mirror that is locked: staged one by one, then carried out together."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._moves: list[tuple[int, Location]] = []
        self._removes: list[Location] = []
        self._writable: set[Location] = set()
        self.decided = False

    @classmethod
    @contextlib.contextmanager
    def begun(cls, tree: Tree) -> Iterator[Transaction]:
        """A transaction that leaves nothing behind unless it is decided and not yet carried out."""

        def tidy() -> None:
            # Not by decided: an interrupt may come between the journal and that.
            found = tree.stat((JOURNAL,))
            if found is None or not stat.S_ISREG(found.st_mode):
                drop_staging(tree)

        with tidied(tidy):
            yield cls(tree)

    def write(self, target: Location, data: bytes, *, mtime: int | None = None, sync: bool = False) -> None:
        number = len(self._moves)
        self._tree.write((STAGING, b"%d" % number), data, mtime=mtime, sync=sync)
        self._moves.append((number, target))

    def remove(self, target: Location) -> None:
        self._removes.append(target)

    def commit(self, manifest: bytes) -> None:
        """Carry all out. Raises MirrorError before anything is changed when something stands in the way.

        A fault after decided is set leaves the rest to the next sweep.
        """
        self._find_obstacles()
        self.write((MANIFEST,), manifest, sync=True)
        journal = {
            "moves": [[number, [os.fsdecode(part) for part in target]] for number, target in self._moves],
            "removes": [[os.fsdecode(part) for part in target] for target in self._removes],
        }
        staged = (STAGING, b"journal")
        self._tree.write(staged, json.dumps(journal).encode(), sync=True)
        self._tree.move(staged, (JOURNAL,))
        self.decided = True
        os.fsync(self._tree.descriptor)
        _carry_out(self._tree, self._moves, self._removes)

    def _find_obstacles(self) -> None:
        going = Paths(self._removes)
        for target in self._removes:
            if self._tree.stat(target) is not None:
                self._find_closed(target[:-1])
        for _number, target in self._moves:
            if going.have_above(target):
                continue
            try:
                self._tree.folder(target[:-1], create=True)
                found = self._tree.stat(target)
            except OSError as error:
                raise _obstacle(self._tree, target[:-1], error) from error
            self._find_closed(target[:-1])
            if found is not None and stat.S_ISDIR(found.st_mode) and not self._vanishes(target, going):
                raise _obstacle(self._tree, target, OSError(errno.EISDIR, "Is a directory"))

    def _find_closed(self, folder: Location) -> None:
        if folder in self._writable:
            return
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=self._tree.folder(folder)):
            raise _obstacle(self._tree, folder, PermissionError(errno.EACCES, "It is not writable"))
        self._writable.add(folder)

    def _vanishes(self, folder: Location, going: Paths) -> bool:
        """Whether a folder will be gone with what is removed: nothing of others lies in it."""
        open_ones = [folder]
        while open_ones:
            place = open_ones.pop()
            if not going.are_below(place):
                return False
            below = [(*place, name) for name in self._tree.names(place)]
            open_ones += [one for one in below if one not in going]
        return True


def _obstacle(tree: Tree, parts: Location, error: OSError) -> MirrorError:
    place = os.fsdecode(b"/".join(parts))
    obstacle = error.errno in {errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.ENOTEMPTY}
    advice = "remove what stands there (links in a mirror are not followed)" if obstacle else _advice(error)
    return MirrorError(
        f"The mirror {tree.path} cannot be written at {place}: {error.strerror}; {advice}, and sweep again"
    )


def _carry_out(tree: Tree, moves: list[tuple[int, Location]], removes: list[Location]) -> None:
    """Idempotent: what was done before a kill is skipped."""
    parts: Location = ()
    try:
        for parts in removes:
            tree.remove(parts)
        for number, parts in moves:
            tree.move((STAGING, b"%d" % number), parts)
    except OSError as error:
        raise _obstacle(tree, parts, error) from error
    with contextlib.suppress(FileNotFoundError):
        os.unlink(JOURNAL, dir_fd=tree.descriptor)
    os.fsync(tree.descriptor)
    drop_staging(tree)


def drop_staging(tree: Tree) -> None:
    for name in tree.names((STAGING,)):
        os.unlink(name, dir_fd=tree.folder((STAGING,)))
    with contextlib.suppress(FileNotFoundError):
        tree.remove_folder((STAGING,))


def recover(tree: Tree) -> None:
    """Finish what a killed sweep had decided, drop what it had not. The mirror is locked."""
    journal = read_journal(tree)
    if journal is None:
        drop_staging(tree)
    else:
        _carry_out(tree, *journal)


def read_journal(tree: Tree) -> tuple[list[tuple[int, Location]], list[Location]] | None:
    raw = tree.read((JOURNAL,))
    if raw is None:
        return None
    try:
        journal = json.loads(raw)
        moves = [(_numbered(number), _checked(parts)) for number, parts in journal["moves"]]
        removes = [_checked(parts) for parts in journal["removes"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unusable_journal(tree, "is damaged") from error
    for number, target in moves:
        if tree.stat((STAGING, b"%d" % number)) is None and tree.stat(target) is None:
            place = shown(os.fsdecode(b"/".join(target)))
            raise _unusable_journal(tree, f"says that {place} is still to be put in its place, and it is gone")
    return moves, removes


def _unusable_journal(tree: Tree, why: str) -> MirrorError:
    return MirrorError(
        f"The mirror {tree.path} cannot be used: its {os.fsdecode(JOURNAL)}, with which an interrupted sweep is"
        f" finished, {why}: delete {tree.path}/{os.fsdecode(JOURNAL)} and sweep with force"
    )


def _numbered(number: object) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError(number)
    return number


def _checked(parts: list[str]) -> Location:
    found = tuple(os.fsencode(part) for part in parts)
    if not found or any(part in {b"", b".", b".."} or b"/" in part or b"\0" in part for part in found):
        raise ValueError(parts)
    return found
