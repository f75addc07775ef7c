# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader on whatever hypothesis makes up: always a Bundle that keeps its word, however the stream is cut."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import PurePosixPath
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import Bundle, BundleReader
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Status
from tests.unit.plugins.plugin_utils._sweep.streams import (
    BELOW,
    SERVICES,
    archive,
    body,
    gzip,
    member,
    plain,
    read,
    record,
    zipped,
)

LIMITS = Limits(max_files=20, max_bytes=50_000, max_file_bytes=20_000, max_wire_bytes=200_000)
HEAD = {"plain": b"\nprometheus-fleet/1 plain sha256\n", "gz": b"\nprometheus-fleet/1 gz cksum\n"}

small = settings(max_examples=300, deadline=None)
chunk = st.integers(1, 3000)
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."}
)
paths = st.lists(names, min_size=1, max_size=2).map(lambda parts: BELOW + "/".join(parts) + ".yml")
files = st.dictionaries(paths, st.binary(max_size=1500), max_size=8)


def keeps_its_word(bundle: Bundle) -> None:
    assert bundle.status in get_args(Status)
    assert (bundle.error is None) == (bundle.status in {"ok", "unchanged"})
    assert bundle.error is None or (bundle.error.isprintable() and len(bundle.error) < 2000)
    assert bundle.status != "unchanged"
    assert bundle.digest is None or bundle.status == "ok"
    assert len(bundle.files) <= LIMITS.max_files
    assert sum(len(item.data or b"") for item in bundle.files) <= LIMITS.max_bytes
    assert len({item.path for item in bundle.files}) == len(bundle.files)
    if bundle.status not in {"ok", "partial", "denied"}:
        assert not bundle.files
    for item in bundle.files:
        assert (item.data is None) == (item.error is not None) == (item.sha256 is None)
        assert ".." not in PurePosixPath(item.path).parts
        directory = {service.service: service.directory for service in SERVICES}[item.service]
        assert item.path == directory or item.path.startswith(directory + "/")
        if item.data is not None:
            assert item.sha256 == hashlib.sha256(item.data).hexdigest()
            assert len(item.data) == item.size <= LIMITS.max_file_bytes


@given(st.binary(max_size=4000), st.sampled_from(sorted(HEAD)), chunk)
@small
def test_any_bytes(data: bytes, mode: str, piece: int) -> None:
    keeps_its_word(read(HEAD[mode] + (data if mode == "plain" else gzip(data)), limits=LIMITS, piece=piece))
    keeps_its_word(read(HEAD[mode] + data, limits=LIMITS, piece=piece))
    keeps_its_word(read(data, limits=LIMITS, piece=piece))


parts = st.one_of(
    st.binary(max_size=30),
    st.just(bytes(512)),
    st.builds(record, st.sampled_from("csdxmle"), st.binary(max_size=20).map(lambda text: text.replace(b"\0", b""))),
    st.builds(
        record,
        st.just("x"),
        st.sampled_from(["denied .", f"gone {BELOW}a", f"loop {BELOW}b", f"outside {BELOW}a"]),
    ),
    st.builds(record, st.just("m"), st.text(max_size=20)),
    st.builds(
        member,
        st.one_of(
            paths,
            st.sampled_from(
                [
                    f"{BELOW}a",
                    f"{BELOW}b",
                    "/a",
                    f"{BELOW}../a",
                    f"{BELOW}./@LongLink",
                ]
            ),
        ).map(lambda name: name.encode()[:99]),
        st.binary(max_size=700),
        kind=st.binary(min_size=1, max_size=1) | st.sampled_from([b"0", b"1", b"5", b"x", b"L", b"K", b"g"]),
        size=st.none() | st.integers(0, 8**11 - 1) | st.integers(0, 2000),
        link=st.sampled_from(["", f"{BELOW}a", f"{BELOW}b", "/etc/shadow", "../a"]),
    ),
)


@given(st.lists(parts, max_size=12), st.lists(parts, max_size=6), st.sampled_from([0, 0, 2]), st.booleans(), chunk)
@example([], [member(f"{BELOW}a"), record("x", f"gone {BELOW}a"), record("m", "")], 0, False, 1)
@small
def test_parts_in_any_order(first: list[bytes], second: list[bytes], status: int, squeeze: bool, piece: int) -> None:
    bodies = [body(b"".join(first), b"".join(second), status=status, last=last) for last in (False, True)]
    stream = (zipped if squeeze else plain)(*bodies)
    bundle = read(stream, limits=LIMITS, piece=piece)
    keeps_its_word(bundle)
    at_once = read(stream, limits=LIMITS, piece=len(stream))
    assert (bundle.status, bundle.digest, bundle.files) == (at_once.status, at_once.digest, at_once.files)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_empty_extended_header_means_the_same_in_pieces_of_any_size(kind: bytes) -> None:
    parts = member("./PaxHeaders/a", kind=kind) + archive([(f"{BELOW}a.yml", b"text")])
    stream = plain(body(parts, archive([])))
    results = [read(stream, limits=LIMITS, piece=piece) for piece in (len(stream), 1, 100, 512)]
    assert {result.status for result in results} == {results[1].status}
    assert all(result.files == results[1].files for result in results)
    if kind in b"xg":
        assert [item.data for item in results[0].files] == [b"text"]


@given(files, st.data(), chunk)
@small
def test_damage_to_a_good_stream(content: dict[str, bytes], data: st.DataObject, piece: int) -> None:
    packed = archive(content.items(), data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])))
    whole = body(packed, archive(list(content.items())[:1]))
    damaged = bytearray(whole)
    for _number in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        what = data.draw(st.sampled_from(["flip", "cut", "double", "drop"]))
        end = at + data.draw(st.integers(1, 600))
        if what == "flip" and damaged:
            damaged[at] ^= data.draw(st.integers(1, 255))
        elif what == "cut":
            del damaged[at:]
        elif what == "double":
            damaged[at:at] = damaged[at:end]
        else:
            del damaged[at:end]
    keeps_its_word(read(plain(bytes(damaged)), limits=LIMITS, piece=piece))
    keeps_its_word(read(zipped(bytes(damaged)), limits=LIMITS, piece=piece))


@given(files, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), st.booleans(), chunk)
@small
def test_what_tar_packs_comes_out(content: dict[str, bytes], form: int, squeeze: bool, piece: int) -> None:
    stream = (zipped if squeeze else plain)(body(archive(content.items(), form)))
    bundle = read(stream, limits=Limits(), piece=piece)
    assert bundle.status == "ok"
    assert {item.path: item.data for item in bundle.files} == {name[1:]: data for name, data in content.items()}


@given(files, st.integers(0, 2**16), st.booleans())
@small
def test_a_stream_that_is_cut_off_is_never_whole(content: dict[str, bytes], at: int, squeeze: bool) -> None:
    stream = (zipped if squeeze else plain)(body(archive(content.items())))
    reader = BundleReader(SERVICES, Limits())
    cut = at % len(stream)
    assert reader.feed(stream[:cut]) is False
    assert reader.finish(None, b"").status == "protocol_error"
