# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML with line numbers: libyaml's events become a bounded tree.

The tree keeps the source spelling of every scalar, because Prometheus and Alertmanager decode by the type that a key
has (replacement: 80 is the string "80"). Parsing neither recurses nor expands an alias, so no depth and no alias can
exhaust the process; a document that would grow too much for a reader that follows aliases is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]
except ImportError:  # PyYAML without libyaml: the same events, slower
    from yaml.loader import SafeLoader as _Parser  # type: ignore[assignment]

MAX_CHARACTERS: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 128
MAX_NODES: Final = 2_000_000
# How often a text is read again because of what Prometheus' reader takes and libyaml does not.
_MAX_READINGS: Final = 100
_DOCUMENTS_KEPT: Final = 8
# Stands for a colon that libyaml refuses where it is; a character that no text has a use for.
_COLON: Final = "\ue03a"
# Others like it further on; those in quotes and comments stand for themselves again in the end.
_LAST_COLONS: Final = re.compile(r"(?<![\s\"'\[\]{},:]):(?=[\]},])")

# The share of a document that may come from aliases, as Prometheus' YAML reader allows it: 99 % of a small document,
# 10 % of one that expands to four million nodes.
_FEW_NODES: Final = 400_000
_MANY_NODES: Final = 4_000_000

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


class Scalar:
    """value is the text after YAML unescaping; plain tells C(80) from C("80"); tag is an explicit tag or None."""

    __slots__ = ("line", "plain", "tag", "value")
    size = 1
    depth = 0

    def __init__(self, value: str, plain: bool, tag: str | None, line: int) -> None:
        self.value = value
        self.plain = plain
        self.tag = tag
        self.line = line

    @property
    def is_null(self) -> bool:
        if self.tag is not None:
            return self.tag == "tag:yaml.org,2002:null"
        return self.plain and self.value in _NULLS


class Sequence:
    """size counts the nodes below and itself, depth its levels, both as if every alias were written out."""

    __slots__ = ("depth", "items", "line", "size")

    def __init__(self, line: int) -> None:
        self.items: list[Node] = []
        self.line = line
        self.size = 1
        self.depth = 1


class Mapping:
    """pairs are as written, merge keys and duplicate keys included; entries() is what they come to."""

    __slots__ = ("depth", "line", "pairs", "size")

    def __init__(self, line: int) -> None:
        self.pairs: list[tuple[Node, Node]] = []
        self.line = line
        self.size = 1
        self.depth = 1

    def entries(self, *, explicit_wins: bool = False) -> dict[str, tuple[Scalar, Node]]:
        """Name → (key, value), with merge keys followed.

        Pairs are taken in order and a later one wins, as in the reader that Prometheus and Alertmanager use for their
        main files; with explicit_wins a key of the mapping itself always beats a merged one, as in the reader of rule
        files. Keys that are not scalars are left out.
        """
        found: dict[str, tuple[Scalar, Node]] = {}
        for key, value in self.pairs:
            if is_merge(key):
                for merged in reversed(merge_sources(value)):
                    found.update(merged.entries(explicit_wins=explicit_wins))
            elif isinstance(key, Scalar):
                found[key.value] = (key, value)
        if explicit_wins:
            found.update(
                (key.value, (key, value)) for key, value in self.pairs if isinstance(key, Scalar) and not is_merge(key)
            )
        return found

    def get(self, name: str) -> Node | None:
        """The value of one key, merge keys followed; None where there is none."""
        entry = self.entries().get(name)
        return entry[1] if entry else None

    def duplicates(self) -> Iterator[tuple[Scalar, int]]:
        """Each key that the mapping itself holds again, with the line of its first use."""
        first: dict[str, int] = {}
        for key, _value in self.pairs:
            if isinstance(key, Scalar) and not is_merge(key):
                if key.value in first:
                    yield key, first[key.value]
                else:
                    first[key.value] = key.line


Node = Scalar | Sequence | Mapping


def is_merge(key: Node) -> bool:
    return isinstance(key, Scalar) and key.value == "<<" and (key.plain or key.tag == "tag:yaml.org,2002:merge")


def merge_sources(value: Node) -> list[Mapping]:
    """The mappings that a merge key's value names, in the order written; what is no mapping is left out."""
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, Sequence):
        return [item for item in value.items if isinstance(item, Mapping)]
    return []


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text, and the line (from 1). severity as in model.Problem."""

    line: int
    message: str
    severity: str = "error"


@dataclass(slots=True)
class Document:
    """The first document of a text. root is None where it is empty, or where faults made it unreadable (broken)."""

    root: Node | None = None
    faults: list[Fault] = field(default_factory=list)
    broken: bool = False


def parse(text: str, *, is_json: bool = False) -> Document:
    """Read the first YAML document of text. Never raises for what the text holds: faults say what is wrong.

    Duplicate keys are faults of their own and leave the document readable; so is a further document. is_json: a reader
    of JSON takes the text, so escapes that YAML does not have are right.
    """
    if len(text) > MAX_CHARACTERS:
        return _refused(0, f"is larger than {MAX_CHARACTERS} characters")
    colons = _COLON not in text  # whether it can stand for them
    for _again in range(_MAX_READINGS):
        try:
            return _parse(text, is_json, colons)
        except _RefusedError as error:
            return _refused(error.line, error.message)
        except (yaml.YAMLError, UnicodeError) as error:
            if (at := _escaped_quote(text, error)) is not None:
                text = text[:at] + text[at + 1 :]
            elif colons and (at := _last_colon(text, error)) is not None:
                # All at once: each reading takes as long as the whole text does.
                text = text[:at] + _COLON + _LAST_COLONS.sub(_COLON, text[at + 1 :])
            else:
                return _refused(*_described(error))
    return _refused(0, "has too many quotes escaped without need, or colons before brackets")


def _parse(text: str, is_json: bool, colons: bool) -> Document:
    parser = _Parser(text)
    try:
        return _Builder(parser, text, is_json, colons).document()
    finally:
        parser.dispose()


def _escaped_quote(text: str, error: Exception) -> int | None:
    """Where the backslash is of "\\'" in double quotes: the reader of Prometheus takes it, libyaml does not."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None or error.problem != "found unknown escape character":  # type: ignore[attr-defined]
        return None
    at: int | None = next((at for at in (mark.index, mark.index - 1) if text[at : at + 2] == "\\'"), None)
    return at


def _last_colon(text: str, error: Exception) -> int | None:
    """Where the colon is of "{a: b:}", whose value is "b:" to the reader of Prometheus; libyaml refuses it."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None or error.problem != "found unexpected ':'":  # type: ignore[attr-defined]
        return None
    at: int = mark.index
    return at if text[at : at + 1] == ":" else None


class Documents:
    """The last parsed documents, for texts that many servers have.

    A tree takes many times the memory of its text, so those of a whole fleet are not kept: what was read of them is.
    """

    def __init__(self) -> None:
        self._parsed = functools.lru_cache(_DOCUMENTS_KEPT)(parse)

    def of(self, file: ConfigFile, *, is_json: bool = False) -> Document:
        """The document of a file whose content is text."""
        return self._parsed(file.content or "", is_json=is_json)


class _RefusedError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def _refused(line: int, message: str) -> Document:
    return Document(faults=[Fault(line, message)], broken=True)


def _described(error: Exception) -> tuple[int, str]:
    """Line and message of a parser's complaint; only its fixed words, since the rest could quote a secret."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark: Any = error.problem_mark or error.context_mark
        words = [word for word in (error.context, error.problem) if word]
        return (mark.line + 1 if mark else 0), "is not valid YAML: " + ", ".join(words)
    if isinstance(error, yaml.reader.ReaderError):
        return 0, f"is not valid YAML: {error.reason}"
    return 0, "is not valid YAML: holds characters that cannot be read"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Builder:
    def __init__(self, parser: Any, text: str, is_json: bool, colons: bool) -> None:
        self._next = parser.get_event
        self._text = text
        # Whether the text may hold what libyaml takes and the reader of Prometheus does not.
        self._slashes = not is_json and "\\/" in text
        self._questions = "?" in text
        self._colons = colons and _COLON in text
        self._flow = 0  # how many of the open nodes are in brackets
        self._anchors: dict[str, Node] = {}
        self._open: list[Sequence | Mapping] = []
        self.nodes = 0
        self.faults: list[Fault] = []

    def document(self) -> Document:
        self._next()  # the start of the stream
        event = self._next()
        if not isinstance(event, yaml.DocumentStartEvent):
            return Document()
        if event.version not in (None, (1, 1)):
            raise _RefusedError(_line(event), "is YAML of a version that Prometheus does not read (it reads 1.1)")
        root = self._tree()
        self._check_aliases(root.size)
        self._next()  # the end of the document
        self._check_further_documents()
        empty = isinstance(root, Scalar) and root.is_null
        return Document(root=None if empty else root, faults=self.faults)

    def _tree(self) -> Node:
        """Build nodes from events until the root is complete."""
        pull = self._next
        scalar_event, alias_event = yaml.ScalarEvent, yaml.AliasEvent
        starts = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
        open_nodes = self._open
        slashes, questions, colons = self._slashes, self._questions, self._colons
        keys: list[Node | None] = []  # for each open node, the key that waits for its value
        while True:
            event = pull()
            kind = type(event)
            node: Node
            if kind is scalar_event:
                node = Scalar(event.value, event.implicit[0], event.tag, event.start_mark.line + 1)
                if slashes and event.style == '"':
                    self._check_slashes(event)
                if questions and "?" in event.value and self._flow and not event.style:
                    raise _RefusedError(
                        _line(event), "is not valid YAML: unquoted text in brackets holds a ?: quote it"
                    )
                if colons:
                    node.value = node.value.replace(_COLON, ":")
                if event.anchor is not None:
                    self._anchors[event.anchor] = node
                self.nodes += 1
            elif kind in starts:
                self._start(event)
                keys.append(None)
                continue
            elif kind is alias_event:
                node = self._alias(event)
            else:  # the end of a mapping or a sequence
                node = open_nodes.pop()
                keys.pop()
                self._flow -= self._flow > 0
                if isinstance(node, Mapping):
                    self._note_duplicates(node)
            if not open_nodes:
                return node
            parent = open_nodes[-1]
            parent.size += node.size + (kind is alias_event)
            if node.depth >= parent.depth:
                parent.depth = node.depth + 1
            if isinstance(parent, Sequence):
                parent.items.append(node)
            elif (key := keys[-1]) is None:
                keys[-1] = node
            else:
                parent.pairs.append((key, node))
                keys[-1] = None

    def _check_slashes(self, event: Any) -> None:
        """Refuse an escaped slash: JSON and YAML 1.2 have it, and libyaml, but not the reader of Prometheus."""
        source = self._text[event.start_mark.index : event.end_mark.index]
        if "\\/" in source and re.search(r"(?<!\\)(?:\\\\)*\\/", source):
            raise _RefusedError(_line(event), "is not valid YAML: \\/ is no escape that Prometheus reads; write /")

    def _start(self, event: Any) -> None:
        line = _line(event)
        opened = Mapping(line) if isinstance(event, yaml.MappingStartEvent) else Sequence(line)
        if event.anchor is not None:
            self._anchors[event.anchor] = opened
        self._open.append(opened)
        self._flow += event.flow_style  # in brackets there are only brackets
        self.nodes += 1
        self._check_depth(0, line)
        if self.nodes > MAX_NODES:
            raise _RefusedError(line, f"holds more than {MAX_NODES} values")

    def _alias(self, event: Any) -> Node:
        line = _line(event)
        known = self._anchors.get(event.anchor)
        if known is None:
            raise _RefusedError(line, "refers to an anchor that is not defined before it")
        if any(known is opened for opened in self._open):
            raise _RefusedError(line, "has an anchor whose value contains itself")
        self._check_depth(known.depth, line)
        self.nodes += 1
        return known

    def _check_depth(self, below: int, line: int) -> None:
        if len(self._open) + below > MAX_DEPTH:
            raise _RefusedError(line, f"is nested more than {MAX_DEPTH} levels deep")

    def _note_duplicates(self, mapping: Mapping) -> None:
        pairs = mapping.pairs
        if len({key.value if isinstance(key, Scalar) else id(key) for key, _value in pairs}) == len(pairs):
            return
        for key, line in mapping.duplicates():
            self.faults.append(Fault(key.line, f"has the key {key.value!r} twice (first in line {line})"))

    def _check_aliases(self, expanded: int) -> None:
        aliased = expanded - self.nodes
        if aliased <= 100 or expanded <= 1000:
            return
        grown = min(max(expanded - _FEW_NODES, 0) / (_MANY_NODES - _FEW_NODES), 1.0)
        if aliased / expanded > 0.99 - 0.89 * grown:
            raise _RefusedError(1, "expands aliases without measure")

    def _check_further_documents(self) -> None:
        """Note a second document that holds anything. Prometheus does not look at it, so its faults are not ours."""
        try:
            while isinstance(event := self._next(), yaml.DocumentStartEvent):
                line = _line(event)
                content = self._next()
                if not (isinstance(content, yaml.ScalarEvent) and content.implicit[0] and content.value in _NULLS):
                    break
                self._next()
            else:
                return
        except yaml.MarkedYAMLError as error:
            line = _described(error)[0]
        self.faults.append(
            Fault(line, "holds more than one YAML document; only the first is read: keep one in each file", "warning")
        )
