"""Uploads of one source that overlap: rule 8 in every order of events, and nobody waits for ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemons.deciding import results
from daemons.settings import Settings
from daemons.steering import jobs, operating
from daemons.steering.cancelling import Cancel
from daemons.steering.choosing import choose
from daemons.telling import story
from queues.names import part_key
from queues.problem import Problem
from queues.recovery import recover
from queues.rooms import Room
from queues.values import Upload
from tests.support.dying import Died, DyingDisk, deaths, disk
from tests.support.interrupting import interruptions
from tests.support.world import REVIEWER, SUITE, Build, Sources, World

END = {"review/rejected": "rejected", "master/failed": "abandoned", "archive/done": "published"}
WHY = Cancel("otto", "not wanted")


class Case:
    """A fresh site for every run, with an older upload and a newer one."""

    def __init__(self, path: Path, sources: Sources, older: str, newer: str) -> None:
        self.path = path
        self.number = itertools.count()
        self.building = older == "building"
        self.template = World(path / "template", sources)
        self.old = self.template.send("1.0")
        STATES[older](self.template, self.old)
        self.new = self.template.send("2.0")
        STATES[newer](self.template, self.new)
        self.world: World

    def fresh(self) -> None:
        """Make a site where each of the two is in its state."""
        self.world = self.template.copy(self.path / str(next(self.number)))
        if self.building:
            self.world.begin(self.old)


def accepted(world: World, one: Upload) -> None:
    world.accept(one)


def waiting(world: World, one: Upload) -> None:
    accepted(world, one)
    world.master()


def half(world: World, one: Upload) -> None:
    waiting(world, one)
    world.end(one, "amd64", "built")


def built(world: World, one: Upload) -> None:
    half(world, one)
    world.end(one, "i386", "built")


def passed(world: World, one: Upload) -> None:
    built(world, one)
    world.master()


def published(world: World, one: Upload) -> None:
    passed(world, one)
    world.publisher()


def withheld(world: World, one: Upload) -> None:
    half(world, one)
    world.end(one, "i386", "failed")
    world.master()


STATES: dict[str, Callable[[World, Upload], None]] = {
    "in review": lambda *_: None,
    "building": waiting,
    **{made.__name__: made for made in (accepted, waiting, half, built, passed, published, withheld)},
}


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder that stands in a step cannot hear of a cancel: waiting for it is for nothing."""
    monkeypatch.setattr(jobs, "PATIENCE", 0.0)


def swapped(work: str, others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give each pair twice: either one is interrupted by the other."""
    for other in others:
        yield work, other
        if other != "kill":  # which takes no steps
            yield other, work


def done(act: Callable[[Case], object], case: Case) -> None:
    """Do it; who comes too late is told so."""
    with suppress(Problem):
        act(case)


def cancel(world: World, one: Upload) -> None:
    for place in choose(world.spool, one.key, world.spool.builds(), jobs.UNFINISHED, "waits"):
        jobs.cancel(world.site, place, WHY)


def give_back(world: World, one: Upload) -> None:
    for place in choose(world.spool, one.key, world.spool.builds(), (Room.FAILED,), "failed"):
        jobs.give_back(world.spool, place, "otto", "again")


def ends_well(case: Case, step: str) -> None:
    """See that all comes to its one end, when every daemon goes on and the reviewer accepts what there is."""
    world, old, new = case.world, case.old, case.new
    for one in (old, new):
        assert len(world.places(one.key)) == 1, step
        if world.place(one.key) == "review/ready":
            world.accept(one)
    world.run_until_idle()
    assert world.place(new.key) == "archive/done", step
    assert world.published() == "2.0", step
    assert world.told(new.key) == ["accepted", "built", "published"], step
    check_older(world, old, new, step)
    assert world.waiting_for(new) == [], step


def check_older(world: World, old: Upload, new: Upload, step: str) -> None:
    where, last, told = world.place(old.key), world.events(old.key)[-1], world.told(old.key)
    assert where in END or where.endswith("/hold"), step
    assert last.facts.get("by") in (None, REVIEWER, "otto", "2.0", new.key), step
    ends = [event for event in told if event in ("published", "rejected", "superseded", "abandoned")]
    if where in END:
        assert world.waiting_for(old) == [], step
        assert ends == [END[where] if last.event != "superseded" else "superseded"], f"{step} {last}"
    else:
        assert "reason" in last.facts, step
        assert "traceback" not in last.facts, step


Act = Callable[[Case], object]
# What may happen to the older upload while the master daemon, or another, is in the middle of something.
ACTS: dict[str, Act] = {
    "master": lambda case: case.world.master(),
    "publisher": lambda case: case.world.publisher(),
    "accept": lambda case: case.world.accept(case.old),
    "reject": lambda case: case.world.desk().reject(case.old.key, REVIEWER, "no", case.world.clock()),
    "put aside": lambda case: case.world.desk().hold(case.old.key, REVIEWER, "hm", case.world.clock()),
    "begin": lambda case: case.world.begin(case.old),
    "build": lambda case: case.world.end(case.old, "i386", "built"),
    "fail": lambda case: case.world.end(case.old, "i386", "failed"),
    "miss": lambda case: case.world.end(case.old, "i386", "dep-wait"),
    "break down": lambda case: case.world.end(case.old, "i386", "later"),
    "kill": lambda case: case.world.builds[0].kill(),
    "cancel": lambda case: cancel(case.world, case.old),
    "give back": lambda case: give_back(case.world, case.old),
    "hold": lambda case: operating.hold(case.world.spool, case.old.key, "otto", "later"),
}
PAIRS = [
    ("in review", "accepted", "master", ("accept", "reject", "put aside")),
    ("accepted", "accepted", "master", ("hold",)),
    ("waiting", "accepted", "master", ("begin", "cancel", "hold")),
    ("building", "accepted", "master", ("build", "fail", "miss", "break down", "kill", "cancel")),
    ("half", "accepted", "master", ("build", "fail", "cancel")),
    ("built", "accepted", "master", ("hold",)),
    ("passed", "accepted", "master", ("publisher", "hold")),
    ("withheld", "accepted", "master", ("give back",)),
    ("passed", "waiting", "publisher", ("hold", "master")),
    ("passed", "passed", "publisher", ("master",)),
    ("half", "in review", "master", ("build", "fail", "cancel")),
    ("half", "in review", "build", ("master", "cancel")),
]


ORDERS = pytest.mark.parametrize(
    ("older", "newer", "work", "other"),
    [(older, newer, *pair) for older, newer, work, others in PAIRS for pair in swapped(work, others)],
)


@pytest.mark.thorough
@ORDERS
def test_some_orders(tmp_path: Path, sources: Sources, older: str, newer: str, work: str, other: str) -> None:
    in_order(Case(tmp_path, sources, older, newer), work, other, every=12)


@pytest.mark.slow
@ORDERS
def test_many_orders(tmp_path: Path, sources: Sources, older: str, newer: str, work: str, other: str) -> None:
    in_order(Case(tmp_path, sources, older, newer), work, other, every=3)


def in_order(case: Case, work: str, other: str, every: int) -> None:
    first, second = (lambda: done(ACTS[work], case)), (lambda: done(ACTS[other], case))
    for step in interruptions(first, second, fresh=case.fresh, every=every):
        ends_well(case, step)
        case.world.close()


def test_who_is_superseded_is_told_by_what_though_the_master_dies(tmp_path: Path, sources: Sources) -> None:
    case = Case(tmp_path, sources, "half", "accepted")
    act = ACTS["master"]
    for death in deaths(lambda: act(case), fresh=case.fresh):
        case.world.master()
        assert case.world.place(case.old.key) == "master/failed", death
        assert case.world.told(case.old.key)[-1] == "superseded", death
        case.world.close()


@pytest.mark.slow
def test_what_is_published_is_told_whole_though_the_publisher_dies(tmp_path: Path, sources: Sources) -> None:
    case = Case(tmp_path, sources, "passed", "in review")
    act = ACTS["publisher"]
    for death in deaths(lambda: act(case), fresh=case.fresh):
        case.world.now += timedelta(minutes=1)
        case.world.publisher()
        assert case.world.place(case.old.key) == "archive/done", death
        (notice,) = [one for one in case.world.notices(case.old.key) if one.event == "published"]
        assert notice.facts["built"] == "amd64 i386", death
        case.world.close()


def test_an_older_version_behind_a_published_newer_one_is_superseded(tmp_path: Path, sources: Sources) -> None:
    case = Case(tmp_path, sources, "passed", "passed")
    case.fresh()
    operating.move_up(case.world.spool, case.new.key, "otto")
    case.world.publisher()
    case.world.publisher()

    assert case.world.published() == "2.0"
    assert case.world.place(case.old.key) == "master/failed"
    assert case.world.events(case.old.key)[-1].facts == {"by": "2.0"}
    assert case.world.waiting_for(case.old) == []


def test_what_is_about_to_be_published_counts_for_the_gate_of_the_next(tmp_path: Path, sources: Sources) -> None:
    careful = Settings({"demo": replace(SUITE, gate="no-regression")})
    world = World(tmp_path / "site", sources, careful)
    passed(world, world.send("1.0"))
    new = world.accepted("2.0")
    world.master()
    world.publisher()
    world.end(new, "amd64", "built")
    world.end(new, "i386", "failed")
    world.master()

    assert world.place(new.key) == "master/hold"


def test_a_case_that_was_open_when_a_newer_was_dispatched_is_superseded_later(world: World) -> None:
    old, new = world.send("1.0"), world.accepted("2.0")
    with world.spool.review.claim(old.key) as entry:  # a reviewer reads it
        assert entry is not None
        world.master()
    assert world.place(old.key) == "review/ready"
    world.master()

    assert (world.place(old.key), world.place(new.key)) == ("review/rejected", "master/waiting")


@pytest.mark.parametrize("state", [half, built])
def test_deaths_at_the_gate_hold_nobody(world: World, state: Callable[[World, Upload], None]) -> None:
    one = world.send("1.0")
    state(world, one)
    for at in [number for number in range(1, 7) for _ in range(4)]:  # four times in a row at each of the first calls
        with suppress(Died), disk(DyingDisk(at, after=True)):
            world.master()
    world.run_until_idle()

    assert world.place(one.key) == "archive/done"


def test_deaths_of_a_builder_that_looks_around_hold_nobody(world: World) -> None:
    one = world.accepted("1.0")
    world.master()
    world.end(one, "amd64", "dep-wait")
    world.now += timedelta(hours=7)
    for at in [number for number in range(1, 5) for _ in range(4)]:
        with suppress(Died), disk(DyingDisk(at, after=True)):
            world.look_around()
    world.run_until_idle()

    assert world.place(one.key) == "archive/done"


def test_a_cancel_after_the_last_command_counts(world: World) -> None:
    one = world.accepted("1.0")
    world.master()
    build = Build(world, part_key(one.key, "amd64"))
    cancel(world, one)
    build.end("built")

    assert world.places(part_key(one.key, "amd64")) == [("build/amd64", Room.FAILED)]
    (result,) = results.of(world.spool, one.key, ["amd64"]).values()
    assert (result.verdict, result.reason) == ("failed", str(WHY))


def test_a_cancel_after_the_result_is_in_is_too_late_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 60)
    one = world.accepted("1.0")
    world.master()
    key = part_key(one.key, "amd64")
    for at in itertools.count(1):  # the builder dies, until it does so with its part put and its job not settled
        build = Build(world, key)
        with suppress(Died), disk(DyingDisk(at, after=True)):
            build.end("built")
        recover(world.spool.build("amd64"), world.clock())
        if world.spool.parts.names(Room.PARTS):
            break
        operating.hold(world.spool, key, "otto", "a pause in which its deaths are forgiven")
        operating.release(world.spool, key, "otto")
    (place,) = choose(world.spool, key, world.spool.builds(), jobs.UNFINISHED, "waits")

    assert jobs.cancel(world.site, place, WHY) is Room.DONE


def test_a_result_that_an_upload_waits_for_is_not_put_away(world: World) -> None:
    one = world.accepted("1.0")
    world.master()
    world.end(one, "amd64", "failed")
    world.now += timedelta(days=400)
    world.master()
    assert world.places(part_key(one.key, "amd64")) == [("build/amd64", Room.FAILED)]

    world.end(one, "i386", "failed")
    world.master()
    world.now += timedelta(days=400)
    world.master()
    assert world.places(one.key) == world.places(part_key(one.key, "amd64")) == []
    assert [chapter.room for chapter in story.tell(world.site, "pkg")] == ["failed"] * 3
