# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server last gave: its own document, written only by a sweep that reached it.

A reading names the server's fields, each with the id of the way in which the server makes it. All that is known of the
fleet follows from the readings, so sweeps over different servers need know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    VALUE_LIMIT,
    StoreError,
    StoreForeignError,
    StoreNewerError,
    StoreTooLargeError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    VERSION,
    Technical,
    is_newer,
    rank_of,
    technical_id,
    technical_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import (
    dumped,
    kib,
    parsed,
    size_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.shapes import (
    dict_of,
    list_of,
    text_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_statuses import (
    ANSWERED,
    PARTIAL,
    WHOLE,
    Status,
)

# Those with an answer first.
STATUSES = (*sorted(WHOLE), PARTIAL, *(status for status in get_args(Status) if status not in ANSWERED))
# What the extraction says of a configuration that Prometheus would not load, and where it found none.
REFUSED, MISSING = "refused", "missing"
# Between the ids of the ways in which one server makes a field; most servers have one.
WAY_SEPARATOR = " "
PROBLEMS_KEPT = 50
VALUES_KEPT = 100


@dataclass(slots=True)
class Reading:
    """One server's last word. fields: name → the ids of the technical parts it has there, "" where not known."""

    server: str
    status: str = "ok"
    digest: str | None = None
    last_seen: str = ""
    config: str | None = None
    external_labels: dict[str, Any] = field(default_factory=dict)
    jobs: list[Any] = field(default_factory=list)
    files: Any = field(default_factory=list)
    problems: list[Any] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    # Taken over from a document of the older form, not from a sweep of ours.
    imported: bool = False

    def content(self) -> dict[str, Any]:
        """All but when: what decides whether the server gave something new."""
        return {
            "version": VERSION,
            "server": self.server,
            "status": self.status,
            "digest": self.digest,
            "config": self.config,
            "external_labels": self.external_labels,
            "jobs": self.jobs,
            "files": self.files,
            "problems": self.problems,
            "fields": self.fields,
            **({"imported": True} if self.imported else {}),
        }

    def text(self, place: str, *, pretty: bool) -> bytes:
        """The document. Raises StoreTooLargeError, saying what makes it so large."""
        data = {**self.content(), "last_seen": self.last_seen}
        value, size = dumped(data, pretty=pretty)
        if size > VALUE_LIMIT:
            part = max(("fields", "jobs", "files", "problems", "external_labels"), key=lambda key: size_of(data[key]))
            raise StoreTooLargeError(
                f"{place} would be {kib(size)}, and {kib(VALUE_LIMIT)} is the most that fits: the largest part of the "
                f"server {self.server} is its {part} ({kib(size_of(data[part]))}). Nothing was written. "
                "Sweep fewer directories or files of it."
            )
        return value

    @property
    def is_whole(self) -> bool:
        """Whether what it does not name is gone.

        A Prometheus that refuses its new configuration runs the old one, and so it is with files of rules and targets;
        where none was found, the sweep looked in the wrong place more often than Prometheus was taken away.
        """
        refused = self.config in (REFUSED, MISSING) or any(map(_is_error, self.problems))
        return self.status in WHOLE and not refused

    @property
    def files_count(self) -> int:
        return self.files if isinstance(self.files, int) else len(self.files)


def reading_from(server: str, value: bytes, place: str) -> Reading:
    """Read a server's document. Raises StoreForeignError for what is not one."""
    data = parsed(value, place)
    names = data.get("fields")
    if data.get("server") != server or not isinstance(names, dict):
        raise StoreForeignError(
            f"{place} is not a reading of the server {server}, so it is left alone. Choose another prefix, or set "
            "adopt to true: it is then saved to the history first."
        )
    if is_newer(str(data.get("version"))):
        raise StoreNewerError(
            f"{place} was written in version {data['version']}; this release knows {VERSION}. "
            "Nothing was written: update the collection here."
        )
    return Reading(
        server=server,
        status=str(data.get("status") or "ok"),
        digest=data.get("digest"),
        config=data.get("config"),
        last_seen=text_of(data.get("last_seen")),
        external_labels=dict_of(data.get("external_labels")),
        jobs=list_of(data.get("jobs"), str, int, float),
        files=files if isinstance(files := data.get("files"), int) else list_of(files, object),
        problems=list_of(data.get("problems"), object),
        fields={str(name): str(way) for name, way in names.items()},
        imported=bool(data.get("imported")),
    )


@dataclass(slots=True)
class Sweep:
    """What one extraction says, taken apart by server.

    readings: the servers that answered. silent: those that did not, with their status. technical: field → id →
    technical part. sources, values: by field, of the servers that answered only.
    """

    readings: dict[str, Reading] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    technical: dict[str, dict[str, Technical]] = field(default_factory=dict)
    sources: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    complete: dict[str, bool] = field(default_factory=dict)

    @property
    def whole(self) -> set[str]:
        """The servers whose word replaces what they said before; a partial one only adds to it."""
        return {name for name, reading in self.readings.items() if reading.is_whole}


def sweep_from(fields: Sequence[Any], servers: Mapping[str, Any], seen: str) -> Sweep:
    """Take apart what extract_fields returns. seen: the time of the sweep.

    Raises StoreError where the input is not of that shape. Time grows with the mentions of servers in the input.
    """
    sweep = Sweep()
    for server, entry in servers.items():
        if not server:
            raise StoreError("servers holds a server without a name: pass what extract_fields returned, unchanged.")
        if not _is_text(server):
            raise StoreError(f"servers holds the name {server!a}, which is not text: correct it in the inventory.")
        if not isinstance(entry, Mapping):
            raise StoreError(f"servers.{server} is not a dictionary: pass what extract_fields returned, unchanged.")
        if (status := str(entry.get("status") or "")) not in STATUSES:
            # A misspelt ok would be taken for a server that did not answer.
            what = f"is {status!r}, which no sweep gives" if status else "is not set"
            raise StoreError(f"servers.{server}.status {what}. There are: {', '.join(STATUSES)}.")
        reading = _reading(server, entry, seen)
        if reading is None:
            sweep.silent[server] = status
        else:
            sweep.readings[server] = reading
    for item in fields:
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not name:
            raise StoreError("fields holds an entry without a name: pass what extract_fields returned, unchanged.")
        if name in sweep.technical:
            raise StoreError(f"fields holds {name} twice: pass what one run of extract_fields returned.")
        _take(sweep, name, item)
    return sweep


def _is_error(problem: Any) -> bool:
    return isinstance(problem, Mapping) and problem.get("severity") == "error"


def _is_text(name: str) -> bool:
    """Half a pair of surrogates stands for a byte that was not UTF-8, and makes no key."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _reading(name: str, entry: Mapping[str, Any], seen: str) -> Reading | None:
    status = str(entry.get("status") or "")
    names = [str(field) for field in entry.get("fields") or []]
    files = entry.get("files") or []
    problems = sorted(entry.get("problems") or [], key=lambda problem: not _is_error(problem))
    # An unchanged server whose files were not read again says nothing new, and above all not that it has no fields.
    if status not in ANSWERED or (status == "unchanged" and not (names or files or problems)):
        return None
    return Reading(
        server=name,
        # How much travelled is of no interest here: unchanged is as whole as ok.
        status=PARTIAL if status == PARTIAL else "ok",
        digest=entry.get("digest"),
        config=entry.get("config"),
        last_seen=seen,
        external_labels=dict(entry.get("external_labels") or {}),
        jobs=list(entry.get("jobs") or []),
        files=files,
        problems=problems[:PROBLEMS_KEPT],
        fields=dict.fromkeys(names, ""),
    )


def _take(sweep: Sweep, name: str, item: Mapping[str, Any]) -> None:
    readings = sweep.readings
    technical = technical_of(item)
    common = technical_id(technical)
    ways = sweep.technical[name] = {common: technical}
    sources = []
    makers: dict[str, list[str]] = {}
    for source in item.get("sources") or []:
        here = [server for server in source.get("servers") or [] if server in readings]
        if here:
            sources.append({**source, "servers": here})
            way = _technical_of_source(source, technical)
            ways[key := technical_id(way)] = way
            makers.setdefault(key, []).extend(here)
    for server in item.get("servers") or []:
        if server in readings:
            readings[server].fields[name] = common
    if makers.keys() - {common}:
        made: dict[str, list[str]] = {}
        for key in sorted(makers, key=lambda key: rank_of(ways[key])):
            for server in set(makers[key]):
                made.setdefault(server, []).append(key)
        for server, keys in made.items():
            readings[server].fields[name] = WAY_SEPARATOR.join(keys)
    sweep.sources[name] = sources
    sweep.values[name] = list(item.get("values") or [])[:VALUES_KEPT]
    sweep.complete[name] = bool(item.get("values_complete"))


def _technical_of_source(source: Mapping[str, Any], technical: Technical) -> Technical:
    """What a field's own line would be if there were this source alone."""
    if "from" in source:
        label = next(iter(source["from"] or []), None)
    elif _same_rule(source, technical):
        return technical
    else:
        labels = list(source.get("source_labels") or [])
        label = technical["source_label"] if technical["source_label"] in labels or not labels else labels[0]
    return {
        "origin": source.get("origin", technical["origin"]),
        "source_label": label,
        "regex": source.get("regex"),
        "replacement": source.get("replacement"),
        "pattern": technical["pattern"],
    }


def _same_rule(source: Mapping[str, Any], technical: Technical) -> bool:
    defaults = {"regex": ("(.*)", None), "replacement": ("$1", "${1}", None)}
    return all(
        source.get(key) == technical[key] or (source.get(key) in plain and technical[key] in plain)
        for key, plain in defaults.items()
    )
