# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remote command as a text: what every login shell reads the same, and what it refuses to be made of."""

from __future__ import annotations

import fnmatch
import re
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.remote import (
    fingerprint,
    remote_command,
    service_directory,
    service_patterns,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=40).filter(
    lambda text: text not in {".", ".."}
)


def words_of(command: str) -> list[str]:
    """The words of the command, which is `sh -c 'eval ...' sh 'DIGEST' 'WORD' 'WORD' ...`."""
    assert re.fullmatch(r"sh -c 'eval \"[${}0-9]+\"' sh(?: '[^']*')+", command)
    return re.findall(r"'([^']*)'", command)[1:]


@given(st.lists(texts, min_size=1, max_size=3), st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_no_text_of_the_caller_reaches_a_shell_as_it_is(directory: list[str], patterns: list[str]) -> None:
    service = Service("prometheus", "/" + "/".join(directory), tuple(patterns))
    command = remote_command([service], Limits())
    assert command.isascii()
    assert command.isprintable()
    # csh reads ! in any quotes; fish reads \' and \\ in single quotes; some csh read words of 1,023 bytes.
    assert "!" not in command
    assert "\\'" not in command
    assert "\\\\" not in command
    words = words_of(command)
    assert all(len(word) < 1000 for word in words)
    assert shlex.split(command)[4:] == words


@given(st.lists(texts, min_size=1, max_size=2), texts)
@settings(max_examples=30, deadline=None)
def test_what_the_shell_decodes_is_the_text(directory: list[str], pattern: str) -> None:
    service = Service("prometheus", "/" + "/".join(directory), (pattern,))
    script = "".join(words_of(remote_command([service], Limits()))[1:])
    setup, _brace, rest = script.partition("sweep() { body ")
    arguments = rest.partition("; }; ")[0]
    done = subprocess.run(
        ["sh", "-c", f'{setup} printf "%s\\0" {arguments}'], capture_output=True, check=True, timeout=20
    )
    assert done.stdout.decode().split("\0") == ["s." + service_directory(service), "p" + pattern, ""]


@pytest.mark.parametrize("directory", ["etc/prometheus", "", "/etc/../root", "/etc/./prometheus", "~/x", "/etc/a\0b"])
def test_directories_that_are_no_plain_absolute_paths(directory: str) -> None:
    with pytest.raises(ValueError, match="directory of service prometheus"):
        remote_command([Service("prometheus", directory, ("*.yml",))], Limits())


@pytest.mark.parametrize("pattern", ["", "/etc/passwd", "../*.yml", "a/../../b", "/", "..", ".", "./", "a\0b"])
def test_patterns_that_leave_the_directory(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern of service prometheus"):
        remote_command([Service("prometheus", "/etc/prometheus", ("*.yml", pattern))], Limits())


@pytest.mark.parametrize("pattern", ["**/*.yml", "rules/**/*.yml", "./**/x.yml", "rules/**", "**"])
def test_patterns_of_any_depth(pattern: str) -> None:
    """Read as a single star, such a one leaves out most of what it is meant to name, and prune removes that."""
    with pytest.raises(ValueError, match=r"pattern of service prometheus must say how deep .* in place of \*\*: "):
        remote_command([Service("prometheus", "/etc/prometheus", ("*.yml", pattern))], Limits())


def test_no_services() -> None:
    with pytest.raises(ValueError, match="at least one service"):
        remote_command([], Limits())


def test_plain_forms() -> None:
    service = Service("prometheus", "//etc///prometheus/", ("./*.yml", "*.yml", "a//b.yml", "*.yml"))
    assert service_directory(service) == "/etc/prometheus"
    assert service_patterns(service) == ["*.yml", "a/b.yml"]
    assert service_directory(Service("all", "/", ("x",))) == "/"


def test_the_fingerprint_is_of_all_that_was_asked() -> None:
    base = Service("prometheus", "/etc/prometheus", ("*.yml",))
    others = [
        Service("thanos", "/etc/prometheus", ("*.yml",)),
        Service("prometheus", "/etc/prom", ("*.yml",)),
        Service("prometheus", "/etc/prometheus", ("*.yaml",)),
    ]
    prints = {fingerprint((service,)) for service in (base, *others)} | {fingerprint((base, base))}
    assert len(prints) == 5
    assert fingerprint((Service("prometheus", "/etc//prometheus/", ("./*.yml",)),)) == fingerprint((base,))


def test_only_a_well_formed_digest_is_asked_about() -> None:
    services = [Service("prometheus", "/etc/prometheus", ("*.yml",))]
    for digest in ("sha256:" + "a" * 64, "cksum:123-456"):
        assert words_of(remote_command(services, Limits(), digest))[0] == digest
    for digest in ("sha256:" + "a" * 64 + "\n", "cksum:1-2; reboot", "x", ""):
        assert remote_command(services, Limits(), digest) == remote_command(services, Limits())
        assert words_of(remote_command(services, Limits(), digest))[0] == ""


def test_compression_is_a_choice() -> None:
    services = [Service("prometheus", "/etc/prometheus", ("*.yml",))]
    assert "mode=gz;" in remote_command(services, Limits())
    assert "mode=plain;" in remote_command(services, Limits(), compress=False)


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["*.yml", "prom*.yml", "*/*.yml", "rules/*.yml"], ["*.yml", "*/*.yml"]),
        (["prom*.yml", "*.yml"], ["*.yml"]),
        (["*", "***"], ["*"]),
        (["*.yml", "prometheus.yml", "*.yaml", "*/*.yml"], ["*.yml", "prometheus.yml", "*.yaml", "*/*.yml"]),
        (["*.yml", ".*.yml"], ["*.yml", ".*.yml"]),
        (["[ab]*.yml", "a*.yml"], ["[ab]*.yml", "a*.yml"]),
        (["*.yml", "[ab]*.yml", "?*.yml"], ["*.yml"]),
        (["a*b", "a*cb", "ab*"], ["a*b", "ab*"]),
        # A letter in brackets is one of several.
        (["*a*.yml", "[ab]*.yml", "[!a]*.yml"], ["*a*.yml", "[ab]*.yml", "[!a]*.yml"]),
    ],
)
def test_patterns_that_say_nothing_new(patterns: list[str], kept: list[str]) -> None:
    assert service_patterns(Service("prometheus", "/etc/prometheus", tuple(patterns))) == kept


@given(st.lists(st.text("ab*.?/[]!", min_size=1, max_size=7), min_size=1, max_size=4), st.text("ab./", max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_file_is_lost_with_a_pattern(patterns: list[str], name: str) -> None:
    """What any of the patterns names is named by those that are kept."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("/") and ".." not in pattern.split("/")]
    wanted = [pattern for pattern in wanted if set(pattern.split("/")) - {"", "."}]
    wanted = [pattern for pattern in wanted if "**" not in pattern.split("/")]

    def named(pattern: str) -> bool:
        parts, names = pattern.split("/"), name.split("/")
        return len(parts) == len(names) and all(
            fnmatch.fnmatchcase(one, part) and (part[:1] == "." or one[:1] != ".")
            for one, part in zip(names, parts, strict=True)
        )

    clean = ["/".join(part for part in pattern.split("/") if part not in {"", "."}) for pattern in wanted]
    if clean:
        kept = service_patterns(Service("prometheus", "/etc/prometheus", tuple(wanted)))
        assert any(map(named, clean)) == any(map(named, kept))
