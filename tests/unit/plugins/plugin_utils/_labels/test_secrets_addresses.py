# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in addresses: logins without a scheme, parts of paths, parameters."""

from __future__ import annotations

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._labels.secrets import Redactor
from tests.support.redacting import SALT
from tests.unit.plugins.plugin_utils._labels.test_secrets_assigned import masked

SECRET = "Kx7vQ9mTz2"

FRAMES = ["x: '{}'\n", "- targets: ['{}', h2.example:9100]\n", "x: 1\n# the old one: {}\n", "a: b: c\nx: {} y\n"]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("password", [SECRET, "correcthorse", "p@ss", "a/b:c"])
@pytest.mark.parametrize("place", ["h.example:9100", "10.0.0.1", "localhost", "[::1]:9100", "db-1:5432/x", "h.example"])
def test_a_login_without_a_scheme(frame: str, password: str, place: str) -> None:
    text = frame.format(f"bob:@@@{place}")
    assert masked(text.replace("@@", password, 1)) == text.replace("@@", "M", 1)


@pytest.mark.parametrize(
    "text",
    [
        "global: {smtp_smarthost: 'bob:@@@mx:25'}\n",
        "x: ['${USER}:@@@h.example:1', '{{ user }}:@@@h.example:1', 'user:@@@h.example']\n",
        "relabel_configs:\n- {target_label: __address__, replacement: 'bob:@@@h.example:9100'}\n",
        "- targets: ['bob:@@@h2']\n",
    ],
)
def test_other_logins_without_a_scheme(text: str) -> None:
    assert masked(text.replace("@@", SECRET)) == text.replace("@@", "M")


@pytest.mark.parametrize("frame", [FRAMES[0], *FRAMES[2:], "x: {}\n"])
@pytest.mark.parametrize(
    "said",
    [
        "mailto:bob@example.org", "principal:bob@EXAMPLE.ORG", "unit:getty@tty1.service",
        "owner:bob.smith@example.org", "name:bob2@example.org", "sip:1000@example.org",
        "image:v1.2@sha256:0123456789abcdef", "h.example:5000/x/y:v1@sha256:0123456789abcdef", "uses:a/b@v1.2.3",
        "job:x:rate5m@end()", "job:x:rate5m@1609746000", "git@github.com:owner/repo", "h1.example:9100@dc1.example",
        "${USER}:${PASSWORD}@h.example:1", "bob:{{pw}}@h.example:1", "bob:$PASSWORD@h.example:1", "12:30@h.example:80",
        "https://h.example/@bob:80", "https://h.example:80/x@y.example", "host:/x@y.example", "bob@h.example:9100",
        "pager:bob@example.org", "notificationEmail:john.doe@example.org;jane@example.org",
        "cluster:bob@example.org", "escalation:on-call@example.org", "kontakt:bob@example.org",
        "token of principal:HTTP/h.example@EXAMPLE.ORG", "std::sort@libstdc.so", "failed:postgresql@14-main.service",
        "broker:rabbit@mq-1.example", "peer rabbit@mq-1, nodename:emqx@10.0.0.1",
        "failed:getty@tty1.timer", "2024-01-01T10:00:00@h.example",
    ],
)  # fmt: skip
def test_what_reads_like_a_login(frame: str, said: str) -> None:
    assert masked(frame.format(said)) == frame.format(said)


def test_a_password_that_reads_like_a_name() -> None:
    assert masked("# user:hunter2@db.example.com\nx: 1\n") == "# user:M@db.example.com\nx: 1\n"


def test_logins_in_messages() -> None:
    shown = Redactor(SALT).redact_message(f"cannot reach bob:{SECRET}@h.example:22, nor bob:correcthorse@10.0.0.1 (x)")
    assert SECRET not in shown
    assert "correcthorse" not in shown
    assert "@h.example:22, nor bob:" in shown


@pytest.mark.parametrize("frame", ["x: '{}'\n", "# see {}\nx: 1\n", "a: b: c\nx: {} y\n"])
@pytest.mark.parametrize(
    "address",
    [
        "https://h.example/token/@@", "https://h.example/api/v1/token/@@/x", "/metrics/key/@@",
        "https://h.example/apikey/@@", "https://h.example/api-key/@@?x=y", "https://h.example/apiToken/@@",
        "https://h.example/s/@@/", "https://h.example/api/push/@@?status=up", "https://h.example/heartbeat/@@",
        "https://h.example/x?session=@@", "https://h.example/x?a=b&code=@@&c=d", "https://h.example/?ticket=@@",
        "https://h.example/?PHPSESSID=@@", "https://h.example/?session_id=@@#x",
    ],
)  # fmt: skip
def test_parts_of_an_address(frame: str, address: str) -> None:
    text = frame.format(address)
    assert masked(text.replace("@@", SECRET)) == text.replace("@@", "M")


@pytest.mark.parametrize("frame", ["x: '{}'\n", "# see {}\nx: 1\n", "a: b: c\nx: {}\n"])
@pytest.mark.parametrize(
    "address",
    [
        "https://h.example/token/refresh", "https://h.example/token/v2beta1/x", "/etc/key/server1a2b3.pem",
        "/monkey/a1b2c3d4e5", "https://h.example/s/team-space1/app", "/push/metrics", "/s/2024q1x/x",
        "https://h.example/s/8fd50110-7b0c-490a-bedf-7544daebbec4/app", "https://h.example/token/node-exporter-1",
        "https://h.example/x?session=morning", "/?ticket=OPS-12", "https://h.example/key/{{ key1a2b }}",
        "https://h.example/heartbeat/k8s-production/ping", "secret/key/k8s-staging", "/token/app-v1beta1-eu",
        "https://h.example/push/prod-us-east-1a", "https://h.example/?ticket=OPS-12345",
        "https://h.example/?ticket=CHG0012345", "https://h.example/?session=2024-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_parts_of_an_address_that_are_no_secret(frame: str, address: str) -> None:
    assert masked(frame.format(address)) == frame.format(address)


@pytest.mark.parametrize(
    ("before", "secret"),
    [
        ("/heartbeat/", f"k8s-{SECRET}"), ("/push/", "ab12cd3e"), ("/key/", "a1b-c2d3e4-f5"),
        ("?ticket=", f"ST-1234-{SECRET}"),
    ],
)  # fmt: skip
def test_what_reads_like_a_name_and_is_a_secret(before: str, secret: str) -> None:
    assert masked(f"x: https://h.example{before}{secret}\n") == f"x: https://h.example{before}M\n"


def test_a_code_that_is_a_number() -> None:
    for text in (
        "- targets: ['https://h.example/?code=200']\n",
        "x: https://h.example/?code=2000\n",
        "# https://h.example/?code=404\nx: 1\n",
    ):
        assert masked(text) == text


def test_a_short_path() -> None:
    assert masked(f"metrics_path: /key/{SECRET}\n") == "metrics_path: /key/M\n"


def test_a_session_among_the_parameters_of_a_job() -> None:
    text = "params: {sessionid: ['@'], module: [http_2xx], code: ['200']}\n"
    assert masked(text.replace("@", SECRET)) == text.replace("@", "M")
