# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks status, backup and rollback."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.role.site import COLLECTION, NAMES, Run, Site

SECRET = "fake-smtp-password-of-rio"


def play(site: Site, name: str, *arguments: str, **variables: Any) -> Run:
    return site.play(f"{COLLECTION}.{name}", *arguments, **variables)


def drop_owner(site: Site) -> None:
    """Take the label owner from all servers."""
    for server in site.fleet:
        path = server.path("/etc/prometheus/prometheus.yml")
        path.write_text(path.read_text(encoding="utf-8").replace("target_label: owner", "target_label: __tmp"))


def test_status_shows_fields_servers_and_history(site: Site) -> None:
    site.published()
    drop_owner(site)
    assert site.publish().status == 0
    run = play(site, "status")
    assert run.status == 0, run.output
    rows = {line.split()[0].strip('"'): line.split() for line in run.task("Status").splitlines() if line.split()}
    assert rows["company"][1:3] == ["synced", "3"]
    assert rows["os"][1:3] == ["synced", "2"]
    assert rows["owner"][1:3] == ["orphan", "0"]
    assert [rows[name][1] for name in NAMES] == ["ok"] * 3
    assert "Earlier versions" in run.task("Status")


def test_status_names_servers_whose_readings_are_gone(site: Site) -> None:
    """The next publish without them would be refused; who has a field is still what the document says."""
    site.published()
    site.consul.request("DELETE", f"/v1/kv/{site.prefix}/servers/{NAMES[0]}")
    shown = play(site, "status").task("Status")
    assert f"Readings that cannot be seen: {NAMES[0]}" in shown
    rows = {line.split()[0].strip('"'): line.split() for line in shown.splitlines() if line.split()}
    assert rows["company"][1:3] == ["synced", "3"]


def test_status_marks_servers_that_the_inventory_does_not_have(site: Site) -> None:
    site.published()
    inventory = yaml.safe_load(site.inventory().read_text(encoding="utf-8"))
    hosts = inventory["monitoring"]["hosts"]
    hosts["renamed"] = hosts.pop(NAMES[0])
    path = site.folder / "renamed.yml"
    path.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    assert marked(site.play(f"{COLLECTION}.status", inventory=path)) == [NAMES[0]]
    # None is given, as where the store alone is looked at.
    assert marked(site.play(f"{COLLECTION}.status", inventory=Path(os.devnull))) == []


def marked(run: Run) -> list[str]:
    lines = [line for line in run.task("Status").splitlines() if "not in this inventory" in line]
    return [line.split()[0].strip('"') for line in lines]


def test_status_fails_for_drift_where_asked(site: Site) -> None:
    site.published()
    assert play(site, "status", status_fail_on="drift").status == 0
    drop_owner(site)
    assert site.publish().status == 0
    run = play(site, "status", status_fail_on="drift")
    assert run.status != 0
    assert "1 orphans" in run.output
    assert play(site, "status").status == 0


def test_status_of_fields_without_one(site: Site) -> None:
    """As a document of the older form has them, or a person adds them."""
    row = {"hostname": "prom-01", "success": True, "fields": [{"name": "old"}]}
    older = {"version": "2.0.0", "fields": [{"name": "old"}], "extraction_status": {"server_status": [row]}}
    site.consul.put(f"{site.prefix}/fields", json.dumps(older))
    run = play(site, "status")
    assert run.status == 0, run.output
    assert "old" in run.task("Status")
    assert re.search(r'"prom-01 +taken over +1 ', run.task("Status"))

    site.consul.request("DELETE", f"/v1/kv/{site.prefix}/fields")
    assert site.publish().status == 0
    document = site.document()
    document["fields"] += [{"name": "mine"}, {"name": "yours", "status": None, "first_seen": 5}]
    site.consul.put(f"{site.prefix}/fields", json.dumps(document))
    run = play(site, "status", status_fail_on="drift")
    assert run.status == 0, run.output
    rows = {line.split()[0].strip('"'): line.split() for line in run.task("Status").splitlines() if line.split()}
    assert rows["mine"][1:4] == ["unknown", "0", 'unknown",']
    assert rows["yours"][1:4] == ["unknown", "0", '5",']


def test_status_of_an_empty_store(site: Site) -> None:
    run = play(site, "status")
    assert run.status == 0, run.output
    assert f"Nothing is published at {site.consul.url} under {site.prefix}." in run.task("Status")
    alarm = play(site, "status", status_fail_on="drift")
    assert alarm.status != 0
    assert f"Nothing is published at {site.consul.url}" in " ".join(alarm.output.split())


def test_status_of_a_document_that_was_deleted(site: Site) -> None:
    site.published()
    drop_owner(site)
    assert site.publish().status == 0
    site.consul.request("DELETE", f"/v1/kv/{site.prefix}/fields")
    [entry] = [key.removeprefix("history/") for key in site.stored() if key.startswith("history/")]
    shown = play(site, "status").task("Status")
    assert "Nothing is published at " in shown
    assert "The document was deleted: the next publish makes it anew" in shown
    assert f"  {entry}  24 fields" in shown


@pytest.mark.parametrize("value", ["Drift", "yes", True])
def test_an_alarm_that_would_never_ring_is_refused(site: Site, value: Any) -> None:
    run = play(site, "status", status_fail_on=value)
    assert run.status != 0
    words = " ".join(run.output.split())
    assert f"value of publish_status_fail_on must be one of: never, drift, got: {value}" in words


def test_rollback_goes_back_and_check_mode_does_not(site: Site) -> None:
    site.published()
    (first,) = [value for key, (_index, value) in site.stored().items() if key == "fields"]
    site.fleet[NAMES[0]].write(
        "/etc/prometheus/rules/new.yml",
        "groups: [{name: n, rules: [{alert: N, expr: up, labels: {fresh: label}}]}]\n",
    )
    assert site.publish().status == 0
    site.fleet[NAMES[0]].path("/etc/prometheus/rules/new.yml").unlink()
    assert "fresh" in site.fields()
    before = site.stored()

    check = play(site, "rollback", "--check", "--diff", rollback_to=" ")
    assert check.status == 0, check.output
    assert "-fields fresh" in check.output
    assert "Would go back" in check.task("Summary")
    assert site.stored() == before

    run = play(site, "rollback")
    assert run.status == 0, run.output
    assert "Went: fresh" in run.task("Summary")
    assert "fresh" not in site.fields()
    assert b"company" in first


def test_rollback_to_an_entry_that_is_not_there_says_so(site: Site) -> None:
    site.published()
    before = site.stored()
    run = play(site, "rollback", rollback_to="19990101T000000.000000Z")
    assert run.status != 0
    assert "There is no entry 19990101T000000.000000Z in the history that can be restored. There are: none." in (
        " ".join(run.output.split())
    )
    run = play(site, "rollback")
    assert run.status != 0
    assert "There is no earlier version to go back to: the history is empty." in " ".join(run.output.split())
    assert site.stored() == before

    drop_owner(site)
    assert site.publish().status == 0
    before = site.stored()
    (entry,) = (key.removeprefix("history/") for key in before if key.startswith("history/"))
    run = play(site, "rollback", rollback_to="19990101T000000.000000Z")
    assert run.status != 0
    assert f"There is no entry 19990101T000000.000000Z in the history that can be restored. There are: {entry}." in (
        " ".join(run.output.split())
    )
    assert site.stored() == before


def test_rollback_takes_a_document_that_was_broken_by_hand_where_told(site: Site, tmp_path: Path) -> None:
    store = tmp_path / "store"
    site.variables |= {"publish_store": "directory", "publish_path": str(store)}
    assert site.publish().status == 0
    whole = json.loads((store / "fields.json").read_text(encoding="utf-8"))
    drop_owner(site)
    assert site.publish().status == 0
    (store / "fields.json").write_text("{broken", encoding="utf-8")

    run = play(site, "rollback")
    assert run.status != 0
    assert "roll back with adopt set to true" in " ".join(run.output.split())
    assert (store / "fields.json").read_text(encoding="utf-8") == "{broken"

    run = play(site, "rollback", publish_adopt=True)
    assert run.status == 0, run.output
    back = json.loads((store / "fields.json").read_text(encoding="utf-8"))
    assert [item["name"] for item in back["fields"]] == [item["name"] for item in whole["fields"]]
    assert "{broken" in [path.read_text(encoding="utf-8") for path in (store / "history").iterdir()]


def test_backup_holds_everything_and_is_for_its_owner_only(site: Site) -> None:
    dest = site.folder / "backup"
    run = play(site, "backup", "-vvv", backup_dest=str(dest), publish_hosts="monitoring")
    assert run.status == 0, run.output
    assert SECRET not in run.output
    copy = dest / "prometheus-rio/etc/alertmanager/alertmanager.yml"
    assert SECRET in copy.read_text(encoding="utf-8")
    open_to_others = [path for path in [dest, *dest.rglob("*")] if stat.S_IMODE(os.lstat(path).st_mode) & 0o077]
    assert open_to_others == []
    assert len(commits(dest)) == 1

    assert f"Files in {dest}: 24 new, 0 changed, 0 removed, commit " in run.task("Summary")

    again = play(site, "backup", backup_dest=str(dest), publish_hosts="monitoring")
    assert again.status == 0, again.output
    assert again.changed == 0
    assert f'Files in {dest}: 0 new, 0 changed, 0 removed"' in again.task("Summary")
    assert len(commits(dest)) == 1

    drop_owner(site)
    site.fleet[NAMES[0]].path("/etc/prometheus/rules/recording.yml").unlink()
    run = play(site, "backup", backup_dest=str(dest), publish_hosts="monitoring")
    assert run.changed == 1
    assert f"Files in {dest}: 0 new, 3 changed, 1 removed, commit " in run.task("Summary")
    assert len(commits(dest)) == 2


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "backup_dest is required, and it is empty"),
        ({"backup_dest": "b", "backup_history": "Git"}, "publish_backup_history must be one of: none, git, got: Git"),
    ],
    ids=["no-place", "misspelt"],
)
def test_backup_says_what_it_needs(site: Site, variables: dict[str, str], words: str) -> None:
    before, file = site.logins(), site.folder / "summary.json"
    run = play(site, "backup", publish_hosts="monitoring", publish_summary_file=str(file), **variables)
    assert run.status != 0
    assert words in " ".join(run.output.split())
    assert words in json.loads(file.read_text(encoding="utf-8"))["error"]
    assert site.logins() == before


def test_backup_in_check_mode_writes_nothing(site: Site) -> None:
    dest = site.folder / "backup"
    run = play(site, "backup", "--check", "--diff", backup_dest=str(dest), publish_hosts="monitoring")
    assert run.status == 0, run.output
    assert run.changed == 1
    assert SECRET not in run.output
    assert "24 new, 0 changed, 0 removed; this is what would be, nothing was written" in run.task("Summary")
    assert not dest.exists()


@pytest.mark.parametrize("dest", ["", " ", None])
def test_backup_to_nowhere_is_refused(site: Site, dest: str | None) -> None:
    """An answer of a survey that was left blank: the working directory, and whose repository it is, is not meant."""
    subprocess.run(["git", "init", "-q", site.folder], check=True)
    before = site.logins()
    run = play(site, "backup", backup_dest=dest, publish_hosts="monitoring")
    assert run.status != 0
    assert "backup_dest is required, and it is empty" in run.output
    assert site.logins() == before
    assert list(site.folder.glob("prometheus-*")) == []


def test_backup_takes_no_policy_that_is_not_one(site: Site) -> None:
    before = site.logins()
    for variables in ({"publish_fail_on": "Any"}, {"backup_history": "svn"}):
        run = play(site, "backup", backup_dest=str(site.folder / "b"), publish_hosts="monitoring", **variables)
        assert run.status != 0
        assert "must be one of" in run.output
    assert site.logins() == before


def test_backup_into_a_repository_of_somebody_elses_is_refused(site: Site) -> None:
    dest = site.folder / "work"
    dest.mkdir(mode=0o700)
    subprocess.run(["git", "init", "-q", dest], check=True)
    before, file = site.logins(), site.folder / "summary.json"
    run = play(site, "backup", backup_dest=str(dest), publish_hosts="monitoring", publish_summary_file=str(file))
    assert run.status != 0
    assert "is a repository that this collection did not make" in " ".join(run.output.split())
    assert "Not backed up: " in run.task("Summary")
    assert "did not make" in json.loads(file.read_text(encoding="utf-8"))["error"]
    assert site.logins() == before
    assert [path.name for path in dest.iterdir()] == [".git"]


def commits(folder: Path) -> list[str]:
    command = ["git", "-C", str(folder), "log", "--format=%s"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()
