# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a contender needs to say what its work cost, and hardly anything to import: that would be measured as well."""

from __future__ import annotations

import contextlib
import json
import resource
import time
from collections.abc import Iterator


@contextlib.contextmanager
def work() -> Iterator[None]:
    """Say what the block cost, as run_once() reads it: for contenders whose imports are not what is compared."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield
    print("work", json.dumps([time.perf_counter() - wall, cpu_seconds() - cpu]))


def cpu_seconds() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
