"""Pruning: what is over and old is put away by month, where nothing looks for work any more.

An entry of `done`, `failed` or `rejected` loses its `files/` and moves into `<room>/<YYYY-MM>/`, by the month of its
stamp. The files go first, so a death between the two leaves an entry that is put away the next time.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from queues import atomic
from queues.entry import FILES
from queues.names import EntryName, is_entry, moment, taken_apart
from queues.rooms import Room
from queues.spool import Queue

OVER = (Room.DONE, Room.FAILED, Room.REJECTED)
AT_ONCE = 1000  # entries of a room, so that a daemon is soon back at its work
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
log = logging.getLogger(__name__)


class PutAway(NamedTuple):
    """An entry that was put away: the room where it was, its name, and its directory now."""

    room: Room
    name: EntryName
    path: Path


def old(names: Sequence[EntryName], now: datetime, keep: timedelta) -> list[EntryName]:
    """Choose what came into its queue longer ago than `keep`. Pure."""
    return [name for name in names if now - moment(name.stamp) > keep]


def nothing(name: EntryName) -> bool:  # noqa: ARG001 -- of nothing, whatever its name
    """Say that nobody wants an entry any more."""
    return False


def prune(queue: Queue[Any], now: datetime, keep: timedelta, wanted: Callable[[EntryName], bool] = nothing) -> int:
    """Put away what is over, old and not `wanted`, and give how many; what is in somebody's hands stays."""
    count = 0
    for room in (room for room in OVER if room in queue.rooms):
        chosen = [name for name in old(queue.names(room), now, keep) if not wanted(name)]
        count += sum(put_by(queue, room, name) for name in chosen[:AT_ONCE])
    if count:
        log.info("%s: %d old entries are put away", queue.name, count)
    return count


def put_away(queue: Queue[Any]) -> Iterator[PutAway]:
    """Give every entry that was put away, the oldest months first."""
    for room in (room for room in OVER if room in queue.rooms):
        for month in sorted(filter(_MONTH.fullmatch, os.listdir(queue.room(room)))):
            shelf = queue.room(room) / month
            for name in sorted(filter(is_entry, os.listdir(shelf))):
                yield PutAway(room, taken_apart(name), shelf / name)


def put_by(queue: Queue[Any], room: Room, name: EntryName) -> bool:
    """Put one entry away by its month; False when it is in somebody's hands, or gone."""
    try:
        descriptor = queue.lock(name, room)
    except BlockingIOError:
        return False
    if descriptor is None:
        return False
    try:
        path = queue.where(room, name)
        if not path.is_dir():
            return False  # it went elsewhere before it was locked
        shelf = queue.room(room) / f"{moment(name.stamp):%Y-%m}"
        atomic.make(shelf)
        atomic.remove(path / FILES)
        atomic.move(path, shelf / str(name))
        return True
    finally:
        os.close(descriptor)
