"""The archive inclusion daemon: claims a source whose gate passed, finds its parts by name, publishes both as one.

The commit is the publication; what follows only settles. A repeat finds everything published already and settles.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from archive.repository import Included, Refusal, TooSoon, Unchanged
from archive.signing import SigningFailed
from daemons import results
from daemons.daemon import Daemon
from daemons.master import PLAN
from daemons.sites import Site
from queues import envelope
from queues.entry import Entry
from queues.outcomes import Done, Later, Outcome
from queues.values import Plan, Upload
from review.notices import anew

RETRY = timedelta(minutes=1)  # before a key that could not be used is tried again
log = logging.getLogger(__name__)


class Publisher(Daemon[Upload]):
    """Includes one upload at a time."""

    def __init__(self, site: Site) -> None:
        super().__init__("include", site.run, [site.spool.archive], site.spool.clock)
        self.site = site

    def handle(self, entry: Entry[Upload]) -> Outcome | None:
        """Publish an upload; when the archive's key cannot be used, no upload is to blame, and each is tried again."""
        try:
            return self._publish(entry)
        except SigningFailed as failed:
            log.error("archive %s cannot be signed: %s", entry.name, failed)
            return Later(f"it cannot be signed: {failed}", self.clock() + RETRY)

    def _publish(self, entry: Entry[Upload]) -> Outcome | None:
        upload, now = entry.envelope, self.clock()
        architectures = envelope.read(entry.path, Plan, PLAN).architectures
        parts = results.parts(self.site.spool, upload.key, architectures)
        match self.site.repository.include(upload, entry.files, parts, now):
            case TooSoon(not_before):
                return Later("the archive was published in this very second", not_before)
            case Refusal(reason):
                self.site.tell(anew("held", entry.history), upload, now, reason=reason)
                entry.hold(reason)
                return None
            case Included(snapshot):
                entry.note("published", snapshot=str(snapshot))
            case Unchanged():
                pass
        results.drop_parts(self.site.spool, upload.key, architectures, "published")
        self.site.tell("published", upload, now, built=" ".join(part.job.architecture for part, _ in parts))
        return Done("published")
