# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter redact: a config text → the same text without its secrets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import checked
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain


@checked
def redact(text: Any, *, salt: Any = None) -> str:
    """The text, masked. See redact.yml for the arguments."""
    text, salt = plain(text), plain(salt)
    if not isinstance(text, str):
        raise AnsibleFilterError(f"redact: expected a text, not a value of type {type(text).__name__}")
    if not isinstance(salt, str | None):
        raise AnsibleFilterError("redact: salt must be a text")
    return _redactor(salt or None).redact(text).text


@lru_cache(maxsize=16)
def _redactor(salt: str | None) -> Redactor:
    """One redactor for each salt, so that texts in one expression have the same masks for the same secrets."""
    return Redactor(None if salt is None else salt.encode("utf-8", "surrogatepass"))


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"redact": redact}
