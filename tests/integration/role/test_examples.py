# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of README.md, docs/ and the plugins' documentation runs as it is written: real sshd, real Consul."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.integration.role.site import PROJECT, TREES, Site

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
OPTIONS = yaml.safe_load((PROJECT / "roles/publish/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
# What is a place of each reader's own.
FOLDERS = (
    "/tmp/prometheus-fleet-example",
    "/var/lib/prometheus/node-exporter",
    "/var/lib/prometheus-fleet",
    "/srv/fleet",
    "/srv/mirror",
    "/srv/www",
)


def blocks(page: Path) -> list[Any]:
    found = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(block) for block in found]


def of_pages() -> Iterator[dict[str, Any]]:
    """Plays; tasks that follow one on its page belong to it."""
    for page in PAGES:
        play: dict[str, Any] = {}
        for item in [item for block in blocks(page) if isinstance(block, list) for item in block]:
            if "hosts" in item or "ansible.builtin.import_playbook" in item:
                play = item
                yield play
            else:
                play["tasks"].append(item)


def of_plugins() -> Iterator[dict[str, Any]]:
    """Plays; tasks without one are those of a play for the fleet."""
    # Modules first: lookups read what they publish.
    for path in sorted((PROJECT / "plugins").glob("*/*"), key=lambda path: (path.parent.name != "modules", path)):
        if path.suffix == ".yml":
            text = yaml.safe_load(path.read_text(encoding="utf-8"))["EXAMPLES"]
        elif path.parent.name in {"modules", "lookup"} and path.suffix == ".py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            values = [item.value for item in body if isinstance(item, ast.Assign)]
            names = [ast.unparse(item.targets[0]) for item in body if isinstance(item, ast.Assign)]
            text = ast.literal_eval(dict(zip(names, values, strict=True))["EXAMPLES"])
        else:
            continue
        items = yaml.safe_load(text)
        yield from items if "hosts" in items[0] else [{"hosts": "monitoring", "gather_facts": False, "tasks": items}]


def test_examples_run(site: Site) -> None:
    site.prefix = "skills/cm/metadata"
    for server in site.fleet:
        server.write("/etc/prometheus/blackbox.yml", "modules: {}\n")
    plays = [*of_pages(), *of_plugins()]
    assert len(plays) > 20
    text = yaml.safe_dump(plays, sort_keys=False, width=10_000)
    for folder in FOLDERS:
        assert folder in text
        own = site.folder / "examples" / folder.strip("/").replace("/", "-")
        own.mkdir(parents=True)
        text = text.replace(folder, str(own))
    token = site.folder / "token"
    token.write_text("unused\n", encoding="utf-8")
    text = text.replace("https://consul.example.com:8501", site.consul.url)
    text = text.replace("/etc/prometheus-fleet/consul.token", str(token))
    # The one that a reader has on the controller.
    local = TREES / "prometheus-rio/etc/alertmanager/alertmanager.yml"
    text = text.replace("/etc/alertmanager/alertmanager.yml", str(local))
    playbook = site.folder / "examples.yml"
    playbook.write_text(text, encoding="utf-8")
    run = site.play(playbook, environment={"CONSUL_HTTP_ADDR": site.consul.address}, publish_hosts="monitoring")
    assert run.status == 0, run.output
    assert "[WARNING]" not in run.output, run.output


def test_variables_in_examples_are_the_roles() -> None:
    given = {
        name: value
        for page in PAGES
        for block in blocks(page)
        if isinstance(block, dict)
        for name, value in block.items()
    }
    assert len(given) > 5
    assert set(given) <= set(OPTIONS["options"])
