# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine and a real Prometheus read the same configs: label names and values must agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from tests.integration.labels import engine
from tests.integration.labels.cases import CASES, VERSIONS
from tests.support.prometheus import prometheus

# Targets are not to be scraped while the test looks at them.
SETTINGS = "global: {scrape_interval: 1h, scrape_timeout: 10s}\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_action_and_trap(version: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if case.runs_on(version)]
    assert len(cases) >= 130
    config = SETTINGS + "scrape_configs:\n" + "".join(case.text for case in cases)
    ours = engine.labels(engine.server(config), version)
    with prometheus(tmp_path, version, config) as server:
        theirs = server.labels(at_least=sum(len(labels) for labels in ours.values()))
    different = {
        name: (ours.get(name), theirs.get(name)) for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)
    }
    assert different == {}
    fields = engine.names(engine.server(config), version)
    for case in cases:
        labels = theirs.get(case.name, [])
        found, always, shapes = fields.get(case.name, (set(), set(), []))
        assert (case.name, found, shapes) == (case.name, set().union(*labels), [])
        assert (case.name, always) == (case.name, set.intersection(*map(set, labels)) if labels else set())


FILES_CONFIG = """
global: {scrape_interval: 1h, external_labels: {site: rio}}
scrape_config_files: ['inc/*.yml']
scrape_configs:
- job_name: files
  file_sd_configs: [{files: ['targets/*.yml', 't.json', 'missing.yml']}]
  relabel_configs:
  - {source_labels: [__meta_filepath], regex: '.*/([^/]+)', target_label: file}
  - {source_labels: [datacenter], target_label: dc}
  - {regex: datacenter, action: labeldrop}
"""
FILES = {
    "targets/a.yml": "- targets: ['a:1', 'b:1']\n  labels: {datacenter: rio, company: ACME}\n",
    "targets/b.yml": "- targets: ['c:1']\n- {targets: [], labels: {never: x}}\n",
    "targets/broken.yml": "- targets: ['d:1']\n  unknown: x\n",
    "targets/c.yaml": "- targets: ['not-matched:1']\n",
    "t.json": '[{"targets": ["h:1"], "labels": {"datacenter": "sp", "modulo": "icmp"}}]',
    "inc/x.yml": "scrape_configs:\n- job_name: included\n  file_sd_configs: [{files: ['own.yml']}]\n",
    "inc/own.yml": "- targets: ['e:1']\n  labels: {tenant: t1}\n",
}


def test_files_that_a_config_names(tmp_path: Path) -> None:
    files = dict(FILES)
    # A scrape config file holds scrape_configs and nothing else, so the targets lie elsewhere.
    files["inc/targets/own.yml"] = files.pop("inc/own.yml")
    files["inc/x.yml"] = files["inc/x.yml"].replace("own.yml", "targets/own.yml")
    configs = engine.server(FILES_CONFIG, files, str(tmp_path))
    ours = engine.labels(configs, "3.5")
    with prometheus(tmp_path, "3.5", FILES_CONFIG, files) as server:
        assert server.labels(at_least=5) == ours
    fields = engine.names(configs, "3.5")
    # One of the target files is missing, so what its targets would carry is not known; the names are found anyhow.
    assert fields["files"][0] >= {"company", "dc", "file", "instance", "job", "modulo"}
    assert fields["included"][0] == {"instance", "job", "tenant"}


# Globs, and a file that several patterns name.
PATTERNS = (
    *("['t/d*.yml', 't/a.json']", "['t/[a].json']", "['t/?.json']", "['./t/../t/a.json']"),
    *("['t/a.json', 't/a*.json']", r"['t/\a.json']", "['t/{a,b}.json']"),
)


@pytest.mark.parametrize("version", ["2.42", "3.5"])
def test_files_of_targets(version: str, tmp_path: Path) -> None:
    """All that a target file can be: what Prometheus takes of it, and what makes it take none."""
    lines = (Path(__file__).parent / "target_files.jsonl").read_text(encoding="utf-8").splitlines()
    # The labels of Prometheus 2 have no such names; the engine takes what 3 takes.
    files = dict(json.loads(line) for line in lines if version == "3.5" or "badlabel" not in line)
    config = SETTINGS + "scrape_configs:\n"
    for name in files:
        config += f"- {{job_name: {name}, file_sd_configs: [{{files: [t/{name}]}}]}}\n"
    for number, patterns in enumerate(PATTERNS):
        config += f"- job_name: pattern{number}\n  file_sd_configs: [{{files: {patterns}}}]\n"
        config += "  relabel_configs: [{source_labels: [__meta_filepath], target_label: path}]\n"
    texts = {f"t/{name}": text for name, text in files.items()}
    ours = engine.labels(engine.server(config, texts, str(tmp_path)), version)
    with prometheus(tmp_path, version, config, texts) as server:
        assert server.labels(at_least=sum(map(len, ours.values()))) == ours
    assert 25 < len(ours) < len(files)


def test_external_labels_have_the_values_that_are_known(tmp_path: Path) -> None:
    values = ["rio", "$(POD_NAME)", "%{x}", "5$", "a$ b", "$ü", "$.", "$$5", "${}", "${X", "$X-1", "${X:-prod}", "$1"]
    written = {f"l{number}": value for number, value in enumerate(values)} | {"__replica__": "a"}
    config = yaml.safe_dump({"global": {"external_labels": written}}, allow_unicode=True)
    with prometheus(tmp_path, "3.5", config) as server:
        running = yaml.safe_load(server.get("/api/v1/status/config")["yaml"])
    theirs = running["global"]["external_labels"]
    ours = {field["name"]: field["values"] for field in extract({"s": engine.server(config)})["fields"]}
    assert ours == {name: [value] if theirs[name] == value else [] for name, value in written.items()}
    assert sum(map(len, ours.values())) == 8
