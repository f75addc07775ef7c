# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction of every good file of the corpus, judged by a table and a walk of its own.

Nothing here uses the redactor's table or its parser: paths are matched as text, both texts are read by PyYAML's own
loader, and each leaf is compared.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

CORPUS = Path(__file__).parents[5] / ".." / "shared" / "corpus"
MASK = re.compile(r"<secret:[0-9a-f]{4}>\n*")

HTTP = """
basic_auth/password authorization/credentials bearer_token oauth2/client_secret oauth2/client_certificate_key
tls_config/key oauth2/tls_config/key proxy_connect_header/* oauth2/proxy_connect_header/* http_headers/*/secrets
http_headers/*/values oauth2/endpoint_params/* oauth2/claims/*
"""
HTTP_AT = """
scrape_configs scrape_configs/*_sd_configs alerting/alertmanagers alerting/alertmanagers/*_sd_configs remote_write
remote_read *_sd_configs .
global/http_config receivers/*_configs/http_config event_recorder/webhook_outputs/http_config
"""
DISCOVERY = (
    "secret_key access_key client_secret token password auth_token key_passphrase application_credential_secret"
    + (" application_secret consumer_key application_key service_account_key private_key")
)
MORE = """
remote_write/headers/* remote_read/headers/* tracing/headers/* tracing/headers/*/* tracing/tls_config/key
remote_write/sigv4/secret_key remote_write/sigv4/access_key alerting/alertmanagers/sigv4/secret_key
alerting/alertmanagers/sigv4/access_key remote_write/azuread/oauth/client_secret
remote_write/azuread/certificate/certificate_password
global/smtp_auth_password global/smtp_auth_secret global/slack_api_url global/slack_app_token global/opsgenie_api_key
global/victorops_api_key global/wechat_api_secret global/telegram_bot_token global/rocketchat_token
global/rocketchat_token_id global/mattermost_webhook_url global/smtp_tls_config/key global/hipchat_auth_token
receivers/email_configs/auth_password receivers/email_configs/auth_secret receivers/email_configs/tls_config/key
receivers/email_configs/headers/* receivers/slack_configs/api_url receivers/slack_configs/app_token
receivers/slack_configs/actions/url receivers/pagerduty_configs/service_key receivers/pagerduty_configs/routing_key
receivers/pagerduty_configs/details/* receivers/pagerduty_configs/links/href receivers/opsgenie_configs/api_key
receivers/opsgenie_configs/details/* receivers/victorops_configs/api_key receivers/victorops_configs/routing_key
receivers/victorops_configs/custom_fields/* receivers/wechat_configs/api_secret receivers/pushover_configs/user_key
receivers/pushover_configs/token receivers/telegram_configs/bot_token receivers/rocketchat_configs/token
receivers/rocketchat_configs/token_id receivers/webhook_configs/url receivers/webhook_configs/payload
receivers/webhook_configs/payload/* receivers/discord_configs/webhook_url receivers/msteams_configs/webhook_url
receivers/msteamsv2_configs/webhook_url receivers/mattermost_configs/webhook_url
receivers/incidentio_configs/alert_source_token receivers/sns_configs/sigv4/secret_key
receivers/sns_configs/sigv4/access_key receivers/sns_configs/attributes/* receivers/jira_configs/fields/*
receivers/hipchat_configs/auth_token event_recorder/webhook_outputs/url
event_recorder/kafka_outputs/tls_config/key
"""
ENDS_LIKE_A_SECRET = re.compile(r"(password|secret|token|credentials|[_-]key)$")
PARAMETERS = {"token", "auth", "key", "apikey", "api_key", "access_token", "secret", "password", "sig"}


def _patterns() -> list[re.Pattern[str]]:
    paths = MORE.split()
    paths += [path if at == "." else f"{at}/{path}" for at in HTTP_AT.split() for path in HTTP.split()]
    for at in ("scrape_configs/*_sd_configs", "alerting/alertmanagers/*_sd_configs", "*_sd_configs"):
        paths += [f"{at}/{name}" for name in DISCOVERY.split()]
    # A star at the end stands for all that is below, elsewhere for one key or a part of one.
    return [
        re.compile(re.escape(path.removesuffix("/*")).replace(r"\*", "[^/]*") + ("/.*" if path.endswith("/*") else ""))
        for path in paths
    ]


PATTERNS = _patterns()
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, path if key == "<<" else (*path, str(key)))
    elif isinstance(node, list):
        for item in node:
            yield from leaves(item, path)
    else:
        yield path, node


def is_secret(path: tuple[str, ...]) -> bool:
    joined = "/".join(path)
    if any(pattern.fullmatch(joined) for pattern in PATTERNS):
        return True
    if len(path) > 1 and path[-2] == "params":
        return path[-1] in PARAMETERS or bool(ENDS_LIKE_A_SECRET.search(path[-1]))
    return bool(path) and bool(ENDS_LIKE_A_SECRET.search(path[-1]))


def url_secrets(value: str) -> list[str]:
    """What a URL holds that has to go; empty where it holds nothing."""
    if not re.match(r"[a-z]+://", value) or "{{" in value:
        return []
    parts = urlsplit(value)
    found = [parts.password or (parts.username or "" if parts.password is None else "")]
    for pair in parts.query.split("&"):
        name, _unused, content = pair.partition("=")
        if name in PARAMETERS | {"p"}:
            found.append(content)
    return [piece for piece in found if piece]


def good_files() -> list[tuple[str, Path]]:
    manifest = CORPUS / "manifest.tsv"
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [(row["path"], CORPUS / "files" / row["path"]) for row in rows if row["class"] == "good"]


FILES = good_files()
needs_corpus = pytest.mark.skipif(not FILES, reason="../shared/corpus is not here")


@needs_corpus
def test_every_scalar_of_the_table_is_masked_and_nothing_else_changes() -> None:
    redactor = Redactor(b"salt")
    masked = untouched = parsed = 0
    faults: list[str] = []
    for name, path in FILES:
        text = path.read_bytes().decode("utf-8")
        redacted = redactor.redact(text).text
        assert redacted.count("\n") == text.count("\n"), name
        try:
            before = [leaf for document in yaml.load_all(text, LOADER) for leaf in leaves(document)]
        except yaml.YAMLError:
            continue
        parsed += 1
        after = [leaf for document in yaml.load_all(redacted, LOADER) for leaf in leaves(document)]
        assert [leaf[0] for leaf in before] == [leaf[0] for leaf in after], name
        for (where, old), (_unused, new) in zip(before, after, strict=True):
            if is_secret(where) and old.strip() and old not in {"null", "~"}:
                masked += 1
                if not MASK.fullmatch(new):
                    faults.append(f"{name}: {'/'.join(where)}: shown")
            elif url_secrets(old):
                masked += 1
                shape = re.sub(r"<secret:[0-9a-f]{4}>", "(.+)", re.escape(new))
                match = re.fullmatch(shape, old)
                if not match or sorted(match.groups()) != sorted(url_secrets(old)):
                    faults.append(f"{name}: {'/'.join(where)}: {old!r} became {new!r}")
            elif old != new:
                faults.append(f"{name}: {'/'.join(where)}: {old!r} became {new!r}")
            else:
                untouched += 1
    assert not faults, "\n".join(faults)
    # Guards against a walk that sees nothing.
    assert parsed > 700
    assert masked > 250
    assert untouched > 50_000


@needs_corpus
def test_lines_without_a_secret_are_the_same_bytes() -> None:
    redactor = Redactor(b"salt")
    for name, path in FILES:
        text = path.read_bytes().decode("utf-8")
        redacted = redactor.redact(text).text
        for old, new in zip(text.split("\n"), redacted.split("\n"), strict=True):
            assert old == new or "<secret:" in new or not new.strip() or new.lstrip()[:1] in ",}]#", (name, old)


@needs_corpus
def test_redacting_again_changes_nothing() -> None:
    first, second = Redactor(b"one"), Redactor(b"two")
    for path in sorted((CORPUS / "files").rglob("*")):
        if path.is_file():
            once = first.redact(path.read_bytes().decode("utf-8", "surrogateescape")).text
            assert second.redact(once).text == once, path
            assert second.redact(once).count == 0, path
