# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each service discovery of Prometheus tells of a target: the labels before any rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.abstract import Family, State
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import Hole
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.sd_labels import META_LABELS
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import (
    ABSENT,
    UNKNOWN,
    Alternative,
    Cell,
    Root,
)

META: Final = "__meta_"
SUFFIX: Final = "_sd_configs"

# The roles that a discovery has where none is given.
_DEFAULT_ROLES: Final = {"digitalocean": "droplets"}
# Kinds whose targets may carry any label, since whoever writes the targets names them.
OPEN_KINDS: Final = frozenset({"file", "http"})

_OBJECTS: Final = ("label", "labelpresent", "annotation", "annotationpresent")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """names are whole labels; families are beginnings of labels, whose rest the discovered system gives.

    sets are labels that the discovery itself sets beside its meta labels and the address.
    """

    names: frozenset[str]
    families: frozenset[str]
    sets: frozenset[str] = frozenset()

    def __or__(self, other: Catalogue) -> Catalogue:
        return Catalogue(self.names | other.names, self.families | other.families, self.sets | other.sets)

    def has(self, label: str) -> bool:
        """Whether a target may carry this label."""
        return label in self.names or label in self.sets or any(_member(label, start) for start in self.families)


def _member(label: str, start: str) -> bool:
    return len(label) > len(start) and label.startswith(start)


NOTHING: Final = Catalogue(frozenset(), frozenset())


def kind_of(key: str) -> str | None:
    """consul for consul_sd_configs; None for keys that are no discovery. static_configs are not discovered."""
    kind = key.removesuffix(SUFFIX)
    return kind if kind != key and (kind in META_LABELS or kind == "aws") else None


@cache
def _listed(kind: str, role: str) -> Catalogue:
    names: set[str] = set()
    families: set[str] = set()
    start, endings = META_LABELS[kind][role].split(":", 1)
    for ending in endings.split():
        label = f"{META}{start.strip()}{ending}"
        if label.endswith("*"):
            families.add(label[:-1])
        else:
            names.add(label)
    return Catalogue(frozenset(names), frozenset(families))


@cache
def catalogue(kind: str, role: str = "", attached: tuple[str, ...] = ()) -> Catalogue:
    """The labels of a kind and role; of all roles where the role is not known. attached: objects of attach_metadata."""
    if kind == "aws":
        return catalogue(role) if role in META_LABELS else _union(catalogue(name) for name in _AWS_ROLES)
    roles = META_LABELS[kind]
    role = role or _DEFAULT_ROLES.get(kind, "")
    found = _listed(kind, role) if role in roles else _union(_listed(kind, name) for name in roles)
    if kind == "kubernetes":
        found = _kubernetes(found, role, attached)
    if kind in ("eureka", "ovhcloud", "kuma") or (kind == "kubernetes" and role in ("node", "")):
        found |= Catalogue(frozenset(), frozenset(), frozenset({"instance"}))
    if kind == "kuma":
        found |= Catalogue(frozenset(), frozenset(), frozenset({"__scheme__", "__metrics_path__"}))
    return found


_AWS_ROLES: Final = ("ec2", "ecs", "elasticache", "lightsail", "msk", "rds")


def _kubernetes(found: Catalogue, role: str, attached: tuple[str, ...]) -> Catalogue:
    """Endpoints bring the labels of their service and their pod along; attach_metadata those of node and namespace."""
    if role in ("endpoints", "endpointslice"):
        found |= _listed("kubernetes", "service") | _listed("kubernetes", "pod")
    if "node" in attached:
        found |= _listed("kubernetes", "node")
    if "namespace" in attached:
        starts = (f"{META}kubernetes_namespace_{kind}_" for kind in _OBJECTS)
        found |= Catalogue(frozenset(), frozenset(starts))
    return found


def _union(catalogues: Iterable[Catalogue]) -> Catalogue:
    found = NOTHING
    for item in catalogues:
        found |= item
    return found


@cache
def everything() -> Catalogue:
    """All meta labels of all kinds."""
    attached = catalogue("kubernetes", "pod", ("node", "namespace"))
    return _union(catalogue(kind) for kind in META_LABELS) | attached


def catalogue_of(kind: str, section: Mapping[str, Any] | None) -> Catalogue:
    """The labels that one entry of a discovery can attach."""
    section = section or {}
    role = section.get("service" if kind == "ovhcloud" else "role") or ""
    metadata = section.get("attach_metadata") or {}
    return catalogue(kind, str(role), tuple(name for name in ("node", "namespace") if metadata.get(name)))


def start_state(kind: str, labels: Catalogue) -> State:
    """A target of this discovery, before the settings of its job are laid under it and before any rule."""
    cells, families = _start(labels)
    is_open = kind in OPEN_KINDS
    # A meta label that a rule reads may come with a newer Prometheus than the one that was listed here.
    return State(dict(cells), list(families), f"{kind}_sd" if is_open else "discovery", "" if is_open else META)


@cache
def _start(labels: Catalogue) -> tuple[dict[str, Cell], tuple[Family, ...]]:
    cells: dict[str, Cell] = {"__address__": (Alternative(UNKNOWN, (Root("__address__", "address"),)),)}
    for name in sorted(labels.names | labels.sets):
        cells[name] = (ABSENT, Alternative(UNKNOWN, (Root(name, "discovery"),)))
    families = tuple(Family((start, Hole(1, ".+")), f"{start}*", "discovery") for start in sorted(labels.families))
    return cells, families
