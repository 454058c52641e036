"""What a daemon says of itself: `run/<name>.json`, rewritten at transitions, and a lock that says it is alive.

The service manager hears of the same transitions, where one started the daemon.

A daemon that keeps dying can say nothing; the supervisor says it in its own file, for as long as it lives itself.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from daemons.process.systemd import Manager
from queues import atomic, papers
from queues.problem import Problem

SUPERVISOR = "supervisor"
ROOMY = 2048  # bytes that a file has at least, so that another state can be written over it
PATIENCE = 1.0  # seconds for a reader, who holds the lock for microseconds, to let go


class AlreadyRunning(Problem):
    """Another process does this daemon's work already."""


class Failing(msgspec.Struct, frozen=True):
    """A daemon that keeps dying: since when, how often, and its last exit status (negative: the signal)."""

    name: str
    since: datetime
    times: int
    status: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"ended {self.times} times, the last time with exit status {self.status}"


class State(msgspec.Struct, frozen=True):
    """A daemon's state: `idle`, `working` on an entry, `waiting` for the machine, `dead` or `failing`; since when.

    `detail` is for people. A failing daemon may be alive at this moment; when it is not, its `pid` is 0.

    The supervisor's is `running`, `draining` or `ending`, and names the daemons that are `failing`.
    """

    name: str
    state: str
    pid: int
    since: datetime
    entry: str = ""
    detail: str = ""
    failing: tuple[Failing, ...] = ()


class Presence:
    """Holds the lock while the daemon lives, and says what it does."""

    def __init__(self, run: Path, name: str) -> None:
        self.run = run
        self.name = name
        self.detail = ""
        self.manager = Manager()
        self._descriptor = self._spare = -1
        self._said: State | None = None

    def __enter__(self) -> Self:
        """Take the daemon's lock. Raises AlreadyRunning."""
        # open for reading is enough for a lock, and a disk may become read-only under it
        self._descriptor = os.open(self.run / f"{self.name}.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        patience = time.monotonic() + PATIENCE
        while not _lock(self._descriptor, fcntl.LOCK_EX):
            if time.monotonic() > patience:
                os.close(self._descriptor)
                raise AlreadyRunning(f"the daemon {self.name} of {self.run.parent} runs already")
        self._reserve()
        return self

    def __exit__(self, *error: object) -> None:
        """Be dead."""
        self._release()
        os.close(self._descriptor)

    def working(self, entry: str, now: datetime) -> None:
        """Say which entry is in hand."""
        self.say("working", now, entry=entry)

    def idle(self, now: datetime) -> None:
        """Say that there is nothing to do."""
        self.say("idle", now)

    def say(
        self, state: str, now: datetime, *, entry: str = "", detail: str = "", failing: Sequence[Failing] = ()
    ) -> None:
        """Say a state, unless it was said before."""
        new = State(self.name, state, os.getpid(), now, entry, detail or self.detail, tuple(failing))
        if self._said is None or msgspec.structs.replace(new, since=self._said.since) != self._said:
            self._write(msgspec.json.encode(new).ljust(ROOMY))
            self._said = new
            self.manager.does(" ".join(filter(None, (state, entry, new.detail))))

    def _write(self, text: bytes) -> None:
        path, aside = self.run / f"{self.name}.json", self.run / f".{self.name}.json.new"
        try:
            aside.write_bytes(text)
            atomic.disk.rename(aside, path)
        except OSError:
            with suppress(OSError):
                aside.unlink()
            self._write_over(path, text)

    def _write_over(self, path: Path, text: bytes) -> None:
        """Write where space and a descriptor are kept for it; a reader passes over what is torn."""
        self._release()
        try:
            with path.open("r+b", buffering=0) as file:
                file.write(text)
                file.truncate(len(text))
        finally:
            with suppress(OSError):  # then there is none to spare the next time
                self._reserve()

    def _reserve(self) -> None:
        self._spare = os.open("/", os.O_PATH | os.O_CLOEXEC)

    def _release(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def lives(run: Path, name: str) -> bool:
    """Say whether a daemon lives, whoever started it."""
    try:
        descriptor = os.open(run / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def states(run: Path) -> Iterator[State]:
    """Read what every daemon says, alive or dead, and what its supervisor says of it."""
    said = {state.name: state for state in _said(run)}
    supervisor = said.get(SUPERVISOR)
    for one in supervisor.failing if supervisor and supervisor.state != "dead" else ():
        last = said.get(one.name)
        pid = last.pid if last and last.state != "dead" else 0
        said[one.name] = State(one.name, "failing", pid, one.since, detail=str(one))
    yield from (said[name] for name in sorted(said))


def _said(run: Path) -> Iterator[State]:
    for path in run.glob("*.json"):
        try:
            state = msgspec.json.decode(papers.read(path), type=State)
            yield state if lives(run, path.stem) else msgspec.structs.replace(state, state="dead")
        except (OSError, papers.NotAPaper, msgspec.MsgspecError):
            continue


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
