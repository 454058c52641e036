"""What a daemon says of itself: `run/<name>.json`, rewritten at transitions, and a lock that says it is alive."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from queues import atomic
from queues.problem import Problem

PATIENCE = 1.0  # seconds for a reader, who holds the lock for microseconds, to let go


class AlreadyRunning(Problem):
    """Another process does this daemon's work already."""


class State(msgspec.Struct, frozen=True):
    """A daemon's state: `idle`, `working` on an entry, or `dead`, and since when; `detail` is for people."""

    name: str
    state: str
    pid: int
    since: datetime
    entry: str = ""
    detail: str = ""


class Presence:
    """Holds the lock while the daemon lives, and says what it does."""

    def __init__(self, run: Path, name: str) -> None:
        self.run = run
        self.name = name
        self.detail = ""
        self._descriptor = -1
        self._said = ("", "", "")

    def __enter__(self) -> Self:
        """Take the daemon's lock. Raises AlreadyRunning."""
        self._descriptor = os.open(self.run / f"{self.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        patience = time.monotonic() + PATIENCE
        while not _lock(self._descriptor, fcntl.LOCK_EX):
            if time.monotonic() > patience:
                os.close(self._descriptor)
                raise AlreadyRunning(f"the daemon {self.name} of {self.run.parent} runs already")
        return self

    def __exit__(self, *error: object) -> None:
        """Be dead."""
        os.close(self._descriptor)

    def working(self, entry: str, now: datetime) -> None:
        """Say which entry is in hand."""
        self._say("working", entry, now)

    def idle(self, now: datetime) -> None:
        """Say that there is nothing to do."""
        self._say("idle", "", now)

    def _say(self, state: str, entry: str, now: datetime) -> None:
        if self._said != (state, entry, self.detail):
            self._said = (state, entry, self.detail)
            content = msgspec.json.encode(State(self.name, state, os.getpid(), now, entry, self.detail))
            aside = self.run / f".{self.name}.json.new"
            aside.write_bytes(content)
            atomic.disk.rename(aside, self.run / f"{self.name}.json")


def states(run: Path) -> Iterator[State]:
    """Read what every daemon says, alive or dead."""
    for path in sorted(run.glob("*.json")):
        try:
            state = msgspec.json.decode(path.read_bytes(), type=State)
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, msgspec.MsgspecError):
            continue
        try:
            yield msgspec.structs.replace(state, state="dead") if _lock(descriptor, fcntl.LOCK_SH) else state
        finally:
            os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
