"""Uploads that are accepted together: all of them or none, whenever somebody dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from queues import envelope
from queues.history import Event
from queues.rooms import Room
from queues.values import Set, Suite, Upload
from review import together
from review.desk import Desk, NotAllowed
from review.people import People
from review.policy.values import Policy
from tests.support.dying import deaths
from tests.support.entries import upload
from tests.support.world import REVIEWER, Everybody, World
from tests.unit.review.test_desk import Own


def ids(keys: list[Upload]) -> list[str]:
    return [one.key for one in keys]


def accept(world: World, *uploads: Upload) -> None:
    world.desk().accept_set(ids([*uploads]), REVIEWER, world.clock())


def accepted(world: World, one: Upload) -> Event:
    (event,) = [event for event in world.events(one.key) if event.event == "accepted"]
    return event


def test_all_are_accepted_and_each_says_with_which_others(world: World) -> None:
    one, other, third = world.send("1.0"), world.send("2.0", "other"), world.send("3.0", "third")
    done = world.desk().accept_set([other.key, "pkg", "other_2.0"], REVIEWER, world.clock())

    assert ids(done) == [one.key, other.key]
    assert [name.key for name in world.spool.master.names(Room.READY)] == [one.key, other.key]
    assert world.place(third.key) == "review/ready"
    for member in (one, other):
        assert accepted(world, member).facts["set"] == "pkg_1.0 other_2.0"
        assert accepted(world, member).facts["by"] == REVIEWER
        assert world.told(member.key) == ["accepted"]


@pytest.mark.parametrize(
    ("uploads", "reason"),
    [
        ([upload("pkg", "1")], "two uploads or more"),
        ([upload("pkg", "1"), upload("lib", "1", "other")], "lib_1 is for other, pkg_1 for demo"),
        ([upload("pkg", "1"), upload("lib", "1"), upload("pkg", "2")], "pkg_2 and pkg_1 are of one source"),
    ],
)
def test_what_can_be_no_set(uploads: list[Upload], reason: str) -> None:
    (objection,) = together.objections(uploads)
    assert reason in objection


def test_what_can_be_a_set() -> None:
    assert together.objections([upload("pkg", "1"), upload("lib", "1")]) == []


class Doubtful(Everybody):
    """Vouches for nobody who uploads `other`."""

    def by_fingerprint(self, fingerprint: str) -> None:  # type: ignore[override]
        """Know nobody."""


def desk(world: World, people: type[People], policy: Policy = Policy()) -> Desk:  # noqa: B008 -- it is frozen
    site = world.site
    return Desk(site.spool, people(site.keys), {"demo": Suite("demo")}, {"demo": policy})


def test_where_one_may_not_be_accepted_none_is_and_it_is_named(world: World) -> None:
    one, other = world.send("1.0"), world.send("2.0", "other")
    world.desk().hold(other.key, REVIEWER, "later", world.clock())
    with pytest.raises(NotAllowed, match=r"other_2\.0 is held.*nothing is accepted"):
        accept(world, one, other)
    world.desk().release(other.key, REVIEWER, world.clock())
    with pytest.raises(NotAllowed, match=r"pkg_1\.0: its signer.*other_2\.0: its signer"):
        desk(world, Doubtful).accept_set([one.key, other.key], REVIEWER, world.clock())
    with pytest.raises(NotAllowed, match="second pair of eyes"):
        desk(world, Own, Policy(second_pair=True)).accept_set([one.key, other.key], "rita", world.clock())
    with (
        world.desk().open(other.key, REVIEWER, world.clock()),
        pytest.raises(NotAllowed, match=r"other_2\.0 is in the hands of rita"),
    ):
        accept(world, one, other)

    assert (world.place(one.key), world.place(other.key)) == ("review/ready", "review/ready")
    assert world.told(one.key) == []
    assert together.of(world.spool.review.where(Room.READY, world.spool.review.names(Room.READY)[0])) is None


def test_what_is_in_the_way_is_said_without_accepting(world: World) -> None:
    one, other = world.send("1.0"), world.send("2.0", "other")
    names = [one.key, other.key]
    assert world.desk().objections(names, REVIEWER, world.clock()) == []
    world.desk().hold(other.key, REVIEWER, "later", world.clock())
    assert len(world.desk().objections(names, REVIEWER, world.clock())) == 1
    assert world.place(one.key) == "review/ready"


def bond_of(world: World, one: Upload) -> object:
    found = together.find(world.spool, one.key)
    assert found is not None
    return together.of(found[0].where(*found[1:]))


def test_a_death_leaves_all_in_review_or_what_the_master_daemon_finishes(world: World, tmp_path: Path) -> None:
    one, other = world.send("1.0"), world.send("2.0", "other")
    copies: list[World] = []
    begun = 0

    def fresh() -> None:
        copies.append(world.copy(tmp_path / f"site-{len(copies)}"))

    for death in deaths(lambda: accept(copies[-1], one, other), fresh=fresh):
        copy = copies[-1]
        desk = copy.desk()
        began = bool(copy.spool.master.names(Room.READY))
        begun += began
        if began:
            bond = bond_of(copy, one)
            for member in (one, other):
                desk.finish(member.key, bond, copy.clock())  # type: ignore[arg-type]
            assert bond_of(copy, other) == bond, death
            assert [copy.place(member.key) for member in (one, other)] == ["master/ready"] * 2, death
        else:  # it means nothing: each is decided on by itself
            desk.reject(one.key, REVIEWER, "no", copy.clock())
            desk.accept(other.key, REVIEWER, copy.clock())
            assert bond_of(copy, other) is None, death
        assert [copy.told(member.key).count("accepted") for member in (one, other)][1] == 1, death
        copy.close()
    assert begun > 1


def test_a_reviewer_who_accepts_what_a_death_left_finishes_the_set(world: World) -> None:
    one, other = half_accepted(world)
    world.accept(other)

    assert bond_of(world, other) == bond_of(world, one) != None  # noqa: E711 -- and there is one


def test_only_a_member_of_that_very_set_is_finished(world: World) -> None:
    one, other = half_accepted(world)
    bond = bond_of(world, one)
    found = together.find(world.spool, other.key)
    assert found is not None
    (found[0].where(*found[1:]) / together.SET).unlink()

    assert not world.desk().finish(other.key, bond, world.clock())  # type: ignore[arg-type]
    assert world.place(other.key) == "review/ready"


def half_accepted(world: World) -> tuple[Upload, Upload]:
    """A set whose acceptance died behind its first rename."""
    one, other = world.send("1.0"), world.send("2.0", "other")
    bond = Set((one.key, other.key), REVIEWER, world.clock())
    for member in (one, other):
        found = together.find(world.spool, member.key)
        assert found is not None
        (found[0].where(*found[1:]) / together.SET).write_bytes(envelope.encode(bond))
    with world.spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.move(world.spool.master, event="accepted", stamp=world.spool.master.stamp(world.clock()))
    return one, other
