# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that servers make now: a sweep, an extraction, and the document that publishing it would write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._requirements import missing
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import Snapshot, Store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import Rules
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import Manner, plan_publish
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import sweep_from
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import stamp
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import document_view
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import sweep_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_statuses import WHOLE
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.inputs import options_of, servers_of
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import RE2_IMPORT_ERROR


class LiveFieldsError(ValueError):
    """The servers could not be asked; the text is for the user."""


def sweep_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a sweep with their defaults. Raises LiveFieldsError for one that there is not."""
    spec = {name: value for name, value in sweep_spec().items() if name not in {"hosts", "progress"}}
    checked = ArgumentSpecValidator(spec).validate(dict(given))
    if checked.error_messages:
        raise LiveFieldsError(f"sweep_options: {'; '.join(checked.error_messages)}")
    options: dict[str, Any] = checked.validated_parameters
    return options


def not_read(swept: Mapping[str, Any]) -> dict[str, str]:
    """The servers that did not answer whole, with their statuses."""
    hosts = sorted((swept.get("hosts") or {}).items())
    return {name: str(host["status"]) for name, host in hosts if host["status"] not in WHOLE}


def live_fields(swept: Mapping[str, Any], snapshot: Snapshot, store: Store, now: datetime) -> dict[str, Any]:
    """{fields, last_updated, ..., asked, whole}: as fields_info shows them, from a sweep result; nothing is written.

    snapshot is the store's content: its presentation is kept, and servers that were not asked keep their last word.
    asked: the servers of the sweep. whole: whether the store told of the others. Raises LiveFieldsError, StoreError.
    """
    if RE2_IMPORT_ERROR is not None:
        raise LiveFieldsError(missing("google-re2", "to read what the configs say"))
    found = extract(servers_of(swept), options_of())
    sweep = sweep_from(found["fields"], found["servers"], stamp(now.replace(microsecond=0)))
    plan = plan_publish(snapshot, sweep, Rules(now=now), Manner(place=store.place))
    whole = snapshot.document is not None
    return {**document_view(plan.document, now), "asked": sorted(swept.get("hosts") or {}), "whole": whole}
