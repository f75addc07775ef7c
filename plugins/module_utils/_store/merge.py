# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored document and readings, and a sweep → the new ones. Nothing here reads or writes a store.

What a run does to the fleet depends on its own servers alone: their readings are replaced, and the document follows
from all readings and from what people set. So the order in which runs over parts of a fleet end does not matter.
Time grows with the fields on all servers, counted once for each server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    TECHNICAL,
    Document,
    Field,
    defaults_of,
    fingerprint,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.ownership import (
    MISSING,
    ORPHAN,
    OUTDATED,
    REPORT,
    SYNCED,
    commonest,
    settle,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import (
    VALUES_KEPT,
    WAY_SEPARATOR,
    Reading,
    Sweep,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.sources import Sources
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import (
    age_seconds,
    parse,
    stamp,
)

ADD, KEEP, REMOVE = "add", "keep", "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to merge. defaults: presentation of new fields. presentation: that of some fields, new or not, by name.

    forget: servers to forget, by name.
    touch_after: the age at which the time of a reading is written anew although nothing changed; None: never.
    """

    now: datetime
    new_fields: str = ADD
    orphans: str = KEEP
    orphan_grace: timedelta = timedelta(days=7)
    on_conflict: str = REPORT
    defaults: Mapping[str, Any] = field(default_factory=dict)
    presentation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    forget: Sequence[str] = ()
    touch_after: timedelta | None = None

    @property
    def today(self) -> str:
        """Now as it stands in fields: to the second."""
        return stamp(self.now.replace(microsecond=0))


@dataclass(slots=True)
class Report:
    """What a merge did, by name, for people and for playbooks."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    presented: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    # Servers that answered without a main config: what they had before stays.
    unfound: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Holders:
    """Who has a field: the servers, and how many make it in each way (by id)."""

    servers: list[str] = field(default_factory=list)
    ways: dict[str, int] = field(default_factory=dict)


def merge_readings(stored: Mapping[str, Reading], sweep: Sweep, rules: Rules) -> tuple[dict[str, Reading], list[str]]:
    """All readings after the sweep, sorted by server, and the names of those that are to be written."""
    forget = set(rules.forget)
    readings = {name: reading for name, reading in stored.items() if name not in forget}
    changed = []
    for name, heard in sweep.readings.items():
        old = stored.get(name)
        # One that is to be forgotten may answer that it has no config: then that is all that is known of it.
        new = _added_to(old, heard) if old is not None and name not in forget and not heard.is_whole else heard
        if old is None or old.content() != new.content() or _is_old(old, rules):
            readings[name] = new
            changed.append(name)
        else:
            readings[name] = old
    return dict(sorted(readings.items())), sorted(changed)


def _added_to(old: Reading, new: Reading) -> Reading:
    """An answer that is not whole says what is there, not what is gone."""
    return Reading(
        server=new.server,
        status=new.status,
        digest=new.digest,
        config=new.config or old.config,
        last_seen=new.last_seen,
        external_labels=new.external_labels or old.external_labels,
        jobs=new.jobs or old.jobs,
        files=new.files or old.files,
        problems=new.problems,
        fields={**old.fields, **new.fields},
    )


def _is_old(reading: Reading, rules: Rules) -> bool:
    if rules.touch_after is None:
        return False
    age = age_seconds(reading.last_seen, rules.now)
    return age is None or age > rules.touch_after.total_seconds()


def holders_of(readings: Mapping[str, Reading]) -> dict[str, Holders]:
    """Who has each field; the servers are sorted."""
    # Most servers of a fleet are alike: those that give exactly the same are counted together.
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for server, reading in readings.items():
        alike.setdefault(tuple(reading.fields.items()), []).append(server)
    holders: dict[str, Holders] = {}
    for fields, servers in alike.items():
        count = len(servers)
        for name, way in fields:
            entry = holders.get(name)
            if entry is None:
                entry = holders[name] = Holders()
            entry.servers += servers
            for key in way.split(WAY_SEPARATOR):
                entry.ways[key] = entry.ways.get(key, 0) + count
    for entry in holders.values():
        entry.servers.sort()
    return holders


def merge_fields(
    stored: Document,
    before: Mapping[str, Reading],
    readings: Mapping[str, Reading],
    sweep: Sweep,
    rules: Rules,
) -> tuple[dict[str, Field], Report]:
    """The fields of the new document. before: the readings as they were, which say when an orphan was last seen."""
    merge = _Merge(readings, sweep, rules)
    report = merge.report
    holders = holders_of(readings)
    last_seen = _last_seen(stored, before, holders)
    fields: dict[str, Field] = {}
    for name, item in stored.fields.items():
        held = holders.get(name)
        merged = merge.orphan(item, last_seen.get(name)) if held is None else merge.held(item, held)
        if _is_to_go(merged, rules):
            report.removed.append(name)
        else:
            fields[name] = merged
    for name in sorted(holders.keys() - stored.fields.keys()):
        way = commonest(holders[name].ways, sweep.technical.get(name, {}))
        if rules.new_fields != ADD or way is None:
            report.missing.append(name)
        else:
            fields[name] = merge.new(name, way, holders[name])
            report.added.append(name)
    for name, wanted in sorted(rules.presentation.items()):
        old = fields.get(name)
        if old is not None and (new := {**old, **wanted}) != old:
            fields[name] = new
            if name in stored.fields:
                report.presented.append(name)
    report.statuses = dict.fromkeys((SYNCED, OUTDATED, ORPHAN, MISSING), 0)
    for item in fields.values():
        report.statuses[item["status"]] += 1
    report.statuses[MISSING] = len(report.missing)
    for names in (report.updated, report.orphaned, report.returned, report.removed):
        names.sort()
    report.conflicts.sort(key=lambda conflict: (conflict["field"], TECHNICAL.index(conflict["attribute"])))
    return dict(sorted(fields.items())), report


def _last_seen(stored: Document, before: Mapping[str, Reading], holders: Mapping[str, Holders]) -> dict[str, str]:
    """When each field that nobody has any more was last seen, for those that somebody had until now."""
    gone = stored.fields.keys() - holders.keys()
    seen: dict[str, str] = {}
    if gone:
        for reading in before.values():
            for name in gone & reading.fields.keys():
                seen[name] = max(seen.get(name, ""), reading.last_seen)
    return seen


class _Merge:
    """One merge: what its steps share."""

    def __init__(self, readings: Mapping[str, Reading], sweep: Sweep, rules: Rules) -> None:
        self.readings = readings
        self.sweep = sweep
        self.rules = rules
        self.report = Report(silent=dict(sorted(sweep.silent.items())))
        self._whole = sweep.whole
        self._partial = [reading for reading in sweep.readings.values() if not reading.is_whole]

    def orphan(self, item: Field, last_seen: str | None) -> Field:
        """A stored field that no server has."""
        merged = {"first_seen": self.rules.today, "last_seen": None, **item}
        if item.get("status") != ORPHAN or parse(item.get("orphaned_since")) is None:
            merged |= {"status": ORPHAN, "orphaned_since": self.rules.today}
            self.report.orphaned.append(item["name"])
        if last_seen:
            merged["last_seen"] = last_seen
        merged |= {"servers": [], "servers_count": 0, "sources": []}
        merged.pop("ways", None)
        return merged

    def held(self, item: Field, holders: Holders) -> Field:
        """A stored field that servers have."""
        name = item["name"]
        if item.get("status") == ORPHAN:
            self.report.returned.append(name)
        verdict = settle(item, holders.ways, self.sweep.technical.get(name, {}), self.rules.on_conflict)
        self.report.conflicts += verdict.conflicts
        if any(verdict.technical[key] != item.get(key) for key in TECHNICAL):
            self.report.updated.append(name)
        merged = {"first_seen": self.rules.today, **item, **verdict.technical}
        merged |= {"status": verdict.status, "swept": verdict.swept, "ways": verdict.ways}
        gone = ["orphaned_since", "last_seen", *([] if verdict.ways else ["ways"])]
        return {key: value for key, value in merged.items() if key not in gone} | self._lists(item, holders)

    def _lists(self, item: Field, holders: Holders) -> Field:
        """What grows with the fleet: of the servers that were heard as they say it, of the others as it is stored."""
        name = item["name"]
        heard = self._heard(name)
        sources = Sources(self.readings)
        for source in item.get("sources") or []:
            if isinstance(source, Mapping):
                sources.add(source, [server for server in source.get("servers") or [] if server not in heard])
        for source in self.sweep.sources.get(name) or []:
            sources.add(source, source["servers"])
        lists: Field = {
            "servers": holders.servers,
            "servers_count": len(holders.servers),
            "sources": sources.listed(),
            "values": item.get("values") or [],
            "values_complete": bool(item.get("values_complete")),
            "presence": sources.presence(),
        }
        if name in self.sweep.values:
            everybody = heard.issuperset(holders.servers)
            values = {*map(str, self.sweep.values[name]), *map(str, [] if everybody else lists["values"])}
            complete = self.sweep.complete[name] and (everybody or lists["values_complete"])
            lists["values"] = sorted(values)[:VALUES_KEPT]
            lists["values_complete"] = complete and len(values) <= VALUES_KEPT
        return lists

    def new(self, name: str, way: str, holders: Holders) -> Field:
        """A field that the document does not have yet, made in the given way."""
        ways = self.sweep.technical[name]
        others = {key: ways[key] for key in sorted(holders.ways) if key in ways and key != way}
        return {
            "name": name,
            **defaults_of(name),
            **self.rules.defaults,
            **ways[way],
            "status": SYNCED,
            "first_seen": self.rules.today,
            "swept": fingerprint(ways[way]),
            **({"ways": others} if others else {}),
            **self._lists({"name": name, "values_complete": True}, holders),
        }

    def _heard(self, name: str) -> set[str]:
        """The servers whose sources of this field the sweep knows better than the store."""
        partial = {reading.server for reading in self._partial if name in reading.fields}
        return self._whole | partial if partial else self._whole


def _is_to_go(item: Field, rules: Rules) -> bool:
    if rules.orphans != REMOVE or item["status"] != ORPHAN:
        return False
    since = parse(item.get("orphaned_since"))
    return since is not None and rules.now - since >= rules.orphan_grace


def server_status(
    readings: Mapping[str, Reading], fields: Mapping[str, Field], stored: Document, *, with_fields: bool
) -> list[dict[str, Any]]:
    """The servers as the document lists them. with_fields: with what each makes, as the older form had it.

    What the stored document says of a server, and no sweep does, stays.
    """
    rows: list[dict[str, Any]] = []
    known = {row["hostname"]: row for row in stored.server_status}
    for name, reading in readings.items():
        old = known.get(name, {})
        row: dict[str, Any] = {
            **{key: value for key, value in old.items() if key != "fields"},
            "hostname": name,
            "success": True,
            "status": reading.status,
            "from_cache": False,
            "files_count": reading.files_count,
            "fields_count": len(reading.fields),
            "error": None,
            "duration_ms": old.get("duration_ms") if reading.imported else None,
            "port": old.get("port"),
            "external_labels": reading.external_labels,
            "last_seen": reading.last_seen,
        }
        if with_fields:
            row["fields"] = [
                _made(field_name, fields[field_name], way)
                for field_name, way in sorted(reading.fields.items())
                if field_name in fields
            ]
        rows.append(row)
    return rows


def _made(name: str, item: Field, way: str) -> dict[str, Any]:
    technical = (item.get("ways") or {}).get(way.split(WAY_SEPARATOR, maxsplit=1)[0]) or item
    return {"name": name, **{key: technical.get(key) for key in ("source_label", "regex", "replacement")}}
