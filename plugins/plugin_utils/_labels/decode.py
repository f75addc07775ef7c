# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a YAML tree by the types that its keys have, as strictly as Prometheus reads it.

Unknown keys, keys that are set twice and values of the wrong type are reported and left out; the rest is read on. An
explicit null is not the same as a missing key: it gives the zero value of the type, and a Section then holds it.
"""

from __future__ import annotations

import base64
import math
import re
import sys
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import (
    Document,
    Fault,
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_merge,
    merge_sources,
)


class Section(dict[str, Any]):
    """A mapping that was read: name → value. lines holds the line of each key, line that of the mapping."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, name: str) -> int:
        """The line of a key, or of the mapping where the key is not set."""
        return self.lines.get(name, self.line)


class Items(list[Any]):
    """A list that was read. lines holds the line of each item."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


@dataclass(slots=True)
class Report:
    """What is wrong in a file so far. explicit_wins: a key always beats a merged one (the reader of rule files)."""

    faults: list[Fault] = field(default_factory=list)
    explicit_wins: bool = False

    def add(self, line: int, message: str) -> None:
        self.faults.append(Fault(line, message))

    def warn(self, line: int, message: str) -> None:
        """What a server takes but hardly means, or what not all versions take."""
        self.faults.append(Fault(line, message, "warning"))


class Kind(Protocol):
    """A type."""

    def read(self, node: Node, report: Report, into: Any = None) -> Any:
        """The value, or BAD after reporting why there is none; into is what a merge has put there."""


BAD: Final = object()

Check = Callable[[str], str | None]

_TRUE: Final = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE: Final = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGER: Final = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)")
# What 64 bits need, written in binary. A longer one is a float, as it is to Go; Python reads no integer of any length.
_LONGEST_INTEGER: Final = 70
_TAG: Final = "tag:yaml.org,2002:"


def read(document: Document, kind: Kind, *, explicit_wins: bool = False) -> tuple[Any, list[Fault]]:
    """The value of a document, None where it is empty or broken, and all its faults."""
    report = Report(list(document.faults), explicit_wins)
    if document.root is None:
        return None, report.faults
    value = kind.read(document.root, report)
    return (None if value is BAD else value), report.faults


def _scalar(node: Node, report: Report, wanted: str) -> Scalar | None:
    if isinstance(node, Scalar):
        return node
    found = "a list" if isinstance(node, Sequence) else "a mapping"
    report.add(node.line, f"must be {wanted}, not {found}")
    return None


def text_of(scalar: Scalar) -> str:
    """The text of a scalar; bytes of !!binary that are no UTF-8 become surrogates, which no label may hold."""
    if scalar.tag != f"{_TAG}binary":
        return scalar.value
    try:
        return base64.b64decode(scalar.value, validate=False).decode("utf-8", errors="surrogateescape")
    except ValueError:
        return scalar.value


def _fits_tag(scalar: Scalar, report: Report) -> bool:
    """Whether a scalar is what its tag says, where that is a number or a truth value."""
    kind = (scalar.tag or "").removeprefix(_TAG)
    fits = True
    if kind == "bool":
        fits = scalar.value in _TRUE or scalar.value in _FALSE
    elif kind == "binary":
        fits = _BASE64.fullmatch(re.sub(r"[\r\n]", "", scalar.value)) is not None
    elif kind in ("int", "float"):
        value = number(scalar.value)
        fits = value is not None and (kind == "float" or isinstance(value, int))
    if not fits:
        report.add(scalar.line, f"is tagged as {kind} but is none")
    return fits


class Str:
    """Any scalar, as it is spelled. Null is empty."""

    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        scalar = _scalar(node, report, "text")
        if scalar is None or not _fits_tag(scalar, report):
            return BAD
        return "" if scalar.is_null else text_of(scalar)


class Text:
    """A scalar with rules of its own: check returns what is wrong with a value, or None. Null is zero, unchecked.

    named_string is false for types that are no strings inside Prometheus: those refuse a quoted "null" or "~".
    """

    def __init__(self, check: Check, *, zero: Any = "", named_string: bool = False) -> None:
        self.check = check
        self.zero = zero
        self.named_string = named_string

    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        scalar = _scalar(node, report, "text")
        if scalar is None:
            return BAD
        if scalar.is_null:
            return self.zero
        if scalar.value in ("null", "~") and scalar.tag is None:
            if self.named_string:
                return scalar.value
            report.add(scalar.line, "must be a value, not the word for none")
            return BAD
        if is_masked(scalar.value):
            return scalar.value
        if not _fits_tag(scalar, report):
            return BAD
        value = text_of(scalar)
        fault = self.check(value)
        if fault is not None:
            report.add(scalar.line, fault)
            return BAD
        return value


class Bool:
    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        scalar = _scalar(node, report, "true or false")
        if scalar is None:
            return BAD
        if scalar.is_null:
            return False
        if scalar.plain or scalar.tag == f"{_TAG}bool":
            if scalar.value in _TRUE:
                return True
            if scalar.value in _FALSE:
                return False
        report.add(scalar.line, "must be true or false")
        return BAD


class Number:
    """An integer, without a sign where least is 0; or any number where whole is false."""

    def __init__(self, *, least: int | None = None, whole: bool = True) -> None:
        self.least = least
        self.whole = whole

    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        scalar = _scalar(node, report, "a number")
        if scalar is None:
            return BAD
        if scalar.is_null:
            return 0
        value = number(scalar.value) if scalar.plain or scalar.tag in (f"{_TAG}int", f"{_TAG}float") else None
        if value is None:
            report.add(scalar.line, "must be a number")
            return BAD
        if self.least is not None and value < self.least:
            report.add(scalar.line, f"must be a number from {self.least} on")
            return BAD
        if self.whole and not -(2**63) <= value <= 2**64:
            report.add(scalar.line, "must be a number that fits into 64 bits")
            return BAD
        return int(value) if self.whole else float(value)


def number(text: str) -> int | float | None:
    """The number that a plain scalar means, None where it is none: decimal, 0x, 0o, 0b, leading 0 for octal, float."""
    if text.startswith("_"):
        return None
    spelled = text.replace("_", "")
    if len(spelled) <= _LONGEST_INTEGER and (found := _INTEGER.fullmatch(spelled)):
        digits = found[2].lower()
        base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if digits.startswith("0") else 10)
        value = int(digits[2:] if digits[1:2] in ("x", "b", "o") else digits, base)
        return -value if found[1] == "-" else value
    if _FLOAT.fullmatch(spelled):
        real = float(spelled)
        return real if math.isfinite(real) else None
    return None


class AnyValue:
    """Whatever it is; read no further."""

    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        return node


class ListOf:
    """what names an item in messages. A null item is a fault, or the zero value (null_item), or none (skip_null)."""

    def __init__(self, item: Kind, what: str, *, null_item: bool = False, skip_null: bool = False) -> None:
        self.item = item
        self.what = what
        self.null_item = null_item
        self.skip_null = skip_null

    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        if isinstance(node, Scalar) and node.is_null:
            return None
        if not isinstance(node, Sequence):
            report.add(node.line, f"must be a list of {self.what}s")
            return BAD
        found = Items()
        for child in node.items:
            if not self.null_item and isinstance(child, Scalar) and child.is_null:
                if not self.skip_null:
                    report.add(child.line, f"has an empty {self.what} in a list")
                continue
            value = self.item.read(child, report)
            if value is not BAD:
                found.append(value)
                found.lines.append(child.line)
        return found


class MapOf:
    """Free keys. check_key returns what is wrong with a key, or None."""

    def __init__(self, value: Kind, *, check_key: Check | None = None) -> None:
        self.value = value
        self.check_key = check_key

    def read(self, node: Node, report: Report, into: Any = None) -> Any:
        if isinstance(node, Scalar) and node.is_null:
            return None
        if not isinstance(node, Mapping):
            report.add(node.line, "must be a mapping")
            return BAD
        found = into if isinstance(into, Section) else Section(node.line)
        before = set(found)
        if report.explicit_wins:
            for key, child in _explicit(node, report):
                self._set(found, key, child, report)
        else:
            self._fill(node, found, before, report)
        return found

    def _fill(self, node: Mapping, found: Section, before: set[str], report: Report) -> None:
        own: set[str] = set()
        for key, child in node.pairs:
            if is_merge(key):
                for merged in _merged(child, report):
                    self._fill(merged, found, before | own, report)
                    before.update(merged.entries())
            elif not isinstance(key, Scalar):
                report.add(key.line, "has a key that is not text")
            elif key.value in own:
                continue  # reported when the document was read; the first one stays
            elif key.value in before:
                report.add(key.line, f"sets the key {key.value!r} again that a merge has set")
            else:
                own.add(key.value)
                self._set(found, key, child, report)

    def _set(self, found: Section, key: Scalar, child: Node, report: Report) -> None:
        name = "" if key.is_null else text_of(key)
        fault = self.check_key(name) if self.check_key else None
        if fault is not None:
            report.add(key.line, fault)
            return
        value = self.value.read(child, report)
        if value is not BAD:
            found[name] = value
            found.lines[name] = key.line


class Struct:
    """Known keys, each with its type. check runs on what was read; rest is the type of all other keys, where legal."""

    def __init__(
        self,
        what: str,
        fields: MappingABC[str, Kind],
        check: Callable[[Section, Report], None] | None = None,
        *,
        rest: Kind | None = None,
    ) -> None:
        self.what = what
        self.fields = fields
        self.check = check
        self.rest = rest

    def read(self, node: Node, report: Report, into: Any = None) -> Any:  # noqa: ARG002
        if isinstance(node, Scalar) and node.is_null:
            return None
        if not isinstance(node, Mapping):
            report.add(node.line, f"must be a mapping ({self.what})")
            return BAD
        section = Section(node.line)
        if report.explicit_wins:
            for key, child in _explicit(node, report):
                self._set(section, key, child, report)
        else:
            self._fill(node, section, report)
        if self.check is not None:
            self.check(section, report)
        return section

    def _fill(self, node: Mapping, section: Section, report: Report) -> None:
        own: set[str] = set()
        for key, child in node.pairs:
            if is_merge(key):
                for merged in _merged(child, report):
                    self._fill(merged, section, report)
            elif not isinstance(key, Scalar):
                report.add(key.line, "has a key that is not text")
            elif key.value not in own:
                own.add(key.value)
                self._set(section, key, child, report)

    def _set(self, section: Section, key: Scalar, child: Node, report: Report) -> None:
        name = sys.intern(key.value)
        kind = self.fields.get(name, self.rest)
        if kind is None:
            report.add(key.line, f"has the unknown key {name!r} in a {self.what}")
            return
        value = kind.read(child, report, section.get(name))
        if value is not BAD:
            section[name] = value
        section.lines[name] = key.line


def _merged(value: Node, report: Report) -> list[Mapping]:
    """What a merge key names, in the order in which it is laid down: earlier ones of a list win."""
    found = merge_sources(value)
    wanted = len(value.items) if isinstance(value, Sequence) else 1
    if len(found) != wanted:
        report.add(value.line, "merges something that is not a mapping")
    return found[::-1]


def _explicit(node: Mapping, report: Report) -> Iterable[tuple[Scalar, Node]]:
    """What a mapping comes to for the reader of rule files."""
    _check_keys(node, report)
    return node.entries(explicit_wins=True).values()


def _check_keys(node: Mapping, report: Report) -> None:
    """What the reader of rule files refuses of keys; unlike the other one, it takes one merge key in a mapping."""
    merges = 0
    for key, child in node.pairs:
        if is_merge(key):
            merges += 1
            if merges == 2:
                report.add(key.line, "has the key '<<' twice: merge a list in one")
            for merged in _merged(child, report):
                _check_keys(merged, report)
        elif not isinstance(key, Scalar):
            report.add(key.line, "has a key that is not text")


def is_masked(value: str) -> bool:
    """Whether a secret was taken out of a value, so that its form says nothing."""
    return "<secret" in value
