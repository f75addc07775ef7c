# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random relabel rules and label sets, for tests that compare two ways of applying them."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import Dialect, Rule, run

PUBLIC = ["env", "team", "site", "a", "b", "a_b", "app"]
INTERNAL = ["__meta_env", "__meta_tag_team", "__meta_tag_app", "__tmp_x", "__meta_port"]
BUILT_IN = ["__address__", "job", "instance", "__scheme__", "__metrics_path__"]
NAMES = PUBLIC + INTERNAL + BUILT_IN

VALUES = [
    "", "prod", "PROD", "test", "a", "ab", "aab", "team=core", ",x=1,y=2,", "80", "9100", "host:9100", "a.b.c",
    "größe", "true", "a;b", "-", "x y", "$1", "line\nbreak", "env",
]  # fmt: skip
REGEXES = [
    "(.*)", "(.+)", ".*", ".+", "", "prod", "prod|test", "(prod|test)", "(a+)(b?)", "([^:]+)(?::\\d+)?", "(?i)prod",
    ",?(\\w+)=(\\w+),?.*", "(.*)=(.*)", "(.*);(.*)", "([a-z]+).*", "(?P<name>[a-z]+)(?P<rest>.*)", "[0-9]+", "(\\d+)",
    "a{2,3}b", "(a|ab)(b|)", ".{3}", "^(.*)$", "(x)?(.*)", "\\$1", "[^a-z]*", "(?:a.b).*", "x\\.y|.*c",
]  # fmt: skip
NAME_REGEXES = [
    "__meta_(.+)", "__meta_tag_(.+)", "(e)nv", "env|team", "a.*", "job", "instance", "__.*", "__.*|env|job",
    "(.+)_(.+)", "nothing", "__(scheme|metrics_path)__", "[a-z]", "__tmp_.*", "(?i)ENV",
]  # fmt: skip
REPLACEMENTS = [
    "$1", "${1}", "$2", "x", "", "$1-$2", "${1}x", "$1x", "$name", "${rest}", "$$", "$0", "$", "${", "p$1", "prod",
    "a$$1",
]  # fmt: skip
TEMPLATES = ["${1}", "x_$1", "${1}_y", "$2", "$name"]
MAP_REPLACEMENTS = ["$1", "k_$1", "${1}", "copied", "$2"]
SEPARATORS = [";", "", "-", ";;", "="]
ADDRESSES = ["host.example:9100", "other:1", "10.0.0.1:80"]


def label_sets() -> st.SearchStrategy[dict[str, str]]:
    """Labels of a target group."""
    return st.dictionaries(st.sampled_from(PUBLIC + INTERNAL), st.sampled_from(VALUES), max_size=6)


def chains(version: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of rules, as a config has them, that this version of Prometheus accepts."""
    kinds = [_replace(), _replace(), _replace(), _template(), _constant(), _filter(), _hashmod()]
    if version == "2.24":
        # It has no labels for interval and timeout: whether an expression meets them would make a difference.
        without = [regex for regex in NAME_REGEXES if not re.fullmatch(regex, "__scrape_interval__")]
        kinds += [_labelmap(without), _delete(["labeldrop"], without)]
    else:
        kinds += [_labelmap(NAME_REGEXES), _delete(["labeldrop", "labeldrop", "labelkeep"], NAME_REGEXES)]
        kinds += [_case(), _compare()]
    return st.lists(st.one_of(kinds), max_size=7)


def _sources() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)


def _targets() -> st.SearchStrategy[str]:
    return st.sampled_from([*PUBLIC, *PUBLIC, *INTERNAL, "job", "instance"])


def _with_options(fixed: dict[str, Any], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    required = {key: value for key, value in fixed.items() if isinstance(value, st.SearchStrategy)}
    constants = {key: value for key, value in fixed.items() if not isinstance(value, st.SearchStrategy)}
    return st.fixed_dictionaries(required, optional=optional).map(lambda found: {**constants, **found})


def _replace() -> st.SearchStrategy[dict[str, Any]]:
    return _with_options(
        {"source_labels": _sources(), "target_label": _targets()},
        regex=st.one_of(st.sampled_from(REGEXES), st.none()),
        replacement=st.one_of(st.sampled_from(REPLACEMENTS), st.none()),
        separator=st.one_of(st.sampled_from(SEPARATORS), st.none()),
        action=st.sampled_from(["replace", "Replace"]),
    )


def _template() -> st.SearchStrategy[dict[str, Any]]:
    return _with_options(
        {"source_labels": _sources(), "target_label": st.sampled_from(TEMPLATES)},
        regex=st.sampled_from(REGEXES),
        replacement=st.sampled_from(REPLACEMENTS),
    )


def _constant() -> st.SearchStrategy[dict[str, Any]]:
    address = st.fixed_dictionaries({"target_label": st.just("__address__"), "replacement": st.sampled_from(ADDRESSES)})
    return st.one_of(
        st.fixed_dictionaries({"target_label": _targets(), "replacement": st.sampled_from(VALUES)}), address
    )


def _filter() -> st.SearchStrategy[dict[str, Any]]:
    return _with_options(
        {"action": st.sampled_from(["keep", "drop"]), "source_labels": _sources(), "regex": st.sampled_from(REGEXES)},
        separator=st.sampled_from(SEPARATORS),
    )


def _compare() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "action": st.sampled_from(["keepequal", "dropequal"]),
            "source_labels": st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
            "target_label": st.sampled_from(NAMES),
        }
    )


def _hashmod() -> st.SearchStrategy[dict[str, Any]]:
    return _with_options(
        {
            "action": "hashmod",
            "source_labels": _sources(),
            "target_label": _targets(),
            "modulus": st.sampled_from([1, 2, 8, 97, 2**40]),
        },
        separator=st.sampled_from(SEPARATORS),
    )


def _case() -> st.SearchStrategy[dict[str, Any]]:
    return _with_options(
        {
            "action": st.sampled_from(["lowercase", "uppercase"]),
            "source_labels": _sources(),
            "target_label": _targets(),
        },
        regex=st.sampled_from(REGEXES),
    )


def _labelmap(regexes: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return _with_options(
        {"action": "labelmap", "regex": st.sampled_from(regexes)}, replacement=st.sampled_from(MAP_REPLACEMENTS)
    )


def _delete(actions: list[str], regexes: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"action": st.sampled_from(actions), "regex": st.sampled_from(regexes)})


def rules(chain: list[dict[str, Any]]) -> list[Rule]:
    """The same rules as the engine has them after reading."""
    return [
        Rule(
            action=item.get("action", "replace").lower(),
            source_labels=tuple(item.get("source_labels", ())),
            separator=item.get("separator", ";") or "",
            regex=item.get("regex", "(.*)") or "",
            modulus=item.get("modulus", 0),
            target_label=item.get("target_label", ""),
            replacement=item.get("replacement", "$1") or "",
            line=number + 1,
        )
        for number, item in enumerate(chain)
    ]


def is_ambiguous(chain: list[dict[str, Any]], labels: dict[str, str], dialect: Dialect) -> bool:
    """Whether the result hangs on the order in which labelmap meets labels, which Prometheus leaves open."""
    settings = {"__scheme__": "http", "__metrics_path__": "/metrics"}
    times = {"__scrape_interval__": "1h", "__scrape_timeout__": "10s"}
    forwards = {"__address__": "host.example:9100", "job": "j", **settings, **times, **labels}
    backwards = dict(reversed(forwards.items()))
    applied = rules(chain)
    made = [run(applied, start, dialect) for start in (forwards, backwards)]
    if made[0].labels != made[1].labels or made[0].dropped_by != made[1].dropped_by:
        return True
    written: dict[tuple[int, str], set[str]] = {}
    for write in made[0].writes:
        if applied[write.rule].action == "labelmap":
            written.setdefault((write.rule, write.label), set()).add(write.after)
    return any(len(values) > 1 for values in written.values())
