# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play says of each of its hosts: variables in that host's own context, keywords, and passwords asked for."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ansible import errors
from ansible.errors import AnsibleError
from ansible.playbook.role import Role
from ansible.playbook.role.include import RoleInclude
from ansible.utils.sentinel import Sentinel

# AnsibleValueOmittedError came with ansible-core 2.19.
_OMITTED: Final[Any] = getattr(errors, "AnsibleValueOmittedError", ())
# Keywords that may be templates over a host's variables.
_TEMPLATED: Final = (
    "remote_user",
    "port",
    "connection",
    "become",
    "become_method",
    "become_user",
    "become_exe",
    "become_flags",
)


@dataclass(slots=True)
class PlayView:
    """hostvars and templar are Ansible's. keywords are those of the task, as Ansible dumps them.

    in_task gives the variables that a task has on a host, where that is more than hostvars has. templates are keywords
    that are to be templated for each host. The passwords are those of -k and -K.
    """

    hostvars: Any
    templar: Any
    keywords: Mapping[str, Any] = field(default_factory=dict)
    in_task: Callable[[str], Mapping[str, Any]] | None = None
    templates: Mapping[str, Any] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    become_password: str = field(default="", repr=False)

    def knows(self, server: str) -> bool:
        return server in self.hostvars

    def is_group(self, name: str) -> bool:
        return name in (self.templar.available_variables.get("groups") or ())

    def variables(self, server: str) -> HostView:
        # A host's variables may use those of others: a bastion is best named once.
        found = self.in_task(server) if self.in_task else self.hostvars.raw_get(server)
        raw = {**found, "hostvars": self.hostvars}
        return HostView(self, raw, self.templar.copy_with_new_env(available_variables=raw))

    def as_own(self, server: str, name: str) -> Any:
        """A host's own variable as it is written, whatever the play, its roles and the task say in its place."""
        return self.hostvars.raw_get(server).get(name)


class HostView:
    """Variables and keywords of one host. Reading one may raise AnsibleError: it is templated then."""

    def __init__(self, view: PlayView, raw: Mapping[str, Any], templar: Any) -> None:
        self._view = view
        self._raw = raw
        self._templar = templar
        self._keywords: dict[str, Any] | None = None

    def get(self, name: str) -> Any:
        return self.render(self._raw[name]) if name in self._raw else None

    def render(self, text: Any) -> Any:
        """A template's value for this host; None for one that it omits."""
        try:
            value = self._templar.template(text)
        except _OMITTED:
            return None
        return None if isinstance(value, str) and value and value == self._raw.get("omit") else value

    def subset(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of the names that have a value."""
        return {name: value for name in names if (value := self.get(name)) is not None}

    def keywords(self) -> dict[str, Any]:
        """The task's keywords, for this host."""
        if self._keywords is None:
            rendered = {name: self.render(text) for name, text in self._view.templates.items()}
            said = {name: value for name, value in rendered.items() if value is not None}
            self._keywords = {**self._view.keywords, **said}
        return dict(self._keywords)

    def keyword(self, name: str) -> Any:
        return self.keywords().get(name)


def of_task(task: Any, templar: Any, task_vars: Mapping[str, Any]) -> PlayView:
    """The view that an action has. task_vars are those of the host that the action runs for."""
    hostvars = task_vars["hostvars"]
    current = str(task_vars["inventory_hostname"])
    keywords = dict(task.dump_attrs())
    keywords["connection"] = _connection(task, templar)
    # The keyword of this name bounds the task; retries are the task's too.
    for name in ("timeout", "retries", "vars", "args"):
        keywords.pop(name, None)
    view = PlayView(hostvars, templar, keywords, _in_task(task, hostvars, task_vars))
    own = view.variables(current)
    view.templates = _templates(task, keywords, own, templar)
    for name in view.templates:
        # What a host has that omits it.
        default = task.fattributes[name].default
        keywords[name] = default() if callable(default) else default
    _give_passwords(view)
    return view


def of_lookup(variables: Mapping[str, Any], templar: Any) -> PlayView:
    """The view that a lookup has: no keywords of a play."""
    hostvars = variables["hostvars"]
    view = PlayView(hostvars, templar)
    current = str(variables.get("inventory_hostname"))
    task = getattr(_worker(), "_task", None)
    if task and "inventory_hostname" in variables:
        view.in_task = _in_task(task, hostvars, variables)
        _give_passwords(view)
    elif view.knows(current):
        view.in_task = _beside(variables, hostvars, current)
    return view


def _beside(variables: Mapping[str, Any], hostvars: Any, current: str) -> Callable[[str], Mapping[str, Any]]:
    """What the play says where no worker knows the task, as in a condition of a meta task: what a host does not say
    itself. Written out, how to reach it may be this host's alone, from a file that the play reads for each host.
    """
    own = hostvars.raw_get(current)
    said = {
        name: value
        for name, value in variables.items()
        if name != "vars" and (_is_template(value) or not name.startswith("ansible_"))
    }
    # A role's defaults, perhaps: what others say of themselves wins.
    below = {name: value for name, value in said.items() if name not in own}
    above = {name: value for name, value in said.items() if name in own and not _same(value, own[name])}
    return lambda server: {**below, **hostvars.raw_get(server), **above}


def _worker() -> Any:
    """The process in which Ansible runs a task, or any other.

    It knows the task where that is not handed down, and the passwords of -k and -K: in what is handed down, those of
    the task's own host or delegate stand in their place.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    return multiprocessing.current_process() if multiprocessing else None


def _give_passwords(view: PlayView) -> None:
    asked = getattr(_worker(), "_play_context", None)
    view.password = str(getattr(asked, "password", None) or "")
    view.become_password = str(getattr(asked, "become_pass", None) or "")


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _same(one: Any, other: Any) -> bool:
    try:
        return one is other or bool(one == other)
    except AnsibleError:
        # A secret whose key nobody has.
        return False


def _as_written(task: Any, name: str) -> Any:
    """A keyword as the task, a block, a role or the play has it, before Ansible made of it what it is on one host."""
    value = (task.get_ds() or {}).get(name, Sentinel)
    above = getattr(task, "_parent", None)
    if value is Sentinel and above is not None:
        # By now, a block shows defaults in the place of what it would inherit.
        value = above._get_parent_attribute(name)
    return getattr(task.get_play(), name, None) if value is Sentinel else value


def _connection(task: Any, templar: Any) -> Any:
    """The keyword as the play has it. Since ansible-core 2.21, the task has what its own host or delegate is reached
    by in its place, which must not be taken for what the others are reached by.
    """
    value = _as_written(task, "connection")
    return templar.template(value) if _is_template(value) else value


def advice(task: Any, task_vars: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What to warn of: a sweep asks all servers at once, so that one host of the play is enough to run it."""
    batch = len(task_vars.get("ansible_play_batch") or ())
    servers = len(given["hosts"] if given.get("hosts") is not None else task_vars["ansible_play_hosts_all"])
    # A condition may choose the one host; so may an include, which keeps its keywords for itself. Or each host sweeps
    # itself alone.
    alone = given.get("hosts") == [task_vars.get("inventory_hostname")]
    chosen = task.run_once or task.when or task.get_first_parent_include() or alone
    if not chosen and batch > 1:
        return [
            f"{task.action} has no run_once: each of the {batch} hosts of the play sweeps all {servers} servers."
            " Set run_once: true"
        ]
    if given.get("hosts") is None and batch < servers and any(task.get_play().serial or ()):
        return [
            f"The play has serial, and {task.action} sweeps all {servers} servers in each batch. Leave serial out, or"
            " set hosts to ansible_play_batch"
        ]
    return []


def _of_task_alone(task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of the loop that the task is in, and where it looks for files: they are no host's, and win."""
    own = ("ansible_loop_var", "ansible_index_var")
    names = {*own, "ansible_loop", "ansible_search_path", *(task_vars[name] for name in own if name in task_vars)}
    return {name: task_vars[name] for name in names if name in task_vars}


def _in_task(task: Any, hostvars: Any, task_vars: Mapping[str, Any]) -> Callable[[str], Mapping[str, Any]]:
    """What Ansible says that the task has on a host: what is in hostvars, and what the play, roles and the task say.

    Asked once for each host: that takes Ansible half as long as a login.
    """
    manager = task.get_variable_manager()
    alone = _of_task_alone(task_vars)
    play = _with_public_roles(_read(task.get_play(), manager), task, hostvars, task_vars)

    def variables(server: str) -> Mapping[str, Any]:
        host = hostvars._inventory.get_host(server)
        result: dict[str, Any] = manager.get_vars(play=play, host=host, task=task, include_hostvars=False)
        return {**result, **alone}

    return variables


def _with_public_roles(play: Any, task: Any, hostvars: Any, task_vars: Mapping[str, Any]) -> Any:
    """The play with the roles that include_role brought in with public: Ansible adds them to a copy that no task has.

    Their names are in the variables, with those of roles that are not public. What a public one says shows there, too.
    """
    known = {role.get_name() for role in play.roles}
    brought = [name for name in dict.fromkeys(task_vars.get("ansible_play_role_names") or ()) if name not in known]
    if not brought:
        return play
    manager = task.get_variable_manager()
    host = hostvars._inventory.get_host(str(task_vars["inventory_hostname"]))
    without = manager.get_vars(play=play, host=host, task=task, include_hostvars=False)
    result = copy.copy(play)
    result.roles = list(play.roles)
    for name in brought:
        try:
            include = RoleInclude.load(name, play=result, variable_manager=manager, loader=play.get_loader())
            role = Role.load(include, result, from_include=True, public=True)
        except AnsibleError:
            # It was included under a name that only its task knows the meaning of.
            continue
        said = {**role.get_default_vars(), **role.get_vars(include_params=False, only_exports=True)}
        if any(_same(task_vars.get(key), value) and not _same(value, without.get(key)) for key, value in said.items()):
            result.roles.append(role)
    return result


def _read(play: Any, manager: Any) -> Any:
    """The play with its vars_files read: for each host anew, that would take longer than a login."""
    files = play.get_vars_files()
    if not files or "{{" in str(files):
        # Each host may name files of its own.
        return play
    bare, result = copy.copy(play), copy.copy(play)
    bare.roles = []
    result.vars, result.vars_files = manager.get_vars(play=bare, include_hostvars=False), []
    # A copy of all others, which Ansible makes again.
    result.vars.pop("vars", None)
    return result


def _templates(task: Any, keywords: Mapping[str, Any], own: HostView, templar: Any) -> dict[str, Any]:
    """Keywords written as templates, which mean something else for each host."""
    result = {}
    for name in _TEMPLATED:
        text = _as_written(task, name)
        if _is_template(text):
            try:
                value = own.render(text)
                if value is not None:
                    # As Ansible did: it makes a number or a truth of some.
                    value = task.get_validated_value(name, task.fattributes[name], value, templar)
            except (AnsibleError, TypeError, ValueError):
                continue
            # A loop, or an include with keywords of its own, may have said otherwise.
            if value is None or value == keywords.get(name):
                result[name] = text
    return result
