# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter route_check: Alertmanager routes, groupings and inhibitions that no alert of the fleet can meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.extract_fields import load_configs, require_re2
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.inputs import (
    InputError,
    names_of,
    options_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.routes import check_routes
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import mirror


@checked
def route_check(
    configs: Any,
    *,
    servers: Any = None,
    known_labels: Any = None,
    main_config: Any = None,
    prometheus_version: Any = 3,
) -> list[dict[str, Any]]:
    """Findings. See route_check.yml for the arguments and the result."""
    require_re2("route_check")
    known = plain(known_labels) or []
    if not isinstance(known, list) or not all(isinstance(name, str) for name in known):
        raise AnsibleFilterError("route_check: known_labels must be a list of label names")
    try:
        options = options_of(plain(main_config), plain(prometheus_version), "keep")
        found = load_configs(configs, names_of(plain(servers)))
    except (InputError, mirror.MirrorError) as error:
        raise AnsibleFilterError(f"route_check: {error}") from error
    return check_routes(found, options, known)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"route_check": route_check}
