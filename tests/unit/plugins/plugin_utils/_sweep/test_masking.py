# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes in goes out masked, or not at all."""

from __future__ import annotations

import hashlib
import itertools
from types import SimpleNamespace

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import masking
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import RawFile
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.masking import Masking
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import FileResult

CONFIG = b"global:\n  smtp_auth_password: planted-one\n"


def raw(data: bytes | None, *, path: str = "/etc/x.yml", error: str | None = None) -> RawFile:
    digest = None if data is None else hashlib.sha256(data).hexdigest()
    return RawFile(path, "alertmanager", len(data or b""), 0, data, digest, error)


async def masked(*files: RawFile, redact: bool = True, seconds: float = 60.0) -> list[FileResult]:
    one = Masking(b"salt", redact=redact, seconds=seconds)
    try:
        return await one.files(files)
    finally:
        one.close()


@pytest.mark.parametrize("size", [0, 100_000], ids=["small", "large"])
async def test_contents_are_masked_unless_they_are_wanted_as_they_are(size: int) -> None:
    data = CONFIG + b"#" * size
    [closed] = await masked(raw(data))
    assert closed.content is not None
    assert "planted" not in closed.content
    assert (closed.redacted, closed.error) == (1, None)
    [opened] = await masked(raw(data), redact=False)
    assert (opened.content, opened.redacted) == (data.decode(), 0)
    assert closed.sha256 == opened.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("redact", [True, False])
async def test_what_a_server_says_of_a_file_is_masked_in_any_case(redact: bool) -> None:
    said = raw(None, error="cat: cannot open: password=planted-two")
    [result] = await masked(said, redact=redact)
    assert result.content is None
    assert result.error is not None
    assert result.error.startswith("cat: cannot open: password=<secret:")


@pytest.mark.parametrize("redact", [True, False])
@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b"])
async def test_what_is_no_text_has_no_content(data: bytes, redact: bool) -> None:
    [result] = await masked(raw(data), redact=redact)
    assert (result.content, result.error) == (None, "it is not UTF-8 text: its content is left out")


async def test_equal_contents_are_held_once_and_bytes_are_let_go() -> None:
    files = [raw(CONFIG), raw(CONFIG, path="/etc/y.yml")]
    first, second = await masked(*files, redact=False)
    assert first.content is second.content
    assert (first.path, second.path) == ("/etc/x.yml", "/etc/y.yml")
    assert [item.data for item in files] == [None, None]


async def test_the_files_of_one_server_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(0, 100)
    monkeypatch.setattr(masking, "time", SimpleNamespace(thread_time=lambda: next(ticks)))
    first, late = await masked(raw(CONFIG), raw(CONFIG + b"# more\n"), seconds=50.0)
    assert first.content is not None
    assert late.content is None
    assert "took more than 50 s" in str(late.error)


async def test_our_own_words_in_a_message_stay() -> None:
    one = Masking(b"salt", redact=False, seconds=1.0)
    place = "prom-token:22222222"
    text = await one.message(f"{place} refused token:planted-three", [place])
    one.close()
    assert text.startswith(f"{place} refused token:<secret:")
    assert "planted" not in text
