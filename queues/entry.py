"""One claimed entry: what a handler may read of it, and the verbs by which it moves on.

An entry is never seen outside `Queue.claim`. Each verb writes its event to the history first and ends in one rename.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

import msgspec

from queues import atomic, envelope, history
from queues.history import Event
from queues.names import EntryName
from queues.outcomes import Done, Later, Never, Outcome
from queues.rooms import Room

if TYPE_CHECKING:
    from queues.spool import Queue

E = TypeVar("E", bound=msgspec.Struct)
FILES = "files"
log = logging.getLogger(__name__)


class Entry(Generic[E]):
    """A claimed entry; exists only inside `claim`."""

    def __init__(self, queue: Queue[E], name: EntryName, came_from: Room, descriptor: int) -> None:
        self.queue = queue
        self.name = name
        self.came_from = came_from
        self.path = queue.where(Room.ACTIVE, name)
        self.settled = False
        self._descriptor = descriptor

    envelope: E

    @property
    def files(self) -> Path:
        """The directory of the entry's files."""
        return self.path / FILES

    @property
    def history(self) -> list[Event]:
        """What happened to the entry so far."""
        return history.read(self.path)

    def begin(self) -> bool:
        """Record the claim and read the envelope; an entry that cannot go on is put aside, and the answer is False."""
        claimed = history.attempts(self.history)
        limit = self.queue.claims
        if limit is not None and claimed >= limit:
            self.hold(f"claimed {claimed} times without a verdict")
        else:
            self.note(history.CLAIMED, **{"from": self.came_from})
            try:
                self.envelope = envelope.read(self.path, self.queue.kind)
            except envelope.Unreadable as error:
                self.note("corrupt", reason=str(error))
                self._rename(self.queue, Room.CORRUPT, self.name)
        if self.settled:
            self.close()
        return not self.settled

    def file(self, name: str) -> BinaryIO:
        """Open one of the entry's files."""
        return open(self.files / name, "rb")

    def note(self, event: str, **facts: str) -> None:
        """Add an event to the history, synced, and a line to the journal."""
        now = self.queue.clock()
        history.append(self.path, Event(now, event, facts))
        self.queue.journal.write(now, self.queue.name, str(self.name), event, facts)

    def paper(self, name: str, content: msgspec.Struct) -> None:
        """Lay a named paper (`plan`, `result`) beside the envelope, once: an existing one stays."""
        if not (self.path / name).exists():
            atomic.replace(self.path / name, envelope.encode(content), 0o444)

    def move(self, to: Queue[E], room: Room = Room.READY, *, stamp: int | None = None) -> None:
        """Send the entry on to a room of any queue, in one rename; `stamp` gives it a new place in the order."""
        self._rename(to, room, self.name if stamp is None else self.name._replace(stamp=stamp))

    def hold(self, reason: str, **facts: str) -> None:
        """Put the entry aside for a person."""
        log.error("%s %s is held: %s", self.queue.name, self.name, reason)
        self.note("held", reason=reason, **facts)
        self._rename(self.queue, Room.HOLD, self.name)

    def settle(self, outcome: Outcome) -> None:
        """Apply what the handler said of the entry."""
        match outcome:
            case Done(note):
                self.note("done", **({"note": note} if note else {}))
                self._rename(self.queue, Room.DONE, self.name)
            case Never(reason):
                self.note("failed", reason=reason)
                self._rename(self.queue, Room.FAILED, self.name)
            case Later(reason, None):
                self.note("given back", reason=reason)
                self._rename(self.queue, self.came_from, self.name)
            case Later(reason, until):
                self.note("deferred", reason=reason, until=until.isoformat() if until else "")
                self._rename(self.queue, Room.DEFERRED, self.name)

    def close(self) -> None:
        """Let go of the lock, by closing it: a child's copy is never unlocked."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _rename(self, to: Queue[E], room: Room, name: EntryName) -> None:
        target = to.where(room, name)
        atomic.move(self.path, target)
        self.path, self.settled = target, True
        if room is Room.DONE:
            atomic.remove(self.files)
