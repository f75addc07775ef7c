# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift, found in what extract_fields itself makes of real configs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import drift as labels_drift
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.drift import Settings, find_drift
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.fields import extract
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.model import ConfigFile, ServerConfigs

RULE = "{source_labels: [__meta_consul_service_metadata_company], target_label: company}"


def server(rules: str = RULE, external: str = "", more: str = "", status: str = "ok") -> ServerConfigs:
    text = f"global: {{external_labels: {{{external}}}}}\nscrape_configs:\n- job_name: a\n  consul_sd_configs: [{{}}]\n"
    text += f"  relabel_configs: [{rules}]\n" + more
    return ServerConfigs(status, None, [ConfigFile("/etc/prometheus/prometheus.yml", "prometheus", text)])


def drift(servers: dict[str, ServerConfigs], **settings: Any) -> list[dict[str, Any]]:
    extracted = extract(servers)
    found = find_drift(extracted["fields"], extracted["servers"], Settings(**settings))
    assert json.loads(json.dumps(found)) == found
    return found


def brief(servers: dict[str, ServerConfigs], **settings: Any) -> list[tuple[Any, ...]]:
    return [(item["kind"], item["severity"], item["label"], item["servers"]) for item in drift(servers, **settings)]


def sites(*names: str) -> list[str]:
    return [f"site: {name}" for name in names]


def test_a_fleet_that_agrees_has_no_findings() -> None:
    assert drift({f"s{n}": server(external=f"site: s{n}") for n in range(4)}) == []


def test_one_server_alone_is_not_compared_with_anything() -> None:
    assert drift({"a": server()}) == []


@pytest.mark.parametrize(
    ("other", "differs", "words"),
    [
        (
            "{source_labels: [__meta_consul_service_metadata_customer], target_label: company}",
            ["source_labels"],
            "from __meta_consul_service_metadata_customer on c",
        ),
        (RULE.replace("}", ", regex: '([^-]+)-.*'}"), ["regex"], "with regex '([^-]+)-.*' on c"),
        (RULE.replace("}", ", replacement: 'x-$1'}"), ["replacement"], "with replacement 'x-$1' on c"),
        (RULE.replace("}", ", action: lowercase}"), ["action"], "by lowercase from"),
        (
            "{target_label: company, replacement: acme}",
            ["source_labels", "replacement"],
            "with replacement 'acme' on c",
        ),
    ],
)
def test_a_label_that_one_server_makes_differently(other: str, differs: list[str], words: str) -> None:
    one, two, three = sites("rio", "sao", "bsb")
    found = drift({"a": server(external=one), "b": server(external=two), "c": server(other, three)})
    assert [(item["kind"], item["severity"], item["label"], item["servers"]) for item in found] == [
        ("made_differently", "warning", "company", ["c"])
    ]
    assert set(found[0]["differs"]) == set(differs)
    assert words in found[0]["message"]
    assert [group["servers"] for group in found[0]["groups"]] == [["a", "b"], ["c"]]


TWO = "{source_labels: [__meta_consul_dc, __meta_consul_node], target_label: x, regex: '(.*);(.*)'%s}"


@pytest.mark.parametrize(
    ("rule", "same"),
    [
        (RULE, RULE.replace("}", ", replacement: '${1}'}")),
        (RULE, RULE.replace("}", ", separator: ','}")),
        ("{target_label: x, replacement: y}", "{target_label: x, replacement: y, separator: ''}"),
        (TWO % ", replacement: '${2}-${1}'", TWO % ", replacement: '$2-$1'"),
        (TWO % ", replacement: '$2$1$$'", TWO % ", replacement: '${2}${1}$'"),
        (
            "{action: labelmap, regex: '__meta_consul_(.+)', replacement: 'c_$1'}",
            "{action: labelmap, regex: '__meta_consul_(.+)', replacement: 'c_${1}', separator: ','}",
        ),
        (RULE.replace("}", ", action: lowercase}"), RULE.replace("}", ", action: lowercase, regex: x}")),
    ],
)
def test_rules_with_the_same_results_are_no_drift(rule: str, same: str) -> None:
    one, two = sites("rio", "sao")
    assert drift({"a": server(rule, one), "b": server(same, two)}) == []


CHAIN = "{source_labels: [%s], target_label: __tmp_c%s}, {source_labels: [__tmp_c], target_label: company%s}"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (CHAIN % ("__meta_consul_node", "", ""), "from __tmp_c (after __tmp_c from __meta_consul_node) on c"),
        (
            CHAIN % ("__meta_consul_dc", ", regex: '(a|b)'", ""),
            "(after __tmp_c from __meta_consul_dc with regex '(a|b)') on c",
        ),
        (
            CHAIN % ("__meta_consul_dc", ", action: uppercase", ""),
            "(after __tmp_c by uppercase from __meta_consul_dc) on c",
        ),
        (
            CHAIN % ("__meta_consul_dc", "", ", regex: (x)"),
            "from __tmp_c with regex '(x)' (after __tmp_c from __meta_consul_dc) on c",
        ),
        ("{source_labels: [__tmp_c], target_label: company}, " + CHAIN % ("__meta_consul_dc", "", ""), None),
        ("{source_labels: [__meta_consul_node], target_label: node}, " + CHAIN % ("__meta_consul_dc", "", ""), None),
        (CHAIN % ("__meta_consul_dc", ", separator: ','", ""), None),
    ],
)
def test_a_label_that_one_server_makes_differently_on_the_way(other: str, words: str | None) -> None:
    usual = CHAIN % ("__meta_consul_dc", "", "")
    one, two, three = sites("rio", "sao", "bsb")
    found = drift(
        {"a": server(usual, one), "b": server(usual, two), "c": server(other, three)}, ignore=frozenset({"node"})
    )
    assert [(item["kind"], item["label"], item["servers"]) for item in found] == (
        [("made_differently", "company", ["c"])] if words else []
    )
    assert not words or words in found[0]["message"]


MAP = "{action: labelmap, regex: '__meta_consul_service_metadata_(.+)'}"


def test_a_label_that_one_server_maps_is_not_missing_there() -> None:
    one, two, three = sites("rio", "sao", "bsb")
    found = drift({"a": server(RULE, one), "b": server(RULE, two), "c": server(MAP, three)})
    assert [(item["kind"], item["label"], item["servers"]) for item in found] == [
        ("made_differently", "company", ["c"]),
        ("missing", "^(.+)$", ["a", "b"]),
    ]
    assert "by labelmap with regex '__meta_consul_service_metadata_(.+)' on c" in found[0]["message"]


def test_a_label_is_missing_where_all_servers_map_labels_and_the_others_have_a_rule_too() -> None:
    one, two, three = sites("rio", "sao", "bsb")
    both = f"{MAP}, {{source_labels: [__meta_consul_node], target_label: host}}"
    assert brief({"a": server(both, one), "b": server(both, two), "c": server(MAP, three)}) == [
        ("missing", "warning", "host", ["c"])
    ]


def test_a_label_that_no_mapping_can_make_is_missing() -> None:
    one, two = sites("rio", "sao")
    other = MAP.replace("}", ", replacement: 'meta_$1'}")
    found = brief({"a": server(RULE, one), "b": server(other, two)})
    assert [(kind, label) for kind, _severity, label, _servers in found] == [
        ("missing", "^meta_(.+)$"),
        ("missing", "company"),
    ]


def test_rules_that_look_much_the_same_are_drift() -> None:
    one, two = sites("rio", "sao")
    for rule, other in (
        (TWO % ", replacement: '${1}x'", TWO % ", replacement: '$1x-'"),
        (TWO % ", separator: ','", TWO % ""),
    ):
        assert [item["kind"] for item in drift({"a": server(rule, one), "b": server(other, two)})] != []


def test_without_a_majority_all_are_named() -> None:
    one, two = sites("rio", "sao")
    other = RULE.replace("company]", "customer]")
    assert brief({"a": server(external=one), "b": server(other, two)}) == [
        ("made_differently", "warning", "company", ["a", "b"])
    ]


def test_a_static_label_and_a_rule_are_different_ways() -> None:
    one, two = sites("rio", "sao")
    static = "- job_name: b\n  static_configs: [{targets: [x], labels: {company: acme}}]\n"
    found = drift({"a": server(external=one), "b": server("", two, static)})
    assert [item["kind"] for item in found] == ["made_differently"]
    assert "in static_configs on b" in found[0]["message"]
    # Other values of the same kind are no drift.
    assert drift({"a": server("", one, static), "b": server("", two, static.replace("acme", "xyz"))}) == []


def test_a_further_job_with_a_further_way_is_information() -> None:
    one, two = sites("rio", "sao")
    more = f"- job_name: b\n  consul_sd_configs: [{{}}]\n  relabel_configs: [{RULE.replace('company]', 'customer]')}]\n"
    assert brief({"a": server(external=one), "b": server(external=two, more=more)}) == [
        ("made_differently", "info", "company", ["a", "b"])
    ]
    message = drift({"a": server(external=one), "b": server(external=two, more=more)})[0]["message"]
    assert message.endswith(
        "in no further way on a; from __meta_consul_service_metadata_customer on b (/etc/prometheus/prometheus.yml:8)."
    )


def test_a_label_that_is_missing() -> None:
    one, two, three = sites("rio", "sao", "bsb")
    fleet = {"a": server(external=one), "b": server(external=two), "c": server("", three)}
    assert brief(fleet) == [("missing", "warning", "company", ["c"])]
    assert drift(fleet)[0]["message"] == (
        "company is missing on c (it is on 2 of 3 servers, made in /etc/prometheus/prometheus.yml:5)."
    )
    assert drift(fleet)[0]["present"] == 2
    fleet["b"] = server("", two)
    assert brief(fleet) == [("missing", "info", "company", ["b", "c"])]
    assert drift(fleet)[0]["message"] == (
        "company is only on a (it is on 1 of 3 servers, made in /etc/prometheus/prometheus.yml:5)."
    )
    assert brief(fleet, ignore=frozenset({"company"})) == []


def test_a_label_of_remote_write_that_is_missing_is_information() -> None:
    one, two = sites("rio", "sao")
    more = "remote_write: [{url: 'http://x', write_relabel_configs: [{target_label: tenant, replacement: t}]}]\n"
    assert brief({"a": server(external=one, more=more), "b": server(external=two)}) == [
        ("missing", "info", "tenant", ["b"])
    ]


def test_external_labels_that_are_equal_or_missing() -> None:
    same = "site: rio, env: prod"
    assert brief({"a": server(external=same), "b": server(external=same), "c": server(external="site: sao")}) == [
        ("external_labels_equal", "error", None, ["a", "b"]),
        ("external_label_missing", "warning", "env", ["c"]),
    ]
    assert brief({"a": server(external="site: rio"), "b": server(), "c": server(external="site: sao")}) == [
        ("external_label_missing", "warning", "site", ["b"])
    ]
    assert brief({"a": server(), "b": server()}) == [("no_external_labels", "warning", None, ["a", "b"])]
    # What the servers put in for a variable is not known.
    assert brief({"a": server(external='site: "$SITE"'), "b": server(external='site: "$SITE"')}) == []
    # What Kubernetes would put in, a Prometheus takes as it is written.
    pod = "replica: $(POD_NAME)"
    assert brief({"a": server(external=pod), "b": server(external=pod)}) == [
        ("external_labels_equal", "error", None, ["a", "b"])
    ]


def test_a_value_that_was_copied() -> None:
    fleet = {f"s{n}": server(external=f"site: rio, prometheus: p{n}") for n in range(5)}
    assert brief(fleet) == []
    fleet["s5"] = server(external="site: sao, prometheus: p4")
    assert brief(fleet) == [("external_label_clash", "warning", "prometheus", ["s4", "s5"])]


def test_ha_pairs() -> None:
    fleet = {
        "a1": server(external="site: rio, replica: a"),
        "a2": server(external="site: rio, replica: b"),
        "b1": server(external="site: sao, replica: a"),
        "b2": server(external="site: sao, replica: b"),
        "v1": server(external='site: bsb, replica: "${HOSTNAME}"'),
        "v2": server(external='site: bsb, replica: "${HOSTNAME}"'),
    }
    assert brief(fleet) == [
        ("ha_pair", "info", "replica", ["a1", "a2"]),
        ("ha_pair", "info", "replica", ["b1", "b2"]),
        ("ha_pair", "info", "replica", ["v1", "v2"]),
    ]
    fleet["b2"] = server(RULE.replace("company]", "customer]"), "site: sao, replica: b")
    assert brief(fleet)[0] == ("ha_pair_differs", "error", "company", ["b1", "b2"])
    assert "but they make company in different ways" in drift(fleet)[0]["message"]
    fleet["b2"] = server("", "site: sao, replica: b")
    assert "but company is missing on b2" in drift(fleet)[0]["message"]
    assert not [item for item in drift(fleet, replica_labels=("member",)) if item["kind"].startswith("ha")]
    more = {f"a{n}": server(external=f"site: rio, replica: r{n}") for n in range(4)}
    assert [item["message"] for item in drift(more)] == [
        "a0, a1, a2 and a3 are an HA group: their external labels differ in replica alone."
    ]
    more["a3"] = server("", "site: rio, replica: r3")
    assert "are an HA group and must make the same labels, but company is missing on a3." in drift(more)[0]["message"]


def test_servers_that_tell_nothing_are_named() -> None:
    one, two = sites("rio", "sao")
    fleet = {
        "a": server(external=one),
        "b": server(external=two),
        "c": ServerConfigs("unreachable"),
        "d": server(external="site: x", more="x: 1\n"),
        "e": ServerConfigs("no_such_directory"),
    }
    found = drift(fleet)
    assert [(item["kind"], item["servers"]) for item in found] == [("not_compared", ["c"]), ("not_compared", ["d"])]
    assert [item["message"] for item in found] == [
        "c could not be compared: the sweep did not reach it (unreachable).",
        "d could not be compared: its Prometheus would refuse the config (/etc/prometheus/prometheus.yml:6: "
        "has the unknown key 'x' in a Prometheus config).",
    ]


def test_a_file_that_is_refused_is_the_finding_and_not_what_is_missing_for_it() -> None:
    """What the server makes of the file that it ran before is not known; its external labels are."""
    main = "global: {external_labels: {site: rio, replica: %s}}\nscrape_configs:\n- job_name: a\n"
    main += "  file_sd_configs: [{files: [t.yml]}]\n"
    good, bad = "- {targets: ['h:1'], labels: {env: prod}}\n", "- {targets: ['h:1'], labels: {env: prod}\n"
    fleet = {
        name: ServerConfigs(
            "ok",
            None,
            [
                ConfigFile("/p/prometheus.yml", "prometheus", main % replica),
                ConfigFile("/p/t.yml", "prometheus", targets),
            ],
        )
        for name, replica, targets in (("a1", "a", good), ("a2", "b", bad), ("a3", "c", good), ("a4", "c", bad))
    }
    found = drift(fleet)
    assert [(item["kind"], item["servers"]) for item in found] == [
        ("external_labels_equal", ["a3", "a4"]),
        ("not_compared", ["a2", "a4"]),
        ("ha_pair", ["a1", "a2", "a3", "a4"]),
    ]
    assert found[1]["message"].startswith(
        "a2 and a4 could not be compared: a file of it is of no use (/p/t.yml:2: is not valid YAML"
    )


def test_many_servers_are_not_all_listed_in_a_message() -> None:
    fleet = {f"s{n:03}": server(external=f"site: s{n}") for n in range(40)}
    fleet |= {f"t{n:03}": server("", external=f"site: t{n}") for n in range(20)}
    found = drift(fleet)
    shown = (
        "company is missing on t000, t001, t002, t003 and 16 more "
        "(it is on 40 of 60 servers, made in /etc/prometheus/prometheus.yml:5)."
    )
    assert found[0]["message"] == shown
    assert len(found[0]["servers"]) == 20


def test_the_work_grows_with_the_rules_and_the_servers_not_with_their_product(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(pairs: int) -> tuple[int, int]:
        """How often a rule is spelled out, and how often a list of servers is gone through."""
        rows = itertools.product(range(pairs), "ab")
        extracted = extract({f"{n:02}{r}": server(external=f"site: s{n}, replica: {r}") for n, r in rows})
        passes: list[object] = []
        rules: list[object] = []

        class Servers(list[str]):
            def __iter__(self) -> Iterator[str]:
                passes.append(self)
                return super().__iter__()

        def way(source: Mapping[str, Any]) -> tuple[Any, ...]:
            rules.append(source)
            return spelled(source)

        spelled = labels_drift._way
        for source in (item for field in extracted["fields"] for item in field["sources"]):
            source["servers"] = Servers(source["servers"])
        with monkeypatch.context() as patch:
            patch.setattr(labels_drift, "_way", way)
            found = find_drift(extracted["fields"], extracted["servers"])
        assert [item["kind"] for item in found] == ["ha_pair"] * pairs
        return len(rules), len(passes)

    assert work(20) == work(2)
