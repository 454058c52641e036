"""The notices daemon: turns each notice into a mail and sends it, or lays it in logs/mail where no server is named.

A mail's Message-ID is made of the notice's key, so that a mail sent twice around a crash is one mail to its reader.
"""

from __future__ import annotations

import smtplib
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from daemons.daemon import Daemon
from daemons.settings import Mail, address
from daemons.sites import Site
from queues import atomic
from queues.entry import Entry
from queues.names import Key
from queues.outcomes import Done, Later, Outcome
from queues.values import Notice

RETRY = timedelta(minutes=5)
TIMEOUT = 30  # seconds


class Notifier(Daemon[Notice]):
    """Sends one notice at a time."""

    def __init__(self, site: Site) -> None:
        super().__init__("notify", site.run, [site.spool.notices], site.spool.clock)
        self.mail = site.settings.mail
        self.directory = site.logs / "mail"

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
