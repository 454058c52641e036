"""A build daemon: takes the oldest job of the queues it serves, builds it, and says what came of it.

One build at a time; several daemons side by side are several slots, of one site or of many, and a machine may have
fewer places for builds than these. It publishes nothing: what was built waits as a part for its source. What a build
leaves in the entry while it runs is thrown away when the job is begun again.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from daemons import buildlogs
from daemons.building.bases import base
from daemons.building.bases.refreshing import Refreshing
from daemons.building.builds import ways
from daemons.building.builds.build import Settings
from daemons.building.builds.outcomes import Cancelled, Killed, Suspicious
from daemons.building.builds.outcomes import Outcome as Built
from daemons.building.builds.places import Places
from daemons.building.builds.recipe import log_name
from daemons.building.environment import DepWait
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Keeping, Layered
from daemons.building.roots.ahead import Ahead
from daemons.buildlogs import OUT
from daemons.deciding import resuming, siblings, verdicts
from daemons.deciding.siblings import Siblings
from daemons.process.daemon import Daemon
from daemons.sites import Site
from daemons.steering import cancelling, jobs
from daemons.telling.meaning import DEP_WAIT, SET_WAIT
from queues import atomic, history
from queues.entry import Entry
from queues.outcomes import Done, Later, Outcome
from queues.rooms import Room
from queues.values import BuildJob, BuildResult
from review.notices import anew

SHORTEST, DOUBLINGS = timedelta(minutes=1), 6  # before a job that the machine failed is tried again: up to an hour
LOOK = 1.0  # seconds between two looks whether a build elsewhere has ended, and left its place
log = logging.getLogger(__name__)


class Builder(Daemon[BuildJob]):
    """One slot: builds for the architectures that it serves, those of all queues unless the settings say less."""

    def __init__(self, site: Site, slot: str) -> None:
        rules = site.settings.build
        serves = rules.served_by(slot)
        queues = [queue for queue in site.spool.builds() if not serves or queue.name.rpartition("/")[2] in serves]
        super().__init__(f"build-{slot}", site.run, queues, site.spool.clock)
        self.site = site
        self.spool = site.spool
        self.settings = Settings(rules.limits, rules.parallel_on(len(os.sched_getaffinity(0))))
        self.keeping = Keeping(rules.layers_size, rules.indices_minutes * 60)
        self.patience = rules.drain_seconds
        self.ahead = Ahead(lambda: caches(site))
        self.refreshing = Refreshing(site.environments, rules.base_days, _refresh(site, rules.base_days))
        self.places = Places(lambda: caches(site), rules.host_slots)

    def run(self) -> None:
        """Work until told to stop; what was started ahead of the need ends with it."""
        with self.ahead:
            super().run()

    def watched(self) -> list[Path]:
        """Name where jobs arrive, where the archive changes, which may end a dep-wait, and the caches of bases."""
        parts = self.spool.parts.room(Room.PARTS)  # for which others of a set wait
        return [*super().watched(), parts, self.site.archive / "dists", *caches(self.site)]

    def one(self) -> bool:
        """Build the oldest job, when this machine has a place for a build; else wait a moment for one."""
        if all(queue.oldest() is None for queue in self.queues):
            return False
        with self.places.taken() as place:
            if place:
                return super().one()
        self.presence.say("idle", self.clock(), detail="as many builds run on this machine as may")
        self.presence.manager.alive()
        self.wakeup.wait(LOOK)
        for queue in self.queues:
            queue.refresh()
        return True

    def handle(self, entry: Entry[BuildJob]) -> Outcome | None:
        """Build one job."""
        job = entry.envelope
        self.refreshing.tend(self.clock())
        _forget(entry)  # what a builder left who died
        if self.spool.parts.find(entry.name.key):
            return Done("it was built before")
        upload, cancel = verdicts.upload_of(self.spool, job), cancelling.asked(entry.path)
        if upload is None:
            return Done("no longer wanted: its upload is gone from the master queue")
        if cancel is not None:
            return verdicts.fail(self.site, entry, upload, verdicts.cancelled(job, cancel, self.clock()))
        others = Siblings(self.site)
        if before := others.waits_for(job):
            entry.move(entry.queue, Room.WAITING, event=SET_WAIT, reason=before)
            return None
        return self._build(entry, others)

    def _build(self, entry: Entry[BuildJob], others: Siblings) -> Outcome | None:
        job = jobs.wished(entry.envelope, entry.history)
        built = others.parts(job)
        suite = self.site.suite(job.suite)
        system = base.at(self.site.environments / f"{suite.base}-{suite.builds_on(job.architecture)}")
        out = entry.path / OUT
        atomic.disk.mkdir(out)
        entry.note("building", by=self.name, environment=system.path.name)
        try:
            theirs = others.archives(job, built or (), entry.path / siblings.DIRECTORY)
        except FileNotFoundError:
            return Later("what another of its set has built went away at this moment")
        archives = [*self.site.local_archives(suite.name), *theirs]
        network = job.source in suite.network
        fresh = Layered(
            system,
            archives,
            self.clock,
            self.keeping,
            watch=lambda: self._watch(entry),
            extra=Extra(suite.sources, suite.preferences),
            network=network,
            start=self.ahead.take,
        )
        outcome = ways.way(suite.environment, fresh)(job, entry.files, out, self.clock, self.settings)
        buildlogs.keep(self.site.logs, entry.name.key, out / log_name(job))
        settled = self._conclude(entry, outcome, out, siblings.seen(built))
        _forget(entry)
        return settled

    def idle(self, now: datetime) -> None:
        """Look after what builds need; send back to the queue the jobs whose missing dependencies may be there now."""
        self.ahead.prepare()
        self.refreshing.tend(now)
        others = Siblings(self.site)
        for queue in self.queues:
            for name in queue.names(Room.WAITING):
                if resuming.may_go_on(self.site, queue, name, others, now):
                    with queue.claim(name.key, Room.WAITING) as entry:
                        if entry is not None:
                            entry.move(queue, event="dep-wait over", reason="what it waits for may be there")

    def _conclude(self, entry: Entry[BuildJob], outcome: Built, out: Path, seen: dict[str, str]) -> Outcome | None:
        upload = verdicts.upload_of(self.spool, entry.envelope)
        if upload is None:
            return Done(str(cancelling.asked(entry.path) or "its upload was superseded while it was built"))
        match outcome:
            case BuildResult(verdict="built") if cancel := cancelling.asked(entry.path):  # behind the last command
                result = replace(outcome, verdict="failed", reason=str(cancel), files=())
                return verdicts.fail(self.site, entry, upload, result)
            case BuildResult(verdict="built"):
                files = {file.name: out / file.name for file in outcome.files}
                self.spool.parts.put(entry.name, outcome, files, [("built", {"by": self.name})], Room.PARTS)
                return Done("built")
            case BuildResult():
                return verdicts.fail(self.site, entry, upload, outcome)
            case DepWait(missing):
                facts = {"missing": missing, "archive": resuming.snapshot(self.site, upload.suite), **seen}
                entry.move(entry.queue, Room.WAITING, event=DEP_WAIT, stamp=None, **facts)
            case Suspicious(reason):
                self.site.tell(
                    anew(f"held-{entry.envelope.architecture}", entry.history), upload, self.clock(), reason=reason
                )
                entry.hold(reason)
            case Killed(reason):
                entry.note(history.KILLED, reason=reason)
                return Later(reason, self.clock() + _patience(entry))
            case Later(reason):
                return Later(reason, self.clock() + _patience(entry))
        return None

    def _watch(self, entry: Entry[BuildJob]) -> None:
        """Say that the build goes on. Raises Cancelled when somebody cancelled it."""
        self.presence.manager.alive()
        self.ahead.prepare()
        cancel = cancelling.asked(entry.path)
        if cancel is not None:
            raise Cancelled(str(cancel))


def caches(site: Site) -> list[Path]:
    """Name the caches that hold the bases of a site."""
    return sorted({link.resolve().parent for link in site.environments.glob("*-*")})


def _refresh(site: Site, days: int) -> list[str]:
    command = [sys.executable, "-P", "-m", "daemons.command", "--site", str(site.path)]
    return [*command, "environment", "refresh", "--older", str(days)]


def _forget(entry: Entry[BuildJob]) -> None:
    """Remove what a build leaves in the entry while it runs."""
    for name in (OUT, siblings.DIRECTORY):
        atomic.remove(entry.path / name)


def _patience(entry: Entry[BuildJob]) -> timedelta:
    failures = sum(event.event == "deferred" for event in entry.history)
    return SHORTEST * (1 << min(failures, DOUBLINGS))
