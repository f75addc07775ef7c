# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scalar of a YAML text is: the events of one libyaml pass, followed through the table of places.

A scalar that aliases bring to several places is judged in each; each anchored node is followed once for each place, so
aliases cannot make the work explode. The loops here run once for each event of each file of a fleet, hence their style.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    ANY,
    NAMED_POINTER,
    NAMED_SECRET,
    OTHER_HEADERS,
    RELABEL,
    SECRET,
    SECTIONS,
    Kind,
    Place,
    masks,
    names_a_secret,
    rule_names_a_secret,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_words import (
    is_option_value,
    of_words,
)

# PyYAML without libyaml gives the same events, slower.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_CHARACTERS = 4 * 1024 * 1024
_MAX_DEPTH = 100
_MAX_EVENTS = 600_000
# How far a key is looked for above an item of a list.
_FAR = 200


class UnreadableError(Exception):
    """The text is not YAML, or more than is read here. Carries no text."""


class Item(NamedTuple):
    """An event, as far as it matters: type is one letter (s, m, q, e, a, d), for scalar, mapping, sequence, end of
    one of these, alias, start of a document."""

    type: str
    value: str = ""
    start: int = 0
    end: int = 0
    style: str | None = None
    anchor: str | None = None
    tag: str | None = None


_RULE = frozenset({"target_label", "replacement"})
# Of a resource of Kubernetes, of a variable of its containers, of what an ExternalSecret takes from elsewhere.
_RESOURCE = frozenset({"kind", "data", "stringData", "name", "value", "secretKey", "remoteRef"})
_HEADER = frozenset({"name", "key", "value"})
# What points at a key of a Secret of Kubernetes, and how these are called.
_REFERENCE = frozenset({"name", "key", "optional", "namespace"})
_REFERENCE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")
_REFERENCE_KEY = re.compile(r"[A-Za-z]+(?:[._-][A-Za-z]+){0,9}")
# What such a key is called, beside the names of secrets.
_REFERENCE_WORD = re.compile(
    r"(?:user|name|login|ur[il]|dsn|host|address|endpoint|key|id|value|data|auth|hook|conf|config|ca|crt|cert|pem|json"
    r"|ya?ml|txt|salt|hash|community)$",
    re.IGNORECASE,
)
_MATCHERS = frozenset({"matchers", "sourceMatch", "targetMatch"})
_TOGETHER = {
    RELABEL: _RULE,
    ANY: _RESOURCE,
    OTHER_HEADERS: _HEADER,
    NAMED_SECRET: _REFERENCE,
    NAMED_POINTER: _REFERENCE,
    SECTIONS["secret"]: _REFERENCE,
}
_FROM_ELSEWHERE = re.compile(r"\$\(\w+\)|\$[A-Z_]\w*|\$\{\w+\}")
_VARIABLES = re.compile(r"(?:\$\w+|\$\{\w+\})*")
_OPTION_IN_TEXT = re.compile(r"-[A-Za-z](?<=[\s\"'\[,-]-[A-Za-z])")
_MAPPING, _SEQUENCE, _END, _ALIAS, _DOCUMENT = Item("m"), Item("q"), Item("e"), Item("a"), Item("d")


def _events(text: str) -> Iterator[Any]:
    """The events of PyYAML. Raises UnreadableError."""
    try:
        loader = _LOADER(text)
        try:
            get_event = loader.get_event
            for _unused in range(_MAX_EVENTS):
                event = get_event()
                if event is None:
                    return
                yield event
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        # The message of a parser quotes the source.
        raise UnreadableError from error
    raise UnreadableError


class _Frame:
    """A mapping or sequence that is open while events are followed."""

    __slots__ = ("hides", "in_key", "is_map", "next", "place", "rule", "together")

    def __init__(self, place: Place, is_map: bool, in_key: bool) -> None:
        self.place = place
        self.is_map = is_map
        # A collection that is a key, or in one: a template that nobody quoted, mostly.
        self.in_key = in_key
        # Whether a string that is secret may stand here: a name that no table has may be what somebody took for it.
        self.hides = masks(place.kind) and (place.named is not None or bool(place.keys))
        # The place of the value that comes next; None where a key comes next.
        self.next: Place | None = None if is_map else place
        # The keys here that may say together what is secret.
        self.together = _TOGETHER.get(place, frozenset())
        # Of a relabel rule, or a resource of Kubernetes: the items of those keys that say together what is secret.
        self.rule: dict[str, int] = {}


class Events:
    """The events of a text, of all its documents, and what each scalar is."""

    def __init__(self, text: str) -> None:
        """Parse and judge. Raises UnreadableError."""
        if len(text) > MAX_CHARACTERS:
            raise UnreadableError
        self.items: list[Item] = []
        # Scalars that are not plain values, by the number of their item.
        self.kinds: dict[int, Kind] = {}
        self.keys: set[int] = set()
        # Whether there is any mapping or sequence: prose, too, parses as one scalar.
        self.is_structured = False
        # Whether some key is no scalar of its own, so that its place or its length may hang on another value.
        self.has_odd_keys = False
        # Where flow style begins and ends, in turn.
        self._flows: list[int] = []
        self._aliases: list[tuple[int, Place]] = []
        self._targets: dict[int, int] = {}
        # The items with an anchor that is used.
        self.aliased: set[int] = set()
        self._read(text)
        self._follow_all()
        if _OPTION_IN_TEXT.search(text):
            self._judge_options()

    def in_flow(self, index: int) -> bool:
        """Whether an item stands in braces or brackets."""
        return bisect_right(self._flows, index) % 2 == 1

    def key_of(self, index: int) -> str:
        """The key that leads to a scalar, through lists and maps without one; empty if it stands far above."""
        depth = 0
        for at in range(index, max(index - _FAR, 0), -1):
            letter = self.items[at].type
            if letter == "e" and at != index:
                depth += 1
            elif letter in "mq" and depth:
                depth -= 1
            elif not depth and at - 1 in self.keys and (at == index or letter in "mq"):
                return self.items[at - 1].value
        return ""

    def _read(self, text: str) -> None:
        items, flows = self.items, self._flows
        add, make = items.append, tuple.__new__
        scalar, mapping, sequence = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
        anchors: dict[str, int] = {}
        depth = flow_depth = 0
        for event in _events(text):
            kind = event.__class__
            if kind is scalar:
                anchor = event.anchor
                if anchor:
                    anchors[anchor] = len(items)
                start, end = event.start_mark.index, event.end_mark.index
                add(make(Item, ("s", event.value, start, end, event.style, anchor, event.tag)))
            elif kind is mapping or kind is sequence:
                self.is_structured = True
                if event.anchor:
                    anchors[event.anchor] = len(items)
                depth += 1
                if depth >= _MAX_DEPTH:
                    raise UnreadableError
                if event.flow_style:
                    flow_depth += 1
                    if flow_depth == 1:
                        flows.append(len(items))
                add(_MAPPING if kind is mapping else _SEQUENCE)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                depth -= 1
                # Whatever is open inside braces is in flow style itself.
                if flow_depth:
                    flow_depth -= 1
                    if flow_depth == 0:
                        flows.append(len(items))
                add(_END)
            elif kind is yaml.AliasEvent:
                if event.anchor not in anchors:
                    # Nobody can load it.
                    raise UnreadableError
                self._targets[len(items)] = anchors[event.anchor]
                self.aliased.add(anchors[event.anchor])
                add(_ALIAS)
            elif kind is yaml.DocumentStartEvent:
                anchors.clear()
                add(_DOCUMENT)

    def _follow_all(self) -> None:
        budget = 4 * len(self.items) + 100_000
        budget -= self._follow(0, ANY, whole=True)
        done: set[tuple[int, int]] = set()
        while self._aliases:
            index, place = self._aliases.pop()
            if (index, id(place)) in done:
                continue
            done.add((index, id(place)))
            budget -= self._follow(index, place, whole=False)
            if budget < 0:
                raise UnreadableError

    def _follow(self, first: int, place: Place, *, whole: bool) -> int:
        """Judge the scalars of one node, or of all documents. Returns the number of events followed."""
        items, kinds, add_key, plain = self.items, self.kinds, self.keys.add, Kind.PLAIN
        frames: list[_Frame] = []
        top: _Frame | None = None
        index = first
        for index in range(first, len(items)):
            item = items[index]
            letter = item[0]
            if letter == "e":
                frame = frames.pop()
                top = frames[-1] if frames else None
                if frame.together is _REFERENCE:
                    if frame.rule and top is not None and top.is_map:
                        self._judge_reference(frame.rule)
                elif len(frame.rule) >= 2:
                    self._judge_together(frame.rule, is_top=top is None)
            elif letter == "d":
                continue
            else:
                here = place if top is None else top.next
                if here is None and top is not None:
                    # A key: it decides the place of the value. A collection as a key is followed like any other.
                    if letter == "s":
                        add_key(index)
                        value = item[1]
                        top.next = top.place.child(value)
                        if value in top.together:
                            top.rule[value] = index + 1
                        if top.hides and value not in top.place.keys and (top.in_key or self._is_nothing(index + 1)):
                            kinds[index] = max(kinds.get(index, plain), top.place.kind)
                        continue
                    top.next = self._odd_key_place(index, top)
                    if letter == "a":
                        continue
                    top = _Frame(SECRET if masks(top.place.kind) else ANY, letter == "m", in_key=True)
                    frames.append(top)
                    continue
                if top is not None and top.is_map:
                    top.next = None
                here = here or ANY
                if letter == "s":
                    kind = here.kind
                    if kind is not plain or not whole:
                        kinds[index] = kind if whole else max(kinds.get(index, plain), kind)
                elif letter == "a":
                    self._aliases.append((self._targets[index], here))
                else:
                    top = _Frame(here, letter == "m", in_key=top is not None and top.in_key)
                    frames.append(top)
            if top is None and not whole:
                break
        return index - first + 1

    def _odd_key_place(self, index: int, frame: _Frame) -> Place:
        """Where a key leads that is an alias or a collection."""
        self.has_odd_keys = True
        target = self._targets.get(index, -1)
        if target < 0 or self.items[target].type != "s":
            return ANY
        value = self.items[target].value
        if frame.place is RELABEL and value in _RULE:
            frame.rule[value] = index + 1
        return frame.place.child(value)

    def _is_nothing(self, index: int) -> bool:
        """Whether a value is not there at all."""
        item = self.items[index]
        return item.type == "s" and item.start == item.end

    def _judge_together(self, rule: dict[str, int], *, is_top: bool) -> None:
        """A relabel rule that writes a constant into a label of such a name, a variable, or all data of a Secret."""
        items = self.items
        if "target_label" in rule and "replacement" in rule:
            name, index = items[rule["target_label"]].value, rule["replacement"]
            index = self._targets.get(index, index)
            is_constant = items[index].type == "s" and not _VARIABLES.fullmatch(items[index].value)
            if is_constant and rule_names_a_secret(name):
                self.kinds[index] = Kind.SECRET
        elif "kind" in rule and items[rule["kind"]].value == "Secret":
            for name in ("data", "stringData"):
                if name in rule and items[rule[name]].type in "mq":
                    self._hide(rule[name])
        if {"secretKey", "remoteRef"} <= rule.keys() and items[rule["remoteRef"]].type == "m":
            index = rule["secretKey"]
            is_name = items[index].type == "s" and _REFERENCE_KEY.fullmatch(items[index].value)
            if is_name and self.kinds.get(index) is Kind.NAMED:
                # How it is called here.
                del self.kinds[index]
        if "key" in rule and "value" in rule and "name" not in rule:
            # The name of a header.
            rule["name"] = rule["key"]
            self.kinds.pop(rule["key"], None)
        # The settings at the top are remembered each for itself.
        if "name" in rule and "value" in rule and not is_top and names_a_secret(items[rule["name"]].value):
            # A variable of a container. A matcher of labels has the same keys.
            index = self._targets.get(rule["value"], rule["value"])
            is_matcher = self.key_of(rule["name"] - 1) in _MATCHERS
            if items[index].type == "s" and not is_matcher and not _FROM_ELSEWHERE.fullmatch(items[index].value):
                self.kinds[index] = max(self.kinds.get(index, Kind.PLAIN), Kind.NAMED)

    def _judge_reference(self, said: dict[str, int]) -> None:
        """``password: {name: x, key: y}`` says where the password is, not what."""
        items = self.items
        if not {"name", "key"} <= said.keys() or any(items[at].type != "s" for at in said.values()):
            return
        name, key = items[said["name"]].value, items[said["key"]].value
        is_key = _REFERENCE_KEY.fullmatch(key) and (names_a_secret(key) or _REFERENCE_WORD.search(key))
        if _REFERENCE_NAME.fullmatch(name) and is_key:
            for index in said.values():
                if self.kinds.get(index) in {Kind.NAMED, Kind.POINTER}:
                    del self.kinds[index]

    def _judge_options(self) -> None:
        """The value behind ``--password`` in the list of a command's arguments, and what else these words say."""
        done = 0
        for index, item in enumerate(self.items):
            if index < done or item[0] != "s" or item[1][:1] != "-" or not self._is_item(index):
                continue
            first = done = index
            while self._is_item(first - 1):
                first -= 1
            while self._is_item(done):
                done += 1
            targets = [self._targets.get(at, at) for at in range(first, done)]
            words = [self.items[at][1] for at in targets]
            are_secret = of_words(words)
            for number, at in enumerate(targets):
                if are_secret[number] or (number and is_option_value(words[number - 1 : number], words[number])):
                    # Such a name may mean another thing, so only what looks random is looked for elsewhere.
                    self.kinds[at] = max(self.kinds.get(at, Kind.PLAIN), Kind.PRIVATE)

    def _is_item(self, index: int) -> bool:
        """Whether this is a string that is neither a key nor the value of one."""
        at = self._targets.get(index, index)
        return 0 <= index < len(self.items) and self.items[at][0] == "s" and not {index - 1, index} & self.keys

    def _hide(self, first: int) -> None:
        """Judge all values of a collection to be secret."""
        depth = 0
        for index in range(first, len(self.items)):
            letter = self.items[index].type
            depth += (letter in "mq") - (letter == "e")
            if letter == "s" and index not in self.keys:
                self.kinds[index] = Kind.SECRET
            elif letter == "a":
                self._aliases.append((self._targets[index], SECRET))
            if depth == 0:
                return
