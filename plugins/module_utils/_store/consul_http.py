# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request to Consul at a time, bounded, with faults in plain words.

Of the consul package (py-consul, or python-consul 1.1.0) only the HTTP client is used, since that is what the two have
in common: neither package's transactions carry a token or a datacenter, python-consul puts the token into the URL, and
both let CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN win over what their caller says. It is imported when Consul is first
asked: that takes longer than a lookup whose answer a cache has.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._requirements import missing
from ansible_collections.skills_eye.prometheus_fleet.plugins.module_utils._store.base import (
    StoreDeniedError,
    StoreError,
    StoreRequirementError,
    StoreUnavailableError,
)

BODY_SHOWN = 200
# What Consul makes for tokens.
_TOKEN = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# A connection is there at once or not at all; an answer may take its time.
CONNECT_SECONDS = 5.0
# What OpenSSL says of a certificate whose authority it does not trust; anything else is wrong with the certificate.
UNTRUSTED = ("issuer certificate", "self-signed", "self signed", "first certificate", "signature failure")
# What Consul says while it elects a leader, and while the new one goes through its log.
NO_LEADER = ("No cluster leader", "rpc error", "leadership lost", "Not ready to serve consistent reads")
# What newer ones say with 503 where the limit of writes (request_limits) is reached.
RATE_EXCEEDED = "rate limit exceeded"
# Said by what stands in front of an agent that is away for a moment.
GATEWAY = (502, 503, 504)
NOT_CONSUL = "What answers at this address is not Consul: its answer is not the JSON expected. Check the address."
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsulSettings:
    """Where the agent is and who asks. timeout is the longest that one request may take, in seconds.

    ca_cert: a file or directory of certificates to trust, None for the system's. token is never shown.
    """

    address: str = "127.0.0.1:8500"
    token: str | None = None
    token_file: str | None = None
    tls: bool | None = None
    validate_certs: bool = True
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    datacenter: str | None = None
    namespace: str | None = None
    partition: str | None = None
    consistency: str = "default"
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"ConsulSettings({self.address})"


@dataclass(frozen=True, slots=True)
class Answer:
    """status is one that the caller said it expects."""

    status: int
    headers: Mapping[str, str]
    body: str

    def json(self, kind: type = list) -> Any:
        """The body, which is to be of this kind. Raises StoreError: a login page of a proxy is no answer."""
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, kind):
            raise StoreError(NOT_CONSUL)
        return data


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address taken apart. path is a prefix of every URL, for an agent behind a proxy."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.path}"


class ConsulClient:
    """A session with one agent. Raises StoreError at once where the settings cannot be right, or consul is missing.

    prefix: of the keys that it works on, for what is said of a policy.
    """

    def __init__(self, settings: ConsulSettings, prefix: str = "") -> None:
        self.settings = settings
        self.prefix = prefix
        self.endpoint = endpoint_of(settings)
        self.requests = 0
        self._token = token_of(settings)
        self._verify: bool | str = settings.validate_certs
        if settings.validate_certs and settings.ca_cert:
            self._verify = _existing(settings.ca_cert, "ca_cert", "CONSUL_CACERT")
        self._pair = _pair(settings)
        if importlib.util.find_spec("consul") is None:
            # Said now, though it may be that a cache has the answer.
            _http_client()

    @functools.cached_property
    def _http(self) -> Any:
        """The HTTP client of the consul package, with a session of its own. Raises StoreRequirementError."""
        client = _http_client()
        if not self.settings.validate_certs:
            import urllib3

            # Whoever asked for it knows. The warning, given in the thread of a request, never came back in a lookup of
            # ansible-core 2.18.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        verify = _trusted() if self._verify is True and self.endpoint.scheme == "https" else self._verify
        http = client(self.endpoint.host, self.endpoint.port, self.endpoint.scheme, verify, self._pair)
        http.base_uri = self.endpoint.url
        session = http.session
        session.request = _bounded_request(session.request, self.settings.timeout)
        if self.endpoint.host in LOOPBACK:
            # An agent on this machine is not asked through a proxy, as Consul's own commands have it, and what does not
            # travel is not worth compressing: that would be four fifths of the time of a large read.
            session.trust_env = False
            session.headers["Accept-Encoding"] = "identity"
        if self._token:
            # In a header, where no log of URLs and no error message holds it.
            session.headers["X-Consul-Token"] = self._token
        return http

    @property
    def where(self) -> str:
        parts = [self.endpoint.url]
        named = ((name, getattr(self.settings, name)) for name in ("datacenter", "namespace", "partition"))
        parts.extend(f"{name} {value}" for name, value in named if value)
        return ", ".join(parts)

    def get(
        self, path: str, params: list[tuple[str, str]], expected: tuple[int, ...], consistency: str | None = None
    ) -> Answer:
        """Read. consistency: another one than that of the settings."""
        consistency = consistency or self.settings.consistency
        if consistency != "default":
            params = [*params, (consistency, "1")]
        answer = self._request("read", expected, lambda http: http.get(_raw, path, [*params, *self._tenancy()]))
        if answer.status == 404 and "X-Consul-Index" not in answer.headers:
            # Consul says by 404 that there is no such key, and anything else that it knows no such page.
            raise StoreError(
                f"What answers at {self.where} is not Consul's key/value store: it knows no {path} (404). "
                "Check the address, and the path in it."
            )
        return answer

    def put(self, path: str, params: list[tuple[str, str]], body: bytes | str, expected: tuple[int, ...]) -> Answer:
        params = [*params, *self._tenancy()]
        return self._request("write", expected, lambda http: http.put(_raw, path, params, body))

    def transact(self, body: str, expected: tuple[int, ...]) -> Answer:
        # Namespace and partition stand in each operation of a transaction, not in its URL.
        return self._request("write", expected, lambda http: http.put(_raw, "/v1/txn", self._datacenter(), body))

    def _datacenter(self) -> list[tuple[str, str]]:
        return [("dc", self.settings.datacenter)] if self.settings.datacenter else []

    def _tenancy(self) -> list[tuple[str, str]]:
        tenancy = (("ns", self.settings.namespace), ("partition", self.settings.partition))
        return [*self._datacenter(), *((name, value) for name, value in tenancy if value)]

    def _request(self, verb: str, expected: tuple[int, ...], call: Callable[[Any], Any]) -> Answer:
        self.requests += 1
        answer = self._bounded(functools.partial(call, self._http))
        if answer.status not in expected:
            raise self._refusal(verb, answer)
        return answer

    def _bounded(self, call: Callable[[], Any]) -> Answer:
        """Run one call for at most the time-out, whatever the other side does: requests counts between bytes only."""
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(call())
            except Exception as fault:  # it is raised again where the caller waits
                outcome.append(fault)

        thread = threading.Thread(target=work, daemon=True, name="consul-request")
        thread.start()
        thread.join(self.settings.timeout)
        if not outcome:
            raise StoreUnavailableError(self._slow())
        if isinstance(outcome[0], Exception):
            raise self._fault(outcome[0]) from None
        return cast("Answer", outcome[0])

    def _slow(self) -> str:
        return (
            f"Consul at {self.where} did not answer within {self.settings.timeout:g} s. "
            "Check the agent and the network, or raise timeout."
        )

    def _fault(self, fault: Exception) -> StoreError:
        """What went wrong before there was an answer. Its own text is shown only where it says something new."""
        from requests import exceptions

        text = _deepest(fault)
        unusable = any(word in text for word in ("NO_CERTIFICATE_OR_CRL_FOUND", "PEM", "X509", "NO_START_LINE"))
        if unusable or (isinstance(fault, OSError) and not isinstance(fault, exceptions.RequestException)):
            return StoreError(
                f"A certificate or key file cannot be used: {self._clean(text)}. "
                "Check ca_cert, client_cert and client_key."
            )
        if isinstance(fault, exceptions.SSLError):
            return StoreError(self._tls_fault(text))
        if self._proxied() and not isinstance(fault, exceptions.ReadTimeout):
            # Its own text may hold the proxy's URL, and that a password.
            return StoreUnavailableError(
                f"Consul at {self.where} cannot be reached through the proxy that the environment names (http_proxy, "
                f"https_proxy, all_proxy). Correct the proxy, or name {self.endpoint.host} in no_proxy."
            )
        if isinstance(fault, exceptions.ConnectTimeout | exceptions.ReadTimeout):
            return StoreUnavailableError(self._slow())
        cut = isinstance(fault, exceptions.ChunkedEncodingError)
        if cut or isinstance(fault, exceptions.ConnectionError):
            if "refused" in text:
                return StoreUnavailableError(
                    f"Nothing listens at {self.endpoint.url}: the connection was refused. Is the Consul agent running, "
                    "and is the address right (option address, variable CONSUL_HTTP_ADDR)?"
                )
            if "Name or service not known" in text or "name resolution" in text or "getaddrinfo" in text:
                return StoreError(f"The name {self.endpoint.host} cannot be resolved. Check the address of Consul.")
            broke = f"The connection to Consul at {self.where} broke: {self._clean(text)}."
            if self._wants_certificate() and not cut:
                # A server may say so by closing the connection.
                return StoreUnavailableError(f"{broke} It may want client_cert and client_key.")
            # Something listens there: an agent that restarts, or one that has enough connections of this client.
            hint = "If the agent is up, it may limit connections (limits.http_max_conns_per_client)."
            passing = cut or "reset" in text or "closed connection" in text
            return StoreUnavailableError(f"{broke} {hint}", passing=passing)
        return StoreError(f"Consul at {self.where} cannot be asked: {self._clean(text)}")

    def _proxied(self) -> bool:
        session = self._http.session
        if not session.trust_env:
            return False
        from requests import utils

        url = self.endpoint.url
        return bool(utils.select_proxy(url, utils.get_environ_proxies(url)))

    def _wants_certificate(self) -> bool:
        return self.endpoint.scheme == "https" and not self.settings.client_cert

    def _tls_fault(self, text: str) -> str:
        where = self.endpoint.url
        if "doesn't match" in text or ("CERTIFICATE_VERIFY_FAILED" in text and "mismatch" in text):
            return f"The certificate of {where} is for another name. Use a name or address that it is made for."
        if "has expired" in text or "not yet valid" in text:
            what = "has expired" if "has expired" in text else "is not valid yet"
            return f"The certificate of {where}, or of its authority, {what}. Renew it, or set the clock right here."
        if "CERTIFICATE_VERIFY_FAILED" in text and any(sign in text for sign in UNTRUSTED):
            return (
                f"The certificate of {where} is not signed by an authority that is trusted here "
                f"({self._clean(text)}). Give its authority in ca_cert (variable CONSUL_CACERT)."
            )
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return (
                f"The certificate of {where}, or of its authority, is refused here ({self._clean(text)}). Make it anew "
                "without that fault. Python 3.13 and later take none that lack a key usage or key identifier."
            )
        if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text or "UNKNOWN_PROTOCOL" in text:
            return (
                f"{where} speaks plain HTTP, not TLS. Use its TLS port; or, if it has none, http:// in the address and "
                "tls (variable CONSUL_HTTP_SSL) false."
            )
        if self._wants_certificate():
            return f"{where} refused the TLS connection: it wants a client certificate. Set client_cert and client_key."
        return f"TLS with {where} failed: {self._clean(text)}. Check ca_cert, client_cert and client_key."

    def _refusal(self, verb: str, answer: Answer) -> StoreError:
        """What an answer that nobody expected means."""
        body = self._clean(answer.body)
        if answer.status == 403 and "ACL not found" in answer.body:
            return StoreDeniedError(f"Consul at {self.where} does not know the token: it is wrong, expired or deleted.")
        if answer.status in (401, 403):
            return StoreDeniedError(self.denied(verb, body))
        if answer.status == 429 or (answer.status >= 500 and RATE_EXCEEDED in answer.body):
            message = f"Consul at {self.where} limits requests and refused this one ({answer.status}). Try again later."
            return StoreUnavailableError(message, passing=True)
        if answer.status == 413:
            return StoreError(f"Consul at {self.where} refused a value as too large (413): {body}")
        if answer.status == 400 and any(word in answer.body for word in ("Enterprise", '"Namespace"', '"Partition"')):
            return StoreError(
                f"Consul at {self.where} has no namespaces or partitions: leave namespace, partition out."
            )
        if answer.status == 400 and "HTTPS server" in answer.body:
            return StoreError(f"{self.endpoint.url} speaks TLS. Set tls to true (variable CONSUL_HTTP_SSL).")
        if "No path to datacenter" in answer.body:
            return StoreError(
                f"Consul at {self.endpoint.url} knows no datacenter {self.settings.datacenter}. Check datacenter."
            )
        if any(sign in answer.body for sign in NO_LEADER):
            message = (
                f"Consul at {self.where} has no leader now, so it cannot {verb} ({body}). Wait until most of its "
                "servers are back (consul operator raft list-peers), then run again."
            )
            return StoreUnavailableError(message, passing=True)
        if answer.status >= 500:
            said = f": {body}" if body else ""
            message = f"Consul at {self.where} failed with {answer.status}{said}. Look in the log of its servers."
            return StoreUnavailableError(message, passing=answer.status in GATEWAY)
        if 300 <= answer.status < 400:
            target = self._clean(answer.headers.get("Location") or "another place")
            return StoreError(
                f"What answers at {self.where} redirects to {target} ({answer.status}), which is not followed: it "
                "would be shown the token. Check the address, and the path in it."
            )
        said = f"{answer.status} {body}".rstrip()
        return StoreError(f"What answers at {self.where} does not act as Consul does: {said}")

    def denied(self, verb: str, reason: str) -> str:
        who = "the token" if self._token else "a request without a token (none was given)"
        # Where a list of keys is a right of its own, to read is not enough.
        listing = ' ("list" where the servers have acl.enable_key_list_policy)' if verb == "read" else ""
        return (
            f"Consul at {self.where} does not let {who} {verb} this: {reason}. It needs a policy with "
            f'key_prefix "{self.prefix}" {{ policy = "{verb}" }}{listing}.'
        )

    def _clean(self, text: str) -> str:
        """A foreign text on one line, short, without the token."""
        if self._token:
            text = text.replace(self._token, "********")
        line = " ".join(text.split()).rstrip(".")
        return line if len(line) <= BODY_SHOWN else line[:BODY_SHOWN] + "..."


def _http_client() -> Any:
    """The consul package's. Raises StoreRequirementError where it, or what it needs, is not installed."""
    try:
        from consul.std import HTTPClient
    except ImportError:
        message = missing("py-consul", "for the consul store")
        raise StoreRequirementError(message, traceback.format_exc()) from None
    return HTTPClient


def _bounded_request(request: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """The session's request with a time-out: python-consul gives none, and py-consul one of its own.

    Redirections are answers that nobody expects: to follow one would be to show the token to who knows whom.
    """

    def bounded(*arguments: Any, **settings: Any) -> Any:
        settings["allow_redirects"] = False
        settings["timeout"] = (min(CONNECT_SECONDS, seconds), seconds)
        answer = request(*arguments, **settings)
        if missing_bytes := getattr(answer.raw, "length_remaining", None):
            # urllib3 1.26 takes an answer that is cut for a whole one.
            from requests import exceptions

            raise exceptions.ChunkedEncodingError(f"the answer lacks its last {missing_bytes} bytes")
        return answer

    return bounded


def _raw(response: Any) -> Answer:
    return Answer(int(response.code), response.headers, response.body)


def _deepest(fault: BaseException) -> str:
    """The text of the fault at the bottom: the wrappers above repeat the URL and say little else."""
    texts = [str(fault)]
    seen = {id(fault)}
    below: Any = fault
    while True:
        # Not what it was raised in: urllib3 1.26 asks in a handler of an error of its own.
        within = (getattr(below, "reason", None), *getattr(below, "args", ()), below.__cause__)
        inner = next((part for part in within if isinstance(part, BaseException)), None)
        if inner is None or id(inner) in seen:
            return texts[-1]
        seen.add(id(inner))
        texts.append(str(inner))
        below = inner


def endpoint_of(settings: ConsulSettings) -> Endpoint:
    """Read an address such as 10.0.0.5, consul.example:8501 or https://consul.example/path."""
    address = settings.address.strip() or "127.0.0.1:8500"
    if address.startswith("unix:"):
        raise StoreError("The address of Consul is a unix socket, which is not supported: give host:port or a URL.")
    try:
        parts = urllib.parse.urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        # Without the cause, which may quote a password: Ansible would print both, one after the other.
        raise StoreError("The address of Consul is not host:port or a URL. Check address (CONSUL_HTTP_ADDR).") from None
    if parts.username or parts.password:
        raise StoreError("The address of Consul must not hold a user or password. Use token or token_file.")
    if not host or parts.scheme not in ("", "http", "https"):
        raise StoreError(f"The address of Consul is not host:port or a URL: {address}")
    # As the consul command does it: whoever asks for TLS gets it, and nothing takes it back: a token may travel.
    tls = bool(settings.tls) or parts.scheme == "https"
    named = f"[{host}]" if ":" in host else host
    scheme = "https" if tls else "http"
    # A URL without a port has that of its scheme, for every other tool too.
    usual = {"https": 443, "http": 80}[scheme] if parts.scheme else 8500
    return Endpoint(scheme, named, port or usual, parts.path.rstrip("/"))


def token_of(settings: ConsulSettings) -> str | None:
    """The token itself. Given both ways, the file wins, as in Consul's own commands."""
    if not settings.token_file:
        return _usable((settings.token or "").strip(), "The token") or None
    try:
        token = Path(settings.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not text"
        if _TOKEN.fullmatch(Path(settings.token_file).name):
            # A lookup has made a path of it by now.
            raise StoreError(f"The token file cannot be read: {reason}. Its name looks like a token itself.") from None
        raise StoreError(f"The token file {settings.token_file} cannot be read: {reason}.") from None
    if not token:
        raise StoreError(f"The token file {settings.token_file} is empty.")
    return _usable(token, f"The token file {settings.token_file}")


def _usable(token: str, what: str) -> str:
    """The token, if it can stand in a header. Raises StoreError without it: a fault of the request would show it."""
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise StoreError(
            f"{what} holds a blank, a line break or a special character: it is to be the token and no more."
        )
    return token


def _pair(settings: ConsulSettings) -> str | tuple[str, str] | None:
    if not settings.client_cert:
        if settings.client_key:
            raise StoreError(
                "client_key is set but client_cert is not (variables CONSUL_CLIENT_KEY, CONSUL_CLIENT_CERT)."
            )
        return None
    certificate = _existing(settings.client_cert, "client_cert", "CONSUL_CLIENT_CERT")
    if not settings.client_key:
        return certificate
    return certificate, _existing(settings.client_key, "client_key", "CONSUL_CLIENT_KEY")


def _trusted() -> bool | str:
    """What the system trusts: left alone, requests takes the list that it brings along, without a site's own."""
    import ssl

    named = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    system = ssl.get_default_verify_paths()
    # Where the system has no certificates at all, that list it is.
    folder = system.capath if system.capath and any(Path(system.capath).glob("*")) else None
    return next(filter(None, (*named, system.cafile, folder)), True)


def _existing(path: str, option: str, variable: str) -> str:
    if not Path(path).exists():
        raise StoreError(f"There is no {path}: check {option} (variable {variable}).")
    return path
