"""An operator's verbs on entries of any queue behind review: hold, release, raise. Each is one rename.

Release and raise reach notices, too; whom an upload concerns is still told of it while it is held. A review's own verbs
are the reviewer's (`review.desk`); who tries ours there is told so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from daemons.steering.choosing import NotThere, Place, choose, known
from queues import history
from queues.history import Event
from queues.layout import Spool
from queues.problem import Problem
from queues.rooms import Room
from queues.spool import Queue

HELD, RELEASED, RAISED, WITHHELD = "held", "released", "raised", "withheld"
WAITING = (Room.READY, Room.WAITING, Room.DEFERRED)


class Refused(Problem):
    """What cannot be done to an entry now; says why, and what can."""


def hold(spool: Spool, wanted: str, by: str, reason: str) -> list[Place]:
    """Put everything of an upload that waits aside. Raises NotThere, Refused."""
    waiting = _chosen(spool, wanted, behind(spool), WAITING, "waits", "hold")
    return [_moved(place, Room.HOLD, HELD, by=by, reason=reason) for place in waiting]


def release(spool: Spool, wanted: str, by: str) -> list[Place]:
    """Put what is held of an upload back to where it came from. Raises NotThere, Refused."""
    held = _chosen(spool, wanted, [*behind(spool), spool.notices], (Room.HOLD,), "is held", "release")
    for place in held:
        if is_withheld(place):
            raise Refused(
                f"{place.name.key} is withheld by its gate: 'debmill gate release' publishes what was built, "
                "'debmill queue give-back' builds again what failed"
            )
    return [_moved(place, origin(_events(place)), RELEASED, by=by) for place in held]


def move_up(spool: Spool, wanted: str, by: str) -> list[Place]:
    """Put what is ready of an upload before all others of its queue. Raises NotThere, Refused."""
    ready = _chosen(spool, wanted, [*behind(spool), spool.notices], (Room.READY,), "is ready", "accept")
    return [_moved(place, Room.READY, RAISED, _before_all(place), by=by) for place in ready]


def is_withheld(place: Place) -> bool:
    """Say whether an upload is held because its gate was not met."""
    causes = [event.event for event in _events(place) if event.event in (HELD, WITHHELD)]
    return place.room is Room.HOLD and causes[-1:] == [WITHHELD]


def origin(events: Sequence[Event]) -> Room:
    """Name the room that an entry in `hold` was claimed from, when it was put there."""
    rooms = [event.facts.get("from", Room.READY) for event in events if event.event == history.CLAIMED]
    return next((Room(room) for room in reversed(rooms) if room != Room.HOLD), Room.READY)


def behind(spool: Spool) -> list[Queue[Any]]:
    """Give the queues of the road behind review."""
    return [spool.master, *spool.builds(), spool.archive]


def _chosen(
    spool: Spool, wanted: str, queues: Collection[Queue[Any]], rooms: Collection[Room], what: str, reviewers: str
) -> list[Place]:
    """Choose from queues; `reviewers` is their verb for the same. Raises NotThere."""
    try:
        return choose(spool, wanted, queues, rooms, what)
    except NotThere as nothing:
        if any(place.queue is spool.review and place.room in rooms for place in known(spool, wanted, [spool.notices])):
            raise NotThere(f"{nothing}; in review it is 'debmill review {reviewers} {wanted}'") from None
        raise


def _moved(place: Place, room: Room, event: str, stamp: int | None = None, **facts: str) -> Place:
    with place.queue.claim(place.name.key, place.room) as entry:
        if entry is not None:
            entry.move(place.queue, room, event=event, stamp=stamp, **facts)
            return Place(place.queue, room, place.name)
    raise Refused(f"{place.name.key} is no longer in {place}: somebody else has just taken it")


def _before_all(place: Place) -> int:
    first = place.queue.names(place.room)[0]
    return place.name.stamp if first.key == place.name.key else first.stamp - 1


def _events(place: Place) -> list[Event]:
    return history.read(place.queue.where(place.room, place.name))
