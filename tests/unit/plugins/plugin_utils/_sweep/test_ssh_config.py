# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reading of ssh's command line and configuration, against `ssh -G`, which says how ssh itself reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import ssh_config
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_config import (
    Arguments,
    UnsupportedError,
    parse_arguments,
)

COMPARED = ("hostname", "port", "user", "hostkeyalias", "proxyjump", "connecttimeout", "stricthostkeychecking")

needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="ssh is not installed")


def of_ssh(host: str, words: list[str]) -> dict[str, list[str]]:
    """What `ssh -G` says."""
    done = subprocess.run(["ssh", "-G", *words, host], capture_output=True, text=True, check=True, timeout=20)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, separator, value = line.partition(" ")
        assert separator is not None
        found.setdefault(keyword, []).append(value)
    return found


def agrees(host: str, words: list[str]) -> None:
    """Compare what both make of the same words for the keywords that were given."""
    theirs = of_ssh(host, words)
    ours = ssh_config.settings(host, parse_arguments(words))
    defaults = {"hostname": host, "port": "22", "user": ssh_config.local_user(), "stricthostkeychecking": "ask"}
    same = {"yes": "true", "no": "false", "off": "false"}
    for keyword in COMPARED:
        mine = ours.get(keyword, defaults.get(keyword, "")).replace("%h", host)
        expected = theirs.get(keyword, ["none"])[0].removeprefix("none")
        assert same.get(mine, mine) == same.get(expected, expected), keyword
    if ours.lists.get("identityfile"):
        assert list(dict.fromkeys(ours.lists["identityfile"])) == theirs["identityfile"]


@needs_ssh
@pytest.mark.parametrize(
    "words",
    [
        ["-p", "2222"],
        ["-p2222", "-lops"],
        ["-o", "Port=2222", "-o", "Port=3333"],
        ["-oPort=2222", "-p", "3333"],
        ["-o", "Port 2222"],
        ["-o", "  user =  ops"],
        ["-o", "IdentityFile=/a", "-oIdentityFile=/b", "-o", "IdentityFile /c"],
        ["-o", 'IdentityFile="/with a blank"'],
        ["-qTC4", "-l", "ops"],
        ["-J", "a,b@c:23"],
        ["-o", "StrictHostKeyChecking=off"],
        ["-o", "stricthostkeychecking accept-new"],
        ["-o", "HostName=%h.example.org"],
    ],
)
def test_arguments(words: list[str]) -> None:
    agrees("server", ["-F", "none", *words])


CONFIGS = {
    "first value wins": "Host *\n  User one\nHost server\n  User two\n",
    "patterns": "Host ser*r !nothing\n  Port 1\nHost !server *\n  Port 2\nHost s?rver\n  User u\n",
    "case of names": "Host SERVER\n  Port 7\n",
    "equals sign and quotes": 'host = server\nport=2222\nUser = "ops"\nIdentityFile "/with a blank/key"\n',
    "comments": "# Port 1\n\n  # Port 2\nPort 3 # four\n",
    "match all": "Match all\n  Port 5\n",
    "match host": "HostName other\nMatch host other\n  Port 5\nMatch originalhost server\n  User u\n",
    "case of names to match": "Match host SERVER\n  Port 7\nMatch originalhost SERVE?\n  User u\n",
    "match final negated": "HostName Other\nMatch !final user nobody\nHost other\n  Port 6\n",
    "match negated": "Match !host server\n  Port 1\nMatch host server,else !user nobody\n  Port 2\n",
    "match user": "User ops\nMatch user ops,root\n  Port 9\nMatch user root\n  HostKeyAlias x\n",
    "match final": "Match final host server\n  Port 6\nMatch final all\n  User late\nHost *\n  User early\n",
    "identities add up": "IdentityFile ~/one\nHost server\n  IdentityFile ~/two\nHost other\n  IdentityFile ~/three\n",
    "proxy": "Host server\n  ProxyJump a\nHost *\n  ProxyJump b\n",
    "continuation of a block": "Host other\n  Port 1\n  User x\nMatch host server\n  User y\n",
}


@needs_ssh
@pytest.mark.parametrize("name", CONFIGS)
def test_files(tmp_path: Path, name: str) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIGS[name], encoding="utf-8")
    agrees("server", ["-F", str(config)])
    agrees("server", ["-F", str(config), "-p", "4444", "-l", "first"])


@needs_ssh
def test_includes(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "1.conf").write_text("Host server\n  Port 1111\nHost other\n  Port 2\n", encoding="utf-8")
    (folder / "2.conf").write_text("User from_include\n", encoding="utf-8")
    (folder / "3.conf").write_text("Match final all\n  User late\nHost *\n  Port 3\n", encoding="utf-8")
    config = tmp_path / "config"
    for text in (
        f"Include {folder}/[12].conf\nPort 9\n",
        f"Host other\n  Include {folder}/[12].conf\nHost *\n  Port 9\n",
        f"Host server\n  Include {folder}/2.conf {folder}/1.conf\n  HostKeyAlias after\n",
        f"Include {folder}/none*.conf\nPort 9\n",
        # The final pass is asked for where nothing else counts.
        f"HostName late\nHost other\n  Include {folder}/3.conf\nHost late\n  Port 9\n",
    ):
        config.write_text(text, encoding="utf-8")
        agrees("server", ["-F", str(config)])


NAMES = ["server", "s*", "*", "?erver", "!server", "!s*", "other", "*.example"]
LINES = [
    "Port 1",
    "Port 2",
    "User a",
    "User b",
    "HostName h.example",
    "HostKeyAlias k",
    "IdentityFile /x",
    "ProxyJump j",
]
HEADS = st.one_of(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: "Host " + " ".join(names)),
    st.sampled_from(
        [
            "Match all",
            "Match host server",
            "Match host h.example",
            "Match originalhost s*",
            "Match user a",
            "Match host SERVER",
            "Match final all",
            "Match !final all",
        ]
    ),
)
BLOCKS = st.tuples(HEADS, st.lists(st.sampled_from(LINES), max_size=3))


@needs_ssh
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(blocks=[("Host h.example", ["Port 1"]), ("Match final all", ["User a"])], top=["HostName H.example"])
@example(
    blocks=[("Match final all", []), ("Host server.x", ["Port 1"]), ("Host server.x.x", ["User a"])],
    top=["HostName %h.x"],
)
@example(blocks=[("Match final all", []), ("Match originalhost *.x", ["Port 1"])], top=["HostName %h.x"])
@given(blocks=st.lists(BLOCKS, max_size=5), top=st.lists(st.sampled_from(LINES), max_size=2))
def test_any_file(tmp_path: Path, blocks: list[tuple[str, list[str]]], top: list[str]) -> None:
    text = "\n".join([*top, *(line for head, lines in blocks for line in (head, *lines))]) + "\n"
    config = tmp_path / "config"
    config.write_text(text, encoding="utf-8")
    agrees("server", ["-F", str(config)])


@pytest.mark.parametrize("words", [["-L", "1:a:1"], ["-N"], ["-o"], ["-o", "Port"], ["-Q", "cipher"], ["-i"]])
def test_arguments_for_ssh_alone(words: list[str]) -> None:
    with pytest.raises(UnsupportedError):
        parse_arguments(words)


def test_words_that_are_no_options() -> None:
    arguments = parse_arguments(["-q", "host", "-p", "1", "--", "-x"])
    assert arguments.words == ["host", "-x"]
    assert arguments.keywords == [("port", ("1",))]


@pytest.mark.parametrize("text", ["Match exec true\n  Port 1\n", "CanonicalizeHostname yes\n", 'User "open\n'])
def test_files_for_ssh_alone(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(UnsupportedError):
        ssh_config.settings("server", Arguments(config=str(config)))


def test_a_criterion_that_does_not_matter(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Match host other exec false\n  Port 1\nPort 2\n", encoding="utf-8")
    assert ssh_config.settings("server", Arguments(config=str(config))).get("port") == ""


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.touch()
    assert ssh_config.settings("server", Arguments(config=str(config))).values == {}
    config.write_text("Port 1\n", encoding="utf-8")
    assert ssh_config.settings("server", Arguments(config=str(config))).get("port") == "1"
    config.write_text("Port 22\n", encoding="utf-8")
    assert ssh_config.settings("server", Arguments(config=str(config))).get("port") == "22"


def test_includes_in_a_circle(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"Include {config}\n", encoding="utf-8")
    with pytest.raises(UnsupportedError):
        ssh_config.settings("server", Arguments(config=str(config)))
