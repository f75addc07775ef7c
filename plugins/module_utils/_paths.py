# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that were given where a path belongs. What they hold may be secret, so no message repeats them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_PATH = 4096  # PATH_MAX of Linux
_STARTS = ("{", "[")
_PARTS = ("\n", "\r", "\0", ": ", "://")


def text_for_path(value: str) -> str | None:
    """What stands where a path belongs, in words that quote nothing of it; None where it can be a path.

    The contents of a file in place of its name is the usual mistake.
    """
    if len(value) > LONGEST_PATH or value.startswith(_STARTS) or any(part in value for part in _PARTS):
        lines = len(value.splitlines())
        return f"a text of {lines} lines" if lines > 1 else f"a text of {len(value)} characters"
    return None


def without_texts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are paths, with words in place of a text that is none."""
    return {name: (isinstance(value, str) and text_for_path(value)) or value for name, value in options.items()}
