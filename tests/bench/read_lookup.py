# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole lookup fields, as a template calls it: options, tiers, the count of the answer. Started by the part read.

A program of its own, for plugins must be loaded before anything else has imported the collection.

Usage: python -m tests.bench.read_lookup JSON    with address, prefix, cache_connection, reads, collections
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from ansible.template import Templar

from tests.bench.measure import print_reads

LOOKUP = "skills_eye.prometheus_fleet.fields"
FIELD = "field_0003"
MAX_AGE = 3600.0


def main(text: str) -> None:
    given = json.loads(text)
    init_plugin_loader([given["collections"]])
    where = {name: given[name] for name in ("address", "prefix", "cache_connection")}
    for what, tiers in (
        ("store, whole lookup", ["store"]),
        ("local cache, whole lookup", ["cache", "store"]),
        ("memory, whole lookup", ["memory", "store"]),
    ):
        read = reader({**where, "tiers": tiers, "memory_max_age": MAX_AGE, "cache_max_age": MAX_AGE})
        read()
        print_reads(what, read, tiers[0], given["reads"])


def reader(options: dict[str, Any]) -> Callable[[], str]:
    def read() -> str:
        loader = DataLoader()
        lookup = lookup_loader.get(LOOKUP, loader=loader, templar=Templar(loader=loader, variables={}))
        [answer] = lookup.run([FIELD], {}, wantmeta=True, **options)
        return str(answer["tier"])

    return read


if __name__ == "__main__":
    main(sys.argv[1])
