# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""asyncssh, imported when something of it is first used, or something of the same shape where it is not installed.

The import takes longer than a login, and a sweep begins its connections before. The sweep's files can also be imported
by whoever only wants to look at them, as Ansible's sanity tests do. Whoever wants to sweep asks _sweep_call.py first,
which says what is missing.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

__all__ = ["asyncssh", "load_asyncssh"]

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


def load_asyncssh() -> None:
    """Import asyncssh, without what only costs time. Raises ImportError where it is there, but cannot be used."""
    # What its own code has to mend, and Ansible would show: cryptography minds key exchanges that old servers have.
    warnings.filterwarnings("ignore", module="asyncssh")
    if "asyncssh" not in sys.modules:
        with _without_collector(), _without_compiler():
            importlib.import_module("asyncssh")


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """What is imported stays: looking through it for garbage finds none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _without_compiler() -> Iterator[None]:
    """asyncssh looks for two libraries of its own, and ctypes asks ldconfig, a compiler and a linker for them.

    They are for sntrup761 and UMAC, which a server seldom has alone: then `ssh` makes the connection. Only this thread
    finds nothing.
    """
    import ctypes.util

    find_library, thread = ctypes.util.find_library, threading.get_ident()

    def find(name: str) -> str | None:
        return None if threading.get_ident() == thread else find_library(name)

    ctypes.util.find_library = find
    try:
        yield
    finally:
        ctypes.util.find_library = find_library
