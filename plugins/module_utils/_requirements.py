# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a Python library that is not there: what for, for which Python, and the command that installs it."""

from __future__ import annotations

import shlex
import sys

from ansible.module_utils.basic import missing_required_lib

# Earlier ones break jump hosts and RSA keys of agents.
OLDEST_ASYNCSSH = "2.23.1"
# As in requirements.txt, which is not everywhere where a module runs.
_WANTED = {
    "asyncssh": f"asyncssh[bcrypt]>={OLDEST_ASYNCSSH}",
    "google-re2": "google-re2>=1.1",
    "prometheus-client": "prometheus-client>=0.20",
    "py-consul": "py-consul>=1.5.0",
}


def installing(library: str) -> str:
    """The command that installs it where it is missed."""
    return shlex.join([sys.executable or "python3", "-m", "pip", "install", _WANTED.get(library, library)])


def missing(library: str, purpose: str) -> str:
    """The message, in Ansible's words."""
    message: str = missing_required_lib(library, reason=f"{purpose}. To install it: {installing(library)}")
    return message
