# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of Alertmanager's config, up to 0.34. A key or a value that some version accepts is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import matchers
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    at_most_one,
    check_glob,
    milliseconds,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    AnyValue,
    Items,
    Kind,
    ListOf,
    MapOf,
    Report,
    Section,
    Struct,
    Text,
    is_masked,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    InvalidPatternError,
    compiled,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_http import (
    BOOL,
    STRICT_TLS,
    STRING,
    STRINGS,
    keys_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_receivers import (
    ADDRESS,
    DURATION,
    HTTP_CONFIG,
    RECEIVER,
    URL,
    is_set,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_times import TIME_INTERVALS

_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _check_matchers(text: str) -> str | None:
    try:
        matchers.parse(text)
    except matchers.MatcherError as error:
        return f"has a matcher that cannot be read: it {error}"
    return None


def _check_regex(text: str) -> str | None:
    try:
        compiled(text, dot_newline=False)
    except InvalidPatternError:
        return "has a regular expression that is not valid"
    return None


def _check_classic_name(text: str) -> str | None:
    return None if _CLASSIC_NAME.fullmatch(text) else "matches on a label whose name is not valid here: use matchers"


def _check_label(text: str) -> str | None:
    return None if text else "has an empty label name"


class _Pattern(Text):
    """A regular expression, which must not be null."""

    def read(self, node: Any, report: Report, into: Any = None) -> Any:
        if getattr(node, "is_null", False):
            report.add(node.line, "matches on a regular expression that is empty")
            return None
        return super().read(node, report, into)


_MATCHERS: Final = ListOf(Text(_check_matchers, named_string=True), "matcher", null_item=True)
_MATCH: Final = MapOf(STRING, check_key=_check_classic_name)
_MATCH_RE: Final = MapOf(_Pattern(_check_regex, named_string=True), check_key=_check_classic_name)
_LABELS: Final = Text(_check_label, named_string=True)
_LABEL_LIST: Final = ListOf(_LABELS, "label", null_item=True)

# ---- routes and inhibitions ----


def _check_route(section: Section, report: Report) -> None:
    labels = section.get("group_by") or ()
    if "..." in labels and len(set(labels)) > 1:
        report.add(section.line_of("group_by"), "groups by ... and by labels at the same time")
    if isinstance(labels, Items):
        for index, (label, line) in enumerate(zip(labels, labels.lines, strict=True)):
            if label in labels[:index] and label != "...":
                report.add(line, f"groups by {label} twice")
    for key in ("group_interval", "repeat_interval"):
        if milliseconds(section.get(key) or "1s") == 0:
            report.add(section.line_of(key), f"has a {key} of zero")


_ROUTE_KEYS: Final[dict[str, Kind]] = {
    "receiver": STRING,
    "group_by": ListOf(_LABELS, "label"),
    "match": _MATCH,
    "match_re": _MATCH_RE,
    "matchers": _MATCHERS,
    "continue": BOOL,
    **keys_of(STRINGS, "mute_time_intervals active_time_intervals"),
    **keys_of(DURATION, "group_wait group_interval repeat_interval"),
    "labels": MapOf(STRING, check_key=_check_label),
}
_ROUTE: Final = Struct("route", _ROUTE_KEYS, _check_route)
_ROUTE_KEYS["routes"] = ListOf(_ROUTE, "route")
_INHIBIT_RULE: Final = Struct(
    "inhibit rule",
    {
        "name": STRING,
        **keys_of(_MATCH, "source_match target_match"),
        **keys_of(_MATCH_RE, "source_match_re target_match_re"),
        **keys_of(_MATCHERS, "source_matchers target_matchers"),
        "equal": _LABEL_LIST,
    },
)

# ---- the rest ----

# Secrets that can be given in a file instead.
_SECRETS: Final = "slack_app_token opsgenie_api_key victorops_api_key telegram_bot_token smtp_auth_password"
_MORE_SECRETS: Final = "rocketchat_token rocketchat_token_id smtp_auth_secret wechat_api_secret"
_HOOKS: Final = "slack_api_url mattermost_webhook_url"
_SLACK_APP: Final = "https://slack.com/api/chat.postMessage"
_IN_FILES: Final = f"{_SECRETS} {_MORE_SECRETS} {_HOOKS}".split()


def _check_global(section: Section, report: Report) -> None:
    for key in _IN_FILES:
        at_most_one(section, report, key, f"{key}_file")
    has_token, has_url = (is_set(section, f"slack_{key} slack_{key}_file") for key in ("app_token", "api_url"))
    same = section.get("slack_api_url") == section.get("slack_app_url", _SLACK_APP)
    if has_token and has_url and not same and not is_masked(section.get("slack_api_url") or ""):
        report.add(section.line_of("slack_app_token"), "has an app token and an API URL for Slack at the same time")


_GLOBAL: Final = Struct(
    "global section",
    {
        "resolve_timeout": DURATION,
        "http_config": HTTP_CONFIG,
        "smtp_smarthost": ADDRESS,
        "smtp_tls_config": STRICT_TLS,
        **keys_of(BOOL, "smtp_require_tls smtp_force_implicit_tls"),
        **keys_of(STRING, "smtp_from smtp_hello smtp_auth_username smtp_auth_identity wechat_api_corp_id"),
        **keys_of(STRING, f"{_SECRETS} {_MORE_SECRETS}"),
        **keys_of(STRING, " ".join(f"{key}_file" for key in _IN_FILES)),
        **keys_of(URL, f"{_HOOKS} slack_app_url pagerduty_url opsgenie_api_url"),
        **keys_of(URL, "wechat_api_url victorops_api_url telegram_api_url webex_api_url rocketchat_api_url"),
        "jira_api_url": URL,
    },
    _check_global,
)
ALERTMANAGER: Final = Struct(
    "config",
    {
        "global": _GLOBAL,
        "route": _ROUTE,
        "inhibit_rules": ListOf(_INHIBIT_RULE, "inhibit rule", null_item=True),
        "receivers": ListOf(RECEIVER, "receiver"),
        "templates": ListOf(Text(check_glob, named_string=True), "path", null_item=True),
        **keys_of(TIME_INTERVALS, "mute_time_intervals time_intervals"),
        "tracing": AnyValue(),
        "event_recorder": AnyValue(),
    },
)


def routes_below(route: Section) -> Iterator[Section]:
    """A route and all routes under it, depth first."""
    stack = [route]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(child for child in reversed(item.get("routes") or ()) if isinstance(child, Section))
