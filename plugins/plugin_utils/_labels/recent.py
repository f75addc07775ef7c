# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was worked out of late, up to a number of characters: functools.lru_cache counts results of any size as one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """The results used last. Not for several threads at once."""

    def __init__(self, characters: int) -> None:
        """Take how many characters the results may have together."""
        self._most = characters
        self._characters = 0
        self._known: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        """The result under a key, which is now the one used last."""
        found = self._known.get(key)
        if found is None:
            return None
        self._known.move_to_end(key)
        return found[0]

    def put(self, key: _Key, value: _Value, characters: int) -> None:
        """Keep a result of so many characters, and let go of those used longest ago; one that is there stays."""
        if key in self._known:
            return
        self._known[key] = value, characters
        self._characters += characters
        while self._characters > self._most and self._known:
            _unused, (_value, dropped) = self._known.popitem(last=False)
            self._characters -= dropped
