"""A file while it arrives: written by offset, within the room there is, and hashed on the way.

Of a file that found no room, or a full disk, nothing is ever published, whatever its client does afterwards.
"""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from daemons import disk
from daemons.intake.answers import Heard, Refusal
from daemons.intake.room import Room
from queues import atomic


class Unfinished:
    """A file that is arriving: written by offset, hashed on the way while the bytes come in order.

    `size` are the bytes so far, `sha256` is the hex digest of the whole file, or None when bytes came out of order.
    """

    def __init__(self, name: str, path: str, room: Room, floor: int) -> None:
        self.name = name
        self.path = path
        self._room = room
        self._floor = floor
        self._claimed = 0  # of the room, in bytes
        self._broken = ""  # why a part of it is missing
        self._file = atomic.disk.open_new(path)
        self._is_here = True
        self._hash = hashlib.sha256()
        self._hashed = 0
        self.size = 0

    @property
    def sha256(self) -> str | None:
        """The digest of all there is, if the bytes came in order."""
        return self._hash.hexdigest() if self._hashed == self.size else None

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Write bytes at an offset. Raises Refusal beyond the room for this file, or when the disk is full.

        Refuses also to begin elsewhere than at the beginning, as a client does that goes on where another upload ended.
        """
        self._check(offset + len(data))
        if offset > 0 and self.size == 0:
            raise self._broke(f"{self.name}: an upload cannot be resumed; send the whole file again")
        if not _written(self._file.fileno(), data, offset):
            raise self._broke(_complaint(self.name, "is full"))
        self.size = max(self.size, offset + len(data))
        if offset == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
        else:
            self._hashed = -1

    def truncate(self, size: int) -> None:
        """Cut or extend the file. Raises Refusal beyond the room for this file."""
        self._check(size)
        os.ftruncate(self._file.fileno(), size)
        self.size = size
        if size != self._hashed:
            self._hashed = -1

    def publish(self, path: str) -> None:
        """Give the file this name. Raises Heard when a part of it is missing."""
        self._check_whole()
        atomic.disk.rename(self.path, path)
        self._is_here = False

    def close(self) -> None:
        """Close the file, and give its room back."""
        self._file.close()
        self._room.give_back(self._claimed)
        self._claimed = 0

    def discard(self) -> None:
        """Forget the file; one that is published stays."""
        self.close()
        if self._is_here:
            atomic.remove(self.path)

    def _check_whole(self) -> None:
        if self._broken:
            raise Heard(self._broken)

    def _broke(self, reason: str) -> Refusal:
        self._broken = reason
        return Refusal(reason)

    def _claim(self, end: int) -> None:
        try:
            self._room.claim(self.name, end, end - self._claimed)
        except Refusal as refusal:
            raise self._broke(str(refusal)) from None
        self._claimed = end

    def _check(self, end: int) -> None:
        self._check_whole()
        if end > self._claimed:
            self._claim(end)
        lacking = disk.lack(self._file.fileno(), self._floor)
        if lacking:
            raise self._broke(_complaint(self.name, lacking))


def _written(descriptor: int, data: bytes | memoryview, offset: int) -> bool:
    """Write all of it; False when the disk is full."""
    try:
        return os.pwrite(descriptor, data, offset) == len(data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise


def check_disk(place: Path, name: str, floor: int) -> None:
    """Raise Refusal when the disk has no room for another file."""
    lacking = disk.lack(place, floor)
    if lacking:
        raise Refusal(_complaint(name, lacking))


def _complaint(name: str, lacking: str) -> str:
    return f"{name}: the server's disk {lacking}; try again later"
