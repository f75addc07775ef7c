# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of Prometheus' own files, 2.x and 3.x: the main config and scrape config files.

A key or a value that some version accepts is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.checks import (
    DURATION,
    SIZE,
    URL,
    at_most_one,
    check_rule_path,
    check_static_addresses,
    milliseconds,
    one_of,
    required,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Items,
    Kind,
    ListOf,
    MapOf,
    Number,
    Report,
    Section,
    Struct,
    Text,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import RULES
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_http import (
    BOOL,
    HTTP_CLIENT,
    SIGV4,
    STRICT_TLS,
    STRING,
    STRINGS,
    TLS,
    check_header,
    check_http_client,
    keys_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_sd import (
    DISCOVERIES,
    INTEGER,
    LABELS,
)

COUNT: Final = Number(least=0)
DECIMAL: Final = Number(whole=False)
_PATHS: Final = ListOf(Text(check_rule_path, named_string=True), "path", null_item=True)

_PROTOCOLS: Final = (
    "PrometheusProto",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
)
_PROTOCOL: Final = Text(one_of("scrape protocol", _PROTOCOLS), named_string=True)
_FALLBACK: Final = Text(one_of("scrape protocol", ("", *_PROTOCOLS)), named_string=True)
_VALIDATION: Final = Text(one_of("name validation scheme", ("", "legacy", "utf8")))
_ESCAPING: Final = Text(
    one_of("name escaping scheme", ("", "allow-utf-8", "underscores", "dots", "values")), named_string=True
)

# What the global section and a scrape job have in common.
_SCRAPING: Final[dict[str, Kind]] = {
    **keys_of(DURATION, "scrape_interval scrape_timeout"),
    "scrape_protocols": ListOf(_PROTOCOL, "protocol"),
    "scrape_failure_log_file": STRING,
    "body_size_limit": SIZE,
    **keys_of(
        COUNT,
        """
        sample_limit target_limit label_limit label_name_length_limit label_value_length_limit keep_dropped_targets
        """,
    ),
    "metric_name_validation_scheme": _VALIDATION,
    "metric_name_escaping_scheme": _ESCAPING,
    **keys_of(
        BOOL,
        """
        scrape_native_histograms convert_classic_histograms_to_nhcb always_scrape_classic_histograms
        scrape_classic_histograms extra_scrape_metrics
        """,
    ),
}


def _time(section: Section | None, key: str) -> int:
    return milliseconds(str(section.get(key) or "0")) or 0 if section else 0


def _check_protocols(section: Section, report: Report) -> None:
    protocols = section.get("scrape_protocols")
    if not isinstance(protocols, Items):
        return
    if not protocols:
        report.add(section.line_of("scrape_protocols"), "has an empty list of scrape protocols")
    elif len(set(protocols)) < len(protocols):
        report.add(section.line_of("scrape_protocols"), "has the same scrape protocol twice")


def _check_global(section: Section, report: Report) -> None:
    if _time(section, "scrape_timeout") > (_time(section, "scrape_interval") or 60_000):
        report.add(section.line_of("scrape_timeout"), "has a global scrape_timeout that is longer than scrape_interval")
    _check_protocols(section, report)


GLOBAL: Final = Struct(
    "global section",
    {
        **_SCRAPING,
        **keys_of(DURATION, "evaluation_interval rule_query_offset"),
        "query_log_file": STRING,
        "external_labels": LABELS,
    },
    _check_global,
)


def _check_job(section: Section, report: Report) -> None:
    if "job_name" not in section.lines or section.get("job_name") == "":
        report.add(section.line_of("job_name"), "has a scrape job without job_name")
    _check_protocols(section, report)
    check_static_addresses(section, report)
    check_http_client(section, report)


SCRAPE_JOB: Final = Struct(
    "scrape job",
    {
        **HTTP_CLIENT,
        **DISCOVERIES,
        **_SCRAPING,
        "job_name": STRING,
        **keys_of(BOOL, "honor_labels honor_timestamps track_timestamps_staleness enable_compression"),
        "params": MapOf(STRINGS),
        "fallback_scrape_protocol": _FALLBACK,
        **keys_of(STRING, "metrics_path scheme"),
        "native_histogram_bucket_limit": COUNT,
        "native_histogram_min_bucket_factor": DECIMAL,
        "relabel_configs": RULES,
        "metric_relabel_configs": RULES,
    },
    _check_job,
)
SCRAPE_JOBS: Final = ListOf(SCRAPE_JOB, "scrape job")


def _check_alertmanager(section: Section, report: Report) -> None:
    check_http_client(section, report)
    check_static_addresses(section, report)
    at_most_one(section, report, "basic_auth", "authorization", "oauth2", "sigv4")


ALERTMANAGER: Final = Struct(
    "Alertmanager entry",
    {
        **HTTP_CLIENT,
        "tls_config": STRICT_TLS,
        **DISCOVERIES,
        "sigv4": SIGV4,
        **keys_of(STRING, "scheme path_prefix"),
        "timeout": DURATION,
        "api_version": Text(one_of("Alertmanager API version", ("v1", "v2")), named_string=True),
        "relabel_configs": RULES,
        "alert_relabel_configs": RULES,
    },
    _check_alertmanager,
)


def _check_queue(section: Section, report: Report) -> None:
    for key in ("max_shards", "min_shards", "max_samples_per_send", "capacity"):
        number = section.get(key, 1)
        if number < 0 and key in ("min_shards", "max_samples_per_send"):
            # No version says so, but each one stops as soon as such a queue starts.
            report.add(section.line_of(key), f"has a {key} that is negative")
        elif number <= 0:
            # As all that follows here, it is refused by later versions alone.
            report.warn(section.line_of(key), f"has a {key} that is not positive")
    if section.get("min_shards", 1) > section.get("max_shards", 50):
        report.warn(section.line_of("min_shards"), "has a min_shards that is greater than max_shards")
    backoff = (_time(section, "min_backoff") or 30, _time(section, "max_backoff") or 5000)
    if backoff[0] > backoff[1]:
        report.warn(section.line_of("min_backoff"), "has a min_backoff that is longer than max_backoff")


_QUEUE: Final = Struct(
    "queue_config section",
    {
        **keys_of(INTEGER, "capacity max_shards min_shards max_samples_per_send max_retries"),
        **keys_of(DURATION, "batch_send_deadline min_backoff max_backoff sample_age_limit"),
        "retry_on_http_429": BOOL,
    },
    _check_queue,
)


def _check_azuread(section: Section, report: Report) -> None:
    ways = ("managed_identity", "workload_identity", "oauth", "sdk", "certificate")
    if not any(section.get(key) is not None for key in ways):
        report.add(section.line, "has an azuread section without a way to authenticate")
    at_most_one(section, report, *ways)


_AZUREAD: Final = Struct(
    "azuread section",
    {
        **keys_of(STRING, "cloud scope"),
        "managed_identity": Struct("managed_identity section", {"client_id": STRING}),
        "workload_identity": Struct(
            "workload_identity section", keys_of(STRING, "client_id tenant_id token_file_path")
        ),
        "oauth": Struct("oauth section", keys_of(STRING, "client_id client_secret tenant_id")),
        "sdk": Struct("sdk section", {"tenant_id": STRING}),
        "certificate": Struct(
            "certificate section",
            {
                **keys_of(STRING, "client_id tenant_id certificate_path certificate_key_path certificate_password"),
                "send_certificate_chain": BOOL,
            },
        ),
    },
    _check_azuread,
)

_MESSAGES: Final = ("prometheus.WriteRequest", "io.prometheus.write.v2.Request")


def _check_remote(what: str) -> Callable[[Section, Report], None]:
    def check(section: Section, report: Report) -> None:
        if "url" not in section.lines or ("url" in section and section["url"] is None):
            report.add(section.line_of("url"), f"has a {what} entry without url")
        check_http_client(section, report)
        ways = [key for key in ("basic_auth", "authorization", "oauth2") if section.get(key) is not None]
        ways.extend(key for key in ("bearer_token", "bearer_token_file") if section.get(key))
        at_most_one(section, report, *ways[:1], "sigv4", "azuread", "google_iam")

    return check


REMOTE_WRITE: Final = Struct(
    "remote_write entry",
    {
        **HTTP_CLIENT,
        "tls_config": STRICT_TLS,
        "url": URL,
        "remote_timeout": DURATION,
        "headers": MapOf(STRING, check_key=check_header),
        "write_relabel_configs": RULES,
        "name": STRING,
        **keys_of(BOOL, "send_exemplars send_native_histograms round_robin_dns failed_request_logging"),
        "protobuf_message": Text(one_of("protobuf_message", _MESSAGES), named_string=True),
        "queue_config": _QUEUE,
        "metadata_config": Struct(
            "metadata_config section", {"send": BOOL, "send_interval": DURATION, "max_samples_per_send": INTEGER}
        ),
        "sigv4": SIGV4,
        "azuread": _AZUREAD,
        "google_iam": Struct("google_iam section", {"credentials_file": STRING}),
    },
    _check_remote("remote_write"),
)

REMOTE_READ: Final = Struct(
    "remote_read entry",
    {
        **HTTP_CLIENT,
        "tls_config": STRICT_TLS,
        "url": URL,
        "remote_timeout": DURATION,
        "chunked_read_limit": COUNT,
        "headers": MapOf(STRING, check_key=check_header),
        **keys_of(BOOL, "read_recent filter_external_labels"),
        "name": STRING,
        "required_matchers": LABELS,
    },
    _check_remote("remote_read"),
)


def _check_otlp(section: Section, report: Report) -> None:
    everything = section.get("promote_all_resource_attributes")
    if everything:
        at_most_one(section, report, "promote_all_resource_attributes", "promote_resource_attributes")
    elif section.get("ignore_resource_attributes"):
        report.add(
            section.line_of("ignore_resource_attributes"),
            "has ignore_resource_attributes without promote_all_resource_attributes",
        )
    for key in ("promote_resource_attributes", "ignore_resource_attributes"):
        names = [name.strip() for name in section.get(key) or ()]
        if "" in names:
            report.add(section.line_of(key), f"has an empty name in {key}")
        if len(set(names)) < len(names):
            report.add(section.line_of(key), f"has a name twice in {key}")


_KEEP_UTF8: Final = ("NoUTF8EscapingWithSuffixes", "NoTranslation")
_TRANSLATIONS: Final = ("", "UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes", *_KEEP_UTF8)

OTLP: Final = Struct(
    "otlp section",
    {
        **keys_of(
            BOOL,
            """
            promote_all_resource_attributes keep_identifying_resource_attributes convert_histograms_to_nhcb
            promote_scope_metadata label_name_underscore_sanitization label_name_preserve_multiple_underscores
            """,
        ),
        **keys_of(STRINGS, "promote_resource_attributes ignore_resource_attributes"),
        "translation_strategy": Text(one_of("translation_strategy", _TRANSLATIONS), named_string=True),
    },
    _check_otlp,
)


def _check_tracing(section: Section, report: Report) -> None:
    required(section, report, "tracing section", "endpoint")


_TRACING: Final = Struct(
    "tracing section",
    {
        "client_type": Text(one_of("client_type", ("http", "grpc")), named_string=True),
        "endpoint": STRING,
        "sampling_fraction": DECIMAL,
        "insecure": BOOL,
        "tls_config": TLS,
        "headers": MapOf(STRING, check_key=check_header),
        "compression": Text(one_of("compression", ("", "gzip")), named_string=True),
        "timeout": DURATION,
    },
    _check_tracing,
)


def _check_retention(section: Section, report: Report) -> None:
    if not 0 <= section.get("percentage", 0) <= 100:
        report.add(section.line_of("percentage"), "has a percentage that is not from 0 to 100")
    if str(section.get("size", "")).startswith("-"):
        report.add(section.line_of("size"), "has a negative size")


_STORAGE: Final = Struct(
    "storage section",
    {
        "tsdb": Struct(
            "tsdb section",
            {
                "out_of_order_time_window": DURATION,
                "stale_series_compaction_threshold": DECIMAL,
                "chunk_encoding": Struct(
                    "chunk_encoding section",
                    {"floats": Text(one_of("encoding", ("", "xor", "xor2")), named_string=True)},
                ),
                "retention": Struct(
                    "retention section", {"time": DURATION, "size": SIZE, "percentage": DECIMAL}, _check_retention
                ),
            },
        ),
        "exemplars": Struct("exemplars section", {"max_exemplars": INTEGER}),
    },
)


def _check_config(section: Section, report: Report) -> None:
    check_jobs(section, report, section.get("global"))
    for key in ("remote_write", "remote_read"):
        names: set[str] = set()
        for entry in section.get(key) or ():
            name = entry.get("name") if isinstance(entry, Section) else None
            if name and name in names:
                report.add(entry.line_of("name"), f"has two {key} entries of one name")
            names.add(name or "")
    _check_equal_writes(section, report)
    _check_translation(section, report)


def _check_translation(section: Section, report: Report) -> None:
    """Names that stay as they are in OTLP may be UTF-8 ones, which the legacy scheme does not have."""
    otlp, settings = section.get("otlp"), section.get("global")
    if not isinstance(otlp, Section) or not isinstance(settings, Section):
        return
    if settings.get("metric_name_validation_scheme") == "legacy" and otlp.get("translation_strategy") in _KEEP_UTF8:
        report.add(otlp.line_of("translation_strategy"), "asks for UTF-8 names under the legacy validation scheme")


def _check_equal_writes(section: Section, report: Report) -> None:
    entries = [entry for entry in section.get("remote_write") or () if isinstance(entry, Section)]
    for index, entry in enumerate(entries):
        if any(entry == other for other in entries[:index]):
            report.add(entry.line, "has the same remote_write entry twice")


def check_jobs(section: Section, report: Report, settings: Any) -> None:
    """What depends on other parts: job names are unique, timeouts fit into intervals. settings: the global section."""
    interval = _time(settings, "scrape_interval") or 60_000
    names: dict[str, int] = {}
    for job in section.get("scrape_configs") or ():
        if not isinstance(job, Section):
            continue
        if _time(job, "scrape_timeout") > (_time(job, "scrape_interval") or interval):
            report.add(job.line_of("scrape_timeout"), "has a scrape_timeout that is longer than the scrape_interval")
        name = job.get("job_name")
        if name and name in names:
            report.add(job.line_of("job_name"), f"has the job_name {name!r} twice (first in line {names[name]})")
        elif name:
            names[name] = job.line_of("job_name")
        _check_escaping(job, report, settings)


def _check_escaping(job: Section, report: Report, settings: Any) -> None:
    """A job that comes to legacy names cannot ask for UTF-8 ones."""
    keys = ("metric_name_validation_scheme", "metric_name_escaping_scheme")
    overall, overall_escaping = ((settings or {}).get(key) or "" for key in keys)
    own, own_escaping = (job.get(key) or "" for key in keys)
    scheme = own or overall or "utf8"
    escaping = own_escaping or ("" if own else overall_escaping)
    if scheme == "legacy" and escaping == "allow-utf-8":
        report.add(job.line_of(keys[1]), "asks for UTF-8 names under the legacy validation scheme")


MAIN: Final = Struct(
    "Prometheus config",
    {
        "global": GLOBAL,
        "runtime": Struct("runtime section", {"gogc": INTEGER}),
        "alerting": Struct(
            "alerting section",
            {"alert_relabel_configs": RULES, "alertmanagers": ListOf(ALERTMANAGER, "Alertmanager entry")},
        ),
        "rule_files": _PATHS,
        "scrape_config_files": _PATHS,
        "scrape_configs": SCRAPE_JOBS,
        "storage": _STORAGE,
        "tracing": _TRACING,
        "remote_write": ListOf(REMOTE_WRITE, "remote_write entry"),
        "remote_read": ListOf(REMOTE_READ, "remote_read entry"),
        "otlp": OTLP,
    },
    _check_config,
)

SCRAPE_CONFIG_FILE: Final = Struct("scrape config file", {"scrape_configs": SCRAPE_JOBS})
