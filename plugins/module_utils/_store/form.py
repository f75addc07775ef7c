# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a document is written and read: JSON, in the first of three forms that fits in the store.

full    everything in place.
shared  the same, but each list of servers stands once, in server_sets, and `servers` is the key of one.
brief   without the lists (sources, servers, values) and without attributes that are at their defaults.

Each is plain JSON that a reader takes in one request, and says in `detail` which one it is.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    VALUE_LIMIT,
    StoreForeignError,
    StoreNewerError,
    StoreTooLargeError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import (
    AUTO,
    BRIEF,
    FULL,
    LISTS,
    PRESENTATION,
    SHARED,
    TECHNICAL,
    VERSION,
    Document,
    Field,
    default_of,
    defaults_of,
    is_newer,
    version_numbers,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.shapes import (
    list_of,
    sound_field,
    text_of,
)

# Where a shared document keeps its lists of servers.
SERVER_SETS = "server_sets"
# A brief document becomes more than that again only with room to spare, so that it does not go to and fro.
ROOM = 0.75
LARGEST_SHOWN = 3
# From here on, a document that cannot be written shorter is told to be nearly too large.
NEARLY = 0.8
_FORMS = {AUTO: (FULL, SHARED, BRIEF)}
_TOP = frozenset(
    {"version", "fields", "extraction_status", "last_updated", "source", "detail", "total_fields", SERVER_SETS}
)
ADVICE = (
    "It is left alone. If it was broken by hand, mend it, or roll back with adopt set to true. If it is somebody "
    "else's, choose another prefix, or publish with adopt set to true. It is then saved to the history first."
)


def encoded(text: str) -> bytes:
    """JSON as bytes. Half a pair of surrogates, as front ends leave it when they cut a text, is kept as an escape."""
    return text.encode("utf-8", "backslashreplace")


def sayable(value: Any) -> Any:
    """A JSON value as Ansible can carry it: half a pair of surrogates, which it refuses, becomes a question mark."""
    text = compact(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-8", "replace"))
    return value


def compact(value: Any) -> str:
    """JSON without a space too many: what Consul holds, and what sizes are measured on for either store."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def dumped(value: Any, *, pretty: bool) -> tuple[bytes, int]:
    """JSON with sorted keys, and its compact size. pretty: an attribute on each line, so that git shows changes."""
    text = encoded(compact(value))
    return (encoded(_lines(value, 4, "") + "\n") if pretty else text), len(text)


def _lines(value: Any, levels: int, indent: str) -> str:
    # json's own indentation is Python code that walks every value; below the level of attributes it is not needed.
    if levels == 0 or not value or not isinstance(value, dict | list):
        return compact(value)
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{compact(str(key))}: {_lines(value[key], levels - 1, inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    items = [_lines(item, levels - 1, inner) for item in value]
    return "[\n" + ",\n".join(inner + item for item in items) + f"\n{indent}]"


def _finite(text: str) -> float | None:
    """A number that can be written again: 1e999 would be Infinity, which is no JSON, and no other reader's."""
    number = float(text)
    return number if math.isfinite(number) else None


def parsed(value: bytes, place: str) -> dict[str, Any]:
    """JSON text of an object. Raises StoreForeignError."""
    try:
        data = json.loads(value, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise StoreForeignError(f"{place} holds something that is not JSON. {ADVICE}") from None
    if not isinstance(data, dict):
        raise StoreForeignError(f"{place} holds JSON that is not an object. {ADVICE}")
    return data


def decoded(value: bytes, place: str) -> Document:
    """Read a document. place is its name in messages. Raises StoreForeignError for what is not one, or is newer."""
    return document_from(parsed(value, place), place)


def document_from(data: dict[str, Any], place: str) -> Document:
    """The same for a text that is parsed already. The document shares its parts with data."""
    version = data.get("version")
    items = data.get("fields")
    if not isinstance(version, str) or not version_numbers(version) or not isinstance(items, list):
        raise StoreForeignError(f"{place} holds JSON that is not a document of fields. {ADVICE}")
    if is_newer(version):
        raise StoreNewerError(
            f"{place} was written in version {version} of the document; this release knows {VERSION}. "
            "Nothing was written: update the collection here."
        )
    status = data.get("extraction_status")
    servers = status.get("server_status") if isinstance(status, dict) else None
    detail = data["detail"] if data.get("detail") in (SHARED, BRIEF) else FULL
    fields = {item["name"]: item for item in _fields(items, place, detail)}
    if detail == SHARED:
        sets = data.get(SERVER_SETS)
        fields = {name: _expanded(item, sets if isinstance(sets, dict) else {}) for name, item in fields.items()}
    return Document(
        fields=fields,
        server_status=[row for row in list_of(servers, dict) if text_of(row.get("hostname"))],
        extra={key: value for key, value in data.items() if key not in _TOP},
        last_updated=data.get("last_updated"),
        source=data.get("source"),
        detail=detail,
        version=version,
    )


def _fields(items: Iterable[Any], place: str, detail: str) -> Iterator[Field]:
    seen = set()
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name:
            raise StoreForeignError(f"{place} has a field without a name. {ADVICE}")
        if name in seen:
            raise StoreForeignError(f"{place} has the field {name} twice: remove one of the two by hand.")
        seen.add(name)
        # A brief document leaves out what is at its default; of others, a field that a person added lacks the lists.
        left_out = defaults_of(name) if detail == BRIEF else _no_lists()
        yield {**dict.fromkeys(TECHNICAL), **left_out, **sound_field(item, shared=detail == SHARED)}


def _no_lists() -> Field:
    """What the sweep would say in lists of a field that nobody has."""
    return {"sources": [], "servers": [], "values": [], "values_complete": False, "presence": None}


def _expanded(item: Field, sets: dict[str, list[str]]) -> Field:
    """A field with its lists of servers in place."""
    sources = [{**source, "servers": _list_of(source, sets)} for source in item.get("sources") or []]
    return {**item, "servers": _list_of(item, sets), "sources": sources}


def _list_of(item: dict[str, Any], sets: dict[str, list[str]]) -> list[str]:
    servers = item.get("servers")
    return list_of(sets.get(servers), str) if isinstance(servers, str) else servers or []


def written(document: Document, detail: str, place: str) -> dict[str, Any]:
    """What to write of a document, in the first form that is allowed and fits. document.detail is what it was before.

    Raises StoreTooLargeError where none fits, naming the largest fields.
    """
    data: dict[str, Any] = {}
    for form in _FORMS.get(detail, (detail,)):
        room = ROOM if detail == AUTO and document.detail == BRIEF != form else 1.0
        if form != BRIEF and detail == AUTO and _least_size(document, form) > VALUE_LIMIT:
            continue
        # The fields of every server repeat what the fields say, so they are the first to go.
        repeated = form == FULL and any("fields" in row for row in document.server_status)
        for with_server_fields in (True, False) if repeated else (False,):
            data = _data(document, form, with_server_fields=with_server_fields)
            if size_of(data) <= VALUE_LIMIT * room:
                return data
    raise _too_large(document, data, place)


def size_of(data: Any) -> int:
    return len(encoded(compact(data)))


def _least_size(document: Document, form: str) -> int:
    """Less than the document would take: quick to know, so that what cannot fit is not written out for nothing."""
    size = 0
    for item in document.fields.values():
        size += sum(map(len, item)) + len(item) * len('"":0,')
        if form == FULL:
            sources = item.get("sources") or ()
            mentions = len(item.get("servers") or ()) + sum(len(source.get("servers") or ()) for source in sources)
            size += mentions * len('"",')
    return size


def _data(document: Document, form: str, *, with_server_fields: bool) -> dict[str, Any]:
    sets: dict[str, list[str]] = {}
    items = [item for _name, item in sorted(document.fields.items())]
    if form == SHARED:
        items = [_shared_field(item, sets) for item in items]
    elif form == BRIEF:
        items = [_brief_field(item) for item in items]
    servers = document.server_status
    if form != FULL:
        servers = [_brief_server(item) if form == BRIEF else _shared_server(item) for item in servers]
    if not with_server_fields:
        servers = [{key: value for key, value in item.items() if key != "fields"} for item in servers]
    return {
        **document.extra,
        **({SERVER_SETS: sets} if form == SHARED else {}),
        "version": VERSION,
        "detail": form,
        "last_updated": document.last_updated,
        "source": document.source,
        "total_fields": len(items),
        "fields": items,
        "extraction_status": {
            "total_servers": len(servers),
            "successful_servers": sum(1 for item in servers if item.get("success")),
            "server_status": servers,
        },
    }


def _shared_field(item: Field, sets: dict[str, list[str]]) -> Field:
    def key_of(servers: list[str]) -> str:
        key = hashlib.sha256("\n".join(servers).encode()).hexdigest()[:8]
        sets[key] = servers
        return key

    sources = [{**source, "servers": key_of(source["servers"])} for source in item.get("sources") or []]
    return {**item, "servers": key_of(item.get("servers") or []), "sources": sources}


def _brief_field(item: Field) -> Field:
    name = item["name"]
    return {
        key: value
        for key, value in item.items()
        if key not in LISTS
        and not (key in PRESENTATION and value == default_of(name, key))
        and not (key in TECHNICAL and value is None)
    }


def _shared_server(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def _brief_server(item: dict[str, Any]) -> dict[str, Any]:
    return {key: item[key] for key in ("hostname", "success", "status", "fields_count") if key in item}


def nearly_full(document: Document, data: dict[str, Any], detail: str, place: str) -> str:
    """What to tell of a document whose last form is nearly too large for the store; else nothing."""
    if data["detail"] != _FORMS.get(detail, (detail,))[-1] or size_of(data) < VALUE_LIMIT * NEARLY:
        return ""
    return f"{_measured(document, data, f'{place} takes')} More than that is refused. {_advice(data)}."


def _too_large(document: Document, data: dict[str, Any], place: str) -> StoreTooLargeError:
    return StoreTooLargeError(f"{_measured(document, data, f'{place} would be')} Nothing was written. {_advice(data)}.")


def _advice(data: dict[str, Any]) -> str:
    if data["detail"] != BRIEF:
        return "Set detail to auto"
    return (
        "Publish parts of the fleet under prefixes of their own, shorten what was set on the largest fields (options, "
        "description), or remove orphans"
    )


def _measured(document: Document, data: dict[str, Any], begin: str) -> str:
    sizes = sorted(((size_of(item), item["name"]) for item in data["fields"]), reverse=True)
    text = ", ".join(f"{name} ({kib(size)})" for size, name in sizes[:LARGEST_SHOWN])
    fields = f"{len(document.fields)} fields ({kib(size_of(data['fields']))})"
    servers = f"{len(document.server_status)} servers ({kib(size_of(data['extraction_status']))})"
    return (
        f"{begin} {kib(size_of(data))} with its {fields} and {servers}, and {kib(VALUE_LIMIT)} is the most that fits. "
        f"The largest fields: {text}."
    )


def kib(size: int) -> str:
    """A size for people."""
    return f"{size / 1024:.0f} KiB" if size >= 10240 else f"{size / 1024:.1f} KiB"
