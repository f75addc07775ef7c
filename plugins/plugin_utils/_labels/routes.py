# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes, groupings and inhibitions of a fleet's Alertmanagers, held against the alerts that its Prometheus send."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.alertmanager import (
    ALL_LABELS,
    AlertmanagerConfig,
    Inhibition,
    Route,
    Use,
    read_alertmanager,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.alerts import (
    OF_METRICS,
    POSSIBLE,
    Alerts,
    Chance,
    Value,
    alerts_of,
    gaps_of,
    known_names,
    senders_of,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import Documents
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import Mapping as YamlMapping
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.matchers import Matcher
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import (
    Options,
    Shared,
    garbage_collection_paused,
)

MAIN_NAMES: Final = ("alertmanager.yml", "alertmanager.yaml")
_SEVERITIES: Final = ("error", "warning", "info")
# Alerts that are not from the fleet's rules can have any labels; gaps are named up to this many.
_MAX_GAPS: Final = 3


def check_routes(
    servers: Mapping[str, ServerConfigs], options: Options | None = None, also: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """What is wrong with the use of labels, the worst first; plain data. also: labels that come from elsewhere."""
    shared = Shared(options)
    with garbage_collection_paused():
        configs = _alertmanagers(servers, shared.documents)
        senders = senders_of(servers, shared)
        uses = [use for config, _names in configs for use in config.uses]
        asked = sorted({use.label for use in uses if use.operator})
        named = sorted({use.label for use in uses if use.kind in {"group_by", "inhibit_equal"}}.difference(asked))
        alerts = alerts_of(senders, asked, named)
    fleet = _Fleet(asked, alerts, gaps_of(senders), frozenset(also), known_names(senders))
    found: list[dict[str, Any]] = []
    for config, names in configs:
        found.extend(_Check(config, names, fleet).findings())
    return sorted(
        found, key=lambda item: (_SEVERITIES.index(item["severity"]), item["file"], item["line"], item["kind"])
    )


def _alertmanagers(
    servers: Mapping[str, ServerConfigs], documents: Documents
) -> list[tuple[AlertmanagerConfig, list[str]]]:
    """Each distinct main config, with the servers that have it."""
    found: dict[tuple[str, str | None], tuple[AlertmanagerConfig, list[str]]] = {}
    for name in sorted(servers):
        for file in main_configs(servers[name].files, documents):
            key = (file.path, file.content)
            if key not in found:
                found[key] = (read_alertmanager(file, documents), [])
            found[key][1].append(name)
    return list(found.values())


def main_configs(files: Sequence[ConfigFile], documents: Documents) -> list[ConfigFile]:
    """The main configs among a server's files: by name, of which the one highest up counts, else by what is in them."""
    own = [file for file in files if file.service == "alertmanager"]
    named = [file for file in own if posixpath.basename(file.path) in MAIN_NAMES]
    if named:
        depth = min(file.path.count("/") for file in named)
        return [file for file in named if file.path.count("/") == depth]
    return [file for file in own if _looks_main(file, documents)]


def _looks_main(file: ConfigFile, documents: Documents) -> bool:
    if file.content is None or not file.path.endswith((".yml", ".yaml")):
        return False
    root = documents.of(file).root
    return isinstance(root, YamlMapping) and {"route", "receivers"} <= root.entries().keys()


def _chance(matcher: Matcher | None, value: Value) -> Chance:
    if matcher is None:
        return Chance.POSSIBLE
    if matcher.matches(value.text):
        return Chance.ALWAYS if value.otherwise is Chance.NEVER else Chance.POSSIBLE
    return value.otherwise


# For THINKABLE, POSSIBLE and ALWAYS: which alerts have at least that chance, a bit for each. Thousands of rules meet
# hundreds of routes on a thousand servers.
Chances = tuple[int, ...]
_LEVELS: Final = (Chance.THINKABLE, Chance.POSSIBLE, Chance.ALWAYS)
_DIGITS: Final = tuple(bytes(b"01"[chance >= level] for chance in range(256)) for level in _LEVELS)


def _both(one: Chances, other: Chances) -> Chances:
    """The least chance of each alert."""
    return tuple(mine & its for mine, its in zip(one, other, strict=True))


def _best(chances: Chances) -> Chance:
    return max((level for level, alerts in zip(_LEVELS, chances, strict=True) if alerts), default=Chance.NEVER)


def _past(taken: Chances, left: Chances) -> Chances:
    """What is left of alerts for the routes behind one that takes some of them for sure."""
    return tuple(alerts & ~taken[-1] for alerts in left)


@dataclass(slots=True)
class _Fleet:
    """What is known of alerts. labels: what matchers ask for; names: labels that alerts may have."""

    labels: list[str]
    alerts: Alerts
    gaps: list[str]
    also: frozenset[str]
    names: frozenset[str]
    _columns: dict[str, tuple[list[Value], list[int]]] = field(default_factory=dict)
    _chances: dict[tuple[str, str | None, str | None], Chances] = field(default_factory=dict)
    _whys: dict[int, list[str]] = field(default_factory=dict)
    _meant: dict[str, str] = field(default_factory=dict)

    def values(self, label: str) -> Mapping[Value, set[str]]:
        """What some alert has of the label, and why it may have it although nothing in the configs says so."""
        return {POSSIBLE: set()} if label in self.also else self.alerts.known[label]

    def _column(self, label: str) -> tuple[list[Value], list[int]]:
        """What is known of the label, and for each alert, which of these."""
        if label not in self._columns:
            numbers: dict[Value, int] = {}
            at = self.labels.index(label)
            each = [
                numbers.setdefault(POSSIBLE if label in self.also else alert.values[at], len(numbers))
                for alert in self.alerts.kinds
            ]
            self._columns[label] = list(numbers), each
        return self._columns[label]

    def chances(self, use: Use) -> Chances:
        """How far each alert may satisfy a matcher."""
        key = (use.label, use.operator, use.value)
        found = self._chances.get(key)
        if found is None:
            (values, each), matcher = self._column(use.label), use.matcher
            chances = [_chance(matcher, value) for value in values]
            row = bytes(map(chances.__getitem__, each))
            found = self._chances[key] = tuple(int(row.translate(digits), 2) for digits in _DIGITS)
        return found

    def all_of(self, uses: Iterable[Use]) -> Chances:
        """How far each alert may satisfy all matchers."""
        everything = (1 << len(self.alerts.kinds)) - 1
        return functools.reduce(_both, map(self.chances, uses), (everything,) * len(_LEVELS))

    def best(self, uses: Sequence[Use]) -> Chance:
        """The best chance that some alert satisfies all."""
        return _best(self.all_of(uses))

    def doubts(self, uses: Sequence[Use]) -> list[str]:
        """Why some alert may satisfy all, although nothing in the configs says so."""
        thinkable, possible, _always = self.all_of(uses)
        doubted = thinkable & ~possible
        if doubted not in self._whys:
            kinds = self.alerts.kinds
            marks = zip(kinds, f"{doubted:0{len(kinds)}b}", strict=True)
            self._whys[doubted] = _sorted(alert.doubts for alert, mark in marks if mark == "1")
        return self._whys[doubted]

    def doubts_about(self, label: str) -> list[str]:
        """The same for having a label."""
        return _sorted(why for value, why in self.values(label).items() if value.otherwise is Chance.THINKABLE)

    def meant(self, label: str) -> str:
        """A question whether another label was meant, where one is spelled nearly so; else nothing."""
        if label not in self._meant:
            found = get_close_matches(label, sorted((self.names | self.also) - {label}), 1, 0.7)
            self._meant[label] = f" (was {found[0]} meant?)" if found else ""
        return self._meant[label]

    def presence(self, label: str) -> Chance:
        """How far it is known that some alert has the label."""
        values = self.values(label)
        return max((Chance.POSSIBLE if value.text else value.otherwise for value in values), default=Chance.NEVER)


def _sorted(doubts: Iterable[set[str]]) -> list[str]:
    return sorted(set().union(*doubts), key=lambda why: (why != OF_METRICS, why))


class _Check:
    """One config against the fleet's alerts."""

    def __init__(self, config: AlertmanagerConfig, servers: list[str], fleet: _Fleet) -> None:
        self._config = config
        self._servers = servers
        self._fleet = fleet
        self._found: list[dict[str, Any]] = []

    def findings(self) -> list[dict[str, Any]]:
        for problem in self._config.problems:
            self._add("config", problem.severity, problem.line, f"The config {problem.message}.")
        if not self._fleet.alerts.kinds:
            if self._config.uses:
                message = "Nothing can be said about routes: the sweep has no alerting rule that can be read."
                self._add("no_alerts", "info", 0, message, reasons=self._fleet.gaps)
            return self._found
        if self._config.route is not None:
            self._routes(self._config.route)
        for rule in self._config.inhibitions:
            self._inhibition(rule)
        return self._found

    # ---- routes ----

    def _routes(self, root: Route) -> None:
        reached = self._reached(root)
        silent: set[str] = set()
        for route, above in root.walk():
            if above and above[-1].path in silent:
                silent.add(route.path)
                continue
            chain = [use for parent in above for use in parent.matchers]
            chance = self._fleet.best([*chain, *route.matchers])
            if chance <= Chance.THINKABLE:
                silent.add(route.path)
                self._dead_route(route, chain, chance)
                continue
            left = reached.get(route.path, Chance.NEVER)
            if left <= Chance.THINKABLE:
                silent.add(route.path)
                self._shadowed(route, above, self._reasons(left, [*chain, *route.matchers]))
                continue
            self._idle(route.matchers, "route", route)
            if route.group_by_line and ALL_LABELS not in route.group_by:
                self._group_by(route)

    def _reached(self, root: Route) -> dict[str, Chance]:
        """For each route, the best chance that an alert gets there past the routes before it."""
        reached: dict[str, Chance] = {}
        stack = [(root, self._fleet.all_of(()))]
        while stack:
            route, left = stack.pop()
            reached[route.path] = _best(left)
            for child in route.routes:
                own = self._fleet.all_of(child.matchers)
                stack.append((child, _both(own, left)))
                if not child.continues:
                    left = _past(own, left)
        return reached

    def _dead_route(self, route: Route, chain: list[Use], chance: Chance) -> None:
        culprit = self._culprit(chain, route.matchers, chance)
        line = culprit.line if culprit else (route.matchers[0].line if route.matchers else route.line)
        why = self._why(culprit, route.matchers, chance)
        self._add(
            "dead_route",
            "error" if chance is Chance.NEVER else "warning",
            line,
            f"The route to {route.receiver} gets no alert: {why}.",
            use=culprit,
            path=route.path,
            route=route,
            reasons=self._reasons(chance, [*chain, *route.matchers]),
        )

    def _culprit(self, chain: list[Use], own: Sequence[Use], chance: Chance) -> Use | None:
        """The matcher that alone keeps everything out, given those above it; None where only several together do."""
        return next((use for use in own if self._fleet.best([use]) <= chance), None) or next(
            (use for use in own if self._fleet.best([*chain, use]) <= chance), None
        )

    def _shadowed(self, route: Route, above: Sequence[Route], reasons: Sequence[str]) -> None:
        siblings = above[-1].routes if above else []
        before = [item.receiver for item in siblings[: siblings.index(route)] if not item.continues]
        message = (
            f"The route to {route.receiver} gets no alert: those that it matches are taken by routes before it that do "
            f"not continue (to {', '.join(dict.fromkeys(before))})."
        )
        self._add("shadowed_route", "error", route.line, message, path=route.path, route=route, reasons=reasons)

    def _group_by(self, route: Route) -> None:
        for label in route.group_by:
            chance = self._fleet.presence(label)
            if chance > Chance.THINKABLE:
                continue
            line = next(
                (use.line for use in self._config.uses if use.path == f"{route.path}.group_by" and use.label == label),
                route.group_by_line,
            )
            known = (
                "no alert has the label" if chance is Chance.NEVER else "nothing in the configs gives alerts the label"
            )
            message = f"Grouping by {label} does nothing: {known}{self._fleet.meant(label)}."
            self._add(
                "empty_group_by",
                "warning" if chance is Chance.NEVER else "info",
                line,
                message,
                label=label,
                path=f"{route.path}.group_by",
                route=route,
                reasons=self._reasons(chance, label),
            )

    def _idle(self, uses: Sequence[Use], what: str, route: Route | None = None) -> None:
        """Matchers that test a label that no alert has, and let everything through."""
        for use in uses:
            matcher = use.matcher
            if matcher is None or not matcher.matches_absent or self._fleet.presence(use.label) is not Chance.NEVER:
                continue
            message = (
                f"The matcher {matcher} of this {what} lets every alert through: no alert has the label {use.label}."
            )
            self._add(
                "idle_matcher",
                "warning",
                use.line,
                message,
                use=use,
                path=use.path,
                route=route,
                reasons=self._fleet.gaps,
            )

    # ---- inhibitions ----

    def _inhibition(self, rule: Inhibition) -> None:
        dead = False
        for uses, what in ((rule.source, "source"), (rule.target, "target")):
            chance = self._fleet.best(uses)
            if chance <= Chance.THINKABLE:
                dead = True
                culprit = self._culprit([], uses, chance)
                line = culprit.line if culprit else rule.line
                self._add(
                    "dead_inhibition",
                    "error" if chance is Chance.NEVER else "warning",
                    line,
                    f"The inhibition never acts: its {what} gets no alert, since {self._why(culprit, uses, chance)}.",
                    use=culprit,
                    path=rule.path,
                    reasons=self._reasons(chance, uses),
                )
            else:
                self._idle(uses, f"inhibition's {what}")
        if dead:
            return
        for use in rule.equal:
            chance = self._fleet.presence(use.label)
            if chance <= Chance.THINKABLE:
                known = "no alert has it" if chance is Chance.NEVER else "nothing in the configs gives it to alerts"
                known += self._fleet.meant(use.label)
                message = f"The inhibition asks for an equal {use.label}, which is always so: {known}."
                severity = "warning" if chance is Chance.NEVER else "info"
                reasons = self._reasons(chance, use.label)
                self._add("empty_equal", severity, use.line, message, use=use, path=use.path, reasons=reasons)

    # ---- findings ----

    def _why(self, culprit: Use | None, uses: Sequence[Use], chance: Chance) -> str:
        """Why nothing satisfies the matchers. culprit: the one that is enough to keep everything out."""
        if culprit is None:
            asked = ", ".join(str(use.matcher) for use in uses)
            return f"no alert satisfies all of {asked}" if asked else "no alert satisfies the matchers above it"
        if chance is Chance.THINKABLE and self._fleet.presence(culprit.label) > chance:
            return f"it asks for {culprit.matcher}, and no rule gives such a value{self._values(culprit.label)}"
        if chance is Chance.THINKABLE:
            gives = f"nothing in the configs gives alerts the label {culprit.label}{self._fleet.meant(culprit.label)}"
            return f"it asks for {culprit.matcher}, and {gives}"
        if self._fleet.presence(culprit.label) is Chance.NEVER:
            meant = self._fleet.meant(culprit.label)
            return f"it asks for {culprit.matcher}, and no alert has the label {culprit.label}{meant}"
        return f"it asks for {culprit.matcher}, and no alert has such a value{self._values(culprit.label)}"

    def _values(self, label: str) -> str:
        known = self._fleet.values(label)
        texts = sorted({value.text for value in known if value.text})
        if not texts or any(value.otherwise > Chance.THINKABLE for value in known):
            return ""
        return f" (but {', '.join(texts[:8])}{', ...' if len(texts) > 8 else ''})"

    def _reasons(self, chance: Chance, about: Sequence[Use] | str) -> list[str]:
        """Why it may be that an alert satisfies these matchers, or has this label, if the best chance is this one."""
        if chance is not Chance.THINKABLE:
            return self._fleet.gaps
        doubts = self._fleet.doubts_about(about) if isinstance(about, str) else self._fleet.doubts(about)
        return [*doubts, *self._fleet.gaps]

    def _add(
        self,
        kind: str,
        severity: str,
        line: int,
        message: str,
        *,
        label: str | None = None,
        use: Use | None = None,
        path: str | None = None,
        route: Route | None = None,
        reasons: Sequence[str] = (),
    ) -> None:
        certain = not reasons
        if not certain and severity == "error":
            severity = "warning"
        shown = [*reasons[:_MAX_GAPS], *([f"{len(reasons) - _MAX_GAPS} more"] if len(reasons) > _MAX_GAPS else [])]
        note = "" if certain else f" This cannot be known for sure: {'; '.join(shown)}."
        self._found.append(
            {
                "kind": kind,
                "severity": severity,
                "certain": certain,
                "label": use.label if use else label,
                "operator": use.operator if use else None,
                "value": use.value if use else None,
                "message": message + note,
                "reasons": list(shown),
                "file": self._config.file,
                "line": line,
                "path": path,
                "receiver": route.receiver if route else None,
                "servers": list(self._servers),
            }
        )
