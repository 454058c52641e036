"""Making notices: what happened to an upload becomes an entry of the `notices` queue, once per event.

Whom it concerns is decided when it happens, by rule 34; sending is another daemon's work.
"""

from __future__ import annotations

from datetime import datetime

from review.recipients import recipients

from daemons.sites import Site
from queues.names import EntryName, part_key
from queues.values import Notice, Upload
from review.people import People


def tell(site: Site, event: str, upload: Upload, now: datetime, **facts: str) -> None:
    """Put a notice about an upload into the queue; the same event again does nothing."""
    queue = site.spool.notices
    people = People(site.keys)
    suite = site.settings.suites.get(upload.suite)
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
    queue.put(EntryName(queue.stamp(now), part_key(upload.key, event)), notice, {})
