#!/usr/bin/python
# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fields
short_description: Publish metadata fields to a store
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Publishes what P(skills_eye.prometheus_fleet.extract_fields#filter) found to a store, from where playbooks, web
    front ends and consul-template read it.
  - What each server gave is kept in a document of its own, written only when that server answered. The document of
    fields is worked out anew from all of them and from what people set on the fields. So runs over parts of a fleet,
    even at the same time, end in one complete document, and a server that cannot be reached keeps its last word.
  - What people set on a field (its presentation, such as C(display_name)) is never overwritten, but by what they give
    in O(presentation). Where the document was deleted from the store, it is taken from the newest earlier version.
    The technical part (C(origin), C(source_label), C(regex), C(replacement)) belongs to the sweep; where a person
    changed it by hand, O(on_conflict) decides.
  - Every write checks that nobody else wrote in between. What fits in one transaction is written in one; otherwise the
    document of fields is written last. A run that changes nothing makes one request and writes nothing.
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.attributes
  - skills_eye.prometheus_fleet.attributes.actiongroup_consul
  - skills_eye.prometheus_fleet.consul
  - skills_eye.prometheus_fleet.store
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(state=rolled_back) and without O(to), a second run goes back again, to where the first one started.
options:
  state:
    description:
      - V(published) merges O(fields) and O(servers) into the store.
      - V(rolled_back) goes back to an earlier version of the document of fields. Its fields, their presentation and
        their technical part become what they were; who has a field stays what the servers last said. The next
        publish brings the technical part up to date again, and with O(new_fields=add) fields that are new.
      - V(checked) looks whether O(state=published) could be done, and changes nothing. The store must be there, be read
        whole, hold nothing foreign and let itself be written, and the options must be sound. Whether it may be written
        is tried, but for check mode, on the document, all O(servers) and, unless O(history_keep=0), the history.
    type: str
    choices: [published, rolled_back, checked]
    default: published
  fields:
    description:
      - The fields, as P(skills_eye.prometheus_fleet.extract_fields#filter) returns them.
        Needed with O(state=published) and O(state=checked).
    type: list
    elements: dict
  servers:
    description:
      - The servers, as P(skills_eye.prometheus_fleet.extract_fields#filter) returns them.
        Needed with O(state=published) and O(state=checked).
      - Only servers whose C(status) is C(ok), C(unchanged) or C(partial) are written. One that is C(partial) adds to
        what is known of it and takes nothing away. A status that no sweep gives is refused.
    type: dict
  to:
    description:
      - With O(state=rolled_back), the entry of the history to go back to, as
        M(skills_eye.prometheus_fleet.fields_info) lists them. If not set, it is the newest one that differs from the
        present version in what a rollback restores. Where none does, nothing is changed.
    type: str
  new_fields:
    description:
      - What to do with fields that are not in the store yet. V(add) adds them with O(field_defaults). V(report) names
        them in RV(missing) and leaves the document without them.
    type: str
    choices: [add, report]
    default: add
  field_defaults:
    description:
      - Presentation of fields that are added. What is not given here has these defaults - C(display_name) is the name,
        C(description) and C(placeholder) are empty, C(category) is C(general), C(order) is 1000, C(field_type) is
        C(string), C(editable), C(enabled), C(show_in_table), C(show_in_form), C(show_in_filter), C(show_in_services),
        C(show_in_exporters) and C(show_in_blackbox) are true, C(required), C(show_in_dashboard) and
        C(available_for_registration) are false, C(options), C(default_value), C(validation) and C(validation_regex) are
        null. Another key is refused, and a value of another type.
    type: dict
    default: {}
  presentation:
    description:
      - "Presentation of fields by their names, as V({'company': {'display_name': 'Company', 'order': 5}}), for where it
        is kept in a file under version control. It is set on fields that are there and on those that this run adds."
      - The keys are those of O(field_defaults). What is not named stays what people set.
      - A name of no field is no fault; a warning says so. O(state=rolled_back) takes no notice of this.
    type: dict
    default: {}
  on_conflict:
    description:
      - What to do where a person changed a technical attribute by hand and the sweep says something else.
      - V(report) keeps what is stored, warns, and lists it in RV(conflicts). V(store) keeps it without a warning.
        V(sweep) takes what the sweep says.
    type: str
    choices: [report, sweep, store]
    default: report
  orphans:
    description:
      - What to do with fields that no server has any more. A field is an orphan only if every server that had it
        answered whole without it, or was forgotten. V(keep) keeps it, marked as an orphan. V(remove) removes it
        O(orphan_grace) after it became one; the history still has it.
      - A server that answered and on which no main configuration of Prometheus was found makes no orphans, nor does one
        whose Prometheus refuses its configuration, or a file of rules or targets that this names.
    type: str
    choices: [keep, remove]
    default: keep
  orphan_grace:
    description:
      - How long an orphan is kept with O(orphans=remove). A number of seconds, or with a unit (V(90m), V(12h), V(7d)).
    type: str
    default: 7d
  forget_servers:
    description:
      - Servers to forget, by name. A server that is merely not in O(servers) is never forgotten.
      - A server that answers in the same run cannot be forgotten, unless no main configuration of Prometheus was found
        on it.
      - A name that the store does not know is no fault; a warning says so.
      - A server that the document names and whose reading was deleted from the store must answer or be forgotten, also
        with O(state=rolled_back).
    type: list
    elements: str
    default: []
  touch_after:
    description:
      - Where a server gave what it gave before, nothing is written, so the stored time of its reading grows old.
        If this is set, a reading that is older than this is written again with the time of now, which counts as a
        change. A number of seconds, or with a unit (V(12h), V(1d)).
    type: str
  history_keep:
    description:
      - How many earlier versions of the document to keep. With V(0) none is written, and nothing can be rolled back.
    type: int
    default: 10
  adopt:
    description:
      - Whether to take the place of something at our keys that this collection did not write. It is saved to the
        history first. Otherwise it is refused. A document of the older form (version 2.0.0) needs no adopting; it is
        taken over with its presentation. A document of a newer version is refused whatever this says.
      - With O(state=rolled_back), a document that was broken by hand is saved and an earlier version put in its place.
    type: bool
    default: false
  detail:
    description:
      - How much the document of fields holds. V(full) has everything in place. V(shared) has every list of servers
        only once, in C(server_sets), and C(servers) names one of them. V(brief) is without C(sources), C(servers),
        C(values) and attributes at their defaults. V(auto) takes the first of them that fits in the store, which is
        512 KiB.
      - A document that is V(brief) stays so until one run covers all servers.
    type: str
    choices: [auto, full, shared, brief]
    default: auto
  source:
    description:
      - Who writes, as the attribute C(source) of the document says it.
    type: str
    default: skills_eye.prometheus_fleet
  retry_seconds:
    description:
      - How long to go on where somebody else writes at the same time, or the store has no leader, restarts or limits
        requests, or what stands in front of it answers 502 to 504, in seconds.
    type: float
    default: 15.0
  mode:
    description:
      - The mode of the files of the directory store, in octal digits, such as V(0600) where others must not read them.
        Directories get the same with the right to enter. Files that are there already are closed to those whom this
        does not grant anything, when something is written.
    type: str
    default: "0644"
requirements:
  - py-consul, or python-consul 1.1.0 (for the V(consul) store)
seealso:
  - module: skills_eye.prometheus_fleet.fields_info
  - plugin: skills_eye.prometheus_fleet.fields
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Publish the fields of the fleet
  hosts: monitoring
  gather_facts: false
  tasks:
    - name: Sweep the fleet into a mirror directory
      skills_eye.prometheus_fleet.configs:
        dest: /var/lib/prometheus-fleet/mirror
      run_once: true
      register: swept

    - name: Publish its fields to Consul
      skills_eye.prometheus_fleet.fields:
        fields: "{{ extracted.fields }}"
        servers: "{{ extracted.servers }}"
        address: https://consul.example.com:8501
        token_file: /etc/prometheus-fleet/consul.token
      vars:
        extracted: "{{ swept.dest | skills_eye.prometheus_fleet.extract_fields }}"
      run_once: true
      delegate_to: localhost

- name: Work on the store alone
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Publish by hand, to a directory
      skills_eye.prometheus_fleet.fields:
        store: directory
        path: /tmp/prometheus-fleet-example
        fields:
          - name: company
            origin: relabel
            source_label: __meta_consul_service_metadata_company
            servers: [prom-01]
        servers:
          prom-01: {status: ok, fields: [company]}
        field_defaults:
          category: business

    - name: Set what a file under version control says of the fields
      skills_eye.prometheus_fleet.fields:
        store: directory
        path: /tmp/prometheus-fleet-example
        fields: []
        servers: {}
        presentation:
          company: {display_name: Company, order: 5, required: true}

    - name: Say what is new without adding it, and remove what has been an orphan for a month
      skills_eye.prometheus_fleet.fields:
        store: directory
        path: /tmp/prometheus-fleet-example
        fields: []
        servers: {}
        new_fields: report
        orphans: remove
        orphan_grace: 30d

    - name: Forget a server that was taken out of service
      skills_eye.prometheus_fleet.fields:
        store: directory
        path: /tmp/prometheus-fleet-example
        fields: []
        servers: {}
        forget_servers: [prom-01]

    - name: Go back to the newest version that is another one than the present
      skills_eye.prometheus_fleet.fields:
        store: directory
        path: /tmp/prometheus-fleet-example
        state: rolled_back
"""

RETURN = r"""
added:
  description: Names of the fields that were added.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: [company, env]
updated:
  description: Names of the fields whose technical part was changed.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: [os]
presented:
  description: Names of the fields that were there and whose presentation was changed by O(presentation).
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: [company]
orphaned:
  description: Names of the fields that became orphans.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: [rack]
returned:
  description: Names of the fields that were orphans and are there again.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: []
removed:
  description: Names of the fields that were removed.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: []
missing:
  description: Names of the fields that servers have and the document has not.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: [tenant]
conflicts:
  description:
    - Technical attributes that a person changed by hand and that the sweep sees otherwise.
      C(last_swept) is null where it is not known any more.
  type: list
  elements: dict
  returned: success, but not with O(state=checked)
  sample:
    - field: os
      attribute: regex
      last_swept: ",(linux|windows),"
      stored: ",(linux|windows|aix),"
      swept: ",(lnx|win),"
      kept: stored
servers:
  description: Names of the servers whose readings were written.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: [prom-01, prom-02]
silent:
  description: The servers that did not answer, with their status. Nothing of theirs was changed.
  type: dict
  returned: success, but not with O(state=checked)
  sample: {prom-03: unreachable}
forgotten:
  description: Names of the servers that were forgotten.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: []
unfound:
  description:
    - Names of the servers that answered without a main configuration of Prometheus, and had fields before. These stay.
  type: list
  elements: str
  returned: success, but not with O(state=checked)
  sample: []
statuses:
  description: How many fields are in each status after this.
  type: dict
  returned: success, but not with O(state=checked)
  sample: {synced: 12, outdated: 1, orphan: 0, missing: 1}
total_fields:
  description: How many fields the document holds after this.
  type: int
  returned: success, but not with O(state=checked)
  sample: 13
total_servers:
  description: How many servers the store knows after this.
  type: int
  returned: success, but not with O(state=checked)
  sample: 40
detail:
  description: The form in which the document is written.
  type: str
  returned: success, but not with O(state=checked)
  sample: full
last_updated:
  description: When the document was last written.
  type: str
  returned: success, but not with O(state=checked)
  sample: "2026-01-31T08:15:00.120431+00:00"
restored:
  description:
    - The entry of the history that was restored. With O(state=published), the one that has what people set, where the
      document itself was deleted from the store.
  type: str
  returned: with O(state=rolled_back), or where the document was deleted
  sample: 20260130T081500.224310Z
store:
  description: Which store it is.
  type: dict
  returned: success
  sample:
    store: consul
    address: http://127.0.0.1:8500
    prefix: skills/cm/metadata
    datacenter:
    namespace:
    partition:
requests:
  description: How many requests were made to the store.
  type: int
  returned: success
  sample: 2
attempts:
  description: How many times the store was read and the change planned.
  type: int
  returned: success
  sample: 1
"""

import gc
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    Snapshot,
    Store,
    StoreError,
    StoreRequirementError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import sayable
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.merge import Rules
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import (
    LONGEST_WAIT,
    file_mode,
    presentation_of,
    shown,
    store_from,
    store_spec,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.plan import (
    Manner,
    Plan,
    named,
    plan_publish,
    plan_rollback,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.publish import (
    Outcome,
    Planner,
    publish,
    written_keys,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.reading import sweep_from
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.times import duration, stamp


def argument_spec() -> dict[str, dict[str, Any]]:
    return {
        "state": {"type": "str", "choices": ["published", "rolled_back", "checked"], "default": "published"},
        "fields": {"type": "list", "elements": "dict"},
        "servers": {"type": "dict"},
        "to": {"type": "str"},
        "new_fields": {"type": "str", "choices": ["add", "report"], "default": "add"},
        "field_defaults": {"type": "dict", "default": {}},
        "presentation": {"type": "dict", "default": {}},
        "on_conflict": {"type": "str", "choices": ["report", "sweep", "store"], "default": "report"},
        "orphans": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
        "orphan_grace": {"type": "str", "default": "7d"},
        "forget_servers": {"type": "list", "elements": "str", "default": []},
        "touch_after": {"type": "str"},
        "history_keep": {"type": "int", "default": 10},
        "adopt": {"type": "bool", "default": False},
        "detail": {"type": "str", "choices": ["auto", "full", "shared", "brief"], "default": "auto"},
        "source": {"type": "str", "default": "skills_eye.prometheus_fleet"},
        "retry_seconds": {"type": "float", "default": 15.0},
        "mode": {"type": "str", "default": "0644"},
        **store_spec(),
    }


def rules_from(params: dict[str, Any], now: datetime) -> Rules:
    """How to merge, as the options say. Raises StoreError."""
    if not 0 <= params["retry_seconds"] <= LONGEST_WAIT:
        raise StoreError(f"retry_seconds must be 0 or more, and {LONGEST_WAIT} at most.")
    if params["history_keep"] < 0:
        raise StoreError("history_keep must be 0 or more.")
    return Rules(
        now=now,
        new_fields=params["new_fields"],
        orphans=params["orphans"],
        orphan_grace=_duration_of(params, "orphan_grace"),
        on_conflict=params["on_conflict"],
        defaults=presentation_of(params["field_defaults"], "field_defaults"),
        presentation={
            name: presentation_of(wanted, f"presentation.{name}") for name, wanted in params["presentation"].items()
        },
        forget=params["forget_servers"],
        touch_after=_duration_of(params, "touch_after") if params["touch_after"] else None,
    )


def _duration_of(params: dict[str, Any], name: str) -> timedelta:
    try:
        return duration(params[name])
    except ValueError as fault:
        raise StoreError(f"{name}: {fault}.") from fault


def planner_from(params: dict[str, Any], store: Store, now: datetime) -> Planner:
    """What the options want of a store. Raises StoreError where they cannot be right."""
    rules = rules_from(params, now)
    manner = Manner(
        place=store.place,
        pretty=params["store"] == "directory",
        detail=params["detail"],
        source=params["source"],
        history_keep=params["history_keep"],
        adopt=params["adopt"],
    )
    if params["state"] == "rolled_back":
        return lambda snapshot: plan_rollback(snapshot, params["to"], rules, manner)

    def plan(snapshot: Snapshot) -> Plan:
        # Taken apart for every attempt, since a plan may hold on to parts of it.
        sweep = sweep_from(params["fields"], params["servers"], stamp(now.replace(microsecond=0)))
        return plan_publish(snapshot, sweep, rules, manner)

    return plan


def result_of(outcome: Outcome, store: Store) -> dict[str, Any]:
    plan = outcome.plan
    return {
        "changed": outcome.changed,
        **asdict(plan.report),
        "total_fields": len(plan.document.fields),
        "total_servers": len(plan.document.server_status),
        "detail": plan.document.detail,
        "last_updated": plan.document.last_updated,
        **({"restored": plan.restored} if plan.restored else {}),
        "store": store.facts(),
        "requests": store.requests,
        "attempts": outcome.attempts,
    }


def invocation_of(params: dict[str, Any]) -> dict[str, Any]:
    """The options as the result repeats them: of the fleet's data only how much it was."""
    counts = {name: f"{len(params[name])} {name}" for name in ("fields", "servers") if params[name] is not None}
    return {"module_args": {**shown(params), **counts}}


def main() -> None:
    # A second's work on a fleet of small objects that all live to the end: looking for garbage would be a fifth of it.
    gc.disable()
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[
            ("state", "published", ("fields", "servers")),
            ("state", "checked", ("fields", "servers")),
            ("store", "directory", ("path",)),
        ],
        # Nothing secret is among the options but the token; this keeps a fleet's worth of data out of the system log.
        no_log=True,
    )
    params = module.params
    invocation = invocation_of(params)
    try:
        store = store_from(params, mode=file_mode(params["mode"]))
        planner = planner_from(params, store, datetime.now(UTC))
        trying = params["state"] == "checked" and not module.check_mode
        probe = written_keys(params["servers"], params["history_keep"]) if trying else ()
        outcome = publish(
            store, planner, check_mode=module.check_mode, retry_seconds=params["retry_seconds"], probe=probe
        )
    except StoreRequirementError as missing:
        module.fail_json(msg=str(missing), exception=missing.traceback, invocation=invocation)
    except StoreError as fault:
        module.fail_json(msg=str(fault), invocation=invocation)
    for conflict in outcome.plan.report.conflicts if params["on_conflict"] == "report" else []:
        module.warn(
            f"The {conflict['attribute']} of the field {named([conflict['field']])} was changed by hand and differs "
            "from what the sweep found; the stored one is kept. Set on_conflict to sweep or store to settle it."
        )
    # One that has answered without a config is forgotten and still there.
    known = {*outcome.plan.report.forgotten, *outcome.plan.document.server_names}
    if unknown := sorted({*params["forget_servers"]} - known):
        module.warn(f"forget_servers names {named(unknown)}, and the store knows no such server.")
    strange = sorted(params["presentation"].keys() - outcome.plan.document.fields.keys())
    if params["state"] == "published" and strange:
        module.warn(f"presentation names {named(strange)}, and there is no such field.")
    if params["state"] == "published" and outcome.plan.restored:
        module.warn(
            f"{store.place('fields')} was deleted from the store; what people set on its fields is taken from the "
            f"history, as of {outcome.plan.restored}."
        )
    if params["state"] != "checked" and outcome.plan.nearly_full:
        module.warn(outcome.plan.nearly_full)
    if unfound := outcome.plan.report.unfound:
        module.warn(
            f"No main config of Prometheus was found on {named(unfound)}, which had fields before; these stay. See the "
            "problems of these servers and the option services of the sweep; where Prometheus is gone, name them in "
            "forget_servers."
        )
    result = result_of(outcome, store)
    if params["state"] == "checked":
        # What would become of this data is no news of the store: the role checks before it has any.
        result = {"changed": False, **{name: result[name] for name in ("store", "requests", "attempts")}}
    elif module._diff:
        result["diff"] = outcome.plan.diff(store.place("fields"))
    module.exit_json(invocation=invocation, **sayable(result))


if __name__ == "__main__":
    main()
