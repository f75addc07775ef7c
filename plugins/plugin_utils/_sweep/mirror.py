# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror: a directory on the controller with a folder for each server, and a manifest of what came from where.

    <mirror>/<server>/<absolute path of the file>   the contents as the sweep gave them, with the original's mtime
    <mirror>/.manifest.json                         what the last sweep said of each server and file
    <mirror>/.salt                                  what fingerprints of masked secrets are made with; 0600

A mirror holds redacted contents (folders 0750, files 0640) or unredacted ones (0700, 0600), never both.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_files import (
    MANIFEST,
    SALT,
    STAGING,
    Location,
    MirrorError,
    Transaction,
    Tree,
    explained,
    location,
    locked,
    read_journal,
    recover,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_manifest import (
    VERSION,
    Manifest,
    ServerRecord,
    dump_manifest,
    parse_manifest,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.mirror_merge import (
    Merge,
    MirrorChange,
    MirrorUnfinishedError,
    is_copy,
)
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import (
    FileResult,
    ServerResult,
    summary,
)

__all__ = ["Mirror", "MirrorChange", "MirrorError", "MirrorUnfinishedError", "load"]

# How long one sweep waits for another to finish writing.
LOCK_SECONDS: Final = 60.0
_SALT_BYTES: Final = 32


class _Explained:
    """Says which mirror it was, whatever the system refused."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise explained(self._path, error) from error


class Mirror:
    """The mirror at path, which need not exist yet. Every method may raise MirrorError."""

    def __init__(self, path: str, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  (bytes-safe names)
        self._lock_seconds = lock_seconds
        self._salt: bytes | None = None
        self._known: dict[str, str | None] = {}
        self._begun: Mapping[str, ServerRecord] | None = None

    @property
    def salt(self) -> bytes:
        """What fingerprints in this mirror are made with; a new one is kept by prepare() or the first apply()."""
        if self._salt is None:
            with _Explained(self.path), Tree.opened(self.path) as tree:
                kept = tree.read((SALT,)) if tree is not None else None
            self._salt = kept if kept else secrets.token_bytes(_SALT_BYTES)
        return self._salt

    def prepare(self, *, redacted: bool = True) -> None:
        """Write a little, and keep the salt: nobody is asked for what cannot be kept.

        The salt is kept before the first sweep, because two of them at once must mask with the same one.
        """
        with self._writing(redacted=redacted) as (tree, manifest, write):
            self._begin(manifest)
            write.write((MANIFEST,), b"{}\n")
            self._keep_salt(tree)
            self._salt = tree.read((SALT,))

    def prepare_check(self, *, redacted: bool = True) -> None:
        """What prepare() would find, without writing."""
        with self._reading() as (tree, manifest, _moved):
            self._agree(manifest, redacted=redacted)
            self._begin(manifest)
            if tree is not None and not redacted:
                self._is_private(tree, manifest)
            place = Path(self.path)
            while tree is None and not place.exists():
                place = place.parent
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    def known_digests(
        self, servers: Sequence[str], *, redacted: bool = True, policy: str = ""
    ) -> dict[str, str | None]:
        """For each server the digest of what the mirror holds; None where it must be fetched anew.

        That is: never mirrored, not whole, redacted otherwise than now asked for, or a copy is gone or was changed.
        Raises MirrorError for a mirror of the other kind, redacted or not.
        """
        with self._reading() as (tree, manifest, moved):
            self._agree(manifest, redacted=redacted)
            self._begin(manifest)
            if tree is None or manifest is None:
                return dict.fromkeys(servers)
            known: dict[str, str | None] = {}
            for server in servers:
                record = manifest["servers"].get(server)
                usable = record is not None and record["policy"] == policy and not moved
                whole = usable and record is not None and self._is_intact(tree, server, record)
                known[server] = record["digest"] if record is not None and whole else None
            self._known = known
            return known

    def apply(
        self,
        results: dict[str, ServerResult],
        *,
        prune: bool = True,
        check: bool = False,
        diff: bool = False,
        redacted: bool = True,
        policy: str = "",
    ) -> MirrorChange:
        """Make the mirror hold what the sweep gave; servers that are not in results are left alone.

        policy names how the contents were redacted: under another one no digest is known. check writes nothing. When
        nothing is new, nothing is written. MirrorUnfinishedError has what was changed; any other MirrorError means
        that nothing was.
        """
        if check:
            with self._reading() as (found, manifest, _moved):
                self._agree(manifest, redacted=redacted)
                merge = self._merge(
                    found, manifest, results, prune=prune, diff=diff, redacted=redacted, policy=policy, write=None
                )
                return merge.change
        with self._writing(redacted=redacted) as (tree, manifest, write):
            merge = self._merge(
                tree, manifest, results, prune=prune, diff=diff, redacted=redacted, policy=policy, write=write
            )
            if merge.has_news:
                self._keep_salt(tree)
                self._commit(write, merge)
            self._begun = None
            return merge.change

    def load(self, servers: Sequence[str] | None = None) -> dict[str, Any]:
        """The mirror as a sweep result with contents: of the named servers that it holds, or of all."""
        with self._reading() as (tree, manifest, moved):
            if tree is None or manifest is None:
                raise MirrorError(f"There is no mirror at {self.path}: sweep into it first")
            wanted = sorted(manifest["servers"]) if servers is None else servers
            hosts = {
                server: self._server_result(tree, server, manifest["servers"][server], moved)
                for server in wanted
                if server in manifest["servers"]
            }
        return {
            "hosts": {server: result.as_dict() for server, result in hosts.items()},
            "summary": summary(hosts, 0.0),
        }

    def _begin(self, manifest: Manifest | None) -> None:
        """Whatever is asked of servers is asked from now on."""
        self._begun = manifest["servers"] if manifest else {}

    def _commit(self, write: Transaction, merge: Merge) -> None:
        try:
            write.commit(dump_manifest(merge.manifest))
        except (OSError, MirrorError) as error:
            if not write.decided:
                raise
            said = explained(self.path, error) if isinstance(error, OSError) else error
            raise MirrorUnfinishedError(
                f"{said}; the next sweep finishes what this one has begun", merge.change
            ) from error

    @contextlib.contextmanager
    def _writing(self, *, redacted: bool) -> Iterator[tuple[Tree, Manifest | None, Transaction]]:
        """The mirror, made where there is none, for nobody else, whole, and of this kind."""
        with (
            _Explained(self.path),
            Tree.made(self.path, private=not redacted) as tree,
            locked(tree, exclusive=True, seconds=self._lock_seconds),
        ):
            recover(tree)
            manifest = self._read_manifest(tree.read((MANIFEST,)))
            self._agree(manifest, redacted=redacted)
            if not redacted:
                self._make_private(tree, manifest)
            with Transaction.begun(tree) as write:
                yield tree, manifest, write

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[Tree | None, Manifest | None, dict[Location, Location]]]:
        """The mirror as it is decided: what a killed sweep had staged is read from where it lies."""
        with _Explained(self.path), Tree.opened(self.path) as tree:
            if tree is None:
                yield None, None, {}
                return
            with locked(tree, exclusive=False, seconds=self._lock_seconds):
                journal = read_journal(tree)
                moved: dict[Location, Location] = {}
                for number, target in journal[0] if journal else []:
                    staged = (STAGING, b"%d" % number)
                    if tree.stat(staged) is not None:
                        moved[target] = staged
                raw = tree.read(moved.get((MANIFEST,), (MANIFEST,)))
                yield tree, self._read_manifest(raw), moved

    def _read_manifest(self, raw: bytes | None) -> Manifest | None:
        if raw is None:
            return None
        try:
            return parse_manifest(raw)
        except ValueError as error:
            raise MirrorError(f"The manifest of mirror {self.path} cannot be used: {error}") from error

    def _agree(self, manifest: Manifest | None, *, redacted: bool) -> None:
        if manifest is not None and manifest["redacted"] != redacted:
            held, asked = ("redacted", "unredacted") if manifest["redacted"] else ("unredacted", "redacted")
            raise MirrorError(
                f"The mirror {self.path} holds {held} contents, and {asked} ones were asked for: "
                "give those a directory of their own"
            )

    def _make_private(self, tree: Tree, manifest: Manifest | None) -> None:
        """Unredacted contents go only where no one else can look."""
        if not self._is_private(tree, manifest):
            os.fchmod(tree.descriptor, 0o700)

    def _is_private(self, tree: Tree, manifest: Manifest | None) -> bool:
        """Raises MirrorError where it is not and must not be made so."""
        mode = stat.S_IMODE(os.fstat(tree.descriptor).st_mode)
        if mode & 0o077 == 0 or (manifest is not None and manifest["redacted"]):
            return True
        strange = [name for name in tree.names() if not name.startswith(b".")]
        if manifest is None and strange:
            raise MirrorError(
                f"{self.path} is open to others (mode {mode:04o}) and not empty: "
                "unredacted contents need an empty directory or one of mode 0700"
            )
        return False

    def _merge(
        self,
        tree: Tree | None,
        manifest: Manifest | None,
        results: dict[str, ServerResult],
        *,
        prune: bool,
        diff: bool,
        redacted: bool,
        policy: str,
        write: Transaction | None,
    ) -> Merge:
        if manifest is None:
            manifest = Manifest(version=VERSION, redacted=redacted, servers={})
        merge = Merge(
            tree, manifest, write, prune=prune, diff=diff, policy=policy, asked=self._known, begun=self._begun
        )
        for server in sorted(results):
            merge.server(server, results[server])
        merge.forget_deleted(results)
        return merge

    def _keep_salt(self, tree: Tree) -> None:
        found = tree.stat((SALT,))
        if found is None or found.st_size == 0 or not stat.S_ISREG(found.st_mode):
            tree.write((STAGING, SALT), self.salt, mode=0o600)
            tree.move((STAGING, SALT), (SALT,))

    def _is_intact(self, tree: Tree, server: str, record: ServerRecord) -> bool:
        return all(
            item["stored"] is None or is_copy(tree.stat(location(server, path)), item)
            for path, item in record["files"].items()
        )

    def _server_result(
        self, tree: Tree, server: str, record: ServerRecord, moved: dict[Location, Location]
    ) -> ServerResult:
        result = ServerResult(
            status=record["status"],
            error=record["error"],
            transport=record["transport"],
            endpoint=record["endpoint"],
            digest=record["digest"],
        )
        for path, item in sorted(record["files"].items()):
            found = FileResult(
                path=path,
                service=item["service"],
                size=item["size"],
                mtime=item["mtime"],
                sha256=item["sha256"],
                redacted=item["redacted"],
                error=item["error"],
            )
            result.files.append(found)
            if item["stored"] is None:
                continue
            place = location(server, path)
            data = tree.read(moved.get(place, place))
            if data is None or hashlib.sha256(data).hexdigest() != item["stored"]["sha256"]:
                found.error = "its copy in the mirror was changed or damaged since the sweep: sweep with force"
                if result.status == "ok":
                    result.status = "partial"
                    result.error = f"{path}: {found.error}"
                continue
            found.content = data.decode("utf-8", "surrogateescape")
        return result


def load(path: str, servers: Sequence[str] | None = None) -> dict[str, Any]:
    """See Mirror.load."""
    return Mirror(path).load(servers)
