# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document of fields as one short text, for a cache, and back.

Written out, fields repeat each other: most attributes of most fields are at one value, and a list of servers stands at
every field and at every source. Here each stands once, so there is little to parse. The text is compressed JSON in
base64: whatever a cache plugin wraps around it finds nothing to escape and no elements to walk. Its checksum (that of
zlib) tells a damaged one.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

Document = dict[str, Any]
# Enough for repetitions, and quick.
LEVEL = 1
_ABSENT = object()


class EntryError(ValueError):
    """The text is not one that packed() made."""


def packed(document: Document) -> str:
    """The document, which is JSON-able, as ASCII text. Its fields, where it has any, are a list of dictionaries."""
    lists = _Lists()
    fields = [lists.taken_from(item) for item in document.get("fields", ())]
    usual = _usual(fields)
    data = {
        "rest": {key: value for key, value in document.items() if key != "fields"},
        "fields": [_difference(item, usual) for item in fields] if "fields" in document else None,
        "usual": usual,
        "lists": lists.values,
    }
    return base64.b64encode(zlib.compress(json.dumps(data, separators=(",", ":")).encode(), LEVEL)).decode()


def unpacked(text: str) -> Document:
    """The document; equal lists of servers are one list in it. Raises EntryError."""
    try:
        data = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
        document: Document = {**data["rest"]}
        if data["fields"] is not None:
            lists, usual = data["lists"], data["usual"]
            document["fields"] = fields = [{**usual, **item} for item in data["fields"]]
            for item in fields:
                if "servers" in item:
                    item["servers"] = lists[item["servers"]]
                for source in item.get("sources") or ():
                    if "servers" in source:
                        source["servers"] = lists[source["servers"]]
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise EntryError(f"it cannot be read ({type(error).__name__})") from error
    return document


class _Lists:
    """What stands at `servers`, each different one once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}
        self._known: dict[int, int] = {}

    def taken_from(self, item: dict[str, Any]) -> dict[str, Any]:
        """The field with numbers in place of the lists, also in its sources."""
        taken = self._numbered(item)
        if taken.get("sources"):
            taken["sources"] = [self._numbered(source) for source in taken["sources"]]
        return taken

    def _numbered(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "servers": self._number_of(item["servers"])} if "servers" in item else {**item}

    def _number_of(self, value: Any) -> int:
        # Most are one object, which need not be written out to be known again. All live as long as the document does.
        known = self._known.get(id(value))
        if known is None:
            known = self._numbers.setdefault(json.dumps(value), len(self.values))
            if known == len(self.values):
                self.values.append(value)
            self._known[id(value)] = known
        return known


def _usual(fields: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The attributes that every field has, each at the value that most have. Lists and the like are left out."""
    usual = {}
    for key in fields[0] if len(fields) > 1 else ():
        try:
            [(value, times)] = Counter(map(itemgetter(key), fields)).most_common(1)
        except (KeyError, TypeError):
            continue  # one has no such attribute, or a list in it
        if times > 1:
            usual[key] = value
    return usual


def _difference(item: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """The attributes that are not at the usual value, to its type: 1, 1.0 and true are three."""
    return {
        key: value
        for key, value in item.items()
        if (common := usual.get(key, _ABSENT)) != value or type(common) is not type(value)
    }
