# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogue about the password, however its words are cut into pieces."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from ansible.plugins.loader import become_loader, get_shell_plugin
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.become import Become, Dialogue
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure


def start(method: str = "sudo", password: str | None = "planted") -> Dialogue:
    plugin: Any = become_loader.get(method)
    plugin.set_options(task_keys={}, var_options={"ansible_become_password": password} if password else {})
    become = Become(method, plugin, get_shell_plugin(None, "/bin/sh"), "root", password)
    return become.dialogue("true")


def words(dialogue: Dialogue) -> tuple[bytes, bytes]:
    """The prompt and the word of success that this attempt's command holds."""
    success = re.search(r"BECOME-SUCCESS-[a-z]+", dialogue.command)
    prompt = re.search(r"\[sudo via ansible, key=[a-z]+\] password:", dialogue.command)
    assert success is not None
    return (prompt[0].encode() if prompt else b"Password: "), success[0].encode()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in itertools.pairwise(ends)]


@given(
    noise=st.binary(max_size=40), cuts=st.lists(st.integers(0, 500), max_size=8), method=st.sampled_from(["sudo", "su"])
)
def test_password_is_given_once(noise: bytes, cuts: list[int], method: str) -> None:
    dialogue = start(method)
    prompt, success = words(dialogue)
    noise = noise.replace(b"P", b"").replace(b"p", b"")
    answers = [dialogue.feed(part) for part in pieces(noise + b"\n" + prompt, cuts)]
    assert [answer for answer in answers if answer] == [b"planted\n"]
    assert not dialogue.succeeded
    for part in pieces(b"\n" + success + b"\n", cuts):
        assert dialogue.feed(part) == b""
    assert dialogue.succeeded
    dialogue.check(b"")


def test_success_without_a_prompt() -> None:
    dialogue = start()
    assert dialogue.feed(words(dialogue)[1] + b"\n") == b""
    assert dialogue.succeeded


@pytest.mark.parametrize(
    ("method", "said"),
    [("sudo", b"Sorry, try again.\n"), ("su", b"su: Authentication failure\n")],
)
def test_refusal(method: str, said: bytes) -> None:
    dialogue = start(method)
    assert dialogue.feed(words(dialogue)[0]) == b"planted\n"
    with pytest.raises(Failure, match="refused the password") as caught:
        dialogue.feed(said)
    assert caught.value.status == "denied"
    assert "planted" not in str(caught.value)


def test_a_second_prompt_is_a_refusal() -> None:
    dialogue = start()
    prompt = words(dialogue)[0]
    assert dialogue.feed(prompt) == b"planted\n"
    with pytest.raises(Failure, match="refused the password"):
        dialogue.feed(b"\n" + prompt)


def test_no_password_to_give() -> None:
    with pytest.raises(Failure, match="wants a password"):
        start("su", None).feed(b"Password: ")
    with pytest.raises(Failure, match="wants a password"):
        start("sudo", None).feed(b"sudo: a password is required\n")


def test_end_without_success() -> None:
    dialogue = start()
    dialogue.feed(b"sudo: unknown user nobody-here\n")
    with pytest.raises(Failure, match=r"did not run the command .*unknown user nobody-here"):
        dialogue.check(b"")
    with pytest.raises(Failure, match=r"said nothing.: see whom"):
        start().check(b"")


def test_a_refusal_in_another_language() -> None:
    dialogue = start("su")
    assert dialogue.feed(b"Passwort: ") == b"planted\n"
    dialogue.feed(b"\r\nsu: Fehler bei Authentifizierung\r\n")
    with pytest.raises(Failure, match=r"Fehler bei Authentifizierung.: check ansible_become_password"):
        dialogue.check(b"")


def test_a_question_that_is_not_for_the_password() -> None:
    dialogue = start()
    assert dialogue.feed(b"Verification code: ") == b""
    assert "within 5 s (it said: Verification code:): set" in dialogue.unanswered(5)


def test_the_cause_before_a_long_usage() -> None:
    dialogue = start()
    usage = "".join(f"usage: sudo -{letter} | -K | -k [-AknS] [-g group] [-h host] [-u user]\n" for letter in "hKvle")
    dialogue.feed(f"sudo: unrecognized option '--nope'\n{usage}the end\n".encode())
    with pytest.raises(Failure, match=r"unrecognized option '--nope' usage: .* \.\.\. .*the end\)") as caught:
        dialogue.check(b"")
    assert len(str(caught.value)) < 400


def test_the_password_is_in_no_command_and_no_representation() -> None:
    dialogue = start()
    assert "planted" not in dialogue.command
    assert "planted" not in repr(dialogue._become)
