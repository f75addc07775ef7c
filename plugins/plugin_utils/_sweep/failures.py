# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a server gave nothing: what the libraries raise, as a status and a message that says what to do."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.host_keys import Trust, known_name
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.requirement import asyncssh
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Status
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import Target

_FAR: Final = {
    errno.ECONNREFUSED: "nothing listens there: see that sshd runs, and that ansible_port is right",
    errno.EHOSTUNREACH: "there is no route to it: see that the host is up and the network lets you through",
    errno.ENETUNREACH: "there is no route to its network",
    errno.EACCES: "a firewall forbids it",
    errno.EPERM: "a firewall forbids it",
}
# What this machine has no more of: the same for all servers, and free again when some of them are done.
_SCARCE: Final = {
    errno.EMFILE: "raise the number of files that it may have open (ulimit -n)",
    errno.ENFILE: "raise the number of files that it may have open (fs.file-max)",
    errno.EAGAIN: "raise the number of its processes and threads (ulimit -u)",
    errno.ENOMEM: "give it more memory",
}
_LOGIN: Final = "check ansible_user, ansible_ssh_private_key_file, ansible_password and what the server accepts"
# What is set for a server in the inventory is set for a jump host elsewhere.
_OF_HOPS: Final = {
    _LOGIN: "name its user and key (User, IdentityFile) in an OpenSSH configuration file, and see what it accepts",
    "ansible_host": "HostName",
    "ansible_port": "Port",
}
# What asyncssh says of a channel on a connection that broke, some moments before that counts as closed.
_GONE: Final = "SSH connection closed"


class Failure(Exception):  # noqa: N818
    """A server's result in place of files.

    again: the same attempt may succeed a moment later; once: one more will tell. withheld: the password was kept from
    a server that it may yet open.
    """

    def __init__(
        self, status: Status, message: str, *, again: bool = False, once: bool = False, withheld: bool = False
    ) -> None:
        super().__init__(message)
        self.status: Status = status
        self.message = message
        self.again = again
        self.once = once
        self.withheld = withheld


class OtherTransportNeeded(Exception):  # noqa: N818
    """The server can be asked through Ansible's own connection plugin only; the message is the reason.

    control_path is the socket of an open connection that ssh is to use.
    """

    def __init__(self, message: str, control_path: str | None = None) -> None:
        super().__init__(message)
        self.control_path = control_path


def places(target: Target | None) -> list[str]:
    """The words for where a login goes, hop by hop, that the messages below begin with."""
    found: list[str] = []
    while target:
        found += [target.address, f"the host key of {known_name(target)}"]
        target = target.jump
    return found


def unreachable(target: Target, error: OSError) -> Failure:
    """A TCP connection that did not come about, or broke before the server said anything."""
    where = target.address
    if isinstance(error, socket.gaierror):
        hint = "see that ansible_host is right and that this controller can resolve it"
        return Failure("unreachable", f"the name {target.host!r} cannot be resolved ({error.strerror}): {hint}")
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return dropped(target)
    if short := scarce(error):
        return short
    hint = _FAR.get(error.errno or 0, "see that the host is up and that its address is right")
    # asyncio's own text of a call that failed holds the address as Python writes it.
    reason = os.strerror(error.errno) if error.errno else error
    return Failure("unreachable", f"cannot connect to {where} ({reason}): {hint}")


def scarce(error: Exception) -> Failure | None:
    """The controller is short of something; None for all else."""
    if not isinstance(error, OSError) or error.errno not in _SCARCE:
        return None
    words = f"the controller has no more to give ({os.strerror(error.errno)})"
    return Failure("unreachable", f"{words}: lower max_parallel, or {_SCARCE[error.errno]}", again=True)


def dropped(target: Target) -> Failure:
    if target.proxy_command:
        return Failure(
            "unreachable",
            f"the proxy command to {target.address} ended before the login was done: see that its program is installed"
            " and that it leads there, and what it says when run by hand",
            again=True,
        )
    return Failure(
        "unreachable",
        f"{target.address} closed the connection before the login was done: it may limit logins (MaxStartups,"
        " PerSourcePenalties), or refuse this address",
        again=True,
    )


def turned_away(target: Target) -> Failure:
    """The server closed the connection after it heard who wants to log in."""
    return Failure(
        "unreachable",
        f"{target.address} closed the connection while {target.user} logged in: see in its log whether the account may"
        " log in (expired, locked, /etc/nologin, PAM), or whether it limits logins",
        again=True,
        once=True,
    )


def no_answer(target: Target, seconds: float, *, connected: bool) -> Failure:
    """The time for the login ran out."""
    if connected:
        return Failure(
            "timeout",
            f"{target.address} accepted the connection but did not finish the login within {seconds:g} s:"
            " see whether its sshd hangs, or raise connect_timeout",
        )
    return Failure(
        "unreachable",
        f"no answer from {target.address} within {seconds:g} s: see that the host is up and its address right,"
        " or raise connect_timeout",
    )


def login(target: Target, error: Exception, trust: Trust, tried: str) -> Failure | OtherTransportNeeded:
    """What asyncssh raised between the first byte and the end of the login. tried says with what, for people."""
    reason = _reason(error)
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return host_key(target, trust, reason)
    many = "too many authentication failures" in reason.lower()
    if isinstance(error, asyncssh.PermissionDenied) or many:
        advice = _LOGIN
        if many:
            # As with ssh, the agent's come first.
            advice = "it takes fewer keys (MaxAuthTries): name the one that fits, and set IdentitiesOnly=yes"
        return Failure("auth_failed", f"{target.address} refused the login as {target.user} (tried: {tried}): {advice}")
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return OtherTransportNeeded(f"no algorithm in common with {target.address}")
    if isinstance(error, asyncssh.ConnectionLost):
        return dropped(target)
    if isinstance(error, asyncssh.ProtocolError) and "userauth banner" in reason:
        # asyncssh takes UTF-8 only, and asks nobody about it.
        return OtherTransportNeeded(f"{target.address} greets in an encoding other than UTF-8")
    if isinstance(error, asyncssh.ProtocolNotSupported | asyncssh.ProtocolError):
        return Failure("protocol_error", f"{target.address} does not speak SSH as it should ({reason})")
    if isinstance(error, asyncssh.DisconnectError):
        return Failure("unreachable", f"{target.address} ended the connection ({reason})", again=True)
    return Failure("protocol_error", f"the login at {target.address} failed ({reason})")


def withheld(target: Target, trust: Trust, tried: str) -> Failure:
    """The host key changed and that was let pass; but a password is not told to who knows whom."""
    return Failure(
        "auth_failed",
        f"{target.address} refused the login as {target.user} (tried: {tried}). It was told no password, because"
        f" {host_key(target, trust, '' if trust.offered else 'revoked').message}",
        withheld=True,
    )


def host_key(target: Target, trust: Trust, reason: str) -> Failure:
    """A host key that is not trusted: unknown, changed or revoked."""
    name = known_name(target)
    first = target.known_hosts[0] if target.known_hosts else "~/.ssh/known_hosts"
    revoked = [entry for entry in trust.entries if entry.marker == "revoked"]
    if "revoked" in reason.lower() or any(entry.key == trust.offered for entry in revoked):
        places = ", ".join(entry.place for entry in revoked)
        return Failure("host_key_rejected", f"the host key of {name} is marked as revoked ({places})")
    if trust.offered:
        key = asyncssh.import_public_key(trust.offered)
        old = trust.changed(key)
        shown = f"{key.get_algorithm()} {key.get_fingerprint()}"
        if old:
            return Failure(
                "host_key_rejected",
                f"the host key of {name} is not the one in {old.place} (it shows {shown}): somebody may stand in"
                " between. If the server was reinstalled, compare the fingerprint there and run:"
                f" ssh-keygen -f {old.path} -R '{name}'",
            )
        return Failure(
            "host_key_rejected",
            f"the host key of {name} is not in {first} (it shows {shown}): compare the fingerprint on the server and"
            f" add the key, for example with: ssh-keyscan -p {target.port} {target.host} >> {first}",
        )
    return Failure("host_key_rejected", f"the host key of {name} is not trusted ({reason}): see {first}")


def jump(target: Target, error: asyncssh.ChannelOpenError) -> Failure:
    """The jump host answered, but did not lead on."""
    hop = target.jump.address if target.jump else "the jump host"
    reason = _reason(error)
    if reason == _GONE:
        return broken_jump(target)
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        hint = "let it forward there (AllowTcpForwarding, PermitOpen)"
    else:
        hint = "see that the server is up and that the jump host can reach it"
    return Failure("unreachable", f"{hop} cannot connect to {target.address} ({reason}): {hint}")


def of_jump_host(failure: Failure) -> Failure:
    """What the jump host of a server gave in place of a connection."""
    words = failure.message
    for inventory, elsewhere in _OF_HOPS.items():
        words = words.replace(inventory, elsewhere)
    return Failure(failure.status, f"jump host: {words}")


def broken_jump(target: Target) -> Failure:
    """The jump host stood, and was gone before the login behind it was done."""
    hop = target.jump.address if target.jump else "the jump host"
    return Failure(
        "unreachable",
        f"the connection to the jump host {hop} broke during the login at {target.address}: see that its sshd, and"
        " what lies between, keeps connections open",
        again=True,
    )


def no_command(error: asyncssh.ChannelOpenError, received: int, *, closed: bool) -> Failure:
    """The server opened no channel, or ran no command on it. closed: the connection is known to be."""
    reason = _reason(error)
    if closed or reason == _GONE:
        return broken(received)
    return Failure(
        "protocol_error",
        f"the server runs no command ({reason}): see what its sshd allows (MaxSessions, PermitTTY, and what the key may"
        " do by its line in authorized_keys)",
    )


def broken(received: int) -> Failure:
    """The connection was lost after the login, and received bytes of the command's output."""
    return Failure(
        "protocol_error",
        f"the connection broke after {received} bytes of the command's output: see what ends connections there or on"
        " the way, and run the sweep again",
        again=True,
    )


def _reason(error: Exception) -> str:
    """The library's words, in one short line."""
    text = getattr(error, "reason", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
