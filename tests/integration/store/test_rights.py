# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that may do less than all, on a real Consul with ACLs: nothing is lost, and they are told what they lack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    StoreDeniedError,
    StoreError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.document import BRIEF
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.publish import written_keys
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from tests.integration.store.looking import FLEET, LARGE, field, names, store_at, text_of, view
from tests.support.consul import ConsulAgent, consul_agent
from tests.support.fleets import NOW, extraction, publish_to, roll_back


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("acl"), acl=True) as agent:
        yield agent


READ = 'key_prefix "fleet/" { policy = "read" }'
WRITE = 'key_prefix "fleet/" { policy = "write" }'
OWN = 'key "fleet/fields" { policy = "write" } key "fleet/servers/prom-01" { policy = "write" }'


@pytest.fixture
def published(guarded: ConsulAgent) -> dict[str, tuple[int, bytes]]:
    publish_to(store_at(guarded.address, token=guarded.token), FLEET)
    return guarded.dump("fleet")


@pytest.mark.parametrize(
    ("rules", "fleet"),
    [
        (READ, FLEET | {"fields": []}),
        (READ, LARGE),
        (READ + ' key "fleet/fields" { policy = "write" }', LARGE),
        (READ + ' key_prefix "fleet/servers/" { policy = "write" }', extraction({"prom-01": ["company", "tenant"]})),
    ],
    ids=["read only", "read only, many servers", "document only", "servers only"],
)
def test_token_that_may_not_write(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]], rules: str, fleet: dict[str, Any]
) -> None:
    token = guarded.new_token(rules)
    store = store_at(guarded.address, token=token)
    changed = extraction({"prom-01": ["company", "env", "tenant"]}) if not fleet["fields"] else fleet
    assert publish_to(store, changed, check_mode=True).changed
    with pytest.raises(
        StoreDeniedError, match=r'does not let the token write.*key_prefix "fleet/" \{ policy = "write"'
    ) as denied:
        publish_to(store, changed)
    assert token not in text_of(denied.value)
    assert guarded.dump("fleet") == published


@pytest.mark.parametrize(
    "rules",
    ["", 'key "fleet/fields" { policy = "write" } key_prefix "fleet/servers/prom-01" { policy = "write" }'],
    ids=["nothing", "some servers only"],
)
def test_token_that_may_not_read_everything(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]], rules: str
) -> None:
    """Consul leaves out of its answer what a token may not read; that must not pass for servers that are gone."""
    store = store_at(guarded.address, token=guarded.new_token(rules))
    with pytest.raises(StoreDeniedError):
        publish_to(store, extraction({"prom-01": ["tenant"]}), orphans="remove")
    assert guarded.dump("fleet") == published


@pytest.mark.parametrize(
    "rules",
    [
        OWN,
        'key_prefix "fleet/servers/" { policy = "write" }',
        "",
    ],
    ids=["some servers only", "no document", "nothing"],
)
def test_what_is_hidden_from_a_token_is_missed_before_anything_is_asked_of_the_fleet(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]], rules: str
) -> None:
    """All servers answer, so all that is hidden would be written anew; check mode must not promise that."""
    store = store_at(guarded.address, token=guarded.new_token(rules))
    needed = r'does not let the token read this.*key_prefix "fleet/" \{ policy = "read" \} \("list" where'
    for check_mode in (True, False):
        with pytest.raises(StoreDeniedError, match=needed):
            publish_to(store, FLEET, check_mode=check_mode)
    assert guarded.dump("fleet") == published


def test_a_token_that_sees_some_servers_is_not_told_that_the_others_have_no_fields(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]]
) -> None:
    assert "fleet/servers/prom-02" in published
    token = guarded.new_token('key "fleet/fields" { policy = "read" } key "fleet/servers/prom-01" { policy = "read" }')
    seen = view(store_at(guarded.address, token=token))
    assert seen["lost"] == ["prom-02"]
    company = next(item for item in seen["fields"] if item["name"] == "company")
    assert (company["servers"], company["servers_count"]) == (["prom-01", "prom-02"], 2)
    # A brief document says no names: these are those whose readings can be seen, of as many as it counts.
    publish_to(store_at(guarded.address, token=guarded.token), FLEET, manner={"detail": BRIEF})
    company = field(store_at(guarded.address, token=token), "company")
    assert (company["servers"], company["servers_count"]) == (["prom-01"], 2)
    assert company["last_seen"]


def test_a_list_of_keys_may_be_a_right_of_its_own(tmp_path: Path) -> None:
    rights: dict[str, Any] = {"enabled": True, "default_policy": "deny", "enable_key_list_policy": True}
    with consul_agent(tmp_path, acl=True) as agent:
        agent.extra["acl"] = agent.configuration()["acl"] | rights
        agent.restart()
        publish_to(store_at(agent.address, token=agent.token), FLEET)
        tokens = {right: agent.new_token(READ.replace("read", right)) for right in ("read", "list")}
        with pytest.raises(StoreDeniedError, match=r'"list" where the servers have acl\.enable_key_list_policy'):
            names(store_at(agent.address, token=tokens["read"]))
        assert names(store_at(agent.address, token=tokens["list"])) == ["company", "env"]


@pytest.mark.parametrize(
    ("rules", "history_keep", "may_write"),
    [
        (READ, 0, False),
        (f"{READ} {OWN}", 1, False),
        (f"{READ} {OWN}", 0, True),
        (WRITE, 1, True),
    ],
    ids=["read only", "not the history", "no history kept", "all"],
)
def test_that_a_token_may_write_is_known_without_writing(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]], rules: str, history_keep: int, may_write: bool
) -> None:
    store = store_at(guarded.address, token=guarded.new_token(rules))
    keys = written_keys(["prom-01"], history_keep)
    if may_write:
        store.probe(keys)
    else:
        with pytest.raises(StoreDeniedError, match=r'write this.*key_prefix "fleet/" \{ policy = "write" \}'):
            store.probe(keys)
    assert guarded.dump("fleet") == published


def test_that_a_token_may_write_is_known_of_more_servers_than_fit_in_a_transaction(guarded: ConsulAgent) -> None:
    keys = written_keys([f"prom-{number:03}" for number in range(100)], 1)
    store_at(guarded.address, token=guarded.new_token(WRITE)).probe(keys)
    rules = f'{WRITE} key "fleet/servers/prom-099" {{ policy = "read" }}'
    with pytest.raises(StoreDeniedError, match="write this"):
        store_at(guarded.address, token=guarded.new_token(rules)).probe(keys)


def test_token_that_may_read_nothing_is_not_told_that_there_is_nothing(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]]
) -> None:
    assert published
    store = store_at(guarded.address, token=guarded.new_token('key_prefix "other/" { policy = "write" }'))
    with pytest.raises(StoreDeniedError, match="does not let the token read this"):
        whole_view(store.read(), store, NOW)


@pytest.mark.parametrize("to", [None, "20260130T081500.224310Z"])
@pytest.mark.parametrize(
    "rules",
    ['key_prefix "other/" { policy = "write" }', READ + ' key_prefix "fleet/history/" { policy = "deny" }'],
    ids=["nothing", "all but the history"],
)
def test_token_that_may_not_read_the_history_is_not_told_that_there_is_none(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]], rules: str, to: str | None
) -> None:
    assert published
    with pytest.raises(StoreDeniedError, match="does not let the token read this"):
        roll_back(store_at(guarded.address, token=guarded.new_token(rules)), to)


def test_token_that_may_not_remove_is_told_what_was_done(
    guarded: ConsulAgent, published: dict[str, tuple[int, bytes]]
) -> None:
    """What is removed comes after the document, where all of it is more than one transaction."""
    assert "fleet/servers/prom-01" in published
    store = store_at(
        guarded.address, token=guarded.new_token(WRITE + ' key "fleet/servers/prom-01" { policy = "read" }')
    )
    with pytest.raises(StoreDeniedError, match="The document is the new one; to remove what it no longer needs failed"):
        publish_to(store, LARGE, forget=["prom-01"])
    assert "own149" in names(store)
    publish_to(store_at(guarded.address, token=guarded.token), extraction({}), forget=list(LARGE["servers"]))


def test_token_for_one_prefix_only(guarded: ConsulAgent, published: dict[str, tuple[int, bytes]]) -> None:
    token = guarded.new_token('key_prefix "other/" { policy = "write" }')
    assert publish_to(store_at(guarded.address, "other", token=token), FLEET).changed
    with pytest.raises(StoreDeniedError):
        publish_to(store_at(guarded.address, token=token), FLEET)
    assert guarded.dump("fleet") == published


@pytest.mark.parametrize(
    ("token", "message"),
    [("00000000-dead-dead-dead-000000000000", "does not know the token"), (None, r"none was given")],
)
def test_no_token_or_one_that_is_not_known(guarded: ConsulAgent, token: str | None, message: str) -> None:
    with pytest.raises(StoreDeniedError, match=message) as denied:
        publish_to(store_at(guarded.address, token=token), FLEET)
    assert "dead" not in text_of(denied.value)


def test_token_file(guarded: ConsulAgent, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(f"{guarded.new_token(WRITE)}\n", encoding="utf-8")
    publish_to(store_at(guarded.address, token_file=str(token_file)), FLEET)
    for content, message in (("", "is empty"), (None, "cannot be read: No such file")):
        token_file.unlink()
        if content is not None:
            token_file.write_text(content, encoding="utf-8")
        with pytest.raises(StoreError, match=message):
            store_at(guarded.address, token_file=str(token_file))
