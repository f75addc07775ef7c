# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import secrets
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_events import MAX_CHARACTERS
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_time import (
    TooSlowError,
    within,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

MASK = re.compile(r"<secret:[0-9a-f]{4}>")
REDACTOR = Redactor(b"a salt for tests")


def redact(text: str) -> str:
    return REDACTOR.redact(text).text


def anonymous(text: str) -> str:
    """The redacted text with one sign for every mask."""
    return MASK.sub("M", redact(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a:\n  password: abc\nb: 1 # why\n", "a:\n  password: M\nb: 1 # why\n", id="plain"),
        pytest.param("password:   'it''s'\n", "password:   'M'\n", id="single quotes"),
        pytest.param('password: "a\\tb"\n', 'password: "M"\n', id="double quotes"),
        pytest.param("{password: abc, user: b}\n", '{password: "M", user: b}\n', id="flow style is quoted"),
        pytest.param('{"password": 12345}', '{"password": "M"}', id="a number in JSON becomes a string"),
        pytest.param("password: |\n  one\n  two\n\nb: 1\n", "password: |\n  M\n\n\nb: 1\n", id="literal block"),
        pytest.param(
            "a: |-\n  password: x22\nb: 1\n", "a: |-\n  password: M\nb: 1\n", id="a config of one line in a block"
        ),
        pytest.param("a: >-\n  password: x22\nb: 1\n", "a: >-\n  password: M\nb: 1\n", id="the same in a folded block"),
        pytest.param("password: >-\n    one\n\n    two\nb: 1\n", "password: >-\n    M\n\n\nb: 1\n", id="folded block"),
        pytest.param("a:\n- password: |2\n     one\n    two\n", "a:\n- password: |2\n     M\n\n", id="indented block"),
        pytest.param("password: one\n  two\n  three\nb: 1\n", 'password: "M"\n\n  \nb: 1\n', id="plain lines"),
        pytest.param('{password: "one\n   two", b: 1}\n', '{password: "M"\n   , b: 1}\n', id="quoted lines"),
        pytest.param("password: &x !!str abc\nb: *x\n", "password: &x !!str M\nb: *x\n", id="anchor and tag"),
        pytest.param("password: !!int 123\n", "password:  M\n", id="a tag that no mask can have goes"),
        pytest.param('"pass\\u0077ord": abc\n', '"pass\\u0077ord": M\n', id="escaped key"),
        pytest.param("? password\n: abc\n", "? password\n: M\n", id="explicit key"),
        pytest.param("password: abc\r\nb: 1\r\n", "password: M\r\nb: 1\r\n", id="CRLF"),
        pytest.param("\ufeffpassword: abc\nb: 1\n", "\ufeffpassword: M\nb: 1\n", id="byte order mark"),
        pytest.param('{\n\t"password":\t"abc"\n}\n', '{\n\t"password":\t"M"\n}\n', id="tabs"),
        pytest.param("a: 1\n---\npassword: abc\n", "a: 1\n---\npassword: M\n", id="second document"),
        pytest.param("é: 😀\npassword: abc\n", "é: 😀\npassword: M\n", id="wide characters before it"),
        pytest.param("password: [abc, {a: def}]\n", 'password: ["M", {a: "M"}]\n', id="all below a secret's key"),
        pytest.param("basic_auth: user:pass\n", "basic_auth: M\n", id="credentials of the wrong type"),
    ],
)
def test_only_the_secret_is_replaced(text: str, expected: str) -> None:
    assert anonymous(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "password_file: /etc/pw\nbearer_token_file: /t\nclient_secret_ref: name\n",
        "basic_auth: {username: bob}\n",
        "password:\nsecret: ~\ntoken: null\napi_key: ''\n",
        "use_token: true\nuse_api_key: false\n",
        "scrape_configs:\n- params: {module: [http_2xx], target: [a]}\n",
        "scrape_configs:\n- static_configs: [{targets: ['https://h.example:443/?page=1#a@b']}]\n",
        "scrape_configs:\n- relabel_configs: [{regex: 'https?://([^@]+)@(.*)', replacement: 'http://$1:$2@h/?token=$3'}]\n",
        "global:\n  external_labels: {api_token: $TOKEN, other_token: '${TOKEN}'}\n",
        "receivers:\n- pagerduty_configs: [{url: https://events.pagerduty.com/v2/enqueue}]\n",
        "receivers:\n- wechat_configs: [{corp_id: a, agent_id: b}]\n- telegram_configs: [{chat_id: -12345}]\n",
        "tls_server_config: {cert_file: a, key_file: b}\n",
        "groups: [{name: g, rules: [{record: a, expr: 'sum by (token) (b{key=\"x\"})'}]}]\n",
        "password: <secret:0a1b>\nurl: http://a:<secret:0a1b>@h/?token=<secret:0a1b>\n# token: <secret:0a1b>\n",
        "# The token of the day is in the vault.\na: 1\n",
        "",
        "\n\n",
    ],
)
def test_what_is_not_secret_stays(text: str) -> None:
    result = REDACTOR.redact(text)
    assert (result.text, result.count) == (text, 0)


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("receivers: [{webhook_configs: [{url: VALUE}]}]", True),
        ("receivers: [{pagerduty_configs: [{url: VALUE}]}]", False),
        ("receivers: [{slack_configs: [{api_url: VALUE}]}]", True),
        ("receivers: [{opsgenie_configs: [{api_url: VALUE}]}]", False),
        ("scrape_configs: [{tls_config: {key: VALUE}}]", True),
        ("scrape_configs: [{tls_config: {ca: VALUE}}]", False),
        ("remote_write: [{headers: {a: VALUE}}]", True),
        ("remote_write: [{name: VALUE}]", False),
        ("scrape_configs: [{consul_sd_configs: [{token: VALUE}]}]", True),
        ("scrape_configs: [{consul_sd_configs: [{server: VALUE}]}]", False),
        ("scrape_configs: [{params: {key: [VALUE]}}]", True),
        ("scrape_configs: [{params: {module: [VALUE]}}]", False),
        ("scrape_configs: [{relabel_configs: [{target_label: __param_key, replacement: VALUE}]}]", True),
        ("scrape_configs: [{relabel_configs: [{target_label: key, replacement: VALUE}]}]", False),
    ],
)
def test_the_same_key_is_secret_in_one_place_and_not_in_another(path: str, secret: bool) -> None:
    text = path.replace("VALUE", "https://x.example/abc") + "\n"
    assert anonymous(text) == (path.replace("VALUE", '"M"') + "\n" if secret else text)


@pytest.mark.parametrize(
    "text",
    [
        "x: &v Topsecret77\nscrape_configs: [{job_name: *v, bearer_token: *v}]\n",
        "x: &b {username: u, password: Topsecret77}\nscrape_configs:\n- basic_auth: *b\n",
        "x: &b\n  a: Topsecret77\nscrape_configs:\n- job_name: a\n  http_headers:\n    H: {secrets: [*b]}\n",
        "x: &h {X-Any: Topsecret77}\nremote_write:\n- headers: {<<: *h}\n",
        "x: &h {X-Any: Topsecret77}\ny: &i {X-Other: Topsecret77}\nremote_write:\n- headers: {<<: [*h, *i]}\n",
        "x: &j {url: Topsecret77}\ny: &k {<<: *j}\nreceivers:\n- webhook_configs: [{<<: *k}]\n",
        "x: &j [{url: Topsecret77}]\nreceivers:\n- webhook_configs: *j\n",
        "x: &v Topsecret77\ny: &v other\nx2: *v\nscrape_configs: [{bearer_token: Topsecret77}]\n",
        "? &v Topsecret77\n: 1\n? b\n: {password: *v}\n",
        "x: &l {a: Topsecret77, password: *l}\n",
        "k: &k password\nx: {*k : Topsecret77}\n",
        "x: &Topsecret7 Topsecret77Topsecret77\npassword: Topsecret77Topsecret77\ny: *Topsecret7\n",
    ],
)
def test_aliases_and_merge_keys_lead_to_the_value_at_the_anchor(text: str) -> None:
    assert "Topsecret77" not in redact(text)
    assert redact(text).count("*") == text.count("*")


@pytest.mark.parametrize(
    "text",
    [
        "? [a]\n: b\npassword: Topsecret77\n",
        "? {a: b}\n: {c: d}\npassword: Topsecret77\n",
        "x: {[a, b]: c, password: Topsecret77}\n",
        "x: [{{a: b}: [c], password: Topsecret77}]\n",
        "k: &k [a]\n? *k\n: b\npassword: Topsecret77\n",
    ],
)
def test_a_key_that_is_no_scalar_shifts_nothing(text: str) -> None:
    assert anonymous(text) in {text.replace("Topsecret77", "M"), text.replace("Topsecret77", '"M"')}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"url": "https:\\/\\/u:Topsecret77@h.example"}\n', '{"url": "https:\\/\\/u:M@h.example"}\n'),
        ('x: "https\\x3a//u:Topsecret77@h.example"\n', 'x: "https\\x3a//u:M@h.example"\n'),
        ('x: "/a\\u003ftoken=Topsecret77"\n', 'x: "/a\\u003ftoken=M"\n'),
    ],
)
def test_escapes_hide_no_secret(text: str, expected: str) -> None:
    assert anonymous(text) == expected


@pytest.mark.parametrize("text", ["x: 'X-Token: Topsecret77'''\n", 'x: "X-Token: Topsecret77\\\\"\n'])
def test_a_secret_that_ends_a_string_with_an_escape(text: str) -> None:
    assert yaml.safe_load(anonymous(text)) == {"x": "X-Token: M"}


@pytest.mark.parametrize(
    "inside", ["- {token: Topsecret77}", '{"token": "Topsecret77", "b": 1}', "[{token: Topsecret77}]"]
)
def test_braces_in_a_string_are_read(inside: str) -> None:
    text = f"config: |\n  {inside}\n"
    assert re.sub('"?M"?', "M", anonymous(text)) == re.sub('"?Topsecret77"?', "M", text)


def test_secrets_are_told_apart_and_recognised() -> None:
    shown = redact(
        "a_password: alpha-111\nb_password: beta-2222\nc_password: 'alpha-111'\nd_password: |\n  alpha-111\n"
    )
    first, second, third, fourth = MASK.findall(shown)
    assert first == third == fourth != second


def test_fingerprints_depend_on_the_salt() -> None:
    text = "password: alpha-111\n"
    assert Redactor(b"a").redact(text).text == Redactor(b"a").redact(text).text
    assert len({Redactor(bytes([number])).redact(text).text for number in range(20)}) > 15
    assert len({Redactor().redact(text).text for _unused in range(20)}) > 15


def test_a_secret_that_was_found_is_masked_where_it_is_repeated() -> None:
    text = (
        "# the login was bob / Gx7-kettle-9, changed in May\n"
        "scrape_configs:\n- basic_auth: {password: Gx7-kettle-9}\n"
        '  job_name: "Gx7\\x2dkettle-9"   # Gx7-kettle-9\n'
        "  static_configs: [{labels: {note: was Gx7-kettle-9 once}}]\n"
    )
    shown = redact(text)
    assert "kettle" not in shown
    assert len(set(MASK.findall(shown))) == 1
    assert "# the login was bob / <secret:" in shown


def test_one_of_thousands_of_secrets_is_known_again() -> None:
    text = "".join(f"- {{name: n{number}, token: Ab{number:05}-{number * 7919:x}}}\n" for number in range(3000))
    text += "# it was Ab02999-16a61d9 once\n- {name: was Ab02998-16a42ea once}\n- {name: Ab02997-}\n"
    assert "Ab02999-16a61d9" in text.partition("#")[0]
    assert "Ab02998-16a42ea" in text.partition("#")[0]
    assert re.findall(r"Ab.*", redact(text)) == ["Ab02997-}"]


def test_a_common_word_as_a_password_does_not_cost_the_word_elsewhere() -> None:
    text = "# prometheus of site one\nscrape_configs:\n- job_name: prometheus\n  basic_auth: {password: prometheus}\n"
    assert anonymous(text) == text.replace("password: prometheus", 'password: "M"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://u:pw@h/x", "see https://u:M@h/x"),
        ("see https://tok@h/x", "see https://M@h/x"),
        ("https://u:p@ss@h/", "https://u:M@h/"),
        ("https://u:pa/ss#x@h/", "https://u:M@h/"),
        (
            "https://u:@h/ https://h:9090/a@b http://[::1]:9090/a@b",
            "https://M:@h/ https://h:9090/a@b http://[::1]:9090/a@b",
        ),
        ("/probe?module=a&api_key=k1&x=2", "/probe?module=a&api_key=M&x=2"),
        ("https://h/?sig=a%2Fb&se=1#access_token=zz", "https://h/?sig=M&se=1#access_token=M"),
        ("https://hooks.slack" + ".com/services/T0/B0/zz9", "https://hooks.slack" + ".com/services/M"),
        ("https://discord" + ".com/api/webhooks/12/ab-c", "https://discord" + ".com/api/webhooks/M"),
        ("https://a.webhook.office" + ".com/webhookb2/1@2/I/3", "https://a.webhook.office" + ".com/webhookb2/M"),
        ("bot 123456789" + ":" + "A" * 35 + " x", "bot M x"),
        ("authorization of Bearer abcdefghijklmnop.123", "authorization of Bearer M"),
        (
            "-----BEGIN " + "PRIVATE KEY-----MIIabc-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----M-----END PRIVATE KEY-----",
        ),
    ],
)
def test_a_secret_shows_itself_by_its_shape(text: str, expected: str) -> None:
    assert anonymous(f"note: '{text}'\n") == f"note: '{expected}'\n"
    assert anonymous(f"# {text}\nkey: 1\n") == f"# {expected}\nkey: 1\n"
    assert MASK.sub("M", REDACTOR.redact_message(text)) == expected


def test_a_header_in_a_string_and_in_a_comment() -> None:
    text = "note: 'Authorization: Bearer abcdefghijklmnop.123'\n"
    assert anonymous(text) == "note: 'Authorization: Bearer M'\n"
    # There it is a setting of its own.
    assert anonymous("a: 1\n# Authorization: Bearer abcdefghijklmnop.123\n") == "a: 1\n# Authorization: M\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("found character in password: hunter2 x", "found character in password: M"),
        ("env API_TOKEN=abc failed", "env API_TOKEN=M failed"),
        ('got {"secret": "abc"}', 'got {"secret": M'),
        ("sudo: a password is required", "sudo: a password is M"),
        ("Permission denied (publickey,password).", "Permission denied (publickey,password)."),
        ("cannot open /etc/token", "cannot open /etc/token"),
    ],
)
def test_messages(message: str, expected: str) -> None:
    assert MASK.sub("M", REDACTOR.redact_message(message)) == expected


def test_a_private_key_in_a_block_of_certificates() -> None:
    text = (
        "tls_config:\n  cert: |\n    -----BEGIN CERTIFICATE-----\n    PUBLIC\n    -----END CERTIFICATE-----\n"
        "    -----BEGIN " + "RSA PRIVATE KEY-----\n    AAAA\n    BBBB\n    -----END RSA PRIVATE KEY-----\n"
    )
    shown = anonymous(text)
    assert "AAAA" not in shown
    assert "BBBB" not in shown
    assert "PUBLIC" in shown
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "a: &a [x]\n"
            + "".join(f"{c}: &{c} [*{p}, *{p}, *{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
            + "password: *i\n",
            id="alias bomb",
        ),
        pytest.param(
            "".join(f"k{n}: &k{n}\n" + " " * (n + 1) for n in range(90)) + "x: Topsecret77\npassword: *k0\n",
            id="nested anchors",
        ),
        pytest.param("password: Topsecret77\nx: " + "[" * 5000, id="brackets"),
        pytest.param("password: Topsecret77\nx: " + "{" * 5000, id="braces"),
        pytest.param("password: Topsecret77\nx: " + "- " * 5000, id="dashes"),
        pytest.param("password: Topsecret77\n" + "a" * 300_000 + "\n", id="long line"),
        pytest.param("password: Topsecret77\nx: '" + "://a:b" * 30_000 + "\n", id="many URLs"),
        pytest.param("password: Topsecret77\nx: " + "kind:" * 50_000 + "\n", id="many kinds"),
        pytest.param("password: Topsecret77\nx: '" + "?key" * 30_000 + "\n", id="many parameters"),
        pytest.param("password: Topsecret77\n" + "#" * 100_000 + "\n" + "token " * 20_000 + "\n\t{", id="many words"),
        pytest.param("password: Topsecret77\n" + '"' * 50_001 + "\n", id="quotes"),
        pytest.param("password: Topsecret77\n" + "- {a: 'x', b: [1, 2]}\n" * 30_000, id="many nodes"),
        pytest.param("password: Topsecret77\n" + "\\n" * 30_000 + "\t{", id="escaped lines"),
        pytest.param("password: Topsecret77\nx: &a\n" + "#\n" * 100_000 + "  text\n", id="comments behind an anchor"),
        pytest.param("password: Topsecret77\n" + "# a\n" * 50_000, id="many comments"),
        pytest.param("password: Topsecret77 #" + " " * 300_000 + "\n", id="a long empty comment"),
        pytest.param("password: Topsecret77 " + "# " * 100_000 + "\n\t{", id="many signs"),
        pytest.param("password: Topsecret77\n-----BEGIN PRIVATE KEY-----" * 500 + "\n\t{", id="keys never ended"),
        pytest.param("password: Topsecret77\na: [\n" + '"A_PASSWORD=x ' * 10_000, id="quotes never closed"),
    ],
)
def test_hostile_texts_are_handled_in_bounded_time(text: str) -> None:
    shown = redact(text)
    assert "Topsecret77" not in shown
    assert shown.count("\n") == text.count("\n")
    assert redact(shown) == shown


def test_a_text_of_several_megabytes() -> None:
    targets = ", ".join(f"h{n}:9100" for n in range(60))
    text = "".join(
        f"- targets: [{targets}]\n  labels: {{env: prod, db_password: Topsecret{n}}}\n" for n in range(6_500)
    )
    shown = redact(text)
    assert len(text) > MAX_CHARACTERS
    assert re.search(r"Topsecret\d", shown) is None
    assert shown.count("env: prod") == 6_500


@pytest.mark.parametrize("begin", ["a:\n", "a:\n\t{\n"], ids=["sound", "broken"])
def test_thousands_of_secrets_that_look_alike_cost_the_text(begin: str) -> None:
    """Each would have to be looked for in all of the text: a hostile server must not hold up the others so."""
    pair = "  - password: alike-{0:09}\n    said: alike-{0:09} and alike-{1:09}\n"
    text = begin + "".join(pair.format(number, number + 5) for number in range(8000))
    result = Redactor().redact(text)
    assert "alike" not in result.text
    assert result.count == len(result.text.splitlines()) == len(text.splitlines())


@pytest.mark.parametrize("text", ["\t{\npassword: x\n", "a: 1\n# password: x\n"], ids=["broken", "sound"])
def test_within_a_limit_of_time_nothing_comes_of_a_text_that_takes_longer(text: str) -> None:
    redactor = Redactor()
    with pytest.raises(TooSlowError), within(0.0):
        redactor.redact(text)
    with within(60.0):
        assert ": x" not in redactor.redact(text).text


def test_an_error_inside_costs_the_text_and_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor(b"x")

    def fail(text: str) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(redactor, "_redact", fail)
    result = redactor.redact("password: Topsecret77\n\nb: 1\n")
    assert MASK.sub("M", result.text) == "M\n\nM\n"
    assert result.count == 2


def test_equal_texts_are_redacted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor(b"x")
    first = redactor.redact("password: Topsecret77\n")
    monkeypatch.setattr(redactor, "_redact", None)
    assert redactor.redact("password: Topsecret77\n") is first


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_CACHE_CHARACTERS", 10_000)
    redactor = Redactor(b"x")
    texts = [f"password: x{number}\n" + "# a\n" * 1000 for number in range(50)]
    results = [redactor.redact(text) for text in texts]
    assert redactor.redact(texts[-1]) is results[-1]
    assert redactor.redact(texts[0]) is not results[0]


def test_structure_survives() -> None:
    text = "- {password: a b, x: [1, 2.5, yes]}\n- password: |\n    a\n  x: &a {b: c}\n- *a\n"
    assert yaml.safe_load(anonymous(text)) == [
        {"password": "M", "x": [1, 2.5, True]},
        {"password": "M\n", "x": {"b": "c"}},
        {"b": "c"},
    ]
