# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Consul without a leader, with another one, and with one that has only just begun."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    DOCUMENT_KEY,
    StoreUnavailableError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from tests.integration.store.looking import FLEET, LARGE, names, store_at
from tests.support.consul import ConsulAgent, consul_agent, consul_cluster
from tests.support.consul_proxy import Request, proxy_to
from tests.support.fleets import NOW, extraction, publish_to


def test_leader_lost_and_found(tmp_path: Path) -> None:
    with consul_cluster(tmp_path) as servers:
        store = store_at(servers[0].address)
        publish_to(store, FLEET)
        servers[1].stop()
        servers[2].stop()
        more = extraction({"prom-03": ["company", "rack"]})
        with pytest.raises(StoreUnavailableError, match=r"no leader now.*Wait until most of its servers are back"):
            publish_to(store, more, retry_seconds=1.0)
        # With one more server there is a majority again, and a run that waits for it gets through.
        outcomes: list[Any] = []
        # What was refused may be in the log of a server that was the leader, and come through now: a write either
        # happens or not, and who is told that it failed does not know which. So this run brings something else.
        other = extraction({"prom-04": ["company", "row"]})
        publisher = threading.Thread(target=lambda: outcomes.append(publish_to(store, other, retry_seconds=60.0)))
        publisher.start()
        servers[1].start()
        publisher.join(90)
        assert [outcome.changed for outcome in outcomes] == [True]
        publish_to(store, more)
        assert names(store_at(servers[1].address)) == ["company", "env", "rack", "row"]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_agent_restarts_in_mid_run(tmp_path: Path, number: int) -> None:
    """The agent goes down when it gets one of the requests of a run, and comes back while the run waits."""
    with consul_agent(tmp_path) as agent, proxy_to(agent) as proxy:
        publish_to(store_at(agent.address), FLEET)
        starter = threading.Thread(target=agent.start)

        def stop_once(request: Request) -> None:
            if request.number == number:
                agent.stop()
                starter.start()

        proxy.script = stop_once
        store = store_at(proxy.address)
        outcome = publish_to(store, LARGE, retry_seconds=60.0)
        assert len(outcome.plan.report.added) == 150
        view = whole_view(store.read(), store, NOW)
        assert len(view["servers"]) == 152
        assert view["statuses"]["synced"] == 152
        starter.join()


def test_leader_that_has_not_caught_up_is_not_believed(tmp_path: Path) -> None:
    """A real one, from its first answer on: while it goes through a long log, it shows the store as it once was."""
    with consul_agent(tmp_path) as agent, proxy_to(agent) as proxy:
        for batch in range(300):
            operations = [{"KV": {"Verb": "set", "Key": f"other/{batch}/{n}", "Value": "MDAw"}} for n in range(64)]
            assert agent.request("PUT", "/v1/txn", json.dumps(operations).encode())[0] == 200
        publish_to(store_at(agent.address), FLEET)
        answers: list[int] = []

        def pass_on_with_the_first_answer(request: Request) -> None:
            if request.number == 1:
                starter.start()
                answers.append(first_answer(agent))

        proxy.script = pass_on_with_the_first_answer
        # Now and then the log is through before anybody could ask.
        for _attempt in range(20):
            agent.stop()
            starter = threading.Thread(target=agent.start)
            proxy.requests.clear()
            outcome = publish_to(store_at(proxy.address), LARGE, retry_seconds=60.0, check_mode=True)
            starter.join()
            assert len(outcome.plan.report.added) == 150
            if answers[-1] == 404:
                break
        assert answers[-1] == 404


def first_answer(agent: ConsulAgent) -> int:
    """The status of a read of the document, as soon as there is one of an agent with a leader."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            status, _body = agent.request("GET", f"/v1/kv/fleet/{DOCUMENT_KEY}")
            if status != 500:
                return status
    return 0
