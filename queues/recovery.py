"""Recovery: what a death left behind is put back where it belongs. Cheap and repeatable; run before every round.

An entry in `active` that nobody locks goes back to the room it was claimed from. A directory in `tmp` that nobody
finishes is removed. A deferred entry whose time has come is ready again.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from queues import atomic, history, locks
from queues.entry import FILES
from queues.history import Event
from queues.names import EntryName
from queues.rooms import Room
from queues.spool import Queue

ABANDONED = timedelta(minutes=10)  # a living `put` takes milliseconds
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
        *_leftovers(queue.room(Room.TMP), now),
        *(_emptied(queue) if Room.DONE in queue.rooms else ()),
    ]


def _orphans(queue: Queue[Any], now: datetime) -> list[Recovered]:
    found = []
    for name in queue.names(Room.ACTIVE):
        descriptor = locks.hold(queue.where(Room.ACTIVE, name))
        if descriptor is not None:
            try:
                if _send_back(queue, name, now):
                    found.append(Recovered(str(name), "its claimer died"))
            finally:
                os.close(descriptor)
    return found


def _send_back(queue: Queue[Any], name: EntryName, now: datetime) -> bool:
    path = queue.where(Room.ACTIVE, name)
    if not path.is_dir():
        return False  # settled between our look and our lock
    events = history.read(path)
    claimed = next((event for event in reversed(events) if event.event == history.CLAIMED), None)
    room = Room(claimed.facts.get("from", Room.READY)) if claimed else Room.READY
    history.append(path, Event(now, history.RECOVERED, {"to": room}))
    atomic.move(path, queue.where(room, name))
    return True


def _due(queue: Queue[Any], now: datetime) -> list[Recovered]:
    found = []
    for name in queue.names(Room.DEFERRED):
        if _until(queue.where(Room.DEFERRED, name), now) <= now:
            descriptor = locks.hold(queue.where(Room.DEFERRED, name))
            if descriptor is not None:
                try:
                    atomic.move(queue.where(Room.DEFERRED, name), queue.where(Room.READY, name))
                    found.append(Recovered(str(name), "its time has come"))
                except FileNotFoundError:
                    pass  # somebody else was as quick
                finally:
                    os.close(descriptor)
    return found


def _until(path: Path, now: datetime) -> datetime:
    deferred = next((event for event in reversed(history.read(path)) if event.event == "deferred"), None)
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


def _leftovers(tmp: Path, now: datetime) -> list[Recovered]:
    found = []
    for entry in os.scandir(tmp):
        if now.timestamp() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED.total_seconds():
            trash = tmp / f".trash.{entry.name.removeprefix('.trash.')}"
            if trash != Path(entry.path):
                atomic.disk.rename(Path(entry.path), trash)  # from here on its writer cannot finish it
            atomic.remove(trash)
            found.append(Recovered(entry.name, "its writer died"))
    return found


def _emptied(queue: Queue[Any]) -> list[Recovered]:
    found = []
    for name in queue.names(Room.DONE)[-8:]:
        if (queue.where(Room.DONE, name) / FILES).is_dir():
            atomic.remove(queue.where(Room.DONE, name) / FILES)
            found.append(Recovered(str(name), "it was done but not emptied"))
    return found
