"""One uploader's area: the files that are complete and not taken yet, and beside them, hidden, those still arriving.

A file is visible only under its final name and only after `publish`, which is one rename(2). Each begun file is a fresh
one, whatever lay there before. Nothing here syncs: whoever takes a file does. Nothing here knows SSH.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from daemons.intake.answers import Refusal
from daemons.intake.limits import Limits
from queues import atomic

HIDDEN = ".unfinished"


class Unfinished:
    """A file that is arriving: written by offset, hashed on the way while the bytes come in order.

    `sha256` is the hex digest of the whole file, or None when bytes came out of order.
    """

    def __init__(self, name: str, path: Path, room: Room, floor: int) -> None:
        self.name = name
        self.path = path
        self._room = room
        self._floor = floor
        self._claimed = 0  # of the room, in bytes
        self._file = atomic.disk.open_new(path, 0o600)
        self._hash = hashlib.sha256()
        self._hashed = 0

    @property
    def size(self) -> int:
        """The size in bytes so far."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def sha256(self) -> str | None:
        """The digest of all there is, if the bytes came in order."""
        return self._hash.hexdigest() if self._hashed == self.size else None

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at an offset. Raises Refusal beyond the room for this file, OSError when the disk is full."""
        self._check(offset + len(data))
        if os.pwrite(self._file.fileno(), data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if offset == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
        else:
            self._hashed = -1

    def truncate(self, size: int) -> None:
        """Cut or extend the file. Raises Refusal beyond the room for this file."""
        self._check(size)
        os.ftruncate(self._file.fileno(), size)
        if size != self._hashed:
            self._hashed = -1

    def seal(self) -> None:
        """Close the file for good, readable by all and writable by none."""
        os.fchmod(self._file.fileno(), 0o444)
        self._close()

    def discard(self) -> None:
        """Forget the file; one that is published stays."""
        self._close()
        atomic.remove(self.path)

    def _close(self) -> None:
        self._file.close()
        self._room.give_back(self._claimed)
        self._claimed = 0

    def _check(self, end: int) -> None:
        if end > self._claimed:
            self._room.claim(self.name, end, end - self._claimed)
            self._claimed = end
        disk = os.fstatvfs(self._file.fileno())
        if disk.f_bavail * disk.f_frsize < self._floor:
            raise Refusal(f"{self.name}: the server's disk is full, try again later")


class Room:
    """What there is room for in one area: bytes that are arriving claim it, and give it back when their file is closed.

    `lying` counts the bytes of closed files when it was last looked; `quota` bounds them all, `largest` one file.
    """

    def __init__(self, largest: int) -> None:
        self.lying = self.quota = 0
        self._largest = largest
        self._arriving = 0
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """The bytes that may still come."""
        return self.quota - self.lying - self._arriving

    def claim(self, name: str, end: int, more: int) -> None:
        """Claim room for `more` bytes of a file that then ends at `end`. Raises Refusal."""
        with self._lock:
            if end > self._largest or more > self.left:
                most = min(self._largest, end - more + self.left)
                raise Refusal(f"{name}: more than {most} bytes, which is all there is room for")
            self._arriving += more

    def give_back(self, claimed: int) -> None:
        """Give back what a file claimed."""
        with self._lock:
            self._arriving -= claimed


class Area:
    """The directory of one uploader; `turn` is held while a file is published and judged."""

    def __init__(self, path: Path, limits: Limits, quota: Callable[[], int] = int) -> None:
        self.path = path
        self.turn = threading.Lock()
        self._limits = limits
        self._quota = quota
        self._room = Room(limits.file_bytes)

    def begin(self, name: str) -> Unfinished:
        """Begin a new hidden file. Raises Refusal when the area or the disk is full."""
        hidden = self.path / HIDDEN
        atomic.make(self.path, 0o700)
        atomic.make(hidden, 0o700)
        self._check_room(name)
        path = hidden / f"{secrets.token_hex(8)}.{name}"
        return Unfinished(name, path, self._room, self._limits.free_bytes)

    def publish(self, file: Unfinished) -> None:
        """Make a complete file visible under its own name, in the place of an earlier one."""
        self._room.lying += file.size
        file.seal()
        atomic.disk.rename(file.path, self.path / file.name)

    def files(self) -> dict[str, os.stat_result]:
        """List the visible files by name."""
        return {name: status for name, status in sorted(_statuses(self.path)) if stat.S_ISREG(status.st_mode)}

    @property
    def is_arriving(self) -> bool:
        """Say whether a session is writing a file at this moment."""
        try:
            return any((self.path / HIDDEN).iterdir())
        except FileNotFoundError:
            return False

    def remove(self, name: str) -> None:
        """Remove a visible file that was not taken yet. Raises FileNotFoundError."""
        with self.turn:
            atomic.disk.unlink(self.path / name)

    def sweep(self) -> None:
        """Remove what sessions of a server that died have left unfinished."""
        atomic.remove(self.path / HIDDEN)

    def _check_room(self, name: str) -> None:
        """Look at what lies here. Raises Refusal when there is room for nothing more."""
        others = [status.st_size for other, status in self.files().items() if other != name]
        self._room.lying = sum(others)
        self._room.quota = min(self._limits.area_bytes, self._quota() or self._limits.area_bytes)
        if self._room.left <= 0 or len(others) >= self._limits.area_files:
            raise Refusal(
                f"{name}: {len(others)} files of yours wait here, {sum(others)} of {self._room.quota} bytes; complete "
                "their upload or remove them (rm)"
            )


def _statuses(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    with contextlib.suppress(FileNotFoundError):  # nobody uploaded yet
        for entry in os.scandir(directory):
            with contextlib.suppress(FileNotFoundError):  # taken meanwhile
                yield entry.name, entry.stat(follow_symlinks=False)


class Areas:
    """All uploaders' areas below one directory; each is one object, shared by its uploader's sessions.

    `quota(uploader)` bounds the bytes of one area; 0: only `limits` do.
    """

    def __init__(self, path: Path, limits: Limits, quota: Callable[[str], int] = lambda _: 0) -> None:
        self._path = path
        self._limits = limits
        self._quota = quota
        self._areas: dict[str, Area] = {}
        self._lock = threading.Lock()

    def of(self, uploader: str) -> Area:
        """Give the area of an uploader whose name was checked."""
        with self._lock:
            return self._areas.setdefault(
                uploader, Area(self._path / uploader, self._limits, partial(self._quota, uploader))
            )

    def all(self) -> list[Area]:
        """Give the areas of all who ever uploaded."""
        names = sorted(entry.name for entry in os.scandir(self._path) if entry.is_dir(follow_symlinks=False))
        return [self.of(name) for name in names]

    def sweep(self) -> None:
        """Remove all unfinished files; only while no session runs."""
        for area in self.all():
            area.sweep()
