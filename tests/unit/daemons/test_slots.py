"""How many builds run at a time, of which architectures, and what a builder does that has to wait: real processes."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytest

from daemons.builder import Builder
from daemons.building.builds import ways
from daemons.building.builds.outcomes import Outcome
from daemons.process import presence
from daemons.settings import Build, Settings
from queues.outcomes import Later
from queues.values import BuildJob
from tests.support.world import SUITE, Sources, World, given_builds

PATIENCE = 30.0
_FORKED = multiprocessing.get_context("fork")


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    sources = Sources(tmp_path / "sources")
    with given_builds(sources):
        yield sources


def site(path: Path, sources: Sources, bases_of: World | None = None, **rules: Any) -> World:
    """Make a site, with bases of its own or of another, where an upload waits to be built for two architectures."""
    world = World(path, sources, Settings({"demo": SUITE}, build=Build(base_days=0, **rules)))
    if bases_of is not None:
        shutil.rmtree(path / "environments")
        (path / "environments").symlink_to(bases_of.path / "environments")
    world.accepted("1.0")
    world.master()
    return world


class Slot:
    """A build daemon in a process of its own, each of whose builds stands until it is ended."""

    def __init__(self, world: World, slot: str) -> None:
        self.world = world
        self.slot = slot
        self.tells, theirs = _FORKED.Pipe()
        self._process = _FORKED.Process(target=_work, args=(world, slot, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def begins(self) -> str:
        """Wait until it has begun a build; give its source and architecture."""
        assert self.tells.poll(PATIENCE), f"slot {self.slot} has begun nothing: {self.says}"
        return str(self.tells.recv())

    def has_to_wait(self) -> bool:
        """Wait until it says that it has to wait, and has begun nothing."""
        while "as many builds run on this machine as may" not in self.says:
            assert not self.tells.poll(0.01), f"slot {self.slot} has begun {self.tells.recv()}"
        return not self.tells.poll()

    def ends(self) -> None:
        """Let its build come to an end."""
        self.tells.send("end")

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    @property
    def says(self) -> str:
        states = [state for state in presence.states(self.world.path / "run") if state.name == f"build-{self.slot}"]
        return f"{states[0].state}: {states[0].detail}" if states else ""


def _work(world: World, slot: str, test: Connection) -> None:
    def build(job: BuildJob, *_: Any) -> Outcome:
        test.send(f"{job.source} {job.architecture}")
        test.recv()
        return Later("it was ended")

    ways.way = lambda *_: build  # type: ignore[assignment, return-value] -- in this process alone
    Builder(world.site, slot).run()


def some(slots: list[Slot], count: int) -> list[str]:
    """Wait until so many of them have begun a build; give what."""
    begun: list[str] = []
    while len(begun) < count:
        ready = wait([one.tells for one in slots], PATIENCE)
        assert ready, [one.says for one in slots]
        begun += [one.recv() for one in ready if isinstance(one, Connection)]
    return begun


@contextmanager
def at_work(*slots: tuple[World, str]) -> Iterator[list[Slot]]:
    """Start build daemons, one after the other."""
    with ExitStack() as stack:
        working = [Slot(*slot) for slot in slots]
        for one in working:
            stack.callback(one.kill)
        yield working


def test_two_sites_share_the_places_of_their_machine(tmp_path: Path, sources: Sources) -> None:
    """Also when the builder that had the place is killed: nobody has to free it."""
    here = site(tmp_path / "here", sources, host_slots=1)
    there = site(tmp_path / "there", sources, here, host_slots=1)
    with at_work((here, "1")) as (first,):
        first.begins()
        with at_work((there, "1")) as (second,):
            assert second.has_to_wait()
            first.kill()
            second.begins()


def test_a_build_that_ends_leaves_its_place_to_who_waits(tmp_path: Path, sources: Sources) -> None:
    here = site(tmp_path / "here", sources, host_slots=2)
    with at_work((here, "1"), (here, "2")) as (first, second):
        assert {first.begins(), second.begins()} == {"pkg amd64", "pkg i386"}
        there = site(tmp_path / "there", sources, here, host_slots=2)
        with at_work((there, "1")) as (third,):
            assert third.has_to_wait()
            first.ends()
            third.begins()


def test_two_builders_never_have_the_same_job(tmp_path: Path, sources: Sources) -> None:
    """Four that look at the same queues at once: each job is begun once, those that came later, too."""
    world = site(tmp_path / "site", sources)
    with at_work(*((world, str(slot)) for slot in range(1, 5))) as slots:
        begun = some(slots, 2)
        world.accepted("1.0", "other")
        world.master()
        begun += some(slots, 2)
        assert sorted(begun) == ["other amd64", "other i386", "pkg amd64", "pkg i386"]


def test_a_slot_takes_the_jobs_of_the_architectures_that_it_serves(tmp_path: Path, sources: Sources) -> None:
    """Though a job of another architecture is as old; a slot that the settings do not name takes all."""
    world = site(tmp_path / "site", sources, serves=(("i386", "all"),))
    with at_work((world, "1")) as (first,):
        assert first.begins() == "pkg i386"
        with at_work((world, "2")) as (second,):
            assert second.begins() == "pkg amd64"
