# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store as a directory of JSON files: for trying it out, for git, for machines without Consul.

fields.json, servers/<server>.json and history/<entry>.json. Writers take turns by a lock on the directory itself, so no
lock file shows up in a git repository; readers of one file need no lock, since a file is replaced whole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    DOCUMENT_KEY,
    HISTORY,
    SERVERS,
    Commit,
    Delete,
    Entry,
    Put,
    Snapshot,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreUnavailableError,
    Write,
)

SUFFIX = ".json"
POLL_SECONDS = 0.02
TEMPORARY = ".new-"


class _NoDirectoryError(OSError):
    """Nothing was published here yet."""


class DirectoryStore:
    """A store in path. mode: of the files (0o644, or 0o600 where others must not read). timeout bounds the lock."""

    def __init__(self, path: str, *, mode: int = 0o644, timeout: float = 10.0) -> None:
        self.path = Path(path)
        self.mode = mode
        self.timeout = timeout
        self.requests = 0
        self._has_turn = False

    def facts(self) -> dict[str, Any]:
        return {"store": "directory", "path": str(self.path)}

    def place(self, key: str) -> str:
        return str(self.path / key if key.endswith("/") else self._file(key)).rstrip("/")

    def read(self, *, latest: bool = False) -> Snapshot:  # noqa: ARG002 - a directory is never behind
        self.requests += 1
        try:
            with self._locked(fcntl.LOCK_SH):
                found = ((key, _read(path)) for key, path in self._files())
                return Snapshot({key: _entry(value) for key, value in found if value is not None})
        except _NoDirectoryError:
            return Snapshot()
        except OSError as fault:
            raise _said(fault, "read") from fault

    def read_document(self) -> Entry | None:
        self.requests += 1
        try:
            value = _read(self._file(DOCUMENT_KEY))
        except OSError as fault:
            raise _said(fault, "read") from fault
        return None if value is None else _entry(value)

    def see(self, keys: Iterable[str]) -> None:
        """What may not be read is a fault when it is read: nothing is hidden here."""

    def probe(self, keys: Iterable[str]) -> None:
        try:
            for folder in {self._file(key).parent for key in keys}:
                there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
                if not there.is_dir():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
                if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
                    reason = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
                    raise OSError(reason, os.strerror(reason), str(there))
        except OSError as fault:
            raise _said(fault, "write") from fault

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._locked(fcntl.LOCK_EX))
            except _NoDirectoryError:
                # Whoever makes it is first.
                pass
            except OSError as fault:
                raise _said(fault, "write") from fault
            else:
                self._has_turn = True
            try:
                yield
            finally:
                self._has_turn = False

    def commit(self, commit: Commit) -> None:
        self.requests += 1
        try:
            self._make_folders()
            with self._locked(fcntl.LOCK_EX):
                for write in commit.writes:
                    if self._version(write.key) != write.expected:
                        raise StoreConflictError(f"{self.place(write.key)} was changed by somebody else.")
                self._clear()
                self._close()
                self._stage(commit.first)
                # The document goes last, and only when all that it rests on is on the disk.
                self._stage([commit.document] if commit.document else [])
                self._stage(commit.last)
        except OSError as fault:
            raise _said(fault, "write") from fault

    def _stage(self, writes: Sequence[Write]) -> None:
        """Write files beside their places, then move them in: a file is old or new, never half."""
        temporaries: dict[Path, Path] = {}
        try:
            for write in writes:
                if isinstance(write, Put):
                    target = self._file(write.key)
                    temporaries[target] = self._temporary(target, write.value)
            for target, temporary in temporaries.items():
                temporary.replace(target)
        finally:
            for temporary in temporaries.values():
                temporary.unlink(missing_ok=True)
        for write in writes:
            if isinstance(write, Delete):
                self._file(write.key).unlink(missing_ok=True)
        for folder in {self._file(write.key).parent for write in writes}:
            _sync(folder)

    def _clear(self) -> None:
        """Remove what a writer that was killed left behind: with the lock held, nobody else is writing."""
        for folder in (self.path, self.path / SERVERS, self.path / HISTORY):
            for left in folder.glob(f"{TEMPORARY}*"):
                left.unlink()

    def _close(self) -> None:
        """Take from those files that are not written anew what the mode does not grant, such as an earlier one did."""
        for _key, path in self._files():
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and stat.S_IMODE(mode) & ~self.mode:
                # Another user's file is left as it is.
                with contextlib.suppress(PermissionError):
                    path.chmod(stat.S_IMODE(mode) & self.mode)

    def _temporary(self, target: Path, value: bytes) -> Path:
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - it is a descriptor
                os.fchmod(descriptor, self.mode)
                file.write(value)
                file.flush()
                os.fsync(descriptor)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def _files(self) -> Iterator[tuple[str, Path]]:
        document = self._file(DOCUMENT_KEY)
        if document.is_file():
            yield DOCUMENT_KEY, document
        for folder in (SERVERS, HISTORY):
            parent = self.path / folder
            if parent.is_dir():
                for path in parent.iterdir():
                    if path.suffix == SUFFIX and not path.name.startswith("."):
                        yield folder + path.name.removesuffix(SUFFIX), path

    def _file(self, key: str) -> Path:
        return self.path / f"{key}{SUFFIX}"

    def _version(self, key: str) -> Any:
        value = _read(self._file(key))
        return ABSENT if value is None else _entry(value).version

    def _make_folders(self) -> None:
        # Who may read a file may enter its folder.
        mode = self.mode | 0o700 | (self.mode & 0o444) >> 2
        for folder in (self.path, self.path / SERVERS, self.path / HISTORY):
            if not folder.is_dir():
                folder.mkdir(parents=folder == self.path, exist_ok=True)
                folder.chmod(mode)

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Hold the directory's lock. Raises _NoDirectoryError where there is no directory."""
        if self._has_turn:
            yield
            return
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as fault:
            raise _NoDirectoryError(*fault.args) from fault
        try:
            deadline = time.monotonic() + self.timeout
            while True:
                try:
                    fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError as busy:
                    if time.monotonic() >= deadline:
                        message = f"{self.path} has been locked by another run for {self.timeout:g} s. Try again later."
                        raise StoreUnavailableError(message) from busy
                time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)


def _read(path: Path) -> bytes | None:
    """A file's content; None where there is none any more, or behind a link that leads nowhere."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _entry(value: bytes) -> Entry:
    return Entry(value, hashlib.sha256(value).hexdigest())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _said(fault: OSError, verb: str) -> StoreError:
    where = fault.filename or "the store"
    if isinstance(fault, PermissionError):
        return StoreDeniedError(
            f"Cannot {verb} {where}: permission denied. Run as a user who may, or change its owner or mode."
        )
    if fault.errno == errno.ENOSPC:
        return StoreError(f"Cannot {verb} {where}: no space left on the device. The document is as it was.")
    if fault.errno == errno.ENAMETOOLONG:
        return StoreError(f"Cannot {verb} {where}: the name of the server is too long for a file name.")
    return StoreError(f"Cannot {verb} {where}: {fault.strerror or fault}.")
