# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter explain_label: every step that makes, changes or drops one label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.extract_fields import load_configs, require_re2
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.explain_fleet import explain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.inputs import (
    InputError,
    names_of,
    options_of,
    target_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import named, plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import mirror


@checked
def explain_label(
    configs: Any,
    label: Any,
    *,
    servers: Any = None,
    job: Any = None,
    target: Any = None,
    main_config: Any = None,
    prometheus_version: Any = 3,
) -> dict[str, Any]:
    """The stories of one label. See explain_label.yml for the arguments and the result."""
    require_re2("explain_label")
    try:
        if not isinstance(label, str) or not label:
            raise InputError("the label must be a name")
        found = load_configs(configs, names_of(plain(servers)))
        options = options_of(plain(main_config), plain(prometheus_version), "keep")
        result = explain(found, plain(label), job=plain(job) or None, target=target_of(plain(target)), options=options)
    except (InputError, mirror.MirrorError) as error:
        raise AnsibleFilterError(f"explain_label: {error}") from error
    if job and not result["jobs"]:
        raise AnsibleFilterError(f"explain_label: no server has a job called {named(plain(job))}")
    return result


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"explain_label": explain_label}
