# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the redaction of any text: hypothesis makes the texts."""

from __future__ import annotations

import re
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

FIRST, SECOND = Redactor(b"one"), Redactor(b"two")
LINE_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Texts made of the pieces that matter to YAML and to the redactor: most are broken, in ways nobody thinks of.
WORDS = ["password", "token: ", "webhook_configs", "url", "headers", "basic_auth", "key", "replacement", "regex", "<<"]
WORDS += ["https://u:pw@h/", "?token=x", "abc", "s3cr3t-value-1", "<secret:0a1b>", "<secret:", "&a ", "*a", "!!int "]
WORDS += [
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "|\n",
    "|2\n",
    ">-\n",
    "---\n",
    "...\n",
    "\\n",
    "\\x41",
]
WORDS += [": ", "\n", "\n  ", "\n    ", "\n- ", "\r\n", "# ", ", ", "? ", *" \t:'\"\\{}[]!%@`$\ufeffé😀\u2028\x85\x00"]
PIECES = st.sampled_from(WORDS)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200)

SECRET_KEYS = st.sampled_from(["password", "bearer_token", "client_secret", "api_key", "secret_key"])
PLAIN_KEYS = st.sampled_from(["job_name", "targets", "name", "annotations", "x", "some key", "é"])
PLAIN_VALUES = st.one_of(
    st.sampled_from(
        ["prod", "a b", "x: y", "# no comment", "'", '"', "", "{{ $labels.job }}", "multi\nline\n", "a\n\n b"]
    ),
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.text(alphabet="ab:#'\"{}[],&*!|>%@`-? \n\té", max_size=12),
)
# Particular enough to be known again, and nothing else in the text can be equal to it by chance.
SECRETS = st.text(alphabet="ABCDEFGHJKLMNPQRSTUVWXYZ23456789:#'\"{}[],&*!|>%@`\\-? \n\té", min_size=8, max_size=40).map(
    lambda tail: f"Zx9{tail}9xZ"
)


@given(TEXTS)
@RELAXED
def test_any_text_is_redacted_once_and_for_all(text: str) -> None:
    once = FIRST.redact(text)
    assert len(LINE_BREAK.findall(once.text)) == len(LINE_BREAK.findall(text))
    assert SECOND.redact(once.text).text == once.text
    assert Redactor(b"one").redact(text) == once
    assert FIRST.redact_message(FIRST.redact_message(text)) == FIRST.redact_message(text)


def trees() -> st.SearchStrategy[Any]:
    return st.recursive(
        PLAIN_VALUES,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(PLAIN_KEYS, below, max_size=3),
        max_leaves=12,
    )


@st.composite
def documents(draw: st.DrawFn) -> tuple[Any, list[str]]:
    """A document with secrets planted at random places of it, and the secrets."""
    secrets: list[str] = []

    def plant(node: Any) -> Any:
        if isinstance(node, dict):
            node = {key: plant(value) for key, value in node.items()}
            if draw(st.booleans()):
                secrets.append(draw(SECRETS))
                node[draw(SECRET_KEYS)] = draw(st.sampled_from([secrets[-1], [secrets[-1]], {"x": secrets[-1]}]))
            return node
        return [plant(item) for item in node] if isinstance(node, list) else node

    return plant({"root": draw(trees()), "more": draw(trees())}), secrets


def masked(node: Any, secrets: list[str]) -> Any:
    if isinstance(node, dict):
        return {key: masked(value, secrets) for key, value in node.items()}
    if isinstance(node, list):
        return [masked(item, secrets) for item in node]
    return "MASK" if node in secrets or (isinstance(node, str) and re.fullmatch(r"<secret:\w{4}>\n*", node)) else node


@given(documents(), st.booleans(), st.sampled_from([None, "'", '"', "|", ">"]), st.integers(20, 200))
@RELAXED
def test_a_planted_secret_is_gone_and_all_else_is_equal(
    document: tuple[Any, list[str]], flow: bool, style: str | None, width: int
) -> None:
    data, secrets = document
    text = yaml.safe_dump(data, default_flow_style=flow, default_style=style, width=width, allow_unicode=True)
    shown = FIRST.redact(text).text
    after = yaml.safe_load(shown)
    assert masked(after, []) == masked(data, secrets)
    for secret in secrets:
        assert secret not in shown
        for line in secret.split("\n"):
            assert len(line) < 10 or line not in shown
    assert shown.count("\n") == text.count("\n")


@given(
    documents(), st.integers(0, 2000), st.sampled_from(["\t{", "]", '"', "'", "\n: :", "\n\t- [", "{{", "\x00", "@"])
)
@RELAXED
def test_a_planted_secret_is_gone_from_broken_yaml(document: tuple[Any, list[str]], place: int, garbage: str) -> None:
    data, secrets = document
    if any("\n" in secret or "\\" in secret or '"' in secret or "'" in secret for secret in secrets):
        # Quoting such a secret changes how it is written; the whole-file test above covers those.
        return
    text = yaml.safe_dump(data, allow_unicode=True, width=10_000)
    lines = text.split("\n")
    lines.insert(place % (len(lines) + 1), garbage)
    shown = FIRST.redact("\n".join(lines)).text
    for secret in secrets:
        assert secret not in shown
