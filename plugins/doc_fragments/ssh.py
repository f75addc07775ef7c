# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # How servers are reached. No options: they are those of the connection and become plugins.
    DOCUMENTATION = r"""
options: {}
requirements:
  - asyncssh >= 2.23.1 (on the controller)
  - bcrypt (on the controller, for private keys that are encrypted in OpenSSH's own format)
  - sh and tar (on the servers; neither Python nor anything else is needed there)
notes:
  - Connection settings are those of the connection plugin P(ansible.builtin.ssh#connection) and of the become
    plugin, resolved by Ansible for each server - variables, C(ansible.cfg), the environment and the command line. Host
    keys are checked as they say.
  - C(ssh) arguments and the configuration files of OpenSSH are honoured, jump hosts among them. All servers behind one
    jump host share one connection to it. Logins at one address are limited to eight at a time.
  - What the built-in SSH client cannot do, and any other connection plugin, as P(ansible.builtin.local#connection),
    goes through that connection plugin. The C(transport) of the server's result says so, and why. So do logins that
    were refused and that C(ssh) may still have, with a Kerberos ticket or over an open connection of C(ControlPath).
  - C(local) from a keyword or a variable of the play, its roles or the task, C(-c) or the configuration counts for
    C(localhost) and the controller's own name alone, since it would read the controller's own files in place of those
    of the servers. In the inventory's variable C(ansible_connection) it counts for the host that has it.
"""

    # For what runs as a task.
    ACTION = r"""
options: {}
notes:
  - The task sweeps all servers by itself, so it should run once - use C(run_once). Its result is then known to all
    hosts of the play. With C(serial), each batch sweeps all hosts of the play, unless C(hosts) says otherwise.
  - Ansible itself resolves the settings of the host that a task runs for. Where a mistake in that one host's variables
    must not end the task, add C(delegate_to=localhost); keywords and variables of the play still count.
"""
