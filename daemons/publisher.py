"""The archive inclusion daemon: claims a source whose gate passed, finds its parts by name, publishes both as one.

The commit is the publication; what follows only settles. A repeat finds everything published already and settles.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from archive import installable
from archive.inclusion import Arrival, Included, Refusal, TooSoon, Unchanged
from archive.signing import SigningFailed
from archive.snapshot import LostLink
from daemons.deciding import installing, results, superseding
from daemons.master import PLAN
from daemons.process.daemon import Daemon
from daemons.sites import Site
from queues import envelope, pruning
from queues.entry import Entry
from queues.outcomes import Done, Later, Outcome
from queues.problem import Problem
from queues.values import Plan, Suite, Upload
from review.notices import anew

SECOND = timedelta(seconds=2)  # of the last publication, and what is left of this one
RETRY = timedelta(minutes=1)  # before a key that could not be used is tried again
log = logging.getLogger(__name__)


class Publisher(Daemon[Upload]):
    """Includes one upload at a time."""

    def __init__(self, site: Site) -> None:
        super().__init__("include", site.run, [site.spool.archive], site.spool.clock)
        self.site = site

    def tidy(self, now: datetime) -> None:
        """Put away what was published long ago, and publish again what would expire or is out of order."""
        pruning.prune(self.site.spool.archive, now, self.site.settings.kept)
        try:
            snapshot = self.site.repository.tend(now)
        except Problem as problem:  # the next round, or doctor, has more to say
            log.error("the archive cannot be put in order: %s", problem)
        else:
            self.site.repository.catch_up()
            if snapshot:
                log.info("the archive was put in order and signed anew as %s", snapshot)
            if gone := self.site.keeper.thin(self.site.settings.thinning, now):
                log.info("snapshots are removed whose time is over: %s", ", ".join(gone))

    def handle(self, entry: Entry[Upload]) -> Outcome | None:
        """Publish an upload; when the archive is not fit to be published, no upload is to blame, and each waits."""
        try:
            return self._publish(entry)
        except SigningFailed as failed:
            log.error("archive %s cannot be signed: %s", entry.name, failed)
            return Later(f"it cannot be signed: {failed}", self.clock() + RETRY)
        except LostLink as lost:
            log.error("archive %s cannot be published: %s", entry.name, lost)
            return Later(str(lost), self.clock() + RETRY)

    def _publish(self, entry: Entry[Upload]) -> Outcome | None:
        upload, now = entry.envelope, self.clock()
        newer = superseding.published(self.site, upload)
        if newer is not None:
            superseding.leave(self.site, entry, newer)
            return None
        architectures = envelope.read(entry.path, Plan, PLAN).architectures
        parts = results.parts(self.site.spool, upload.key, architectures)
        match self.site.repository.include(upload, entry.files, parts, now, partial(self._objection, entry)):
            case TooSoon(not_before):
                return self._too_soon(not_before, now)
            case Refusal(reason):
                self.site.tell(anew("held", entry.history), upload, now, reason=reason)
                entry.hold(reason)
                return None
            case Included(snapshot):
                entry.note("published", snapshot=str(snapshot))
            case Unchanged():
                pass
        self.presence.detail = ""
        built = [part.job.architecture for part, _ in parts]
        self.site.tell("published", upload, now, built=" ".join(built))  # before a repeat finds fewer parts
        results.drop_parts(self.site.spool, upload.key, built, "published")
        return Done("published")

    def _objection(self, entry: Entry[Upload], suite: Suite, arrival: Arrival) -> str:
        """Say why what is new may not be published, by the suite's rule for what cannot be installed."""
        if suite.installable == "ignore":
            return ""
        found = installing.check(self.site, suite, arrival)
        verdict = installable.decide(suite.installable, found, installing.released_by(entry.history))
        if verdict.note:
            log.warning("archive %s: %s", entry.name, verdict.note)
            entry.note(installing.LOOKED_AT, note=verdict.note)
        if verdict.objection:
            entry.note(installing.LOOKED_AT, objection=verdict.objection)
        return verdict.objection

    def _too_soon(self, not_before: datetime, now: datetime) -> Later:
        """Let an upload wait until it may be published; say so where that is not in a moment (rule 27)."""
        if not_before - now <= SECOND:
            return Later("the archive was published in this very second", not_before)
        until = f"{not_before:%Y-%m-%d %H:%M:%S} UTC"
        reason = f"the clock was set back behind the last publication: nothing can be published before {until}"
        self.presence.detail = reason
        log.error("%s", reason)
        return Later(reason, not_before)
