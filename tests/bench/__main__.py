# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the collection is on this machine, in ratios to other ways of doing the same. It judges nothing.

Usage: python -m tests.bench                       every part, with its defaults
       python -m tests.bench PART [OPTION ...]     one part
       python -m tests.bench PART --help           its options

Parts: sweep     whole sweeps beside OpenSSH, Ansible and two rounds of tar, with real sshd servers
       extract   YAML to fields, relabelling, redaction
       store     publishing to a real Consul
       read      published fields through each cache tier
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

PARTS = ("sweep", "extract", "store", "read")
PROJECT = Path(__file__).resolve().parents[2]


def part(name: str) -> Callable[[Sequence[str]], None]:
    """The part's main(). Loaded when it runs, so that no part pays for the imports of another."""
    main: Callable[[Sequence[str]], None] = import_module(f"tests.bench.{name}").main
    return main


def end(*_: object) -> None:
    """Leave through every block that is open, so that the servers are ended and their folders go."""
    raise SystemExit(128 + signal.SIGTERM)


def main(arguments: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, end)
    # The collection as make links it, as pytest gets it from pyproject.toml.
    sys.path.insert(0, str(PROJECT / ".venv" / "collections"))
    if not arguments:
        for name in PARTS:
            part(name)([])
    elif arguments[0] in PARTS:
        part(arguments[0])(arguments[1:])
    else:
        print((__doc__ or "").strip())
        raise SystemExit(0 if arguments[0] in ("-h", "--help") else 2)


if __name__ == "__main__":
    main(sys.argv[1:])
