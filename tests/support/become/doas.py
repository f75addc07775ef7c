# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A become plugin for doas, with the options and prompts of the one that users install."""

from __future__ import annotations

DOCUMENTATION = """
name: doas
short_description: Do As user
description: Becomes another user by doas.
author: Prometheus Fleet contributors
options:
  become_user:
    description: Who to become.
    default: ""
    vars: [{name: ansible_become_user}]
  become_exe:
    description: The program.
    default: doas
    vars: [{name: ansible_become_exe}]
  become_flags:
    description: Its options.
    default: ""
    vars: [{name: ansible_become_flags}]
  become_pass:
    description: The password.
    vars: [{name: ansible_become_password}, {name: ansible_doas_pass}]
"""

import re

from ansible.plugins.become import BecomeBase


class BecomeModule(BecomeBase):  # type: ignore[misc]
    name = "doas"
    fail = ("Permission denied", "Authentication failed")
    missing = ("Authorization required", "Authentication required")

    def check_password_prompt(self, b_output: bytes) -> bool:
        return bool(re.search(rb"doas \([^)]*\) password: *$", b_output))

    def build_become_command(self, cmd: str, shell: object) -> str:
        super().build_become_command(cmd, shell)
        self.prompt = True
        flags = self.get_option("become_flags") or ""
        if not self.get_option("become_pass") and "-n" not in flags:
            flags += " -n"
        user = self.get_option("become_user")
        command = self._build_success_command(cmd, shell, noexe=True)
        return f"{self.get_option('become_exe')} {flags} {f'-u {user}' if user else ''} /bin/sh -c {command}"
