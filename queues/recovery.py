"""Recovery: what a death left behind is put back where it belongs. Cheap and repeatable; run before every round.

An entry in `active` that nobody locks goes back to the room it was claimed from. A directory in `tmp` that nobody
finishes is removed: its writer held the lock on `tmp`. A deferred entry whose time has come is ready again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from queues import atomic, history, locks, machine, papers
from queues.entry import FILES
from queues.history import Event, History
from queues.journal import Line
from queues.names import EntryName, is_entry
from queues.rooms import Room
from queues.spool import Queue

SKEW = timedelta(minutes=1)
LONGEST = timedelta(days=1)  # whatever a clock said that was wrong, nothing is deferred for longer


class Recovered(NamedTuple):
    """What was put back, and why."""

    name: str
    what: str


def recover(queue: Queue[Any], now: datetime) -> list[Recovered]:
    """Put back what the dead left in one queue, and what is due."""
    return [
        *_orphans(queue, now),
        *(_due(queue, now) if Room.DEFERRED in queue.rooms else ()),
        *_leftovers(queue.room(Room.TMP)),
        *(_emptied(queue) if Room.DONE in queue.rooms else ()),
    ]


def _orphans(queue: Queue[Any], now: datetime) -> list[Recovered]:
    found = []
    for name in queue.names(Room.ACTIVE):
        with _locked(queue, name, Room.ACTIVE) as past:
            if past is not None:
                _send_back(queue, name, past, now)
                found.append(Recovered(str(name), "its claimer died"))
    return found


def _send_back(queue: Queue[Any], name: EntryName, past: History, now: datetime) -> None:
    origin = history.origin(past.events)
    room = Room(origin) if origin in queue.rooms else Room.READY
    past.append(Event(now, history.RECOVERED, {"to": room}))
    _move(queue, name, Room.ACTIVE, room, history.RECOVERED, now)


def _move(queue: Queue[Any], name: EntryName, source: Room, target: Room, event: str, now: datetime) -> None:
    atomic.disk.rename(queue.place(source, name), queue.place(target, name))
    atomic.disk.sync(queue.place(target))
    queue.journal.write(Line(now, event, str(name), f"{queue.name}/{source}", f"{queue.name}/{target}"))


def _due(queue: Queue[Any], now: datetime) -> list[Recovered]:
    found = []
    for name in queue.names(Room.DEFERRED):
        if _until(queue.where(Room.DEFERRED, name), now) <= now:
            with _locked(queue, name, Room.DEFERRED) as past:
                if past is not None:
                    _move(queue, name, Room.DEFERRED, Room.READY, "due", now)
                    found.append(Recovered(str(name), "its time has come"))
    return found


@contextmanager
def _locked(queue: Queue[Any], name: EntryName, room: Room) -> Iterator[History | None]:
    """Hold an entry's lock and give its history; None when it is somebody's, or went elsewhere before it was locked."""
    with ExitStack() as held:
        past = None
        with suppress(BlockingIOError, FileNotFoundError):
            past = _opened(queue, name, room, held)
        yield past


def _opened(queue: Queue[Any], name: EntryName, room: Room, held: ExitStack) -> History | None:
    descriptor = queue.lock(name, room)
    if descriptor is None:
        return None
    held.callback(os.close, descriptor)
    try:
        past = History(queue.place(room, name), queue.owner)
    except papers.NotAPaper as error:
        queue.leave(name, room, str(error))
        return None
    except OSError as error:
        if not machine.is_one_entrys(error):
            raise
        queue.leave(name, room, machine.complaint(error))
        return None
    held.callback(past.close)
    return past


def _until(path: Path, now: datetime) -> datetime:
    try:
        events = history.read(path)
    except OSError as error:
        if not machine.is_one_entrys(error):
            raise
        return now + LONGEST  # it cannot be read now, and is looked at again in each round
    deferred = next((event for event in reversed(events) if event.event == "deferred"), None)
    if deferred is None or deferred.at > now + SKEW:
        return now  # no time known, or deferred in a future that a wrong clock invented
    try:
        return min(datetime.fromisoformat(deferred.facts["until"]), deferred.at + LONGEST)
    except (KeyError, ValueError):
        return now


def due(queue: Queue[Any], now: datetime) -> datetime | None:
    """Say when the first deferred entry is ready again."""
    if Room.DEFERRED not in queue.rooms:
        return None
    return min((_until(queue.where(Room.DEFERRED, name), now) for name in queue.names(Room.DEFERRED)), default=None)


def _leftovers(tmp: Path) -> list[Recovered]:
    try:
        descriptor = locks.hold(tmp)
    except BlockingIOError:
        return []  # somebody writes there at this moment
    try:
        found = [name for name in os.listdir(tmp) if is_entry(name.rpartition(".")[0])]
        for name in found:
            atomic.remove(tmp / name)
    finally:
        os.close(descriptor)
    return [Recovered(name, "its writer died") for name in found]


def _emptied(queue: Queue[Any]) -> list[Recovered]:
    """Remove the files of done entries; done once, and again after a fault, for only a death leaves any."""
    found = []
    for name in [] if queue.emptied else queue.names(Room.DONE):
        if (queue.where(Room.DONE, name) / FILES).is_dir():
            atomic.remove(queue.where(Room.DONE, name) / FILES)
            found.append(Recovered(str(name), "it was done but not emptied"))
    queue.emptied = True
    return found
