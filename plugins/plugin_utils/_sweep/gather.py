# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep as the actions and the lookup call it: plain options in, plain data out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import (
    PATTERNS,
    SERVICE_NAMES,
    SERVICES,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import fleet
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import remote_command
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import (
    Mirror,
    MirrorChange,
    MirrorError,
    MirrorUnfinishedError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_history import history, ready
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.play_view import PlayView
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.resolver import Resolver
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import (
    WHOLE,
    Limits,
    ServerResult,
    Service,
    summary,
)

_MAX_NAMED: Final = 10
# A letter that is wrong, missing or too many, not another program: of prometheus and pushgateway it is 0.38.
_ALIKE: Final = 0.85


def options(given: Mapping[str, Any]) -> fleet.Options:
    """The options of a sweep. Raises ValueError with what is wrong with them."""
    for item in given.get("services") or ():
        if not item["service"] or not item["directory"]:
            raise ValueError("services: each is to have a service, which is its name, and a directory")
        name = str(item["service"])
        meant = next(iter(get_close_matches(name.strip().lower(), SERVICE_NAMES, 1, _ALIKE)), name)
        if meant != name:
            # Its files would be swept and read by nobody, as if the fleet had no labels any more.
            raise ValueError(f"services: the service {name} is probably meant to be {meant}: nothing reads that name")
    services = tuple(
        Service(item["service"], item["directory"], tuple(item.get("patterns") or PATTERNS))
        for item in given.get("services") or SERVICES
    )
    for name in ("connect_timeout", "timeout", "max_parallel", "max_bytes", "max_files"):
        if given.get(name) is not None and given[name] <= 0:
            raise ValueError(f"{name} must be more than 0")
    limits = Limits(
        max_files=given["max_files"],
        max_bytes=given["max_bytes"],
        max_file_bytes=min(Limits().max_file_bytes, given["max_bytes"]),
        # What tar did not pack well comes once more.
        max_wire_bytes=2 * given["max_bytes"] + 1024 * 1024,
    )
    # What is wrong with a directory or a pattern is said once, not for each server.
    remote_command(services, limits)
    return fleet.Options(
        services=services,
        limits=limits,
        connect_timeout=given.get("connect_timeout"),
        timeout=given["timeout"],
        max_parallel=given["max_parallel"],
        redact=given.get("redact", True),
    )


def inline(
    servers: Sequence[str], view: PlayView, given: Mapping[str, Any], say: Callable[[str], None] | None
) -> dict[str, Any]:
    """Sweep and return everything: hosts, summary, changed."""
    swept = fleet.sweep(servers, Resolver(view), options(given), say=say)
    return {"changed": False, **_result(swept, given["fail_on"], contents=True)}


def mirrored(
    servers: Sequence[str],
    view: PlayView,
    given: Mapping[str, Any],
    say: Callable[[str], None] | None,
    *,
    check: bool,
    diff: bool,
) -> dict[str, Any]:
    """Sweep into the mirror at dest; contents stay out of the result.

    Raises MirrorError before a server is asked; afterwards a fault of the mirror is part of the result, as failed and
    msg.
    """
    redact = bool(given["redact"])
    keep_history = given["history"] == "git"
    mirror = Mirror(given["dest"])
    asked = options(given)
    if keep_history:
        ready(mirror.path)
    (mirror.prepare_check if check else mirror.prepare)(redacted=redact)
    policy = _policy(mirror.salt) if redact else "none"
    known = {} if given["force"] else mirror.known_digests(servers, redacted=redact, policy=policy)
    swept = fleet.sweep(servers, Resolver(view), asked, salt=mirror.salt, known_digests=known, say=say)
    change, fault = MirrorChange(), None
    try:
        # A diff is part of the result, and nothing unredacted goes there.
        change = mirror.apply(
            swept.servers, prune=given["prune"], check=check, diff=diff and redact, redacted=redact, policy=policy
        )
    except MirrorUnfinishedError as error:
        change, fault = error.change, str(error)
    except MirrorError as error:
        # What the servers said is not lost with the mirror.
        fault = str(error)
    commit = None
    if keep_history and not check and not fault:
        try:
            commit = history(mirror.path, change)
        except MirrorError as error:
            fault = f"{error}; the files are in the mirror, and the next sweep commits what is missing"
    result = {
        "changed": change.changed,
        "dest": mirror.path,
        "added": change.added,
        "updated": change.updated,
        "removed": change.removed,
        "commit": commit,
        **_result(swept, given["fail_on"], contents=False),
    }
    if change.warnings:
        result["warnings"] = [*result.get("warnings", []), *change.warnings]
    if diff and redact:
        result["diff"] = change.diff
    if fault:
        said = [fault, result["msg"]] if "msg" in result else [fault]
        result.update(failed=True, msg="; ".join(said))
    return result


def _result(swept: fleet.Sweep, fail_on: str, *, contents: bool) -> dict[str, Any]:
    hosts = {}
    for server, result in swept.servers.items():
        if not contents:
            for item in result.files:
                item.content = None
        hosts[server] = result.as_dict()
    message = failure(swept.servers, fail_on)
    plain: dict[str, Any] = {"hosts": hosts, "summary": summary(swept.servers, swept.seconds)}
    warnings = hints(swept.servers)
    if warnings:
        plain["warnings"] = warnings
    return {**plain, "failed": True, "msg": message} if message else plain


def failure(servers: Mapping[str, ServerResult], fail_on: str) -> str | None:
    """Why the sweep as a whole failed, by fail_on; None when it did not."""
    bad = {server: result for server, result in servers.items() if result.status not in WHOLE}
    silent = [server for server, result in bad.items() if not any(item.sha256 for item in result.files)]
    if not bad or fail_on == "never" or (fail_on == "all" and len(silent) < len(servers)):
        return None
    named = "; ".join(
        str(result.error or f"{server}: {result.status}") for server, result in list(bad.items())[:_MAX_NAMED]
    )
    more = f"; and {len(bad) - _MAX_NAMED} more" if len(bad) > _MAX_NAMED else ""
    return f"{len(bad)} of {len(servers)} servers did not answer whole: {named}{more}"


def hints(servers: Mapping[str, ServerResult]) -> list[str]:
    """What is no fault of a server, but probably not what somebody meant: directories without a file to be read."""
    if not servers:
        return ["There are no servers to sweep: hosts is empty"]
    empty: dict[str, list[str]] = {}
    for server, result in servers.items():
        for directory in result.empty:
            empty.setdefault(directory, []).append(server)
    return [
        f"{directory} has no file that matches the patterns on {', '.join(names[:_MAX_NAMED])}"
        + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")
        for directory, names in empty.items()
    ]


def _policy(salt: bytes) -> str:
    """Names the rules of redaction and the salt: what a mirror holds that was masked otherwise is fetched anew.

    A salt that was lost, as in a clone of the history, would else make equal secrets differ from server to server.
    """
    digest = hashlib.sha256(salt)
    for path in sorted((Path(__file__).parents[1] / "_labels").glob("secret*.py")):
        digest.update(path.read_bytes())
    return f"redact:{digest.hexdigest()[:16]}"
