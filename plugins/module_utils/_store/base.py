# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a store: a small set of keys with values, read at once, written by check-and-set.

A store knows nothing of fields. It holds bytes under relative keys ("fields", "servers/prom-01", "history/2026...") and
promises three things: read() sees one moment; a write happens only if the key is still what the writer saw; and what
commit() leaves behind, on any way out, is complete: either the document of before or the one of after.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, Union

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown

# What a value may be in every version of Consul, in bytes; the directory store keeps to it, so that a fleet can move.
VALUE_LIMIT = 512 * 1024
DOCUMENT_KEY = "fields"
SERVERS = "servers/"
HISTORY = "history/"
# A leading dot hides a file or is the way up; the others end a part of a path, or start a quoted character.
_MEANINGFUL = re.compile(r"^\.|[%/\x00-\x1f\x7f]")
# The version of a key that does not exist.
ABSENT = 0


class StoreError(Exception):
    """A fault that the user is told about; the text says what to do. It never holds a token.

    wrote: a part of a commit was written, or may have been, before this happened.
    unseen: a key as those that were missed, which a store may have hidden.
    """

    wrote = False
    unseen: str | None = None

    def __str__(self) -> str:
        # Names and answers that anybody may have written are part of it.
        return shown(super().__str__())


class StoreUnavailableError(StoreError):
    """The store cannot answer now; another try may succeed. passing: it is there, so waiting is worth it."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class StoreConflictError(StoreError):
    """Somebody else wrote a key since it was read: read again and plan again."""


class StoreDeniedError(StoreError):
    """The credentials do not allow it."""


class StoreForeignError(StoreError):
    """What lies there is not ours."""


class StoreNewerError(StoreForeignError):
    """It is ours, of a version that this one does not know. It is never taken over: what is new in it would be lost."""


class StoreRequirementError(StoreError):
    """A Python package is missing. traceback is that of its import."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


class StoreTooLargeError(StoreError):
    """A value does not fit in the store."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value. version is opaque: equal versions of a key mean equal values."""

    value: bytes
    version: Hashable


@dataclass(frozen=True, slots=True)
class Put:
    """Set key to value if its version is still the expected one (ABSENT: if it does not exist)."""

    key: str
    value: bytes
    expected: Hashable


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove key if its version is still the expected one."""

    key: str
    expected: Hashable


# Python 3.9 and older, where a module may still be looked at, join no classes with a bar.
Write = Union[Put, Delete]  # noqa: UP007


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every key of the store at one moment.

    staleness_ms: how far the answering server may have been behind, in milliseconds; 0 where that cannot be.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    staleness_ms: int = 0

    @property
    def document(self) -> Entry | None:
        return self.entries.get(DOCUMENT_KEY)

    def under(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """(name, entry) of each key directly in a folder such as SERVERS, sorted by name; deeper keys are not ours.

        Nor is the folder itself, which Consul's page writes as a key without a name, nor one that no name leads to.
        """
        for key in sorted(self.entries):
            part = key[len(folder) :]
            if key.startswith(folder) and part and "/" not in part and quoted(name := name_of(part)) == part:
                yield name, self.entries[key]

    def version(self, key: str) -> Hashable:
        entry = self.entries.get(key)
        return ABSENT if entry is None else entry.version


@dataclass(frozen=True, slots=True)
class Commit:
    """Writes that belong together.

    first: data that nobody reads before the document is there; document: what readers read; last: what is no longer
    needed once it is. Where all of it fits in one transaction, it is one.
    """

    first: Sequence[Write] = ()
    document: Put | None = None
    last: Sequence[Write] = ()

    @property
    def writes(self) -> list[Write]:
        return [*self.first, *([self.document] if self.document else []), *self.last]


class Store(Protocol):
    """What both stores do. Every method raises StoreError and nothing else for a fault outside of this program."""

    @property
    def requests(self) -> int:
        """How many requests it has made so far."""

    def facts(self) -> dict[str, Any]:
        """What kind of store it is and where, without credentials."""

    def place(self, key: str) -> str:
        """The key as a user finds it: a whole key, or a path."""

    def read(self, *, latest: bool = False) -> Snapshot:
        """Everything, in one request. latest: all that was ever committed, however the store is asked otherwise."""

    def read_document(self) -> Entry | None:
        """The document alone, in one request; None where there is none."""

    def see(self, keys: Iterable[str]) -> None:
        """Make sure that keys which read() did not give do not exist. Raises StoreDeniedError where one is hidden."""

    def probe(self, keys: Iterable[str]) -> None:
        """Try, without writing, whether keys may be written. Raises StoreDeniedError where they may not."""

    def turn(self) -> AbstractContextManager[None]:
        """Where the store can have writers wait: nobody else writes within. Raises StoreUnavailableError in the end."""

    def commit(self, commit: Commit) -> None:
        """Write. Raises StoreConflictError where a version is not the expected one; the document is then as it was."""


def server_key(server: str) -> str:
    """The key of a server's reading: the name, quoted where it would not be one part of a key or a file name."""
    return SERVERS + quoted(server)


def history_key(entry: str) -> str:
    return HISTORY + quoted(entry)


def quoted(name: str) -> str:
    """name as one part of a key and of a file name, readable: only what would mean something there is quoted."""
    return _MEANINGFUL.sub(lambda match: f"%{ord(match[0]):02X}", name)


def name_of(part: str) -> str:
    return urllib.parse.unquote(part)
