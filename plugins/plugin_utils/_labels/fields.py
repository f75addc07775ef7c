# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels of many servers, merged: fields with their sources, and what each server gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.made import (
    MAX_VALUES,
    ORIGINS,
    Made,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import Problem, ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import (
    Options,
    ServerLabels,
    Shared,
    garbage_collection_paused,
    read_server,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    DEFAULT_REGEX,
    DEFAULT_REPLACEMENT,
    DEFAULT_SEPARATOR,
    WRITERS,
    Rule,
)


@dataclass(slots=True)
class _Source:
    made: Made
    servers: list[str] = field(default_factory=list)


def read_servers(servers: Mapping[str, ServerConfigs], options: Options | None = None) -> dict[str, ServerLabels]:
    """What each server's Prometheus makes of labels. Servers with the same files share one result."""
    shared = Shared(options)
    known: dict[object, ServerLabels] = {}
    found: dict[str, ServerLabels] = {}
    with garbage_collection_paused():
        for name in sorted(servers):
            configs = servers[name]
            key = tuple((item.path, item.service, item.content, item.error) for item in configs.files)
            if key not in known:
                known[key] = read_server(configs, shared)
            found[name] = known[key]
    return found


def extract(servers: Mapping[str, ServerConfigs], options: Options | None = None) -> dict[str, Any]:
    """The fields of a fleet, as the contract of extract_fields has them: plain data, in an order that depends on the
    input alone.
    """
    options = options or Options()
    read = read_servers(servers, options)
    return {
        "fields": fields_of(read),
        "servers": {name: _server(servers[name], labels, options) for name, labels in read.items()},
    }


def fields_of(read: Mapping[str, ServerLabels]) -> list[dict[str, Any]]:
    """The fields of what was read, ordered by name."""
    groups: dict[int, tuple[ServerLabels, list[str]]] = {}
    for name, labels in read.items():
        groups.setdefault(id(labels), (labels, []))[1].append(name)
    sources: dict[str, dict[object, _Source]] = {}
    for labels, names in groups.values():
        for made in labels.made:
            _add(sources.setdefault(made.name, {}), made, names)
    return [_field(name, sources[name].values()) for name in sorted(sources)]


def _add(known: dict[object, _Source], made: Made, names: list[str]) -> None:
    source = known.get(made.key)
    if source is None:
        known[made.key] = _Source(made.copy(), list(names))
    else:
        source.made.absorb(made)
        source.servers.extend(names)


def _field(name: str, found: Iterable[_Source]) -> dict[str, Any]:
    sources = sorted(found, key=_order)
    main = sources[0].made
    values = set().union(*(source.made.values for source in sources))
    complete = all(source.made.complete for source in sources) and len(values) <= MAX_VALUES
    return {
        "name": name,
        "origin": main.origin,
        "source_label": next(iter(main.roots), None),
        "regex": _not_default(main.rule, "regex"),
        "replacement": _not_default(main.rule, "replacement"),
        "pattern": main.pattern,
        "presence": _presence(all(source.made.always for source in sources)),
        "sources": [_as_dict(source) for source in sources],
        "servers": sorted({server for source in sources for server in source.servers}),
        "values": sorted(values)[:MAX_VALUES],
        "values_complete": complete,
    }


def _order(source: _Source) -> tuple[Any, ...]:
    """Origins in their order, then what most servers have, then the place."""
    made = source.made
    return (
        ORIGINS.index(made.origin),
        -len(source.servers),
        not made.always,
        made.file,
        made.line,
        made.stage,
        *(_parts(rule) for rule in (made.rule or Rule(), *made.through)),
    )


def _parts(rule: Rule) -> tuple[Any, ...]:
    """All of a rule but its line, to sort by."""
    return (
        rule.action,
        rule.source_labels,
        rule.separator,
        rule.regex,
        rule.replacement,
        rule.modulus,
        rule.target_label,
    )


def _as_dict(source: _Source) -> dict[str, Any]:
    made = source.made
    return {
        "servers": sorted(set(source.servers)),
        "jobs": sorted(made.jobs),
        "file": made.file,
        "line": made.line,
        "stage": made.stage,
        "origin": made.origin,
        **_rule_as_dict(made.rule),
        "through": [_rule_as_dict(rule) for rule in made.through],
        "from": list(made.roots),
        "presence": _presence(made.always),
        "overwrites": sorted(made.overwrites),
        "variables": sorted(made.variables),
    }


def _rule_as_dict(rule: Rule | None) -> dict[str, Any]:
    return {
        "action": rule.action if rule else None,
        "source_labels": list(rule.source_labels) if rule else [],
        "separator": _not_default(rule, "separator"),
        "regex": _not_default(rule, "regex"),
        "replacement": _not_default(rule, "replacement"),
        "target_label": (rule.target_label or None) if rule and rule.action in WRITERS else None,
        "modulus": rule.modulus if rule and rule.action == "hashmod" else None,
    }


_DEFAULTS = {"regex": DEFAULT_REGEX, "replacement": DEFAULT_REPLACEMENT, "separator": DEFAULT_SEPARATOR}


def _not_default(rule: Rule | None, key: str) -> str | None:
    """A value of a rule; None where it is the default or where there is no rule."""
    value: str | None = getattr(rule, key) if rule is not None else None
    return None if value == _DEFAULTS[key] else value


def _presence(always: bool) -> str:
    return "always" if always else "conditional"


def _server(configs: ServerConfigs, labels: ServerLabels, options: Options) -> dict[str, Any]:
    unfound = labels.config == "missing" and _should_have_one(configs)
    return {
        "status": configs.status,
        "error": configs.error,
        "digest": configs.digest,
        "config": labels.config,
        "external_labels": dict(labels.external_labels),
        "jobs": list(labels.jobs),
        "files": list(labels.files),
        "fields": sorted({made.name for made in labels.made}),
        "problems": [problem.as_dict() for problem in [*labels.problems, *([_no_main(options)] if unfound else [])]],
    }


def _should_have_one(configs: ServerConfigs) -> bool:
    """Whether a server without a main config is odd. One that has an Alertmanager alone is not."""
    if not configs.files:
        # The files of an unchanged server may not have been read again.
        return configs.status in ("ok", "partial")
    return any(file.service != "alertmanager" for file in configs.files)


def _no_main(options: Options) -> Problem:
    message = (
        "no main config of Prometheus was found: see the directory and the patterns of the service prometheus in "
        "services (publish_services), and main_config if the file has another name"
    )
    return Problem(options.main_names[0], 0, message, "warning")
