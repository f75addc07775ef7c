# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extractions to publish, in the shape of the extract_fields contract, and a publish in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import Store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import ORIGINS
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import Rules
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import (
    Manner,
    plan_publish,
    plan_rollback,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.publish import Outcome, publish
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import Sweep, sweep_from
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import stamp

NOW = datetime(2026, 1, 31, 8, 15, tzinfo=UTC)


def extraction(
    servers: Mapping[str, list[str]],
    *,
    ways: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    status: Mapping[str, str] | None = None,
    values: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """What extract_fields gives for servers that have these fields.

    ways: (server, field) → attributes of a rule that differ from the common one. status: of servers that are not ok.
    """
    fields: dict[str, dict[str, Any]] = {}
    for server, names in sorted(servers.items()):
        for name in names:
            rule = source(name) | dict((ways or {}).get((server, name), {}))
            item = fields.setdefault(name, {"name": name, "servers": [], "sources": []})
            item["servers"].append(server)
            known = next((other for other in item["sources"] if _same(other, rule)), None)
            if known is None:
                item["sources"].append({"servers": [server], **rule})
            else:
                known["servers"].append(server)
    for name, item in fields.items():
        # As the extraction does it: the first of the origins, then the rule of most servers.
        main = min(item["sources"], key=lambda rule: (ORIGINS.index(rule["origin"]), -len(rule["servers"])))
        item |= {"origin": main["origin"], "source_label": main["from"][0], "pattern": None}
        item |= {key: main[key] for key in ("regex", "replacement")}
        item |= {"values": (values or {}).get(name, []), "values_complete": False, "presence": "conditional"}
    return {
        "fields": list(fields.values()),
        "servers": {
            server: {
                "status": (status or {}).get(server, "ok"),
                "error": None,
                "digest": f"sha256:{server}",
                "config": "/etc/prometheus/prometheus.yml",
                "external_labels": {"site": server},
                "jobs": ["node"],
                "files": ["/etc/prometheus/prometheus.yml"],
                "fields": sorted(names),
                "problems": [],
            }
            for server, names in servers.items()
        },
    }


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal rules are one source, wherever they stand: the place is that of the first server."""
    place = ("servers", "file", "line")
    return {k: v for k, v in one.items() if k not in place} == {k: v for k, v in other.items() if k not in place}


def source(name: str) -> dict[str, Any]:
    """The rule by which a field is made where nothing else is said."""
    return {
        "jobs": ["node"],
        "file": "/etc/prometheus/prometheus.yml",
        "line": 12,
        "stage": "relabel_configs",
        "origin": "relabel",
        "action": "replace",
        "source_labels": [f"__meta_consul_service_metadata_{name}"],
        "separator": ";",
        "regex": None,
        "replacement": None,
        "target_label": name,
        "from": [f"__meta_consul_service_metadata_{name}"],
        "presence": "conditional",
    }


def sweep_of(extracted: Mapping[str, Any], seen: datetime = NOW) -> Sweep:
    return sweep_from(extracted["fields"], extracted["servers"], stamp(seen))


def manner_for(store: Store, **settings: Any) -> Manner:
    return Manner(place=store.place, pretty=isinstance(store, DirectoryStore), **settings)


def publish_to(
    store: Store,
    extracted: Mapping[str, Any],
    *,
    now: datetime | None = None,
    check_mode: bool = False,
    retry_seconds: float = 15.0,
    manner: Mapping[str, Any] | None = None,
    **rules: Any,
) -> Outcome:
    """Publish as the module does; rules are those of Rules, manner those of Manner."""
    moment = now or datetime.now(UTC)
    settings = manner_for(store, **(manner or {}))
    return publish(
        store,
        lambda snapshot: plan_publish(snapshot, sweep_of(extracted, moment), Rules(now=moment, **rules), settings),
        check_mode=check_mode,
        retry_seconds=retry_seconds,
    )


def roll_back(
    store: Store,
    to: str | None = None,
    *,
    now: datetime | None = None,
    check_mode: bool = False,
    forget: Sequence[str] = (),
    **manner: Any,
) -> Outcome:
    moment = now or datetime.now(UTC)
    settings = manner_for(store, **manner)
    return publish(
        store,
        lambda snapshot: plan_rollback(snapshot, to, Rules(now=moment, forget=forget), settings),
        check_mode=check_mode,
        retry_seconds=5.0,
    )
