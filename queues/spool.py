"""One queue: a directory with rooms, and the entries in them.

An entry is a directory: an envelope written once, `files/`, an append-only `history`, and a few named papers beside
them. It is in exactly one room of one queue. `put`, `move` and `settle` each end in exactly one rename(2), and that
rename is the transition; what dying before or after it leaves stands in the crash table of README.md.

A claimed entry is locked (flock on its directory) and lies in `active`. The lock is the liveness record: it goes with
the process that held it.
"""

from __future__ import annotations

import errno
import os
import secrets
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from queues import atomic, envelope, history, locks
from queues.clock import Clock
from queues.entry import FILES, Entry
from queues.history import Event
from queues.journal import Journal
from queues.names import EntryName, Key, NotAName, parse, stamp
from queues.outcomes import Later
from queues.rooms import Room

E = TypeVar("E", bound=msgspec.Struct)


class Queue(Generic[E]):
    """A directory of rooms whose entries carry envelopes of one type.

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
        self.name = name
        self.path = path
        self.kind = kind
        self.rooms = tuple(rooms)
        self.clock = clock
        self.journal = journal
        self.claims = claims
        self.contended = False
        self._backlog: list[EntryName] = []

    def room(self, room: Room) -> Path:
        """Give the directory of a room."""
        return self.path / room

    def where(self, room: Room, name: EntryName) -> Path:
        """Give the directory of an entry."""
        return self.path / room / str(name)

    def names(self, room: Room) -> list[EntryName]:
        """List a room in queue order; opens no entry. What is not named like an entry is passed over."""
        try:
            found = os.listdir(self.path / room)
        except FileNotFoundError:
            return []
        return sorted(name for name in map(_name, found) if name)

    def find(self, key: Key) -> tuple[Room, EntryName] | None:
        """Say where the entry of a key is; when it moves meanwhile, its new place is found."""
        for room in (*self.rooms, *self.rooms):
            if room is Room.TMP:
                continue
            for name in self.names(room):
                if name.key == key:
                    return room, name
        return None

    def peek(self, room: Room, name: EntryName) -> E:
        """Read an envelope without claiming. Raises FileNotFoundError, envelope.Unreadable."""
        return envelope.read(self.where(room, name), self.kind)

    def stamp(self, now: datetime) -> int:
        """Give the stamp of an entry that comes now: the time, but never below the newest entry's."""
        newest = max((name.stamp for room in (Room.READY, Room.ACTIVE) for name in self.names(room)), default=0)
        return max(stamp(now), newest + 1)

    def put(
        self,
        name: EntryName,
        content: E,
        files: Mapping[str, Path],
        events: Sequence[tuple[str, Mapping[str, str]]] = (),
        room: Room = Room.READY,
    ) -> bool:
        """Add an entry whose files are linked: immutable, synced, ours, on this file system.

        False when the key is here already: a replay is free.
        """
        while self.find(name.key) is None:
            aside = self._write_aside(name, content, files, events)
            try:
                atomic.disk.rename(aside, self.where(room, name))
            except FileNotFoundError:
                continue  # a recovery took it for the leftover of a dead process, and cleared it away
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                atomic.remove(aside)
                return False
            atomic.disk.sync(self.room(room))
            for event, facts in events:
                self.journal.write(self.clock(), self.name, str(name), event, dict(facts))
            return True
        return False

    def _write_aside(
        self, name: EntryName, content: E, files: Mapping[str, Path], events: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Path:
        aside = self.room(Room.TMP) / f"{name}.{secrets.token_hex(4)}"
        atomic.disk.mkdir(aside)
        atomic.disk.mkdir(aside / FILES)
        for file, source in files.items():
            atomic.disk.link(source, aside / FILES / file)
        atomic.disk.sync(aside / FILES)
        atomic.disk.create(aside / envelope.FILE, envelope.encode(content))
        lines = b"".join(Event(self.clock(), event, dict(facts)).line() for event, facts in events)
        atomic.disk.create(aside / history.FILE, lines, 0o644)
        atomic.disk.sync(aside)
        return aside

    def refresh(self) -> None:
        """Forget the last scan: something arrived."""
        self._backlog.clear()

    def oldest(self) -> EntryName | None:
        """Name the entry that the next claim will try."""
        if not self._backlog:
            self._backlog = self.names(Room.READY)[::-1]
        return self._backlog[-1] if self._backlog else None

    @contextmanager
    def claim(self, key: Key | None = None, room: Room = Room.READY) -> Iterator[Entry[E] | None]:
        """Take the oldest entry of `ready`, or the entry of a key, for as long as the block runs.

        None when there is nothing to take. Left by an exception: the entry goes to `hold` with the traceback. Left
        unsettled: it is given back. `contended` is set when a ready entry was locked by somebody for the moment.
        """
        self.contended = False
        entry = self._claim_oldest() if key is None else self._claim_key(key, room)
        try:
            yield entry
        except Exception:
            if entry is not None and not entry.settled:
                entry.hold("an error that is ours or the machine's", traceback=traceback.format_exc())
            raise
        else:
            if entry is not None and not entry.settled:
                entry.settle(Later("left unsettled"))
        finally:
            if entry is not None:
                entry.close()

    def _claim_oldest(self) -> Entry[E] | None:
        entry = self._claim_scanned()
        if entry is None:
            self._backlog = self.names(Room.READY)[::-1]
            entry = self._claim_scanned()
        return entry

    def _claim_scanned(self) -> Entry[E] | None:
        while self._backlog:
            entry = self._take(self._backlog.pop(), Room.READY)
            if entry is not None:
                return entry
        return None

    def _claim_key(self, key: Key, room: Room) -> Entry[E] | None:
        name = next((name for name in self.names(room) if name.key == key), None)
        return None if name is None else self._take(name, room)

    def _take(self, name: EntryName, room: Room) -> Entry[E] | None:
        descriptor = locks.hold(self.where(room, name))
        if descriptor is None:
            self.contended = self.contended or self.where(room, name).exists()
            return None
        entry = Entry(self, name, room, descriptor)
        try:
            atomic.disk.rename(self.where(room, name), entry.path)
            return entry if entry.begin() else None
        except FileNotFoundError:
            entry.close()  # between our look and our lock somebody else took it
            return None
        except BaseException:
            entry.close()
            raise


def _name(text: str) -> EntryName | None:
    try:
        return parse(text)
    except NotAName:
        return None
