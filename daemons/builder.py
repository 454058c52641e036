"""A build daemon: takes the oldest job of the queues it serves, builds it, and says what came of it.

One build at a time; several daemons side by side are several slots. It publishes nothing: what was built waits as a
part for its source. What a build leaves in the entry while it runs is thrown away when the job is begun again.
"""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from daemons import results
from daemons.building import base
from daemons.building.build import Settings, Suspicious, build, log_name
from daemons.building.environment import DepWait, Limits
from daemons.building.overlay import Overlay
from daemons.daemon import Daemon
from daemons.sites import Site
from queues import atomic, history
from queues.entry import Entry
from queues.names import EntryName
from queues.outcomes import Done, Later, Never, Outcome
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, Upload

OUT = "out"  # in the entry, while it is built
SHORTEST, DOUBLINGS = timedelta(minutes=1), 6  # before a job that the machine failed is tried again: up to an hour
STALE = timedelta(hours=6)  # after which a missing dependency is looked for again, whatever happened
EXCERPT = 40  # lines of the log in a notice
ALIVE = (Room.READY, Room.ACTIVE, Room.WAITING, Room.DEFERRED, Room.HOLD)
log = logging.getLogger(__name__)


class Builder(Daemon[BuildJob]):
    """One slot: builds for every architecture that the site has a queue for."""

    def __init__(self, site: Site, slot: str) -> None:
        super().__init__(f"build-{slot}", site.run, site.spool.builds(), site.spool.clock)
        self.site = site
        self.spool = site.spool
        rules = site.settings.build
        self.settings = Settings(Limits(seconds=rules.seconds), rules.parallel)

    def watched(self) -> list[Path]:
        """Name where jobs arrive, and where the archive changes, for that may end a dep-wait."""
        return [*super().watched(), self.site.archive / "dists"]

    def handle(self, entry: Entry[BuildJob]) -> Outcome | None:
        """Build one job."""
        job = entry.envelope
        if self.spool.parts.find(entry.name.key):
            return Done("it was built before")
        if self._upload(job) is None:
            return Done("no longer wanted: its upload is gone from the master queue")
        suite = self.site.suite(job.suite)
        system = base.at(self.site.environments / f"{suite.base}-{suite.builds_on(job.architecture)}")
        out = entry.path / OUT
        atomic.remove(out)
        atomic.disk.mkdir(out)
        entry.note("building", by=self.name, environment=system.path.name)
        fresh = Overlay(system, self.site.local_archives(suite.name))
        outcome = build(fresh, job, entry.files, out, self.clock, self.settings)
        shutil.copyfile(out / log_name(job), _log(self.site, entry.name))
        settled = self._conclude(entry, outcome, out)
        atomic.remove(entry.path / OUT)
        return settled

    def idle(self, now: datetime) -> None:
        """Send back to the queue the jobs whose missing dependencies may be there now."""
        for queue in self.queues:
            for name in queue.names(Room.WAITING):
                waited = history.read(queue.where(Room.WAITING, name))[-1]
                suite = queue.peek(Room.WAITING, name).suite
                if waited.facts.get("archive") != self._snapshot(suite) or now - waited.at > STALE:
                    with queue.claim(name.key, Room.WAITING) as entry:
                        if entry is not None:
                            entry.note("dep-wait over", reason="the archive changed, or hours have passed")
                            entry.move(queue)

    def _conclude(
        self, entry: Entry[BuildJob], outcome: BuildResult | DepWait | Later | Suspicious, out: Path
    ) -> Outcome | None:
        upload = self._upload(entry.envelope)
        if upload is None:
            return Done("its upload was superseded while it was built")
        match outcome:
            case BuildResult(verdict="built"):
                files = {file.name: out / file.name for file in outcome.files}
                self.spool.parts.put(entry.name, outcome, files, [("built", {"by": self.name})], Room.PARTS)
                return Done("built")
            case BuildResult():
                self._tell_failed(upload, outcome, _log(self.site, entry.name))
                entry.paper(results.RESULT, outcome)
                return Never(f"{outcome.phase}: {outcome.reason}")
            case DepWait(missing):
                entry.note("dep-wait", missing=missing, archive=self._snapshot(upload.suite))
                entry.move(entry.queue, Room.WAITING)
            case Suspicious(reason):
                self.site.tell(f"held-{entry.envelope.architecture}", upload, self.clock(), reason=reason)
                entry.hold(reason)
            case Later(reason):
                return Later(reason, self.clock() + _patience(entry))
        return None

    def _upload(self, job: BuildJob) -> Upload | None:
        found = self.spool.master.find(job.upload)
        return self.spool.master.peek(*found) if found and found[0] in ALIVE else None

    def _snapshot(self, suite: str) -> str:
        return self.site.repository.current(suite) or ""

    def _tell_failed(self, upload: Upload, result: BuildResult, path: Path) -> None:
        self.site.tell(
            f"failed-{result.job.architecture}",
            upload,
            self.clock(),
            architecture=result.job.architecture,
            phase=result.phase,
            reason=result.reason,
            log=path.name,
            excerpt="\n".join(path.read_text(errors="replace").splitlines()[-EXCERPT:]),
        )


def _log(site: Site, name: EntryName) -> Path:
    atomic.make(site.logs / "builds")
    return site.logs / "builds" / f"{name.key}.log"


def _patience(entry: Entry[BuildJob]) -> timedelta:
    failures = sum(event.event == "deferred" for event in entry.history)
    return SHORTEST * (1 << min(failures, DOUBLINGS))
