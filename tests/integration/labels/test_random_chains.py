# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random chains of relabel rules over random targets: the engine and a real Prometheus must agree on all of them.

One server reads several hundred jobs of one target each. The chains are the same in every run; set
LABEL_CHAINS_SEED to a number for others.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.integration.labels import engine
from tests.support.prometheus import prometheus
from tests.support.relabel_chains import chains, is_ambiguous, label_sets

TARGETS = 400
SEED = int(os.environ.get("LABEL_CHAINS_SEED", "20260101"))


@pytest.mark.parametrize("version", ["2.24", "2.42", "3.5"])
def test_engine_and_prometheus_agree(version: str, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, str], list[dict[str, Any]]]] = []
    dialect = engine.options(version).dialect

    @seed(SEED)
    @settings(
        max_examples=TARGETS * 2,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(label_sets(), chains(version))
    def draw(labels: dict[str, str], chain: list[dict[str, Any]]) -> None:
        if chain and not is_ambiguous(chain, labels, dialect):
            cases.append((labels, chain))

    draw()
    del cases[TARGETS:]
    assert len(cases) == TARGETS
    jobs = [
        {
            "job_name": f"job{number}",
            "static_configs": [{"targets": ["host.example:9100"], "labels": labels}],
            "relabel_configs": rules,
        }
        for number, (labels, rules) in enumerate(cases)
    ]
    config = json.dumps({"global": {"scrape_interval": "1h"}, "scrape_configs": jobs}, indent=1)
    configs = engine.server(config)
    ours = engine.labels(configs, version)
    with prometheus(tmp_path, version, config) as server:
        theirs = server.labels(at_least=len(ours))
    different = {
        name: (ours.get(name), theirs.get(name)) for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)
    }
    wrong = [(job, *different[name]) for job in jobs if (name := str(job["job_name"])) in different]
    assert wrong[:3] == [], json.dumps(wrong[:3], indent=1)
    # The chains are worth something: many targets are left, some are not, and most look other than before.
    changed = sum(labels != [{"instance": "host.example:9100", "job": name}] for name, labels in theirs.items())
    assert changed > TARGETS // 3
    assert len(theirs) < TARGETS
