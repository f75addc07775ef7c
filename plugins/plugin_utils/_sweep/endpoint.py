# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one server is reached: the words between whoever knows that and the sweep, which needs no Ansible for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.become import Become
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

ASYNCSSH: Final = "asyncssh"


@dataclass(slots=True)
class Endpoint:
    """How one server is reached: by asyncssh at target, or by the connection plugin that make_connection gives.

    transport is 'asyncssh' or the name of the connection plugin; reason says why it is not asyncssh. connect_timeout
    is what the server's own settings say, in seconds. control_path is the socket of a connection of ssh's that is to
    be used.
    """

    server: str
    transport: str
    connect_timeout: float
    make_connection: Callable[[], Any] = field(repr=False)
    target: Target | None = None
    become: Become | None = None
    reason: str | None = None
    control_path: str | None = None

    @property
    def place(self) -> str:
        """Where that is, for people."""
        return self.target.route if self.target else self.transport
