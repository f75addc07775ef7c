# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the shapes of the contracts, for the page to show: a small fleet, one of any size, and one of ill will."""

from __future__ import annotations

import random
from typing import Any

WHEN = "2026-03-14T09:26:53+00:00"
META = "__meta_consul_service_metadata_"
HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"><svg/onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "<!--",
    "-->]]>",
    "__DATA__ __SCRIPT__ {{ 7 * 7 }} {% raw %}",
    "line\u2028and\u2029paragraph\nand\tcontrol\x00\x1b",
    "übergröße → 日本語 🔥",
    "__proto__",
    "constructor",
    "broken \udc80 name",
    "a b/c?d=e#f%20g",
]


def file_result(path: str, size: int = 11_480) -> dict[str, Any]:
    service = "alertmanager" if "alertmanager" in path else "prometheus"
    return {
        "path": path,
        "service": service,
        "size": size,
        "mtime": 1_741_944_413,
        "sha256": "ab" * 32,
        "content": None,
        "redacted": 0,
        "error": None,
    }


def server_result(connect: float, transfer: float, total: float, files: int = 8) -> dict[str, Any]:
    paths = [f"/etc/prometheus/rules/{number}.yml" for number in range(files - 1)]
    return {
        "status": "ok",
        "error": None,
        "transport": "asyncssh",
        "endpoint": "10.20.0.4:22",
        "digest": "5f" * 32,
        "attempts": 1,
        "seconds": {"connect": connect, "transfer": transfer, "total": total},
        "files": [file_result(path) for path in [*paths, "/etc/alertmanager/alertmanager.yml"][:files]],
    }


def failed_server(status: str, error: str, total: float) -> dict[str, Any]:
    return server_result(0.0, 0.0, total, files=0) | {"status": status, "error": error, "digest": None}


def rule(servers: list[str], label: str, **changes: Any) -> dict[str, Any]:
    """One source of a field, as a replace rule over consul metadata unless told otherwise."""
    return {
        "servers": servers,
        "jobs": ["linux", "windows"],
        "file": "/etc/prometheus/prometheus.yml",
        "line": 42,
        "stage": "relabel_configs",
        "action": "replace",
        "source_labels": [META + label],
        "separator": None,
        "regex": None,
        "replacement": None,
        "target_label": label,
        "modulus": None,
        "through": [],
        "origin": "relabel",
        "from": [META + label],
        "presence": "conditional",
        "overwrites": [],
        "variables": [],
    } | changes


def feeder(label: str, **changes: Any) -> dict[str, Any]:
    """A rule of through."""
    keys = ("action", "source_labels", "separator", "regex", "replacement", "target_label", "modulus")
    made = rule([], label)
    return {key: made[key] for key in keys} | changes


def written(servers: list[str], origin: str, stage: str, line: int) -> dict[str, Any]:
    """A source without a rule: a label that is written out in the configuration."""
    nothing: dict[str, Any] = {"action": None, "source_labels": [], "target_label": None, "from": [], "jobs": []}
    return rule(servers, "", origin=origin, stage=stage, line=line, presence="always", **nothing)


def field(name: str, sources: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    servers = sorted({server for source in sources for server in source["servers"]})
    first = sources[0]
    return {
        "name": name,
        "origin": first["origin"],
        "source_label": next(iter(first["from"]), None),
        "regex": first["regex"],
        "replacement": first["replacement"],
        "sources": sources,
        "servers": servers,
        "pattern": None,
        "presence": first["presence"],
        "values": [],
        "values_complete": False,
    } | changes


def run(hosts: dict[str, Any], fields: list[dict[str, Any]], seconds: float = 1.84) -> dict[str, Any]:
    """The arguments of report_html: sweep and extracted, with what follows from them."""
    ok = sum(host["status"] in {"ok", "unchanged"} for host in hosts.values())
    files = [item for host in hosts.values() for item in host["files"]]
    names: dict[str, list[str]] = {name: [] for name in hosts}
    for item in fields:
        for server in item["servers"]:
            names[server].append(item["name"])
    servers = {
        name: {
            "status": host["status"],
            "error": host["error"],
            "digest": host["digest"],
            "config": "loaded" if host["files"] else "missing",
            "external_labels": {"datacenter": "gru", "replica": name},
            "jobs": ["linux", "windows", "blackbox"],
            "files": [item["path"] for item in host["files"]],
            "fields": names[name],
            "problems": [],
        }
        for name, host in hosts.items()
    }
    summary = {
        "hosts": len(hosts),
        "ok": ok,
        "failed": len(hosts) - ok,
        "unchanged": 0,
        "files": len(files),
        "bytes": sum(item["size"] for item in files),
        "seconds": seconds,
    }
    return {
        "sweep": {"hosts": hosts, "summary": summary},
        "extracted": {"fields": fields, "servers": servers},
        "generated": WHEN,
    }


def small_fleet() -> dict[str, Any]:
    """Nine servers, one of them out of reach; company is made otherwise on one and tier is absent from two."""
    names = [f"prom-{site}-{number:02}" for site in ("gru", "rio", "rec") for number in (1, 2, 3)]
    times = random.Random(7)
    hosts = {
        name: server_result(
            round(times.uniform(0.15, 0.4), 3), round(times.uniform(0.05, 0.5), 3), round(times.uniform(0.8, 1.2), 3)
        )
        for name in names
    }
    hosts["prom-rec-03"] = failed_server(
        "unreachable",
        "prom-rec-03: no connection to 10.20.9.3:22 in 10 s. Check the address, the port and firewalls.",
        10.01,
    )
    hosts["prom-rio-02"]["status"] = "partial"
    hosts["prom-rio-02"]["files"][0]["error"] = "Permission denied"
    up = [name for name in names if name != "prom-rec-03"]
    company = [
        rule(up[1:], "company"),
        rule(up[:1], "company", regex="([^-]+)-.*", line=57, file="/etc/prometheus/scrape.d/legacy.yml"),
    ]
    address = feeder("", source_labels=["__address__"], regex="(.+)", target_label="__param_target")
    instance = rule(up, "instance", source_labels=["__param_target"], jobs=["blackbox"], line=120, through=[address])
    fields = [
        field("company", company, values=["ACME", "Globex", "Initech"]),
        field("tier", [rule(up[:-2], "tier")]),
        field("env", [rule(up, "env", jobs=["linux"], overwrites=[38])], values=["prod", "hml", "dev"]),
        field("site", [rule(up, "site", line=61)]),
        field("vendor", [rule(up, "vendor", line=66)]),
        field("instance", [instance]),
        field("datacenter", [written(up, "external_label", "external_labels", 8)], values=["gru"]),
        field("severity", [written(up, "rule", "rules", 14)], values=["critical", "warning"]),
        field("pod_.*", [rule(up[:3], "", origin="labelmap", action="labelmap", regex="__meta_kubernetes_(pod_.*)")]),
    ]
    arguments = run(hosts, fields)
    arguments["extracted"]["servers"]["prom-rio-01"]["problems"] = [
        {
            "file": "/etc/prometheus/rules/5.yml",
            "line": 31,
            "message": "has the key expr twice",
            "severity": "error",
        }
    ]
    arguments["drift"] = [
        {
            "kind": "regex",
            "severity": "error",
            "label": "company",
            "servers": [up[0]],
            "message": "company is made with regex ([^-]+)-.* on 1 server and with (.*) on 7.",
        },
        {
            "kind": "absent",
            "severity": "warning",
            "label": "tier",
            "servers": up[-2:],
            "message": "tier is made on 6 servers and absent from 2.",
        },
    ]
    arguments["routes"] = [
        {
            "kind": "dead_route",
            "severity": "warning",
            "label": "team",
            "servers": up[:3],
            "file": "/etc/alertmanager/alertmanager.yml",
            "line": 23,
            "certain": False,
            "reasons": ["prom-rec-03 was not read"],
            "message": 'A route asks for team="dba", and no server makes the label team.',
        }
    ]
    statuses = dict.fromkeys(["company", "env", "site", "vendor", "instance", "datacenter", "pod_.*"], "synced")
    statuses |= {"tier": "outdated", "floor": "orphan"}
    when = {"first_seen": "2025-11-12T14:03:22Z"}
    arguments["stored"] = [
        {"name": name, "status": status, "origin": "relabel", "display_name": name.title()} | when
        for name, status in statuses.items()
    ]
    arguments["stored"][-1]["orphaned_since"] = "2026-03-01T00:00:00Z"
    arguments["published"] = {
        "changed": True,
        "attempts": 1,
        "missing": ["severity"],
        "conflicts": [{"field": "tier", "attribute": "regex"}],
        "statuses": {"synced": 7, "outdated": 1, "orphan": 1, "missing": 1},
    }
    return arguments


def fleet(fields: int, servers: int) -> dict[str, Any]:
    """A fleet of any size: each tenth field differs somewhere, each hundredth server does not answer."""
    chance = random.Random(11)
    names = [f"prometheus-{number:04}.site-{number % 23:02}.example.net" for number in range(servers)]
    hosts = {name: server_result(0.2, 0.1, round(chance.lognormvariate(-0.7, 0.5) + 0.3, 3)) for name in names}
    for name in names[50::100]:
        hosts[name] = failed_server("timeout", f"{name}: no answer to the command in 30 s.", 30.0)
    up = [name for name in names if hosts[name]["status"] == "ok"]
    made = []
    for number in range(fields):
        label = f"label_{number:03}"
        on = [name for name in up if chance.random() > 0.05] if number % 4 == 0 else up
        odd = [name for name in on if chance.random() < 0.04] if number % 10 == 0 else []
        usual = [name for name in on if name not in set(odd)]
        sources = [rule(usual, label, line=10 + number)]
        if odd:
            sources.append(rule(odd, label, line=12 + number, regex="([a-z]+)-.*"))
        made.append(field(label, sources))
    arguments = run(hosts, made, seconds=34.2)
    arguments["drift"] = [
        {
            "kind": "regex",
            "severity": "warning",
            "label": f"label_{number:03}",
            "servers": made[number]["sources"][-1]["servers"],
            "message": f"label_{number:03} is made in two ways.",
        }
        for number in range(0, fields, 10)
    ]
    return arguments


def hostile_fleet() -> dict[str, Any]:
    """Every text that a server or an inventory can choose is an attack or an oddity."""
    names = [f"{text}" for text in HOSTILE]
    hosts = {
        name: server_result(0.2, 0.1, 0.5) | {"endpoint": name, "transport": name, "digest": name} for name in names
    }
    hosts[names[0]] |= {"status": "timeout", "error": names[0], "files": []}
    hosts[names[2]]["files"][0] |= {"path": names[2], "error": names[2]}
    keys = ("stage", "action", "separator", "regex", "replacement", "target_label", "file")
    fields = [
        field(
            text,
            [rule(names[1:], text, jobs=names, source_labels=names, **dict.fromkeys(keys, text))],
            values=names,
            origin=text,
            source_label=text,
        )
        for text in names
    ]
    arguments = run(hosts, fields)
    for server in arguments["extracted"]["servers"].values():
        server["external_labels"] = dict(zip(names, reversed(names), strict=True))
        server["jobs"] = names
        server["problems"] = [{"file": text, "line": 1, "message": text} for text in names]
    finding = [
        {"kind": text, "severity": text, "label": text, "servers": names, "message": text, "file": text}
        for text in names
    ]
    arguments["drift"] = finding
    arguments["routes"] = finding
    arguments["stored"] = [{"name": text, "status": text, "display_name": text, "first_seen": text} for text in names]
    arguments["published"] = {"conflicts": [{"field": text, "attribute": text} for text in names]}
    arguments["title"] = names[0]
    return arguments
