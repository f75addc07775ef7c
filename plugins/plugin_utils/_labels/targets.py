# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target files of file_sd_configs, YAML and JSON."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Items,
    Section,
    read,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import (
    Document,
    Fault,
    Node,
    Sequence,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import check_label_name
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_sd import TARGET_GROUPS

# Half a character, which JSON can spell: Go puts a replacement character in its place.
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def read_targets(text: str, document: Document, *, is_json: bool) -> tuple[Items, list[Fault]]:
    """The target groups of a file; none where anything is wrong, since Prometheus then takes none of it.

    document is the same text, read as YAML: of JSON it gives the lines.
    """
    if not is_json:
        groups, faults = read(document, TARGET_GROUPS)
        return (groups or Items()) if not any(fault.severity == "error" for fault in faults) else Items(), faults
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        return Items(), [Fault(error.lineno, f"is not valid JSON: {error.msg}")]
    except (RecursionError, ValueError):
        return Items(), [Fault(0, "is not valid JSON: nested too deep, or a number too long")]
    faults = []
    groups = _groups(data, document.root, faults)
    return (Items() if faults else groups), faults


def _groups(data: Any, root: Node | None, faults: list[Fault]) -> Items:
    found = Items()
    if data is None:
        return found
    if not isinstance(data, list):
        faults.append(Fault(1, "must be a list of target groups"))
        return found
    lines = [item.line for item in root.items] if isinstance(root, Sequence) else []
    for index, item in enumerate(data):
        line = lines[index] if index < len(lines) else 0
        if not isinstance(item, dict):
            faults.append(Fault(line, "must be a target group" if item is not None else "has an empty target group"))
            continue
        found.append(_group(item, line, faults))
        found.lines.append(line)
    return found


def _group(data: dict[str, Any], line: int, faults: list[Fault]) -> Section:
    """One group. Go takes JSON keys in any case, and null for an empty text."""
    section = Section(line)
    for key, value in data.items():
        name = key.lower()
        if name == "targets":
            if value is not None and not (isinstance(value, list) and all(map(_is_text, value))):
                faults.append(Fault(line, "has targets that are not a list of texts"))
                continue
            targets = Items()
            targets.extend(_text(item) for item in value or ())
            targets.lines.extend([line] * len(targets))
            section["targets"] = targets
        elif name == "labels":
            section["labels"] = _labels(value, line, faults)
        else:
            faults.append(Fault(line, f"has the unknown key {key!r} in a target group"))
    return section


def _labels(data: Any, line: int, faults: list[Fault]) -> Section | None:
    if data is None:
        return None
    if not isinstance(data, dict) or not all(map(_is_text, data.values())):
        faults.append(Fault(line, "has labels that are not a mapping of texts"))
        return None
    labels = Section(line)
    for key, value in data.items():
        name = _text(key)
        if (fault := check_label_name(name)) is not None:
            faults.append(Fault(line, fault))
        labels[name] = _text(value)
        labels.lines[name] = line
    return labels


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _text(value: str | None) -> str:
    return _LONE_SURROGATE.sub("\ufffd", value or "")
