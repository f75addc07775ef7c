# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the label engine says of a config, in the form in which a real Prometheus tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import Section
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract, read_servers
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import (
    Groups,
    JobInput,
    base_labels,
    final_labels,
    laid_under,
    target_fault,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import Options
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import rules_of, run

TARGET_STAGES = {"relabel_configs", "static_configs", "file_sd_configs", "service_discovery", "default"}


def options(version: str) -> Options:
    return Options(version=int(version.partition(".")[0]))


def server(config: str, files: Mapping[str, str] | None = None, folder: str = "/etc/prometheus") -> ServerConfigs:
    """One server with a main config and other files beside it."""
    texts = {"prometheus.yml": config, **(files or {})}
    return ServerConfigs(
        "ok", None, [ConfigFile(f"{folder}/{name}", "prometheus", text) for name, text in texts.items()]
    )


def target_labels(given: JobInput, own: Mapping[str, str], chosen: Options) -> dict[str, str] | None:
    """The labels of one target whose own labels are known; None where it is dropped."""
    labels = laid_under(own, base_labels(given.section, given.settings), chosen.dialect)
    done = run(rules_of(given.section, "relabel_configs"), labels, chosen.dialect)
    if done.dropped_by is not None or target_fault(done.labels, chosen.dialect) is not None:
        return None
    return final_labels(done.labels, chosen.dialect)


def labels(configs: ServerConfigs, version: str) -> dict[str, list[dict[str, str]]]:
    """The labels of each target that the files have, by job, as Prometheus.labels gives them."""
    chosen = options(version)
    found: dict[str, list[dict[str, str]]] = {}
    for given in read_servers({"s": configs}, chosen)["s"].inputs:
        seen: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        for source in given.sources:
            if not isinstance(source, Groups):
                continue
            for group in source.groups:
                assert isinstance(group, Section)
                for address in group.get("targets") or ():
                    own = {**(group.get("labels") or {}), "__address__": address}
                    if source.kind == "file_sd":
                        own["__meta_filepath"] = source.file
                    made = target_labels(given, own, chosen)
                    if made is not None:
                        seen[tuple(sorted(made.items()))] = made
        if seen:
            found[given.name] = [seen[key] for key in sorted(seen)]
    return found


def names(configs: ServerConfigs, version: str) -> dict[str, tuple[set[str], set[str], list[re.Pattern[str]]]]:
    """By job, from the fields alone: names of labels on targets, those always there, and shapes of further names."""
    found: dict[str, tuple[set[str], set[str], list[re.Pattern[str]]]] = {}
    result = extract({"s": configs}, options(version))
    for field in result["fields"]:
        of_field: dict[str, list[dict[str, Any]]] = {}
        for source in field["sources"]:
            if source["stage"] in TARGET_STAGES:
                for job in source["jobs"]:
                    of_field.setdefault(job, []).append(source)
        for job, sources in of_field.items():
            all_names, always, shapes = found.setdefault(job, (set(), set(), []))
            if field["pattern"]:
                shapes.append(re.compile(field["pattern"], re.DOTALL))
                continue
            all_names.add(field["name"])
            if all(source["presence"] == "always" for source in sources):
                always.add(field["name"])
    return found
