# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import document as module
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import (
    MAX_DEPTH,
    Documents,
    Mapping,
    Node,
    Scalar,
    Sequence,
    parse,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile


def shown(node: Node | None) -> Any:
    """Scalars as (spelling, line), the rest as Python has it."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return (node.value, node.line)
    if isinstance(node, Sequence):
        return [shown(item) for item in node.items]
    return {name: shown(value) for name, (_key, value) in node.entries().items()}


def messages(text: str) -> list[str]:
    return [f"{fault.line}: {fault.message}" for fault in parse(text).faults]


def test_every_scalar_keeps_its_spelling_and_line() -> None:
    text = "a: 80\nb:\n- true\n- '010'\n- 1_000\nc: {d: ~}\ne: |\n  two\n  lines\n"
    assert shown(parse(text).root) == {
        "a": ("80", 1),
        "b": [("true", 3), ("010", 4), ("1_000", 5)],
        "c": {"d": ("~", 6)},
        "e": ("two\nlines\n", 7),
    }


def test_plain_scalars_are_told_from_quoted_ones() -> None:
    root = parse("[80, '80', null, 'null', !!str 5]").root
    assert isinstance(root, Sequence)
    assert [(item.plain, item.is_null) for item in root.items if isinstance(item, Scalar)] == [
        (True, False),
        (False, False),
        (True, True),
        (False, False),
        (False, False),
    ]


@pytest.mark.parametrize("text", ["", "# comment\n", "---\n", "null", "~\n"])
def test_an_empty_document_has_no_root_and_no_fault(text: str) -> None:
    found = parse(text)
    assert (found.root, found.faults, found.broken) == (None, [], False)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [\n", 2),
        ("a: b: c", 1),
        ("ok: 1\na:\n\t- b\n", 3),
        ("a: 'open\n", 2),
        ("a: *nothing", 1),
        ("%YAML 9.9\n---\na: 1", 1),
        ("a: &a\n  b: *a\n", 2),
        ("a: \x01", 0),
        ("a: \ud800", 0),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(text: str, line: int) -> None:
    found = parse(text)
    assert (found.root, found.broken, [fault.line for fault in found.faults]) == (None, True, [line])


def test_a_message_quotes_nothing_of_the_text() -> None:
    for text in ("password: 'hunter2\n", "hunter2: [", "a: *hunter2", "hunter2: hunter2: b", "\thunter2"):
        assert all("hunter2" not in message for message in messages(text))
        assert messages(text)


def test_duplicate_keys_are_named_with_both_lines_and_the_rest_stays() -> None:
    found = parse("a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\n")
    assert not found.broken
    assert sorted((fault.line, fault.message) for fault in found.faults) == [
        (3, "has the key 'a' twice (first in line 1)"),
        (4, "has the key 'x' twice (first in line 4)"),
    ]
    assert isinstance(found.root, Mapping)
    assert [key.value for key, _value in found.root.pairs if isinstance(key, Scalar)] == ["a", "b", "a", "c"]


def test_a_key_beside_a_merge_is_no_duplicate() -> None:
    assert parse("x: &x {a: 1}\ny: {<<: *x, a: 2}\nz: {<<: *x, <<: *x}").faults == []


def test_merge_keys_are_followed_in_order() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {a: 2, c: 2}\none: {<<: [*x, *y], c: 3}\ntwo: {a: 0, <<: *x}\n"
    root = parse(text).root
    assert isinstance(root, Mapping)
    one, two = root.get("one"), root.get("two")
    assert isinstance(one, Mapping)
    assert isinstance(two, Mapping)
    assert shown(one) == {"a": ("1", 1), "c": ("3", 3), "b": ("1", 1)}
    # In main files a later merge lies over an earlier key, in rule files a key of one's own always stays.
    assert two.entries()["a"][1].line == 1
    explicit = two.entries(explicit_wins=True)["a"][1]
    assert isinstance(explicit, Scalar)
    assert (explicit.value, explicit.line) == ("0", 4)


def test_a_second_document_is_refused_with_a_message() -> None:
    found = parse("a: 1\n---\nb: 2\n---\nc: [")
    assert shown(found.root) == {"a": ("1", 1)}
    assert [(fault.line, fault.severity) for fault in found.faults] == [(2, "warning")]
    assert "more than one YAML document" in found.faults[0].message


@pytest.mark.parametrize("text", ["a: 1\n---\n", "a: 1\n...\n", "a: 1\n---\n---\n# nothing\n", "---\na: 1\n...\n"])
def test_a_separator_with_nothing_behind_it_is_no_second_document(text: str) -> None:
    assert parse(text).faults == []


def test_a_first_document_that_is_empty_hides_the_second() -> None:
    found = parse("---\n---\na: 1\n")
    assert found.root is None
    assert [fault.line for fault in found.faults] == [2]


def bomb(levels: int, width: int) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_an_alias_bomb_is_refused() -> None:
    assert messages(bomb(40, 9)) == ["1: expands aliases without measure"]
    merged = "a0: &a0 {k: v}\n" + "\n".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40))
    assert messages(merged) == ["1: expands aliases without measure"]


def test_aliases_in_measure_are_taken() -> None:
    assert messages(bomb(2, 50)) == []
    many = "base: &b {a: 1, b: 2}\nlist:\n" + "- *b\n" * 2000
    assert messages(many) == []


def test_depth_is_bounded_also_through_aliases() -> None:
    assert messages("[" * (MAX_DEPTH + 1)) == [f"1: is nested more than {MAX_DEPTH} levels deep"]
    deep = "".join("  " * level + "a:\n" for level in range(MAX_DEPTH + 5)) + "  " * 200 + "b"
    assert "levels deep" in messages(deep)[0]
    chain = "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))
    assert "levels deep" in messages(chain)[0]
    assert messages("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NODES", 100)
    assert "holds more than 100 values" in messages("- [a]\n" * 100)[0]
    monkeypatch.setattr(module, "MAX_CHARACTERS", 10)
    assert messages("a: 0123456789") == ["0: is larger than 10 characters"]


def test_equal_texts_are_read_once() -> None:
    documents = Documents()
    first = documents.of(ConfigFile("/a", "prometheus", "a: 1", "one"))
    assert documents.of(ConfigFile("/b", "prometheus", "a: 1", "two")) is first
    # A checksum that is not that of the text does not mix files up.
    assert shown(documents.of(ConfigFile("/a", "prometheus", "a: 2", "one")).root) == {"a": ("2", 1)}


def test_the_trees_of_a_whole_fleet_are_not_kept() -> None:
    documents = Documents()
    first, *others = (ConfigFile("/a", "prometheus", f"a: {number}") for number in range(100))
    known = documents.of(first)
    assert documents.of(first) is known
    for other in others:
        documents.of(other)
    assert documents.of(first) is not known


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(VALUES, st.booleans())
def test_a_tree_is_that_of_another_reader(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)

    def same(node: Node | None, other: Any) -> bool:
        if node is None:
            return other is None
        if isinstance(node, Sequence):
            return len(node.items) == len(other) and all(map(same, node.items, other))
        if isinstance(node, Mapping):
            return len(node.pairs) == len(other) and all(
                isinstance(key, Scalar) and same(item, other[key.value]) for key, item in node.pairs
            )
        loaded = yaml.safe_load(node.value) if node.plain else node.value
        return bool(loaded == other)

    assert same(parse(text).root, yaml.safe_load(text))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"#%@,? \n\t\\<")), max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    found = parse(text)
    assert found.broken == (
        found.root is None and bool(found.faults) and "more than one" not in found.faults[0].message
    )


def test_a_quote_may_be_escaped_in_double_quotes() -> None:
    document = parse("a: \"it\\'s\"\nb: 'c\\'\nd: \"\\'\\'\"\n")
    assert document.faults == []
    assert isinstance(document.root, Mapping)
    found = {name: value for name, (_key, value) in document.root.entries().items() if isinstance(value, Scalar)}
    values = {name: (value.value, value.line) for name, value in found.items()}
    assert values == {"a": ("it's", 1), "b": ("c\\", 2), "d": ("''", 3)}


def test_an_escaped_slash_is_json_alone() -> None:
    text = '{"a": "b\\/c"}'
    assert [(fault.line, fault.severity) for fault in parse(text).faults] == [(1, "error")]
    assert parse(text, is_json=True).faults == []
    assert parse('a: "b\\\\/c"').faults == []
    assert parse("a: 'b\\/c'").faults == []


@pytest.mark.parametrize(
    "text", ["{a: b?}", "[a, b?c]", "{a?b: c}", "- x\n- {a: [b? c]}", "[http://h/?a=b]", "{a: ! b?}"]
)
def test_a_question_mark_ends_plain_text_between_brackets(text: str) -> None:
    assert [(fault.line, fault.severity) for fault in parse(text).faults] == [(text.count("\n") + 1, "error")]


@pytest.mark.parametrize(
    "text", ["a: b?", "{a: 'b?'}", '["b? c"]', "{? a : b}", "[a]\n# why?", "- {a: b}\n- c?", "{a: !b? c}"]
)
def test_a_question_mark_is_a_letter_elsewhere(text: str) -> None:
    assert parse(text).faults == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: b:}", {"a": ("b:", 1)}),
        ("# é\n- {a: b:, c: d::}\n- [e:]\n", [{"a": ("b:", 2), "c": ("d::", 2)}, [("e:", 3)]]),
        ("[a\n  b:]", [("a b:", 1)]),
        ("['\ue03a']", [("\ue03a", 1)]),
    ],
)
def test_a_colon_may_end_plain_text_before_a_bracket(text: str, value: Any) -> None:
    assert parse(text).faults == []
    assert shown(parse(text).root) == value


def test_any_number_of_colons_may_stand_before_brackets() -> None:
    """One reading for each would take minutes."""
    line = "- {a: b:, c: 'd:]', e: \"f:}\", g: [h:]}  # i:]\n"
    document = parse('- {"j":[k:], l: m:}\n' + line * 1000 + '- n: o:]\n- {p: [q:,r:], "s":[]}\n')
    assert document.faults == []
    first, second, *_others, before, last = shown(document.root)
    assert second == {"a": ("b:", 2), "c": ("d:]", 2), "e": ("f:}", 2), "g": [("h:", 2)]}
    assert first == {"j": [("k:", 1)], "l": ("m:", 1)}
    assert (before, last) == ({"n": ("o:]", 1002)}, {"p": [("q:", 1003), ("r:", 1003)], "s": []})


@pytest.mark.parametrize("text", ["{a: b:[c]}", "{a: b:{c: d}}", "{a:{b: c}}", "{a: b:?}", "[a:", "[\ue03a, b:]"])
def test_a_colon_before_a_bracket_opens_nothing(text: str) -> None:
    assert [fault.severity for fault in parse(text).faults] == ["error"]


def test_other_versions_of_yaml_are_refused() -> None:
    assert parse("%YAML 1.1\n---\na: b").faults == []
    assert "version" in parse("%YAML 1.2\n---\na: b").faults[0].message
