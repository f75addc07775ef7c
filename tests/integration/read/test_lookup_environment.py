# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup fields reads a real Consul and a directory: empty environment variables, and texts that people cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.consul import ROOT_TOKEN, ConsulAgent, consul_agent
from tests.support.tls import Certificates, make_certificates

PROJECT = Path(__file__).resolve().parents[3]
NAME = "skills_eye.prometheus_fleet.fields"
PREFIX = "test/metadata"
OF_PLAY = "prometheus_fleet_consul_"
STORES = ["directory", "consul"]
# As Consul's UI or an editor leaves it, in the older form, which everybody may write.
DOCUMENT = {"version": "2.0.0", "fields": [{"name": "company", "display_name": "Company"}]}
EMPTY = [
    "CONSUL_HTTP_ADDR",
    "CONSUL_HTTP_TOKEN",
    "CONSUL_HTTP_TOKEN_FILE",
    "CONSUL_HTTP_SSL",
    "CONSUL_HTTP_SSL_VERIFY",
    "CONSUL_CACERT",
    "CONSUL_CLIENT_CERT",
    "CONSUL_CLIENT_KEY",
    "CONSUL_NAMESPACE",
    "CONSUL_PARTITION",
    "PROMETHEUS_FLEET_CACHE_PLUGIN",
    "PROMETHEUS_FLEET_CACHE_CONNECTION",
]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul"), acl=True) as running:
        running.put(f"{PREFIX}/fields", json.dumps(DOCUMENT))
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul-tls"), certificates=certificates) as running:
        running.put(f"{PREFIX}/fields", json.dumps(DOCUMENT))
        yield running


@dataclass
class Reader:
    """A controller whose ansible.cfg says where the store is."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, **settings: str) -> None:
        lines = "".join(f"{name} = {value}\n" for name, value in {"prefix": PREFIX, **settings}.items())
        (self.folder / "ansible.cfg").write_text(f"[prometheus_fleet]\n{lines}", encoding="utf-8")

    def read(self, options: str = "", *, tiers: str = "'store'", variables: Any = None, **environment: str) -> Any:
        """What the lookup gives, or the text of its failure."""
        out = self.folder / "answer.json"
        out.unlink(missing_ok=True)
        asked = f"query('{NAME}', tiers=[{tiers}]{', ' + options if options else ''})"
        task = {"copy": {"content": "{{ " + asked + " | to_json }}", "dest": str(out)}}
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables or {}, "tasks": [task]}
        (self.folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "CONSUL_"))}
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml"],
            cwd=self.folder,
            env=clean
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".venv" / "collections"),
                "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            }
            | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            return " ".join((done.stdout + done.stderr).split())
        return json.loads(out.read_text(encoding="utf-8"))


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def names(answer: Any) -> list[str]:
    assert isinstance(answer, list), answer
    return [item["name"] for item in answer]


def put(reader: Reader, agent: ConsulAgent, store: str, document: Any) -> str:
    """Put a document there by hand; the lookup's options that lead to it."""
    text = json.dumps(document)
    if store == "directory":
        (reader.folder / "store").mkdir()
        (reader.folder / "store" / "fields.json").write_text(text, encoding="ascii")
        return f"store='directory', path='{reader.folder / 'store'}'"
    prefix = f"test/{reader.folder.name}"
    agent.put(f"{prefix}/fields", text)
    return f"address='{agent.address}', prefix='{prefix}', token='{ROOT_TOKEN}'"


@pytest.mark.parametrize("store", STORES)
def test_empty_variables_are_not_set(reader: Reader, agent: ConsulAgent, store: str) -> None:
    reader.configure()
    options = put(reader, agent, store, DOCUMENT)
    assert names(reader.read(options, tiers="'cache', 'store'", **dict.fromkeys(EMPTY, ""))) == ["company"]
    assert (reader.folder / "home" / "prometheus_fleet" / "cache").is_dir()


def test_behind_an_empty_variable_the_configuration_file_speaks(reader: Reader, agent: ConsulAgent) -> None:
    (reader.folder / "token").write_text(ROOT_TOKEN, encoding="utf-8")
    reader.configure(consul_address=agent.address, consul_token_file=str(reader.folder / "token"))
    assert names(reader.read(**dict.fromkeys(EMPTY, ""))) == ["company"]


def test_an_empty_variable_does_not_turn_off_checking_the_certificate(
    reader: Reader, secured: ConsulAgent, certificates: Certificates
) -> None:
    reader.configure(
        consul_address=secured.url,
        consul_client_cert=str(certificates.client_cert),
        consul_client_key=str(certificates.client_key),
    )
    assert "is not signed by an authority that is trusted here" in str(reader.read(CONSUL_HTTP_SSL_VERIFY=""))
    for told in (reader.read("validate_certs=''"), reader.read(variables={OF_PLAY + "validate_certs": ""})):
        assert "is not signed by an authority that is trusted here" in str(told)
    assert names(reader.read(CONSUL_HTTP_SSL_VERIFY="false")) == ["company"]
    assert names(reader.read(CONSUL_HTTP_SSL_VERIFY="", CONSUL_CACERT=str(certificates.ca))) == ["company"]


@pytest.mark.parametrize(
    ("option", "variable", "text"),
    [("validate_certs", "CONSUL_HTTP_SSL_VERIFY", " "), ("tls", "CONSUL_HTTP_SSL", "treu")],
)
def test_what_is_neither_yes_nor_no_does_not_turn_off_tls(
    reader: Reader, option: str, variable: str, text: str
) -> None:
    """Ansible reads no there, wherever it stands."""
    refusal = f"{option} must be yes or no, and is neither (from "
    reader.configure(**{"consul_" + option: "off ; on purpose"})
    assert refusal + "the call)" in str(reader.read(f"{option}='{text}'"))
    assert refusal + "var: " in str(reader.read(variables={OF_PLAY + option: text}))
    assert refusal + f"env: {variable})" in str(reader.read(**{variable: text}))
    assert refusal not in str(reader.read())
    reader.configure(**{"consul_" + option: text.strip()})
    assert refusal in str(reader.read())


def test_an_empty_path_is_not_the_working_directory(reader: Reader, agent: ConsulAgent) -> None:
    reader.configure(consul_address=agent.address)
    empty = dict.fromkeys((OF_PLAY + name for name in ("token_file", "ca_cert", "client_cert", "client_key")), "")
    assert names(reader.read(variables=empty, CONSUL_HTTP_TOKEN=ROOT_TOKEN)) == ["company"]
    assert names(reader.read("token_file='', ca_cert=''", CONSUL_HTTP_TOKEN=ROOT_TOKEN)) == ["company"]
    assert "The directory store needs path" in reader.read("store='directory', path=''")


def test_an_empty_variable_does_not_undo_tls_of_the_configuration_file(
    reader: Reader, secured: ConsulAgent, certificates: Certificates
) -> None:
    reader.configure(
        consul_address=secured.address,
        consul_tls="true",
        consul_ca_cert=str(certificates.ca),
        consul_client_cert=str(certificates.client_cert),
        consul_client_key=str(certificates.client_key),
    )
    assert names(reader.read(CONSUL_HTTP_SSL="")) == ["company"]


def test_a_token_of_the_play_wins_over_a_file_of_the_environment(reader: Reader, agent: ConsulAgent) -> None:
    (reader.folder / "token").write_text("00000000-0000-0000-0000-00000000dead", encoding="utf-8")
    reader.configure(consul_address=agent.address)
    # Also where the variable holds a relative path.
    for path in (str(reader.folder / "token"), "token"):
        assert names(reader.read(f"token='{ROOT_TOKEN}'", CONSUL_HTTP_TOKEN_FILE=path)) == ["company"]
        assert "does not know the token" in str(reader.read(CONSUL_HTTP_TOKEN=ROOT_TOKEN, CONSUL_HTTP_TOKEN_FILE=path))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("tiers", ["'store'", "'cache', 'store'"])
def test_half_a_character_in_a_text_does_not_break_the_play(
    reader: Reader, agent: ConsulAgent, store: str, tiers: str
) -> None:
    reader.configure()
    field = {"name": "company", "display_name": "Company \ud83d", "options": ["\udfe2", "plain"]}
    options = put(reader, agent, store, {**DOCUMENT, "fields": [field]})
    for _read in range(2):
        [answer] = reader.read(options, tiers=tiers)
        assert (answer["display_name"], answer["options"]) == ("Company ?", ["?", "plain"])
