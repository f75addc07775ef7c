# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server's files: which of them count, what they make, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import jobs, prometheus
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import (
    ConfigFile,
    ServerConfigs,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import MAX_TEXT
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.prometheus import Options

MINIMAL = "scrape_configs: [{job_name: j, static_configs: [{targets: ['h:1'], labels: {env: prod}}]}]"
JOB = "scrape_configs:\n- job_name: j\n  static_configs: [{targets: ['h:1']}]\n"


def read(files: Mapping[str, str | None], options: Options | None = None) -> dict[str, Any]:
    """Everything of one server with these files, by their paths; service by the directory."""
    configs = [
        ConfigFile(path, "alertmanager" if "alertmanager" in path else "prometheus", text)
        for path, text in files.items()
    ]
    return extract({"s": ServerConfigs("ok", "d", configs)}, options)


def main(text: str, **others: str) -> dict[str, Any]:
    """A main config with other files beside it; __ in their names stands for a slash, _ for a dot."""
    files = {f"/etc/prometheus/{name.replace('__', '/').replace('_', '.')}": body for name, body in others.items()}
    return read({"/etc/prometheus/prometheus.yml": text, **files})


def fields(found: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item for item in found["fields"]}


def problems(found: dict[str, Any], severity: str | None = None) -> list[tuple[str, int, str]]:
    items = found["servers"]["s"]["problems"]
    return [(p["file"], p["line"], p["message"]) for p in items if severity in (None, p["severity"])]


# --- which files count ---


def test_only_what_the_main_config_names_counts() -> None:
    other = "scrape_configs: [{job_name: ghost, static_configs: [{targets: ['h:1'], labels: {ghost: x}}]}]"
    found = read(
        {
            "/etc/prometheus/prometheus.yml": MINIMAL,
            "/etc/prometheus/prometheus-test.yml": other,
            "/etc/prometheus/backup/prometheus.yml": other,
            "/etc/prometheus/rules.yml": "groups: [{name: g, rules: [{alert: A, expr: up, labels: {severity: x}}]}]",
            "/etc/alertmanager/prometheus.yml": other,
        }
    )
    assert sorted(fields(found)) == ["env", "instance", "job"]
    assert found["servers"]["s"]["files"] == ["/etc/prometheus/prometheus.yml"]
    assert problems(found) == []


def test_the_first_name_in_a_directory_counts() -> None:
    other = MINIMAL.replace("env", "other")
    files = {"/p/prometheus.yaml": other, "/p/prometheus.yml": MINIMAL, "/q/main.yml": MINIMAL}
    assert "env" in fields(read(files))
    assert "other" not in fields(read(files))
    assert read(files, Options(("main.yml",)))["servers"]["s"]["files"] == ["/q/main.yml"]


def test_two_directories_may_each_have_a_prometheus() -> None:
    found = read({"/a/prometheus.yml": MINIMAL, "/b/prometheus.yml": MINIMAL.replace("env", "other")})
    assert {"env", "other"} <= set(fields(found))


def test_without_a_main_config_what_looks_like_one_is_taken_and_said() -> None:
    found = read({"/p/server.yml": MINIMAL, "/p/rules.yml": "groups: []", "/p/note.txt": "scrape_configs: []"})
    assert "env" in fields(found)
    assert problems(found, "warning") == [
        ("/p/server.yml", 0, "is taken as the main config, since the sweep has no prometheus.yml or prometheus.yaml")
    ]
    assert read({"/p/rules.yml": "groups: []"})["servers"]["s"]["config"] == "missing"


def test_a_server_with_alertmanager_alone_is_no_problem() -> None:
    found = read({"/etc/alertmanager/alertmanager.yml": "route: {receiver: a}\nreceivers: [{name: a}]"})
    assert (found["fields"], problems(found), found["servers"]["s"]["config"]) == ([], [], "missing")


@pytest.mark.parametrize(
    "files",
    [{}, {"/p/rules.yml": "groups: []"}, {"/etc/alertmanager/a.yml": "route: {}", "/p/rules.yml": "groups: []"}],
    ids=["nothing", "no main config", "beside alertmanager"],
)
def test_a_server_without_a_main_config_has_a_problem(files: dict[str, str]) -> None:
    found = read(dict(files))
    assert (found["servers"]["s"]["config"], found["servers"]["s"]["fields"]) == ("missing", [])
    [(file, line, message)] = problems(found, "warning")
    assert (file, line) == ("prometheus.yml", 0)
    assert "no main config of Prometheus was found" in message
    assert "publish_services" in message
    other = read(dict(files), Options(main_names=("prom.yml",)))
    assert problems(other)[0][0] == "prom.yml"


def test_included_jobs_and_the_files_they_name_are_relative_to_their_own_file() -> None:
    found = main(
        "scrape_config_files: ['inc/*.yml']",
        inc__a_yml="scrape_configs: [{job_name: a, file_sd_configs: [{files: [targets/t.yml]}]}]",
        inc__targets__t_yml="- {targets: ['h:1'], labels: {tenant: t1}}",
    )
    assert fields(found)["tenant"]["sources"][0] == {
        **fields(found)["tenant"]["sources"][0],
        "file": "/etc/prometheus/inc/targets/t.yml",
        "line": 1,
        "jobs": ["a"],
        "stage": "file_sd_configs",
    }
    assert found["servers"]["s"]["jobs"] == ["a"]
    assert len(found["servers"]["s"]["files"]) == 3


def test_patterns_are_those_of_go() -> None:
    found = main(
        "rule_files: ['r?.yml', '[ab].yml', 'sub/*.yml', missing.yml, 'no*.yml', /elsewhere/x.yml]",
        r1_yml="groups: [{name: g, rules: [{record: x, expr: up, labels: {one: a}}]}]",
        b_yml="groups: [{name: g, rules: [{record: x, expr: up, labels: {two: a}}]}]",
        sub__c_yml="groups: [{name: g, rules: [{record: x, expr: up, labels: {three: a}}]}]",
        sub__deeper__d_yml="groups: [{name: g, rules: [{record: x, expr: up, labels: {four: a}}]}]",
    )
    assert {"one", "two", "three"} == {name for name, item in fields(found).items() if item["origin"] == "rule"}
    said = [message for _file, _line, message in problems(found, "warning")]
    assert len(said) == 3
    assert any(
        "missing.yml, which is not among the files of the sweep: add the pattern missing.yml" in text for text in said
    )
    assert any("no*.yml, which matches no file of the sweep" in text for text in said)
    assert any("add /elsewhere with the pattern x.yml to the services" in text for text in said)


def test_a_target_file_that_is_not_there_leaves_its_labels_open() -> None:
    found = main(
        "scrape_configs:\n- job_name: j\n  file_sd_configs: [{files: [t.yml]}]\n"
        "  relabel_configs: [{source_labels: [datacenter], target_label: dc}]\n"
    )
    assert sorted(fields(found)) == ["dc", "instance", "job"]
    assert fields(found)["dc"]["presence"] == "conditional"
    assert [line for _file, line, _message in problems(found, "warning")] == [3]


# --- what is not loaded ---

REFUSED = [
    "scrape_configs: [{job_name: j}, {job_name: j}]",
    "scrape_configs: [{job_name: j, relabel_configs: [{target_label: a, regex: '('}]}]",
    "scrape_configs: [{job_name: j, unknown: 1}]",
    "scrape_configs: [",
    "scrape_configs: []\nscrape_configs: []",
    "global: {metric_name_validation_scheme: legacy}\notlp: {translation_strategy: NoTranslation}",
    "global: {metric_name_validation_scheme: legacy}\notlp: {translation_strategy: NoUTF8EscapingWithSuffixes}",
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_config_that_prometheus_refuses_makes_no_fields(text: str) -> None:
    found = main(text)
    assert (found["fields"], found["servers"]["s"]["config"]) == ([], "refused")
    assert len(problems(found, "error")) == 1


WRITE = "remote_write: [{url: 'http://h', queue_config: {%s}}]\n" + MINIMAL
# Each with what it is warned of, since other versions refuse it.
TAKEN_BY_SOME = [
    (JOB + "  fallback_scrape_protocol: ''", []),
    (JOB + "  tls_config: {cert_file: a}", ["has a client certificate without its key"]),
    (JOB + "  oauth2: {client_id: a, token_url: b, tls_config: {key_file: a}}", ["has a client key without"]),
    (WRITE % "max_shards: 0", ["max_shards that is not positive", "greater than max_shards"]),
    (WRITE % "max_shards: -1, min_shards: 0", ["max_shards that is not", "min_shards that is not", "greater than"]),
    (WRITE % "min_shards: 5, max_shards: 2", ["greater than max_shards"]),
    (WRITE % "max_samples_per_send: 0", ["max_samples_per_send that is not positive"]),
    (WRITE % "capacity: -1", ["capacity that is not positive"]),
    (WRITE % "min_backoff: 10s, max_backoff: 1s", ["longer than max_backoff"]),
]


@pytest.mark.parametrize(("text", "warnings"), TAKEN_BY_SOME)
def test_a_config_that_some_version_loads_makes_fields(text: str, warnings: list[str]) -> None:
    found = main(text)
    assert (found["servers"]["s"]["config"], problems(found, "error")) == ("loaded", [])
    assert "instance" in fields(found)
    said = [message for _file, _line, message in problems(found)]
    assert len(said) == len(warnings)
    assert all(any(words in message for message in said) for words in warnings)


@pytest.mark.parametrize(
    "text",
    [
        "remote_write: [{url: 'http://h', tls_config: {cert_file: a}}]",
        "remote_read: [{url: 'http://h', tls_config: {key_file: a}}]",
        "alerting: {alertmanagers: [{tls_config: {cert_file: a}}]}",
        JOB + "  tls_config: {cert: a}",
        WRITE % "min_shards: -1",
        WRITE % "max_samples_per_send: -1",
    ],
)
def test_what_no_version_runs_with_is_refused(text: str) -> None:
    assert main(text)["servers"]["s"]["config"] == "refused"


def test_a_duration_and_a_group_of_any_length_are_read() -> None:
    digits = "9" * 5000
    found = main(f"{JOB}  scrape_interval: {digits}s")
    assert [line for _file, line, _message in problems(found, "error")] == [4]
    rules = f"{{source_labels: [job], target_label: a, replacement: 'x${digits}'}}, {{target_label: '${{{digits}}}b'}}"
    found = main(f"{JOB}  relabel_configs: [{rules}]")
    assert problems(found, "error") == []
    assert fields(found)["a"]["values"] == ["x"]


def test_fields_of_a_refused_config_can_be_asked_for() -> None:
    files = {"/p/prometheus.yml": MINIMAL + "\nunknown: 1"}
    assert "env" in fields(read(files, Options(refused=True)))


def test_a_job_name_in_two_files_is_refused() -> None:
    found = main("scrape_config_files: [a.yml]\n" + JOB, a_yml=JOB)
    assert found["servers"]["s"]["config"] == "refused"
    assert problems(found, "error") == [
        ("/etc/prometheus/a.yml", 2, "has the job_name 'j', as /etc/prometheus/prometheus.yml has")
    ]


def test_a_broken_rule_file_costs_its_own_labels_alone() -> None:
    good = "groups: [{name: g, rules: [{record: x, expr: up, labels: {fine: a}}]}]"
    found = main("rule_files: ['*.rules']\n" + MINIMAL, a_rules="groups: [", b_rules=good)
    assert {"env", "fine"} <= set(fields(found))
    assert found["servers"]["s"]["config"] == "loaded"
    assert [file for file, _line, _message in problems(found, "error")] == ["/etc/prometheus/a.rules"]


def test_a_broken_target_file_gives_no_targets_and_says_why() -> None:
    text = "scrape_configs: [{job_name: j, file_sd_configs: [{files: [a.json, b.yml]}]}]"
    found = main(text, a_json='[{"targets": ["h:1"],}]', b_yml="- {targets: ['h:1'], labels: {ok: x}, extra: 1}")
    assert found["fields"] == []
    assert [(file, line) for file, line, _message in problems(found, "error")] == [
        ("/etc/prometheus/a.json", 1),
        ("/etc/prometheus/b.yml", 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[{"targets": [5]}]',
        '[{"labels": {"a": 5}}]',
        "[null]",
        '{"targets": []}',
        '[{"x": 1}]',
        '[{"labels": {"": "a"}}]',
    ],
)
def test_json_targets_are_read_as_strictly_as_go_does(text: str) -> None:
    found = main("scrape_configs: [{job_name: j, file_sd_configs: [{files: [a.json]}]}]", a_json=text)
    assert [file for file, _line, _message in problems(found, "error")] == ["/etc/prometheus/a.json"]


def test_json_keys_may_have_any_case() -> None:
    text = '[\n {"Targets": ["h:1"], "LABELS": {"a": "x"}},\n null_is_not\n]'.replace(",\n null_is_not", "")
    found = main("scrape_configs: [{job_name: j, file_sd_configs: [{files: [a.json]}]}]", a_json=text)
    assert fields(found)["a"]["sources"][0]["line"] == 2


def test_a_file_that_could_not_be_read_is_said() -> None:
    unreadable = ConfigFile("/p/prometheus.yml", "prometheus", None, None, "permission denied")
    found = extract({"s": ServerConfigs("partial", None, [unreadable])})
    assert problems(found) == [("/p/prometheus.yml", 0, "could not be read: permission denied")]
    assert found["servers"]["s"]["config"] == "refused"


def test_masked_secrets_are_no_problem() -> None:
    token = "<secret:3f9a>"
    found = main(
        f"""
remote_write: [{{url: 'https://u:{token}@h/x?token={token}', sigv4: {{access_key: {token}, secret_key: {token}}}}}]
scrape_configs:
- job_name: j
  basic_auth: {{username: a, password: {token}}}
  proxy_url: http://u:{token}@proxy:80
  params: {{token: ['{token}']}}
  consul_sd_configs: [{{server: 'http://u:{token}@h', token: {token}}}]
  eureka_sd_configs: [{{server: 'http://u:{token}@h/eureka'}}]
  http_sd_configs: [{{url: 'https://u:{token}@h/?key={token}'}}]
  static_configs: [{{targets: ['h:1'], labels: {{api_token: {token}}}}}]
"""
    )
    assert problems(found) == []
    assert found["servers"]["s"]["config"] == "loaded"


# --- labels beside those of targets ---


def test_external_labels_are_shown_as_written() -> None:
    found = main(
        "global:\n  external_labels:\n    site: rio\n    replica: '${HOSTNAME}-$N'\n    price: $$5\n    none: ''\n"
    )
    assert found["servers"]["s"]["external_labels"] == {"site": "rio", "replica": "${HOSTNAME}-$N", "price": "$$5"}
    made = fields(found)
    assert (made["site"]["origin"], made["site"]["values"], made["site"]["presence"]) == (
        "external_label",
        ["rio"],
        "always",
    )
    assert made["replica"]["sources"][0]["variables"] == ["HOSTNAME", "N"]
    assert made["price"]["sources"][0]["variables"] == []
    assert (made["replica"]["values"], made["replica"]["values_complete"]) == ([], False)


@pytest.mark.parametrize(
    ("value", "names", "warnings"),
    [
        ("$A-1", ["A"], 0),
        ("$A1$_b${c.d}", ["A1", "_b", "c.d"], 0),
        ("${A b}${A:-c}", ["A b", "A:-c"], 1),
        ("$12", ["1"], 1),  # as in a shell: a digit is a name of its own
        ("$1a", ["1"], 1),
        ("$*x$-", ["*", "-"], 1),
        ("$$A ${} $ü a$", [], 0),
    ],
)
def test_variables_are_those_that_prometheus_expands(value: str, names: list[str], warnings: int) -> None:
    found = main(f"global:\n  external_labels: {{x: '{value}'}}")
    assert fields(found)["x"]["sources"][0]["variables"] == sorted(names)
    assert [line for _file, line, _message in problems(found, "warning")] == [2] * warnings


def test_rule_labels() -> None:
    rules = """
groups:
- name: g
  labels: {team: core}
  rules:
  - {alert: A, expr: up, labels: {severity: page, who: '{{ $labels.x }}'}}
  - {alert: B, expr: up, labels: {severity: warn}}
  - {record: r, expr: up, labels: {severity: none, who: '{{ literal }}', __internal: x}}
- name: empty
  labels: {never: x}
  rules: []
"""
    made = fields(main("rule_files: [r.yml]", r_yml=rules))
    assert sorted(made) == ["severity", "team", "who"]
    assert (made["severity"]["values"], made["severity"]["values_complete"]) == (["none", "page", "warn"], True)
    assert (made["who"]["values"], made["who"]["values_complete"]) == (["{{ literal }}"], False)
    assert [(made["severity"]["sources"][0][key]) for key in ("file", "line", "stage")] == [
        "/etc/prometheus/r.yml",
        6,
        "rules",
    ]


def test_an_alert_is_called_by_its_name_whatever_its_labels_say() -> None:
    group = "groups: [{name: g, labels: {alertname: %s}, rules: [%s]}]"
    alert, record = "{alert: A, expr: up, labels: {alertname: zz}}", "{record: r, expr: up, labels: {alertname: yy}}"
    assert "alertname" not in fields(main("rule_files: [r.yml]", r_yml=group % ("xx", alert)))
    made = fields(main("rule_files: [r.yml]", r_yml=group % ("xx", f"{alert}, {record}")))
    assert made["alertname"]["values"] == ["yy"]


def test_sample_relabelling_is_an_origin_of_its_own() -> None:
    made = fields(
        main(
            JOB
            + """
  metric_relabel_configs:
  - {source_labels: [__name__], regex: '(.*)_total', target_label: kind, replacement: counter}
  - {source_labels: [instance], target_label: host}
  - {action: labelmap, regex: 'exported_(.+)'}
  - {action: labeldrop, regex: host}
  - {action: drop, source_labels: [__name__], regex: 'go_.*'}
"""
        )
    )
    assert sorted(made) == ["^(.+)$", "instance", "job", "kind"]
    assert (made["kind"]["origin"], made["kind"]["values"], made["kind"]["source_label"]) == (
        "metric_relabel",
        ["counter"],
        "__name__",
    )
    assert made["^(.+)$"]["sources"][0]["stage"] == "metric_relabel_configs"


def test_alert_and_write_relabelling() -> None:
    made = fields(
        main(
            """
global: {external_labels: {replica: a, site: rio}}
alerting:
  alert_relabel_configs:
  - {regex: replica, action: labeldrop}
  - {source_labels: [site], target_label: place}
  alertmanagers:
  - static_configs: [{targets: ['h:1']}]
    alert_relabel_configs: [{target_label: sent, replacement: 'yes'}]
    relabel_configs: [{source_labels: [__address__], target_label: not_a_label}]
remote_write:
- {url: 'http://h', write_relabel_configs: [{target_label: written, replacement: x}]}
"""
        )
    )
    assert {name: item["origin"] for name, item in made.items()} == {
        "replica": "external_label",
        "site": "external_label",
        "place": "alert_relabel",
        "sent": "alert_relabel",
        "written": "write_relabel",
    }
    assert made["place"]["source_label"] == "site"


def test_otlp_attributes() -> None:
    text = "otlp: {promote_resource_attributes: [service.name, 1st, _x, ' k8s.pod-name ']}"
    assert sorted(fields(main(text))) == ["k8s_pod_name", "key_1st", "key_x", "service_name"]
    keeping = text.replace("{", "{translation_strategy: NoTranslation, ")
    assert "service.name" in fields(main(keeping))
    every = fields(main("otlp: {promote_all_resource_attributes: true, ignore_resource_attributes: [a]}"))
    assert (every["^(.+)$"]["origin"], every["^(.+)$"]["pattern"]) == ("otlp", "^(.+)$")


# --- discovered targets ---


def test_what_discovered_targets_may_have() -> None:
    made = fields(
        main(
            r"""
scrape_configs:
- job_name: j
  consul_sd_configs: [{server: h}]
  relabel_configs:
  - {source_labels: [__meta_consul_service_metadata_env], regex: (prod|test), target_label: env}
  - {source_labels: [__meta_consul_dc], target_label: dc, replacement: 'dc-$1'}
  - {source_labels: [__meta_consul_node], target_label: __tmp_node}
  - {source_labels: [__tmp_node], target_label: node}
  - {action: labelmap, regex: __meta_consul_metadata_(.+), replacement: 'node_$1'}
  - {action: labelmap, regex: __meta_consul_service_metadata_(team|group)}
  - {source_labels: [__meta_consul_tags], regex: '.*,(\w+)=(\w+),.*', target_label: 'tag_$1', replacement: $2}
  - {target_label: region, replacement: sa}
  - {source_labels: [__meta_consul_service], modulus: 4, target_label: shard, action: hashmod}
"""
        )
    )
    assert {name: (item["origin"], item["source_label"], item["presence"]) for name, item in made.items()} == {
        "^node_(.+)$": ("labelmap", "__meta_consul_metadata_(.+)", "conditional"),
        r"^tag_(\w+)$": ("relabel", "__meta_consul_tags", "conditional"),
        "dc": ("relabel", "__meta_consul_dc", "always"),
        "env": ("relabel", "__meta_consul_service_metadata_env", "conditional"),
        "group": ("labelmap", "__meta_consul_service_metadata_group", "conditional"),
        "instance": ("default", "__address__", "always"),
        "job": ("default", None, "always"),
        "node": ("relabel", "__meta_consul_node", "conditional"),
        "region": ("relabel", None, "always"),
        "shard": ("relabel", "__meta_consul_service", "always"),
        "team": ("labelmap", "__meta_consul_service_metadata_team", "conditional"),
    }
    assert (made["env"]["values"], made["env"]["values_complete"]) == (["prod", "test"], True)
    assert made["dc"]["replacement"] == "dc-$1"
    assert made["shard"]["values"] == ["0", "1", "2", "3"]


def test_labels_that_no_discovery_sets_are_reported() -> None:
    rules = """
  relabel_configs:
  - {source_labels: [__meta_consul_service], target_label: a}
  - {source_labels: [__meta_consul_servce], target_label: b}
  - {source_labels: [__meta_ec2_ami], target_label: c}
  - {target_label: __meta_mine, replacement: x}
  - {source_labels: [__meta_mine], target_label: d}
"""
    found = main("scrape_configs:\n- job_name: j\n  consul_sd_configs: [{server: h}]" + rules)
    assert [(line, message) for _file, line, message in problems(found, "warning")] == [
        (6, "reads __meta_consul_servce, which no service discovery of Prometheus sets"),
        (7, "reads __meta_ec2_ami, which this job's consul_sd_configs does not set"),
    ]
    for replacement, lines in (("$1", [7, 8]), ("__meta_$1", [])):
        mapped = f"\n  - {{action: labelmap, regex: '__meta_consul_(.+)', replacement: {replacement}}}\n"
        after = rules.replace("configs:\n", f"configs:{mapped}")
        found = main("scrape_configs:\n- job_name: j\n  consul_sd_configs: [{server: h}]" + after)
        assert [line for _file, line, _message in problems(found, "warning")] == lines
    opened = main("scrape_configs:\n- job_name: j\n  http_sd_configs: [{url: 'http://h'}]" + rules)
    assert problems(opened) == []
    carried = "scrape_configs:\n- job_name: j\n  static_configs: [{targets: [h], labels: {__meta_ec2_ami: x}}]"
    assert [line for _file, line, _message in problems(main(carried + rules))] == [5, 6]


def test_what_rules_surely_drop_makes_no_fields() -> None:
    text = "scrape_configs:\n- job_name: j\n  consul_sd_configs: [{server: h}]\n  relabel_configs:\n"
    for rule in (
        "{source_labels: [job], regex: other, action: keep}",
        "{action: drop}",
        "{source_labels: [__meta_consul_dc], regex: '.*', action: drop}",
        "{target_label: __address__, replacement: ''}",
        "{target_label: __address__, replacement: 'http://x'}",
        "{regex: __address__, action: labeldrop}",
        "{target_label: __scrape_interval__, replacement: never}",
    ):
        assert (rule, main(f"{text}  - {rule}\n")["fields"]) == (rule, [])


def test_rules_that_contradict_each_other() -> None:
    made = fields(
        main(
            """
scrape_configs:
- job_name: j
  consul_sd_configs: [{server: h}]
  relabel_configs:
  - {source_labels: [__meta_consul_dc], regex: rio, action: keep}
  - {source_labels: [__meta_consul_dc], regex: paris, target_label: never, replacement: x}
  - {source_labels: [__meta_consul_dc], regex: r.*, target_label: ever, replacement: x}
  - {source_labels: [__meta_consul_node, __meta_consul_health], regex: (a|b);passing, action: keep}
  - {source_labels: [__meta_consul_node], target_label: node}
"""
        )
    )
    assert "never" not in made
    assert made["ever"]["presence"] == "always"
    assert (made["node"]["values"], made["node"]["presence"]) == (["a", "b"], "always")


def test_a_rule_that_is_overwritten_is_told() -> None:
    text = """
scrape_configs:
- job_name: j
  static_configs: [{targets: ['h:1'], labels: {a: '1', b: '2'}}]
  relabel_configs:
  - {source_labels: [a], target_label: c}
  - {source_labels: [b], target_label: c}
"""
    (source,) = fields(main(text))["c"]["sources"]
    assert (source["line"], source["overwrites"], source["from"]) == (7, [6], ["b"])


def test_a_placeholder_for_a_shard_is_supposed_to_be_filled_in() -> None:
    found = main(
        """
scrape_configs:
- job_name: j
  kubernetes_sd_configs: [{role: pod}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__tmp_hash, __tmp_disable_sharding], regex: '$(SHARD);|.+;.+', action: keep}
"""
    )
    assert "namespace" in fields(found)
    assert [line for _file, line, _message in problems(found, "warning")] == [7]


MANY = ", ".join(f"'h{number}:1'" for number in range(60))
LAST = "relabel_configs: [{source_labels: [__address__], regex: 'h5(.):1', target_label: last}]"
MANY_TARGETS = f"scrape_configs: [{{job_name: j, static_configs: [{{targets: [{MANY}]}}], {LAST}}}]"


@pytest.mark.parametrize(("module", "name"), [(jobs, "MAX_TARGETS"), (prometheus, "MAX_SERVER_TARGETS")])
def test_many_targets_are_bounded(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fields(main(MANY_TARGETS))["last"]["values"] == [str(number) for number in range(10)]
    monkeypatch.setattr(module, name, 50)
    last = fields(main(MANY_TARGETS))["last"]
    assert (last["presence"], last["values_complete"]) == ("conditional", False)


SOURCES = ", ".join(["__meta_consul_dc"] * 60)
HOSTILE = {
    "a value that doubles": "{source_labels: [a], target_label: a, replacement: '$1$1'}",
    "a joined value that doubles": "{source_labels: [a, a], separator: '', target_label: a}",
    "labels that double": "{action: labelmap, regex: '([^_].*)', replacement: 'x$1%d'}",
    "families that double": "{action: labelmap, regex: '(.+)', replacement: 'x%d_$1'}",
    "a name that doubles": "{source_labels: [job], target_label: 'n$1$1$1$1$1$1$1$1'}",
    "many alternatives": "{source_labels: [a], regex: '(x|y|z).*', target_label: a, replacement: '$1%d'}",
    "slow to compare": "{source_labels: [__meta_consul_dc], regex: '((a|b|ab|bc|cd){1,40})%d?', action: keep}",
    "long sources": f"{{source_labels: [{SOURCES}], separator: '', regex: '(a|.*)x', target_label: b}}",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
@pytest.mark.parametrize(
    "source", ["consul_sd_configs: [{server: h}]", "static_configs: [{targets: ['h:1'], labels: {a: xy}}]"]
)
def test_hostile_rules_are_bounded(name: str, source: str) -> None:
    """Nothing here ends if what rules double is followed to the end."""
    rules = "".join(f"  - {HOSTILE[name].replace('%d', str(number))}\n" for number in range(40))
    found = main(f"scrape_configs:\n- job_name: j\n  {source}\n  relabel_configs:\n{rules}")
    assert "instance" in found["servers"]["s"]["fields"] or found["fields"] == []
    assert all(len(value) <= MAX_TEXT for item in found["fields"] for value in item["values"])
