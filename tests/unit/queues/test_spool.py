"""One queue, as its users see it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queues import atomic, history
from queues.entry import FILES
from queues.layout import ROOMS, Spool
from queues.names import EntryName, Key, moment, part_key
from queues.outcomes import Done, Later, Never
from queues.recovery import due, recover
from queues.rooms import Room
from queues.values import BuildJob, BuildResult
from tests.support.entries import file_of, job, put_upload, spool_at, upload


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


def rooms_of(spool: Spool, key: Key) -> list[str]:
    """Every place of the site where an entry of this key is."""
    return sorted(str(path.parent.relative_to(spool.path)) for path in spool.path.rglob(f"*.{key}") if path.is_dir())


def test_first_in_first_out(spool: Spool) -> None:
    names = [put_upload(spool, upload("pkg", f"1.{n}")) for n in range(5)]

    claimed = []
    for _ in names:
        with spool.review.claim() as entry:
            assert entry is not None
            claimed.append(entry.name)
            entry.move(spool.master)

    assert names == claimed
    assert names == spool.master.names(Room.READY)


def test_a_replay_of_a_put_does_nothing(spool: Spool) -> None:
    one = upload("pkg", "1.0")
    name = put_upload(spool, one)

    assert spool.review.put(name, one, {}) is False
    assert rooms_of(spool, one.key) == ["review/ready"]


def test_the_envelope_and_the_files_travel_with_the_entry(spool: Spool) -> None:
    one = upload("pkg", "1.0")
    put_upload(spool, one, {"pkg_1.0.dsc": file_of(spool, b"the dsc")})

    with spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.move(spool.master, event="accepted", by="rita")
    with spool.master.claim() as entry:
        assert entry is not None
        assert entry.envelope == one
        with entry.file("pkg_1.0.dsc") as file:
            assert file.read() == b"the dsc"
        assert [event.event for event in entry.history] == ["received", "claimed", "accepted", "claimed"]


def test_a_claimed_entry_is_nobody_elses(spool: Spool) -> None:
    put_upload(spool, upload("pkg", "1.0"))
    other = Spool(spool.site)

    with spool.review.claim() as mine, other.review.claim() as theirs:
        assert mine is not None
        assert theirs is None


def test_a_claimer_that_lost_the_race_takes_the_next(spool: Spool) -> None:
    first, second = (put_upload(spool, upload("pkg", version)) for version in ("1", "2"))
    other = Spool(spool.site)
    assert other.review.oldest() == first

    with spool.review.claim() as mine, other.review.claim() as theirs:
        assert mine is not None
        assert theirs is not None
        assert (mine.name, theirs.name) == (first, second)


def test_left_unsettled_is_given_back(spool: Spool) -> None:
    name = put_upload(spool, upload("pkg", "1.0"))
    with spool.review.claim():
        pass

    assert spool.review.names(Room.READY) == [name]


def test_left_by_an_exception_is_held_with_the_traceback(spool: Spool) -> None:
    name = put_upload(spool, upload("pkg", "1.0"))
    with pytest.raises(ZeroDivisionError), spool.review.claim():
        _ = 1 // 0

    assert spool.review.names(Room.HOLD) == [name]
    last = history.read(spool.review.where(Room.HOLD, name))[-1]
    assert "ZeroDivisionError" in last.facts["traceback"]


@pytest.mark.parametrize(
    ("outcome", "room"),
    [
        (Done(), Room.DONE),
        (Never("no"), Room.FAILED),
        (Later("busy"), Room.READY),
        (Later("busy", datetime(2030, 1, 1, tzinfo=UTC)), Room.DEFERRED),
    ],
)
def test_each_outcome_has_its_room(spool: Spool, outcome: Done | Never | Later, room: Room) -> None:
    queue = spool.build("amd64")
    name = put_job(spool, job("pkg", "1.0", "amd64"))
    with queue.claim() as entry:
        assert entry is not None
        entry.settle(outcome)

    assert queue.names(room) == [name]
    assert (queue.where(room, name) / FILES).exists() is (room is not Room.DONE)


def put_job(spool: Spool, one: BuildJob) -> EntryName:
    queue = spool.build(one.architecture)
    name = EntryName(queue.stamp(spool.clock()), part_key(one.upload, one.architecture))
    assert queue.put(name, one, {"a": file_of(spool, b"x")})
    return name


def test_three_claims_without_a_verdict_mean_hold(spool: Spool) -> None:
    queue, name = spool.build("amd64"), put_job(spool, job("pkg", "1.0", "amd64"))
    for _ in range(3):
        die_while_claiming(spool)
        assert recover(queue, spool.clock())

    with queue.claim() as entry:
        assert entry is None
    assert queue.names(Room.HOLD) == [name]


def die_while_claiming(spool: Spool) -> None:
    """Claim a job in a child process that is killed."""
    child = os.fork()
    if child == 0:
        with Spool(spool.site).build("amd64").claim() as entry:
            os._exit(0 if entry else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_verdict_forgives_earlier_deaths(spool: Spool) -> None:
    queue, name = spool.build("amd64"), put_job(spool, job("pkg", "1.0", "amd64"))
    for _ in range(2):
        die_while_claiming(spool)
        recover(queue, spool.clock())
    with queue.claim() as entry:
        assert entry is not None
        entry.settle(Later("the mirror is away"))
    die_while_claiming(spool)
    recover(queue, spool.clock())

    with queue.claim() as entry:
        assert entry is not None
        assert entry.name == name


def test_a_person_puts_back_what_three_deaths_put_on_hold_and_it_has_three_more(spool: Spool) -> None:
    queue, name = spool.build("amd64"), put_job(spool, job("pkg", "1.0", "amd64"))
    for _ in range(3):
        die_while_claiming(spool)
        recover(queue, spool.clock())
    with queue.claim() as nothing:
        assert nothing is None
    assert queue.find(name.key) == (Room.HOLD, name)

    with queue.claim(name.key, Room.HOLD) as entry:
        assert entry is not None
        entry.move(queue, event="released", by="otto")
    for _ in range(2):
        die_while_claiming(spool)
        recover(queue, spool.clock())
    with queue.claim() as entry:
        assert entry is not None


def test_a_living_claim_is_not_recovered(spool: Spool) -> None:
    put_upload(spool, upload("pkg", "1.0"))
    other = Spool(spool.site).review
    with spool.review.claim():
        assert recover(other, spool.clock()) == []
    assert other.contended is False, "only a locked entry in ready is worth trying again soon"


def test_a_dead_claim_goes_back_to_the_room_it_came_from(spool: Spool) -> None:
    name = put_upload(spool, upload("pkg", "1.0"))
    with spool.review.claim() as entry:
        assert entry is not None
        entry.move(spool.master, Room.WAITING)
    child = os.fork()
    if child == 0:
        with Spool(spool.site).master.claim(name.key, Room.WAITING) as entry:
            os._exit(0 if entry else 1)
    os.waitpid(child, 0)
    recover(spool.master, spool.clock())

    assert spool.master.names(Room.WAITING) == [name]


def test_deferred_until_its_time(spool: Spool) -> None:
    queue, name = spool.build("amd64"), put_job(spool, job("pkg", "1.0", "amd64"))
    now = spool.clock()
    with queue.claim() as entry:
        assert entry is not None
        entry.settle(Later("busy", now + timedelta(minutes=5)))

    assert due(queue, now) == now + timedelta(minutes=5)
    recover(queue, now + timedelta(minutes=4))
    assert queue.names(Room.DEFERRED) == [name]
    recover(queue, now + timedelta(minutes=5))
    assert queue.names(Room.READY) == [name]


def test_a_clock_that_was_wrong_defers_nothing_for_ever(spool: Spool) -> None:
    queue, name = spool.build("amd64"), put_job(spool, job("pkg", "1.0", "amd64"))
    now = spool.clock()
    with queue.claim() as entry:
        assert entry is not None
        entry.settle(Later("busy", now + timedelta(days=400)))
    recover(queue, now + timedelta(days=1, seconds=1))

    assert queue.names(Room.READY) == [name]


def test_a_later_entry_never_sorts_before_an_earlier_one(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    spool = spool_at(tmp_path, lambda: now)
    first = put_upload(spool, upload("pkg", "1"))
    now -= timedelta(days=1)  # the clock is set back
    second = put_upload(spool, upload("pkg", "2"))

    assert first < second
    assert moment(first.stamp) == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_set_by_a_day_changes_no_order_and_defers_nothing_for_ever(tmp_path: Path, days: int) -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    spool = spool_at(tmp_path, lambda: now)
    queue = spool.build("amd64")
    with_time = put_job(spool, job("pkg", "1", "amd64"))
    with queue.claim() as entry:
        assert entry is not None
        entry.settle(Later("busy", now + timedelta(minutes=5)))
    before = [put_job(spool, job("pkg", version, "amd64")) for version in ("2", "3")]
    now += timedelta(days=days)
    after = [put_job(spool, job("pkg", version, "amd64")) for version in ("4", "5")]
    recover(queue, now)

    assert queue.names(Room.READY) == [with_time, *before, *after]


def test_a_dead_claim_of_a_part_goes_back_to_the_parts(spool: Spool) -> None:
    """Also when the disk forgot that it was claimed: its room was said before it left it."""
    one = job("pkg", "1.0", "amd64")
    result = BuildResult(one, "built", "", "", (), one.dsc, spool.clock(), spool.clock())
    name = EntryName(1, part_key(one.upload, "amd64"))
    assert spool.parts.put(name, result, {}, room=Room.PARTS)
    child = os.fork()
    if child == 0:
        with Spool(spool.site).parts.claim(name.key, Room.PARTS) as entry:
            os._exit(0 if entry else 1)
    os.waitpid(child, 0)
    recover(spool.parts, spool.clock())

    assert spool.parts.names(Room.PARTS) == [name]


@pytest.mark.parametrize("room", [room for room in ROOMS["build"] if room is not Room.TMP])
def test_a_replay_is_seen_wherever_the_entry_went(spool: Spool, room: Room) -> None:
    queue, one = spool.build("amd64"), job("pkg", "1.0", "amd64")
    name = put_job(spool, one)
    queue.where(Room.READY, name).rename(queue.where(room, name))

    assert queue.put(name, one, {}) is False
    assert queue.find(name.key) == (room, name)


def test_a_key_that_is_gone_may_come_again(spool: Spool) -> None:
    one = upload("pkg", "1")
    name = put_upload(spool, one)
    atomic.remove(spool.review.where(Room.READY, name))

    assert spool.review.put(name, one, {}) is True


def test_many_at_once_put_each_name_once_and_take_each_entry_once(spool: Spool) -> None:
    children = [fork(lambda: put_ten(Spool(spool.site))) for _ in range(4)]
    assert sum(map(answer, children)) == 10
    children = [fork(lambda: take_all(Spool(spool.site))) for _ in range(4)]
    assert sum(map(answer, children)) == 10
    assert len(spool.master.names(Room.READY)) == 10


def fork(work: Callable[[], int]) -> int:
    """Run in a child process whose exit status is the answer."""
    child = os.fork()
    if child == 0:
        os._exit(work())
    return child


def answer(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def put_ten(spool: Spool) -> int:
    ones = [upload("pkg", str(number)) for number in range(10)]
    return sum(spool.review.put(EntryName(number, one.key), one, {}) for number, one in enumerate(ones))


def take_all(spool: Spool) -> int:
    count = 0
    while spool.review.names(Room.READY):
        with spool.review.claim() as entry:
            if entry is not None:
                entry.move(spool.master)
                count += 1
    return count
