# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one label on the servers of a fleet: data for playbooks, text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.explain import (
    FILTERS,
    JobExplainer,
    Story,
    concerns,
    rule_text,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import (
    fields_of,
    read_servers,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.jobs import Groups, JobInput
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import compiled
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import (
    Options,
    ServerLabels,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    WRITERS,
    Dialect,
    Rule,
    rules_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.stages import (
    SetByRule,
    Stage,
    set_by_rules,
)

_STAGES: Final = (
    "external_labels",
    "rules",
    "metric_relabel_configs",
    "alert_relabel_configs",
    "write_relabel_configs",
    "otlp",
)


class Place(NamedTuple):
    """A place beyond the jobs' targets, and what is done there."""

    stage: str
    jobs: tuple[str, ...]
    file: str
    line: int
    does: str


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
    places: dict[Place, list[str]] = {}
    known_places: dict[int, list[Place]] = {}
    for server, labels in read.items():
        if id(labels) not in known_places:
            known_places[id(labels)] = list(dict.fromkeys(_elsewhere(labels, label, job, options.dialect)))
        for place in known_places[id(labels)]:
            places.setdefault(place, []).append(server)
    told = sorted(places, key=lambda place: (_STAGES.index(place.stage), place.jobs, place.file, place.line))
    elsewhere = [{"servers": places[place], **place._asdict(), "jobs": list(place.jobs)} for place in told]
    jobs = sorted(found.values(), key=lambda entry: (entry["job"], entry["file"], entry["line"], entry["servers"]))
    result = {"label": label, "jobs": jobs, "elsewhere": elsewhere, "sources": _sources(read, label, job)}
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


# --- what is not on targets ---


def _elsewhere(labels: ServerLabels, label: str, job: str | None, dialect: Dialect) -> Iterator[Place]:
    """Where a server sets, changes or deletes the label beyond the targets of its jobs."""
    made = [item for item in labels.made if item.name == label or _is_of(item.pattern, label)]
    for item in made:
        if item.stage == "external_labels":
            of_server = " of the server's environment" if item.variables else ""
            value = labels.external_labels[label]
            yield Place(item.stage, (), item.file, item.line, f"{label} = {value!r}{of_server}")
        elif item.stage == "otlp":
            yield Place(item.stage, (), item.file, item.line, "")
    for file, groups in labels.rule_files:
        yield from _set_by_rules(groups, file, label)
    samples = [
        Stage(
            "metric_relabel_configs", "", given.file, rules_of(given.section, "metric_relabel_configs"), (given.name,)
        )
        for given in labels.inputs
        if job in (None, given.name)
    ]
    makers: dict[tuple[str, tuple[str, ...]], set[Rule | None]] = {}
    for item in made:
        makers.setdefault((item.stage, tuple(item.jobs)), set()).update((item.rule, *item.through))
    for stage in [*samples, *labels.later]:
        of_stage = makers.get((stage.name, stage.jobs), set())
        for rule in stage.rules:
            if rule in of_stage or _touches(rule, label, dialect):
                yield Place(stage.name, stage.jobs, stage.file, rule.line, rule_text(rule))


def _set_by_rules(groups: Any, file: str, label: str) -> Iterator[Place]:
    """The values that the rules of a file set, each once with the rules that do."""
    found: dict[str, list[SetByRule]] = {}
    for item in set_by_rules(groups):
        if item.name == label:
            found.setdefault(item.value, []).append(item)
    for value, items in found.items():
        what = f"{label} = {value!r}" if value else f"no {label}"
        names = list(dict.fromkeys(item.rule for item in items))
        yield Place("rules", (), file, min(item.line for item in items), f"{what} in {_names(names)}")


def _touches(rule: Rule, label: str, dialect: Dialect) -> bool:
    """Whether a rule names the label: it writes it, reads it to keep or drop, or deletes labels called so."""
    if rule.action in FILTERS:
        return label in (*rule.source_labels, rule.target_label)
    if rule.action in WRITERS:
        return rule.target_label == label
    return rule.action != "labelmap" and concerns(rule, (label,), dialect)


def _is_of(pattern: str | None, label: str) -> bool:
    return pattern is not None and compiled(pattern).matches(label)


# --- text ---


def _text(result: Mapping[str, Any]) -> str:
    lines = [f"Label {result['label']}"]
    absent: dict[str, list[str]] = {}
    for entry in result["jobs"]:
        if not entry["left_out"] and all(_is_nothing(story) for story in entry["targets"]):
            absent.setdefault(entry["job"], []).extend(entry["servers"])
            continue
        lines.append(f"  job {entry['job']} ({entry['file']}:{entry['line']}) on {_names(entry['servers'])}")
        for story in entry["targets"]:
            lines.extend(f"    {line}" for line in _story_lines(story))
        if entry["left_out"]:
            more = "1 target" if entry["left_out"] == 1 else f"{entry['left_out']} targets"
            lines.append(f"    and {more} more, not followed or in further ways")
    lines.extend(f"  {_place_line(place)}" for place in result["elsewhere"])
    lines.extend(f"  not in job {job} on {_names(sorted(set(servers)))}" for job, servers in absent.items())
    if len(lines) == 1:
        lines.append("  nothing makes it")
    return "\n".join(lines)


def _is_nothing(story: Mapping[str, Any]) -> bool:
    """Whether targets do not have the label and no rule concerns it, or them."""
    return story["presence"] == "never" and not story["steps"] and not story["dropped"]


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


def _place_line(place: Mapping[str, Any]) -> str:
    of_job = f" of job {_names(place['jobs'])}" if place["jobs"] else ""
    does = f": {place['does']}" if place["does"] else ""
    return f"{place['stage']}{of_job} ({place['file']}:{place['line']}) on {_names(place['servers'])}{does}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {len(names) - 5} more"
