# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""known_hosts, against `ssh-keygen -F`, which looks names up as ssh does."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.host_keys import KnownHosts
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAIxVH1dFR9UOTgkLPDeiJ3RGZ5TZqz3uHGxSyH"


def at(path: Path, host: str = "server", port: int = 22, **more: object) -> Target:
    return Target(host, host, port, "ops", known_hosts=(str(path),), **more)  # type: ignore[arg-type]


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_lookup(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    lines = [
        "# a comment",
        "",
        f"server {KEY} comment with words",
        f"SERVER,192.0.2.1 {KEY}",
        f"[server]:2222,[192.0.2.1]:2222 {KEY}",
        f"*.example,!bad.example {KEY}",
        f"@cert-authority *.example {KEY}",
        f"@revoked server {KEY}",
        f"@unknown server {KEY}",
        "server ssh-ed25519",
        f"  server\t{KEY}",
        "|1|x|y ssh-ed25519 AAAA",
    ]
    # ssh-keygen hashes no file with a line that it refuses.
    sound = [line for line in lines if line.endswith(("words", KEY)) and "@unknown" not in line]
    path.write_text("\n".join(sound) + "\n", encoding="utf-8")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], capture_output=True, check=True)
    hashed = path.read_text(encoding="utf-8")
    assert hashed.count("|1|") >= 5
    for text in ("\n".join(lines) + "\n", hashed):
        path.write_text(text, encoding="utf-8")
        for host, port in (
            ("server", 22),
            ("Server", 22),
            ("192.0.2.1", 22),
            ("server", 2222),
            ("a.example", 22),
            ("bad.example", 22),
            ("nothing", 22),
        ):
            # ssh looks names up in lower case, and ssh-keygen as they are given.
            name = host.lower() if port == 22 else f"[{host}]:{port}"
            done = subprocess.run(["ssh-keygen", "-F", name, "-f", path], capture_output=True, text=True, check=False)
            theirs = [int(line.split()[5]) for line in done.stdout.splitlines() if line.startswith("# Host ")]
            ours = [entry.line for entry in KnownHosts().trust(at(path, host, port)).entries]
            # ssh-keygen does not show lines whose marker it does not know either.
            assert sorted(ours) == theirs, (name, text)


def test_lines_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"\n# x\nserver {KEY}\n@revoked server {KEY}\n", encoding="utf-8")
    entries = KnownHosts().trust(at(path)).entries
    assert [(entry.place, entry.marker) for entry in entries] == [(f"{path}:3", ""), (f"{path}:4", "revoked")]


def test_key_without_the_port(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"server {KEY}\n", encoding="utf-8")
    trust = KnownHosts().trust(at(path, port=2222))
    assert trust.elsewhere
    other = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    # Another key is an unknown one then, not a changed one.
    assert trust.changed(other) is None
    assert KnownHosts().trust(at(path)).changed(other) is not None


@pytest.mark.parametrize(
    ("strict", "known", "accepted"),
    [("yes", False, False), ("accept-new", False, True), ("accept-new", True, False), ("no", True, True)],
)
def test_strictness(tmp_path: Path, strict: str, known: bool, accepted: bool) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"server {KEY}\n" if known else "", encoding="utf-8")
    key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    assert KnownHosts().trust(at(path, strict=strict)).accepts(key) is accepted


def test_localhost_can_be_exempt(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    for host, exempt in {"127.0.0.1": True, "127.0.1.1": True, "::1": True, "localhost": True, "server": False}.items():
        target = at(tmp_path / "none", host, host_keys_for_localhost=False)
        assert KnownHosts().trust(target).accepts(key) == exempt, host
        # Behind a hop, that is somebody else's.
        assert not KnownHosts().trust(replace(target, jump=target)).accepts(key)
        assert not KnownHosts().trust(replace(target, proxy_command="nc")).accepts(key)


def test_added_key_is_known_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new/known_hosts"
    known = KnownHosts()
    target = at(path, port=2222)
    assert known.trust(target).entries == []
    known.add(target, KEY)
    assert [entry.key for entry in known.trust(target).entries] == [KEY]
    assert path.read_text(encoding="utf-8") == f"[server]:2222 {KEY}\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
@pytest.mark.parametrize("hashed", [True, False])
def test_added_key_is_known_to_ssh_too(tmp_path: Path, hashed: bool) -> None:
    path = tmp_path / "known_hosts"
    # The last line of a file that a person wrote may lack its end.
    path.write_text(f"other {KEY}", encoding="utf-8")
    KnownHosts().add(at(path, "Server", port=2222, hash_known_hosts=hashed), KEY)
    assert ("[server]:2222" in path.read_text(encoding="utf-8")) is not hashed
    for name in ("other", "[server]:2222"):
        assert subprocess.run(["ssh-keygen", "-F", name, "-f", path], capture_output=True, check=False).returncode == 0
    assert [entry.line for entry in KnownHosts().trust(at(path, port=2222)).entries] == [2]


def test_without_a_file_a_key_is_added_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    KnownHosts().add(replace(at(tmp_path), known_hosts=()), KEY)
    assert list(tmp_path.iterdir()) == []


def test_an_alias_is_the_only_name(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"server {KEY}\nalias {KEY}\n", encoding="utf-8")
    known = KnownHosts()
    lines = {alias: known.trust(at(path, port=2222, host_key_alias=alias)) for alias in ("Alias", "another")}
    assert [entry.line for entry in lines["Alias"].entries] == [2]
    assert lines["another"].entries == []
    assert not lines["another"].elsewhere


def _add_many(path: str, number: int) -> None:
    known = KnownHosts()
    for index in range(50):
        known.add(at(Path(path), f"server-{number}-{index}"), KEY)


def test_two_sweeps_may_add_at_once(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_many, args=(str(path), number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 100
    assert all(line.endswith(f" {KEY}") and line.count(" ") == 2 for line in lines)


def test_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(bytes(range(256)) * 40)
    assert KnownHosts().trust(at(path)).entries == []
    assert KnownHosts().trust(at(tmp_path)).entries == []
