# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams as a server would send them, and as only a hostile one would."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterable, Sequence

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import Bundle, BundleReader
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.remote import fingerprint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service

PATTERNS = ("*.yml", "*/*.yml")
SERVICES = (
    Service("prometheus", "/etc/prometheus", PATTERNS),
    Service("alertmanager", "/etc/alertmanager", PATTERNS),
)
# What names of the first service begin with.
BELOW = "./etc/prometheus/"
MTIME = 1_700_000_000


def record(letter: str, text: str | bytes) -> bytes:
    return b"\n%s %s\0" % (letter.encode(), text if isinstance(text, bytes) else text.encode())


def member(
    name: str | bytes, data: bytes = b"", *, kind: bytes = b"0", size: int | None = None, link: str = ""
) -> bytes:
    """One entry of an archive, by hand, so that it can be wrong: header, content, padding."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    head = bytearray(512)
    head[0 : len(raw)] = raw[:100]
    head[100:108] = b"0000644\0"
    head[108:116] = head[116:124] = b"0000000\0"
    head[124:136] = b"%011o\0" % (len(data) if size is None else size)
    head[136:148] = b"%011o\0" % MTIME
    head[148:156] = b" " * 8
    head[156:157] = kind
    head[157 : 157 + len(link)] = link.encode()
    head[257:265] = b"ustar\x0000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512)


def archive(files: Iterable[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT, mtime: float = MTIME) -> bytes:
    """What tar packs from the files; names begin with `./`."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as packed:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mtime = mtime
            packed.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def body(*parts: bytes, services: Sequence[Service] = SERVICES, status: int = 0, last: bool = False) -> bytes:
    """A body with one part for each service; services without a part have no directory. last: it is the second one."""
    whole = [record("c", fingerprint(tuple(services)))]
    for index in range(len(services)):
        whole += [record("s", str(index)), parts[index] if index < len(parts) else record("d", "missing")]
    return b"".join([*whole, record("f" if last else "e", str(status))])


def plain(*bodies: bytes, kind: str = "sha256") -> bytes:
    return b"".join(b"\nprometheus-fleet/1 plain %s\n" % kind.encode() + one for one in bodies)


def zipped(*bodies: bytes, kind: str = "sha256") -> bytes:
    return b"".join(b"\nprometheus-fleet/1 gz %s\n" % kind.encode() + gzip(one) for one in bodies)


def gzip(data: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, wbits=31)
    return packer.compress(data) + packer.flush()


def read(
    stream: bytes,
    *,
    limits: Limits | None = None,
    known: str | None = None,
    piece: int = 32768,
    exit_status: int | None = 0,
    stderr: bytes = b"",
    services: Sequence[Service] = SERVICES,
) -> Bundle:
    reader = BundleReader(services, limits or Limits(), known)
    for start in range(0, len(stream), piece):
        if reader.feed(stream[start : start + piece]):
            break
    return reader.finish(exit_status, stderr)
