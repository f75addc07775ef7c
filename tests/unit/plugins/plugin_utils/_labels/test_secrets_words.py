# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that the words before them tell of: on command lines, in lists of options, and in what comments say."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import SALT
from tests.unit.plugins.plugin_utils._labels.test_secrets_assigned import masked

SECRET = "Kx7vQ9mTz2"


def only_masked(text: str) -> None:
    """Each @ of the text is a secret, and all that is masked."""
    assert masked(text.replace("@", SECRET)).replace('"M"', "M") == text.replace("@", "M").replace('"M"', "M")


# ---- command lines ----


@pytest.mark.parametrize(
    "text",
    [
        "command: --redis.addr x --redis.password @ --y\n",
        "command: redis-server --requirepass @\n",
        'command: [sh, -c, "x --token @; y"]\n',
        "content: |\n  ExecStart=/bin/x --api.token @ --z\n",
        "args:\n- --password @\n- \"--token '@'\"\n",
        "run: curl -u user:@ https://h.example/\n",
        "run: curl --user 'user:@' https://h.example/\n",
        "run: sshpass -p @ ssh h\n",
        'x: |\n  http-request set-header Authorization "Basic @"\n',
        "run: mysqldump -u root -p@ db\n",
        "run: mysql -p@ db\n",
        "test: [CMD-SHELL, 'redis-cli -h x -a @ ping']\n",
        "run: docker login -u x -p @ registry.example\n",
        "run: podman login -u x -p @ registry.example; az login --service-principal --username x -P '@'\n",
        "run: mongosh -u admin -p @ --eval x; rabbitmqadmin --user=x -p @\n",
        "run: 'htpasswd -nbB admin ''@'' | tee x; htpasswd -nbBC 12 \"\" @; htpasswd -bc /etc/x.htpasswd x @'\n",
        "x: 1\n# htpasswd -nb admin @ and paste it\n",
        "run: ldapsearch -x -D cn=x,dc=y -w @ -b dc=y; ldapwhoami -w '@'\n",
        "run: vault login @ && vault login -no-print -method=token @\n",
        "run: curl -sSu x:@ https://h.example/; curl --proxy-user x:@ h; ncat --proxy-auth x:@ %h %p\n",
        "run: openssl pkcs12 -in x -passin pass:@ -passout 'pass:@'; keytool -storepass @ -keypass @\n",
        "run: mariadb-dump -u root -p@ db; redis-benchmark -a @; redis-cli --pass @ ping\n",
        "run: 'sshpass -p''@'' ssh h'\n",
        "test: [CMD, redis-cli, -a, @, ping]\n",
        "command:\n- mongosh\n- -u\n- admin\n# of bob\n- -p\n- @\n- --eval\n- x\n",
        "x: &x @\ncommand: [sshpass, -p, *x, ssh, h]\n",
        "run: \"curl --header 'PRIVATE-TOKEN: @' https://h.example/\"\n",
        "args: [-H, 'X-Api-Key: @']\n",
        "description: 'call it with -H \"X-Vault-Token: @\" please'\n",
        "args: [-H, 'Authorization:Token @']\n",
        "args: ['Authorization:  Token @', x]\n",
        "headers:\n  Authorization: @\n",
        "servers:\n- uri: https://h.example\n  headers: {X-Auth: '@', X-Auth-Test: '@', Host: h.example}\n",
        "otlp:\n  headers:\n    x-honeycomb-team: @\n    X-Scope-OrgID: tenant1\n",
        "x:\n- headers:\n  - name: X-Token\n    value: @\n  - name: X-Request\n    value: abc1234\n",
        "webhookConfigs:\n- url: @\n  urlSecret: {name: x, key: url}\n",
        "httpHeaders:\n- {name: Authorization, value: @}\n",
        '{"headers":{"Proxy-Authorization":"@"}}\n',
        "args: [-u, '@:@']\n",
        "command: [/bin/x, --redis.password, @, --x, y]\n",
        "command:\n- --web.listen\n- ':1'\n- \"--api-key\"\n- '@'\n",
        "a:\n- args: [-token, '@']\n- args: [x]\n",
        "args:\n- --password  # of bob\n\n- @\n",
        "args:\n- --password\n# the one of bob\n- @\n",
        "run: |\n  x --token \\\n    @ --y --password \\\n  '@'\n",
        "run: |\n  mysql -u x \\\n    -p@ db && redis-cli \\\n  -a @ ping\n  docker login \\\n  -p @\n",
        'run: "x --token \\\\\\n  @ --y"\n',
        "run: snmpset -v2c -c @ h x i 1\n",
        "x: 1\n# snmpgetnext -v2c -c @ h\n",
        "x: 1\n# snmpbulkwalk -v2c -c @ h\n",
        "x: 1\n# snmpbulkget -v2c -c @ h\n",
        "x: 1\n# snmptable -v2c -c @ h\n",
        "environment:\n- AUTH=bob:@\n- BASIC_AUTH=@\n- NEO4J_AUTH=@\n- X_AUTH='bob:@'\n",
        "env:\n  BASIC_AUTH: @\n",
        "x: 1\n# AUTH=bob:@\n",
        "description: The password is @.\n",
        "description: log in as bob with the password @, then go on\n",
        "description: 'The password for grafana: \"@\"'\n",
    ],
)
def test_what_a_command_is_told(text: str) -> None:
    if "@:@" in text:
        assert masked(text.replace("@", SECRET)) == text.replace("@:@", "M")
    else:
        only_masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "command: --password $PASSWORD --token ${TOKEN} --secret $(cat /x) --api-key {{ key }}\n",
        "description: pass --token to curl, or the option --password of it; see --secret.\n",
        "args: [--tls-key, /etc/ssl/server1.key, --no-password, exporter1]\nkey_file: /etc/ssl/server1.key\n",
        "args: [--password, --x, '--token', $TOKEN, --secret, '${S}', --api-key]\nx: [token, y, -x, z]\n",
        "args: [--token, {x: y}, --password, [z], --secret, 'true']\n",
        "command: [--token, {x: y}, --password, [z]]\n--x: y\n",
        "run: docker run -u 1000:1000 x; curl -u $USER:$PASS h; redis-cli -a $X ping; mysql -p db; mysql -port 9104\n",
        "environment: [AUTH=ldap, AUTH=h.example:8080, 'AUTH=$U:$P', 'AUTH={{u}}:{{p}}', BASIC_AUTH=true, X_AUTH=/x]\n",
        "run: |\n  x --token \\\n    $TOKEN --password \\\n  --y\n",
        "modules: {a: {http: {fail_if_body_not_matches_regexp: ['password: .*', 'token=.+']}}}\n",
        "expr: up{a='b'} --token x1\nmatchers: ['--token x1']\n",
        "description: snmpwalk has -c for the name, ipmitool -P is as bad; docker login and -p of it\n",
        "x: 1\n# redis-cli -a is not safe, snmpget with -c option\n",
        "run: docker run -u nobody -p 9090:9090 -p 127.0.0.1:53:53/udp x; docker exec -u postgres x psql -p 5433\n",
        "run: sudo -u x mkdir -p y; psql -U x -P pager=off -p 5432; ps -u x -p 12; git push -u origin; ssh -p 22 x\n",
        "run: journalctl -u x -p err; mysql -u root -p db; mariadb-dump -u root -p db; createuser -U x -P exporter\n",
        "run: systemctl --user show -p ActiveState x; runuser -u x mkdir -p y; chroot --user=x / mkdir -p y\n",
        "run: mongo -u x -p $PASS; mongo -u x -p; curl -sku $U:$P h; curl -D - -w '%{http_code}' h\n",
        "run: 'htpasswd -nbB $USER $PASS; htpasswd -nBC 10 \"\" | tr -d x; htpasswd -c x admin'\n",
        "run: vault login -method=ldap username=bob; vault login $TOKEN; ldapsearch -x -W -D cn=x -y /x\n",
        "run: openssl rsa -passin file:/x -passout env:P; openssl x -passin pass:$PASS\n",
        "x: 1\n# vault login with the token of bob; htpasswd -nb makes it\n",
        "command: [docker, run, -u, nobody, -p, '80:80', x, -p, $P]\nargs: [mysql, -u, root, -p, db]\n",
        "args: [--sort-key, node_load15, --public-key=abc1234]\nx: https://h/?sort_key=name1\n",
        "description: The password for user1234 expired; the password rotation1 and password since 2024-12-31.\n",
    ],
)
def test_what_a_command_is_told_that_is_no_secret(text: str) -> None:
    assert masked(text) == text


def test_a_mask_is_no_login() -> None:
    text = "run: curl -u <secret:0a1b> h\nenv: [BASIC_AUTH=<secret:0a1b>]\n"
    assert Redactor(SALT).redact(text).text == text


def test_the_value_of_an_option_is_not_looked_for_elsewhere_unless_it_looks_random() -> None:
    text = "args: [--hmac-key, node_load15]\nexpr: node_load15 > 3\n"
    assert masked(text) == 'args: [--hmac-key, "M"]\nexpr: node_load15 > 3\n'


@pytest.mark.parametrize("frame", ["{{% if x %}}\n{}{{% endif %}}\n", "a: b: c\n{}"])
@pytest.mark.parametrize(
    "text",
    [
        'args: ["--password=@"]\n',
        'environment: ["API_TOKEN=@"]\n',
        'x: {cmd: "x --token=@"}\n',
        'x: {dsn: "user=u password=@ host=h"}\n',
        '{"env": ["API_TOKEN=@"]}\n',
        "args:\n- --password\n- @\n- --x\n- y\n",
        "args:\n- --password\n# the one of bob\n\n- @\n",
        "args:\n- --password\n{% if x %}\n- @\n{% endif %}\n",
        "args: [--password, @, --x, y]\n",
        "test: [CMD, redis-cli, -a, @, ping]\n",
        "command:\n- mongosh\n- -u\n- admin\n# of bob\n- -p\n- @\n- --eval\n- x\n",
        "command: x --token @ --y\n",
        "headers: x --token @ --y\n",
    ],
)
def test_the_same_in_texts_that_do_not_parse(frame: str, text: str) -> None:
    only_masked(frame.format(text))


@pytest.mark.parametrize("quote", ['"""', "'''", '"'])
def test_quotes_of_code_that_does_not_parse(quote: str) -> None:
    assert masked(f"a: b: c\nx password = {quote}{SECRET}{quote} y\n") == "a: b: c\nx password = M y\n"


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  args:\n  - --password\n  - @\n",
        'a: \'{"args": ["--password", "@"]}\'\n',
        "x: 1\n# - --password\n# - @\n",
        "x: 1\n# - redis-cli\n# - -a\n# - @\n# - ping\n",
        "x: 1\n# args: [--password, @]\n",
        "x: 1\n# - --password\n# # the one of bob\n# - @\n",
        "a: |\n  args:\n  - --password\n  # the one of bob\n  - @\n",
        "x: 1\n# curl -u bob:@ https://h.example/\n",
        "x: 1 # run it with --password @ --x\n",
        "x: 1\n# {name: API_TOKEN, value: @}\n",
        "x: 1\n# - {target_label: __param_auth, replacement: @}\n",
        "receivers:\n- name: r\n  webhook_configs:\n# #  - url: @\n  - url_file: /x\n",
        "x: 1\n# - name: API_TOKEN\n#   value: @\n# - name: x\n#   value: y\n",
        "data:\n  run.sh: |\n    #!/bin/sh\n    # admin password @\n    # admin password: @\n    run\n",
        "data:\n  my.cnf: |\n    [x]\n    ; password @\n    y\n",
        'x: "# password @\\nA=1\\n"\n',
        "{{/* old password @ */}}\n{# old password @ #}\na: {{ x }}\n",
        "a: b: c\n// old password @\n",
    ],
)
def test_the_same_in_strings_and_comments(text: str) -> None:
    only_masked(text)


def test_a_template_behind_another_says_no_secret() -> None:
    text = '{{ define "x" }}token: {{ .GroupLabels.token }}{{ end }}\n{{ define "y" }}password: @{{ end }}\n'
    only_masked(text.replace("@{{ end }}", "@"))


def test_templates_and_conflicts_below_the_key_of_a_secret_stay() -> None:
    for line in ("{% endif %}", "{%- else -%}", "{{- end }}", "{{ else }}", "<<<<<<< HEAD", "=======", ">>>>>>> a/b"):
        text = f'a: [\npassword: "{{{{ x }}}}"\n{line}\nb: c\n'
        assert line in masked(text)


@pytest.mark.parametrize(
    "before", ["-\n  --password", "- >-\n  --password", "- !!str --password", "- # c\n  --password"]
)
def test_an_option_and_a_value_that_was_met_before(before: str) -> None:
    others = "".join(f"- x{number}={number}\n" for number in range(90))
    redactor = Redactor(SALT)
    for option in ("- user", before, "- user"):
        text = f"args:\n{others}{option}\n- {SECRET}\n- token\n"
        assert redactor.redact(text) == Redactor(SALT).redact(text)
        assert (SECRET in redactor.redact(text).text) == (option == "- user")


def test_an_option_in_lists_that_were_met_before() -> None:
    redactor = Redactor(SALT)
    for option in ("--user", "--password", "--user"):
        others = "".join(f"- --x{number}={number}\n" for number in range(50))
        shown = redactor.redact(f"args:\n{others}- {option}\n- {SECRET}\n").text
        assert (SECRET in shown) == (option == "--user")
        shown = redactor.redact(f"args:\n- {SECRET}\n- {SECRET}1\n" + others.replace("--", "")).text
        assert SECRET in shown


# ---- what comments say ----


@pytest.mark.parametrize(
    "said",
    [
        "password SECRET", "the old db-password 'SECRET'", "pw SECRET, rotate it", "TOKEN (SECRET)", "API key SECRET",
        "secret `SECRET`", "bob's credentials SECRET.", "pw: SECRET", "PW: SECRET", "api key: SECRET",
        "secret key: SECRET", "service key SECRET", "password for grafana: SECRET", "token (read only): SECRET",
        "old token was: SECRET", "password -> SECRET", "password set to SECRET", "password now SECRET",
        "community SECRET", "password <SECRET>", "Password for admin is SECRET", "creds: SECRET",
        "login bob:SECRET", "creds bob / SECRET", "Login: bob@x/SECRET.",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "frame", ["# SAID\na: 1\n", "a: 1 # SAID\nb: 1\n", "a: b: c\n# SAID\n", "a: |\n  x: 1\n  # SAID\n"]
)
@pytest.mark.parametrize("secret", ["hunter23", "Xy-78-wz", "P@ss,w0rd", "P$ss1;xy"])
def test_prose_that_names_a_secret(said: str, frame: str, secret: str) -> None:
    shown = masked(frame.replace("SAID", said).replace("SECRET", secret))
    assert shown in {
        frame.replace("SAID", said.replace(word, "M")) for word in ("SECRET", "SECRET.", "'SECRET'", "<SECRET>")
    }


@pytest.mark.parametrize(
    "said", ["SNMP community @", "community: @", "community (read only) @", "password @", "token @", "secret @"]
)
def test_a_word_with_a_digit_is_taken_for_a_secret(said: str) -> None:
    assert masked(f"# {said.replace('@', 'monitor1')}\na: 1\n") == f"# {said.replace('@', 'M')}\na: 1\n"


def test_the_second_of_two() -> None:
    text = "# password S1 or S2\n# token S1 -> S2\n# credentials S1, S2\na: 1\n"
    shown = masked(text.replace("S1", "hunter23x").replace("S2", "Xy-78-wz9"))
    assert shown == text.replace("S1", "M").replace("S2", "M")


@pytest.mark.parametrize(
    "said",
    [
        "password authentication is off", "token endpoint: none", "secret v2", "the password file /etc/pw1file",
        "secret monitoring/alertmanager-main", "the token ${TOKEN1X} and {{ token1x }}", "no password, see RFC7617x",
        "the password is not set here",
        "token is not null.", "passwords1 abc12345", "password https://wiki1.example.org/A1",
        "secret alertmanager-main-v2",
        "login h1.example:9100", "credentials vault/secret/k8s1", "creds bob/rotates", "login: ldap://h1/abc123",
        "the token ServiceAccount", "secret OPS-12345", "password since 2024-12-31", "token 30days",
        "secret kv/data/Prod1", "password ./secrets/pw1x", "token node-exporter-1", "token host1:9090",
        "token URL-safe", "secret @TOKEN1@", "password label1=value1",
        "password sha256/base64", "token OAuth2.0",
        "password SHA-512, secret RFC6749",
        "existingSecret: grafana-v2", "the option --password foo",
    ],
)  # fmt: skip
def test_prose_about_secrets(said: str) -> None:
    assert masked(f"# {said}\na: 1 # {said}\n") == f"# {said}\na: 1 # {said}\n"


@pytest.mark.parametrize(
    "text",
    [
        "login failed: password @ is wrong", "old token @", "run curl -u user:@ h", "x --api-key @ failed",
    ],
)  # fmt: skip
def test_messages(text: str) -> None:
    assert SECRET not in Redactor(SALT).redact_message(text.replace("@", SECRET))


def test_what_is_masked_leaves_the_structure() -> None:
    text = "args: [--password, '@', {x: [-u, 'a:@']}]\n# - --token\n# - @\n- broken"
    for whole in (text.rpartition("\n")[0] + "\n", "a: 'x --token @'\nb: [1]\n"):
        shown = Redactor(SALT).redact(whole.replace("@", SECRET)).text
        assert len(yaml.safe_load(shown)) == len(yaml.safe_load(whole))


# ---- what Kubernetes says of a secret ----


@pytest.mark.parametrize(
    "text",
    [
        "basicAuth:\n  password: {name: basic-auth-1, key: password}\n  username: {name: basic-auth-1, key: user}\n",
        "bearerTokenSecret:\n  name: prom-token-1\n  key: token.value\n  optional: true\nx: prom-token-1\n",
        "existingSecret: grafana-v2\ninstance: grafana-v2\n",
        "imagePullSecrets:\n- name: registry-cred1\nx: registry-cred1\n",
        "volumes:\n- secret:\n    secretName: main-v1a\n    items:\n    - {key: a.yaml, path: b.yaml}\nx: main-v1a\n",
        "topologyKey: kubernetes.io/hostname\nx: kubernetes.io/hostname\n",
        "auth: {userKey: email, passwordKey: admin-password}\nx:\n  usernameKey: user\n  adminPasswordKey: password\n",
        "pushoverConfigs:\n- userKey: {name: pushover-1, key: userKey}\n",
        "a: b: c\nuserKey: admin-user\nx: {passwordKey: password, y: z}\n",
        "- bearer: {secret: {name: prom-token-1, key: tls.crt}}\n  x: prom-token-1\n",
        "kind: ExternalSecret\ndata:\n- secretKey: slackurl\n  remoteRef: {key: kv/am, property: x}\n",
        "ports: {webhook: 9443}\nwebhook: 8080\nx:\n  webhook: enabled\n",
        "a: b: c\nwebhook: 8080\nx: {webhook: 9443}\n",
    ],
)
def test_where_a_secret_is_kept_is_none(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "password: {name: bob, key: letters}\n",
        "password: {name: bob, key: '@'}\n",
        "tokens:\n- {name: bob, key: letters}\n- '@'\n",
        "password: {name: bob, value: '@'}\n",
        "secret: {items: ['@'], a: '@'}\n",
        "secret: {name: '@', key: letters}\nx:\n- secretKey: '@'\n",
        "secret: '@'\n",
        "basic_auth: {password: {name: '@', key: letters}}\n",
    ],
)
def test_what_reads_like_that_and_is_a_secret(text: str) -> None:
    shown = masked(text.replace("@", SECRET))
    assert SECRET not in shown
    assert "letters" not in shown


# ---- a command on several lines ----


@pytest.mark.parametrize(
    "text",
    [
        "x: 1\n# curl -u \\\n#   bob:@ https://h.example/\n",
        "x: 1\n# curl -H a \\\n#   -u bob:@ \\\n#   h --token \\\n#   @ --y\n",
        "x: 1\n#   x --token \\\n#     correcthorse --y\n",
        "x: 1\n# x --token \\\n# @ \\\ny: 1\n",
        "a: b: c\n# x --token \\\n#   @\n",
        "a: b: c\nrun: x --token \\\n  @ --y\n",
        "#!/bin/sh\nx --token \\\n  correcthorse --y \\\n  --password \\\n  @\n",
        "x: |\n  # x --token \\\n  #   @\n",
        "x: |\n  curl -u \\\n    bob:correcthorse h --user \\\n  bob:@ h\n",
        "x: >-\n  x --token\n  @ --y\n",
        "x: >\n\n  y\n  x --token\n    @ --y\n\n  curl -u\n  bob:correcthorse h\n",
        "x: 1\n# curl -u bob:correcthorse h; mysql -pcorrecthorse\n",
        "x: 1\n# redis-cli -a correcthorse ping\n# docker login -u x -p correcthorse h\n",
        'x: x --token\n  @ --y\nz: "curl -u\n  bob:correcthorse h"\n',
        "x: >\n  The password of bob\n  is @.\ny: The password is\n  @.\n",
        "x: snmpwalk -v2c -c correcthorse h\ny: ipmitool -H h -P @ sdr\n# snmpget -v3 -u bob -A @ -X correcthorse h\n",
    ],
)
def test_a_command_that_goes_on(text: str) -> None:
    shown = masked(text.replace("@", SECRET))
    assert shown == text.replace("@", "M").replace("correcthorse", "M")


@pytest.mark.parametrize(
    "text",
    [
        "x: 1\n# x --token \\\ny: 1\n# b1c2d3e4\n",
        "x: >\n  x --password\n  $PASSWORD --y --token\n  {{ x }}\n",
        "expr: >\n  a --token\n  b1c2d3\n",
        "x: 1\n# x --verbose \\\n#   bob:b1c2d3\n",
        "expr: a --token\n  b1c2d3\n",
        "x: the password\n  rotation is off, pass --token\n  to curl\n",
        "x: 1\n# pass --password or --token plainly to snmpwalk -v2c, ipmitool\n",
    ],
)
def test_a_command_that_goes_on_without_a_secret(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("key", ["userKey", "passwordKey", "webhook"])
@pytest.mark.parametrize("frame", ["{}: @\n", "x: {{{}: '@', y: z}}\n", "a: b: c\n{}: @\n", "a: b: c\nx: {{{}: @}}\n"])
def test_what_is_no_name_of_a_key_and_no_port(key: str, frame: str) -> None:
    shown = masked(frame.format(key).replace("@", SECRET))
    assert SECRET not in shown
    assert key in shown


# ---- what says where a secret is ----


@pytest.mark.parametrize("frame", ["# {}\nx: 1\n", "basic_auth:\n  # {}\n  username: bob\n", "a: b: c\n# {}\n"])
@pytest.mark.parametrize(
    "said",
    [
        "secret: see vault", "token: ask bob for it", "password: none", "password: stored in our vault, not here.",
        "password: from the environment", "api_key: see the wiki", "senha: veja o vault", "Passwort: siehe Wiki",
    ],
)  # fmt: skip
def test_a_comment_that_says_where_a_secret_is(frame: str, said: str) -> None:
    assert masked(frame.format(said)) == frame.format(said)


@pytest.mark.parametrize(
    "said",
    [
        "password: @", "secret: see @", "token: correct horse battery staple", "password: from correcthorse",
        "password: see vault, was correcthorse", "password: ask bob, until then it is correcthorse",
        "token: stored in vault, or use correcthorse",
    ],
)  # fmt: skip
def test_a_comment_that_does_not(said: str) -> None:
    said = said.replace("@", SECRET)
    assert masked(f"# {said}\nx: 1\n") == f"# {said.partition(': ')[0]}: M\nx: 1\n"


# ---- other languages ----


@pytest.mark.parametrize("name", ["senha", "smtp_senha", "Passwort", "kennwort", "contraseña", "contrasena"])
@pytest.mark.parametrize("frame", ["{}: @\n", "# {}: @\nx: 1\n", "x: '--{}=@ y'\n", "a: b: c\n{}: @\n"])
def test_words_of_other_languages(name: str, frame: str) -> None:
    text = frame.format(name)
    assert masked(text.replace("@", "correcthorse")) == text.replace("@", "M")


# ---- what scripts and other programs are told ----


@pytest.mark.parametrize("frame", ["#!/bin/sh\n{}\n", "run: |\n  {}\n", "x: 1\n# {}\n"])
@pytest.mark.parametrize(
    "text",
    [
        "echo '@' | docker login -u x --password-stdin h.example", "echo -n @ | sudo -S ls /x",
        'echo "root:@" | chpasswd', "smbclient //h.example/x -U bob%@ -c ls", "lftp -u bob,@ ftp://h.example",
        "aws configure set aws_secret_access_key @", "zip -r -P @ x.zip x", "7z a -p@ x.7z x",
        "x --http.pass @ --y", "x --auth-key @",
    ],
)  # fmt: skip
def test_what_a_script_is_told(text: str, frame: str) -> None:
    assert masked(frame.format(text.replace("@", SECRET))) == frame.format(text.replace("@", "M"))


@pytest.mark.parametrize("frame", ["server {{\n  {}\n}}\n", "x: |\n  a {{\n    {}\n  }}\n"])
@pytest.mark.parametrize(
    "text",
    [
        'set $auth_token "@";', "set $api_key @;", "SetEnv DB_PASSWORD @", 'RequestHeader set X-Api-Key "@"',
        'RequestHeader set Authorization "Basic @"',
        "auth_pass @", "http_passwd @;", "rocommunity @ 10.0.0.0/8", "com2sec ro default @",
        'createUser bob SHA-256 "@" AES "@"',
    ],
)  # fmt: skip
def test_what_a_setting_of_two_words_or_more_says(text: str, frame: str) -> None:
    assert "Correcthorse" not in masked(frame.format(text.replace("@", "Correcthorse")))


def test_a_line_of_two_words_that_is_a_sentence() -> None:
    text = "x: |\n  The alert:\n  vault_token expired\n  runbook: https://h.example\n"
    assert masked(text) == text
    text = "a/b/client_secret c/d/api_token9\n"
    assert masked(f"x: |\n  {text}") == f"x: |\n  {text}"
    assert masked("a {\n  auth_pass 1111\n}\n") == "a {\n  auth_pass M\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        "echo $PASSWORD | docker login --password-stdin; cat /x | sudo -S ls; echo x | sudo -u y ls\n",
        "gzip -r x -p y; unzip -P; smbclient -U bob; lftp -u bob h; aws configure set region eu-west-1\n",
        "proxy_pass http://x9:3000;\nfastcgi_pass 10.0.0.1:9000;\nuwsgi_pass app_1;\ngrpc_pass app_1;\n",
        "ssl_certificate_key /etc/ssl/x;\nsort_key x9;\nauth_pass $PASS\n",
        'set $api_key $http_x;\nset $limit 10;\nSetEnv HOME /x9\nRequestHeader set X-Forwarded-Proto "https"\n',
        "RequestHeader unset Authorization\nRequestHeader set X-Api-Key ${KEY}\n",
    ],
)
def test_what_a_script_is_told_that_is_no_secret(text: str) -> None:
    assert masked(text) == text
    block = "x: |\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert masked(block) == block


@pytest.mark.parametrize("name", ["vault_token", "http_api_token", "kube_secret"])
@pytest.mark.parametrize(
    "then", [">", ">=", "==", "*", "-", "-1", "%", "^", ")", ")[5m]", "[5m]", "{", '{job="x"}', "(", ",", "or", "#old"]
)
@pytest.mark.parametrize("frame", ["expr: |\n  sum(\n    {} {}\n  )\n", "summary: |\n  x\n  {} {}\n"])
def test_an_expression_of_several_lines(frame: str, name: str, then: str) -> None:
    text = frame.format(name, then)
    assert masked(text) == text


@pytest.mark.parametrize("user", ["<user>", "<%=user%>", "a<b"])
@pytest.mark.parametrize(
    "frame", ["run: curl -u {}:@ http://h.example\n", "#!/bin/sh\nAUTH={}:@\n", "a b\nstats auth {}:@\n"]
)
def test_a_login_whose_user_is_to_be_put_there(frame: str, user: str) -> None:
    text = frame.format(user)
    assert masked(text.replace("@", SECRET)) == text.replace("@", "M")
