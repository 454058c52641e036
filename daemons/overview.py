"""What is where, from names alone: the counts and ages that `debmill status` shows, and the journal's last lines."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from daemons import presence
from daemons.presence import State
from queues.journal import Line
from queues.layout import Spool
from queues.names import moment
from queues.rooms import Room
from queues.spool import Queue

TAIL = 16 << 10  # bytes of the journal that are looked at


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
    counts = [_count(queue, room, now) for queue in queues_of(spool) for room in queue.rooms if room is not Room.TMP]
    return Overview(str(spool.site), now, counts, list(presence.states(spool.site / "run")))


def later(seen: Overview, run: Path, now: datetime) -> Overview:
    """Give an overview as it is a little later, when nothing arrived: older, and the daemons anew."""
    passed = (now - seen.at).total_seconds()
    counts = [
        one if one.oldest_seconds is None else msgspec.structs.replace(one, oldest_seconds=one.oldest_seconds + passed)
        for one in seen.queues
    ]
    return Overview(seen.site, now, counts, list(presence.states(run)))


def queues_of(spool: Spool) -> list[Queue[Any]]:
    """Give the queues that an overview counts."""
    return [spool.review, spool.master, *spool.builds(), spool.archive, spool.notices]


def recent(journal: str, count: int) -> list[Line]:
    """Read the last lines of the journal; one that is none is left out, and a missing journal is empty."""
    try:
        with open(journal, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    return [line for line in map(_line, lines) if line][-count:]


def age(seconds: float | None) -> str:
    """Write a duration for a person: its two largest units."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _line(text: bytes) -> Line | None:
    try:
        return msgspec.json.decode(text, type=Line)
    except msgspec.MsgspecError:
        return None


def _count(queue: Queue[Any], room: Room, now: datetime) -> Count:
    names = queue.names(room)
    age = max(0.0, (now - moment(names[0].stamp)).total_seconds()) if names else None
    return Count(queue.name, room, len(names), age)
