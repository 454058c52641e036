"""The life of snapshots after their publication: found, listed, pinned, thinned; and the pool swept behind them.

A snapshot goes by one rename to where unfinished publications are, then file by file: a death between leaves what
recovery removes. A file of the pool goes by itself, when no snapshot names it any more. Both hold the tree's lock, so
nothing is being published meanwhile. File names stay in `published.sha256`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from archive.keeping import comparing, needed, thinning
from archive.keeping.comparing import Difference
from archive.keeping.needed import Indices, Needed
from archive.keeping.records import Pin, Records, Rollback
from archive.keeping.thinning import Rule
from archive.snapshot import DISTS, SnapshotId, Tree
from queues import atomic
from queues.problem import Problem

_BUILT = (".deb", ".udeb", ".ddeb", ".ipk")


class UnknownSnapshot(Problem):
    """A snapshot that is not there."""


class Snapshot(Struct, frozen=True):
    """A publication: the directories of `dists` in it, those that are it now, and what came and went with it.

    `alone` is how many bytes only it holds, without the pool.
    """

    id: SnapshotId
    dists: tuple[str, ...]
    current: tuple[str, ...]
    differences: tuple[Difference, ...]
    pin: Pin | None
    rollback: Rollback | None
    alone: int


class Swept(Struct, frozen=True):
    """What went, or would go: snapshots, and files of the pool by path below the document root; `size` is theirs."""

    snapshots: tuple[SnapshotId, ...]
    files: tuple[str, ...]
    size: int


class Keeper:
    """Looks after the snapshots of an archive."""

    def __init__(self, root: Path, records: Records) -> None:
        """Open the archive at `root`."""
        self._tree = Tree(root)
        self._records = records

    def find(self, name: str) -> SnapshotId:
        """Give the snapshot that an ID, or the beginning of one only, means. Raises UnknownSnapshot."""
        found = [one for one in self._tree.all() if one.startswith(name)]
        if len(found) != 1:
            what = "no snapshot has this ID" if not found else f"{len(found)} snapshots begin so"
            raise UnknownSnapshot(f"{name}: {what}; 'debmill archive snapshots' lists them")
        return found[0]

    def snapshots(self) -> Iterator[Snapshot]:
        """Describe every snapshot, the newest first. Raises indices.Damaged."""
        pins = self._records.pins()
        for snapshot in self._tree.all():
            dists = self._dists(snapshot)
            yield Snapshot(
                id=snapshot,
                dists=dists,
                current=tuple(dist for dist in dists if self._tree.current(dist) == snapshot),
                differences=tuple(one for dist in dists for one in self._since_the_last(snapshot, dist)),
                pin=pins.get(snapshot),
                rollback=self._records.rollback(snapshot),
                alone=_alone(self._tree.snapshots / snapshot),
            )

    def publications(self, count: int) -> list[tuple[SnapshotId, tuple[str, ...]]]:
        """Name the last snapshots, the newest first, each with its directories of `dists`."""
        return [(snapshot, self._dists(snapshot)) for snapshot in self._tree.all()[:count]]

    def compare(self, one: SnapshotId, other: SnapshotId) -> list[Difference]:
        """Compare the suites that either snapshot is a publication of, as they were then. Raises indices.Damaged."""
        dists = sorted({*self._dists(one), *self._dists(other)})
        pairs = ((dist, self._as_of(one, dist), self._as_of(other, dist)) for dist in dists)
        return [found for dist, old, new in pairs for found in comparing.differences(old, new, dist)]

    def before(self, suite: str) -> SnapshotId:
        """Give the last publication of a suite whose packages were not those of today. Raises UnknownSnapshot."""
        current = self._tree.current(suite)
        now = self._tree.directory(current, suite) if current else None
        for snapshot in self._tree.generations(suite, len(self._tree.all())):
            older = self._tree.directory(snapshot, suite)
            if current and snapshot < current and comparing.differences(now, older, suite):
                return snapshot
        raise UnknownSnapshot(f"{suite}: no snapshot is left of a time when it had other packages")

    def pin(self, snapshot: SnapshotId, by: str, reason: str, now: datetime) -> None:
        """Let a snapshot stay for ever."""
        self._records.pin(snapshot, Pin(by, reason, now))

    def unpin(self, snapshot: SnapshotId) -> bool:
        """Let it go again when its time comes; False when it was not pinned."""
        return self._records.unpin(snapshot)

    def thin(self, rule: Rule, now: datetime) -> list[SnapshotId]:
        """Remove the snapshots whose time is over, and name them."""
        with self._tree.lock():
            return self._remove(self._over(rule, now))

    def sweep(self, rule: Rule, now: datetime, spared: Collection[str], *, dry_run: bool = False) -> Swept:
        """Remove the snapshots whose time is over, then the files of the pool that none names any more.

        `spared` are sources of which nothing goes. Nothing goes either when an index cannot be read: Damaged is raised.
        """
        with self._tree.lock():
            over = self._over(rule, now)
            wanted = Indices(self._tree).named(over, strict=True)
            files = [path for path in self._unneeded(wanted) if path.parent.name not in spared]
            size = sum(path.stat().st_size for path in files)
            if not dry_run:
                self._remove(over)
                _discard(files)
        return Swept(tuple(over), tuple(str(path.relative_to(self._tree.root)) for path in files), size)

    def _dists(self, snapshot: SnapshotId) -> tuple[str, ...]:
        return tuple(sorted(os.listdir(self._tree.snapshots / snapshot / DISTS)))

    def _since_the_last(self, snapshot: SnapshotId, dist: str) -> list[Difference]:
        older = (one for one in self._tree.all() if one < snapshot and self._tree.directory(one, dist).is_dir())
        last = next((self._tree.directory(one, dist) for one in older), None)
        return comparing.differences(last, self._tree.directory(snapshot, dist), dist)

    def _as_of(self, snapshot: SnapshotId, dist: str) -> Path | None:
        found = (one for one in self._tree.all() if one <= snapshot and self._tree.directory(one, dist).is_dir())
        return next((self._tree.directory(one, dist) for one in found), None)

    def _over(self, rule: Rule, now: datetime) -> list[SnapshotId]:
        every = self._tree.all()
        of_dist: dict[str, list[SnapshotId]] = {}
        for snapshot in every:
            for dist in self._dists(snapshot):
                of_dist.setdefault(dist, []).append(snapshot)
        kept = {one for found in of_dist.values() for one in thinning.kept(found, now, rule)}
        return [one for one in every if one not in kept | self._tree.linked() | self._records.pins().keys()]

    def _remove(self, snapshots: Iterable[SnapshotId]) -> list[SnapshotId]:
        gone = []
        for snapshot in snapshots:
            self._tree.drop(snapshot)
            gone.append(snapshot)
        return gone

    def _unneeded(self, wanted: Needed) -> list[Path]:
        return [path for path in unnamed(self._tree.root, wanted) if path.is_file() and not path.is_symlink()]


def unnamed(root: Path, wanted: Needed) -> Iterator[Path]:
    """Give what lies in the pool of an archive and is not wanted."""
    named = {ref.name for ref in wanted.files}
    versions: dict[str, list[str]] = {}
    for source, version in wanted.sources:
        versions.setdefault(source, []).append(version)
    for parent, _, names in os.walk(root / "pool"):
        source = Path(parent).name
        for path in (Path(parent, name) for name in sorted(names)):
            if str(path.relative_to(root)) in named:
                continue
            if path.suffix in _BUILT or not any(
                needed.is_of(path.name, source, one) for one in versions.get(source, ())
            ):
                yield path


def _discard(files: Iterable[Path]) -> None:
    for path in files:
        atomic.disk.unlink(path)
        if not any(path.parent.iterdir()):
            atomic.disk.rmdir(path.parent)


def _alone(directory: Path) -> int:
    """Sum up the files that have no name elsewhere."""
    names: dict[int, int] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for parent, _, files in os.walk(directory):
        for name in files:
            found = os.lstat(os.path.join(parent, name))
            names[found.st_ino] = names.get(found.st_ino, 0) + 1
            sizes[found.st_ino] = (found.st_nlink, found.st_size)
    return sum(size for inode, (links, size) in sizes.items() if links == names[inode])
