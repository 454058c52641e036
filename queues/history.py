"""The history of an entry: what happened to it, in order, one JSON object a line.

The history is the record. An event is appended and synced before the rename it announces, so a last line that does
not match the room is an attempt that died. A line cut short by a crash is passed over when reading, and the next one
begins on a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from queues import atomic, papers
from queues.papers import NotAPaper
from queues.rooms import Room

FILE = "history"
CLAIMED = "claimed"
RECOVERED = "recovered"


class Event(msgspec.Struct, frozen=True):
    """One event: when, what, and what belongs to it (`by`, `reason`, `from`, ...)."""

    at: datetime
    event: str
    facts: dict[str, str] = {}

    def line(self) -> bytes:
        """Write it as it stands in the file, with its newline."""
        return msgspec.json.encode({"at": self.at, "event": self.event, **self.facts}) + b"\n"


def append(entry: Path, event: Event, *, sync: bool = True) -> None:
    """Add an event to an entry's history."""
    atomic.disk.append(entry / FILE, event.line(), sync=sync)


def read(entry: Path) -> list[Event]:
    """Read an entry's history; an entry without one has an empty history, and so has one whose history is a link."""
    try:
        lines = papers.read(entry / FILE).split(b"\n")
    except (FileNotFoundError, NotAPaper):
        return []
    return [event for event in map(_parse, lines) if event]


def origin(events: Iterable[Event]) -> str:
    """Name the room an entry was last claimed from; one that was never claimed began in `ready`."""
    return next((event.facts.get("from", "") for event in reversed([*events]) if event.event == CLAIMED), Room.READY)


def deaths(events: Iterable[Event]) -> int:
    """Count the latest claims in a row that died with their claimer: recovery had to send the entry back."""
    count, died = 0, False
    for event in events:
        if event.event == CLAIMED:
            count, died = count if died else 0, False
        elif event.event == RECOVERED and not died:
            count, died = count + 1, True
    return count if died else 0


def _parse(line: bytes) -> Event | None:
    try:
        fields = msgspec.json.decode(line, type=dict[str, str])
        return Event(datetime.fromisoformat(fields.pop("at")), fields.pop("event"), fields)
    except (msgspec.MsgspecError, ValueError, KeyError):
        return None
