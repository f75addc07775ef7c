# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boundary: what Ansible hands over, as plain Python data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._paths import text_for_path


def plain(value: Any) -> Any:
    """Return value as plain dict, list, str, int, float, bool or None, all the way down.

    Ansible hands plugins tagged strings and lazily templated containers. They equal plain values but are subclasses, so
    YAML and JSON writers, type checks and caches trip over them. Reading a lazy container also templates what is in
    it, so an undefined variable raises here and not in the middle of the work.
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return bytes(value).decode("utf-8", errors="surrogateescape")
    if getattr(value, "__ENCRYPTED__", False):
        # A vaulted text of ansible-core 2.18, to Python a sequence of characters.
        return str(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (Sequence, Set)):
        return [plain(item) for item in value]
    return str(value)


def named(name: Any) -> str:
    """A name as messages repeat it; what is no name but a text may hold secrets, and is only measured."""
    text = str(name)
    return text_for_path(text) or text
