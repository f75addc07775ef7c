# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role looks through for each of thousands of hosts, counted: a template looks for a name one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.filter.core import flatten, regex_replace
from ansible.plugins.filter.mathstuff import intersect
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from jinja2 import FileSystemLoader
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).resolve().parents[3] / "roles" / "publish"


class Names(list[str]):
    """A list that counts how often it was gone through."""

    passes = 0

    def __iter__(self) -> Iterator[str]:
        self.passes += 1
        return super().__iter__()

    def __contains__(self, name: object) -> bool:
        self.passes += 1
        return super().__contains__(name)


def environment() -> NativeEnvironment:
    """The parts of Ansible's templating that these expressions use."""
    found = NativeEnvironment(loader=FileSystemLoader(ROLE / "templates"), trim_blocks=True)
    found.filters |= {"product": itertools.product, "intersect": intersect, "flatten": flatten}
    found.filters["regex_replace"] = regex_replace
    found.tests["contains"] = lambda names, name: name in names
    return found


def names(count: int, prefix: str) -> Names:
    return Names(f"{prefix}{number}" for number in range(count))


def published(missing: Sequence[str], fields_of: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What fields_info says of these servers, by the names of their fields, and of fields that are not published."""
    return {
        "exists": True,
        "fields": [],
        "history": [],
        "last_updated": None,
        "lost": [],
        "missing": missing,
        "servers": {
            name: {"status": "ok", "fields": fields, "problems": [], "imported": False, "last_seen": None}
            for name, fields in fields_of.items()
        },
        "source": "test",
        "statuses": dict.fromkeys(("synced", "outdated", "orphan", "missing"), 0),
    }


def status(servers: int, missing: int) -> tuple[str, int]:
    """The status of servers that lack these fields in the store, and how often lists of names were gone through."""
    inventory = names(servers - 1, "server")
    fields = names(missing + 1, "field")
    lists = {name: Names(fields) for name in names(servers, "server")}
    read = published(fields[:missing], lists)
    text = environment().get_template("status.txt.j2").render(_publish_read=read, groups={"all": inventory})
    return str(text), inventory.passes + sum(own.passes for own in lists.values())


def test_the_status_goes_through_the_inventory_and_the_fields_of_a_server_once() -> None:
    text, passes = status(servers=30, missing=20)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert [rows[f"field{number}"][2] for number in range(20)] == ["30"] * 20
    assert [name for name, row in rows.items() if "inventory" in row] == ["server29"]
    assert passes <= 1 + 30


def test_the_servers_that_have_a_missing_field_are_counted_in_the_lists_of_ansible_itself() -> None:
    """Since ansible-core 2.19 they are lists of another kind."""
    own = {"a": ["rack", "zone"], "b": ["rack", "rack_unit"], "c": []}
    read = published(["rack", "rack_unit", "row"], own)
    facts = {"_publish_read": read, "groups": {"all": ["a"]}}
    loader = DataLoader()
    lookup = lookup_loader.get("ansible.builtin.template", loader=loader, templar=Templar(loader, variables=facts))
    [text] = lookup.run([str(ROLE / "templates/status.txt.j2")], variables=facts)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert [rows[name][2] for name in read["missing"]] == ["2", "1", "0"]
    assert [name for name in own if "inventory" in rows[name]] == ["b", "c"]


def test_the_order_of_a_play_is_found_out_without_looking_for_each_host_in_a_list() -> None:
    expression = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["_publish_in_inventory_order"]
    batch, everybody = Names(["c", "a"]), Names(["c", "b", "a", *names(50, "lost")])
    found = environment().from_string(expression).render(ansible_play_batch=batch, ansible_play_hosts_all=everybody)
    assert list(found) == ["c", "a"]
    assert batch.passes == everybody.passes == 1
