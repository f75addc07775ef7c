# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the settings of Consul are read. What its answers mean is tested against real servers."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import requests
from urllib3.exceptions import ProtocolError

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    StoreError,
    StoreUnavailableError,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul import ConsulStore
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.consul_http import (
    ConsulClient,
    ConsulSettings,
    endpoint_of,
    token_of,
)


@pytest.mark.parametrize(
    ("address", "tls", "url"),
    [
        ("10.0.0.5", None, "http://10.0.0.5:8500"),
        ("10.0.0.5:8501", None, "http://10.0.0.5:8501"),
        ("consul.example:8501", True, "https://consul.example:8501"),
        ("http://consul.example", None, "http://consul.example:80"),
        ("http://consul.example", True, "https://consul.example:443"),
        ("consul.example", True, "https://consul.example:8500"),
        ("https://consul.example:443/", None, "https://consul.example:443"),
        ("https://consul.example/consul/", None, "https://consul.example:443/consul"),
        ("http://consul.example:8501", True, "https://consul.example:8501"),
        ("https://consul.example:8501", False, "https://consul.example:8501"),
        ("[::1]:8500", None, "http://[::1]:8500"),
        ("http://[fd00::1]", None, "http://[fd00::1]:80"),
        ("", None, "http://127.0.0.1:8500"),
    ],
)
def test_addresses(address: str, tls: bool | None, url: str) -> None:
    assert endpoint_of(ConsulSettings(address=address, tls=tls)).url == url


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("unix:///run/consul.sock", "unix socket, which is not supported"),
        ("ftp://consul.example", "not host:port or a URL: ftp"),
        ("consul.example:http", "not host:port or a URL"),
        ("consul.example:99999", "not host:port or a URL"),
        ("http://:8500", "not host:port or a URL"),
        ("https://user:hidden@consul.example", "must not hold a user or password"),
        ("https://user:hidden@consul.example:http", "not host:port or a URL"),
        ("https://user:hidden/slash@consul.example", "not host:port or a URL"),
    ],
)
def test_addresses_that_cannot_be(address: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as refused:
        endpoint_of(ConsulSettings(address=address))
    # Ansible prints the causes of a fault as well.
    assert "hidden" not in "".join(traceback.format_exception(refused.value))


def test_key_without_certificate() -> None:
    with pytest.raises(StoreError, match="client_key is set but client_cert is not"):
        ConsulClient(ConsulSettings(client_key="/x"))


def test_token_is_not_in_the_representation_of_anything() -> None:
    settings = ConsulSettings(token="not-a-real-token")
    client = ConsulClient(settings)
    for thing in (settings, client, client.where, ConsulStore(settings, "x").facts()):
        assert "not-a-real-token" not in f"{thing!r} {thing}"


@pytest.mark.parametrize("token", ["hidden\nhidden2", "hidden word", "hidden\u20ac", "hidden\0x", "hidden # comment"])
def test_token_that_cannot_be_sent_is_not_shown(tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token + "\n", encoding="utf-8")
    for settings in (ConsulSettings(token=token), ConsulSettings(token_file=str(file))):
        with pytest.raises(StoreError, match="is to be the token and no more") as refused:
            ConsulClient(settings)
        assert "hidden" not in str(refused.value)


def test_token_file_wins_and_blanks_around_a_token_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of-file\n", encoding="utf-8")
    assert token_of(ConsulSettings(token="plain", token_file=str(file))) == "of-file"
    assert token_of(ConsulSettings(token="plain\n")) == "plain"
    assert token_of(ConsulSettings(token="")) is None


@pytest.mark.parametrize(
    "proxy", ["http://user:hidden@127.0.0.1:1", "http://user:hidden@nosuch.invalid:3128", "http://user:hidden@a b:c"]
)
def test_proxy_that_cannot_be_used_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for variable in ("HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    client = ConsulClient(ConsulSettings(address="192.0.2.1:8500", timeout=5.0))
    with pytest.raises(
        StoreError, match=r"cannot be reached through the proxy .*name 192\.0\.2\.1 in no_proxy"
    ) as failed:
        client.get("/v1/kv/x", [], (200, 404))
    assert "hidden" not in str(failed.value)


def test_what_a_fault_was_raised_in_is_not_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with urllib3 1.26, which asks in a handler of an error of its own."""
    reset = ConnectionResetError(104, "Connection reset by peer")
    reset.__context__ = TypeError("getresponse() got an unexpected keyword argument")
    aborted = ProtocolError("Connection aborted.", reset)
    aborted.__context__ = reset
    fault = requests.ConnectionError(aborted)

    def send(*_arguments: object, **_settings: object) -> None:
        raise fault

    monkeypatch.setattr(requests.Session, "send", send)
    client = ConsulClient(ConsulSettings(address="192.0.2.1:8500", timeout=5.0))
    with pytest.raises(StoreUnavailableError, match=r"broke: .*Connection reset by peer.*http_max_conns") as failed:
        client.get("/v1/kv/x", [], (200, 404))
    assert failed.value.passing
    assert "getresponse" not in str(failed.value)


@pytest.mark.parametrize("prefix", ["", "/", "//", " ", "\n"])
def test_prefix_must_be_a_place_of_its_own(prefix: str) -> None:
    with pytest.raises(StoreError, match="prefix is empty"):
        ConsulStore(ConsulSettings(), prefix)


@pytest.mark.parametrize("prefix", ["a//b", "a/./b", "../b", "a/.."])
def test_prefix_is_a_plain_path(prefix: str) -> None:
    """Consul would clean the path of the URL and answer for another prefix."""
    with pytest.raises(StoreError, match="empty or made of dots"):
        ConsulStore(ConsulSettings(), prefix)


@pytest.mark.parametrize("prefix", ["/a/b/", "a/b ", "a/b\n", " /a/b/ "])
def test_what_is_around_a_prefix_does_not_matter(prefix: str) -> None:
    """A blank that a form left at the end would be an empty store beside the one that is meant."""
    assert ConsulStore(ConsulSettings(), prefix).place("fields") == "a/b/fields"


def test_prefix_of_several_lines_is_refused() -> None:
    with pytest.raises(StoreError, match="has a line break or the like in it"):
        ConsulStore(ConsulSettings(), "a/b\nc")
