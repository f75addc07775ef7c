# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the sweep, for the actions and for the modules that document them."""

from __future__ import annotations

from typing import Any

PATTERNS = ["*.yml", "*.yaml", "*/*.yml", "*/*.yaml"]
SERVICES = [
    {"service": "prometheus", "directory": "/etc/prometheus"},
    {"service": "alertmanager", "directory": "/etc/alertmanager"},
]
# What fields and routes are taken from. Files of other services are swept, and read by nobody.
SERVICE_NAMES = ("prometheus", "alertmanager")


def sweep_spec() -> dict[str, dict[str, Any]]:
    """Options of both actions."""
    return {
        "hosts": {"type": "list", "elements": "str"},
        "services": {
            "type": "list",
            "elements": "dict",
            "default": SERVICES,
            "options": {
                "service": {"type": "str", "required": True},
                "directory": {"type": "str", "required": True},
                "patterns": {"type": "list", "elements": "str", "default": PATTERNS},
            },
        },
        "connect_timeout": {"type": "float"},
        "timeout": {"type": "float", "default": 30.0},
        "max_parallel": {"type": "int", "default": 50},
        "max_bytes": {"type": "int", "default": 64 * 1024 * 1024},
        "max_files": {"type": "int", "default": 2000},
        "fail_on": {"type": "str", "choices": ["any", "all", "never"], "default": "all"},
        "progress": {"type": "bool", "default": True},
    }


def mirror_spec() -> dict[str, dict[str, Any]]:
    """What the mirroring action has beside them."""
    return {
        "dest": {"type": "path", "required": True},
        "redact": {"type": "bool", "default": True},
        "prune": {"type": "bool", "default": True},
        "force": {"type": "bool", "default": False},
        "history": {"type": "str", "choices": ["none", "git"], "default": "none"},
    }
