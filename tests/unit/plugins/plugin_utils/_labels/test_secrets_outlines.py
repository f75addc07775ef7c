# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from a piece that was met before in its secrets alone is masked as if nothing had been."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import may_hold
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_tree import (
    Tree,
    UnreadableError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import JOBS, SALT, Counting, alone, config, job, masked


def test_other_passwords_in_each_job() -> None:
    """As where each server has passwords of its own: what differs in secrets alone is not read again."""
    redactor = Counting(SALT)
    first, second = (config("a", [job(n, f"{name}-hunter-{n}") for n in range(12)]) for name in ("aa", "bbbb"))
    redactor.redact(first)
    redactor.characters = 0
    found = redactor.redact(second)
    assert (found.text, found.count) == alone(second)
    assert "hunter" not in found.text
    assert redactor.characters == 0


def test_other_urls_in_each_receiver() -> None:
    def receivers(server: str) -> str:
        entries = (
            f'  - name: x{n}\n    slack_configs: [{{api_url: "https://hooks.example/{server}/{n}", channel: "#x"}}]\n'
            for n in range(10)
        )
        return "receivers:\n" + "".join(entries)

    redactor = Counting(SALT)
    redactor.redact(receivers("Px-one"))
    redactor.characters = 0
    found = redactor.redact(receivers("Px-another"))
    assert (found.text, found.count) == alone(receivers("Px-another"))
    assert "Px-" not in found.text
    assert redactor.characters == 0


# What may stand where a password does: some of it is no secret, some changes how what is around it is read.
PASSWORDS = [
    "hunter-22-a", "hunter2", "Another/One+x==", "true", "false", "null", "~", "~~~~~~", "${PASSWORD}", "$PASSWORD", "",
    "<secret:0a1b>", "<secret>", "https://user:hunter-22@host/", "a:bcdefg", "abcdef:", "abcdef: x", "abcdef #x",
    "abcdef#x", "'hunter-22-b'", '"hunter-22-c"', '"hunter\\x41-22"', "'hunter''22'", "{a: hunter-22}", "[hunter-22]",
    "!!str hunter-22", "*alias", "&anchor hunter-22", "|", "hunter 22 words", "hunter,22,commas", "h" * 101, "h" * 1100,
    "scrape", "__address__", "1234567", "12:30:45", "0x12345678", "----------", "Bearer abcdef22", "hünter-22",
    "@abcdef", "%abcdef", "`abcdef", "abcdef}", "abcdef]", "- abcdef", "? abcdef", "hunter-22-a, password: hunter-33-a",
    "'abc", "hunter-22-a\n        x: y", "hunter-22-a\n          more", "\0word-22", "\0w", "hunter\t22",
    "\thunter-22", "hunter-22 ",
]  # fmt: skip
# Where a password may stand; most are no places of a secret, or of one that is not masked as a whole.
FORMS = [
    "    bearer_token: {}", '    bearer_token: "{}"', "    bearer_token: '{}'", "    basic_auth: {{password: {}}}",
    "    basic_auth: {{username: x, password: {}, y: z}}", "    basic_auth:\n      password: {}\n      username: y",
    "    authorization:\n      credentials: {}", "    params:\n      token: [{}]", "    params: {{token: {}}}",
    "    scheme: {}", "    labels: {{note: {}}}", "    labels: {{api_token: {}}}", "    proxy_url: {}",
    "    proxy_url: http://x/?token={}", "    headers: {{X-Key: {}}}", "    note: |\n      password: {}\n      b: c",
    "    note: >-\n      password: {}", '    note: "a\n      password: {}\n      b"', "    note: 'x, password: {}, y'",
    "    # password: {}", "    x: y # password: {}", "    password: {}", "    oauth2: {{client_secret: {}}}",
    "    {{password: {}}}: x", "    ? {{password: {}}}\n    : x", "    username: {}", "    password_file: {}",
    "    relabel_configs:\n      - target_label: __param_token\n        replacement: {}",
    "    relabel_configs:\n      - {{target_label: __param_api_key, replacement: {}}}",
    "    http_headers: {{a: {{secrets: [{}]}}}}",
    "    tls_config: {{key: {}}}", "    external_labels:\n      api_token: {}", "    secret: {}\n    token: {}",
    "    secret: {}\n    username: {}", "    url: {}", "    x: {{password: {}, url: {}x}}",
    "    x: {{password: {}, x_passphrase: {}x}}", "    x: {{password: {}, note: 'a, token: {}'}}",
    "    x: {{url: {}x, http_headers: {{x_token: {}}}}}", "    headers: {{api_token: {}, auth_key: {}x}}",
]  # fmt: skip


@st.composite
def alike(draw: st.DrawFn) -> list[str]:
    """Configs with the same settings, in which passwords differ."""
    forms = draw(st.lists(st.sampled_from(FORMS), min_size=3, max_size=8))
    texts = []
    for server in range(draw(st.integers(2, 4))):
        jobs = []
        for number, form in enumerate(forms):
            usual = f"hunter-{server}-{number}"
            password = draw(st.one_of(st.just(usual), st.just(usual), st.sampled_from(PASSWORDS)))
            jobs.append(f"  - job_name: job{number}\n    scheme: https\n{form.format(*[password] * 2)}\n")
        texts.append(config("a", [*jobs, *JOBS[:2]]))
    return texts


@settings(max_examples=200, deadline=None)
@given(alike())
def test_other_passwords_in_the_same_places(texts: list[str]) -> None:
    redactor = Counting(SALT)
    for number, text in enumerate(texts):
        redactor.characters = 0
        found = redactor.redact(text)
        event(f"{'first' if not number else 'later'}: read {min(redactor.characters * 4 // len(text), 4)} quarters")
        assert (found.text, found.count) == alone(text)


@pytest.mark.parametrize("form", FORMS)
def test_each_password_after_a_usual_one(form: str) -> None:
    """In each place, each sort of password where one of another sort was learnt."""
    for password in PASSWORDS:
        redactor = Redactor(SALT)
        for each in ("hunter-22-x", "https://hunter-22.example/y", password):
            value = form.format(*[each] * 2)
            text = config("a", [*JOBS[:3], f"  - job_name: y\n    scheme: https\n{value}\n"])
            assert masked(redactor, text) == alone(text)


def test_a_key_that_is_too_long_for_yaml_with_other_passwords_in_it() -> None:
    redactor = Redactor(SALT)
    for length in (10, 99):
        secrets = ", ".join(f"x{number}_password: {str(number) * length}x" for number in range(1, 10))
        text = config("a", [*JOBS[:3], f"  - job_name: x\n    scheme: https\n    {{{secrets}}}: y\n"])
        assert masked(redactor, text) == alone(text)


@pytest.mark.parametrize("names", [("webhook_configs", "remote_write"), ("remote_write", "remote_read")])
def test_the_same_settings_of_another_list(names: tuple[str, str]) -> None:
    """The URL of a webhook is a secret, that of remote storage is none; in one entry with a secret."""
    redactor = Redactor(SALT)
    for name in names:
        entries = "".join(
            f"  - url: {name}.x/{n}\n    http_config: {{bearer_token: Bt-{name}-{n}}}\n" for n in range(20)
        )
        text = f"{name}:\n{entries}"
        for each in (text, text.replace("Bt-", "Cu-").replace(".x/", ".y/")):
            assert masked(redactor, each) == alone(each)


def test_a_text_that_holds_what_stands_for_secrets() -> None:
    redactor = Redactor(SALT)
    for secret in ("hunter-22-x", "\0w", "\0a"):
        value = f"    oauth2: {{client_secret: {secret}, token: hunter-33-x}}"
        text = config("a", [*JOBS[:3], f"  - job_name: y\n    scheme: https\n{value}\n"])
        assert masked(redactor, text) == alone(text)


CORPUS = Path(__file__).parents[5] / ".." / "shared" / "corpus"


def with_other_secrets(text: str, chance: random.Random) -> str:
    """The text with a word, or something odd, in the place of each secret."""
    parts: list[str] = []
    position = 0
    for edit in Tree(text).cuts(look_inside=may_hold(text)).edits:
        if edit.start < position or edit.secret is None:
            continue
        quote = text[edit.start] if text[edit.start] in "\"'" else ""
        word = "".join(chance.choices("abcdeFGHIJ0123456789-_./", k=chance.choice([6, 12, 40])))
        secret = chance.choice(PASSWORDS) if chance.random() < 0.1 else f"Qz{word}9"
        parts += text[position : edit.start], quote + secret + quote
        position = edit.end
    return "".join([*parts, text[position:]])


def corpus() -> Iterator[tuple[Path, str]]:
    for path in sorted(CORPUS.rglob("*.y*ml")):
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            cuts = Tree(text).cuts(look_inside=may_hold(text))
        except UnreadableError:
            continue
        if cuts.places():
            yield path, text


def test_the_corpus_with_other_secrets() -> None:
    """Each file with secrets after all before it, as it is and with other ones."""
    if not CORPUS.is_dir():
        pytest.skip(f"there is no corpus at {CORPUS}")
    chance = random.Random(1)
    redactor = Counting(SALT)
    unread = 0
    for path, text in corpus():
        for variant in (text, *(with_other_secrets(text, chance) for _server in range(3))):
            redactor.characters = 0
            found = redactor.redact(variant)
            unread += not redactor.characters
            assert (found.text, found.count) == alone(variant), path
    assert unread
