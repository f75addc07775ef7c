# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""asyncssh, or something of the same shape where it is not installed.

The sweep's files can then be imported by whoever only wants to look at them, as Ansible's sanity tests do. Whoever
wants to sweep asks _sweep_call.py first, which says what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["asyncssh"]

if TYPE_CHECKING:
    import asyncssh
else:
    try:
        import asyncssh
    except ImportError:

        class _Stub(Exception):  # noqa: N818 - stands for any class: it can be inherited from, raised and subscripted
            def __class_getitem__(cls, _item):
                return cls

        class _Missing:
            def __getattr__(self, name):
                return type(name, (_Stub,), {})

        asyncssh = _Missing()
