# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach each server, asked of Ansible itself: its connection and become plugins resolve their own options.

Variables, keywords, ansible.cfg, the environment and the command line then mean what they mean for any task.
"""

from __future__ import annotations

import functools
import os
import platform
import shlex
import shutil
from collections.abc import Mapping
from typing import Any, Final

from ansible import constants as C  # noqa: N812
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader, get_shell_plugin

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.become import Become
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.endpoint import ASYNCSSH, Endpoint
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.failures import Failure
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.play_view import HostView, PlayView
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_config import unset_of_nameless
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.ssh_options import (
    Credentials,
    Target,
    UnsupportedError,
    target,
)

_SSH: Final = frozenset({"ssh", "smart", "ansible.builtin.ssh", "ansible.legacy.ssh"})
_LOCAL: Final = frozenset({"local", "ansible.builtin.local", "ansible.legacy.local"})
# What the ssh plugin knows since ansible-core 2.19; these variables mean the same here before. The last one counts.
_KEY_VARIABLES: Final = {
    "private_key": ("ansible_private_key", "ansible_ssh_private_key"),
    "private_key_passphrase": ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase"),
}


class Resolver:
    """Resolves the endpoints of one sweep. Not for use by more than one thread."""

    def __init__(self, view: PlayView) -> None:
        self._view = view
        self._plugins: dict[str, Any] = {}

    def resolve(self, server: str) -> Endpoint:
        """The endpoint of one server. Raises Failure when its settings cannot be used."""
        try:
            return self._resolve(server)
        except Failure:
            raise
        except (AnsibleError, KeyError, ValueError, TypeError) as error:
            words = " ".join(str(error).split())[:300]
            raise Failure(
                "unreachable", f"its connection settings cannot be used ({words}): correct its inventory variables"
            ) from None

    def _resolve(self, server: str) -> Endpoint:
        if not self._view.knows(server):
            if self._view.is_group(server):
                raise Failure("unreachable", f"it is a group: name its hosts, as groups['{server}']")
            raise Failure("unreachable", f"{server} is not in the inventory: correct hosts, or add it")
        variables = self._view.variables(server)
        name = str(variables.get("ansible_connection") or variables.keyword("connection") or C.DEFAULT_TRANSPORT)
        if name in _LOCAL and not _is_here(server):
            # A play or a task may be local because it has nothing to do on servers. What lies on the controller must
            # not be taken for what they have.
            name = str(variables.render(self._view.as_own(server, "ansible_connection")) or "ssh")
        if name in _SSH:
            name = "ssh"
        options = variables.subset(self._option_names(name))
        keywords = self._keywords(variables)

        def make_connection() -> Any:
            plugin = self._load(name, server)
            plugin.set_options(task_keys=keywords, var_options=options)
            return plugin

        plugin = self._plugins[name]
        plugin.set_options(task_keys=keywords, var_options=options)
        settings: Mapping[str, Any] = plugin.get_options()
        become = self._become(variables, plain(settings.get("remote_user")))
        endpoint = Endpoint(server, name, float(settings.get("timeout") or C.DEFAULT_TIMEOUT), make_connection)
        endpoint.become = become
        if name == "ssh":
            try:
                endpoint.target = _target(server, plain({**_keys(variables, settings), **settings}))
            except UnsupportedError as error:
                endpoint.reason = str(error)
            else:
                endpoint.transport = ASYNCSSH
                endpoint.connect_timeout = endpoint.target.connect_timeout or endpoint.connect_timeout
        else:
            endpoint.reason = f"connection {name}"
        return endpoint

    def _load(self, name: str, server: str) -> Any:
        context = PlayContext(passwords={"conn_pass": self._view.password, "become_pass": self._view.become_password})
        context.remote_addr = server
        plugin = connection_loader.get(name, context)
        if plugin is None:
            raise Failure("unreachable", f"the connection plugin {name} is not installed")
        return plugin

    def _option_names(self, name: str) -> list[str]:
        if name not in self._plugins:
            self._plugins[name] = self._load(name, "")
        names: list[str] = C.config.get_plugin_vars("connection", self._plugins[name]._load_name)
        return names

    def _keywords(self, variables: Any) -> dict[str, Any]:
        keywords: dict[str, Any] = variables.keywords()
        if self._view.password:
            keywords["password"] = self._view.password
        return keywords

    def _become(self, variables: Any, remote_user: Any) -> Become | None:
        wanted = variables.get("ansible_become")
        if not boolean(variables.keyword("become") if wanted is None else wanted, strict=False):
            return None
        method = str(
            variables.get("ansible_become_method") or variables.keyword("become_method") or C.DEFAULT_BECOME_METHOD
        )
        plugin = become_loader.get(method)
        if plugin is None:
            raise Failure("denied", f"the become plugin {method} is not installed")
        keywords = variables.keywords()
        if self._view.become_password:
            keywords["become_pass"] = self._view.become_password
        names = C.config.get_plugin_vars("become", plugin._load_name)
        plugin.set_options(task_keys=keywords, var_options=variables.subset(names))
        user = plain(plugin.get_option("become_user")) or ""
        if user and user == remote_user and not C.BECOME_ALLOW_SAME_USER:
            # As for any task.
            return None
        executable = variables.get("ansible_shell_executable") or C.DEFAULT_EXECUTABLE
        shell = get_shell_plugin(variables.get("ansible_shell_type"), plain(executable))
        # What it cannot do with this shell, it says here.
        plugin.build_become_command("true", shell)
        password = plain(plugin.get_option("become_pass"))
        return Become(method, plugin, shell, str(user or "root"), str(password) if password else None)


def _is_here(server: str) -> bool:
    here = platform.node()
    return server in {*C.LOCALHOST, here, here.partition(".")[0]}


def _keys(variables: HostView, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Options for keys that are not among the plugin's settings, from the host's variables."""
    return {
        option: value
        for option, names in _KEY_VARIABLES.items()
        if option not in settings
        for value in variables.subset(names).values()
    }


def _target(server: str, settings: Mapping[str, Any]) -> Target:
    """What Ansible's ssh plugin would tell ssh, in its order, as a Target."""
    if not _is_usual_ssh(str(settings.get("ssh_executable") or "ssh")):
        # Whatever it is called, it may be a wrapper that goes its own way.
        raise UnsupportedError("ssh_executable is set")
    if settings.get("pkcs11_provider"):
        raise UnsupportedError("pkcs11_provider is set")
    if unset := unset_of_nameless():
        raise Failure(
            "unreachable",
            f"the user {os.getuid()}, who runs Ansible, has no entry in the user database of this machine: set"
            f" {' and '.join(unset)} in the environment",
        )
    password = _secret(settings.get("password"))
    if settings.get("password_mechanism") == "disable":
        password = None
    if password and settings.get("sshpass_prompt"):
        # asyncssh answers to prompts for a password or a passcode, and to no other.
        raise UnsupportedError("sshpass_prompt is set")
    key = settings.get("private_key")
    words = _split(settings.get("ssh_args"))
    if settings.get("host_key_checking") is False:
        words += ["-o", "StrictHostKeyChecking=no"]
    if settings.get("port") is not None:
        words += ["-o", f"Port={settings['port']}"]
    if key:
        words += ["-o", "IdentitiesOnly=yes"]
    elif settings.get("private_key_file"):
        # Where ~ is, Ansible asks HOME; ssh would ask the user database.
        words += ["-o", f'IdentityFile="{os.path.expanduser(str(settings["private_key_file"]))}"']  # noqa: PTH111
    if not password:
        words += ["-o", "KbdInteractiveAuthentication=no", "-o", "PasswordAuthentication=no"]
        words += ["-o", "PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey"]
    if settings.get("remote_user"):
        words += ["-l", str(settings["remote_user"])]
    # What stands in ssh_args comes before it, and wins.
    words += ["-o", f"ConnectTimeout={settings.get('timeout') or C.DEFAULT_TIMEOUT}"]
    words += _split(settings.get("ssh_common_args")) + _split(settings.get("ssh_extra_args"))
    host = str(settings.get("host") or server)
    return target(
        host,
        words,
        Credentials(
            password,
            str(key) if key else None,
            _secret(settings.get("private_key_passphrase")),
        ),
    )


@functools.cache
def _is_usual_ssh(executable: str) -> bool:
    usual = shutil.which("ssh")
    return executable == "ssh" or (usual is not None and os.path.realpath(executable) == os.path.realpath(usual))


def _secret(value: Any) -> str | None:
    """A password as it reaches ssh: without the line break at its end, which `echo ... | ansible-vault` leaves."""
    return str(plain(value) or "").rstrip("\r\n") or None


def _split(text: Any) -> list[str]:
    return list(_words(str(text or "")))


@functools.lru_cache(maxsize=256)
def _words(text: str) -> tuple[str, ...]:
    """The words of an argument string, as Ansible splits them."""
    try:
        return tuple(word.strip() for word in shlex.split(text) if word.strip())
    except ValueError:
        raise UnsupportedError("ssh arguments with an open quote") from None
