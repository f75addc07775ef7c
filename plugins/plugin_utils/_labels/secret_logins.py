# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of logins that stand without a scheme: ``user:password@host``."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A host that no word of prose is, and what stands before it. A version or a digest is no host.
_AT_HOST = re.compile(
    r"@(?:(?:[\w-]{1,63}\.){1,9}[A-Za-z][\w-]{1,62}|(?:\d{1,3}\.){3}\d{1,3}|localhost|(?!sha\d{3}:)[\w-]{1,63}(?=:\d)"
    r"|\[[0-9A-Fa-f:.]{2,45}\])(:\d{2,5}(?!\w))?(?![\w.-]*@)"
)
_BEFORE_LOGIN = re.compile(r"[\s\"'<>`]")
_BEFORE_USER = re.compile(r"[,;()\[\]{|=&?!]")
_LOGIN_USER = re.compile(r"(?=.*[A-Za-z}])[\w.%+~$-]{0,100}\}{0,2}")
_OTHER_SCHEMES = frozenset({"acct", "callto", "git", "im", "mailto", "sip", "sips", "ssh", "xmpp"})
# Behind such a word an address of mail is likelier than a password.
_MAIL_WORDS = frozenset(
    {
        "account", "assignee", "author", "bcc", "by", "cc", "cluster", "contact", "context", "e-mail", "email",
        "escalation", "from", "group", "identity", "kontakt", "mail", "maintainer", "member", "name", "oncall",
        "owner", "pager", "principal", "recipient", "reviewer", "sender", "serviceaccount", "spn", "support",
        "systemd", "team", "to", "unit", "upn",
    }
)  # fmt: skip
_PERSON = re.compile(r"[A-Za-z]+\d{0,3}(?:[._+/-][A-Za-z0-9]+)*")
# What the nodes of Erlang's programs are called.
_NODES = frozenset({"couchdb", "ejabberd", "emqx", "rabbit", "vernemq"})
_NODE_WORD = re.compile(r".*(?:broker|cluster|host|instance|name|node|peer|server|target)s?")
_UNIT_ENDS = (".service", ".socket", ".timer")
_CLOCK = re.compile(r"\d\d:\d\d(?:\.\d+)?")


def bare_logins(value: str) -> Iterator[tuple[int, int]]:
    """The passwords of logins without a scheme: ``user:password@host``."""
    low = 0
    for match in _AT_HOST.finditer(value):
        at = match.start()
        user, colon, password = _BEFORE_LOGIN.split(value[max(at - 300, low) : at])[-1].partition(":")
        low = match.end()
        user = _BEFORE_USER.split(user)[-1]
        word = user.lower()
        if not colon or not _LOGIN_USER.fullmatch(user) or word in _OTHER_SCHEMES:
            continue
        if not password or password[0] in "/:" or "://" in password:
            continue
        is_before_mail = word in _MAIL_WORDS or word.endswith(("email", "emails"))
        is_mail = is_before_mail and not match.group(1) and _PERSON.fullmatch(password)
        is_port = password.isdigit() and len(password) <= 5 and "." in user
        is_node = password in _NODES and _NODE_WORD.fullmatch(word) and not match.group(1)
        is_other = is_node or match.group().endswith(_UNIT_ENDS) or _CLOCK.fullmatch(password)
        if not is_mail and not is_port and not is_other:
            yield at - len(password), at
