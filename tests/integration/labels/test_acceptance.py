# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What promtool refuses is a problem, with its line; what it accepts is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from tests.integration.labels.acceptance import CONFIGS, JOB, RULE, RULE_FILES
from tests.support.prometheus import promtool

# Where the engine takes what the 2.42 of the test machine does not, because later versions do.
LATER = {
    RULE % "{target_label: b, regex: '(?<n>a)'}",
    RULE % "{action: hashmod, source_labels: [a], modulus: 8, target_label: '$1'}",
}
# Where promtool refuses what Prometheus loads, only to take no targets from it: the engine warns.
WITHOUT_TARGETS = {
    "scrape_configs: [{job_name: j, static_configs: [{targets: ['h/path']}], relabel_configs: [{target_label: a}]}]",
    "scrape_configs: [{job_name: j, static_configs: [{targets: ['']}]}]",
    RULE % "{action: labeldrop}",
}
# What promtool alone looks at: Prometheus loads it, and fails where it scrapes.
HALF_CERTIFICATES = {JOB % "tls_config: {cert_file: a}", JOB % "tls_config: {key_file: a}"}


def problems(files: dict[str, str], severity: str) -> list[str]:
    """What the engine finds, one line each."""
    configs = ServerConfigs("ok", None, [ConfigFile(f"/p/{name}", "prometheus", text) for name, text in files.items()])
    found = extract({"s": configs})["servers"]["s"]["problems"]
    return [f"{item['file']}:{item['line']}: {item['message']}" for item in found if item["severity"] == severity]


def errors(files: dict[str, str]) -> list[str]:
    return problems(files, "error")


def disagreements(texts: list[str], verdicts: list[tuple[bool, str]], ours: list[list[str]]) -> list[str]:
    return [
        f"{text}\n  promtool: {'accepts' if good else said.strip().splitlines()[-1]}\n  engine: {found or 'accepts'}"
        for text, (good, said), found in zip(texts, verdicts, ours, strict=True)
        if good == bool(found) and text not in LATER | WITHOUT_TARGETS | HALF_CERTIFICATES
    ]


def judged(kind: list[str], texts: list[str], folder: Path) -> list[tuple[bool, str]]:
    paths: list[Path] = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number}.yml")
        paths[-1].write_text(text, encoding="utf-8")
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda path: promtool("2.42", *kind, path), paths))


def test_main_configs(tmp_path: Path) -> None:
    verdicts = judged(["check", "config", "--syntax-only"], CONFIGS, tmp_path)
    ours = [errors({"prometheus.yml": text}) for text in CONFIGS]
    wrong = disagreements(CONFIGS, verdicts, ours)
    assert wrong == [], "\n".join(wrong)
    refused = sum(not good for good, _said in verdicts)
    assert refused > 100
    assert len(CONFIGS) - refused > 100


def test_rule_files(tmp_path: Path) -> None:
    verdicts = judged(["check", "rules"], RULE_FILES, tmp_path)
    ours = [errors({"prometheus.yml": "rule_files: [r.yml]", "r.yml": text}) for text in RULE_FILES]
    wrong = disagreements(RULE_FILES, verdicts, ours)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("text", sorted(WITHOUT_TARGETS))
def test_targets_that_prometheus_does_not_take_are_a_warning(text: str) -> None:
    files = {"prometheus.yml": text}
    assert errors(files) == []
    assert any("has a target" in line for line in problems(files, "warning"))


@pytest.mark.parametrize("text", [text for text in CONFIGS if text.count("\n") > 1])
def test_a_fault_has_the_line_that_it_is_in(text: str) -> None:
    for line in errors({"prometheus.yml": text}):
        number = int(line.split(":")[1])
        assert 1 <= number <= text.count("\n") + 1
