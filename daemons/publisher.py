"""The archive inclusion daemon: claims a source whose gate passed, finds its parts by name, publishes both as one.

The commit is the publication; what follows only settles. A repeat finds everything published already and settles.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from archive import delivery, installable
from archive.inclusion import Built, Included, Refusal, TooSoon, Unchanged
from archive.signing import SigningFailed
from archive.snapshot import LostLink
from daemons.deciding import installing, results, sets, superseding
from daemons.deciding.asking import PLAN
from daemons.process.daemon import Daemon
from daemons.sites import Site
from queues import envelope, pruning
from queues.entry import Entry
from queues.names import Key
from queues.outcomes import Done, Later, Outcome
from queues.problem import Problem
from queues.rooms import Room
from queues.values import BuildResult, Plan, Suite, Upload
from review import together
from review.notices import anew

SECOND = timedelta(seconds=2)  # of the last publication, and what is left of this one
RETRY = timedelta(minutes=1)  # before a key that could not be used is tried again
log = logging.getLogger(__name__)


class Publisher(Daemon[Upload]):
    """Includes one upload, or one set of them, at a time."""

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
        """Publish an upload, with all others of its set or not at all."""
        with ExitStack() as claims:
            company = self._company(entry, claims)
            if not isinstance(company, list):
                return company
            members = sorted([entry, *company], key=lambda one: one.name)
            outcome = self._try(members)
            if outcome is not None:
                for one in company:
                    one.settle(outcome)
            return outcome

    def _company(self, entry: Entry[Upload], claims: ExitStack) -> list[Entry[Upload]] | Outcome | None:
        """Claim the others of an upload's set, none when it is of no set; or say what becomes of it without them."""
        bond = together.of(entry.path)
        mates = sets.mates(self.site.spool, entry.name.key, bond, entry.history) if bond else []
        if lost := [mate for mate in mates if mate.stands == "lost"]:
            sets.part(self.site, entry, sets.parted(lost), self.clock())
            return None
        if absent := [str(mate) for mate in mates if mate.stands in sets.COMING]:
            return Later(f"waits for {', '.join(absent)} of its set", self.clock() + RETRY)
        keys = [mate.key for mate in mates if mate.stands == "passed"]
        claimed = [one for key in keys if (one := self._claimed(key, claims))]
        if len(claimed) < len(keys):
            return Later("another of its set is in other hands at this moment", self.clock() + SECOND)
        return claimed

    def _claimed(self, key: Key, claims: ExitStack) -> Entry[Upload] | None:
        for room in (Room.READY, Room.DEFERRED):
            entry = claims.enter_context(self.site.spool.archive.claim(key, room))
            if entry is not None:
                return entry
        return None

    def _try(self, members: Sequence[Entry[Upload]]) -> Outcome | None:
        """Publish; when the archive is not fit to be published, no upload is to blame, and each waits."""
        try:
            return self._publish(members)
        except SigningFailed as failed:
            log.error("archive %s cannot be signed: %s", members[0].name, failed)
            return Later(f"it cannot be signed: {failed}", self.clock() + RETRY)
        except LostLink as lost:
            log.error("archive %s cannot be published: %s", members[0].name, lost)
            return Later(str(lost), self.clock() + RETRY)

    def _publish(self, members: Sequence[Entry[Upload]]) -> Outcome | None:
        now = self.clock()
        for entry in members:
            if newer := superseding.published(self.site, entry.envelope):
                superseding.leave(self.site, entry, newer)
                return None  # the others, if any, are given back, and find that they have lost it
        parts = {entry.name.key: self._parts(entry) for entry in members}
        brought = [delivery.of_upload(entry.envelope, entry.files, parts[entry.name.key]) for entry in members]
        objection, suite = partial(self._objection, members), members[0].envelope.suite
        match self.site.repository.include_together(suite, brought, now, objection):
            case TooSoon(not_before):
                return self._too_soon(not_before, now)
            case Refusal(reason):
                for entry in members:
                    self.site.tell(anew("held", entry.history), entry.envelope, now, reason=reason)
                    entry.hold(reason)
                return None
            case Included(snapshot):
                for entry in members:
                    entry.note("published", snapshot=str(snapshot))
            case Unchanged():
                pass
        self.presence.detail = ""
        for entry in members:
            built = [part.job.architecture for part, _ in parts[entry.name.key]]
            self.site.tell("published", entry.envelope, now, built=" ".join(built))  # before a repeat finds fewer parts
            results.drop_parts(self.site.spool, entry.name.key, built, "published")
        return Done("published")

    def _parts(self, entry: Entry[Upload]) -> list[tuple[BuildResult, Path]]:
        architectures = envelope.read(entry.path, Plan, PLAN).architectures
        return results.parts(self.site.spool, entry.name.key, architectures)

    def _objection(self, members: Sequence[Entry[Upload]], suite: Suite, new: Sequence[Built]) -> str:
        """Say why what is new may not be published, by the suite's rule for what cannot be installed."""
        if suite.installable == "ignore":
            return ""
        found = installing.check(self.site, suite, new)
        released = next(filter(None, (installing.released_by(entry.history) for entry in members)), "")
        verdict = installable.decide(suite.installable, found, released)
        for entry in members:
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
