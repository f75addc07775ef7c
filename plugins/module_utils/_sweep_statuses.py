# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sweep says of a server, for the sweep itself and for the store that keeps its word."""

from __future__ import annotations

from typing import Final, Literal

Status = Literal[
    "ok",
    "partial",
    "unchanged",
    "unreachable",
    "auth_failed",
    "host_key_rejected",
    "no_such_directory",
    "denied",
    "timeout",
    "too_large",
    "protocol_error",
]

# The server answered whole: what it did not send, it does not have.
WHOLE: Final[frozenset[str]] = frozenset({"ok", "unchanged"})
PARTIAL: Final = "partial"
# The server gave something to work with.
ANSWERED: Final[frozenset[str]] = WHOLE | {PARTIAL}
