"""Notices: what happened to an upload becomes an entry of the `notices` queue, once per event. Nothing is sent here."""

from __future__ import annotations

from datetime import datetime

from queues.layout import Spool
from queues.names import EntryName, part_key
from queues.values import Notice, Suite, Upload
from review.people import People
from review.recipients import recipients


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
    key = part_key(upload.key, event)
    if spool.notices.find(key) is None:
        spool.notices.put(EntryName(spool.notices.stamp(now), key), notice, {})
