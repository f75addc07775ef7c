# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter import metrics_text as module
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.metrics_text import FilterModule, metrics_text
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils import _metrics
from tests.integration.report import samples

PREFIX = "prometheus_fleet_"


def server(status: str = "ok", **changes: Any) -> dict[str, Any]:
    return samples.server_result(0.25, 0.5, 1.0) | {"status": status} | changes


def sweep(**servers: dict[str, Any]) -> dict[str, Any]:
    return dict(samples.run(servers, [])["sweep"])


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric, by the values of their labels in the order of the labels' names."""
    return {
        tuple(value for _label, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == PREFIX + name
    }


def value(text: str, name: str) -> float:
    return values(text, name)[()]


def test_it_is_found_under_its_name() -> None:
    assert FilterModule().filters() == {"metrics_text": metrics_text}


def test_phases_of_a_server_add_up_to_its_total() -> None:
    text = metrics_text(sweep(a=server()))
    found = values(text, "server_sweep_duration_seconds")
    assert found == {("connect", "a"): 0.25, ("transfer", "a"): 0.5, ("other", "a"): 0.25}


def test_every_status_is_counted_and_those_of_nobody_are_zero() -> None:
    text = metrics_text(sweep(a=server(), b=server("timeout"), c=server("timeout")))
    found = values(text, "servers")
    assert found[("ok",)] == 1
    assert found[("timeout",)] == 2
    assert found[("denied",)] == 0
    assert sum(found.values()) == 3


def test_files_and_bytes_are_of_each_server_that_was_read() -> None:
    text = metrics_text(sweep(a=server(), b=server("timeout", files=[]), c=server(files=[])))
    assert values(text, "server_config_files") == {("a",): 8, ("c",): 0}
    assert values(text, "server_config_bytes") == {("a",): 8 * 11_480, ("c",): 0}


def test_findings_are_counted_by_severity() -> None:
    text = metrics_text(sweep(a=server()), drift=[{"severity": "error"}, {"severity": "info"}, {"severity": "info"}])
    assert values(text, "drift_findings") == {("error",): 1, ("warning",): 0, ("info",): 2}
    assert values(text, "route_findings") == {}


def test_no_finding_is_zero_and_not_absent() -> None:
    text = metrics_text(sweep(a=server()), drift=[], routes=[])
    assert set(values(text, "drift_findings").values()) == {0}
    assert set(values(text, "route_findings").values()) == {0}


def test_the_publish_is_counted() -> None:
    published = {"statuses": {"synced": 4, "orphan": 1}, "conflicts": [{"field": "env"}], "attempts": 3}
    text = metrics_text(sweep(a=server()), published=published)
    assert values(text, "fields") == {("missing",): 0, ("synced",): 4, ("outdated",): 0, ("orphan",): 1}
    assert value(text, "publish_conflicts") == 1
    assert value(text, "publish_attempts") == 3


def test_a_conflict_that_the_publish_settled_is_none() -> None:
    conflicts = [{"field": "env", "kept": "stored"}, {"field": "os", "kept": "swept"}]
    text = metrics_text(sweep(a=server()), published={"statuses": {}, "conflicts": conflicts})
    assert value(text, "publish_conflicts") == 1


def test_cache_hits_are_by_tier() -> None:
    text = metrics_text(sweep(a=server()), cache={"memory": 7, "store": 1})
    assert values(text, "cache_hits_total") == {("memory",): 7, ("cache",): 0, ("store",): 1, ("sweep",): 0}
    assert "# TYPE prometheus_fleet_cache_hits_total counter" in text


def test_what_the_run_did_not_get_to_is_left_out() -> None:
    text = metrics_text(sweep(a=server()))
    for name in ("fields", "drift_findings", "publish_conflicts", "cache_hits_total", "extracted_fields"):
        assert name not in {line.split("{")[0].split()[0].removeprefix(PREFIX) for line in text.splitlines()}


def test_problems_and_fields_of_the_extraction_are_counted() -> None:
    arguments = samples.small_fleet()
    text = metrics_text(arguments["sweep"], extracted=arguments["extracted"])
    assert value(text, "extracted_fields") == 9
    assert values(text, "server_config_problems")[("prom-rio-01",)] == 1
    assert values(text, "server_config_problems")[("prom-gru-01",)] == 0


@pytest.mark.parametrize(
    ("arguments", "success"),
    [
        ({"sweep": sweep(a=server(), b=server("timeout"))}, 1),
        ({"sweep": sweep(a=server("timeout"))}, 0),
        ({"sweep": sweep(a=server()) | {"failed": True}}, 0),
        ({"sweep": sweep(a=server()), "published": {"failed": True, "msg": "no leader"}}, 0),
        ({"sweep": {}}, 0),
        ({"sweep": {"failed": True, "msg": "no git"}}, 0),
        ({"sweep": {}, "published": {"failed": False, "failed_when_result": False, "msg": "no leader"}}, 0),
        ({"sweep": {"changed": False, "skipped": True, "skip_reason": "a tag"}}, 0),
        ({"sweep": sweep(a=server()), "success": False}, 0),
        ({"sweep": sweep(a=server("timeout")), "success": True}, 1),
    ],
)
def test_a_run_succeeds_if_it_read_something_and_published_it(arguments: dict[str, Any], success: int) -> None:
    text = metrics_text(arguments.pop("sweep"), **arguments)
    assert value(text, "last_run_success") == success


def test_the_last_success_outlives_failed_runs() -> None:
    before = time.time()
    good = metrics_text(sweep(a=server()))
    succeeded = value(good, "last_success_timestamp_seconds")
    assert before - 1 <= succeeded <= time.time() + 1
    bad = metrics_text(sweep(a=server("timeout")), previous=good)
    worse = metrics_text({}, previous=bad)
    assert value(worse, "last_success_timestamp_seconds") == succeeded
    assert value(worse, "last_run_success") == 0
    again = metrics_text(sweep(a=server()), previous=worse)
    assert value(again, "last_success_timestamp_seconds") >= succeeded


def test_never_is_zero() -> None:
    text = metrics_text(sweep(a=server("timeout")))
    assert value(text, "last_success_timestamp_seconds") == 0
    assert values(text, "server_last_seen_timestamp_seconds") == {("a",): 0}


def test_a_server_keeps_when_it_was_last_seen_until_it_leaves_the_inventory() -> None:
    first = metrics_text(sweep(a=server(), b=server(), c=server()))
    seen = values(first, "server_last_seen_timestamp_seconds")
    silent = metrics_text(sweep(a=server("timeout"), b=server()), previous=first)
    assert set(values(silent, "server_last_seen_timestamp_seconds")) == {("a",), ("b",)}
    assert values(silent, "server_last_seen_timestamp_seconds")[("a",)] == seen[("a",)]
    limited = metrics_text(sweep(b=server()), previous=first, known_servers=["a", "b"])
    assert values(limited, "server_last_seen_timestamp_seconds")[("a",)] == seen[("a",)]
    assert ("c",) not in values(limited, "server_last_seen_timestamp_seconds")
    assert set(values(limited, "server_info")) == {("b", "ok", "asyncssh")}


def test_an_unchanged_server_has_the_files_that_it_had() -> None:
    first = metrics_text(sweep(a=server(), b=server()))
    same = server("unchanged", files=[])
    second = metrics_text(sweep(a=same, b=server("timeout", files=[]), c=same), previous=first)
    assert values(second, "server_config_files") == {("a",): 8, ("b",): 8}
    assert values(second, "server_config_bytes") == {("a",): 8 * 11_480, ("b",): 8 * 11_480}


def test_what_a_server_has_outlives_runs_that_did_not_read_it() -> None:
    """The next one may find it unchanged, and list no files."""
    first = metrics_text(sweep(a=server(), b=server(), gone=server()))
    for between in (sweep(a=server("unreachable", files=[]), b=server()), sweep(b=server()), {}):
        text = metrics_text(between, previous=first, known_servers=["a", "b"])
        last = metrics_text(sweep(a=server("unchanged", files=[]), b=server("ok", files=[])), previous=text)
        assert values(last, "server_config_files") == {("a",): 8, ("b",): 0}
        assert values(last, "server_config_bytes") == {("a",): 8 * 11_480, ("b",): 0}


def test_a_damaged_earlier_text_costs_a_warning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(module.display, "warning", warnings.append)
    text = metrics_text(sweep(a=server()), previous='prometheus_fleet_x{server="a" 1\n')
    assert value(text, "last_run_success") == 1
    assert len(warnings) == 1


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_earlier_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        _metrics.carried_from(text)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1), min_size=1, max_size=4, unique=True))
def test_any_name_is_a_label_value(names: list[str]) -> None:
    text = metrics_text({"hosts": {name: server() for name in names}}, previous="")
    readable = {name.encode("utf-8", errors="replace").decode() for name in names}
    assert {key[0] for key in values(text, "server_info")} == readable
    assert metrics_text({"hosts": {name: server() for name in names}}, previous=text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sweep": [1]}, "sweep must be a dictionary, got list"),
        ({"sweep": {}, "drift": {"a": 1}}, "drift must be a list of findings, got dict"),
        ({"sweep": {}, "cache": "x"}, "cache must be a dictionary, got str"),
        ({"sweep": {"prom-01": server()}}, "sweep must be what configs or configs_info returns, and has none of its"),
        ({"sweep": {}, "extracted": sweep(a=server())}, "extracted must be what extract_fields returns"),
        ({"sweep": {}, "published": sweep(a=server())}, "published must be what the module fields returns"),
    ],
)
def test_a_wrong_kind_of_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        metrics_text(arguments.pop("sweep"), **arguments)


def test_a_missing_library_is_named_and_nothing_else_breaks() -> None:
    program = """
        import sys
        sys.modules["prometheus_client"] = None
        from ansible.errors import AnsibleFilterError
        from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.metrics_text import metrics_text
        try:
            metrics_text({})
        except AnsibleFilterError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "prometheus-client" in done.stdout
    assert "metrics_text: Failed to import the required Python library" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"known_servers": 4}, "known_servers must be a list of names, got int"),
        ({"known_servers": "prom-01"}, "known_servers must be a list of names, got str"),
        ({"known_servers": {"a": 1}}, "known_servers must be a list of names, got dict"),
        ({"known_servers": [{"hunter2": 1}]}, "known_servers must be a list of names"),
        ({"extracted": "key: hunter2"}, "extracted must be a dictionary, got str"),
        ({"extracted": {"servers": {"a": "hunter2"}}}, "extracted.servers must be a dictionary of dictionaries"),
        ({"extracted": {"servers": ["hunter2"]}}, "extracted.servers must be a dictionary, got list"),
        ({"published": {"statuses": {"synced": "hunter2"}}}, "published.statuses must be a dictionary of numbers"),
        ({"cache": {"memory": "hunter2"}}, "cache must be a dictionary of numbers"),
        ({"drift": ["hunter2"]}, "drift must be a list of findings"),
        ({"sweep": {"hosts": {"a": "hunter2"}}}, "sweep.hosts must be a dictionary of dictionaries"),
        ({"sweep": {"summary": "hunter2"}}, "sweep.summary must be a dictionary, got str"),
    ],
)
def test_a_wrong_kind_of_argument_is_named_and_not_quoted(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"metrics_text: {message}") as refused:
        metrics_text(**{"sweep": {}, **arguments})
    assert "hunter2" not in str(refused.value)


def test_an_earlier_text_that_is_none_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(module.display, "warning", said.append)
    metrics_text({}, previous="bearer_token hunter2\n")
    [words] = said
    assert "hunter2" not in words
    assert "its times are lost" in words
