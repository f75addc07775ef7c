# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader on streams that servers send."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable

import pytest

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.bundle import BundleReader
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits
from tests.unit.plugins.plugin_utils._sweep.streams import (
    BELOW,
    MTIME,
    SERVICES,
    archive,
    body,
    member,
    plain,
    read,
    record,
    zipped,
)

FILES = [
    (f"{BELOW}prometheus.yml", b"a: 1\n"),
    (f"{BELOW}rules/node.yml", b"b" * 1024),
    (f"{BELOW}empty.yml", b""),
]
ALERTS = [("./etc/alertmanager/alertmanager.yml", b"route: {}\n")]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@pytest.mark.parametrize("pack", [plain, zipped])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("piece", [1, 7, 511, 512, 513, 1 << 20])
def test_whole(pack: Callable[..., bytes], form: int, piece: int) -> None:
    content = body(archive(FILES, form), archive(ALERTS, form))
    stream = pack(content)
    bundle = read(stream + b"logout\n", piece=piece)
    assert (bundle.status, bundle.error) == ("ok", None)
    assert [(item.path, item.service, item.data) for item in bundle.files] == [
        ("/etc/prometheus/prometheus.yml", "prometheus", b"a: 1\n"),
        ("/etc/prometheus/rules/node.yml", "prometheus", b"b" * 1024),
        ("/etc/prometheus/empty.yml", "prometheus", b""),
        ("/etc/alertmanager/alertmanager.yml", "alertmanager", b"route: {}\n"),
    ]
    for item in bundle.files:
        assert item.data is not None
        assert (item.size, item.mtime, item.error) == (len(item.data), MTIME, None)
        assert item.sha256 == hashlib.sha256(item.data).hexdigest()
    assert bundle.digest == "sha256:" + hashlib.sha256(content).hexdigest()
    assert len(stream) <= bundle.wire_bytes < len(stream) + max(piece, 8)


def test_feed_says_when_it_is_complete() -> None:
    stream = zipped(body(archive(FILES)))
    reader = BundleReader(SERVICES, Limits())
    assert [reader.feed(stream[at : at + 1]) for at in range(len(stream))] == [False] * (len(stream) - 1) + [True]
    assert reader.feed(b"more") is True
    assert reader.finish(None, b"").status == "ok"


@pytest.mark.parametrize("kind", ["none", "cksum"])
def test_digest_by_what_the_server_can_compute(kind: str) -> None:
    digest = read(plain(body(archive(FILES)), kind=kind)).digest
    assert digest is None if kind == "none" else str(digest).startswith("cksum:")


def test_long_names_and_fractions_of_seconds() -> None:
    files = [(f"{BELOW}{'d' * 120}/{'é' * 90}{number}.yml", b"%d" % number) for number in range(3)]
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        bundle = read(plain(body(archive(files, form, mtime=MTIME + 0.75))))
        assert bundle.status == "ok"
        assert [item.path for item in bundle.files] == [name[1:] for name, _data in files]
        assert {item.mtime for item in bundle.files} == {MTIME}


def test_names_of_two_parts() -> None:
    files = [(f"{BELOW}{'d' * 90}/{'e' * 80}.yml", b"x")]
    packed = archive(files, tarfile.USTAR_FORMAT)
    assert packed[345:348] == b"./e"
    assert [item.path for item in read(plain(body(packed))).files] == [files[0][0][1:]]


@pytest.mark.parametrize("mtime", [-5, 0, 2**33, 2**36])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_times_outside_of_eleven_octal_digits(mtime: int, form: int) -> None:
    bundle = read(plain(body(archive(FILES, form, mtime=mtime))))
    assert {item.mtime for item in bundle.files} == {mtime}


def test_hard_links_are_the_file_that_they_name() -> None:
    packed = archive(FILES) + member(f"{BELOW}again.yml", kind=b"1", link=f"{BELOW}prometheus.yml")
    again = next(item for item in read(plain(body(packed))).files if item.path.endswith("again.yml"))
    assert (again.data, again.size, again.error) == (b"a: 1\n", 5, None)


def test_missing_directories() -> None:
    none = read(plain(body()))
    assert (none.status, none.files, none.digest) == ("no_such_directory", [], None)
    assert none.error is not None
    assert "/etc/prometheus, /etc/alertmanager" in none.error
    assert read(plain(body(archive(FILES)))).status == "ok"
    assert read(plain(body(b""))).files == []


def test_what_could_not_be_read() -> None:
    faults = (
        record("x", f"denied {BELOW}hidden.yml")
        + record("x", f"unreadable {BELOW}bad.yml")
        + record("m", "Input/output error")
    )
    bundle = read(plain(body(archive(FILES) + faults, record("x", "denied ./etc/alertmanager"))))
    assert (bundle.status, bundle.digest) == ("partial", None)
    errors = {item.path: item.error for item in bundle.files if item.error}
    assert set(errors) == {"/etc/prometheus/hidden.yml", "/etc/prometheus/bad.yml", "/etc/alertmanager"}
    assert errors["/etc/prometheus/bad.yml"] == "it cannot be read: Input/output error"
    assert len([item for item in bundle.files if item.data is not None]) == 3
    assert bundle.error is not None
    assert bundle.error.startswith("/etc/prometheus/hidden.yml: permission denied")
    denied = read(plain(body(record("x", "denied ./etc/prometheus"), record("x", "denied ./etc/alertmanager"))))
    assert denied.status == "denied"
    assert read(plain(body(record("x", f"gone {BELOW}a.yml")))).status == "partial"
    tried = record("x", f"unreadable {BELOW}a.yml")
    assert read(plain(body(tried + record("m", "Permission denied")))).status == "denied"
    assert read(plain(body(tried + record("m", "Input/output error")))).status == "partial"


@pytest.mark.parametrize("piece", [1, 100, 1 << 20])
@pytest.mark.parametrize("pack", [plain, zipped])
def test_a_second_body_replaces_one_that_tar_did_not_pack_well(pack: Callable[..., bytes], piece: int) -> None:
    torn = body(archive([(FILES[0][0], b"\0" * 5)]), b"", status=2)
    good = body(record("x", f"unreadable {FILES[0][0]}") + archive(FILES[1:]), b"", last=True)
    bundle = read(pack(torn, good) + b"logout\n", piece=piece)
    assert (bundle.status, bundle.digest) == ("partial", None)
    assert {item.path: item.error for item in bundle.files} == {
        "/etc/prometheus/prometheus.yml": "it cannot be read",
        "/etc/prometheus/rules/node.yml": None,
        "/etc/prometheus/empty.yml": None,
    }
    whole = read(pack(torn, body(archive(FILES), last=True)), piece=piece)
    assert (whole.status, len(whole.files)) == ("ok", 3)
    # Without a second one, the first has the last word, and is not whole.
    assert read(pack(torn), piece=piece).status == "partial"
    assert read(pack(torn, good)[:-20], piece=piece).status == "protocol_error"


@pytest.mark.parametrize("pack", [plain, zipped])
@pytest.mark.parametrize(
    "size", [505, 512, 600, 1000, 1026, 1100, 2000, 3000, 5000, 9000, 12_000, 14_000, 16_000, 100_000]
)
def test_a_tar_that_dies_within_a_file_leaves_its_size_open(pack: Callable[..., bytes], size: int) -> None:
    """What was to come of the file takes what comes next for its own, up to its size."""
    whole = body(archive([FILES[0], (f"{BELOW}bad.yml", b"x" * size), *FILES[1:]]))
    begun = whole[: whole.index(b"x" * 500) + 500]
    good = body(record("x", f"unreadable {BELOW}bad.yml") + archive(FILES), last=True)
    stream = pack(begun + record("s", "1") + record("e", "1"), good)
    for piece in (1, 100, 4096, 1 << 20):
        bundle = read(stream, piece=piece)
        assert bundle.status == "partial"
        assert {item.path: item.data for item in bundle.files} == {
            "/etc/prometheus/bad.yml": None,
            **{name[1:]: data for name, data in FILES},
        }


@pytest.mark.parametrize("pack", [plain, zipped])
def test_a_file_that_holds_a_mark_is_a_file(pack: Callable[..., bytes]) -> None:
    files = [(f"{BELOW}notes.yml", plain(body(archive(FILES), last=True))), *FILES]
    for piece in (100, 1 << 20):
        bundle = read(pack(body(archive(files))), piece=piece)
        assert bundle.status == "ok"
        assert {item.path: item.data for item in bundle.files} == {name[1:]: data for name, data in files}


def test_a_server_that_dies_twice() -> None:
    died = body(archive(FILES[1:2])[:900])[:-8]
    error = read(zipped(died, died), stderr=b"tar: short read\n").error
    assert error == (
        f"the stream broke off after {len(zipped(died, died))} bytes (exit status 0); "
        "the host said: tar: short read: run the sweep again"
    )
    assert read(plain(died, died)).status == "protocol_error"


def test_files_that_tar_names_in_its_complaint_are_not_trusted() -> None:
    torn = body(archive(FILES), archive(ALERTS), status=1, last=True)
    torn = zipped(body(b"", b"", status=1), torn)
    bundle = read(torn, stderr=b"tar: ./prometheus.yml: file changed as we read it\n")
    assert (bundle.status, bundle.digest) == ("partial", None)
    assert {item.path for item in bundle.files if item.error} == {"/etc/prometheus/prometheus.yml"}
    assert all((item.data is None) == (item.error is not None) for item in bundle.files)
    unnamed = read(torn, stderr=b"")
    assert unnamed.status == "partial"
    assert unnamed.error == "tar ended with status 1: run the sweep again"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zé.yml", rb"z\303\251.yml"),
        ("z\udcff.yml", rb"z\377.yml"),
        ("a\nb.yml", rb"a\nb.yml"),
        ("a\\b.yml", rb"a\\b.yml"),
    ],
)
def test_odd_names_in_the_complaint_of_gnu_tar(name: str, said: bytes) -> None:
    packed = archive([*FILES, (f"./etc/prometheus/{name}", b"a: 1\n")])
    torn = zipped(body(packed, status=1), body(packed, status=1, last=True))
    bundle = read(torn, stderr=b"tar: ./etc/prometheus/" + said + b": file changed as we read it\n")
    assert [item.path for item in bundle.files if item.data is None] == [f"/etc/prometheus/{name}"]


def test_unchanged() -> None:
    known = "sha256:" + "a" * 64
    bundle = read(b"Welcome\n\nprometheus-fleet/1 same %s\nlogout" % known.encode(), known=known, piece=1)
    assert (bundle.status, bundle.digest, bundle.files, bundle.error) == ("unchanged", known, [], None)
    for asked in (None, "sha256:" + "b" * 64, "nonsense"):
        assert read(b"\nprometheus-fleet/1 same %s\n" % known.encode(), known=asked).status == "protocol_error"
    assert read(b"\nprometheus-fleet/1 same %s" % known.encode(), known=known).status == "protocol_error"


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"Welcome",
        b"\n" * 5000,
        b"\nprometheus-fleet/1",
        b"\nprometheus-fleet/1 is run here\n",
        b"\nprometheus-fleet/1 " + b"x" * 300,
        b"\nprometheus-fleet/1 gz nothing\n" * 9,
        b"\x1f\x8b" * 400,
        b"\r\n",
    ],
)
@pytest.mark.parametrize("piece", [1, 100, 1 << 20])
def test_noise_before_the_stream(noise: bytes, piece: int) -> None:
    assert read(noise + zipped(body(archive(FILES))), piece=piece).status == "ok"


def test_the_same_file_twice() -> None:
    twice = archive([FILES[0], FILES[1], FILES[0]])
    bundle = read(plain(body(twice)))
    assert (bundle.status, len(bundle.files)) == ("ok", 2)
    other = read(plain(body(archive([FILES[0], FILES[1], (FILES[0][0], b"a: 2\n")]))))
    assert other.status == "partial"
    assert [item.path for item in other.files if item.data is None] == ["/etc/prometheus/prometheus.yml"]


def test_an_empty_answer_says_what_to_look_at() -> None:
    bundle = read(b"This account is not available.\n", exit_status=1, stderr=b"bash: sh: command not found\n")
    assert bundle.status == "protocol_error"
    assert bundle.error == (
        "the remote command printed no stream (exit status 1); the host said: bash: sh: command not found: "
        "log in by hand and see that sh and tar run there and that login scripts do not end the session"
    )


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_who_is_sent_away_is_told_so_on_either_stream(piece: int) -> None:
    bundle = read(b"-" * 5000 + b"\nThis account is not available.\n", exit_status=1, piece=piece)
    assert bundle.error is not None
    assert "This account is not available.: log in by hand" in bundle.error
    begun = read(b"Welcome\n" + plain(body(archive(FILES)))[:900], piece=piece)
    assert begun.error is not None
    assert "Welcome" not in begun.error


def test_what_a_host_said_is_quoted_in_one_short_line() -> None:
    loud = b"sh: not found\n" + b"x" * 5000 + b"\n\x1b[31mred\x1b[0m\r\n\xff end"
    error = read(b"", stderr=loud).error
    assert error is not None
    assert len(error) < 500
    assert "the host said: sh: not found x" in error
    assert "red\\x1b[0m \ufffd end" in error
    assert error.isprintable()
