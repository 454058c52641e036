"""Published sources without current binaries on an architecture that they are meant for, and the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Struct

from archive.catalogue import Catalogue, highest
from archive.stanzas import Stanza
from daemons.reporting.depwait import offer, under_way
from daemons.reporting.needs import Offer
from daemons.reporting.waiting import places_of, planned
from daemons.sites import Site
from daemons.telling.meaning import meaning
from queues import control, history, names
from queues.layout import Spool
from queues.names import EntryName, part_key, without_epoch
from queues.rooms import Room
from review import planning


class Lacking(Struct, frozen=True):
    """A source in a suite whose published binaries of an architecture are `older` (of that source version) or absent.

    `since` is when the source was published, or, where no record is left, when it came (UTC). `coming` names newer
    uploads under way.
    """

    suite: str
    source: str
    version: str
    architecture: str
    older: str
    since: datetime
    reason: str
    coming: str


class Gap(NamedTuple):
    """The same, as the catalogue alone knows it."""

    stanza: Stanza
    suite: str
    architecture: str
    older: str


def lacking(site: Site) -> Iterator[Lacking]:
    """Find the gaps of every suite, and look up in the queues what each comes from."""
    gaps = [gap for suite in site.settings.suites for gap in in_catalogue(site.repository.catalogue(suite))]
    record = _Record(site, {gap.stanza.package for gap in gaps})
    for gap in gaps:
        yield Lacking(
            gap.suite,
            gap.stanza.package,
            gap.stanza.version,
            gap.architecture,
            gap.older,
            record.since(gap),
            record.reason(gap),
            record.coming(gap),
        )


def in_catalogue(catalogue: Catalogue) -> Iterator[Gap]:
    """Compare what each source is meant for with the binaries there are. Pure."""
    built: dict[tuple[str, str], list[Stanza]] = defaultdict(list)
    for stanza in catalogue.binaries():
        built[stanza.source, stanza.architecture].append(stanza)
    for source in catalogue.sources():
        for architecture in () if source.extra else planning.of_published(source.text, source.package, catalogue.suite):
            found = built[source.package, architecture]
            if all(one.source_version != source.version for one in found):
                best = highest(iter(found))
                yield Gap(source, catalogue.suite.name, architecture, best.source_version if best else "")


class _Record:
    """What the queues remember of some sources."""

    def __init__(self, site: Site, sources: Collection[str]) -> None:
        self._site = site
        self._published: dict[tuple[str, str], EntryName] = {}
        for name in site.spool.archive.names(Room.DONE) if sources else ():
            parts = names.split(name.key)
            if parts.source in sources and not parts.part:
                self._published[parts.source, parts.version] = name
        self._jobs = places_of(site.spool, {name.key for name in self._published.values()})
        self._coming = _coming(site.spool, sources)

    def since(self, gap: Gap) -> datetime:
        """Say when the source was published, by the history of its upload, else by the files there are."""
        for event in self._events(gap):
            if event.event == "published":
                return event.at
        dsc = f"{gap.stanza.package}_{without_epoch(gap.stanza.version)}.dsc"
        path = self._site.archive / control.paragraph(gap.stanza.text)["Directory"] / dsc
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def reason(self, gap: Gap) -> str:
        """Say what became of the build."""
        name = self._name(gap)
        if name is None:
            return "no record of a build is left"
        key = part_key(name.key, gap.architecture)
        job = next((place for place in self._jobs[name.key] if place.name.key == key), None)
        if job is not None:
            events = history.read(job.queue.where(job.room, job.name))
            return f"its build {meaning(job.queue.name, job.room, key, events).state}"
        if gap.architecture not in planned(self._events(gap)):
            return f"it was never tried: {gap.suite} did not build {gap.architecture} when it was accepted"
        return "no record of a build is left"

    def coming(self, gap: Gap) -> str:
        """Name the newer uploads of the source that are under way to the suite."""
        found = self._coming.get((gap.suite, gap.stanza.package), ())
        newer = [one for one in found if control.compare(one.version, gap.stanza.version) > 0]
        return ", ".join(f"{one.version} in {one.place}" for one in newer)

    def _name(self, gap: Gap) -> EntryName | None:
        return self._published.get((gap.stanza.package, gap.stanza.version))

    def _events(self, gap: Gap) -> list[history.Event]:
        name = self._name(gap)
        return history.read(self._site.spool.archive.where(Room.DONE, name)) if name else []


def _coming(spool: Spool, sources: Collection[str]) -> Mapping[tuple[str, str], list[Offer]]:
    found: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for place in under_way(spool) if sources else ():
        if names.split(place.name.key).source in sources and (one := offer(place)):
            found[one.suite, one.source].append(one)
    return found
