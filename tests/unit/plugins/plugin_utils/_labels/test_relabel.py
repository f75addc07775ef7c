# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single rules. Whether all this is how Prometheus does it is proved in tests/integration/labels."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import Items, read
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import parse
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    PROMETHEUS_2,
    PROMETHEUS_3,
    RULES,
    Rule,
    lowercase,
    rules_of,
    run,
    uppercase,
)


def rules(text: str) -> tuple[Rule, ...]:
    """Rules as a config has them, all of which must be right."""
    value, faults = read(parse(text), RULES)
    assert faults == []
    return rules_of({"relabel_configs": value}, "relabel_configs")


def made(text: str, **labels: str) -> dict[str, str] | None:
    done = run(rules(text), labels)
    return None if done.dropped_by is not None else done.labels


@pytest.mark.parametrize(
    ("text", "labels", "after"),
    [
        ("- {target_label: a, replacement: x}", {}, {"a": "x"}),
        ("- {source_labels: [a], target_label: b}", {"a": "x"}, {"a": "x", "b": "x"}),
        ("- {source_labels: [a], target_label: b}", {"b": "x"}, {}),
        ("- {source_labels: [a], target_label: b, regex: (.+)}", {"b": "x"}, {"b": "x"}),
        ("- {source_labels: [a, n, b], target_label: c}", {"a": "x"}, {"a": "x", "c": "x;;"}),
        ("- {source_labels: [a], target_label: b, regex: , replacement: c}", {"a": "x"}, {"a": "x"}),
        ("- {source_labels: [a], target_label: a, replacement: }", {"a": "x"}, {}),
        (
            "- {source_labels: [a, b], target_label: c, separator: }",
            {"a": "x", "b": "y"},
            {"a": "x", "b": "y", "c": "xy"},
        ),
        (
            r"- {source_labels: [a], regex: '(\w)(\w)', target_label: '${2}', replacement: $1}",
            {"a": "xy"},
            {"a": "xy", "y": "x"},
        ),
        ("- {action: labeldrop, regex: a.*}", {"a": "1", "ab": "2", "b": "3"}, {"b": "3"}),
        ("- {action: labelkeep, regex: a.*}", {"a": "1", "ab": "2", "b": "3"}, {"a": "1", "ab": "2"}),
        ("- {action: labelmap, regex: m_(.+)}", {"m_a": "1", "b": "2"}, {"m_a": "1", "a": "1", "b": "2"}),
        ("- {action: LowerCase, source_labels: [a], target_label: a}", {"a": "ÄX"}, {"a": "äx"}),
        ("- {action: uppercase, source_labels: [n], target_label: a}", {"a": "x"}, {}),
        (
            "- {action: hashmod, source_labels: [a], target_label: b, modulus: 8}",
            {"a": "prod"},
            {"a": "prod", "b": "7"},
        ),
        ("- {action: keep, source_labels: [a], regex: x}", {"a": "x"}, {"a": "x"}),
        ("- {action: keep, source_labels: [a], regex: x}", {"a": "y"}, None),
        ("- {action: drop, source_labels: [n], regex: ''}", {"a": "y"}, None),
        ("- {action: keepequal, source_labels: [a], target_label: b}", {"a": "1", "b": "1"}, {"a": "1", "b": "1"}),
        ("- {action: keepequal, source_labels: [a], target_label: b}", {"a": "1", "b": "2"}, None),
        ("- {action: dropequal, source_labels: [a], target_label: b}", {"a": "1", "b": "1"}, None),
        ("- {action: dropequal, source_labels: [n], target_label: m}", {"a": "1"}, None),
    ],
)
def test_actions(text: str, labels: dict[str, str], after: dict[str, str] | None) -> None:
    assert made(text, **labels) == after


def test_what_each_rule_wrote_is_told_with_its_sources() -> None:
    text = """
- {source_labels: [m_a, n], target_label: t}
- {action: labelmap, regex: m_(.+)}
- {action: labeldrop, regex: t}
- {source_labels: [nothing], regex: x, target_label: u}
- {action: drop, source_labels: [a], regex: '1'}
- {target_label: never, replacement: x}
"""
    done = run(rules(text), {"m_a": "1", "empty": ""})
    assert [(write.rule, write.label, write.before, write.after, write.sources) for write in done.writes] == [
        (0, "t", "", "1;", ("m_a", "n")),
        (1, "a", "", "1", ("m_a",)),
        (2, "t", "1;", "", ()),
    ]
    assert done.dropped_by == 4
    assert done.labels == {"m_a": "1", "a": "1"}


def test_versions_differ_in_names_and_in_deleting_by_template() -> None:
    chain = rules(r"- {source_labels: [a], regex: '(.*)', target_label: '$1', replacement: x}")
    assert run(chain, {"a": "x-y"}, PROMETHEUS_3).labels == {"a": "x-y", "x-y": "x"}
    assert run(chain, {"a": "x-y"}, PROMETHEUS_2).labels == {"a": "x-y"}
    chain = rules(r"- {source_labels: [a], regex: '(b)(c?)', target_label: '$1', replacement: $2}")
    assert run(chain, {"a": "b", "b": "1"}, PROMETHEUS_3).labels == {"a": "b"}
    assert run(chain, {"a": "b", "b": "1"}, PROMETHEUS_2).labels == {"a": "b", "b": "1"}


@pytest.mark.parametrize(
    ("text", "low", "up"),
    [("aB1", "ab1", "AB1"), ("ß", "ß", "ß"), ("İ", "i", "İ"), ("Σς", "σς", "ΣΣ"), ("ǆ", "ǆ", "Ǆ"), ("ﬁ", "ﬁ", "ﬁ")],
)
def test_case_is_changed_letter_by_letter(text: str, low: str, up: str) -> None:
    assert (lowercase(text), uppercase(text)) == (low, up)


def test_the_line_of_a_rule_is_where_it_starts_and_no_part_of_what_it_is() -> None:
    first, second = rules("- {target_label: a}\n-\n  target_label: a\n")
    assert (first.line, second.line) == (1, 3)
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- target_label: a\n  regex: '('\n", 2),
        ("- {target_label: a}\n- {action: hashmod, target_label: a}\n", 2),
        ("- target_label: a\n  action: nonsense\n", 2),
        ("- action: labeldrop\n  source_labels: [a]\n", 2),
        ("- source_labels:\n  - x\n  - ''\n  target_label: a\n", 3),
        ("- {}\n", 1),
        ("- target_label: a\n-\n", 2),
    ],
)
def test_a_wrong_rule_is_reported_with_its_line_and_left_out(text: str, line: int) -> None:
    value, faults = read(parse(text), RULES)
    assert [fault.line for fault in faults] == [line]
    left: dict[str, Any] = {"relabel_configs": value}
    assert isinstance(value, Items)
    assert all(
        rule.target_label == "a" and rule.regex == "(.*)"
        for rule in rules_of(left, "relabel_configs")
        if rule.action == "replace"
    )
