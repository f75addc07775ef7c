# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins share: _sweep asks servers, _labels reads what they have, _report draws it.

Ansible compiles what it imports of a collection once more in each process, and it has a process for each task. Python's
own loader keeps the bytecode where it may write: a sweep begins 0.1 s earlier, and a task with a filter takes half of
its time.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

_OURS = f"{__name__.rpartition('.')[0]}."


class _Finder:
    """Finds the modules of this collection's plugins, and leaves what is no file to Ansible."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        for folder in path if path is not None and name.startswith(_OURS) else ():
            spec = _files(folder).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        return None


@functools.cache
def _files(folder: str) -> FileFinder:
    return FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))


for _index, _finder in enumerate(sys.meta_path):
    if type(_finder).__name__ == "_AnsibleCollectionFinder":
        # Without it, these modules are found as any others.
        sys.meta_path.insert(_index, _Finder)
        break
