"""The evidence daemon: looks into every upload that waits for review, once, before anybody does.

It claims nothing, so a reviewer may decide at any time: what it finds is made aside, below `spool/evidence`, and put
beside the entry in one rename, wherever in review that is by then. Gathered for an upload that has left review, it is
thrown away. Evidence is renewed when the suite holds another version than the one it was compared with. Lintian, which
takes longer than all the rest, looks when nothing waits for that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from daemons.building.bases.base import BaseFailed, BaseInUse
from daemons.building.environment import Broken
from daemons.evidence.gathering import Gatherer
from daemons.evidence.sandbox import Bounds
from daemons.process.daemon import Daemon
from daemons.sites import Site
from queues import atomic, envelope, machine
from queues.names import EntryName, Key
from queues.rooms import Room
from queues.values import Upload
from review.desk import Desk
from review.evidence import papers
from review.evidence.papers import DIRECTORY, FACTS
from review.evidence.values import Evidence
from review.policy import judging

PATIENCE = 300.0  # seconds before what the machine failed is tried again
Wanted = Callable[[Room, EntryName], Upload | None]
LOOKED_AT = (Room.READY, Room.HOLD)
log = logging.getLogger(__name__)


class Stopped(Exception):
    """The daemon is to end: what it looks at is left, for nothing of it was claimed."""


class EvidenceDaemon(Daemon[Upload]):
    """Gathers for one upload at a time, oldest first."""

    def __init__(self, site: Site) -> None:
        super().__init__("evidence", site.run, [], site.spool.clock)
        self.site = site
        self.spool = site.spool
        self.aside = site.spool.path / "evidence"
        self.desk = Desk(site.spool, site.people, site.settings.suites, site.settings.policies)
        rules = site.settings.evidence
        self.gatherer = Gatherer(site, Bounds(rules.limits, rules.files, rules.diff), self._watch)
        self._against: dict[Key, str] = {}  # the published version that what is here was compared with
        self._later: dict[Key, float] = {}  # when to try again what failed
        self._unlinted: set[Key] = set()
        self._linted: Evidence | None = None  # with what lintian found while a reviewer had the case

    def watched(self) -> list[Path]:
        """Name where uploads arrive, and where the archive changes."""
        return [self.spool.review.room(Room.READY), self.site.archive / "dists"]

    def _watch(self) -> None:
        self.presence.manager.alive()
        if self.stopping:
            raise Stopped

    def recover(self) -> None:
        """Remove what a dead gathering left; this daemon is the only one."""
        atomic.make(self.aside)
        for left in self.aside.iterdir():
            atomic.remove(left)

    def one(self) -> bool:
        """Gather for the oldest upload that has no evidence, else let lintian look at one; False: nothing to do."""
        return self._each(self._wanting, self._gather) or self._each(self._awaiting, self._lint)

    def _each(self, wanted: Wanted, look: Callable[[EntryName, Upload], None]) -> bool:
        for room in LOOKED_AT:
            for name in self.spool.review.names(room):
                if self._later.get(name.key, 0.0) > time.monotonic():
                    continue
                with suppress(FileNotFoundError, envelope.Unreadable):  # it moved on while we looked, or is broken
                    upload = wanted(room, name)
                    if upload is not None:
                        self._try(look, name, upload)
                        return True
        return False

    def _awaiting(self, room: Room, name: EntryName) -> Upload | None:
        """Give an upload at which lintian has not looked."""
        return self.spool.review.peek(room, name) if name.key in self._unlinted else None

    def _wanting(self, room: Room, name: EntryName) -> Upload | None:
        """Give an upload whose evidence is missing, or was gathered against another published version."""
        upload = self.spool.review.peek(room, name)
        if upload.suite not in self.site.settings.suites:
            return None
        now = self.site.repository.catalogue(upload.suite).version_of(upload.source) or ""
        if name.key not in self._against:
            found = papers.read(self.spool.review.where(room, name))
            if found is not None and found.what.published == now:
                self._know(found)
        return None if self._against.get(name.key) == now else upload

    def _gather(self, name: EntryName, upload: Upload) -> None:
        started, aside = time.monotonic(), self.aside / str(name)
        atomic.disk.mkdir(aside)
        evidence = self.gatherer.gather(upload, self._place(name.key), aside, self.clock())
        self._keep(name.key, aside)
        log.info("review %s: looked into in %.3f s", name, time.monotonic() - started)
        self._know(evidence)

    def _lint(self, name: EntryName, upload: Upload) -> None:
        """Let lintian look, and put what it said into the evidence; not under the eyes of who has the case open."""
        started, entry = time.monotonic(), self._place(name.key)
        found = papers.read(entry)
        if found is None:
            raise FileNotFoundError(f"{entry} has no evidence")
        evidence = self._linted
        if evidence is None or (evidence.upload, evidence.gathered) != (found.upload, found.gathered):
            evidence = self.gatherer.lint(upload, entry, found)
        entry = self._place(name.key)
        if entry.parent.name == Room.ACTIVE:
            self._linted = evidence
            raise FileNotFoundError(f"{name.key} is open")
        aside = self.aside / str(name)
        atomic.disk.create(aside, envelope.encode(evidence))
        atomic.move(aside, entry / DIRECTORY / FACTS)
        log.info("review %s: lintian has looked, in %.3f s", name, time.monotonic() - started)
        self._know(evidence)

    def _try(self, look: Callable[[EntryName, Upload], None], name: EntryName, upload: Upload) -> None:
        self.presence.working(str(name), self.clock())
        try:
            look(name, upload)
            self.presence.detail = ""
        except FileNotFoundError:
            raise
        except Stopped:
            log.info("review %s is looked into later: the daemon stops", name)
        except (Broken, BaseFailed, BaseInUse) as error:
            self._put_off(name, str(error))
        except Exception as error:
            if machine.is_to_blame(error):
                raise
            log.exception("review %s cannot be looked into", name)
            self._put_off(name, "an error that is ours")
        finally:
            atomic.remove(self.aside / str(name))

    def _know(self, evidence: Evidence) -> None:
        """Remember that an upload was looked into, and do what the rules decide; a reviewer who has it comes first."""
        self._against[evidence.upload] = evidence.what.published
        if evidence.awaits_lintian:
            self._unlinted.add(evidence.upload)
            return
        self._unlinted.discard(evidence.upload)
        policy = self.site.settings.policy(evidence.what.suite)
        ruling = judging.rule_on(judging.judge(evidence, policy), evidence, policy)
        found = self.spool.review.find(evidence.upload) if ruling else None
        if ruling and found and found[0] is Room.READY:
            done = self.desk.obey(self.spool.review.peek(*found), ruling, self.clock())
            log.info("review %s: %s by %s%s", found[1], ruling.verdict, ruling.by, "" if done else ", but not now")

    def _put_off(self, name: EntryName, why: str) -> None:
        self._later[name.key] = time.monotonic() + PATIENCE
        self.presence.detail = why
        log.error("review %s is looked into later: %s", name, why)

    def _keep(self, key: Key, aside: Path) -> None:
        """Put what was gathered beside its entry; what somebody looks at in this moment is not replaced.

        Raises FileNotFoundError when the entry has left review, or is open and has evidence.
        """
        atomic.disk.sync(aside)
        entry = self._place(key)
        if entry.parent.name == Room.ACTIVE and (entry / DIRECTORY).exists():
            raise FileNotFoundError(f"{key} is open")
        atomic.remove(entry / DIRECTORY)
        atomic.move(aside, entry / DIRECTORY)

    def _place(self, key: Key) -> Path:
        found = self.spool.review.find(key)
        if found is None or found[0] is Room.REJECTED:
            raise FileNotFoundError(f"{key} has left review")
        return self.spool.review.where(*found)
