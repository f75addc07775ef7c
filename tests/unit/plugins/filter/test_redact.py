# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible import template
from ansible.errors import AnsibleError, AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.redact import FilterModule, redact

TEXT = "# of site one\nbasic_auth: {username: bob, password: fake-pw-11}\nnote: '{{ $labels.instance }}'\n"


def test_a_text_is_masked() -> None:
    assert re.sub("[0-9a-f]{4}", "M", redact(TEXT)) == TEXT.replace("fake-pw-11", '"<secret:M>"')


def test_a_salt_makes_masks_comparable() -> None:
    assert redact(TEXT, salt="one") == redact(TEXT, salt="one")
    assert len({redact(TEXT, salt=str(number)) for number in range(10)}) > 5


def test_texts_of_one_expression_share_a_random_salt() -> None:
    assert redact(TEXT) == redact(TEXT + "\n")[:-1]


@pytest.mark.parametrize("value", [None, 1, ["a"], {"a": "b"}])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected a text"):
        redact(value)


def test_a_salt_must_be_a_text() -> None:
    with pytest.raises(AnsibleFilterError, match="salt must be a text"):
        redact(TEXT, salt=["a"])


def trusted(text: str) -> str:
    """A template, marked as one where Ansible wants that (2.19 and later)."""
    return template.trust_as_template(text) if hasattr(template, "trust_as_template") else text


def test_it_is_found_by_its_full_name_and_gathered_text_stays_text() -> None:
    text = "note: '{{ $labels.instance }}'\npassword: fake-pw-11\n"
    templar = template.Templar(DataLoader(), {"text": wrap_var(text)})
    assert "redact" in FilterModule().filters()
    shown = templar.template(trusted("{{ text | skills_eye.prometheus_fleet.redact(salt='s') }}"))
    assert re.fullmatch(r"note: '\{\{ \$labels.instance \}\}'\npassword: <secret:[0-9a-f]{4}>\n?", shown)
    with pytest.raises(AnsibleError):
        templar.template(trusted("{{ 1 | skills_eye.prometheus_fleet.redact }}"))
