# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page at its limits: a very large fleet, names of ill will, and the judgement of axe-core."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.report import samples
from tests.integration.report.conftest import Write
from tests.support.browser import DESKTOP, NARROW, Scheme, opened

COUNT = "() => document.querySelectorAll('*').length"
FIELDS = "#fields-frame"
# 300 fields x 1,000 servers are 300,000 cells; this many elements are a page's furniture and the rows in sight.
MOST_NODES = 3_000


def test_a_large_fleet_needs_few_elements_wherever_one_scrolls(chromium: Browser, write: Write) -> None:
    path = write(samples.fleet(300, 1000))
    assert path.stat().st_size < 2_000_000
    with opened(chromium, path) as view:
        page = view.page
        expect(page.locator("#fields-count")).to_have_text("300 fields on 1,000 servers")
        assert page.evaluate(COUNT) < MOST_NODES
        for frame, last in [("#fields-frame", "label_299"), ("#servers-frame", "prometheus-0999.site-10.example.net")]:
            page.evaluate(f"() => {{ const f = document.querySelector('{frame}'); f.scrollTop = f.scrollHeight; }}")
            expect(page.locator(f"{frame} tbody a", has_text=last)).to_be_visible()
            assert page.evaluate(COUNT) < MOST_NODES
        page.evaluate("() => { const f = document.querySelector('#fields-frame'); f.scrollLeft = f.scrollWidth; }")
        strip = page.locator("#fields-frame tr", has_text="label_299").locator("canvas")
        box = strip.bounding_box()
        assert box is not None
        assert box["width"] < DESKTOP[0]
        strip.hover(position={"x": box["width"] - 3, "y": 20})
        expect(page.locator("#tip")).to_contain_text("prometheus-0999")
        page.locator("#columns-order").select_option("difference")
        page.locator("#fields-search").fill("label_29")
        expect(page.locator("#fields-count")).to_have_text("10 of 300 fields on 1,000 servers")
        page.locator("#findings-more").click()
        assert page.evaluate(COUNT) < MOST_NODES
        assert view.complaints == []


def test_the_keyboard_goes_through_a_large_fleet(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.fleet(300, 400))) as view:
        page = view.page
        page.locator("#fields-frame tbody a").first.focus()
        page.keyboard.press("End")
        expect(page.locator(":focus")).to_have_text("label_299")
        for _unused in range(40):
            page.keyboard.press("ArrowUp")
        expect(page.locator(":focus")).to_have_text("label_259")
        # Rows that the mouse scrolled away take the stop in the tab order with them: another takes their place.
        page.evaluate("() => { document.querySelector('#fields-frame').scrollTop = 0; }")
        expect(page.locator("#fields-frame tbody a", has_text="label_000")).to_be_visible()
        assert page.locator("#fields-frame tbody a[tabindex='0']").count() == 1


def test_the_most_different_servers_come_first(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        page.locator("#columns-order").select_option("difference")
        canvas = page.locator("#fields-frame tr", has_text="tier").locator("canvas")
        canvas.hover(position={"x": 10, "y": 20})
        expect(page.locator("#tip")).to_have_text("prom-rec-01: absent")


def test_hostile_names_are_text(chromium: Browser, write: Write) -> None:
    path = write(samples.hostile_fleet())
    text = path.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 2
    with opened(chromium, path) as view:
        page = view.page
        expect(page.get_by_role("heading", level=1)).to_have_text(samples.HOSTILE[0])
        expect(page.locator("#fields-count")).to_have_text(
            f"{len(samples.HOSTILE)} fields on {len(samples.HOSTILE)} servers"
        )
        page.locator("#findings-more").click()
        for details in page.locator("#findings-list details").all()[:3]:
            details.locator("summary").click()
        for frame in ("#fields-frame", "#servers-frame"):
            page.evaluate(f"() => {{ document.querySelector('{frame}').style.maxHeight = 'none'; }}")
            expect(page.locator(f"{frame} tbody tr[data-index]")).to_have_count(len(samples.HOSTILE))
            for link in page.locator(f"{frame} tbody a").all():
                name = link.text_content()
                link.click()
                expect(page.locator("#inspector-title")).to_have_text(name or "", use_inner_text=False)
                assert (
                    page.evaluate(
                        "() => document.querySelectorAll('#inspector script, #inspector img, #inspector svg').length"
                    )
                    == 0
                )
        page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
        # The page's own image of a head, for paper, aside.
        foreign = "main img:not(#fields-frame thead img), main svg, main script, iframe, object"
        assert page.locator(foreign).count() == 0
        assert page.title() == samples.HOSTILE[0]
        assert view.complaints == []
        assert all(url == path.as_uri() or url.startswith("data:") for url in view.requests)


def test_a_link_to_any_name_finds_it(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.hostile_fleet())) as view:
        page = view.page
        for name in samples.HOSTILE:
            readable = name.replace("\udc80", "\ufffd")
            page.evaluate("(name) => { location.hash = '#field-' + encodeURIComponent(name); }", readable)
            page.wait_for_function(
                "(name) => document.getElementById('inspector-title')?.textContent === name", arg=readable
            )
        assert view.complaints == []


def test_the_policy_refuses_what_the_page_does_not_carry(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.append("window.ran = 1");
                document.body.append(script);
            }"""
        )
        assert page.evaluate("() => window.ran") is None
        markup = "() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch { return 'refused'; } }"
        assert page.evaluate(markup) == "refused"
        assert page.evaluate("() => fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"
        assert any("Content Security Policy" in line for line in view.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, NARROW])
@pytest.mark.parametrize("fragment", ["", "#field-company", "#server-prom-rec-03"])
def test_axe_finds_nothing_serious(
    chromium: Browser, write: Write, scheme: Scheme, size: tuple[int, int], fragment: str
) -> None:
    path = write(samples.small_fleet())
    with opened(chromium, path, fragment=fragment, size=size, scheme=scheme, bypass_policy=True) as view:
        expect(view.page.locator("#inspector")).to_be_visible(visible=bool(fragment))
        assert view.axe() == []


def test_axe_would_find_what_is_hard_to_read(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet()), bypass_policy=True) as view:
        view.page.evaluate("() => { document.getElementById('when').style.color = 'rgb(200, 200, 200)'; }")
        assert any(line.startswith("color-contrast") for line in view.axe())


def test_on_paper_every_page_of_a_table_has_its_head(chromium: Browser, write: Write, tmp_path: Path) -> None:
    with opened(chromium, write(samples.fleet(60, 60))) as view:
        paper = tmp_path / "paper.pdf"
        view.page.pdf(path=paper, prefer_css_page_size=True)
        # Names on a canvas would stand on the first page alone.
        expect(view.page.locator(f"{FIELDS} thead img")).to_have_count(0)
    done = subprocess.run(["pdftotext", "-layout", paper, "-"], check=True, capture_output=True, text=True, timeout=60)
    pages = done.stdout.split("\f")
    fields = [page for page in pages if re.search(r"relabel +\d+ / \d+", page)]
    servers = [page for page in pages if re.search(r"prometheus-\d+\S* +ok +\d+ ", page)]
    assert len(fields) > 1
    assert len(servers) > 1
    assert all(re.search(r"Field.*Origin.*Servers.*Ways", page) for page in fields)
    assert all(re.search(r"Server.*Status.*Files", page) for page in servers)


def test_on_paper_equal_cells_are_one_bar_however_narrow(chromium: Browser, write: Write) -> None:
    """Edges between cells of half a pixel shine through, and a field of all servers looks like one of some."""
    with opened(chromium, write(samples.fleet(40, 970))) as view:
        page = view.page
        page.evaluate(
            """() => window.addEventListener("beforeprint", () => {
                const row = [...document.querySelectorAll("#fields-frame tr[data-index]")].find(
                    (one) => one.innerText.includes("label_001"));
                const canvas = row.querySelector("canvas");
                const line = canvas.getContext("2d").getImageData(0, canvas.height / 2, canvas.width, 1).data;
                const colours = {};
                for (let at = 0; at < line.length; at += 4) {
                    const colour = line.slice(at, at + 4).join();
                    colours[colour] = (colours[colour] ?? 0) + 1;
                }
                window.strip = {
                    width: canvas.width,
                    most: Math.max(...Object.values(colours)),
                    head: document.querySelectorAll("#fields-frame thead img").length,
                };
            })"""
        )
        page.pdf(prefer_css_page_size=True)
        strip = page.evaluate("() => window.strip")
        # But for the servers that were not read, which are one in a hundred.
        assert strip["most"] > 0.9 * strip["width"]
        assert strip["head"] == 1
        assert view.complaints == []
