"""A suite's published indices: what is in the archive now. Nothing else records it.

A suite is published as one or two directories of `dists`: its own, and SUITE-debug where its rules say so. A catalogue
is read by piece, never whole: what a question is about is drawn into an extract, and decisions see only that.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from archive import results, stanzas
from archive.stanzas import SOURCE, Stanza
from queues import control
from queues.values import Suite

ENGLISH = "i18n"  # the index of long descriptions; it belongs to no catalogue, for no decision needs it
ALL = "all"  # an index that apt never asks for (No-Support-for-Architecture-all), and aptly does


class Place(NamedTuple):
    """One index: the directory of `dists`, the component, and the architecture, or `source`, or `i18n`."""

    dist: str
    component: str
    architecture: str

    @property
    def path(self) -> str:
        """Give the path of the index below its `dists` directory."""
        if self.architecture == SOURCE:
            return f"{self.component}/source/Sources"
        if self.architecture == ENGLISH:
            return f"{self.component}/i18n/Translation-en"
        return f"{self.component}/binary-{self.architecture}/Packages"


def debug_of(suite: Suite) -> str:
    """Name the directory of `dists` where the suite's -dbgsym packages go; empty when they are dropped."""
    return {"debug": f"{suite.name}-debug", "same": suite.name, "dropped": ""}[suite.dbgsym]


def dists_of(suite: Suite) -> tuple[str, ...]:
    """Name the directories of `dists` a suite is published as; its own is the last, for it is the commit."""
    return (f"{suite.name}-debug", suite.name) if suite.dbgsym == "debug" else (suite.name,)


def aliases_of(suite: Suite) -> dict[str, str]:
    """Name the links of `dists` that are other names of a suite's directories, and those directories."""
    names = {name for name in (suite.codename, *suite.aliases) if name and name != suite.name}
    return {name + dist.removeprefix(suite.name): dist for name in names for dist in dists_of(suite)}


def places_of(suite: Suite, dist: str) -> tuple[Place, ...]:
    """Name every index of a directory of `dists`; each exists, also when it is empty."""
    return tuple(
        Place(dist, component, architecture)
        for component in suite.components
        for architecture in (*suite.architectures, ALL, SOURCE)
    )


def _compare(left: Stanza, right: Stanza) -> int:
    return control.compare(left.version, right.version)


def highest(stanzas: Iterator[Stanza]) -> Stanza | None:
    """Give the stanza with the highest version."""
    return max(stanzas, key=functools.cmp_to_key(_compare), default=None)


class Shelf(Protocol):
    """The stanzas of one index."""

    def named(self, names: Iterable[str]) -> list[Stanza]:
        """Give those of some packages."""

    def __iter__(self) -> Iterator[Stanza]:
        """Give all."""


@dataclass(frozen=True)
class Extract:
    """What a suite publishes of some sources: the stanzas of each index, sorted."""

    suite: Suite
    indices: Mapping[Place, tuple[Stanza, ...]]

    def sources(self) -> Iterator[Stanza]:
        """Give every source, also those kept for older binaries."""
        return (stanza for place, found in self.indices.items() if place.architecture == SOURCE for stanza in found)

    def binaries(self) -> Iterator[Stanza]:
        """Give every binary; one for all architectures comes once for each."""
        return (stanza for place, found in self.indices.items() if place.architecture != SOURCE for stanza in found)

    def version_of(self, source: str) -> str | None:
        """Give the highest version of a source."""
        found = highest(stanza for stanza in self.sources() if stanza.package == source)
        return found.version if found else None

    def binaries_of(self, source: str) -> list[Stanza]:
        """Give the binaries that were built of a source, each once."""
        return list(dict.fromkeys(stanza for stanza in self.binaries() if stanza.source == source))

    def owner(self, package: str) -> str | None:
        """Give the source that a binary package's name belongs to."""
        return next((stanza.source for stanza in self.binaries() if stanza.package == package), None)


@dataclass(frozen=True)
class Catalogue:
    """What a suite publishes, looked up; an index that is not there is empty."""

    suite: Suite
    shelves: Mapping[Place, Shelf]

    def about(self, sources: Collection[str], packages: Collection[str] = ()) -> Extract:
        """Draw out some sources, the packages that they declare or that have their name, and some more packages."""
        kept = {place: self._named(place, sources) for place in self._places(source=True)}
        declared = {name for found in kept.values() for stanza in found for name in _declared(stanza)}
        names = sorted({*sources, *packages, *declared, *(f"{name}{results.DEBUG}" for name in declared)})
        return Extract(self.suite, kept | {place: self._named(place, names) for place in self._places(source=False)})

    def version_of(self, source: str) -> str | None:
        """Give the highest version of a source."""
        return self._source(source).version_of(source)

    def versions(self, source: str) -> list[str]:
        """Give all versions of a source, also those kept for older binaries."""
        return [stanza.version for stanza in self._source(source).sources()]

    def binaries_of(self, source: str) -> list[Stanza]:
        """Give the binaries that a published source declares and that were built of it, each once."""
        return self.about((source,)).binaries_of(source)

    def architectures_of(self, source: str) -> set[str]:
        """Give the architectures (`all` among them) that have binaries of a source."""
        return {stanza.architecture for stanza in self.binaries_of(source)}

    def owner(self, package: str) -> str | None:
        """Give the source that a binary package's name belongs to."""
        return self.about((), (package,)).owner(package)

    def sources(self) -> Iterator[Stanza]:
        """Give every source, also those kept for older binaries; all of the indices is read."""
        return (stanza for place in self._places(source=True) for stanza in self.shelves.get(place, ()))

    def binaries(self) -> Iterator[Stanza]:
        """Give every binary, all of the indices being read; one for all architectures comes once for each."""
        return (stanza for place in self._places(source=False) for stanza in self.shelves.get(place, ()))

    def _source(self, name: str) -> Extract:
        return Extract(self.suite, {place: self._named(place, (name,)) for place in self._places(source=True)})

    def places(self) -> list[Place]:
        """Name every index."""
        return [place for dist in dists_of(self.suite) for place in places_of(self.suite, dist)]

    def _places(self, *, source: bool) -> list[Place]:
        return [place for place in self.places() if (place.architecture == SOURCE) == source]

    def _named(self, place: Place, names: Collection[str]) -> tuple[Stanza, ...]:
        return stanzas.ordered(self.shelves[place].named(names) if place in self.shelves else ())


def _declared(source: Stanza) -> frozenset[str]:
    return results.declared_by(control.paragraph(source.text))
