"""What is to be said of an entry besides its own history: whom it waits for, who is before it, who would help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from daemons.deciding import sets
from daemons.deciding.sets import Mate
from daemons.process import presence
from daemons.reporting import depwait
from daemons.reporting.needs import cycles, who_brings
from daemons.reporting.waiting import BETWEEN
from daemons.sites import Site
from daemons.steering.choosing import Place
from daemons.telling.undone import undone
from queues import history, names
from queues.envelope import Unreadable
from queues.history import Event
from queues.names import moment
from queues.rooms import Room
from queues.values import Upload
from review import cases, together

DAEMONS = {"master": "master", "build": "build", "archive": "include"}  # who takes what is ready in a queue


def of(site: Site, place: Place, events: Sequence[Event]) -> list[str]:
    """Give the notes of an entry, whose history this is."""
    found: Iterator[str] = iter(())
    match place.queue.name.partition("/")[0], place.room:
        case "review", Room.READY:
            found = _judges(site, place)
        case "review", Room.ACTIVE:
            found = _holder(site, place)
        case "build", Room.WAITING:
            found = _dep_wait(site, place)
        case "archive", Room.DONE:
            found = _published(site, place, events)
        case kind, Room.READY | Room.DEFERRED | Room.WAITING if kind in DAEMONS:
            found = _ahead(site, place, DAEMONS[kind])
    return [*found]


def mates(site: Site, place: Place, events: Sequence[Event]) -> list[Mate]:
    """Give the others of the set of an accepted upload that is under way."""
    accepted = place.queue in (site.spool.master, site.spool.archive) and not names.split(place.name.key).part
    if not accepted or place.room in (Room.DONE, Room.FAILED):
        return []
    with suppress(FileNotFoundError, Unreadable):  # it moved on; or `doctor` has more to say
        bond = together.of(place.path)
        return sets.mates(site.spool, place.name.key, bond, events) if bond else []
    return []


def since(place: Place, events: Sequence[Event]) -> datetime:
    """Say since when it is true of an entry what is true now: its last event that changed something."""
    if place.queue.name.startswith("build/") and place.room is Room.WAITING:
        need = depwait.need(place.queue, place.name)
        if need is not None:
            return need.since
    changed = (event.at for event in events if place.room is Room.ACTIVE or event.event not in BETWEEN)
    return max(changed, default=moment(place.name.stamp))


def _judges(site: Site, place: Place) -> Iterator[str]:
    """Name who may decide."""
    with suppress(FileNotFoundError, Unreadable):
        suite = history.carried(place.path, Upload).suite
        who = ", ".join(one.name for one in site.people.reviewers() if one.may_review(suite))
        if not who:
            yield f"nobody may decide on uploads to {suite}: 'debmill reviewer add'"
        else:
            yield f"who may decide: {who}"


def _holder(site: Site, place: Place) -> Iterator[str]:
    case = cases.at(site.spool, place.room, place.name)
    if case and case.reviewer:
        yield f"{case.reviewer} has it open; it is free again when that terminal is left"


def _ahead(site: Site, place: Place, daemon: str) -> Iterator[str]:
    """Say how many are before it, and that nobody is at work, if so."""
    before = [name for name in place.queue.names(Room.READY) if name < place.name] if place.room is Room.READY else []
    if before:
        yield f"{len(before)} before it"
    alive = [one for one in presence.states(site.run) if one.name.partition("-")[0] == daemon and one.state != "dead"]
    if not alive:
        yield f"no {daemon} daemon runs: 'debmill status'"


def _dep_wait(site: Site, place: Place) -> Iterator[str]:
    """Say who would bring what a job misses, and whether that one waits for it."""
    need = depwait.need(place.queue, place.name)
    if need is None:
        return
    needs = depwait.needs(site.spool)
    offers = depwait.offers(site.spool, needs)
    if who := who_brings(need, offers, depwait.owners(site.repository, [need])):
        yield who
    for cycle in cycles(needs, offers):
        if need.upload in cycle.keys:
            yield f"a cycle, which only a person can break: {cycle}"


def _published(site: Site, place: Place, events: Sequence[Event]) -> Iterator[str]:
    """Say what became of what was published: taken back, or followed by another version."""
    snapshots = [
        event.facts["snapshot"] for event in events if event.event == "published" and "snapshot" in event.facts
    ]
    if not snapshots:
        return
    upload = history.carried(place.path, Upload)
    yield from undone(upload.suite, snapshots[-1], site.repository.records.rollbacks())
    if upload.suite in site.settings.suites:
        now = site.repository.catalogue(upload.suite).version_of(upload.source)
        if now != upload.version:
            yield (
                f"{upload.suite} has {upload.source} {now} now" if now else f"{upload.suite} has no {upload.source} now"
            )
