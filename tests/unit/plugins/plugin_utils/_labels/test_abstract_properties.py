# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of unknown label sets must hold for every label set that they may be."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels import abstract, relabel
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.abstract import Family, State
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.pattern import Hole, compiled, shape
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.relabel import (
    PROMETHEUS_2,
    PROMETHEUS_3,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.values import (
    ABSENT,
    UNKNOWN,
    Alternative,
    Cell,
    Root,
    constant,
    may_be_absent,
    present,
)
from tests.support.relabel_chains import BUILT_IN, INTERNAL, PUBLIC, VALUES, chains, is_ambiguous, rules

FULL = [value for value in VALUES if value]
KNOWN, SOME, ANY = "known", "some", "any"


def unknown_labels() -> st.SearchStrategy[dict[str, tuple[str, str]]]:
    """For each label how much of it is known, and the value that it has in one label set."""
    names = [name for name in PUBLIC + INTERNAL + BUILT_IN if not name.startswith("__meta_tag_")]
    known = st.tuples(st.sampled_from([KNOWN, SOME]), st.sampled_from(FULL))
    return st.dictionaries(
        st.sampled_from(names), st.one_of(known, st.tuples(st.just(ANY), st.sampled_from(VALUES))), max_size=8
    )


def cell(name: str, certainty: str, value: str) -> Cell:
    root = (Root(name, "test"),)
    if certainty == KNOWN:
        return (Alternative(constant(value), root),)
    return (Alternative(UNKNOWN, root),) if certainty == SOME else (ABSENT, Alternative(UNKNOWN, root))


@settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    labels=unknown_labels(),
    tags=st.dictionaries(st.sampled_from(["team", "app", "zone_x"]), st.sampled_from(FULL), max_size=2),
    chain=chains("3.5"),
    old=st.booleans(),
)
def test_each_label_set_is_covered(
    labels: dict[str, tuple[str, str]], tags: dict[str, str], chain: list[dict[str, Any]], old: bool
) -> None:
    dialect = PROMETHEUS_2 if old else PROMETHEUS_3
    concrete = {name: value for name, (_certainty, value) in labels.items()}
    concrete.update((f"__meta_tag_{tag}", value) for tag, value in tags.items())
    # Values that are not known are taken to be of one line, which matters to Prometheus 2 alone.
    assume(not old or not any("\n" in value for value in concrete.values()))
    assume(not is_ambiguous(chain, concrete, dialect))
    state = State({name: cell(name, *item) for name, item in labels.items()})
    state.families.append(Family(("__meta_tag_", Hole(1, ".+")), "__meta_tag_*", "test"))

    outcome = abstract.run(rules(chain), state, dialect)
    done = relabel.run(rules(chain), concrete, dialect)

    if done.dropped_by is not None:
        return
    assert outcome.dropped_by is None, f"said to drop everything at {outcome.dropped_by}"
    for name, value in done.labels.items():
        alternatives = present(outcome.state.cells.get(name, ()))
        in_family = any(compiled(shape(family.name)).matches(name) for family in outcome.state.families)
        # A label with a name of its own keeps its values, though one of a family may lie over it.
        assert in_family or any(item.value.can_be(value) for item in alternatives), (name, value, alternatives)
        assert alternatives or name not in outcome.state.cells
    always = {name for name, item in outcome.state.cells.items() if not may_be_absent(item)}
    assert always <= set(done.labels)
