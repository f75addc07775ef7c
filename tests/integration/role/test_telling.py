# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells people: the page knows the store, no warning is false, and summaries are plain lines."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.role.site import COLLECTION, NAMES, Site
from tests.support.processes import free_port
from tests.unit.plugins.filter.test_metrics_text import value


def without_owner(site: Site) -> None:
    """Take the label owner from all servers."""
    for server in site.fleet:
        path = server.path("/etc/prometheus/prometheus.yml")
        path.write_text(path.read_text(encoding="utf-8").replace("target_label: owner", "target_label: __tmp"))


def data_of(page: Path) -> dict[str, Any]:
    """The data that a page carries."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def shown(page: Path) -> dict[str, dict[str, Any]]:
    """The fields that a page shows, by name."""
    return {item["name"]: item for item in data_of(page)["fields"]}


def edit_by_hand(site: Site, name: str, **attributes: Any) -> None:
    """As somebody with Consul's UI would."""
    document = site.document()
    for item in document["fields"]:
        if item["name"] == name:
            item.update(attributes)
    site.consul.put(f"{site.prefix}/fields", json.dumps(document))


def test_the_page_shows_orphans_and_when_fields_were_first_seen(site: Site) -> None:
    page = site.folder / "report.html"
    assert site.publish(publish_report=str(page)).status == 0
    stored = site.fields()
    fields = shown(page)
    assert {name: item["first_seen"] for name, item in fields.items()} == {
        name: item["first_seen"] for name, item in stored.items()
    }
    without_owner(site)
    assert site.publish(publish_report=str(page)).status == 0
    owner = shown(page)["owner"]
    assert owner["status"] == "orphan"
    assert owner["orphaned_since"] == site.fields()["owner"]["orphaned_since"]
    assert owner["ways"] == []


@pytest.mark.parametrize("left_out", ["metrics", "report"])
def test_the_page_and_the_metrics_tell_of_findings_without_each_other(site: Site, left_out: str) -> None:
    page, metrics = site.folder / "report.html", site.folder / "fleet.prom"
    told: dict[str, Any] = {"publish_report": str(page), "publish_metrics_textfile": str(metrics)}
    run = site.publish("--skip-tags", left_out, **told)
    assert run.status == 0, run.output
    assert (page.exists(), metrics.exists()) == (left_out != "report", left_out != "metrics")
    if page.exists():
        assert {item["source"] for item in data_of(page)["findings"]} >= {"drift"}
    else:
        text = metrics.read_text(encoding="utf-8")
        assert "\nprometheus_fleet_drift_findings{" in text
        assert "\nprometheus_fleet_route_findings{" in text


@pytest.mark.parametrize("published", [False, True])
def test_check_mode_with_a_page_and_metrics_does_not_fail_and_writes_neither(site: Site, published: bool) -> None:
    if published:
        site.published()
    page, metrics = site.folder / "report.html", site.folder / "fleet.prom"
    run = site.publish("--check", publish_report=str(page), publish_metrics_textfile=str(metrics))
    assert run.status == 0, run.output
    assert "WARNING" not in run.output
    assert not page.exists()
    assert not metrics.exists()


def test_a_run_that_cannot_publish_still_writes_the_page(site: Site) -> None:
    page = site.folder / "report.html"
    inventory = site.inventory({name.name: {"ansible_port": free_port()} for name in site.fleet})
    run = site.publish(inventory=inventory, publish_report=str(page), publish_connect_timeout=2)
    assert run.status != 0
    assert page.is_file()


def test_a_run_that_ends_before_the_sweep_still_writes_the_metrics(site: Site, tmp_path: Path) -> None:
    """The commonest failure: the store is down. What an earlier role of the same play did is not what it did."""
    page, metrics, file = (site.folder / name for name in ("report.html", "fleet.prom", "summary.json"))
    told: dict[str, Any] = {"publish_report": str(page), "publish_metrics_textfile": str(metrics)}
    told["publish_summary_file"] = str(file)
    assert site.publish(**told).status == 0
    assert json.loads(file.read_text(encoding="utf-8"))["error"] is None
    text, shows = metrics.read_text(encoding="utf-8"), page.read_bytes()
    assert value(text, "last_run_success") == 1
    succeeded = value(text, "last_success_timestamp_seconds")

    run = site.publish(publish_consul_address=f"127.0.0.1:{free_port()}", publish_retry_seconds=0, **told)
    assert run.status != 0
    assert run.output.count("[ERROR]") <= 1, run.output
    text = metrics.read_text(encoding="utf-8")
    assert value(text, "last_run_success") == 0
    assert value(text, "last_success_timestamp_seconds") == succeeded
    assert page.read_bytes() == shows
    summary = json.loads(file.read_text(encoding="utf-8"))
    assert "the connection was refused" in summary["error"]
    assert (summary["servers"], summary["published"]) == ({}, None)

    twice = tmp_path / "twice.yml"
    role = "{role: skills_eye.prometheus_fleet.publish, publish_store: %s}"
    roles = ", ".join(role % store for store in ("consul", "directory"))
    twice.write_text(f"- hosts: monitoring\n  gather_facts: false\n  roles: [{roles}]\n", encoding="utf-8")
    assert site.play(twice, **told).status != 0
    assert value(metrics.read_text(encoding="utf-8"), "last_run_success") == 0

    nowhere = str(site.folder / "nowhere" / "fleet.prom")
    run = site.publish(publish_metrics_textfile=nowhere)
    assert "The directory of publish_metrics_textfile" in run.output
    assert "failed=1" in run.output


def test_files_of_the_run_in_ones_home_or_nowhere(site: Site) -> None:
    """A variable that was left without a value ended the run, after the publish, in words about a NoneType."""
    names = {"publish_report": "r.html", "publish_metrics_textfile": "m.prom", "publish_summary_file": "s.json"}
    run = site.publish(publish_mirror=None, **dict.fromkeys(names))
    # Until ansible-core 2.18, the check refuses it by name.
    assert run.status == 0 or "argument 'publish_report' is of type" in run.output, run.output
    # As a form leaves it.
    blank: dict[str, Any] = dict.fromkeys((*names, "publish_mirror"), " ")
    run = site.publish(**blank)
    assert run.status == 0, run.output
    home: dict[str, Any] = {name: f"~/{file}" for name, file in names.items()}
    for succeeded in (True, False):
        if not succeeded:
            home["publish_consul_address"] = f"127.0.0.1:{free_port()}"
        run = site.publish(environment={"HOME": str(site.folder)}, publish_retry_seconds=0, **home)
        assert (run.status == 0) == succeeded, run.output
        metrics = (site.folder / "m.prom").read_text(encoding="utf-8")
        assert value(metrics, "last_run_success") == int(succeeded)
        assert value(metrics, "last_success_timestamp_seconds") > 0
    assert {file for file in names.values() if (site.folder / file).is_file()} == {*names.values()}


def test_a_run_that_fails_at_the_publish_still_sums_up_its_sweep(site: Site) -> None:
    store, file = site.folder / "store", site.folder / "summary.json"
    store.mkdir()
    where = {"publish_store": "directory", "publish_path": str(store), "publish_summary_file": str(file)}
    inventory = site.inventory({NAMES[0]: {"ansible_port": free_port()}})
    # Somebody reads the store and does not come to an end.
    descriptor = os.open(store, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        run = site.publish(
            inventory=inventory, publish_store_timeout=1, publish_retry_seconds=0, publish_fail_on="any", **where
        )
    finally:
        os.close(descriptor)
    assert run.status != 0
    assert run.output.count("[ERROR]") <= 1, run.output
    summary = run.task("Summary")
    assert "Servers: 2 of 3 answered whole" in summary
    assert f"{NAMES[0]}: unreachable" in summary
    assert "Not published: " in summary
    told = json.loads(file.read_text(encoding="utf-8"))
    assert "has been locked by another run" in told["error"]
    assert told["servers_failed"] == 1
    assert told["published"] is None


def test_a_run_that_fails_at_the_extraction_says_so_in_the_summary_file(site: Site) -> None:
    mirror, file = site.folder / "mirror", site.folder / "summary.json"
    told: dict[str, Any] = {"publish_mirror": str(mirror), "publish_summary_file": str(file)}
    # A folder is no mirror before a sweep.
    mirror.mkdir()
    assert site.publish("--tags", "extract,publish", **told).status != 0
    assert f"There is no mirror at {mirror}" in json.loads(file.read_text(encoding="utf-8"))["error"]


def test_the_check_of_the_store_tells_of_no_orphans(site: Site) -> None:
    """It has no fields yet: with -v it said that all of the fleet's had become orphans."""
    site.published()
    looked = site.publish("-v").task("Look at the store")
    assert '"store": {' in looked
    assert "orphan" not in looked


def test_errors_in_configs_are_told_before_all_else(site: Site) -> None:
    """A server that answers whole and gives no fields: why stood behind a count, and in the status behind warnings."""
    refused, broken = (site.fleet[name] for name in NAMES[:2])
    config = refused.path("/etc/prometheus/prometheus.yml")
    config.write_text(config.read_text(encoding="utf-8") + "scrape_configs: []\n", encoding="utf-8")
    config = yaml.safe_load(broken.path("/etc/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    gone = {"file_sd_configs": [{"files": [f"/etc/prometheus/targets/gone{number}.yml"]} for number in range(3)]}
    config["scrape_configs"].append({"job_name": "gone", **gone})
    broken.write("/etc/prometheus/prometheus.yml", yaml.safe_dump(config))
    broken.write("/etc/prometheus/rules/probes.yml", "groups: []\nfirst: 1\nsecond: 2\n")
    mirror, file = str(site.folder / "mirror"), site.folder / "summary.json"
    for unchanged in ("", " (3 unchanged, which send none)"):
        run = site.publish(publish_mirror=mirror, publish_summary_file=str(file))
        assert run.status == 0, run.output
        summary = run.task("Summary")
        assert re.search(rf"Servers: 3 of 3 answered whole, \d+ files in [\d.]+ s{re.escape(unchanged)}\"", summary)
        assert f"  {NAMES[0]}: refused - /etc/prometheus/prometheus.yml:" in summary
        error = "/etc/prometheus/rules/probes.yml:2: has the unknown key 'first' in a rule file"
        assert f"  {NAMES[1]}: error - {error} (and 1 more)" in summary
        assert f"{NAMES[2]}: " not in summary
        told = json.loads(file.read_text(encoding="utf-8"))["servers"]
        assert [told[name]["config"] for name in NAMES] == ["refused", "loaded", "loaded"]
        assert [[item["line"] for item in told[name]["errors"]] for name in NAMES[1:]] == [[2, 3], []]
    lines = [line.strip(' ",') for line in site.play(f"{COLLECTION}.status").task("Status").splitlines()]
    [row] = [number for number, line in enumerate(lines) if line.startswith(f"{NAMES[1]} ")]
    assert error in lines[row + 1]
    assert lines[row + 4].endswith("more (fields_info has them)")
    assert lines[row + 5].startswith(f"{NAMES[2]} ")


def test_a_conflict_is_warned_of_once_and_only_where_the_stored_value_is_kept(site: Site) -> None:
    site.published()
    edit_by_hand(site, "company", source_label="__meta_by_hand")
    warning = "The source_label of the field company was changed by hand"
    run = site.publish()
    assert run.status == 0, run.output
    assert " ".join(run.output.split()).count(warning) == 1
    for settled in ("store", "sweep"):
        run = site.publish(publish_on_conflict=settled)
        assert run.status == 0, run.output
        assert warning not in " ".join(run.output.split())
    assert site.fields()["company"]["source_label"] == "__meta_consul_service_metadata_company"


def test_a_rollback_tells_what_it_did_in_plain_lines(site: Site) -> None:
    site.published()
    without_owner(site)
    assert site.publish().status == 0
    total = len(site.fields())
    edit_by_hand(site, "company", display_name="spoiled")
    run = site.play(f"{COLLECTION}.rollback")
    assert run.status == 0, run.output
    lines = [line.strip().strip('",') for line in run.task("Summary").splitlines()]
    assert f"Fields: {total}, {total - 1} synced, 1 orphan" in lines
    assert "{" not in "".join(lines[2:])
    assert any(re.fullmatch(r"Went back to \d{8}T\d{6}\.\d{6}Z", line) for line in lines)


def test_a_rollback_in_which_nothing_differs_says_so(site: Site) -> None:
    assert site.publish("--limit", NAMES[0]).status == 0
    assert site.publish("--limit", NAMES[0], publish_new_fields="report").status == 0
    edit_by_hand(site, "company", display_name="Company")
    inventory = ["--limit", ",".join(NAMES[:2])]
    assert site.publish(*inventory, publish_new_fields="report").status == 0
    [entry] = [key.removeprefix("history/") for key in site.stored() if key.startswith("history/")]
    before = site.stored()
    named: dict[str, Any] = {"rollback_to": entry}
    for wanted in (named, {}):
        run = site.play(f"{COLLECTION}.rollback", **wanted)
        assert (run.status, run.changed) == (0, 0)
        assert f"Nothing differs from {entry}: nothing was written" in run.task("Summary")
        assert "in the history" not in run.task("Summary")
    assert site.stored() == before


def test_a_family_of_labels_is_told_as_one(site: Site) -> None:
    site.published()
    prometheus = site.fleet[NAMES[0]].path("/etc/prometheus/prometheus.yml")
    before = prometheus.read_text(encoding="utf-8")
    job = {
        "job_name": "mapped",
        "consul_sd_configs": [{"server": "127.0.0.1:8500"}],
        "relabel_configs": [{"action": "labelmap", "regex": "__meta_consul_service_metadata_(.+)"}],
    }
    config = yaml.safe_load(before)
    config["scrape_configs"].append(job)
    prometheus.write_text(yaml.safe_dump(config), encoding="utf-8")
    file = site.folder / "summary.json"
    run = site.publish(publish_summary_file=str(file))
    assert run.status == 0, run.output
    # What machines read is as it was.
    assert json.loads(file.read_text(encoding="utf-8"))["published"]["added"] == ["^(.+)$"]
    assert "new: labels matching ^(.+)$ (labelmap)" in run.task("Summary")
    [row] = [line for line in site.play(f"{COLLECTION}.status").task("Status").splitlines() if "^(.+)$" in line]
    assert "labels matching this (labelmap)" in row

    assert "Went: labels matching ^(.+)$" in site.play(f"{COLLECTION}.rollback").task("Summary")
    assert site.publish().status == 0
    prometheus.write_text(before, encoding="utf-8")
    assert "on no server any more: labels matching ^(.+)$" in site.publish().task("Summary")


def test_names_and_messages_are_on_one_line_each(site: Site) -> None:
    """Whoever writes a config does not write lines into the summary."""
    server = next(iter(site.fleet))
    path = server.path("/etc/prometheus/prometheus.yml")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config.setdefault("global", {}).setdefault("external_labels", {})["l\nServers: 0 of 0\x9b2J\u202e"] = "x"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    run = site.publish()
    assert run.status == 0, run.output
    assert "l Servers: 0 of 0" in run.output
    assert '"Servers: 0 of 0' not in run.output
    status = site.play(f"{COLLECTION}.status")
    assert "l Servers: 0 of 0 " in status.output
    told = run.task("Summary") + status.task("Status")
    assert "\x9b" not in told
    assert "\u202e" not in told
