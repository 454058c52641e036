"""The clock is set back or forward by a day while work is under way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemons.process import presence
from daemons.process.daemon import PERIOD
from daemons.publisher import Publisher
from queues.names import upload_of
from queues.rooms import Room
from queues.values import Upload
from tests.support.world import World

DAY = timedelta(days=1)
JUMPS = pytest.mark.parametrize("jump", [-DAY, DAY])


def dispatched(world: World, source: str) -> Upload:
    one = world.accepted("1.0", source)
    world.master()
    return one


@JUMPS
def test_jobs_stay_in_the_order_in_which_they_came(world: World, jump: timedelta) -> None:
    first, second = dispatched(world, "one"), dispatched(world, "two")
    world.now += jump
    third = dispatched(world, "three")
    world.now -= jump
    fourth = dispatched(world, "four")

    ready = [upload_of(name.key) for name in world.spool.build("amd64").names(Room.READY)]
    assert ready == [one.key for one in (first, second, third, fourth)]


@JUMPS
@pytest.mark.parametrize("outcome", ["later", "dep-wait"])
def test_what_waits_for_a_time_is_soon_tried_again(world: World, jump: timedelta, outcome: str) -> None:
    one = dispatched(world, "one")
    world.now += jump
    world.end(one, "amd64", outcome)
    world.now -= jump
    world.now += timedelta(hours=7)
    world.look_around()

    assert [upload_of(name.key) for name in world.spool.build("amd64").names(Room.READY)] == [one.key]


def test_nothing_is_published_behind_the_last_publication_and_it_is_said_why(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = dispatched(world, "one"), dispatched(world, "two")
    for one in (first, second):
        for architecture in ("amd64", "i386"):
            world.end(one, architecture, "built")
    world.master()
    publisher = Publisher(world.site)
    world.now += DAY
    assert publisher.one()
    assert world.published("one") == "1.0"
    world.now -= DAY
    with publisher.presence:
        assert publisher.one()
        publisher.presence.idle(world.clock())
        (state,) = (one for one in presence.states(world.path / "run") if one.name == "include")

    why = "the clock was set back behind the last publication: nothing can be published before 2026-01-02"
    assert why in state.detail
    assert why in caplog.text
    assert why in world.events(second.key)[-1].facts["reason"]
    assert world.published("two") is None
    assert publisher.pause() <= PERIOD.total_seconds(), "the clock may be set again"

    world.now += DAY
    world.publisher()
    assert world.published("two") == "1.0"
