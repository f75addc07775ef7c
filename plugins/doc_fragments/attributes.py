# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What every module of the collection says of itself; each sets support and details for its own case.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and say what would change without changing it.
  diff_mode:
    description: Returns what changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
    details:
      - This module does not modify state.
"""

    # For actions that run on the controller and sweep the whole play at once.
    CONTROLLER_ACTION = r"""
options: {}
attributes:
  action:
    description: Has an action plugin of the same name, which does the work on the controller.
    support: full
"""

    ACTIONGROUP_CONSUL = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/skills_eye.prometheus_fleet.consul) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - skills_eye.prometheus_fleet.consul
"""

    ACTIONGROUP_SWEEP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/skills_eye.prometheus_fleet.sweep) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - skills_eye.prometheus_fleet.sweep
"""
