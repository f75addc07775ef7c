# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's results → what the page shows: small, with every set of servers written as ranges of their numbers.

The page holds, for 300 fields on 1,000 servers, 300,000 cells. They are not written out: a cell follows from the ways
in which a field is made, and each way names its servers once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What tells one rule from another. Where a rule stands does not: the same rule in another file makes the same label.
RULE_KEYS = (
    "origin",
    "stage",
    "action",
    "source_labels",
    "separator",
    "regex",
    "modulus",
    "replacement",
    "target_label",
    "through",
)
VALUES_SHOWN = 50
PROBLEMS_SHOWN = 100


def page_data(
    *,
    title: str,
    generated: str,
    sweep: Mapping[str, Any],
    extracted: Mapping[str, Any],
    answered: frozenset[str],
    drift: Sequence[Mapping[str, Any]] = (),
    routes: Sequence[Mapping[str, Any]] = (),
    published: Mapping[str, Any] | None = None,
    stored: Sequence[Mapping[str, Any]] = (),
    unchecked: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything the page shows, JSON-able. The arguments have the shapes of the contracts; contents are not used.

    published is what the publish said; stored are the fields of the store's document, where it was read; unchecked is
    what nobody looked for.
    """
    hosts: Mapping[str, Any] = sweep.get("hosts") or {}
    read: Mapping[str, Any] = extracted.get("servers") or {}
    names = sorted({*hosts, *read})
    numbers = {name: number for number, name in enumerate(names)}
    fields = list(extracted.get("fields") or [])
    entries = _entries(fields, published or {}, stored)
    return {
        "title": title,
        "generated": generated,
        "unchecked": list(unchecked),
        "summary": dict(sweep.get("summary") or {}),
        "published": _published(published or {}, entries),
        "servers": [_server(name, hosts.get(name) or {}, read.get(name) or {}, answered) for name in names],
        "fields": [_field(item, numbers, entries) for item in _with_orphans(fields, entries)],
        "findings": [
            *(_finding("drift", item, numbers) for item in drift),
            *(_finding("route", item, numbers) for item in routes),
            *_publish_findings(published or {}, numbers),
            *_problems(read, numbers),
        ],
    }


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as text: {0, 1, 2, 5} is "0-2,5"."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def _server(name: str, swept: Mapping[str, Any], read: Mapping[str, Any], answered: frozenset[str]) -> dict[str, Any]:
    files = swept.get("files") or []
    seconds = swept.get("seconds") or {}
    status = swept.get("status") or read.get("status")
    return {
        "name": name,
        "status": status,
        "answered": status in answered,
        # Of a server without a configuration that Prometheus takes, nobody knows which labels it makes.
        "known": status in answered and read.get("config") in {None, "loaded"},
        "error": swept.get("error") or read.get("error"),
        "config": read.get("config"),
        "transport": swept.get("transport"),
        "endpoint": swept.get("endpoint"),
        "digest": swept.get("digest") or read.get("digest"),
        "attempts": swept.get("attempts"),
        "seconds": [float(seconds.get(part) or 0) for part in ("connect", "transfer", "total")] if seconds else None,
        "files": len(files),
        "bytes": sum(int(item.get("size") or 0) for item in files),
        "unreadable": [{"file": item.get("path"), "message": item["error"]} for item in files if item.get("error")],
        "fields": len(read.get("fields") or []),
        "jobs": list(read.get("jobs") or []),
        "external_labels": {str(label): str(value) for label, value in (read.get("external_labels") or {}).items()},
        "problems": list(read.get("problems") or [])[:PROBLEMS_SHOWN],
    }


def _entries(
    fields: Sequence[Mapping[str, Any]], published: Mapping[str, Any], stored: Sequence[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """What the store says of each field, by name; where it was not read, what follows from the publish."""
    if stored:
        entries = {str(item.get("name")): item for item in stored}
        return {str(item.get("name")): {"status": "missing"} for item in fields} | entries
    if "statuses" not in published:
        return {}
    missing = set(published.get("missing") or [])
    outdated = {item.get("field") for item in published.get("conflicts") or [] if item.get("kept") != "swept"}
    status = {True: "missing", False: "synced"}
    return {
        name: {"status": "outdated" if name in outdated else status[name in missing]}
        for name in (str(item.get("name")) for item in fields)
    }


def _with_orphans(
    fields: Sequence[Mapping[str, Any]], entries: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The fields of the sweep and those that only the store still has."""
    found = {str(item.get("name")) for item in fields}
    return [*fields, *({**entries[name], "sources": [], "servers": []} for name in entries if name not in found)]


def _field(item: Mapping[str, Any], numbers: Mapping[str, int], entries: Mapping[str, Any]) -> dict[str, Any]:
    name = str(item.get("name"))
    values = [str(value) for value in item.get("values") or []]
    entry = entries.get(name) or {}
    return {
        "name": name,
        "origin": item.get("origin"),
        "source_label": item.get("source_label"),
        "regex": item.get("regex"),
        "replacement": item.get("replacement"),
        "presence": item.get("presence"),
        "values": values[:VALUES_SHOWN],
        "values_total": len(values),
        "status": entry.get("status"),
        "display_name": entry.get("display_name"),
        "first_seen": entry.get("first_seen"),
        "orphaned_since": entry.get("orphaned_since"),
        "ways": _ways(item, numbers),
    }


def _ways(item: Mapping[str, Any], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """The ways in which a field is made, the commonest first; two servers share a way if they have the same rules."""
    sources: list[Mapping[str, Any]] = list(item.get("sources") or [])
    rules = [_rule(source) for source in sources]
    makers: dict[int, set[int]] = {numbers[name]: set() for name in item.get("servers") or [] if name in numbers}
    for index, source in enumerate(sources):
        for name in source.get("servers") or []:
            if name in numbers:
                makers.setdefault(numbers[name], set()).add(index)
    by_way: dict[frozenset[str], list[int]] = defaultdict(list)
    for server, indices in makers.items():
        by_way[frozenset(rules[index] for index in indices)].append(server)
    ways = sorted(by_way.items(), key=lambda way: (-len(way[1]), min(way[1])))
    return [
        {"servers": ranges(servers), "rules": _way_rules(servers, makers, sources, rules)} for _way, servers in ways
    ]


def _rule(source: Mapping[str, Any]) -> str:
    return repr([source.get(key) for key in RULE_KEYS])


def _way_rules(
    servers: Sequence[int], makers: Mapping[int, set[int]], sources: Sequence[Mapping[str, Any]], rules: Sequence[str]
) -> list[dict[str, Any]]:
    """Each rule of a way once, with the places where it stands on the servers of that way."""
    places: dict[int, list[int]] = defaultdict(list)
    for server in servers:
        for index in makers[server]:
            places[index].append(server)
    found: dict[str, dict[str, Any]] = {}
    for index, here in sorted(places.items()):
        source, rule = sources[index], rules[index]
        entry = found.setdefault(rule, {key: source.get(key) for key in RULE_KEYS} | {"places": []})
        entry["places"].append(
            {
                "file": source.get("file"),
                "line": source.get("line"),
                "jobs": list(source.get("jobs") or []),
                "overwrites": list(source.get("overwrites") or []),
                "servers": ranges(here),
            }
        )
    return list(found.values())


def _finding(source: str, item: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    servers = item.get("servers") or ([item["server"]] if item.get("server") else [])
    return {
        "source": source,
        "kind": item.get("kind"),
        "severity": item.get("severity"),
        "label": item.get("label"),
        "message": item.get("message"),
        "reasons": list(item.get("reasons") or []),
        "file": item.get("file"),
        "line": item.get("line"),
        "servers": ranges(numbers[name] for name in servers if name in numbers),
    }


def _problems(read: Mapping[str, Any], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """What could not be read in the configurations; the same problem on many servers is one finding."""
    found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for name, server in read.items():
        for problem in server.get("problems") or []:
            severity = problem.get("severity") or "warning"
            found[severity, problem.get("file"), problem.get("line"), problem.get("message")].append(name)
    return [
        _finding(
            "config",
            {"severity": severity, "file": file, "line": line, "message": message, "servers": servers},
            numbers,
        )
        for (severity, file, line, message), servers in found.items()
    ]


def _publish_findings(published: Mapping[str, Any], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    if published.get("failed"):
        return [_finding("store", {"severity": "error", "message": f"Not published: {published.get('msg')}"}, numbers)]
    return [_finding("store", _conflict(item), numbers) for item in published.get("conflicts") or []]


def _conflict(item: Mapping[str, Any]) -> dict[str, Any]:
    settled = item.get("kept") == "swept"
    what = f"{item.get('attribute')} was changed in the store and the servers say otherwise"
    return {
        "kind": "edited_by_hand",
        "severity": "info" if settled else "warning",
        "label": item.get("field"),
        "message": f"{what}; this publish replaced it." if settled else f"{what}; what is stored is kept.",
    }


def _published(published: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    if "statuses" not in published and not entries:
        return None
    statuses = published.get("statuses") or Counter(str(item.get("status")) for item in entries.values())
    return {"statuses": {str(status): count for status, count in statuses.items() if count}}
