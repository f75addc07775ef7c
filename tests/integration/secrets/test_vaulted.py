# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that ansible-vault encrypted, in a playbook: ansible-core 2.18 hands a filter something that is no text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
REDACT = "skills_eye.prometheus_fleet.redact"
TEXT = "password: fake-pw-11\n"


def run(folder: Path, *command: str) -> str:
    """The output of a program of Ansible in the folder, which has the password of the vault."""
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_VAULT_PASSWORD_FILE": "vault_password",
    }
    program = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_filters_take_vaulted_variables(tmp_path: Path) -> None:
    (tmp_path / "vault_password").write_text("not-a-secret\n", encoding="utf-8")
    values = {"text": TEXT, "salt": "of this test"}
    encrypt = ("ansible-vault", "encrypt_string")
    vaulted = [run(tmp_path, *encrypt, value, "--name", name) for name, value in values.items()]
    (tmp_path / "vaulted.yml").write_text("\n".join(vaulted), encoding="utf-8")
    texts = [f"text | {REDACT}(salt=salt)", f"'{TEXT.strip()}' | {REDACT}(salt='of this test')"]
    content = "{{ [" + ", ".join(texts) + "] | to_json }}"
    tasks = [{"copy": {"content": content, "dest": str(tmp_path / "masked.json")}}]
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": ["vaulted.yml"], "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    run(tmp_path, "ansible-playbook", "play.yml")
    masked = json.loads((tmp_path / "masked.json").read_text(encoding="utf-8"))
    assert "fake-pw-11" not in masked[0]
    assert masked[0].strip() == masked[1]
