# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' and Alertmanager's own tools read a redacted file as they read the original.

The exceptions are theirs: where they want a URL, or a key of a provider's own form, a mask is none.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.prometheus import packaged

PROJECT = Path(__file__).parents[3]
CORPUS = PROJECT / ".." / "shared" / "corpus"
PROMTOOL = [shutil.which("promtool"), packaged("prometheus", "bullseye") / "promtool"]
AMTOOL = [shutil.which("amtool"), packaged("prometheus-alertmanager", "sid") / "amtool"]
OWN_FORM = re.compile(
    r"parse \"?[^\n]*<secret:|invalid userinfo|in URL cannot contain colon|invalid (access|secret) key format"
)


def tools(kind: str) -> list[list[str]]:
    found = [str(path) for path in (AMTOOL if kind == "alertmanager" else PROMTOOL) if path and Path(path).exists()]
    return [[path, "check-config"] if kind == "alertmanager" else [path, "check", "config"] for path in found]


def accepts(tool: list[str], file: Path) -> tuple[bool, str]:
    done = subprocess.run([*tool, str(file)], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def secret_files(kind: str) -> list[Path]:
    manifest = CORPUS / "manifest.tsv"
    if not manifest.exists():
        pytest.skip("../shared/corpus is not here")
    with manifest.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if (row["kind"], row["class"]) == (kind, "good")]
    return [CORPUS / "files" / row["path"] for row in rows]


@pytest.mark.parametrize(("kind", "enough"), [("prometheus", 20), ("alertmanager", 15)])
def test_a_redacted_file_is_accepted_like_the_original(kind: str, enough: int, tmp_path: Path) -> None:
    commands = tools(kind)
    if not commands:
        pytest.skip(f"no tool that checks {kind} files is here")
    redactor = Redactor()
    copy = tmp_path / "redacted.yml"
    compared = urls = 0
    for path in secret_files(kind):
        result = redactor.redact(path.read_bytes().decode())
        if not result.count:
            continue
        copy.write_bytes(path.read_bytes())
        tool = next((tool for tool in commands if accepts(tool, copy)[0]), None)
        if tool is None:
            # No build here has all that the file uses.
            continue
        copy.write_bytes(result.text.encode())
        accepted, words = accepts(tool, copy)
        compared += accepted
        urls += not accepted
        assert accepted or OWN_FORM.search(words), (path, words)
    assert compared >= enough, (compared, urls)


PLAIN_TYPES = {
    "prometheus": """\
global: {external_labels: {site: rio}}
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: fake-one-11}
  static_configs: [{targets: [h:1], labels: {api_token: fake-two-22}}]
  params: {token: [fake-three-33]}
- job_name: b
  authorization: {credentials: "fake-four
    44"}
- job_name: c
  bearer_token: |
    fake-five-55
- job_name: d
  oauth2: {client_id: i, client_secret: fake-six-66, token_url: "https://h/t?client_secret=fake-seven-77",
           endpoint_params: {resource: fake-eight-88}}
remote_write:
- url: https://h/w?token=fake-nine-99
  headers: {X-Scope: fake-ten-10}
- url: https://h/x
  sigv4: {region: r, access_key: fake-eleven-11, secret_key: fake-twelve-12}
""",
    "alertmanager": """\
global:
  smtp_smarthost: h:25
  smtp_from: a@b.example
  smtp_auth_password: fake-one-11
  opsgenie_api_key: fake-two-22
  opsgenie_api_url: https://h/?api_key=fake-three-33
route: {receiver: r}
receivers:
- name: r
  email_configs: [{to: a@b.example, auth_secret: fake-four-44, headers: {X-Key: fake-five-55}}]
  pagerduty_configs: [{service_key: fake-six-66, details: {a: fake-seven-77}, links: [{href: fake-eight-88}]}]
  opsgenie_configs: [{details: {a: fake-nine-99}}]
  victorops_configs: [{api_key: fake-ten-10, routing_key: fake-eleven-11}]
  pushover_configs: [{user_key: fake-twelve-12, token: fake-thirteen-13}]
  webhook_configs: [{url_file: /etc/hook, http_config: {basic_auth: {password: fake-fourteen-14}}}]
""",
}


@pytest.mark.parametrize("kind", PLAIN_TYPES)
def test_every_secret_of_a_plain_type_can_be_masked_without_harm(kind: str, tmp_path: Path) -> None:
    commands = tools(kind)
    if not commands:
        pytest.skip(f"no tool that checks {kind} files is here")
    file = tmp_path / "config.yml"
    result = Redactor().redact(PLAIN_TYPES[kind])
    assert "fake-" not in result.text
    # Debian's older builds lack some of the keys: the newest that is here decides.
    verdicts = []
    for tool in commands:
        file.write_text(PLAIN_TYPES[kind], encoding="utf-8")
        if accepts(tool, file)[0]:
            file.write_text(result.text, encoding="utf-8")
            verdicts.append(accepts(tool, file))
    assert verdicts
    assert all(accepted for accepted, _unused in verdicts), verdicts
