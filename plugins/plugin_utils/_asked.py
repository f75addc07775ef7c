# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a sweep asks for a lookup, and whom its answer speaks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def play_hosts(variables: Mapping[str, Any], named: Sequence[str] | None) -> list[str]:
    """The servers to ask: those named, else the play's.

    The localhost that Ansible makes up where the inventory has none is where a play runs, and no server of a fleet.
    """
    if named is not None:
        return list(named)
    known = set((variables.get("groups") or {}).get("all") or [])
    return [host for host in variables.get("ansible_play_hosts_all") or [] if host in known]


def speaks_for(servers: Sequence[str], document: Mapping[str, Any], refresh: bool) -> bool:
    """Whether a document answers those who would ask these servers.

    One of a sweep whose store told nothing knows of the servers that it asked, and so does one for a refresh.
    """
    if "asked" not in document or (document["whole"] and not refresh):
        return True
    return set(servers) <= set(document["asked"])
