# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's configs are real input: Prometheus' and Alertmanager's own checkers accept every file."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
TREES = sorted(path for path in (PROJECT / "demo" / "trees").iterdir() if path.is_dir())


@functools.cache
def unpacked(package: str, suite: str) -> Path:
    """A Debian package's files. promtool with Consul's service discovery is only in bullseye's Prometheus."""
    tool = PROJECT / "tools" / "debian_package.py"
    done = subprocess.run([sys.executable, tool, package, suite], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()) / "usr" / "bin"


def check(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_there_are_three_servers_of_eight_files() -> None:
    files = {tree.name: sorted(str(path.relative_to(tree)) for path in tree.rglob("*.yml")) for tree in TREES}
    assert len(files) == 3
    for names in files.values():
        assert len(names) == 8
        assert len([name for name in names if name.startswith("etc/prometheus/")]) == 7


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_promtool_accepts_the_config_and_its_rules(tree: Path) -> None:
    promtool = unpacked("prometheus", "bullseye") / "promtool"
    output = check(promtool, "check", "config", tree / "etc/prometheus/prometheus.yml")
    # It read the rule files that the config names, and they are all there are.
    assert output.count("rules found") == len(list((tree / "etc/prometheus/rules").iterdir())) == 3


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_the_newer_promtool_accepts_the_rules(tree: Path) -> None:
    check("promtool", "check", "rules", *sorted((tree / "etc/prometheus/rules").iterdir()))


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_the_newer_promtool_accepts_the_targets(tree: Path, tmp_path: Path) -> None:
    """promtool 2.42 relabels what is in target files. Its build knows no consul_sd, so that job is left out."""
    copy = shutil.copytree(tree / "etc/prometheus", tmp_path / "prometheus")
    main = copy / "prometheus.yml"
    config = yaml.safe_load(main.read_text(encoding="utf-8"))
    config["scrape_configs"] = [job for job in config["scrape_configs"] if "consul_sd_configs" not in job]
    main.write_text(yaml.safe_dump(config), encoding="utf-8")
    check("promtool", "check", "config", main)
    named = [name for job in config["scrape_configs"] for sd in job.get("file_sd_configs", []) for name in sd["files"]]
    assert sorted(named) == sorted(str(path.relative_to(copy)) for path in (copy / "targets").iterdir())


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_amtool_accepts_the_alertmanager_config(tree: Path) -> None:
    config = tree / "etc/alertmanager/alertmanager.yml"
    assert "4 receivers" in check("amtool", "check-config", config)
    check(unpacked("prometheus-alertmanager", "sid") / "amtool", "check-config", config)
