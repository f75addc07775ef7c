# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which store, for modules and lookups, and the store that they mean.

They are documented in the fragments consul and store; a test keeps these and those the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import env_fallback

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._paths import (
    text_for_path,
    without_texts,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    Store,
    StoreError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import ConsulSettings
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore

CONSUL, DIRECTORY = "consul", "directory"
# A day, in seconds. What is no number at all is no wait either.
LONGEST_WAIT = 86400
PATHS = ("path", "token_file", "ca_cert", "client_cert", "client_key")


def variable_that_is_set(*names: str) -> Any:
    """The value of an environment variable; one that is empty is not set, as for Consul's own commands."""
    return env_fallback(*(name for name in names if os.environ.get(name)))


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as results may repeat them: no password of an address, no contents in place of a path."""
    head, at, tail = str(options.get("address")).rpartition("@")
    scheme, slashes, _rest = head.rpartition("//")
    paths = without_texts({name: options[name] for name in PATHS if name in options})
    return {**options, **paths, **({"address": f"{scheme}{slashes}********@{tail}"} if at else {})}


def _of(kind: str, variable: str | None = None, **settings: Any) -> dict[str, Any]:
    fallback = {"fallback": (variable_that_is_set, [variable])} if variable else {}
    return {"type": kind, **fallback, **settings}


def consul_spec() -> dict[str, dict[str, Any]]:
    return {
        "address": _of("str", "CONSUL_HTTP_ADDR", default="127.0.0.1:8500"),
        "token": _of("str", "CONSUL_HTTP_TOKEN", no_log=True),
        "token_file": _of("path", "CONSUL_HTTP_TOKEN_FILE", no_log=False),
        "tls": _of("bool", "CONSUL_HTTP_SSL"),
        "validate_certs": _of("bool", "CONSUL_HTTP_SSL_VERIFY", default=True),
        "ca_cert": _of("path", "CONSUL_CACERT"),
        "client_cert": _of("path", "CONSUL_CLIENT_CERT"),
        "client_key": _of("path", "CONSUL_CLIENT_KEY", no_log=False),
        "datacenter": _of("str"),
        "namespace": _of("str", "CONSUL_NAMESPACE"),
        "partition": _of("str", "CONSUL_PARTITION"),
        "consistency": _of("str", default="default", choices=["default", "consistent", "stale"]),
        "timeout": _of("float", default=10.0),
    }


def store_spec() -> dict[str, dict[str, Any]]:
    return {
        "store": _of("str", default=CONSUL, choices=[CONSUL, DIRECTORY]),
        "prefix": _of("str", default="skills/cm/metadata"),
        "path": _of("path"),
        **consul_spec(),
    }


def store_from(options: Mapping[str, Any], *, mode: int = 0o644) -> Store:
    """The store that the options mean. Raises StoreError where they cannot be right."""
    if not 0 < options["timeout"] <= LONGEST_WAIT:
        raise StoreError(f"timeout must be more than 0 seconds, and {LONGEST_WAIT} at most.")
    for name in PATHS:
        if options[name] and (text := text_for_path(options[name])):
            raise StoreError(f"{name} must be a path, got {text}.")
    if options["store"] == DIRECTORY:
        if not options["path"]:
            raise StoreError("The directory store needs path: the directory to keep the documents in.")
        return DirectoryStore(options["path"], mode=mode, timeout=options["timeout"])
    settings = {name: options[name] for name in consul_spec()}
    if settings["token"] and settings["token_file"] and _is_of_environment(settings):
        del settings["token_file"]
    return ConsulStore(ConsulSettings(**settings), options["prefix"])


def _is_of_environment(settings: Mapping[str, Any]) -> bool:
    """Whether the token file alone is from the environment: what a task says wins over that."""
    file, token = (os.environ.get(name) for name in ("CONSUL_HTTP_TOKEN_FILE", "CONSUL_HTTP_TOKEN"))
    here = file and os.path.expanduser(os.path.expandvars(file)) == settings["token_file"]  # noqa: PTH111
    return bool(here) and settings["token"] != token
