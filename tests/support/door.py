"""The intake of a site, run in this process: its SFTP server on a port of its own, its clock a moveable one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from daemons import samples, settings
from daemons.intake import hostkey
from daemons.receiving.reception import Reception
from daemons.settings import Intake, Settings
from daemons.sites import Site
from queues import atomic
from queues.clock import utc
from queues.layout import Spool
from queues.names import Key
from queues.values import Notice, Suite
from tests.support.clients import Uploader
from tests.support.people import Person

SUITES = {"demo": Suite("demo", accepts=("unstable",), architectures=("amd64", "i386"))}


class Door:
    """A site whose intake is open."""

    def __init__(self, path: Path) -> None:
        atomic.make(path)
        (path / settings.FILE).write_text(samples.sample(SUITES, Settings(intake=Intake(listen="127.0.0.1:0"))))
        self.ahead = timedelta()
        self.site = Site(path)
        self.site.spool = Spool(path, self.now)
        self.site.spool.create(["amd64", "i386"])
        for directory in (self.site.uploading, self.site.archive, self.site.keys):
            atomic.make(directory)
        hostkey.make(self.site.host_key)
        self.site.repository.init(utc())
        self.reception = Reception(self.site)
        self.server = self.reception._serve()

    def now(self) -> datetime:
        """The site's time."""
        return utc() + self.ahead

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let clients in."""
        bell, stop = socket.socketpair()
        thread = threading.Thread(target=self.server.serve_until, args=(bell,))
        thread.start()
        try:
            yield
        finally:
            stop.send(b"x")
            thread.join()
            bell.close()
            stop.close()

    def register(self, person: Person, account: str) -> Uploader:
        """Register somebody, and give their tools."""
        keys = person.ssh_public.read_bytes(), person.certificate.read_bytes()
        self.site.people.add_uploader(account, *keys, utc())
        key = hostkey.load(self.site.host_key)
        return Uploader(person, account, self.server.address[1], hostkey.known_hosts_line(key, *self.server.address))

    def look(self) -> None:
        """Look at all areas, as the daemon does now and then."""
        self.reception.look(self.server.areas.all())

    def lying(self, account: str) -> list[str]:
        """Name the unfinished files of an account."""
        return [*self.server.areas.of(account).files()]

    def told(self, event: str) -> list[Notice]:
        """Give the notices of an event by which somebody gets a mail."""
        queue = self.site.spool.notices
        found = [queue.peek(room, name) for room in queue.rooms for name in queue.names(room)]
        return [notice for notice in found if notice.event == event and notice.recipients]

    def where(self, key: Key) -> str:
        """Name the room that an upload is in."""
        for queue in self.site.spool.uploads():
            found = queue.find(key)
            if found:
                return f"{queue.name}/{found[0]}"
        return ""
