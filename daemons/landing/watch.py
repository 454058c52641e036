"""In the place of our own SFTP server: sshd's accounts land files, and we are woken by each that is closed.

A hint wakes, a look finds: every landing place whose uploader is registered, also one that was made a moment ago.
Where a place is not as it should be, the log says so once, and the others go on.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from daemons.intake.area import Areas
from daemons.landing.carrying import Alive
from daemons.landing.place import Landing
from daemons.landing.tending import Tender
from queues.clock import Clock
from queues.watching import WRITTEN, Wakeup
from review.people import People

PERIOD = 30.0  # seconds between two looks that nothing asked for
SOON = 5.0  # the same, while something lies there that may be whole by then
BURST = 0.1  # seconds in which what arrives is one look
log = logging.getLogger(__name__)


class Watch:
    """Watches the landing places below one directory, and has each tended by the uploader's own tender."""

    def __init__(
        self, path: Path, areas: Areas, people: People, tender: Callable[[Landing], Tender], clock: Clock
    ) -> None:
        self.path = path
        self.areas = areas
        self.introduction: tuple[str, ...] = ()  # by which key clients know sshd is its own to say
        self._people = people
        self._tender = tender
        self._clock = clock
        self._wakeup = Wakeup(WRITTEN)
        self._tenders: dict[str, Tender] = {}
        self._said: dict[str, str] = {}
        areas.sweep()  # what a daemon that died left unfinished

    def serve_until(self, stop: socket.socket, alive: Alive = lambda: None, period: float | None = None) -> None:
        """Look at all places whenever something was closed in one, until `stop` is readable."""
        threading.Thread(target=self._ring_at, args=(stop,), daemon=True).start()
        with self._wakeup.watching([self.path]):
            while not select.select([stop], [], [], 0)[0]:
                pause = SOON if self.look(alive) else PERIOD
                select.select([stop], [], [], BURST)
                self._wakeup.wait(min(period or pause, pause))

    def look(self, alive: Alive = lambda: None) -> bool:
        """Have each place tended; where one cannot be, the others are. Says whether something lies in any."""
        lying = False
        for name in self._names():
            alive()
            try:
                lying |= self._place(name).tend(self._clock(), alive)
                self._said.pop(name, None)
            except OSError as error:
                self._complain(name, f"{error.filename or self.path / name}: {error.strerror}")
            except Exception:
                log.exception("intake: what landed for %s could not be looked at", name)
        return lying

    def _names(self) -> list[str]:
        """Name the uploaders who have a landing place and are registered now."""
        try:
            places = sorted(path.name for path in self.path.iterdir() if path.is_dir())
        except OSError as error:
            self._complain("", f"{self.path}: {error.strerror}; etc/sshd/README.md says how it is made")
            return []
        registered = self._people.names()[0]
        for name in places:
            if name not in registered:
                self._complain(name, f"{self.path / name}: '{name}' is no uploader, so nothing is taken from there")
        return [name for name in places if name in registered]

    def _place(self, name: str) -> Tender:
        if name not in self._tenders:
            landing = Landing(self.path / name)
            self._tenders[name] = self._tender(landing)
            self._wakeup.watch(landing.incoming)
        return self._tenders[name]

    def _complain(self, name: str, what: str) -> None:
        if self._said.get(name) != what:
            self._said[name] = what
            log.error("intake: %s", what)

    def _ring_at(self, stop: socket.socket) -> None:
        select.select([stop], [], [])
        self._wakeup.ring()
