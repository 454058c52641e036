"""Jobs in dep-wait, and the uploads that would bring what they miss: read from the queues, nothing is claimed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from archive.repository import Repository
from daemons.reporting.needs import Need, Offer, Offers, by_package, packages
from daemons.steering.choosing import Place
from daemons.telling.meaning import DEP_WAIT, cause
from queues import envelope, history, names
from queues.entry import FILES
from queues.history import Event
from queues.layout import Spool
from queues.names import EntryName, moment
from queues.rooms import Room
from queues.spool import Queue
from review.inspection import dsc
from review.notices import PUT_BACK
from review.refusal import Refusal

UNDER_WAY = {
    "review": (Room.READY, Room.ACTIVE, Room.HOLD),
    "master": (Room.READY, Room.ACTIVE, Room.WAITING, Room.DEFERRED, Room.HOLD),
    "archive": (Room.READY, Room.ACTIVE, Room.DEFERRED, Room.HOLD),
}


def needs(spool: Spool) -> list[Need]:
    """Give every job in dep-wait."""
    found = [need(queue, name) for queue in spool.builds() for name in queue.names(Room.WAITING)]
    return [one for one in found if one is not None]


def need(queue: Queue[Any], name: EntryName) -> Need | None:
    """Give what a job in dep-wait misses; None when it waits for its set, moved on, or cannot be read."""
    try:
        job, events = queue.peek(Room.WAITING, name), history.read(queue.where(Room.WAITING, name))
    except (FileNotFoundError, envelope.Unreadable):
        return None
    last = cause(Room.WAITING, events)
    if last and last.event != DEP_WAIT:
        return None
    missing = last.facts.get("missing", "") if last else ""
    since = _begun(events) or moment(name.stamp)
    return Need(job.upload, job.source, job.version, job.suite, job.architecture, missing, since)


def under_way(spool: Spool) -> Iterator[Place]:
    """Give the uploads that are neither published nor given up."""
    for queue in spool.uploads():
        for room in UNDER_WAY[queue.name]:
            yield from (Place(queue, room, name) for name in queue.names(room) if not names.split(name.key).part)


def offers(spool: Spool, needs: Sequence[Need]) -> Offers:
    """Find the uploads under way that would make what is missing."""
    missing = {name.encode() for need in needs for name in packages(need.missing)}
    places = under_way(spool) if missing else ()
    return by_package(one for place in places if (one := offer(place, missing)))


def offer(place: Place, wanted: set[bytes] | None = None) -> Offer | None:
    """Read what an upload makes; None when its .dsc has none of the words `wanted`, or cannot be read."""
    try:
        upload = place.queue.peek(place.room, place.name)
        name = next(ref.name for ref in upload.files if ref.name.endswith(".dsc"))
        data = (place.queue.where(place.room, place.name) / FILES / name).read_bytes()
        if wanted is not None and not wanted & {*data.replace(b",", b" ").split()}:  # most have none; reading is slow
            return None
        made = tuple(package.name for package in dsc.read(data, name).packages)
    except (OSError, StopIteration, envelope.Unreadable, Refusal):
        return None
    return Offer(upload.key, upload.source, upload.version, upload.suite, str(place), made)


def owners(repository: Repository, needs: Sequence[Need]) -> Mapping[tuple[str, str], str]:
    """Name, by suite and package, the published source that a missing package is of."""
    wanted = {(need.suite, name) for need in needs for name in packages(need.missing)}
    return {
        (suite, stanza.package): f"{stanza.source} {stanza.source_version}"
        for suite in {suite for suite, _ in wanted} & {*repository.suites}
        for stanza in repository.catalogue(suite).about((), {name for at, name in wanted if at == suite}).binaries()
        if (suite, stanza.package) in wanted
    }


def _begun(events: Collection[Event]) -> datetime | None:
    """Say when a job came into dep-wait for the first time since a person put it back."""
    since = None
    for event in events:
        if event.event in PUT_BACK and "by" in event.facts:
            since = None
        elif event.event == DEP_WAIT and since is None:
            since = event.at
    return since
