# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users hand over, as the room's own inputs: sweep results, and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ServerConfigs
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import MAIN_NAMES, Options
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import named


class InputError(ValueError):
    """What was handed over cannot be used; the text says why and what is wanted."""


def servers_of(data: Any, only: Sequence[str] | None = None) -> dict[str, ServerConfigs]:
    """The servers of a sweep result, of its hosts alone, or the one server of an entry of hosts, named localhost.

    only: the servers to take; each must be there. data is plain. Raises InputError.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"expected a sweep result (a dictionary), not {_kind(data)}")
    hosts = data.get("hosts", data)
    if "files" in data and isinstance(data["files"], list):
        hosts = {"localhost": data}
    if not isinstance(hosts, Mapping):
        raise InputError(f"hosts must be a dictionary of servers, not {_kind(hosts)}")
    if hosts is data and not all(isinstance(entry, Mapping) for entry in hosts.values()):
        raise InputError(f"expected a sweep result; this has no hosts, but {', '.join(map(named, list(hosts)[:5]))}")
    missing = [name for name in only or () if name not in hosts]
    if missing:
        raise InputError(f"the sweep has no server {', '.join(map(named, missing))}")
    return {str(name): _server(str(name), hosts[name]) for name in (only if only else hosts)}


def need_contents(data: Any) -> None:
    """Raise InputError for a result of the module configs, which keeps the contents in a mirror and out of its result.

    Without them no server would have fields. A file that is not text has no content either, so one text is enough.
    """
    if not isinstance(data, Mapping):
        return
    hosts = {"": data} if isinstance(data.get("files"), list) else data.get("hosts", data)
    servers = [entry for entry in hosts.values() if isinstance(entry, Mapping)] if isinstance(hosts, Mapping) else []
    lists = [entry["files"] for entry in servers if isinstance(entry.get("files"), list)]
    files = [item for files in lists for item in files if isinstance(item, Mapping)]
    if any(item.get("content") is not None for item in files):
        return
    left_out = any(item.get("error") is None for item in files)
    if left_out or (servers and "dest" in data) or any(entry.get("status") == "unchanged" for entry in servers):
        raise InputError(
            "this sweep result has no contents. Those of the module configs are in its mirror: give the path of that, "
            "as in swept.dest | skills_eye.prometheus_fleet.extract_fields, or sweep with configs_info"
        )


def _server(name: str, entry: Any) -> ServerConfigs:
    server = named(name)
    if not isinstance(entry, Mapping):
        raise InputError(f"the entry of server {server} must be a dictionary with status and files, not {_kind(entry)}")
    files = entry.get("files") or []
    if not isinstance(files, list) or not all(isinstance(item, Mapping) and item.get("path") for item in files):
        raise InputError(f"files of server {server} must be a list of dictionaries with a path")
    for item in files:
        if not isinstance(item.get("content"), str | None):
            path, kind = named(item["path"]), _kind(item["content"])
            raise InputError(f"content of {path} of server {server} must be text, not {kind}")
    return ServerConfigs.from_dict(entry)


def options_of(main_config: Any = None, prometheus_version: Any = 3, refused: Any = "omit") -> Options:
    """The options of the filters. Raises InputError."""
    names = MAIN_NAMES if main_config is None else main_config
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) and name for name in names):
        raise InputError("main_config must be a list of file names")
    version = str(prometheus_version).partition(".")[0]
    if version not in ("2", "3"):
        raise InputError("prometheus_version must be 2 or 3")
    if refused not in ("omit", "keep"):
        raise InputError("refused must be omit or keep")
    return Options(tuple(names), int(version), refused == "keep")


def names_of(servers: Any) -> list[str] | None:
    """A list of servers, None for all. Raises InputError."""
    if servers is None or servers == "":
        return None
    if isinstance(servers, str):
        return [servers]
    if not isinstance(servers, Sequence) or not all(isinstance(name, str) for name in servers):
        raise InputError("servers must be a list of names")
    return list(dict.fromkeys(servers))


def target_of(target: Any) -> dict[str, str] | None:
    """A target's label set, None where none is given. Raises InputError."""
    if target is None or target == "":
        return None
    if not isinstance(target, Mapping):
        raise InputError(f"target must be a dictionary of labels, not {_kind(target)}")
    return {str(name): str(value) for name, value in target.items() if value is not None}


def _kind(value: Any) -> str:
    kinds = {"NoneType": "nothing", "str": "text", "list": "a list", "dict": "a dictionary", "int": "a number"}
    return kinds.get(type(value).__name__, f"a value of type {type(value).__name__}")
