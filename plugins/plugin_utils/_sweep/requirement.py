# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""asyncssh, imported when something of it is first used, or something of the same shape where it is not installed.

The import takes longer than a login, and a sweep begins its connections before. The sweep's files can also be imported
by whoever only wants to look at them, as Ansible's sanity tests do. Whoever wants to sweep asks _sweep_call.py first,
which says what is missing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__all__ = ["asyncssh"]

if TYPE_CHECKING:
    import asyncssh
else:

    class _Stub(Exception):  # noqa: N818 - stands for any class: it can be inherited from, raised and subscripted
        def __class_getitem__(cls, _item):
            return cls

    class _Late:
        def __getattr__(self, name):
            try:
                found = getattr(importlib.import_module("asyncssh"), name)
            except ImportError:
                return type(name, (_Stub,), {})
            # From now on it is an attribute like any other.
            setattr(self, name, found)
            return found

    asyncssh = _Late()
