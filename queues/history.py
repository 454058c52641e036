"""The history of an entry: what it carries, then what happened to it, in order, one JSON object a line.

Its first line is the envelope, which is never touched again. The history is the record: an event is appended and synced
before the rename it announces, so a last line that does not match the room is an attempt that died. A line cut short by
a crash is passed over when reading, and the next one begins on a line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

from queues import atomic, envelope, papers
from queues.atomic import AnyPath
from queues.envelope import Unreadable
from queues.papers import NotAPaper
from queues.rooms import Room

FILE = "history"
CLAIMED = "claimed"
RECOVERED = "recovered"
KILLED = "killed"  # the work in hand was, not its claimer: noted before the entry is given back
BEFORE = "envelope"  # where entries that were put before 2026-11-22 have theirs
_ENVELOPE = b'{"format":'
_LINE = msgspec.json.Decoder(dict[str, str])
T = TypeVar("T", bound=msgspec.Struct)


class Event(msgspec.Struct, frozen=True):
    """One event: when, what, and what belongs to it (`by`, `reason`, `from`, ...)."""

    at: datetime
    event: str
    facts: dict[str, str] = {}

    def line(self) -> bytes:
        """Write it as it stands in the file, with its newline."""
        return msgspec.json.encode({"at": self.at, "event": self.event, **self.facts}) + b"\n"


class History:
    """The history of an entry in our hands: read when it is opened, then appended to."""

    def __init__(self, entry: AnyPath, owner: int | None = None) -> None:
        """Open it. Raises NotAPaper, FileNotFoundError when the entry is gone."""
        self._entry = entry
        self._descriptor = _opened(entry, os.O_RDWR | os.O_APPEND, owner)
        content = papers.content(self._descriptor)
        self._envelope, events = _apart(content)
        self.events = _parsed(events)
        self._torn = not (b"\n" + content).endswith(b"\n")

    def carried(self, kind: type[T]) -> T:
        """Read the envelope. Raises Unreadable."""
        return _read(self._entry, self._envelope, kind)

    def append(self, event: Event, *, sync: bool = True) -> None:
        """Add an event, and sync it; what was torn before stays a line of its own."""
        line = b"\n" + event.line() if self._torn else event.line()
        self._torn = True
        atomic.disk.append(self._descriptor, line, sync=sync)
        self._torn = False
        self.events.append(event)

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _opened(entry: AnyPath, flags: int, owner: int | None) -> int:
    try:
        return papers.opened(f"{entry}/{FILE}", flags, owner)
    except FileNotFoundError:
        if os.path.isdir(entry):
            raise NotAPaper(f"there is no {FILE}") from None
        raise


def read(entry: AnyPath) -> list[Event]:
    """Read what happened to an entry; nothing is known of one without a history, or whose history is a link."""
    try:
        return _parsed(_apart(papers.read(f"{entry}/{FILE}"))[1])
    except (FileNotFoundError, NotAPaper):
        return []


def carried(entry: AnyPath, kind: type[T], owner: int | None = None) -> T:
    """Read an entry's envelope. Raises Unreadable; FileNotFoundError when the entry itself is gone."""
    try:
        descriptor = _opened(entry, os.O_RDONLY, owner)
    except NotAPaper as error:
        raise Unreadable(str(error)) from None
    try:
        return _read(entry, _apart(papers.content(descriptor))[0], kind)
    finally:
        os.close(descriptor)


def _apart(content: bytes) -> tuple[bytes, bytes]:
    if not content.startswith(_ENVELOPE):
        return b"", content
    first, _, events = content.partition(b"\n")
    return first, events


def _read(entry: AnyPath, first: bytes, kind: type[T]) -> T:
    if not first:
        return envelope.read(entry, kind, BEFORE)
    try:
        return envelope.decode(first, kind)
    except Unreadable as error:
        raise type(error)(f"{FILE}: {error}") from None


def origin(events: Iterable[Event]) -> str:
    """Name the room an entry was last claimed from; one that was never claimed began in `ready`."""
    return next((event.facts.get("from", "") for event in reversed([*events]) if event.event == CLAIMED), Room.READY)


def deaths(events: Iterable[Event]) -> int:
    """Count the latest claims of a ready entry in a row that died: recovery sent it back, or its work was killed.

    A claim from another room is a short step, such as the gate's; who dies in it says nothing about the entry. One from
    `hold` is a person's, who forgives.
    """
    count, died, works = 0, False, False
    for event in events:
        if event.event == CLAIMED:
            room = event.facts.get("from", Room.READY)
            works = room == Room.READY
            if room == Room.HOLD or (works and not died):
                count = 0
            died = died and room not in (Room.READY, Room.HOLD)
        elif event.event in (RECOVERED, KILLED) and works and not died:
            count, died = count + 1, True
    return count if died else 0


def _parsed(content: bytes) -> list[Event]:
    return [event for event in map(_parse, content.split(b"\n")) if event]


def _parse(line: bytes) -> Event | None:
    try:
        fields = _LINE.decode(line)
        return Event(datetime.fromisoformat(fields.pop("at")), fields.pop("event"), fields)
    except (msgspec.MsgspecError, ValueError, KeyError):
        return None
