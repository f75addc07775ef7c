# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins are loaded in tests as ansible loads them: through its collection loader, from the linked checkout."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.loader import init_plugin_loader
from hypothesis import settings

init_plugin_loader([str(Path(__file__).resolve().parent.parent / ".venv/collections")])
# How long an example takes is the machine's affair: the first one loads plugins.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
