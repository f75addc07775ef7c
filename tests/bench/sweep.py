# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep beside what a user could have picked instead, against real sshd servers on loopback.

Usage: python -m tests.bench sweep [--hosts 3,50] [--round-trip 0,50] [--rounds 5]
       [--equal-share 0.95] [--without NAME ...]

Prints, for each number of hosts and each round trip (milliseconds, by a delay proxy), a table of whole processes:
medians of wall time, CPU time of the client and its children, peak memory, and ratios to the collection's sweep.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.bench.measure import Contender, print_table, side_by_side
from tests.bench.trees import tree
from tests.support.processes import LOOPBACK, free_ports, stop
from tests.support.sshd import SshdFleet

PROJECT = Path(__file__).resolve().parents[2]
CONTENDERS = Path(__file__).resolve().parent / "contenders"
DIRECTORIES = ["/etc/prometheus", "/etc/alertmanager"]
MAX_PARALLEL = 50
# Debian's sshd drops logins above 10 at once; every server here has one client, but a slow machine counts differently.
SSHD_CONFIG = "MaxStartups 200\nLogLevel ERROR\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", default="3,50", help="numbers of servers, with commas")
    parser.add_argument("--round-trip", default="0,50", help="milliseconds, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--equal-share", type=float, default=0.0, help="the part of the files that all servers share")
    parser.add_argument("--without", action="append", default=[], help="leave out a contender whose name holds this")
    options = parser.parse_args(arguments)
    for hosts in numbers(options.hosts):
        with tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory:
            work = Path(directory)
            fleet = SshdFleet(work, hosts, sshd_config=SSHD_CONFIG)
            with fleet:
                for index, server in enumerate(fleet):
                    for path, text in tree(index, options.equal_share).items():
                        server.write(f"/etc/{path}", text)
                    # A directory without a file costs the collection's command a process; the others do not look there.
                    shutil.rmtree(server.path("/etc/prometheus/rules"))
                    server.authorize(login_key(fleet).with_suffix(".pub").read_text(encoding="utf-8"))
                for round_trip in numbers(options.round_trip):
                    compare(fleet, work, round_trip, options.rounds, options.without)


def login_key(fleet: SshdFleet) -> Path:
    """One key for all servers, as fleets have it."""
    return next(iter(fleet)).key


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def compare(fleet: SshdFleet, work: Path, round_trip: int, rounds: int, without: list[str]) -> None:
    with slow_link([server.port for server in fleet], round_trip, work) as ports:
        servers = describe(fleet, work, ports)
        chosen = [
            contender
            for contender in contenders(fleet, servers, work)
            if not any(word in contender.name for word in without)
        ]
        title = f"{len(fleet)} servers, {round_trip} ms round trip, median of {rounds}"
        print_table(title, side_by_side(chosen, rounds))


@contextlib.contextmanager
def slow_link(targets: list[int], round_trip: int, work: Path) -> Iterator[list[int]]:
    """Ports that reach the targets with the given delay; the targets themselves without one."""
    if not round_trip:
        yield targets
        return
    ports = free_ports(len(targets))
    pairs = [f"{port}:{target}" for port, target in zip(ports, targets, strict=True)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.delay_proxy", str(round_trip), *pairs],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("the delay proxy did not start")
        yield ports
    finally:
        stop(process)


def describe(fleet: SshdFleet, work: Path, ports: list[int]) -> list[dict[str, Any]]:
    """Write known_hosts, the inventory and servers.json for the given ports; returns the servers."""
    servers = [
        {
            "name": server.name,
            "host": LOOPBACK,
            "port": port,
            "user": server.user,
            "key": str(login_key(fleet)),
            "known_hosts": str(work / "known_hosts"),
            "directories": DIRECTORIES,
            "files": 8,
        }
        for server, port in zip(fleet, ports, strict=True)
    ]
    lines = [f"[{LOOPBACK}]:{port} {server.host_key}" for server, port in zip(fleet, ports, strict=True)]
    (work / "known_hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (work / "servers.json").write_text(json.dumps(servers), encoding="utf-8")
    inventory = fleet.inventory()
    for entry, port in zip(inventory["monitoring"]["hosts"].values(), ports, strict=True):
        entry["ansible_port"] = port
        entry["ansible_ssh_private_key_file"] = str(login_key(fleet))
    inventory["monitoring"]["vars"] = {
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={work / 'known_hosts'}",
        "directories": DIRECTORIES,
        "expected_files": 8,
        # The servers' users may not read the Python that runs the bench.
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    (work / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    return servers


def contenders(fleet: SshdFleet, servers: list[dict[str, Any]], work: Path) -> list[Contender]:
    python, listing, parallel = sys.executable, str(work / "servers.json"), str(MAX_PARALLEL)
    python_path = {"PYTHONPATH": f"{PROJECT}:{PROJECT / '.venv/collections'}"}
    playbook = [str(Path(python).parent / "ansible-playbook"), "-i", str(work / "inventory.yml")]
    environment = fleet.environment(ANSIBLE_FORKS=parallel, ANSIBLE_PIPELINING="1", ANSIBLE_STDOUT_CALLBACK="minimal")
    return [
        *(
            Contender(
                f"this collection: the {name}",
                [python, str(CONTENDERS / "collection.py"), listing, parallel, *words],
                python_path,
            )
            for name, words in (
                ("sweep", []),
                ("same, secrets not masked", ["unmasked"]),
                ("same, all imported before", ["loaded"]),
                ("same, all imported before, not masked", ["unmasked", "loaded"]),
            )
        ),
        Contender(
            "two rounds of tar over asyncssh",
            [python, str(CONTENDERS / "two_rounds.py"), listing, parallel],
            python_path,
        ),
        Contender("OpenSSH, xargs -P 50 ssh tar", ["sh", "-c", openssh(servers, work, "")]),
        Contender(
            "OpenSSH, the same with curve25519",
            ["sh", "-c", openssh(servers, work, "-o KexAlgorithms=curve25519-sha256")],
        ),
        Contender(
            "this collection: ansible-playbook with configs",
            [*playbook, str(CONTENDERS / "collection.yml"), "-e", f"mirror={work / 'mirror'}"],
            environment,
        ),
        Contender(
            "Ansible: find and slurp, forks 50, pipelining",
            [*playbook, str(CONTENDERS / "find_slurp.yml")],
            environment,
        ),
    ]


def openssh(servers: list[dict[str, Any]], work: Path, options: str) -> str:
    """The shell line that an administrator would write; each stream goes to a file of its own."""
    output = work / "streams"
    output.mkdir(exist_ok=True)
    listing = work / "servers.txt"
    listing.write_text("".join(f"{server['port']} {server['key']} {server['name']}\n" for server in servers))
    remote = shlex.quote("tar czf - " + " ".join(f"{path}/*.yml" for path in DIRECTORIES) + " 2>/dev/null")
    ssh = (
        f"exec ssh -F none -o BatchMode=yes -o UserKnownHostsFile={work / 'known_hosts'} {options}"
        f' -p "$1" -i "$2" {servers[0]["user"]}@{LOOPBACK} {remote} > {output}/"$3".tar.gz'
    )
    return f"xargs -P {MAX_PARALLEL} -L 1 sh -c {shlex.quote(ssh)} sh < {listing}"


if __name__ == "__main__":
    main()
