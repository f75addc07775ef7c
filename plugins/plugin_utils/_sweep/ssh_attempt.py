# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One attempt to log in: the options of asyncssh, the judgement of the host key, and the login in fewer round trips.

An SSH client asks for the authentication service, asks which methods there are, asks whether a key would do, and then
signs: four round trips. Here the request signed with the first key goes out together with the first question, as soon
as the host key is verified and the connection encrypted. A server that refuses it names its methods, and all else goes
by the book, on the same connection.
"""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Callable
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import OtherTransportNeeded
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.host_keys import Trust
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.login_keys import LoginKeys
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_config import matches
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_wire import string
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.tcp import CLIENT_VERSION

_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")
# An RSA key's signatures, in the order in which ssh prefers them.
_RSA_SIGNATURES: Final = (b"rsa-sha2-512", b"rsa-sha2-256", b"ssh-rsa")
_HOST_KEYS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    *_RSA,
)
_HOST_CERTIFICATES: Final = tuple(f"{name}-cert-v01@openssh.com" for name in _HOST_KEYS)
# AES-GCM is one call into OpenSSL for a packet, where chacha20-poly1305 takes many from Python.
_CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
# These methods have no underscore, but no place in asyncssh's documentation either.
_MAY_ASK_EARLY: Final = all(
    hasattr(asyncssh.SSHClientConnection, name)
    for name in ("send_userauth_request", "create_task", "try_next_auth", "auth", "get_server_auth_methods")
)


class Client(asyncssh.SSHClient):
    """Judges the host key, makes the early request, and tells what was known when a login failed.

    pairs are the keys to offer, in their order; early says whether the first is to be offered unasked. heard is called
    when keys were agreed upon.
    """

    def __init__(
        self, trust: Trust, pairs: list[asyncssh.SSHKeyPair], heard: Callable[[], None], *, early: bool
    ) -> None:
        self.trust = trust
        self.connected = False
        self.mismatch = False
        self.withheld = False
        self.asked_early = False
        self.answered = False
        self._pairs = [_as_ssh_signs(pair) for pair in pairs]
        self._heard = heard
        self._early = early
        self._asked: asyncssh.SSHKeyPair | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._keys_exchanged = False
        self._silenced = False

    @property
    def exchanging_keys(self) -> bool:
        """The server said who it is, but no keys were agreed upon."""
        if self._connection is None or self._keys_exchanged:
            return False
        return bool(self._connection.get_extra_info("server_version"))

    @property
    def authenticating(self) -> bool:
        """Keys were agreed upon, so that the server heard who wants to log in."""
        return self._keys_exchanged

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connected = True
        self._connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        accepted = self.trust.vouches(key)
        if not accepted:
            accepted = self.trust.accepts(key)
            self.mismatch = accepted and not self.trust.fits(key)
        return self._trusted(accepted)

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        # One that is revoked comes here only where nothing is checked.
        self.mismatch = self.trust.holds(key, "revoked")
        return self._trusted(self.mismatch or self.trust.holds(key, "cert-authority"))

    def begin_auth(self, username: str) -> None:  # noqa: ARG002
        self._keys_exchanged = True
        # Of a certificate, only the authority was shown before.
        key = self._connection.get_server_host_key() if self._connection else None
        self.mismatch = self.mismatch or (key is not None and self.trust.holds(key, "revoked"))
        self._heard()
        if self.asked_early:
            # The question which methods there are is about to be asked: it is answered with the early request.
            asyncio.get_running_loop().call_soon(self._ask_nothing)

    def public_key_auth_requested(self) -> Any:
        """The next key, to be offered by the book."""
        self.answered = True
        if self._asked and self._asked.algorithm == b"ssh-rsa":
            # Some servers take another signature than the one they got. Last: a server takes few keys in one login.
            self._asked.sig_algorithms = _RSA_SIGNATURES[1:]
            self._pairs.append(self._asked)
        self._asked = None
        return self._pairs.pop(0) if self._pairs else None

    def told(self, password: str) -> str | None:
        """The password, when the server wants one. Where it asked for no key before, the early one was not judged."""
        self.answered = True
        if self._asked:
            self._pairs.insert(0, self._asked)
        self._asked = None
        # After a host key that does not fit, as ssh does, nobody is told the password.
        self.withheld = self.mismatch
        return None if self.mismatch else password

    def _trusted(self, accepted: bool) -> bool:
        if accepted and self._early and self._pairs:
            # By the time that this is called, the signature of the host key is verified, or the connection is closed.
            asyncio.get_running_loop().call_soon(self._ask_early)
        return accepted

    def _ask_early(self) -> None:
        connection = self._connection
        if connection is None or not connection.get_extra_info("send_cipher") or self._keys_exchanged:
            # Not encrypted, or too late: asyncssh is asking by the book already.
            return
        if self._pairs[0].algorithm.startswith(b"ssh-rsa-cert"):
            # In which form the server takes it must be found out.
            return
        self.asked_early = True
        self._asked = self._pairs.pop(0)
        pair = copy.copy(self._asked)
        if pair.algorithm == b"ssh-rsa":
            # Which signatures the server takes is not known yet.
            pair.set_sig_algorithm(_RSA_SIGNATURES[0])
        connection.create_task(self._signed(connection, pair))

    async def _signed(self, connection: asyncssh.SSHClientConnection, pair: asyncssh.SSHKeyPair) -> None:
        arguments = (b"\1", string(pair.algorithm), string(pair.public_data))
        try:
            await connection.send_userauth_request(b"publickey", *arguments, key=pair, trivial=False)
        except ValueError:
            # The agent does not sign with it, after all: nothing was asked.
            self.asked_early, self._asked = False, None
            if self._silenced:
                connection.try_next_auth()

    def _ask_nothing(self) -> None:
        connection = self._connection
        if connection is None or not self.asked_early:
            return
        # The answer may be there already, and asyncssh at the next method.
        if connection.auth and connection.get_server_auth_methods() == ["none"]:
            connection.auth.cancel()
            self._silenced = True


class Attempt:
    """The login at one target: first with the early request, and without where the server does not understand that."""

    def __init__(self, target: Target, trust: Trust, heard: Callable[[], None]) -> None:
        self.target = target
        self.trust = trust
        self.keys = LoginKeys()
        self.client = Client(trust, [], heard, early=False)
        self._heard = heard
        self._starts = 0
        self._certificates = True

    def start(self) -> Attempt:
        """Get ready for one connection."""
        early = self._starts == 0 and _MAY_ASK_EARLY and self.target.methods[:1] == ("publickey",)
        early = early and not self.target.signature_algorithms
        self._starts += 1
        self.client = Client(self.trust, [copy.copy(pair) for pair in self.keys.pairs], self._heard, early=early)
        return self

    def may_go_on(self, error: Exception) -> bool:
        """After a failure: whether another connection may do better.

        Without the early request, where that may be what broke this one. And without the server's certificate, where
        that was no good: as with ssh, its key alone will do, unless something was revoked.
        """
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            plain = self.trust.strict != "yes" or any(not entry.marker for entry in self.trust.entries)
            again, self._certificates = self._certificates and self.trust.offered is None and plain, False
            return again and "revoked" not in str(error)
        return self._starts == 1 and self.client.asked_early and not self.client.answered

    @property
    def tried(self) -> str:
        """With what, for people."""
        parts = []
        if "publickey" in self.target.methods:
            count = len(self.keys.pairs)
            parts.append(f"{count} key" + ("" if count == 1 else "s") if count else "no key")
        if not self.client.withheld:
            parts += [method for method in self.target.methods if method != "publickey"]
        return "; ".join([", ".join(parts) or "nothing", *self.keys.notes])

    def options(self) -> dict[str, Any]:
        """Arguments for asyncssh.connect. Nothing is looked up there: no configuration file, key file or agent."""
        target, client = self.target, self.client
        password = target.credentials.password
        options: dict[str, Any] = {
            "client_factory": lambda: client,
            "config": None,
            "client_version": CLIENT_VERSION,
            "username": target.user,
            "known_hosts": self.trust.known_hosts(),
            "server_host_key_algs": _host_key_algorithms(
                self.trust, target.host_key_algorithms, certificates=self._certificates
            ),
            "x509_trusted_certs": None,
            "x509_trusted_cert_paths": [],
            # Of host-based logins alone.
            "client_username": "",
            # The client is asked for them.
            "client_keys": None,
            "agent_path": None,
            "gss_host": None,
            "preferred_auth": target.methods,
            "password": functools.partial(client.told, password) if password else None,
            "host_key_alias": target.host_key_alias,
            "family": target.family,
            "encryption_algs": _ciphers(),
            # What travels is compressed already.
            "compression_algs": ["none"],
            "connect_timeout": None,
            "login_timeout": 0,
            "keepalive_interval": 0,
            **_algorithms(target),
        }
        if target.bind_address:
            options["local_addr"] = (target.bind_address, 0)
        return options


def _as_ssh_signs(pair: asyncssh.SSHKeyPair) -> asyncssh.SSHKeyPair:
    """The pair, which is this login's own, with ssh's preference: some servers say that they take what they refuse."""
    if pair.algorithm.startswith(b"ssh-rsa"):
        pair.sig_algorithms = _RSA_SIGNATURES
    return pair


def _host_key_algorithms(trust: Trust, changes: str, *, certificates: bool) -> list[str]:
    """Those of known keys first, as ssh does; certificates where an authority is known. changes: + or - with names."""
    kinds = [entry.kind for entry in trust.entries if not entry.marker]
    names = changes[1:].split(",")
    more = [name for name in names if _has("server_host_key_algs", name)] if changes.startswith("+") else []
    rsa = (*_RSA, *(name for name in more if name == "ssh-rsa"))
    known = [name for kind in kinds for name in (rsa if kind == "ssh-rsa" else (kind,)) if name in {*_HOST_KEYS, *more}]
    certificates = certificates and any(entry.marker == "cert-authority" for entry in trust.entries)
    plain = dict.fromkeys((*known, *_HOST_KEYS, *more))
    found = [*_HOST_CERTIFICATES, *plain] if certificates else list(plain)
    return [name for name in found if not matches(name, names)] if changes.startswith("-") else found


def _algorithms(target: Target) -> dict[str, Any]:
    wanted = {
        "kex_algs": target.kex,
        "encryption_algs": target.ciphers,
        "mac_algs": target.macs,
        # With + and -, ssh keeps those of known keys in front.
        "server_host_key_algs": target.host_key_algorithms if target.host_key_algorithms[:1] not in {"+", "-"} else "",
        "signature_algs": target.signature_algorithms,
    }
    return {option: found for option, text in wanted.items() if text and (found := _supported(option, text))}


@functools.lru_cache(maxsize=256)
def _supported(option: str, text: str) -> str | tuple[str, ...]:
    """The algorithms of an OpenSSH list that asyncssh has. Raises OtherTransportNeeded when there are none."""
    prefix = text[0] if text[0] in "+-^" else ""
    names = [name for name in text[len(prefix) :].split(",") if name]
    if prefix == "-":
        known = [name for name in names if any(char in name for char in "*?") or _has(option, name)]
    else:
        known = [name for name in names if _has(option, name)]
    if prefix:
        # asyncssh's own defaults stay.
        return prefix + ",".join(known) if known else ()
    if not known:
        raise OtherTransportNeeded(f"none of the algorithms asked for is known to asyncssh ({option})")
    return tuple(known)


@functools.lru_cache(maxsize=1)
def _ciphers() -> tuple[str, ...]:
    """Spelled out: asyncssh would match a pattern with all that it knows, for each connection."""
    return tuple(name for name in _CIPHERS if _has("encryption_algs", name))


@functools.lru_cache(maxsize=512)
def _has(option: str, name: str) -> bool:
    try:
        arguments: Any = {option: [name], "config": None, "client_keys": None, "agent_path": None, "gss_host": None}
        asyncssh.SSHClientConnectionOptions(**arguments)
    except ValueError:
        return False
    return True
