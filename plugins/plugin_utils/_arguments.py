# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How lookups and filters are called: Ansible itself checks neither names nor terms."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from ansible import template
from ansible.errors import AnsibleFilterError
from jinja2 import pass_context
from jinja2.runtime import Context

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain

P = ParamSpec("P")
R = TypeVar("R")

# What other plugins return, by the name of the argument that takes it: who makes it, and keys of which it has one.
_RESULTS = {
    "sweep": ("configs or configs_info", {"hosts", "summary"}),
    "extracted": ("extract_fields", {"fields", "servers"}),
    "published": ("the module fields", {"statuses", "missing", "conflicts"}),
}
# What Ansible adds to the options of a lookup, in a loop with with_.
_OF_ANSIBLE = frozenset({"wantlist"})


def unknown_option(given: Iterable[str], known: Iterable[str]) -> str | None:
    """What is wrong with an option of a lookup that is not known; None where all are known."""
    names = [name for name in known if not name.startswith("_")]
    return _unknown("option", [name for name in given if name not in _OF_ANSIBLE], names)


def _unknown(kind: str, given: Iterable[str], known: Sequence[str]) -> str | None:
    strange = next((name for name in given if name not in known), None)
    return None if strange is None else f"there is no {kind} {strange}. {meant(strange, known)}"


def meant(strange: str, known: Iterable[str]) -> str:
    """What may be meant by a name that is not known."""
    names = sorted(known)
    near = difflib.get_close_matches(strange, names, 1)
    return f"Is it {near[0]}?" if near else f"There are: {', '.join(names)}."


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A filter that says in words which argument is wrong, where Python would speak of its function."""
    parameters = list(inspect.signature(function).parameters.values())
    row = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
    options = [item.name for item in parameters[1:]]
    needed = [item.name for item in parameters if item.default is item.empty]

    def fault(arguments: int, given: Iterable[str]) -> str | None:
        if wrong := _unknown("argument", [name for name in given if name != row[0]], options):
            return wrong
        if arguments > len(row):
            names = ", ".join(f"{name}=..." for name in options[len(row) - 1 :])
            return f"too many values in a row: name them, as in {names}"
        if twice := [name for name in row[:arguments] if name in given]:
            return f"{twice[0]} was given twice"
        missing = next((name for name in needed if name not in row[:arguments] and name not in given), None)
        return missing and f"{missing} must be given, as in {function.__name__}({missing}=...)"

    @functools.wraps(function)
    def call(*arguments: P.args, **given: P.kwargs) -> R:
        if wrong := fault(len(arguments), given):
            raise AnsibleFilterError(f"{function.__name__}: {wrong}")
        return function(*arguments, **given)

    return call if hasattr(template, "trust_as_template") else _distrusted(call)


def _distrusted(function: Callable[P, R]) -> Callable[P, R]:
    """The filter, with all that a template makes of its answer marked as no template itself.

    Until ansible-core 2.18, text is a template again when it is next used, unless it comes of a variable that is marked
    so. What servers wrote in the files of a mirror does not: the path is what the filter was given.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **given: Any) -> R:
        if arguments and isinstance(arguments[0], Context):
            cast("Any", arguments[0]).unsafe = True
            arguments = arguments[1:]
        return function(*arguments, **given)

    return cast("Callable[P, R]", pass_context(call))


def strange_result(argument: str, given: Mapping[str, Any]) -> str | None:
    """What is wrong with the result of another plugin; that of a task that failed or was skipped may have no keys."""
    maker, keys = _RESULTS[argument]
    if not given or not keys.isdisjoint(given) or any(given.get(key) for key in ("failed", "skipped", "unreachable")):
        return None
    if "failed_when_result" in given:
        # With failed_when, a task that failed does not say so.
        return None
    return f"{argument} must be what {maker} returns, and has none of its keys ({', '.join(sorted(keys))})"


def names_in(terms: Any) -> list[str] | None:
    """The names in a lookup's terms, each a name or a list of them; None without a term. Raises ValueError."""
    given = plain(terms)
    if not given:
        return None
    names: list[str] = []
    for term in [given] if isinstance(given, str) else given:
        for name in term if isinstance(term, list) else [term]:
            if not isinstance(name, str):
                kind = "a list in a list" if isinstance(name, list) else type(name).__name__
                raise ValueError(f"a term is a name or a list of names, not {kind}")
            names.append(name)
    return names
