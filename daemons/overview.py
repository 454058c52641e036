"""What is where, from names alone: the counts and ages that `debmill status` shows. Opens no entry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from daemons import presence
from daemons.presence import State
from queues.layout import Spool
from queues.names import moment
from queues.rooms import Room
from queues.spool import Queue


class Count(msgspec.Struct, frozen=True):
    """One room: how many entries, and the age in seconds of the oldest (None when empty)."""

    queue: str
    room: str
    entries: int
    oldest_seconds: float | None


class Overview(msgspec.Struct, frozen=True):
    """A site at one moment."""

    site: str
    at: datetime
    queues: list[Count]
    daemons: list[State]


def look(spool: Spool, now: datetime) -> Overview:
    """Count every room of every queue, and read what the daemons say."""
    queues: list[Queue[Any]] = [spool.review, spool.master, *spool.builds(), spool.archive, spool.notices]
    counts = [_count(queue, room, now) for queue in queues for room in queue.rooms if room is not Room.TMP]
    return Overview(str(spool.site), now, counts, list(presence.states(spool.site / "run")))


def _count(queue: Queue[Any], room: Room, now: datetime) -> Count:
    names = queue.names(room)
    age = max(0.0, (now - moment(names[0].stamp)).total_seconds()) if names else None
    return Count(queue.name, room, len(names), age)
