# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plays of real sites say of their hosts: variables of other hosts, lookups, odd names, and odd ways to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sweep.test_actions import Controller, statuses
from tests.support.sshd import SshdFleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("plays"), ["prom-01", "prom-02", "bastion"]) as running:
        yield running


@pytest.fixture
def controller(fleet: SshdFleet, tmp_path: Path) -> Controller:
    made = Controller(fleet, tmp_path)
    made.inventory["bastions"] = {"hosts": {"bastion": made.inventory["monitoring"]["hosts"].pop("bastion")}}
    return made


OK = {"prom-01": "ok", "prom-02": "ok"}


@pytest.mark.parametrize("task", [{}, {"delegate_to": "localhost"}, {"delegate_to": "prom-02"}])
def test_variables_of_another_host(controller: Controller, fleet: SshdFleet, task: dict[str, Any]) -> None:
    """A bastion is best named once: where it is a host itself."""
    config = controller.directory / "ssh_config"
    config.write_text(f"IdentityFile {fleet['bastion'].key}\nUserKnownHostsFile {fleet.known_hosts}\n")
    jump = "{{ hostvars[groups['bastions'][0]]"
    controller.set(
        ansible_ssh_common_args=f"-F {config} -o ProxyJump={jump}['ansible_user'] }}}}@{jump}['ansible_host'] }}}}"
        f":{jump}.ansible_port }}}}"
    )
    result = controller.result(task=task)
    assert statuses(result) == OK, result
    assert result["hosts"]["prom-01"]["endpoint"].endswith(f" via 127.0.0.1:{fleet['bastion'].port}")
