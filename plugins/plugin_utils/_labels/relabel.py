# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus relabelling: the rules, how they are read, and what they make of a label set that is known."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Items,
    ListOf,
    Number,
    Report,
    Section,
    Str,
    Struct,
    Text,
    is_masked,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import (
    MAX_TEXT,
    InvalidPatternError,
    Pattern,
    compiled,
    expanded,
    template_pieces,
)

ACTIONS: Final = (
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
)
# Actions that write the label that target_label names.
WRITERS: Final = frozenset({"replace", "hashmod", "lowercase", "uppercase"})

DEFAULT_REGEX: Final = "(.*)"
DEFAULT_REPLACEMENT: Final = "$1"
DEFAULT_SEPARATOR: Final = ";"

# labelmap can double the labels over and over; beyond this it copies no more.
MAX_LABELS: Final = 1000

_LEGACY_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the versions of Prometheus.

    dot_newline: a dot matches a line break. utf8_names: any name that is not empty is a label name.
    template_deletes: an empty result deletes a label whose name came from a template.
    instance_port: the default port is added to an address that has none.
    params_win: a parameter of the job replaces the one that a target has.
    """

    dot_newline: bool = True
    utf8_names: bool = True
    template_deletes: bool = True
    instance_port: bool = False
    params_win: bool = False


PROMETHEUS_3: Final = Dialect()
PROMETHEUS_2: Final = Dialect(
    dot_newline=False, utf8_names=False, template_deletes=False, instance_port=True, params_win=True
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One relabelling rule, defaults filled in. line is where it starts and no part of what makes rules equal."""

    action: str = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = DEFAULT_SEPARATOR
    regex: str = DEFAULT_REGEX
    modulus: int = 0
    target_label: str = ""
    replacement: str = DEFAULT_REPLACEMENT
    line: int = field(default=0, compare=False)

    def pattern(self, dialect: Dialect = PROMETHEUS_3) -> Pattern:
        return compiled(self.regex, dialect.dot_newline)


class Rules(tuple[Rule, ...]):
    """Rules in order. As a key, and asked who writes what, they are looked through once."""

    _hash: int | None = None
    _writers: dict[str, list[int]] | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash

    def feeders(self, index: int) -> tuple[Rule, ...]:
        """The rules before one that write what it reads, or what those read, by the names of labels alone."""
        if self._writers is None:
            self._writers = {}
            for at, rule in enumerate(self):
                if rule.action in WRITERS:
                    self._writers.setdefault(rule.target_label, []).append(at)
        found: set[int] = set()
        waiting = [index]
        while waiting:
            reader = waiting.pop()
            for name in self[reader].source_labels:
                before = [at for at in self._writers.get(name, ()) if at < reader and at not in found]
                found.update(before)
                waiting.extend(before)
        return tuple(self[at] for at in sorted(found))


def valid_name(name: str, dialect: Dialect) -> bool:
    """Whether a label may be called so."""
    return bool(name) if dialect.utf8_names else _LEGACY_NAME.fullmatch(name) is not None


# --- reading ---


def _check_regex(text: str) -> str | None:
    try:
        compiled(text)
    except InvalidPatternError as error:
        return f"has a regular expression that is not valid: {error}"
    return None


def _check_action(text: str) -> str | None:
    return None if text.lower() in ACTIONS else f"has the unknown relabel action {text!r}"


def check_label_name(text: str) -> str | None:
    if not text:
        return "has an empty label name"
    return None if _is_utf8(text) else "has a label name that is not UTF-8"


def check_label_value(text: str) -> str | None:
    return None if _is_utf8(text) else "has a label value that is not UTF-8"


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_rule(rule: Section, report: Report) -> None:
    action = (rule.get("action", "replace") or "").lower()
    target = rule.get("target_label", "")

    def fault(key: str, message: str) -> None:
        report.add(rule.line_of(key), message)

    if not action:
        if "action" in rule:
            fault("action", "has a relabel rule with an empty action")
        return
    if action == "hashmod" and not rule.get("modulus"):
        fault("modulus", "has a hashmod rule without a modulus")
    if action in WRITERS | {"keepequal", "dropequal"} and not target and "target_label" not in _failed(rule):
        fault("target_label", f"has a {action} rule without a target_label")
    if action in ("lowercase", "uppercase", "keepequal", "dropequal") and _is_set(rule, "replacement", "$1"):
        fault("replacement", f"has a replacement in a {action} rule")
    if action == "labelmap" and rule.get("replacement", "$1") == "":
        fault("replacement", "has a labelmap rule with an empty replacement")
    if action in ("keepequal", "dropequal"):
        for key, default in (("regex", DEFAULT_REGEX), ("modulus", 0), ("separator", ";")):
            # Prometheus takes even the default regex amiss when it is written out.
            if key in rule and (key == "regex" or _is_set(rule, key, default)):
                fault(key, f"has {key} in a {action} rule, which only takes source_labels and target_label")
    if action in ("labeldrop", "labelkeep"):
        defaults = {"source_labels": None, "target_label": "", "modulus": 0, "separator": ";", "replacement": "$1"}
        for key, unset in defaults.items():
            if _is_set(rule, key, unset):
                fault(key, f"has {key} in a {action} rule, which only takes regex")
    regex = rule.get("regex") or ""
    if is_masked(regex):
        # The mask may have taken groups, or one of two brackets.
        if _check_regex(regex) is not None:
            message = "has a regular expression that cannot be read where a secret was masked: the rule is left out"
            report.warn(rule.line_of("regex"), message)
            del rule["regex"]
    elif action in ("replace", "labelmap") and "regex" not in _failed(rule):
        _check_groups(rule, ("replacement", "target_label") if action == "replace" else ("replacement",), report)


def _check_groups(rule: Section, templates: Iterable[str], report: Report) -> None:
    """Nothing is put in for a group that does not exist, so that most often the label goes."""
    pattern = compiled(rule.get("regex", DEFAULT_REGEX) or "")
    for key in templates:
        pieces = template_pieces(rule.get(key) or "")
        if any(is_group and pattern.group_number(text) is None for text, is_group in pieces):
            message = f"has a {key} with a group that the rule's regex does not have, for which nothing is put in"
            report.warn(rule.line_of(key), f"{message}: write ${{1}} before letters, and no variables")


def _failed(rule: Section) -> set[str]:
    """Keys that are written but could not be read: reported already."""
    return set(rule.lines) - set(rule)


def _is_set(rule: Section, key: str, default: Any) -> bool:
    return key in rule and rule[key] != default


RULE: Final = Struct(
    "relabel rule",
    {
        "source_labels": ListOf(Text(check_label_name, named_string=True), "label name", null_item=True),
        "separator": Str(),
        "regex": Text(_check_regex, zero=None),
        "modulus": Number(least=0),
        "target_label": Str(),
        "replacement": Str(),
        "action": Text(_check_action, named_string=True),
    },
    _check_rule,
)
RULES: Final = ListOf(RULE, "relabel rule")


def rules_of(section: Mapping[str, Any] | None, key: str) -> Rules:
    """The rules that were read into a section under a key. Rules that Prometheus would refuse are left out."""
    items = section.get(key) if section else None
    if not isinstance(items, Items):
        return Rules()
    made = (_rule_of(item) for item in items if isinstance(item, Section))
    return Rules(rule for rule in made if rule is not None)


def _rule_of(section: Section) -> Rule | None:
    action = (section.get("action", "replace") or "").lower()
    if action not in ACTIONS or _failed(section):
        return None
    if action in WRITERS | {"keepequal", "dropequal"} and not section.get("target_label"):
        return None
    if action == "hashmod" and not section.get("modulus"):
        return None
    return Rule(
        action=action,
        source_labels=tuple(section.get("source_labels") or ()),
        separator=section.get("separator", DEFAULT_SEPARATOR),
        # An explicit null is the empty expression, not the default one.
        regex=(section["regex"] or "") if "regex" in section else DEFAULT_REGEX,
        modulus=section.get("modulus", 0),
        target_label=section.get("target_label", ""),
        replacement=section.get("replacement", DEFAULT_REPLACEMENT),
        line=section.line,
    )


# --- evaluating ---


@dataclass(frozen=True, slots=True)
class Write:
    """A rule changed a label. Empty means absent; sources are the labels that the new value came from."""

    rule: int
    label: str
    before: str
    after: str
    sources: tuple[str, ...]


@dataclass(slots=True)
class Run:
    """What rules made of a label set. dropped_by is the rule that dropped all of it, then labels are those so far."""

    labels: dict[str, str]
    writes: list[Write] = field(default_factory=list)
    dropped_by: int | None = None


def run(rules: Sequence[Rule], labels: Mapping[str, str], dialect: Dialect = PROMETHEUS_3) -> Run:
    """Apply rules in order to one label set. Labels with an empty value do not exist."""
    state = Run({name: value for name, value in labels.items() if value})
    for index, rule in enumerate(rules):
        if not _apply(index, rule, state, dialect):
            state.dropped_by = index
            break
    return state


def _apply(index: int, rule: Rule, state: Run, dialect: Dialect) -> bool:
    """One rule; false where it drops the label set."""
    labels = state.labels
    value = rule.separator.join([labels.get(name, "") for name in rule.source_labels])[:MAX_TEXT]
    match rule.action:
        case "replace":
            _replace(index, rule, value, state, dialect)
        case "keep":
            return rule.pattern(dialect).matches(value)
        case "drop":
            return not rule.pattern(dialect).matches(value)
        case "keepequal":
            return labels.get(rule.target_label, "") == value
        case "dropequal":
            return labels.get(rule.target_label, "") != value
        case "hashmod":
            _set(state, index, rule.target_label, hashmod(value, rule.modulus), rule.source_labels)
        case "lowercase":
            _set(state, index, rule.target_label, lowercase(value), rule.source_labels)
        case "uppercase":
            _set(state, index, rule.target_label, uppercase(value), rule.source_labels)
        case "labelmap":
            pattern = rule.pattern(dialect)
            for name, copied in sorted(labels.items()):  # where two come to one name, the last stays
                if (found := pattern.match(name)) is not None and len(labels) < MAX_LABELS:
                    _set(state, index, expanded(pattern, found, rule.replacement), copied, (name,))
        case "labeldrop" | "labelkeep":
            pattern = rule.pattern(dialect)
            keeps = rule.action == "labelkeep"
            for name in [name for name in labels if pattern.matches(name) != keeps]:
                _set(state, index, name, "", ())
    return True


def _replace(index: int, rule: Rule, value: str, state: Run, dialect: Dialect) -> None:
    pattern = rule.pattern(dialect)
    found = pattern.match(value)
    if found is None:
        return
    target = expanded(pattern, found, rule.target_label)
    if not valid_name(target, dialect):
        return
    result = expanded(pattern, found, rule.replacement)
    if not result and not dialect.template_deletes:
        target = rule.target_label
    _set(state, index, target, result, rule.source_labels)


def _set(state: Run, index: int, name: str, value: str, sources: Iterable[str]) -> None:
    before = state.labels.get(name, "")
    if value:
        state.labels[name] = value
    else:
        state.labels.pop(name, None)
    if before or value:
        state.writes.append(Write(index, name, before, value, tuple(sources)))


def hashmod(value: str, modulus: int) -> str:
    """The low 64 bits of the MD5 sum, modulo modulus."""
    digest = hashlib.md5(value.encode("utf-8", errors="surrogateescape"), usedforsecurity=False).digest()
    return str(int.from_bytes(digest[8:], "big") % modulus)


def lowercase(value: str) -> str:
    """Lower case, letter by letter, as Go does it: no letter becomes two, and none looks at its neighbours."""
    return value.lower() if value.isascii() else "".join(map(_lower, value))


def uppercase(value: str) -> str:
    return value.upper() if value.isascii() else "".join(map(_upper, value))


def _lower(letter: str) -> str:
    changed = letter.lower()
    return changed if len(changed) == 1 else changed[0] if letter == "\u0130" else letter


def _upper(letter: str) -> str:
    changed = letter.upper()
    if len(changed) == 1:
        return changed
    titled = letter.title()
    return titled if len(titled) == 1 else letter
