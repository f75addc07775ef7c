# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's task that writes the page, run by ansible-playbook, and the page that it wrote."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.integration.report import samples
from tests.integration.report.playbooks import play
from tests.support.browser import opened


def test_the_page_is_written_and_opens(chromium: Browser, tmp_path: Path) -> None:
    arguments = samples.small_fleet()
    target = tmp_path / "report.html"
    output = play(
        tmp_path,
        "report",
        {
            "publish_report": str(target),
            "_publish_swept": arguments["sweep"],
            "publish_extracted": arguments["extracted"],
            "_publish_published": arguments["published"],
        },
    )
    assert "changed=0" in output
    with opened(chromium, target) as view:
        expect(view.page.locator("#fields-count")).to_have_text("9 fields on 9 servers")
        expect(view.page.locator("#findings-list")).to_contain_text("company is made in different ways")
        assert view.complaints == []


def test_hostile_names_survive_ansible_as_text(chromium: Browser, tmp_path: Path) -> None:
    arguments = samples.hostile_fleet()
    target = tmp_path / "report.html"
    play(
        tmp_path,
        "report",
        {
            "publish_report": str(target),
            "_publish_swept": arguments["sweep"],
            "publish_extracted": arguments["extracted"],
        },
    )
    with opened(chromium, target) as view:
        expect(view.page.locator("#fields-count")).to_have_text("14 fields on 14 servers")
        assert view.page.title() == "Labels of the fleet"
        assert view.complaints == []
