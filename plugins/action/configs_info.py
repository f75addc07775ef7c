# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._sweep_spec import sweep_spec
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._plain import plain
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep_call import sweep_modules


class ActionModule(ActionBase):
    """Sweeps the play's hosts and returns what they have."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _unused, arguments = self.validate_argument_spec(sweep_spec())
        given = plain(arguments)
        gather, play_view = sweep_modules()
        view = play_view.of_task(self._task, self._templar, variables)
        say: Callable[[str], None] | None = Display().display if given["progress"] else None
        for words in play_view.advice(self._task, variables, given):
            Display().warning(words)
        servers = given["hosts"] if given["hosts"] is not None else plain(variables["ansible_play_hosts_all"])
        try:
            result: dict[str, Any] = gather.inline(servers, view, given, say)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        return result
