# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils import _requirements

LINES = (Path(__file__).resolve().parents[4] / "requirements.txt").read_text(encoding="utf-8").splitlines()


# PyYAML comes with ansible-core.
@pytest.mark.parametrize("wanted", [line for line in LINES if not line.startswith(("#", "PyYAML"))])
def test_what_is_missing_is_installed_as_the_requirements_say(wanted: str) -> None:
    library = wanted.partition(">")[0].partition("[")[0]
    message = _requirements.missing(library, "for this test")
    assert f"required Python library ({library})" in message
    assert f"for this test. To install it: {sys.executable} -m pip install {shlex.quote(wanted)}." in message
