"""One uploader's area: the files that are complete and not taken yet, and beside them, hidden, those still arriving.

A file is visible only under its final name and only after `publish`, which is one rename(2). Each begun file is a fresh
one, whatever lay there before. Nothing here syncs: whoever takes a file does. Nothing here knows SSH.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from daemons.intake.arriving import Unfinished, check_disk
from daemons.intake.limits import Limits
from daemons.intake.room import Lying, Room
from queues import atomic

HIDDEN = ".unfinished"
JUDGED = (".changes", ".commands")  # what names others, or asks for something


class Area:
    """The directory of one uploader; `turn` is held while a file is published and judged, a seat by each session."""

    def __init__(self, path: Path, limits: Limits, quota: Callable[[], int] = int) -> None:
        self.path = path
        self.turn = threading.Lock()
        self.seats = threading.BoundedSemaphore(limits.sessions_per_uploader)
        self._hidden = path / HIDDEN
        self._limits = limits
        self._numbers = count()
        self._judged = {name for name in self.files() if name.endswith(JUDGED)}
        self._room = Room(limits, quota, self._lying)

    def begin(self, name: str) -> Unfinished:
        """Begin a new hidden file. Raises Refusal when the area or the disk is full."""
        self._check_disk(name)
        self._room.begin(name)
        path = f"{self._hidden}/{next(self._numbers)}.{name}"
        return Unfinished(name, path, self._room, self._limits.free_bytes)

    def publish(self, file: Unfinished) -> None:
        """Make a complete file visible under its own name, in the place of an earlier one. Raises Heard."""
        file.publish(f"{self.path}/{file.name}")
        self._room.closed(file.size)
        file.close()
        if file.name.endswith(JUDGED):
            self._judged.add(file.name)

    def files(self) -> dict[str, os.stat_result]:
        """List the visible files by name."""
        return {name: status for name, status in sorted(_statuses(self.path)) if stat.S_ISREG(status.st_mode)}

    def may_be_complete(self, name: str) -> bool:
        """Say whether a file of this name may complete something: that takes longer to answer than others do."""
        self._judged = {one for one in self._judged if (self.path / one).exists()}
        return name.endswith(JUDGED) or bool(self._judged)

    @property
    def is_arriving(self) -> bool:
        """Say whether a session is writing a file at this moment."""
        try:
            return any((self._hidden).iterdir())
        except FileNotFoundError:
            return False

    def remove(self, name: str) -> None:
        """Remove a visible file that was not taken yet. Raises FileNotFoundError."""
        with self.turn:
            atomic.disk.unlink(self.path / name)

    def sweep(self) -> None:
        """Remove what sessions of a server that died have left unfinished."""
        atomic.remove(self._hidden)

    def _check_disk(self, name: str) -> None:
        try:
            check_disk(self._hidden, name, self._limits.free_bytes)
        except FileNotFoundError:  # the first file
            atomic.make(self.path, 0o700)
            atomic.make(self._hidden, 0o700)
            check_disk(self._hidden, name, self._limits.free_bytes)

    def _lying(self, name: str) -> Lying:
        """Count the visible files but one."""
        sizes = [status.st_size for other, status in self.files().items() if other != name]
        return Lying(len(sizes), sum(sizes))


def _statuses(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(FileNotFoundError):  # nobody uploaded yet
        for entry in os.scandir(directory):
            with suppress(FileNotFoundError):  # taken meanwhile
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
