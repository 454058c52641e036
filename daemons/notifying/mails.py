"""Mails: each notice is one, handed to the mail server, or laid in logs/mail where none is named.

Who got it stands in the notice's history, so that nobody gets it twice. While the server is away every notice waits,
and only now and then one of them tries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.message import EmailMessage

from daemons.notifying import choosing
from daemons.notifying.channel import Delivered, Delivery, Refused, Waits
from daemons.notifying.composing import compose
from daemons.notifying.events import kind
from daemons.notifying.pauses import Pause, after
from daemons.notifying.smtp import Away, send
from daemons.notifying.templates import Templates
from daemons.sites import Site
from queues import atomic
from queues.entry import Entry
from queues.values import Notice
from review.person import UnknownPerson

MAILED, PUT_OFF, NOT_MAILED = "mailed", "put off", "not mailed"


class Mails:
    """The mails of a site."""

    def __init__(self, site: Site, templates: Templates) -> None:
        self._site = site
        self._mail = site.settings.mail
        self._templates = templates
        self._pause = Pause()

    def deliver(self, entry: Entry[Notice]) -> Delivery:
        """Mail a notice to whoever has not got it."""
        to = self._left(entry)
        if not to:
            return Delivered(self._said(entry))
        if not self._mail.smtp:
            return self._lay(entry, to)
        now = self._site.spool.clock()
        if self._pause.until and self._pause.lasts(now):
            return Waits(self._pause.reason, self._pause.until)
        try:
            answer = send(self._composed(entry), to, self._mail)
        except Away as away:
            return Waits(str(away), self._pause.begin(str(away), now))
        self._pause.end()
        if answer.taken:
            entry.note(MAILED, to=" ".join(answer.taken))
        if answer.later:
            tries = sum(event.event == "deferred" for event in entry.history) + 1
            return Waits(_told(self._mail.smtp, answer.later), now + after(tries))
        if answer.never:
            return Refused(_told(self._mail.smtp, answer.never))
        return Delivered(self._said(entry))

    def _left(self, entry: Entry[Notice]) -> list[str]:
        """Give who still is to get it; whoever gets it otherwise is noted."""
        notice = entry.envelope
        if (
            not notice.recipients
            or kind(notice) in self._mail.without
            or any(event.event == NOT_MAILED for event in entry.history)
        ):
            return []
        if before := choosing.told_before(entry.queue, entry.name, notice):
            entry.note(NOT_MAILED, reason=f"the cause is that of {before}")
            return []
        if not any(event.event == PUT_OFF for event in entry.history):
            self._put_off(entry)
        got = {mail for event in (MAILED, PUT_OFF) for mail in addresses(entry, event)}
        return [mail for mail in notice.recipients if mail not in got]

    def _put_off(self, entry: Entry[Notice]) -> None:
        at = self._site.settings.report.digest
        later = choosing.put_off(self._site.people, entry.envelope, everybody=self._mail.digest) if at else ()
        if later:
            day = choosing.day_of(self._site.spool.clock(), at)
            entry.note(PUT_OFF, to=" ".join(later), digest=day)

    def _composed(self, entry: Entry[Notice]) -> EmailMessage:
        notice, off = entry.envelope, {*addresses(entry, PUT_OFF)}
        to = [mail for mail in notice.recipients if mail not in off]
        text = self._templates.write(notice)
        return compose(notice, entry.name.key, text, self._mail.sender, to, self._reply_to(notice))

    def _reply_to(self, notice: Notice) -> Sequence[str]:
        """Name the reviewer who speaks, so that an answer reaches a person."""
        with suppress(UnknownPerson):
            return (self._site.people.reviewer(notice.facts.get("by", "")).mail,)
        return ()

    def _lay(self, entry: Entry[Notice], to: Sequence[str]) -> Delivery:
        path = self._site.logs / "mail" / f"{entry.name}.eml"
        atomic.make(path.parent)
        atomic.replace(path, self._composed(entry).as_bytes())
        entry.note(MAILED, to=" ".join(to), file=f"{path.parent.name}/{path.name}")
        return Delivered(self._said(entry))

    def _said(self, entry: Entry[Notice]) -> str:
        if any(event.event == NOT_MAILED for event in entry.history):
            return "not mailed"
        if not entry.envelope.recipients:
            return "nobody is registered for it"
        words = [f"mailed to {' '.join(addresses(entry, MAILED))}" if [*addresses(entry, MAILED)] else ""]
        words.append(f"in the digest of {' '.join(addresses(entry, PUT_OFF))}" if [*addresses(entry, PUT_OFF)] else "")
        return ", ".join(filter(None, words)) or "not mailed"


def addresses(entry: Entry[Notice], event: str) -> Iterator[str]:
    """Give who got a notice, or is to get it, by what its history says."""
    for one in entry.history:
        if one.event == event:
            yield from one.facts["to"].split()


def _told(server: str, refused: dict[str, str]) -> str:
    return f"{server}: " + "; ".join(f"{mail}: {words}" for mail, words in refused.items())
