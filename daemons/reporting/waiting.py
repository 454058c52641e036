"""What waits, read from the queues as they are. Nothing is claimed; what moves on meanwhile is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct

from daemons.steering.choosing import Place, road, within
from daemons.telling.meaning import HELD, WITHHELD, cause, reason
from queues import envelope, history, names
from queues.history import Event
from queues.layout import Spool
from queues.names import Key, moment, part_key
from queues.rooms import Room
from queues.spool import Queue

BETWEEN = {history.CLAIMED, history.RECOVERED}  # what does not change for what an entry waits
DISPATCHED = "dispatched"


class Waiting(Struct, frozen=True):
    """An entry that waits: for a `review`, at its `gate`, in `dep-wait`, `held` for a person, or `corrupt`.

    `architecture` is a job's, `suite` empty where it cannot be read, `since` is UTC, `reason` one line for a person.
    """

    what: str
    id: str
    key: Key
    suite: str
    architecture: str
    place: str
    since: datetime
    reason: str


def waiting(spool: Spool, until: datetime) -> list[Waiting]:
    """Give what waits since before a time, but for dep-wait; what is younger by its name is not opened."""
    old = [place for place in _places(spool) if moment(place.name.stamp) <= until]
    gates = [names.upload_of(place.name.key) for place in old if place.queue is spool.master]
    jobs = places_of(spool, set(gates))
    found = [_waiting(place, jobs) for place in old]
    return [one for one in found if one is not None and one.since <= until]


def places_of(spool: Spool, uploads: Collection[Key]) -> dict[Key, list[Place]]:
    """Find, by upload, the jobs of uploads and the parts that they left."""
    found: dict[Key, list[Place]] = {key: [] for key in uploads}
    for place in within(*road(spool)) if uploads else ():
        upload = names.upload_of(place.name.key)
        if upload in found and names.split(place.name.key).part:
            found[upload].append(place)
    return found


def unsettled(upload: Key, architectures: Collection[str], places: Collection[Place]) -> str:
    """Name the architectures that an upload's gate waits for, and where each one's job is."""
    settled = {place.name.key for place in places if place.room in (Room.FAILED, Room.PARTS)}
    jobs = {place.name.key: str(place) for place in places}
    open_ = [name for name in architectures if part_key(upload, name) not in settled]
    return ", ".join(f"{name} ({jobs.get(part_key(upload, name), 'no job is found')})" for name in open_)


def planned(events: Collection[Event]) -> list[str]:
    """Name the architectures that an upload was dispatched for."""
    said = [event.facts.get("architectures", "") for event in events if event.event == DISPATCHED]
    return said[-1].split() if said else []


def _places(spool: Spool) -> Iterator[Place]:
    """Give what may wait for a person or a gate; a notice is held that the mail server will not take."""
    queues: list[Queue[Any]] = [spool.review, spool.master, *spool.builds(), spool.archive, spool.notices]
    for queue in queues:
        rooms = [Room.HOLD, Room.CORRUPT]
        rooms += {"review": [Room.READY], "master": [Room.WAITING]}.get(queue.name, [])
        yield from (Place(queue, room, name) for room in rooms for name in queue.names(room))


def _waiting(place: Place, jobs: dict[Key, list[Place]]) -> Waiting | None:
    events = history.read(place.queue.where(place.room, place.name))
    parts, last = names.split(place.name.key), cause(place.room, events)
    since = max((event.at for event in events if event.event not in BETWEEN), default=moment(place.name.stamp))
    what, why = _what(place.room, last), reason(last) if last else ""
    if what == "gate" and not last:
        dispatched = [event.at for event in events if event.event == DISPATCHED]
        since = dispatched[-1] if dispatched else since
        why = f"waits for {unsettled(place.name.key, planned(events), jobs[place.name.key]) or 'the others of its set'}"
    suite = _suite(place)
    if suite is None:  # it moved on
        return None
    key, id_ = place.name.key, f"{parts.source}_{parts.version}"
    part = parts.part if place.queue.name != "notices" else ""
    return Waiting(what, id_, key, suite, part, str(place), since, why)


def _what(room: Room, last: Event | None) -> str:
    if room in (Room.READY, Room.WAITING):
        return "review" if room is Room.READY else "gate"
    if room is Room.CORRUPT:
        return "corrupt"
    return "gate" if last and last.event == WITHHELD else HELD


def _suite(place: Place) -> str | None:
    try:
        suite: str = place.queue.peek(place.room, place.name).suite
    except FileNotFoundError:
        return None
    except envelope.Unreadable:
        return ""
    return suite
