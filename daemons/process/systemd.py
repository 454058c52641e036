"""What a daemon tells the service manager that started it, as sd_notify(3) says it; without one, nothing.

The watchdog is fed by the thread that works, and from nowhere else: a daemon that hangs says nothing, and is started
again. So whoever works for long calls `alive` at each step.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
from collections.abc import MutableMapping

PATIENCE = 5.0  # seconds for a manager that does not listen
MARGIN = 10.0  # seconds to end in, after the patience of a daemon is at its end
log = logging.getLogger(__name__)


class Manager:
    """The service manager, by its socket; `period` is the time in seconds within which it wants to hear `alive`."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Take its address from the environment, so that no program we start can speak for us."""
        self._socket = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        ours = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.period = int(microseconds) / 2e6 if microseconds and ours else math.inf
        self._due = 0.0

    @property
    def pause(self) -> float | None:
        """How long, in seconds, a sleep between two calls of `alive` may last; None: for ever."""
        return self.period / 2 if self.period < math.inf else None

    def ready(self) -> None:
        """Say that work begins."""
        self._tell("READY=1")

    def does(self, what: str) -> None:
        """Say in words what we do."""
        self._tell(f"STATUS={what}")

    def alive(self) -> None:
        """Feed the watchdog, when it is time."""
        if self.period < math.inf and (now := time.monotonic()) >= self._due:
            self._due = now + self.period / 2
            self._tell("WATCHDOG=1")

    def stopping(self, patience: float | None) -> None:
        """Say that the end comes, after so many seconds at most; None: when the unit says."""
        more = f"\nEXTEND_TIMEOUT_USEC={round((patience + MARGIN) * 1e6)}" if patience else ""
        self._tell(f"STOPPING=1{more}")

    def _tell(self, message: str) -> None:
        if not self._socket:
            return
        # a name that begins with @ is an abstract one (unix(7))
        address = f"\0{self._socket[1:]}" if self._socket.startswith("@") else self._socket
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.settimeout(PATIENCE)
                one.sendto(message.encode(), address)
        except OSError as error:
            log.warning("the service manager cannot be told (%s): %s", self._socket, error)
