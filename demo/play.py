# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: three servers on loopback, one run of the playbook publish, and what it found.

Everything that a run writes lies in one directory (default build/demo): the inventory, the servers' keys, the mirror,
the report, and the store, unless CONSUL_HTTP_ADDR says that the store is a Consul.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.extract_fields import extract_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.label_drift import label_drift
from demo.fleet import DemoFleet
from demo.published import Published, read
from demo.tables import table

PROJECT = Path(__file__).resolve().parent.parent
TREES = PROJECT / "demo" / "trees"
PLAYBOOK = "skills_eye.prometheus_fleet.publish"


@dataclass(frozen=True)
class Places:
    """Where a run of the demo writes."""

    build: Path

    @property
    def store(self) -> Path:
        return self.build / "store"

    @property
    def mirror(self) -> Path:
        return self.build / "mirror"

    @property
    def report(self) -> Path:
        return self.build / "report.html"

    @property
    def inventory(self) -> Path:
        return self.build / "inventory.yml"

    @property
    def variables(self) -> Path:
        return self.build / "variables.yml"

    @property
    def summary(self) -> Path:
        return self.build / "summary.json"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="demo/run", description=__doc__)
    parser.add_argument("--build", type=Path, default=PROJECT / "build" / "demo", help="where to write")
    parser.add_argument("options", nargs="*", help="options for ansible-playbook, after --")
    chosen = parser.parse_args(arguments)
    places = Places(chosen.build.resolve())
    places.build.mkdir(parents=True, exist_ok=True)
    for told in (places.summary, places.report):
        told.unlink(missing_ok=True)
    try:
        status = asyncio.run(run(places, chosen.options))
    except KeyboardInterrupt:
        return 130
    if status == 0 and places.summary.exists():
        report(places)
    return status


async def run(places: Places, options: Sequence[str]) -> int:
    """Start the fleet, run the playbook on it, stop the fleet. Returns the playbook's exit status."""
    async with DemoFleet(TREES, places.build) as fleet:
        variables: dict[str, Any] = {
            "publish_hosts": "monitoring",
            "publish_mirror": str(places.mirror),
            "publish_summary_file": str(places.summary),
            "publish_report": str(places.report),
            **{f"publish_{option}": value for option, value in store_options(places).items()},
        }
        if services := fleet.services():
            print("No mount namespaces here: the demo servers' directories are given by publish_services.")
            variables["publish_services"] = services
        places.inventory.write_text(yaml.safe_dump(fleet.inventory()), encoding="utf-8")
        places.variables.write_text(yaml.safe_dump(variables), encoding="utf-8")
        arguments = ["-i", str(places.inventory), PLAYBOOK, "-e", f"@{places.variables}", *options]
        print("$", shlex.join(["ansible-playbook", *arguments]), flush=True)
        playbook = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "ansible-playbook", *arguments, env=environment(places), cwd=places.build
        )
        try:
            return await asyncio.wait_for(playbook.wait(), timeout=300)
        finally:
            if playbook.returncode is None:
                playbook.terminate()
                await playbook.wait()


def store_options(places: Places) -> dict[str, Any]:
    """Where to publish, as options of the modules. Consul's address and token are in the environment."""
    if os.environ.get("CONSUL_HTTP_ADDR"):
        return {"store": "consul"}
    return {"store": "directory", "path": str(places.store)}


def environment(places: Places) -> dict[str, str]:
    """The user's environment, with the checkout as the collection and no need of a home."""
    return os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
        "ANSIBLE_HOME": str(places.build / "ansible"),
        "ANSIBLE_REMOTE_TMP": str(places.build / "ansible" / "tmp"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }


def report(places: Places) -> None:
    """Print the published fields and the servers as tables."""
    summary = json.loads(places.summary.read_text(encoding="utf-8"))
    published = read(store_options(places))
    print(table(["field", "origin", "source label", "on servers"], field_rows(published, len(summary["servers"]))))
    print(table(["server", "status", "files", "seconds"], server_rows(summary["servers"], places.mirror)))
    print("\nWhere the servers disagree:")
    for finding in label_drift(extract_fields(str(places.mirror))):
        print(f"  {finding['severity']}: {finding['message']}")
    print("\nPublished:")
    for place in published.places:
        print(f"  {place}")
    print(f"Mirror: {places.mirror}")
    if places.report.exists():
        print(f"Report, for a browser: {places.report}")
    changed = (summary["published"] or {}).get("changed")
    print("This run changed what is published." if changed else "This run changed nothing: all was published already.")


def field_rows(published: Published, servers: int) -> list[list[str]]:
    return [
        [
            field["name"],
            field.get("origin") or "",
            field.get("source_label") or "",
            f"{len(field.get('servers') or [])} of {servers}",
        ]
        for field in published.fields
    ]


def server_rows(servers: dict[str, Any], mirror: Path) -> list[list[str]]:
    """The files are those in the mirror: a server that did not change sends none."""
    return [
        [
            name,
            server["status"],
            str(sum(path.is_file() for path in (mirror / name).rglob("*"))),
            "" if server["seconds"] is None else f"{server['seconds']:.2f}",
        ]
        for name, server in sorted(servers.items())
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
