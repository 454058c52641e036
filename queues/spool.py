"""One queue: a directory with rooms, and the entries in them.

An entry is a directory: a `history`, whose first line is the envelope, `files/`, and a few named papers beside them.
It is in exactly one room of one queue. `put`, `move` and `settle` each end in exactly one rename(2), and that
rename is the transition; what dying before or after it leaves stands in the crash table of README.md.

A claimed entry is locked (flock on its directory) and lies in `active`. The lock is the liveness record: it goes with
the process that held it.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from queues import atomic, envelope, history, locks, machine
from queues.clock import Clock
from queues.directory import Directory, entries
from queues.entry import FILES, Entry
from queues.history import Event
from queues.journal import Journal, Line
from queues.names import EntryName, Key, taken_apart
from queues.outcomes import Later
from queues.rooms import Room

E = TypeVar("E", bound=msgspec.Struct)
log = logging.getLogger(__name__)


class Queue(Directory[E]):
    """A directory of rooms into which entries are put, and in which they are claimed.

    `claims` is how many claims without a verdict an entry survives before it goes to `hold`; None: any number.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        kind: type[E],
        rooms: Sequence[Room],
        clock: Clock,
        journal: Journal,
        claims: int | None = 3,
    ) -> None:
        super().__init__(name, path, kind, rooms)
        self.clock = clock
        self.journal = journal
        self.claims = claims
        self.contended = False
        self.emptied = False  # whether what died after a `done` was looked for since
        self._backlog: list[str] = []  # names of the last scan, the oldest last
        self._strangers: set[str] = set()

    def put(
        self,
        name: EntryName,
        content: E,
        files: Mapping[str, Path],
        events: Sequence[tuple[str, Mapping[str, str]]] = (),
        room: Room = Room.READY,
    ) -> bool:
        """Add an entry whose files are linked: immutable, synced, ours, on this file system.

        False when an entry of this name is here already: a replay is free. Who gives a key another stamp each time
        asks `find` first.
        """
        began = time.monotonic()
        with locks.held(self.place(Room.TMP)):  # one writer at a time, so that what it leaves is known to be its own
            if self.has(name):
                return False
            aside = f"{self.place(Room.TMP)}/{name}.{secrets.token_hex(4)}"
            try:
                self._write(aside, content, files, events)
                atomic.disk.rename(aside, self.place(room, name))
            except OSError:
                with suppress(OSError):
                    atomic.remove(aside)
                raise
        atomic.disk.sync(self.place(room))
        for event, facts in events:
            took, to = time.monotonic() - began, f"{self.name}/{room}"
            self.journal.write(Line(self.clock(), event, str(name), "", to, took, dict(facts)))
        return True

    def _write(
        self, aside: str, content: E, files: Mapping[str, Path], events: Sequence[tuple[str, Mapping[str, str]]]
    ) -> None:
        atomic.disk.mkdir(aside)
        if files:
            atomic.disk.mkdir(f"{aside}/{FILES}")
            for file, source in files.items():
                atomic.disk.link(source, f"{aside}/{FILES}/{file}")
            atomic.disk.sync(f"{aside}/{FILES}")
        lines = b"".join(Event(self.clock(), event, dict(facts)).line() for event, facts in events)
        atomic.disk.create(f"{aside}/{history.FILE}", envelope.encode(content) + lines, 0o644)
        atomic.disk.sync(aside)

    def refresh(self) -> None:
        """Forget the last scan: something arrived."""
        self._backlog.clear()
        self.contended = False

    def oldest(self) -> EntryName | None:
        """Name the entry that the next claim will try."""
        if not self._backlog:
            self._scan()
        return taken_apart(self._backlog[-1]) if self._backlog else None

    def _scan(self) -> None:
        self._backlog = sorted(entries(self.room(Room.READY)), reverse=True)

    @contextmanager
    def claim(self, key: Key | None = None, room: Room = Room.READY) -> Iterator[Entry[E] | None]:
        """Take the oldest entry of `ready`, or the entry of a key, for as long as the block runs.

        None when there is nothing to take. Left by an exception: the entry goes to `hold` with the traceback, or back
        when the machine is to blame (`queues.machine`). Left unsettled: it is given back. `contended` is set when a
        ready entry was locked by somebody for the moment.
        """
        self.contended = False
        entry = self._claim_oldest() if key is None else self._claim_key(key, room)
        try:
            yield entry
            if entry is not None and not entry.settled:
                entry.settle(Later("left unsettled"))
        except Exception as error:
            if entry is not None and not entry.settled:
                entry.fail(error)
            raise
        finally:
            if entry is not None:
                entry.close()

    def _claim_oldest(self) -> Entry[E] | None:
        entry = self._claim_scanned()
        if entry is None:
            self._scan()
            entry = self._claim_scanned()
        return entry

    def _claim_scanned(self) -> Entry[E] | None:
        while self._backlog:
            entry = self._take(taken_apart(self._backlog.pop()), Room.READY)
            if entry is not None:
                return entry
        return None

    def _claim_key(self, key: Key, room: Room) -> Entry[E] | None:
        name = self._find(key, room)
        return None if name is None else self._take(name, room)

    def _take(self, name: EntryName, room: Room) -> Entry[E] | None:
        try:
            descriptor = self.lock(name, room)
        except BlockingIOError:
            self.contended = True
            return None
        if descriptor is None:
            return None
        entry = Entry(self, name, room, descriptor)
        begun = False
        try:
            begun = entry.begin()
        except FileNotFoundError:
            pass  # between our look and our lock somebody else took it
        finally:
            if not begun:
                entry.close()
        return entry if begun else None

    def lock(self, name: EntryName, room: Room) -> int | None:
        """Lock an entry and give the descriptor; None when it is gone, or nothing of this queue's owner.

        Raises BlockingIOError when it is in somebody's hands.
        """
        try:
            descriptor = locks.hold(self.place(room, name))
        except FileNotFoundError:
            return None
        except OSError as error:
            if not isinstance(error, NotADirectoryError | PermissionError) and not machine.is_one_entrys(error):
                raise
            self.leave(name, room, str(error.strerror))
            return None
        if os.fstat(descriptor).st_uid != self.owner:
            os.close(descriptor)
            self.leave(name, room, "it belongs to somebody else")
            return None
        return descriptor

    def leave(self, name: EntryName, room: Room, why: str) -> None:
        """Pass an entry over, and say so once; the next scan meets it again."""
        if str(name) not in self._strangers:
            self._strangers.add(str(name))
            log.error("%s/%s/%s is left alone: %s", self.name, room, name, why)
