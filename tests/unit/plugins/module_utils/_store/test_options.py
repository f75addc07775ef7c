# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options as they are documented are the options as they are taken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skills_eye.prometheus_fleet.plugins.doc_fragments import consul, store
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    StoreError,
    StoreRequirementError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.directory import DirectoryStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.options import (
    consul_spec,
    shown,
    store_from,
    store_spec,
)
from tests.support.interpreter import printed_by


def documented(fragment: Any, part: str = "DOCUMENTATION") -> dict[str, Any]:
    options: dict[str, Any] = yaml.safe_load(getattr(fragment.ModuleDocFragment, part))["options"]
    return options


def test_fragments_document_the_specification() -> None:
    options = documented(consul) | documented(store)
    spec = store_spec()
    assert set(options) == set(spec)
    assert set(documented(consul)) == set(consul_spec())
    for name, option in options.items():
        taken = spec[name]
        assert option["type"] == taken["type"], name
        assert option.get("default") == taken.get("default"), name
        assert option.get("choices") == taken.get("choices"), name


def test_every_option_has_its_places_for_lookups() -> None:
    places = documented(consul, "PLUGINS") | documented(store, "PLUGINS")
    spec = store_spec()
    assert set(places) == set(spec)
    for name, place in places.items():
        variables = [item["name"] for item in place.get("env", [])]
        fallback = spec[name].get("fallback")
        assert variables == (list(fallback[1]) if fallback else []), name
        text = " ".join(map(str, (documented(consul) | documented(store))[name]["description"]))
        assert all(f"E({variable})" in text for variable in variables), name
        assert place["vars"][0]["name"].startswith("prometheus_fleet_")
        # A token in a file that is often in a repository would be a secret given away.
        assert ("ini" in place) == (name != "token"), name


def test_only_the_token_is_masked() -> None:
    assert [name for name, option in store_spec().items() if option.get("no_log")] == ["token"]


def options_with(**given: Any) -> dict[str, Any]:
    return {name: option.get("default") for name, option in store_spec().items()} | given


def test_store_that_is_meant() -> None:
    directory = store_from(options_with(store="directory", path="/x"), mode=0o600)
    assert isinstance(directory, DirectoryStore)
    assert directory.mode == 0o600
    assert isinstance(store_from(options_with(address="consul.example")), ConsulStore)


@pytest.mark.parametrize(
    ("environment", "given", "sent"),
    [
        ({"TOKEN": "env"}, {"token": "env", "token_file": "{file}"}, "file"),
        ({"TOKEN_FILE": "{file}"}, {"token": "task", "token_file": "{file}"}, "task"),
        ({"TOKEN": "env", "TOKEN_FILE": "{file}"}, {"token": "env", "token_file": "{file}"}, "file"),
        ({"TOKEN_FILE": "/other"}, {"token": "task", "token_file": "{file}"}, "file"),
    ],
    ids=["file by the task", "token by the task", "both by the environment", "both by the task"],
)
def test_task_wins_over_the_environment_and_a_file_over_a_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], given: dict[str, str], sent: str
) -> None:
    file = tmp_path / "token"
    file.write_text("file\n", encoding="utf-8")
    for name in ("TOKEN", "TOKEN_FILE"):
        monkeypatch.delenv(f"CONSUL_HTTP_{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(f"CONSUL_HTTP_{name}", value.format(file=file))
    store = store_from(options_with(**{name: value.format(file=file) for name, value in given.items()}))
    assert isinstance(store, ConsulStore)
    assert store._client._http.session.headers["X-Consul-Token"] == sent


def test_missing_package_is_said_for_consul_only(monkeypatch: pytest.MonkeyPatch) -> None:
    # How Python says that there is no such module, whatever is installed here.
    monkeypatch.setitem(sys.modules, "consul", None)
    monkeypatch.setitem(sys.modules, "consul.std", None)
    with pytest.raises(StoreRequirementError, match=r"required Python library \(py-consul\)") as missing:
        store_from(options_with())
    assert "import of consul.std halted" in missing.value.traceback
    assert isinstance(store_from(options_with(store="directory", path="/x")), DirectoryStore)


def test_broken_package_is_said_when_consul_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_from(options_with())
    monkeypatch.setitem(sys.modules, "consul.std", None)
    with pytest.raises(StoreRequirementError, match=r"required Python library \(py-consul\)") as missing:
        store.read()
    assert "import of consul.std halted" in missing.value.traceback


def test_store_that_is_not_asked_costs_no_import() -> None:
    """A lookup whose answer a cache has makes one in each process of a play."""
    code = (
        "import sys\n"
        f"from {store_from.__module__} import store_from, store_spec\n"
        "store_from({name: option.get('default') for name, option in store_spec().items()})\n"
        "print(sorted({'consul', 'requests', 'urllib3'} & sys.modules.keys()))\n"
    )
    assert printed_by(code) == "[]\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"store": "directory"}, "needs path"),
        ({"timeout": 0.0}, "more than 0 seconds"),
        ({"timeout": -1.0}, "more than 0"),
        ({"timeout": float("nan")}, "more than 0"),
        ({"timeout": float("inf")}, "86400 at most"),
    ],
)
def test_options_that_cannot_be(given: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        store_from(options_with(**given))


@pytest.mark.parametrize("option", ["path", "token_file", "ca_cert", "client_cert", "client_key"])
@pytest.mark.parametrize("text", ["-----BEGIN KEY-----\nhunter2\n", "key: hunter2", "hunter2" * 600])
def test_contents_in_place_of_a_path_are_not_repeated(option: str, text: str) -> None:
    given = options_with(**{option: text}, store="directory" if option == "path" else "consul")
    with pytest.raises(StoreError, match=f"{option} must be a path, got a text of") as refused:
        store_from(given)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(shown(given))


def test_a_token_in_place_of_its_file_is_not_repeated() -> None:
    token = "5f0c8a1e-2f3b-4a6d-9c1e-0123456789ab"
    for given in (token, f"/somewhere/{token}"):
        with pytest.raises(StoreError, match=r"The token file cannot be read: .* token itself") as refused:
            store_from(options_with(token_file=given))
        assert token not in str(refused.value)
