# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Names of character classes that Go 1.25 knows, as RE2 for C++ spells them.

Since then \p{...} takes the long names of categories, ASCII, LC, Assigned and Cn, and any name in any case with spaces,
underscores and hyphens left out or put in. Only the text is changed: whether a name exists is for RE2 to say.
"""

from __future__ import annotations

import re
from typing import Final

_CLASS: Final = r"\\([pP])(?:\{(\^?)([^{}]*)\}|([A-Za-z]))"
_OUTSIDE: Final = re.compile(rf"\\Q.*?(?:\\E|\Z)|{_CLASS}|\\.|\[\^?\]?|.", re.DOTALL)
_INSIDE: Final = re.compile(rf"\[:\^?\w+:\]|{_CLASS}|\\.|.", re.DOTALL)

# Long name, as it is compared → category.
_CATEGORIES: Final[dict[str, str]] = {
    "control": "Cc",
    "cntrl": "Cc",
    "format": "Cf",
    "privateuse": "Co",
    "surrogate": "Cs",
    "letter": "L",
    "uppercaseletter": "Lu",
    "lowercaseletter": "Ll",
    "titlecaseletter": "Lt",
    "modifierletter": "Lm",
    "otherletter": "Lo",
    "mark": "M",
    "combiningmark": "M",
    "spacingmark": "Mc",
    "enclosingmark": "Me",
    "nonspacingmark": "Mn",
    "number": "N",
    "decimalnumber": "Nd",
    "digit": "Nd",
    "letternumber": "Nl",
    "othernumber": "No",
    "punctuation": "P",
    "punct": "P",
    "connectorpunctuation": "Pc",
    "dashpunctuation": "Pd",
    "closepunctuation": "Pe",
    "finalpunctuation": "Pf",
    "initialpunctuation": "Pi",
    "otherpunctuation": "Po",
    "openpunctuation": "Ps",
    "symbol": "S",
    "currencysymbol": "Sc",
    "modifiersymbol": "Sk",
    "mathsymbol": "Sm",
    "othersymbol": "So",
    "separator": "Z",
    "lineseparator": "Zl",
    "paragraphseparator": "Zp",
    "spaceseparator": "Zs",
}
# All but category C, which the Go of these names takes for unassigned characters, too, and RE2 does not.
_KNOWN: Final = r"\pL\pM\pN\pP\pS\pZ"
# Name → what stands for it in a class, and what stands there for all other characters.
_SETS: Final[dict[str, tuple[str, str | None]]] = {
    "ascii": (r"\x00-\x7f", r"\x{80}-\x{10ffff}"),
    "lc": (r"\p{Lu}\p{Ll}\p{Lt}", r"\PL\p{Lm}\p{Lo}"),
    "casedletter": (r"\p{Lu}\p{Ll}\p{Lt}", r"\PL\p{Lm}\p{Lo}"),
    "assigned": (rf"{_KNOWN}\pC", None),
    "not other": (_KNOWN, None),
}
_OPPOSITES: Final = {"cn": "assigned", "unassigned": "assigned", "other": "not other"}


def older_names(expression: str) -> str:
    """The expression with names that RE2 for C++ knows in place of those that Go alone does."""
    made: list[str] = []
    at, inside = 0, False
    while at < len(expression):
        found = (_INSIDE if inside else _OUTSIDE).match(expression, at)
        if found is None:
            return expression
        at = found.end()
        text = found.group()
        if found[1]:
            made.append(_spelled(found, inside=inside))
            continue
        if inside:
            inside = text != "]"
        elif text.startswith("["):
            inside = True
        made.append(text)
    return "".join(made)


def _spelled(found: re.Match[str], *, inside: bool) -> str:
    written = found[3] if found[4] is None else found[4]
    negative = (found[1] == "P") != bool(found[2])
    name = re.sub(r"[ _-]", "", written).lower()
    if name in _OPPOSITES:
        name, negative = _OPPOSITES[name], not negative
    if name in _SETS:
        members, others = _SETS[name]
        if not inside:
            return f"[{'^' if negative else ''}{members}]"
        return (others if negative else members) or found.group()
    known = _CATEGORIES.get(name) or "_".join(part.title() for part in re.split(r"[ _-]", written))
    return f"\\{'P' if negative else 'p'}{{{known}}}"
