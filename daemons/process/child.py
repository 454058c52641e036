"""One daemon's process under the supervisor: started, started again when it dies, and told to stop.

How it ended decides what follows: with 0 it was told to stop, and stays so; with the status that asks for it, it is
started again at once; in any other way it died, and the pause before the next start grows while it keeps dying.

It may live already: a supervisor that was killed leaves daemons that finish what they have in hand. Such a one is no
failure; it is waited for.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from daemons.process import presence
from daemons.process.daemon import AGAIN
from daemons.process.presence import Failing
from queues.clock import Clock

SHORTEST, LONGEST = 1.0, 60.0  # seconds of pause before a daemon is started again
LOOK = 0.5  # seconds between two looks at one that another supervisor has left
OFTEN = 3  # deaths in a row that make a daemon `failing`
ASKED = (AGAIN, -signal.SIGHUP)  # the second: it was told before it could obey
log = logging.getLogger(__name__)


class Child:
    """One daemon's process, and when it may be started again."""

    def __init__(self, site: Path, arguments: Sequence[str], clock: Clock) -> None:
        self.name = "-".join(arguments)
        self.run = site / "run"
        self.command = [
            *("setpriv", "--pdeathsig", "TERM", "--"),
            *(sys.executable, "-P", "-m", "daemons.command", "--site", str(site), "daemon"),
            *("--parent", str(os.getpid()), *arguments),
        ]
        self.clock = clock
        self.wanted = True
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self.lingers = False
        self._since: datetime | None = None
        self._status = 0
        self._started = self._due = time.monotonic()

    @property
    def failing(self) -> Failing | None:
        """Say how it keeps dying, when it does."""
        if self.deaths < OFTEN or self._since is None:
            return None
        return Failing(self.name, self._since, self.deaths, self._status)

    def alive(self) -> bool:
        """Say whether it runs, and draw the conclusions when it has ended."""
        if self.process is not None and self.process.poll() is not None:
            status, self.process = self.process.returncode, None
            self._conclude(status)
        return self.process is not None

    def tend(self) -> float:
        """Start the daemon when it is time; gives the seconds until it wants to be tended again."""
        if self.alive():
            lived = time.monotonic() - self._started
            if lived > LONGEST:
                self.deaths = 0
            return LONGEST
        left = self._due - time.monotonic()
        if not self.wanted:
            return LONGEST
        if left > 0:
            return left
        if self._is_left():
            return LOOK
        self._start()
        return LONGEST

    def resume(self) -> None:
        """Want it again, at once."""
        self.wanted, self._due = True, time.monotonic()

    def tell(self, number: int) -> None:
        """Send the daemon a signal."""
        if self.alive() and self.process is not None:
            self.process.send_signal(number)

    def _is_left(self) -> bool:
        """Say whether another supervisor's daemon of this name still lives; a log tells when that begins."""
        before, self.lingers = self.lingers, presence.lives(self.run, self.name)
        if self.lingers and not before:
            log.warning("%s still finishes what it has in hand; it is started again then", self.name)
        return self.lingers

    def _start(self) -> None:
        self._started = time.monotonic()
        # a session of its own: Ctrl-C is the supervisor's to pass on
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, start_new_session=True)

    def _conclude(self, status: int) -> None:
        lived = time.monotonic() - self._started
        if not self.wanted:
            return
        if status in ASKED:
            self.deaths, self._due = 0, time.monotonic()
        elif status == 0:
            log.warning("%s has stopped, as it was told; SIGHUP to the supervisor starts it again", self.name)
            self.wanted = False
        else:
            log.error("%s ended with status %s after %.0f s", self.name, status, lived)
            self.deaths = 1 if lived > LONGEST else self.deaths + 1
            self._since = self.clock() if self.deaths == 1 else self._since
            self._status, self._due = status, time.monotonic() + pause(self.deaths)


def pause(deaths: int) -> float:
    """Give the seconds before the next start after so many deaths in a row."""
    return min(SHORTEST * (1 << min(deaths, 16)), LONGEST)
