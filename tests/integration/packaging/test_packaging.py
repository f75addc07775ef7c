# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive that ansible-galaxy builds holds the right files, installs without a network, and documents itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.collection import BIN, NAME, PROJECT, InstalledCollection, installed_collection

__all__ = ["installed_collection"]

AT_THE_TOP = {
    "ARCHITECTURE.md",
    "CHANGELOG.rst",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}
DOCUMENTED = ("module", "lookup", "filter")


def plugin_names(kind: str) -> list[str]:
    """Full names of the collection's plugins of one kind, from the file names."""
    folder = PROJECT / "plugins" / ("modules" if kind == "module" else kind)
    return sorted(f"{NAME}.{path.stem}" for path in folder.glob("*.py") if not path.stem.startswith("_"))


def test_archive_holds_what_a_user_needs_and_no_more(installed_collection: InstalledCollection) -> None:
    with tarfile.open(installed_collection.archive) as archive:
        members = archive.getmembers()
    names = [member.name for member in members]
    assert {Path(name).parts[0] for name in names} == AT_THE_TOP
    assert [name for name in names if "__pycache__" in name or Path(name).name.startswith(".")] == []
    assert [member.name for member in members if not (member.isfile() or member.isdir())] == []
    assert {str(path) for path in map(Path, names) if path.parts[0] == "changelogs"} == {
        "changelogs",
        "changelogs/changelog.yaml",
    }


def test_archive_holds_every_shipped_plugin_file(installed_collection: InstalledCollection) -> None:
    listing = ["git", "ls-files", "--", "plugins", "roles", "playbooks", "meta", "docs"]
    tracked = subprocess.run(listing, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\n")
    missing = [
        name for name in tracked if (PROJECT / name).is_file() and not (installed_collection.folder / name).is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_ansible_doc_of_the_installed_collection(
    installed_collection: InstalledCollection, kind: str, tmp_path: Path
) -> None:
    names = plugin_names(kind)
    assert names
    output = installed_collection.run("ansible-doc", "--type", kind, "--json", *names, cwd=tmp_path)
    documents: dict[str, Any] = json.loads(output)
    assert sorted(documents) == names
    for name, document in documents.items():
        assert document["doc"]["version_added"], name
        assert document["examples"], name
        assert document["return"], name
        assert document["doc"]["filename"].startswith(str(installed_collection.folder)), name


def test_installed_roles_and_playbooks_are_found(installed_collection: InstalledCollection, tmp_path: Path) -> None:
    output = installed_collection.run("ansible-doc", "--type", "role", "--list", "--json", cwd=tmp_path)
    # ansible-core 2.21 warns of a collection of its own before that.
    assert f"{NAME}.publish" in json.loads(output[output.index("{") :])
    for playbook in sorted((PROJECT / "playbooks").glob("*.yml")):
        name = f"{NAME}.{playbook.stem}"
        installed_collection.run("ansible-playbook", "--syntax-check", "-i", "localhost,", name, cwd=tmp_path)


@pytest.mark.parametrize("forbidden", [True, False])
def test_the_bytecode_of_what_plugins_import_is_kept(
    installed_collection: InstalledCollection, tmp_path: Path, forbidden: bool
) -> None:
    """Ansible itself compiles the modules of a collection anew in each process."""
    folder = tmp_path / "collections"
    shutil.copytree(installed_collection.collections, folder, ignore=shutil.ignore_patterns("__pycache__"))
    expression = "{{ 'password: x' | skills_eye.prometheus_fleet.redact }}"
    output = installed_collection.run(
        *("ansible", "localhost", "-m", "ansible.builtin.debug", "-a", f"msg={expression}"),
        cwd=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(folder),
        PYTHONDONTWRITEBYTECODE="1" if forbidden else "",
    )
    assert "password: <secret:" in output
    kept = {path.name.partition(".")[0] for path in folder.rglob("__pycache__/*.pyc")}
    assert kept == set() if forbidden else {"redact", "secrets", "secret_lines", "_plain"} <= kept


def test_execution_environment_reads_the_requirements(
    installed_collection: InstalledCollection, tmp_path: Path
) -> None:
    """ansible-builder, which makes the images that AWX runs, finds the collection's Python requirements."""
    found = tmp_path / "found.txt"
    command = ["ansible-builder", "introspect", "--write-pip", str(found), str(installed_collection.collections)]
    installed_collection.run(*command, cwd=tmp_path)
    wanted = [line for line in (PROJECT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    # ansible-builder leaves out what ansible-core brings along.
    expected = [line for line in wanted if not line.startswith("PyYAML")]
    assert len(expected) == len(wanted) - 1 >= 4
    assert [line.split("#")[0].strip() for line in found.read_text().splitlines() if line.strip()] == expected


def test_collection_requirements_are_installed_where_the_tests_run() -> None:
    """The lower bounds of requirements.txt are met by what the tests prove."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-index", "-r", "requirements.txt"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert BIN.samefile(Path(sys.executable).parent)
