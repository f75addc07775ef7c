# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers with the demo's configs, and a real Consul, for the tests of the role and the playbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.role.site import NAMES, Site, lay_trees
from tests.support import machine
from tests.support.consul import ConsulAgent, consul_agent
from tests.support.sshd import SshdFleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    reason = machine.unavailable()
    if reason:
        pytest.skip(reason)
    with SshdFleet(tmp_path_factory.mktemp("role"), NAMES, tree={}) as servers:
        lay_trees(servers)
        yield servers


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul")) as agent:
        yield agent


@pytest.fixture(scope="module")
def first() -> dict[str, bytes]:
    return {}


@pytest.fixture
def site(tmp_path: Path, fleet: SshdFleet, consul: ConsulAgent, first: dict[str, bytes]) -> Iterator[Site]:
    """A site whose servers hold the demo's trees at the start of each test."""
    yield Site(tmp_path, fleet, consul, f"test/{tmp_path.name}/metadata", first=first)
    lay_trees(fleet)
