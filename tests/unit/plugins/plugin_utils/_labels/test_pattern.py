# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    Hole,
    InvalidPatternError,
    Parts,
    compiled,
    expanded,
    shape,
)

SOME: Parts = (Hole(1),)
ANY: Parts = (Hole(0),)


@pytest.mark.parametrize(
    "expression",
    [
        *("(", "*", "[b-a]", "(?=a)", r"\1", "a{1001}", r"\C", r"a\Cb"),
        *(r"\p{Foo}", r"\p{L&}", r"\p{gc=L}", r"\p{Script=Greek}", r"\p{}", r"\p{Letter}("),
    ],
)
def test_what_go_refuses_is_refused(expression: str) -> None:
    with pytest.raises(InvalidPatternError):
        compiled(expression)


# The last is small to write, but not to compile.
@pytest.mark.parametrize(
    "expression", ["a)(b", r"\QC\E\\C", r"[\d\pL]", "(?i)a", "(?<n>a)", "{", "x{,2}", "", r"\p{L}{0,600}"]
)
def test_what_go_takes_is_taken(expression: str) -> None:
    assert compiled(expression).expression == expression


@pytest.mark.parametrize(
    ("expression", "matching", "others"),
    [
        (r"\p{any}", "aß\n", ""),
        (r"\p{ASCII}", "a\x00\x7f", "\x80ß"),
        (r"\P{ASCII}", "\x80ß", "a"),
        (r"\p{^ascii}", "ß", "a"),
        (r"[\P{ASCII}x]", "ßx", "a"),
        (r"[^\p{ASCII}ß]", "ü", "aß"),
        (r"\p{LC}", "aAǅ", "1ªʰ"),
        (r"\P{LC}", "1ªʰ", "aAǅ"),
        (r"[\P{Cased_Letter}a]", "1ªʰa", "Abǅ"),
        (r"\p{Letter}", "aª", "1"),
        (r"\p{^uppercase letter}", "a1", "A"),
        (r"[\P{LETTER}b]", "1b", "a"),
        (r"[\p{Lowercase-Letter}\p{digit}]", "a1", "A"),
        (r"\pl", "a", "1"),
        (r"\p{greek}", "λ", "a"),
        (r"\p{old italic}", "\U00010300", "a"),
        (r"\p{Cn}", "\u0378", "a"),
        (r"\p{Assigned}", "a", "\u0378"),
        (r"\p{Other}", "\u0378\x01", "a"),
        (r"[1\P{other}]", "a1", "\u0378\x01"),
        (r"[]\p{Letter}]", "]a", "1"),
        (r"[[:digit:]\p{Letter}]", "1a", "-"),
        (r"\Q\p{Letter}\E|\p{Letter}", "a", "1"),
    ],
)
def test_classes_have_the_names_that_newer_go_knows(expression: str, matching: str, others: str) -> None:
    pattern = compiled(expression)
    assert [char for char in matching + others if pattern.matches(char)] == list(matching)
    assert pattern.can_match(SOME)
    assert pattern.finite is None


def test_a_dot_matches_a_line_break_in_prometheus_3_alone() -> None:
    assert compiled("a.b").matches("a\nb")
    assert not compiled("a.b", dot_newline=False).matches("a\nb")


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("prod|test", ("prod", "test")),
        ("(a|b)[01]?", ("a", "a0", "a1", "b", "b0", "b1")),
        ("(?:x|)y{2}", ("xyy", "yy")),
        ("^ab$", ("ab",)),
        (r"\Qa.b\E|c\.d", ("a.b", "c.d")),
        ("", ("",)),
        ("(?i)ab", ("AB", "Ab", "aB", "ab")),
        ("a+", None),
        (".", None),
        (r"\d{3}", None),
        (r"a\b", ("a",)),
        (r"a\Bb", ("ab",)),
        (r"\pL", None),
    ],
)
def test_few_texts_are_listed(expression: str, texts: tuple[str, ...] | None) -> None:
    found = compiled(expression).finite
    assert (found and tuple(sorted(found))) == (texts and tuple(sorted(texts)))


@pytest.mark.parametrize(
    ("expression", "covers"),
    [
        ("(.*)", 0),
        (".*", 0),
        ("^(.*)$", 0),
        ("(?:.*)", 0),
        ("(.+)", 1),
        (".*.+", 1),
        (".+|x", 1),
        ("x|.*", 0),
        (".+.+", None),
        ("[^a]*", None),
        ("a.*", None),
        ("prod", None),
    ],
)
def test_expressions_that_match_everything_are_known(expression: str, covers: int | None) -> None:
    assert compiled(expression).covers == covers


@pytest.mark.parametrize(
    ("expression", "parts", "can", "must"),
    [
        ("(.*)", ANY, True, True),
        ("(.+)", ANY, True, False),
        ("(.+)", SOME, True, True),
        ("prod", SOME, True, False),
        ("Pod;(.*)", ("Pod;", Hole(0)), True, True),
        ("Pod;(.+)", ("Pod;", Hole(0)), True, False),
        ("Pod;(.*)", ("Node;", Hole(0)), False, False),
        (r"([^:]+)(?::\d+)?;(\d+)", (Hole(1), ";", Hole(1)), True, False),
        (r"([^:]+)(?::\d+)?;(\d+)", (Hole(1), ";"), False, False),
        (r"[a-z]+", (Hole(1), "9"), False, False),
        (r"a{2,3}", ("a", Hole(1)), True, False),
        (r"a{2,3}", ("aaaa", Hole(0)), False, False),
        (r"(?i)abc", (Hole(0), "C"), True, False),
        (r"[[:alpha:]]+", ("1", Hole(0)), False, False),
        (r"\p{Greek}", ("a",), False, False),
        (r"\p{Greek}", SOME, True, False),
        ("x", ("x",), True, True),
        ("", (), True, True),
    ],
)
def test_shapes_of_texts(expression: str, parts: Parts, can: bool, must: bool) -> None:
    pattern = compiled(expression)
    assert (pattern.can_match(parts), pattern.must_match(parts)) == (can, must)


@pytest.mark.parametrize(
    ("one", "other", "shares"),
    [
        ("prod", "test", False),
        ("prod|test", "t.*", True),
        ("a.*", "b.*", False),
        ("a.*", ".*b", True),
        ("[0-9]+", "[a-z]+", False),
        ("[0-9]*", "[a-z]*", True),
        ("Pod;(.*)", "Node;(.*)", False),
        ("(?:ab)+", "a(?:ba)*", False),
        (r"\pL+", "[0-9]+", True),
    ],
)
def test_expressions_that_share_a_text(one: str, other: str, shares: bool) -> None:
    assert compiled(one).shares_text_with(compiled(other)) is shares
    assert compiled(other).shares_text_with(compiled(one)) is shares


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("$1", "x"),
        ("${1}", "x"),
        ("$1-$2", "x-y"),
        ("$1x", ""),
        ("${1}x", "xx"),
        ("$name", "y"),
        ("${name}!", "y!"),
        ("$0", "x=y"),
        ("$3", ""),
        ("${nothing}", ""),
        ("$$", "$"),
        ("$$1", "$1"),
        ("$", "$"),
        ("${", "${"),
        ("${}", "${}"),
        ("${1", "${1"),
        ("a$ b", "a$ b"),
        ("${01}", ""),
        ("", ""),
    ],
)
def test_templates_are_those_of_go(template: str, made: str) -> None:
    pattern = compiled("(x)=(?P<name>.)")
    assert expanded(pattern, pattern.match("x=y"), template) == made


def test_a_shape_is_an_expression_that_its_texts_match() -> None:
    text = shape(("a.b_", Hole(1, "[0-9]+"), "-", Hole(0)))
    assert text == r"^a\.b_([0-9]+)\-(.*)$"
    assert compiled(text).matches("a.b_42-")


ATOMS = ["a", "b", "[ab]", "[^a]", ".", r"\d", "(a|b)", "(?:ab)", "x", r"\.", "", "(?i)a"]
EXPRESSIONS = st.lists(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "|"])), max_size=5
).map(lambda pairs: "".join(atom + (mark if atom or mark == "|" else "") for atom, mark in pairs))
TEXTS = st.text(alphabet="abxA1.\n", max_size=5)


def compiles(expression: str) -> bool:
    try:
        compiled(expression)
    except InvalidPatternError:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(EXPRESSIONS.filter(compiles), TEXTS, st.integers(0, 5), st.integers(0, 5))
def test_reasoning_never_contradicts_re2(expression: str, text: str, start: int, end: int) -> None:
    pattern = compiled(expression)
    matches = pattern.matches(text)
    start, end = min(start, end, len(text)), min(max(start, end), len(text))
    hidden: Parts = tuple(part for part in (text[:start], Hole(int(end > start)), text[end:]) if part != "")
    if matches:
        assert pattern.can_match(hidden)
        assert pattern.finite is None or text in pattern.finite
    else:
        assert not pattern.must_match(hidden)
        assert pattern.finite is None or text not in pattern.finite
    if pattern.automaton is not None and (text and pattern.tree is not None):
        assert pattern.automaton.accepts((text,)) or not matches


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS.filter(compiles), EXPRESSIONS.filter(compiles), TEXTS)
def test_two_expressions_that_match_one_text_share_it(one: str, other: str, text: str) -> None:
    if compiled(one).matches(text) and compiled(other).matches(text):
        assert compiled(one).shares_text_with(compiled(other))
