# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that only another user may read, through real sudo, su and doas."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import become_loader

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import ServerResult
from tests.support import machine
from tests.support.sshd import SshdFleet
from tests.support.sweeping import sweep

pytestmark = pytest.mark.needs_root
OPS, DEPLOY, READER = machine.USERS
SECRET = "/etc/prometheus/private.yml"


@pytest.fixture(scope="module", params=["/bin/sh", "/usr/bin/fish"])
def fleet(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[SshdFleet]:
    """A server whose users have this login shell."""
    if not Path(request.param).exists():
        pytest.skip(f"{request.param} is not installed")
    become_loader.add_directory(str(Path(__file__).resolve().parents[2] / "support/become"))
    with SshdFleet(tmp_path_factory.mktemp("become"), 1, shell=request.param) as running:
        running["prom-01"].write(SECRET, "scrape_configs: []\n", 0o600)
        yield running


def become(
    fleet: SshdFleet, directory: Path, user: machine.User, timeout: float = 30.0, **variables: Any
) -> ServerResult:
    inventory = fleet.inventory(ansible_become=True, **variables)
    inventory["monitoring"]["hosts"]["prom-01"]["ansible_user"] = user.name
    return sweep(inventory, directory, timeout=timeout)["prom-01"]


def is_whole(result: ServerResult) -> bool:
    assert result.error is None
    return result.status == "ok" and SECRET in {item.path for item in result.files}


def test_without_it_the_file_is_denied(fleet: SshdFleet, tmp_path: Path) -> None:
    result = sweep(fleet.inventory(), tmp_path)["prom-01"]
    assert result.status == "partial"
    denied = next(item for item in result.files if item.path == SECRET)
    assert denied.content is None
    assert "permission denied" in str(denied.error)
    assert len([item for item in result.files if item.content]) == 3


def test_sudo(fleet: SshdFleet, tmp_path: Path) -> None:
    assert is_whole(become(fleet, tmp_path, OPS))


def test_sudo_with_password(fleet: SshdFleet, tmp_path: Path) -> None:
    assert is_whole(become(fleet, tmp_path, DEPLOY, ansible_become_password=DEPLOY.password))


def test_sudo_that_needs_no_password_but_has_one(fleet: SshdFleet, tmp_path: Path) -> None:
    assert is_whole(become(fleet, tmp_path, OPS, ansible_become_password="never-asked-for"))


def test_sudo_with_options(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(
        fleet,
        tmp_path,
        DEPLOY,
        ansible_become_password=DEPLOY.password,
        ansible_become_exe="/usr/bin/sudo",
        ansible_become_flags="-S -H -E",
        ansible_become_user="root",
    )
    assert is_whole(result)


def test_another_user_than_root(fleet: SshdFleet, tmp_path: Path) -> None:
    path = "/etc/prometheus/of_reader.yml"
    written = fleet["prom-01"].write(path, "{}\n", 0o600)
    try:
        os.chown(written, READER.uid, READER.uid)
        result = become(fleet, tmp_path, OPS, ansible_become_user=READER.name)
    finally:
        written.unlink()
    read = {item.path: item.error for item in result.files}
    assert read[path] is None
    assert read[SECRET] is not None


def test_wrong_password(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, DEPLOY, ansible_become_password="wrong-by-design")
    assert result.status == "denied"
    assert "sudo to root refused the password" in str(result.error)
    assert "wrong-by-design" not in repr(result)


def test_missing_password(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, DEPLOY)
    assert result.status == "denied"
    assert "set ansible_become_password" in str(result.error)


def test_user_who_may_not(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, READER, ansible_become_password=READER.password)
    assert result.status == "denied"
    assert "not in the sudoers file" in str(result.error)


def test_su(fleet: SshdFleet, tmp_path: Path) -> None:
    password = machine.ROOT_PASSWORD
    result = become(fleet, tmp_path, READER, ansible_become_method="su", ansible_become_password=password)
    assert is_whole(result)


def test_su_with_wrong_password(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, READER, ansible_become_method="su", ansible_become_password="wrong-by-design")
    assert result.status == "denied"
    assert "su to root refused the password" in str(result.error)


def test_su_without_password(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, READER, ansible_become_method="su")
    assert result.status == "denied"
    assert "su to root wants a password; set ansible_become_password" in str(result.error)


def test_doas(fleet: SshdFleet, tmp_path: Path) -> None:
    assert is_whole(become(fleet, tmp_path, OPS, ansible_become_method="doas"))


def test_doas_with_password(fleet: SshdFleet, tmp_path: Path) -> None:
    password = DEPLOY.password
    assert is_whole(become(fleet, tmp_path, DEPLOY, ansible_become_method="doas", ansible_become_password=password))


def test_doas_with_wrong_password(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, DEPLOY, ansible_become_method="doas", ansible_become_password="not-it")
    assert result.status == "denied"


def test_plugin_that_is_not_installed(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, OPS, ansible_become_method="no_such_method")
    assert result.status == "denied"
    assert "the become plugin no_such_method is not installed" in str(result.error)


def test_the_same_user_is_not_become(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, READER, ansible_become_user=READER.name)
    assert result.status == "partial"


def test_sudoers_that_want_a_terminal(fleet: SshdFleet, tmp_path: Path) -> None:
    sudoers = fleet["prom-01"].path("/etc/sudoers")
    text = sudoers.read_text(encoding="utf-8")
    sudoers.chmod(0o640)
    sudoers.write_text(f"Defaults requiretty\n{text}", encoding="utf-8")
    sudoers.chmod(0o440)
    try:
        assert is_whole(become(fleet, tmp_path, OPS))
        assert is_whole(become(fleet, tmp_path, DEPLOY, ansible_become_password=DEPLOY.password))
    finally:
        sudoers.chmod(0o640)
        sudoers.write_text(text, encoding="utf-8")
        sudoers.chmod(0o440)


def test_nothing_waits_when_the_prompt_never_comes(fleet: SshdFleet, tmp_path: Path) -> None:
    result = become(fleet, tmp_path, OPS, 2.0, ansible_become_exe="sleep 60; sudo", ansible_become_password="x")
    assert result.status == "denied"
    assert "neither ran the command nor asked for a password" in str(result.error)


@pytest.mark.parametrize("user", [OPS, DEPLOY])
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", "/usr/bin/fish", "/bin/csh"])
def test_the_login_shell_of_the_other_user(tmp_path: Path, user: machine.User, shell: str) -> None:
    """`sudo -i` passes the command through one more shell, and quotes all of it but the variables."""
    if not Path(shell).exists():
        pytest.skip(f"{shell} is not installed")
    with SshdFleet(tmp_path, 1, shell=shell, password=True) as fleet:
        fleet["prom-01"].write(SECRET, "a: 1\n", 0o600)
        odd = fleet["prom-01"].write("/etc/prometheus/o'd d $HOME.yml", "a: 1\n", 0o600)
        services = [{"service": "prometheus", "directory": "/etc/prometheus", "patterns": ["*.yml", "o'd d $H*"]}]
        inventory = fleet.inventory(
            ansible_become=True, ansible_become_flags="-i", ansible_become_password=user.password
        )
        inventory["monitoring"]["hosts"]["prom-01"]["ansible_user"] = user.name
        result = sweep(inventory, tmp_path, services=services)["prom-01"]
    assert (result.status, result.error) == ("ok", None)
    assert {SECRET, f"/etc/prometheus/{odd.name}"} <= {item.path for item in result.files}
