"""The feeds of a suite, made beside its `dists` in a snapshot that is on its way: `opkg/SUITE/COMPONENT/ARCHITECTURE`.

They are made of apt's indices as they lie there, and of nothing else; each component has one feed for each
architecture, with the packages for all architectures in it, and one of those alone. A feed that did not change is
linked, not made.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from archive.indices import members
from archive.opkg import feed, packages, parts, usign
from archive.opkg.feed import ALL, Feed, Measure
from archive.opkg.parts import Part, Piece
from archive.opkg.records import Facts, Form, architectures
from archive.opkg.usign import FeedKey
from archive.pool import Pool
from archive.published import Published
from archive.release import digest
from archive.signing import Signer
from archive.snapshot import DISTS, OPKG
from queues import atomic, locks
from queues.values import Suite

MODE = 0o644
USIGN, GPG, SUMS, POOL = "Packages.sig", "Packages.asc", "sha256sums", "pool"
Lists = Mapping[str, bytes]
Sums = Mapping[str, str]
_UP = "../../../../"  # from a feed to the document root, and from a feed of a snapshot to the snapshot


class Feeds:
    """Makes feeds, signed by the archive's key for Yocto's client and by one of their own for OpenWrt's."""

    def __init__(self, pool: Pool, published: Published, secret: Path, signer: Signer) -> None:
        """Name what is used; `secret` is the file of the feeds' own key, made when it is first needed."""
        self._pool = pool
        self._published = published
        self._secret = secret
        self._signer = signer

    def write(self, suite: Suite, new: Path, old: Path | None, moment: datetime) -> None:
        """Make the feeds of a suite in the snapshot `new`, where its indices are; `old` is the published snapshot.

        Each is written and signed by our own key as soon as it is made: they are large. gpg signs all of them at once.
        Raises packages.NotMade, usign.NoFeedKey, SigningFailed.
        """
        if suite.opkg == "off":
            return
        key = self.key()
        found = self._made(suite, key.fingerprint, new, old)
        made = {directory: _write(directory, key, lists) for directory, lists in found}
        signatures = self._signer.detach([directory / parts.PACKAGES for directory in made]) if made else []
        for (directory, sums), signature in zip(made.items(), signatures, strict=True):
            _finish(directory, sums, signature, moment)

    def key(self) -> FeedKey:
        """Give the feeds' own key, whose public part is in the archive's `keys`. Raises usign.NoFeedKey."""
        atomic.make(self._secret.parent)
        with locks.held(self._secret.parent):  # two that made one would not sign by the same
            key = usign.load_or_make(self._secret)
        public = self._pool.root / "keys" / f"{key.fingerprint}.pub"
        if not public.exists():
            atomic.replace(public, key.public())
        return key

    def _made(self, suite: Suite, fingerprint: str, new: Path, old: Path | None) -> Iterator[tuple[Path, Lists]]:
        """Give directory and lists of each feed that is not the published one; the others are linked."""
        measure = self._measurer(new / ".ipk")
        pieces_of = lru_cache(1)(_pieces)  # the feed of `all` is made of the index that the last one was made of
        for place in _places(suite):
            one = Feed(place.architecture, form_of(suite), fingerprint)
            directory, before = new / place.feed, (old or new) / place.feed
            atomic.make(directory)
            if suite.opkg_paths == "below":
                atomic.disk.symlink(f"{_UP}{POOL}", directory / POOL)
            if old and parts.mark_of(before) == one.mark and (new / place.packages).samefile(old / place.packages):
                _link(before, directory, _names(before))
            elif lists := _changed(one, pieces_of(new / place.packages), before, directory, measure):
                yield directory, lists

    def _measurer(self, stage: Path) -> Measure:
        measured: dict[str, Facts] = {}

        def measure(names: AbstractSet[str]) -> Mapping[str, Facts]:
            measured.update(packages.facts(self._pool, self._published, names - measured.keys(), stage))
            return {name: measured[name] for name in names}

        return measure


class _Place(NamedTuple):
    """Where a feed is below its snapshot, and apt's index that it is made of."""

    architecture: str
    feed: str
    packages: str


def form_of(suite: Suite) -> Form:
    """Say how the records of a suite are written."""
    return Form(f".{suite.opkg}", _UP if suite.opkg_paths == "above" else "", architectures(suite))


def _places(suite: Suite) -> Iterator[_Place]:
    """Name every feed; that of the packages for all architectures is made of the first architecture's index."""
    for component in suite.components:
        for architecture in (*suite.architectures, ALL):
            listed = suite.architectures[0] if architecture == ALL else architecture
            index = f"{DISTS}/{suite.name}/{component}/binary-{listed}/Packages.gz"
            yield _Place(architecture, f"{OPKG}/{suite.name}/{component}/{architecture}", index)


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if not path.is_symlink()}


def _link(old: Path, new: Path, names: AbstractSet[str]) -> None:
    for name in sorted(names):
        atomic.disk.link(old / name, new / name)


def _pieces(index: Path) -> list[Piece]:
    """Cut apt's index where it was packed in pieces; one that was not is a piece."""
    packed = memoryview(index.read_bytes())
    try:
        found = [packed[one.offset : one.offset + one.size] for one in members.walk(packed) if one.text_size]
    except members.Foreign:
        found = [packed]
    return [Piece(hashlib.sha256(one).hexdigest(), partial(members.unpack, one)) for one in found]


def _changed(one: Feed, pieces: Sequence[Piece], before: Path, directory: Path, measure: Measure) -> Lists | None:
    """Make the lists of a feed; where the index changed and they did not, what is published is linked."""
    known = parts.read(before, one.mark)
    made = feed.make(one, pieces, known, measure)
    lists = feed.lists(one, pieces, made)
    if not known or _full(made) != _full(known.values()):
        return lists
    _link(before, directory, _names(before) - {parts.PIECES})
    atomic.disk.create(directory / parts.PIECES, lists[parts.PIECES], MODE)
    return None


def _full(found: Iterable[Part]) -> list[Part]:
    return [part for part in found if part.packages]


def _write(directory: Path, key: FeedKey, lists: Lists) -> Sums:
    files = {**lists, USIGN: key.sign(lists[parts.PACKAGES])}
    atomic.create(*((directory / name, content, MODE) for name, content in files.items()))
    return {name: digest(content).sha256 for name, content in files.items() if not name.startswith(".")}


def _finish(directory: Path, sums: Sums, signature: bytes, moment: datetime) -> None:
    listed = sorted({**sums, GPG: digest(signature).sha256}.items())
    lines = "".join(f"{sha256} *{name}\n" for name, sha256 in listed)
    atomic.create((directory / GPG, signature, MODE), (directory / SUMS, lines.encode(), MODE))
    for name in _names(directory):  # web servers tell of another file by its mtime in whole seconds, so it rises
        os.utime(directory / name, (moment.timestamp(), moment.timestamp()))
