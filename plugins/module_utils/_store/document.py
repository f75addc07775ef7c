# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of fields in memory: the attributes of a field, whose they are, and what names a technical part."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = "2.1.0"
Field = dict[str, Any]
Technical = dict[str, Any]

# What the sweep says of a field in one line; the rest of what it says are the lists and what follows from them.
TECHNICAL = ("origin", "source_label", "regex", "replacement", "pattern")
MARK = 4
LISTS = ("sources", "servers", "values", "values_complete", "presence")
# What makes a label, in the order in which a field names its main origin.
ORIGINS = (
    "relabel",
    "labelmap",
    "static",
    "file_sd",
    "discovery",
    "external_label",
    "rule",
    "alert_relabel",
    "metric_relabel",
    "write_relabel",
    "otlp",
    "default",
)
# What the merge keeps for itself. swept: the fingerprint of the technical part that the sweep last gave; ways: other
# technical parts than the stored one that are in use, by id.
STATE = ("status", "first_seen", "last_seen", "orphaned_since", "swept", "ways", "servers_count")
OURS = frozenset({"name", *TECHNICAL, *LISTS, *STATE})
# All other attributes are presentation: they belong to people. These are the ones that a new field starts with.
PRESENTATION: Mapping[str, Any] = {
    "display_name": "",
    "description": "",
    "category": "general",
    "order": 1000,
    "required": False,
    "editable": True,
    "enabled": True,
    "field_type": "string",
    "options": None,
    "default_value": None,
    "placeholder": "",
    "validation": None,
    "validation_regex": None,
    "show_in_table": True,
    "show_in_dashboard": False,
    "show_in_form": True,
    "show_in_filter": True,
    "show_in_services": True,
    "show_in_exporters": True,
    "show_in_blackbox": True,
    "available_for_registration": False,
}
FULL, SHARED, BRIEF, AUTO = "full", "shared", "brief", "auto"


@dataclass(slots=True)
class Document:
    """The document in memory.

    fields: by name. extra: top-level attributes that are not ours, kept. older: it was written in the older form, which
    knows no statuses. version is that of the text it was read from, "" for a new one.
    """

    fields: dict[str, Field] = field(default_factory=dict)
    server_status: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    last_updated: str | None = None
    source: str | None = None
    detail: str = FULL
    version: str = ""

    @property
    def older(self) -> bool:
        return bool(self.version) and version_numbers(self.version) < version_numbers(VERSION)

    @property
    def server_names(self) -> list[str]:
        return [str(item["hostname"]) for item in self.server_status if item.get("hostname")]

    def content(self) -> dict[str, Any]:
        """What makes two documents different; when and by whom they were written does not, nor how they are spelled."""
        return {
            "fields": self.fields,
            "server_status": self.server_status,
            "extra": self.extra,
            "detail": self.detail,
            "version": self.version,
        }


def fingerprint(technical: Mapping[str, Any]) -> str:
    """Four characters for each technical attribute: which of them differ can be told without their values."""
    values = (technical.get(key) for key in TECHNICAL)
    return "".join(_mark(value if value is None or isinstance(value, str) else json.dumps(value)) for value in values)


@functools.lru_cache(maxsize=4096)
def _mark(value: str | None) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:MARK]


def way_id(print_of_way: str) -> str:
    """A short name for the technical part with this fingerprint."""
    return hashlib.sha256(print_of_way.encode()).hexdigest()[:8]


def technical_id(technical: Mapping[str, Any]) -> str:
    """A short name for a technical part; equal parts have equal ids."""
    return way_id(fingerprint(technical))


def rank_of(technical: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where a way of making a field stands among others that are as common, whoever finds it."""
    origin = technical.get("origin")
    return (
        ORIGINS.index(origin) if origin in ORIGINS else len(ORIGINS),
        *(str(technical.get(key) or "") for key in TECHNICAL),
    )


def technical_of(item: Mapping[str, Any]) -> Technical:
    return {key: item.get(key) for key in TECHNICAL}


def default_of(name: str, attribute: str) -> Any:
    return name if attribute == "display_name" else PRESENTATION[attribute]


def defaults_of(name: str) -> Field:
    """The presentation of a field for which nobody set any."""
    return {**PRESENTATION, "display_name": name}


def is_newer(version: str) -> bool:
    """Whether a document of this version may hold what this release does not know."""
    return version_numbers(version)[:2] > version_numbers(VERSION)[:2]


def version_numbers(version: str) -> tuple[int, ...]:
    """2.1.0 as numbers; empty for what is not a version."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        return ()
