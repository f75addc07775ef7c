# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.discovery import (
    catalogue,
    catalogue_of,
    everything,
    kind_of,
    start_state,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.schema_sd import DISCOVERIES
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.sd_labels import META_LABELS
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import may_be_absent

LISTED = Path(__file__).resolve().parents[6] / "shared" / "corpus" / "sd_meta_labels.json"


def test_every_discovery_has_its_labels_and_every_label_a_discovery() -> None:
    kinds = {kind_of(key) for key in DISCOVERIES} - {None}
    assert kinds == {*META_LABELS, "aws"}
    assert kind_of("static_configs") is None
    assert kind_of("relabel_configs") is None
    assert kind_of("unheard_of_sd_configs") is None


def test_every_documented_label_is_listed() -> None:
    if not LISTED.is_file():
        pytest.skip("the corpus is not beside the project")
    documented: dict[str, dict[str, list[str]]] = json.loads(LISTED.read_text(encoding="utf-8"))
    missing = [
        (kind, role, label)
        for kind, roles in documented.items()
        for role, labels in roles.items()
        for label in labels
        if not catalogue(str(kind_of(kind)), "" if role == "*" else role).has(re.sub(r"<\w+>", "x", label))
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("kind", "section", "has", "has_not"),
    [
        ("consul", {}, ["__meta_consul_dc", "__meta_consul_service_metadata_x"], ["__meta_consul_x", "__meta_ec2_ami"]),
        ("kubernetes", {"role": "pod"}, ["__meta_kubernetes_pod_label_a"], ["__meta_kubernetes_service_name"]),
        (
            "kubernetes",
            {"role": "endpoints"},
            ["__meta_kubernetes_service_name", "__meta_kubernetes_pod_label_a", "__meta_kubernetes_endpoint_ready"],
            ["__meta_kubernetes_node_name", "__meta_kubernetes_ingress_path"],
        ),
        (
            "kubernetes",
            {"role": "pod", "attach_metadata": {"node": True, "namespace": True}},
            ["__meta_kubernetes_node_label_x", "__meta_kubernetes_namespace_annotation_y"],
            ["__meta_kubernetes_service_name"],
        ),
        ("aws", {"role": "ecs"}, ["__meta_ecs_cluster", "__meta_ecs_tag_task_x"], ["__meta_ec2_ami"]),
        ("openstack", {"role": "hypervisor"}, ["__meta_openstack_hypervisor_id"], ["__meta_openstack_instance_id"]),
        ("digitalocean", {}, ["__meta_digitalocean_droplet_id"], ["__meta_digitalocean_db_id"]),
        ("ovhcloud", {"service": "vps"}, ["__meta_ovhcloud_vps_zone"], ["__meta_ovhcloud_dedicated_server_os"]),
        ("file", {}, ["__meta_filepath"], ["__meta_url"]),
    ],
)
def test_roles_have_their_own_labels(kind: str, section: dict[str, Any], has: list[str], has_not: list[str]) -> None:
    found = catalogue_of(kind, section)
    assert [label for label in has if not found.has(label)] == []
    assert [label for label in has_not if found.has(label)] == []
    assert all(everything().has(label) for label in has)


def test_a_role_that_is_not_known_may_be_any() -> None:
    found = catalogue_of("kubernetes", {"role": None})
    assert found.has("__meta_kubernetes_pod_name")
    assert found.has("__meta_kubernetes_ingress_path")


def test_a_family_has_no_member_without_a_name() -> None:
    assert not catalogue("consul").has("__meta_consul_service_metadata_")


def test_discovered_targets_have_an_address_and_perhaps_the_rest() -> None:
    state = start_state("consul", catalogue("consul"))
    assert not may_be_absent(state.cells["__address__"])
    assert may_be_absent(state.cells["__meta_consul_dc"])
    assert "instance" not in state.cells
    assert "instance" in start_state("kubernetes", catalogue("kubernetes", "node")).cells
