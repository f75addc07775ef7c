# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of every service discovery of Prometheus, 2.x and 3.x."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    DURATION,
    URL,
    at_most_one,
    check_target_path,
    check_url,
    milliseconds,
    one_of,
    required,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
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
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    check_label_name,
    check_label_value,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_http import (
    BOOL,
    HTTP_CLIENT,
    STRING,
    STRING_MAP,
    STRINGS,
    TLS,
    check_http_client,
    keys_of,
)

INTEGER: Final = Number()

LABELS: Final = MapOf(Text(check_label_value, named_string=True), check_key=check_label_name)

TARGET_GROUP: Final = Struct("target group", {"targets": STRINGS, "labels": LABELS})
TARGET_GROUPS: Final = ListOf(TARGET_GROUP, "target group")

_COMMON: Final[dict[str, Kind]] = {"refresh_interval": DURATION, "port": INTEGER}

_Check = Callable[[Section, Report], None]


def _discovery(
    kind: str,
    fields: dict[str, Kind],
    *,
    http: bool = True,
    common: bool = True,
    needs: str = "",
    needs_value: str = "",
    check: _Check | None = None,
) -> ListOf:
    """The list of one kind. needs: keys that must be set; needs_value: keys with a default, which must not be empty."""
    what = f"{kind}_sd_configs entry"

    def check_all(section: Section, report: Report) -> None:
        required(section, report, what, *needs.split())
        required(section, report, what, *needs_value.split(), unless_missing=True)
        if check is not None:
            check(section, report)
        if http:
            check_http_client(section, report)

    keys = {**(HTTP_CLIENT if http else {}), **(_COMMON if common else {}), **fields}
    return ListOf(Struct(what, keys, check_all), what)


def _role(*roles: str) -> Text:
    return Text(one_of("role", roles), named_string=True)


def _check_http_url(key: str) -> _Check:
    def check(section: Section, report: Report) -> None:
        url = section.get(key) or ""
        if url and not is_masked(url) and (check_url(url) or not re.match(r"https?://[^/?#]", url)):
            report.add(section.line_of(key), f"has a {key} that is no HTTP address")

    return check


def _check_any_url(key: str) -> _Check:
    def check(section: Section, report: Report) -> None:
        url = section.get(key) or ""
        if url and not is_masked(url) and (check_url(url) or not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]", url)):
            report.add(section.line_of(key), f"has a {key} that is no address with a scheme")

    return check


def _check_azure(section: Section, report: Report) -> None:
    method = section.get("authentication_method", "OAuth")
    if method == "OAuth":
        required(section, report, "azure_sd_configs entry", "tenant_id", "client_id", "client_secret")
    elif method not in ("ManagedIdentity", "SDK", "WorkloadIdentity"):
        report.add(section.line_of("authentication_method"), "has an unknown authentication_method")


def _check_consul(section: Section, report: Report) -> None:
    if section.get("username") or section.get("password"):
        at_most_one(section, report, "username" if section.get("username") else "password", "basic_auth")
    at_most_one(section, report, "token", "authorization", "oauth2")


def _check_dns(section: Section, report: Report) -> None:
    kind = section.get("type", "SRV").upper()
    if kind not in ("SRV", "A", "AAAA", "MX", "NS"):
        report.add(section.line_of("type"), "has an unknown DNS record type")
    elif kind != "SRV" and not section.get("port"):
        report.add(section.line, f"has a DNS record type {kind} without a port")


def _check_kubernetes(section: Section, report: Report) -> None:
    api, file = section.get("api_server"), section.get("kubeconfig_file")
    custom = [
        key
        for key in HTTP_CLIENT
        if section.get(key) not in (None, "", key in _TRUE_BY_DEFAULT) and not _is_default_tls(key, section[key])
    ]
    if api and file:
        report.add(section.line_of("kubeconfig_file"), "has api_server and kubeconfig_file together")
    if custom and file:
        report.add(section.line_of(custom[0]), f"has {custom[0]} together with kubeconfig_file")
    elif custom and not api:
        report.add(section.line_of(custom[0]), f"has {custom[0]} without api_server")
    if (api or file) and (section.get("namespaces") or {}).get("own_namespace"):
        report.add(section.line_of("namespaces"), "has own_namespace together with api_server or kubeconfig_file")
    role = section.get("role")
    seen: set[str] = set()
    for selector in section.get("selectors") or ():
        if not isinstance(selector, Section):
            continue
        wanted = selector.get("role") or ""
        if wanted in seen:
            report.add(selector.line, f"has two selectors for the role {wanted}")
        elif role in _SELECTORS and wanted not in _SELECTORS[role]:
            report.add(selector.line, f"has a selector for the role {wanted}, which the role {role} does not take")
        seen.add(wanted)


def _is_default_tls(key: str, value: Any) -> bool:
    return key == "tls_config" and not any(value.values())


_TRUE_BY_DEFAULT: Final = ("follow_redirects", "enable_http2")
_SELECTORS: Final[dict[str, tuple[str, ...]]] = {
    "pod": ("pod", "node"),
    "service": ("service",),
    "endpointslice": ("pod", "service", "endpointslice"),
    "endpoints": ("pod", "service", "endpoints"),
    "node": ("node",),
    "ingress": ("ingress",),
}


def _check_marathon(section: Section, report: Report) -> None:
    if at_most_one(section, report, "auth_token", "auth_token_file"):
        token = "auth_token" if section.get("auth_token") else "auth_token_file"
        at_most_one(section, report, token, "basic_auth", "bearer_token", "bearer_token_file", "authorization")


def _check_secret_key(section: Section, report: Report) -> None:
    if at_most_one(section, report, "secret_key", "secret_key_file") and not (
        section.get("secret_key") or section.get("secret_key_file")
    ):
        report.add(section.line, "has neither secret_key nor secret_key_file")


def _check_ovhcloud(section: Section, report: Report) -> None:
    if section.get("service") not in ("dedicated_server", "vps"):
        report.add(section.line_of("service"), "has an unknown ovhcloud service (known: dedicated_server, vps)")


def _check_openstack(section: Section, report: Report) -> None:
    if section.get("availability", "public") not in ("public", "internal", "admin"):
        report.add(section.line_of("availability"), "has an unknown availability (known: public, internal, admin)")


def _check_stackit(section: Section, report: Report) -> None:
    if not section.get("endpoint") and section.get("region", "eu01") == "":
        report.add(section.line, "has a stackit_sd_configs entry with neither endpoint nor region")
    if section.get("endpoint") and not is_masked(section["endpoint"]) and check_url(section["endpoint"]):
        report.add(section.line_of("endpoint"), "has an endpoint that is not valid")


def _check_triton(section: Section, report: Report) -> None:
    if section.get("role", "container") not in ("container", "cn"):
        report.add(section.line_of("role"), "has an unknown triton role (known: container, cn)")
    if milliseconds(section.get("refresh_interval", "60s")) == 0:
        report.add(section.line_of("refresh_interval"), "has a triton_sd_configs entry without refresh_interval")


def _check_zookeeper(section: Section, report: Report) -> None:
    for path in section.get("paths") or ():
        if not path.startswith("/"):
            report.add(section.line_of("paths"), "has a path that does not begin with /")


def _check_oci(section: Section, report: Report) -> None:
    keys = ("tenancy", "user", "fingerprint", "key_file")
    method = section.get("auth", "api_key")
    if method == "api_key":
        required(section, report, "oci_sd_configs entry", *keys)
        at_most_one(section, report, "key_passphrase", "key_passphrase_file")
    elif method == "instance_principal":
        for key in (*keys, "key_passphrase", "key_passphrase_file"):
            if section.get(key):
                report.add(section.line_of(key), f"has {key} together with auth instance_principal")
    else:
        report.add(section.line_of("auth"), "has an unknown auth (known: api_key, instance_principal)")


def _check_filters(section: Section, report: Report) -> None:
    for entry in section.get("filters") or ():
        if isinstance(entry, Section) and not entry.get("values"):
            report.add(entry.line, "has a filter without values")


_FILTERS: Final = ListOf(Struct("filter", {"name": STRING, "values": STRINGS}), "filter")
_AWS: Final[dict[str, Kind]] = keys_of(STRING, "endpoint region access_key secret_key profile role_arn external_id")
_AWS_MANY: Final[dict[str, Kind]] = {**_AWS, "clusters": STRINGS, "request_concurrency": INTEGER}
_K8S_ROLE: Final = _role("node", "pod", "service", "endpoints", "endpointslice", "ingress")
_ZOOKEEPER: Final[dict[str, Kind]] = {"servers": STRINGS, "paths": STRINGS, "timeout": DURATION}

# Key → type, for scrape jobs and for the Alertmanagers of a config.
DISCOVERIES: Final[dict[str, Kind]] = {
    "static_configs": TARGET_GROUPS,
    "file_sd_configs": _discovery(
        "file",
        {"files": ListOf(Text(check_target_path), "path"), "refresh_interval": DURATION},
        http=False,
        common=False,
        needs="files",
    ),
    "http_sd_configs": _discovery("http", {"url": STRING}, needs="url", check=_check_http_url("url")),
    "aws_sd_configs": _discovery(
        "aws",
        {
            **_AWS_MANY,
            "filters": _FILTERS,
            "role": _role("ec2", "ecs", "elasticache", "lightsail", "msk", "rds"),
        },
        needs="role",
    ),
    "ec2_sd_configs": _discovery("ec2", {**_AWS, "filters": _FILTERS}, check=_check_filters),
    "ecs_sd_configs": _discovery("ecs", _AWS_MANY),
    "elasticache_sd_configs": _discovery("elasticache", _AWS_MANY),
    "lightsail_sd_configs": _discovery("lightsail", _AWS),
    "msk_sd_configs": _discovery("msk", _AWS_MANY),
    "rds_sd_configs": _discovery("rds", {**_AWS_MANY, "filters": _FILTERS}),
    "azure_sd_configs": _discovery(
        "azure",
        keys_of(
            STRING, "environment subscription_id tenant_id client_id client_secret authentication_method resource_group"
        ),
        needs="subscription_id",
        check=_check_azure,
    ),
    "consul_sd_configs": _discovery(
        "consul",
        {
            **keys_of(
                STRING,
                """
                server path_prefix token datacenter namespace partition tag_separator scheme username password
                filter health_filter
                """,
            ),
            "allow_stale": BOOL,
            "services": STRINGS,
            "tags": STRINGS,
            "node_meta": STRING_MAP,
        },
        needs_value="server",
        check=_check_consul,
    ),
    "digitalocean_sd_configs": _discovery("digitalocean", {"role": _role("droplets", "databases")}, needs_value="role"),
    "dns_sd_configs": _discovery(
        "dns", {"names": STRINGS, "type": STRING}, http=False, needs="names", check=_check_dns
    ),
    "docker_sd_configs": _discovery(
        "docker",
        {"host": STRING, "filters": _FILTERS, "host_networking_host": STRING, "match_first_network": BOOL},
        needs="host",
    ),
    "dockerswarm_sd_configs": _discovery(
        "dockerswarm",
        {"host": STRING, "filters": _FILTERS, "role": _role("services", "nodes", "tasks")},
        needs="host role",
    ),
    "eureka_sd_configs": _discovery("eureka", {"server": STRING}, needs="server", check=_check_any_url("server")),
    "gce_sd_configs": _discovery(
        "gce", keys_of(STRING, "project zone filter tag_separator"), http=False, needs="project zone"
    ),
    "hetzner_sd_configs": _discovery(
        "hetzner", {"role": _role("robot", "hcloud"), "label_selector": STRING}, needs="role"
    ),
    "ionos_sd_configs": _discovery("ionos", {"datacenter_id": STRING}, needs="datacenter_id"),
    "kubernetes_sd_configs": _discovery(
        "kubernetes",
        {
            "api_server": URL,
            "role": _K8S_ROLE,
            "kubeconfig_file": STRING,
            "namespaces": Struct("namespaces section", {"own_namespace": BOOL, "names": STRINGS}),
            "selectors": ListOf(Struct("selector", {"role": _K8S_ROLE, **keys_of(STRING, "label field")}), "selector"),
            "attach_metadata": Struct(
                "attach_metadata section", keys_of(BOOL, "node namespace deployment job cronjob")
            ),
        },
        common=False,
        needs="role",
        check=_check_kubernetes,
    ),
    "kuma_sd_configs": _discovery(
        "kuma",
        {"server": STRING, "client_id": STRING, "fetch_timeout": DURATION, "refresh_interval": DURATION},
        common=False,
        needs="server",
        check=_check_any_url("server"),
    ),
    "linode_sd_configs": _discovery("linode", keys_of(STRING, "tag_separator region")),
    "marathon_sd_configs": _discovery(
        "marathon",
        {"servers": STRINGS, **keys_of(STRING, "auth_token auth_token_file"), "refresh_interval": DURATION},
        common=False,
        needs="servers",
        check=_check_marathon,
    ),
    "nerve_sd_configs": _discovery(
        "nerve", _ZOOKEEPER, http=False, common=False, needs="servers paths", check=_check_zookeeper
    ),
    "serverset_sd_configs": _discovery(
        "serverset", _ZOOKEEPER, http=False, common=False, needs="servers paths", check=_check_zookeeper
    ),
    "nomad_sd_configs": _discovery(
        "nomad",
        {"allow_stale": BOOL, **keys_of(STRING, "namespace region server tag_separator")},
        needs_value="server",
    ),
    "oci_sd_configs": _discovery(
        "oci",
        {
            **keys_of(STRING, "auth tenancy user fingerprint key_file key_passphrase key_passphrase_file region"),
            "compartments": STRINGS,
        },
        needs="region",
        check=_check_oci,
    ),
    "openstack_sd_configs": _discovery(
        "openstack",
        {
            **keys_of(
                STRING,
                """
                identity_endpoint username userid password project_name project_id domain_name domain_id
                application_credential_name application_credential_id application_credential_secret region availability
                """,
            ),
            "role": _role("hypervisor", "instance", "loadbalancer"),
            "all_tenants": BOOL,
            "tls_config": TLS,
        },
        http=False,
        needs="role region",
        check=_check_openstack,
    ),
    "outscale_sd_configs": _discovery(
        "outscale",
        keys_of(STRING, "endpoint region access_key secret_key secret_key_file"),
        needs="region access_key",
        check=_check_secret_key,
    ),
    "ovhcloud_sd_configs": _discovery(
        "ovhcloud",
        {
            **keys_of(STRING, "endpoint application_key application_secret consumer_key service"),
            "refresh_interval": DURATION,
        },
        http=False,
        common=False,
        needs="application_key application_secret consumer_key",
        needs_value="endpoint",
        check=_check_ovhcloud,
    ),
    "puppetdb_sd_configs": _discovery(
        "puppetdb",
        {"url": STRING, "query": STRING, "include_parameters": BOOL},
        needs="url query",
        check=_check_http_url("url"),
    ),
    "scaleway_sd_configs": _discovery(
        "scaleway",
        {
            **keys_of(STRING, "project_id api_url zone access_key secret_key secret_key_file name_filter"),
            "tags_filter": STRINGS,
            "role": _role("instance", "baremetal"),
        },
        needs="role project_id access_key",
        check=_check_secret_key,
    ),
    "stackit_sd_configs": _discovery(
        "stackit",
        keys_of(
            STRING,
            """
            project region endpoint service_account_key private_key service_account_key_path private_key_path
            credentials_file_path
            """,
        ),
        check=_check_stackit,
    ),
    "triton_sd_configs": _discovery(
        "triton",
        {
            **keys_of(STRING, "account role dns_suffix endpoint"),
            "groups": STRINGS,
            "tls_config": TLS,
            "version": INTEGER,
        },
        http=False,
        needs="account dns_suffix endpoint",
        check=_check_triton,
    ),
    "uyuni_sd_configs": _discovery(
        "uyuni",
        {**keys_of(STRING, "server username password entitlement separator"), "refresh_interval": DURATION},
        common=False,
        needs="server username password",
    ),
    "vultr_sd_configs": _discovery("vultr", {}),
}
