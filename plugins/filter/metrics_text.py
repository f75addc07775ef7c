# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter metrics_text: a run's results → Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._requirements import missing
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils import _metrics
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked, strange_result
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_hits import TIERS
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ANSWERED, Status

SEVERITIES = ("error", "warning", "info")

display = Display()


@checked
def metrics_text(
    sweep: Any,
    *,
    extracted: Any = None,
    published: Any = None,
    drift: Any = None,
    routes: Any = None,
    cache: Any = None,
    success: bool | None = None,
    previous: str = "",
    known_servers: Sequence[str] = (),
) -> str:
    """The metrics text of one run. See metrics_text.yml for the arguments."""
    if _metrics.PROMETHEUS_CLIENT_ERROR is not None:
        raise AnsibleFilterError(f"metrics_text: {missing('prometheus-client', 'for the metrics')}")
    sweep, extracted, published = (
        _result("sweep", sweep),
        _result("extracted", extracted),
        _result("published", published),
    )
    hosts = _mappings("sweep.hosts", sweep.get("hosts"))
    reached = any(server.get("status") in ANSWERED for server in hosts.values())
    failed = bool(sweep.get("failed") or published.get("failed"))
    run = _metrics.Run(
        now=round(time.time(), 3),
        success=(reached and not failed) if success is None else bool(success),
        servers=hosts,
        answered=ANSWERED,
        statuses=get_args(Status),
        seconds=_mapping("sweep.summary", sweep.get("summary")).get("seconds"),
        extracted=len(extracted["fields"]) if "fields" in extracted else None,
        problems=_problems(extracted),
        fields=_field_statuses(published),
        drift=_severities("drift", drift),
        routes=_severities("routes", routes),
        conflicts=_conflicts(published),
        attempts=published.get("attempts"),
        cache_hits=_hits(cache),
        known_servers=frozenset(_names("known_servers", known_servers)),
        carried=_carried(previous),
    )
    return _metrics.render(run)


def _mapping(name: str, value: Any) -> dict[str, Any]:
    value = plain(value)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise AnsibleFilterError(f"metrics_text: {name} must be a dictionary, got {type(value).__name__}")
    return dict(value)


def _result(name: str, value: Any) -> dict[str, Any]:
    found = _mapping(name, value)
    if wrong := strange_result(name, found):
        raise AnsibleFilterError(f"metrics_text: {wrong}")
    return found


def _mappings(name: str, value: Any) -> dict[str, Any]:
    found = _mapping(name, value)
    if not all(isinstance(item, Mapping) for item in found.values()):
        raise AnsibleFilterError(f"metrics_text: {name} must be a dictionary of dictionaries")
    return found


def _counts(name: str, value: Any) -> dict[str, int]:
    try:
        return {str(key): int(number) for key, number in _mapping(name, value).items()}
    except (ValueError, TypeError):
        raise AnsibleFilterError(f"metrics_text: {name} must be a dictionary of numbers") from None


def _names(name: str, value: Any) -> list[str]:
    value = plain(value)
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise AnsibleFilterError(f"metrics_text: {name} must be a list of names, got {type(value).__name__}")
    if not all(isinstance(item, str) for item in value):
        raise AnsibleFilterError(f"metrics_text: {name} must be a list of names")
    return value


def _problems(extracted: Mapping[str, Any]) -> dict[str, int] | None:
    if "servers" not in extracted:
        return None
    servers = _mappings("extracted.servers", extracted["servers"])
    return {name: len(server.get("problems") or []) for name, server in servers.items()}


def _field_statuses(published: Mapping[str, Any]) -> dict[str, int] | None:
    if "statuses" not in published:
        return None
    return dict.fromkeys(_metrics.FIELD_STATUSES, 0) | _counts("published.statuses", published["statuses"])


def _conflicts(published: Mapping[str, Any]) -> int | None:
    """Those that are open: where the sweep's word was taken, nothing is left to settle."""
    if "conflicts" not in published:
        return None
    settled = [isinstance(item, Mapping) and item.get("kept") == "swept" for item in published["conflicts"] or []]
    return settled.count(False)


def _severities(name: str, findings: Any) -> dict[str, int] | None:
    findings = plain(findings)
    if findings is None or findings == "":
        return None
    if not isinstance(findings, list) or not all(isinstance(item, Mapping) for item in findings):
        raise AnsibleFilterError(f"metrics_text: {name} must be a list of findings, got {type(findings).__name__}")
    return dict.fromkeys(SEVERITIES, 0) | dict(Counter(str(item.get("severity")) for item in findings))


def _hits(cache: Any) -> dict[str, int] | None:
    cache = _mapping("cache", cache)
    if not cache:
        return None
    return dict.fromkeys(TIERS, 0) | _counts("cache", cache)


def _carried(previous: str) -> _metrics.Carried:
    """What outlives the run; a damaged earlier text costs a warning, never the new one."""
    try:
        return _metrics.carried_from(str(plain(previous or "")))
    except ValueError:
        # What Python says of it quotes the text, which need not be one of ours.
        display.warning("metrics_text: the earlier text is not in Prometheus' format, and its times are lost")
        return _metrics.Carried()


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        return {"metrics_text": metrics_text}
