# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the demo published, read as the module fields_info reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import store_from, store_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view


@dataclass(frozen=True)
class Published:
    """fields by the contract of fields_info; places are the keys or files of the store."""

    fields: list[dict[str, Any]]
    places: list[str]


def read(options: Mapping[str, Any]) -> Published:
    """Read the store that these options of fields_info mean; CONSUL_HTTP_* count too. Raises StoreError."""
    store = store_from(ArgumentSpecValidator(store_spec()).validate(dict(options)).validated_parameters)
    snapshot = store.read()
    view = whole_view(snapshot, store, datetime.now(UTC))
    return Published(view["fields"], [store.place(key) for key in sorted(snapshot.entries)])
