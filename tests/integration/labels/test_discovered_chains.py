# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random rules over discovered targets: what is said of all targets holds for each one that can be thought of.

The words are chosen to meet: names that a labelmap makes and rules read, values that expressions match, both cases.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import read_servers
from tests.integration.labels import engine

CHAINS, TARGETS = 60, 80
SEED = int(os.environ.get("LABEL_CHAINS_SEED", "20260101"))
POD = "__meta_kubernetes_pod_label_"
META = ["__meta_kubernetes_pod_name", "__meta_kubernetes_namespace", *(POD + name for name in ("app", "Env", "x_y"))]
OWN = ["a", "b", "team", "app", "Env", "__tmp_a", "__tmp_b", "env", "job", "instance", "__address__", "x_y", "m_app"]
VALUES = ["", *["a", "b", "Team", "team", "prod", "PROD", "a-b", "a=b", "1", "k=v", "x", "ab", "a;b", "10.0.0.1:80"]]
EXPRESSIONS = [
    *("(.*)", "(.+)", "", "a|b", "(a|b)", "(?i)(prod)", "([a-z]+)", "(?i)([a-z]+)", "([^-]+)-(.*)", "(.+)=(.+)"),
    *(r"(?P<k>\w+)=(?P<v>.*)", "[^a]*", "(a)?(b)?", "(x)|(y)", "(?:a|b)+", r"\d+", "(.*)b", "(..)", "(?U)(a+)(.*)"),
    *(";", "(.+);(.*)", "team|prod"),
]
RESULTS = ["$1", "$2", "const", "x-$1", "${1}_$2", "$0", "${k}", "$v", "$1$1", "$9", "$$", "prod"]
TARGET_LABELS = ["a", "b", "team", "app", "__tmp_a", "__tmp_b", "env", "job", "instance", "__address__"]
TEMPLATES = ["$1", "${1}_x", "x_$1", "${k}", "m_$2", "__tmp_$1"]
NAMES = [
    *(f"{POD}(.+)", f"{POD}(app|team)", f"(?i){POD}(env|TEAM)", f"{POD}([a-z]+)", f"(?i){POD}([a-z]+)"),
    *("__meta_kubernetes_pod_(name|label_.*)", "__meta_kubernetes_(.+)", "(a|b)", "m_(.*)", "__tmp_(.*)"),
    *("(.*)_y", f"{POD}(.*)_(.*)", "(?i)(.*)team"),
]
NEW_NAMES = ["$1", "m_$1", "x", "${1}_$2", "team", "$2", "a", "__tmp_a"]
DROPPED = ["a|b", "team", "m_.*", "[a-z]+", "(?i)env", "__tmp_.*", ".*_y", "[A-Z].*"]


def rule(pick: random.Random) -> dict[str, Any]:
    kind = pick.choices(["replace", "filter", "map", "delete", "case", "equal", "hash"], [50, 10, 13, 10, 8, 4, 3])[0]
    sources = {"source_labels": pick.sample(META + OWN, pick.choice([1, 1, 2]))}
    match kind:
        case "replace":
            target = pick.choice(TARGET_LABELS + TEMPLATES)
            more = {"regex": pick.choice(EXPRESSIONS), "replacement": pick.choice(RESULTS)}
            more = {key: value for key, value in more.items() if pick.random() < 0.7}
            return {**sources, "target_label": target, "separator": pick.choice(";;-="), **more}
        case "filter":
            return {**sources, "action": pick.choice(["keep", "drop"]), "regex": pick.choice(EXPRESSIONS)}
        case "map":
            return {"action": "labelmap", "regex": pick.choice(NAMES), "replacement": pick.choice(NEW_NAMES)}
        case "delete":
            keeps = pick.random() < 0.3
            names = pick.choice(DROPPED)
            return (
                {"action": "labelkeep", "regex": f"__.*|job|{names}"}
                if keeps
                else {"action": "labeldrop", "regex": names}
            )
        case "case":
            return {
                **sources,
                "action": pick.choice(["lowercase", "uppercase"]),
                "target_label": pick.choice(TARGET_LABELS),
            }
        case "equal":
            return {**sources, "action": pick.choice(["keepequal", "dropequal"]), "target_label": pick.choice(OWN)}
    return {**sources, "action": "hashmod", "modulus": pick.choice([2, 100]), "target_label": "__tmp_b"}


@pytest.mark.parametrize("part", range(8))
def test_no_label_is_missed(part: int) -> None:
    pick = random.Random(SEED + part)
    chosen = engine.options("3.5")
    left = 0
    for _chain in range(CHAINS):
        rules = [rule(pick) for _rule in range(pick.randint(1, 6))]
        job = {"job_name": "j", "kubernetes_sd_configs": [{"role": "pod"}], "relabel_configs": rules}
        configs = engine.server(json.dumps({"scrape_configs": [job]}))
        given = read_servers({"s": configs}, chosen)["s"].inputs[0]
        names, always, shapes = engine.names(configs, "3.5").get("j", (set(), set(), []))
        # A name out of a template whose value is empty deletes any label: no presence is told as that uncertain.
        sure = not any("$" in item.get("target_label", "") for item in rules)
        for _target in range(TARGETS):
            own = {name: value for name in (*META, f"{POD}TEAM", f"{POD}q_z") if (value := pick.choice(VALUES))}
            own["__address__"] = pick.choice(["10.0.0.1:80", "a", "h"])
            labels = engine.target_labels(given, own, chosen)
            if labels is None:
                continue
            left += 1
            missed = {
                name for name in labels if name not in names and not any(shape.fullmatch(name) for shape in shapes)
            }
            assert not missed, (missed, json.dumps(rules), own)
            assert not sure or always <= labels.keys(), (always - labels.keys(), json.dumps(rules), own)
    assert left > CHAINS * TARGETS // 4
