"""One publication: a new directory beside the published ones, then one renamed link per directory of `dists`.

Nothing is visible before the commit, and no published path is ever written again. What dies on the way leaves `.new`,
or a snapshot that no link names, or a group of links half renamed: `Tree.recover` drops the first two and finishes
the last.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from archive import release
from archive.catalogue import dists_of
from archive.contents.writing import Contents
from archive.inclusion import Change
from archive.indices import opening, writing
from archive.indices.revision import Revision
from archive.indices.texts import Texts
from archive.signing import Signed, Signer
from archive.snapshot import DISTS, LIVE, SnapshotId, Tree, date, identify
from queues import atomic
from queues.problem import Problem
from queues.values import Suite

if TYPE_CHECKING:
    from archive.opkg.feeds import Feeds

_RELEASE = ("Release", "InRelease", "Release.gpg")


class ChangedIdentity(Problem):
    """Settings that would give a published suite another name or origin."""


class TooEarly(Problem):
    """The last publication was in this very second, or ahead of the clock; `not_before` is when one may be."""

    def __init__(self, not_before: datetime) -> None:
        super().__init__(f"the last publication is not over before {not_before:%F %H:%M:%S} UTC; try again then")
        self.not_before = not_before


def check_time(tree: Tree, now: datetime) -> None:
    """Raise TooEarly unless a snapshot of this second would be newer than all others."""
    newest = tree.all()[:1]
    if newest and identify(now) <= newest[0]:
        raise TooEarly(date(newest[0]) + timedelta(seconds=1))


class Publication:
    """A publication of one or several suites, to be used in a `with`, with the tree locked and recovered.

    Leaving it without a commit drops it.
    """

    def __init__(
        self,
        tree: Tree,
        suites: Sequence[Suite],
        texts: Texts,
        contents: Contents,
        feeds: Feeds | None = None,
        base: SnapshotId | None = None,
        url: str = "",
    ) -> None:
        """Start from what the suites publish now, or from the snapshot `base`; `feeds` makes those of the suites.

        `url` is where the archive is served, if that is known.
        """
        self._tree = tree
        self._suites = suites
        self._texts = texts
        self._contents = contents
        self._feeds = feeds
        self._base = base
        self._url = url
        self._change = Change({})

    def __enter__(self) -> Self:
        """Make the hidden directory."""
        for path in (self._tree.building, self._tree.building / DISTS):
            atomic.disk.mkdir(path)
        atomic.disk.symlink("../../pool", self._tree.building / "pool")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was not committed."""
        if self._tree.building.exists():
            atomic.remove(self._tree.building)

    def apply(self, change: Change) -> None:
        """Take what becomes different."""
        self._change = change

    def commit(self, signer: Signer, now: datetime, *, renew: bool = False, merge: bool = False) -> SnapshotId | None:
        """Publish; None when nothing changed, unless a new Date is wanted (`renew`).

        `merge` puts indices in order on the way. Raises TooEarly, indices.Damaged.
        """
        if not (self._change.indices or renew):
            return None
        check_time(self._tree, now)
        snapshot = identify(now)
        made = (self._write_suite(suite, date(snapshot), check=renew, merge=merge) for suite in self._suites)
        releases = [one for of_suite in made for one in of_suite]
        for suite in self._suites:
            self._write_feeds(suite, date(snapshot))
        if self._base:
            _date_tree(self._tree.building, date(snapshot))
        for (directory, text), signed in zip(releases, signer.sign([text for _, text in releases]), strict=True):
            _write_release(directory, text, signed, date(snapshot))
        _sync_tree(self._tree.building)
        atomic.move(self._tree.building, self._tree.snapshots / snapshot)
        for suite in self._suites:
            self._tree.commit(dists_of(suite), snapshot)
        return snapshot

    def _write_suite(self, suite: Suite, moment: datetime, *, check: bool, merge: bool) -> list[tuple[Path, bytes]]:
        releases = []
        for dist in dists_of(suite):
            directory = self._tree.building / DISTS / dist
            old = self._old(suite, dist)
            entries = Revision(old, suite, dist, self._texts).write(directory, self._change, merge=merge, check=check)
            entries |= self._contents.write(suite, dist, directory, old, self._change.indices)
            writing.link_by_hash(self._tree, dist, directory, entries, moment)
            text = release.text(suite, dist, moment, entries, url=self._url)
            self._check_identity(dist, text)
            releases.append((directory, text))
            if suite.valid_days:
                live = self._tree.building / LIVE / dist
                _link_tree(directory, live)
                until = moment + timedelta(days=suite.valid_days)
                releases.append((live, release.text(suite, dist, moment, entries, until, self._url)))
        return releases

    def _old(self, suite: Suite, dist: str) -> Path:
        if self._base:
            return self._tree.directory(self._base, dist)
        return opening.committed(self._tree, suite, dist)

    def _write_feeds(self, suite: Suite, moment: datetime) -> None:
        if self._feeds:
            current = self._base or self._tree.current(suite.name)
            old = self._tree.snapshots / current if current else None
            self._feeds.write(suite, self._tree.building, old, moment)

    def _check_identity(self, dist: str, text: bytes) -> None:
        published = self._tree.dists / dist / "Release"
        before, after = release.identity(published.read_bytes() if published.exists() else text), release.identity(text)
        changed = [f"{name}: {before[name]} is now {after[name]}" for name in after if before[name] != after[name]]
        if changed:
            raise ChangedIdentity(f"{dist}: {'; '.join(changed)}: clients refuse that; set it back in the settings")


def _write_release(directory: Path, text: bytes, signed: Signed, moment: datetime) -> None:
    # A web server tells clients of a new InRelease by its mtime in whole seconds, so it rises as Date does.
    for name, content in zip(_RELEASE, (text, signed.inline, signed.detached), strict=True):
        path = directory / name
        atomic.disk.create(path, content, writing.MODE)
        os.utime(path, (moment.timestamp(), moment.timestamp()))
        atomic.disk.sync(path)


def _date_tree(directory: Path, moment: datetime) -> None:
    # What is linked from long ago would seem older than what clients have; its other names are none the worse for it.
    for parent, _, names in os.walk(directory):
        for name in names:
            os.utime(os.path.join(parent, name), (moment.timestamp(), moment.timestamp()), follow_symlinks=False)


def _link_tree(old: Path, new: Path) -> None:
    atomic.make(new)
    for path in sorted(old.iterdir()):
        if path.is_dir():
            _link_tree(path, new / path.name)
        else:
            atomic.disk.link(path, new / path.name)


def _sync_tree(directory: Path) -> None:
    for parent, _, _ in os.walk(directory, topdown=False):
        atomic.disk.sync(Path(parent))
