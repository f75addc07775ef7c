# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of rule files. Of expressions and templates only brackets are looked at."""

from __future__ import annotations

import re
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    DURATION,
    milliseconds,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    ListOf,
    MapOf,
    Report,
    Section,
    Struct,
    Text,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.promql import bracket_fault
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    check_label_name,
    check_label_value,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_http import (
    STRING,
    keys_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_sd import INTEGER

# The inside of {{ }}: strings, comments and all else up to the end.
_ACTION: Final = re.compile(r"(?:/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`|[^}\"`]|\}(?!\}))*+", re.DOTALL)


def _check_rule_label(name: str) -> str | None:
    return check_label_name(name) or ("sets the label __name__ in a rule" if name == "__name__" else None)


_RULE_LABELS: Final = MapOf(Text(check_label_value, named_string=True), check_key=_check_rule_label)


def _is_open(template: str) -> bool:
    """Whether an action of a template has no end."""
    at = template.find("{{")
    while at >= 0:
        found = _ACTION.match(template, at + 2)
        end = found.end() if found else len(template)
        if end == len(template):
            return True
        if not template.startswith("}}", end):
            return False  # a string without an end, or a character that looks like one
        at = template.find("{{", end)
    return False


def _check_rule(rule: Section, report: Report) -> None:
    record, alert = rule.get("record"), rule.get("alert")
    if bool(record) == bool(alert) and not set(rule.lines) - set(rule):
        report.add(rule.line, "has a rule that is neither recording nor alerting, or both (record, alert)")
    if not rule.get("expr"):
        report.add(rule.line_of("expr"), "has a rule without expr")
    elif fault := bracket_fault(rule["expr"]):
        report.add(rule.line_of("expr"), fault)
    if not record:
        for key in ("labels", "annotations"):
            texts = rule.get(key) or Section(0)
            for name, text in texts.items():
                if text.count("{{") > text.count("}}") and _is_open(text):
                    report.add(texts.line_of(name), f"has a template in {key} whose {{{{ is not closed")
        return
    if rule.get("annotations"):
        report.add(rule.line_of("annotations"), "has annotations in a recording rule")
    for key in ("for", "keep_firing_for"):
        if milliseconds(rule.get(key) or "0"):
            report.add(rule.line_of(key), f"has {key} in a recording rule")
    if "{" in record or "}" in record:
        report.add(rule.line_of("record"), "has braces in the name of a recording rule")


def _check_groups(section: Section, report: Report) -> None:
    names: set[str] = set()
    for group in section.get("groups") or ():
        if not isinstance(group, Section):
            continue
        name = group.get("name")
        if not name:
            report.add(group.line_of("name"), "has a rule group without a name")
        elif name in names:
            report.add(group.line_of("name"), f"has two rule groups of the name {name!r}")
        names.add(name or "")


_ALERT_RULE: Final = Struct(
    "rule",
    {
        **keys_of(STRING, "record alert expr"),
        **keys_of(DURATION, "for keep_firing_for"),
        "labels": _RULE_LABELS,
        "annotations": MapOf(STRING, check_key=check_label_name),
    },
    _check_rule,
)

RULE_FILE: Final = Struct(
    "rule file",
    {
        "groups": ListOf(
            Struct(
                "rule group",
                {
                    "name": STRING,
                    **keys_of(DURATION, "interval query_offset"),
                    "limit": INTEGER,
                    "rules": ListOf(_ALERT_RULE, "rule", skip_null=True),
                    "labels": _RULE_LABELS,
                },
            ),
            "rule group",
            skip_null=True,
        )
    },
    _check_groups,
)
