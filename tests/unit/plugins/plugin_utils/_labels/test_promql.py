# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import promql
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.promql import ANY, Labels

TARGETS = Labels(targets=True)


def closed(*names: str) -> Labels:
    return Labels(frozenset(names))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up == 0", TARGETS),
        ("up{job='a'} == 0 # sum by (b) (c)", TARGETS),
        ("node_load1 > 1", ANY),
        ("rate(http_requests_total{code=~'5..'}[5m]) > 0", ANY),
        ("sum(rate(x[5m])) > 1", closed()),
        ("sum by (job, instance) (rate(x[5m])) > 1", closed("job", "instance")),
        ("sum(rate(x[5m])) by (job)", closed("job")),
        ("SUM BY (job) (x) / sum by (job, code) (y)", closed("job", "code")),
        ("sum by (a) (sum by (a, b) (x))", closed("a")),
        ("sum by (a) (sum by (b) (x))", closed()),
        ("sum without (b) (sum by (a, b) (x))", closed("a")),
        ("sum without (b) (x)", ANY),
        ("sum without (b) (up)", TARGETS),
        ("topk by (a) (3, x)", ANY),
        ("topk(3, sum by (a) (x))", closed("a")),
        ("count_values by (a) ('version', build)", closed("a", "version")),
        ("histogram_quantile(0.9, sum by (le, job) (rate(x_bucket[5m]))) > 1", closed("le", "job")),
        ("label_replace(sum by (a) (x), 'dst', '$1', 'a', '(.*)')", closed("a", "dst")),
        ("label_join(up, 'dst', '-', 'a', 'b') == 0", Labels(frozenset({"dst"}), targets=True)),
        ("histogram_quantiles(sum by (le, a) (x), 'q', 0.5, 0.9) > 1", closed("le", "a", "q")),
        ("absent(up{job='a', env=\"b\", c!='d'})", closed("job", "env")),
        ("absent(x)", closed()),
        ("vector(1)", closed()),
        ("time() - process_start_time_seconds > 1", ANY),
        ("scalar(x) > 1", closed()),
        ("sum by (a) (x) * on (a) group_left (b) sum by (a, b) (y)", closed("a", "b")),
        ("sum by (a) (x) > on () group_left vector(1)", closed("a")),
        ("x and on (job) up", ANY),
        ("up unless on (job) sum by (job) (y)", Labels(frozenset({"job"}), targets=True)),
        ("avg_over_time(sum by (a) (x)[5m:1m]) offset 5m", closed("a")),
        ("{__name__=~'a.*', b='c'}", ANY),
        ("{__name__='up'}", TARGETS),
        ('{"up", job="a"}', TARGETS),
        ('{"utf-8.metric"}', ANY),
        ('sum by ("utf-8.label") (x)', closed("utf-8.label")),
        ("info(up)", ANY),
        ("(((up)))", TARGETS),
        ("-up", TARGETS),
        ("x{", ANY),
        ("sum by (a", ANY),
        ("sum by (a) x)", ANY),
        ("§", ANY),
        ("(" * 5000, ANY),
        ("", closed()),
    ],
)
def test_which_labels_a_result_may_carry(text: str, expected: Labels) -> None:
    assert promql.read(text).labels == expected


def test_labels_that_are_named_anywhere() -> None:
    text = "sum by (a) (x{b='1', c=~'2'}) / on (d) group_left (e) label_replace(y, 'f', '', 'a', '') > 1"
    assert promql.read(text).named == {"a", "b", "c", "d", "e", "f"}


def test_metrics_that_rules_record_are_followed() -> None:
    metrics = promql.recorded(
        [
            ("job:x:sum", "sum by (job) (x)", frozenset({"tier"})),
            ("a:b", "c:d", frozenset()),
            ("c:d", "a:b + sum by (z) (y)", frozenset()),
            ("plain", "sum by (job) (x)", frozenset()),
        ]
    )
    assert promql.read("job:x:sum > 1", metrics).labels == closed("job", "tier")
    circle = promql.read("a:b > 1", metrics).labels
    assert circle.metrics
    assert circle.targets
    # A scraped metric may have the same name.
    assert promql.read("plain > 1", metrics).labels == ANY
    # What Prometheus makes itself stays what it is.
    metrics = promql.recorded([("up", "sum by (team) (x)", frozenset({"tier"}))])
    assert promql.read("up == 0", metrics).labels == Labels(frozenset({"team", "tier"}), targets=True)


def test_scraped_series_may_have_the_names_of_other_metrics() -> None:
    metrics = promql.recorded([("a:b", "sum by (job) (x)", frozenset({"tier"}))], imported=True)
    assert promql.read("up == 0", metrics).labels == Labels(targets=True, imported=True)
    assert promql.read("a:b > 1", metrics).labels == Labels(frozenset({"job", "tier"}), imported=True)
    assert promql.read("sum without (job) (a:b)", metrics).labels == Labels(frozenset({"tier"}), imported=True)
    # Any label that a sum is made by may come from there.
    assert promql.read("sum by (team) (a:b)", metrics).labels == closed("team")
    assert promql.read("other > 1", metrics).labels == ANY


@given(st.text(alphabet="sumby upx(){}[]=~!'\",:1m@/+-#\n", max_size=60))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(promql.read(text).labels, Labels)
