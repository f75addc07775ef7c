# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the redaction of any text: hypothesis makes the texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import secret_text, secrets
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_tree import Cuts
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


class Thorough(Redactor):
    """Reads every result again, whatever is known of the cuts."""

    at_rest = 0

    def _cuts(self, text: str, look_inside: bool, edges: Sequence[int]) -> Cuts:
        cuts = super()._cuts(text, look_inside, edges)
        self.at_rest += cuts.at_rest and bool(cuts.edits)
        return cuts._replace(at_rest=False)


# Sound YAML with all that may stand around a secret: comments, blocks, anchors, tags, flow style.
NAMES = st.sampled_from(["password", "token", "url", "x", "webhook_configs", "headers", "target_label", "replacement"])
PROPERTIES = st.sampled_from(["", "", "", "", "&a ", "&b ", "!!str ", "!!int ", "! ", "&c !!str "])
CALM = ["PLANTED", "'PLANTED'", '"PLANTED"', "&a PLANTED", "! PLANTED", "abc", "'#abc'", "h#PLANTED", "~", "*a"]
CALM += ["__param_key", "'$1'", "'<secret:0a1b>'"]
WILD = [*CALM, "-PLANTED", "https://u:PLANTED@h/?token=PLANTED", '"\\x41PLANTED"', "'a PLANTED\n   PLANTED'", "*b"]
WILD += ["&b !!int PLANTED", "!!str PLANTED", "&c # note\n   PLANTED"]
CALM_COMMENTS = ["", "", " # note", " # was OLD-99887766", " #", " # <secret:0a1b>"]
WILD_COMMENTS = [*CALM_COMMENTS, " # token: Cm-55443322", " # https://u:Cm-55443322@h/"]


def flows(scalars: list[str]) -> st.SearchStrategy[str]:
    """Values in flow style."""
    return st.recursive(
        st.sampled_from(scalars),
        lambda below: (
            st.lists(st.tuples(NAMES, below), max_size=3).map(
                lambda pairs: "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"
            )
            | st.lists(below, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        ),
        max_leaves=6,
    )


@st.composite
def configs(draw: st.DrawFn) -> str:
    """A mapping in block style, as lines at the margin; every second one is calm, so that one look should do."""
    calm = draw(st.booleans())
    scalars = st.sampled_from(CALM if calm else WILD)
    comments = st.sampled_from(CALM_COMMENTS if calm else WILD_COMMENTS)
    kinds = ["value", "value", "flow", "below", "map", "list", "comment", *([] if calm else ["block", "odd"])]

    def lines(depth: int) -> list[str]:
        found: list[str] = []
        for _unused in range(draw(st.integers(1, 4))):
            name, comment, kind = draw(NAMES), draw(comments), draw(st.sampled_from(kinds))
            if kind == "value":
                found.append(f"{name}: {draw(scalars)}{comment}")
            elif kind == "flow":
                found.append(f"{name}: {draw(flows(CALM if calm else WILD))}{comment}")
            elif kind == "block":
                found += [f"{name}: {draw(PROPERTIES)}|{comment}", "  PLANTED", "  token: PLANTED"]
            elif kind == "below":
                found += [f"{name}:{comment}", f"  {draw(scalars)}{draw(comments)}"]
            elif kind == "comment":
                found.append("#" + ("  note" if calm else draw(st.sampled_from([f" {name}: Cm-55", "  - url: Cm-55"]))))
            elif kind == "odd":
                found += [f"? {draw(flows(WILD))}{comment}", f": {draw(flows(WILD))}"]
            elif depth < 3:
                below = lines(depth + 1)
                sign = "- " if kind == "list" else "  "
                found += [f"{name}:{comment}", sign + below[0], *(f"  {line}" for line in below[1:])]
        return found or ["x: 1"]

    return "\n".join(lines(0))


@given(configs())
@settings(RELAXED, max_examples=300)
def test_no_second_look_finds_more(text: str) -> None:
    """A result that is taken for one at rest is what reading it again and again would give."""
    planted = re.sub("PLANTED", "Pl4nted-77-fake", text) + "\n"
    result = Redactor(b"one").redact(planted)
    thorough = Thorough(b"one")
    assert thorough.redact(planted) == result
    assert SECOND.redact(result.text).text == result.text
    event(f"at rest: {bool(thorough.at_rest)}")
    for line in result.text.split("\n"):
        # In these places of these configs nothing may be shown.
        assert not re.search(r"^[ -]*(?:password|token): *(?:[&!]\w* *)*[-'\"\\x41h#]*Pl4nted", line), line
        assert not re.search(r"u:Pl4nted|token=Pl4nted|u:Cm-|<secret:(?!0a1b)....>.*#.*OLD", line), line


def test_the_planted_configs_come_to_rest_at_once() -> None:
    thorough = Thorough(b"one")
    text = "global:\n  smtp_auth_password: 'a b'  # why\nreceivers:\n# url: b\n- webhook_configs: [url: &a x, url: *a]"
    assert thorough.redact(text).text == Redactor(b"one").redact(text).text
    assert thorough.at_rest == 1


@given(TEXTS)
@RELAXED
def test_words_are_found_alike_with_and_without_re2(text: str) -> None:
    words = ["secret", "pass", "key-----", "token", "$2", "earer\t"]
    fast, slow = secret_text.Words(words), secret_text.Words(words)
    slow._fast = None
    assert fast.any_in(text) == slow.any_in(text)


# Each of which alone makes a text worth reading, with what stands around it.
SIGNS = [
    "=a", "a=", "a=a", "é=é", "?a=b", "==", "a= b", "a=\u2003b", "://", "@", "12345678:" + "a" * 35,
    "1" * 8 + ":" + "é" * 35, "\\x41", "\\U", "\\/", "\\n", "PassWord",
    "\u017fecret", "t\u03bf", "earer\t", " ", "\n", "\"", "'", "\udc80", "x",
]  # fmt: skip


@given(st.lists(st.sampled_from(SIGNS), max_size=6).map("".join))
@RELAXED
def test_signs_are_found_alike_with_and_without_re2(text: str) -> None:
    fast, slow = secret_text.Signs(["password", "secret"]), secret_text.Signs(["password", "secret"])
    slow._any = None
    assert fast.any_in(text) == slow.any_in(text)


def test_redaction_without_re2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_text, "re2", None)
    signs = secret_text.Signs(["password"])
    monkeypatch.setattr(secrets, "_SIGNS", signs)
    assert signs._words._fast is None
    assert signs._any is None
    assert "abc" not in Redactor(b"one").redact("PassWord: abc\n").text
    assert Redactor(b"one").redact("a: 1\n").count == 0
