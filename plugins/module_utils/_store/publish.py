# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, plan, write, and again where somebody else wrote in between, for a bounded time."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    HISTORY,
    Commit,
    Put,
    Snapshot,
    Store,
    StoreConflictError,
    StoreError,
    StoreUnavailableError,
    Write,
    history_key,
    server_key,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import Plan

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.5

Planner = Callable[[Snapshot], Plan]


@dataclass(slots=True)
class Outcome:
    """plan: the last one that had something to write, or the empty one. attempts: how often it was read and planned."""

    plan: Plan
    changed: bool
    attempts: int


def written_keys(servers: Iterable[str], history_keep: int) -> list[str]:
    """The keys that a publish of these servers may write, with one for the history. Rights may be on these alone."""
    history = [history_key("probe")] if history_keep > 0 else []
    return [DOCUMENT_KEY, *map(server_key, servers), *history]


def publish(
    store: Store, planner: Planner, *, check_mode: bool, retry_seconds: float, probe: Sequence[str] = ()
) -> Outcome:
    """Bring the store to what the planner wants of it. probe: keys to try only whether they could be written.

    A conflict, an election or a restart of the store is waited for, up to retry_seconds from the start. Every attempt
    starts from a new read and writes by check-and-set, so a write that was lost on its way is repeated and one that
    was not is found in place. Raises StoreError; the document is then the one of before or the new one.
    """
    deadline = time.monotonic() + retry_seconds
    attempts = 0
    reached = overtaken = False
    plan: Plan | None = None
    tried: Plan | None = None
    pause = FIRST_PAUSE
    while True:
        attempts += 1
        try:
            # Whoever takes longer to plan than others would be overtaken each time.
            with store.turn() if overtaken else contextlib.nullcontext():
                snapshot = store.read(latest=True)
                reached = True
                if tried is not None and _stands(tried, snapshot):
                    # To plan anew would take back a rollback: the version that it left is the newest other one.
                    plan = tried
                    if rest := _rest(tried, snapshot):
                        store.commit(Commit(last=rest))
                    return Outcome(tried, True, attempts)
                plan = _planned(store, planner, snapshot)
                if probe:
                    store.probe(probe)
                    return Outcome(plan, False, attempts)
                if not plan.changed:
                    # Nothing left to do; an earlier attempt of this run may be what did it.
                    return Outcome(tried or plan, tried is not None, attempts)
                if check_mode:
                    return Outcome(plan, True, attempts)
                plan = _richer(tried, plan)
                store.commit(plan.commit)
                return Outcome(plan, True, attempts)
        except StoreConflictError as conflict:
            overtaken = True
            if time.monotonic() >= deadline:
                raise StoreConflictError(
                    f"{conflict} This went on for {retry_seconds:g} s, in {attempts} attempts. "
                    "Run fewer publishers at once, or raise retry_seconds."
                ) from conflict
            tried = plan if conflict.wrote else tried
        except StoreUnavailableError as fault:
            # A store that was never there is more likely a wrong address than a restart.
            if time.monotonic() >= deadline or not (reached or fault.passing):
                raise
            tried = plan if fault.wrote else tried
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the runs, guards nothing
        pause = min(pause * 1.6, LONGEST_PAUSE)


def _planned(store: Store, planner: Planner, snapshot: Snapshot) -> Plan:
    """The plan, which takes nothing for absent that is hidden from us."""
    try:
        plan = planner(snapshot)
    except StoreError as fault:
        if fault.unseen:
            store.see([fault.unseen])
        raise
    store.see(plan.unseen)
    return plan


def _stands(tried: Plan, snapshot: Snapshot) -> bool:
    """Whether an attempt has come as far as its document, though somebody else may have written one since."""
    document = tried.commit.document
    known = [snapshot.document, *(entry for _name, entry in snapshot.under(HISTORY))]
    return (
        document is not None
        and document.value in [entry.value for entry in known if entry is not None]
        and all(_holds(snapshot, write) for write in tried.commit.first)
    )


def _holds(snapshot: Snapshot, write: Write) -> bool:
    entry = snapshot.entries.get(write.key)
    return isinstance(write, Put) and entry is not None and entry.value == write.value


def _rest(tried: Plan, snapshot: Snapshot) -> list[Write]:
    """What follows the document in an attempt, and is still to be done."""
    return [
        write
        for write in tried.commit.last
        if write.key in snapshot.entries and snapshot.version(write.key) == write.expected
    ]


def _richer(tried: Plan | None, plan: Plan) -> Plan:
    """What an attempt that wrote a part has said stays said: the next one finds that part done."""
    if tried is None:
        return plan
    for name in ("added", "updated", "presented", "orphaned", "returned", "removed", "servers", "forgotten", "unfound"):
        earlier, later = getattr(tried.report, name), getattr(plan.report, name)
        setattr(plan.report, name, sorted({*earlier, *later}))
    for side in ("before", "after"):
        merged = {**getattr(tried, side)}
        for part, items in getattr(plan, side).items():
            merged[part] = {**items, **merged.get(part, {})} if side == "before" else {**merged.get(part, {}), **items}
        setattr(plan, side, merged)
    return plan
