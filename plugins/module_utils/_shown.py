# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers and stores name and say, as people may see it: in messages, lines of progress and differences."""

from __future__ import annotations


def shown(text: str) -> str:
    """The text on one line, with nothing that a terminal obeys or that cannot be encoded: escapes instead."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def shown_text(text: str) -> str:
    """The same of a text with lines and tabs, which stay."""
    return "\n".join("\t".join(map(shown, line.split("\t"))) for line in text.split("\n"))
