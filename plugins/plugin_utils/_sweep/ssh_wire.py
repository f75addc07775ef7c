# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SSH messages are made of (RFC 4251), where asyncssh is given a part of one ready made."""

from __future__ import annotations


def string(data: bytes) -> bytes:
    """data with its length in front."""
    return len(data).to_bytes(4, "big") + data
