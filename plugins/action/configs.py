# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._paths import text_for_path
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import mirror_spec, sweep_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror import MirrorError
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep_call import sweep_modules


class ActionModule(ActionBase):
    """Sweeps the play's hosts into a mirror directory on the controller."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _unused, arguments = self.validate_argument_spec({**sweep_spec(), **mirror_spec()})
        given = plain(arguments)
        if not given["dest"].strip():
            # As a path, it would be the directory that somebody happens to be in.
            raise AnsibleActionFail("dest is empty: name the directory of the mirror")
        if text := text_for_path(given["dest"]):
            raise AnsibleActionFail(f"dest must be the path of a directory, got {text}")
        gather, play_view = sweep_modules()
        view = play_view.of_task(self._task, self._templar, variables)
        say: Callable[[str], None] | None = Display().display if given["progress"] else None
        for words in play_view.advice(self._task, variables, given):
            Display().warning(words)
        servers = given["hosts"] if given["hosts"] is not None else plain(variables["ansible_play_hosts_all"])
        try:
            result: dict[str, Any] = gather.mirrored(
                servers, view, given, say, check=bool(self._task.check_mode), diff=bool(self._task.diff)
            )
        except (ValueError, MirrorError) as error:
            raise AnsibleActionFail(str(error)) from None
        return result
