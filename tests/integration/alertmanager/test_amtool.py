# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager configs are read as Alertmanager's own tool reads them."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import matchers
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.alertmanager import (
    AlertmanagerConfig,
    Route,
    read_alertmanager,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.prometheus import packaged

PROJECT = Path(__file__).parents[3]
CORPUS = PROJECT / ".." / "shared" / "corpus"
# 0.33 reads matchers in both ways; Debian bookworm's 0.25 in the classic way alone.
NEW = packaged("prometheus-alertmanager", "sid") / "amtool"
OLD = Path(shutil.which("amtool") or "/nonexistent")
needs_new = pytest.mark.skipif(not NEW.exists(), reason="amtool 0.33 is not here: tools/debian_package.py fetches it")


def accepts(tool: Path, file: Path) -> bool:
    done = subprocess.run([tool, "check-config", file], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def read(text: str, path: str = "/etc/alertmanager/alertmanager.yml") -> AlertmanagerConfig:
    return read_alertmanager(ConfigFile(path, "alertmanager", text))


def corpus() -> list[tuple[str, Path]]:
    manifest = CORPUS / "manifest.tsv"
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["kind"] == "alertmanager"]
    return [(row["path"], CORPUS / "files" / row["path"]) for row in rows]


FILES = corpus()


@needs_new
@pytest.mark.skipif(not FILES, reason="../shared/corpus is not here")
def test_the_corpus_is_accepted_and_refused_alike() -> None:
    """Of each file: an error if all versions refuse it, none if one accepts it."""
    differ, accepted = [], 0
    for name, path in FILES:
        config = read(path.read_text(encoding="utf-8"))
        by_tool = any(accepts(tool, path) for tool in (NEW, OLD) if tool.exists())
        if by_tool == config.refused:
            differ.append((name, by_tool, config.problems))
        accepted += by_tool
    # Labels of routes came with 0.34, which no Debian has.
    differ = [item for item in differ if not item[0].endswith("doc/examples/route_labels.yml")]
    assert not differ, differ
    assert accepted > 80
    assert len(FILES) - accepted > 15


@needs_new
def test_small_configs_are_accepted_and_refused_alike(tmp_path: Path) -> None:
    lines = (Path(__file__).parent / "more_configs.jsonl").read_text(encoding="utf-8").splitlines()
    tools = [tool for tool in (NEW, OLD) if tool.exists()]
    differ, accepted = [], 0
    for text in map(json.loads, lines):
        file = tmp_path / "alertmanager.yml"
        file.write_text(text, encoding="utf-8")
        by_tool = any(accepts(tool, file) for tool in tools)
        if by_tool == (config := read(text)).refused:
            differ.append((text, by_tool, config.problems))
        accepted += by_tool
    assert not differ, differ
    assert accepted > 100
    assert len(lines) - accepted > 100


@pytest.mark.skipif(not FILES, reason="../shared/corpus is not here")
def test_redaction_changes_nothing_of_what_is_read() -> None:
    redactor = Redactor()
    for name, path in FILES:
        text = path.read_text(encoding="utf-8")
        plain, masked = read(text), read(redactor.redact(text).text)
        assert (plain.route, plain.inhibitions, plain.receivers) == (
            masked.route,
            masked.inhibitions,
            masked.receivers,
        ), name
        if not plain.refused:
            assert not masked.refused, (name, masked.problems)


# ---- matchers ----

NAMES = st.sampled_from(["a", "team", "job_name", "x:y", "ü", "a-b", "1", '"quoted name"', '"a\\"b"', '""', ""])
SIGNS = st.sampled_from(["=", "!=", "=~", "!~", " = ", "==", "~", "!", "=~ "])
UNQUOTED = [
    "",
    "b",
    "b c",
    "a|b",
    "[ab]",
    "(",
    "x.*",
    r"\d+",
    "'q'",
    "{}",
    "{",
    "}",
    "a{2}",
    "ü",
    "a,b",
    "b\\",
    "`a`",
    "a=b",
]
UNQUOTED += ['"a', 'a"', '"a"b"', '\\"a\\"', "a!b"]
QUOTED = [
    "b",
    "b c",
    "",
    "a|b",
    "(",
    r"x\\d",
    r"\d",
    r"a\nb",
    "\\",
    "a{2}",
    "ü",
    r"\u00fc",
    "a,b",
    r"\xff",
    r"\x41",
    r"\101",
]
QUOTED += [r"\q", " "]
VALUES = st.sampled_from([*UNQUOTED, *(f'"{value}"' for value in QUOTED)])
ONE = st.builds("{}{}{}".format, NAMES, SIGNS, VALUES)
SEVERAL = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "{", "{ ", " {"]),
    st.lists(ONE, max_size=3).map(",".join) | st.lists(ONE, max_size=3).map(" , ".join),
    st.sampled_from(["", "", "}", ",}", ",", " }", "},", ","]),
)
ANY = SEVERAL | st.text(alphabet="ab=!~\"{}, \\'`\n.*(|üx", max_size=12)
QUICK = settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))


def shown(tool: Path, folder: Path, texts: list[str]) -> dict[int, str] | None:
    """The matchers of each text as amtool prints them; None if it refuses the config."""
    routes = [{"receiver": f"r{number}", "matchers": [text]} for number, text in enumerate(texts)]
    config = {
        "route": {"receiver": "root", "routes": routes},
        "receivers": [{"name": "root"}, *({"name": f"r{number}"} for number in range(len(texts)))],
    }
    file = folder / "config.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    command = [str(tool), "config", "routes", "show", f"--config.file={file}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        return None
    found = re.findall(r"^.{0,8}── (.*)  receiver: r(\d+)$", done.stdout, re.MULTILINE)
    return {int(number): text for text, number in found}


def ours(text: str) -> str | None:
    """The matchers of a text in the same form; None if it is refused."""
    try:
        found = matchers.parse(text).matchers
    except matchers.MatcherError:
        return None
    # It prints them sorted by name, then value, then kind.
    kinds = ["=", "!=", "=~", "!~"]
    order = sorted(found, key=lambda item: (item.name.encode(), item.value.encode(), kinds.index(item.operator)))
    return "{" + ",".join(map(str, order)) + "}" if order else "default-route"


@needs_new
@given(st.lists(ANY, min_size=60, max_size=60))
@QUICK
def test_matchers_mean_what_alertmanager_says(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("matchers")
    valid = [text for text in texts if ours(text) is not None]
    found = shown(NEW, folder, valid)
    if found is None:
        refused = [text for text in valid if shown(NEW, folder, [text]) is None]
        raise AssertionError(f"taken for matchers, and Alertmanager refuses them: {refused}")
    for number, text in enumerate(valid):
        assert found.get(number) == ours(text), text
    for text in [text for text in texts if ours(text) is None][:25]:
        assert shown(NEW, folder, [text]) is None, text


# ---- routing ----

TREE = """\
route:
  receiver: root
  group_by: [alertname]
  routes:
  - match: {team: db}
    receiver: db
    routes:
    - match_re: {severity: page|critical}
      receiver: db-page
      continue: true
    - matchers: [severity!="page"]
      receiver: db-mail
  - matchers: ['{env=~"prod|stage", owner!~".+"}']
    receiver: nobody
    continue: true
  - matchers: [site=""]
    receiver: anywhere
receivers: [{name: root}, {name: db}, {name: db-page}, {name: db-mail}, {name: nobody}, {name: anywhere}]
"""


def receivers_of(route: Route, labels: dict[str, str]) -> list[str]:
    """Who gets an alert: the matching children in turn, else the route itself."""
    found: list[str] = []
    for child in route.routes:
        if all(use.matcher and use.matcher.matches(labels.get(use.label, "")) for use in child.matchers):
            found.extend(receivers_of(child, labels))
            if not child.continues:
                break
    return found or [route.receiver]


@pytest.mark.parametrize("tool", [tool for tool in (NEW, OLD) if tool.exists()], ids=str)
def test_alerts_are_routed_as_alertmanager_routes_them(tool: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(TREE, encoding="utf-8")
    route = read(TREE).route
    assert route is not None
    for labels in (
        {},
        {"team": "db"},
        {"team": "db", "severity": "page"},
        {"team": "db", "severity": "critical"},
        {"team": "db", "severity": "info"},
        {"env": "prod"},
        {"env": "prod", "owner": "me"},
        {"env": "stage", "site": "rio"},
        {"site": "rio"},
        {"env": "production", "site": "rio"},
    ):
        words = [f"{name}={value}" for name, value in labels.items()]
        command = [str(tool), "config", "routes", "test", f"--config.file={file}", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout.strip().split(",") == receivers_of(route, labels), labels
