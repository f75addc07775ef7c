# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scalar of a YAML text is: the events of one libyaml pass, followed through the table of places.

A scalar that aliases bring to several places is judged in each; each anchored node is followed once for each place, so
aliases cannot make the work explode. The loops here run once for each event of each file of a fleet, hence their style.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    ANY,
    RELABEL,
    Kind,
    Place,
    parameter_names_a_secret,
)

# PyYAML without libyaml gives the same events, slower.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_CHARACTERS = 4 * 1024 * 1024
_MAX_DEPTH = 100
_MAX_EVENTS = 600_000


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

    __slots__ = ("is_map", "next", "place", "rule")

    def __init__(self, place: Place, is_map: bool) -> None:
        self.place = place
        self.is_map = is_map
        # The place of the value that comes next; None where a key comes next.
        self.next: Place | None = None if is_map else place
        # Of a relabel rule: the items of its target_label and replacement.
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
        self._read(text)
        self._follow_all()

    def in_flow(self, index: int) -> bool:
        """Whether an item stands in braces or brackets."""
        return bisect_right(self._flows, index) % 2 == 1

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
                self._targets[len(items)] = anchors.get(event.anchor, -1)
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
            if index < 0 or (index, id(place)) in done:
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
                if len(frame.rule) == 2:
                    self._judge_rule(frame.rule)
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
                        if top.place is RELABEL and value in _RULE:
                            top.rule[value] = index + 1
                        continue
                    top.next = self._odd_key_place(index, top)
                    if letter == "a":
                        continue
                elif top is not None and top.is_map:
                    top.next = None
                here = here or ANY
                if letter == "s":
                    kind = here.kind
                    if kind is not plain or not whole:
                        kinds[index] = kind if whole else max(kinds.get(index, plain), kind)
                elif letter == "a":
                    self._aliases.append((self._targets[index], here))
                else:
                    top = _Frame(here, letter == "m")
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

    def _judge_rule(self, rule: dict[str, int]) -> None:
        """A relabel rule that writes a constant into a secret URL parameter holds that secret."""
        label, value = (self.items[rule[name]] for name in ("target_label", "replacement"))
        if (
            label.value.startswith("__param_")
            and parameter_names_a_secret(label.value.removeprefix("__param_"))
            and "$" not in value.value
            and value.type == "s"
        ):
            self.kinds[rule["replacement"]] = Kind.SECRET
