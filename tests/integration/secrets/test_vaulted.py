# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that ansible-vault encrypted, in a playbook: ansible-core 2.18 hands a filter something that is no text."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.collection import InstalledCollection, installed_collection

__all__ = ["installed_collection"]

REDACT = "skills_eye.prometheus_fleet.redact"
TEXT = "password: fake-pw-11\n"


def test_filters_take_vaulted_variables(installed_collection: InstalledCollection, tmp_path: Path) -> None:
    def run(*command: str) -> str:
        return installed_collection.run(*command, cwd=tmp_path, ANSIBLE_VAULT_PASSWORD_FILE="vault_password")

    (tmp_path / "vault_password").write_text("not-a-secret\n", encoding="utf-8")
    values = {"text": TEXT, "salt": "of this test"}
    encrypt = ("ansible-vault", "encrypt_string")
    vaulted = [run(*encrypt, value, "--name", name) for name, value in values.items()]
    (tmp_path / "vaulted.yml").write_text("\n".join(vaulted), encoding="utf-8")
    texts = [f"text | {REDACT}(salt=salt)", f"'{TEXT.strip()}' | {REDACT}(salt='of this test')"]
    content = "{{ [" + ", ".join(texts) + "] | to_json }}"
    tasks = [{"copy": {"content": content, "dest": str(tmp_path / "masked.json")}}]
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": ["vaulted.yml"], "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    run("ansible-playbook", "play.yml")
    masked = json.loads((tmp_path / "masked.json").read_text(encoding="utf-8"))
    assert "fake-pw-11" not in masked[0]
    assert masked[0].strip() == masked[1]
