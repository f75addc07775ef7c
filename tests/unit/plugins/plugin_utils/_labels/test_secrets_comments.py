# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is masked in the comments of a config."""

from __future__ import annotations

import re

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

MASK = re.compile(r"<secret:[0-9a-f]{4}>")


def anonymous(text: str) -> str:
    """The redacted text with one sign for every mask; redacting it again must change nothing."""
    once = Redactor(b"one").redact(text).text
    assert Redactor(b"two").redact(once).text == once
    return MASK.sub("M", once)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("token: x  # was OLD until May\nb: 1\n", "token: M  # M\nb: 1\n", id="plain"),
        pytest.param("- {token: x, b: 1}\t#was OLD\n", '- {token: "M", b: 1}\t#M\n', id="in braces"),
        pytest.param("token: 'x'  ##! was OLD \t\n", "token: 'M'  ##! M \t\n", id="signs and blanks stay"),
        pytest.param("token: x # OLD # OLDER\n", "token: M # M\n", id="two signs"),
        pytest.param("token: | # was OLD\n  x\nb: 1 # c\n", "token: | # M\n  M\nb: 1 # c\n", id="head of a block"),
        pytest.param("token: &a # was OLD\n  x\n", "token:  # M\n  M\n", id="behind an anchor"),
        pytest.param("token: # was OLD\n  x # OLDER\n", "token: # M\n  M # M\n", id="behind the key"),
        pytest.param("token: x\n  y # was OLD\n", 'token: "M"\n   # M\n', id="last of some lines"),
        pytest.param("[{token: x}, # was OLD\n {b: 1}] # c\n", '[{token: "M"}, # M\n {b: 1}] # c\n', id="flow lines"),
        pytest.param("url: https://u:pw@h/ # was OLD\n", "url: https://u:M@h/ # M\n", id="part of a value"),
        pytest.param("token: x # was OLD\r\nb: 1\r\n", "token: M # M\r\nb: 1\r\n", id="CRLF"),
        pytest.param("token: x # was OLD\rb: 1\r", "token: M # M\rb: 1\r", id="CR"),
        pytest.param("token: x # was OLD\x85b: 1\n", "token: M # M\x85b: 1\n", id="NEL"),
        pytest.param("token: x # <secret:0a1b>\n", "token: M # M\n", id="masked before"),
        pytest.param("token: x # <secret:0a1b> OLD\n", "token: M # M\n", id="masked in part before"),
        pytest.param(
            "a: b: c\ntoken: Ab-123456\nx: Ab-123456 # OLD\n", "a: b: c\ntoken: M\nx: M # M\n", id="broken, again"
        ),
        pytest.param("token: <secret:0a1b> # was OLD\n", "token: M # M\n", id="beside a mask"),
        pytest.param("a: b: c\ntoken: <secret:0a1b> # OLD\n", "a: b: c\ntoken: M # M\n", id="broken, beside a mask"),
        pytest.param("token: x #\nsecret: y ####\n", "token: M #\nsecret: M ####\n", id="empty comments"),
        pytest.param("a: |\n  token: x # was OLD\n", "a: |\n  token: M\n", id="a config in a string"),
        pytest.param("a: |\n  - {token: x} # was OLD\n", "a: |\n  - {token: M} # M\n", id="braces in a string"),
        pytest.param("a: [\n- {token: x} # was OLD\n", "a: [\n- {token: M} # M\n", id="broken, in braces"),
        pytest.param("a: [\nurl: https://u:p@h/ # was OLD\n", "a: [\nurl: https://u:M@h/ # M\n", id="broken, a URL"),
        pytest.param("a: b: c\ntoken: | # was OLD\n  x\n", "a: b: c\ntoken: | # M\n  M\n", id="broken, a block"),
    ],
)
def test_all_that_a_comment_says_beside_a_masked_value_goes(text: str, expected: str) -> None:
    assert anonymous(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "# before it\ntoken: <secret:0a1b> # <secret:0a1b>\n# after it\n",
        "password: ~ # unset\ntoken: '' # unset\nsecret: # unset\n",
        "global:\n  external_labels: {token: $TOKEN} # from the environment\n",
        "basic_auth: # who\n  username: bob # him\n  password_file: /etc/pw # there\n",
        "route: {receiver: '#team'} # all of them\nurl: https://h/#a # there\n",
        "password:\n# the value follows\n  <secret:0a1b>\n",
    ],
)
def test_other_comments_stay(text: str) -> None:
    assert anonymous(text) == text.replace("<secret:0a1b>", "M")


def test_a_comment_before_and_after_a_masked_value_stays() -> None:
    text = "# before it\ntoken: x\n# after it\nb: 1 # beside another\n"
    assert anonymous(text) == text.replace("x\n", "M\n", 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x: | # COMMENT\n  text\n", id="head of a block"),
        pytest.param("x: >2-# COMMENT\n   text\n", id="head of a block, no blank"),
        pytest.param("x: &a # COMMENT\n  text\n", id="behind an anchor"),
        pytest.param("x: !!str # COMMENT\n  text\n", id="behind a tag"),
        pytest.param("x: &a !!str # COMMENT\n  |\n  text\n", id="behind both"),
        pytest.param("a: 1\x85# COMMENT\nb: 1\n", id="NEL"),
        pytest.param("a: 1\u2028# COMMENT\nb: 1\n", id="LS"),
        pytest.param("{a: b,# COMMENT\n c: d}\n", id="comma"),
        pytest.param("[# COMMENT\n c]\n", id="bracket"),
        pytest.param("{# COMMENT\n c: d}\n", id="brace"),
        pytest.param("{'a':# COMMENT\n c}\n", id="colon"),
        pytest.param("a: 'b'# COMMENT\n", id="quote"),
        pytest.param("--- # COMMENT\na: b\n", id="document"),
        pytest.param("%YAML 1.1 # COMMENT\n---\na: b\n", id="directive"),
        pytest.param("a: 'it''s # one'  # COMMENT\n", id="behind a sign in a string"),
        pytest.param("a: b#c # COMMENT\n", id="behind a sign in a word"),
        pytest.param("x: [&a # COMMENT\n  text, *a]\n", id="in a list"),
    ],
)
def test_a_comment_is_read_wherever_yaml_allows_one(text: str) -> None:
    assert anonymous(text.replace("COMMENT", "api_token: Topsecret77")) == text.replace("COMMENT", "api_token: M")


@pytest.mark.parametrize("line", ["password:", "url: http://h/", "password: ~", "password: {", "url: &a", "x: |"])
@pytest.mark.parametrize(
    ("comment", "expected"),
    [("https://u:Topsecret77@h/", "https://u:M@h/"), ("api_token: Topsecret77", "api_token: M")],
)
def test_a_comment_is_read_in_broken_yaml_too(line: str, comment: str, expected: str) -> None:
    text = f"{line} # COMMENT\na: b: c\n"
    assert anonymous(text.replace("COMMENT", comment)).split("\n")[0] in {
        f"{line} # {expected}",
        "password: M",
    }


def test_the_place_of_a_setting_that_is_commented_out_is_known_in_long_files() -> None:
    """What lies far above a comment is read only as far as the comment hangs on it."""
    filler = "groups:\n- name: g\n  rules:\n" + "  - record: a\n    expr: b\n" * 50
    text = (
        f"{filler}receivers:\n- name: r\n  webhook_configs:\n  - send_resolved: true\n    # url: Topsecret77\n"
        + "    http_config:\n      # proxy_url: public\n"
        + f"{filler}  # url: public\n'receivers':\n  - webhook_configs:\n    #- url: Topsecret77\n"
        + "text: 'one\n\nreceivers: two'\n# url: public\n"
    )
    assert anonymous(text) == text.replace("Topsecret77", "M")
