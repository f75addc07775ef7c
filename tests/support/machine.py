# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of its own for one sshd: private /etc, /home and /run, in a mount namespace.

The paths that a sweep reads really are /etc/prometheus and /etc/alertmanager; users, passwords, sudo, su and doas are
real too. Nothing of the machine that runs the tests is changed: all of it lies in the server's own directory.

As root the machine has three users (see USERS) and everything above. As anybody else, where user namespaces are
allowed, it has one user, who is the caller: key logins work, password logins and privilege changes do not.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Parts of the real /etc that programs on the private machine need; copied as they are.
_BORROWED = (
    "alternatives",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "login.defs",
    "nsswitch.conf",
    "security",
    "shells",
    "ssl/openssl.cnf",
)

_PAM = """\
auth required pam_unix.so nodelay
account required pam_unix.so
password required pam_deny.so
session required pam_permit.so
"""
# Root may become anybody without a password, as on any machine.
_PAM_SU = "auth sufficient pam_rootok.so\n" + _PAM

_SUDOERS = """\
Defaults !lecture, !fqdn, passwd_tries=1, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
ops ALL=(ALL:ALL) NOPASSWD: ALL
deploy ALL=(ALL:ALL) ALL
"""

_DOAS = """\
permit nopass ops
permit deploy
permit nopass root
"""

# $1 directory of the machine, $2 uid and $3 gid to end as (empty: stay as we are), then the command.
_ENTER = """\
set -e
mount --bind "$1/etc" /etc
mount --bind "$1/home" /home
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
uid=$2 gid=$3
shift 3
if [ -n "$uid" ]; then exec unshare --user --map-user="$uid" --map-group="$gid" -- "$@"; fi
exec "$@"
"""


@dataclass(frozen=True)
class User:
    """A login on the private machine. The passwords are for tests alone and open nothing."""

    name: str
    uid: int
    password: str


USERS = (
    User("ops", 2001, "not-a-secret-ops"),  # sudo and doas without a password
    User("deploy", 2002, "not-a-secret-deploy"),  # sudo and doas ask for the password
    User("reader", 2003, "not-a-secret-reader"),  # no privilege at all
)
ROOT_PASSWORD = "not-a-secret-root"  # what su asks for


def privileged() -> bool:
    """Whether machines have passwords, sudo, su and doas."""
    return os.geteuid() == 0


def users() -> tuple[User, ...]:
    """The logins of every machine; the first is the one that inventories use."""
    if privileged():
        return USERS
    entry = pwd.getpwuid(os.geteuid())
    return (User(entry.pw_name, entry.pw_uid, ""),)


@functools.cache
def unavailable() -> str | None:
    """Why no machine can be made here, or None. For pytest.skip."""
    for program in ("/usr/sbin/sshd", "unshare", "ssh-keygen"):
        if not (shutil.which(program) or Path(program).exists()):
            return f"{program} is not installed"
    probe = ["unshare", *_namespace_flags(), "mount", "-t", "tmpfs", "tmpfs", "/run"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        return "mount namespaces are not allowed here"
    return None


def _namespace_flags() -> list[str]:
    """A PID namespace too: what the server started ends with it."""
    flags = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return flags if privileged() else ["--user", "--map-root-user", *flags]


def enter(directory: Path, command: list[str]) -> list[str]:
    """The command line that runs a command on the private machine that build() laid out in directory."""
    me = ["", ""] if privileged() else [str(os.geteuid()), str(os.getegid())]
    return ["unshare", *_namespace_flags(), "sh", "-c", _ENTER, "machine", str(directory), *me, *command]


@functools.cache
def _password_hash(password: str) -> str:
    result = subprocess.run(
        ["openssl", "passwd", "-5", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def build(directory: Path, shell: str = "/bin/sh") -> None:
    """Lay out etc/ (with prometheus/ and alertmanager/) and home/; shell is what its users log in to."""
    etc = directory / "etc"
    for name in ("pam.d", "ssl", "ssh/authorized_keys", "prometheus", "alertmanager"):
        (etc / name).mkdir(parents=True, exist_ok=True)
    for name in _BORROWED:
        source = Path("/etc", name)
        if source.is_dir():
            shutil.copytree(
                source, etc / name, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("opasswd")
            )
        elif source.exists():
            shutil.copy2(source, etc / name, follow_symlinks=False)
    for name in ("other", "sshd", "sudo", "doas"):
        (etc / "pam.d" / name).write_text(_PAM, encoding="utf-8")
    for name in ("su", "su-l"):
        (etc / "pam.d" / name).write_text(_PAM_SU, encoding="utf-8")
    _write(etc / "sudoers", _SUDOERS, 0o440)
    _write(etc / "doas.conf", _DOAS, 0o400)
    _write(etc / "environment", "", 0o644)
    passwd = [
        "root:x:0:0:root:/root:/bin/sh",
        "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin",
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
    ]
    group = ["root:x:0:", "nogroup:x:65534:", "shadow:x:42:"]
    shadow = ["sshd:!:19000::::::", "nobody:!:19000::::::"]
    if privileged():
        shadow.append(f"root:{_password_hash(ROOT_PASSWORD)}:19000:0:99999:7:::")
    for user in users():
        home = directory / "home" / user.name
        (home / ".ssh").mkdir(parents=True, exist_ok=True)
        passwd.append(f"{user.name}:x:{user.uid}:{user.uid}::/home/{user.name}:{shell}")
        group.append(f"{user.name}:x:{user.uid}:")
        if user.password:
            shadow.append(f"{user.name}:{_password_hash(user.password)}:19000:0:99999:7:::")
        for path in (home, home / ".ssh"):
            path.chmod(0o700)
            if privileged():
                os.chown(path, user.uid, user.uid)
    _write(etc / "passwd", "\n".join(passwd) + "\n", 0o644)
    _write(etc / "group", "\n".join(group) + "\n", 0o644)
    _write(etc / "shadow", "\n".join(shadow) + "\n", 0o600)


def _write(path: Path, text: str, mode: int) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
