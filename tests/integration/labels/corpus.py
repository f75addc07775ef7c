# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus of public configs beside the project, read in place."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import Options

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
MAIN = "main-config.yml"


@dataclass(frozen=True)
class Entry:
    """A file. accepted: by some version of promtool, by none (False), or it was not asked (None)."""

    path: str
    kind: str
    rating: str
    accepted: bool | None

    @property
    def text(self) -> str:
        return (FOLDER / "files" / self.path).read_bytes().decode("utf-8", errors="replace")

    @property
    def directory(self) -> str:
        return self.path.rpartition("/")[0]


@cache
def entries() -> list[Entry]:
    found: list[Entry] = []
    with (FOLDER / "manifest.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            verdicts = [row[key].split(": ")[-1] for key in ("verdict_2.42", "verdict_3.5")]
            accepted = None if verdicts == ["?", "?"] else any(verdict.startswith("ok") for verdict in verdicts)
            found.append(Entry(row["path"], row["kind"], row["class"], accepted))
    return found


def target_labels() -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = json.loads((FOLDER / "target-labels.json").read_text("utf-8"))
    return found


def as_main(text: str, kind: str) -> str:
    """A main config: the text itself, or what makes one of a list of jobs."""
    return f"scrape_configs:\n{text}" if kind == "scrape_list" else text


def beside(entry: Entry) -> list[ConfigFile]:
    """The other files of the corpus in the directory of this one and below."""
    start = f"{entry.directory}/"
    return [
        ConfigFile(f"/corpus/{other.path}", "prometheus", other.text)
        for other in entries()
        if other.path.startswith(start) and other.path != entry.path
    ]


def targets(entry: Entry) -> dict[str, Any]:
    """The result for a server that has the text as its main config and nothing else, also where it is refused."""
    kind = "scrape_list" if entry.text.lstrip("-\n").startswith("- ") else entry.kind
    file = ConfigFile(f"/corpus/{MAIN}", "prometheus", as_main(entry.text.removeprefix("---\n"), kind))
    return extract({"s": ServerConfigs("ok", None, [file])}, Options((MAIN,), refused=True))


def read(entry: Entry, others: list[ConfigFile] | None = None) -> dict[str, Any]:
    """The result for a server that has this file as its main config, or in the place that its kind has."""
    text = entry.text
    place = f"/corpus/{entry.directory}/{MAIN}"
    files = list(others or ())
    if entry.kind == "rules":
        files += [ConfigFile(place, "prometheus", "rule_files: [it.yml]")]
        files += [ConfigFile(f"/corpus/{entry.directory}/it.yml", "prometheus", text)]
    elif entry.kind == "file_sd":
        name = f"it.{'json' if entry.path.endswith('.json') else 'yml'}"
        files += [
            ConfigFile(
                place, "prometheus", f"scrape_configs: [{{job_name: j, file_sd_configs: [{{files: [{name}]}}]}}]"
            )
        ]
        files += [ConfigFile(f"/corpus/{entry.directory}/{name}", "prometheus", text)]
    else:
        files += [ConfigFile(place, "prometheus", as_main(text, entry.kind))]
    return extract({"s": ServerConfigs("ok", None, files)}, Options((MAIN,)))
