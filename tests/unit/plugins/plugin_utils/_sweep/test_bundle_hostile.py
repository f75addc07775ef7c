# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader on streams that only a broken or a hostile server sends: a status each, and bounded memory."""

from __future__ import annotations

import itertools
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import MAX_NOISE, BundleReader
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service
from tests.unit.plugins.plugin_utils._sweep.streams import (
    BELOW,
    SERVICES,
    archive,
    body,
    member,
    plain,
    read,
    record,
    zipped,
)

MIB = 1024 * 1024
GOOD = member(f"{BELOW}good.yml", b"good: 1\n")


def pax(text: bytes) -> bytes:
    return member("./PaxHeaders/x", text, kind=b"x")


NAMES = [
    "/etc/passwd",
    "../../../root/.ssh/authorized_keys",
    f"{BELOW}../x.yml",
    f"{BELOW}rules/../../x.yml",
    f"{BELOW}..",
    ".",
    BELOW,
    "",
    "x.yml",
    f"{BELOW}a//b.yml",
    f"{BELOW}a/./b.yml",
    f"{BELOW}a/",
    "C:\\x.yml",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out(name: str) -> None:
    for packed in (
        GOOD + member(name, b"x"),
        GOOD + member("./@LongLink", name.encode() + b"\0", kind=b"L") + member(f"{BELOW}short", b"x"),
        GOOD + member(f"{BELOW}link.yml", kind=b"1", link=name),
    ):
        bundle = read(plain(body(packed)))
        # Nothing of a server that sends such a name is believed. An empty long name names nothing at all.
        assert (bundle.status, bundle.files) == ("protocol_error", [])


def test_nul_within_a_pax_name() -> None:
    assert read(plain(body(pax(b"17 path=./a\0/b.yml\n"[:18]) + member(f"{BELOW}x", b"x")))).status == "protocol_error"
    text = b"path=./a\0b\n"
    assert (
        read(plain(body(pax(b"%d %s" % (len(text) + 3, text)) + member(f"{BELOW}x", b"x")))).status == "protocol_error"
    )


@pytest.mark.parametrize("kind", [b"2", b"3", b"4", b"6", b"S", b"V", b"M", b"Z", b"\x7f"])
def test_links_and_devices_and_unknown_kinds_are_no_files(kind: bytes) -> None:
    size = 0 if kind in b"23456" else 600
    packed = member(f"{BELOW}odd.yml", bytes(size), kind=kind, link="/etc/shadow") + GOOD
    bundle = read(plain(body(packed)))
    assert bundle.status == "partial"
    assert {item.path: item.data for item in bundle.files} == {
        "/etc/prometheus/odd.yml": None,
        "/etc/prometheus/good.yml": b"good: 1\n",
    }


@pytest.mark.parametrize("kind", [b"2", b"3", b"4", b"6"])
def test_the_size_of_what_has_no_content_means_nothing(kind: bytes) -> None:
    bundle = read(plain(body(member(f"{BELOW}odd.yml", kind=kind, size=8**11 - 1) + GOOD)))
    assert [item.path for item in bundle.files if item.data] == ["/etc/prometheus/good.yml"]


def test_sparse_files_are_said() -> None:
    bundle = read(plain(body(pax(b"22 GNU.sparse.major=1\n") + member(f"{BELOW}holes.yml", bytes(1024)) + GOOD)))
    assert {item.path: item.error for item in bundle.files} == {
        "/etc/prometheus/holes.yml": "it is not a regular file",
        "/etc/prometheus/good.yml": None,
    }


def test_a_negative_size() -> None:
    head = bytearray(member(f"{BELOW}x.yml"))
    head[124:136] = b"\xff" * 12
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    bundle = read(plain(body(bytes(head) + GOOD)))
    assert bundle.status == "protocol_error"
    assert "negative size" in str(bundle.error)


def test_a_record_without_end() -> None:
    reader = BundleReader(SERVICES, Limits())
    assert reader.feed(plain(b"\nx ")) is False
    assert feed_until_done(reader, itertools.repeat(b"y" * 8192), 12) <= 12


def test_hard_links_to_what_did_not_come() -> None:
    bundle = read(plain(body(member(f"{BELOW}a.yml", kind=b"1", link=f"{BELOW}b.yml") + GOOD)))
    assert bundle.status == "partial"
    assert bundle.files[0].error == "it came as a link to a file that did not come"


@pytest.mark.parametrize(
    "broken",
    [
        b"garbage" * 200,
        GOOD[:148] + b"7777777\0" + GOOD[156:],
        member(f"{BELOW}x.yml", kind=b"0").replace(b"00000000000\0", b"9z9z9z9z9z9\0"),
        member(f"{BELOW}x.yml", size=-1 % 8**11)[:512],
        pax(b"no length at all\n") + GOOD,
        pax(b"999999 path=./x\n") + GOOD,
        pax(b"6 abc\n") + GOOD,
        pax(b"10 size=-1\n"[:11]) + GOOD,
        pax(b"12 size=1e9\n") + GOOD,
        member(f"{BELOW}x", bytes(70_000), kind=b"x"),
        member(f"{BELOW}x", bytes(70_000), kind=b"L"),
        record("z", "unknown"),
        record("x", f"unknown {BELOW}x.yml"),
        record("x", "denied /etc/shadow"),
        record("m", "without a fault before it"),
        record("s", "1"),
        record("s", "99"),
        record("e", "0"),
        record("c", "00000000"),
        record("d", "missing") + record("d", "missing"),
        b"\nx" + b"y" * 100_000,
        b"\n\0",
    ],
)
def test_what_no_server_sends(broken: bytes) -> None:
    for pack in (plain, zipped):
        for piece in (100, 1 << 20):
            bundle = read(pack(body(GOOD + broken)), piece=piece)
            assert bundle.status in {"protocol_error", "too_large"}
            assert bundle.error
            assert (bundle.files, bundle.digest) == ([], None)


@pytest.mark.parametrize(
    "stream",
    [
        b"\nprometheus-fleet/1 \n",
        b"\nprometheus-fleet/1 gz\n",
        b"\nprometheus-fleet/1 zip sha256\n",
        b"\nprometheus-fleet/1 gz md5\n",
        b"\nprometheus-fleet/1 " + b"x" * 5000,
        b"\nprometheus-fleet/1 gz sha256\nnot gzip at all",
        plain(GOOD),
        plain(record("s", "0") + GOOD + record("s", "1") + record("e", "0")),
        zipped(body(GOOD) + GOOD),
        zipped(body(GOOD)[:-1]),
        zipped(b""),
        zipped(body(GOOD))[:-1],
        zipped(body(GOOD))[:-8] + b"\0" * 8,
    ],
)
def test_first_lines_and_ends(stream: bytes) -> None:
    assert read(stream).status == "protocol_error"


def test_noise_without_end() -> None:
    reader = BundleReader(SERVICES, Limits())
    fed = 0
    while not reader.feed(b"y\n" * 8192):
        fed += 16384
        assert fed <= MAX_NOISE
    assert reader.finish(None, b"").status == "protocol_error"


def memory_of(act: Callable[[], object]) -> int:
    """The most bytes that Python held at a time for it."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def feed_until_done(reader: BundleReader, pieces: Iterator[bytes], most: int) -> int:
    """Feed until the reader has had enough; fail when it never has. Returns the pieces that it took."""
    for number, piece in enumerate(pieces):
        if reader.feed(piece):
            return number + 1
        assert number < most, "the reader should have had enough"
    raise AssertionError("the reader should have had enough")


def bomb(head: bytes) -> Iterator[bytes]:
    """head and then zero bytes without end, packed a thousand to one."""
    packer = zlib.compressobj(9, wbits=31)
    yield b"\nprometheus-fleet/1 gz sha256\n" + packer.compress(head)
    while True:
        yield packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    "head",
    [
        body(b"")[: -len(record("e", "0"))],
        body(member(f"{BELOW}huge.yml", size=8**11 - 1)[:512])[: -len(record("e", "0"))],
        body(member(f"{BELOW}device.yml", kind=b"V", size=8**11 - 1)[:512])[: -len(record("e", "0"))],
        body(member(f"{BELOW}fits.yml", size=4 * MIB - 1)[:512])[: -len(record("e", "0"))],
    ],
    ids=["padding", "file", "unknown", "fits"],
)
def test_a_gzip_bomb_stops_at_the_cap(head: bytes) -> None:
    # The second service's records would be read as content: leave them out.
    head = head.partition(record("s", "1"))[0]
    limits = Limits(max_files=100, max_bytes=16 * MIB, max_file_bytes=4 * MIB)
    reader = BundleReader(SERVICES, limits)
    pieces = list(zip(range(6), bomb(head), strict=False))

    def act() -> None:
        feed_until_done(reader, (piece for _number, piece in pieces), 6)

    # Far below the 80 MiB that were sent, and below the two copies of a file that fits.
    assert memory_of(act) < 10 * MIB
    bundle = reader.finish(None, b"")
    assert (bundle.status, bundle.files) == ("too_large", [])
    assert bundle.wire_bytes < MIB


def test_a_million_empty_members() -> None:
    limits = Limits(max_files=2000)

    def members(name: bytes, kind: bytes) -> Iterator[bytes]:
        """%d in name counts; without it all are called the same."""
        yield b"\nprometheus-fleet/1 plain sha256\n" + body(b"").partition(record("s", "1"))[0]
        for number in range(1_000_000):
            yield member(name.replace(b"%d", b"%d" % number), kind=kind)

    for name, kind in (
        (b"./etc/prometheus/%d.yml", b"0"),
        (b"./etc/prometheus/same.yml", b"0"),
        (b"./etc/prometheus/%d/", b"5"),
        (b"./etc/prometheus/%d.yml", b"3"),
    ):
        reader = BundleReader(SERVICES, limits)
        assert feed_until_done(reader, members(name, kind), 4002) <= 4002
        assert reader.finish(None, b"").status == "too_large"


@pytest.mark.parametrize("letter", ["x", "xm"])
def test_a_million_records(letter: str) -> None:
    fault = b"".join(record(one, {"x": f"denied {BELOW}x.yml", "m": "Permission denied"}[one]) for one in letter)
    many = plain(body(fault * 100_000))
    bundle = read(many)
    assert bundle.status == "too_large"
    assert bundle.wire_bytes < len(many)


def test_caps() -> None:
    files = [(f"{BELOW}{number}.yml", b"x" * 1000) for number in range(20)]
    stream = zipped(body(archive(files)))
    assert read(stream, limits=Limits(max_files=20, max_bytes=20_000, max_file_bytes=1000)).status == "ok"
    for limits, name in (
        (Limits(max_files=19), "max_files"),
        (Limits(max_bytes=19_999), "max_bytes"),
        (Limits(max_wire_bytes=100), "over the wire"),
    ):
        bundle = read(stream, limits=limits)
        assert (bundle.status, bundle.files, bundle.digest) == ("too_large", [], None)
        assert bundle.error is not None
        assert name in bundle.error
    one = read(stream, limits=Limits(max_file_bytes=999))
    assert one.status == "partial"
    assert all(item.data is None and "larger than 999 bytes" in str(item.error) for item in one.files)
    mixed = zipped(body(archive([(f"{BELOW}large.yml", b"y" * 5000), *files])))
    bundle = read(mixed, limits=Limits(max_file_bytes=1000), piece=64)
    assert (bundle.status, len([item for item in bundle.files if item.data])) == ("partial", 20)


def test_second_names_count_for_what_they_are_written_as() -> None:
    links = [member(f"{BELOW}{number}.yml", kind=b"1", link=f"{BELOW}0.yml") for number in range(1, 20)]
    stream = zipped(body(b"".join([member(f"{BELOW}0.yml", b"x" * 1000), *links])))
    assert read(stream, limits=Limits(max_bytes=20_000)).status == "ok"
    bundle = read(stream, limits=Limits(max_bytes=19_999))
    assert (bundle.status, bundle.files) == ("too_large", [])
    assert "max_bytes" in str(bundle.error)


UNASKED = [
    "secret.key",
    "rules/more/x.yml",
    "/".join(["a"] * 1000) + "/x.yml",
    "x" * 256 + ".yml",
    "x.yml/y",
    "",
]


@pytest.mark.parametrize("name", UNASKED)
def test_what_nobody_asked_for_is_not_taken(name: str) -> None:
    """Not even where it lies in the right directory: names of any depth would hold up whoever writes them."""
    long = member("./@LongLink", f"{BELOW}{name}".encode() + b"\0", kind=b"L") + member(f"{BELOW}short", b"x")
    bundle = read(plain(body(GOOD + long)))
    assert (bundle.status, bundle.files) == ("protocol_error", [])


@pytest.mark.parametrize("name", [name for name in UNASKED if "/" in name or len(name) > 255])
def test_what_nobody_asked_for_is_not_told_of(name: str) -> None:
    told = read(plain(body(record("x", f"denied {BELOW}{name}") + GOOD)))
    assert (told.status, told.files) == ("protocol_error", [])


def test_a_directory_on_the_way_may_be_told_of() -> None:
    bundle = read(plain(body(record("x", f"denied {BELOW}rules") + GOOD)))
    assert bundle.status == "partial"
    assert read(plain(body(member(f"{BELOW}rules", b"x")))).status == "protocol_error"


PATTERNS_AND_NAMES = [
    ("*", "any", True),
    ("*.yml", ".yml", True),
    ("a*b*c.yml", "a-b-b-c.yml", True),
    ("a*b*c.yml", "a-c.yml", False),
    ("a**c.yml", "abc.yml", True),
    ("rules/*.y*ml", "rules/x.yaml", True),
    ("rules/*.y*ml", "x.yaml", False),
    ("[ab]?.yml", "b1.yml", True),
    ("é*.yml", "é\udcff\n.yml", True),
    ("x.yml", "x.yml", True),
    ("x.yml", "xyyml", False),
    ("+(a).yml", "aa.yml", True),
    ("*a" * 30 + "b", "a" * 200, False),
]


@pytest.mark.parametrize(("pattern", "name", "fits"), PATTERNS_AND_NAMES)
def test_patterns_as_shells_read_them(pattern: str, name: str, fits: bool) -> None:
    services = (Service("other", "/srv", (pattern,)),)
    stream = plain(body(member(f"./srv/{name}", b"x"), services=services))
    assert (read(stream, services=services).status == "ok") is fits


def test_a_stream_is_not_held_twice() -> None:
    files = [(f"{BELOW}{number}.yml", bytes(range(256)) * 1024) for number in range(64)]
    stream = zipped(body(archive(files)))
    reader = BundleReader(SERVICES, Limits())

    def act() -> None:
        for start in range(0, len(stream), 32768):
            reader.feed(stream[start : start + 32768])

    # 16 MiB of contents, and the pieces in flight.
    assert memory_of(act) < 19 * MIB
    assert reader.finish(0, b"").status == "ok"


def test_the_second_body_is_the_last() -> None:
    torn, again = body(GOOD, status=2), body(GOOD, status=2, last=True)
    reader = BundleReader(SERVICES, Limits())
    assert reader.feed(zipped(torn)) is False
    assert reader.feed(zipped(again)) is True
    assert reader.feed(zipped(again)) is True
    assert reader.finish(0, b"").status == "partial"
    # Nor can the first claim to be the second.
    assert read(zipped(again)).status == "protocol_error"
    assert read(plain(again)).status == "protocol_error"
    assert read(plain(torn, torn)).status == "protocol_error"
