"""The notices daemon: turns each notice into a mail and sends it, or lays it in logs/mail where no server is named.

Between notices it looks whether there is anything to tell that no single event caused (`reporting.telling`).

A mail's Message-ID is made of the notice's key, so that a mail sent twice around a crash is one mail to its reader.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from daemons.process.daemon import Daemon
from daemons.reporting.telling import Teller
from daemons.settings import Mail, address
from daemons.sites import Site
from queues import atomic, machine, pruning
from queues.entry import Entry
from queues.names import Key
from queues.outcomes import Done, Later, Outcome
from queues.rooms import Room
from queues.values import Notice

RETRY = timedelta(minutes=5)
TIMEOUT = 30  # seconds
log = logging.getLogger(__name__)


class Notifier(Daemon[Notice]):
    """Sends one notice at a time."""

    def __init__(self, site: Site) -> None:
        super().__init__("notify", site.run, [site.spool.notices], site.spool.clock)
        self.teller = Teller(site)
        self.mail = site.settings.mail
        self.keep = site.settings.kept
        self.directory = site.logs / "mail"

    def watched(self) -> list[Path]:
        """Name where notices arrive, and jobs that begin to wait for their build dependencies."""
        return [*super().watched(), *(queue.room(Room.WAITING) for queue in self.teller.spool.builds())]

    def tidy(self, now: datetime) -> None:
        """Put away what was told long ago."""
        pruning.prune(self.queues[0], now, self.keep)

    def handle(self, entry: Entry[Notice]) -> Outcome:
        """Send one notice."""
        if not entry.envelope.recipients:
            return Done("nobody is registered for it")
        message = compose(entry.envelope, entry.name.key, self.mail.sender)
        if not self.mail.smtp:
            return _lay(message, self.directory / f"{entry.name}.eml")
        try:
            _send(message, self.mail)
        except (OSError, smtplib.SMTPException) as error:
            return Later(f"{self.mail.smtp}: {error}", self.clock() + RETRY)
        return Done(f"sent to {', '.join(entry.envelope.recipients)}")

    def idle(self, now: datetime) -> None:
        """Tell what is to be told; what cannot be told must not stop the mail."""
        for tell in (self.teller.tell_cycles, self.teller.tell_digest):
            try:
                tell(now)
            except Exception as error:
                if machine.is_to_blame(error):
                    raise
                log.exception("something could not be told")


def compose(notice: Notice, key: Key, sender: str) -> EmailMessage:
    """Write the mail of a notice: the first line of its template is the subject (RFC 5322)."""
    environment = Environment(
        loader=PackageLoader("daemons"), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    text = environment.get_template(f"{notice.event.partition('-')[0]}.txt").render(notice=notice, **notice.facts)
    subject, _, body = text.partition("\n")
    message = EmailMessage()
    message["Subject"] = subject.strip()
    message["From"] = sender
    message["To"] = ", ".join(notice.recipients)
    message["Date"] = format_datetime(notice.at)
    domain = sender.rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{key}@{domain}>"
    if notice.upload != key:
        message["References"] = f"<{notice.upload}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body.lstrip("\n"))
    return message


def _lay(message: EmailMessage, path: Path) -> Outcome:
    atomic.make(path.parent)
    atomic.replace(path, message.as_bytes())
    return Done(f"written to {path.parent.name}/{path.name}")


def _send(message: EmailMessage, mail: Mail) -> None:
    host, port = address(mail.smtp)
    with smtplib.SMTP(host, port, timeout=TIMEOUT) as server:
        server.send_message(message)
