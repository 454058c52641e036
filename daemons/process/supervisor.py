"""The supervisor: keeps the daemons of a site running as one process tree, where no systemd does it.

SIGTERM and SIGINT: the daemons take nothing new, finish what they have, and it ends with the last of them. A second
one, or SIGQUIT: they give back what they have and end at once. SIGHUP: the settings are read anew, and each daemon is
started again when it has finished the entry in hand. The daemons get SIGTERM when the supervisor dies, however it dies.
"""

from __future__ import annotations

import logging
import select
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from daemons.process.child import Child
from daemons.process.presence import SUPERVISOR, Failing, Presence
from daemons.process.signals import heard
from queues.clock import Clock, utc
from queues.problem import Problem

OBEYED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
GRACE = 4.0  # seconds between telling a daemon to end at once and killing it
Daemons = Callable[[], Sequence[Sequence[str]]]  # the arguments of each daemon, from the settings as they are now
log = logging.getLogger(__name__)


def supervise(site: Path, daemons: Daemons, clock: Clock = utc) -> list[Failing]:
    """Run the daemons until told to stop; gives those that kept dying. Raises AlreadyRunning."""
    return Supervisor(site, daemons, clock).run()


class Supervisor:
    """The daemons' parent: `running`, `draining` until they have finished, or `ending` by a deadline."""

    def __init__(self, site: Path, daemons: Daemons, clock: Clock) -> None:
        self.site = site
        self.daemons = daemons
        self.clock = clock
        self.presence = Presence(site / "run", SUPERVISOR)
        self.state = "running"
        self.deadline = 0.0
        self.children: dict[str, Child] = {}
        self.adopt()

    def run(self) -> list[Failing]:
        """Live until told to stop, and until the last daemon has ended."""
        with self.presence, heard(signal.SIGCHLD, *OBEYED) as (bell, told):
            while patience := self.tend():
                self.presence.say(self.state, self.clock(), failing=self.failing())
                if select.select([bell], [], [], patience)[0]:
                    bell.recv(4096)
                while told:
                    self.obey(told.pop(0))
            return self.failing()

    def failing(self) -> list[Failing]:
        """Give the daemons that keep dying."""
        return [failing for child in self.children.values() if (failing := child.failing)]

    def tend(self) -> float:
        """Look after every daemon; gives the seconds until that is to be done again, 0 when all is over."""
        patience = min((child.tend() for child in self.children.values()), default=GRACE)
        if self.state == "running":
            return patience
        alive = [child for child in self.children.values() if child.alive()]
        left = self.deadline - time.monotonic()
        if self.state == "ending" and left <= 0:
            for child in alive:
                log.warning("%s did not end in time, and is killed", child.name)
                child.tell(signal.SIGKILL)
        return (max(left, 0.1) if self.state == "ending" else patience) if alive else 0.0

    def obey(self, number: int) -> None:
        """Do what a signal says."""
        if number == signal.SIGCHLD:
            return  # who ended is seen at the next tending
        if number == signal.SIGHUP:
            self.reload()
        elif number == signal.SIGQUIT or self.state != "running":
            self.stop("ending", signal.SIGQUIT)
        else:
            self.stop("draining", signal.SIGTERM)

    def stop(self, state: str, number: int) -> None:
        """Let every daemon come to its end."""
        self.state, self.deadline = state, time.monotonic() + GRACE
        for child in self.children.values():
            child.wanted = False
            child.tell(number)

    def reload(self) -> None:
        """Start every daemon again, with the settings as they are now."""
        if self.state != "running":
            return
        try:
            self.adopt()
        except Problem as problem:
            log.error("nothing is started again, for the settings are wrong: %s", problem)
            return
        for child in self.children.values():
            child.tell(signal.SIGHUP if child.wanted else signal.SIGTERM)

    def adopt(self) -> None:
        """Want exactly the daemons that the settings ask for; those of today that they do not are to end."""
        wanted = {child.name: child for child in (Child(self.site, one, self.clock) for one in self.daemons())}
        for name, child in self.children.items():
            child.wanted = name in wanted
        self.children = wanted | self.children
        for name in wanted:
            self.children[name].resume()
