# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts of other forms within a config: XML, JSON in a string, netrc, settings of two words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import SALT
from tests.unit.plugins.plugin_utils._labels.test_secrets_assigned import masked

SECRET = "Kx7vQ9mTz"
FRAMES: dict[str, Callable[[str], str]] = {
    "block": lambda text: "data:\n  f: |\n" + "".join(f"    {line}\n" for line in text.split("\n")) + "x: 1\n",
    "block with keys": lambda text: "f: |\n  a: 1\n" + "".join(f"  {line}\n" for line in text.split("\n")) + "x: 1\n",
    "broken": lambda text: "{{ x }}\n" + text + "\n",
}


def only_masked(text: str) -> None:
    """Each @ of the text is a secret of its own, and all that is masked; @@ is one that stays."""
    numbers = iter(range(10, 99))
    planted = re.sub("@@?", lambda sign: f"{SECRET}{next(numbers)}" if sign.group() == "@" else "@", text)
    assert masked(planted) == re.sub("@@?", lambda sign: "M" if sign.group() == "@" else "@", text)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize(
    "text",
    [
        "<a>\n  <user>bob</user>\n  <password>@</password>\n</a>",
        "<a><ns:db-password> @ </ns:db-password><b>c</b></a>",
        '<property name="db.password">@</property>',
        '<property name="password" value="@"/>',
        "<add value='@' key='ApiToken' />",
        "<token><![CDATA[@]]></token>",
        "machine h.example login bob password @",
        "machine h.example\nlogin bob\n  account x\n  password @\ndefault login bob password @",
        "h.example:5432:db:bob:@\n*:*:*:bob:@\n# h.example:6432:*:bob:@",
        "user default on >@ >@ ~* +@@all\nuser bob off resetkeys ~x:* +@@all >@",
        "redis-cli ACL SETUSER bob on '>@' allkeys",
        "requirepass @",
        "  secret_key '@';",
        'proxy_set_header Authorization "Basic @";\nproxy_set_header Host "$host";',
        "proxy_set_header X-Api-Key @;",
        "user bob insecure-password @\nstats auth bob:@",
    ],
)
def test_other_forms(text: str, frame: Callable[[str], str]) -> None:
    only_masked(frame(text))


@pytest.mark.parametrize(
    "text",
    [
        "<name>fs.s3a.secret.key</name>\n<value>@</value>\n<name>x</name>\n<value>y</value>",
        "machine h.example\n  login bob\n  password @\nmachine i.example\n  login bob\n  password @",
    ],
)
def test_what_goes_on_in_the_next_line(text: str) -> None:
    only_masked(FRAMES["block"](text))


def test_a_password_of_letters_on_a_line_of_its_own() -> None:
    text = "x: |\n  machine h.example\n    login bob\n    password PW\n"
    assert masked(text.replace("PW", "letters")) == text.replace("PW", "M")


@pytest.mark.parametrize(
    "text",
    [
        "x: <a><password>@</password></a>\n",
        'x: "<a>\\n<password>@</password>\\n</a>"\n',
        'x: \'run with {"password": "@"} please\'\n',
        'command: ["--config={\\"basic_auth\\":{\\"password\\":\\"@\\"}}", "--x"]\n',
        "command: ['--config={\"token\": \"@\"}', '--x']\n",
        "x: \"'password': '@', 'user': 'bob'\"\n",
        '{% x %}\ncommand: ["--config={\\"basic_auth\\":{\\"password\\":\\"@\\"}}", "--x"]\n',
        "x: machine h.example login bob password @\n",
        'x: "machine h.example\\nlogin bob\\npassword @\\n"\n',
        "a: 1\n# <password>@</password>\n",
        'x: |\n  password = """@"""\n',
    ],
)
def test_other_forms_in_strings_and_comments(text: str) -> None:
    only_masked(text)


@pytest.mark.parametrize(
    "text", ['a: "{\\\\\\"password\\\\\\": \\\\\\"@\\\\\\"}"', '--config={"basic_auth":{"password":"@"}} --x']
)
def test_json_in_a_text_that_does_not_parse(text: str) -> None:
    assert SECRET not in masked(FRAMES["broken"](text.replace("@", SECRET)))


def test_a_quote_within_a_quoted_secret() -> None:
    text = 'command: ["--config={\\"password\\":\\"a\\\\\\"%s\\"}"]\n'
    assert masked(text % SECRET) == 'command: ["--config={\\"password\\":\\"M\\"}"]\n'


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://h/?x=1">token</a> <td>password</td> <th name="x">token1</th> <p id="token">abc1234</p>',
        "<password>{{ pw }}</password> <token>$TOKEN</token> <password/>",
        '<property name="password" value="${PW}"/> <property name="user" value="bob1234"/>',
        "machine h.example login bob password {{ pw }}",
        "password required\ntoken bucket\nsecret kube-system\nuser bob1234\nkeys abc1234",
        "token 15minutes\nsecret foo-bar1",
        "proxy_set_header Host host1.example;",
    ],
)
def test_other_forms_that_say_no_secret(text: str, frame: Callable[[str], str]) -> None:
    whole = frame(text)
    assert masked(whole) == whole


@pytest.mark.parametrize(
    "frame", ["<key name='token'>@</key>", "<x name='token' value='@'/>", "<token>@</token>", '--x={"token":"@"}']
)
def test_a_secret_is_masked_to_its_end(frame: str) -> None:
    text = FRAMES["block"](frame)
    assert masked(text.replace("@", SECRET * 3000)) == text.replace("@", "M")


@pytest.mark.parametrize(
    "piece", ['<password name="', "<a><password>", "<![CDATA[", '\\"password\\":\\"', "machine x login y "]
)
def test_hostile_texts_come_to_an_end(piece: str) -> None:
    text = f"x: |\n  {piece * 20_000}\n"
    assert Redactor(SALT).redact(text).text.count("\n") == 2


@pytest.mark.parametrize(
    "text",
    [
        "machine h.example\n  login bob\n  password correcthorse\n",
        "# x\ndefault login bob password correcthorse\n",
        "h.example:5432:db:bob:correcthorse\n",
        "*:*:*:bob:correcthorse\n",
        "user default on >correcthorse ~* +@all\n",
        "x: 'h.example:5432:db:bob:correcthorse'\n",
        "x: 'user default on >correcthorse ~* +@all'\n",
        "x: 1\n# h.example:5432:db:bob:correcthorse\n",
        "# echo 'machine h.example login bob password correcthorse > x\nx: 1\n",
        'x: |\n  echo "machine h.example login bob password correcthorse > x\n',
        'x: printf "(default login bob password correcthorse\n',
        "# NETRC=machine h.example login bob password correcthorse\nx: 1\n",
    ],
)
def test_files_of_other_programs_alone(text: str) -> None:
    assert masked(text) == text.replace("correcthorse", "M")


def test_the_hash_of_a_password_of_redis() -> None:
    assert masked(f"user bob on #{'0a' * 32} ~* +@all\n") == "user bob on #M ~* +@all\n"


@pytest.mark.parametrize(
    "text",
    [
        "x: user bob logs in on >5 hosts\n",
        "x: allkeys of user bob > 5\n",
        "x: '2024:10:11:12:5432:13'\n",
        "x: ['10.0.0.1:5432:x', 'h:5432:db', 'a:5432:*:1:2']\n",
        "# the default login is not a password for bob\nx: 1\n",
        "the login bob password correcthorse\n",
    ],
)
def test_what_reads_like_a_file_of_another_program(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "modules:\n  default:\n    headers: {X-A: '@'}\n    body: {content: '{\"a\": 1} @', templatize: true}\n",
        "modules:\n  default:\n    http_client_config: {basic_auth: {username: bob, password: '@'}}\n",
        "tls_server_config: {cert: x, key: '@', client_ca: y}\n",
        '{"auths": {"registry.example": {"auth": "@"}}}\n',
        'x: \'{"auths":{"registry.example":{"auth":"@"}}}\'\n',
        "params: {community: ['@'], module: [if_mib]}\n",
        "- targets: [h.example]\n  labels: {__param_community: '@'}\n",
        "x: 1\n# AGE-SECRET-KEY-@\n",
    ],
)
def test_configs_of_exporters_and_others(text: str) -> None:
    secret = "1QQPQYPQSRQKZ0X2J3K4L5M6N7P8Q" if "AGE" in text else "correcthorse"
    shown = masked(text.replace("@", secret))
    assert secret not in shown
    for kept in ("templatize: true", "client_ca: y", "if_mib", "bob", "h.example", "registry.example"):
        assert (kept in shown) == (kept in text)


# ---- tokens that show what they are ----


@pytest.mark.parametrize("frame", ["# see @.\nx: 1\n", "x:\n  description: see @, please\n", "a: b: c\nsee '@'\n"])
@pytest.mark.parametrize(
    "token",
    [
        "s.9Kx7vQ9mTz2aBcDeFgHiJk12", "b.AAAAAQ5KKgTPnO1KrsheE2OEfwZ", "glrt-0bKRVitGoPZrpulRBPSg",
        "glsa_Kx7vQ9mTz2aBcDeFgHiJk12Kx7vQ9mTz_1a2b3c4d", "glpat-Kx7vQ9mTz2aBcDeFgHiJ",
        "eyJrIjoik8danXYDw9YxJcFlparB5v==",
        "dt0c01.6VPUPMAJTPLDETYLTEGTLWJI.KVZWGRRYD3ICEGRP", "sk_live_c5ZSG7m545BKdaEVhkGtpQbH",
        "tk_odlkft2hevpemjcx4iew0alcekugk", "sntrys_M1ZPd4N3dCD53UPvxaemzY96", "NRAK-JASESMNDL150PJBEUE28ZYU49CD",
        "0123456789abcdef0123456789abcdef",
        "dckr_pat_z8wJA9fyGp7A1V9kASKWLR7HREj",
    ],
)  # fmt: skip
def test_a_token_alone(frame: str, token: str) -> None:
    frame = frame if token[0].isalpha() else frame.replace("@", "pagerduty key @")
    assert masked(frame.replace("@", token)) == frame.replace("@", "M")


@pytest.mark.parametrize(
    "address",
    [
        "https://hc-ping.com/@", "https://x.example/integrations/v1/alertmanager/@/", "https://x.example/prometheus/webhook/@",
        "https://x.example/v2/incidents/prometheus/@", "https://x.example/integrations/generic/1/alert/@/route",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "secret", ["4f9a1c2e-77b0-4d1c-9e3f-0a1b2c3d4e5f", "258309f0dc18a4b62a9c4c82", "0uLEeEOzay2btC795JiQzp"]
)
def test_a_path_that_lets_send_alerts(address: str, secret: str) -> None:
    assert masked(f"# see {address.replace('@', secret)}\nx: 1\n") == f"# see {address.replace('@', 'M')}\nx: 1\n"


@pytest.mark.parametrize(
    "said",
    [
        "ends.AbcdefghijKlmnopqrstuvwx", "s.abcdefghijklmnopqrstuvwx", "s.AbcdefghijKlmnopqrstuvwx.example", "sk-ant-1",
        "https://h.example/prometheus/k8s-prod1-metrics-v2", "https://h.example/webhook/alertmanager-k8s-teams",
        "npm_config_cache_v2a_directory_of_all_packages", "https://h.example/alertmanager/silences-2024",
    ],
)  # fmt: skip
def test_what_reads_like_a_token(said: str) -> None:
    assert masked(f"# see {said}\nx: '{said}'\n") == f"# see {said}\nx: '{said}'\n"
