# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook publish, end to end: real sshd, real Consul."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.role.site import COLLECTION, NAMES, Site
from tests.support.consul import consul_agent

RIO, RECIFE = "prometheus-rio", "prometheus-recife"
CONFIG = "/etc/prometheus/prometheus.yml"


def relabelled(site: Site, server: str, old: str, new: str) -> None:
    """Change the main config of one server."""
    path = site.fleet[server].path(CONFIG)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_publishes_the_fleet_and_the_second_run_writes_nothing(site: Site) -> None:
    mirror = site.folder / "mirror"
    first = site.publish(publish_mirror=str(mirror))
    assert first.status == 0, first.output
    assert sorted(key for key in site.stored() if not key.startswith("history/")) == [
        "fields",
        *(f"servers/{name}" for name in NAMES),
    ]
    fields = site.fields()
    assert fields["company"]["servers"] == NAMES
    assert fields["os"]["servers"] == [RIO, "prometheus-sao-paulo"]
    assert fields["cluster"]["servers"] == [RECIFE]
    assert fields["company"]["source_label"] == "__meta_consul_service_metadata_company"
    assert {name for name in fields if name.startswith("__")} == set()
    assert (mirror / RIO / CONFIG.lstrip("/")).is_file()

    before = site.stored()
    second = site.publish(publish_mirror=str(mirror))
    assert second.status == 0, second.output
    assert second.changed == 0
    assert site.stored() == before


def test_each_server_is_asked_over_one_connection(site: Site) -> None:
    before = site.logins()
    assert site.publish().status == 0
    assert {name: count - before[name] for name, count in site.logins().items()} == dict.fromkeys(NAMES, 1)


def test_the_summary_says_what_was_done(site: Site) -> None:
    file = site.folder / "summary.json"
    run = site.publish(publish_summary_file=str(file))
    text = run.task("Summary")
    assert "Servers: 3 of 3 answered whole, 24 files in " in text
    assert f"published to http://{site.consul.address} under {site.prefix}" in text
    summary = json.loads(file.read_text(encoding="utf-8"))
    assert summary["error"] is None
    assert summary["published"]["added"] == sorted(site.fields())
    assert {name: server["files"] for name, server in summary["servers"].items()} == dict.fromkeys(NAMES, 8)
    assert "unchanged in" in site.publish().task("Summary")


def test_without_a_mirror_nothing_stays_on_the_controller(site: Site) -> None:
    """Nor does anything else go, whatever a shell of the controller prints."""
    kept = site.folder / "kept"
    kept.mkdir()
    noise = site.folder / "noise"
    noise.write_text(f"echo {kept}\n", encoding="utf-8")
    run = site.play(
        f"{COLLECTION}.publish",
        publish_hosts="monitoring",
        environment={"ANSIBLE_EXECUTABLE": "/bin/bash", "BASH_ENV": str(noise)},
    )
    assert run.status == 0, run.output
    assert site.leftovers() == []
    assert kept.is_dir()


def test_what_an_ended_run_left_is_removed_a_day_later(site: Site) -> None:
    """Of a run that somebody killed. What is not a run's, or may be that of one that goes on, is left alone."""
    made = {
        "prometheus-fleet-0123456789abcdef": 25,
        "prometheus-fleet-fedcba9876543210": 23,
        "prometheus-fleet-of-somebody-else": 25,
        "other": 25,
    }
    # A short path: ansible-core 2.21 has a socket below it.
    with tempfile.TemporaryDirectory(prefix="left -") as place:
        for name, hours in made.items():
            (Path(place) / name / "prom-01").mkdir(parents=True)
            (Path(place) / name / "prom-01" / "prometheus.yml").touch(0o600)
            os.utime(Path(place) / name, times=(time.time() - hours * 3600,) * 2)
        (Path(place) / "prometheus-fleet-00000000000000ff").symlink_to("other")
        run = site.play(f"{COLLECTION}.publish", publish_hosts="monitoring", environment={"TMPDIR": place})
        assert run.status == 0, run.output
        left = {path.name for path in Path(place).glob("[op]*")}
        assert left == {*made, "prometheus-fleet-00000000000000ff"} - {"prometheus-fleet-0123456789abcdef"}
        assert (Path(place) / "other/prom-01/prometheus.yml").is_file()


def test_no_place_for_a_temporary_mirror(site: Site) -> None:
    """As where the disk is full. Nobody may make a directory there."""
    before = site.logins()
    run = site.publish(_publish_temporary_parent="/proc")
    assert run.status != 0
    said = " ".join(run.task("Make the temporary mirror").split())
    assert "The temporary mirror /proc/prometheus-fleet-" in said
    assert "write there, make room, or set TMPDIR to another directory" in said
    assert site.logins() == before


def test_contents_never_pass_through_results_or_output(site: Site) -> None:
    """Not even at -vvv: what is in an annotation, which makes no label, shows nowhere."""
    site.fleet[RIO].write(
        "/etc/prometheus/rules/marked.yml",
        "groups: [{name: m, rules: [{alert: A, expr: up, annotations: {text: marker-in-a-file}}]}]\n",
    )
    mirror = site.folder / "mirror"
    run = site.publish("-vvv", publish_mirror=str(mirror))
    site.fleet[RIO].path("/etc/prometheus/rules/marked.yml").unlink()
    assert run.status == 0
    assert "marker-in-a-file" in (mirror / RIO / "etc/prometheus/rules/marked.yml").read_text(encoding="utf-8")
    assert "marker-in-a-file" not in run.output


def test_check_mode_shows_what_would_be_published_and_writes_nothing(site: Site) -> None:
    mirror = site.folder / "mirror"
    run = site.publish("--check", "--diff", publish_mirror=str(mirror))
    assert run.status == 0, run.output
    assert "+fields company" in run.task("Publish the fields")
    assert "would be published to" in run.task("Summary")
    assert site.stored() == {}
    assert not mirror.exists()
    assert site.leftovers() == []


def test_check_mode_sees_the_servers_as_they_are_now(site: Site) -> None:
    mirror = str(site.folder / "mirror")
    assert site.publish(publish_mirror=mirror).status == 0
    before = site.stored()
    relabelled(site, RIO, "target_label: owner", "target_label: keeper")
    run = site.publish("--check", "--diff", publish_mirror=mirror)
    assert "+fields keeper" in run.task("Publish the fields")
    assert "new: keeper" in run.task("Summary")
    assert site.stored() == before
    assert (site.folder / "mirror" / RIO / CONFIG.lstrip("/")).read_text(encoding="utf-8").count("keeper") == 0


def test_a_change_on_a_server_is_published(site: Site) -> None:
    site.published()
    relabelled(site, RECIFE, "cluster: ne", "cluster_name: ne")
    run = site.publish()
    assert "new: cluster_name" in run.task("Summary")
    assert "on no server any more: cluster" in run.task("Summary")
    assert site.fields()["cluster"]["status"] == "orphan"


def test_slices_end_in_the_document_of_the_whole(site: Site) -> None:
    for name in NAMES:
        assert site.publish("--limit", name).status == 0
    sliced = site.fields()
    assert {name: field["servers"] for name, field in sliced.items() if name == "company"} == {"company": NAMES}
    before = site.stored()
    whole = site.publish()
    assert whole.changed == 0, whole.task("Summary")
    assert site.stored() == before


def test_tags_run_a_step_from_an_earlier_sweep(site: Site) -> None:
    mirror = str(site.folder / "mirror")
    assert site.publish("--tags", "sweep", publish_mirror=mirror).status == 0
    assert site.stored() == {}
    before = site.logins()
    assert site.publish("--tags", "extract,publish", publish_mirror=mirror).status == 0
    assert site.logins() == before
    assert site.fields()["company"]["servers"] == NAMES
    # A tag that does nothing of its own tells of no run.
    metrics = site.folder / "fleet.prom"
    metrics.write_text("# of an earlier run\n", encoding="utf-8")
    assert site.publish("--tags", "metrics,report", publish_metrics_textfile=str(metrics)).status == 0
    assert metrics.read_text(encoding="utf-8") == "# of an earlier run\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tags", "publish"], "The tag publish needs what the tag extract makes"),
        (["--tags", "extract"], "unless publish_mirror names an earlier sweep's mirror"),
    ],
)
def test_tags_that_make_no_sense_are_refused_in_plain_words(site: Site, arguments: list[str], words: str) -> None:
    run = site.publish(*arguments)
    assert run.status != 0
    assert words in run.output
    assert site.stored() == {}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"publish_store": "directory"}, "publish_path does not say which directory"),
        ({"publish_store": "etcd"}, "value of publish_store must be one of: consul, directory, got: etcd"),
        ({"publish_summary_file": "/no/such/place/s.json"}, "The directory of publish_summary_file"),
        ({"publish_report": "/tmp"}, "publish_report (/tmp) is a directory: name a file in it."),
        ({"publish_consul_address": "127.0.0.1:1"}, "Nothing listens at http://127.0.0.1:1"),
        ({"publish_metrics_textfile": "fleet.txt"}, "publish_metrics_textfile (fleet.txt) does not end in .prom"),
        ({"publish_mode": 384}, "mode is '384'; give octal digits in quotes"),
        ({"publish_orphan_grace": "7 days", "publish_orphans": "remove"}, "orphan_grace: '7 days' is not a duration"),
        ({"publish_touch_after": "soon"}, "touch_after: 'soon' is not a duration"),
        ({"publish_history_keep": -1}, "history_keep must be 0 or more"),
        ({"publish_field_defaults": {"order": "first"}}, "field_defaults.order must be a whole number"),
        ({"publish_presentation": {"env": {"order": "first"}}}, "presentation.env.order must be a whole number"),
    ],
    ids=[
        "no-path",
        "no-such-store",
        "no-place-for-the-summary",
        "report-is-a-directory",
        "no-consul",
        "not-prom",
        "mode",
        "grace",
        "touch",
        "history",
        "defaults",
        "presentation",
    ],
)
def test_preflight_ends_the_run_before_a_server_is_asked(site: Site, variables: dict[str, Any], words: str) -> None:
    before = site.logins()
    run = site.publish(publish_retry_seconds=1, **variables)
    assert run.status != 0
    assert words in run.output
    assert site.logins() == before
    # The descriptions of all variables do not bury the sentence.
    assert "argument_spec_data" not in run.output


def test_a_token_that_may_not_do_it_all_ends_the_run_before_a_server_is_asked(site: Site, tmp_path: Path) -> None:
    keys = (f"{site.prefix}/fields", f"{site.prefix}/servers/{NAMES[0]}")
    some = " ".join(f'key "{key}" {{ policy = "write" }}' for key in keys)
    reading = f'key_prefix "{site.prefix}/" {{ policy = "read" }}'
    last = f'key "{site.prefix}/servers/{NAMES[-1]}" {{ policy = "read" }}'
    not_all = f'key_prefix "{site.prefix}/" {{ policy = "write" }} {last}'
    with consul_agent(tmp_path / "guarded", acl=True) as agent:
        site.variables["publish_consul_address"] = agent.address
        assert site.publish(publish_consul_token=agent.token).status == 0
        before, logins = agent.dump(), site.logins()
        for rules, right in ((some, "read"), (reading, "write"), (not_all, "write")):
            run = site.publish(publish_consul_token=agent.new_token(rules))
            assert run.status != 0
            assert f"does not let the token {right} this" in " ".join(run.output.split())
            assert site.logins() == logins
        # To look takes no more than to read.
        assert site.publish("--check", publish_consul_token=agent.new_token(reading)).status == 0
        assert agent.dump() == before


def test_rights_on_what_is_written_are_enough(site: Site, tmp_path: Path) -> None:
    """Of a site that publishes its own servers and keeps no history, on a store that it may read whole."""
    own = (f"{site.prefix}/fields", f"{site.prefix}/servers/{RIO}")
    rules = f'key_prefix "{site.prefix}/" {{ policy = "read" }}'
    rules += "".join(f' key "{key}" {{ policy = "write" }}' for key in own)
    with consul_agent(tmp_path / "guarded", acl=True) as agent:
        site.variables["publish_consul_address"] = agent.address
        assert site.publish(publish_consul_token=agent.token).status == 0
        before = agent.dump()
        relabelled(site, RIO, "target_label: owner", "target_label: keeper")
        token = agent.new_token(rules)
        run = site.publish("--limit", RIO, publish_consul_token=token, publish_history_keep=0)
        assert run.status == 0, run.output
        after = agent.dump()
        assert {key for key in after if before.get(key) != after[key]} == {*own}


@pytest.mark.parametrize(("package", "library"), [("re2", "google-re2"), ("prometheus_client", "prometheus-client")])
def test_preflight_misses_a_library_before_a_server_is_asked(site: Site, package: str, library: str) -> None:
    blocked = site.folder / "blocked" / package
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('blocked')\n", encoding="utf-8")
    environment = {"PYTHONPATH": str(blocked.parent)}
    before = site.logins()
    run = site.publish(environment=environment, publish_metrics_textfile=str(site.folder / "fleet.prom"))
    assert run.status != 0
    said = " ".join(run.output.split())
    assert f"Failed to import the required Python library ({library})" in said
    assert f"To install it: {sys.executable} -m pip install '{library}>=" in said
    # Until ansible-core 2.18, Ansible takes the quotes of the task's own expression for the mistake.
    assert "This one looks easy to fix" not in said
    assert "Traceback" not in said
    assert site.logins() == before
    assert site.stored() == {}


def test_without_metrics_their_library_is_not_needed(site: Site) -> None:
    blocked = site.folder / "blocked" / "prometheus_client"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('blocked')\n", encoding="utf-8")
    assert site.publish(environment={"PYTHONPATH": str(blocked.parent)}).status == 0


def test_an_inventory_may_have_a_localhost_of_its_own(site: Site) -> None:
    """Modules run with the controller's own Python whatever the inventory says of localhost, and without become."""
    inventory = site.inventory(ansible_become=False)
    text = inventory.read_text(encoding="utf-8")
    hostile = "{ansible_host: 192.0.2.1, ansible_connection: ssh, ansible_python_interpreter: /nonexistent}"
    inventory.write_text(f"{text}ungrouped:\n  hosts:\n    localhost: {hostile}\n", encoding="utf-8")
    run = site.publish(inventory=inventory)
    assert run.status == 0, run.output
    assert site.fields()["company"]["servers"] == NAMES


def test_the_role_in_a_play_of_ones_own_needs_no_python_on_the_servers(site: Site, tmp_path: Path) -> None:
    play = tmp_path / "own.yml"
    play.write_text(
        "- hosts: monitoring\n  gather_facts: false\n  become: true\n"
        "  roles: [skills_eye.prometheus_fleet.publish]\n"
        "  post_tasks:\n"
        "    - ansible.builtin.debug:\n"
        "        msg: 'for later tasks: {{ hostvars[ansible_play_hosts[0]].publish_summary.found }} fields'\n"
        "      run_once: true\n",
        encoding="utf-8",
    )
    run = site.play(play, inventory=site.inventory(ansible_python_interpreter="/nonexistent/python"))
    assert run.status == 0, run.output
    assert f"for later tasks: {len(site.fields())} fields" in run.output
