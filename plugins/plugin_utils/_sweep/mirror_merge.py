# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sweep changes in a mirror: results and the old manifest go in, the new manifest and the changes come out."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown, shown_text
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_files import (
    MirrorError,
    Paths,
    Transaction,
    Tree,
    component,
    file_time,
    location,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_manifest import (
    FileRecord,
    Manifest,
    ServerRecord,
    Stored,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import (
    ANSWERED,
    WHOLE,
    FileResult,
    ServerResult,
)

# Diffs travel through Ansible's result: beyond this many characters, only names are shown.
MAX_DIFF: Final = 1024 * 1024

_MAX_NAMED: Final = 10
_TIMES: Final = frozenset({"last_seen", "failing_since"})


@dataclass(slots=True)
class MirrorChange:
    """What changed. added, updated and removed are paths by server; statuses has the servers whose status changed.

    diff is for Ansible: before, after, before_header and after_header of each change, when it was asked for.
    superseded are servers whose answer was not taken, because another sweep stored theirs since it was asked for.
    """

    diff: list[dict[str, str]] = field(default_factory=list)
    added: dict[str, list[str]] = field(default_factory=dict)
    updated: dict[str, list[str]] = field(default_factory=dict)
    removed: dict[str, list[str]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    superseded: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether there is anything to name. Times, modes and places of what is the same are none of it."""
        return bool(self.added or self.updated or self.removed or self.statuses)

    @property
    def warnings(self) -> list[str]:
        if not self.superseded:
            return []
        named = ", ".join(shown(server) for server in self.superseded[:_MAX_NAMED])
        more = f" and {len(self.superseded) - _MAX_NAMED} more" if len(self.superseded) > _MAX_NAMED else ""
        return [
            f"Another sweep of this mirror ended first and stored another state of {named}{more}: that one is kept, and"
            " the next sweep compares it; run one sweep at a time into a mirror"
        ]


class MirrorUnfinishedError(MirrorError):
    """The change is decided, and whoever reads the mirror sees it, but files are still to be put in their places."""

    def __init__(self, message: str, change: MirrorChange) -> None:
        super().__init__(message)
        self.change = change


class Merge:
    """One sweep on its way into a mirror. Without a transaction nothing is written.

    has_news: the manifest has something new, be it only when a file was touched.
    """

    def __init__(
        self,
        tree: Tree | None,
        manifest: Manifest,
        transaction: Transaction | None,
        *,
        prune: bool,
        diff: bool,
        policy: str,
        asked: Mapping[str, str | None],
        begun: Mapping[str, ServerRecord] | None,
    ) -> None:
        self.manifest = manifest
        self.change = MirrorChange()
        self.has_news = False
        self._tree = tree
        self._transaction = transaction
        self._prune = prune
        self._diff = diff
        self._diff_left = MAX_DIFF
        self._policy = policy
        # The digests that the servers were asked about.
        self._asked = asked
        # The records when the sweep began, where that is known.
        self._begun = begun
        self._now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def server(self, name: str, result: ServerResult) -> None:
        old = self.manifest["servers"].get(name)
        if old is not None and self._is_superseded(name, result, old):
            self.change.superseded.append(name)
            return
        if result.status == "unchanged":
            new = self._unchanged(name, result, old)
        elif result.status in ANSWERED:
            new = self._answered(name, result, old)
        else:
            new = _failed(result, old)
        if old is not None and _without_times(old) == _without_times(new):
            return
        self.has_news = True
        if new["status"] in ANSWERED:
            new["last_seen"] = self._now
        else:
            new["failing_since"] = new["failing_since"] or self._now
        self.manifest["servers"][name] = new
        before, after = standing(old), standing(new)
        if before != after:
            self.change.statuses[name] = new["status"]
            self._show(f"{name} (status)", before, after)

    def _is_superseded(self, name: str, result: ServerResult, old: ServerRecord) -> bool:
        """Whether another sweep stored a state of the server since this one began: nobody knows that it is older.

        A failure that it stored meanwhile gives way to an answer, which says more.
        """
        if self._begun is None or result.status == "unchanged":
            return False
        begun = self._begun.get(name)
        if result.status not in ANSWERED:
            is_as_begun = begun is not None and (_held(begun), standing(begun)) == (_held(old), standing(old))
            return not is_as_begun and old["status"] in ANSWERED
        is_same = result.digest is not None and result.digest == old["digest"] and old["policy"] == self._policy
        if result.status in WHOLE and is_same:
            return False
        if begun is None:
            # A first record that is a failure holds nothing that could be newer.
            return bool(old["files"]) or old["digest"] is not None
        return _held(begun) != _held(old)

    def forget_deleted(self, swept: Collection[str]) -> None:
        """Forget servers whose whole folder somebody deleted, unless they were swept just now."""
        if self._tree is None:
            return
        for name, record in list(self.manifest["servers"].items()):
            held = {path: item for path, item in record["files"].items() if item["stored"] is not None}
            if name in swept or not held or self._tree.stat((component(name, server=True),)) is not None:
                continue
            for path, item in held.items():
                self._remove(name, path, item)
            del self.manifest["servers"][name]

    def _unchanged(self, name: str, result: ServerResult, old: ServerRecord | None) -> ServerRecord:
        replaced = old is not None and result.digest is not None and old["digest"] != result.digest
        if old is not None and replaced and result.digest == self._asked.get(name):
            # Another sweep was here in between, and knows better.
            return old
        if old is None or old["digest"] is None or old["digest"] != result.digest:
            error = f"{name} said that nothing changed, but the mirror holds another state: sweep it with force"
            return _failed(ServerResult("protocol_error", error), old)
        new = _record(result, old, "ok")
        new["digest"], new["policy"] = old["digest"], old["policy"]
        for path, item in old["files"].items():
            if item["stale"] and self._prune:
                self._remove(name, path, item)
            else:
                new["files"][path] = item
        return new

    def _answered(self, name: str, result: ServerResult, old: ServerRecord | None) -> ServerRecord:
        known = old["files"] if old is not None else {}
        places = _Places(item.path for item in result.files if item.content is not None)
        _leave_out_folders(name, result, places)
        new = _record(result, old, result.status)
        new["policy"] = self._policy
        new["digest"] = result.digest if result.status in WHOLE else None
        files = new["files"]
        for item in result.files:
            if not item.path.startswith("/"):
                raise MirrorError(f"{name}: {item.path!r} is not an absolute path")
            files[item.path] = self._file(name, item, known.get(item.path), places)
        for path, kept in known.items():
            if path in files:
                continue
            if (result.status in WHOLE and self._prune) or places.are_in_the_way(path):
                self._remove(name, path, kept)
            elif result.status not in WHOLE:
                files[path] = kept
            else:
                files[path] = {**kept, "stale": True}
        return new

    def _file(self, name: str, item: FileResult, old: FileRecord | None, places: _Places) -> FileRecord:
        left_out = item.content is None and (item.sha256 is None or item.error is not None)
        if old is not None and old["stored"] is not None and left_out and not places.are_in_the_way(item.path):
            # There is nothing to put in its place: what the mirror holds is still the last word.
            return {**old, "error": item.error, "stale": False}
        stored: Stored | None = None
        data = b""
        if item.content is not None:
            data = item.content.encode("utf-8", "surrogateescape")
            stored = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        new: FileRecord = {
            "service": item.service,
            "size": item.size,
            "mtime": item.mtime,
            "sha256": item.sha256,
            "redacted": item.redacted,
            "error": item.error,
            "stored": stored,
            "stale": False,
        }
        if stored is None:
            if old is not None and old["stored"] is not None:
                self._remove(name, item.path, old)
            return new
        place = location(name, item.path)
        found = self._tree.stat(place) if self._tree is not None else None
        same = old is not None and old["stored"] == stored
        if same and is_copy(found, new) and self._tree is not None and self._tree.read(place) == data:
            return new
        change = self.change.added if old is None or old["stored"] is None else self.change.updated
        change.setdefault(name, []).append(item.path)
        self.has_news = True
        if not same:
            self._show_file(name, item.path, old, new, item.content or "")
        if self._transaction is not None:
            self._transaction.write(place, data, mtime=item.mtime)
        return new

    def _remove(self, name: str, path: str, old: FileRecord) -> None:
        self.has_news = True
        if old["stored"] is None:
            return
        self.change.removed.setdefault(name, []).append(path)
        self._show_file(name, path, old, None, "")
        if self._transaction is not None:
            self._transaction.remove(location(name, path))

    def _show_file(self, name: str, path: str, old: FileRecord | None, new: FileRecord | None, content: str) -> None:
        if not self._diff:
            return
        title = f"{name}:{path}"
        if not self.manifest["redacted"]:
            self._show(title, _hidden(old), _hidden(new))
            return
        before = ""
        if self._tree is not None and old is not None and old["stored"] is not None:
            before = (self._tree.read(location(name, path)) or b"").decode("utf-8", "surrogateescape")
        self._show(title, before, content)

    def _show(self, title: str, before: str, after: str) -> None:
        if not self._diff:
            return
        size = len(before) + len(after)
        if size <= self._diff_left:
            texts = shown_text(before), shown_text(after)
            if before != after and texts[0] == texts[1]:
                texts = texts[0], f"{texts[1]}(changed in signs that are shown as escapes)\n"
            before, after = texts
            size = len(before) + len(after)
        if size > self._diff_left:
            before, after = ("(too much to show)\n" if before else "", "(changed; too much to show)\n" if after else "")
        else:
            self._diff_left -= size
        title = shown(title)
        self.change.diff.append({"before": before, "after": after, "before_header": title, "after_header": title})


class _Places:
    """Where the files of an answer lie, and the folders that they need."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = Paths(_parts(path) for path in paths)

    def are_in_the_way(self, path: str) -> bool:
        """Whether path is a folder now, or lies below what is a file now."""
        parts = _parts(path)
        return self._paths.are_below(parts) or self._paths.have_above(parts)

    def are_below(self, path: str) -> bool:
        return self._paths.are_below(_parts(path))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _leave_out_folders(name: str, result: ServerResult, places: _Places) -> None:
    """No honest server has a file and a directory of one name; another one must not stop the whole sweep."""
    for item in result.files:
        if item.content is not None and places.are_below(item.path):
            item.content = None
            item.error = "it came as a file and as a directory: run the sweep again"
            if result.status == "ok":
                result.status, result.error = "partial", f"{name}: {item.path}: {item.error}"


def is_copy(found: os.stat_result | None, item: FileRecord) -> bool:
    """Whether what lies in the mirror looks like what was put there."""
    return (
        found is not None
        and item["stored"] is not None
        and stat.S_ISREG(found.st_mode)
        and found.st_size == item["stored"]["size"]
        and int(found.st_mtime) == file_time(item["mtime"])
    )


def _record(result: ServerResult, old: ServerRecord | None, status: Any) -> ServerRecord:
    return {
        "status": status,
        "error": result.error,
        "transport": result.transport or (old["transport"] if old else None),
        "endpoint": result.endpoint or (old["endpoint"] if old else None),
        "digest": None,
        "policy": "",
        "last_seen": old["last_seen"] if old else None,
        "failing_since": None,
        "files": {},
    }


def _failed(result: ServerResult, old: ServerRecord | None) -> ServerRecord:
    """Only the status changes: what the mirror holds is still the last word."""
    new = _record(result, old, result.status)
    if old is not None:
        new["digest"], new["policy"], new["files"] = old["digest"], old["policy"], old["files"]
        new["failing_since"] = old["failing_since"]
    return new


def _held(record: ServerRecord) -> tuple[object, ...]:
    """What a record says of a server's files."""
    return record["digest"], record["policy"], record["files"]


def _without_times(record: ServerRecord) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _TIMES}


def standing(record: ServerRecord | None) -> str:
    if record is None:
        return ""
    return f"status: {record['status']}\n" + (f"error: {record['error']}\n" if record["error"] else "")


def _hidden(item: FileRecord | None) -> str:
    """What a diff says of an unredacted file."""
    if item is None or item["stored"] is None:
        return ""
    return f"(contents not shown)\nsize: {item['size']}\nsha256: {item['sha256']}\n"
