# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys to log in with: each file read once and each agent asked once, for a whole sweep."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import copy
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_config import home
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

_AGENT_SECONDS: Final = 10.0
_MAGIC: Final = b"openssh-key-v1\0"


@dataclass(slots=True)
class Identity:
    """One identity file: the key pairs it gives, its public part as on the wire, and why it gives none."""

    path: str
    pairs: list[asyncssh.SSHKeyPair] = field(default_factory=list)
    public: bytes | None = None
    note: str | None = None


@dataclass(slots=True)
class LoginKeys:
    """Key pairs in the order in which ssh would offer them; notes say which files could not be used, and why."""

    pairs: list[asyncssh.SSHKeyPair] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class KeyRing:
    """Shared by all connections of a sweep; close() it in the same event loop."""

    def __init__(self) -> None:
        self._identities: dict[tuple[str, str | None, tuple[str, ...]], Identity] = {}
        self._agents: dict[str, asyncio.Task[tuple[list[asyncssh.SSHKeyPair], str | None]]] = {}
        self._clients: list[asyncssh.SSHAgentClient] = []

    async def close(self) -> None:
        for task in self._agents.values():
            task.cancel()
        await asyncio.gather(*self._agents.values(), return_exceptions=True)
        for client in self._clients:
            client.close()
            with contextlib.suppress(OSError):
                await client.wait_closed()

    async def keys(self, target: Target) -> LoginKeys:
        """Keys for one login: those of the agent that are named, other keys of the agent, then files."""
        result = LoginKeys()
        if "publickey" not in target.methods:
            return result
        secret = target.credentials
        if secret.private_key:
            inline = self._inline(secret.private_key, secret.passphrase)
            result.pairs = [copy.copy(pair) for pair in inline.pairs]
            result.notes = [inline.note] if inline.note else []
            return result
        identities = [self._identity(path, secret.passphrase, target.certificates) for path in target.identities]
        held, problem = await self._agent(target.agent) if target.agent else ([], None)
        named: list[asyncssh.SSHKeyPair] = []
        files: list[asyncssh.SSHKeyPair] = []
        for identity in identities:
            found = [pair for pair in held if identity.public and pair.key_public_data == identity.public]
            if found:
                named += [*_certified(found[0], target.certificates), *found]
            else:
                files += identity.pairs
                if identity.note and not _is_default(identity.path):
                    result.notes.append(identity.note)
        others = [] if target.identities_only else [pair for pair in held if pair not in named]
        # A key may have its signature algorithm set for one server: every login has pairs of its own.
        result.pairs = [copy.copy(pair) for pair in (*named, *others, *files)]
        if problem:
            result.notes.append(problem)
        return result

    def _identity(self, path: str, passphrase: str | None, certificates: tuple[str, ...]) -> Identity:
        key = (path, passphrase, certificates)
        if key not in self._identities:
            self._identities[key] = _load(path, passphrase, certificates)
        return self._identities[key]

    def _inline(self, text: str, passphrase: str | None) -> Identity:
        key = (text, passphrase, ())
        if key not in self._identities:
            identity = Identity("ansible_private_key")
            try:
                private = asyncssh.import_private_key(text, passphrase or None)
                identity.pairs = list(asyncssh.load_keypairs([private]))
            except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
                identity.note = "ansible_private_key cannot be read: see that it is whole and its passphrase right"
            self._identities[key] = identity
        return self._identities[key]

    async def _agent(self, path: str) -> tuple[list[asyncssh.SSHKeyPair], str | None]:
        if path not in self._agents:
            self._agents[path] = asyncio.create_task(self._ask_agent(path))
        return await asyncio.shield(self._agents[path])

    async def _ask_agent(self, path: str) -> tuple[list[asyncssh.SSHKeyPair], str | None]:
        client = asyncssh.SSHAgentClient(path)
        self._clients.append(client)
        try:
            async with asyncio.timeout(_AGENT_SECONDS):
                return list(await client.get_keys()), None
        except (OSError, ValueError, TimeoutError):
            return [], f"the ssh-agent at {path} does not answer"


def _is_default(path: str) -> bool:
    return path.startswith(f"{home()}/.ssh/id_")


def _certified(pair: asyncssh.SSHKeyPair, certificates: tuple[str, ...]) -> list[asyncssh.SSHKeyPair]:
    """The agent's key with those of the certificates that are made for it."""
    result = []
    for path in certificates:
        with contextlib.suppress(OSError, ValueError):
            certificate = asyncssh.read_certificate(path)
            certified = copy.copy(pair)
            certified.set_certificate(certificate)
            result.append(certified)
    return result


def _load(path: str, passphrase: str | None, certificates: tuple[str, ...]) -> Identity:
    identity = Identity(path)
    options: Any = {
        "ignore_encrypted": True,
        # The key is the user's own; checking its primes takes longer than a login.
        "unsafe_skip_rsa_key_validation": True,
    }
    usable = [name for name in certificates if Path(name).exists()]
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        identity.note = f"there is no key file {path}"
        return identity
    except OSError as error:
        identity.note = f"the key file {path} cannot be read: {error.strerror}"
        return identity
    identity.public = _public(path, content)
    if is_of_token(identity.public):
        # The token wants a touch, and asyncssh a library for it. An agent may hold the key.
        identity.note = f"{path} is of a security key, which only ssh or an ssh-agent can ask"
        return identity
    if b"PRIVATE KEY-----" not in content:
        if identity.public is None:
            identity.note = f"{path} holds no key"
        return identity
    try:
        identity.pairs = list(asyncssh.load_keypairs([path], passphrase or None, usable, **options))
    except asyncssh.KeyEncryptionError as error:
        if "bcrypt" in str(error):
            identity.note = (
                f"to decrypt {path}, install the Python library bcrypt on the controller, or use an ssh-agent"
            )
        else:
            identity.note = f"the passphrase for {path} is wrong or its cipher is not known"
    except (asyncssh.KeyImportError, OSError, ValueError):
        wrong = f"the passphrase for {path} is wrong, or it" if passphrase else path
        identity.note = f"{wrong} holds a key of a type or format that is not known"
    else:
        if not identity.pairs:
            identity.note = f"{path} is encrypted: add it to an ssh-agent or set ansible_ssh_private_key_passphrase"
        elif identity.public is None:
            identity.public = identity.pairs[-1].key_public_data
    return identity


def token_file(paths: Iterable[str]) -> str | None:
    """The first of the key files that is of a security key."""
    for path in paths:
        with contextlib.suppress(OSError):
            if is_of_token(_public(path, Path(path).read_bytes())):
                return path
    return None


def is_of_token(public: bytes | None) -> bool:
    return public is not None and public[4:].startswith(b"sk-")


def _public(path: str, content: bytes) -> bytes | None:
    """The public key as on the wire: of PATH.pub, of PATH itself, or of the clear part of an OpenSSH private key."""
    for name in (f"{path}.pub", path):
        with contextlib.suppress(OSError, asyncssh.KeyImportError):
            return asyncssh.read_public_key(name).public_data
    lines = content.decode("ascii", errors="replace").split()
    with contextlib.suppress(binascii.Error, struct.error, ValueError):
        data = base64.b64decode("".join(line for line in lines if len(line) > 60 or line.endswith("=")))
        if data.startswith(_MAGIC):
            at = len(_MAGIC)
            for _unused in range(3):
                at += 4 + int(struct.unpack_from(">I", data, at)[0])
            (length,) = struct.unpack_from(">I", data, at + 4)
            return data[at + 8 : at + 8 + length]
    return None
