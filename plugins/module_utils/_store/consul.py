# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in Consul's key/value store.

One recursive read takes everything; what belongs together is written in one transaction where it fits, and otherwise in
transactions of data first and the document last. Every operation checks the index of its key.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    Commit,
    Entry,
    Put,
    Snapshot,
    StoreConflictError,
    StoreDeniedError,
    StoreError,
    StoreUnavailableError,
    Write,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import (
    NOT_CONSUL,
    Answer,
    ConsulClient,
    ConsulSettings,
)

# What every version of Consul takes in one transaction: operations, and bytes of the request.
TRANSACTION_OPERATIONS = 64
TRANSACTION_BYTES = 512 * 1024
# An index that no key has.
NO_INDEX = 2**63 - 1
STAYED = "The document is as it was"


class ConsulStore:
    """A store under prefix. Raises StoreError where the settings cannot be right."""

    def __init__(self, settings: ConsulSettings, prefix: str) -> None:
        # A blank at the end, such as a form or a folded text leaves, would be another place: an empty store.
        self.prefix = prefix.strip().strip("/")
        if not self.prefix:
            raise StoreError("The prefix is empty: give the store a place of its own, such as skills/cm/metadata.")
        if {"", ".", ".."} & set(self.prefix.split("/")):
            raise StoreError(f"The prefix {self.prefix} has a part that is empty or made of dots: name a plain path.")
        if not self.prefix.isprintable():
            raise StoreError(f"The prefix {self.prefix!r} has a line break or the like in it: name a plain path.")
        self._client = ConsulClient(settings, f"{self.prefix}/")

    @property
    def requests(self) -> int:
        return self._client.requests

    def facts(self) -> dict[str, Any]:
        settings = self._client.settings
        return {
            "store": "consul",
            "address": self._client.endpoint.url,
            "prefix": self.prefix,
            "datacenter": settings.datacenter,
            "namespace": settings.namespace,
            "partition": settings.partition,
        }

    def place(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    def read(self, *, latest: bool = False) -> Snapshot:
        # A leader that has just begun answers before it has gone through its log: from an older state, or an empty one.
        consistency = "consistent" if latest else None
        # The slash keeps the read to our own keys: without it a sibling such as <prefix>-old would match.
        answer = self._client.get(f"/v1/kv/{self.prefix}/", [("recurse", "1")], (200, 404), consistency)
        start = len(self.prefix) + 1
        return Snapshot(_entries(answer, start), staleness_ms=int(answer.headers.get("X-Consul-LastContact") or 0))

    def see(self, keys: Iterable[str]) -> None:
        # A recursive read leaves out what the token may not read; asked by name, Consul says so.
        for key in keys:
            self._client.get(f"/v1/kv/{self.place(key)}", [], (200, 404))

    def probe(self, keys: Iterable[str]) -> None:
        # Rights come before conditions, and no key has this index: what may be written is refused as overtaken.
        for batch in self._batches([Put(key, b"", NO_INDEX) for key in keys]):
            with contextlib.suppress(StoreConflictError):
                self._transact(batch)

    def turn(self) -> AbstractContextManager[None]:
        # A lock of Consul's needs a session, which a publisher's token may not make, nor does a front end ask for one.
        return contextlib.nullcontext()

    def read_document(self) -> Entry | None:
        answer = self._client.get(f"/v1/kv/{self.place(DOCUMENT_KEY)}", [], (200, 404))
        return next(iter(_entries(answer).values()), None)

    def commit(self, commit: Commit) -> None:
        batches = list(self._batches(commit.writes))
        if len(batches) > 1:
            stages: list[Sequence[Write]] = [commit.first, [commit.document] if commit.document else [], commit.last]
            batches = [batch for stage in stages for batch in self._batches(stage)]
        for number, batch in enumerate(batches):
            try:
                self._send(batch)
            except StoreDeniedError as denied:
                is_new = any(write is commit.document for earlier in batches[:number] for write in earlier)
                state = "The document is the new one; to remove what it no longer needs failed" if is_new else STAYED
                denied = StoreDeniedError(f"{denied} {state}.")
                denied.wrote = number > 0
                raise denied from None
            except StoreError as fault:
                # A transaction is whole or not at all, but its answer can be lost on the way.
                fault.wrote = number > 0 or isinstance(fault, StoreUnavailableError)
                raise

    def _batches(self, writes: Sequence[Write]) -> Iterator[list[Write]]:
        """Cut writes into transactions, in order. One that is too large for any stands alone."""
        batch: list[Write] = []
        size = 2
        for write in writes:
            needed = self._size(write)
            if batch and (len(batch) == TRANSACTION_OPERATIONS or size + needed > TRANSACTION_BYTES):
                yield batch
                batch, size = [], 2
            batch.append(write)
            size += needed
        if batch:
            yield batch

    def _size(self, write: Write) -> int:
        """Bytes of the operation in the request, its comma included; the value is counted in base64."""
        value = write.value if isinstance(write, Put) else b""
        bare = Put(write.key, b"", write.expected) if isinstance(write, Put) else write
        return len(json.dumps(self._operation(bare), separators=(",", ":"))) + (len(value) + 2) // 3 * 4 + 1

    def _send(self, batch: Sequence[Write]) -> None:
        if len(batch) == 1 and isinstance(batch[0], Put) and self._size(batch[0]) + 2 > TRANSACTION_BYTES:
            self._put(batch[0])
        else:
            self._transact(batch)

    def _put(self, put: Put) -> None:
        path = f"/v1/kv/{self.place(put.key)}"
        answer = self._client.put(path, [("cas", str(put.expected))], put.value, (200,))
        if not answer.json(bool):
            raise StoreConflictError(f"{self.place(put.key)} was changed by somebody else.")

    def _transact(self, batch: Sequence[Write]) -> None:
        body = json.dumps([self._operation(write) for write in batch], separators=(",", ":"))
        answer = self._client.transact(body, (200, 409))
        result = answer.json(dict)
        if answer.status == 200:
            return
        errors = result.get("Errors") or []
        keys = [self.place(batch[error["OpIndex"]].key) for error in errors if error.get("OpIndex", -1) < len(batch)]
        what = "; ".join(sorted({str(error.get("What")) for error in errors}))
        if "Permission denied" in what:
            raise StoreDeniedError(self._client.denied("write", what))
        if "index" in what or "exist" in what:
            raise StoreConflictError(f"{', '.join(keys[:3])} was changed by somebody else.")
        raise StoreError(f"Consul at {self._client.where} rolled back the transaction on {', '.join(keys[:3])}: {what}")

    def _operation(self, write: Write) -> dict[str, Any]:
        operation: dict[str, Any] = {"Key": self.place(write.key)}
        if isinstance(write, Put):
            operation |= {"Verb": "cas", "Index": write.expected, "Value": base64.b64encode(write.value).decode()}
        else:
            operation |= {"Verb": "delete-cas", "Index": write.expected}
        settings = self._client.settings
        tenancy = {"Namespace": settings.namespace, "Partition": settings.partition}
        return {"KV": operation | {name: value for name, value in tenancy.items() if value}}


def _entries(answer: Answer, start: int = 0) -> dict[str, Entry]:
    """Keys, from their start on, and what they hold. Raises StoreError where these are not Consul's rows."""
    rows = answer.json() if answer.status == 200 else []
    try:
        return {
            row["Key"][start:]: Entry(base64.b64decode(row["Value"] or ""), int(row["ModifyIndex"])) for row in rows
        }
    except (KeyError, TypeError, ValueError, OverflowError):
        raise StoreError(NOT_CONSUL) from None
