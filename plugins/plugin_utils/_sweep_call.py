# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the sweep when it is called, so that what it needs can be missing without a traceback."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import traceback
from types import ModuleType

from ansible.errors import AnsibleError
from ansible.module_utils.compat.version import LooseVersion

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._requirements import (
    OLDEST_ASYNCSSH,
    installing,
    missing,
)

PURPOSE = "to reach the servers"


def sweep_modules() -> tuple[ModuleType, ModuleType]:
    """The modules gather and play_view. Raises AnsibleError when asyncssh is missing or too old.

    asyncssh itself is not imported: the sweep does that while its first connections are on their way.
    """
    version = _asyncssh_version()
    if version is None:
        raise AnsibleError(missing("asyncssh", PURPOSE))
    if version and LooseVersion(version) < LooseVersion(OLDEST_ASYNCSSH):
        raise AnsibleError(
            f"asyncssh {version} is too old: {OLDEST_ASYNCSSH} or later is needed {PURPOSE}. To install it:"
            f" {installing('asyncssh')}"
        )
    try:
        from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import gather, play_view
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        if name in {"ansible_collections", ""}:
            raise
        said = traceback.format_exception_only(error)[-1].strip()
        raise AnsibleError(f"{missing(name, PURPOSE)} ({said})") from None
    return gather, play_view


def _asyncssh_version() -> str | None:
    """None where there is no asyncssh, and nothing where it does not say which it is."""
    try:
        return importlib.metadata.version("asyncssh")
    except importlib.metadata.PackageNotFoundError:
        return "" if importlib.util.find_spec("asyncssh") else None
