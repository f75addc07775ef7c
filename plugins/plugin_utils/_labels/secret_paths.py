# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where secrets stand in the config files of Prometheus, Alertmanager and their exporters.

A file is a tree of keys, and the same key is secret in one place and public in another (``url`` of a webhook, ``url``
of PagerDuty). So the table is a tree too: a `Place` says what a scalar there is and which place each key leads to.
Sequences are seen through: an item has the place of its list.

One root serves every kind of file, because the sections of the kinds have different names or agree; that also finds a
Prometheus config that is wrapped in something else (a ConfigMap, an operator's resource, a list of jobs).
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache


class Kind(IntEnum):
    """What a scalar is; when one value is used in two places, the greater kind counts."""

    # A regular expression: what looks like a URL in it is a pattern for one.
    PATTERN = 0
    PLAIN = 1
    # A URL that the servers print in clear: its user info and its query may hold secrets.
    ADDRESS = 2
    # Secret by its name, but shown while it only names an environment variable that Prometheus expands on its server.
    EXPANDED = 3
    # The same, while it is a number of a port or words: the name may be that of a port, or say which key is meant.
    POINTER = 4
    # Secret by its name alone, so a switch of such a name is shown.
    NAMED = 5
    # Typed plain by the servers, yet made to carry secrets too: header values, free-form fields.
    PRIVATE = 6
    # Typed secret by the servers themselves.
    SECRET = 7


class Place:
    """A position in a config: what a scalar there is, and where each key leads."""

    __slots__ = ("_known", "keys", "kind", "named")

    def __init__(
        self, keys: dict[str, Place] | None = None, kind: Kind = Kind.PLAIN, named: Place | None = None
    ) -> None:
        """Take the known keys, the kind of a scalar, and the place under names that the user chooses, if any."""
        self.keys = keys or {}
        self.kind = kind
        self.named = named
        self._known: dict[str, Place] = {}

    def child(self, key: str) -> Place:
        """The place that a key leads to; a key nobody knows is judged by its name."""
        found = self.keys.get(key) or self._known.get(key)
        if found is None:
            found = self._judge(key)
            if len(self._known) < 1000:
                self._known[key] = found
        return found

    def _judge(self, key: str) -> Place:
        if key == "<<":
            return self
        # Where a file was put into a string, its byte order mark is a part of its first key.
        if key != (bare := key.strip().removeprefix("\ufeff")):
            return self.child(bare)
        if self.named is not None:
            return self.named
        if self is LABELS or self is EXTERNAL_LABELS:
            secret = label_names_a_secret(key)
            return (NAMED_VARIABLE if self is EXTERNAL_LABELS else NAMED_SECRET) if secret else TEXT
        if self is PARAMS:
            return NAMED_SECRET if parameter_names_a_secret(key) else TEXT
        if self is OTHER_HEADERS and _HEADER_OF_LOGIN.search(key):
            return NAMED_SECRET
        section = None if self is TEXT else SECTIONS.get(key)
        if section is not None:
            return section
        if names_a_secret(key):
            return NAMED_POINTER if _POINTER.search(key) else NAMED_SECRET
        if self is TEXT:
            return TEXT
        return DISCOVERY if key.endswith("_sd_configs") else ANY


# ---- judging a key by its name ----

# `_key`, unless it ends what sorts, groups or is for all to see. Looks back only where a sign was found.
_OTHER_KEYS = ("sort", "group", "grouping", "partition", "shard", "foreign", "public")
_NO_OTHER = "".join([f"(?<!{word})(?<!{word.title()})" for word in ("topology", "listMap", "patchMerge", *_OTHER_KEYS)])
UNDERSCORE_KEY = "[_-]" + "".join([f"(?<!{word}.)" for word in _OTHER_KEYS]) + "key"
_SECRET_NAME = re.compile(
    rf"(?:password|passwd|passphrase|passwort|kennwort|senha|contrase[nñ]a|secret|token|credentials?|passwords|secrets|api-?key|{UNDERSCORE_KEY}"
    r"|(?:^|[_-])(?:pass|pwd|creds|jwt)|passcode|pass_phrase|(?:password|passwd|passphrase)[_-]?hash"
    r"|(?:password|secret|token)_?(?:value|string)|secret_?id|token[_-]?b(?:ase)?64|redis(?:cli)?_auth"
    r"|(?:encryption|signing|master|license|account)key|privkey|(?:snmp|ro|rw)_?community|community_string"
    r"|(?:slack|teams|discord|incoming|mattermost)(?:[_-]?web|_)hook|(?:^|[_-])hook_?url"
    r"|password[0-9]{1,2}|(?:auth|bind|db|key|mail|pg|priv|root|smtp|store)pass|(?:bind|root)pw|[_-]pw|(?:^|[_-])(?:pswd|psk)"
    r"|erlang_?cookie|secret_key_base|(?:secret|access|private|auth)\.?key|api[_-]?keys|(?:^|(?:api|auth|access)[_-])tokens"
    r"|key-data|token[_-]value|header_?value[0-9]{0,2}|snmp[_-]community|webhook[_-]?url"
    r"|requirepass|masterauth)$",
    re.IGNORECASE,
)
# In small letters it is a section of Prometheus.
_HEADER = re.compile(r"(?:^|-)(?:Authorization|AUTHORIZATION)$")
_HEADER_OF_LOGIN = re.compile(r"(?:^|-)(?:x-auth.*|auth|key|team)$", re.IGNORECASE)
_CAMEL_KEY = re.compile(rf"[a-z0-9](?:{_NO_OTHER}Key|Pass|Pwd)$")
# Upper case alone is no word of another kind; all that Kubernetes calls a secret by its name.
_VARIABLE = re.compile(r"(?:[A-Z0-9]_PAT|(?:^|_)(?:JWT|(?:BASIC|NEO4J|CONSUL_HTTP)_AUTH)|(?:^|-)Cookie)$")
# Of charts, mostly: which key of a Secret holds the name or the password.
_POINTER = re.compile(r"(?:^u|U)ser(?:[Nn]ame)?Key$|(?:^p|P)asswordKey$")
_REFERENCE = re.compile(r"existing\w*(?:Secret|Key)$|imagePullSecrets$|^topologyKey$")
_PARAMETER = re.compile(
    rf"(?:^|[_-])(?:auth|authorization|apikey|sig|signature|bearer|community)$|^key$|{UNDERSCORE_KEY}$"
    r"|^(?:[a-z]{1,4})?sess(?:ion[_-]?)?id$",
    re.IGNORECASE,
)
_SOME_KEY = re.compile(r"(?<!api)(?<!access)(?<!private)(?<!secret)[_-]key$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def names_a_secret(key: str) -> bool:
    """Whether a key that no table knows ends like one that holds a secret."""
    found = _SECRET_NAME.search(key) or _CAMEL_KEY.search(key) or _HEADER.search(key) or _VARIABLE.search(key)
    return bool(found) and not _REFERENCE.search(key)


@lru_cache(maxsize=4096)
def parameter_names_a_secret(name: str) -> bool:
    """Whether the name of a URL parameter says that its value is a secret."""
    return names_a_secret(name) or _PARAMETER.search(name) is not None


def label_names_a_secret(name: str) -> bool:
    """Whether the name of a label says so; a ``__param_`` label is a URL parameter."""
    if name.startswith("__param_"):
        return parameter_names_a_secret(name.removeprefix("__param_"))
    return names_a_secret(name)


def rule_names_a_secret(name: str) -> bool:
    """The same of a label that a rule writes a constant into: there, most that is called a key says whose it is."""
    return label_names_a_secret(name) and (name.startswith("__param_") or not _SOME_KEY.search(name))


# ---- leaves ----


def _all_beneath(kind: Kind) -> Place:
    place = Place(kind=kind)
    place.named = place
    return place


PUBLIC = _all_beneath(Kind.PLAIN)
TEXT = Place()
SECRET = _all_beneath(Kind.SECRET)
PRIVATE = _all_beneath(Kind.PRIVATE)
ADDRESS = Place(kind=Kind.ADDRESS)
# Secret by its name alone.
NAMED_SECRET = _all_beneath(Kind.NAMED)
NAMED_POINTER = _all_beneath(Kind.POINTER)
NAMED_VARIABLE = _all_beneath(Kind.EXPANDED)
SECURE = Place({"tlsCACert": TEXT, "tlsClientCert": TEXT}, kind=Kind.SECRET, named=SECRET)
VOLUME_ITEMS = Place({"key": PUBLIC, "path": PUBLIC, "mode": PUBLIC}, kind=Kind.NAMED, named=NAMED_SECRET)
LABELS = Place()
EXTERNAL_LABELS = Place()
PARAMS = Place()
# Where no table knows them, so that most are none of a login: of other exporters and of what sends traces.
OTHER_HEADERS = Place()
RELABEL = Place({"regex": Place(kind=Kind.PATTERN)})


def _secrets(*names: str) -> dict[str, Place]:
    return dict.fromkeys(names, SECRET)


def _privates(*names: str) -> dict[str, Place]:
    return dict.fromkeys(names, PRIVATE)


def _addresses(*names: str) -> dict[str, Place]:
    return dict.fromkeys(names, ADDRESS)


# ---- the HTTP client ----

# Where a map of credentials is expected and a bare string stands, that string is the credential.
BASIC_AUTH = Place({"username": PUBLIC, "password": SECRET}, kind=Kind.SECRET)
AUTHORIZATION = Place({"type": PUBLIC, "credentials": SECRET}, kind=Kind.SECRET)
TLS = Place({"key": SECRET, "ca": TEXT, "cert": TEXT, "server_name": PUBLIC})
HTTP_HEADERS = Place(named=Place({"secrets": SECRET, "values": PRIVATE, "files": PUBLIC}, kind=Kind.PRIVATE))
HTTP_HEADERS.kind = Kind.PRIVATE
# Maps of plain strings in Prometheus and blackbox exporter, of values, secrets and files in Alertmanager.
HEADERS = Place(named=Place({"secrets": SECRET, "values": PRIVATE, "files": PUBLIC}, kind=Kind.PRIVATE))
HEADERS.kind = Kind.PRIVATE
SIGV4 = Place(
    {"secret_key": SECRET, "access_key": PRIVATE, "profile": PUBLIC, "role_arn": PUBLIC, "external_id": PUBLIC}
)
OAUTH2 = Place(
    {
        **_secrets("client_secret", "client_certificate_key"),
        **_privates("endpoint_params", "claims"),
        **_addresses("token_url", "proxy_url"),
        "client_id": PUBLIC,
        "client_certificate_key_id": PUBLIC,
        "scopes": PUBLIC,
        "tls_config": TLS,
        "proxy_connect_header": SECRET,
    },
    kind=Kind.SECRET,
)
_HTTP: dict[str, Place] = {
    "basic_auth": BASIC_AUTH,
    "authorization": AUTHORIZATION,
    "bearer_token": SECRET,
    "oauth2": OAUTH2,
    "tls_config": TLS,
    "proxy_url": ADDRESS,
    "proxy_connect_header": SECRET,
    "http_headers": HTTP_HEADERS,
}
HTTP_CONFIG = Place(_HTTP)

# ---- service discovery: one place for all kinds, since none calls public what another calls secret ----

DISCOVERY = Place(
    {
        **_HTTP,
        **_secrets("secret_key", "client_secret", "token", "password", "auth_token", "key_passphrase"),
        **_secrets("application_credential_secret", "application_secret", "consumer_key"),
        **_secrets("service_account_key", "private_key"),
        **_privates("access_key", "application_key"),
        **_addresses("endpoint", "server", "servers", "host", "url", "api_server", "api_url", "identity_endpoint"),
        "labels": LABELS,
        "username": PUBLIC,
    }
)

# ---- Prometheus ----

AZUREAD = Place(
    {
        "oauth": Place({"client_secret": SECRET, "client_id": PUBLIC, "tenant_id": PUBLIC}),
        "certificate": Place(
            {"certificate_password": SECRET, "certificate_key_path": PUBLIC, "certificate_path": PUBLIC}
        ),
    }
)
STATIC = Place({"labels": LABELS, "targets": ADDRESS})
_RELABEL: dict[str, Place] = dict.fromkeys(
    ("relabel_configs", "metric_relabel_configs", "write_relabel_configs", "alert_relabel_configs"), RELABEL
)
SCRAPE = Place({**_HTTP, **_RELABEL, "params": PARAMS, "static_configs": STATIC})
ALERTMANAGERS = Place({**_HTTP, **_RELABEL, "sigv4": SIGV4, "static_configs": STATIC})
REMOTE = Place(
    {**_HTTP, **_RELABEL, "url": ADDRESS, "headers": HEADERS, "sigv4": SIGV4, "azuread": AZUREAD, "name": PUBLIC}
)
TRACING = Place({"headers": HEADERS, "tls_config": TLS})

# ---- Alertmanager ----

_API_URLS = ("api_url", "url", "app_url")


def _receiver(**keys: Place) -> Place:
    return Place({"http_config": HTTP_CONFIG, **_addresses(*_API_URLS), **keys})


_CHAT_WEBHOOK = _receiver(webhook_url=SECRET)
_RECEIVER: dict[str, Place] = {
    "email_configs": _receiver(auth_password=SECRET, auth_secret=SECRET, tls_config=TLS, headers=PRIVATE),
    "slack_configs": _receiver(api_url=SECRET, app_token=SECRET, actions=Place({"url": PRIVATE})),
    "pagerduty_configs": _receiver(
        service_key=SECRET, routing_key=SECRET, details=PRIVATE, links=Place({"href": PRIVATE})
    ),
    "opsgenie_configs": _receiver(api_key=SECRET, details=PRIVATE),
    "victorops_configs": _receiver(api_key=SECRET, routing_key=PRIVATE, custom_fields=PRIVATE),
    "wechat_configs": _receiver(api_secret=SECRET),
    "pushover_configs": _receiver(user_key=SECRET, token=SECRET),
    "telegram_configs": _receiver(bot_token=SECRET),
    "rocketchat_configs": _receiver(token=SECRET, token_id=SECRET),
    "webhook_configs": _receiver(url=SECRET, payload=PRIVATE),
    "discord_configs": _CHAT_WEBHOOK,
    "msteams_configs": _CHAT_WEBHOOK,
    "msteamsv2_configs": _CHAT_WEBHOOK,
    "mattermost_configs": _CHAT_WEBHOOK,
    "incidentio_configs": _receiver(alert_source_token=SECRET),
    "sns_configs": _receiver(sigv4=SIGV4, attributes=PRIVATE),
    "jira_configs": _receiver(fields=PRIVATE),
    "webex_configs": _receiver(),
    "hipchat_configs": _receiver(auth_token=SECRET),
}
# Prometheus' global block holds labels, Alertmanager's holds what its receivers inherit.
GLOBAL = Place(
    {
        **_secrets("smtp_auth_password", "smtp_auth_secret", "slack_api_url", "slack_app_token", "opsgenie_api_key"),
        **_secrets("victorops_api_key", "wechat_api_secret", "telegram_bot_token", "rocketchat_token"),
        **_secrets("rocketchat_token_id", "mattermost_webhook_url", "hipchat_auth_token"),
        **_addresses("pagerduty_url", "opsgenie_api_url", "victorops_api_url", "wechat_api_url", "telegram_api_url"),
        **_addresses("webex_api_url", "jira_api_url", "rocketchat_api_url", "slack_app_url", "hipchat_api_url"),
        "opsgenie_api_host": ADDRESS,
        "smtp_tls_config": TLS,
        "http_config": HTTP_CONFIG,
        "external_labels": EXTERNAL_LABELS,
    }
)
_KAFKA = Place({"tls_config": TLS})
EVENT_RECORDER = Place(
    {
        "webhook_outputs": Place({"url": SECRET, "http_config": HTTP_CONFIG}),
        "kafka_outputs": _KAFKA,
    }
)

# ---- exporters ----

_BLACKBOX_HTTP = Place({**_HTTP, "headers": HEADERS, "body": PRIVATE})
_BLACKBOX_TCP = Place({"query_response": Place({"send": PRIVATE}), "tls_config": TLS})
# The logins of docker have the same name, and in each a string `auth`.
SNMP_AUTH = Place({**_secrets("community", "password", "priv_password", "auth"), "username": PUBLIC})
_MODULE = Place(
    {
        "http": _BLACKBOX_HTTP,
        "tcp": _BLACKBOX_TCP,
        "grpc": HTTP_CONFIG,
        "auth": SNMP_AUTH,
        # Of the exporter of JSON.
        "headers": HEADERS,
        "body": Place({"templatize": PUBLIC}, kind=Kind.PRIVATE, named=PRIVATE),
        "http_client_config": HTTP_CONFIG,
    }
)

# ---- any depth of any file ----

SECTIONS: dict[str, Place] = {
    **_HTTP,
    **_RECEIVER,
    **_RELABEL,
    "webhookConfigs": _receiver(url=SECRET),
    "headers": OTHER_HEADERS,
    "http_config": HTTP_CONFIG,
    "sigv4": SIGV4,
    "azuread": AZUREAD,
    "global": GLOBAL,
    "scrape_configs": SCRAPE,
    "static_configs": STATIC,
    "params": PARAMS,
    "targets": ADDRESS,
    "labels": LABELS,
    "external_labels": EXTERNAL_LABELS,
    "annotations": TEXT,
    "alertmanagers": ALERTMANAGERS,
    "remote_write": REMOTE,
    "remote_read": REMOTE,
    "tracing": TRACING,
    "receivers": Place(_RECEIVER),
    "event_recorder": EVENT_RECORDER,
    "webhook_outputs": EVENT_RECORDER.keys["webhook_outputs"],
    "basic_auth_users": SECRET,
    "tls_server_config": TLS,
    # A volume of Kubernetes, whose keys are no secrets.
    "secret": Place({"secretName": PUBLIC, "items": VOLUME_ITEMS}, kind=Kind.NAMED, named=NAMED_SECRET),
    # The URL of one, in configs of what stands between Alertmanager and a chat.
    "webhook": Place(kind=Kind.POINTER),
    # Of Grafana's data sources and contact points, beside what is public.
    "secureJsonData": SECURE,
    "secureSettings": SECURE,
    # Whether a browser sends those that it has.
    "cors": Place({"credentials": PUBLIC}),
    # Of collectors of metrics.
    "snmp": Place({"community": SECRET}),
    "api": Place({"key": Place(kind=Kind.POINTER)}),
    "modules": Place(named=_MODULE),
    "auths": Place(named=SNMP_AUTH),
    # The same, as snmp exporter had it before 0.23: in each module, and modules stood by themselves.
    "auth": SNMP_AUTH,
}
ANY = Place()


def masks(kind: Kind) -> bool:
    """Whether a scalar of this kind is masked as a whole."""
    return kind >= Kind.EXPANDED


_POINTS = re.compile(r"\d{1,5}|[A-Za-z]{1,16}(?:[._-][A-Za-z]{1,16})*")


def only_points(kind: Kind, value: str) -> bool:
    """Whether the value of a pointer is a number or words, and so no secret."""
    return kind is Kind.POINTER and _POINTS.fullmatch(value) is not None
