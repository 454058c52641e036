"""Notices: what happened to an upload becomes an entry of the `notices` queue, once per event. Nothing is sent here.

An event is told once, however often a crash repeats it. What happens again because a person put the entry back is
another event, and has a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from queues.history import Event
from queues.layout import Spool
from queues.names import EntryName, Key, part_key, upload_key
from queues.values import Notice, Suite, Upload
from review.people import People
from review.person import UnknownPerson
from review.recipients import judges, recipients
from review.verdicts import Refused

RECEIVED, ASKED, UNDONE = "received", "asked", "undone"
PUT_BACK = ("given back", "released", ASKED, UNDONE)  # with `by`: a person did it


def tell(
    spool: Spool, people: People, suite: Suite | None, event: str, upload: Upload, now: datetime, **facts: str
) -> None:
    """Put a notice into the queue; the same event of the same upload again does nothing."""
    notice = Notice(
        event=event,
        upload=upload.key,
        source=upload.source,
        version=upload.version,
        suite=upload.suite,
        recipients=recipients(upload, people, suite.notify_domains if suite else ()),
        facts=facts,
        at=now,
    )
    lay(spool, part_key(upload.key, event), notice)


def tell_received(spool: Spool, people: People, suite: Suite, upload: Upload, now: datetime) -> None:
    """Tell who sent an upload that it was taken, and the reviewers of its suite that it waits for them."""
    to = recipients(upload, people, suite.notify_domains)
    known = {mail.lower() for mail in to}
    reviewers = [mail for mail in judges(people.reviewers(), suite.name) if mail.lower() not in known]
    facts = {"by": upload.uploader}
    one = Notice(RECEIVED, upload.key, upload.source, upload.version, upload.suite, (*to, *reviewers), facts, now)
    lay(spool, part_key(upload.key, RECEIVED), one)


def lay(spool: Spool, key: Key, notice: Notice) -> None:
    """Put a notice into the queue, unless one of this key is there, sent or not."""
    if spool.notices.find(key) is None:
        spool.notices.put(EntryName(spool.notices.stamp(notice.at), key), notice, {})


def anew(event: str, events: Iterable[Event]) -> str:
    """Name an event of an entry with this history; a number counts how often a person put the entry back. Pure."""
    again = sum(one.event in PUT_BACK and "by" in one.facts for one in events)
    return f"{event}-{again + 1}" if again else event


def tell_refused(
    spool: Spool, people: People, account: str, refused: Refused, now: datetime, *, heard: bool = False
) -> None:
    """Tell of a refusal; there is no upload that it could belong to. Who heard it while connected gets no mail."""
    mails: tuple[str, ...] = ()
    if not heard:
        with suppress(UnknownPerson):
            mails = (people.uploader(account).mail,)
    digest = hashlib.sha256(f"{account} {now.isoformat()} {refused.changes}".encode()).hexdigest()
    key = upload_key("intake", "0", digest)
    facts = {"what": refused.changes, "reason": refused.note, "rule": refused.rule, "account": account}
    notice = Notice("refused", key, "intake", "0", "", mails, facts, now)
    lay(spool, part_key(key, "refused"), notice)
