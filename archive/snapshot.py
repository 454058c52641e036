"""Snapshots: the directories of the publications, and the links of `dists` that say which one is current.

A publication is one directory `snapshots/ID`, complete and synced before any link names it, never changed after. Its
commit is the rename of the suite's own link in `dists`; a link of SUITE-debug is renamed first, so a death between the
two is seen in that they name different snapshots, and recovery finishes it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import NewType

from queues import atomic
from queues.problem import Problem

SnapshotId = NewType("SnapshotId", str)
_FORM = "%Y%m%dT%H%M%SZ"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z")
DISTS, LIVE, OPKG = "dists", "live", "opkg"


class LostLink(Problem):
    """A suite that was published and that no link of `dists` leads to: somebody took the link away."""


def identify(now: datetime) -> SnapshotId:
    """Give the ID of a snapshot of this second."""
    return SnapshotId(now.astimezone(UTC).strftime(_FORM))


def date(snapshot: SnapshotId) -> datetime:
    """Give the second that an ID names."""
    return datetime.strptime(snapshot, _FORM).replace(tzinfo=UTC)


class Tree:
    """The document root, as far as publications concern it."""

    def __init__(self, root: Path) -> None:
        """Open the archive at `root`; nothing is made."""
        self.root = root
        self.dists = root / "dists"
        self.opkg = root / "opkg"
        self.snapshots = root / "snapshots"
        self.building = self.snapshots / ".new"

    def create(self) -> None:
        """Make the directories of an archive that are missing."""
        for name in ("pool", "dists", "opkg", "keys", "snapshots"):
            atomic.make(self.root / name)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who publishes; waits for it."""
        descriptor = os.open(self.snapshots, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def current(self, dist: str) -> SnapshotId | None:
        """Give the snapshot that a directory of `dists` is in; None before the first publication."""
        return _named_by(self.dists / dist)

    def directory(self, snapshot: SnapshotId, dist: str) -> Path:
        """Give the directory of `dists` as it lies in a snapshot."""
        return self.snapshots / snapshot / DISTS / dist

    def all(self) -> list[SnapshotId]:
        """Name all snapshots, the newest first."""
        found = os.listdir(self.snapshots) if self.snapshots.is_dir() else []
        return [SnapshotId(name) for name in sorted(filter(_ID.fullmatch, found), reverse=True)]

    def generations(self, dist: str, count: int) -> list[SnapshotId]:
        """Name the last publications of a directory of `dists`, the newest first."""
        return [*islice(self._generations(dist), count)]

    def generations_since(self, dist: str, count: int, since: datetime) -> list[SnapshotId]:
        """Name the last publications of a directory of `dists`, and besides all since then, the newest first."""
        numbered = enumerate(self._generations(dist))
        return [snapshot for _, snapshot in takewhile(lambda one: one[0] < count or date(one[1]) >= since, numbered)]

    def _generations(self, dist: str) -> Iterator[SnapshotId]:
        return (snapshot for snapshot in self.all() if self.directory(snapshot, dist).is_dir())

    def point(self, dist: str, snapshot: SnapshotId) -> None:
        """Make a snapshot the current one of a directory of `dists`: one rename."""
        live = (self.snapshots / snapshot / LIVE / dist).is_dir()
        atomic.point(self.dists / dist, f"../snapshots/{snapshot}/{LIVE if live else DISTS}/{dist}")

    def alias(self, aliases: Mapping[str, str], fed: Collection[str]) -> None:
        """Give directories of `dists` other names, which are links to their links, and so the feeds of suites in `fed`.

        Old ones are taken away.
        """
        _alias(self.dists, aliases)
        _alias(self.opkg, {name: dist for name, dist in aliases.items() if dist in fed})

    def feeds(self, suite: str) -> SnapshotId | None:
        """Give the snapshot that a suite's feeds for opkg are in; None when it has none."""
        return _named_by(self.opkg / suite)

    def commit(self, dists: Sequence[str], snapshot: SnapshotId) -> None:
        """Make a snapshot the current one of a suite, whose `dists` these are: its feeds, then each in the order given.

        Each link is renamed by itself; the last, the suite's own, is the commit. Links that are right stay.
        """
        if self.feeds(dists[-1]) != snapshot:
            self._point_feeds(dists[-1], snapshot)
        for dist in dists:
            if self.current(dist) != snapshot:
                self.point(dist, snapshot)

    def recover(self, groups: Sequence[Sequence[str]]) -> None:
        """Finish or drop what a dead publication left; `groups` are the dists that are committed together.

        Each group is in the order of its renames. Call it with the lock held. Raises LostLink.
        """
        atomic.remove(self.building)
        for unfinished in (*self.dists.glob(".*.new"), *self.opkg.glob(".*.new")):
            atomic.remove(unfinished)
        for group in groups:
            found = [self.feeds(group[-1]), *map(self.current, group)]
            newest = max((snapshot for snapshot in found if snapshot), default=None)
            if newest and all(self.directory(newest, dist).is_dir() for dist in group):
                self.commit(group, newest)
        for group in groups:
            self._check_link(group[-1])
        self._drop_unlinked()

    def drop(self, snapshot: SnapshotId) -> None:
        """Remove a snapshot that no link names; call it with the lock held. A death on the way leaves it unfinished."""
        atomic.remove(self.building)
        atomic.disk.rename(self.snapshots / snapshot, self.building)
        atomic.remove(self.building)

    def linked(self) -> set[SnapshotId]:
        """Name the snapshots that links of `dists` and of `opkg` lead to."""
        found = (_named_by(path) for path in (*self.dists.iterdir(), *self.opkg.iterdir()) if path.is_symlink())
        return {snapshot for snapshot in found if snapshot}

    def _check_link(self, suite: str) -> None:
        # A first publication may have died before its link; whoever was published twice had one.
        newest, *older = [*self.generations(suite, 2), None]
        if newest and any(older) and not self.directory(self.current(suite) or SnapshotId("none"), suite).is_dir():
            live = (self.snapshots / newest / LIVE / suite).is_dir()
            target = f"../snapshots/{newest}/{LIVE if live else DISTS}/{suite}"
            raise LostLink(
                f"{self.dists / suite} leads to no publication, though there are some: nothing is published before the "
                f"link is back, as of 'ln -sfn {target} {self.dists / suite}'"
            )

    def _point_feeds(self, suite: str, snapshot: SnapshotId) -> None:
        target = f"snapshots/{snapshot}/{OPKG}/{suite}"
        if (self.root / target).is_dir():
            atomic.point(self.opkg / suite, f"../{target}")
        elif self.feeds(suite):
            atomic.disk.unlink(self.opkg / suite)
            atomic.disk.sync(self.opkg)

    def _drop_unlinked(self) -> None:
        # Every publication ends in a link, so only the newest can be without one: it died before its first rename.
        newest = self.all()[:1]
        if newest and newest[0] not in self.linked():
            self.drop(newest[0])


def is_alias(path: Path) -> bool:
    """Say whether a link of `dists` or `opkg` is another name of one beside it."""
    return path.is_symlink() and "/" not in os.readlink(path)


def _alias(directory: Path, aliases: Mapping[str, str]) -> None:
    for path in directory.iterdir():
        if path.name not in aliases and is_alias(path):
            atomic.disk.unlink(path)
    for name, target in sorted(aliases.items()):
        path = directory / name
        if not path.is_symlink() or os.readlink(path) != target:
            atomic.point(path, target)


def _named_by(link: Path) -> SnapshotId | None:
    try:
        target = os.readlink(link)
    except FileNotFoundError:
        return None
    return SnapshotId(Path(target).parts[2]) if "/" in target else None  # another name of a suite
