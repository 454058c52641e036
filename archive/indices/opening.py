"""What is published now, opened: the list of a directory's index files, and a suite's catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from archive import descriptions, release, stanzas
from archive.catalogue import ENGLISH, Catalogue, Place, Shelf, dists_of, places_of
from archive.indices.index import Entries, Index
from archive.snapshot import SnapshotId, Tree
from archive.stanzas import SOURCE, Stanza
from queues.values import Suite


class Joining:
    """The index of an architecture that is new in the suite: the packages for all architectures that others have."""

    def __init__(self, others: Sequence[Shelf]) -> None:
        self._others = others

    def named(self, names: Iterable[str]) -> list[Stanza]:
        """Give those of some packages."""
        wanted = [*names]
        return _for_all(stanza for other in self._others for stanza in other.named(wanted))

    def __iter__(self) -> Iterator[Stanza]:
        """Give all, sorted."""
        return iter(stanzas.ordered(_for_all(stanza for other in self._others for stanza in other)))


class Restyled:
    """An index of Packages whose long descriptions shall stand apart, and do not yet; or the other way round."""

    def __init__(self, base: Shelf, style: Callable[[Stanza], Stanza]) -> None:
        self._base = base
        self._style = style

    def named(self, names: Iterable[str]) -> list[Stanza]:
        """Give those of some packages."""
        return [self._style(stanza) for stanza in self._base.named(names)]

    def __iter__(self) -> Iterator[Stanza]:
        """Give all."""
        return map(self._style, self._base)


def listed(directory: Path) -> Entries:
    """Give the index files that a published directory's Release lists; none when there is no such directory."""
    try:
        return release.hashes((directory / "Release").read_bytes())
    except FileNotFoundError:
        return {}


def committed(tree: Tree, suite: Suite, dist: str) -> Path:
    """Give the published directory of a dist, as the suite's own link, the commit, says; it need not be there."""
    current = tree.current(suite.name)
    return tree.directory(current, dist) if current else tree.dists / dist


def opened(directory: Path, suite: Suite, dist: str) -> dict[Place, Shelf]:
    """Open every index of a published directory, also those that are new in the settings."""
    entries, places = listed(directory), places_of(suite, dist)
    found: dict[Place, Shelf] = {}
    for place in (place for place in places if place.path in entries):
        found[place] = _styled(Index(directory, place, entries), described(directory, entries, place), suite)
    return {place: found[place] if place in found else _joining(found, place) for place in places}


def described(directory: Path, entries: Entries, place: Place) -> Index | None:
    """Open the long descriptions beside an index of a published directory, if they stand apart."""
    beside = place._replace(architecture=ENGLISH)
    return Index(directory, beside, entries) if beside.path in entries else None


def _styled(index: Index, apart: Index | None, suite: Suite) -> Shelf:
    if index.place.architecture == SOURCE or bool(apart) == suite.translations:
        return index
    return Restyled(index, partial(descriptions.joined, entries=apart) if apart else _parted)


def _parted(stanza: Stanza) -> Stanza:
    return descriptions.part(stanza).stanza


def catalogue(tree: Tree, suite: Suite, snapshot: SnapshotId | None = None) -> Catalogue:
    """Open what a suite publishes now, or was in a snapshot; before its first publication every index is empty."""
    found: dict[Place, Shelf] = {}
    for dist in dists_of(suite):
        directory = tree.directory(snapshot, dist) if snapshot else committed(tree, suite, dist)
        found |= opened(directory, suite, dist)
    return Catalogue(suite, found)


def _joining(found: Mapping[Place, Shelf], new: Place) -> Joining:
    beside = [place for place in found if place[:2] == new[:2] and place.architecture != SOURCE]
    return Joining([found[place] for place in beside if new.architecture != SOURCE])


def _for_all(found: Iterable[Stanza]) -> list[Stanza]:
    return [*dict.fromkeys(stanza for stanza in found if stanza.architecture == "all")]
