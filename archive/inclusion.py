"""The decision what an inclusion changes in a suite's indices, and what may come of one. Pure: stanzas in, stanzas out.

It sees an extract of the catalogue: the source that arrives, and every package that it declares, declared, or brings.

The packages of a source are replaced architecture by architecture. Where an architecture was not built although the
source is meant for it, its older binaries stay, and so does their source, marked `Extra-Source-Only: yes`. A version
is never lowered, a package never taken from another source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from archive import stanzas
from archive.catalogue import Extract, Place, highest
from archive.snapshot import SnapshotId
from archive.stanzas import SOURCE, Stanza
from queues import control


class Built(NamedTuple):
    """One binary that arrives: the directory of `dists` and the component it goes to, and its stanza.

    `description` is the entry of its long description where the suite publishes those apart (`archive.descriptions`).
    """

    dist: str
    component: str
    stanza: Stanza
    description: Stanza | None = None


class Arrival(Struct, frozen=True):
    """What is to be included of one source.

    `stanza` is its Sources stanza (None: binaries only), `meant_for` the .dsc's Architecture field, `built` the
    architectures (`all` among them) whose results are complete in `binaries`, `declared` what the .dsc declares.
    """

    source: str
    version: str
    component: str
    stanza: Stanza | None
    meant_for: str
    built: frozenset[str]
    binaries: tuple[Built, ...]
    declared: frozenset[str] = frozenset()


class Difference(NamedTuple):
    """What an index loses and gains."""

    removed: tuple[Stanza, ...]
    added: tuple[Stanza, ...]


NOTHING = Difference((), ())


class Change(Struct, frozen=True):
    """The indices that become different, and how; empty when the archive has everything already.

    `described` are what came, with its long descriptions where those are published apart.
    """

    indices: Mapping[Place, Difference]
    described: tuple[Built, ...] = ()

    def to(self, extract: Extract) -> Extract:
        """Give what an extract becomes."""
        return Extract(extract.suite, {place: self._at(extract, place) for place in extract.indices})

    def _at(self, extract: Extract, place: Place) -> tuple[Stanza, ...]:
        removed, added = self.indices.get(place, NOTHING)
        return stanzas.ordered([*(one for one in extract.indices[place] if one not in removed), *added])


class Refusal(Struct, frozen=True):
    """It may not be included; the reason is for a person."""

    reason: str


class Included(Struct, frozen=True):
    """It is published: in which snapshot, and the binaries as `PACKAGE_VERSION_ARCHITECTURE`."""

    snapshot: SnapshotId
    packages: tuple[str, ...]


class Unchanged(Struct, frozen=True):
    """Everything was published already."""


class TooSoon(Struct, frozen=True):
    """The last publication was in this second; nothing was done, `not_before` is when it may be tried again (UTC)."""

    not_before: datetime


Inclusion = Included | Unchanged | Refusal | TooSoon


def plan_inclusion(extract: Extract, arrival: Arrival) -> Change | Refusal:
    """Decide what the indices of a suite become when a source and its results are included."""
    reason = _lowered(extract, arrival) or _taken(extract, arrival) or _homeless(extract, arrival)
    if reason:
        return Refusal(reason)
    binary = {place: place.architecture != SOURCE for place in extract.indices}
    new = {place: _packages(extract, place, arrival) for place in extract.indices if binary[place]}
    needed = {stanza.source_version for found in new.values() for stanza in found if stanza.source == arrival.source}
    new |= {place: _sources(extract, place, arrival, needed) for place in extract.indices if not binary[place]}
    found = {place: _difference(extract.indices[place], found) for place, found in new.items()}
    return Change({place: difference for place, difference in found.items() if any(difference)})


def _difference(old: tuple[Stanza, ...], new: tuple[Stanza, ...]) -> Difference:
    before, after = set(old), set(new)
    return Difference(tuple(one for one in old if one not in after), tuple(one for one in new if one not in before))


def _packages(extract: Extract, place: Place, arrival: Arrival) -> tuple[Stanza, ...]:
    added = _added(place, arrival)
    names = {stanza.package for stanza in added}
    kept = [
        stanza
        for stanza in extract.indices[place]
        if stanza.source != arrival.source or (stanza.package not in names and _stays(stanza, arrival))
    ]
    return stanzas.ordered([*kept, *added])


def _added(place: Place, arrival: Arrival) -> list[Stanza]:
    return [
        built.stanza
        for built in arrival.binaries
        if (built.dist, built.component) == (place.dist, place.component)
        and built.stanza.architecture in (place.architecture, "all")
    ]


def _stays(old: Stanza, arrival: Arrival) -> bool:
    if old.architecture in arrival.built:
        return False
    if arrival.stanza is None:
        return True
    wildcards = arrival.meant_for.split()
    if old.architecture == "all":
        return "all" in wildcards
    return any(control.matches(old.architecture, wildcard) for wildcard in wildcards if wildcard != "all")


def _sources(extract: Extract, place: Place, arrival: Arrival, needed: set[str]) -> tuple[Stanza, ...]:
    found = extract.indices[place]
    others = [stanza for stanza in found if stanza.package != arrival.source]
    ours = [stanza for stanza in found if stanza.package == arrival.source]
    if arrival.stanza is None:
        newest = highest(stanza for stanza in extract.sources() if stanza.package == arrival.source)
        return stanzas.ordered([*others, *(old for old in ours if old == newest or old.version in needed)])
    older = [stanzas.extra(old) for old in ours if old.version in needed and old.version != arrival.version]
    here = place.dist == extract.suite.name and place.component == arrival.component
    return stanzas.ordered([*others, *older, *([arrival.stanza] if here else [])])


def _lowered(extract: Extract, arrival: Arrival) -> str:
    published = extract.version_of(arrival.source) if arrival.stanza else None
    if published and control.compare(published, arrival.version) > 0:
        return f"{arrival.source} {arrival.version}: {extract.suite.name} has {published}; no version is ever lowered"
    for place, old, new in _meetings(extract, arrival):
        if control.compare(old.version, new.version) > 0:
            return f"{new.package} {new.version}: {place.dist} has {old.version}; no version is ever lowered"
    return ""


def _meetings(extract: Extract, arrival: Arrival) -> Iterator[tuple[Place, Stanza, Stanza]]:
    for place, found in extract.indices.items():
        added = {stanza.package: stanza for stanza in _added(place, arrival)}
        yield from ((place, old, added[old.package]) for old in found if old.package in added)


def _taken(extract: Extract, arrival: Arrival) -> str:
    for built in arrival.binaries:
        owner = extract.owner(built.stanza.package)
        if owner not in (None, arrival.source):
            return f"{built.stanza.package}: belongs to the source {owner} in {extract.suite.name}"
    return ""


def _homeless(extract: Extract, arrival: Arrival) -> str:
    suite = extract.suite
    for name, component in (
        (arrival.source, arrival.component),
        *((built.stanza.package, built.component) for built in arrival.binaries),
    ):
        if component not in suite.components:
            return f"{name}: {suite.name} has no component {component} (it has {', '.join(suite.components)})"
    for built in arrival.binaries:
        if built.stanza.architecture not in (*suite.architectures, "all"):
            return f"{built.stanza.package}: {suite.name} has no architecture {built.stanza.architecture}"
    return ""
