# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known kinds of token, which a string shows by their shape.

Every pattern is bounded, so that a hostile text costs linear time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

_AUTHORIZATION = r"\\?[\"']?[ \t]{0,4}[:=,][ \t]{0,4}\\?[\"']?"
# Names like k8s-prod and app-v1beta1, of words with a hyphen between them.
_PART = r"(?:[a-z]{1,40}\d{0,2}|[a-z]?\d{1,2}[a-z]?|v\d(?:alpha|beta)\d)"
_NOT_A_NAME = rf"(?!{_PART}(?:-{_PART}){{1,9}}(?![\w.~-]))"
# Letters and digits change places: thrice, and once more.
_MIXED = _NOT_A_NAME + r"(?=[\w~-]{0,200}?(?:\d[A-Za-z]{1,40}\d|[A-Za-z]\d{1,40}[A-Za-z]))"
_VERY_MIXED = r"(?=[\w~-]{0,200}?(?:\d[A-Za-z]{1,40}\d{1,40}[A-Za-z]|[A-Za-z]\d{1,40}[A-Za-z]{1,40}\d))"
_END = r"[^\s\"'<>`\\,|)\]}]"
# What tokens of well-known services begin with, where all behind it looks random.
_BEGINNINGS = (
    "github_pat_", "glcbt-", "gldt-", "glpat-", "glptt-", "glrt-", "glsa_", "dckr_oat_", "dckr_pat_", "doo_v1_",
    "dop_v1_", "dt0c01.", "eyJrIjoi", "lin_api_", "pypi-", "rk_live_", "sk_live_", "sk-ant-", "sk-proj-",
    "sntrys_", "sntryu_", "tskey-", "ya29.", "ATATT3", "GOCSPX-", "NRAK-", "b.AAAAAQ",
)  # fmt: skip
# The same, by how many letters and digits follow.
_LENGTHS = {"hf_": 34, "npm_": 36, "tk_": 29}
# What stands in the path of a URL before the secret of who may send alerts there.
_INTEGRATIONS = ("/alert/", "/alertmanager/", "/integration/", "/prometheus/", "/webhook/", "/v1/http/", "hc-ping.com/")
# Each kind of token with a word that stands in every token of it. A pattern begins with fixed text where it can, and
# looks back to what must or must not precede it: that is what `re` finds fast in a long text.
_TOKENS: tuple[tuple[str, str], ...] = (
    ("hooks.", rf"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/({_END}{{3,400}})"),
    ("/webhooks/", rf"discord(?:app)?\.com/api/(?:v\d{{1,2}}/)?webhooks/({_END}{{3,400}})"),
    (
        "/webhook",
        rf"\.office(?<=(?:webhook|outlook)\.office)(?:365)?\.com/webhook(?:b2)?/({_END}{{3,600}})",
    ),
    ("hooks.", rf"hooks\.zapier\.com/hooks/catch/({_END}{{3,200}})"),
    # Mattermost and others alike, Rocket.Chat, Feishu.
    (
        "/hook",
        r"/hooks?/((?=[A-Za-z/]{0,80}\d)(?:[0-9A-Za-z]{17,64}(?:/[0-9A-Za-z]{20,100})?|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-"
        r"[0-9a-f]{12}))(?![\w-])",
    ),
    ("events.pagerduty.com", r"events\.pagerduty\.com/integration/(\w{16,64})"),
    ("key ", r"key {1,3}[\"'`(]?([0-9a-f]{32})(?![\w-])"),
    ("/with/key/", r"/with/key/([\w-]{8,80})"),
    # The part of a path behind such a name.
    *(
        (sign, rf"{sign}{before}({mixed}[\w~-]{{8,400}}={{0,2}})(?![\w.:~-])")
        for sign, before, mixed in (
            ("oken/", r"(?:(?<=[/_-]token/)|(?<=[a-z]Token/))", _MIXED),
            ("key/", r"(?:(?<=[/_-]key/)|(?<=apikey/))", _MIXED),
            ("/push/", "", _MIXED),
            ("/heartbeat/", "", _MIXED),
            ("/s/", r"(?![0-9a-f]{8}-)", _VERY_MIXED),
        )
    ),
    ("xox", r"(xox(?<!\wxox)[a-z](?:\.xox[a-z])?-[\w-]{8,200})"),
    ("xapp-", r"(xapp-(?<!\wxapp-)[\w-]{8,200})"),
    ("gh", r"(gh(?<!\wgh)[pousr]_\w{20,100})"),
    # Of these, one in twenty has too few digits to look random.
    ("github_pat_", r"(github_pat_(?<!\wgithub_pat_)\w{20,120})"),
    ("glpat-", r"(glpat-(?<!\wglpat-)[\w-]{16,100})"),
    ("glsa_", r"(glsa_(?<!\wglsa_)\w{20,100})"),
    *(
        (sign, rf"({text}(?<!\w{text})(?:(?=\d[A-Za-z])|{_MIXED})(?:[\w~+/-]|\.(?=\w)){{16,1000}}={{0,2}})")
        for sign in _BEGINNINGS
        for text in [re.escape(sign)]
    ),
    *((sign, rf"({sign}(?<!\w{sign})[0-9A-Za-z]{{{length}}})(?!\w)") for sign, length in _LENGTHS.items()),
    ("hv", r"(hv(?<!\whv)[sbr]\.[\w-]{20,400})"),
    ("AKIA", r"(AKIA(?<!\wAKIA)[0-9A-Z]{16})\b"),
    ("ASIA", r"(ASIA(?<!\wASIA)[0-9A-Z]{16})\b"),
    ("eyJ", r"(eyJ(?<!\weyJ)[\w-]{8,4000}\.eyJ[\w-]{8,4000}\.[\w-]{0,2000})"),
    (
        "uthorization",
        "uthorization" + _AUTHORIZATION + r"(?:[Bb]earer|[Bb]asic|BEARER|BASIC)[ \t]{1,8}"
        r"(?!(?:auth\w*|tokens?|realm|schemes?|headers?|credentials?|and|or)\b)([\w.~+/-]{1,4000}={0,2})",
    ),
    *(
        (
            word,
            word + _AUTHORIZATION + r"(?:[Tt]oken|TOKEN|[Aa]pi-?[Kk]ey|[Gg]enie[Kk]ey|SSWS|Splunk|Key)[ \t]{1,8}"
            r"(?=\S{0,400}\d)([\w.~+/-]{6,4000}={0,2})",
        )
        for word in ("uthorization", "UTHORIZATION")
    ),
    ("$apr1$", r"(\$apr1\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22})"),
    ("oracle:thin:", r"oracle:thin:[^\s/:@]{1,100}/([^\s@]{1,200})@"),
    ("md5", r"(md5(?<!\wmd5)[0-9a-f]{32})(?!\w)"),
    ("SCRAM-SHA-", r"(SCRAM-SHA-(?:1|256|512)\$\d{1,9}:[A-Za-z0-9+/=]{8,100}\$[A-Za-z0-9+/=:]{20,300})"),
    ("{SHA}", r"\{SHA\}([A-Za-z0-9+/]{27}=)"),
    ("{SSHA", r"\{SSHA\d{0,3}\}([A-Za-z0-9+/]{30,200}={0,2})"),
    (
        "$",
        r"(\$(?:1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}(?![./A-Za-z0-9])"
        r"|[56]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}"
        r"|y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,90}\$[./A-Za-z0-9]{43}"
        r"|argon2(?:id?|d)\$[\w=,$]{1,80}\$[A-Za-z0-9+/]{8,100}\$[A-Za-z0-9+/]{16,200}))",
    ),
    ("glc_", r"(glc_(?<!\wglc_)[A-Za-z0-9+/]{20,1000}={0,2})"),
    ("AIza", r"(AIza(?<!\wAIza)[\w-]{35})(?![\w-])"),
    ("SG.", r"(SG\.(?<!\wSG\.)[\w-]{16,40}\.[\w-]{16,80})"),
    ("AGE-SECRET-KEY-1", r"(AGE-SECRET-KEY-1[0-9A-Z]{16,100})"),
    ("$2", r"(\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53})"),
    *(
        (
            rest,
            rf"{rest}(?<=[{signs}]{rest})(?<!\w.{rest})[ \t]{{1,8}}(?=\S{{0,400}}\d)([\w.~+/-]{{16,4000}}={{0,2}})",
        )
        for signs, rest in (("Bb", "earer"), ("B", "EARER"), ("Bb", "asic"), ("B", "ASIC"))
    ),
)
# The same of tokens whose word stands in many a text, which is no sign of them. Those of Telegram's bots have none.
_RARE_TOKENS = (
    ("s.", r"(s\.(?<![\w.-]s\.)(?=[0-9a-z]*[A-Z])(?=[0-9A-Z]*[a-z])[0-9A-Za-z]{24})(?![\w-]|\.\w)"),
    *((sign, rf"{sign}({_MIXED}[\w~-]{{16,400}}={{0,2}})(?![\w.:~-])") for sign in _INTEGRATIONS),
)
_BOT_TOKEN = re.compile(r"(?<!\d)(\d{8,10}:[\w-]{35})(?![\w-])", re.ASCII)
_BOT_SIGN = re.compile(r":(?<=\d{8}:)[\w-]{35}", re.ASCII)
# One of these stands in whatever _TOKENS finds; no case counts.
TOKEN_WORDS = (
    "hooks.", "/webhook", "events.pagerduty.com", "key ", "/with/key/", "xox", "xapp-", "ghp_", "gho_", "ghu_", "ghs_",
    "ghr_", "hvs.", "hvb.", "hvr.", "akia", "asia", "eyj", "$2", "earer ", "earer\t", "asic ", "asic\t", "uthorization",
    "private key", "$apr1$", "{sha}", "{ssha", "$1$", "$5$", "$6$", "$y$", "$argon2", "glc_", "aiza", "sg.",
    "md5", "scram-sha-", "oracle:thin:", "/hook", "oken/", "key/", "/push/", "/heartbeat/", "/s/", "age-secret-key-",
    *_LENGTHS, *(sign.lower() for sign in _BEGINNINGS),
)  # fmt: skip


@functools.cache
def _token(pattern: str) -> re.Pattern[str]:
    """Compiled when it is first needed: few fleets have more than one kind."""
    return re.compile(pattern)


def tokens(text: str) -> Iterator[tuple[int, int]]:
    """Where tokens stand in a string, of those with one of TOKEN_WORDS in them."""
    return _found(_TOKENS, text)


def rare_tokens(text: str) -> Iterator[tuple[int, int]]:
    """The same of all others."""
    yield from _found(_RARE_TOKENS, text)
    if _BOT_SIGN.search(text):
        for match in _BOT_TOKEN.finditer(text):
            yield match.span(1)


def _found(kinds: Iterable[tuple[str, str]], text: str) -> Iterator[tuple[int, int]]:
    for word, pattern in kinds:
        if word in text:
            for match in _token(pattern).finditer(text):
                yield match.span(1)
