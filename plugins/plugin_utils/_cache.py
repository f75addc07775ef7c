# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tiers in front of the store: memory of this process, then Ansible's cache plugin, then the sources themselves.

A tier keeps what a source gave, with the time when it gave it; a source (the store, a live sweep) is asked when no tier
holds an answer that is young enough. Nothing here knows what a document means.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ansible.errors import AnsibleError
from ansible.plugins.cache import BaseFileCacheModule
from ansible.plugins.loader import cache_loader

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_entry import packed, unpacked

Document = dict[str, Any]
# An entry of another form is dropped, not misread.
ENTRY_VERSION = 2
# What plugins, and what Ansible wraps around them, raise for an entry that is not what was put there.
_DAMAGE = (AnsibleError, ValueError, TypeError, LookupError, AttributeError)


class CacheError(Exception):
    """No tier and no source could answer; the text says why each could not."""


class SourceError(Exception):
    """A source could not answer; the text is for the user."""


class _UnusableError(Exception):
    """The cache plugin could not begin, as where its directory cannot be made."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a source gave. fetched: when, in seconds since the epoch; source: its name."""

    document: Document
    fetched: float
    source: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A document and where it came from. age in seconds since its source gave it; reason says why it is stale."""

    document: Document
    tier: str
    age: float
    stale: bool = False
    reason: str | None = None


class Tier(Protocol):
    """Keeps answers. A tier that cannot be used warns and holds nothing; it never fails the lookup."""

    name: str
    max_age: float

    def get(self, key: str) -> Kept | None:
        """The answer for the key, or None."""

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer."""

    def drop(self, key: str) -> None:
        """Keep it no longer."""


@dataclass(frozen=True, slots=True)
class Source:
    """fetch returns a document, or None where there is none yet; it raises SourceError.

    age tells how old a document is by its own word, in seconds; older than max_age (None: any age) is not good enough.
    """

    name: str
    fetch: Callable[[], Document | None]
    age: Callable[[Document], float] = lambda _document: 0.0
    max_age: float | None = None


class Memory:
    """The memory of this process, shared by all its lookups."""

    name = "memory"
    _kept: dict[str, Kept] = {}  # noqa: RUF012  (shared on purpose)

    def __init__(self, max_age: float) -> None:
        self.max_age = max_age

    def get(self, key: str) -> Kept | None:
        return self._kept.get(key)

    def put(self, key: str, kept: Kept) -> None:
        self._kept[key] = kept

    def drop(self, key: str) -> None:
        self._kept.pop(key, None)


@functools.cache
def cache_directory(plugin: str, connection: str) -> Path | None:
    """Where a cache plugin that keeps files keeps them; None for all others. Raises CacheError for an unknown one."""
    found = cache_loader.get_with_context(plugin, class_only=True).object
    if found is None:
        raise CacheError(f"there is no cache plugin {plugin}: see ansible-doc -t cache -l, and set cache_plugin")
    return Path(_expanded(connection)) if issubclass(found, BaseFileCacheModule) else None


def _expanded(path: str) -> str:
    """With a home in place of the tilde. Path.expanduser() raises where a user has none."""
    return os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111


class PluginCache:
    """One of Ansible's cache plugins, by name. connection is its directory or address; files are ours alone (0600).

    The plugin is loaded when it is first asked. Raises CacheError where there is none of that name.
    """

    name = "cache"
    # A plugin that keeps nothing outside of the process must outlive the lookup that made it.
    _in_process: dict[str, Any] = {}  # noqa: RUF012  (shared on purpose)

    def __init__(
        self,
        plugin: str,
        connection: str,
        prefix: str,
        max_age: float,
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.max_age = max_age
        self._name = plugin
        self._connection = connection
        self._prefix = prefix
        self._warn = warn

    def get(self, key: str) -> Kept | None:
        # Until ansible-core 2.18, a plugin that keeps files warns of one that it is asked for and does not have.
        if self._directory and self._is_absent(key):
            return None
        try:
            entry = self._plugin.get(key)
            # What the plugin memory of ansible-core 2.18 gives for one that is not there.
            return None if entry is None else _kept_in(entry)
        except CacheError:
            raise
        except _DAMAGE as error:
            if not (isinstance(error, KeyError) and self._is_absent(key)):
                self._warn(f"A damaged entry of the local cache was dropped: {_said(error)}")
                self.drop(key)
            return None
        except Exception as error:  # plugins are anybody's, and raise what they like
            self._warn(f"The local cache cannot be read: {_said(error)}")
            return None

    def put(self, key: str, kept: Kept) -> None:
        entry = {"version": ENTRY_VERSION, "fetched": kept.fetched, "source": kept.source}
        try:
            self._plugin.set(key, {**entry, "document": packed(kept.document)})
            # File plugins let the group and others read; they may put a version in front of the name.
            for file in self._directory.glob(f"*{key}") if self._directory else ():
                file.chmod(0o600)
        except CacheError:
            raise
        except _UnusableError:
            # That was said when it was to be read.
            return
        except Exception as error:
            self._warn(f"The answer could not be kept in the local cache: {_said(error)}")

    def drop(self, key: str) -> None:
        with contextlib.suppress(Exception):
            self._plugin.delete(key)

    def _is_absent(self, key: str) -> bool:
        """Whether there is no such entry: a KeyError may also say that something in it is missing."""
        try:
            return not self._plugin.contains(key)
        except Exception:
            return False

    @functools.cached_property
    def _directory(self) -> Path | None:
        return cache_directory(self._name, self._connection)

    @functools.cached_property
    def _plugin(self) -> Any:
        if self._name in self._in_process:
            return self._in_process[self._name]
        connection = self._connection
        if self._directory:
            connection = str(self._directory)
            with contextlib.suppress(OSError):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Expiry is by max_age here, so that an old answer is still there when its source fails.
        try:
            plugin = cache_loader.get(self._name, _uri=connection, _prefix=self._prefix, _timeout=0)
        except Exception as error:
            raise _UnusableError(f"the cache plugin {self._name} cannot be used: {_said(error)}") from error
        if plugin is None:
            raise CacheError(f"the cache plugin {self._name} cannot be used: it does not do all that one must")
        if plugin.ansible_name == "ansible.builtin.memory":
            self._in_process[self._name] = plugin
        return plugin


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _kept_in(entry: object) -> Kept:
    """What put() wrote. Raises ValueError for anything else."""
    if not isinstance(entry, dict) or entry.get("version") != ENTRY_VERSION:
        raise ValueError("it has another form")
    text, fetched, source = entry.get("document"), entry.get("fetched"), entry.get("source")
    if not isinstance(text, str) or not isinstance(fetched, (int, float)) or not isinstance(source, str):
        raise ValueError("it has another form")
    return Kept(unpacked(text), float(fetched), source)


@contextlib.contextmanager
def locked(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock file; yields False when it could not be had in time: work without it is wasteful, not wrong."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError:
        yield False
        return
    with file:
        deadline = time.monotonic() + seconds
        held = _try_lock(file.fileno())
        while not held and time.monotonic() < deadline:
            time.sleep(0.05)
            held = _try_lock(file.fileno())
        yield held


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Chain:
    """Tiers from near to far, then sources in the order in which they are asked.

    max_stale: how old an answer may be, in seconds, that is given when every source fails; None gives none.
    suits: whether a document from a tier answers this question at all; called with it and whether this is a refresh.
    lock_file: held while sources are asked, so that processes which find the tiers empty at once ask once.
    """

    tiers: Sequence[Tier]
    sources: Sequence[Source]
    max_stale: float | None = None
    lock_file: Path | None = None
    lock_timeout: float = 60.0
    clock: Callable[[], float] = time.time
    suits: Callable[[Document, bool], bool] = lambda _document, _refresh: True

    def answer(self, key: str, *, refresh: bool = False) -> Answer:
        """The nearest answer that is young enough. Raises CacheError.

        With refresh no tier is believed that was filled before this call, and the last source is asked alone.
        """
        started = self.clock()
        fallback = self._last_resort(key)
        if refresh:
            for tier in self.tiers:
                tier.drop(key)
        elif found := self._from_tiers(key):
            return found
        with locked(self.lock_file, self.lock_timeout) if self.lock_file else contextlib.nullcontext(True):
            # Somebody else may have asked while we waited for the lock.
            found = self._from_tiers(key, refreshed_since=started if refresh else None)
            return found or self._from_sources(key, self.sources[-1:] if refresh else self.sources, fallback)

    def _from_tiers(self, key: str, refreshed_since: float | None = None) -> Answer | None:
        """The nearest young answer; with refreshed_since, one that the last source gave since then."""
        refresh = refreshed_since is not None
        last_source = self.sources[-1].name if self.sources else None
        for position, tier in enumerate(self.tiers):
            kept = tier.get(key)
            if kept is None or not self.suits(kept.document, refresh):
                continue
            if refreshed_since is not None and not (kept.fetched >= refreshed_since and kept.source == last_source):
                continue
            age = self.clock() - kept.fetched
            if 0 <= age <= tier.max_age:
                for nearer in self.tiers[:position]:
                    nearer.put(key, kept)
                return Answer(kept.document, tier.name, age)
        return None

    def _from_sources(self, key: str, sources: Sequence[Source], fallback: tuple[Kept, str] | None) -> Answer:
        reasons = []
        for source in sources:
            try:
                document = source.fetch()
            except SourceError as error:
                reasons.append(f"{source.name}: {error}")
                continue
            if document is None:
                reasons.append(f"{source.name}: nothing has been published there yet")
                continue
            age = source.age(document)
            kept = Kept(document, self.clock() - age, source.name)
            if source.max_age is not None and age > source.max_age:
                limit = f"{source.name}_max_age is {source.max_age:g} s"
                reasons.append(f"{source.name}: what is there is {age:.0f} s old, and {limit}")
                if fallback is None or kept.fetched >= fallback[0].fetched:
                    fallback = kept, source.name
                continue
            # From here on its age counts from this reading, which vouches for it.
            kept = Kept(document, self.clock(), source.name)
            for tier in self.tiers:
                tier.put(key, kept)
            return Answer(document, source.name, age)
        reason = (
            "; ".join(reasons)
            or "nothing young enough is in the tiers that may be asked, and neither store nor sweep is among them"
        )
        if fallback is not None and self.max_stale is not None:
            last, held_by = fallback
            age = self.clock() - last.fetched
            if age <= self.max_stale:
                return Answer(last.document, held_by, age, stale=True, reason=reason)
            reason += f"; the last answer is {age:.0f} s old, and max_stale is {self.max_stale:g} s"
        raise CacheError(reason)

    def _last_resort(self, key: str) -> tuple[Kept, str] | None:
        """The youngest answer that any tier holds, however old; read before a refresh drops it."""
        if self.max_stale is None:
            return None
        held = [
            (kept, tier.name)
            for tier in self.tiers
            if (kept := tier.get(key)) is not None and self.suits(kept.document, False)
        ]
        return max(held, key=lambda pair: pair[0].fetched, default=None)
