# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a real Chromium: what it shows, and that it can be searched, sorted, filtered and used by keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.report import samples
from tests.integration.report.conftest import Write
from tests.support.browser import NARROW, Scheme, opened

FIELDS = "#fields-frame"
SERVERS = "#servers-frame"


def names(page: Page, frame: str) -> list[str]:
    """The first cell's link of every row that the frame shows, from its top."""
    return page.locator(f"{frame} tbody tr[data-index] th a").all_inner_texts()


def heading(page: Page, frame: str, title: str) -> None:
    page.locator(f"{frame} thead button", has_text=title).first.click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["small", "empty", "large"])
def test_it_renders_without_complaint_and_without_network(
    chromium: Browser, write: Write, kind: str, scheme: Scheme
) -> None:
    empty: dict[str, Any] = {"sweep": {}, "extracted": {}}
    path = write({"small": samples.small_fleet(), "empty": empty, "large": samples.fleet(60, 80)}[kind])
    with opened(chromium, path, scheme=scheme) as view:
        expect(view.page.get_by_role("heading", level=1)).to_have_text("Labels of the fleet")
        expect(view.page.locator(f"{FIELDS} table")).to_be_visible()
        assert view.complaints == []
        assert [url for url in view.requests if url != path.as_uri() and not url.startswith("data:")] == []


def test_the_overview_counts_the_run(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        stats = view.page.locator(".stat").all_inner_texts()
        assert [" ".join(text.split()) for text in stats] == [
            "Servers read 8 of 9 1 not read",
            "Fields 10 1 made in more than one way, 2 absent somewhere",
            "Findings 5 2 errors, 3 warnings",
            "Sweep 1.84 s 64 files, 735 kB",
            "In the store 9 7 synced, 1 outdated, 1 orphan, 1 missing",
        ]
        expect(view.page.locator("#when time")).to_have_attribute("datetime", samples.WHEN)
        # A page is mailed and printed: which time zone it is read in must be there.
        zone = view.page.evaluate("new Intl.DateTimeFormat('en-GB', {timeZoneName: 'short'}).format().split(', ')[1]")
        expect(view.page.locator("#when time")).to_have_text(re.compile(rf"^\d+ \w+ \d+, \d\d:\d\d {re.escape(zone)}$"))


def test_what_nobody_looked_for_is_not_said_to_be_in_order(chromium: Browser, write: Write) -> None:
    given = samples.small_fleet()
    bare = {name: given[name] for name in ("sweep", "extracted")}
    for arguments, stat, heading in (
        (bare, "1 error; drift and routes not checked", "1 finding"),
        ({"sweep": {}, "extracted": {}}, "drift and routes not checked", "None; drift and routes not checked."),
        ({"sweep": {}, "extracted": {}, "drift": [], "routes": []}, "nothing found", "None."),
        ({"sweep": {}, "extracted": {}, "drift": []}, "routes not checked", "None; routes not checked."),
    ):
        with opened(chromium, write(arguments)) as view:
            expect(view.page.locator(".stat", has_text="Findings")).to_contain_text(stat)
            expect(view.page.locator("#findings-count")).to_have_text(heading)


def test_without_scripts_there_is_the_notice_alone(chromium: Browser, write: Write) -> None:
    context = chromium.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(write(samples.small_fleet()).as_uri())
        expect(page.locator("noscript .notice")).to_be_visible()
        assert page.locator("header, section, select").filter(visible=True).count() == 0
    finally:
        context.close()


def test_a_field_that_is_called_as_it_is_shown_is_named_once(chromium: Browser, write: Write) -> None:
    given = samples.small_fleet()
    given["stored"] = [entry | {"display_name": entry["name"]} for entry in given["stored"]]
    with opened(chromium, write(given)) as view:
        rows = view.page.locator(f"{FIELDS} tbody tr[data-index] th").all_inner_texts()
        assert rows
        assert [row for row in rows if len(set(row.split())) < len(row.split())] == []


def test_what_did_not_change_is_said_and_not_counted_as_nothing(chromium: Browser, write: Write) -> None:
    hosts = {name: samples.server_result(0.1, 0.1, 0.3) for name in ("a", "b", "c")}
    for name in ("a", "b"):
        hosts[name] |= {"status": "unchanged", "files": []}
    with opened(chromium, write(samples.run(hosts, []))) as view:
        expect(view.page.locator(".stat", has_text="Sweep")).to_contain_text("8 files, 91.8 kB; 2 servers unchanged")


def test_a_strip_says_in_text_what_it_draws(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        row = view.page.locator(f"{FIELDS} tr", has_text="tier")
        expect(row.locator("canvas")).to_have_attribute("aria-label", "made on 6, absent on 2, not known on 1")


def test_each_kind_of_cell_is_drawn_in_the_colour_and_height_of_its_own(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        drawn = view.page.evaluate(
            """() => {
                const rows = [...document.querySelectorAll("#fields-frame tbody tr[data-index]")];
                const row = (name) => rows.find((row) => row.cells[0].textContent.startsWith(name));
                // What one server's column of pixels holds: its colour in the middle, and how many pixels are painted.
                const look = (name, column) => {
                    const strip = row(name).querySelector("canvas");
                    const scale = strip.width / strip.clientWidth;
                    const width = Math.round(32 * scale);
                    const x = column * width + Math.round(width / 4);
                    const data = strip.getContext("2d").getImageData(x, 0, 1, strip.height).data;
                    let painted = 0;
                    for (let index = 3; index < data.length; index += 4) painted += data[index] === 255 ? 1 : 0;
                    const middle = 4 * Math.floor(strip.height / 2);
                    const colour = [...data.slice(middle, middle + 3)].join(", ");
                    return {painted: Math.round(painted / scale), colour};
                };
                const legend = (name) => getComputedStyle(document.querySelector(`#legend .${name}`)).color;
                return {
                    otherwise: [look("company", 0), legend("otherwise")],
                    made: [look("company", 1), legend("made")],
                    absent: [look("tier", 3), legend("absent")],
                    unknown: [look("tier", 5), legend("unknown")],
                };
            }"""
        )
        for kind in ("made", "otherwise", "absent"):
            look, colour = drawn[kind]
            assert f"rgb({look['colour']})" == colour, kind
        heights = {kind: look["painted"] for kind, (look, _colour) in drawn.items()}
        assert len(set(heights.values())) == 4, heights


def test_search_finds_names_source_labels_files_and_jobs(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        search = view.page.locator("#fields-search")
        for text, found in [
            ("comp", ["company"]),
            ("metadata_tier", ["tier"]),
            ("legacy.yml:57", ["company"]),
            ("BLACKBOX", ["instance"]),
            ("metadata windows vendor", ["vendor"]),
            ("nothing like it", []),
            (
                "",
                sorted(
                    [
                        "company",
                        "tier",
                        "env",
                        "site",
                        "vendor",
                        "instance",
                        "datacenter",
                        "severity",
                        "pod_.*",
                        "floor",
                    ]
                ),
            ),
        ]:
            search.fill(text)
            assert names(view.page, FIELDS) == found
        search.fill("nothing like it")
        expect(view.page.locator(FIELDS)).to_contain_text("No field fits.")
        expect(view.page.locator("#fields-count")).to_have_text("0 of 10 fields on 9 servers")


def test_fields_are_sorted_by_any_column_both_ways(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        assert names(page, FIELDS)[:2] == ["company", "datacenter"]
        heading(page, FIELDS, "Field")
        assert names(page, FIELDS)[:2] == ["vendor", "tier"]
        heading(page, FIELDS, "Ways")
        assert names(page, FIELDS)[0] == "company"
        expect(page.locator(f"{FIELDS} th", has_text="Ways")).to_have_attribute("aria-sort", "descending")
        heading(page, FIELDS, "Servers")
        assert names(page, FIELDS)[-3:] == ["tier", "pod_.*", "floor"]
        heading(page, FIELDS, "Servers")
        assert names(page, FIELDS)[:3] == ["floor", "pod_.*", "tier"]
        heading(page, FIELDS, "Findings")
        assert names(page, FIELDS)[:2] == ["tier", "company"]
        assert page.locator(f"{FIELDS} th[aria-sort]").count() == 1


def test_filters_narrow_the_fields_and_the_servers(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        for state, found in [
            ("different", ["company"]),
            ("absent", ["pod_.*", "tier"]),
            ("same", ["datacenter", "env", "instance", "severity", "site", "vendor"]),
            ("findings", ["company", "tier"]),
        ]:
            page.locator("#fields-state").select_option(state)
            assert names(page, FIELDS) == found
        page.locator("#fields-state").select_option("all")
        page.locator("#fields-origin").select_option("rule")
        assert names(page, FIELDS) == ["severity"]
        page.locator("#fields-origin").select_option("")
        page.locator("#fields-status").select_option("outdated")
        assert names(page, FIELDS) == ["tier"]
        page.locator("#columns-search").fill("rio")
        expect(page.locator("#fields-count")).to_have_text("1 of 10 fields on 3 of 9 servers")


def test_the_store_is_not_spoken_of_where_nothing_was_published(chromium: Browser, write: Write) -> None:
    arguments = samples.small_fleet()
    del arguments["published"], arguments["stored"]
    with opened(chromium, write(arguments)) as view:
        expect(view.page.locator("#fields-status-label")).to_be_hidden()
        assert "Store" not in view.page.locator(f"{FIELDS} thead").inner_text()


def test_findings_are_shown_worst_first_and_can_be_filtered(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        items = page.locator("#findings-list > li")
        expect(items).to_have_count(5)
        expect(items.first).to_contain_text("company is made with regex ([^-]+)-.* on 1 server")
        page.locator("#findings-source").select_option("route")
        expect(items).to_have_count(1)
        expect(items.first).to_contain_text("/etc/alertmanager/alertmanager.yml:23")
        expect(items.first).to_contain_text("Not certain: prom-rec-03 was not read")
        page.locator("#findings-source").select_option("")
        page.locator("#findings-severity").select_option("warning")
        expect(items).to_have_count(3)
        page.locator("#findings-severity").select_option("")
        page.locator("#findings-search").fill("rules/5.yml")
        expect(items).to_have_count(1)
        expect(page.locator("#findings-count")).to_have_text("1 of 5 findings")


def test_servers_are_searched_sorted_and_filtered(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        heading(page, SERVERS, "Time")
        assert names(page, SERVERS)[0] == "prom-rec-03"
        page.locator("#servers-status").select_option("partial")
        assert names(page, SERVERS) == ["prom-rio-02"]
        page.locator("#servers-status").select_option("")
        page.locator("#servers-search").fill("firewalls")
        assert names(page, SERVERS) == ["prom-rec-03"]
        expect(page.locator("#servers-count")).to_have_text("1 of 9 servers")


def test_bars_are_as_long_as_their_phases(chromium: Browser, write: Write) -> None:
    arguments = samples.run({"a": samples.server_result(1.0, 1.0, 4.0), "b": samples.server_result(0.5, 0.5, 1.0)}, [])
    with opened(chromium, write(arguments)) as view:
        bars = view.page.evaluate(
            """() => {
                const width = (node) => node.getBoundingClientRect().width;
                const share = (stack) => [...stack.children].map((part) => Math.round(40 * width(part) / width(stack)));
                return [...document.querySelectorAll("#servers-frame .stack")].map(share);
            }"""
        )
        assert bars == [[10, 10, 20], [5, 5, 0]]


def test_a_field_opens_with_its_sources_and_can_be_linked_to(chromium: Browser, write: Write) -> None:
    path = write(samples.small_fleet())
    with opened(chromium, path) as view:
        page = view.page
        page.locator(f"{FIELDS} a", has_text="company").click()
        panel = page.locator("#inspector")
        expect(panel.get_by_role("heading", level=2)).to_have_text("company")
        assert page.url == path.as_uri() + "#field-company"
        for text in [
            "The usual way, on 7 servers",
            "/etc/prometheus/prometheus.yml:42",
            "Otherwise, on 1 server",
            "/etc/prometheus/scrape.d/legacy.yml:57",
            "regex: ([^-]+)-.*",
            "jobs linux, windows",
            "made on 7, made otherwise on 1, not known on 1",
            "Globex",
        ]:
            expect(panel).to_contain_text(text)
        page.go_back()
        expect(panel).to_be_hidden()
    with opened(chromium, path, fragment="#field-tier") as view:
        expect(view.page.locator("#inspector")).to_contain_text("tier is made on 6 servers and absent from 2.")
        expect(view.page.locator(f"{FIELDS} tr.opened")).to_contain_text("tier")
    with opened(chromium, path, fragment="#field-instance") as view:
        told = "after: __param_target by replace [__address__], regex (.+)"
        expect(view.page.locator("#inspector")).to_contain_text(told)
    for broken in ("#field-", "#field-nothing", "#field-%E0%A4%A", "#server-nobody"):
        with opened(chromium, path, fragment=broken) as view:
            expect(view.page.locator("#inspector")).to_be_hidden()
            assert view.complaints == []


def test_a_server_opens_with_its_error_problems_and_differences(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet()), fragment="#server-prom-rec-03") as view:
        page = view.page
        panel = page.locator("#inspector")
        expect(panel).to_contain_text("Check the address, the port and firewalls.")
        page.locator(f"{SERVERS} a", has_text="prom-rio-01").click()
        expect(panel).to_contain_text("/etc/prometheus/rules/5.yml:31")
        expect(panel).to_contain_text("datacenter")
        page.locator(f"{SERVERS} a", has_text="prom-rio-02").click()
        expect(panel).to_contain_text("Permission denied")
        panel.get_by_role("link", name="pod_.*").click()
        expect(panel.get_by_role("heading", level=2)).to_have_text("pod_.*")


def test_a_cell_says_what_it_is_and_opens_the_field_on_its_server(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        canvas = page.locator(f"{FIELDS} tr", has_text="company").locator("canvas")
        canvas.hover(position={"x": 10, "y": 20})
        expect(page.locator("#tip")).to_have_text("prom-gru-01: made otherwise")
        canvas.click(position={"x": 10 + 5 * 32, "y": 20})
        expect(page.locator("#inspector .notice")).to_have_text("On prom-rec-03: not known")


def test_the_keyboard_reaches_everything(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.small_fleet())) as view:
        page = view.page
        focused = page.locator(":focus")
        page.keyboard.press("Tab")
        expect(focused).to_have_text("Skip to the fields")
        page.keyboard.press("/")
        expect(focused).to_have_id("fields-search")
        page.keyboard.type("e")
        page.locator(f"{FIELDS} thead button").last.focus()
        page.keyboard.press("Tab")
        rows = names(page, FIELDS)
        expect(focused).to_have_text(rows[0])
        page.keyboard.press("ArrowDown")
        expect(focused).to_have_text(rows[1])
        page.keyboard.press("End")
        expect(focused).to_have_text(rows[-1])
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#announcer")).to_have_text(f"{rows[0]} on prom-gru-01: made otherwise")
        page.keyboard.press("Enter")
        expect(page.locator("#inspector-title")).to_be_focused()
        expect(page.locator("#inspector .notice")).to_contain_text("prom-gru-01")
        page.keyboard.press("Escape")
        expect(page.locator("#inspector")).to_be_hidden()
        expect(focused).to_have_text(rows[0])
        # One stop for the whole table: the next Tab leaves it.
        page.keyboard.press("Tab")
        expect(focused).to_have_id("servers-search")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_colours_and_can_be_turned(chromium: Browser, write: Write, scheme: Scheme) -> None:
    def bright(page: Page) -> bool:
        return bool(
            page.evaluate("() => Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]) > 127")
        )

    with opened(chromium, write(samples.small_fleet()), scheme=scheme) as view:
        assert bright(view.page) is (scheme == "light")
        view.page.locator("#theme").click()
        assert bright(view.page) is (scheme == "dark")


def test_it_fits_a_narrow_screen(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.fleet(40, 60)), size=NARROW) as view:
        page = view.page
        assert page.evaluate("() => document.documentElement.scrollWidth") <= NARROW[0]
        page.locator(f"{FIELDS} tbody a").first.click()
        expect(page.locator("#main")).to_have_attribute("inert", "")
        page.get_by_role("button", name="Close").click()
        assert page.locator("#main").get_attribute("inert") is None


def test_no_word_is_cut_on_a_narrow_screen(chromium: Browser, write: Write) -> None:
    failures = ("host_key_rejected", "no_such_directory", "protocol_error", "unreachable", "auth_failed")
    hosts = {
        f"prometheus-gru-{number}.corp.example.net": samples.failed_server(text, text, 1.0)
        for number, text in enumerate(failures)
    }
    title = "prometheus_fleet_of_southamerica_east1_production"
    with opened(chromium, write(samples.run(hosts, []) | {"title": title}), size=NARROW) as view:
        page = view.page
        assert page.evaluate("() => document.documentElement.scrollWidth") <= NARROW[0]
        expect(page.locator(f"{SERVERS} tbody .badge")).to_have_count(len(failures))
        cut = """() => [...document.querySelectorAll("#servers-frame tbody :is(a, .badge)")]
            .filter((node) => node.scrollWidth > node.clientWidth || node.scrollHeight > node.clientHeight)
            .map((node) => node.textContent)"""
        assert page.evaluate(cut) == []


def test_a_name_that_has_no_place_to_break_makes_no_page_wider(chromium: Browser, write: Write) -> None:
    """The slowest server is named in a sentence, and again in what is wrong with it."""
    name = "prometheus01.production.southamerica.internal.example.net"
    hosts = {name: samples.failed_server("timeout", f"{name}: no answer to the command in 30 s.", 30.0)}
    with opened(chromium, write(samples.run(hosts, [])), size=NARROW) as view:
        page = view.page
        expect(page.locator("#servers-times")).to_contain_text(name)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= NARROW[0]
        page.locator(f"{SERVERS} tbody a").click()
        panel = page.locator("#inspector")
        expect(panel).to_contain_text("no answer to the command")
        assert panel.evaluate("(node) => node.scrollWidth <= node.clientWidth")


def test_on_paper_it_is_light_and_whole(chromium: Browser, write: Write) -> None:
    with opened(chromium, write(samples.fleet(60, 60)), scheme="dark") as view:
        page = view.page
        page.evaluate(
            """() => window.addEventListener("beforeprint", () => {
                const number = (selector) => document.querySelectorAll(selector).length;
                window.paper = {
                    fields: number("#fields-frame tr[data-index]"),
                    servers: number("#servers-frame tr[data-index]"),
                    entries: number("#appendix .entry"),
                    sources: document.getElementById("appendix").textContent.includes("prometheus.yml:12"),
                    findings: number("#findings-list > li"),
                    ground: getComputedStyle(document.body).backgroundColor,
                };
            })"""
        )
        paper = page.pdf(prefer_css_page_size=True)
        assert paper.startswith(b"%PDF")
        printed = page.evaluate("() => window.paper")
        assert printed.pop("ground") in {"rgb(255, 255, 255)", "rgb(245, 246, 248)"}
        assert printed == {"fields": 60, "servers": 60, "entries": 60, "sources": True, "findings": 6}
        expect(page.locator("#appendix")).to_be_hidden()
        expect(page.locator(f"{FIELDS} tr[data-index='59']")).to_have_count(0)
        assert page.evaluate("() => document.documentElement.dataset.theme") is None
        assert view.complaints == []


def test_on_paper_a_finding_names_its_servers(chromium: Browser, write: Write) -> None:
    arguments = samples.fleet(10, 400)
    odd = arguments["drift"][0]["servers"]
    assert len(odd) > 8
    with opened(chromium, write(arguments)) as view:
        page = view.page
        page.evaluate(
            """() => window.addEventListener("beforeprint", () => {
                window.paper = document.querySelector("#findings-list").innerText;
            })"""
        )
        page.pdf()
        text = page.evaluate("() => window.paper")
        assert [name for name in odd if name not in text] == []
        expect(page.locator("#findings-list details[open]")).to_have_count(0)
