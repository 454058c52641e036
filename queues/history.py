"""The history of an entry: what happened to it, in order, one JSON object a line.

The history is the record. An event is appended and synced before the rename it announces, so a last line that does
not match the room is an attempt that died. A line cut short by a crash is passed over when reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from queues import atomic

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


def append(entry: Path, event: Event) -> None:
    """Add an event to an entry's history, synced."""
    atomic.disk.append(entry / FILE, event.line())


def read(entry: Path) -> list[Event]:
    """Read an entry's history; an entry without one has an empty history."""
    try:
        lines = (entry / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [event for event in map(_parse, lines) if event]


def attempts(events: Iterable[Event]) -> int:
    """Count the claims since the last verdict: those that died with their claimer."""
    count = 0
    for event in events:
        if event.event == CLAIMED:
            count += 1
        elif event.event != RECOVERED:
            count = 0
    return count


def _parse(line: bytes) -> Event | None:
    try:
        fields = msgspec.json.decode(line, type=dict[str, str])
        return Event(datetime.fromisoformat(fields.pop("at")), fields.pop("event"), fields)
    except (msgspec.MsgspecError, ValueError, KeyError):
        return None
