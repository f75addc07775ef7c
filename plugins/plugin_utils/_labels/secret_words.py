# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that the words before them tell of: on command lines, and in what comments say.

Every pattern is bounded, so that a hostile text costs linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_forms import in_other_forms
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_paths import (
    UNDERSCORE_KEY,
    names_a_secret,
    parameter_names_a_secret,
    rule_names_a_secret,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secret_text import (
    MASK,
    NO_VALUE,
    Elsewhere,
    Span,
    assigned,
    is_telling,
    merged,
    pairs,
)

# Where a word of a command begins; looked back to, since `re` finds fixed text fast.
_BEGIN: Final = r"(?<![^\s\"'\[(,;|&]"
# In quotes of YAML, those of a shell may stand twice.
_REST = r"[\"']{0,2}([^\s\"'`,\]})]{1,4000})"
# Where a command goes on; what stands before an option on its line, and on the lines before it.
_NEXT_LINE = r"(?:\\(?:\r?\n[ \t]{0,80}(?:#[# \t]{0,80})?|$))?+"
_BEFORE = r"(?:[^\n|;&\\]|\\[\s\S]){0,200}?"
_OPTION_NAME = (
    r"(?!(?:no|use|with|show|skip|require|has|enable|disable|allow)-)[\w.-]{0,80}?(?:passwords?|passwd|passphrase"
    rf"|secret|token|credentials?|(?:api|auth)-?key|{UNDERSCORE_KEY}|(?<=[._-])pass|(?:store|key)pass|requirepass|masterauth)"
)
# `--password x`, `-token "x"`.
_OPTION = re.compile(rf"-{_BEGIN}-)-?+{_OPTION_NAME}[ \t]{{1,8}}{_NEXT_LINE}(?![-{{]){_REST}", re.IGNORECASE)
_OPTION_ITEM = re.compile(rf"\s*-{{1,2}}+{_OPTION_NAME}\s*", re.IGNORECASE)
_LOGIN_ITEM = re.compile(r"-u|--user|--proxy-user|--proxy-auth|-U")
_LOGIN = re.compile(r"(?:(?!<secret:)[^\s:/\"']){1,100}+:(?!\d+(?![^ ]))([^\s/\"'][^\s\"']{0,400})")
# Headers, as an option of a command or as a string of their own.
_HEADER = re.compile(
    r"-(?:H|-header)[ \t=]{0,4}[\"']?([A-Za-z][\w-]{0,80}):[ \t]{0,4}(?:[A-Za-z]{1,20}[ \t]{1,4})?" + _REST
)
_SET_HEADER = re.compile(
    r"set[_-]header[ \t]{1,8}[\"']?([A-Za-z][\w-]{0,80})[\"']?[ \t]{1,8}[\"']?(?:[A-Za-z]{1,20}[ \t]{1,4})?" + _REST
)
_WHOLE_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,80}):[ \t]{1,4}(?:[A-Za-z]{1,20}[ \t]{1,4})?(\S{1,4000})")
_QUOTED_HEADER = re.compile(r"[\"'][A-Za-z][A-Za-z0-9-]{0,60}: \S")
# Flags of htpasswd, of which one has a number, and such flags up to a certain one.
_FLAG = r"[ \t]{1,4}-[A-Za-z]{1,8}(?:[ \t]{1,4}\d{1,2}(?=[ \t]))?"
_FLAGS = rf"(?:{_FLAG}){{1,6}}+"
_FLAGS_TO = rf"(?:{_FLAG}){{0,5}}?[ \t]{{1,4}}-[A-Za-z]{{0,8}}"
_HANDED_ON = r"[\"']{0,2}[ \t]{0,4}\|[^|;&\n]{0,200}?"
_AS_USER = r"-(?<=[\s\"']-)(?:[uU]|-?user(?:name)?)[ \t=]{1,4}[^\s-]"
# A port or several, a path, a setting.
_OTHER_SETTING = r"\d{1,5}(?:[.:,-]\d{1,5})*(?:/\w+)?(?![^\s;,)])|[./~]|[\w.-]{1,80}=\w"
_SNMP = r"snmp(?:bulk)?(?:walk|get(?:next)?|set|table)"
# Words of commands, each with what its secret looks like.
_COMMANDS = (
    ("-u", re.compile(rf"-u{_BEGIN}-u)[ \t]{{0,4}}{_NEXT_LINE}[\"']?{_LOGIN.pattern}")),
    (
        "curl",
        re.compile(rf"curl[ \t]{_BEFORE}(?<=\s)-[A-Za-z]{{0,8}}[uU][ \t]{{0,4}}{_NEXT_LINE}[\"']?{_LOGIN.pattern}"),
    ),
    *(
        (option, re.compile(rf"{option}[ \t=]{{1,4}}{_NEXT_LINE}[\"']?{_LOGIN.pattern}"))
        for option in ("--user", "--proxy-user", "--proxy-auth")
    ),
    ("sshpass", re.compile(rf"sshpass[ \t]{{1,4}}-p[ \t]{{0,4}}{_REST}")),
    ("redis-", re.compile(rf"redis-(?:cli|benchmark){_BEFORE}(?<=\s)-a[ \t]{{1,4}}{_REST}")),
    *(
        (word, re.compile(rf"{word}[a-z-]{{0,20}}[ \t]{_BEFORE}(?<=\s)-p(?!ort\b|lugin){_REST}"))
        for word in ("mysql", "mariadb")
    ),
    ("AUTH=", re.compile(rf"AUTH=[\"']?{_LOGIN.pattern}")),
    ("insecure-password", re.compile(rf"insecure-password[ \t]{{1,8}}{_REST}")),
    ("stats auth", re.compile(rf"stats auth[ \t]{{1,8}}{_LOGIN.pattern}")),
    # The config of its agent.
    ("community", re.compile(rf"(?<![\w-])r[ow]community6?[ \t]{{1,8}}{_REST}")),
    ("com2sec", re.compile(rf"com2sec6?[ \t]{{1,8}}[\w-]{{1,80}}[ \t]{{1,8}}[\w.:/]{{1,80}}[ \t]{{1,8}}{_REST}")),
    *(
        ("createUser", re.compile(rf"createUser[ \t]{_BEFORE}[ \t](?:{kinds})[\w-]{{0,5}}[ \t]{{1,8}}{_REST}"))
        for kinds in ("MD5|SHA", "DES|AES")
    ),
    ("snmp", re.compile(rf"{_SNMP}[ \t]{_BEFORE}(?<=\s)-[cA][ \t]{{0,4}}{_REST}")),
    ("snmp", re.compile(rf"{_SNMP}[ \t]{_BEFORE}(?<=\s)-X[ \t]{{0,4}}{_REST}")),
    ("ipmitool", re.compile(rf"ipmitool[ \t]{_BEFORE}(?<=\s)-P[ \t]{{0,4}}{_REST}")),
    ("docker login", re.compile(rf"docker login{_BEFORE}(?<=\s)-p[ \t]{{1,4}}{_REST}")),
    ("ldap", re.compile(rf"ldap(?:search|whoami|modify|add|delete|passwd)[ \t]{_BEFORE}(?<=\s)-w[ \t]{{1,4}}{_REST}")),
    ("vault login", re.compile(rf"vault login[ \t]{{1,4}}(?:-\S{{1,200}}[ \t]{{1,4}}){{0,4}}(?!-|\w{{1,40}}=){_REST}")),
    ("-pass", re.compile(rf"-pass(?:in|out)?[ \t]{{1,4}}[\"']{{0,2}}pass:{_REST}")),
    # What is handed on to a program that asks for it.
    *(
        (sign, re.compile(rf"echo[ \t]{{1,4}}(?:-n[ \t]{{1,4}})?[\"']{{0,2}}{before}{_REST}{_HANDED_ON}{sign}"))
        for sign, before in (("--password-stdin", ""), ("sudo -S", ""), ("chpasswd", r"[\w.-]{1,40}:"))
    ),
    (
        "smbclient",
        re.compile(rf"smbclient[ \t]{_BEFORE}(?<=\s)(?:-U|--user)[ \t=]{{0,4}}[\"']?[^\s%\"']{{1,100}}%{_REST}"),
    ),
    ("lftp", re.compile(rf"lftp[ \t]{_BEFORE}(?<=\s)-u[ \t]{{0,4}}[\"']?[^\s,\"']{{1,100}},{_REST}")),
    (
        "configure set",
        re.compile(rf"configure set[ \t]{{1,4}}aws_(?:secret_access_key|session_token)[ \t]{{1,4}}{_REST}"),
    ),
    ("zip", re.compile(rf"(?<![\w-])zip[ \t]{_BEFORE}(?<=\s)-P[ \t]{{0,4}}{_REST}")),
    ("7z", re.compile(rf"(?<![\w-])7z[a-z]?[ \t]{_BEFORE}(?<=\s)-p{_REST}")),
    # A file and a user come before it; only a user, with -n.
    (
        "htpasswd",
        re.compile(
            rf"htpasswd(?={_FLAGS_TO}b)(?:(?={_FLAGS_TO}n){_FLAGS}|{_FLAGS}[ \t]{{1,4}}\S{{1,200}})"
            rf"[ \t]{{1,4}}[^\s|;&<>]{{1,100}}[ \t]{{1,4}}(?![|;&<>]){_REST}"
        ),
    ),
    # Of whatever logs in as somebody.
    (" -p", re.compile(rf"{_AS_USER}{_BEFORE}(?<=\s)-p[ \t]{{1,4}}{_NEXT_LINE}(?!-|{_OTHER_SETTING}){_REST}")),
    (" -P", re.compile(rf"{_AS_USER}{_BEFORE}(?<=\s)-P[ \t]{{1,4}}{_NEXT_LINE}(?!-|{_OTHER_SETTING}){_REST}")),
)
_LOGGED_IN = (" -p", " -P")
# With these, -u says as whom something runs, and -p or -P is a switch or another setting.
_ASKS = re.compile(
    r"(?:\b(?:mysql|mariadb)[\w-]*|(?:journal|system|login)ctl|createuser|runuser|setpriv|chroot|sudo"
    r"|\bsu|\bgit|exec|run)[ \t][^\n|;&]*$"
)
# One of these stands in whatever text has one of these words as a command; the others stand among the names of secrets.
COMMAND_SIGNS: Final = (
    " -u", "'-u", '"-u', "[-u", "--user", "--proxy-", "curl ", "mariadb", "mysql", "redis-cli", "redis-benchmark",
    "vault login", "ldapsearch", "ldapwhoami", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd",
    "docker login", "sudo -s", "smbclient", "lftp ", "zip ", "7z",
    "com2sec", "createuser", "snmpwalk", "snmpget", "snmpbulk", "snmpset", "snmptable", "ipmitool",
)  # fmt: skip
# Keys of what matches labels or text, where a name and a value say no secret.
_EXPRESSIONS = frozenset(
    {
        "expr", "query", "match", "match[]", "match_re", "matchers", "source_match", "source_match_re",
        "source_matchers", "target_match", "target_match_re", "target_matchers", "regex", "regexp", "pattern",
        "replacement", "selector", "logql", "promql", "expression", "matcherRegex",
    }
)  # fmt: skip
# What follows an option in prose.
_PROSE = frozenset(
    {
        "a", "an", "and", "are", "argument", "as", "by", "can", "command", "file", "flag", "flags", "for", "from", "if",
        "in", "instead", "into", "is", "it", "must", "not", "of", "on", "option", "options", "or", "parameter", "set",
        "the", "then", "to", "value", "was", "when", "which", "will", "with", "without",
    }
)  # fmt: skip
_VARIABLE = re.compile(r"\$\(|\$[A-Z_]\w*|\$\{|\{\{.*|%\w+%")

# "the old password hunter2", "API key (x)", "token for grafana: x", "pw -> x".
_SPOKEN = re.compile(
    r"(?<![\w.-])[\w-]{0,80}?(?:(?P<surely>pass(?:word|wd|phrase|wort)?|pwd?|kennwort|senha|contrase[nñ]a|community)|secret|token|cred(?:ential)?"
    r"|(?:api|access|service|routing|integration|encryption|secret)[- _]?key)s?"
    r"(?:[ \t]{1,4}\([^()\n]{0,40}\))?"
    r"(?:(?:[ \t]{1,4}[a-z]{1,12}){0,3}(?:[ \t]{0,4}(?::|[-=]>)|[ \t]{1,4}is)"
    r"|[ \t]{1,4}(?:set to|changed to|now|was|is now))?[ \t]{1,4}"
    r"(?!.?<secret)[(\[\"'`<]{0,2}([^\s\"'`<>]{6,4000})",
    re.IGNORECASE,
)
# The same in a string, which is no comment: what it says of other things than the password must stay.
_PASSWORD = re.compile(
    r"assword(?<=[a-z)] [Pp]assword)(?: (?:of|for) [\w.-]{1,40})?(?P<surely> is| was|:| =| set to)?"
    r" (?!.?<secret)[(\"'`<]?([^\s\"'`<>]{6,400})"
)
# "login bob:x", "creds bob / x".
_SPOKEN_LOGIN = re.compile(
    r"(?<![\w.-])(?:login|creds|credentials)[ \t]{0,4}:?[ \t]{1,4}[\w.@-]{1,60}[ \t]{0,2}[:/][ \t]{0,2}"
    r"[\"'`]?([^\s\"'`<>/:]{6,400})(?![/:])",
    re.IGNORECASE,
)
_ANOTHER = re.compile(r"[\"'`)\]]{0,2}(?:,|[ \t]{1,4}(?:or|and|to|[-=]>|/))[ \t]{1,4}[\"'`]?([^\s\"'`<>]{6,4000})")
# A file, a URL, a host, a date, a ticket, a number with its unit, a variable; a name of what Kubernetes has.
_NO_WORD = re.compile(
    r"\.{0,2}/|[a-z]+://|@\w+@|\$[{(A-Z]|\{[{%]|[\w.]+=|[a-z][\w-]{0,80}/[\w./-]+$|(?:[a-z0-9-]{1,80}\.)+[a-z0-9-]{1,80}(?::\d+)?$"
    r"|[\w-]+:\d{2,5}$|\d{4}-\d\d(?:-\d\d)?$|[A-Z]{2,}[-_]?\d+$|\d+[a-z]+$"
)
# Words of the trade that have digits in them.
_TERM = re.compile(
    r"(?:aes|argon|base|cgroup|ecdsa|ed|es|hmac|hs|http|ipv|md|oauth|pbkdf|pkcs|python|rfc|rs|rsa|sha|ssh|tls|utf)"
    r"[-_/ ]?\d{1,4}(?:\.\d{1,3})?(?:[-/][\w./-]{0,40})?$",
    re.IGNORECASE,
)
_ENDS = ".,:;!?)]}"
_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)+$")
_NUMBERED = re.compile(r"[A-Za-z][a-z]+\d$")
# After an option that a sentence is about.
_PLAIN_WORD = re.compile(r"[a-z]+[.,:;)]*")
# "password: see the vault": only words, which say where the secret is, or that there is none.
_PLACE = r"vaults?|env(?:ironment)?|variables?|secrets?|files?|sops|wiki|docs|ansible|terraform|kubernetes"
_FIRST_WORD = "see|ask|stored|kept|found|managed|provided|taken|generated|comes|siehe|liegt|steht|ver|veja"
# A word like "was" is followed by the secret itself.
_WHERE = re.compile(
    rf"(?:{_FIRST_WORD})(?:[ \t]+(?!(?:is|was|or|use|old|then|currently)\b)[a-z]{{1,15}}[.,;!]?){{1,12}}"
    rf"|(?:from|in|via)[ \t]+(?:(?:a|an|the|our|your)[ \t]+)?(?:[a-z]{{1,15}}[ \t]+)?(?:{_PLACE})[.;!]?"
    r"|not(?:[ \t]+(?!(?:is|was|or|use|old|then|currently|but|now|to|default|instead)\b)(?-i:[a-z]{1,15})[.,;!]?){1,12}"
    r"|(?:none|unset|optional|required|empty)[.;!]?",
    re.IGNORECASE,
)
# Of servers of the web.
_SET_VARIABLE = re.compile(
    r"[ \t]*(?:set[ \t]+\$|SetEnv[ \t]+|RequestHeader[ \t]+(?:set|append|add)[ \t]+)[\"']?([\w-]{1,100})[\"']?[ \t]+"
    r"(?!\$\w+;?[ \t]*$)(?:\"([^\"\n]{1,400})\"|([^\s\"';]{1,400}));?[ \t]*",
    re.IGNORECASE,
)
# A server of the web passes requests on.
_SETTING = re.compile(r"(?!(?:fastcgi|grpc|memcached|proxy|scgi|uwsgi)_pass$)[A-Za-z][A-Za-z0-9.-]*_[\w.-]*")
_SETTING_IN_QUOTES = re.compile(r"\s*([\w.-]{1,100})[ \t]+([\"'])((?:(?!\2)[^\n]){1,400})\2;?\s*")
_BLANK = re.compile(r"\s")
_MAX_WORDS = 20
_COMMENT_SIGNS = ("#", ";")


def is_expression(key: str) -> bool:
    """Whether a key is one of what matches labels or text."""
    return key in _EXPRESSIONS or key.lower().endswith(("regex", "regexp"))


def told(text: str) -> list[Span]:
    """What a string of sound YAML assigns to the name of a secret, or hands to a command."""
    return merged(
        [
            *(assigned(text) if "=" in text else ()),
            *commanded(text),
            *_said(text),
            *in_other_forms(text),
        ]
    )


def may_tell(text: str) -> bool:
    """Whether `told` may find more than assignments in a string of this text; quick, for whole files."""
    return (
        any(True for _found in _of_commands(text))
        or any(True for _found in _said(text))
        or any(parameter_names_a_secret(match.group()[1:-3]) for match in _QUOTED_HEADER.finditer(text))
        or any(True for _found in in_other_forms(text))
    )


def commanded(text: str, *, in_sentence: bool = False) -> list[Span]:
    """What a command line hands over as a secret; and the value of a string that is a header.

    in_sentence: a word behind an option may be one of the sentence that names the option.
    """
    if not any(
        sign in text
        for sign in ("-", ":", "set_header", "vault login", "configure set", "community", "com2sec", "createUser")
    ):
        return []
    found = list(_of_commands(text, in_sentence=in_sentence))
    whole = _WHOLE_HEADER.fullmatch(text)
    if whole and parameter_names_a_secret(whole.group(1)) and _is_value(whole.group(2)):
        found.append(whole.span(2))
    return found


def _of_commands(text: str, *, in_sentence: bool = False) -> Iterator[Span]:
    for match in _OPTION.finditer(text):
        said = match.group(1).rstrip(";")
        is_word = in_sentence and text[match.start(1) - 1] in " \t" and _PLAIN_WORD.fullmatch(said)
        if said and not is_word and _is_value(said) and said.rstrip(".,:").lower() not in _PROSE:
            yield match.start(1), match.start(1) + len(said)
    for word, header in (
        ("-H", _HEADER),
        ("--header", _HEADER),
        ("set_header", _SET_HEADER),
        ("set-header", _SET_HEADER),
    ):
        if word in text:
            for match in header.finditer(text):
                said = match.group(2).rstrip(";")
                if parameter_names_a_secret(match.group(1)) and _is_value(said):
                    yield match.start(2), match.start(2) + len(said)
    for word, pattern in _COMMANDS:
        if word in text:
            for match in pattern.finditer(text):
                said = match.group(1).rstrip(";")
                is_other = word in _LOGGED_IN and _ASKS.search(text, max(match.start() - 100, 0), match.start())
                if said and not is_other and _is_value(said) and said not in _PROSE:
                    yield match.start(1), match.start(1) + len(said)


def _said(text: str) -> Iterator[Span]:
    for match in _PASSWORD.finditer(text) if "assword" in text else ():
        said = match.group(2).rstrip(_ENDS)
        if _is_secret_in_string(said, surely=bool(match["surely"])):
            yield match.start(2), match.start(2) + len(said)


def _is_value(said: str) -> bool:
    return not (_VARIABLE.match(said) or NO_VALUE.match(said) or MASK.match(said))


def says_where(said: str) -> bool:
    """Whether what a comment says behind the name of a secret is a sentence about it."""
    return _WHERE.fullmatch(said) is not None


def across_lines(text: str) -> list[Span]:
    """What of `told` may stand behind a line break that is folded into a blank."""
    return merged([*commanded(text), *_said(text)])


def goes_on(before: str, line: str) -> list[Span]:
    """The secrets of a line with which a command goes on. before: what of it stands on the lines before."""
    edge = len(before)
    return [(start - edge, end - edge) for start, end in commanded(before + line) if start >= edge]


def is_option_value(before: Sequence[str], item: str) -> bool:
    """Whether an item of a list is a secret by those before it: an option that takes one, the words of a command."""
    option = before[-1] if before else ""
    if _LOGIN_ITEM.fullmatch(option):
        return _LOGIN.fullmatch(item) is not None and not _VARIABLE.search(item)
    if _OPTION_ITEM.fullmatch(option):
        is_other = item.startswith("--") or (item.startswith("-") and not any(char.isdigit() for char in item))
        return bool(item.strip()) and not is_other and item not in {"true", "false"} and _is_value(item)
    words = [*before[-_MAX_WORDS:], item]
    return any(word.startswith("-") for word in words) and of_words(words)[-1]


def of_words(words: Sequence[str]) -> list[bool]:
    """Of the words of a command, which are items of a list, whether each is a secret. One with a blank is no word."""
    # A break ends the command.
    joined = [word if word and not _BLANK.search(word) else "\n" for word in words]
    edges = list(accumulate([len(word) + 1 for word in joined], initial=0))
    found = [False] * len(words)
    for start, _end in commanded(" ".join(joined)):
        number = bisect_right(edges, start) - 1
        found[number] = not commanded(joined[number])
    return found


def spoken(line: str) -> list[Span]:
    """Where a comment says ``password x`` of an x that is no word of prose."""
    found: list[Span] = []
    for match in _SPOKEN.finditer(line):
        said: re.Match[str] | None = match
        while said:
            word = said.group(said.lastindex or 0)
            begin = said.start(said.lastindex or 0)
            word = word.rstrip(_ENDS)
            if not _is_secret_word(word, surely=bool(match["surely"])):
                break
            found.append((begin, begin + len(word)))
            said = _ANOTHER.match(line, begin + len(word))
    for login in _SPOKEN_LOGIN.finditer(line):
        word = login.group(1).rstrip(_ENDS)
        if _is_secret_word(word, surely=False):
            found.append((login.start(1), login.start(1) + len(word)))
    return merged(found)


def _is_secret_word(word: str, *, surely: bool) -> bool:
    tells = any(char.isdigit() for char in word) or any(char in "!$%&*+^~#@" for char in word)
    is_name = _NO_WORD.match(word) or _TERM.match(word) or (not surely and _NAME.match(word))
    return tells and not is_name and is_telling(word, Elsewhere.COMMENT)


def _is_secret_in_string(word: str, *, surely: bool) -> bool:
    """The same where it is no comment: there, a word with a digit is what the string is about."""
    return _is_secret_word(word, surely=surely) and (surely or not _NUMBERED.match(word))


def in_prose(line: str) -> list[Span]:
    """The secrets that a line of prose tells of, as a pair of name and value, in a sentence or in a command."""
    return [*pairs(line), *spoken(line), *commanded(line, in_sentence=True), *in_other_forms(line)]


def two_words(line: str) -> list[Span]:
    """The secret of a line that is but the name of a setting and what is no word: ``requirepass x9``."""
    # Where a command sets it, or in quotes, a word is none of a sentence.
    setting = _SET_VARIABLE.fullmatch(line)
    if setting:
        span = setting.span(setting.lastindex or 0)
        return [span] if parameter_names_a_secret(setting.group(1)) and _is_value(line[slice(*span)]) else []
    setting = _SETTING_IN_QUOTES.fullmatch(line)
    if setting:
        return [setting.span(3)] if names_a_secret(setting.group(1)) and _is_value(setting.group(3)) else []
    words = line.split(None, 2)
    if len(words) != 2 or not names_a_secret(words[0]):
        return []
    said = words[1].rstrip(";").strip("\"'")
    # A sign is the operator of an expression, or begins a variable or a path.
    is_setting = _SETTING.fullmatch(words[0]) and said[:1].isalnum() and not _PLAIN_WORD.fullmatch(said)
    if is_setting and rule_names_a_secret(words[0]) and _is_value(said):
        return [(line.rfind(said), line.rfind(said) + len(said))]
    if not _is_secret_in_string(said, surely="pass" in words[0].lower()) or not _is_value(said):
        return []
    start = line.rfind(said)
    return [(start, start + len(said))]


def in_lines(text: str) -> list[Span]:
    """The secrets of those lines of a string that are comments of a script or settings of another kind of config."""
    found: list[Span] = []
    base = 0
    for line in text.split("\n"):
        spans = in_prose(line) if line.lstrip(" \t")[:1] in _COMMENT_SIGNS else two_words(line)
        if spans:
            found.extend([(base + start, base + end) for start, end in spans])
        base += len(line) + 1
    return found
