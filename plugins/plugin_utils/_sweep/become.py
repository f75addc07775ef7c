# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Becoming another user by Ansible's become plugins: the command they build, and the dialogue about the password."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure

# A prompt and the messages around it are short; login scripts before them may not be.
_MAX_TALK: Final = 256 * 1024
_TAIL: Final = 2048
_REFUSED: Final = re.compile(rb"incorrect password|authentication fail", re.IGNORECASE)
# These read the password from a terminal only.
_TERMINAL: Final = frozenset({"su", "doas", "ansible.builtin.su", "community.general.doas"})


@dataclass(slots=True)
class Become:
    """How to become another user on one server. plugin is that server's become plugin, with its options set."""

    method: str
    plugin: Any = field(repr=False)
    shell: Any = field(repr=False)
    user: str
    password: str | None = field(default=None, repr=False)

    def dialogue(self, command: str, *, tty: bool = False) -> Dialogue:
        return Dialogue(self, command, tty=tty)


class Dialogue:
    """One attempt: feed() it everything that comes until it succeeded."""

    def __init__(self, become: Become, command: str, *, tty: bool) -> None:
        plugin = become.plugin
        self.tty = tty or become.method in _TERMINAL or bool(getattr(plugin, "require_tty", False))
        # On a terminal there is but one stream for output and complaints.
        inner = f"{command} 2>/dev/null" if self.tty else command
        built = plugin.build_become_command(inner, become.shell)
        executable = getattr(become.shell, "executable", None) or "/bin/sh"
        self.command = f"{executable} -c {shlex.quote(built)}"
        self.succeeded = False
        self._become = become
        self._plugin = plugin
        self._heard = b""
        self._expects = bool(become.password) and bool(plugin.expect_prompt())
        self._answered = False

    def feed(self, data: bytes) -> bytes:
        """Take output of either stream; returns what to write to the command. Raises Failure."""
        self._heard = (self._heard + data)[-_MAX_TALK:]
        plugin = self._plugin
        if plugin.check_success(self._heard):
            self.succeeded = True
            return b""
        if plugin.check_incorrect_password(self._heard):
            raise self._refused()
        if plugin.check_missing_password(self._heard):
            raise self._missing()
        if self._expects and not self._answered and plugin.check_password_prompt(self._heard):
            self._answered = True
            # What comes after the answer is another matter: a second prompt is a refusal.
            self._heard = b""
            return (self._become.password or "").encode() + b"\n"
        if not self._expects and self._waits and plugin.check_password_prompt(self._heard):
            raise self._missing()
        if self._answered and plugin.check_password_prompt(self._heard):
            raise self._refused()
        return b""

    def check(self, stderr: bytes) -> None:
        """The command ended: raise Failure unless becoming succeeded."""
        if self.succeeded:
            return
        if self._plugin.check_missing_password(stderr):
            raise self._missing()
        if self._answered and _REFUSED.search(self._heard):
            raise self._refused()
        words = " ".join((self._heard or stderr)[-_TAIL:].decode("utf-8", errors="replace").split())[-300:]
        raise Failure("denied", f"{self._name} did not run the command ({words or 'it said nothing'})")

    def unanswered(self, seconds: float) -> str:
        """What to say when the time is over."""
        if self._answered:
            return f"{self._name} did not take the password within {seconds:g} s"
        return (
            f"{self._name} neither ran the command nor asked for a password that it was given within {seconds:g} s:"
            " set ansible_become_password (or -K)"
        )

    @property
    def _waits(self) -> bool:
        """Whether the last thing heard looks like a question."""
        return self._heard.rstrip().endswith((b":", "\uff1a".encode()))

    @property
    def _name(self) -> str:
        return f"{self._become.method} to {self._become.user}"

    @property
    def wants_terminal(self) -> bool:
        """Whether it said that it would have worked on a terminal."""
        return not self.tty and not self.succeeded and b"tty" in self._heard

    def _refused(self) -> Failure:
        return Failure("denied", f"{self._name} refused the password; check ansible_become_password")

    def _missing(self) -> Failure:
        return Failure("denied", f"{self._name} wants a password; set ansible_become_password (or use -K)")
