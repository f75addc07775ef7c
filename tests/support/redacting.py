# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs of a fleet that have jobs in common, and a redactor that says how much of them it reads."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_tree import Cuts
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor

SALT = b"not a secret salt"


class Counting(Redactor):
    """Counts the characters that it reads as YAML."""

    characters = 0

    def _cuts(self, text: str, look_inside: bool, edges: Sequence[int]) -> Cuts:
        self.characters += len(text)
        return super()._cuts(text, look_inside, edges)


def job(number: int, password: str, *more: str) -> str:
    lines = [
        f"  - job_name: job{number}",
        f"    basic_auth: {{username: scrape, password: {password}}}",
        "    consul_sd_configs:",
        "      - server: consul.example:8500",
        f"        token: Tk-{number}-{password}",
        "    relabel_configs:",
        "      - {source_labels: [__meta_consul_dc], target_label: datacenter}",
        "      - source_labels: [__address__]",
        '        regex: "([^:]+):.*"',
        "        target_label: host",
    ]
    return "\n".join([*lines, *more]) + "\n"


def config(replica: str, jobs: Sequence[str], *more: str) -> str:
    head = f"global:\n  external_labels:\n    replica: {replica}\nscrape_configs:\n"
    return head + "".join(jobs) + "".join(f"{line}\n" for line in more)


JOBS = [job(number, f"hunter-{number}-22") for number in range(12)]


def masked(redactor: Redactor, text: str) -> tuple[str, int]:
    """The text with its secrets masked, and in how many places."""
    found = redactor.redact(text)
    return found.text, found.count


def alone(text: str) -> tuple[str, int]:
    """The same by a redactor that has met no other text."""
    return masked(Redactor(SALT), text)
