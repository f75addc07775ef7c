# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as arguments of metrics_text."""

from __future__ import annotations

from typing import Any

from tests.integration.report import samples


def full_run() -> dict[str, Any]:
    """A run that got to everything: every metric has a sample."""
    arguments = samples.small_fleet()
    return {
        "sweep": arguments["sweep"],
        "extracted": arguments["extracted"],
        "published": arguments["published"],
        "drift": arguments["drift"],
        "routes": arguments["routes"],
        "cache": {"memory": 12, "store": 1},
    }


def hostile_run() -> dict[str, Any]:
    """A run in which every name is an attack or an oddity."""
    arguments = samples.hostile_fleet()
    names = samples.HOSTILE
    return {
        "sweep": arguments["sweep"],
        "extracted": arguments["extracted"],
        "published": {"statuses": dict.fromkeys(names, 1), "conflicts": names, "attempts": 1},
        "drift": arguments["drift"],
        "routes": arguments["routes"],
        "cache": dict.fromkeys(names, 1),
    }
