# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of an HTTP client, which scrape jobs, discoveries, Alertmanagers and remote endpoints have in common."""

from __future__ import annotations

from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    URL,
    at_most_one,
    one_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    AnyValue,
    Bool,
    Kind,
    ListOf,
    MapOf,
    Report,
    Section,
    Str,
    Struct,
    Text,
)

STRING: Final = Str()
BOOL: Final = Bool()
STRINGS: Final = ListOf(STRING, "value", null_item=True)
STRING_MAP: Final = MapOf(STRING)


def keys_of(kind: Kind, names: str) -> dict[str, Kind]:
    """The same type for several keys, which are given with spaces between them."""
    return dict.fromkeys(names.split(), kind)


# Headers that the client sets itself.
_RESERVED: Final = keys_of(
    STRING,
    """
    authorization host content-encoding content-length content-type user-agent connection keep-alive
    proxy-authenticate proxy-authorization www-authenticate accept-encoding x-prometheus-remote-write-version
    x-prometheus-remote-read-version x-prometheus-scrape-timeout-seconds x-amz-date x-amz-security-token
    x-amz-content-sha256
    """,
)


def _check_tls(section: Section, report: Report) -> None:
    _check_sources(section, report)
    missing = _missing_half(section)
    if missing is None:
        return
    # Inline ones came with the check; for files, older versions load the config and fail where they connect.
    of_files = section.get("cert_file") or section.get("key_file")
    (report.warn if of_files else report.add)(section.line, missing)


def _check_strict_tls(section: Section, report: Report) -> None:
    _check_sources(section, report)
    missing = _missing_half(section)
    if missing is not None:
        report.add(section.line, missing)


def _check_sources(section: Section, report: Report) -> None:
    for key in ("ca", "cert", "key"):
        at_most_one(section, report, key, f"{key}_file", f"{key}_ref")


def _missing_half(section: Section) -> str | None:
    """What is wrong where only one half of a client certificate is set."""
    has_cert, has_key = (any(section.get(key + end) for end in ("", "_file", "_ref")) for key in ("cert", "key"))
    if has_cert and not has_key:
        return "has a client certificate without its key"
    return "has a client key without its certificate" if has_key and not has_cert else None


_TLS_VERSION: Final = Text(one_of("TLS version", ("TLS10", "TLS11", "TLS12", "TLS13")))
_TLS_KEYS: Final[dict[str, Kind]] = {
    **keys_of(STRING, "ca cert key ca_file cert_file key_file ca_ref cert_ref key_ref server_name"),
    "insecure_skip_verify": BOOL,
    "min_version": _TLS_VERSION,
    "max_version": _TLS_VERSION,
}

TLS: Final = Struct("tls_config", _TLS_KEYS, _check_tls)
# Where every version builds the client when it loads the config, and so refuses half a client certificate.
STRICT_TLS: Final = Struct("tls_config", _TLS_KEYS, _check_strict_tls)

_PROXY: Final[dict[str, Kind]] = {
    "proxy_url": URL,
    "no_proxy": STRING,
    "proxy_from_environment": BOOL,
    "proxy_connect_header": MapOf(STRINGS),
}


def _check_proxy(section: Section, report: Report) -> None:
    url, environment = section.get("proxy_url"), section.get("proxy_from_environment")
    if section.get("proxy_connect_header") and not environment and not url:
        report.add(section.line_of("proxy_connect_header"), "has proxy_connect_header without a proxy")
    if environment and url:
        report.add(section.line_of("proxy_url"), "has proxy_url and proxy_from_environment together")
    if environment and section.get("no_proxy"):
        report.add(section.line_of("no_proxy"), "has no_proxy and proxy_from_environment together")
    if section.get("no_proxy") and not url and not environment:
        report.add(section.line_of("no_proxy"), "has no_proxy without proxy_url")


_JWT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _check_oauth2(section: Section, report: Report) -> None:
    _check_proxy(section, report)
    for key in ("client_id", "token_url"):
        if not section.get(key):
            report.add(section.line_of(key), f"has oauth2 without {key}")
    if section.get("grant_type") == _JWT:
        keys = ("client_certificate_key", "client_certificate_key_file", "client_certificate_key_ref")
    else:
        keys = ("client_secret", "client_secret_file", "client_secret_ref")
    at_most_one(section, report, *keys)


_OAUTH2: Final = Struct(
    "oauth2 section",
    {
        **keys_of(
            STRING,
            """
            client_id client_secret client_secret_file client_secret_ref client_certificate_key_id
            client_certificate_key client_certificate_key_file client_certificate_key_ref grant_type
            signature_algorithm iss audience token_url
            """,
        ),
        "claims": MapOf(AnyValue()),
        "scopes": STRINGS,
        "endpoint_params": STRING_MAP,
        "tls_config": TLS,
        **_PROXY,
    },
    _check_oauth2,
)


def _check_basic_auth(section: Section, report: Report) -> None:
    at_most_one(section, report, "username", "username_file", "username_ref")
    at_most_one(section, report, "password", "password_file", "password_ref")


_BASIC_AUTH: Final = Struct(
    "basic_auth section",
    keys_of(STRING, "username username_file username_ref password password_file password_ref"),
    _check_basic_auth,
)


def _check_authorization(section: Section, report: Report) -> None:
    at_most_one(section, report, "credentials", "credentials_file", "credentials_ref")
    if section.get("type", "").strip().lower() == "basic":
        report.add(section.line_of("type"), "has authorization of type basic: use basic_auth")


_AUTHORIZATION: Final = Struct(
    "authorization section",
    keys_of(STRING, "type credentials credentials_file credentials_ref"),
    _check_authorization,
)

_HEADER: Final = Struct("header", keys_of(STRINGS, "values secrets files"))


def check_header(name: str) -> str | None:
    return f"sets the header {name}, which Prometheus sets itself" if name.lower() in _RESERVED else None


HTTP_CLIENT: Final[dict[str, Kind]] = {
    "basic_auth": _BASIC_AUTH,
    "authorization": _AUTHORIZATION,
    "oauth2": _OAUTH2,
    "bearer_token": STRING,
    "bearer_token_file": STRING,
    "tls_config": TLS,
    "follow_redirects": BOOL,
    "enable_http2": BOOL,
    "http_headers": MapOf(_HEADER, check_key=check_header),
    **_PROXY,
}


def _check_sigv4(section: Section, report: Report) -> None:
    if bool(section.get("access_key")) != bool(section.get("secret_key")):
        report.add(section.line, "has a sigv4 section with only one of access_key and secret_key")


SIGV4: Final = Struct(
    "sigv4 section",
    {
        **keys_of(STRING, "region access_key secret_key profile role_arn external_id service_name"),
        "use_fips_sts_endpoint": BOOL,
    },
    _check_sigv4,
)


def check_http_client(section: Section, report: Report) -> None:
    """At most one way to authenticate; a proxy that is whole."""
    if at_most_one(section, report, "bearer_token", "bearer_token_file"):
        bearer = "bearer_token" if section.get("bearer_token") else "bearer_token_file"
        at_most_one(section, report, "basic_auth", "authorization", "oauth2", bearer)
    _check_proxy(section, report)
