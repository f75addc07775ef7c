# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's data and its template, style and scripts → one HTML file that needs nothing else.

The data comes from servers, so it is written as JSON that cannot end its own element, and the page's policy lets run
the scripts of this folder and nothing else: no network, no inline handler, no markup made from text.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# In the order in which one uses what another defines.
SCRIPTS = ("dom.js", "model.js", "table.js", "matrix.js", "inspector.js", "findings.js", "servers.js", "page.js")
# What means something to an HTML parser or to old JavaScript, and halves of characters, which cannot be written at all.
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_SLOT = re.compile("__(POLICY|TITLE|STYLE|DATA|SCRIPT)__")


def page(data: dict[str, Any]) -> str:
    """The page as text. Raises ValueError where data holds a number that JSON does not have (NaN, infinity)."""
    template, style, script = _parts()
    slots = {
        "POLICY": html.escape(_policy(style, script)),
        "TITLE": html.escape(str(data["title"]).encode("utf-8", errors="replace").decode()),
        "STYLE": style,
        "DATA": embeddable(data),
        "SCRIPT": script,
    }
    # One pass: what looks like a slot inside of the data stays as it is.
    return _SLOT.sub(lambda match: slots[match[1]], template)


def embeddable(data: Any) -> str:
    """JSON that can stand inside of a script element; halves of characters (broken UTF-8) are replaced."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


@functools.cache
def _parts() -> tuple[str, str, str]:
    template = (HERE / "page.html").read_text(encoding="utf-8")
    style = "\n" + (HERE / "page.css").read_text(encoding="utf-8")
    scripts = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return template, style, f'\n(() => {{\n"use strict";\n{scripts}\n}})();\n'


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
