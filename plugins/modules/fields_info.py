#!/usr/bin/python
# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fields_info
short_description: Read published metadata fields from a store
version_added: 1.0.0
author:
  - Prometheus Fleet contributors (@skills-eye)
description:
  - Reads all that M(skills_eye.prometheus_fleet.fields) published, in one request - the fields with their status, what
    each server last gave, and the history - and says how old it is.
  - A store to which nothing was published is not an error; RV(exists) is then false.
extends_documentation_fragment:
  - skills_eye.prometheus_fleet.attributes
  - skills_eye.prometheus_fleet.attributes.info_module
  - skills_eye.prometheus_fleet.attributes.actiongroup_consul
  - skills_eye.prometheus_fleet.consul
  - skills_eye.prometheus_fleet.store
requirements:
  - py-consul, or python-consul 1.1.0 (for the V(consul) store)
seealso:
  - module: skills_eye.prometheus_fleet.fields
  - plugin: skills_eye.prometheus_fleet.fields
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Look at a store
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Read it
      skills_eye.prometheus_fleet.fields_info:
        store: directory
        path: /tmp/prometheus-fleet-example
      register: published

    - name: Name the fields that no server has any more
      ansible.builtin.debug:
        msg: "{{ published.fields | selectattr('status', 'equalto', 'orphan') | map(attribute='name') }}"

    - name: Name those that have been orphans for more than 30 days
      ansible.builtin.debug:
        msg: "{{ published.fields | selectattr('orphaned_since') | selectattr('orphaned_since', 'lt', then)
          | map(attribute='name') }}"
      vars:
        then: "{{ '%Y-%m-%dT%H:%M:%S' | strftime(now().timestamp() - 30 * 86400, utc=true) }}"
"""

RETURN = r"""
exists:
  description: Whether anything was published.
  type: bool
  returned: success
  sample: true
fields:
  description:
    - The fields, sorted by name. Each has its technical part, its presentation and its state, also where the store
      holds less of it; what is not known is null or empty, and presentation at its default.
    - C(servers) and C(servers_count) say who has it; C(first_seen), C(last_seen) and C(orphaned_since) say when.
      C(sources) and C(values) are there unless RV(detail) is V(brief); in Jinja, write C(item['values']), since
      C(item.values) is a method. C(ways) holds other ways in which servers make it; C(swept) is a fingerprint of what
      the sweep last said of it.
    - C(status) is null for a field that a person added, and for one of a document of the older form, until the next
      publish.
  type: list
  elements: dict
  returned: success
  sample:
    - name: company
      origin: relabel
      source_label: __meta_consul_service_metadata_company
      regex:
      replacement:
      status: synced
      first_seen: "2026-01-30T08:15:00+00:00"
      last_seen: "2026-01-31T08:15:00+00:00"
      servers: [prom-01, prom-02]
      servers_count: 2
      display_name: Company
      required: true
servers:
  description:
    - What each server last gave, by name. C(fields) are the names of its fields; C(last_seen) is when it gave this, and
      C(age) how long ago that is, in seconds. C(config) is V(loaded), V(refused) or V(missing), as
      P(skills_eye.prometheus_fleet.extract_fields#filter) says it. C(imported) is true for a server that a document of
      the older form named and that has not answered since; which C(files) it has is not known.
  type: dict
  returned: success
  sample:
    prom-01:
      status: ok
      config: loaded
      digest: sha256:4f1d
      external_labels: {site: rio}
      jobs: [node]
      files: [/etc/prometheus/prometheus.yml]
      problems: []
      fields: [company]
      imported: false
      last_seen: "2026-01-31T08:15:00+00:00"
      age: 118.2
lost:
  description:
    - Names of the servers that the document names and whose readings are not to be seen. Either the token may not read
      them, or they were deleted by hand.
    - Where there are any and RV(detail) is V(brief), C(servers) of a field names only those that are to be seen.
  type: list
  elements: str
  returned: success
  sample: []
missing:
  description: Names of the fields that servers have and the document has not.
  type: list
  elements: str
  returned: success
  sample: []
statuses:
  description: How many fields are in each status.
  type: dict
  returned: success
  sample: {synced: 12, outdated: 1, orphan: 0, missing: 0}
last_updated:
  description: When the document was last written.
  type: str
  returned: success
  sample: "2026-01-31T08:15:00.120431+00:00"
age:
  description: How long ago that is, in seconds. None where nothing was published.
  type: float
  returned: success
  sample: 118.1
source:
  description: Who wrote it.
  type: str
  returned: success
  sample: skills_eye.prometheus_fleet
version:
  description: The version of the document.
  type: str
  returned: success
  sample: 2.1.0
detail:
  description: The form in which the document is written, V(full), V(shared) or V(brief).
  type: str
  returned: success
  sample: full
history:
  description:
    - The earlier versions of the document, the newest first. C(entry) is what
      O(skills_eye.prometheus_fleet.fields#module:to) takes; C(restorable) is false for what was saved because something
      else was published in its place.
  type: list
  elements: dict
  returned: success
  sample:
    - entry: 20260130T081500.224310Z
      last_updated: "2026-01-30T08:15:00.224310+00:00"
      source: skills_eye.prometheus_fleet
      fields: 12
      size: 9120
      restorable: true
store:
  description:
    - Which store it is, and how big. C(staleness) is how far the answer may be behind, in seconds, with
      O(consistency=stale).
  type: dict
  returned: success
  sample:
    store: consul
    address: http://127.0.0.1:8500
    prefix: skills/cm/metadata
    datacenter:
    namespace:
    partition:
    requests: 1
    keys: 52
    bytes: 61220
    staleness: 0.0
"""

from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    StoreError,
    StoreRequirementError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.form import sayable
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import (
    shown,
    store_from,
    store_spec,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view


def main() -> None:
    module = AnsibleModule(
        argument_spec=store_spec(),
        supports_check_mode=True,
        required_if=[("store", "directory", ("path",))],
    )
    invocation = {"module_args": shown(module.params)}
    try:
        store = store_from(module.params)
        view = whole_view(store.read(), store, datetime.now(UTC))
    except StoreRequirementError as missing:
        module.fail_json(msg=str(missing), exception=missing.traceback, invocation=invocation)
    except StoreError as fault:
        module.fail_json(msg=str(fault), invocation=invocation)
    module.exit_json(changed=False, invocation=invocation, **sayable(view))


if __name__ == "__main__":
    main()
