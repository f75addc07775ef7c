# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter report_html: a run's results → one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked, strange_result
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.drift import with_mapped
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._report import assemble, data
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ANSWERED

# Hundreds of servers with mappings of their own give each label as many ways: far too much for a page.
MAPPINGS_SHOWN = 20


@checked
def report_html(
    sweep: Any,
    *,
    extracted: Any,
    drift: Any = None,
    routes: Any = None,
    published: Any = None,
    stored: Any = None,
    title: str = "Labels of the fleet",
    generated: str | None = None,
) -> str:
    """The page of one run. See report_html.yml for the arguments."""
    found = _argument("extracted", extracted, dict)
    return assemble.page(
        data.page_data(
            title=str(plain(title)),
            generated=str(plain(generated)) if generated else datetime.now(UTC).isoformat(timespec="seconds"),
            sweep=_argument("sweep", sweep, dict),
            extracted={**found, "fields": with_mapped(found.get("fields") or [], MAPPINGS_SHOWN)},
            answered=ANSWERED,
            drift=_argument("drift", drift, list),
            routes=_argument("routes", routes, list),
            published=_argument("published", published, dict),
            stored=_argument("stored", stored, list),
            unchecked=[name for name, given in (("drift", drift), ("routes", routes)) if given is None or given == ""],
        )
    )


def _argument(name: str, value: Any, kind: type[Any]) -> Any:
    """A plain value of the kind; nothing (None, an empty string, left out by omit) is an empty one."""
    value = plain(value)
    if value is None or value == "":
        return kind()
    if not isinstance(value, Mapping if kind is dict else kind):
        raise AnsibleFilterError(f"report_html: {name} must be a {kind.__name__}, got {type(value).__name__}")
    if kind is dict and (wrong := strange_result(name, value)):
        raise AnsibleFilterError(f"report_html: {wrong}")
    return value


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        return {"report_html": report_html}
