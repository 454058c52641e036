"""The master daemon: writes each accepted upload's plan, dispatches its jobs, and opens the gate.

It never builds and never publishes. Every step may be repeated: the plan is written once, jobs have derived names,
and the gate decides from results alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from daemons.deciding import gate, results, sets, superseding
from daemons.deciding.asking import PLAN, Decision, Look
from daemons.deciding.sets import Part
from daemons.process.daemon import Daemon
from daemons.sites import Site
from queues import envelope, machine, names, pruning
from queues.entry import Entry
from queues.names import EntryName, part_key
from queues.problem import Problem
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, Plan, Upload
from review import planning, together
from review.desk import Desk
from review.notices import anew

log = logging.getLogger(__name__)


class Master(Daemon[Upload]):
    """Claims accepted uploads; looks at the waiting ones whenever a result may have come."""

    def __init__(self, site: Site) -> None:
        super().__init__("master", site.run, [site.spool.master], site.spool.clock)
        self.site = site
        self.spool = site.spool
        self.desk = Desk(site.spool, site.people, site.settings.suites)

    def watched(self) -> list[Path]:
        """Name where accepted uploads, releases of the gate, results, and what a set has lost arrive."""
        ours = [self.spool.master.room(room) for room in (Room.WAITING, Room.FAILED)]
        failed = [queue.room(Room.FAILED) for queue in self.spool.builds()]
        return [*super().watched(), *ours, self.spool.parts.room(Room.PARTS), *failed]

    def handle(self, entry: Entry[Upload]) -> None:
        """Plan and dispatch one upload, and let it wait for its results."""
        newer = superseding.newest(self.site, entry.envelope)
        if newer is not None:
            superseding.leave(self.site, entry, newer)
            return
        superseding.supersede(self.site, entry.envelope)
        again, plan = (entry.path / PLAN).exists(), self._plan(entry)
        for architecture in plan.architectures:
            # A job that was raised since has another name.
            if not again or self.spool.build(architecture).find(part_key(entry.name.key, architecture)) is None:
                self._dispatch(entry, architecture)
        architectures = " ".join(plan.architectures)
        entry.move(self.spool.master, Room.WAITING, event="dispatched", architectures=architectures, gate=plan.gate)

    def idle(self, now: datetime) -> None:
        """Ask the gate about every waiting upload."""
        look = Look(self.spool)
        for name in self.spool.master.names(Room.WAITING):
            try:
                self._ask(name, look, now)
            except FileNotFoundError:
                continue  # it moved on while we looked
            except envelope.Newer as error:
                self.spool.master.leave(name, Room.WAITING, str(error))
            except Problem as problem:
                log.error("master %s: the gate could not decide: %s", name, problem)
                self._hold(name, f"the gate could not decide: {problem}")
            except Exception as error:
                if machine.is_to_blame(error) and not machine.is_one_entrys(error):
                    raise
                log.exception("master %s: the gate could not decide", name)
        results.drop_orphans(self.spool)

    def tidy(self, now: datetime) -> None:
        """Supersede what could not be superseded in its moment; put away what was over long ago."""
        superseding.sweep(self.site)
        keep = self.site.settings.kept
        for queue in (self.spool.review, self.spool.master):
            pruning.prune(queue, now, keep)
        for builds in self.spool.builds():
            pruning.prune(builds, now, keep, self._is_under_way)

    def _is_under_way(self, job: EntryName) -> bool:
        """Say whether the upload of a job may still ask for its result."""
        found = self.spool.master.find(names.upload_of(job.key))
        return found is not None and found[0] is not Room.FAILED

    def _plan(self, entry: Entry[Upload]) -> Plan:
        upload = entry.envelope
        if not (entry.path / PLAN).exists():
            suite = self.site.suite(upload.suite)
            architectures = planning.architectures(entry.files, upload, suite)
            leaving = superseding.leaving(self.spool, upload)  # asked first: it may be published while we look
            published = self.site.repository.catalogue(upload.suite).architectures_of(upload.source) | leaving
            needed = gate.required(suite.gate, architectures, sorted(published))
            entry.paper(PLAN, Plan(tuple(architectures), suite.gate, needed))
        return envelope.read(entry.path, Plan, PLAN)

    def _dispatch(self, entry: Entry[Upload], architecture: str) -> None:
        upload = entry.envelope
        dsc = next(file for file in upload.files if file.name.endswith(".dsc"))
        sources = tuple(file for file in upload.files if not file.name.endswith((".changes", ".buildinfo")))
        suite = self.site.suite(upload.suite)
        job = BuildJob(
            upload.key,
            upload.source,
            upload.version,
            architecture,
            upload.suite,
            dsc,
            sources,
            suite.build_options,
            suite.build_profiles,
        )
        name = EntryName(entry.name.stamp, part_key(upload.key, architecture))
        files = {file.name: entry.files / file.name for file in sources}
        self.spool.build(architecture).put(name, job, files, [("queued", {"upload": upload.key})])

    def _ask(self, name: EntryName, look: Look, now: datetime) -> None:
        decision, _ = look.decide(name.key, self.spool.master.where(Room.WAITING, name))
        if isinstance(decision, gate.Wait):
            self._finish(name, now)
        else:
            with self.spool.master.claim(name.key, Room.WAITING) as entry:
                if entry is not None:  # again: a job may have been given back between the look and the claim
                    self._apply(entry, *look.decide(name.key, entry.path), now)

    def _hold(self, name: EntryName, reason: str) -> None:
        with self.spool.master.claim(name.key, Room.WAITING) as entry:
            if entry is not None:
                entry.hold(reason)

    def _finish(self, name: EntryName, now: datetime) -> None:
        """Accept what a death left in review when the set of a waiting upload was accepted."""
        bond = together.of(self.spool.master.where(Room.WAITING, name))
        if bond is None:
            return
        for key in bond.members:
            if self.spool.review.find(key) and self.desk.finish(key, bond, now):
                log.warning("review %s is accepted with the others of its set, as was begun", key)

    def _apply(self, entry: Entry[Upload], decision: Decision, found: Mapping[str, BuildResult], now: datetime) -> None:
        match decision:
            case gate.Wait(missing):
                entry.move(self.spool.master, Room.WAITING, event="waiting", missing=" ".join(missing))
            case gate.Include(built):
                failed = "\n".join(f"{name}: {one.reason}" for name, one in found.items() if one.verdict == "failed")
                self.site.tell(anew("built", entry.history), entry.envelope, now, built=" ".join(built), failed=failed)
                stamp = self.spool.archive.stamp(now)
                entry.move(self.spool.archive, event="gate passed", stamp=stamp, built=" ".join(built))
            case gate.Withhold(reason):
                self.site.tell(anew("withheld", entry.history), entry.envelope, now, reason=reason)
                entry.move(self.spool.master, Room.HOLD, event="withheld", reason=reason)
            case Part():
                sets.part(self.site, entry, decision, now)
            case gate.Abandon(reason):
                self.site.tell("abandoned", entry.envelope, now, reason=reason)
                results.drop_parts(self.spool, entry.name.key, tuple(found), "the upload was abandoned")
                entry.move(self.spool.master, Room.FAILED, event="abandoned", reason=reason)
