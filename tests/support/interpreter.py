# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code in a process of its own, for what an import brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def printed_by(code: str) -> str:
    """What the code prints, with nothing but the collection on its path. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PROJECT / ".venv/collections")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
