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
from collections.abc import Iterator
from pathlib import Path

from daemons.intake.answers import Refusal
from daemons.intake.limits import Limits
from queues import atomic

HIDDEN = ".unfinished"


class Unfinished:
    """A file that is arriving: written by offset, hashed on the way while the bytes come in order.

    `sha256` is the hex digest of the whole file, or None when bytes came out of order.
    """

    def __init__(self, name: str, path: Path, room: int, floor: int) -> None:
        self.name = name
        self.path = path
        self._room = room
        self._floor = floor
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
        """Write bytes at an offset. Raises Refusal beyond the room for this file, OSError when the disk is full.

        Refuses also to begin elsewhere than at the beginning, as a client does that goes on where another upload ended.
        """
        self._check(offset + len(data))
        if offset > 0 and self.size == 0:
            raise Refusal(f"{self.name}: an upload cannot be resumed; send the whole file again")
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
        self._file.close()

    def discard(self) -> None:
        """Forget the file; once it is published this does nothing."""
        self._file.close()
        atomic.remove(self.path)

    def _check(self, end: int) -> None:
        if end > self._room:
            raise Refusal(f"{self.name}: more than {self._room} bytes, which is all there is room for")
        disk = os.fstatvfs(self._file.fileno())
        if disk.f_bavail * disk.f_frsize < self._floor:
            raise Refusal(f"{self.name}: the server's disk is full, try again later")


class Area:
    """The directory of one uploader; `turn` is held while a file is published and judged."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.turn = threading.Lock()
        self._limits = limits

    def begin(self, name: str) -> Unfinished:
        """Begin a new hidden file. Raises Refusal when the area or the disk is full."""
        hidden = self.path / HIDDEN
        atomic.make(self.path, 0o700)
        atomic.make(hidden, 0o700)
        path = hidden / f"{secrets.token_hex(8)}.{name}"
        return Unfinished(name, path, self._room(name), self._limits.free_bytes)

    def publish(self, file: Unfinished) -> None:
        """Make a complete file visible under its own name, in the place of an earlier one."""
        file.seal()
        atomic.disk.rename(file.path, self.path / file.name)

    def files(self) -> dict[str, os.stat_result]:
        """List the visible files by name."""
        return {name: status for name, status in sorted(_statuses(self.path)) if stat.S_ISREG(status.st_mode)}

    def remove(self, name: str) -> None:
        """Remove a visible file that was not taken yet. Raises FileNotFoundError."""
        with self.turn:
            atomic.disk.unlink(self.path / name)

    def sweep(self) -> None:
        """Remove what sessions of a server that died have left unfinished."""
        atomic.remove(self.path / HIDDEN)

    def _room(self, name: str) -> int:
        others = [status.st_size for other, status in self.files().items() if other != name]
        room = min(self._limits.file_bytes, self._limits.area_bytes - sum(others))
        if room <= 0 or len(others) >= self._limits.area_files:
            raise Refusal(f"{name}: {len(others)} files of yours wait here; complete their upload or remove them (rm)")
        return room


def _statuses(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    with contextlib.suppress(FileNotFoundError):  # nobody uploaded yet
        for entry in os.scandir(directory):
            with contextlib.suppress(FileNotFoundError):  # taken meanwhile
                yield entry.name, entry.stat(follow_symlinks=False)


class Areas:
    """All uploaders' areas below one directory; each is one object, shared by its uploader's sessions."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._areas: dict[str, Area] = {}
        self._lock = threading.Lock()

    def of(self, uploader: str) -> Area:
        """Give the area of an uploader whose name was checked."""
        with self._lock:
            return self._areas.setdefault(uploader, Area(self._path / uploader, self._limits))

    def sweep(self) -> None:
        """Remove all unfinished files; only while no session runs."""
        for entry in os.scandir(self._path):
            if entry.is_dir(follow_symlinks=False):
                self.of(entry.name).sweep()
