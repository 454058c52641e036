"""One claimed entry: what a handler may read of it, and the verbs by which it moves on.

An entry is never seen outside `Queue.claim`. Each verb writes its event to the history first and ends in one rename.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

import msgspec

from queues import atomic, envelope, history, machine, papers
from queues.history import Event, History
from queues.journal import Line
from queues.names import EntryName
from queues.outcomes import Done, Later, Never, Outcome
from queues.rooms import Room

if TYPE_CHECKING:
    from queues.spool import Queue

E = TypeVar("E", bound=msgspec.Struct)
FILES = "files"
GIVEN_BACK = "given back"
log = logging.getLogger(__name__)


class Entry(Generic[E]):
    """A claimed entry; exists only inside `claim`."""

    def __init__(self, queue: Queue[E], name: EntryName, came_from: Room, descriptor: int) -> None:
        self.queue = queue
        self.name = name
        self.came_from = came_from
        self.settled = False
        self._room = came_from
        self._at = queue.place(came_from, name)
        self._since = time.monotonic()
        self._descriptor = descriptor

    envelope: E
    _history: History

    @property
    def path(self) -> Path:
        """The entry's directory."""
        return Path(self._at)

    @property
    def files(self) -> Path:
        """The directory of the entry's files."""
        return self.path / FILES

    @property
    def history(self) -> list[Event]:
        """What happened to the entry so far."""
        return self._history.events

    def begin(self) -> bool:
        """Go to `active`; one that cannot go on is put aside, or left where the disk fails, and the answer is False.

        Raises FileNotFoundError when it went elsewhere before it was locked.
        """
        try:
            self._history = History(self._at, self.queue.owner)
            self.envelope = self._history.carried(self.queue.kind)
        except envelope.Newer as error:
            self.queue.leave(self.name, self.came_from, str(error))
            return False
        except (envelope.Unreadable, papers.NotAPaper) as error:
            self._put_by(str(error))
            return False
        except OSError as error:
            if not machine.is_one_entrys(error):
                raise
            self.queue.leave(self.name, self.came_from, machine.complaint(error))
            return False
        deaths, limit = history.deaths(self.history), self.queue.claims
        if limit is not None and deaths >= limit and self.came_from is not Room.HOLD:  # from there a person takes it
            self.hold(f"claimed {deaths} times without a verdict")
            return False
        # A disk that forgets a claim gives the entry back. Its line must last only where recovery would miss it.
        sync = history.origin(self.history) != self.came_from
        self._record(history.CLAIMED, {"from": self.came_from}, sync=sync)
        self._rename(self.queue, Room.ACTIVE, self.name, history.CLAIMED, {})
        return True

    def file(self, name: str) -> BinaryIO:
        """Open one of the entry's files."""
        return open(self.files / name, "rb")

    def note(self, event: str, **facts: str) -> None:
        """Add an event to the history, synced, and a line to the journal."""
        now = self._record(event, facts)
        where = f"{self.queue.name}/{self._room}"
        self.queue.journal.write(Line(now, event, str(self.name), where, facts=facts))

    def paper(self, name: str, content: msgspec.Struct) -> None:
        """Lay a named paper (`plan`, `result`) beside the history, once: an existing one stays."""
        if not (self.path / name).exists():
            atomic.replace(self.path / name, envelope.encode(content), 0o444)

    def move(
        self,
        to: Queue[E],
        room: Room = Room.READY,
        *,
        event: str = "moved",
        stamp: int | None = None,
        **facts: str,
    ) -> None:
        """Send the entry on to a room of any queue: the event in its history, then one rename.

        `stamp` gives it a new place in the order.
        """
        self._send(to, room, self.name if stamp is None else self.name._replace(stamp=stamp), event, facts)

    def hold(self, reason: str, **facts: str) -> None:
        """Put the entry aside for a person."""
        log.error("%s %s is held: %s", self.queue.name, self.name, reason)
        self._send(self.queue, Room.HOLD, self.name, "held", {"reason": reason, **facts})

    def fail(self, error: Exception) -> None:
        """Put the entry aside for a person; when the machine is to blame, back, even if that cannot be written down."""
        if not machine.is_to_blame(error):
            self.hold("an error that is ours or the machine's", traceback="".join(traceback.format_exception(error)))
            return
        facts = {"reason": str(error)}
        with suppress(OSError):
            self._record(GIVEN_BACK, facts)
        self._leave(self.queue, self.came_from, self.name, GIVEN_BACK, facts)

    def settle(self, outcome: Outcome) -> None:
        """Apply what the handler said of the entry."""
        match outcome:
            case Done(note):
                self._send(self.queue, Room.DONE, self.name, "done", {"note": note} if note else {})
            case Never(reason):
                self.move(self.queue, Room.FAILED, event="failed", reason=reason)
            case Later(reason, None):
                self.move(self.queue, self.came_from, event=GIVEN_BACK, reason=reason)
            case Later(reason, until):
                when = until.isoformat() if until else ""
                self.move(self.queue, Room.DEFERRED, event="deferred", reason=reason, until=when)

    def close(self) -> None:
        """Let go of the lock, by closing it: a child's copy is never unlocked."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if hasattr(self, "_history"):
                self._history.close()

    def _record(self, event: str, facts: dict[str, str], *, sync: bool = True) -> datetime:
        now = self.queue.clock()
        self._history.append(Event(now, event, facts), sync=sync)
        return now

    def _send(self, to: Queue[E], room: Room, name: EntryName, event: str, facts: dict[str, str]) -> None:
        self._record(event, facts)
        self._leave(to, room, name, event, facts)

    def _leave(self, to: Queue[E], room: Room, name: EntryName, event: str, facts: dict[str, str]) -> None:
        self._rename(to, room, name, event, facts)
        self.settled = True
        atomic.disk.sync(to.place(room))
        if room is Room.DONE:
            to.emptied, before = False, to.emptied
            atomic.remove(f"{self._at}/{FILES}")
            to.emptied = before

    def _rename(self, to: Queue[E], room: Room, name: EntryName, event: str, facts: dict[str, str]) -> None:
        """Commit a transition."""
        target = to.place(room, name)
        atomic.disk.rename(self._at, target)
        source, self._at = f"{self.queue.name}/{self._room}", target
        self._room = room
        duration = time.monotonic() - self._since
        to.journal.write(Line(to.clock(), event, str(name), source, f"{to.name}/{room}", duration, facts))

    def _put_by(self, reason: str) -> None:
        """Put the entry into `corrupt`; nothing is written into it."""
        log.error("%s %s is corrupt: %s", self.queue.name, self.name, reason)
        self._leave(self.queue, Room.CORRUPT, self.name, "corrupt", {"reason": reason})
