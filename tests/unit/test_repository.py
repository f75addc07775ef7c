# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the house that a machine can check: every file of the repository."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.ansible_test_sanity import PROJECT, shipped_files

# REUSE-IgnoreStart
HEADER = (
    "Copyright (c) 2026, Prometheus Fleet contributors",
    "GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "SPDX-License-Identifier: GPL-3.0-or-later",
)
# REUSE-IgnoreEnd
WITH_HEADER = {".py", ".yml", ".yaml", ".sh", ".toml", ".js", ".css", ".html"}
# Configs of pretended servers look as they would there; REUSE.toml speaks for them.
WITHOUT_HEADER = ("demo/trees/", "tests/fixtures/")
LONGEST = 600
MYPY_ROOMS = {"plugins", "tests", "tools", "demo"}


@cache
def files() -> tuple[Path, ...]:
    found = tuple(name for name in shipped_files(PROJECT) if not (PROJECT / name).is_symlink())
    assert Path("galaxy.yml") in found
    return found


def test_every_source_carries_the_header() -> None:
    lacking = []
    for name in files():
        if name.suffix not in WITH_HEADER or str(name).startswith(WITHOUT_HEADER) or name == changelog_file():
            continue
        head = (PROJECT / name).read_text(encoding="utf-8").splitlines()[:7]
        if [line.strip(" #/*") for line in head if any(part in line for part in HEADER)] != list(HEADER):
            lacking.append(str(name))
    assert lacking == []


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    prose_and_data = {".txt", ".json", ".jsonl", ".rst", ".tgz", ".png"}
    lengths = {
        str(name): (PROJECT / name).read_bytes().count(b"\n") for name in files() if name.suffix not in prose_and_data
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_packages_are_namespaces() -> None:
    """But for one, which is to run before what is below it."""
    assert [str(name) for name in files() if name.name == "__init__.py"] == ["plugins/plugin_utils/__init__.py"]


def test_every_python_file_is_in_a_room_that_mypy_reads() -> None:
    assert [str(name) for name in files() if name.suffix == ".py" and name.parts[0] not in MYPY_ROOMS] == []


def test_no_sanity_ignores() -> None:
    assert [str(name) for name in files() if name.match("tests/sanity/ignore*")] == []


@pytest.mark.parametrize("document", sorted(str(name) for name in files() if name.suffix == ".md"))
def test_links_inside_the_repository_lead_somewhere(document: str) -> None:
    text = (PROJECT / document).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    broken = []
    for target in targets:
        path, _hash, anchor = target.partition("#")
        linked = (PROJECT / document).parent / path if path else PROJECT / document
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


def anchors(document: Path) -> set[str]:
    """What a heading can be linked by: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ +(.+?) *$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def load(name: str | Path) -> Any:
    return yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))


def changelog_file() -> Path:
    return Path("changelogs", load("changelogs/config.yaml")["changes_file"])


def test_changelog_tells_of_this_version_and_every_fragment() -> None:
    releases = load(changelog_file())["releases"]
    version = load("galaxy.yml")["version"]
    assert version in releases
    told = [fragment for release in releases.values() for fragment in release.get("fragments", [])]
    fragments = [name.name for name in files() if name.parts[:2] == ("changelogs", "fragments")]
    assert sorted(told) == sorted(fragments), "run make changelog"
    rendered = (PROJECT / "CHANGELOG.rst").read_text(encoding="utf-8")
    assert f"\nv{version}\n" in rendered


def test_supported_ansible_core_is_said_once() -> None:
    """meta/runtime.yml and the Makefile agree on the oldest ansible-core."""
    oldest = load("meta/runtime.yml")["requires_ansible"].removeprefix(">=").removesuffix(".0")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"^CORE \?= ansible-core>=([0-9.]+),", makefile, flags=re.MULTILINE) == [oldest]
