# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of Alertmanager's receivers, up to 0.34."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    at_most_one,
    check_url,
    milliseconds,
    one_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    AnyValue,
    Kind,
    ListOf,
    MapOf,
    Number,
    Report,
    Section,
    Struct,
    Text,
    is_masked,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_http import (
    BOOL,
    HTTP_CLIENT,
    SIGV4,
    STRING,
    STRING_MAP,
    STRINGS,
    TLS,
    check_http_client,
    keys_of,
)

_INTEGER: Final = Number()
_COUNT: Final = Number(least=0)
_GO_DURATION = re.compile(r"[-+]?(?:\d+|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")


def _check_web_url(text: str) -> str | None:
    if not re.match(r"https?://[^/?#]", text) or check_url(text):
        return "has a URL that is not valid (http or https, with a host)"
    return None


def _check_template_url(text: str) -> str | None:
    return None if "{{" in text or not text else _check_web_url(text)


def _check_address(text: str) -> str | None:
    if not text or re.fullmatch(r"(?:[^:\[\]]*|\[[^\[\]]*\]):[^:\[\]]+", text):
        return None
    return "has an address that is not host:port"


def _check_duration(text: str) -> str | None:
    return None if milliseconds(text) is not None else "has a duration that is not valid (such as 30s, 1m, 4h)"


def _check_go_duration(text: str) -> str | None:
    return None if _GO_DURATION.fullmatch(text) else "has a duration that is not valid (such as 30s, 1m, 4h)"


class _JiraText:
    """Text, or a mapping with a template."""

    _SECTION: Final = Struct("jira field", {"template": STRING, "enable_update": BOOL})

    def read(self, node: Any, report: Report, into: Any = None) -> Any:
        scalar = hasattr(node, "value")
        return STRING.read(node, report, into) if scalar else self._SECTION.read(node, report, into)


URL: Final = Text(_check_web_url, zero=None)
DURATION: Final = Text(_check_duration, zero="0s")
ADDRESS: Final = Text(_check_address)
_GO_DURATION_KIND: Final = Text(_check_go_duration, zero="0s")
HTTP_CONFIG: Final = Struct("http_config", HTTP_CLIENT, check_http_client)
_COMMON: Final[dict[str, Kind]] = {"send_resolved": BOOL, "http_config": HTTP_CONFIG}


def is_set(section: Section, keys: str) -> bool:
    """Whether one of the keys has a value, or one that is wrong and reported."""
    return any(section.get(key) or (key in section.lines and key not in section) for key in keys.split())


def needs(section: Section, report: Report, keys: str) -> None:
    """Complain where none of the keys is set."""
    if not is_set(section, keys):
        names = keys.split()
        report.add(section.line, f"has none of {', '.join(names)}" if len(names) > 1 else f"has no {keys}")


def _check(*, one: str = "", exclusive: str = "") -> Callable[[Section, Report], None]:
    """Groups of keys with semicolons between them: one: of each at least one is set; exclusive: at most one."""

    def check(section: Section, report: Report) -> None:
        for group in filter(None, one.split("; ")):
            needs(section, report, group)
        for group in filter(None, exclusive.split("; ")):
            at_most_one(section, report, *group.split())

    return check


_RESPONDER: Final = re.compile(r"teams?|user|escalation|schedule", re.IGNORECASE)


def _check_responder(section: Section, report: Report) -> None:
    needs(section, report, "id name username")
    kind = section.get("type") or ""
    if "{{" not in kind and not is_masked(kind) and not _RESPONDER.fullmatch(kind):
        report.add(section.line_of("type"), "has an unknown type (known: team, teams, user, escalation, schedule)")


def _check_webex(section: Section, report: Report) -> None:
    needs(section, report, "room_id")
    client = section.get("http_config")
    if not isinstance(client, Section) or not is_set(client, "authorization bearer_token bearer_token_file"):
        report.add(section.line_of("http_config"), "has no http_config with authorization")


def _check_sns(section: Section, report: Report) -> None:
    keys = ("target_arn", "topic_arn", "phone_number")
    needs(section, report, " ".join(keys))
    if sum(is_set(section, key) for key in keys) == 2:  # Alertmanager takes all three
        report.add(section.line, f"has two of {', '.join(keys)}")


def _check_email(section: Section, report: Report) -> None:
    needs(section, report, "to")
    names: set[str] = set()
    for name in section.get("headers") or ():
        if name.lower() in names:
            report.add(section["headers"].line_of(name), f"has the header {name} twice, in other letters")
        names.add(name.lower())


_FIELD_KEYS: Final[dict[str, Kind]] = {**keys_of(STRING, "title value"), "short": BOOL}
_ROCKET_FIELD: Final = Struct("field", _FIELD_KEYS)
_SHORT_FIELD: Final = Struct("field", _FIELD_KEYS, _check(one="title; value"))
_ROCKET_ACTION: Final = Struct(
    "action",
    {
        **keys_of(STRING, "type text url imageurl webviewheightratio msg msgprocessingtype"),
        **keys_of(BOOL, "iswebview msginchatwindow"),
    },
)
_ATTACHMENT: Final[dict[str, Kind]] = {
    **keys_of(STRING, "fallback color pretext text author_name author_link author_icon title title_link thumb_url"),
    **keys_of(STRING, "footer footer_icon image_url"),
    "fields": ListOf(_SHORT_FIELD, "field"),
}

RECEIVERS: Final[dict[str, Struct]] = {
    "webhook_configs": Struct(
        "webhook config",
        {
            **_COMMON,
            "url": Text(_check_template_url, named_string=True),
            "url_file": STRING,
            "max_alerts": _COUNT,
            "timeout": _GO_DURATION_KIND,
            "payload": AnyValue(),
        },
        _check(one="url url_file", exclusive="url url_file"),
    ),
    "email_configs": Struct(
        "email config",
        {
            **_COMMON,
            **keys_of(
                STRING, "to from hello auth_username auth_password auth_password_file auth_secret auth_secret_file"
            ),
            **keys_of(STRING, "auth_identity html text"),
            **keys_of(BOOL, "require_tls force_implicit_tls"),
            "smarthost": ADDRESS,
            "headers": STRING_MAP,
            "tls_config": TLS,
            "threading": Struct("threading", {"enabled": BOOL, "thread_by_date": STRING}),
        },
        _check_email,
    ),
    "slack_configs": Struct(
        "slack config",
        {
            **_COMMON,
            **keys_of(URL, "api_url app_url"),
            **keys_of(
                STRING, "api_url_file app_token app_token_file channel username color title title_link pretext text"
            ),
            **keys_of(STRING, "message_text footer fallback callback_id icon_emoji icon_url image_url thumb_url"),
            **keys_of(BOOL, "short_fields link_names update_message"),
            "fields": ListOf(_SHORT_FIELD, "field"),
            "mrkdwn_in": STRINGS,
            "actions": ListOf(
                Struct(
                    "action",
                    {
                        **keys_of(STRING, "type text url style name value"),
                        "confirm": Struct(
                            "confirmation", keys_of(STRING, "text title ok_text dismiss_text"), _check(one="text")
                        ),
                    },
                    _check(one="type; text; url name"),
                ),
                "action",
            ),
            "timeout": _GO_DURATION_KIND,
        },
        _check(exclusive="api_url api_url_file; app_token app_token_file"),
    ),
    "pagerduty_configs": Struct(
        "pagerduty config",
        {
            **_COMMON,
            **keys_of(
                STRING, "service_key service_key_file routing_key routing_key_file client client_url description"
            ),
            **keys_of(STRING, "source severity class component group"),
            "url": URL,
            "details": MapOf(AnyValue()),
            "images": ListOf(Struct("image", keys_of(STRING, "src alt href")), "image"),
            "links": ListOf(Struct("link", keys_of(STRING, "href text")), "link"),
            "timeout": _GO_DURATION_KIND,
        },
        _check(
            one="routing_key service_key routing_key_file service_key_file",
            exclusive="routing_key routing_key_file; service_key service_key_file",
        ),
    ),
    "opsgenie_configs": Struct(
        "opsgenie config",
        {
            **_COMMON,
            **keys_of(STRING, "api_key api_key_file message description source entity actions tags note priority"),
            "api_url": URL,
            "details": STRING_MAP,
            "update_alerts": BOOL,
            "responders": ListOf(
                Struct("responder", keys_of(STRING, "id name username type"), _check_responder), "responder"
            ),
        },
        _check(exclusive="api_key api_key_file"),
    ),
    "wechat_configs": Struct(
        "wechat config",
        {
            **_COMMON,
            **keys_of(STRING, "api_secret api_secret_file corp_id message to_user to_party to_tag agent_id"),
            "message_type": Text(one_of("message_type", ("", "text", "markdown")), named_string=True),
            "api_url": URL,
        },
        _check(exclusive="api_secret api_secret_file"),
    ),
    "pushover_configs": Struct(
        "pushover config",
        {
            **_COMMON,
            **keys_of(
                STRING, "user_key user_key_file token token_file title message url url_title device sound priority"
            ),
            **keys_of(_GO_DURATION_KIND, "retry expire ttl"),
            **keys_of(BOOL, "html monospace"),
        },
        _check(
            one="user_key user_key_file; token token_file",
            exclusive="user_key user_key_file; token token_file; html monospace",
        ),
    ),
    "victorops_configs": Struct(
        "victorops config",
        {
            **_COMMON,
            **keys_of(STRING, "api_key api_key_file routing_key message_type state_message entity_display_name"),
            "monitoring_tool": STRING,
            "api_url": URL,
            "custom_fields": STRING_MAP,
        },
        _check(one="routing_key", exclusive="api_key api_key_file"),
    ),
    "sns_configs": Struct(
        "sns config",
        {
            **_COMMON,
            **keys_of(STRING, "api_url topic_arn phone_number target_arn subject message"),
            "sigv4": SIGV4,
            "attributes": STRING_MAP,
            "use_aws_http_client": BOOL,
        },
        _check_sns,
    ),
    "telegram_configs": Struct(
        "telegram config",
        {
            **_COMMON,
            **keys_of(STRING, "bot_token bot_token_file chat_id_file message"),
            **keys_of(_INTEGER, "chat_id message_thread_id"),
            "api_url": URL,
            "disable_notifications": BOOL,
            "parse_mode": Text(one_of("parse_mode", ("", "Markdown", "MarkdownV2", "HTML"))),
        },
        _check(one="chat_id chat_id_file", exclusive="bot_token bot_token_file; chat_id chat_id_file"),
    ),
    "discord_configs": Struct(
        "discord config",
        {
            **_COMMON,
            "webhook_url": URL,
            **keys_of(STRING, "webhook_url_file content title message username avatar_url"),
        },
        _check(one="webhook_url webhook_url_file", exclusive="webhook_url webhook_url_file"),
    ),
    "webex_configs": Struct(
        "webex config",
        {
            **_COMMON,
            "api_url": URL,
            **keys_of(STRING, "message room_id"),
        },
        _check_webex,
    ),
    "msteams_configs": Struct(
        "msteams config",
        {
            **_COMMON,
            "webhook_url": URL,
            **keys_of(STRING, "webhook_url_file title summary text"),
        },
        _check(one="webhook_url webhook_url_file", exclusive="webhook_url webhook_url_file"),
    ),
    "msteamsv2_configs": Struct(
        "msteamsv2 config",
        {
            **_COMMON,
            "webhook_url": URL,
            **keys_of(STRING, "webhook_url_file title text"),
        },
        _check(one="webhook_url webhook_url_file", exclusive="webhook_url webhook_url_file"),
    ),
    "jira_configs": Struct(
        "jira config",
        {
            **_COMMON,
            **keys_of(STRING, "project priority issue_type reopen_transition resolve_transition wont_fix_resolution"),
            **keys_of(_JiraText(), "summary description"),
            "api_url": URL,
            "api_type": Text(one_of("api_type", ("auto", "cloud", "datacenter"))),
            "labels": STRINGS,
            "reopen_duration": DURATION,
            "fields": MapOf(AnyValue()),
        },
        _check(one="project; issue_type"),
    ),
    "rocketchat_configs": Struct(
        "rocketchat config",
        {
            **_COMMON,
            **keys_of(
                STRING, "token token_file token_id token_id_file channel color title title_link text emoji icon_url"
            ),
            **keys_of(STRING, "image_url thumb_url"),
            **keys_of(BOOL, "short_fields link_names"),
            "api_url": URL,
            "fields": ListOf(_ROCKET_FIELD, "field"),
            "actions": ListOf(_ROCKET_ACTION, "action"),
        },
        _check(exclusive="token token_file; token_id token_id_file"),
    ),
    "mattermost_configs": Struct(
        "mattermost config",
        {
            **_COMMON,
            "webhook_url": URL,
            **keys_of(STRING, "webhook_url_file channel username icon_url icon_emoji type"),
            **_ATTACHMENT,
            "attachments": ListOf(Struct("attachment", _ATTACHMENT), "attachment"),
            "props": Struct("props", {"card": STRING}),
            "priority": Struct(
                "priority", {"priority": STRING, **keys_of(BOOL, "requested_ack persistent_notifications")}
            ),
        },
        _check(exclusive="webhook_url webhook_url_file"),
    ),
    "incidentio_configs": Struct(
        "incidentio config",
        {
            **_COMMON,
            "url": URL,
            **keys_of(STRING, "url_file alert_source_token alert_source_token_file"),
            "max_alerts": _COUNT,
            "timeout": _GO_DURATION_KIND,
        },
        _check(one="url url_file", exclusive="url url_file; alert_source_token alert_source_token_file"),
    ),
}
RECEIVER: Final = Struct(
    "receiver",
    {"name": STRING, "labels": STRING_MAP, **{key: ListOf(kind, "receiver") for key, kind in RECEIVERS.items()}},
    _check(one="name"),
)
