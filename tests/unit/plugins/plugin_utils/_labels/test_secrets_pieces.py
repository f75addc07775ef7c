# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that are made of pieces which were met before are masked as if nothing had been."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_pieces import split
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import JOBS, SALT, Counting, alone, config, job, masked

CORPUS = Path(__file__).parents[5] / ".." / "shared" / "corpus"


def test_what_is_known_is_not_read_again() -> None:
    redactor = Counting(SALT)
    first, second = config("a", JOBS), config("b", [*JOBS[:5], job(99, "hunter-99-22"), *JOBS[6:]])
    redactor.redact(first)
    assert redactor.characters >= len(first)
    redactor.characters = 0
    found = redactor.redact(second)
    assert (found.text, found.count) == alone(second)
    assert "hunter" not in found.text
    assert redactor.characters < len(second) / 4


# Each after it the text with all jobs was met.
LATER = {
    "a secret of a known job stands in a new one": config("b", JOBS, "  - job_name: hunter-3-22"),
    "a secret of a new job stands in a known one": config("b", [*JOBS, job(50, "consul.example:8500")]),
    "a secret of a known job stands in a comment": config("b", JOBS, "# was hunter-3-22 until May"),
    "a secret of a known job stands in a setting at the top": config("hunter-3-22", JOBS),
    "known jobs within a string": config("b", JOBS).replace("scrape_configs:", "password: |"),
    "known jobs within a quoted string": config("b", JOBS, '"').replace("scrape_configs:", 'password: "'),
    "known jobs within braces": config("b", JOBS, "}").replace("scrape_configs:", "password: {"),
    "a string that begins in a new job": config("b", [job(20, "x"), *JOBS], "    x: 'y").replace("{user", "'{user"),
    "a known job below another setting": config("b", JOBS).replace("scrape_configs", "authorization"),
    "known jobs at another depth": config("b", JOBS).replace("\n  ", "\n    "),
    "known jobs in another document": config("b", JOBS) + "---\n" + config("c", JOBS),
    "known jobs below a line that is no YAML": "{{ ansible_managed }}\n" + config("b", JOBS),
    "known jobs above a line that is no YAML": config("b", JOBS, "}"),
    "a comment with a setting between known jobs": config("b", [JOBS[0], "    # password: old-one\n", *JOBS[1:]]),
    "an alias": config("b", ["  - &x\n    job_name: x\n", *JOBS, "  - {password: *x}\n"]),
    "a key that is a secret's name with a known list below": config("b", []) + "password:\n" + "".join(JOBS),
    "a password with several lines before a known job": config("b", [job(30, "'a\n      b'"), *JOBS]),
    "a bare dash": config("b", [*JOBS, "  -\n    password: hunter-2\n"]),
    "a bare dash within a job": config(
        "b", [JOBS[0].replace("configs:\n      - server", "configs:\n  -\n      - server"), *JOBS]
    ),
    "a dash and a tab within a job": config("b", [JOBS[0].replace("configs:\n      - s", "configs:\n  -\t- s"), *JOBS]),
    "keys in question marks": config("b", [*JOBS, "  - job_name: x\n    ? password\n    : hunter-2\n"]),
    "marks that are there already": config("b", [JOBS[0].replace("hunter-0-22", "<secret:0a1b>"), *JOBS[1:]]),
    "no line break at the end": config("b", JOBS)[:-1],
    "other line breaks": config("b", JOBS).replace("\n", "\r\n"),
    "a mark of the order of bytes": "\ufeff" + config("b", JOBS),
    "a document's start": "---\n" + config("b", JOBS),
    "comments and a document's start": "# Managed by x\n\n---\n" + config("b", JOBS),
    "the same again": config("a", JOBS),
}


@pytest.mark.parametrize("name", LATER)
def test_later(name: str) -> None:
    redactor = Redactor(SALT)
    for text in (config("a", JOBS), LATER[name], LATER[name] + "\n", config("a", JOBS)):
        assert masked(redactor, text) == alone(text)


# A secret, and how it is written in another place: as an escape, folded, or with an escaped line break.
@pytest.mark.parametrize(
    ("secret", "again"),
    [
        ("hunterA-22", '"hunter\\x41-22"'),
        ("hunter-22-a\n          more", "hunter-22-a\n          more"),
        ("hunter-22-more", '"hunter-22-\\\n          more"'),
        ("'hunter''22-b'", "hunter'22-b"),
    ],
)
def test_a_secret_that_a_known_setting_says_in_other_words(secret: str, again: str) -> None:
    known = f"  - job_name: x\n    scheme: {again}\n"
    redactor = Redactor(SALT)
    for new in ("", f"  - job_name: y\n    bearer_token: {secret}\n"):
        text = config("a", [*JOBS, known, new])
        assert masked(redactor, text) == alone(text)


def test_a_known_secret_of_which_a_new_setting_masks_a_part() -> None:
    """A URL that is a token in a known job: in a new one its password alone would be masked, were it read alone."""
    url = "https://user:hunter-22@host/"
    known = f"  - job_name: x\n    scheme: https\n    bearer_token: '{url}'\n"
    redactor = Redactor(SALT)
    for new in ("", f"  - job_name: y\n    scheme: {url}\n"):
        text = config("a", [*JOBS, known, new])
        assert masked(redactor, text) == alone(text)


def test_settings_of_a_relabel_rule_are_judged_together() -> None:
    """A rule that is a list entry at the top: the constant is a secret by the label that the rule writes."""
    filler = "".join(f"  - target_label: x{number}\n    replacement: filler\n" for number in range(60))
    redactor = Redactor(SALT)
    for label in ("host", "__param_token"):
        text = f"relabel_configs:\n{filler}  - target_label: {label}\n    replacement: hunter-2\n"
        found = redactor.redact(text)
        assert (found.text, found.count) == alone(text)
        assert ("hunter-2" in found.text) is (label == "host")


# Lines that change how what is around them is read.
WILD = [
    '  x: "', "  x: '", "    y: {", "    y: [", "    ]", "    }", "  z: |", "    z: >-", "password: |", "password:",
    "    password: >", "# token: Cm-11", "      # password: Cm-22", "    a: b # hunter-1-22", "  - ", "  -", "-",
    "- a: b", "    ? password", "    : Pl-33", "    &a x: y", "    c: *a", "    c: &a d", "---", "...", "\t", "",
    "  d: e", " f: g", "    h: hunter-2-22", "  - job_name: x", "    scheme: https", "      - i: j", "receivers:",
    "scrape_configs:", "    basic_auth:", "      password: hunter-0-22", "    k: !!str l", "'", '"', "    u: v}",
    "    m: https://u:Pl-44@h/?token=Pl-55", "    bearer_token: Pl-66", "  headers: {x: Pl-77}", "- - o: p", "  - q",
    "    n: <secret:0a1b>", "    r: {s: t,", "    'w': x", "   - y: z", "     credentials: Pl-88", "%YAML 1.1",
    "    key\u2028: Pl-99", "    a\x85b: c",
]  # fmt: skip


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A config of known jobs, some left out, with lines put in, taken out and moved to the side."""
    chosen = draw(
        st.lists(st.sampled_from(JOBS[:6] + [job(n, f"new-{n}-33") for n in (70, 71)]), min_size=5, max_size=9)
    )
    lines = config(draw(st.sampled_from("ab")), chosen).split("\n")
    for _number in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.integers(0, 5))
        if what == 0:
            del lines[at]
        elif what == 1:
            lines[at] = lines[at][draw(st.integers(1, 3)) :]
        elif what == 2:
            lines[at] = " " * draw(st.integers(1, 3)) + lines[at]
        else:
            lines.insert(at, draw(st.sampled_from(WILD)))
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(st.lists(changed(), min_size=1, max_size=4))
def test_any_texts(texts: list[str]) -> None:
    redactor = Counting(SALT)
    redactor.redact(config("a", JOBS[:6]))
    for text in texts:
        redactor.characters = 0
        found = redactor.redact(text)
        event("by pieces" if redactor.characters < len(text) / 2 else "read whole")
        assert (found.text, found.count) == alone(text)


@settings(max_examples=200, deadline=None)
@given(changed())
def test_pieces_are_the_text(text: str) -> None:
    pieces = split(text, lambda _place, _text: None)
    if pieces is not None:
        assert "".join(piece.text for piece in pieces) == text
        assert all(need < number for number, piece in enumerate(pieces) for need in piece.needs)


def test_the_corpus_with_changes() -> None:
    """Each file after all before it, as it is and with a line changed."""
    if not CORPUS.is_dir():
        pytest.skip(f"there is no corpus at {CORPUS}")
    chance = random.Random(1)
    redactor = Counting(SALT)
    by_pieces = 0
    for path in sorted(CORPUS.rglob("*.y*ml")):
        text = path.read_bytes().decode("utf-8", "replace")
        lines = text.split("\n")
        lines.insert(chance.randrange(len(lines)), chance.choice(WILD))
        for variant in (text, "\n".join(lines)):
            redactor.characters = 0
            found = redactor.redact(variant)
            by_pieces += 0 < redactor.characters < len(variant) * 0.7
            assert (found.text, found.count) == alone(variant), path
    assert by_pieces
