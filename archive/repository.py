"""The archive worked on: include, publish again, go back.

One at a time: whatever publishes holds the tree's lock and first finishes or drops what a dead publication left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from archive import delivery, importing, upkeep
from archive.catalogue import aliases_of, dists_of
from archive.contents.lists import Lists
from archive.contents.writing import Contents
from archive.delivery import Checked, Delivery, Material, Unfit
from archive.holdings import Holdings
from archive.inclusion import Built, Change, Included, Inclusion, Refusal, TooSoon, Unchanged
from archive.indices import opening
from archive.indices.texts import Texts
from archive.keeping import restoring
from archive.keeping.records import Rollback
from archive.opkg.packages import NotMade
from archive.planning import plan
from archive.pool import Mismatch, NameTaken
from archive.publication import Publication, TooEarly, check_time
from archive.repetition import repeats, taken_back
from archive.signing import ArchiveKey, Signer
from archive.snapshot import SnapshotId, identify
from queues import atomic
from queues.values import BuildResult, FileRef, Suite, Upload

if TYPE_CHECKING:
    from archive.opkg.feeds import Feeds


class Repository(Holdings):
    """The archive of a site, with the key that signs it: what may be looked at, and published."""

    def __init__(
        self,
        root: Path,
        suites: Mapping[str, Suite],
        keys: Path,
        signer: Signer | None = None,
        after: Callable[[], object] = lambda: None,
        url: str = "",
    ) -> None:
        """Open the archive at `root`; its GNUPGHOME is `keys/archive`. Nothing is read or made.

        `after` is called behind each publication, with the lock held; `url` is where it is served, if that is known.
        """
        super().__init__(root, suites)
        self.key = ArchiveKey(keys / "archive")
        self._signer: Signer = signer or self.key
        self._keys = keys
        self._after = after
        self._url = url.rstrip("/")
        self._texts = Texts(root.with_name("texts"))
        self._contents = Contents(Lists(root.with_name("lists"), root), self._texts)

    def init(self, now: datetime) -> None:
        """Make what is missing: directories, the key and its exports, an empty publication of each new suite.

        Raises TooEarly when a suite was published in this very second, SigningFailed.
        """
        self._tree.create()
        self.key.create(f"{next((suite.origin for suite in self.suites.values()), 'debmill')} archive signing key")
        for name, armored in (("archive.gpg", False), ("archive.asc", True)):
            exported = self.key.export(armored=armored)
            if not (self.root / "keys" / name).exists():
                atomic.replace(self.root / "keys" / name, exported)
        missing = [name for name, suite in self.suites.items() if not self._is_whole(suite)]
        if missing:
            self._renew(missing, now)

    def feed_key(self) -> str:
        """Name the key of the feeds for OpenWrt; empty when no suite has feeds. Raises usign.NoFeedKey."""
        return self._feeds.key().fingerprint if self._feeds else ""

    def include(
        self,
        upload: Upload,
        files: Path,
        built: Sequence[tuple[BuildResult, Path]],
        now: datetime,
    ) -> Inclusion:
        """Include an upload and its results as one publication; each path is the `files` of an entry."""
        return self.include_together(upload.suite, [delivery.of_upload(upload, files, built)], now)

    def include_together(
        self,
        suite: str,
        brought: Sequence[Delivery],
        now: datetime,
        objection: Callable[[Suite, Sequence[Built]], str] = lambda *_: "",
    ) -> Inclusion:
        """Include sources and their results as one publication; a refusal of one refuses all.

        `objection` may say, of the binaries that are new and were read and checked, why they are refused. What a
        rollback has taken back is not published again: the answer names the publication that it came with.
        """
        taken = {number: back for number, one in enumerate(brought) if (back := self._taken_back(suite, one))}
        if taken and len(taken) == len(brought):
            return taken[0]
        left = [one for number, one in enumerate(brought) if number not in taken]
        return self._include_all(suite, left, now, objection)

    def include_files(self, suite: str, files: Sequence[Path], now: datetime) -> Inclusion:
        """Include files of one source (.dsc and what it names, .debs) that an operator puts in directly.

        They are linked into the pool: they must lie on its file system, and nobody else may write them.
        """
        return self._include_all(suite, [delivery.of_files(files)], now)

    def import_files(self, suite: str, files: Sequence[Material], now: datetime) -> Inclusion:
        """Include files of any number of sources as one publication; as `include_files`, but hashed already."""
        return self._include(suite, lambda rules: importing.check(files, rules, self.pool), now)

    def publish(self, suites: Sequence[str], now: datetime) -> SnapshotId | TooSoon:
        """Publish suites again, as they are, with a new Date."""
        try:
            return self._renew(suites, now)
        except TooEarly as early:
            return TooSoon(early.not_before)

    def rollback(self, what: Rollback, now: datetime) -> SnapshotId | TooSoon:
        """Publish a suite as it was in a snapshot, with a new Date, and record by whom and why.

        Packages of clients never move back by themselves. Raises restoring.NotRestorable, indices.Damaged.
        """
        rules = self.suite(what.suite)
        with self._tree.lock():
            self._recover()
            try:
                restoring.check(self._tree, rules, what)
                check_time(self._tree, now)
                self.records.went_back(identify(now), what)
                with self._publication([what.suite], what.restored) as publication:
                    snapshot = publication.commit(self._signer, now, renew=True)
                self._after()
            except TooEarly as early:
                return TooSoon(early.not_before)
        assert snapshot is not None, "it was renewed"
        return snapshot

    def tend(self, now: datetime) -> SnapshotId | None:
        """Publish again what would expire, and put in order what has grown out of it; None when all is well.

        Raises SigningFailed, indices.Damaged.
        """
        due = [suite for suite in self.suites if upkeep.is_due(self.suites[suite], self.current(suite), now)]
        loose = [suite for suite in self.suites if upkeep.is_loose(self.catalogue(suite))]
        suites = [suite for suite in self.suites if suite in (*due, *loose)]
        with suppress(TooEarly):  # there will be another time
            return self._renew(suites, now, merge=True) if suites else None
        return None

    def recover(self) -> None:
        """Finish or drop what a dead publication left; waits for one that lives."""
        with self._tree.lock():
            self._recover()

    def catch_up(self) -> None:
        """Do what comes behind a publication, for one that died before it could; its replay publishes nothing."""
        with self._tree.lock():
            self._after()

    def remember(self, files: Sequence[FileRef]) -> None:
        """Record file names that the pool has and the record lost."""
        with self._tree.lock():
            self.published.remember(files)

    @cached_property
    def _feeds(self) -> Feeds | None:
        """What makes feeds; a site without them is spared its libraries."""
        if all(suite.opkg == "off" for suite in self.suites.values()):
            return None
        from archive.opkg.feeds import Feeds

        return Feeds(self.pool, self.published, self._keys / "feeds.sec", self._signer)

    def _is_whole(self, suite: Suite) -> bool:
        """Say whether a suite has been published with all that its rules ask for."""
        return all(map(self._tree.current, dists_of(suite))) and (suite.opkg == "off" or bool(self.feeds(suite.name)))

    def _renew(self, suites: Sequence[str], now: datetime, *, merge: bool = False) -> SnapshotId:
        with self._tree.lock():
            self._recover()
            with self._publication(suites) as publication:
                snapshot = publication.commit(self._signer, now, renew=True, merge=merge)
            self._after()
        assert snapshot is not None, "it was renewed"
        return snapshot

    def _publication(self, suites: Sequence[str], base: SnapshotId | None = None) -> Publication:
        rules = [self.suite(suite) for suite in suites]
        return Publication(self._tree, rules, self._texts, self._contents, self._feeds, base, self._url)

    def _taken_back(self, suite: str, brought: Delivery) -> Included | None:
        with self._tree.lock():
            self._recover()
            undone = [one.undone for one in self.records.rollbacks().values() if one.suite == suite]
            if not undone or repeats(self.catalogue(suite), brought):
                return None
            every = self._tree.generations(suite, len(self._tree.all()))
            opened = partial(opening.catalogue, self._tree, self.suite(suite))
            snapshot = taken_back(every, reversed(undone), opened, brought)
        return Included(snapshot, brought.packages) if snapshot else None

    def _include_all(
        self,
        suite: str,
        brought: Sequence[Delivery],
        now: datetime,
        objection: Callable[[Suite, Sequence[Built]], str] = lambda *_: "",
    ) -> Inclusion:
        def check(rules: Suite) -> list[Checked]:
            catalogue = self.catalogue(suite)
            new = [one for one in brought if not repeats(catalogue, one)]
            if not new:
                return []
            check_time(self._tree, now)
            checked = [delivery.check(one, rules, self.pool) for one in new]
            if reason := objection(rules, [built for one in checked for built in one.arrival.binaries]):
                raise Unfit(reason)
            return checked

        return self._include(suite, check, now)

    def _include(self, suite: str, check: Callable[[Suite], Sequence[Checked]], now: datetime) -> Inclusion:
        with self._tree.lock():
            self._recover()
            try:
                checked = check(self.suite(suite))
                others = {other: self.catalogue(other) for other in self.suites if other != suite}
                planned = plan(checked, self.catalogue(suite), others, self.published)
                if isinstance(planned, Refusal):
                    return planned
                if not planned.indices:
                    return Unchanged()
                check_time(self._tree, now)
                return self._apply(suite, checked, planned, now)
            except (Unfit, Mismatch, NameTaken, NotMade) as error:
                return Refusal(str(error))
            except TooEarly as early:
                return TooSoon(early.not_before)

    def _apply(self, suite: str, checked: Sequence[Checked], change: Change, now: datetime) -> Included:
        members = [member for one in checked for member in one.members]
        self.pool.add(members)
        self.published.remember(member.ref for member in members)
        with self._publication([suite]) as publication:
            publication.apply(change)
            snapshot = publication.commit(self._signer, now)
        self._after()
        assert snapshot is not None, "the change is not empty"
        stanzas = [built.stanza for one in checked for built in one.arrival.binaries]
        return Included(snapshot, tuple(f"{one.package}_{one.version}_{one.architecture}" for one in stanzas))

    def _recover(self) -> None:
        self._tree.recover([dists_of(suite) for suite in self.suites.values()])
        aliases = {name: dist for suite in self.suites.values() for name, dist in aliases_of(suite).items()}
        self._tree.alias(aliases, [name for name, suite in self.suites.items() if suite.opkg != "off"])
