# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public configs: what promtool says of them, and the labels that a real Prometheus gave."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.integration.labels import corpus
from tests.integration.labels.engine import TARGET_STAGES

pytestmark = pytest.mark.skipif(not corpus.FOLDER.is_dir(), reason="the corpus is not beside the project")

READ = ("prometheus", "scrape_config_file", "scrape_list", "rules", "file_sd")

# Files that promtool refuses for what is no matter of YAML or relabelling, or because of its version.
OTHER_REASONS = {
    "PromQL or a template": (
        "vmalert/config/testdata/dir/rules0-bad.rules",
        "vmalert/config/testdata/dir/rules2-bad.rules",
        "deployment/docker/rules/alerts-vmanomaly.yml",
        "prometheus-alerts/broker-alerts.yml",
        "rulefmt/testdata/bad_expr.bad.yaml",
        "badRulesNoAnnotations.golden.embedded/00-prometheusrule-test.yml",
        "00-prometheusrule-billing-roleassignment.alerts.yml",
    ),
    "keys of the versions between": (
        "prometheusconvert/testdata/unsupported.yaml",
        "NativeHistogramConfigMissConvertClassicHistogramsToNHCB.golden",
        "NativeHistogramConfigWithMissNativeHistogramMinBucketFactor.golden",
    ),
    "names that only Prometheus 2 refuses": (
        "jmcarp+prometheus-config/config/testdata/labelname.bad.yml",
        "rulefmt/testdata/bad_annotation.bad.yaml",
    ),
    "targets that Prometheus loads and does not take": (
        "monitoring/prometheus/web_targets.yml.example",
        "url_in_alert_targetgroup_with_relabel_config.bad.yml",
    ),
    "the form of a cloud's keys, or its default region": (
        "jmcarp+prometheus-config/config/testdata/conf.good.yml",
        "promtool/testdata/prometheus-aws-sd-empty-region.good.yml",
    ),
    "what later versions alone refuse": ("testdata/remote_write_queue_capacity_zero.bad.yml",),
    "agent mode": ("agent_mode.with_alert_relabels.yml", "agent_mode.with_rule_files.yml"),
    "another program's rules": (
        "dir/rules5-bad.rules",
        "rules/rules-multi-doc-duplicates-bad.rules",
        "promtool/testdata/bad-rules-error.yml",
    ),
}

# Called good for its name, but Prometheus' own tests have it to be refused.
NOT_GOOD = "testdata/otlp_allow_utf8.incompatible.yml"


def errors(found: dict[str, Any], name: str | None = None) -> list[dict[str, Any]]:
    return [
        problem
        for problem in found["servers"]["s"]["problems"]
        if problem["severity"] == "error" and (name is None or problem["file"].endswith(name))
    ]


def test_no_file_makes_it_fail_and_verdicts_agree(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    wrong: list[tuple[str, str, Any]] = []
    excused = [path for paths in OTHER_REASONS.values() for path in paths]
    for entry in corpus.entries():
        if entry.kind not in READ:
            # Files of Alertmanager and others: read as if they were a main config, they must not make it fail.
            corpus.read(entry)
            counts["read for not failing"] += 1
            continue
        included = "scrape_config_files" in entry.text
        found = corpus.read(entry, corpus.beside(entry) if included else None)
        refused = (
            bool(errors(found)) if entry.kind in ("rules", "file_sd") else found["servers"]["s"]["config"] == "refused"
        )
        is_good = entry.rating == "good" and not entry.path.endswith(NOT_GOOD)
        if is_good or (entry.accepted and entry.rating == "bad_wild"):
            counts["accepted, no error" if not refused else "accepted, but an error"] += 1
            if refused:
                wrong.append((entry.path, "accepted", errors(found)[:2]))
        elif refused:
            counts["refused, an error"] += 1
            assert all(problem["line"] >= 0 and problem["message"] for problem in errors(found))
        elif any(entry.path.endswith(path) for path in excused):
            counts["refused for other reasons"] += 1
        else:
            counts["refused, but no error"] += 1
            wrong.append((entry.path, "refused", []))
    with capsys.disabled():
        print("\ncorpus, verdicts: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    assert wrong == []
    assert counts["accepted, no error"] > 700
    assert counts["refused, an error"] > 110


# Jobs whose labels do not agree, and why none of it is the engine's.
OTHER_LABELS = {
    # Only Prometheus 2 keeps a label whose name comes from a template when the value is empty.
    ("relabel-replace/prometheus.yaml", "replace-blank-deletes"),
    # The targets were given a label by the name that labelmap looks for, which no pod has.
    ("prom-config-all-actions.yaml.embedded/00-config.yml", "job-labelmap"),
    ("configmap-all-actions.yaml.embedded/00-ama-metrics-prometheus-config__prometheus-config.yml", "job-labelmap"),
    # The targets were given an interval that is none, so that only one without metadata was left.
    ("eth-docker/prometheus/base-config.yml", "docker"),
}


def test_labels_of_targets_agree(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = exact = names = shapes = 0
    wrong: list[tuple[str, str, set[str], set[str]]] = []
    for path, expected in corpus.target_labels().items():
        (entry,) = (entry for entry in corpus.entries() if entry.path == path)
        found = labels_by_job(entry)
        for key, versions in expected.items():
            jobs += 1
            name = key.partition(":")[2]
            may = set().union(*(version["may"] for version in versions.values()))
            given, patterns = found.get(name, (set(), []))
            names += len(given)
            shapes += len(patterns)
            missing = {label for label in may - given if not any(pattern.match(label) for pattern in patterns)}
            beyond = given - may
            unused = [pattern.pattern for pattern in patterns if not any(pattern.match(label) for label in may)]
            if missing or beyond or unused:
                wrong.append((path, name, missing, beyond | set(unused)))
            else:
                exact += 1
    unexplained = [
        item for item in wrong if not any(item[0].endswith(path) and item[1] == job for path, job in OTHER_LABELS)
    ]
    with capsys.disabled():
        print(
            f"\ncorpus, labels: {exact} of {jobs} jobs exact ({100 * exact / jobs:.1f} %), "
            f"{names} names, {shapes} shapes of names, {len(wrong) - len(unexplained)} explained"
        )
    assert unexplained == []
    assert jobs > 600


def labels_by_job(entry: corpus.Entry) -> dict[str, tuple[set[str], list[re.Pattern[str]]]]:
    """By job the names of labels on targets, and shapes of names. Configs that are refused are read all the same."""
    result = corpus.targets(entry)
    found: dict[str, tuple[set[str], list[re.Pattern[str]]]] = {}
    for field in result["fields"]:
        for source in field["sources"]:
            for job in source["jobs"] if source["stage"] in TARGET_STAGES else ():
                given, patterns = found.setdefault(job, (set(), []))
                if field["pattern"]:
                    patterns.append(re.compile(field["pattern"], re.DOTALL))
                else:
                    given.add(field["name"])
    return found
