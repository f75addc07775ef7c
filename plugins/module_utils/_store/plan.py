# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read, and what is wanted → what to write. Pure: a plan can be made, shown and thrown away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store import history
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    DOCUMENT_KEY,
    SERVERS,
    Commit,
    Delete,
    Put,
    Snapshot,
    StoreDeniedError,
    StoreError,
    StoreForeignError,
    StoreNewerError,
    history_key,
    server_key,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    AUTO,
    BRIEF,
    LISTS,
    STATE,
    VERSION,
    Document,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import (
    ADVICE,
    compact,
    decoded,
    document_from,
    dumped,
    nearly_full,
    written,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import (
    Report,
    Rules,
    merge_fields,
    merge_readings,
    server_status,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import (
    MISSING,
    Reading,
    Sweep,
    reading_from,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.restore import restore_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.seed import IMPORTED, imported
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import (
    next_after,
    stamp,
)

NAMED_AT_MOST = 5
# How long a line of a diff may be that is not broken up.
LINE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to write. place: how a key is called in messages. source: who writes, as the document says it."""

    place: Callable[[str], str]
    pretty: bool = False
    detail: str = AUTO
    source: str = "skills_eye.prometheus_fleet"
    history_keep: int = 10
    adopt: bool = False


@dataclass(slots=True)
class State:
    """A store's content, understood. saves: writes that keep what was adopted; drops: readings that were not ours."""

    snapshot: Snapshot
    document: Document = field(default_factory=Document)
    readings: dict[str, Reading] = field(default_factory=dict)
    saves: list[Put] = field(default_factory=list)
    drops: list[Delete] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        """The servers that the document names, and of which there is no reading: deleted by hand, or hidden from us."""
        if self.document.older:
            return []
        return [name for name in self.document.server_names if server_key(name) not in self.snapshot.entries]


@dataclass(slots=True)
class Plan:
    """commit: what to write, nothing if all is as it should be. before, after: what changes, for a diff.

    restored: the entry of the history that the document, or what people set in it, comes from.
    unseen: keys that the plan takes for absent, and that a store which hides some may have all the same.
    nearly_full: what to tell of a document that will soon be too large for the store.
    """

    commit: Commit
    report: Report
    document: Document
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    restored: str | None = None
    unseen: Sequence[str] = ()
    nearly_full: str = ""

    @property
    def changed(self) -> bool:
        return bool(self.commit.writes)

    def diff(self, place: str) -> dict[str, str]:
        """What changes, as Ansible shows it."""
        return {
            "before_header": place,
            "after_header": place,
            "before": _lines(self.before, self.after),
            "after": _lines(self.after, self.before),
        }


def _lines(view: dict[str, Any], other: dict[str, Any]) -> str:
    """Attributes under their field or server. other: the side of the diff that this is compared with."""
    lines = []
    for part, items in sorted(view.items()):
        others = other.get(part, {})
        for name, item in sorted(items.items()):
            lines.append(f"{part} {name}")
            across = others.get(name, {})
            lines += [line for key, value in sorted(item.items()) for line in _attribute(name, key, value, across)]
    return "".join(shown(line) + "\n" for line in lines)


def _attribute(name: str, key: str, value: Any, across: dict[str, Any]) -> list[str]:
    """In one line, or with each of its parts in one of its own: else a long list is shown whole for one of them.

    What both sides begin and end with is counted only, and a part says whose it is: Ansible would take minutes to
    compare the servers of all fields of a large fleet, and shows three lines around a change.
    """
    line = f"  {key}: {compact(value)}"
    other = across.get(key)
    if not isinstance(value, dict | list) or type(value) is not type(other) or value == other:
        return [line]
    if max(len(line), len(f"  {key}: {compact(other)}")) <= LINE:
        return [line]
    parts, others = _parts(name, value), _parts(name, other)
    head = _alike(parts, others)
    tail = _alike(parts[head:][::-1], others[head:][::-1])
    return [
        f"  {key}:",
        *([f"    {name}: {head} alike before"] if head else []),
        *parts[head : len(parts) - tail],
        *([f"    {name}: {tail} alike after"] if tail else []),
    ]


def _parts(name: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"    {name} {compact({key: part})[1:-1]}" for key, part in sorted(value.items())]
    return [f"    {name} {compact(part)}" for part in value]


def _alike(lines: Sequence[str], others: Sequence[str]) -> int:
    """How many lines both begin with."""
    count = 0
    for line, other in zip(lines, others, strict=False):
        if line != other:
            break
        count += 1
    return count


def understood(snapshot: Snapshot, place: Callable[[str], str], *, adopt_at: Any = None) -> State:
    """Read every document of a store. adopt_at: the time, where what is not ours may be saved and replaced.

    Raises StoreForeignError for what is not ours, and StoreNewerError always.
    """
    state = State(snapshot)
    entry = snapshot.document
    if entry is not None:
        try:
            state.document = decoded(entry.value, place(DOCUMENT_KEY))
        except StoreForeignError as foreign:
            if adopt_at is None or isinstance(foreign, StoreNewerError):
                raise
            state.saves += history.adopted(snapshot, DOCUMENT_KEY, entry.value, adopt_at)
    for name, reading in snapshot.under(SERVERS):
        key = server_key(name)
        try:
            state.readings[name] = reading_from(name, reading.value, place(key))
        except StoreForeignError as foreign:
            if adopt_at is None or isinstance(foreign, StoreNewerError):
                raise
            state.saves += history.adopted(snapshot, key, reading.value, adopt_at)
            state.drops.append(Delete(key, reading.version))
    return state


def plan_publish(snapshot: Snapshot, sweep: Sweep, rules: Rules, manner: Manner) -> Plan:
    """Plan to publish a sweep. Raises StoreError where that must not be done."""
    state = understood(snapshot, manner.place, adopt_at=rules.now if manner.adopt else None)
    gone = None
    if snapshot.document is None:
        gone, state.document = _of_history(snapshot, manner)
    taken_over = imported(state.document, state.readings)
    before = {**state.readings, **taken_over}
    unfound = {name for name, reading in sweep.readings.items() if reading.config == MISSING}
    if both := sorted((sweep.readings.keys() - unfound) & set(rules.forget)):
        raise StoreError(f"{named(both)}: in forget_servers, but answered in this very sweep. Take it out of one.")
    _all_visible(state.document, {*before, *sweep.whole}, rules, manner)
    readings, changed = merge_readings(before, sweep, rules)
    changed = sorted({*changed, *(name for name in taken_over if name in readings)})
    fields, report = merge_fields(state.document, before, readings, sweep, rules)
    report.servers = changed
    report.forgotten = sorted({name for name in rules.forget if name in before and readings.get(name) != before[name]})
    report.unfound = sorted(name for name in unfound if readings[name].fields)
    new = Document(
        fields=fields,
        server_status=server_status(readings, fields, state.document, with_fields=IMPORTED in state.document.extra),
        extra=state.document.extra,
        detail=state.document.detail,
        version=VERSION,
    )
    everybody = readings.keys() <= sweep.readings.keys()
    detail = BRIEF if state.document.detail == BRIEF and not everybody else manner.detail
    plan = _planned(state, new, detail=detail, rules=rules, manner=manner, report=report)
    servers = [_reading_put(snapshot, readings[name], manner) for name in changed]
    replaced = {put.key for put in servers}
    drops = [drop for drop in state.drops if drop.key not in replaced]
    plan.commit = Commit(
        first=[*state.saves, *plan.commit.first, *servers],
        document=plan.commit.document,
        last=[*plan.commit.last, *_forgotten(snapshot, report, readings), *drops],
    )
    plan.restored = gone
    _show_servers(plan, before, readings, [*changed, *report.forgotten])
    return plan


def _of_history(snapshot: Snapshot, manner: Manner) -> tuple[str | None, Document]:
    """The newest earlier version and its entry, for where the document itself was deleted: people's work is in it.

    Which servers there are is what the readings say: one that it names may have been forgotten since.
    """
    for name, entry in reversed(history.entries(snapshot).items()):
        try:
            earlier = decoded(entry.value, manner.place(history_key(name)))
        except StoreNewerError:
            raise
        except StoreForeignError:
            continue
        earlier.server_status = [
            row for row in earlier.server_status if server_key(row["hostname"]) in snapshot.entries
        ]
        # Of the older form, this notes what its readers expect, and the ways that are in use besides the stored one.
        imported(earlier, {})
        # No version: what is not there differs from what is to be there.
        earlier.version = ""
        return name, earlier
    return None, Document()


def plan_rollback(snapshot: Snapshot, to: str | None, rules: Rules, manner: Manner) -> Plan:
    """Plan to go back to an earlier version. Raises StoreError where there is no such version."""
    state = understood(snapshot, manner.place, adopt_at=rules.now if manner.adopt else None)
    before = {**state.readings, **imported(state.document, state.readings)}
    _all_visible(state.document, before, rules, manner)
    readings = {name: reading for name, reading in sorted(before.items()) if name not in rules.forget}
    name, earlier = _earlier(state, to, manner)
    if earlier.older:
        earlier.extra.setdefault(IMPORTED, earlier.version)
    fields, report = restore_fields(earlier, state.document, readings, rules)
    report.forgotten = sorted(before.keys() - readings.keys())
    new = Document(
        fields=fields,
        server_status=server_status(readings, fields, state.document, with_fields=IMPORTED in earlier.extra),
        extra=earlier.extra,
        detail=state.document.detail,
        version=VERSION,
    )
    # The lists of a brief version are not known, so the document stays brief until the whole fleet has been swept.
    detail = BRIEF if BRIEF in (state.document.detail, earlier.detail) else manner.detail
    plan = _planned(state, new, detail=detail, rules=rules, manner=manner, report=report)
    last = [*plan.commit.last, *_forgotten(snapshot, report, readings), *state.drops]
    plan.commit = Commit([*state.saves, *plan.commit.first], plan.commit.document, last)
    plan.restored = name
    _show_servers(plan, before, readings, report.forgotten)
    return plan


def _earlier(state: State, to: str | None, manner: Manner) -> tuple[str, Document]:
    """The version to go back to: the named one, or the newest that has something to restore.

    Most versions differ from the next in who has a field, which stays what the servers last said: to go back to one of
    these would do nothing, and do it again the next time. Where all are such, it is the newest, and nothing is written.
    Raises StoreError where there is none.
    """
    passed_over: list[tuple[str, Document]] = []
    for name, entry in history.found(state.snapshot, to):
        try:
            earlier = decoded(entry.value, manner.place(history_key(name)))
        except StoreNewerError:
            raise
        except StoreForeignError as broken:
            known = history.entries(state.snapshot)
            others = ", ".join(other for other in reversed(known) if other != name) or "none"
            fault = str(broken).removesuffix(f" {ADVICE}")
            raise StoreForeignError(
                f"{fault} It cannot be restored: name another entry. There are: {others}."
            ) from broken
        if not state.document.version or _restored(earlier) != _restored(state.document):
            return name, earlier
        passed_over.append((name, earlier))
    return passed_over[0]


def _restored(document: Document) -> dict[str, Any]:
    """What a rollback gives back of a document: all that neither the servers nor the merge have the last word on."""
    fields = {
        name: {key: value for key, value in item.items() if key not in LISTS and key not in STATE}
        for name, item in document.fields.items()
    }
    return {"fields": fields, "extra": {key: value for key, value in document.extra.items() if key != IMPORTED}}


def _planned(state: State, new: Document, *, detail: str, rules: Rules, manner: Manner, report: Report) -> Plan:
    """The plan for the document alone: nothing where it is as it should be."""
    place = manner.place(DOCUMENT_KEY)
    old = state.document
    new.last_updated, new.source = old.last_updated, manner.source
    data = written(new, detail, place)
    new.detail = data["detail"]
    unseen = [DOCUMENT_KEY] if state.snapshot.document is None else [server_key(name) for name in state.lost]
    plan = Plan(Commit(), report, new, unseen=unseen, nearly_full=nearly_full(new, data, detail, place))
    if document_from(data, place).content() == old.content():
        return plan
    moment = next_after(old.last_updated, rules.now)
    new.last_updated = data["last_updated"] = stamp(moment)
    entry = state.snapshot.document
    _show_fields(plan, old.fields if entry else {}, new.fields)
    saves: list[Put] = []
    if entry is not None and old.version and manner.history_keep > 0:
        saves = history.saved(state.snapshot, entry.value, old.last_updated, rules.now)
    plan.commit = Commit(
        first=list(saves),
        document=Put(DOCUMENT_KEY, dumped(data, pretty=manner.pretty)[0], state.snapshot.version(DOCUMENT_KEY)),
        last=list(history.pruned(state.snapshot, saves, manner.history_keep)),
    )
    return plan


def _forgotten(snapshot: Snapshot, report: Report, readings: Collection[str]) -> list[Delete]:
    """The deletions of the readings of forgotten servers; what the document alone said of one has no key.

    One that has answered anew has a reading again.
    """
    keys = {server_key(name): snapshot.version(server_key(name)) for name in report.forgotten if name not in readings}
    return [Delete(key, version) for key, version in keys.items() if version != ABSENT]


def _all_visible(document: Document, known: Collection[str], rules: Rules, manner: Manner) -> None:
    """Refuse to work on a part of the store: a token that may read only some keys is told nothing of the others.

    known: the servers with a reading, and those whose word is whole and takes the place of whatever it was.
    """
    hidden = [name for name in document.server_names if name not in known and name not in rules.forget]
    if hidden and not document.older:
        raise StoreDeniedError(
            f"{manner.place(DOCUMENT_KEY)} names servers whose readings cannot be seen under "
            f"{manner.place(SERVERS)}: {named(hidden)}. Nothing was written. Either the token may not read every key "
            "there, or the readings were deleted by hand: then publish a sweep in which these servers answer, or name "
            "them in forget_servers."
        )


def named(names: list[str]) -> str:
    """Names for a message, the first few of them."""
    rest = len(names) - NAMED_AT_MOST
    return ", ".join(map(shown, names[:NAMED_AT_MOST])) + (f" and {rest} more" if rest > 0 else "")


def _show_fields(plan: Plan, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    plan.before["fields"] = {name: old[name] for name in changed if name in old}
    plan.after["fields"] = {name: new[name] for name in changed if name in new}


def _show_servers(plan: Plan, old: Mapping[str, Reading], new: Mapping[str, Reading], names: list[str]) -> None:
    if names:
        plan.before["servers"] = {name: old[name].content() for name in names if name in old}
        plan.after["servers"] = {name: new[name].content() for name in names if name in new}


def _reading_put(snapshot: Snapshot, reading: Reading, manner: Manner) -> Put:
    key = server_key(reading.server)
    return Put(key, reading.text(manner.place(key), pretty=manner.pretty), snapshot.version(key))
