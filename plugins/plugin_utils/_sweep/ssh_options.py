# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenSSH's settings mean for a connection: Settings → Target, or UnsupportedError with the reason.

Every keyword is either mapped, known to change nothing for one command on one connection, allowed with the values that
change nothing, or a reason to let ssh itself do it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_config import (
    Arguments,
    Settings,
    UnsupportedError,
    canonical,
    expand_home,
    home,
    local_user,
    matches,
    parse_arguments,
    settings,
)

__all__ = ["Credentials", "Target", "UnsupportedError", "target"]

Strict = Literal["yes", "accept-new", "no"]
DEFAULT_IDENTITIES: Final = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
_METHODS: Final = ("publickey", "keyboard-interactive", "password")
_MAX_HOPS: Final = 8
# What ssh takes in no name of a host or user from its command line.
_NO_HOST: Final = re.compile(r"""['`"$\\;&<>|(){},\s\x00-\x1f\x7f]""")
_NO_USER: Final = re.compile(r"""['`";&<>|(){}\x00-\x1f\x7f]|\s-|\\$""")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MAPPED: Final = _words("""
    addressfamily bindaddress certificatefile ciphers connecttimeout controlpath forwardagent
    globalknownhostsfile gssapiauthentication hashknownhosts hostkeyalgorithms hostkeyalias hostname identitiesonly
    identityagent identityfile ignoreunknown kbdinteractiveauthentication kexalgorithms macs
    nohostauthenticationforlocalhost passwordauthentication port preferredauthentications proxycommand proxyjump
    pubkeyacceptedalgorithms pubkeyauthentication stricthostkeychecking user userknownhostsfile
""")
# One command on one connection comes out the same, whatever these say; what travels is compressed as it is. The last
# ones, of ssh's early days, it passes over itself.
_IDLE: Final = _words("""
    addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots
    canonicalizepermittedcnames casignaturealgorithms checkhostip clearallforwardings compression connectionattempts
    channeltimeout controlmaster controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar
    exitonforwardfailure fingerprinthash forkafterauthentication forwardx11 forwardx11timeout
    forwardx11trusted gatewayports gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms
    gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hostbasedacceptedalgorithms
    ipqos localcommand localforward loglevel logverbose numberofpasswordprompts obscurekeystroketiming
    permitlocalcommand permitremoteopen pkcs11provider proxyusefdpass refuseconnection rekeylimit remoteforward
    requesttty requiredrsasize securitykeyprovider sendenv serveralivecountmax serveraliveinterval sessiontype
    setenv stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel
    tunneldevice updatehostkeys usekeychain useroaming verifyhostkeydns versionaddendum visualhostkey
    warnweakcrypto xauthlocation

    afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2 keepalive kerberosauthentication
    kerberostgtpassing protocol rhostsauthentication rhostsrsaauthentication rsaauthentication smartcarddevice
    useprivilegedport userknownhostsfile2 usersh
""")
# Of those, the ones that do change something unless they have one of these values.
_UNLESS: Final = {
    "enablesshkeysign": ("no", "false"),
    "pkcs11provider": ("none",),
    "proxyusefdpass": ("no", "false"),
    "refuseconnection": ("none",),
    "verifyhostkeydns": ("no", "false"),
    "hostbasedauthentication": ("no", "false"),
    "knownhostscommand": ("none",),
    "revokedhostkeys": ("none",),
    "remotecommand": ("none",),
    "bindinterface": ("none",),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets that Ansible holds for one server: never shown, never part of a message."""

    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how to log in. Equal targets are one and the same login, so hops can be shared.

    host and port are what TCP connects to (through jump or proxy_command, where there is one); name is what was asked
    for. identities and certificates are paths, whether they exist or not; agent is the socket's path. The algorithm
    lists are as OpenSSH writes them, empty for the defaults. connect_timeout is in seconds. gssapi,
    forward_agent and control_path are for ssh itself to use.
    """

    name: str
    host: str
    port: int
    user: str
    strict: Strict = "yes"
    known_hosts: tuple[str, ...] = ()
    global_known_hosts: tuple[str, ...] = ()
    hash_known_hosts: bool = False
    host_key_alias: str | None = None
    host_keys_for_localhost: bool = True
    identities: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str | None = None
    methods: tuple[str, ...] = _METHODS
    gssapi: bool = False
    forward_agent: bool = field(default=False, compare=False)
    control_path: str | None = None
    family: int = 0
    bind_address: str | None = None
    kex: str = ""
    ciphers: str = ""
    macs: str = ""
    host_key_algorithms: str = ""
    signature_algorithms: str = ""
    connect_timeout: float | None = field(default=None, compare=False)
    proxy_command: str | None = field(default=None, repr=False)
    jump: Target | None = None
    credentials: Credentials = Credentials()

    @property
    def address(self) -> str:
        """host:port, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def route(self) -> str:
        """user@host:port, with the hops that lead there."""
        hops: list[str] = []
        hop = self.jump
        while hop:
            hops.append(hop.address)
            hop = hop.jump
        return f"{self.user}@{self.address}" + "".join(f" via {name}" for name in hops)


def target(host: str, words: Sequence[str], credentials: Credentials) -> Target:
    """The Target that `ssh WORDS host` would reach with these credentials. Raises UnsupportedError."""
    arguments = parse_arguments(words)
    if arguments.words or arguments.forward:
        raise UnsupportedError("words in the ssh arguments that are no options")
    if "@" in host or host.startswith("ssh://"):
        host = _named(host, arguments)
    return _target(host, arguments, credentials, 0)


def _named(text: str, arguments: Arguments) -> str:
    """The host of `user@host` or `ssh://user@host:port`; the options before it go over what else it says."""
    if text.startswith("ssh://"):
        user, host, port = _destination(text)
    else:
        (user, _unused, host), port = text.rpartition("@"), ""
        if not user:
            raise UnsupportedError("a name of a server that cannot be read")
    arguments.keywords += _login(user, port)
    if port:
        # ssh refuses it, whether another goes over it or not.
        _port(port)
    return host


def _target(host: str, arguments: Arguments, credentials: Credentials, depth: int) -> Target:
    if depth > _MAX_HOPS:
        # Not for ssh to try: it would start itself without end.
        raise ValueError(f"more than {_MAX_HOPS} jump hosts in a row: ProxyJump may lead in a circle")
    found = settings(host, arguments)
    _check(found)
    name = canonical(found.place())
    port = _port(found.get("port", "22"))
    user = found.get("user") or local_user()
    result = Target(name=host, host=name, port=port, user=user, credentials=credentials)
    expand = functools.partial(_expand, found=found, target=result)
    result = replace(
        result,
        strict=_strict(found.get("stricthostkeychecking", "ask")),
        known_hosts=_paths(found, "userknownhostsfile", ("~/.ssh/known_hosts", "~/.ssh/known_hosts2"), expand),
        global_known_hosts=_paths(
            found, "globalknownhostsfile", ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"), expand
        ),
        hash_known_hosts=found.flag("hashknownhosts", default=False),
        host_key_alias=found.get("hostkeyalias").lower() or None,
        host_keys_for_localhost=not found.flag("nohostauthenticationforlocalhost", default=False),
        # The last ones are named for whoever is refused.
        identities=(*_identities(found, expand), *arguments.missing),
        certificates=tuple(expand(path) for path in found.lists.get("certificatefile", ()) if path.lower() != "none"),
        identities_only=found.flag("identitiesonly", default=False),
        agent=_agent(found, expand),
        methods=_methods(found, credentials),
        gssapi=found.flag("gssapiauthentication", default=False),
        forward_agent=found.get("forwardagent", "no").lower() not in {"no", "false"},
        control_path=_control_path(found, expand),
        family=_family(found.get("addressfamily", "any")),
        bind_address=found.get("bindaddress") or None,
        kex=found.get("kexalgorithms"),
        ciphers=found.get("ciphers"),
        macs=found.get("macs"),
        host_key_algorithms=found.get("hostkeyalgorithms"),
        signature_algorithms=found.get("pubkeyacceptedalgorithms"),
        connect_timeout=_seconds(found.get("connecttimeout")),
    )
    return _with_proxy(result, found, arguments, depth)


def _check(found: Settings) -> None:
    """Raise for what cannot be honoured: keywords that nobody knows are ssh's to refuse."""
    ignored = [pattern for text in found.lists.get("ignoreunknown", ()) for pattern in text.lower().split(",")]
    for keyword in (*found.values, *found.lists):
        if keyword in _UNLESS:
            if found.get(keyword).lower() not in _UNLESS[keyword]:
                raise UnsupportedError(f"ssh option {keyword}")
        elif keyword not in _MAPPED and keyword not in _IDLE and not matches(keyword, ignored):
            raise UnsupportedError(f"ssh option {keyword}")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UnsupportedError("a port that is no number from 1 to 65535")
    return int(text)


@functools.lru_cache(maxsize=64)
def _seconds(text: str) -> float | None:
    """A time as OpenSSH writes it, as 90 or 1m30s; None for one that is not bounded, or none."""
    if not re.fullmatch(r"(?:\d+[smhdwSMHDW]?)+", text):
        return None
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    parts = re.findall(r"(\d+)([a-z]?)", text.lower())
    return float(sum(int(number) * units[unit] for number, unit in parts)) or None


def _strict(text: str) -> Strict:
    text = text.lower()
    if text in {"no", "off", "false"}:
        return "no"
    if text == "accept-new":
        return "accept-new"
    if text in {"yes", "ask", "true"}:
        # Nobody can be asked.
        return "yes"
    raise UnsupportedError("a value of StrictHostKeyChecking that ssh does not know")


def _family(text: str) -> int:
    families = {"any": 0, "inet": int(socket.AF_INET), "inet6": int(socket.AF_INET6)}
    if text.lower() not in families:
        raise UnsupportedError("a value of AddressFamily that ssh does not know")
    return families[text.lower()]


def _paths(found: Settings, keyword: str, default: tuple[str, ...], expand: functools.partial[str]) -> tuple[str, ...]:
    words = found.values.get(keyword, default)
    if [word.lower() for word in words] == ["none"]:
        return ()
    return tuple(expand(word) for word in words)


def _identities(found: Settings, expand: functools.partial[str]) -> tuple[str, ...]:
    named = found.lists.get("identityfile")
    if named is None:
        return tuple(f"{home()}/.ssh/{name}" for name in DEFAULT_IDENTITIES)
    return tuple(dict.fromkeys(expand(path) for path in named if path.lower() != "none"))


def _agent(found: Settings, expand: functools.partial[str]) -> str | None:
    text = found.get("identityagent", "SSH_AUTH_SOCK")
    if text.lower() == "none":
        return None
    if text == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK") or None
    if text.startswith("$") and not text.startswith("${"):
        return os.environ.get(text[1:]) or None
    return expand(text)


def _control_path(found: Settings, expand: functools.partial[str]) -> str | None:
    """Where ssh would look for a connection that is open already."""
    text = found.get("controlpath", "none")
    if text.lower() == "none":
        return None
    try:
        return expand(text)
    except UnsupportedError:
        # What cannot be found is not there: it is no reason to leave all to ssh.
        return None


def _methods(found: Settings, credentials: Credentials) -> tuple[str, ...]:
    """The methods of _METHODS that may be tried, in the order of PreferredAuthentications."""
    allowed = {
        "publickey": found.get("pubkeyauthentication", "yes").lower() not in {"no", "false"},
        "keyboard-interactive": found.flag("kbdinteractiveauthentication", default=True) and bool(credentials.password),
        "password": found.flag("passwordauthentication", default=True) and bool(credentials.password),
    }
    preferred = found.get("preferredauthentications")
    order = [word.strip() for word in preferred.split(",")] if preferred else list(_METHODS)
    return tuple(method for method in order if allowed.get(method))


def _expand(text: str, *, found: Settings, target: Target) -> str:
    """A path or command with ~, ${NAME} and the % tokens of OpenSSH filled in."""
    text = expand_home(text)

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise UnsupportedError("an environment variable in the ssh configuration that is not set")
        return os.environ[match[1]]

    text = re.sub(r"\$\{(\w+)\}", variable, text)
    return _tokens(text, found, target)


def _tokens(text: str, found: Settings, target: Target) -> str:
    if "%" not in text:
        return text
    full = socket.gethostname()
    jump = found.get("proxyjump")
    joined = f"{full}{target.host}{target.port}{target.user}"
    values = {
        "%": "%",
        "C": hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest(),
        "d": home(),
        "h": target.host,
        "i": str(os.getuid()),
        "k": found.get("hostkeyalias").lower() or found.host,
        "L": full.split(".", 1)[0],
        "l": full,
        "n": found.host,
        "p": str(target.port),
        "r": target.user,
        "u": local_user(),
    }

    def token(match: re.Match[str]) -> str:
        # What %C and %j stand for changed between versions of ssh.
        if match[1] not in values or (match[1] == "C" and jump):
            raise UnsupportedError(f"the token %{match[1]} in the ssh configuration")
        return values[match[1]]

    return re.sub(r"%(.)", token, text)


def _with_proxy(result: Target, found: Settings, arguments: Arguments, depth: int) -> Target:
    """The target with its jump host or proxy command; the keyword that comes first wins."""
    order = [key for key in found.values if key in {"proxyjump", "proxycommand"}]
    if not order or found.get(order[0]).lower() == "none":
        if order[0:1] == ["proxyjump"] and found.get("proxycommand", "none").lower() != "none":
            # Versions of ssh do not agree with their manual.
            raise UnsupportedError("ProxyJump none before a ProxyCommand")
        return result
    if order[0] == "proxyjump":
        hops = _tokens(found.get("proxyjump"), found, result)
        return replace(result, jump=_jump(result, hops, arguments, depth))
    _check_names(found.host, result)
    command = _tokens(found.get("proxycommand"), found, result)
    jump = _jump_command(result, command, depth)
    return replace(result, jump=jump) if jump else replace(result, proxy_command=command)


def _check_names(asked: str, result: Target) -> None:
    """Raise ValueError for names that are more than names to the shell that runs a proxy command, as ssh does."""
    hosts, user = {asked, result.host}, result.user
    if any(host.startswith("-") or _NO_HOST.search(host) for host in hosts):
        raise ValueError("a host name with characters that a shell would read")
    if user.startswith("-") or _NO_USER.search(user):
        raise ValueError("a user name with characters that a shell would read")


def _jump(result: Target, text: str, arguments: Arguments, depth: int) -> Target | None:
    """The last hop of `a,b,c`; each hop is reached through the one before it.

    As with ssh, a hop has the settings of the configuration files (and -F), not those of this command line. As with
    Ansible, a password for the server answers the hop's prompt too.
    """
    *before, last = [part.strip() for part in text.split(",")]
    user, host, port = _destination(last)
    if host in {result.name, result.host} and int(port or result.port) == result.port:
        # A ProxyJump for `Host *` meets the jump host too.
        return None
    keywords = _login(user, port)
    if before:
        keywords.append(("proxyjump", (",".join(before),)))
    return _target(host, Arguments(keywords, arguments.config), Credentials(result.credentials.password), depth + 1)


def _login(user: str, port: str) -> list[tuple[str, tuple[str, ...]]]:
    """The keywords that the parts of a destination stand for."""
    return [(key, (value,)) for key, value in (("user", user), ("port", port)) if value]


def _destination(text: str) -> tuple[str, str, str]:
    """[user@]host[:port] or ssh://[user@]host[:port] → user, host, port; empty where not given."""
    text = text.removeprefix("ssh://").rstrip("/")
    user, _unused, place = text.rpartition("@")
    match = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([0-9A-Fa-f:]+)", place)
    if not match:
        raise UnsupportedError("a name of a server or jump host that cannot be read")
    return user, match[1] or match[3] or match[5] or "", match[2] or match[4] or ""


def _jump_command(result: Target, command: str, depth: int) -> Target | None:
    """The hop of a proxy command that is just `ssh -W host:port HOP`; None for any other command."""
    command = _as_shells_read(command.replace(f"[{result.host}]", result.host))
    if re.search(r"[|&;<>$`()*?\[\]{}~#!\\\n]", command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    try:
        words = words[1:] if words[:1] == ["exec"] else words
        if not words or words[0].rpartition("/")[2] != "ssh":
            return None
        arguments = parse_arguments(words[1:])
        forward = (arguments.forward or "").replace("[", "").replace("]", "")
        if forward != f"{result.host}:{result.port}" or len(arguments.words) != 1:
            return None
        user, host, port = _destination(arguments.words[0])
        if user:
            arguments.keywords.insert(0, ("user", (user,)))
        if port and arguments.words[0].startswith("ssh://"):
            arguments.keywords.insert(0, ("port", (port,)))
        elif port:
            return None
        return _target(host, Arguments(arguments.keywords, arguments.config), Credentials(), depth + 1)
    except UnsupportedError:
        # ssh will say what it thinks of it.
        return None


def _as_shells_read(command: str) -> str:
    """The command with the home directory filled in and without a `2>/dev/null` at its end: most have these."""
    command = re.sub(r"\s2>\s*/dev/null\s*$", "", command)
    place = os.environ.get("HOME", "")
    if not re.fullmatch(r"[\w./-]+", place) or "'" in command or '"' in command:
        return command
    return re.sub(r"(?<=\s)(~|\$HOME|\$\{HOME\})(?=/)", lambda _match: place, command)
