# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the servers of a fleet disagree about labels, worked out from the fields that extract_fields returns."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    compiled,
    template_pieces,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import DEFAULT_REPLACEMENT
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.stages import is_literal

REPLICA_LABELS: Final = ("replica", "prometheus_replica", "__replica__", "ha_replica")
# Stages whose sources say how a label is made. External labels are compared by value, labels of rules not at all.
_TARGET_STAGES: Final = frozenset(
    {"relabel_configs", "static_configs", "file_sd_configs", "service_discovery", "default"}
)
_RELABEL_STAGES: Final = frozenset({"metric_relabel_configs", "alert_relabel_configs", "write_relabel_configs", "otlp"})
_RULE_KEYS: Final = ("action", "source_labels", "separator", "regex", "replacement", "target_label", "modulus")
_WAY_KEYS: Final = ("stage", "origin", *_RULE_KEYS, "through")
# Actions that look at neither regex nor replacement.
_WITHOUT_REGEX: Final = frozenset({"hashmod", "lowercase", "uppercase"})
_SEVERITIES: Final = ("error", "warning", "info")
_NAMED_SERVERS: Final = 5
_NAMED_WAYS: Final = 4

# How a label is made: stage, origin and rule, without the place.
Way = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """replica_labels: what tells the members of an HA pair apart. ignore: labels that are not compared."""

    replica_labels: tuple[str, ...] = REPLICA_LABELS
    ignore: frozenset[str] = frozenset()


def find_drift(
    fields: Sequence[Mapping[str, Any]], servers: Mapping[str, Mapping[str, Any]], settings: Settings | None = None
) -> list[dict[str, Any]]:
    """Findings, the worst first; plain data. fields and servers as extract_fields returns them."""
    return _Fleet(fields, servers, settings or Settings()).findings()


class _Fleet:
    def __init__(
        self, fields: Sequence[Mapping[str, Any]], servers: Mapping[str, Mapping[str, Any]], settings: Settings
    ) -> None:
        self._fields = [field for field in with_mapped(fields) if field["name"] not in settings.ignore]
        self._servers = servers
        self._settings = settings
        self._loaded = [name for name in sorted(servers) if servers[name].get("config", "loaded") == "loaded"]
        # Without those of which a file is refused, who run the one before it, or could not be read.
        self._compared = [name for name in self._loaded if not _first_error(servers[name])]
        self._found: list[dict[str, Any]] = []

    def findings(self) -> list[dict[str, Any]]:
        self._left_out()
        for field in self._fields:
            self._ways(field)
            self._missing(field)
        self._external_labels()
        return sorted(
            self._found,
            key=lambda item: (_SEVERITIES.index(item["severity"]), item["kind"], item["label"] or "", item["servers"]),
        )

    def _left_out(self) -> None:
        reasons: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._servers):
            server = self._servers[name]
            status, config = server.get("status", "ok"), server.get("config", "loaded")
            why = _first_error(server)
            if config == "refused" or why:
                what = "its Prometheus would refuse the config" if config == "refused" else "a file of it is of no use"
                reasons[f"{what}{why}"].append(name)
            elif status not in {"ok", "partial", "unchanged", "no_such_directory"}:
                reasons[f"the sweep did not reach it ({status})"].append(name)
        for reason, names in reasons.items():
            self._add("not_compared", "warning", None, names, f"{_listed(names)} could not be compared: {reason}.")

    # ---- how a label is made ----

    def _ways(self, field: Mapping[str, Any]) -> None:
        ways: dict[str, set[Way]] = defaultdict(set)
        places: dict[tuple[str, Way], str] = {}
        for source in field["sources"]:
            if source["stage"] in _TARGET_STAGES or source["stage"] in _RELABEL_STAGES:
                way, place = _way(source), _place(source)
                for server in source["servers"]:
                    ways[server].add(way)
                    places.setdefault((server, way), place)
        groups: dict[frozenset[Way], list[str]] = defaultdict(list)
        for name in self._compared:
            if name in ways:
                groups[frozenset(ways[name])].append(name)
        if len(groups) < 2:
            return
        ordered = sorted(groups, key=lambda group: (-len(groups[group]), groups[group]))
        usual = ordered[0]
        label = field["name"]
        # One that has all the ways of the other and more has further jobs, most likely.
        nested = all(group < usual or group > usual for group in ordered[1:])
        tied = len(groups[ordered[1]]) == len(groups[usual])
        odd = self._compared if tied else [name for group in ordered[1:] for name in groups[group]]
        odd = sorted(name for name in odd if name in ways)
        common = frozenset.intersection(*ordered)
        parts = []
        for group in ordered[:_NAMED_WAYS]:
            own = sorted(group - common, key=repr)
            where = dict.fromkeys(filter(None, (places[groups[group][0], way] for way in own[:_NAMED_WAYS])))
            words = _described_all(own) or "in no further way"
            place = f" ({' and '.join(where)})" if where else ""
            parts.append(f"{words} on {_listed(groups[group])}{place}")
        more = len(ordered) - len(parts)
        message = f"{label} is made in different ways: {'; '.join(parts)}{f'; and {more} more' if more else ''}."
        self._add(
            "made_differently",
            "info" if nested else "warning",
            label,
            odd,
            message,
            differs=_differences(ordered),
            groups=[
                {"servers": groups[group], "sources": [_as_dict(way) for way in sorted(group, key=repr)]}
                for group in ordered
            ],
        )

    def _missing(self, field: Mapping[str, Any]) -> None:
        stages = {source["stage"] for source in field["sources"]}
        if stages == {"external_labels"} or len(self._compared) < 2:
            return
        having = {
            server
            for source in field["sources"]
            if source["stage"] != "external_labels"
            for server in source["servers"]
        }.intersection(self._compared)
        missing = [name for name in self._compared if name not in having]
        present = len(self._compared) - len(missing)
        if not missing or not present:
            return
        label = field["name"]
        on_targets = bool(stages & _TARGET_STAGES)
        usual = present >= len(missing)
        where = f"missing on {_listed(missing)}" if usual else f"only on {_listed(sorted(having))}"
        message = f"{label} is {where} (it is on {present} of {len(self._compared)} servers{_first_place(field)})."
        self._add("missing", "warning" if usual and on_targets else "info", label, missing, message, present=present)

    # ---- external labels ----

    def _external_labels(self) -> None:
        labels = {name: dict(self._servers[name].get("external_labels") or {}) for name in self._loaded}
        if len(labels) < 2:
            return
        names = Counter(label for own in labels.values() for label in own if label not in self._settings.ignore)
        if not names:
            message = f"No server has external labels, so what {_listed(self._loaded)} send cannot be told apart."
            self._add("no_external_labels", "warning", None, self._loaded, message)
            return
        for label in sorted(names):
            missing = [name for name in self._loaded if label not in labels[name]]
            if missing:
                message = f"The external label {label} is missing on {_listed(missing)}"
                place = next((_first_place(item) for item in self._fields if item["name"] == label), "")
                message += f" (it is on {names[label]} of {len(labels)} servers{place})."
                severity = "warning" if names[label] >= len(missing) else "info"
                self._add("external_label_missing", severity, label, missing, message, present=names[label])
        self._equal(labels)
        self._clashes(labels, names)
        self._pairs(labels)

    def _equal(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        groups: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
        for name, own in labels.items():
            groups[tuple(sorted(own.items()))].append(name)
        for items, names in sorted(groups.items(), key=lambda entry: entry[1]):
            # A variable has another value on each server, as far as one can know.
            if len(names) < 2 or not all(is_literal(value) for _label, value in items):
                continue
            shown = ", ".join(f"{label}={value}" for label, value in items) or "none"
            message = (
                f"{_listed(names)} have the same external labels ({shown}), so what they send cannot be told apart. "
                "The members of an HA pair need a replica label that differs."
            )
            self._add("external_labels_equal", "error", None, names, message, external_labels=dict(items))

    def _clashes(self, labels: Mapping[str, Mapping[str, str]], names: Counter[str]) -> None:
        """A label that tells all servers apart but some: most likely one was copied and not changed."""
        for label in sorted(names):
            values: dict[str, list[str]] = defaultdict(list)
            for name, own in labels.items():
                if label in own and is_literal(own[label]):
                    values[own[label]].append(name)
            shared = {value: having for value, having in values.items() if len(having) > 1}
            if len(values) < 4 or len(shared) != 1:
                continue
            value, having = next(iter(shared.items()))
            if len(having) > 2 or len({tuple(sorted(labels[name].items())) for name in having}) == 1:
                continue  # too many for a mistake, or reported as equal
            message = f"The external label {label} is {value} on {_listed(having)}; on all other servers it is unique."
            self._add("external_label_clash", "warning", label, having, message)

    def _pairs(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        groups: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
        replicas, compared = self._settings.replica_labels, set(self._compared)
        for name, own in labels.items():
            if any(label in own for label in replicas):
                groups[tuple(sorted(item for item in own.items() if item[0] not in replicas))].append(name)
        members: list[list[str]] = []
        for items, names in sorted(groups.items(), key=lambda entry: entry[1]):
            by = [label for label in replicas if len({labels[name].get(label) for name in names}) > 1]
            literal = all(is_literal(labels[name].get(label, "")) for name in names for label in replicas)
            if len(names) < 2 or (literal and not by):
                continue
            label = by[0] if by else next(label for label in replicas if label in labels[names[0]])
            message = f"{_pair(names)}: their external labels differ in {label} alone."
            self._add("ha_pair", "info", label, names, message, external_labels=dict(items))
            members.append([name for name in names if name in compared])
        self._pairs_differ(members)

    def _pairs_differ(self, pairs: Sequence[Sequence[str]]) -> None:
        """What the members of an HA pair make differently, although they must make the same."""
        for field in self._fields if pairs else ():
            ways: dict[str, set[Way]] = defaultdict(set)
            for source in field["sources"]:
                if source["stage"] != "external_labels":
                    way = _way(source)
                    for server in source["servers"]:
                        ways[server].add(way)
            label = field["name"]
            for names in pairs:
                if len({frozenset(ways[name]) for name in names}) > 1:
                    lacking = [name for name in names if not ways[name]]
                    missing = f"{label} is missing on {_listed(lacking)}"
                    how = missing if lacking else f"they make {label} in different ways"
                    message = f"{_pair(names)} and must make the same labels, but {how}."
                    self._add("ha_pair_differs", "error", label, names, message)

    def _add(
        self, kind: str, severity: str, label: str | None, servers: Iterable[str], message: str, **more: Any
    ) -> None:
        self._found.append(
            {"kind": kind, "severity": severity, "label": label, "servers": list(servers), "message": message, **more}
        )


def _first_error(server: Mapping[str, Any]) -> str:
    """The first of a server's problems that is an error, as an addition to a sentence."""
    fault = next((item for item in server.get("problems") or () if item.get("severity") == "error"), None)
    return f" ({_place(fault)}: {fault['message']})" if fault else ""


def with_mapped(fields: Sequence[Mapping[str, Any]], most: int | None = None) -> list[Mapping[str, Any]]:
    """The fields, with the mappings by which servers that have no rule of their own make a label on targets.

    Where these are more than most, one stands for all of them.
    """
    families = [field for field in fields if field.get("pattern")]
    return [_with_mapped(field, families, most) for field in fields] if families else list(fields)


def _with_mapped(
    field: Mapping[str, Any], families: Iterable[Mapping[str, Any]], most: int | None
) -> Mapping[str, Any]:
    """The field of a label on targets, with the mapping of labels by which servers without a rule of their own make it.

    A mapping that servers with such a rule have, too, says nothing: they have the rule for what it does not give.
    """
    own = [source for source in field["sources"] if source["stage"] in _TARGET_STAGES]
    if field.get("pattern") or not own:
        return field
    having = {server for source in own for server in source["servers"]}
    mapped = [
        source
        for family in families
        if compiled(family["pattern"]).matches(field["name"])
        for source in family["sources"]
        if source["stage"] in _TARGET_STAGES and having.isdisjoint(source["servers"])
    ]
    if most is not None and len(mapped) > most:
        mapped = [_together(mapped)]
    return {**field, "sources": [*field["sources"], *mapped]} if mapped else field


def _together(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What sources have in common, on the servers of all of them."""
    shared = {
        key: value if all(source.get(key) == value for source in sources) else None for key, value in sources[0].items()
    }
    servers = sorted({server for source in sources for server in source["servers"]})
    file = f"{len(sources)} mappings, each told under the names that it gives"
    return {**shared, "file": file, "line": 0, "jobs": [], "overwrites": [], "servers": servers}


def _way(source: Mapping[str, Any]) -> Way:
    """The way of a source, spelled so that ways with the same results are equal."""
    through = tuple(_rule(rule) for rule in source.get("through") or ())
    return (source["stage"], source.get("origin"), *_rule(source), through)


def _rule(source: Mapping[str, Any]) -> tuple[Any, ...]:
    rule: dict[str, Any] = {key: source.get(key) for key in _RULE_KEYS}
    if isinstance(rule["source_labels"], list):
        rule["source_labels"] = tuple(rule["source_labels"])
    if len(rule["source_labels"] or ()) < 2:
        rule["separator"] = None
    if rule["action"] in _WITHOUT_REGEX:
        rule["regex"] = rule["replacement"] = None
    for key in ("replacement", "target_label"):
        if rule[key] and "$" in rule[key]:
            rule[key] = _template(rule[key])
    if rule["replacement"] == DEFAULT_REPLACEMENT:
        rule["replacement"] = None
    return tuple(rule.values())


def _template(text: str) -> str:
    """The same template, with brackets around the names of groups only where they are needed."""
    found = ""
    pieces = template_pieces(text)
    for number, (piece, is_group) in enumerate(pieces):
        if not is_group:
            found += piece.replace("$", "$$")
            continue
        after, after_is_group = pieces[number + 1] if number + 1 < len(pieces) else ("", False)
        closed = not after_is_group and re.match(r"\w", after)
        found += f"${{{piece}}}" if closed else f"${piece}"
    return found


def _as_dict(way: Way) -> dict[str, Any]:
    found = dict(zip(_WAY_KEYS, way, strict=True))
    found["source_labels"] = list(found["source_labels"] or ())
    found["through"] = [_rule_as_dict(rule) for rule in found["through"]]
    return found


def _rule_as_dict(rule: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(_RULE_KEYS, rule, strict=True))
    found["source_labels"] = list(found["source_labels"] or ())
    return found


def _described(way: Way) -> str:
    """A way in words."""
    item = _as_dict(way)
    if item["action"] is None:
        return {"static": "in static_configs", "file_sd": "in target files"}.get(item["origin"], f"by {item['origin']}")
    before = [f"{rule['target_label']} {_described_rule(rule)}" for rule in item["through"]]
    return _described_rule(item) + (f" (after {_some(before)})" if before else "")


def _described_rule(item: Mapping[str, Any]) -> str:
    words = [] if item["action"] == "replace" else [f"by {item['action']}"]
    if item["source_labels"]:
        words.append(f"from {', '.join(item['source_labels'])}")
    keys = ("regex", "replacement", "separator", "modulus")
    words.extend(f"with {key} {item[key]!r}" for key in keys if item[key] is not None)
    return " ".join(words) or "by a rule without sources"


def _place(source: Mapping[str, Any]) -> str:
    line = f":{source['line']}" if source.get("line") else ""
    return f"{source['file']}{line}" if source.get("file") else ""


def _first_place(field: Mapping[str, Any]) -> str:
    """Where the label is made, as an addition to a sentence."""
    place = next(filter(None, map(_place, field["sources"])), "")
    return f", made in {place}" if place else ""


def _described_all(ways: Sequence[Way]) -> str:
    return _some([_described(way) for way in ways])


def _some(words: Sequence[str]) -> str:
    more = len(words) - _NAMED_WAYS
    return " and ".join(words[:_NAMED_WAYS]) + (f" and {more} more" if more > 0 else "")


def _differences(groups: Sequence[frozenset[Way]]) -> list[str]:
    """The parts of the rules in which the ways differ, leaving out ways that all servers have."""
    common = frozenset.intersection(*groups)
    ways = [way for group in groups for way in group - common]
    return [key for number, key in enumerate(_WAY_KEYS) if len({way[number] for way in ways}) > 1]


def _pair(names: Sequence[str]) -> str:
    return f"{_listed(names)} are an HA {'pair' if len(names) == 2 else 'group'}"


def _listed(names: Sequence[str]) -> str:
    """Servers as text: all if they are few, else the first ones and how many more."""
    if len(names) <= _NAMED_SERVERS:
        return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else "no server"
    return f"{', '.join(names[: _NAMED_SERVERS - 1])} and {len(names) - _NAMED_SERVERS + 1} more"
