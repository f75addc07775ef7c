# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller with a fleet of real servers and a real Consul, and runs of ansible-playbook on it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.consul import ConsulAgent
from tests.support.sshd import SshdFleet

PROJECT = Path(__file__).resolve().parents[3]
TREES = PROJECT / "demo" / "trees"
NAMES = sorted(path.name for path in TREES.iterdir() if path.is_dir())
BIN = Path(sys.executable).parent
COLLECTION = "skills_eye.prometheus_fleet"


@dataclass(frozen=True)
class Run:
    """What one ansible-playbook did."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        """Tasks that changed something, over all hosts."""
        return sum(int(number) for number in re.findall(r" changed=(\d+) ", self.output))

    def task(self, name: str) -> str:
        """What was printed for the last task of that name."""
        parts = re.split(r"^(?:TASK|PLAY|PLAY RECAP) ", self.output, flags=re.MULTILINE)
        found = [part for part in parts if part.startswith(f"[{COLLECTION}.publish : {name}]")]
        assert found, f"no task {name} in\n{self.output}"
        return found[-1]


@dataclass
class Site:
    """The controller. Each test takes a prefix of its own in Consul, so what others publish does not show.

    first is what a first publish of the demo's trees writes, for all tests that begin with one.
    """

    folder: Path
    fleet: SshdFleet
    consul: ConsulAgent
    prefix: str
    variables: dict[str, Any] = field(default_factory=dict)
    first: dict[str, bytes] = field(default_factory=dict)
    _left: list[str] = field(default_factory=list)

    def inventory(self, changes: Mapping[str, Mapping[str, Any]] | None = None, **variables: Any) -> Path:
        """The fleet's inventory with other variables for some hosts."""
        data = self.fleet.inventory(**variables)
        for name, change in (changes or {}).items():
            data["monitoring"]["hosts"].setdefault(name, {}).update(change)
        path = self.folder / f"inventory-{len(list(self.folder.glob('inventory-*')))}.yml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        return path

    def publish(self, *arguments: str | Path, inventory: Path | None = None, **variables: Any) -> Run:
        """The playbook publish, as a user runs it."""
        return self.play(
            f"{COLLECTION}.publish", *arguments, inventory=inventory, publish_hosts="monitoring", **variables
        )

    def published(self) -> None:
        """Begin with a store to which the fleet was published as it is at the start of a test."""
        if not self.first:
            assert self.publish().status == 0
            self.first.update({key: value for key, (_index, value) in self.stored().items()})
        for key, value in self.first.items():
            self.consul.put(f"{self.prefix}/{key}", value)

    def play(
        self,
        playbook: str | Path,
        *arguments: str | Path,
        inventory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> Run:
        known = {"publish_consul_address": self.consul.address, "publish_prefix": self.prefix, **self.variables}
        command: list[str | Path] = [BIN / "ansible-playbook", "-i", inventory or self.inventory(), playbook]
        command += ["-e", json.dumps(known | variables), *arguments]
        # A short path: ansible-core 2.21 has a socket below it.
        with tempfile.TemporaryDirectory(prefix="site-") as temporary:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.fleet.environment(**{"TMPDIR": temporary, **(environment or {})}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=180,
                check=False,
            )
            self._left += [path.name for path in Path(temporary).glob("prometheus-fleet-*")]
        return Run(done.returncode, done.stdout)

    def stored(self) -> dict[str, tuple[int, bytes]]:
        """What Consul holds under the prefix: key → (modify index, value)."""
        return {key.removeprefix(f"{self.prefix}/"): entry for key, entry in self.consul.dump(self.prefix).items()}

    def document(self) -> dict[str, Any]:
        text = self.consul.get(f"{self.prefix}/fields")
        assert text is not None
        document: dict[str, Any] = json.loads(text)
        return document

    def fields(self) -> dict[str, dict[str, Any]]:
        return {item["name"]: item for item in self.document()["fields"]}

    def logins(self) -> dict[str, int]:
        return {server.name: server.logins() for server in self.fleet}

    def leftovers(self) -> list[str]:
        """What runs left in their directory for temporary files, Ansible's own aside."""
        return self._left


def lay_trees(fleet: SshdFleet) -> None:
    """Put the demo's trees on the servers of a fleet that has their names."""
    for server in fleet:
        for path in sorted((TREES / server.name).rglob("*.yml")):
            server.write(f"/{path.relative_to(TREES / server.name)}", path.read_bytes())
