# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scrape jobs, one for each relabelling action and each trap, for a real Prometheus and the engine alike.

Each is what stands below job_name. since: the first version that knows all of it; until: the last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("2.24", "2.42", "3.5")


@dataclass(frozen=True)
class Case:
    name: str
    body: str
    since: str = "2.24"
    until: str = "3.5"

    def runs_on(self, version: str) -> bool:
        return VERSIONS.index(self.since) <= VERSIONS.index(version) <= VERSIONS.index(self.until)

    @property
    def text(self) -> str:
        lines = "\n".join(f"  {line}" for line in self.body.strip("\n").splitlines())
        return f"- job_name: {self.name}\n{lines}\n"


def one(name: str, labels: str, rules: str, since: str = "2.24", until: str = "3.5") -> Case:
    """A job of one target with these labels and rules."""
    rules_block = "\n".join(f"- {rule.strip()}" for rule in rules.strip().splitlines())
    body = f"static_configs: [{{targets: ['h:9100'], labels: {{{labels}}}}}]\nrelabel_configs:\n{rules_block}"
    return Case(name, body, since, until)


CASES = [
    Case("plain-static", "static_configs: [{targets: ['h:9100'], labels: {company: ACME, env: prod}}]"),
    Case("several-groups", "static_configs: [{targets: ['a:1', 'b:2'], labels: {x: '1'}}, {targets: ['c:3']}]"),
    Case("equal-targets", "static_configs: [{targets: ['a:1', 'a:1'], labels: {x: '1'}}]"),
    Case("no-port", "static_configs: [{targets: ['plain.example']}]"),
    Case("no-port-https", "scheme: https\nstatic_configs: [{targets: ['plain.example', '10.0.0.1']}]"),
    Case("rules-null", "static_configs: [{targets: ['h:9100'], labels: {env: prod}}]\nrelabel_configs:"),
    Case("rules-empty", "static_configs: [{targets: ['h:9100'], labels: {env: prod}}]\nrelabel_configs: []"),
    Case("job-as-label", "static_configs: [{targets: ['h:9100'], labels: {job: other, instance: i}}]"),
    Case("internal-labels", "static_configs: [{targets: ['h:1'], labels: {__tmp_x: a, __meta_y: b, ___z: c, _ok: d}}]"),
    Case("empty-label", "static_configs: [{targets: ['h:1'], labels: {gone: '', env: prod}}]"),
    Case("scalars", "static_configs: [{targets: ['h:1'], labels: {a: 80, b: true, c: 1.50, d: 0x1F, e: 2020-01-02}}]"),
    one("constant", "env: prod", "{target_label: region, replacement: sa-east-1}"),
    one("constant-number", "env: prod", "{target_label: port, replacement: 80}"),
    one("copy-missing", "env: prod", "{source_labels: [nosuch], target_label: env}"),
    one("copy-missing-plus", "env: prod", "{source_labels: [nosuch], regex: '(.+)', target_label: env}"),
    one("copy-meta", "__meta_a: x", "{source_labels: [__meta_a], target_label: a}"),
    one("no-match", "env: preprod", "{source_labels: [env], regex: prod, target_label: tier, replacement: gold}"),
    one("regex-boolean", "flag: 'true'", "{source_labels: [flag], regex: true, target_label: on, replacement: yes}"),
    one("joined", "b: x", "{source_labels: [nosuch, b, nosuch2], target_label: all}"),
    one("joined-all-missing", "b: x", "{source_labels: [n1, n2], target_label: all}"),
    one("separator", "a: x, b: y", "{source_labels: [a, b], separator: '-', target_label: all}"),
    one("separator-empty", "a: x, b: y", "{source_labels: [a, b], separator: '', target_label: all}"),
    one("separator-null", "a: x, b: y", "{source_labels: [a, b], separator: , target_label: all}"),
    one("regex-null", "a: x", "{source_labels: [a], regex: , target_label: b, replacement: c}"),
    one("regex-null-empty", "a: x", "{source_labels: [n], regex: , target_label: b, replacement: c}"),
    one("replacement-null", "a: x", "{source_labels: [a], target_label: a, replacement: }"),
    one("replacement-empty", "note: x", "{source_labels: [note], target_label: note, replacement: ''}"),
    one("sources-null", "a: x", "{source_labels: , target_label: b, replacement: c}"),
    one(
        "group-by-number", "a: x-y", "{source_labels: [a], regex: '(.*)-(.*)', target_label: b, replacement: '$2${1}z'}"
    ),
    one("group-swallowed", "a: x", "{source_labels: [a], regex: '(.*)', target_label: b, replacement: 'p$1x'}"),
    one("group-by-name", "a: x", "{source_labels: [a], regex: '(?P<n>.*)', target_label: b, replacement: '${n}-$n'}"),
    one("group-unknown", "a: x", "{source_labels: [a], regex: '(.*)', target_label: b, replacement: 'q$9${zz}'}"),
    one("group-whole", "a: xyz", "{source_labels: [a], regex: 'x(.)z', target_label: b, replacement: '$0-$1'}"),
    one("group-unset", "a: x", "{source_labels: [a], regex: '(x)|(y)', target_label: b, replacement: '$1$2!'}"),
    one("dollars", "a: x", "{source_labels: [a], regex: '(.*)', target_label: b, replacement: '$$1 $ ${ $$$1'}"),
    one("leading-zero", "a: x", "{source_labels: [a], regex: '(.*)', target_label: b, replacement: '${01}-${1}'}"),
    one("unanchored", "a: xprodx", "{source_labels: [a], regex: prod, target_label: b, replacement: c}"),
    one("unbalanced-parts", "a: xy", "{source_labels: [a], regex: 'x)(y', target_label: b, replacement: '$1'}"),
    one("alternatives", "a: foobar", "{source_labels: [a], regex: 'foo|bar', target_label: b, replacement: c}"),
    one("case-folding", "a: PROD", "{source_labels: [a], regex: '(?i)prod', target_label: b, replacement: c}"),
    one("lazy", "a: aab", "{source_labels: [a], regex: '(a+?)(a*)b', target_label: b, replacement: '$1,$2'}"),
    one("leftmost", "a: ab", "{source_labels: [a], regex: '(a|ab)(b?)', target_label: b, replacement: '$1,$2'}"),
    one("unicode", "a: größe", "{source_labels: [a], regex: 'gr(.)(.*)', target_label: b, replacement: '$1$2'}"),
    one("dot-newline", '"a": "x\\ny"', "{source_labels: [a], regex: 'x.y', target_label: b, replacement: c}"),
    one("star-newline", '"a": "x\\ny"', "{source_labels: [a], target_label: b}"),
    one(
        "template",
        "t: ',team=core,'",
        r"{source_labels: [t], regex: ',(\w+)=(\w+),', target_label: '${1}', replacement: '${2}'}",
    ),
    one(
        "template-text", "t: core", "{source_labels: [t], regex: '(.*)', target_label: 'is_${1}_now', replacement: 'y'}"
    ),
    one("template-invalid", "t: a-b", "{source_labels: [t], regex: '(.*)', target_label: '${1}', replacement: 'y'}"),
    one("template-empty-name", "t: a", "{source_labels: [n], regex: '(.*)', target_label: '${1}', replacement: 'y'}"),
    one(
        "template-deletes",
        "a: x, b: y",
        "{source_labels: [b], regex: '(y)', target_label: 'a${2}', replacement: '${2}'}",
    ),
    one("rewrite-job", "__meta_s: api", "{source_labels: [__meta_s], target_label: job}"),
    one("delete-job", "a: x", "{source_labels: [nosuch], target_label: job}"),
    one("delete-instance", "instance: i", "{source_labels: [nosuch], target_label: instance}"),
    one(
        "chain",
        "__meta_t: core",
        "{source_labels: [__meta_t], target_label: __tmp_t}\n{source_labels: [__tmp_t], target_label: team}",
    ),
    one(
        "last-wins",
        "__meta_a: a, __meta_b: b",
        "{source_labels: [__meta_a], target_label: e}\n{source_labels: [__meta_b], target_label: e}",
    ),
    one(
        "two-rules",
        "__meta_t: ',lnx,', __meta_dc: rio",
        "{source_labels: [__meta_t], regex: ',(win|lnx),', target_label: os}\n"
        "{source_labels: [__meta_dc], target_label: os, replacement: 'dc-$1'}",
    ),
    one("keep", "env: prod", "{source_labels: [env], regex: prod, action: keep}"),
    one("keep-drops", "env: prod", "{source_labels: [env], regex: test, action: keep}"),
    one("keep-missing", "env: prod", "{source_labels: [nosuch], regex: '', action: keep}"),
    one("drop", "env: prod", "{source_labels: [env], regex: prod, action: drop}"),
    one("drop-other", "env: prod", "{source_labels: [env], regex: test, action: drop}"),
    one("drop-all", "env: prod", "{action: drop}"),
    one(
        "action-case",
        "env: prod",
        "{source_labels: [env], regex: PROD, action: Drop}\n{target_label: a, replacement: b, action: REPLACE}",
    ),
    one("hashmod", "env: prod", "{source_labels: [env], modulus: 8, target_label: shard, action: hashmod}"),
    one("hashmod-missing", "a: x", "{source_labels: [n, m], modulus: 1000, target_label: shard, action: hashmod}"),
    one("hashmod-one", "a: x", "{source_labels: [a], modulus: 1, target_label: a, action: hashmod}"),
    one(
        "hashmod-regex",
        "a: x",
        "{source_labels: [a], modulus: 97, regex: nothing, target_label: s, action: hashmod}",
    ),
    one("labelmap", "__meta_m_company: ACME, __meta_m_env: prod", "{action: labelmap, regex: '__meta_m_(.+)'}"),
    one("labelmap-prefix", "__meta_m_a: x", "{action: labelmap, regex: '__meta_m_(.+)', replacement: 'k8s_$1'}"),
    one("labelmap-overwrites", "__meta_m_env: new, env: old", "{action: labelmap, regex: '__meta_m_(.+)'}"),
    one("labelmap-public", "env: prod", "{action: labelmap, regex: 'e(n)v', replacement: 'x_$1'}"),
    one("labelmap-none", "env: prod", "{action: labelmap, regex: 'nothing_(.+)'}"),
    one("labelmap-internal", "env: prod", "{action: labelmap, regex: '__(scheme|metrics_path)__', replacement: '$1'}"),
    one("labeldrop", "company: a, comp: b, env: c", "{action: labeldrop, regex: 'comp.*'}"),
    one("labeldrop-job", "env: c", "{action: labeldrop, regex: 'job|instance'}"),
    one("labeldrop-address", "env: c", "{action: labeldrop, regex: '__address__'}"),
    one(
        "labelkeep",
        "__meta_dc: rio, env: prod",
        "{source_labels: [__meta_dc], target_label: dc}\n{action: labelkeep, regex: '__.*|env'}",
    ),
    one("labelkeep-all-gone", "env: prod", "{action: labelkeep, regex: 'env'}"),
    one("lowercase", "env: PrOd", "{source_labels: [env], target_label: low, action: lowercase}", "2.42"),
    one("uppercase", "env: prod ß é", "{source_labels: [env], target_label: up, action: uppercase}", "2.42"),
    one("lowercase-missing", "low: x", "{source_labels: [n], target_label: low, action: lowercase}", "2.42"),
    one(
        "uppercase-joined",
        "a: x, b: y",
        "{source_labels: [a, b], regex: no, target_label: up, action: uppercase}",
        "2.42",
    ),
    one("keepequal", "a: '80', b: '80'", "{source_labels: [a], target_label: b, action: keepequal}", "2.42"),
    one("keepequal-drops", "a: '80', b: '81'", "{source_labels: [a], target_label: b, action: keepequal}", "2.42"),
    one("keepequal-missing", "a: x", "{source_labels: [n], target_label: m, action: keepequal}", "2.42"),
    one("dropequal", "a: '80', b: '80'", "{source_labels: [a], target_label: b, action: dropequal}", "2.42"),
    one("dropequal-keeps", "a: '80'", "{source_labels: [a], target_label: wanted, action: dropequal}", "2.42"),
    one(
        "address-rewritten",
        "",
        "{source_labels: [__address__], regex: '([^:]+):.*', target_label: __address__, replacement: '$1:9'}",
    ),
    one("address-slash", "", "{target_label: __address__, replacement: 'http://x/y'}"),
    one("address-deleted", "", "{target_label: __address__, replacement: ''}"),
    one("interval", "", "{target_label: __scrape_interval__, replacement: 2h}", "2.42"),
    one("interval-wrong", "", "{target_label: __scrape_interval__, replacement: nonsense}", "2.42"),
    one("interval-short", "", "{target_label: __scrape_interval__, replacement: 1s}", "2.42"),
    one(
        "timeout-from-label",
        "__scrape_timeout__: 5s, __scrape_interval__: 9s",
        "{source_labels: [__scrape_timeout__], target_label: t}",
        "2.42",
    ),
    one("settings", "", "{source_labels: [__scheme__, __metrics_path__, job], target_label: all}"),
    one("times", "", "{source_labels: [__scrape_interval__, __scrape_timeout__], target_label: times}", "2.42"),
    one("utf8-target", "a: x", "{source_labels: [a], target_label: 'my.label'}", "3.5"),
    one("utf8-template", "a: 'x-y'", "{source_labels: [a], regex: '(.*)', target_label: '$1', replacement: z}", "3.5"),
    one("site-from-address", "", r"{source_labels: [__address__], regex: '([^:]+):\d+', target_label: site}"),
    Case("utf8-label", "static_configs: [{targets: ['h:1'], labels: {my.label: x, 'größe': y}}]", "3.5"),
    Case(
        "blackbox",
        """
metrics_path: /probe
params: {module: [http_2xx, second], empty: []}
static_configs: [{targets: ['https://a.example/x', 'https://b.example'], labels: {company: ACME}}]
relabel_configs:
- {source_labels: [__address__], target_label: __param_target}
- {source_labels: [__param_target], target_label: instance}
- {source_labels: [__param_module], target_label: module}
- {source_labels: [nosuch], target_label: ghost}
- {target_label: __address__, replacement: '127.0.0.1:9115'}
""",
    ),
    Case(
        "anchors",
        """
static_configs:
- &base {targets: ['a:1'], labels: {env: prod}}
- {<<: *base, labels: {role: db}}
- {<<: *base, targets: ['b:1']}
relabel_configs:
- &rule {source_labels: [env], target_label: e, regex: (.*)}
- {<<: *rule, target_label: f, replacement: 'f-$1'}
- {target_label: g, <<: *rule}
""",
    ),
    Case(
        "dedup-by-rules",
        """
static_configs: [{targets: ['a:1', 'b:1', 'c:1']}]
relabel_configs:
- {target_label: __address__, replacement: 'one:1'}
""",
    ),
    Case(
        "some-dropped",
        """
static_configs: [{targets: ['a:1', 'b:1', 'c:1'], labels: {env: prod}}]
relabel_configs:
- {source_labels: [__address__], regex: 'b:.*', action: drop}
- {source_labels: [__address__], regex: '(a):.*', target_label: letter}
""",
    ),
]


def _more() -> list[Case]:
    text = (Path(__file__).parent / "more_jobs.txt").read_text(encoding="utf-8")
    found = re.findall(r"^# (\S+) (\S+)\n- job_name: (\S+)\n((?:(?!# \d).*\n)*)", text, re.MULTILINE)
    return [
        Case(name, re.sub(r"^  ", "", body, flags=re.MULTILINE), since, until) for since, until, name, body in found
    ]


# Rules that build on each other, forms of YAML, odd addresses and templates.
CASES += _more()
