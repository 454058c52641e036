"""The daemon skeleton: one process, one loop. It owns the signals, the lock, recovery, and the sleep between.

A daemon is some queues and `handle(entry) -> Outcome`; everything else happens here. A handler that moved the entry
itself answers None. An exception of a handler is our bug: the entry is in `hold` already, and the daemon goes on. Where
the machine failed (a full disk), the entry is back already, and the daemon waits a little.

SIGTERM and SIGINT: it takes nothing new and ends when the entry in hand is finished, or its `patience` is at an end. A
second one, or SIGQUIT: it gives the entry back and ends at once. SIGHUP: as SIGTERM, but without haste, and with the
exit status that asks to be started again, which reads the settings anew.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Generic, NoReturn, TypeVar

import msgspec

from daemons.process.presence import Presence
from queues import machine
from queues.clock import Clock
from queues.entry import Entry
from queues.outcomes import Later, Outcome
from queues.recovery import due, recover
from queues.rooms import Room
from queues.spool import Queue
from queues.watching import Wakeup

E = TypeVar("E", bound=msgspec.Struct)
PERIOD = timedelta(seconds=30)  # everything is found by then without any event
AGAIN = os.EX_TEMPFAIL  # exit status: start me again, nothing is wrong
TIDYING = 300.0  # seconds between two times that a daemon looks after what is in no hurry
CONVALESCENCE = 5.0  # seconds between two tries while a disk is full or failing
CONTENDED = timedelta(milliseconds=20)
log = logging.getLogger(__name__)


class Daemon(Generic[E]):
    """The life of a daemon over its queues, oldest entry first."""

    def __init__(self, name: str, run: Path, queues: Sequence[Queue[E]], clock: Clock) -> None:
        self.name = name
        self.queues = queues
        self.clock = clock
        self.presence = Presence(run, name)
        self.patience: float | None = None  # seconds that the entry in hand may still take when it is time to stop
        self.stopping = False
        self.again = False
        self.in_hand: Entry[E] | None = None
        self.wakeup = Wakeup()
        self.tidied = -TIDYING

    def handle(self, entry: Entry[E]) -> Outcome | None:
        """Do the work of one entry and say what became of it; None when it was moved."""
        raise NotImplementedError

    def idle(self, now: datetime) -> None:
        """Do what belongs to no entry of these queues, each time they are empty."""

    def tidy(self, now: datetime) -> None:
        """Do what is in no hurry: when the daemon begins, and every few minutes."""

    def watched(self) -> list[Path]:
        """Name the directories whose arrivals wake this daemon."""
        return [queue.room(Room.READY) for queue in self.queues]

    def run(self) -> None:
        """Work until told to stop. Raises SystemExit when it is to be started again."""
        with self.presence, self.wakeup.watching(self.watched()), self.signals():
            self.presence.idle(self.clock())
            log.info("%s is ready", self.name)
            self.presence.manager.ready()
            while not self.stopping:
                self.presence.manager.alive()
                try:
                    self.round()
                except OSError as error:
                    if not machine.is_to_blame(error):
                        raise
                    self.rest(error)
        log.info("%s has stopped", self.name)
        if self.again:
            raise SystemExit(AGAIN)

    def round(self) -> None:
        """Do all that there is to do, and sleep until there may be more."""
        for queue in self.queues:
            queue.refresh()
        self.recover()
        while not self.stopping and self.one():
            pass
        if not self.stopping:
            self.idle(self.clock())
            if time.monotonic() >= self.tidied + TIDYING:
                self.tidy(self.clock())
                self.tidied = time.monotonic()
            self.presence.idle(self.clock())
            self.wakeup.wait(min(self.pause(), self.presence.manager.period))

    def rest(self, error: OSError) -> None:
        """Wait for the machine to be well again; what arrives meanwhile changes nothing."""
        log.error("%s waits for the machine: %s", self.name, machine.complaint(error))
        with suppress(OSError):
            within = machine.complaint(error).removeprefix(f"{self.presence.run.parent}/")
            self.presence.say("waiting", self.clock(), detail=within)
        until = time.monotonic() + CONVALESCENCE
        while not self.stopping and (left := until - time.monotonic()) > 0:
            self.wakeup.wait(left)

    def recover(self) -> None:
        """Put back what the dead left."""
        for queue in self.queues:
            for found in recover(queue, self.clock()):
                log.warning("%s: %s is back: %s", queue.name, found.name, found.what)

    def one(self) -> bool:
        """Handle the oldest entry; False when there was none. Raises OSError when the machine failed."""
        self.presence.manager.alive()
        queue = min(self.queues, key=_head)
        try:
            with queue.claim() as entry:
                if entry is None:
                    return False
                self.in_hand, started = entry, time.monotonic()
                self.presence.working(str(entry.name), self.clock())
                outcome = self.handle(entry)
                if outcome is not None:
                    entry.settle(outcome)
                log.info("%s %s: %s in %.3f s", queue.name, entry.name, outcome or "moved", time.monotonic() - started)
        except Exception as error:
            if machine.is_to_blame(error):
                raise
            log.exception("%s: %s", queue.name, "an entry is held" if self.in_hand else "nothing could be claimed")
            return self.in_hand is not None
        finally:
            self.in_hand = None
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
        """Obey signals, as the module's first lines say."""
        obeyed = {
            **dict.fromkeys((signal.SIGTERM, signal.SIGINT), self._drain),
            **dict.fromkeys((signal.SIGQUIT, signal.SIGALRM), self._end),
            signal.SIGHUP: self._hang_up,
        }
        before = {number: signal.signal(number, handler) for number, handler in obeyed.items()}
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- the shape of a signal handler
        self.again = self.again or not self.stopping
        self._stop()

    def _drain(self, number: int, frame: FrameType | None) -> None:
        if self.stopping and not self.again:
            self._end(number, frame)
        self.again = False
        self.presence.manager.stopping(self.patience)
        if self.patience is not None:
            signal.setitimer(signal.ITIMER_REAL, self.patience)
        self._stop()

    def _stop(self) -> None:
        self.stopping = True
        # in a thread: what the signal interrupted may hold the lock that the bell takes
        threading.Thread(target=self.wakeup.ring).start()

    def _end(self, number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG002 -- as above
        """Give the entry in hand back and die as by a kill, which may come at any line; what works for us dies, too."""
        try:
            if self.in_hand is not None and not self.in_hand.settled:
                self.in_hand.settle(Later("its daemon was stopped"))
        finally:
            os._exit(0)


def _head(queue: Queue[E]) -> tuple[bool, int]:
    name = queue.oldest()
    return (name is None, name.stamp if name else 0)
