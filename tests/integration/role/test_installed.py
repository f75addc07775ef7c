# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as ansible-galaxy installs it does the main job: real sshd, a directory as the store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.integration.role.site import COLLECTION, NAMES
from tests.support.collection import InstalledCollection, installed_collection
from tests.support.sshd import SshdFleet

__all__ = ["installed_collection"]


def test_the_installed_collection_publishes_a_fleet(
    fleet: SshdFleet, installed_collection: InstalledCollection, tmp_path: Path
) -> None:
    store, mirror = tmp_path / "store", tmp_path / "mirror"
    variables = {
        "publish_hosts": "monitoring",
        "publish_store": "directory",
        "publish_path": str(store),
        "publish_mirror": str(mirror),
        "publish_report": str(tmp_path / "report.html"),
        "publish_metrics_textfile": str(tmp_path / "fleet.prom"),
    }
    inventory = fleet.write_inventory(tmp_path / "inventory.yml")
    # Neither the checkout nor anybody's home is there to find the collection in.
    home: dict[str, Any] = {"HOME": str(tmp_path), "ANSIBLE_REMOTE_TMP": str(tmp_path / "modules")}
    command: list[str | Path] = [
        "ansible-playbook",
        "-vv",
        "-i",
        inventory,
        f"{COLLECTION}.publish",
        "-e",
        json.dumps(variables),
    ]
    first = installed_collection.run(*command, cwd=tmp_path, **home)
    assert f"{installed_collection.folder}{os.sep}roles" in first
    assert "Servers: 3 of 3 answered whole, 24 files" in first
    fields = {item["name"]: item for item in json.loads((store / "fields.json").read_text(encoding="utf-8"))["fields"]}
    assert fields["company"]["servers"] == NAMES
    assert sorted(path.stem for path in (store / "servers").iterdir()) == NAMES
    assert "company" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "prometheus_fleet_" in (tmp_path / "fleet.prom").read_text(encoding="utf-8")

    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    second = installed_collection.run(*command, cwd=tmp_path, **home)
    assert " changed=0 " in second
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before

    status = installed_collection.run(
        *("ansible-playbook", "-i", inventory, f"{COLLECTION}.status", "-e", json.dumps(variables)),
        *("-e", "status_fail_on=drift"),
        cwd=tmp_path,
        **home,
    )
    assert f"{len(fields)} fields synced" in status
