# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person broke by hand in the parts that the sweep owns, left out: the next sweep brings it again.

The rest of the program then need not ask of every part of a stored document whether it is what it should be.
"""

from __future__ import annotations

from typing import Any

_SIMPLE = (str, int, float, type(None))


def list_of(value: Any, *kinds: type) -> list[Any]:
    """value, if it is a list of nothing but these kinds; else none."""
    return value if isinstance(value, list) and all(isinstance(item, kinds) for item in value) else []


def dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def sound_field(item: dict[str, Any], *, shared: bool) -> dict[str, Any]:
    """A stored field whose lists are lists. shared: a list of servers may be the key of one."""
    sound = dict(item)
    if "servers" in sound:
        sound["servers"] = _servers(sound["servers"], shared=shared)
    if "sources" in sound:
        sources = list_of(sound["sources"], dict)
        sound["sources"] = [_source(source, shared=shared) for source in sources]
    if "values" in sound:
        sound["values"] = list_of(sound["values"], *_SIMPLE)
    if "ways" in sound:
        sound["ways"] = {key: way for key, way in dict_of(sound["ways"]).items() if isinstance(way, dict)}
    if not isinstance(sound.get("swept", ""), str):
        del sound["swept"]
    return sound


def _source(source: dict[str, Any], *, shared: bool) -> dict[str, Any]:
    sound = source | {"servers": _servers(source.get("servers"), shared=shared)}
    for key in ("jobs", "from", "variables", "source_labels"):
        if key in sound:
            sound[key] = list_of(sound[key], *_SIMPLE)
    if not isinstance(sound.get("presence"), str | None):
        sound["presence"] = None
    return sound


def _servers(value: Any, *, shared: bool) -> Any:
    return value if shared and isinstance(value, str) else list_of(value, str)
