# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter extract_fields: the config files of a fleet → its labels, with what makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._paths import text_for_path
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._requirements import missing
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.inputs import (
    InputError,
    names_of,
    need_contents,
    options_of,
    servers_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import RE2_IMPORT_ERROR
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import mirror


@checked
def extract_fields(
    configs: Any,
    *,
    servers: Any = None,
    main_config: Any = None,
    prometheus_version: Any = 3,
    refused: Any = "omit",
) -> dict[str, Any]:
    """Fields and servers. See extract_fields.yml for the arguments and the result."""
    require_re2("extract_fields")
    try:
        options = options_of(plain(main_config), plain(prometheus_version), plain(refused))
        found = load_configs(configs, names_of(plain(servers)))
    except (InputError, mirror.MirrorError) as error:
        raise AnsibleFilterError(f"extract_fields: {error}") from error
    return extract(found, options)


def require_re2(name: str) -> None:
    """Say which Python library is missing, and for which Python."""
    if RE2_IMPORT_ERROR is not None:
        message = missing("google-re2", "to read what the configs say")
        raise AnsibleFilterError(f"{name}: {message}") from RE2_IMPORT_ERROR


def load_configs(configs: Any, servers: list[str] | None) -> dict[str, ServerConfigs]:
    """The servers' files, from a sweep result or from the mirror directory at a path.

    Raises InputError and MirrorError.
    """
    if isinstance(configs, str):
        if text := text_for_path(configs):
            raise InputError(f"expected a sweep result or the path of a mirror, got {text}")
        loaded: Mapping[str, Any] = mirror.load(str(Path(str.__str__(configs)).expanduser()), servers)
        return servers_of(loaded, servers)
    result = plain(configs)
    found = servers_of(result, servers)
    need_contents(result)
    return found


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"extract_fields": extract_fields}
