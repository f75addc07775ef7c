# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checksum of POSIX cksum, at zlib's speed: for servers that have no better hash tool."""

from __future__ import annotations

import zlib
from typing import Final

_MIRRORED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class Cksum:
    """Like a hashlib object; hexdigest is `CRC-LENGTH`, decimal.

    cksum and zlib divide by the same polynomial from opposite ends of each byte, so bytes are mirrored on the way in
    and the result on the way out. cksum starts from 0 where zlib starts from all ones, and adds the length at the end.
    """

    def __init__(self) -> None:
        self._crc = 0xFFFFFFFF
        self._length = 0

    def update(self, data: bytes) -> None:
        self._crc = zlib.crc32(data.translate(_MIRRORED), self._crc)
        self._length += len(data)

    def hexdigest(self) -> str:
        size = (self._length.bit_length() + 7) // 8
        crc = zlib.crc32(self._length.to_bytes(size, "little").translate(_MIRRORED), self._crc)
        return f"{int(f'{crc:032b}'[::-1], 2)}-{self._length}"
