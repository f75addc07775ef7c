# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Alertmanager config → the labels that it uses: routes, groupings, inhibitions, and templates apart from these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import matchers
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Items,
    Report,
    Section,
    is_masked,
    read,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import (
    Documents,
    Fault,
    Mapping,
    Node,
    Scalar,
    Sequence,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.matchers import Matcher
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile, Problem, told
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_alertmanager import (
    ALERTMANAGER,
    routes_below,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_receivers import (
    RECEIVERS,
    is_set,
)

ALL_LABELS: Final = "..."


@dataclass(frozen=True, slots=True)
class Use:
    """One place that depends on one label.

    kind: "route", "group_by", "inhibit_source", "inhibit_target", "inhibit_equal" or "template" (which only shows it).
    path: where it stands in the config, such as route.routes[0].matchers. operator and value are those of a matcher;
    both are None where the label is only named. line counts from 1.
    """

    kind: str
    label: str
    path: str
    line: int
    operator: str | None = None
    value: str | None = None

    @property
    def matcher(self) -> Matcher | None:
        if self.operator is None or self.value is None:
            return None
        return Matcher(self.label, self.operator, self.value)


@dataclass(slots=True)
class Route:
    """One node of the routing tree.

    matchers are its own; an alert gets here when it also satisfies those of all routes above. receiver and group_by are
    as inherited; group_by_line is 0 where group_by is the parent's. group_by holds ALL_LABELS alone for "...".
    """

    path: str
    line: int
    receiver: str
    matchers: list[Use] = field(default_factory=list)
    group_by: list[str] = field(default_factory=list)
    group_by_line: int = 0
    continues: bool = False
    routes: list[Route] = field(default_factory=list)

    def walk(self, above: tuple[Route, ...] = ()) -> Iterator[tuple[Route, tuple[Route, ...]]]:
        """This route and all under it, in the order in which alerts meet them, each with the routes above it."""
        stack: list[tuple[Route, tuple[Route, ...]]] = [(self, above)]
        while stack:
            route, parents = stack.pop()
            yield route, parents
            stack.extend((child, (*parents, route)) for child in reversed(route.routes))


@dataclass(slots=True)
class Inhibition:
    """One inhibit rule: alerts that match source mute those that match target and agree on the labels in equal."""

    path: str
    line: int
    source: list[Use] = field(default_factory=list)
    target: list[Use] = field(default_factory=list)
    equal: list[Use] = field(default_factory=list)


@dataclass(slots=True)
class AlertmanagerConfig:
    """What one config file comes to. route is None where it has none that can be read; refused: it does not load."""

    file: str
    route: Route | None = None
    inhibitions: list[Inhibition] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    refused: bool = False


def read_alertmanager(file: ConfigFile, documents: Documents | None = None) -> AlertmanagerConfig:
    """Read the main config of an Alertmanager. Never raises for what the file holds."""
    result = AlertmanagerConfig(file.path)
    if file.content is None:
        result.problems.append(Problem(file.path, 0, f"could not be read: {file.error or 'it is not text'}"))
        result.refused = True
        return result
    document = (documents or Documents()).of(file)
    section, faults = read(document, ALERTMANAGER)
    reader = _Reader(result, faults)
    if isinstance(section, Section):
        reader.config(section)
    elif not faults:
        reader.faults.append(Fault(0, "holds no config"))
    if document.root is not None:
        result.uses.extend(template_uses(document.root))
    result.problems = told({Problem(file.path, item.line, item.message, item.severity) for item in reader.faults})
    result.refused = any(problem.severity == "error" for problem in result.problems)
    return result


class _Reader:
    def __init__(self, result: AlertmanagerConfig, faults: Iterable[Fault]) -> None:
        self.result = result
        self.faults = list(faults)

    def config(self, section: Section) -> None:
        report = Report()
        self.result.receivers = _receivers(section, report)
        self.result.templates = [item for item in section.get("templates") or () if item]
        _check_routes(section, self.result.receivers, report)
        self.faults.extend(report.faults)
        root = section.get("route")
        if isinstance(root, Section):
            self.result.route = self._route(root, "route", None)
        for index, rule in enumerate(section.get("inhibit_rules") or ()):
            if isinstance(rule, Section):
                self.result.inhibitions.append(self._inhibition(rule, f"inhibit_rules[{index}]"))

    def _route(self, section: Section, path: str, parent: Route | None) -> Route:
        route = Route(path, section.line, section.get("receiver") or (parent.receiver if parent else ""))
        route.continues = bool(section.get("continue"))
        route.matchers = self._matchers(section, "", "route", path)
        group_by = section.get("group_by")
        if isinstance(group_by, Items):
            route.group_by = list(group_by)
            route.group_by_line = section.line_of("group_by")
            for label, line in zip(group_by, group_by.lines, strict=True):
                self.result.uses.append(Use("group_by", label, f"{path}.group_by", line))
        elif parent is not None:
            route.group_by = parent.group_by
        children = section.get("routes") or ()
        for index, child in enumerate(children):
            if isinstance(child, Section):
                route.routes.append(self._route(child, f"{path}.routes[{index}]", route))
        return route

    def _inhibition(self, section: Section, path: str) -> Inhibition:
        rule = Inhibition(path, section.line)
        rule.source = self._matchers(section, "source_", "inhibit_source", path)
        rule.target = self._matchers(section, "target_", "inhibit_target", path)
        equal = section.get("equal")
        if isinstance(equal, Items):
            rule.equal = [
                Use("inhibit_equal", label, f"{path}.equal", line)
                for label, line in zip(equal, equal.lines, strict=True)
            ]
            self.result.uses.extend(rule.equal)
        return rule

    def _matchers(self, section: Section, prefix: str, kind: str, path: str) -> list[Use]:
        """The matchers of a route or of one side of an inhibition, from all three keys that hold some."""
        found: list[Use] = []
        for key, operator in ((f"{prefix}match", "="), (f"{prefix}match_re", "=~")):
            values = section.get(key)
            if isinstance(values, Section):
                for name, value in values.items():
                    if value is None:
                        continue
                    line = values.line_of(name)
                    try:
                        one = matchers.made(name, operator, value)
                    except matchers.MatcherError as error:
                        self._unreadable(line, error)
                        continue
                    found.append(Use(kind, one.name, f"{path}.{key}", line, one.operator, one.value))
        items = section.get(f"{prefix}matchers")
        if isinstance(items, Items):
            for item, line in zip(items, items.lines, strict=True):
                try:
                    reading = matchers.parse(item)
                except matchers.MatcherError as error:
                    self._unreadable(line, error)
                    continue
                if reading.note and not is_masked(item):
                    self.faults.append(Fault(line, f"has a matcher that {reading.note}", "warning"))
                found.extend(
                    Use(kind, one.name, f"{path}.{prefix}matchers", line, one.operator, one.value)
                    for one in reading.matchers
                )
        self.result.uses.extend(found)
        return found

    def _unreadable(self, line: int, error: matchers.MatcherError) -> None:
        """A mask can be where a matcher was; what it hides cannot be judged."""
        self.faults.append(Fault(line, f"has a matcher that cannot be read: it {error}", "warning"))


# ---- what only the whole config can tell ----

# What a receiver takes from the global section when it has none of its own.
_INHERITED: Final = {
    "email_configs": (("smarthost", "smtp_smarthost"), ("from", "smtp_from")),
    "slack_configs": (
        (
            "api_url api_url_file app_token app_token_file",
            "slack_api_url slack_api_url_file slack_app_token slack_app_token_file",
        ),
    ),
    "opsgenie_configs": (("api_key api_key_file", "opsgenie_api_key opsgenie_api_key_file"),),
    "victorops_configs": (("api_key api_key_file", "victorops_api_key victorops_api_key_file"),),
    "wechat_configs": (
        ("api_secret api_secret_file", "wechat_api_secret wechat_api_secret_file"),
        ("corp_id", "wechat_api_corp_id"),
    ),
    "telegram_configs": (("bot_token bot_token_file", "telegram_bot_token telegram_bot_token_file"),),
    "rocketchat_configs": (
        ("token token_file", "rocketchat_token rocketchat_token_file"),
        ("token_id token_id_file", "rocketchat_token_id rocketchat_token_id_file"),
    ),
    "mattermost_configs": (("webhook_url webhook_url_file", "mattermost_webhook_url mattermost_webhook_url_file"),),
    "jira_configs": (("api_url", "jira_api_url"),),
}


def _receivers(section: Section, report: Report) -> list[str]:
    """The names of the receivers; what they lack, since the global section has none of it either, is reported."""
    settings = section.get("global")
    inherited = settings if isinstance(settings, Section) else Section(0)
    names: list[str] = []
    for receiver in section.get("receivers") or ():
        if not isinstance(receiver, Section):
            continue
        name = receiver.get("name") or ""
        if name in names:
            report.add(receiver.line_of("name"), f"has two receivers of the name {name!r}")
        names.append(name)
        for key in RECEIVERS:
            for item in receiver.get(key) or ():
                if isinstance(item, Section):
                    _check_inherited(item, key, inherited, report)
    return names


def _check_inherited(item: Section, key: str, settings: Section, report: Report) -> None:
    for own, above in _INHERITED.get(key, ()):
        if not is_set(item, own) and not is_set(settings, above):
            wanted, first = own.split()[0], above.split()[0]
            report.add(item.line, f"has a receiver without {wanted}, and the global section has no {first}")


def _check_routes(section: Section, receivers: list[str], report: Report) -> None:
    root = section.get("route")
    if not isinstance(root, Section):
        if "route" not in section.lines or "route" in section:
            report.add(section.line_of("route"), "has no route")
        return
    if not root.get("receiver") and ("receiver" in root or "receiver" not in root.lines):
        report.add(root.line, "has a root route without a receiver")
    for key in ("match", "match_re", "matchers"):
        if root.get(key):
            report.add(root.line_of(key), f"has a root route with {key}: it must take all alerts")
    for key in ("mute_time_intervals", "active_time_intervals", "continue"):
        if root.get(key):
            report.add(root.line_of(key), f"has a root route with {key}")
    times = _time_intervals(section, report)
    for route in routes_below(root):
        receiver = route.get("receiver")
        if receiver and receiver not in receivers:
            report.add(route.line_of("receiver"), f"has a route to the receiver {receiver!r}, which does not exist")
        for key in ("mute_time_intervals", "active_time_intervals"):
            for name in route.get(key) or ():
                if name not in times:
                    report.add(route.line_of(key), f"has a route with the time interval {name!r}, which does not exist")


def _time_intervals(section: Section, report: Report) -> set[str]:
    names: set[str] = set()
    for key in ("mute_time_intervals", "time_intervals"):
        for item in section.get(key) or ():
            if isinstance(item, Section):
                name = item.get("name") or ""
                if name in names:
                    report.add(item.line_of("name"), f"has two time intervals of the name {name!r}")
                names.add(name)
    return names


# ---- templates ----

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_FIELD = re.compile(
    r"\.(?:CommonLabels|GroupLabels|Labels)(?:\.Values)?\.([A-Za-z_][A-Za-z0-9_]*)"
    r"|\bindex\s+[$.\w]*\.(?:CommonLabels|GroupLabels|Labels)\s+(?:\"((?:[^\"\\]|\\.)*)\"|`([^`]*)`)"
)
# Methods of a set of labels, which look like labels.
_METHODS: Final = frozenset({"SortedPairs", "Names", "Values", "Remove", "String"})


def template_labels(text: str) -> list[str]:
    """The labels that a templated string shows."""
    found: dict[str, None] = {}
    for action in _ACTION.finditer(text):
        for match in _FIELD.finditer(action.group()):
            name = match.group(1) or match.group(2) or match.group(3)
            if name and name not in _METHODS:
                found[name] = None
    return list(found)


def template_uses(root: Node) -> list[Use]:
    """The labels that the templated strings of a config show, each with its place."""
    found: list[Use] = []
    stack: list[tuple[Node, str]] = [(root, "")]
    seen: set[int] = set()
    while stack:
        node, path = stack.pop()
        if isinstance(node, Scalar):
            if "{{" in node.value:
                found.extend(Use("template", name, path, node.line) for name in template_labels(node.value))
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            entries = [
                (value, f"{path}.{key.value}".lstrip(".")) for key, value in node.pairs if isinstance(key, Scalar)
            ]
        elif isinstance(node, Sequence):
            entries = [(item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        else:
            continue
        stack.extend(reversed(entries))
    return found
