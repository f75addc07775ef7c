# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in strings that say ``NAME=value``, hold a config of their own, or show a secret in a rarer shape."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import SALT

SECRET = "Zz9kkkkkk"
MASK = re.compile(r"<secret:[0-9a-f]{4}>")


def masked(text: str) -> str:
    """The masked text with M for each mask; it stays as it is when it is masked again."""
    first = Redactor(SALT).redact(text).text
    assert Redactor(SALT).redact(first).text == first
    assert first.count("\n") == text.count("\n")
    return MASK.sub("M", first)


# ---- hostile texts ----


def test_thousands_of_pairs_on_a_line() -> None:
    text = "x: {{ a }\n# " + f'token="{SECRET}",' * 20_000 + "\n"
    assert masked(text) == "x: {{ a }\n# " + "token=M," * 20_000 + "\n"


def test_thousands_of_secrets_in_a_string() -> None:
    inside = "".join(f"  a_password: b{number}q\\n" for number in range(20_000))
    assert masked(f'x: "global:\\n{inside}"\n') == 'x: "global:\\n' + "  a_password: M\\n" * 20_000 + '"\n'


def test_thousands_of_keys_that_never_end() -> None:
    begin = "-----BEGIN " + "PRIVATE KEY-----"
    assert masked("x: |\n  " + begin * 10_000 + "\n") == f"x: |\n  {begin}M\n"
    assert masked("x: '" + begin * 10_000 + "'\n") == f"x: '{begin}M'\n"


# ---- a config in a string ----


@pytest.mark.parametrize(
    "text",
    [
        '{"data":{"prometheus.yml":"- job_name: a\\n  password: @}\\n- job_name: b\\n  password: @}\\n"}}\n',
        'x: "password: @\\nb: c\\npassword: @"\n',
        'x: "\\x70assword: @\\n\\u00e9: @@@\\n"\n',
        'x: "a: b\\n\\\n  password: @\\n\\\n  c: \\"d\\""\n',
        "x: 'a: ''b''\n\n  password: @\n\n  c: d'\n",
        "x: 'it''s https://u:@@h/ and https://u:@@h/'\n",
        'x: "\\"https://u:@@h/\\" \n  and  https://u:@@h/"\n',
        "x: https://u:@@h/\n  https://u:@@h/\n\n  https://u:@@h/\n",
        'x: "token: b\\\\u0022@\\n"\n',
    ],
)
def test_only_the_secrets_of_a_string_are_masked(text: str) -> None:
    text = (
        text.replace("@@@", "o").replace("@@", f"{SECRET}@").replace("@}", SECRET + "}").replace(": @", f": {SECRET}")
    )
    expected = text.replace(SECRET + "}", "M").replace(SECRET, "M").replace("b\\\\u0022@", "M")
    assert masked(text) == expected


def test_a_secret_over_several_lines_of_a_string_costs_the_string() -> None:
    assert masked(f'x: "a: b\\npassword: {SECRET}\n  more\\n"\n') == 'x: "M"\n  \n'


def test_a_string_that_is_masked_in_parts_is_the_same_string() -> None:
    text = f'x: "\\x70assword: \\"{SECRET}\\"\\n\\\n  b: \\u0063\\t\n\n  d"\n'
    assert MASK.sub("M", yaml.safe_load(masked(text))["x"]) == "password: M\nb: c\t\nd"


# ---- NAME=value ----


@pytest.mark.parametrize(
    "text",
    [
        "environment:\n- DB_PASSWORD=@\n- DB_USER=u\n",
        "command: ['--redis.password=@', --x]\n",
        "command: --password=@ --x\n",
        'command: "--password=\\"@\\" --x"\n',
        "DATA_SOURCE_NAME: 'host=db password=@ user=u'\n",
        "DATA_SOURCE_NAME: 'Server=a; Password=@'\n",
        "grafana.ini: |\n  [security]\n  admin_password = @\n  ; secret_key = @\n  admin = u\n",
        "grafana.ini: |\n  [security]\n  admin_password = @ @\n",
        ".env: |\n  DB_PASSWORD=@\n  PASS='@'\n  DB_PW=@\n",
        ".env: |\n  # a: b\n  DB_PASSWORD=@\n",
        "run: |\n  export TOKEN=@\n  curl -H 'x: y' --token=@ https://h/\n",
        'config.alloy: |\n  basic_auth { password = "@" }\n  basic_auth {\n    password = "@"\n  }\n',
        "x: >-\n  host=db\n  password=@\n",
        'x: "host=db\\n\\tpassword\\t=\\t@\\n"\n',
        'x: \'{"cmd":"--password=@","y":1}\'\n',
        'logstash.conf: |\n  password => "@"\n',
        "annotations: {a: run it with TOKEN=@ please}\n",
        "env:\n- name: DB_PASSWORD\n  value: @\n- {value: x, name: y}\n",
        "env:\n- value: @\n  name: api_token\n",
        'x: |\n  a token="@\n  b " c\n',
        "x: 'a token=\"@\n\n  b\" c'\n",
        "command: ['--password=$@']\n",
    ],
)
def test_what_is_assigned_to_the_name_of_a_secret(text: str) -> None:
    expected = text.replace("@ @", "M").replace("$@", "M").replace("@", "M")
    assert masked(text.replace("@", SECRET)) == expected


@pytest.mark.parametrize(
    "text",
    [
        'groups:\n- rules:\n  - expr: a{secret="x"}+token=y\n  - expr: |\n     up{a="b",\n        token="x"}\n',
        "route:\n  routes:\n  - matchers: ['token=x', 'secret=~\"a.*\"', 'my_key=\"x\"']\n",
        "inhibit_rules:\n- source_matchers:\n  - token=x\n  target_matchers:\n  - 'token=y'\n",
        "scrape_configs:\n- params: {'match[]': ['{token=\"x\"}', 'token=x']}\n",
        "- relabel_configs:\n  - {regex: 'token=(.+) secret=x', replacement: 'token=$1', target_label: a}\n",
        "annotations:\n  a: 'see up{token=\"x\"} and the token: none, the password is yours'\n",
        'annotations:\n  a: if token == "x" or password=~"x" or secret != \'x\'\n',
        "command: ['--password=$PASSWORD', '--token=${TOKEN}', '--secret=$(SECRET)', '--password-file=/x']\n",
        "command: ['--tls-key=/etc/x.pem', '--use-token=true', 'token={{ x }}', '--password=', '--password= --x']\n",
        "env:\n- name: DB_PASSWORD\n  valueFrom: {secretKeyRef: {name: a, key: b}}\n- {name: TOKEN, value: $(X)}\n",
        "matchers:\n- name: token\n  value: x\n- value: y\n  name: my_key\n",
        "a: {name: x, value: 'y', token_value_from: z}\n",
        "name: token\nvalue: x\n",
        'run: |\n  if [ "$TOKEN" = "x" ]; then TOKEN=$(cat /x); fi\n',
    ],
)
def test_what_assigns_no_secret_stays(text: str) -> None:
    assert masked(text) == text


def test_the_name_of_a_variable_beside_a_value_that_was_met_before() -> None:
    redactor = Redactor(SALT)
    for name in ("user", "DB_PASSWORD", "user"):
        others = "".join(f"- {{name: n{number}, value: x{number}}}\n" for number in range(50))
        shown = redactor.redact(f"env:\n{others}- name: {name}\n  value: {SECRET}\n").text
        assert (SECRET in shown) == (name == "user")


def test_thousands_of_assignments() -> None:
    assert masked("x: '" + f"token={SECRET} " * 20_000 + "'\n") == "x: '" + "token=M " * 20_000 + "'\n"
    text = "matchers:\n" + "- token=x\n" * 100
    assert masked(text) == text


# ---- URLs, headers, databases ----


@pytest.mark.parametrize(
    "text",
    [
        "https://{{ user }}:@@host/",
        "postgres://{{ u }}:@@h/db",
        "https://{{ a ~ ':' }}:@@host.example/",
        "Authorization: Bearer @",
        "Authorization: Basic @==",
        'say {"authorization": "bearer @"}',
        "Authorization: Token @",
        'say {"authorization": "token @"}',
        "curl https://h/ -H 'Authorization: ApiKey @",
        "Authorization: GenieKey @",
        "DATA_SOURCE_NAME=exporter:@@(db:3306)/",
        "u:@@tcp(h:3306)/db",
        "u:a/@@unix(/run/x.sock)/db",
        "https://u:p@@/w@h",
        "https://u:1/@@h",
        "https://u:12/@@h",
        "https://u:12?@@h",
        "https://u:9090/@@h.example",
        "https://u:9090/@@h:443/",
        "https://u:443/@@192.0.2.1/push",
        "https://bob@corp:12/@@h.example/",
        "https://bob@corp.example:12/@@h:443/",
        "jdbc:oracle:thin:u/@@h:1521:s",
        'https://h/?token=a"@&x=1',
        "https://h/?token=a<@&x=1",
        "https://h/?token=a`@",
        'https://h/?token="@"',
    ],
)
def test_a_secret_in_a_rarer_shape(text: str) -> None:
    text = text.replace("@@", f"{SECRET}@", 1) if "p@@" not in text else text.replace("p@@", f"p@{SECRET}")
    text = re.sub('@(?=$|==|["&])', SECRET, text)
    for whole in (f"x: {text}\n", f"x: '{text.replace(chr(39), chr(39) * 2)}'\n", f"a: b\n# {text}\n"):
        shown = masked(whole)
        assert SECRET not in shown
        assert shown.count("M") == whole.count("M") + 1
        assert whole.partition("x=1")[1] in shown
    assert SECRET not in Redactor(SALT).redact_message(text)


@pytest.mark.parametrize(
    "text",
    [
        "x: https://{{ user }}:{{ pw }}@host/\n",
        "x: https://{{ host }}:9090/a@b\n",
        "x: https://h:9090/a@b\n",
        "x: https://h.example:9090/a@b.example\n",
        "x: http://h:5000/app@sha256:1234567890\n",
        "x: http://h:4873/pkg@1.2.3 http://h:4873/@scope/pkg@1.2.3\n",
        "x: http://h:3000/?user=bob@h.example http://h:3000/a/bob@h.example\n",
        "x: https://h.example/hooks/my-alertmanager-1 https://h.example/hooks/alertmanagerreceiverofus\n",
        "x: $1$2 ${1}$6$ $5$x\n",
        "x: 'Authorization: Basic auth is used, Authorization: Bearer {{ token }}'\n",
        "x: 'Authorization: Token required, Authorization: Token token, authorization: token {{ token1 }}'\n",
        "x: 'rate(a[5m] @start()) and mail me@(here)'\n",
        'x: <a href="https://h/?page=1">token</a>\n',
    ],
)
def test_what_has_such_a_shape_and_no_secret_stays(text: str) -> None:
    assert masked(text) == text


def test_the_end_of_a_url_in_html() -> None:
    text = f'x: <a href="https://h.example/?token={SECRET}">text</a> or https://h.example/?token={SECRET}<br>\n'
    assert masked(text) == text.replace(SECRET, "M")


NAMES = (
    "client-key-data", "token_value", "httpHeaderValue1", "secretkey", "accesskey", "privatekey", "authkey",
    "password2", "dbpass", "db_pw", "snmp_community", "api_keys", "tokens", "webhook_url", "passcode", "pass_phrase",
    "password_hash", "secret_value", "secretValue", "secret_id", "token_b64", "jwt", "GITHUB_PAT", "REDISCLI_AUTH",
    "ENCRYPTIONKEY", "smtpPass", "dbPwd", "creds", "privkey", "ro_community", "snmpCommunity", "community_string",
    "slackWebhook", "hook_url", "Cookie", "primary_key", "bearer_token_string", "SNMP_AUTHPASS", "rootpw", "wpa_psk",
    "groupPass", "publicPwd", "DB_PSWD", "RABBITMQ_ERLANG_COOKIE", "SECRET_KEY_BASE", "CONSUL_HTTP_AUTH",
)  # fmt: skip


@pytest.mark.parametrize("key", [*NAMES, "'smtp_auth_password '"])
def test_more_names(key: str) -> None:
    assert masked(f"x:\n  {key}: {SECRET}\n") == f"x:\n  {key}: M\n"
    assert SECRET not in masked(f"x:\n  {key}: [{SECRET}]\n")
    assert SECRET not in masked(f"global:\n  {key}: {SECRET}\n")


@pytest.mark.parametrize(
    "frame",
    [
        "A=b\n{}={}\n", "[x]\na = b\n{} = \"{}\"\n", "environment:\n- A=b\n- {}={}\n", "# {}={}\nx: 1\n",
        "[Service]\nEnvironment='{}={}' A=b\n", "ExecStart=/x -a=b --{}={}\n", "x: |\n  a = b\n  {} = {}\n",
        'export {}="{}"\n', '{{"{}":"{}"}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_what_is_a_name_of_a_key_is_one_of_a_variable(name: str, frame: str) -> None:
    assert SECRET not in masked(frame.format(name, SECRET))


@pytest.mark.parametrize("name", ["SLACK_WEBHOOK", "MATTERMOST_HOOK_URL"])
@pytest.mark.parametrize("frame", ["{}={}\nA=b\n", "environment:\n- {}={}\n- A=b\n", "# {}={}\nx: 1\n"])
def test_a_variable_that_holds_the_url_of_a_hook(name: str, frame: str) -> None:
    url = "https://chat.example/incoming/ops"
    assert masked(frame.format(name, url)) == frame.format(name, "M")
    assert masked(frame.format("WIKI_URL", url)) == frame.format("WIKI_URL", url)


@pytest.mark.parametrize(
    "key",
    [
        "num_tokens", "max_tokens", "tokens_file", "group_keys", "keys", "passed", "bypass_x", "sort_key", "group-key",
        "partition_key", "public_key", "topologyKey", "existingSecret", "existingSecretPasswordKey",
        "metrics_path", "hook", "webhooks", "fieldpass", "partitionKey", "sortKey", "publicKey", "masked_hash",
    ],
)  # fmt: skip
def test_names_of_no_secrets(key: str) -> None:
    assert masked(f"{key}: {SECRET}\n") == f"{key}: {SECRET}\n"


@pytest.mark.parametrize(
    "name",
    [
        "fieldpass", "partitionKey", "sortKey", "publicKey", "group_key", "group_keys", "+listMapKey", "+patchMergeKey",
    ],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["a: 1\nb:\n- {}={}\n", "[x]\n{} = {}\n", 'x "y" {{\n  {} = "{}"\n}}\n'])
def test_a_variable_that_is_no_secret(name: str, frame: str) -> None:
    assert masked(frame.format(name, SECRET)) == frame.format(name, SECRET)


@pytest.mark.parametrize("empty", ["", ":-", "-", ":?"])
def test_a_variable_that_is_another_or_nothing(empty: str) -> None:
    text = f"environment:\n- DB_PASSWORD=${{DB_PASSWORD{empty}}}\n"
    assert masked(text) == text
    default = f"environment:\n- DB_PASSWORD=${{DB_PASSWORD:-{SECRET}}}\n"
    assert SECRET not in masked(default)


@pytest.mark.parametrize("text", ["PASS=@\n", "DB_PW=@\nA=b\n"])
def test_assignments_without_yaml(text: str) -> None:
    assert masked(text.replace("@", SECRET)) == text.replace("@", "M")


# ---- more kinds of token, and words that are none ----


@pytest.mark.parametrize(
    "token",
    [
        "$apr1" + "$salt1234$" + "aB3./" * 4 + "xy",
        "glc" + "_eyJvIjoi" + "a1B2" * 8 + "==",
        "AI" + "za" + "Sy-_9" * 7,
        "SG" + ".abcdefghijklmnopqrstuv" + "." + "A1-_" * 10,
        "dop" + "_v1_" + "0a" * 32,
        "$6$" + "rounds=5000$salt$" + "aB3./" * 17 + "x",
        "$5$" + "salt$" + "aB3./" * 8 + "xyz",
        "$1$" + "salt1234$" + "aB3./" * 4 + "xy",
        "$y$" + "j9T$salt$" + "aB3./" * 8 + "xyz",
        "$argon2id$" + "v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "aB3/" * 8,
    ],
)
def test_more_tokens(token: str) -> None:
    assert masked(f"note: 'admin:{token}, x'\n") == "note: 'admin:M, x'\n"
    assert masked(f"a: b\n# see {token} there\n") == "a: b\n# see M there\n"


@pytest.mark.parametrize(
    "path",
    [
        "hooks/" + "a1b2" * 6 + "yz",
        "hooks/" + "aB3" * 6 + "/" + "cD4" * 14,
        "bot/v2/hook/0a1b2c3d" + "-0a1b" * 3 + "-" + "0a" * 6,
    ],
)
def test_a_webhook_of_other_chats(path: str) -> None:
    text = f"note: see https://chat.example/{path} there\n"
    assert masked(text) == text.replace(path.partition("hooks/" if "hooks/" in path else "hook/")[2], "M")


def test_hashes_of_passwords() -> None:
    assert masked("users: |\n  admin:{SHA" + "}" + "Ab1" * 9 + "=\n  bob:x\n") == "users: |\n  admin:{SHA}M\n  bob:x\n"


def test_a_key_of_pgp() -> None:
    begin, end = (f"-----{word} PGP " + "PRIVATE KEY BLOCK-----" for word in ("BEGIN", "END"))
    for text in (f"a: |\n  {begin}\n  {SECRET}\n  {end}\n", f'a: "{begin}\\n{SECRET}\\n{end}\\n"\n'):
        assert SECRET not in masked(text)


def test_a_url_in_a_block_is_read_like_one_on_a_line() -> None:
    url = f"https://u:{SECRET}@h.example/push?db=x&u=bob&p={SECRET}1"
    text = f"remote_write:\n- url: >-\n    {url}\nx:\n- consul_sd_configs:\n  - server: |-\n      u:{SECRET}2@h:8500\n"
    assert masked(text) == re.sub(rf"{SECRET}\d?", "M", text)


@pytest.mark.parametrize("end", ["", "{{\n"], ids=["sound", "broken"])
@pytest.mark.parametrize("value", ["abc1234", "{a: abc1234}", "[abc1234]", "{a: , b: x}", "true"])
def test_what_is_called_webhook(value: str, end: str) -> None:
    text = f"connector:\n  webhook: {value}\n{end}"
    expected = text if ":" in value else re.sub(r"\[?abc1234\]?", "M", text)
    assert masked(text).replace('"M"', "M").replace("[M]", "M") == expected


@pytest.mark.parametrize(
    "word", ["customer-eu-01", "prometheus01.example.org", "k8s1.a2b3.example:9090", "region-1-zone-2b"]
)
def test_a_tenant_in_a_header_is_no_secret_elsewhere(word: str) -> None:
    text = f"scrape_configs:\n- job_name: {word}\n  static_configs: [{{targets: ['{word}']}}]\n# of {word}\n"
    text += f"remote_write:\n- headers: {{X-Scope-OrgID: '{word}'}}\n"
    assert masked(text) == text.replace(f"OrgID: '{word}", "OrgID: 'M")


def test_a_key_in_a_header_is_a_secret_elsewhere() -> None:
    key = "a1b2c3d4-e5f6-7890"
    assert key not in masked(f"x: {key}\n# {key}\nremote_write:\n- headers: {{X-Key: {key}}}\n")


# ---- variables in quotes, settings of other programs ----


@pytest.mark.parametrize("frame", ["{}", "x: |\n  {}", "# {}\nx: 1\n"])
@pytest.mark.parametrize(
    "text",
    [
        "Environment=A=b \"DB_PASSWORD=@\" C='d' 'API_TOKEN=@'\n", 'docker run -e "DB_PASSWORD=@" x\n',
        'Environment="DB_PASSWORD=@"\n',
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", [SECRET, "two words", "it, too"])
def test_a_variable_in_quotes(frame: str, text: str, secret: str) -> None:
    assert masked(frame.format(text.replace("@", secret))) == frame.format(text.replace("@", "M"))


@pytest.mark.parametrize(
    "text",
    [
        "vault write auth/approle/login role_id=abc secret_id=@\n", 'Database x\n  Password "@"\n  User "bob"\n',
        '[[inputs.snmp]]\n  community = "@"\n  agents = ["a"]\n', 'a: b: c\nx: {headers: ["X-Api-Key: @", "A: b"]}\n',
        '"bob" "md5@"\n', '"bob" "SCRAM-SHA-256$4096:@$@:@"\n',
    ],
)  # fmt: skip
def test_settings_of_other_programs(text: str) -> None:
    secret = "0123456789abcdef0123456789abcdef" if '"bob" ' in text else "correcthorse"
    assert secret not in masked(text.replace("@", secret))


@pytest.mark.parametrize(
    "text",
    [
        "[client]\nssl-key=/path/key.pem\n", '[servers]\nclient_key = "/x/client.key"\n', "community = [1]\n",
        'local.file "x" {\n  is_secret = true\n}\n', 'resource "secret" "bob" {\n',
        "# ssl-key=/path/server.key, is_secret = true\nx: 1\n",
    ],
)  # fmt: skip
def test_what_other_programs_say_of_files_and_switches(text: str) -> None:
    assert masked(text) == text


# ---- what stands where other programs have their secrets ----


@pytest.mark.parametrize(
    "text",
    [
        "datasources:\n- secureJsonData: {tlsCACert: public, pat: @, httpHeaderValue1: @}\n  jsonData: {pat: public}\n",
        "receivers:\n- secureSettings: {url: @, bottoken: @}\n",
        "receivers:\n  snmp: {community: @, version: v2c}\n", "exporters:\n  datadog: {api: {site: public, key: @}}\n",
        "environment:\n- GRAPHQL_JWT_SECRET=@\n- A=b\n", "[x]\nJWT_SECRET=@\nb = c\n",
        'x: {connection_string: "InstrumentationKey=@;"}\n',
        "headers:\n- key: X-Api-Key\n  value: @\n- key: X-Scope\n  value: public\n",
        "headers: [{key: public, value: public}, {value: @, key: Authorization}]\n",
        "headers:\n- name: X-Api-Key\n  key: x\n  value: @\n",
        "a: [\nheaders:\n- key: X-Api-Key\n  value: @\n", "{{ if x }}\nheaders: [{key: Authorization, value: @}]\n",
        'sumologic: {endpoint: "https://c.example/receiver/v1/http/@"}\n',
    ],
)  # fmt: skip
def test_a_secret_of_another_program(text: str) -> None:
    secret = '{"type":"HS256","key":"correcthorse"}' if "JWT" in text else "Zz9kkkkkkQ8xx7rr6ww5"
    shown = masked(text.replace("@", secret))
    assert "correcthorse" not in shown
    assert secret not in shown
    assert shown.count("public") == text.count("public")


@pytest.mark.parametrize(
    "text",
    [
        "headers:\n- key: X-Request\n  value: Zz9kkkkkk\n",
        "args:\n- --webhook-url=http://localhost:9090/-/reload\n- --webhook-url=http://127.0.0.1:9093/-/reload\n",
        "{{ if x }}\nargs:\n- --webhook-url=http://localhost:{{ .Values.port }}/-/reload\n",
        "auth_modules:\n  a:\n    type: userpass\n    userpass:\n      username: exporter\n",
        "cors: {credentials: same-origin}\n", "cors:\n  credentials: include\n{{ end }}\n", "api: {key: 8080}\n",
        'DB_PASSWORD=""\nAPI_TOKEN=\'\'\nA=b\n', '[x]\npassword = ""\na = b\n', "# password = ''\nx: 1\n",
    ],
)  # fmt: skip
def test_what_says_no_secret_of_another_program(text: str) -> None:
    assert masked(text) == text
