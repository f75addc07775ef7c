# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms that values of a Prometheus config must have. Checks return what is wrong, or None; none quotes a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.decode import (
    Check,
    Items,
    Report,
    Section,
    Text,
    is_masked,
)

_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNITS: Final = ("y", "w", "d", "h", "m", "s", "ms")
_MILLISECONDS: Final = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
_MAX_MILLISECONDS: Final = (2**63 - 1) // 1_000_000
# Seven numbers of 64 bits; Python reads no integer of any length.
_LONGEST_DURATION: Final = 160
_SIZE = re.compile(r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[KMGTPE]i?B|B))+|0", re.ASCII)
_RULE_PATH = re.compile(r"[^*]*(?:\*[^/]*)?")
_GLOB = re.compile(r"(?:[^\[\\]|\\.|\[\^?(?:[^\]\\-]|\\.)(?:-?(?:[^\]\\-]|\\.))*\])*", re.DOTALL)
_TARGET_PATH = re.compile(r"[^*]*(?:\*[^/]*)?\.(?:json|yml|yaml|JSON|YML|YAML)")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST = re.compile(r"[^\x00-\x20\"<>\\^`{|}%/?#\[\]]*|\[[0-9A-Fa-f:.%a-zA-Z_~-]*\](?::\d*)?")


@lru_cache(maxsize=4096)
def milliseconds(text: str) -> int | None:
    """A duration such as 1h30m; None where it is none."""
    if text == "0":
        return 0
    found = _DURATION.fullmatch(text) if len(text) <= _LONGEST_DURATION else None
    if not text or found is None:
        return None
    total = sum(int(count) * unit for count, unit in zip(found.groups(default="0"), _MILLISECONDS, strict=True))
    return total if total <= _MAX_MILLISECONDS else None


def duration_text(total: int) -> str:
    """Milliseconds as Prometheus writes a duration: years and weeks only where nothing is left over."""
    if total == 0:
        return "0s"
    found = ""
    for unit, size, exact in zip(_UNITS, _MILLISECONDS, (True, True, *[False] * 5), strict=True):
        if exact and total % size:
            continue
        count, total = divmod(total, size)
        found += f"{count}{unit}" if count else ""
    return found


def check_duration(text: str) -> str | None:
    return None if milliseconds(text) is not None else "has a duration that is not valid (such as 30s, 1m, 1h30m)"


def check_size(text: str) -> str | None:
    return None if _SIZE.fullmatch(text) else "has a size that is not valid (such as 512MB)"


def check_url(text: str) -> str | None:
    """What Go's URL parser refuses."""
    fault = "has a URL that is not valid"
    if re.search(r"[\x00-\x1f\x7f]", text) or text.startswith(":"):
        return fault
    rest, _hash, fragment = text.partition("#")
    if _bad_escape(fragment):
        return fault
    scheme = _SCHEME.match(rest)
    rest = rest[scheme.end() :] if scheme else rest
    path, _mark, _query = rest.partition("?")
    if not path.startswith("/"):
        if scheme:
            return None
        return fault if ":" in path.split("/", 1)[0] or _bad_escape(path) else None
    if path.startswith("//") and (scheme or not path.startswith("///")):
        authority, slash, tail = path[2:].partition("/")
        path = slash + tail
        user, at, host = authority.rpartition("@")
        port = "" if host.startswith("[") else host.rpartition(":")[2] if ":" in host else ""
        if (at and not _USER.fullmatch(user)) or _bad_escape(user) or not _HOST.fullmatch(host):
            return fault
        if port and not (port.isascii() and port.isdecimal()):
            return fault
    return fault if _bad_escape(path) else None


def _bad_escape(text: str) -> bool:
    return re.search(r"%(?![0-9A-Fa-f]{2})", text) is not None


def check_rule_path(text: str) -> str | None:
    if not _RULE_PATH.fullmatch(text):
        return "has a path with * before its last part"
    return check_glob(text)


def check_glob(text: str) -> str | None:
    return None if _GLOB.fullmatch(text) else "has a path with a [ that is not closed"


def check_target_path(text: str) -> str | None:
    if _TARGET_PATH.fullmatch(text):
        return None
    return "has a path of target files that does not end in .json, .yml or .yaml, or has * before its last part"


def one_of(what: str, values: Iterable[str]) -> Check:
    known = tuple(values)

    def check(text: str) -> str | None:
        return (
            None if text in known else f"has an unknown {what} (known: {', '.join(item or repr('') for item in known)})"
        )

    return check


DURATION: Final = Text(check_duration, zero="0s")
SIZE: Final = Text(check_size, zero="0")
URL: Final = Text(check_url, zero=None)


def required(section: Section, report: Report, what: str, *keys: str, unless_missing: bool = False) -> None:
    """Each key must be set and not be empty; unless_missing: it has a default, so only an empty one is wrong."""
    for key in keys:
        if key in section.lines and key not in section:
            continue  # its value is wrong, which is reported
        if not section.get(key) and (key in section or not unless_missing):
            report.add(section.line_of(key), f"has a {what} without {key}")


def at_most_one(section: Section, report: Report, *keys: str) -> bool:
    """Complain where more than one of the keys is set."""
    found = [key for key in keys if section.get(key) not in (None, "", [])]
    if len(found) > 1:
        report.add(section.line_of(found[1]), f"has {' and '.join(found)} together, of which at most one may be set")
    return len(found) <= 1


def check_static_addresses(section: Section, report: Report) -> None:
    """Without relabel rules, a URL as a target is refused at once."""
    if section.get("relabel_configs"):
        return
    for group in section.get("static_configs") or ():
        targets: Any = group.get("targets") if isinstance(group, Section) else None
        if not isinstance(targets, Items):
            continue
        for target, line in zip(targets, targets.lines, strict=True):
            if "/" in target and not is_masked(target):
                report.add(
                    line, "has a target that is not a host name or address (and no relabel rule that changes it)"
                )
