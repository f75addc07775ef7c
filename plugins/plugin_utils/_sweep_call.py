# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the sweep when it is called, so that what it needs can be missing without a traceback."""

from __future__ import annotations

import traceback
from types import ModuleType

from ansible.errors import AnsibleError
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.compat.version import LooseVersion

# Earlier ones break jump hosts and RSA keys of agents.
OLDEST = "2.23.1"


def sweep_modules() -> tuple[ModuleType, ModuleType]:
    """The modules gather and play_view. Raises AnsibleError when asyncssh is missing or too old."""
    try:
        import asyncssh

        from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import gather, play_view
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        if name == "ansible_collections":
            raise
        needed = name if name not in {"asyncssh", ""} else f"asyncssh >= {OLDEST}"
        message = missing_required_lib(needed, reason="to reach the servers")
        if name not in {"asyncssh", ""}:
            message += f" ({traceback.format_exception_only(error)[-1].strip()})"
        raise AnsibleError(message) from None
    if LooseVersion(asyncssh.__version__) < LooseVersion(OLDEST):
        raise AnsibleError(
            f"asyncssh {asyncssh.__version__} is too old: {OLDEST} or later is needed to reach the servers"
        )
    return gather, play_view
