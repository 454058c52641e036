"""The daemon skeleton: one process, one loop. It owns the signals, the lock, recovery, and the sleep between.

A daemon is some queues and `handle(entry) -> Outcome`; everything else happens here. A handler that moved the entry
itself answers None. An exception of a handler is our bug or the machine's: the entry is in `hold` already, and the
daemon goes on.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Generic, TypeVar

import msgspec

from daemons.presence import Presence
from queues.clock import Clock
from queues.entry import Entry
from queues.outcomes import Outcome
from queues.recovery import due, recover
from queues.rooms import Room
from queues.spool import Queue
from queues.watching import Wakeup

E = TypeVar("E", bound=msgspec.Struct)
PERIOD = timedelta(seconds=30)  # everything is found by then without any event
CONTENDED = timedelta(milliseconds=20)
log = logging.getLogger(__name__)


class Daemon(Generic[E]):
    """The life of a daemon over its queues, oldest entry first."""

    def __init__(self, name: str, run: Path, queues: Sequence[Queue[E]], clock: Clock) -> None:
        self.name = name
        self.queues = queues
        self.clock = clock
        self.presence = Presence(run, name)
        self.stopping = False
        self.wakeup = Wakeup()

    def handle(self, entry: Entry[E]) -> Outcome | None:
        """Do the work of one entry and say what became of it; None when it was moved."""
        raise NotImplementedError

    def idle(self, now: datetime) -> None:
        """Do what belongs to no entry of these queues, each time they are empty."""

    def watched(self) -> list[Path]:
        """Name the directories whose arrivals wake this daemon."""
        return [queue.room(Room.READY) for queue in self.queues]

    def run(self) -> None:
        """Work until told to stop."""
        with self.presence, self.signals(), self.wakeup.watching(self.watched()):
            log.info("%s is ready", self.name)
            while not self.stopping:
                self.recover()
                while not self.stopping and self.one():
                    pass
                if not self.stopping:
                    self.idle(self.clock())
                    self.presence.idle(self.clock())
                    self.wakeup.wait(self.pause())
                for queue in self.queues:
                    queue.refresh()
        log.info("%s has stopped", self.name)

    def recover(self) -> None:
        """Put back what the dead left."""
        for queue in self.queues:
            for found in recover(queue, self.clock()):
                log.warning("%s: %s is back: %s", queue.name, found.name, found.what)

    def one(self) -> bool:
        """Handle the oldest entry; False when there was none."""
        queue = min(self.queues, key=_head)
        try:
            with queue.claim() as entry:
                if entry is None:
                    return False
                started = time.monotonic()
                self.presence.working(str(entry.name), self.clock())
                outcome = self.handle(entry)
                if outcome is not None:
                    entry.settle(outcome)
                log.info("%s %s: %s in %.3f s", queue.name, entry.name, outcome or "moved", time.monotonic() - started)
        except Exception:
            log.exception("%s: an entry is held", queue.name)
        return True

    def pause(self) -> float:
        """Say for how many seconds nothing will be due."""
        if any(queue.contended for queue in self.queues):
            return CONTENDED.total_seconds()
        now = self.clock()
        times = [time for queue in self.queues if (time := due(queue, now))]
        return max(0.0, min([PERIOD, *(time - now for time in times)]).total_seconds())

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, after the entry in hand."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- the shape of a signal handler
        self.stopping = True
        self.wakeup.ring()


def _head(queue: Queue[E]) -> tuple[bool, int]:
    name = queue.oldest()
    return (name is None, name.stamp if name else 0)
