# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which store, for modules and lookups, and the store that they mean.

They are documented in the fragments consul and store; a test keeps these and those the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible.module_utils.common.validation import check_type_bool, check_type_int

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
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import OURS, PRESENTATION

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


def presentation_of(given: Any, option: str) -> dict[str, Any]:
    """What fields are to have, with the types that they are meant to have. Raises StoreError, naming option and key."""
    if not isinstance(given, Mapping):
        raise StoreError(f"{option} must be a dictionary, got: {given!r}.")
    if taken := sorted(OURS & given.keys()):
        raise StoreError(f"{option} sets {', '.join(taken)}, but that is not presentation: take it out.")
    if unknown := [str(key) for key in given if key not in PRESENTATION]:
        raise StoreError(f"{option} has no {', '.join(unknown)}; it takes {', '.join(sorted(PRESENTATION))}.")
    found: dict[str, Any] = {}
    for key, value in given.items():
        wanted, read = _READERS.get(key) or _READERS[type(PRESENTATION[key])]
        try:
            found[key] = read(value)
        except (TypeError, ValueError):
            raise StoreError(f"{option}.{key} must be {wanted}, got: {value!r}.") from None
    return found


def _whole_number(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    number: int = check_type_int(value)
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _list_or_null(value: Any) -> list[Any] | None:
    if not isinstance(value, list | None):
        raise TypeError
    return value


# By attribute, or by the type of its default: what is wanted, in words, and what reads it. Until ansible-core 2.18 a
# template makes a text of a number and of a truth.
_READERS: Mapping[Any, tuple[str, Callable[[Any], Any]]] = {
    bool: ("true or false", check_type_bool),
    int: ("a whole number", _whole_number),
    str: ("a text", _text),
    "options": ("a list or null", _list_or_null),
    "validation_regex": ("a text or null", lambda value: None if value is None else _text(value)),
    type(None): ("anything", lambda value: value),
}


def file_mode(text: str) -> int:
    """Octal digits as a number. Raises StoreError."""
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    # A mode that YAML read as an octal number arrives here as a decimal one, and is caught by this too.
    if not 0o600 <= mode <= 0o777 or mode & 0o600 != 0o600:
        raise StoreError(
            f"mode is {text!r}; give octal digits in quotes with which the owner may write, as '0600': without them, "
            "YAML reads 0600 as the number 384."
        )
    return mode


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
