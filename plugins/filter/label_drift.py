# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter label_drift: where the servers of a fleet disagree about labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.drift import (
    REPLICA_LABELS,
    Settings,
    find_drift,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain


@checked
def label_drift(extracted: Any, *, replica_labels: Any = None, ignore: Any = None) -> list[dict[str, Any]]:
    """Findings. See label_drift.yml for the arguments and the result."""
    fields, servers = _parts(plain(extracted))
    replicas = _names("replica_labels", replica_labels)
    ignored = frozenset(_names("ignore", ignore) or ())
    return find_drift(fields, servers, Settings(REPLICA_LABELS if replicas is None else tuple(replicas), ignored))


def _parts(extracted: Any) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    if isinstance(extracted, dict):
        fields, servers = extracted.get("fields"), extracted.get("servers")
        if (
            isinstance(fields, list)
            and all(isinstance(field, dict) and "sources" in field for field in fields)
            and isinstance(servers, dict)
            and all(isinstance(server, dict) for server in servers.values())
        ):
            return fields, servers
    raise AnsibleFilterError(
        "label_drift: expected what the filter skills_eye.prometheus_fleet.extract_fields returns (fields and servers)"
    )


def _names(option: str, value: Any) -> list[str] | None:
    value = plain(value)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise AnsibleFilterError(f"label_drift: {option} must be a list of label names")
    return value


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"label_drift": label_drift}
