# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lookup fields makes of its terms and options, over a directory store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible.utils.display import Display

Ask = Callable[..., Any]
NAMES = ("company", "env", "site")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs the lookup over a store with three fields."""
    monkeypatch.setattr(constants, "ANSIBLE_HOME", str(tmp_path / "home"))
    store = tmp_path / "store"
    store.mkdir()
    fields = [{"name": name, "display_name": name.title(), "team": "web"} for name in NAMES]
    (store / "fields.json").write_text(json.dumps({"version": "2.0.0", "fields": fields}), encoding="ascii")

    def run(*terms: Any, **options: Any) -> Any:
        lookup = lookup_loader.get("skills_eye.prometheus_fleet.fields", loader=None, templar=Templar(loader=None))
        given = {"store": "directory", "path": str(store), "tiers": ["store"], **options}
        return lookup.run(list(terms), variables={}, **given)

    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memmory_max_age": 3}, "there is no option memmory_max_age. Is it memory_max_age?"),
        ({"xyz": 3}, "there is no option xyz. There are: .*attribute, .*where"),
        ({"_terms": ["env"]}, "there is no option _terms"),
    ],
)
def test_an_unknown_option_is_refused(ask: Ask, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleLookupError, match=message):
        ask(**options)


def test_what_ansible_itself_adds_is_no_option(ask: Ask) -> None:
    """It does so in a loop that is written with with_."""
    assert ask("env", attribute="name", wantlist=True) == ["env"]


def test_a_list_of_names_is_as_good_as_the_names(ask: Ask) -> None:
    assert ask(["site", "env"], "company", attribute="name") == ["site", "env", "company"]
    assert ask(attribute="name") == list(NAMES)
    # Nobody's names are not everybody's.
    assert ask([], attribute="name") == []


@pytest.mark.parametrize(
    ("term", "kind"),
    [([["env"]], "a list in a list"), ({"a": 1}, "dict"), (5, "int"), (None, "NoneType"), ([5], "int")],
)
def test_a_term_that_is_no_name_is_refused(ask: Ask, term: Any, kind: str) -> None:
    with pytest.raises(AnsibleLookupError, match=f"a term is a name or a list of names, not {kind}"):
        ask(term)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, words, *_args, **_options: said.append(words))
    return said


def test_an_attribute_that_no_field_has_is_said(ask: Ask, warnings: list[str]) -> None:
    assert ask("env", attribute="orign") == [None]
    assert ask(where={"statuss": "synced", "xyz": 1}) == []
    assert warnings[:2] == [
        "attribute: no field has an attribute orign. Is it origin?",
        "where: no field has an attribute statuss. Is it status?",
    ]
    assert warnings[2].startswith("where: no field has an attribute xyz. There are: ")
    assert {"team", "display_name", "servers"} <= set(warnings[2].rpartition(": ")[2].rstrip(".").split(", "))


def test_an_attribute_that_a_field_may_have_is_not_questioned(ask: Ask, warnings: list[str]) -> None:
    """Of people, of the sweep, and any where there is no field to have it."""
    assert ask("env", attribute="team") == ["web"]
    assert ask("env", attribute="orphaned_since") == [None]
    assert ask("env", attribute="validation") == [None]
    assert ask(where={"status": "orphan"}) == []
    assert ask([], attribute="display_name", where={"team": "web"}) == []
    assert warnings == []


def test_nothing_published_names_the_option_of_its_store(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(AnsibleLookupError, match=r"Nothing was published at .*none/fields.json: .* or check path\."):
        ask(path=str(tmp_path / "none"))
