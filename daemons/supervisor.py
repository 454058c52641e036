"""The supervisor: keeps the daemons of a site running as one process tree, where no systemd does it.

A daemon that ends is started again after a pause that grows while it keeps dying. The daemons get SIGTERM when the
supervisor dies, however it dies.
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from daemons.presence import Presence

SHORTEST, LONGEST = 1.0, 60.0  # seconds of pause before a daemon is started again
GRACE = 10.0  # seconds between SIGTERM and SIGKILL
log = logging.getLogger(__name__)


class Child:
    """One daemon's process, and when it may be started again."""

    def __init__(self, site: Path, arguments: Sequence[str]) -> None:
        self.name = "-".join(arguments)
        self.command = [
            *("setpriv", "--pdeathsig", "TERM", "--"),
            *(sys.executable, "-m", "daemons.command", "--site", str(site), "daemon", *arguments),
        ]
        self.process: subprocess.Popen[bytes] | None = None
        self.pause = SHORTEST
        self.started = 0.0

    def start(self) -> None:
        """Start the daemon."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)

    def tend(self) -> float:
        """Start the daemon again when it has ended and its pause is over; seconds until it wants to be tended again."""
        if self.process is not None and self.process.poll() is None:
            return LONGEST
        if self.process is not None:
            lived = time.monotonic() - self.started
            log.error("%s ended with status %s after %.0f s", self.name, self.process.returncode, lived)
            self.pause = SHORTEST if lived > LONGEST else min(self.pause * 2, LONGEST)
            self.process = None
        left = self.started + self.pause - time.monotonic() if self.started else 0.0
        if left > 0:
            return left
        self.start()
        return LONGEST

    def stop(self) -> None:
        """Ask the daemon to stop."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def finish(self, deadline: float) -> None:
        """Wait for the daemon to stop, and end it when it does not."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop in time: its entry goes back to its queue", self.name)
            self.process.kill()
            self.process.wait()


def supervise(site: Path, daemons: Sequence[Sequence[str]]) -> None:
    """Run the daemons until SIGTERM or SIGINT. Raises AlreadyRunning."""
    children = [Child(site, arguments) for arguments in daemons]
    with Presence(site / "run", "supervisor"), _wakeups() as (bell, stop):
        while not stop:
            patience = min(child.tend() for child in children)
            if select.select([bell], [], [], patience)[0]:
                bell.recv(4096)
        for child in children:
            child.stop()
        deadline = time.monotonic() + GRACE
        for child in children:
            child.finish(deadline)


@contextmanager
def _wakeups() -> Iterator[tuple[socket.socket, list[int]]]:
    """Give a socket that is readable after a signal, and a list that is not empty once it is time to stop."""
    bell, hammer = socket.socketpair()
    bell.setblocking(False)
    hammer.setblocking(False)
    stop: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- the shape of a signal handler
        if number != signal.SIGCHLD:
            stop.append(number)

    numbers = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, note) for number in numbers}
    written = signal.set_wakeup_fd(hammer.fileno(), warn_on_full_buffer=False)
    try:
        yield bell, stop
    finally:
        signal.set_wakeup_fd(written)
        for number, handler in before.items():
            signal.signal(number, handler)
        bell.close()
        hammer.close()
