"""What is over and old is put away by month: found by `why`, and by nothing that works."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemons.steering.choosing import NotThere, choose, known
from daemons.telling.overview import look
from queues import history, pruning
from queues.entry import FILES
from queues.layout import Spool
from queues.names import EntryName, part_key, stamp
from queues.recovery import recover
from queues.rooms import Room
from tests.support.dying import deaths
from tests.support.entries import file_of, job, spool_at, upload

NOW = datetime(2026, 6, 15, tzinfo=UTC)
KEEP = timedelta(days=30)
LONG_AGO, LATELY = datetime(2026, 3, 31, 23, 59, tzinfo=UTC), NOW - timedelta(days=29)
KEY = part_key(upload("pkg", "1.0").key, "amd64")


def put(spool: Spool, room: Room, came: datetime = LONG_AGO, version: str = "1.0") -> EntryName:
    queue, one = spool.build("amd64"), job("pkg", version, "amd64")
    name = EntryName(stamp(came), part_key(one.upload, "amd64"))
    assert queue.put(name, one, {"a": file_of(spool, b"x")}, [("queued", {})], room)
    return name


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


@pytest.mark.parametrize("room", [Room.DONE, Room.FAILED])
def test_what_is_old_is_put_away_and_what_is_not_stays(spool: Spool, room: Room) -> None:
    name, late = put(spool, room), put(spool, room, LATELY, "2.0")
    queue = spool.build("amd64")

    assert pruning.prune(queue, NOW, KEEP) == 1
    assert queue.names(room) == [late]
    (away,) = pruning.put_away(queue)
    assert (away.room, away.name, away.path) == (room, name, queue.room(room) / "2026-03" / str(name))
    assert not (away.path / FILES).exists()
    assert (away.path / "history").exists()
    assert pruning.prune(queue, NOW, KEEP) == 0


def test_what_waits_or_is_wanted_or_in_hand_is_never_put_away(spool: Spool) -> None:
    queue = spool.build("amd64")
    rooms = (Room.READY, Room.WAITING, Room.HOLD, Room.FAILED)
    names = {put(spool, room, version=f"{number}") for number, room in enumerate(rooms)}
    assert pruning.prune(queue, NOW, KEEP, lambda name: name in names) == 0

    (failed,) = queue.names(Room.FAILED)
    descriptor = queue.lock(failed, Room.FAILED)
    assert descriptor is not None
    assert pruning.prune(queue, NOW, KEEP) == 0
    assert {name for room in rooms for name in queue.names(room)} == names


def test_what_was_put_away_is_told_but_is_no_work(spool: Spool) -> None:
    name = put(spool, Room.FAILED)
    queue = spool.build("amd64")
    pruning.prune(queue, NOW, KEEP)

    (place,) = known(spool, "pkg")
    assert (place.name, str(place)) == (name, "build/amd64/failed/2026-03")
    assert [event.event for event in history.read(place.path)] == ["queued"]
    with pytest.raises(NotThere, match="it is in build/amd64/failed/2026-03"):
        choose(spool, "pkg", spool.builds(), [Room.FAILED], "failed")
    assert recover(queue, NOW) == []
    assert queue.find(KEY) is None
    assert {one.entries for one in look(spool, NOW).queues} == {0}


def test_putting_away_may_die_at_any_call(tmp_path: Path) -> None:
    number = itertools.count()
    spools: list[Spool] = []

    def fresh() -> None:
        path = tmp_path / str(next(number))
        path.mkdir()
        spools.append(spool_at(path))
        put(spools[-1], Room.FAILED)

    def prune() -> None:
        pruning.prune(spools[-1].build("amd64"), NOW, KEEP)

    for death in deaths(prune, fresh=fresh):
        queue = spools[-1].build("amd64")
        recover(queue, NOW)
        prune()
        assert [queue.names(room) for room in queue.rooms] == [[]] * len(queue.rooms), death
        assert [away.name.key for away in pruning.put_away(queue)] == [KEY], death
