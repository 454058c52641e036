"""One claimed entry: what a handler may read of it, and the verbs by which it moves on.

An entry is never seen outside `Queue.claim`. Each verb writes its event to the history first and ends in one rename.
"""

from __future__ import annotations

import logging
import os
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

import msgspec

from queues import atomic, envelope, history, machine, papers
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
        self.path = queue.where(came_from, name)
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
        """Go to `active`; an entry that cannot go on is put aside, and the answer is False.

        Raises FileNotFoundError when it went elsewhere before it was locked.
        """
        try:
            self.envelope = envelope.read(self.path, self.queue.kind)
            papers.check(self.path / history.FILE, self.queue.owner)
        except (envelope.Unreadable, papers.NotAPaper) as error:
            self._put_by(str(error))
            return False
        events = self.history
        deaths, limit = history.deaths(events), self.queue.claims
        if limit is not None and deaths >= limit:
            self.hold(f"claimed {deaths} times without a verdict")
            return False
        # A disk that forgets a claim gives the entry back. Its line must last only where recovery would miss it.
        sync = history.origin(events) != self.came_from
        self._record(history.CLAIMED, {"from": self.came_from}, sync=sync)
        active = self.queue.where(Room.ACTIVE, self.name)
        atomic.disk.rename(self.path, active)
        self.path = active
        return True

    def file(self, name: str) -> BinaryIO:
        """Open one of the entry's files."""
        return open(self.files / name, "rb")

    def note(self, event: str, **facts: str) -> None:
        """Add an event to the history, synced, and a line to the journal."""
        self._record(event, facts, sync=True)

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
        self._leave(Room.HOLD, "held", reason=reason, **facts)

    def fail(self, error: Exception) -> None:
        """Put the entry aside for a person; when the machine is to blame, back, even if that cannot be written down."""
        if not machine.is_to_blame(error):
            self.hold("an error that is ours or the machine's", traceback="".join(traceback.format_exception(error)))
            return
        with suppress(OSError):
            self.note("given back", reason=str(error))
        self._rename(self.queue, self.came_from, self.name)

    def settle(self, outcome: Outcome) -> None:
        """Apply what the handler said of the entry."""
        match outcome:
            case Done(note):
                self._leave(Room.DONE, "done", **({"note": note} if note else {}))
            case Never(reason):
                self._leave(Room.FAILED, "failed", reason=reason)
            case Later(reason, None):
                self._leave(self.came_from, "given back", reason=reason)
            case Later(reason, until):
                self._leave(Room.DEFERRED, "deferred", reason=reason, until=until.isoformat() if until else "")

    def close(self) -> None:
        """Let go of the lock, by closing it: a child's copy is never unlocked."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _record(self, event: str, facts: dict[str, str], *, sync: bool) -> None:
        now = self.queue.clock()
        history.append(self.path, Event(now, event, facts), sync=sync)
        self.queue.journal.write(now, self.queue.name, str(self.name), event, facts)

    def _leave(self, room: Room, event: str, **facts: str) -> None:
        self.note(event, **facts)
        self._rename(self.queue, room, self.name)

    def _rename(self, to: Queue[E], room: Room, name: EntryName) -> None:
        target = to.where(room, name)
        atomic.disk.rename(self.path, target)
        self.path, self.settled = target, True
        atomic.disk.sync(to.room(room))
        if room is Room.DONE:
            to.emptied, before = False, to.emptied
            atomic.remove(self.files)
            to.emptied = before

    def _put_by(self, reason: str) -> None:
        """Put the entry into `corrupt`; nothing is written into it."""
        log.error("%s %s is corrupt: %s", self.queue.name, self.name, reason)
        self.queue.journal.write(self.queue.clock(), self.queue.name, str(self.name), "corrupt", {"reason": reason})
        self._rename(self.queue, Room.CORRUPT, self.name)
