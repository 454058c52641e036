"""Taking an acceptance back: nothing of it is built any more, and a second acceptance builds anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons.steering import undoing
from daemons.steering.operating import Refused
from queues.rooms import Room
from queues.values import Upload
from review.desk import NotAllowed
from tests.support.dying import deaths
from tests.support.world import REVIEWER, World


def dispatched(world: World, version: str = "1.0") -> Upload:
    one = world.accepted(version)
    world.master()
    return one


def undo(world: World, one: Upload) -> None:
    undoing.undo(world.site, world.desk(), one.key, REVIEWER, "the wrong one")


@pytest.mark.parametrize("outcome", ["built", "failed", "dep-wait", "later", "suspicious"])
def test_a_second_acceptance_builds_everything_again(world: World, outcome: str) -> None:
    one = dispatched(world)
    world.end(one, "amd64", outcome)

    undo(world, one)

    assert world.place(one.key) == "review/ready"
    assert world.waiting_for(one) == []
    world.accept(one)
    world.run_until_idle()
    assert world.published() == "1.0"


def test_what_passed_its_gate_can_be_taken_back_until_it_is_published(world: World) -> None:
    one = dispatched(world)
    for architecture in ("amd64", "i386"):
        world.end(one, architecture, "built")
    world.master()
    assert world.place(one.key) == "archive/ready"

    undo(world, one)
    world.publisher()

    assert world.published() is None
    assert world.place(one.key) == "review/ready"
    world.accept(one)
    world.run_until_idle()
    assert world.published() == "1.0"
    with pytest.raises(Refused, match="archive/done"):
        undo(world, one)


def test_a_running_build_is_cancelled_and_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = dispatched(world)
    world.begin(one)
    monkeypatch.setattr(undoing.time, "sleep", lambda _: [build.end("built") for build in [*world.builds]])

    undo(world, one)

    assert world.place(one.key) == "review/ready"
    assert world.waiting_for(one) == []
    world.accept(one)
    world.run_until_idle()
    assert world.published() == "1.0"


def test_with_one_of_a_set_all_of_it_is_taken_back(world: World) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    third = world.accepted("1.0", "third")
    world.desk().accept_set([one.key, other.key], REVIEWER, world.clock())
    world.master()
    world.end(one, "amd64", "built")

    undo(world, other)

    assert [world.place(upload.key) for upload in (one, other, third)] == [*["review/ready"] * 2, "master/waiting"]
    assert [world.waiting_for(upload) for upload in (one, other)] == [[], []]
    world.accept(one)
    world.run_until_idle()
    assert (world.published(), world.published("other")) == ("1.0", None), "they are no set any more"


def test_what_a_set_has_lost_is_not_taken_back(world: World) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    world.desk().accept_set([one.key, other.key], REVIEWER, world.clock())
    world.master()
    for architecture in ("amd64", "i386"):
        world.end(one, architecture, "failed")
    world.master()
    assert world.place(other.key) == "master/hold"

    undo(world, other)

    assert (world.place(one.key), world.place(other.key)) == ("master/failed", "review/ready")


def test_a_set_of_which_one_is_in_other_hands_is_not_taken_back_in_part(world: World) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    world.desk().accept_set([one.key, other.key], REVIEWER, world.clock())
    world.master()
    with world.spool.master.claim(other.key, Room.WAITING) as entry:
        assert entry is not None
        with pytest.raises(Refused, match="try again"):
            undo(world, one)
    assert (world.place(one.key), world.place(other.key)) == ("master/waiting", "master/waiting")


def test_a_builder_that_does_not_end_leaves_the_case_held_until_undo_is_said_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = dispatched(world)
    world.begin(one)
    monkeypatch.setattr(undoing, "PATIENCE", 0.0)
    with pytest.raises(Refused, match="said again"):
        undo(world, one)
    assert world.place(one.key) == "review/hold"
    with pytest.raises(NotAllowed, match="undo"):
        world.desk().release(one.key, REVIEWER, world.clock())
    for build in [*world.builds]:
        build.end("built")

    undo(world, one)

    assert world.place(one.key) == "review/ready"
    world.accept(one)
    world.run_until_idle()
    assert world.published() == "1.0"


def test_those_concerned_are_told_each_time(world: World) -> None:
    one = dispatched(world)
    undo(world, one)
    world.accept(one)

    assert world.told(one.key)[:1] == ["accepted"]
    assert [event.partition("-")[0] for event in world.told(one.key)] == ["accepted", "undone", "accepted"]


def test_a_stranger_takes_nothing_back(world: World) -> None:
    one = dispatched(world)
    with pytest.raises(Exception, match="somebody"):
        undoing.undo(world.site, world.desk(), one.key, "somebody", "because")
    assert world.place(one.key) == "master/waiting"


@pytest.mark.slow
def test_a_death_at_any_moment_leaves_what_another_undo_finishes(world: World, tmp_path: Path) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    world.desk().accept_set([one.key, other.key], REVIEWER, world.clock())
    world.master()
    world.end(one, "amd64", "built")
    world.end(one, "i386", "failed")
    copies: list[World] = []

    def fresh() -> None:
        copies.append(world.copy(tmp_path / f"site-{len(copies)}"))

    for death in deaths(lambda: undo(copies[-1], one), fresh=fresh):
        copy = copies[-1]
        for member in (one, other):
            if copy.place(member.key) != "review/ready":
                undo(copy, member)
        assert [copy.place(member.key) for member in (one, other)] == ["review/ready"] * 2, death
        assert copy.waiting_for(one) == [], death
        copy.accept(one)
        copy.master()
        assert set(copy.waiting_for(one)) == {
            ("build/amd64", Room.READY),
            ("build/i386", Room.READY),
        }, death
        copy.close()
