# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Becoming another user by Ansible's become plugins: the command they build, and the dialogue about the password."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.body import quote
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure

# A prompt and the messages around it are short; login scripts before them may not be.
_MAX_TALK: Final = 256 * 1024
_REFUSED: Final = re.compile(rb"incorrect password|authentication fail", re.IGNORECASE)
# What sudo repeats of a command.
_COMMAND: Final = re.compile(rb"'[^'\n]*BECOME-SUCCESS-.*'", re.DOTALL)
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

    @property
    def name(self) -> str:
        return f"{self.method} to {self.user}"

    def explain(self, said: bytes, *, answered: bool = False) -> NoReturn:
        """Raise the Failure that what was said in place of the command's output amounts to."""
        if self.plugin.check_missing_password(said):
            raise self.missing()
        if self.plugin.check_incorrect_password(said) or _REFUSED.search(said):
            raise self.refused()
        said = _COMMAND.sub(b"the command", said)
        words = quote(self.hidden(said))
        # A refusal in a language that no plugin knows.
        advice = "check ansible_become_password" if answered else "see whom the login may become there"
        raise Failure("denied", f"{self.name} did not run the command ({words or 'it said nothing'}): {advice}")

    def hidden(self, said: bytes) -> bytes:
        """What a host said that may repeat the password: without it."""
        password = (self.password or "").encode()
        return said.replace(password, b"***") if password else said

    def refused(self) -> Failure:
        return Failure("denied", f"{self.name} refused the password; check ansible_become_password")

    def missing(self) -> Failure:
        return Failure("denied", f"{self.name} wants a password; set ansible_become_password (or use -K)")


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
        if plugin.check_success(self._heard) and self._begun(self._heard):
            self.succeeded = True
            return b""
        if plugin.check_incorrect_password(self._heard):
            raise self._become.refused()
        if plugin.check_missing_password(self._heard):
            if self._become.password and self.wants_terminal:
                # It says so where it found no terminal to ask on. It ends by itself.
                return b""
            raise self._become.missing()
        asks = self._asks()
        if self._expects and not self._answered and asks:
            self._answered = True
            # What comes after the answer is another matter: a second prompt is a refusal.
            self._heard = b""
            return (self._become.password or "").encode() + b"\n"
        if not self._expects and self._waits and asks:
            raise self._become.missing()
        if self._answered and asks:
            raise self._become.refused()
        return b""

    def check(self, stderr: bytes) -> None:
        """The command ended: raise Failure unless becoming succeeded."""
        if not self.succeeded:
            self._become.explain(self._heard or stderr, answered=self._answered)

    def unanswered(self, seconds: float) -> str:
        """What to say when the time is over."""
        if self._answered:
            return f"{self._become.name} did not take the password within {seconds:g} s"
        words = quote(self._heard)
        said = f"it said: {words}" if words else "it said nothing"
        return (
            f"{self._become.name} neither ran the command nor asked for a password that it was given within"
            f" {seconds:g} s ({said}): set ansible_become_password (or -K)"
        )

    def output(self, data: bytes) -> bytes:
        """What is the command's own of the data with which it succeeded: what is before may repeat the password."""
        begun = self._begun(data)
        return data[begun.end() :] if begun else data

    def _begun(self, said: bytes) -> re.Match[bytes] | None:
        """Whether the word of success ends a line. Within one, it is in the command that sudo says it refuses."""
        word = str(getattr(self._plugin, "success", None) or "").encode()
        return re.search(re.escape(word) + rb"\r*\n" if word else b"", said)

    def _asks(self) -> bool:
        """Whether there is a prompt. Ansible shows its plugins one line at a time, and that of su, until ansible-core
        2.18, sees no prompt but at the beginning.
        """
        last = self._heard.rpartition(b"\n")[2]
        return any(self._plugin.check_password_prompt(said) for said in (last, self._heard))

    @property
    def _waits(self) -> bool:
        """Whether the last thing heard looks like a question."""
        return self._heard.rstrip().endswith((b":", "\uff1a".encode()))

    @property
    def wants_terminal(self) -> bool:
        """Whether it said that it would have worked on a terminal."""
        return not self.tty and not self.succeeded and any(word in self._heard for word in (b"tty", b"terminal"))
