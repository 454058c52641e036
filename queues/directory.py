"""A queue as it lies on disk: its rooms, the names in them, what one carries. Nothing here changes anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from queues import history
from queues.names import START, EntryName, Key, is_entry, stamp, taken_apart
from queues.rooms import Room

E = TypeVar("E", bound=msgspec.Struct)
_ORDERED = (Room.READY, Room.ACTIVE, Room.WAITING)  # `waiting`, too: the jobs of what waits inherit its stamp


class Directory(Generic[E]):
    """A directory of rooms whose entries carry envelopes of one type."""

    def __init__(self, name: str, path: Path, kind: type[E], rooms: Sequence[Room]) -> None:
        self.name = name
        self.path = path
        self.kind = kind
        self.rooms = tuple(rooms)
        self._paths = {room: path / room for room in Room}
        self._places = {room: f"{path}/{room}" for room in Room}
        lasting = [room for room in self.rooms if room is not Room.TMP]
        self._looks = [self._places[room] for room in (*lasting, Room.READY, Room.ACTIVE) if room in self.rooms]

    @cached_property
    def owner(self) -> int:
        """The user whose queue it is."""
        return self.path.stat().st_uid

    def room(self, room: Room) -> Path:
        """Give the directory of a room."""
        return self._paths[room]

    def where(self, room: Room, name: EntryName) -> Path:
        """Give the directory of an entry."""
        return self._paths[room] / str(name)

    def place(self, room: Room, name: EntryName | None = None) -> str:
        """Give the directory of a room, or of an entry, as text: a Path costs more than the rename."""
        return self._places[room] if name is None else f"{self._places[room]}/{name}"

    def names(self, room: Room) -> list[EntryName]:
        """List a room in queue order; opens no entry. What is not named like an entry is passed over."""
        return [taken_apart(name) for name in sorted(entries(self.room(room)))]

    def find(self, key: Key) -> tuple[Room, EntryName] | None:
        """Say where the entry of a key is; when it moves meanwhile, its new place is found."""
        rooms = [room for room in self.rooms if room is not Room.TMP]
        for room in rooms * 2:
            name = self._find(key, room)
            if name is not None:
                return room, name
        return None

    def _find(self, key: Key, room: Room) -> EntryName | None:
        try:
            found = os.listdir(self.room(room))
        except FileNotFoundError:
            return None
        return next(
            (taken_apart(name) for name in found if name.endswith(key) and name[START:] == key and is_entry(name)), None
        )

    def has(self, name: EntryName) -> bool:
        """Say whether an entry is in any room; one that moves meanwhile is met in its new room.

        Every move begins or ends in `active`, or ends in `ready`: these two are looked at again.
        """
        text = str(name)
        return any(os.access(f"{room}/{text}", os.F_OK) for room in self._looks)

    def peek(self, room: Room, name: EntryName) -> E:
        """Read an envelope without claiming. Raises FileNotFoundError, envelope.Unreadable."""
        return history.carried(self.place(room, name), self.kind)

    def stamp(self, now: datetime) -> int:
        """Give the stamp of an entry that comes now: the time, but never below the newest entry's."""
        newest = max((name.stamp for room in _ORDERED for name in self.names(room)), default=0)
        return max(stamp(now), newest + 1)


def entries(room: Path) -> list[str]:
    """List the names in a room that are names of entries, in no order; a missing room is empty."""
    try:
        return [name for name in os.listdir(room) if is_entry(name)]
    except FileNotFoundError:
        return []
