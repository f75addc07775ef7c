# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores to test on: a real Consul for each worker of the test run, a prefix or directory of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import Store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import ConsulSettings
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from tests.support.consul import ConsulAgent, consul_agent

_prefixes = itertools.count(1)


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul")) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    return f"test/{next(_prefixes)}/metadata"


@pytest.fixture
def consul_store(agent: ConsulAgent, prefix: str) -> ConsulStore:
    return ConsulStore(ConsulSettings(address=agent.address), prefix)


@pytest.fixture(params=["consul", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each store in turn."""
    if request.param == "directory":
        return DirectoryStore(str(tmp_path / "store"))
    consul: ConsulStore = request.getfixturevalue("consul_store")
    return consul
