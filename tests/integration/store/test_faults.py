# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong between a publisher and Consul: it ends, it says what to do, and nothing is lost.

Faults come from real servers where they can be had: TLS, datacenters (tokens: test_rights.py). Only what a healthy
Consul never does (429, 500, endless answers, lost answers) is put in by a proxy in front of a real one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from urllib3.response import HTTPResponse

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    ABSENT,
    DOCUMENT_KEY,
    VALUE_LIMIT,
    Commit,
    Entry,
    Put,
    StoreError,
    StoreUnavailableError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.view import whole_view
from tests.integration.store.looking import FLEET, LARGE, names, store_at, text_of
from tests.support.consul import ConsulAgent, consul_agent
from tests.support.consul_proxy import Fault, Proxy, Request, proxy_to
from tests.support.fleets import NOW, extraction, publish_to, roll_back
from tests.support.processes import free_port
from tests.support.tls import Certificates, make_certificates


@pytest.fixture
def proxy(agent: ConsulAgent) -> Iterator[Proxy]:
    with proxy_to(agent) as running:
        yield running


# Nobody there.


def test_nothing_listens() -> None:
    store = store_at(f"127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailableError, match=r"connection was refused.*CONSUL_HTTP_ADDR"):
        publish_to(store, FLEET)
    assert store.requests == 1


def test_name_that_is_not_known() -> None:
    with pytest.raises(StoreError, match=r"consul\.invalid cannot be resolved"):
        publish_to(store_at("consul.invalid:8500"), FLEET)


def is_open(connection: socket.socket) -> bool:
    """Whether the other side waits for a request; if not, it has closed the connection, or said why it will."""
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    except OSError:
        pass
    return False


def test_agent_that_takes_no_more_connections_is_waited_for(tmp_path: Path) -> None:
    """The limit of a real agent: it closes the connections above it, before it has heard what they want."""
    limit = {"limits": {"http_max_conns_per_client": 3}}
    with consul_agent(tmp_path, extra=limit) as agent, contextlib.ExitStack() as held:
        # Connections that asked whether the agent is up may still count.
        places = 3
        for _attempt in range(50):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", agent.http_port), timeout=0.2))
            places -= is_open(connection)
            if not places:
                break
        store = store_at(agent.address)
        with pytest.raises(StoreUnavailableError, match=r"broke.*http_max_conns_per_client|limits requests"):
            publish_to(store, FLEET, retry_seconds=0.5)
        assert store.requests > 1
        timer = threading.Timer(1.0, held.close)
        timer.start()
        assert publish_to(store, FLEET, retry_seconds=60.0).changed
        timer.join()


# The wrong place.


def test_datacenter_that_does_not_exist(agent: ConsulAgent, prefix: str) -> None:
    with pytest.raises(StoreError, match=r"knows no datacenter paris\. Check datacenter"):
        publish_to(store_at(agent.address, prefix, datacenter="paris"), FLEET)
    assert publish_to(store_at(agent.address, prefix, datacenter="dc1"), FLEET).changed


def test_reads_and_writes_go_to_the_same_datacenter(proxy: Proxy, prefix: str) -> None:
    publish_to(store_at(proxy.address, prefix, datacenter="dc1"), LARGE)
    assert len(proxy.requests) > 2
    assert all("dc=dc1" in request.path for request in proxy.requests)


@pytest.mark.parametrize("tenancy", [{"namespace": "team"}, {"partition": "team"}])
def test_tenancy_that_this_consul_does_not_have(agent: ConsulAgent, tenancy: dict[str, str], prefix: str) -> None:
    with pytest.raises(StoreError, match="no namespaces or partitions: leave"):
        publish_to(store_at(agent.address, prefix, **tenancy), FLEET)
    assert not agent.dump(prefix)


# TLS.


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[ConsulAgent]:
    with consul_agent(tmp_path_factory.mktemp("consul-tls"), certificates=certificates) as agent:
        yield agent


def test_own_authority_and_client_certificate(secured: ConsulAgent, certificates: Certificates) -> None:
    tls = {"client_cert": str(certificates.client_cert), "client_key": str(certificates.client_key)}
    assert publish_to(store_at(secured.url, ca_cert=str(certificates.ca), **tls), FLEET).changed
    assert not publish_to(store_at(secured.address, tls=True, validate_certs=False, **tls), FLEET).changed


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authority_that_the_system_trusts(
    secured: ConsulAgent, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """As the consul command: a site's own authority among those of the system need not be named again."""
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", certificates.ca], capture_output=True, text=True, check=True
    )
    (tmp_path / f"{hashed.stdout.strip()}.0").symlink_to(certificates.ca)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv(variable, str(certificates.ca if variable == "SSL_CERT_FILE" else tmp_path))
    tls = {"client_cert": str(certificates.client_cert), "client_key": str(certificates.client_key)}
    assert publish_to(store_at(secured.url, f"trusted/{variable}", **tls), FLEET).changed


@pytest.mark.parametrize(
    ("scheme", "given", "message"),
    [
        ("https", ["client"], r"not signed by an authority.*CONSUL_CACERT"),
        ("https", ["ca"], "client certificate|client_cert and client_key"),
        ("http", ["ca", "client"], r"speaks TLS\. Set tls to true"),
    ],
)
def test_tls_that_does_not_fit(
    secured: ConsulAgent, certificates: Certificates, scheme: str, given: list[str], message: str
) -> None:
    settings: dict[str, str] = {}
    if "ca" in given:
        settings["ca_cert"] = str(certificates.ca)
    if "client" in given:
        settings |= {"client_cert": str(certificates.client_cert), "client_key": str(certificates.client_key)}
    with pytest.raises(StoreError, match=message):
        publish_to(store_at(f"{scheme}://{secured.address}", "unfit", **settings), FLEET, retry_seconds=0)
    assert not secured.dump("unfit")


def test_certificate_for_another_name(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls", addresses=["192.0.2.1"], names=["consul.example"])
    tls = {"client_cert": str(certificates.client_cert), "client_key": str(certificates.client_key)}
    with consul_agent(tmp_path / "consul", certificates=certificates) as agent:
        store = store_at(agent.url, ca_cert=str(certificates.ca), **tls)
        with pytest.raises(StoreError, match="is for another name"):
            publish_to(store, FLEET)


@pytest.mark.parametrize(("days", "message"), [(-1, "has expired"), (3, "is not valid yet")])
def test_certificate_out_of_its_time(tmp_path: Path, days: int, message: str) -> None:
    certificates = make_certificates(tmp_path / "tls", server_days=days)
    tls = {"client_cert": str(certificates.client_cert), "client_key": str(certificates.client_key)}
    agent = ConsulAgent(tmp_path / "consul", certificates=certificates)
    try:
        agent.start(wait_for_leader=False)
        with pytest.raises(StoreError, match=rf"certificate of .*{message}.*set the clock right"):
            publish_to(store_at(agent.url, ca_cert=str(certificates.ca), **tls), FLEET)
    finally:
        agent.stop()


def test_certificate_for_clients_alone(tmp_path: Path) -> None:
    """To name its authority, which the user did, would not help."""
    made = make_certificates(tmp_path / "tls")
    certificates = dataclasses.replace(made, server_cert=made.client_cert, server_key=made.client_key)
    refusal = pytest.raises(StoreError, match=r"is refused here \(.*purpose.*\)\. Make it anew")
    with refusal, consul_agent(tmp_path / "consul", certificates=certificates) as agent:
        publish_to(store_at(agent.url, ca_cert=str(certificates.ca)), FLEET)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="earlier Pythons take such a certificate")
def test_authority_that_does_not_say_what_it_is_for(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls", with_usage=False)
    refusal = pytest.raises(StoreError, match=r"is refused here \(.*key usage.*\)\. Make it anew")
    with refusal, consul_agent(tmp_path / "consul", certificates=certificates) as agent:
        publish_to(store_at(agent.url, ca_cert=str(certificates.ca)), FLEET)


def test_authority_that_was_made_anew(secured: ConsulAgent, tmp_path: Path) -> None:
    other = make_certificates(tmp_path)
    with pytest.raises(StoreError, match=r"not signed by an authority.*CONSUL_CACERT"):
        publish_to(store_at(secured.url, ca_cert=str(other.ca)), FLEET)


def test_plain_port_asked_by_tls(agent: ConsulAgent, prefix: str) -> None:
    with pytest.raises(StoreError, match=r"speaks plain HTTP.*Use its TLS port; or.*http://"):
        publish_to(store_at(f"https://{agent.address}", prefix), FLEET)


@pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
def test_certificate_file_that_is_not_there(option: str) -> None:
    with pytest.raises(StoreError, match=f"There is no /nowhere.*{option}"):
        store_at("https://127.0.0.1:1", **{option: "/nowhere"})


def test_certificate_file_that_holds_something_else(secured: ConsulAgent, tmp_path: Path) -> None:
    (tmp_path / "not.pem").write_text("hello", encoding="utf-8")
    with pytest.raises(StoreError, match=r"ca_cert"):
        publish_to(store_at(secured.url, ca_cert=str(tmp_path / "not.pem")), FLEET, retry_seconds=0)


# Answers that a healthy Consul does not give.


def only(method: str, fault: Fault, *numbers: int) -> Callable[[Request], Fault | None]:
    """Apply the fault to the requests of that method with these numbers, or to all of them."""
    return lambda request: fault if request.method == method and (not numbers or request.number in numbers) else None


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(status=429, body=b"Your IP is issuing too many concurrent connections"), r"limits requests.*Try again"),
        (Fault(status=500, body=b"boom"), r"failed with 500: boom\. Look in the log"),
        (Fault(status=503, body=b""), r"failed with 503\. Look in the log"),
        (Fault(status=503, body=b"rate limit exceeded, try again later"), r"limits requests.*\(503\)\. Try again"),
        (Fault(status=500, body=b"rpc error making call: rate limit exceeded"), r"limits requests.*\(500\)"),
        (Fault(status=500, body=b"No cluster leader"), "has no leader now"),
        (Fault(status=413, body=b"too big"), r"too large \(413\)"),
        (Fault(status=200, body=b"<html>login</html>"), "is not Consul"),
        (Fault(status=200, body=b'[{"id": 1}]'), "is not Consul"),
        (Fault(status=200, body=b'[{"Key": 1, "Value": null, "ModifyIndex": 1}]'), "is not Consul"),
        (Fault(status=302, body=b""), r"redirects to another place \(302\).*Check the address, and the path in it\."),
        (Fault(status=204, body=b""), "does not act as Consul does: 204$"),
        (Fault(hang=30), r"did not answer within 0\.5 s.*raise timeout"),
        (Fault(drip=0.1), r"did not answer within 0\.5 s"),
        (Fault(lose=True), "broke"),
        (Fault(cut=True), "broke"),
    ],
    ids=[
        "429",
        "500",
        "503",
        "limit",
        "server-limit",
        "no-leader",
        "413",
        "login-page",
        "other-json",
        "other-keys",
        "redirect",
        "odd",
        "hangs",
        "drips",
        "closes",
        "cuts",
    ],
)
def test_fault_that_stays_ends_with_a_message(
    agent: ConsulAgent, proxy: Proxy, prefix: str, fault: Fault, message: str, method: str
) -> None:
    publish_to(store_at(agent.address, prefix), FLEET)
    before = agent.dump(prefix)
    proxy.script = only(method, fault)
    store = store_at(proxy.address, prefix, token="not-a-real-token", timeout=0.5)
    if (fault.lose or fault.cut) and method == "PUT":
        # The write is done although nobody heard of it: a new read finds it in place.
        assert publish_to(store, extraction({"prom-03": ["company"]}), retry_seconds=1.0).changed
        return
    with pytest.raises(StoreError, match=message) as raised:
        publish_to(store, extraction({"prom-03": ["company"]}), retry_seconds=1.0)
    assert "not-a-real-token" not in text_of(raised.value)
    assert agent.dump(prefix) == before


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500, body=b"No cluster leader"),
        Fault(status=503),
        Fault(lose=True),
        Fault(cut=True),
    ],
)
def test_fault_that_passes_is_waited_for(agent: ConsulAgent, proxy: Proxy, prefix: str, fault: Fault) -> None:
    # The third and the sixth: an attempt on an empty store looks, asks for the document by name, and writes.
    proxy.script = only("PUT", fault, 3, 6)
    store = store_at(proxy.address, prefix)
    outcome = publish_to(store, FLEET)
    assert outcome.changed
    assert outcome.attempts > 1
    assert outcome.plan.report.added == ["company", "env"]
    assert names(store) == ["company", "env"]
    assert len(agent.dump(prefix)) == 3


def test_cut_answer_is_none_of_the_urllib3_that_takes_it_for_whole(
    proxy: Proxy, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until 2.0, it did not look whether all was there."""
    made = HTTPResponse.__init__

    def lenient(self: HTTPResponse, *arguments: Any, **settings: Any) -> None:
        made(self, *arguments, **settings | {"enforce_content_length": False})

    monkeypatch.setattr(HTTPResponse, "__init__", lenient)
    proxy.script = only("PUT", Fault(cut=True), 3)
    outcome = publish_to(store_at(proxy.address, prefix), FLEET)
    assert (outcome.changed, outcome.attempts) == (True, 2)


@pytest.mark.parametrize("fault", [Fault(lose=True), Fault(cut=True)], ids=["closes", "cuts"])
@pytest.mark.parametrize("overwritten", [False, True])
def test_rollback_whose_answer_is_lost_is_not_taken_back_by_the_next_attempt(
    agent: ConsulAgent, proxy: Proxy, prefix: str, fault: Fault, overwritten: bool
) -> None:
    fields = ["one", "two", "three"]
    direct = store_at(agent.address, prefix)
    for number in (1, 2, 3):
        publish_to(direct, extraction({"prom-01": fields[:number]}), now=NOW + timedelta(minutes=number))
    last = max(key for key in agent.dump(prefix) if "/history/" in key)
    writes: list[Request] = []

    def script(request: Request) -> Fault | None:
        if request.method == "PUT":
            writes.append(request)
        elif writes and overwritten and "four" not in names(direct):
            publish_to(direct, extraction({"prom-02": ["four"]}))
        return fault if writes == [request] else None

    proxy.script = script
    outcome = roll_back(store_at(proxy.address, prefix))
    assert (outcome.changed, outcome.attempts, len(writes)) == (True, 2, 1)
    assert f"{prefix}/history/{outcome.plan.restored}" == last
    assert outcome.plan.report.removed == ["three"]
    assert names(direct) == (["four", "one", "two"] if overwritten else ["one", "two"])


def test_rollback_that_breaks_off_behind_its_document_is_ended_by_the_next_attempt(
    agent: ConsulAgent, proxy: Proxy, prefix: str
) -> None:
    """More servers to forget than fit in one transaction: they go after the document."""
    direct = store_at(agent.address, prefix)
    publish_to(direct, LARGE)
    publish_to(direct, extraction({"prom-01": ["new"]}))
    gone = sorted(LARGE["servers"])
    proxy.script = only("PUT", Fault(status=503), 4)
    outcome = roll_back(store_at(proxy.address, prefix), forget=gone)
    assert (outcome.changed, outcome.attempts) == (True, 2)
    assert "new" not in names(direct)
    assert [key for key in agent.dump(prefix) if "/servers/" in key] == [f"{prefix}/servers/prom-01"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_stands_in_front_of_an_agent_is_waited_for_from_the_first_request(
    proxy: Proxy, prefix: str, status: int
) -> None:
    """A load balancer whose agent restarts, or a limit that others have used up: something is there."""
    proxy.script = only("GET", Fault(status=status, body=b"<html>later</html>"), 1, 2)
    outcome = publish_to(store_at(proxy.address, prefix), FLEET)
    assert (outcome.changed, outcome.attempts) == (True, 3)


def test_unchanged_publish_is_one_read(proxy: Proxy, prefix: str) -> None:
    store = store_at(proxy.address, prefix)
    publish_to(store, LARGE)
    proxy.requests.clear()
    publish_to(store, LARGE)
    assert [(request.method, request.path) for request in proxy.requests] == [
        ("GET", f"/v1/kv/{prefix}/?recurse=1&consistent=1")
    ]


def test_small_publish_is_one_transaction(proxy: Proxy, prefix: str) -> None:
    for number in (1, 2):
        proxy.requests.clear()
        publish_to(store_at(proxy.address, prefix), extraction({f"prom-{number}1": ["a"], f"prom-{number}2": ["b"]}))
        methods = [(request.method, request.path.partition("?")[0]) for request in proxy.requests]
        # Where there is no document, it is asked for by name: it may be hidden from the token.
        asked = [("GET", f"/v1/kv/{prefix}/fields")] if number == 1 else []
        assert methods == [("GET", f"/v1/kv/{prefix}/"), *asked, ("PUT", "/v1/txn")]
        operations = [operation["KV"] for operation in json.loads(proxy.requests[-1].body)]
        assert {operation["Verb"] for operation in operations} == {"cas"}
        # The two servers, the document, and the one before.
        assert len(operations) == 2 + number


def test_transactions_keep_to_the_limits(proxy: Proxy, prefix: str) -> None:
    fat = extraction({f"prom-{number:03d}": ["company"] for number in range(200)})
    for server in list(fat["servers"].values())[:40]:
        server["files"] = [f"/etc/prometheus/{'x' * 100}{number}.yml" for number in range(300)]
    publish_to(store_at(proxy.address, prefix), fat)
    writes = [request for request in proxy.requests if request.method == "PUT"]
    for request in writes[:-1]:
        assert len(json.loads(request.body)) <= 64
        assert len(request.body) <= 512 * 1024
    keys = [[operation["KV"]["Key"] for operation in json.loads(request.body)] for request in writes]
    assert keys[-1] == [f"{prefix}/fields"]
    assert sum(map(len, keys)) == 201


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_run_that_dies_in_the_middle_leaves_the_document_whole(
    agent: ConsulAgent, proxy: Proxy, prefix: str, number: int
) -> None:
    """150 servers are three transactions of data, and the document. Each is the one that fails in turn."""
    store = store_at(proxy.address, prefix)
    publish_to(store_at(agent.address, prefix), FLEET)
    before = agent.get(f"{prefix}/fields")
    proxy.script = only("PUT", Fault(status=500, body=b"boom"), number)
    with pytest.raises(StoreUnavailableError):
        publish_to(store, LARGE, retry_seconds=0)
    assert agent.get(f"{prefix}/fields") == before
    proxy.script = lambda _request: None
    again = publish_to(store, LARGE)
    assert again.changed
    view = whole_view(store.read(), store, NOW)
    assert len(view["servers"]) == 152
    assert view["statuses"] == {"synced": 152, "outdated": 0, "orphan": 0, "missing": 0}


@pytest.mark.parametrize("retry_seconds", [0.0, 20.0], ids=["another run", "another attempt"])
def test_what_is_adopted_is_saved_once(agent: ConsulAgent, proxy: Proxy, prefix: str, retry_seconds: float) -> None:
    """The largest value is saved by a write of its own, and then something fails."""
    foreign = b"\0" * VALUE_LIMIT
    store = store_at(proxy.address, prefix)
    store.commit(Commit(document=Put(DOCUMENT_KEY, foreign, ABSENT)))
    proxy.script = only("PUT", Fault(status=500, body=b"boom"), len(proxy.requests) + 3)
    if not retry_seconds:
        with pytest.raises(StoreUnavailableError):
            publish_to(store, FLEET, manner={"adopt": True}, retry_seconds=0)
        assert store.read().entries[DOCUMENT_KEY].value == foreign
    publish_to(store, FLEET, manner={"adopt": True}, retry_seconds=retry_seconds)
    assert names(store) == ["company", "env"]
    assert [entry.value for _name, entry in store.read().under("history/")] == [foreign]


def test_conflict_in_the_middle_is_planned_again(agent: ConsulAgent, proxy: Proxy, prefix: str) -> None:
    """Somebody edits the document between a publisher's data and its document."""
    publish_to(store_at(agent.address, prefix), FLEET)

    def edit(request: Request) -> None:
        if request.method == "PUT" and request.number == 4:
            index, value = agent.dump(prefix)[f"{prefix}/fields"]
            document = json.loads(value)
            document["fields"][0]["display_name"] = "by hand"
            assert agent.compare_and_set(f"{prefix}/fields", json.dumps(document), index)

    proxy.script = edit
    store = store_at(proxy.address, prefix)
    outcome = publish_to(store, LARGE)
    assert outcome.attempts == 2
    assert len(outcome.plan.report.servers) == 150
    assert len(outcome.plan.report.added) == 150
    fields = whole_view(store.read(), store, NOW)["fields"]
    assert len(fields) == 152
    assert next(item for item in fields if item["name"] == "company")["display_name"] == "by hand"


def test_conflict_that_never_ends(proxy: Proxy, prefix: str) -> None:
    stale = json.dumps({"Results": None, "Errors": [{"OpIndex": 0, "What": 'key "x", index is stale'}]}).encode()
    proxy.script = only("PUT", Fault(status=409, body=stale))
    with pytest.raises(StoreError, match=r"was changed by somebody else\. This went on for 0\.3 s"):
        publish_to(store_at(proxy.address, prefix), FLEET, retry_seconds=0.3)


def test_token_travels_in_a_header_alone(proxy: Proxy, prefix: str) -> None:
    store = store_at(proxy.address, prefix, token="not-a-real-token")
    publish_to(store, LARGE)
    assert all(request.headers["X-Consul-Token"] == "not-a-real-token" for request in proxy.requests)
    assert not any("not-a-real-token" in request.path for request in proxy.requests)
    assert b"not-a-real-token" not in b"".join(request.body for request in proxy.requests)
    assert "not-a-real-token" not in repr(store.facts())


def test_environment_does_not_win_over_options(
    agent: ConsulAgent, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {
        "CONSUL_HTTP_ADDR": "http://127.0.0.1:1",
        "CONSUL_HTTP_TOKEN": "00000000-dead-dead-dead-000000000000",
        "CONSUL_HTTP_SSL": "true",
    }.items():
        monkeypatch.setenv(variable, value)
    assert publish_to(store_at(agent.address, prefix), FLEET).changed


def test_page_that_is_not_found_is_no_empty_store(agent: ConsulAgent, proxy: Proxy, prefix: str) -> None:
    """A wrong path, or something else that listens there: nothing must look as if nothing had been published."""
    publish_to(store_at(agent.address, prefix), FLEET)
    wrong = store_at(f"http://{agent.address}/consul", prefix)
    for read in (wrong.read, wrong.read_document, lambda: publish_to(wrong, FLEET, check_mode=True)):
        with pytest.raises(StoreError, match=r"is not Consul's key/value store.*404.*Check the address, and the path"):
            read()
    proxy.script = only("GET", Fault(status=404, body=b"<html>not found</html>"))
    with pytest.raises(StoreError, match="is not Consul's key/value store"):
        store_at(proxy.address, prefix).read()
    assert store_at(agent.address, f"{prefix}/none").read_document() is None


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_redirection_is_not_followed(agent: ConsulAgent, proxy: Proxy, prefix: str, method: str) -> None:
    """Whoever it leads to would be shown the token."""
    with proxy_to(agent) as elsewhere:
        target = {"Location": f"http://{elsewhere.address}/v1/kv/{prefix}/?recurse=1"}
        proxy.script = only(method, Fault(status=307, headers=target))
        with pytest.raises(StoreError, match=rf"redirects to http://{elsewhere.address}/v1/kv/.* \(307\)"):
            publish_to(store_at(proxy.address, prefix, token="not-a-real-token"), FLEET)
        assert elsewhere.requests == []


def test_proxy_of_the_environment_is_not_asked_for_this_machine(
    agent: ConsulAgent, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    assert publish_to(store_at(agent.address, prefix), FLEET).changed


def test_reading_consistency_is_asked_for(proxy: Proxy, prefix: str) -> None:
    for consistency in ("stale", "consistent"):
        store = store_at(proxy.address, prefix, consistency=consistency)
        snapshot = store.read()
        assert proxy.requests[-1].path.endswith(f"&{consistency}=1")
        assert snapshot.staleness_ms >= 0
        proxy.requests.clear()
        publish_to(store, FLEET, check_mode=True)
        assert proxy.requests[0].path.endswith("&consistent=1")


def test_document_alone_is_one_small_read(proxy: Proxy, prefix: str) -> None:
    store = store_at(proxy.address, prefix)
    publish_to(store, LARGE)
    proxy.requests.clear()
    assert isinstance(store.read_document(), Entry)
    assert [request.path for request in proxy.requests] == [f"/v1/kv/{prefix}/fields"]
