# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._report import assemble

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


class Reader(HTMLParser):
    """The texts of the script and style elements, as a browser cuts them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag if tag in {"script", "style"} else ""
        if self.tag:
            self.found.append((tag, ""))

    def handle_data(self, data: str) -> None:
        if self.tag:
            self.found[-1] = (self.tag, self.found[-1][1] + data)

    def handle_endtag(self, _tag: str) -> None:
        self.tag = ""


def whole(value: object) -> object:
    """The value with halves of characters replaced, as they are on the page."""
    return json.loads(re.sub(r"[\ud800-\udfff]", "\ufffd", json.dumps(value, ensure_ascii=False)))


@settings(deadline=None)
@given(JSON)
def test_embedded_data_is_the_data_and_ends_no_element(value: object) -> None:
    text = assemble.embeddable(value)
    assert json.loads(text) == whole(value)
    assert not re.search("[<>&\u2028\u2029\ud800-\udfff]", text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_the_page_carries_its_data_and_two_scripts_whatever_the_text(text: str) -> None:
    page = assemble.page({"title": text, "items": [text]})
    found = Reader(page).found
    assert [tag for tag, _content in found] == ["style", "script", "script"]
    assert json.loads(found[1][1]) == whole({"title": text, "items": [text]})
    page.encode("utf-8")


def test_what_looks_like_a_slot_in_the_data_stays() -> None:
    page = assemble.page({"title": "__STYLE__ __DATA__", "items": ["__SCRIPT__ \\g<0> \\1"]})
    assert "<title>__STYLE__ __DATA__</title>" in page
    assert '"__SCRIPT__ \\\\g\\u003c0\\u003e \\\\1"' in page


def test_the_policy_names_exactly_the_style_and_script_of_the_page() -> None:
    page = assemble.page({"title": "x"})
    (_style, style), _data, (_script, script) = Reader(page).found
    match = re.search('http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert match
    policy = html.unescape(match[1])
    for kind, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_addresses_of_the_page_are_ones() -> None:
    """As HTML has them: no spaces and none of what must be written as %XX."""
    addresses = re.findall(r'(?:href|src)="([^"]*)"', assemble.page({"title": "x"}))
    assert len(addresses) > 3
    assert [address for address in addresses if re.search(r"[\s<>{}|\\^`]", address)] == []


def test_the_page_points_nowhere_outside_of_itself() -> None:
    page = assemble.page({"title": "x"})
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+", re.sub(r"(?m)^(//|GNU).*$", "", page)))
    assert addresses == {"http://www.w3.org"}  # the namespace of the icon's SVG, which is a name and never fetched


def test_a_number_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        assemble.page({"title": "x", "value": float("nan")})
