"""The notices daemon: tells each notice, by a line in the log of events, by mail, and to the webhook.

Each way is tried apart from the others, and what was told stands in the notice's history: while one far side is away,
the notice waits, and the others hear of it all the same. Between notices the daemon looks whether there is anything to
tell that no single event caused (`reporting.telling`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from daemons.notifying.channel import Channel, Delivered, Delivery, Refused, Waits
from daemons.notifying.eventlog import EventLog
from daemons.notifying.events import DIGEST, kind
from daemons.notifying.mails import Mails
from daemons.notifying.templates import Templates
from daemons.notifying.webhook import Webhook
from daemons.process.daemon import Daemon
from daemons.reporting.telling import Teller
from daemons.sites import Site
from queues import machine, pruning
from queues.entry import Entry
from queues.outcomes import Done, Later, Outcome
from queues.rooms import Room
from queues.values import Notice

log = logging.getLogger(__name__)


class Notifier(Daemon[Notice]):
    """Tells one notice at a time."""

    def __init__(self, site: Site) -> None:
        super().__init__("notify", site.run, [site.spool.notices], site.spool.clock)
        templates = Templates(site.templates)
        self.teller = Teller(site, templates)
        self.keep = site.settings.kept
        self.log = EventLog(site.logs)
        self.channels: tuple[Channel, ...] = (Mails(site, templates), Webhook(site))

    def watched(self) -> list[Path]:
        """Name where notices arrive, and jobs that begin to wait for their build dependencies."""
        return [*super().watched(), *(queue.room(Room.WAITING) for queue in self.teller.spool.builds())]

    def tidy(self, now: datetime) -> None:
        """Remind of what waits; put away what was told long ago."""
        self._tell(now, self.teller.remind)
        pruning.prune(self.queues[0], now, self.keep)

    def handle(self, entry: Entry[Notice]) -> Outcome | None:
        """Tell one notice, as far as it was not told yet."""
        if kind(entry.envelope) != DIGEST:
            self.log.write(entry)
        outcome = together([channel.deliver(entry) for channel in self.channels])
        if isinstance(outcome, Refused):
            entry.hold(f"{outcome.reason}; 'debmill queue release {entry.name.key}' tries again")
            return None
        return outcome

    def idle(self, now: datetime) -> None:
        """Tell what no event caused."""
        self._tell(now, self.teller.tell_cycles, self.teller.tell_digest)

    def _tell(self, now: datetime, *tells: Callable[[datetime], None]) -> None:
        """Tell what is to be told; what cannot be told must not stop the mail."""
        for tell in tells:
            try:
                tell(now)
            except Exception as error:
                if machine.is_to_blame(error):
                    raise
                log.exception("something could not be told")


def together(deliveries: Sequence[Delivery]) -> Done | Later | Refused:
    """Say what becomes of a notice: it waits while anybody is to be tried again, then perhaps for a person. Pure."""
    waits = [one for one in deliveries if isinstance(one, Waits)]
    if waits:
        return Later("; ".join(one.reason for one in waits), min(one.until for one in waits))
    refused = [one.reason for one in deliveries if isinstance(one, Refused)]
    if refused:
        return Refused("; ".join(refused))
    return Done(", ".join(one.note for one in deliveries if isinstance(one, Delivered) and one.note))
