# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many reads each tier answered, over all processes: one small file with a line for each tier.

Ansible's workers end without a chance to hand anything over, so every answer is counted when it is given: a few bytes,
written in place under a lock. The file has one size for ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

TIERS = ("memory", "cache", "store", "sweep")
# Hidden, so that no cache plugin takes it for an entry of its own.
FILE = ".prometheus_fleet_hits"
DIGITS = 20
_SIZE = sum(len(tier) + DIGITS + 2 for tier in TIERS)
# Others hold the lock for microseconds. Only one that was stopped just then makes anybody wait this long.
_PATIENCE = 1.0


class Hits:
    """The counts in one directory. Counting never fails a read: what cannot be written is not counted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / FILE

    def count(self, tier: str) -> None:
        with contextlib.suppress(OSError), self._locked(os.O_RDWR | os.O_CREAT) as descriptor:
            counts = _counts_in(os.pread(descriptor, _SIZE, 0))
            counts[tier] += 1
            os.pwrite(descriptor, _text_of(counts), 0)

    def read(self) -> dict[str, int]:
        """Tier → answers since the file was made; all 0 where there is none, or one that nobody can make sense of."""
        try:
            with self._locked(os.O_RDONLY) as descriptor:
                return _counts_in(os.pread(descriptor, _SIZE, 0))
        except OSError:
            return _counts_in(b"")

    @contextlib.contextmanager
    def _locked(self, flags: int) -> Iterator[int]:
        """The file, opened each time: a descriptor that a fork shares would share the lock too. Raises OSError."""
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._file, flags, 0o600)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._file, flags, 0o600)
        try:
            _lock(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Raises BlockingIOError where it cannot be had in time."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def _text_of(counts: dict[str, int]) -> bytes:
    return "".join(f"{tier} {counts[tier]:0{DIGITS}}\n" for tier in TIERS).encode()


def _counts_in(text: bytes) -> dict[str, int]:
    """What the file says; from another form, counting starts anew."""
    try:
        found = {tier: int(number) for tier, number in (line.split() for line in text.decode("ascii").splitlines())}
    except ValueError:
        found = {}
    return {tier: found.get(tier, 0) for tier in TIERS}
