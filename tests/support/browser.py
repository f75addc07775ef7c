# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's Chromium for a test, without any network of its own, and axe-core to judge what it shows."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = (1440, 900)
NARROW = (390, 844)
Scheme = Literal["light", "dark"]


def executable() -> Path:
    """The browser's path: CHROMIUM where it is set, else the system's own. Skips the test where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed: apt install chromium")
    return Path(found)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Run Chromium until the block ends; its end is waited for."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS), headless=True)
        try:
            yield running
        finally:
            running.close()


@dataclass(slots=True)
class Opened:
    """A page that was opened, with all that it complained of and asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def axe(
        self, *, tags: tuple[str, ...] = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
    ) -> list[str]:
        """What axe-core finds serious or critical, as "rule: what; where" lines."""
        report: dict[str, Any] = self.page.evaluate(
            """async ([source, tags]) => {
                if (!window.axe) (0, eval)(source);
                const runOnly = {type: "tag", values: tags};
                return await window.axe.run(document, {runOnly, resultTypes: ["violations"]});
            }""",
            [axe_source(), list(tags)],
        )
        return [
            f"{found['id']}: {found['help']}; {node['target']} {node.get('failureSummary', '')}"
            for found in report["violations"]
            if found["impact"] in {"serious", "critical"}
            for node in found["nodes"]
        ]


def axe_source() -> str:
    """The script of axe-core, as the package axe-playwright-python carries it."""
    return (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@contextlib.contextmanager
def opened(
    running: Browser,
    path: Path,
    *,
    fragment: str = "",
    size: tuple[int, int] = DESKTOP,
    scheme: Scheme = "light",
    bypass_policy: bool = False,
) -> Iterator[Opened]:
    """Open a file in a fresh context. bypass_policy lets a test's own scripts (axe-core) past the page's policy."""
    context: BrowserContext = running.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
        offline=True,
        bypass_csp=bypass_policy,
    )
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        result = Opened(page)
        page.on("console", lambda message: _note(result, message.type, message.text))
        page.on("pageerror", lambda error: result.complaints.append(f"uncaught: {error}"))
        page.on("request", lambda request: result.requests.append(request.url))
        page.goto(path.as_uri() + fragment)
        yield result
    finally:
        context.close()


def _note(result: Opened, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        result.complaints.append(f"{kind}: {text}")
