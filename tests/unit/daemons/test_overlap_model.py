"""Up to three uploads of one source in random orders of events, with daemons that die: each comes to one end."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from daemons.steering import jobs, operating
from daemons.steering.cancelling import Cancel
from daemons.steering.choosing import choose
from queues.control import compare
from queues.problem import Problem
from queues.rooms import Room
from queues.values import Upload
from tests.support.dying import Died, DyingDisk, disk
from tests.support.world import REVIEWER, Build, Sources, World, given_builds

END = {"review/rejected": "rejected", "master/failed": "abandoned", "archive/done": "published"}
OUTCOMES = ("built", "failed", "dep-wait", "later", "suspicious")
WHICH = st.integers(0, 2)
NEVER = st.none()
AT = NEVER | st.integers(1, 40)  # the call on the disk at which a process dies


class Orders(RuleBasedStateMachine):
    """What users, reviewers, operators and daemons may do at any time."""

    sources: Sources
    numbers = itertools.count()

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(dir=self.sources.path))
        self.world = World(self.home / "site", self.sources)
        self.uploads: list[Upload] = []
        self.published = "0"

    @precondition(lambda self: len(self.uploads) < 3)
    @rule()
    def send(self) -> None:
        self.uploads.append(self.world.send(f"{len(self.uploads) + 1}.0"))

    @rule(which=WHICH, at=AT)
    def accept(self, which: int, at: int | None) -> None:
        self.act(which, at, self.world.accept)

    @rule(which=WHICH)
    def reject(self, which: int) -> None:
        self.act(which, None, lambda one: self.world.desk().reject(one.key, REVIEWER, "no", self.world.clock()))

    @rule(at=AT)
    def dispatch(self, at: int | None) -> None:
        self.dying(at, self.world.master)

    @rule(at=AT)
    def include(self, at: int | None) -> None:
        self.dying(at, self.world.publisher)

    @rule()
    def look_for_dependencies(self) -> None:
        self.world.look_around()

    @rule(all_of_them=st.booleans())
    def build(self, all_of_them: bool) -> None:
        ready = [name for queue in self.world.spool.builds() for name in queue.names(Room.READY)]
        for name in ready if all_of_them else ready[:1]:
            Build(self.world, name.key)

    @precondition(lambda self: self.world.builds)
    @rule(which=WHICH, outcome=st.sampled_from(OUTCOMES) | st.just("built"), at=AT)
    def finish(self, which: int, outcome: str, at: int | None) -> None:
        build = self.world.builds[which % len(self.world.builds)]
        self.dying(at, lambda: build.end(outcome))

    @precondition(lambda self: self.world.builds)
    @rule()
    def kill(self) -> None:
        self.world.builds[0].kill()

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        why = Cancel("otto", "not wanted")
        self.jobs_of(which, jobs.UNFINISHED, lambda place: jobs.cancel(self.world.site, place, why))

    @rule(which=WHICH)
    def give_back(self, which: int) -> None:
        rooms = (Room.FAILED, Room.HOLD)
        self.jobs_of(which, rooms, lambda place: jobs.give_back(self.world.spool, place, "otto", "again"))

    @rule(which=WHICH, at=AT)
    def hold(self, which: int, at: int | None) -> None:
        self.act(which, at, lambda one: operating.hold(self.world.spool, one.key, "otto", "later"))

    @rule(which=WHICH, at=AT)
    def release(self, which: int, at: int | None) -> None:
        self.act(which, at, lambda one: operating.release(self.world.spool, one.key, "otto"))

    @invariant()
    def each_is_in_one_place(self) -> None:
        for one in getattr(self, "uploads", ()):
            assert len(self.world.places(one.key)) == 1

    @invariant()
    def no_version_goes_down(self) -> None:
        if hasattr(self, "world"):
            found = self.world.published() or "0"
            assert compare(found, self.published) >= 0
            self.published = found

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.to_the_end()
            finally:
                self.world.close()
                shutil.rmtree(self.home)

    def to_the_end(self) -> None:
        for one in self.uploads:
            with suppress(Problem):
                self.world.accept(one)
        self.world.run_until_idle()
        self.no_version_goes_down()
        for one in self.uploads:
            self.has_one_end(one)
        assert list((self.world.path / "spool").rglob("tmp/*")) == []

    def has_one_end(self, one: Upload) -> None:
        where, last, told = self.world.place(one.key), self.world.events(one.key)[-1], self.world.told(one.key)
        ends = [event for event in told if event in ("published", "rejected", "superseded", "abandoned")]
        if where in END:
            assert ends == [last.event if last.event == "superseded" else END[where]]
            assert self.world.waiting_for(one) == []
        else:
            held = {place for job in self.world.waiting_for(one) for place in [job] if place[1] is Room.HOLD}
            assert where.endswith("/hold") or held, f"{one.version} waits in {where}"
            assert ends == []
            assert "traceback" not in last.facts

    def act(self, which: int, at: int | None, verb: Callable[[Upload], object]) -> None:
        """Do something to an upload; where it cannot be done, somebody is told so."""
        if which < len(self.uploads):
            with suppress(Problem):
                self.dying(at, lambda: verb(self.uploads[which]))

    def jobs_of(self, which: int, rooms: Collection[Room], verb: Callable[[Any], object]) -> None:
        def to_each(one: Upload) -> None:
            for place in choose(self.world.spool, one.key, self.world.spool.builds(), rooms, "is there"):
                verb(place)

        self.act(which, None, to_each)

    def dying(self, at: int | None, work: Callable[[], object]) -> None:
        """Let a process work, and die at a call."""
        if at is None:
            work()
            return
        with suppress(Died), disk(DyingDisk(at, after=at % 2 == 0)):
            work()


@pytest.mark.parametrize(
    ("examples", "steps"), [(15, 25), pytest.param(150, 50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_every_upload_comes_to_one_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int
) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 0)
    monkeypatch.setattr(Orders, "sources", Sources(tmp_path), raising=False)
    with given_builds(Orders.sources):
        run_state_machine_as_test(  # type: ignore[no-untyped-call] -- it has no types
            Orders,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=examples < 100,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
