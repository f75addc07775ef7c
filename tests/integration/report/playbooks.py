# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tasks file of the role publish, run by ansible-playbook with variables as the steps before it leave them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
INVENTORY = "[monitoring]\nprom-01\nprom-02\n"


def play(folder: Path, tasks: str, variables: dict[str, Any], *options: str) -> str:
    """Include the tasks file once for the fleet; what ansible-playbook printed. AssertionError where it fails."""
    work = folder / "play"
    work.mkdir(exist_ok=True)
    (work / "inventory").write_text(INVENTORY, encoding="utf-8")
    (work / "variables.json").write_text(json.dumps(variables).replace("\\udc80", "\\ufffd"), encoding="utf-8")
    # What a lookup reads is data, as what a sweep gives: Ansible never takes it for a template. It refuses halves of
    # characters, so those are replaced before.
    read = "{{ (lookup('ansible.builtin.file', playbook_dir ~ '/variables.json') | from_json)['%s'] }}"
    known: dict[str, Any] = {"_publish_findings": {}}
    known |= {name: read % name for name in variables}
    facts = {"name": "Set", "ansible.builtin.set_fact": known, "run_once": True}
    include = {"name": "skills_eye.prometheus_fleet.publish", "tasks_from": f"{tasks}.yml"}
    task = {"name": "Include", "ansible.builtin.include_role": include, "run_once": True}
    playbook = [{"name": "Test", "hosts": "monitoring", "gather_facts": False, "tasks": [facts, task]}]
    (work / "playbook.yml").write_text(json.dumps(playbook), encoding="utf-8")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ANSIBLE_")}
    own = {
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    command = [str(BIN / "ansible-playbook"), "-i", "inventory", *options, "playbook.yml"]
    done = subprocess.run(
        command,
        cwd=work,
        env=kept | own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
