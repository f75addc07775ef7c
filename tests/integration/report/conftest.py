# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.report_html import report_html
from tests.support import browser

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.browser() as running:
        yield running


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Render a run and put the page into a file; pages of one test have names of their own."""

    def page(arguments: dict[str, Any]) -> Path:
        path = tmp_path / f"report-{len(list(tmp_path.iterdir()))}.html"
        path.write_text(report_html(**arguments), encoding="utf-8")
        return path

    return page
