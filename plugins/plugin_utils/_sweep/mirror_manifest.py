# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a mirror: what the last sweep said of each server and file, as JSON."""

from __future__ import annotations

import json
from typing import Any, Final, TypedDict, cast, get_args

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Status

VERSION: Final = 1


class Stored(TypedDict):
    """The copy in the mirror: its size in bytes and its SHA-256. Redaction makes both differ from the original's."""

    size: int
    sha256: str


class FileRecord(TypedDict):
    """One file of a server. size, mtime (seconds) and sha256 are of the original.

    stored is None where the mirror has no copy. error is why the last sweep could not read it. stale: the server no
    longer has it, and prune was off.
    """

    service: str
    size: int
    mtime: int
    sha256: str | None
    redacted: int
    error: str | None
    stored: Stored | None
    stale: bool


class ServerRecord(TypedDict):
    """One server: the files that the mirror holds, and what the last sweep said.

    Times are UTC. last_seen: the last sweep that it answered with something new; failing_since: the first of the
    failed sweeps since then, or None. policy: what the contents were redacted with. digest belongs to the files.
    """

    status: Status
    error: str | None
    transport: str | None
    endpoint: str | None
    digest: str | None
    policy: str
    last_seen: str | None
    failing_since: str | None
    files: dict[str, FileRecord]


class Manifest(TypedDict):
    version: int
    redacted: bool
    servers: dict[str, ServerRecord]


_FILE_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "service": (str,),
    "size": (int,),
    "mtime": (int,),
    "sha256": (str, type(None)),
    "redacted": (int,),
    "error": (str, type(None)),
    "stored": (dict, type(None)),
    "stale": (bool,),
}
_SERVER_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "status": (str,),
    "error": (str, type(None)),
    "transport": (str, type(None)),
    "endpoint": (str, type(None)),
    "digest": (str, type(None)),
    "policy": (str,),
    "last_seen": (str, type(None)),
    "failing_since": (str, type(None)),
    "files": (dict,),
}
_STORED_TYPES: Final[dict[str, tuple[type, ...]]] = {"size": (int,), "sha256": (str,)}


def parse_manifest(raw: bytes) -> Manifest:
    """Raises ValueError, with what to do, for anything that is not a manifest of this version."""
    try:
        return _parsed(raw)
    except _OtherVersionError:
        raise
    except (ValueError, RecursionError) as error:
        said = error if isinstance(error, ValueError) else "it is no manifest"
        raise ValueError(
            f"{said}; get it back (with a history: git checkout .manifest.json), or delete the mirror, and sweep again"
        ) from error


class _OtherVersionError(ValueError):
    pass


def _parsed(raw: bytes) -> Manifest:
    data = json.loads(raw)
    _expect(data, {"version": (int,), "redacted": (bool,), "servers": (dict,)})
    if data["version"] != VERSION:
        raise _OtherVersionError(
            f"it is of version {data['version']}, and this release reads version {VERSION}: use the release that wrote"
            " it, or another directory"
        )
    for name, server in data["servers"].items():
        _expect_a_name(name)
        _expect(server, _SERVER_TYPES)
        if server["status"] not in get_args(Status):
            raise ValueError("it has a status that does not exist")
        for path, item in server["files"].items():
            _expect_a_name(path)
            _expect(item, _FILE_TYPES)
            if not path.startswith("/"):
                raise ValueError("it has a path that is not absolute")
            if item["stored"] is not None:
                _expect(item["stored"], _STORED_TYPES)
    return cast(Manifest, data)


def dump_manifest(manifest: Manifest) -> bytes:
    """JSON with a line for each server, sorted, so that versions of it compare well."""
    head = f'"version": {manifest["version"]}, "redacted": {json.dumps(manifest["redacted"])}, "servers": {{'
    servers = ",\n".join(
        f"{json.dumps(server)}: {json.dumps(record, sort_keys=True)}"
        for server, record in sorted(manifest["servers"].items())
    )
    return f"{{{head}\n{servers}\n}}}}\n".encode()


def _expect_a_name(name: str) -> None:
    """Of the mirror's names each is one of a file: it comes from bytes."""
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"it has the name {shown(name)}, which no file can have") from error


def _expect(data: Any, types: dict[str, tuple[type, ...]]) -> None:
    if not isinstance(data, dict) or any(not isinstance(data.get(key, types), kinds) for key, kinds in types.items()):
        raise ValueError("it lacks a key or has a value of the wrong type")
