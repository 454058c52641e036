"""The archive looked at: which suites there are, and what each publishes. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archive.catalogue import Catalogue
from archive.indices import opening
from archive.keeping.records import Records
from archive.pool import Pool
from archive.published import Published
from archive.snapshot import SnapshotId, Tree
from queues.names import without_epoch
from queues.problem import Problem
from queues.values import Suite


class UnknownSuite(Problem):
    """A suite that the settings do not have."""


class Holdings:
    """The document root of a site, as others read it."""

    def __init__(self, root: Path, suites: Mapping[str, Suite]) -> None:
        """Open the archive at `root`. Nothing is read or made."""
        self.root = root
        self.suites = suites
        self.pool = Pool(root)
        self.published = Published(root / "snapshots" / "published.sha256")
        self.records = Records(root.with_name("snapshots"))
        self._tree = Tree(root)
        self._read: dict[str, tuple[SnapshotId | None, Catalogue]] = {}

    def suite(self, name: str) -> Suite:
        """Give a suite's rules. Raises UnknownSuite."""
        try:
            return self.suites[name]
        except KeyError:
            raise UnknownSuite(f"{name}: no such suite (there are: {', '.join(self.suites)})") from None

    def current(self, suite: str) -> SnapshotId | None:
        """Give the snapshot that a suite is; None before its first publication."""
        return self._tree.current(suite)

    def feeds(self, suite: str) -> SnapshotId | None:
        """Give the snapshot that a suite's feeds for opkg are in; None when it has none."""
        return self._tree.feeds(suite)

    def catalogue(self, suite: str) -> Catalogue:
        """Give what a suite publishes now, to be looked up. Raises UnknownSuite."""
        current = self.current(suite)
        known = self._read.get(suite)
        if known is None or known[0] != current:
            known = self._read[suite] = (current, opening.catalogue(self._tree, self.suite(suite)))
        return known[1]

    def is_published(self, source: str, version: str) -> bool:
        """Say whether a source of this version, of whatever epoch, was ever published in any suite."""
        return self.published.sha256_of(f"{source}_{without_epoch(version)}.dsc") is not None
