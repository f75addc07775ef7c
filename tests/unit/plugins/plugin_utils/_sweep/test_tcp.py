# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The greeting of a connection is said once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.tcp import _Greeted


@pytest.fixture
def ends() -> Iterator[tuple[_Greeted, socket.socket]]:
    near, far = socket.socketpair()
    greeted = _Greeted(near.family, near.type, near.proto, fileno=near.detach())
    far.settimeout(10)
    with greeted, far:
        yield greeted, far


@pytest.mark.parametrize("said", [b"", b"SSH-2", b"SSH-2.0-x\r\n"])
@pytest.mark.parametrize("more", [b"", b"and more"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_was_said_is_not_sent_again(
    ends: tuple[_Greeted, socket.socket],
    said: bytes,
    more: bytes,
    kind: type[bytes] | type[bytearray] | type[memoryview],
) -> None:
    greeted, far = ends
    greeted.said = said
    whole = b"SSH-2.0-x\r\n" + more
    assert greeted.send(kind(whole)) == len(whole)
    assert greeted.send(kind(whole)) == len(whole)
    greeted.shutdown(socket.SHUT_WR)
    with far.makefile("rb") as file:
        assert file.read() == whole[len(said) :] + whole


@pytest.mark.parametrize("other", [b"SSH-2.0-y\r\n", b"SSH-2.0-x", b""])
def test_what_is_something_else_is_not_sent(ends: tuple[_Greeted, socket.socket], other: bytes) -> None:
    greeted, far = ends
    greeted.said = b"SSH-2.0-x\r\n"
    with pytest.raises(ConnectionResetError):
        greeted.send(other)
    greeted.shutdown(socket.SHUT_WR)
    assert far.recv(100) == b""
