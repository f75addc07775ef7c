# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from tests.support import machine


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's agent and Ansible settings must not decide a test."""
    for name in list(os.environ):
        if name.startswith(("ANSIBLE_", "SSH_")) and name != "ANSIBLE_COLLECTIONS_PATH":
            monkeypatch.delenv(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without namespaces there are no servers; without root there are no other users on them."""
    reason = machine.unavailable()
    for item in items:
        if "integration/sweep" not in item.path.as_posix():
            continue
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif item.get_closest_marker("needs_root") and not machine.privileged():
            item.add_marker(pytest.mark.skip(reason="passwords and privileges on the servers need root"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_root: passwords, sudo, su or doas on the servers")
