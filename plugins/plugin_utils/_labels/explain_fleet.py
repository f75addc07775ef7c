# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one label on the servers of a fleet: data for playbooks, text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.explain import (
    JobExplainer,
    Story,
    rule_text,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import (
    fields_of,
    read_servers,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import Groups, JobInput
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import compiled
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import Options
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import Dialect, Rule

# Stages whose rules are followed step by step; of the others the sources are told.
_FOLLOWED = frozenset({"relabel_configs", "static_configs", "file_sd_configs", "service_discovery", "default"})


def explain(
    servers: Mapping[str, ServerConfigs],
    label: str,
    *,
    job: str | None = None,
    target: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Follow a label through every job. job: that one only. target: a label set as a discovery gives it, instead of
    the targets that the files have.
    """
    options = options or Options()
    read = read_servers(servers, options)
    stories: dict[object, list[dict[str, Any]]] = {}
    found: dict[object, dict[str, Any]] = {}
    for server, labels in read.items():
        known = stories.get(id(labels))
        if known is None:
            known = stories[id(labels)] = [
                _job(given, label, target, options.dialect) for given in labels.inputs if job in (None, given.name)
            ]
        for entry in known:
            key = repr({**entry, "servers": None})
            found.setdefault(key, {**entry, "servers": []})["servers"].append(server)
    sources = _sources(read, label, job)
    jobs = sorted(found.values(), key=lambda entry: (entry["job"], entry["file"], entry["line"], entry["servers"]))
    result = {"label": label, "jobs": jobs, "sources": sources}
    return {**result, "text": _text(result)}


def _job(given: JobInput, label: str, target: Mapping[str, str] | None, dialect: Dialect) -> dict[str, Any]:
    explainer = JobExplainer(given.section, given.file, given.settings, label, dialect)
    stories: list[Story] = []
    if target is not None:
        stories.append(explainer.target(target, "given target"))
    else:
        for source in given.sources:
            if isinstance(source, Groups):
                stories.extend(explainer.groups(source))
            else:
                stories.append(explainer.discovered(source.key, source.kind, source.section))
        if not given.sources:
            stories.append(explainer.nothing_known())
    return {
        "servers": [],
        "job": given.name,
        "file": given.file,
        "line": given.section.line,
        "targets": [story.as_dict() for story in stories],
        "left_out": explainer.left_out,
    }


def _sources(read: Mapping[str, Any], label: str, job: str | None) -> list[dict[str, Any]]:
    """Everything that makes the label, families of labels that it may belong to included."""
    found: list[dict[str, Any]] = []
    for field in fields_of(read):
        if field["name"] == label or (field["pattern"] and compiled(field["pattern"]).matches(label)):
            found.extend(
                source for source in field["sources"] if job is None or not source["jobs"] or job in source["jobs"]
            )
    return found


# --- text ---


def _text(result: Mapping[str, Any]) -> str:
    lines = [f"Label {result['label']}"]
    for entry in result["jobs"]:
        lines.append(f"  job {entry['job']} ({entry['file']}:{entry['line']}) on {_names(entry['servers'])}")
        for story in entry["targets"]:
            lines.extend(f"    {line}" for line in _story_lines(story))
        if entry["left_out"]:
            more = "1 target" if entry["left_out"] == 1 else f"{entry['left_out']} targets"
            lines.append(f"    and {more} more, not followed or in further ways")
    others = [source for source in result["sources"] if source["stage"] not in _FOLLOWED]
    lines.extend(f"  {_source_line(source)}" for source in others)
    if not result["jobs"] and not others:
        lines.append("  nothing makes it")
    return "\n".join(lines)


def _story_lines(story: Mapping[str, Any]) -> list[str]:
    if story["target"] is None:
        head = f"targets from {story['source']}"
    else:
        more = f" and {story['targets'] - 1} more like it" if story["targets"] > 1 else ""
        head = f"target {story['target'] or 'without address'}{more} ({story['source']})"
    lines = [f"{head}: {story['start']} at first"]
    for step in story["steps"]:
        what = {
            "written": f"{step['before']} -> {step['after']}",
            "deleted": f"{step['before']} -> deleted",
            "dropped": "drops the target",
            "may_drop": f"may drop the target; stays {step['after']}",
            "kept": f"keeps the target; stays {step['after']}",
            "unchanged": f"{'does not match; ' if step['matched'] is False else ''}stays {step['after']}",
        }[step["effect"]]
        # Where a rule changes a label that feeds this one, that is what there is to say of it.
        if step["effect"] == "unchanged" and step["also"]:
            what = "does not match" if step["matched"] is False else ""
        words = [*filter(None, [what]), *step["also"]]
        lines.append(f"  line {step['line']}: {step['rule']}: {'; '.join(words)}")
    if story["dropped"]:
        lines.append(f"  no target is left: {story['dropped']}")
    else:
        lines.append(f"  in the end: {story['result']} ({story['presence']})")
    return lines


def _source_line(source: Mapping[str, Any]) -> str:
    of_job = f" of job {_names(source['jobs'])}" if source["jobs"] else ""
    rule = f": {rule_text(_rule_of(source))}" if source["action"] else ""
    return f"{source['stage']}{of_job} ({source['file']}:{source['line']}) on {_names(source['servers'])}{rule}"


def _rule_of(source: Mapping[str, Any]) -> Rule:
    """The rule of a source, whose parts are None where they are the default."""
    keys = ("action", "separator", "regex", "replacement", "modulus", "target_label")
    given = {key: source[key] for key in keys if source[key] is not None}
    return Rule(source_labels=tuple(source["source_labels"]), **given)


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {len(names) - 5} more"
