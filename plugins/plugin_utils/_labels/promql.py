# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels the result of a PromQL expression may carry.

This reads as much PromQL as that question needs. The answer is never too small: what is not understood counts as an
expression that keeps all labels of its metrics.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_CHARACTERS: Final = 100_000
_MAX_DEPTH: Final = 100

# Metrics that Prometheus itself makes for each target, with the target's labels and no others.
_TARGET_METRICS: Final = frozenset(
    {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
    }
)
_AGGREGATIONS: Final = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "quantile"}
)
_SELECTIONS: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_LABEL_LISTS: Final = frozenset({"on", "ignoring", "group_left", "group_right"})
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end", "default"})
# Functions whose first string is the name of a label that their result has.
_LABEL_MAKERS: Final = frozenset({"label_replace", "label_join", "histogram_quantiles"})
_WITHOUT_LABELS: Final = frozenset({"time", "scalar", "vector", "pi"})


@dataclass(frozen=True, slots=True)
class Labels:
    """names may be there; targets: so may every label of targets; metrics: so may any label that a metric has.

    imported: so may any label that another server's series of the same name has.
    """

    names: frozenset[str] = frozenset()
    targets: bool = False
    metrics: bool = False
    imported: bool = False

    def __or__(self, other: Labels) -> Labels:
        return Labels(
            self.names | other.names,
            self.targets or other.targets,
            self.metrics or other.metrics,
            self.imported or other.imported,
        )

    @property
    def is_closed(self) -> bool:
        return not (self.targets or self.metrics or self.imported)


NONE: Final = Labels()
ANY: Final = Labels(metrics=True, targets=True)

# What the labels of a metric are; ANY where nothing is known.
Metrics = Callable[[str], Labels]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, read: labels of its result, and all label names that it names anywhere."""

    labels: Labels
    named: frozenset[str]


class _UnclearError(Exception):
    """More than this reads."""


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    |(?P<number>(?:0[xX][0-9a-fA-F]+|\d[\w.]*|\.\d[\w.]*))
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:.]*)
    |(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],@:])""",
    re.VERBOSE | re.DOTALL,
)


def default_metrics(name: str) -> Labels:
    """The labels of a metric of which only the name is known."""
    return Labels(targets=True) if name in _TARGET_METRICS else ANY


def read(text: str, metrics: Metrics = default_metrics) -> Expression:
    """Read an expression. Never raises."""
    try:
        reader = _Reader(_tokens(text), metrics)
        labels = reader.until_end()
    except _UnclearError:
        return Expression(ANY, frozenset(re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", text[:MAX_CHARACTERS])))
    return Expression(labels, frozenset(reader.named))


@lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    if len(text) > MAX_CHARACTERS:
        raise _UnclearError
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _UnclearError
        at = match.end()
        if match.lastgroup != "space":
            found.append((match.lastgroup or "", match.group()))
    return tuple(found)


_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}


def bracket_fault(text: str) -> str | None:
    """What is wrong with the brackets of an expression; None where they are right, or more than this reads."""
    if all(text.count(start) == text.count(end) for start, end in _CLOSING.items()):
        return None
    try:
        tokens = _tokens(text)
    except _UnclearError:
        return None
    awaited: list[str] = []
    for kind, sign in tokens:
        if kind == "sign" and sign in _CLOSING:
            awaited.append(_CLOSING[sign])
        elif kind == "sign" and sign in _CLOSING.values() and (not awaited or awaited.pop() != sign):
            return f"has an expression with a {sign} that nothing opens"
    return f"has an expression without the {awaited[-1]} at its end" if awaited else None


class _Reader:
    def __init__(self, tokens: tuple[tuple[str, str], ...], metrics: Metrics) -> None:
        self._tokens = tokens
        self._metrics = metrics
        self._at = 0
        self._depth = 0
        self.named: set[str] = set()

    def until_end(self) -> Labels:
        found = self._labels(closing=None)
        if self._at < len(self._tokens):
            raise _UnclearError
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _is(self, sign: str) -> bool:
        return self._peek() == ("sign", sign)

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise _UnclearError
        self._at += 1

    def _labels(self, closing: str | None) -> Labels:
        """The labels of everything up to a closing parenthesis, which is taken, or to the end: operands in one."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _UnclearError
        found = NONE
        while True:
            kind, text = self._peek()
            if kind == "end":
                if closing:
                    raise _UnclearError
                break
            if (kind, text) == ("sign", closing):
                self._at += 1
                break
            if text in {")", "}", "]"} and kind == "sign":
                raise _UnclearError
            found |= self._operand(kind, text)
        self._depth -= 1
        return found

    def _operand(self, kind: str, text: str) -> Labels:
        self._at += 1
        if kind == "sign":
            if text == "(":
                return self._labels(")")
            if text == "{":
                return self._selector(None)
            if text == "[":
                self._range()
            return NONE
        if kind != "name":
            return NONE
        low = text.lower()
        if low in _LABEL_LISTS:
            if self._is("("):
                self._names()
            return NONE
        if low in _AGGREGATIONS or low in _SELECTIONS:
            return self._aggregation(low)
        if self._is("("):
            return self._call(text)
        if low in _WORDS:
            return NONE
        return self._selector(text)

    def _range(self) -> None:
        depth = 1
        while depth:
            kind, text = self._peek()
            if kind == "end":
                raise _UnclearError
            self._at += 1
            depth += (text == "[") - (text == "]") if kind == "sign" else 0

    def _selector(self, metric: str | None) -> Labels:
        """A metric, with matchers or without; its opening brace is taken where there is no name before it."""
        if metric is None or self._is("{"):
            self._at += metric is not None
            for label, _operator, value in self._matchers():
                if label in {"", "__name__"}:
                    metric = metric or value
        return self._metrics(metric) if metric else ANY

    def _matchers(self) -> list[tuple[str, str, str]]:
        """Label, operator and value of each matcher up to the closing brace; a quoted name alone is the metric's."""
        found: list[tuple[str, str, str]] = []
        while not self._is("}"):
            kind, text = self._peek()
            if kind not in {"name", "string"}:
                raise _UnclearError
            self._at += 1
            label = _unquoted(text) if kind == "string" else text
            sign = self._peek()[1]
            if sign in {"=", "!=", "=~", "!~"}:
                self._at += 1
                kind, value = self._peek()
                if kind != "string":
                    raise _UnclearError
                self._at += 1
                found.append((label, sign, _unquoted(value) if sign == "=" else ""))
                self.named.add(label)
            else:
                found.append(("", "=", label))
            if not self._is(","):
                break
            self._at += 1
        self._expect("}")
        return found

    def _names(self) -> frozenset[str]:
        """A list of labels in parentheses."""
        self._expect("(")
        found: set[str] = set()
        while not self._is(")"):
            kind, text = self._peek()
            if kind not in {"name", "string"}:
                raise _UnclearError
            self._at += 1
            found.add(_unquoted(text) if kind == "string" else text)
            if not self._is(","):
                break
            self._at += 1
        self._expect(")")
        self.named |= found
        return frozenset(found)

    def _clause(self) -> tuple[bool, frozenset[str]] | None:
        """by (...) or without (...): whether it is by, and the labels."""
        kind, text = self._peek()
        if kind != "name" or text.lower() not in {"by", "without"}:
            return None
        self._at += 1
        return text.lower() == "by", self._names()

    def _aggregation(self, name: str) -> Labels:
        clause = self._clause()
        strings = self._strings_ahead()
        self._expect("(")
        inner = self._labels(")")
        clause = clause or self._clause()
        if name in _SELECTIONS:
            return inner
        added = frozenset(strings[:1]) if name == "count_values" else frozenset()
        self.named |= added
        if clause is None:
            return Labels(added)
        by, names = clause
        if by:
            kept = names & inner.names if inner.is_closed else names
            return Labels(kept | added)
        return Labels((inner.names - names) | added, inner.targets, inner.metrics, inner.imported)

    def _call(self, name: str) -> Labels:
        strings = self._strings_ahead()
        start = self._at
        self._expect("(")
        inner = self._labels(")")
        if name in _WITHOUT_LABELS:
            return NONE
        if name == "info":
            return ANY
        if name in {"absent", "absent_over_time"}:
            return Labels(self._equal_labels(start, self._at))
        if name in _LABEL_MAKERS and strings:
            self.named.add(strings[0])
            return inner | Labels(frozenset(strings[:1]))
        return inner

    def _strings_ahead(self) -> list[str]:
        """The strings among the next parenthesis' own arguments."""
        found: list[str] = []
        depth = 0
        for kind, text in self._tokens[self._at :]:
            if kind == "sign" and text in {"(", "{", "["}:
                depth += 1
            elif kind == "sign" and text in {")", "}", "]"}:
                depth -= 1
                if depth <= 0:
                    break
            elif kind == "string" and depth == 1:
                found.append(_unquoted(text))
        return found

    def _equal_labels(self, start: int, end: int) -> frozenset[str]:
        tokens = self._tokens[start:end]
        return frozenset(
            _unquoted(text)
            for (kind, text), (_unused, sign) in itertools.pairwise(tokens)
            if kind in {"name", "string"} and sign == "=" and text != "__name__"
        )


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in {'"', "'", "`"} else text


def recorded(definitions: Iterable[tuple[str, str, frozenset[str]]], *, imported: bool = False) -> Metrics:
    """What recording rules say of metrics. definitions: name, expression and labels of each rule.

    Only a name with a colon is trusted to come from rules alone: that is what the colon is reserved for. imported: the
    server also has series that another one made, so neither that nor what Prometheus makes itself is the whole truth.
    """
    more = Labels(imported=imported)
    rules: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for name, expression, labels in definitions:
        if ":" in name or name in _TARGET_METRICS:
            rules.setdefault(name, []).append((expression, labels))
    known: dict[str, Labels] = {}

    def labels_of(name: str) -> Labels:
        if name not in rules:
            found = default_metrics(name)
            return found if found.metrics else found | more
        if name not in known:
            known[name] = ANY  # for rules that refer to each other in a circle
            found = more if ":" in name else more | default_metrics(name)
            for expression, labels in rules[name]:
                found |= read(expression, labels_of).labels | Labels(labels)
            known[name] = found
        return known[name]

    return labels_of
