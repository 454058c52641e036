"""A site in one process: the real queues, archive, desk and daemons; only what a build makes is given.

Each daemon has a `Site` of its own, as a process of its own would have. A build stands still, in a thread, until the
test says what came of it; only one thread runs at a time.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from archive import reading
from archive.reading import Fields
from archive.repository import Repository
from daemons.builder import Builder
from daemons.building.builds import ways
from daemons.building.builds.outcomes import Killed as KilledBuild
from daemons.building.builds.outcomes import Outcome, Suspicious
from daemons.building.builds.recipe import log_name
from daemons.building.environment import DepWait
from daemons.master import Master
from daemons.process.daemon import Daemon
from daemons.publisher import Publisher
from daemons.settings import Build as Rules
from daemons.settings import Settings
from daemons.sites import Site
from queues import atomic, history
from queues.history import Event
from queues.layout import Spool
from queues.names import EntryName, Key, part_key
from queues.outcomes import Later
from queues.recovery import recover
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob, BuildResult, FileRef, Notice, Suite, Upload
from review.desk import Desk
from review.people import People
from review.person import Reviewer, UnknownPerson, Uploader
from tests.support.dying import Died
from tests.unit.archive import packages

SUITE = Suite("demo", architectures=("amd64", "i386"), gate="complete")
SETTINGS = Settings({"demo": SUITE}, build=Rules(base_days=0))  # its bases are empty
START = datetime(2026, 1, 1, tzinfo=UTC)
REVIEWER = "rita"
Place = tuple[str, Room]
_HERE = threading.local()  # the build that stands in this thread


class Everybody(People):
    """Knows one reviewer, and vouches for every signer."""

    def reviewer(self, name: str) -> Reviewer:
        """Give the reviewer. Raises UnknownPerson."""
        if name != REVIEWER:
            raise UnknownPerson(name)
        return Reviewer(name, "rita@example.org")

    def by_fingerprint(self, fingerprint: str) -> Uploader:  # noqa: ARG002 -- whosever it is
        """Give an uploader who may do all."""
        return Uploader("ulla", "ulla@example.org", ("*",), ("*",), (), ())


class Sources:
    """Packages of several versions, made once for all sites of a test module; fields are read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Fields] = {}
        self._read = reading.read

    def source(self, name: str, version: str, needs: str = "") -> Path:
        """Give the directory of a source package for any architecture, that needs others to be built."""
        into = self.path / f"{name}-{version}-{needs}"
        if not into.exists():
            into.mkdir(parents=True)
            packages.dsc(into, name, version, needs=needs)
        return into

    def deb(self, name: str, version: str, architecture: str) -> Path:
        """Give the one binary package of a source."""
        into = self.path / f"{name}-{version}-{architecture}"
        if not into.exists():
            into.mkdir(parents=True)
            packages.deb(into, name, version, architecture)
        return next(into.iterdir())

    def read(self, paths: Sequence[Path]) -> list[Fields]:
        """Read as `archive.reading` does, but each file once."""
        names = [path.name for path in paths]
        missing = [path for path, name in zip(paths, names, strict=True) if name not in self.known]
        if missing:
            found = self._read(missing)
            self.known.update((path.name, one) for path, one in zip(missing, found, strict=True))
        return [self.known[name] for name in names]


class World:
    """One site and the processes that work on it, each of which moves only when told to."""

    def __init__(self, path: Path, sources: Sources, settings: Settings = SETTINGS) -> None:
        self.path = path
        self.sources = sources
        self.settings = settings
        self.now = START
        self.builds: list[Build] = []
        self.spool = Spool(path, self.clock)  # of somebody who only looks
        if not path.exists():
            self._make(path)

    def copy(self, path: Path) -> World:
        """Make another site that is in the same state; no build may stand."""
        assert not self.builds
        shutil.copytree(self.path, path, symlinks=True)
        other = World(path, self.sources, self.settings)
        other.now = self.now
        return other

    def _make(self, path: Path) -> None:
        (path / "archive").mkdir(parents=True)
        self.spool.create(SUITE.architectures)
        for architecture in SUITE.architectures:
            base = path / "environments" / f"bookworm-{architecture}-0123456789ab"
            (base / "root").mkdir(parents=True)
            base.with_name(f"bookworm-{architecture}").symlink_to(base.name)
        self.site.repository._tree.create()
        self.site.repository.publish(["demo"], START)

    # --- processes ----------------------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """Give the time, which passes a little whenever somebody looks."""
        self.now += timedelta(seconds=1)
        return self.now

    @property
    def site(self) -> Site:
        """Give the site as a new process sees it."""
        site = Site(self.path)
        site.settings = self.settings
        site.spool = Spool(self.path, self.clock)
        site.repository = Repository(site.archive, site.settings.suites, site.keys, signer=packages.Rubber())
        site.people = Everybody(site.keys)
        return site

    def master(self) -> None:
        """Let a master daemon do all there is to do."""
        _round(Master(self.site))

    def publisher(self) -> None:
        """Let an archive inclusion daemon do all there is to do."""
        _round(Publisher(self.site))

    def desk(self) -> Desk:
        """Give the desk as the reviewer's command does."""
        site = self.site
        return Desk(site.spool, site.people, site.settings.suites)

    # --- uploads ------------------------------------------------------------------------------------------------

    def send(self, version: str, source: str = "pkg", needs: str = "") -> Upload:
        """Put an upload into review, as intake does; `needs` are its build dependencies."""
        files = self.sources.source(source, version, needs)
        one = packages.upload(files, source, version)
        queue = self.spool.review
        name = EntryName(queue.stamp(self.clock()), one.key)
        assert queue.put(name, one, {ref.name: files / ref.name for ref in one.files}, [("taken", {"by": "ulla"})])
        return one

    def accept(self, one: Upload) -> None:
        """Accept an upload, as the reviewer."""
        self.desk().accept(one.key, REVIEWER, self.clock())

    def accepted(self, version: str, source: str = "pkg") -> Upload:
        """Send and accept an upload."""
        one = self.send(version, source)
        self.accept(one)
        return one

    def begin(self, one: Upload) -> None:
        """Let builders begin with all jobs of an upload."""
        for architecture in SUITE.architectures:
            Build(self, part_key(one.key, architecture))

    def end(self, one: Upload, architecture: str, outcome: str) -> None:
        """Let a job of an upload be built with this outcome, by who builds it already if somebody does."""
        key = part_key(one.key, architecture)
        standing = [build for build in self.builds if build.key == key]
        (standing or [Build(self, key)])[0].end(outcome)

    # --- what there is ------------------------------------------------------------------------------------------

    def places(self, key: Key) -> list[Place]:
        """Name every place where there is an entry of this key, `tmp` aside; one on the road has exactly one."""
        spool = self.spool
        queues: list[Queue[Any]] = [spool.review, spool.master, *spool.builds(), spool.archive]
        return [
            (queue.name, room)
            for queue in queues
            for room in queue.rooms
            for name in queue.names(room)
            if name.key == key and room is not Room.TMP
        ]

    def place(self, key: Key) -> str:
        """Say where an entry is; it must be in one place."""
        ((queue, room),) = self.places(key)
        return f"{queue}/{room}"

    def waiting_for(self, one: Upload) -> list[Place]:
        """Name the places of the jobs and parts of an upload that are not over."""
        over = (Room.DONE, Room.FAILED)
        places = [place for part in SUITE.architectures for place in self.places(part_key(one.key, part))]
        return [place for place in places if place[1] not in over]

    def events(self, key: Key) -> list[Event]:
        """Give an upload's history."""
        for queue in self.spool.uploads():
            found = queue.find(key)
            if found:
                return history.read(queue.where(*found))
        return []

    def told(self, key: Key) -> list[str]:
        """Name the events of an upload that somebody is told of."""
        return [notice.event for notice in self.notices(key)]

    def notices(self, key: Key) -> list[Notice]:
        """Give what somebody is told of an upload."""
        spool = self.spool
        found = [spool.notices.peek(Room.READY, name) for name in spool.notices.names(Room.READY)]
        return [notice for notice in found if notice.upload == key]

    def published(self, source: str = "pkg") -> str | None:
        """Give the version of a source that is published."""
        return self.site.repository.catalogue("demo").version_of(source)

    # --- to the end ---------------------------------------------------------------------------------------------

    def run_until_idle(self) -> None:
        """Let every daemon work, and time pass, until nothing changes any more; every build succeeds."""
        for build in [*self.builds]:
            build.end("built")
        before: set[str] = set()
        for _ in range(20):
            self.now += timedelta(hours=7)  # longer than anything is deferred, and than a dep-wait is left alone
            self.master()
            self.build_all()
            self.publisher()
            for queue in (self.spool.review, self.spool.notices):  # as intake and notifier do
                recover(queue, self.now)
            after = {str(path) for path in (self.path / "spool").rglob("history")}
            if after == before:
                return
            before = after
        raise AssertionError("there is no end of it")

    def look_around(self) -> None:
        """Let a build daemon do what it does without a job."""
        Build(self, None).look_around()

    def build_all(self) -> None:
        """Build every job there is."""
        self.look_around()
        for queue in self.spool.builds():
            for name in queue.names(Room.READY):
                Build(self, name.key).end("built")

    def close(self) -> None:
        """End what still stands in the middle of a build, and remove the site."""
        for build in [*self.builds]:
            build.kill()
        shutil.rmtree(self.path)


class Killed(BaseException):
    """The builder was killed in the middle of a build."""


class Build:
    """A build daemon that has claimed a job and stands in the middle of building it, or found nothing to build."""

    def __init__(self, world: World, key: Key | None) -> None:
        self.world = world
        self.key = key
        self.daemon = Builder(world.site, "1")
        self._outcome: Callable[[BuildJob, Path], Outcome] | None = None
        self._stands, self._goes = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(key,), daemon=True)
        if key is not None:
            self.start()

    def start(self) -> None:
        """Claim the job and begin."""
        self.world.builds.append(self)
        self._thread.start()
        self._stands.wait()

    def end(self, outcome: str) -> None:
        """Say what came of the build, and let the builder do the rest."""
        self._finish(lambda job, out: self._made(outcome, job, out))

    def kill(self) -> None:
        """Let the builder die in the middle of the build."""

        def die(*_: object) -> Outcome:
            raise Killed

        self._finish(die)

    def look_around(self) -> None:
        """Do what a builder does without a job."""
        self.daemon.recover()
        self.daemon.idle(self.world.clock())

    def _finish(self, outcome: Callable[[BuildJob, Path], Outcome]) -> None:
        self._outcome = outcome
        self._goes.set()
        self._thread.join()
        if self in self.world.builds:
            self.world.builds.remove(self)
        if self._error is not None and not isinstance(self._error, Killed | Died):
            raise self._error

    def _run(self, key: Key) -> None:
        _HERE.build = self
        try:
            self.daemon.recover()
            queue = next(queue for queue in self.daemon.queues if key.endswith(f"_{queue.name.rpartition('/')[2]}"))
            with queue.claim(key) as entry:
                if entry is not None:
                    outcome = self.daemon.handle(entry)
                    if outcome is not None:
                        entry.settle(outcome)
        except BaseException as error:  # noqa: BLE001 -- raised again where the test waits
            self._error = error
        finally:
            self._stands.set()

    def build(self, job: BuildJob, out: Path) -> Outcome:
        """Stand still until the test says what came of it."""
        (out / log_name(job)).write_text("a log\n")
        self._stands.set()
        self._goes.wait()
        assert self._outcome is not None
        return self._outcome(job, out)

    def _made(self, outcome: str, job: BuildJob, out: Path) -> Outcome:
        if outcome == "dep-wait":
            return DepWait("something")
        if outcome == "later":
            return Later("the machine failed")
        if outcome == "killed":
            return KilledBuild("the kernel was short of memory")
        if outcome == "suspicious":
            return Suspicious("it made something else")
        files: tuple[FileRef, ...] = ()
        if outcome == "built":
            deb = self.world.sources.deb(job.source, job.version, job.architecture)
            atomic.disk.link(deb, out / deb.name)
            files = (packages.ref_of(deb),)
        verdict = "built" if outcome == "built" else "failed"
        log, now = FileRef(log_name(job), 6, "0" * 64), self.world.clock()
        return BuildResult(job, cast("Any", verdict), outcome, "build", files, log, now, now)


@contextmanager
def given_builds(sources: Sources) -> Iterator[None]:
    """Let every build be what the test says, and every package be read only once."""

    def build(job: BuildJob, _: Path, out: Path, *__: Any) -> Outcome:
        one: Build = _HERE.build
        return one.build(job, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read", sources.read)
        patch.setattr(ways, "way", lambda *_: build)
        yield


def _round(daemon: Daemon[Any]) -> None:
    daemon.recover()
    while daemon.one():
        pass
    daemon.idle(daemon.clock())
    daemon.tidy(daemon.clock())
