# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one server, found as Prometheus finds them: by paths and patterns relative to their place."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.document import Documents, Mapping
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile

# Keys that only a main config has, or nearly so.
_MAIN_KEYS = frozenset({"global", "scrape_configs", "scrape_config_files", "rule_files", "alerting", "remote_write"})
_YAML = (".yml", ".yaml")


class FileSet:
    """Lookup by path and by pattern."""

    def __init__(self, files: Iterable[ConfigFile]) -> None:
        self._files = {posixpath.normpath(item.path): item for item in files}

    def get(self, path: str) -> ConfigFile | None:
        return self._files.get(posixpath.normpath(path))

    def matching(self, pattern: str) -> list[ConfigFile]:
        """The files that a pattern with an absolute path names, in the order of their paths."""
        if not is_pattern(pattern):
            found = self.get(pattern)
            return [found] if found else []
        wanted = _glob(posixpath.normpath(pattern))
        return [self._files[path] for path in sorted(self._files) if wanted.fullmatch(path)]

    def mains(self, names: Iterable[str], documents: Documents) -> tuple[list[ConfigFile], bool]:
        """The main configs, and whether they had to be guessed because none has one of the names.

        Of files with such a name, those below a directory that has one itself are copies and do not count.
        """
        order = list(names)
        own = [item for item in self._files.values() if item.service == "prometheus"]
        found: dict[str, ConfigFile] = {}
        for item in own:
            directory, name = posixpath.split(posixpath.normpath(item.path))
            if name not in order:
                continue
            known = found.get(directory)
            if known is None or order.index(name) < order.index(posixpath.basename(known.path)):
                found[directory] = item
        top = [item for place, item in sorted(found.items()) if not any(_is_above(other, place) for other in found)]
        if top:
            return top, False
        return [item for item in sorted(own, key=lambda item: item.path) if _looks_main(item, documents)], True


def _is_above(directory: str, other: str) -> bool:
    return directory != other and other.startswith(directory.rstrip("/") + "/")


def _looks_main(file: ConfigFile, documents: Documents) -> bool:
    if file.content is None or not file.path.endswith(_YAML):
        return False
    root = documents.of(file).root
    return isinstance(root, Mapping) and not _MAIN_KEYS.isdisjoint(root.entries())


def joined(directory: str, path: str) -> str:
    """A path as Prometheus takes it: relative to the directory of the file that names it."""
    return path if path.startswith("/") or not path else posixpath.normpath(posixpath.join(directory, path))


def is_pattern(path: str) -> bool:
    return re.search(r"[*?\[\\]", path) is not None


def sweep_pattern(path: str, directory: str) -> str:
    """Says how to bring a file into the sweep, in words for a message. directory is that of the main config."""
    if path.startswith(directory.rstrip("/") + "/"):
        return f"add the pattern {posixpath.relpath(path, directory)} to the service's patterns"
    return f"add {posixpath.dirname(path)} with the pattern {posixpath.basename(path)} to the services"


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    """Go's path patterns: *, ?, [classes] and backslashes, none of which matches a slash."""
    made: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            made.append("[^/]*")
        elif char == "?":
            made.append("[^/]")
        elif char == "\\" and at < len(pattern):
            made.append(re.escape(pattern[at]))
            at += 1
        elif char == "[" and (end := pattern.find("]", at + 1)) > 0:
            inner = pattern[at:end].replace("\\", "\\\\").replace("[", "\\[")
            made.append(f"(?!/)[{inner}]")
            at = end + 1
        else:
            made.append(re.escape(char))
    try:
        return re.compile("".join(made))
    except re.error:
        return re.compile(re.escape(pattern))
