# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret of a server, of its login or of the store is in anything that a run writes, at any verbosity."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_entry import unpacked
from tests.integration.role.planted import Planted, plant
from tests.integration.role.site import BIN, COLLECTION, NAMES, Run, Site, lay_trees
from tests.support import machine
from tests.support.consul import consul_agent
from tests.support.sshd import SshdFleet

RIO, RECIFE = "prometheus-rio", "prometheus-recife"
# As Consul makes them; it opens what the test's own agent holds.
WRONG_TOKEN = "99999999-aaaa-bbbb-cccc-dddddddddddd"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Servers that want passwords where the machine can have any, full of secrets, and a Consul that wants a token."""
    reason = machine.unavailable()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("secrets")
    with (
        SshdFleet(folder / "fleet", NAMES, tree={}, password=True) as fleet,
        consul_agent(folder / "consul", acl=True) as agent,
    ):
        lay_trees(fleet)
        (folder / "site").mkdir()
        prefix = "planted/metadata"
        token = agent.new_token(f'key_prefix "{prefix}/" {{ policy = "write" }}')
        yield Site(folder / "site", fleet, agent, prefix, {"publish_consul_token": token})


@pytest.fixture(scope="module")
def planted(guarded: Site) -> Planted:
    found = plant()
    assert len(found.places) >= 20
    for path, content in found.files.items():
        guarded.fleet[RIO].write(path, content)
    return found


def logins() -> dict[str, object]:
    """How the play logs in: with a password, and to root with it again, where the machine's users have any."""
    if not machine.privileged():
        return {}
    user = next(user for user in machine.USERS if user.name == "deploy")
    return {
        "ansible_user": user.name,
        "ansible_password": user.password,
        "ansible_ssh_private_key_file": "/nonexistent",
        "ansible_become": True,
        "ansible_become_password": user.password,
    }


def publish(site: Site, *arguments: str, **variables: object) -> Run:
    folder = site.folder
    return site.publish(
        "-vvv",
        "--diff",
        *arguments,
        inventory=site.inventory({name: logins() for name in NAMES}),
        **{
            "publish_mirror": str(folder / "mirror"),
            "publish_metrics_textfile": str(folder / "fleet.prom"),
            "publish_report": str(folder / "report.html"),
            "publish_summary_file": str(folder / "summary.json"),
        }
        | variables,
    )


def written(site: Site, *runs: Run) -> dict[str, bytes]:
    """Everything that runs wrote, by where it is: output, files, keys, and what is left of temporary files."""
    found = {f"output of run {number}": run.output.encode() for number, run in enumerate(runs, 1)}
    roots = [site.folder, site.fleet.directory / "controller"]
    for path in (path for root in roots for path in root.rglob("*")):
        # The inventories are what the test gave, passwords and all.
        if path.is_file() and not path.name.startswith("inventory-"):
            found[str(path)] = path.read_bytes()
    found |= {f"key {key}": key.encode() + value for key, (_index, value) in site.stored().items()}
    return found


def seen(secrets: Iterable[str], places: dict[str, bytes]) -> dict[str, list[str]]:
    """Secret → where it was found."""
    return {
        secret: hits
        for secret in secrets
        if (hits := [place for place, content in places.items() if secret.encode() in content])
    }


def named(found: dict[str, list[str]], planted: Planted) -> dict[str, list[str]]:
    return {f"{secret} of {planted.places.get(secret, '?')}": hits for secret, hits in found.items()}


def own_secrets(site: Site) -> list[str]:
    """What the controller itself keeps secret."""
    token = str(site.variables["publish_consul_token"])
    return [token, *({user.password for user in machine.users()} - {""})]


def test_a_run_writes_no_secret_anywhere(guarded: Site, planted: Planted) -> None:
    first = publish(guarded)
    assert first.status == 0, first.output[-6000:]
    guarded.fleet[RECIFE].write("/etc/prometheus/rules/later.yml", "groups: []\n")
    # A second one with a history, and a server that changed.
    guarded.fleet[RIO].write(
        "/etc/prometheus/prometheus.yml",
        planted.files["/etc/prometheus/prometheus.yml"].replace(b"target_label: env", b"target_label: realm"),
    )
    checked = publish(guarded, "--check")
    assert checked.status == 0, checked.output[-6000:]
    assert "+fields realm" in checked.output
    second = publish(guarded)
    assert second.status == 0, second.output[-6000:]

    places = written(guarded, first, checked, second)
    # The search looks at the right things: what is no secret is in all of them.
    for place in ("output of run 1", "output of run 3", "key fields", str(guarded.folder / "report.html")):
        assert b"company" in places[place], place
    assert any(key.startswith("key history/") for key in places)
    mirrored = {path for path in planted.files if (guarded.folder / "mirror" / RIO / path.lstrip("/")).is_file()}
    assert {
        "/etc/prometheus/prometheus.yml",
        "/etc/alertmanager/alertmanager.yml",
        "/etc/prometheus/web.yml",
    } < mirrored
    assert guarded.fields()["realm"]["servers"] == [RIO]
    assert (guarded.folder / "fleet.prom").is_file()
    assert named(seen(planted.places, places), planted) == {}
    assert seen(own_secrets(guarded), places) == {}
    assert guarded.leftovers() == []


def test_a_run_without_a_mirror_writes_no_secret_to_temporary_files(guarded: Site, planted: Planted) -> None:
    """Ansible is told to keep what it gives to its modules. The Consul token is in there, for its owner's eyes."""
    run = guarded.publish(
        "-vvv",
        inventory=guarded.inventory({name: logins() for name in NAMES}),
        environment={"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TMP": str(guarded.folder / "modules")},
        publish_prefix=f"{guarded.prefix}/kept",
    )
    assert run.status == 0, run.output[-6000:]
    kept = written(guarded, run)
    modules = [kept[place] for place in kept if place.endswith("AnsiballZ_fields.py")]
    assert any(b"__meta_consul_service_metadata_company" in module for module in modules)
    assert (guarded.folder / "modules").stat().st_mode & 0o077 == 0
    shutil.rmtree(guarded.folder / "modules")
    assert named(seen(planted.places, kept), planted) == {}


def test_the_token_may_be_in_a_vault(guarded: Site, tmp_path: Path) -> None:
    """As docs/publishing.md advises. To ansible-core 2.18 such a variable is no text until it is used."""
    token = str(guarded.variables["publish_consul_token"])
    password = tmp_path / "password"
    password.write_text("not-a-secret\n", encoding="utf-8")
    encrypt: list[str | Path] = [BIN / "ansible-vault", "encrypt_string", "--vault-password-file", password]
    vaulted = subprocess.run(
        [*encrypt, "--stdin-name", "publish_consul_token"],
        input=token,
        env=guarded.fleet.environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    (tmp_path / "vaulted.yml").write_text(vaulted, encoding="utf-8")
    play = tmp_path / "own.yml"
    play.write_text(
        f"- hosts: monitoring\n  gather_facts: false\n  vars_files: [vaulted.yml]\n  roles: [{COLLECTION}.publish]\n",
        encoding="utf-8",
    )
    site = dataclasses.replace(guarded, prefix=f"{guarded.prefix}/vaulted", variables={})
    inventory = site.inventory({name: logins() for name in NAMES})
    run = site.play(play, "-vvv", "--vault-password-file", password, inventory=inventory)
    assert run.status == 0, run.output[-6000:]
    assert "company" in site.fields()
    assert token not in run.output


def test_errors_hold_no_secret(guarded: Site, planted: Planted) -> None:
    refused = publish(guarded, publish_consul_token=WRONG_TOKEN, publish_retry_seconds=1)
    assert refused.status != 0
    assert "Consul" in refused.output
    wrong = {"ansible_password": "Wr0ng-On-Purpose", "ansible_become_password": "Wr0ng-Too"}
    changes = {RIO: logins() | wrong, RECIFE: logins() | {"ansible_become_password": "Wr0ng-Too"}}
    unanswered = guarded.publish("-vvv", "--diff", inventory=guarded.inventory(changes))
    if machine.privileged():
        assert "of 3 answered whole" in unanswered.task("Summary")
        assert f"{RIO}: auth_failed" in unanswered.task("Summary")
    secrets = [WRONG_TOKEN, *wrong.values(), *planted.places, *own_secrets(guarded)]
    assert seen(secrets, written(guarded, refused, unanswered)) == {}


def test_the_local_cache_holds_no_secret(guarded: Site, planted: Planted) -> None:
    """What the store says is in it, and what the servers say themselves. Its entries are compressed."""
    cache = guarded.folder / "cache"
    inventory = guarded.inventory({name: logins() for name in NAMES})
    refreshed = guarded.play(
        f"{COLLECTION}.refresh",
        "-vvv",
        inventory=inventory,
        publish_hosts="monitoring",
        prometheus_fleet_cache_connection=str(cache),
    )
    assert refreshed.status == 0, refreshed.output[-6000:]
    play = guarded.folder / "ask.yml"
    fields = f"lookup('{COLLECTION}.fields', wantmeta=true, tiers=['cache', 'sweep'])"
    play.write_text(
        "- hosts: monitoring\n  gather_facts: false\n  tasks:\n"
        f'    - ansible.builtin.debug: {{msg: "{{{{ {fields} }}}}"}}\n      run_once: true\n',
        encoding="utf-8",
    )
    asked = guarded.play(play, "-vvv", inventory=inventory, prometheus_fleet_cache_connection=str(cache))
    assert asked.status == 0, asked.output[-6000:]
    entries = {path.name: document_in(path) for path in cache.glob("fields_*")}
    assert len(entries) == 2
    assert all(b"__meta_consul_service_metadata_company" in content for content in entries.values())
    places = written(guarded, refreshed, asked) | entries
    assert named(seen(planted.places, places), planted) == {}
    assert seen(own_secrets(guarded), places) == {}


def document_in(path: Path) -> bytes:
    """What an entry of the local cache says. From ansible-core 2.19 on, it is wrapped in another."""
    entry = json.loads(path.read_text(encoding="utf-8"))
    entry = json.loads(entry["__payload__"]) if "__payload__" in entry else entry
    return json.dumps(unpacked(entry["document"]), ensure_ascii=False).encode()
