"""Who is in a queue already, without listing it for every newcomer.

Whoever brings an entry into a queue holds the lock on its `tmp` and leaves a mark there: an mtime that is a random
number, set before and behind the arrival. As long as the mark is the one we left, nobody else brought anything, and
what we know of the queue's keys is all there is to know; else the rooms are listed again. Nothing is recorded that
could disagree with the rooms: a mark that was lost or misread only costs a listing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from queues import atomic, locks
from queues.names import EntryName, is_entry, parse
from queues.rooms import Room


class Arrivals:
    """The keys of one queue, and the newest stamp in its order, as this process knows them."""

    def __init__(self, queue: Path, rooms: Iterable[Room]) -> None:
        self._tmp = queue / Room.TMP
        self._rooms = [queue / room for room in rooms if room is not Room.TMP]
        self._order = (queue / Room.READY, queue / Room.ACTIVE)
        self._mark = -1
        self._keys: set[str] = set()
        self._newest = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one who brings entries into this queue, for as long as the block runs; waits for it."""
        with locks.held(self._tmp):
            self._look()
            atomic.disk.mark(self._tmp)  # who dies from here on leaves a mark that nobody knows
            try:
                yield
            finally:
                self._mark = atomic.disk.mark(self._tmp)

    def add(self, name: EntryName) -> None:
        """Know of an entry that came in this turn."""
        self._keys.add(name.key)
        self._newest = max(self._newest, name.stamp)

    def may_have(self, key: str) -> bool:
        """Say in one's turn whether a key is or was here; no is certain."""
        return key in self._keys

    def newest(self) -> int:
        """Give the newest stamp the queue has seen."""
        with locks.held(self._tmp):
            self._look()
        return self._newest

    def _look(self) -> None:
        mark = os.stat(self._tmp).st_mtime_ns
        if mark != self._mark:
            self._mark = -1  # what was seen in the midst of a fault is no knowledge
            self._keys = {parse(name).key for room in self._rooms for name in entries(room)}
            stamps = (parse(name).stamp for room in self._order for name in entries(room))
            self._newest = max(self._newest, *stamps, 0)
            self._mark = mark


def entries(room: Path) -> list[str]:
    """List the names in a room that are names of entries, in no order; a missing room is empty."""
    try:
        return [name for name in os.listdir(room) if is_entry(name)]
    except FileNotFoundError:
        return []
