# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users of the web back end had: asyncssh, one connection for each server, one tar round for each directory.

Written from its description: no host key check, keys loaded anew for every connection, `cd DIR && tar czf - *.yml`
once for Prometheus and once for Alertmanager, a failed tar looking like an empty directory.

Usage: two_rounds.py SERVERS.json MAX_PARALLEL
"""

from __future__ import annotations

import asyncio
import io
import json
import shlex
import sys
import tarfile
from pathlib import Path
from typing import Any

import asyncssh

from tests.bench.clock import work


async def gather(server: dict[str, Any], limit: asyncio.Semaphore) -> dict[str, str]:
    files = {}
    async with (
        limit,
        asyncssh.connect(
            server["host"],
            port=server["port"],
            username=server["user"],
            client_keys=[server["key"]],
            known_hosts=None,
            connect_timeout=30,
        ) as connection,
    ):
        for directory in server["directories"]:
            command = f"cd {shlex.quote(directory)} && tar czf - *.yml 2>/dev/null || true"
            done = await connection.run(command, encoding=None)
            stream = done.stdout
            if not isinstance(stream, bytes) or not stream:
                continue
            with tarfile.open(fileobj=io.BytesIO(stream), mode="r:gz") as archive:
                for member in archive:
                    content = archive.extractfile(member)
                    if content is not None:
                        files[f"{directory}/{member.name}"] = content.read().decode("utf-8")
    return files


async def sweep(servers: list[dict[str, Any]], max_parallel: int) -> int:
    limit = asyncio.Semaphore(max_parallel)
    results = await asyncio.gather(*(gather(server, limit) for server in servers))
    return sum(len(files) for files in results)


if __name__ == "__main__":
    fleet = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with work():
        found = asyncio.run(sweep(fleet, int(sys.argv[2])))
    expected = sum(server["files"] for server in fleet)
    if found != expected:
        raise SystemExit(f"{found} files found, {expected} expected")
