# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""known_hosts as OpenSSH reads and writes it, with the file and line of every key.

The files are read once for a whole sweep; only the lines that name a server are decoded.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_config import matches
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

_MAX_FILE: Final = 64 * 1024 * 1024
SSH_PORT: Final = 22


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a known_hosts file. marker is '', 'cert-authority' or 'revoked'; key is 'TYPE BASE64'."""

    path: str
    line: int
    marker: str
    hosts: str
    key: str

    @property
    def kind(self) -> str:
        """The type of the key, as 'ssh-ed25519'."""
        return self.key.partition(" ")[0]

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(slots=True)
class _File:
    """A known_hosts file by how its lines name hosts: plainly, by patterns, by hashes."""

    plain: dict[str, list[Entry]] = field(default_factory=dict)
    patterns: list[Entry] = field(default_factory=list)
    hashed: list[tuple[bytes, bytes, Entry]] = field(default_factory=list)


class KnownHosts:
    """The known_hosts files of a sweep, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def trust(self, target: Target) -> Trust:
        """All lines that name the target, of its own and the global files, in their order."""
        if is_exempt(target):
            return Trust([], "no")
        entries = self._all(target, known_name(target))
        named = any(not entry.marker for entry in entries)
        if named or target.port == SSH_PORT or target.host_key_alias:
            return Trust(entries, target.strict)
        # As with ssh: a key that is known without the port will do, another one counts as unknown.
        return Trust([*entries, *self._all(target, target.host.lower())], target.strict, elsewhere=True)

    def _all(self, target: Target, name: str) -> list[Entry]:
        paths = (*target.known_hosts, *target.global_known_hosts)
        return [entry for path in paths for entry in self._find(path, name)]

    def _find(self, path: str, name: str) -> list[Entry]:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = _read(path)
        found = list(file.plain.get(name, ()))
        found += [entry for entry in file.patterns if matches(name, entry.hosts.split(","))]
        data = name.encode()
        found += [entry for salt, digest, entry in file.hashed if hmac.digest(salt, data, "sha1") == digest]
        return found

    def add(self, target: Target, key: str) -> None:
        """Append 'TYPE BASE64' to the target's first known_hosts file, as OpenSSH does, and know it from now on.

        Raises OSError when the file cannot be written.
        """
        if not target.known_hosts:
            return
        path = target.known_hosts[0]
        name = known_name(target)
        self._files.setdefault(path, _read(path)).plain.setdefault(name, []).append(Entry(path, 0, "", name, key))
        line = f"{_hash(name) if target.hash_known_hosts else name} {key}\n"
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            # Two sweeps at a time must not write into one line.
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file.fileno()).st_size
            unfinished = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write((b"\n" if unfinished else b"") + line.encode())


def known_name(target: Target) -> str:
    """What known_hosts calls the target: its alias, or host, or [host]:port where the port is not 22."""
    if target.host_key_alias:
        return target.host_key_alias.lower()
    host = target.host.lower()
    return host if target.port == SSH_PORT else f"[{host}]:{target.port}"


def written(key: asyncssh.SSHKey) -> str:
    """A public key as known_hosts has it: 'TYPE BASE64'."""
    return " ".join(key.export_public_key().decode().split()[:2])


def is_exempt(target: Target) -> bool:
    """NoHostAuthenticationForLocalhost.

    What a hop or a command leads to is another machine, whatever it is called. So may be what an alias names.
    """
    if target.host_keys_for_localhost or target.jump or target.proxy_command or target.host_key_alias:
        return False
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(target.host).is_loopback
    return target.host == "localhost"


def _hash(name: str) -> str:
    salt = secrets.token_bytes(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _read(path: str) -> _File:
    result = _File()
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_FILE).decode("utf-8", errors="replace")
    except OSError:
        return result
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        marker = words.pop(0)[1:] if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in {"", "cert-authority", "revoked"}:
            continue
        entry = Entry(path, number, marker, words[0].lower(), f"{words[1]} {words[2]}")
        if words[0].startswith("|"):
            _add_hashed(result, words[0], entry)
        elif any(char in words[0] for char in "*?!"):
            result.patterns.append(entry)
        else:
            for name in entry.hosts.split(","):
                result.plain.setdefault(name, []).append(entry)
    return result


def _add_hashed(result: _File, text: str, entry: Entry) -> None:
    parts = text.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return
    try:
        result.hashed.append((base64.b64decode(parts[2]), base64.b64decode(parts[3]), entry))
    except binascii.Error:
        return


@dataclass(slots=True)
class Trust:
    """What is known of one server's host keys, and what to do with a key that is not among them.

    elsewhere: the lines name the host with another port. offered is the key that had to be judged.
    """

    entries: Sequence[Entry]
    strict: str
    elsewhere: bool = False
    offered: str | None = None

    def known_hosts(self) -> Any:
        """For asyncssh's known_hosts: only what it must refuse. What may be trusted is asked of this object."""
        revoked = []
        for entry in self.entries:
            if entry.marker == "revoked" and self.strict != "no":
                # One that this asyncssh cannot read, no server can show either.
                with contextlib.suppress(asyncssh.KeyImportError):
                    revoked.append(asyncssh.import_public_key(entry.key))
        return [], [], revoked, [], [], [], []

    def holds(self, key: asyncssh.SSHKey, marker: str = "") -> bool:
        """Whether a line with this marker holds the key."""
        text = written(key)
        return any(entry.key == text for entry in self.entries if entry.marker == marker)

    def changed(self, key: asyncssh.SSHKey) -> Entry | None:
        """The line that holds another key of the same type."""
        if self.elsewhere:
            return None
        kind = key.get_algorithm()
        same = [entry for entry in self.entries if entry.marker == "" and entry.kind == kind]
        return same[0] if same else None

    def vouches(self, key: asyncssh.SSHKey) -> bool:
        """Whether a line holds the key, and none revokes it."""
        return self.holds(key) and not self.holds(key, "revoked")

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """Whether a key that no line vouches for may be trusted."""
        self.offered = written(key)
        if self.strict == "no":
            return True
        return self.strict == "accept-new" and self.fits(key)

    def fits(self, key: asyncssh.SSHKey) -> bool:
        """Whether no line speaks against the key."""
        return self.changed(key) is None and not self.holds(key, "revoked")
