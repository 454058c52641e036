"""The spool as one declaration: which queues there are, which rooms each has, what envelope travels in it.

`init` makes what stands here, `doctor` compares with it, and nothing else names a directory of the spool.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from queues import atomic
from queues.clock import Clock, utc
from queues.journal import Journal
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob, BuildResult, Notice, Upload

_COMMON = (Room.TMP, Room.READY, Room.ACTIVE, Room.HOLD, Room.CORRUPT)
ROOMS: dict[str, tuple[Room, ...]] = {
    "review": (*_COMMON, Room.REJECTED),
    "master": (*_COMMON, Room.WAITING, Room.DEFERRED, Room.FAILED),
    "build": (*_COMMON, Room.WAITING, Room.DEFERRED, Room.DONE, Room.FAILED),
    "archive": (*_COMMON, Room.PARTS, Room.DEFERRED, Room.DONE),
    "notices": (*_COMMON, Room.DEFERRED, Room.DONE),
}


class Spool:
    """All queues of one site."""

    def __init__(self, site: Path, clock: Clock = utc) -> None:
        """Open the spool of the site; nothing is made or read."""
        self.site = site
        self.clock = clock
        self.path = site / "spool"
        self.commands = self.path / "commands"  # one file for each command file that was run; no queue
        self.journal = Journal(site / "logs" / "journal.jsonl")
        self.build = cache(self._build)
        common = (clock, self.journal)
        self.review = Queue("review", self.path / "review", Upload, ROOMS["review"], *common, claims=None)
        self.master = Queue("master", self.path / "master", Upload, ROOMS["master"], *common)
        self.archive = Queue("archive", self.path / "archive", Upload, ROOMS["archive"], *common)
        self.parts = Queue("archive", self.path / "archive", BuildResult, ROOMS["archive"], *common)
        self.notices = Queue("notices", self.path / "notices", Notice, ROOMS["notices"], *common)

    def architectures(self) -> list[str]:
        """Name the architectures that have a build queue."""
        root = self.path / "build"
        return sorted(entry.name for entry in os.scandir(root) if entry.is_dir()) if root.is_dir() else []

    def builds(self) -> list[Queue[BuildJob]]:
        """Give every build queue there is."""
        return [self.build(architecture) for architecture in self.architectures()]

    def uploads(self) -> tuple[Queue[Upload], ...]:
        """Give the queues of the road, in its order."""
        return (self.review, self.master, self.archive)

    def create(self, architectures: Sequence[str]) -> None:
        """Make every queue and room that is missing; `all` gets a build queue like any architecture."""
        queues: list[Queue[Any]] = [*self.uploads(), self.notices, *map(self.build, {*architectures, "all"})]
        for queue in queues:
            for room in queue.rooms:
                atomic.make(queue.room(room))
        atomic.make(self.site / "run")
        atomic.make(self.site / "logs")

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold one of the site's named locks; waits for it."""
        descriptor = os.open(self.site / "run" / f"{name}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _build(self, architecture: str) -> Queue[BuildJob]:
        path = self.path / "build" / architecture
        return Queue(f"build/{architecture}", path, BuildJob, ROOMS["build"], self.clock, self.journal)
