"""Which entries a person means: by the names that `debmill why` takes, in the rooms that a command is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from queues import names, pruning
from queues.layout import Spool
from queues.names import EntryName
from queues.problem import Problem
from queues.rooms import Room
from queues.spool import Queue


class NotThere(Problem):
    """A name that means nothing, nothing that a command is about, or too much."""


class Place(NamedTuple):
    """An entry, and where it is at the moment; `month` when it is over and was put away."""

    queue: Queue[Any]
    room: Room
    name: EntryName
    month: str = ""

    @property
    def path(self) -> Path:
        """Its directory."""
        return self.queue.room(self.room) / self.month / str(self.name)

    def __str__(self) -> str:
        """Say it as `ls` shows it."""
        return "/".join(filter(None, (self.queue.name, self.room, self.month)))


def choose(
    spool: Spool, wanted: str, queues: Collection[Queue[Any]], rooms: Collection[Room], what: str
) -> list[Place]:
    """Give the entries of one upload that are meant and lie in these rooms of these queues.

    `what` says of an entry that it is in such a room. Raises NotThere.
    """
    here = known(spool, wanted, queues)
    found = [place for place in here if place.room in rooms and place.queue in queues and not place.month]
    uploads = sorted({names.upload_of(place.name.key) for place in found})
    if len(uploads) > 1:
        raise NotThere(f"'{wanted}' means several uploads, name one of them: {', '.join(uploads)}")
    if not found:
        where = ", ".join(sorted({str(place) for place in here}))
        raise NotThere(f"nothing of '{wanted}' {what}; it is in {where}. 'debmill why {wanted}' tells more")
    return found


def known(spool: Spool, wanted: str, besides: Collection[Queue[Any]] = ()) -> list[Place]:
    """Give every entry that is meant by a source name, `source_version`, a key or an entry's name. Raises NotThere.

    It is looked for in the road's queues, and in others that are named.
    """
    queues = dict.fromkeys([*road(spool), *besides])
    found = [place for queue in queues for place in (*within(queue), *_put_away(queue)) if _meant(place.name, wanted)]
    if not found:
        raise NotThere(f"nothing called '{wanted}' is or was in {spool.path}; try a source name, or source_version")
    return found


def road(spool: Spool) -> list[Queue[Any]]:
    """Give the queues through which an upload goes; what people are told of it is not on its road."""
    return [spool.review, spool.master, *spool.builds(), spool.archive]


def within(*queues: Queue[Any]) -> Iterator[Place]:
    """Give every entry of some queues, from names alone."""
    for queue in queues:
        for room in queue.rooms:
            if room is not Room.TMP:
                yield from (Place(queue, room, name) for name in queue.names(room))


def _put_away(queue: Queue[Any]) -> Iterator[Place]:
    yield from (Place(queue, old.room, old.name, old.path.parent.name) for old in pruning.put_away(queue))


def _meant(name: EntryName, wanted: str) -> bool:
    parts = names.split(name.key)
    return wanted in (str(name), name.key, names.upload_of(name.key), parts.source, f"{parts.source}_{parts.version}")
