# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only ssh itself has: an open connection, a Kerberos ticket, a security key, an agent to forward."""

from __future__ import annotations

import functools
import os
import stat
import subprocess
from pathlib import Path
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import (
    Failure,
    OtherTransportNeeded,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.login_keys import token_file
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

_KLIST_SECONDS: Final = 5


def other_login(target: Target) -> OtherTransportNeeded | None:
    """What ssh may try at a target that refused all else; None where it has no more than was tried."""
    if target.control_path and _is_socket(target.control_path):
        return OtherTransportNeeded(f"the open connection at {target.control_path}", target.control_path)
    if target.gssapi and _has_ticket(os.environ.get("KRB5CCNAME", "")):
        return OtherTransportNeeded(f"{target.address} refused the login, and ssh has a Kerberos ticket")
    if "publickey" in target.methods and not target.credentials.private_key:
        path = token_file(target.identities)
        if path:
            return OtherTransportNeeded(f"{target.address} refused the login, and {path} is of a security key")
    return None


def other_become(target: Target, failure: Failure, *, password: bool) -> OtherTransportNeeded | None:
    """What ssh may try where become ran nothing: a server may ask the user's agent who that is (pam_ssh_agent_auth).

    A password that was refused is no matter of agents, and one more try might lock the account.
    """
    if failure.status == "denied" and target.forward_agent and not password:
        return OtherTransportNeeded(f"become was refused at {target.address}, and ssh forwards the agent")
    return None


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


@functools.lru_cache(maxsize=8)
def _has_ticket(cache: str) -> bool:
    """Whether there is one: many systems allow GSSAPI to everybody, and few people have a ticket.

    klist knows caches of every kind; without it, files are looked for.
    """
    try:
        done = subprocess.run(
            ["klist", "-s"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_KLIST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Path((cache or f"/tmp/krb5cc_{os.getuid()}").removeprefix("FILE:")).is_file()  # noqa: S108
    return done.returncode == 0
