# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many servers can be asked at once with the files that this process may have open."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from typing import Final

# What one server may take, a ProxyCommand included, and what is open besides: a plugin has all this, and its own.
_EACH: Final = 4
_BESIDES: Final = 128


@contextlib.contextmanager
def room_for(servers: int) -> Iterator[int]:
    """Within the block there is room for so many of the servers: for all, where the system lets a user have it.

    The first limit is meant for programs that count files by old ways; whoever needs more may raise it to the second.
    """
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _BESIDES + _EACH * servers
    soft, hard = (wanted if limit == resource.RLIM_INFINITY else limit for limit in before)
    if soft < wanted:
        # Some systems have a third limit, and do not tell.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), before[1]))
            soft = min(wanted, hard)
    try:
        yield max(1, min(servers, (soft - _BESIDES) // _EACH))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
