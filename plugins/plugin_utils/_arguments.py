# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How lookups and filters are called: Ansible itself checks neither names nor terms."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain

# What Ansible adds to the options of a lookup, in a loop with with_.
_OF_ANSIBLE = frozenset({"wantlist"})


def unknown_option(given: Iterable[str], known: Iterable[str], kind: str = "option") -> str | None:
    """What is wrong with the first name that is not known, and what may be meant; None where all are known."""
    names = [name for name in known if not name.startswith("_")]
    strange = next((name for name in given if name not in names and name not in _OF_ANSIBLE), None)
    if strange is None:
        return None
    return f"there is no {kind} {strange}. {meant(strange, names)}"


def meant(strange: str, known: Iterable[str]) -> str:
    """What may be meant by a name that is not known."""
    names = sorted(known)
    near = difflib.get_close_matches(strange, names, 1)
    return f"Is it {near[0]}?" if near else f"There are: {', '.join(names)}."


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
