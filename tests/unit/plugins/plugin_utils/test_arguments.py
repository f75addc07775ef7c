# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every filter says in words what is wrong with a call, and quotes nothing of what it was given."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

from tools.ansible_test_sanity import PROJECT

FILTERS = sorted(path.stem for path in (PROJECT / "plugins" / "filter").glob("*.py"))


def call(name: str, *arguments: Any, **options: Any) -> Any:
    return filter_loader.get(f"skills_eye.prometheus_fleet.{name}").j2_function(*arguments, **options)


@pytest.mark.parametrize("name", FILTERS)
def test_an_unknown_argument_is_refused(name: str) -> None:
    label = ["env"] if name == "explain_label" else []
    with pytest.raises(AnsibleFilterError, match=rf"{name}: there is no argument qqqq\. There are: [a-z_, ]+\.$"):
        call(name, {}, *label, qqqq="hunter2")


@pytest.mark.parametrize("name", FILTERS)
def test_arguments_in_a_row_are_refused(name: str) -> None:
    with pytest.raises(
        AnsibleFilterError, match=rf"{name}: too many values in a row: name them, as in .*=\.\.\."
    ) as told:
        call(name, {}, "hunter2", "hunter2", "hunter2")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("explain_label", {}, r"explain_label: label must be given, as in explain_label\(label=...\)"),
        ("report_html", {}, r"report_html: extracted must be given, as in report_html\(extracted=...\)"),
        ("extract_fields", {"server": ["a"]}, r"extract_fields: there is no argument server\. Is it servers\?"),
        ("extract_fields", {"configs": {}}, r"extract_fields: configs was given twice"),
    ],
)
def test_what_is_missing_or_misspelt_is_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        call(name, {}, **options)
