"""What is where, from names alone: the counts and ages that `debmill status` shows, and the journal's last lines."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from daemons import disk
from daemons.process import presence
from daemons.process.presence import State
from queues.journal import Line
from queues.layout import Spool
from queues.names import is_entry, moment, taken_apart
from queues.rooms import Room
from queues.spool import Queue

TAIL = 16 << 10  # bytes of the journal that are looked at
UNWELL = ("waiting", "failing")  # states of a daemon


class Count(msgspec.Struct, frozen=True):
    """One room: how many entries, and the age in seconds of the oldest (None when empty)."""

    queue: str
    room: str
    entries: int
    oldest_seconds: float | None


class Overview(msgspec.Struct, frozen=True):
    """A site at one moment.

    `disk` says what the site's file system lacks; `strangers` are paths in the rooms that are no entries.
    """

    site: str
    at: datetime
    queues: list[Count]
    daemons: list[State]
    disk: str = ""
    strangers: list[str] = []

    @property
    def well(self) -> bool:
        """Whether nobody waits for the machine or keeps dying, and the disk has room."""
        return not self.disk and not any(state.state in UNWELL for state in self.daemons)


def look(spool: Spool, now: datetime, floor: int = 0) -> Overview:
    """Count every room of every queue, and read what the daemons say; `floor` is what is to be free on the disk."""
    looks = [_look(queue, room, now) for queue in queues_of(spool) for room in queue.rooms if room is not Room.TMP]
    return Overview(
        site=str(spool.site),
        at=now,
        queues=[count for count, _ in looks],
        daemons=list(presence.states(spool.site / "run")),
        disk=disk.lack(spool.site, floor),
        strangers=[path for _, strangers in looks for path in strangers],
    )


def later(seen: Overview, run: Path, now: datetime) -> Overview:
    """Give an overview as it is a little later, when nothing arrived: older, and the daemons anew."""
    passed = (now - seen.at).total_seconds()
    counts = [
        one if one.oldest_seconds is None else msgspec.structs.replace(one, oldest_seconds=one.oldest_seconds + passed)
        for one in seen.queues
    ]
    return msgspec.structs.replace(seen, at=now, queues=counts, daemons=list(presence.states(run)))


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


def _look(queue: Queue[Any], room: Room, now: datetime) -> tuple[Count, list[str]]:
    names: list[str] = []
    strangers: list[str] = []
    for one in _listed(queue.room(room)):
        ours = one.is_dir(follow_symlinks=False) and is_entry(one.name)
        (names if ours else strangers).append(one.name)
    age = (now - moment(taken_apart(min(names)).stamp)).total_seconds() if names else None
    count = Count(queue.name, room, len(names), age if age is None else max(0.0, age))
    return count, [f"{queue.name}/{room}/{name}" for name in sorted(strangers)]


def _listed(room: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(room) as found:
            return list(found)
    except FileNotFoundError:
        return []
