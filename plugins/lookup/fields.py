# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fields
short_description: Read published metadata fields
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Reads fields that M(skills_eye.prometheus_fleet.fields) published. The whole document is read in one request,
    however many fields are asked for.
  - Asks the nearest tier that is fresh enough - the memory of this process, a local cache, the store, and at last the
    servers themselves. See O(tiers).
  - Works on the controller.
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.consul
  - skills_eye.prometheus_fleet.consul.plugins
  - skills_eye.prometheus_fleet.store
  - skills_eye.prometheus_fleet.store.plugins
options:
  _terms:
    description:
      - Names of fields or lists of them, in the order in which they are wanted. Without any, all fields are returned,
        sorted by name.
    type: list
    elements: str
  where:
    description:
      - "Return only fields whose attributes have these values, as V({'required': true})."
      - An attribute that no field has is said in a warning.
    type: dict
    default: {}
  attribute:
    description:
      - Return only this attribute of each field, null for a field that does not have it. If none has it, that is said
        in a warning.
    type: str
  wantmeta:
    description:
      - Return one dictionary with the fields and where they came from, instead of the fields.
    type: bool
    default: false
  wanthits:
    description:
      - Ask nobody, and return one dictionary that says how many reads each tier has answered so far, for
        P(skills_eye.prometheus_fleet.metrics_text#filter).
      - Every answer is counted when it is given, old ones that O(stale_if_error) allows too, of all stores and of every
        process that uses the same O(cache_connection).
      - The counts are kept in a file of the local cache's directory; with a cache plugin that does not keep files, in
        C(prometheus_fleet/cache) in C(ANSIBLE_HOME). Deleting that file makes counting start anew.
    type: bool
    default: false
  tiers:
    description:
      - Who may be asked. They are always asked in this order.
      - V(memory) is the memory of the process that evaluates the lookup - with Ansible, that of one task on one host.
      - V(cache) is a local cache, kept by the cache plugin O(cache_plugin).
      - V(store) is the store.
      - V(sweep) asks the servers themselves, in the way of P(skills_eye.prometheus_fleet.configs#lookup), and returns
        what publishing that would write. Nothing is written to the store.
    type: list
    elements: str
    choices: [memory, cache, store, sweep]
    default: [memory, cache, store, sweep]
  memory_max_age:
    description: How old an answer from memory may be, in seconds since it was read from the store or the servers.
    type: float
    default: 60.0
  cache_max_age:
    description:
      - How old an answer from the local cache may be, in seconds since it was read from the store or the servers.
    type: float
    default: 60.0
  store_max_age:
    description:
      - How long ago the document in the store may have been written, in seconds. Without it, any time ago.
      - Publishing a fleet that did not change writes nothing, so an old document is not a wrong one.
        See O(skills_eye.prometheus_fleet.fields#module:touch_after).
    type: float
  force_refresh:
    description:
      - Forget what memory and the local cache hold, and ask the servers now, whatever the other tiers have.
        If V(sweep) is not among the O(tiers), read the store anew instead.
    type: bool
    default: false
  stale_if_error:
    description:
      - If no tier can give an answer that is fresh enough, return the youngest one that any has, and warn.
    type: bool
    default: false
  max_stale:
    description: How old an answer may be that O(stale_if_error) allows, in seconds.
    type: float
    default: 86400.0
  cache_plugin:
    description: The cache plugin that keeps the local cache. See C(ansible-doc -t cache -l).
    type: str
    default: ansible.builtin.jsonfile
    ini: [{section: prometheus_fleet, key: cache_plugin}]
    env: [{name: PROMETHEUS_FLEET_CACHE_PLUGIN}]
    vars: [{name: prometheus_fleet_cache_plugin}]
  cache_connection:
    description:
      - Where the cache plugin keeps it - a directory, or an address for plugins that need one.
      - A directory that does not exist is made for its owner alone, and so are the files in it.
      - Without it, the directory C(prometheus_fleet/cache) in C(ANSIBLE_HOME), which is C(~/.ansible) if nothing says
        otherwise.
    type: str
    ini: [{section: prometheus_fleet, key: cache_connection}]
    env: [{name: PROMETHEUS_FLEET_CACHE_CONNECTION}]
    vars: [{name: prometheus_fleet_cache_connection}]
  cache_prefix:
    description: What the names of the cache's entries begin with.
    type: str
    default: fields_
    ini: [{section: prometheus_fleet, key: cache_prefix}]
    vars: [{name: prometheus_fleet_cache_prefix}]
  lock_timeout:
    description:
      - Processes that find no fresh answer at once ask once - the others wait for that answer, this many seconds.
    type: float
    default: 120.0
  hosts:
    description:
      - The servers that the tier V(sweep) asks, as the inventory has them. Without it, all hosts of the play that are
        in the inventory, so a play on an implicit C(localhost) must name them.
      - If the store can be read, the answer holds what it knows of all other servers too. If not, it speaks for the
        servers that were asked, and is not given to those who would ask others.
    type: list
    elements: str
  sweep_options:
    description:
      - >-
        How the tier V(sweep) asks. The options of P(skills_eye.prometheus_fleet.configs#lookup), as V({'timeout': 60}).
    type: dict
    default: {}
requirements:
  - py-consul, or python-consul 1.1.0 (for the V(consul) store)
  - asyncssh >= 2.23.1 and google-re2 (for the tier V(sweep))
seealso:
  - module: skills_eye.prometheus_fleet.fields
  - module: skills_eye.prometheus_fleet.fields_info
"""

EXAMPLES = r"""
- name: Use published fields
  hosts: localhost
  gather_facts: false
  vars:
    prometheus_fleet_store: directory
    prometheus_fleet_path: /tmp/prometheus-fleet-example
  tasks:
    - name: Name every field
      ansible.builtin.debug:
        msg: "{{ query('skills_eye.prometheus_fleet.fields') | map(attribute='name') }}"

    - name: Show where one field comes from
      ansible.builtin.debug:
        msg: "{{ lookup('skills_eye.prometheus_fleet.fields', 'company').source_label }}"

    - name: Name the fields that a person must fill in
      ansible.builtin.debug:
        msg: "{{ query('skills_eye.prometheus_fleet.fields', where={'required': true}, attribute='name') }}"

    - name: Say where the answer came from, and how old it is
      ansible.builtin.debug:
        msg: "{{ answer.fields | length }} fields from {{ answer.tier }}, {{ answer.age | int }} s old"
      vars:
        answer: "{{ lookup('skills_eye.prometheus_fleet.fields', wantmeta=true, tiers=['store']) }}"
"""

RETURN = r"""
_raw:
  description:
    - The fields, each with its technical part, its presentation and its state, as
      M(skills_eye.prometheus_fleet.fields_info) returns them.
    - With O(attribute), that attribute of each.
    - With O(wanthits), one dictionary with C(memory), C(cache), C(store) and C(sweep).
    - With O(wantmeta), one dictionary with C(fields), C(tier) (the one that answered), C(age) (seconds since the
      store or the servers gave the answer), C(last_updated) (when the document was written), C(stale), and C(reason)
      (why it is stale, else null).
  type: list
  elements: raw
  sample:
    - name: company
      origin: relabel
      source_label: __meta_consul_service_metadata_company
      status: synced
      display_name: Company
"""

import configparser
import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ansible import constants as C  # noqa: N812 - as everywhere in Ansible
from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._shown import shown
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    Snapshot,
    Store,
    StoreError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import OURS, PRESENTATION
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import sayable
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import (
    DIRECTORY,
    store_from,
    store_spec,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import age_seconds
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import read_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._arguments import (
    meant,
    names_in,
    unknown_option,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._asked import play_hosts, speaks_for
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache import (
    Answer,
    CacheError,
    Chain,
    Document,
    Memory,
    PluginCache,
    Source,
    SourceError,
    Tier,
    cache_directory,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._cache_hits import Hits
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep_call import sweep_modules

# Options that change how the store is asked, but not what it says.
NOT_IN_KEY: Final = frozenset({"token", "token_file", "timeout", "consistency", "client_cert", "client_key", "ca_cert"})

SERVERS_SHOWN: Final = 5
NAME: Final = "skills_eye.prometheus_fleet.fields"


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        if wrong := unknown_option(kwargs, self.option_definitions):
            raise AnsibleLookupError(f"{NAME}: {wrong}")
        try:
            names = names_in(terms)
        except ValueError as fault:
            raise AnsibleLookupError(f"{NAME}: {fault}") from fault
        self._variables = variables or {}
        of_play = self._said(self._resolved(self._variables))
        with _without_empty(self._names_of_variables()):
            self.set_options(var_options=of_play, direct=self._said(kwargs))
        self._refuse_unclear({**of_play, **kwargs})
        self._given = {name: plain(value) for name, value in self.get_options().items()}
        if self._given["token"] and self._is_of_environment("token_file") and not self._is_of_environment("token"):
            # What a play says wins over the environment.
            self._given["token_file"] = None
        if self._given["wanthits"]:
            return [self._hits().read()]
        try:
            self._store = store_from({name: self._given[name] for name in store_spec()})
            answer = self._chain().answer(self._key(), refresh=self._given["force_refresh"])
        except (StoreError, CacheError) as fault:
            raise AnsibleLookupError(f"No fields: {fault}") from fault
        self._hits().count(answer.tier)
        if answer.stale:
            Display().warning(f"The fields are {answer.age:.0f} s old, from {answer.tier}. {answer.reason}")
        fields = self._chosen(answer.document["fields"], names)
        return [self._with_meta(answer, fields)] if self._given["wantmeta"] else fields

    def _resolved(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The variables that options are read from. A lookup is given them as they were written, templates and all."""
        names = C.config.get_plugin_vars("lookup", self._load_name)
        return {name: self._templar.template(variables[name]) for name in names if name in variables}

    def _said(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Without empty texts that Ansible would take for the working directory, or for no: they are not set."""
        kinds = {
            name: option.get("type")
            for own, option in self.option_definitions.items()
            for name in (own, *(entry["name"] for entry in option.get("vars") or ()))
        }
        return {name: value for name, value in values.items() if value != "" or kinds.get(name) not in {"path", "bool"}}

    def _refuse_unclear(self, of_play: Mapping[str, Any]) -> None:
        """Ansible takes what is neither yes nor no for no, which here turns off TLS or the check of certificates."""
        for name in sorted(key for key, spec in store_spec().items() if spec.get("type") == "bool"):
            value, source = self.get_option_and_origin(name)
            if value or value is None:
                continue
            kind, _colon, place = str(source).partition(": ")
            if kind == "Direct":
                given = of_play[name]
            elif kind == "var":
                given = of_play[place]
            elif kind == "env":
                given = os.environ[place]
            else:
                given = _in_file(str(source), self.option_definitions[name].get("ini") or ())
            try:
                boolean(plain(given))
            except TypeError:
                # Not quoted: it may be a secret in the wrong place.
                where = "the call" if kind == "Direct" else source
                raise AnsibleLookupError(f"{NAME}: {name} must be yes or no, and is neither (from {where})") from None

    def _names_of_variables(self) -> set[str]:
        """The environment variables that options are read from."""
        entries = (entry for option in self.option_definitions.values() for entry in option.get("env") or ())
        return {entry["name"] for entry in entries}

    def _is_of_environment(self, option: str) -> bool:
        _value, origin = self.get_option_and_origin(option)
        return str(origin).startswith("env: ")

    def _key(self) -> str:
        """What tells the answers of one store, asked with one set of rights, from those of another."""
        asked = {name: self._given[name] for name in store_spec() if name not in NOT_IN_KEY}
        rights = hashlib.sha256(repr((self._given["token"], self._given["token_file"])).encode()).hexdigest()
        return hashlib.sha256(json.dumps([asked, rights], sort_keys=True).encode()).hexdigest()[:32]

    def _chain(self) -> Chain:
        given = self._given
        tiers: list[Tier] = []
        if "memory" in given["tiers"]:
            tiers.append(Memory(given["memory_max_age"]))
        if "cache" in given["tiers"]:
            tiers.append(self._local_cache())
        sources = []
        if "store" in given["tiers"]:
            sources.append(Source("store", self._from_store, _document_age, given["store_max_age"]))
        if "sweep" in given["tiers"]:
            sources.append(Source("sweep", self._from_servers))
        return Chain(
            tiers,
            sources,
            max_stale=given["max_stale"] if given["stale_if_error"] else None,
            # Without a cache that processes share, waiting for each other gains nothing.
            lock_file=_home() / "locks" / self._key() if "cache" in given["tiers"] else None,
            lock_timeout=given["lock_timeout"],
            suits=functools.partial(speaks_for, self._servers() if "sweep" in given["tiers"] else ()),
        )

    def _local_cache(self) -> PluginCache:
        given = self._given
        return PluginCache(
            given["cache_plugin"], _connection(given), given["cache_prefix"], given["cache_max_age"], Display().warning
        )

    def _hits(self) -> Hits:
        """Counted beside the local cache, whether it is asked or not; where it has no directory, in ours."""
        try:
            directory = cache_directory(self._given["cache_plugin"], _connection(self._given))
        except CacheError:  # an answer of another tier is none the worse for it
            directory = None
        return Hits(directory or _home() / "cache")

    def _from_store(self) -> Document | None:
        """All published fields, in one request."""
        try:
            view = read_fields(self._store, datetime.now(UTC))
        except StoreError as fault:
            raise SourceError(str(fault)) from fault
        if view is None:
            place = self._store.place("fields")
            option = "path" if self._given["store"] == DIRECTORY else "prefix"
            raise SourceError(f"Nothing was published at {place}: run the publish playbook, or check {option}.")
        mended: Document = sayable(view)
        return mended

    def _from_servers(self) -> Document:
        try:
            gather, play_view = sweep_modules()
            from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils import _live_fields as live

            if "hostvars" not in self._variables:
                raise SourceError("there is no inventory")
            servers = self._servers()
            if not servers:
                raise SourceError("the play targets no server of the inventory: name those to ask with hosts")
            view = play_view.of_lookup(self._variables, self._templar)
            swept = gather.inline(servers, view, live.sweep_options(self._given["sweep_options"]), None)
            if swept.get("failed"):
                raise SourceError(swept["msg"])
            snapshot = _content_of(self._store)
            if silent := live.not_read(swept):
                lost = "their last word is used" if snapshot.document else "what only they make is missing"
                Display().warning(
                    f"{len(silent)} of {len(servers)} servers could not be read, so {lost}: {_listed(silent)}."
                )
            found: Document = sayable(live.live_fields(swept, snapshot, self._store, datetime.now(UTC)))
            return found
        except (AnsibleError, ValueError, StoreError) as fault:
            raise SourceError(str(fault)) from fault

    def _servers(self) -> list[str]:
        return play_hosts(self._variables, self._given["hosts"])

    def _chosen(self, fields: list[dict[str, Any]], names: list[str] | None) -> list[Any]:
        chosen = fields if names is None else _named(fields, names)
        wanted = self._given["where"]
        attribute = self._given["attribute"]
        _question(fields, [("where", name) for name in wanted] + ([("attribute", attribute)] if attribute else []))
        chosen = [item for item in chosen if all(item.get(key) == value for key, value in wanted.items())]
        return [item.get(attribute) for item in chosen] if attribute else chosen

    def _with_meta(self, answer: Answer, fields: list[Any]) -> dict[str, Any]:
        return {
            "fields": fields,
            "tier": answer.tier,
            "age": round(answer.age, 3),
            "last_updated": answer.document.get("last_updated"),
            "stale": answer.stale,
            "reason": answer.reason,
        }


def _in_file(path: str, entries: Iterable[Mapping[str, str]]) -> str:
    """What a configuration file of Ansible says, as it is written there."""
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",))
    parser.read(path, encoding="utf-8")
    said = [parser.get(entry["section"], entry["key"], raw=True, fallback="") for entry in entries]
    return "".join(said[-1:])


@contextlib.contextmanager
def _without_empty(names: Iterable[str]) -> Iterator[None]:
    """Where an environment variable is empty, it is not set, as for Consul's own commands and our modules.

    Ansible would have an empty one win over ansible.cfg, and read "no" where an option is yes or no: so that one would
    turn off the check of certificates.
    """
    empty = [name for name in names if os.environ.get(name) == ""]
    for name in empty:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(dict.fromkeys(empty, ""))


def _named(fields: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """The fields of these names, in their order."""
    by_name = {item["name"]: item for item in fields}
    if missing := [name for name in names if name not in by_name]:
        known = shown(", ".join(by_name)) or "none"
        raise AnsibleLookupError(f"There is no field {', '.join(missing)}. There are: {known}.")
    return [by_name[name] for name in names]


def _question(fields: list[dict[str, Any]], asked: list[tuple[str, str]]) -> None:
    """Warn of attributes that no field has. People may set any, so one that is not there yet is no error."""
    strange = [(option, name) for option, name in asked if name not in OURS and name not in PRESENTATION]
    known = {*OURS, *PRESENTATION}.union(*fields) if strange and fields else set()
    for option, name in strange:
        if known and name not in known:
            Display().warning(f"{option}: no field has an attribute {name}. {meant(str(name), known)}")


def _listed(servers: Mapping[str, str]) -> str:
    """Servers with their statuses, the first few of them."""
    shown = [f"{name} ({status})" for name, status in list(servers.items())[:SERVERS_SHOWN]]
    return ", ".join(shown) + (f" and {len(servers) - SERVERS_SHOWN} more" if len(servers) > SERVERS_SHOWN else "")


def _home() -> Path:
    """What this collection keeps on the controller beside its mirrors."""
    return Path(C.ANSIBLE_HOME).expanduser() / "prometheus_fleet"


def _connection(given: Mapping[str, Any]) -> str:
    """What the cache plugin is told of where it keeps its entries."""
    return given["cache_connection"] or str(_home() / "cache")


def _document_age(document: Document) -> float:
    return age_seconds(document.get("last_updated"), datetime.now(UTC)) or 0.0


def _content_of(store: Store) -> Snapshot:
    """What the store holds. Where it cannot be asked, the servers' word is still worth having."""
    try:
        return store.read()
    except StoreError as fault:
        Display().warning(f"The store cannot be read, so the fields come without their presentation. {fault}")
        return Snapshot()
