"""Sets: uploads that were accepted together wait for each other, and are published at once or not at all."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from archive.inclusion import Built, Inclusion, Refusal
from archive.installable import Found
from archive.repository import Repository
from archive.signing import SigningFailed
from daemons.deciding import installing, sets, siblings
from daemons.deciding.asking import RELEASE
from daemons.deciding.gate import Abandon, Include, Wait, Withhold
from daemons.deciding.sets import Mate, Part, Standing
from daemons.publisher import Publisher
from daemons.settings import Settings
from daemons.steering import operating
from daemons.telling import story
from queues import atomic, envelope
from queues.history import Event
from queues.names import Key, part_key
from queues.rooms import Room
from queues.values import Set, Upload
from review import together
from tests.support.dying import deaths, disk
from tests.support.entries import upload
from tests.support.world import REVIEWER, SUITE, Build, Sources, World

NOW = datetime(2026, 1, 1, tzinfo=UTC)


# --- the decision ------------------------------------------------------------------------------------------------


def mate(stands: Standing, source: str = "lib") -> Mate:
    return Mate(upload(source, "1").key, stands, "there")


@pytest.mark.parametrize("stands", ["coming", "at its gate"])
def test_who_has_passed_waits_for_who_has_not(stands: Standing) -> None:
    assert sets.decide(Include(("amd64",)), [mate("passed"), mate(stands, "app")]) == Wait(
        ("app_1 (there) of its set",)
    )


def test_when_all_have_passed_it_is_included() -> None:
    assert sets.decide(Include(("amd64",)), [mate("passed"), mate("published", "app")]) == Include(("amd64",))


@pytest.mark.parametrize("own", [Include(("amd64",)), Wait(("amd64",))])
def test_who_lost_another_is_held_whether_built_or_not(own: Include | Wait) -> None:
    decision = sets.decide(own, [mate("lost"), mate("coming", "app")])
    assert isinstance(decision, Part)
    assert "lib_1 (there)" in decision.reason
    assert decision.without == (upload("lib", "1").key,)


@pytest.mark.parametrize("own", [Withhold("no"), Abandon("no")])
def test_what_its_own_gate_does_not_let_pass_is_its_own(own: Withhold | Abandon) -> None:
    assert sets.decide(own, [mate("lost")]) == own


def event(name: str, **facts: str) -> Event:
    return Event(NOW, name, facts)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([event("held", without="a b")], set()),
        ([event("held", without="a b"), event("released", by="rita")], {"a", "b"}),
        ([event("held", without="a"), event("recovered"), event("claimed")], set()),
        ([event("held", without="a"), event("released", by="rita"), event("held", without="b")], {"a"}),
        ([event("held", reason="x"), event("released", by="rita")], set()),
    ],
)
def test_only_a_person_forgives(events: Sequence[Event], found: set[str]) -> None:
    assert sets.forgiven(events) == {Key(one) for one in found}


# --- the road ----------------------------------------------------------------------------------------------------


def accepted(world: World, *sources: str) -> list[Upload]:
    found = [world.send("1.0", source) for source in sources]
    world.desk().accept_set([one.key for one in found], REVIEWER, world.clock())
    world.master()
    return found


def build(world: World, one: Upload, outcome: str = "built") -> None:
    for architecture in SUITE.architectures:
        world.end(one, architecture, outcome)


def places(world: World, *uploads: Upload) -> list[str]:
    return [world.place(one.key) for one in uploads]


def snapshots(world: World) -> list[str]:
    return sorted(path.name for path in (world.path / "archive/snapshots").iterdir() if path.name[0] == "2")


def reason(world: World, one: Upload) -> str:
    return world.events(one.key)[-1].facts.get("reason", "")


def test_a_set_is_published_at_once_when_the_last_has_passed(world: World) -> None:
    one, other = accepted(world, "pkg", "other")
    before = snapshots(world)
    build(world, one)
    world.master()
    world.publisher()
    assert places(world, one, other) == ["master/waiting", "master/waiting"]

    build(world, other)
    world.master()
    assert places(world, one, other) == ["archive/ready", "archive/ready"]
    world.publisher()
    assert places(world, one, other) == ["archive/done", "archive/done"]
    assert len(snapshots(world)) == len(before) + 1
    said = {
        event.facts["snapshot"]
        for key in (one.key, other.key)
        for event in world.events(key)
        if "snapshot" in event.facts
    }
    assert said == {snapshots(world)[-1]}
    assert [world.told(one.key).count("published"), world.told(other.key).count("published")] == [1, 1]


def test_when_one_is_abandoned_the_others_are_held_and_told(world: World) -> None:
    one, other, third = accepted(world, "pkg", "other", "third")
    build(world, other)
    build(world, one, "failed")
    world.master()

    assert places(world, one, other, third) == ["master/failed", "master/hold", "master/hold"]
    assert "pkg_1.0 (abandoned)" in reason(world, other)
    assert "held" in world.told(other.key)
    assert world.published("other") is None


def test_what_a_person_puts_back_goes_on_without_what_was_lost(world: World) -> None:
    one, other, third = accepted(world, "pkg", "other", "third")
    build(world, one, "failed")
    world.master()
    for kept in (other, third):
        build(world, kept)
    operating.release(world.spool, other.key, "rita")
    world.master()
    assert places(world, other, third) == ["master/waiting", "master/hold"], "the two are still a set"

    operating.release(world.spool, third.key, "rita")
    world.run_until_idle()

    assert (world.published("other"), world.published("third"), world.published()) == ("1.0", "1.0", None)
    assert world.events(other.key)[-1].facts == world.events(third.key)[-1].facts


def test_one_that_is_withheld_can_still_come_and_is_waited_for(world: World) -> None:
    one, other = accepted(world, "pkg", "other")
    build(world, other)
    world.end(one, "amd64", "built")
    world.end(one, "i386", "failed")
    world.master()

    assert places(world, one, other) == ["master/hold", "master/waiting"]
    (chapter,) = [chapter for chapter in story.tell(world.site, "other") if chapter.key == other.key]
    assert chapter.meaning == "waits at its gate for the others of its set"
    assert "accepted together with pkg_1.0 (master/hold)" in chapter.notes

    with world.spool.master.claim(one.key, Room.HOLD) as entry:  # as 'debmill gate release' does
        assert entry is not None
        entry.paper(RELEASE, Set((), "rita", NOW))
        entry.move(world.spool.master, Room.WAITING, event="gate released", by="rita")
    world.run_until_idle()
    assert places(world, one, other) == ["archive/done", "archive/done"]


def test_when_one_is_superseded_the_others_are_held(world: World) -> None:
    one, other = accepted(world, "pkg", "other")
    world.accepted("2.0")
    world.master()
    world.master()

    assert places(world, one, other) == ["master/failed", "master/hold"]
    assert "pkg_1.0 (superseded)" in reason(world, other)


def test_one_that_is_lost_behind_its_gate_keeps_the_others_from_being_published(world: World) -> None:
    one, other = accepted(world, "pkg", "other")
    for member in (one, other):
        build(world, member)
    world.master()
    with world.spool.archive.claim(one.key) as entry:
        assert entry is not None
        entry.move(world.spool.master, Room.FAILED, event="withdrawn")
    world.publisher()

    assert world.place(other.key) == "archive/hold"
    assert world.published("other") is None
    operating.release(world.spool, other.key, "rita")
    world.publisher()
    assert world.published("other") == "1.0"


def test_one_that_is_held_behind_its_gate_is_waited_for(world: World) -> None:
    one, other = accepted(world, "pkg", "other")
    for member in (one, other):
        build(world, member)
    world.master()
    operating.hold(world.spool, one.key, "rita", "wait")
    world.publisher()
    assert places(world, one, other) == ["archive/hold", "archive/deferred"]
    assert "pkg_1.0 (archive/hold)" in reason(world, other)

    operating.release(world.spool, one.key, "rita")
    world.publisher()
    assert places(world, one, other) == ["archive/done", "archive/done"], "nobody waits for the other's time"


def test_a_refusal_of_one_holds_all_and_says_which(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = accepted(world, "pkg", "other")
    for member in (one, other):
        build(world, member)
    world.master()
    monkeypatch.setattr("archive.inclusion._taken", lambda _, arrival: "its name" if arrival.source == "other" else "")
    world.publisher()

    assert places(world, one, other) == ["archive/hold", "archive/hold"]
    assert reason(world, one) == reason(world, other) == "other 1.0: its name"
    assert (world.published(), world.published("other")) == (None, None)


def test_what_is_new_is_checked_together_whether_it_can_be_installed(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "site", sources, Settings({"demo": replace(SUITE, installable="hold")}))
    seen: list[set[str]] = []

    def check(_: object, __: object, new: Sequence[Built]) -> Found:
        seen.append({one.stanza.package for one in new})
        return Found(("pkg 1.0 needs what cannot be together",))

    monkeypatch.setattr(installing, "check", check)
    one, other = accepted(world, "pkg", "other")
    for member in (one, other):
        build(world, member)
    world.master()
    world.publisher()
    assert seen == [{"pkg", "other"}]
    assert places(world, one, other) == ["archive/hold", "archive/hold"]

    for member in (one, other):
        operating.release(world.spool, member.key, "rita")
    world.publisher()
    assert places(world, one, other) == ["archive/done", "archive/done"]
    world.close()


def test_where_nothing_can_be_signed_all_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = accepted(world, "pkg", "other")
    for member in (one, other):
        build(world, member)
    world.master()

    def broken(*_: object) -> Refusal:
        raise SigningFailed("no card")

    with monkeypatch.context() as patch:
        patch.setattr(Repository, "include_together", broken)
        world.publisher()
    assert places(world, one, other) == ["archive/deferred", "archive/deferred"]
    world.run_until_idle()
    assert places(world, one, other) == ["archive/done", "archive/done"]


def test_the_master_daemon_finishes_what_a_death_left_in_review(world: World) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    bond = Set((one.key, other.key), REVIEWER, world.clock())
    for member in (one, other):
        found = together.find(world.spool, member.key)
        assert found is not None
        (found[0].where(*found[1:]) / together.SET).write_bytes(envelope.encode(bond))
    with world.spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.move(world.spool.master, event="accepted")
    world.run_until_idle()

    assert places(world, one, other) == ["archive/done", "archive/done"]
    (last,) = [event for event in world.events(other.key) if event.event == "accepted"]
    assert last.facts["by"] == REVIEWER


@pytest.mark.slow
def test_a_death_while_a_set_is_published_loses_and_doubles_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies around the publication; `test_crash` of the archive dies within."""
    one, other = accepted(world, "pkg", "other")
    for member in (one, other):
        build(world, member)
    world.master()
    copies: list[World] = []

    def fresh() -> None:
        copies.append(world.copy(tmp_path / f"site-{len(copies)}"))

    def publish() -> None:
        daemon = Publisher(copies[-1].site)
        while daemon.one():
            pass

    whole = Repository.include_together

    def include(*facts: Any) -> Inclusion:
        with disk(atomic.Disk()):
            return whole(*facts)

    monkeypatch.setattr(Repository, "include_together", include)
    for death in deaths(publish, fresh=fresh):
        copy = copies[-1]
        both = (copy.published(), copy.published("other"))
        assert both in ((None, None), ("1.0", "1.0")), death
        copy.now += timedelta(hours=1)
        copy.publisher()
        copy.now += timedelta(hours=1)
        copy.publisher()
        assert places(copy, one, other) == ["archive/done", "archive/done"], death
        assert (copy.published(), copy.published("other")) == ("1.0", "1.0"), death
        assert [copy.told(member.key).count("published") for member in (one, other)] == [1, 1], death
        copy.close()


@pytest.mark.parametrize("seed", range(12))
def test_in_whatever_order_nothing_of_a_set_is_published_without_the_rest(world: World, seed: int) -> None:
    """Every build succeeds; daemons work, builds end and a person holds and releases in any order."""
    chance = random.Random(seed)
    members = accepted(world, "pkg", "other", "third")
    builds = [(one, architecture) for one in members for architecture in SUITE.architectures]
    chance.shuffle(builds)

    def hold() -> None:
        one = chance.choice(members)
        queue, room, _ = together.find(world.spool, one.key) or (world.spool.master, Room.TMP, None)
        with queue.claim(one.key, room) as entry:
            if entry is not None and room in (Room.WAITING, Room.READY):
                entry.hold("wait", by="rita")
                held.append(one)

    held: list[Upload] = []
    steps: list[Callable[[], object]] = [
        world.master,
        world.publisher,
        hold,
        lambda: operating.release(world.spool, held.pop().key, "rita") if held else None,
        lambda: world.end(*builds.pop(), "built") if builds else None,
        lambda: world.end(*builds.pop(), "built") if builds else None,
    ]
    for _ in range(40):
        chance.choice(steps)()
        found = {world.published(one.source) for one in members}
        assert found in ({None}, {"1.0"})
        world.now += timedelta(minutes=5)
    while held:
        operating.release(world.spool, held.pop().key, "rita")
    world.run_until_idle()
    assert places(world, *members) == ["archive/done"] * 3


# --- the builds --------------------------------------------------------------------------------------------------


def job_places(world: World, *uploads: Upload) -> list[str]:
    return [world.place(part_key(one.key, "amd64")) for one in uploads]


def taken_in_vain(world: World, one: Upload) -> None:
    """Let a builder take a job that it does not begin."""
    world.builds.remove(Build(world, part_key(one.key, "amd64")))


def bound(world: World, *sent: Upload) -> list[Upload]:
    world.desk().accept_set([one.key for one in sent], REVIEWER, world.clock())
    world.master()
    return [*sent]


def test_a_build_waits_for_what_another_of_its_set_makes(world: World) -> None:
    app, lib = bound(world, world.send("1.0", "app", "lib (>= 1)"), world.send("1.0", "lib"))
    taken_in_vain(world, app)
    assert job_places(world, app, lib) == ["build/amd64/waiting", "build/amd64/ready"]
    (chapter,) = [one for one in story.tell(world.site, "app") if one.key == part_key(app.key, "amd64")]
    assert chapter.meaning == "waits for what others of its set make: lib_1.0 on amd64"
    world.look_around()
    assert job_places(world, app) == ["build/amd64/waiting"]

    world.end(lib, "amd64", "built")
    world.look_around()
    assert job_places(world, app) == ["build/amd64/ready"]
    world.run_until_idle()
    assert places(world, app, lib) == ["archive/done", "archive/done"]


def test_a_build_sees_what_others_have_built_and_nothing_of_that_stays(world: World) -> None:
    app, lib = bound(world, world.send("1.0", "app", "lib (>= 1)"), world.send("1.0", "lib"))
    world.end(lib, "amd64", "built")
    build = Build(world, part_key(app.key, "amd64"))

    room, name = world.spool.build("amd64").find(part_key(app.key, "amd64")) or (Room.TMP, None)
    assert name is not None
    here = world.spool.build("amd64").where(room, name) / siblings.DIRECTORY
    text = (here / "dists/set/main/binary-amd64/Packages").read_text()
    assert "Package: lib\n" in text
    assert "Filename: pool/lib_1.0_amd64.deb" in text
    assert (here / "pool/lib_1.0_amd64.deb").exists()
    assert hashlib.sha256(text.encode()).hexdigest() in (here / "dists/set/Release").read_text()

    build.end("dep-wait")
    assert not list(world.path.glob(f"spool/build/amd64/*/*/{siblings.DIRECTORY}"))


def test_what_misses_something_is_tried_again_when_others_of_its_set_are_built(world: World) -> None:
    app, lib = bound(world, world.send("1.0", "tool"), world.send("1.0", "lib"))
    world.end(app, "amd64", "dep-wait")
    world.look_around()
    assert job_places(world, app) == ["build/amd64/waiting"]

    world.end(lib, "amd64", "built")
    world.look_around()
    assert job_places(world, app) == ["build/amd64/ready"]


def test_two_that_need_each_other_are_built_the_oldest_first(world: World) -> None:
    one, other = bound(world, world.send("1.0", "left", "right"), world.send("1.0", "right", "left"))
    taken_in_vain(world, other)
    assert job_places(world, other) == ["build/amd64/waiting"]
    world.end(one, "amd64", "dep-wait")  # it wants the very new one
    world.look_around()
    assert job_places(world, one, other) == ["build/amd64/waiting", "build/amd64/ready"]

    world.end(other, "amd64", "built")
    world.look_around()
    assert job_places(world, one) == ["build/amd64/ready"]
    world.run_until_idle()
    assert places(world, one, other) == ["archive/done", "archive/done"]


def test_when_what_it_needs_has_failed_it_waits_for_a_person_and_not_when_that_is_lost(world: World) -> None:
    app, lib = bound(world, world.send("1.0", "app", "lib (>= 1)"), world.send("1.0", "lib"))
    world.end(lib, "amd64", "failed")
    taken_in_vain(world, app)
    assert job_places(world, app) == ["build/amd64/waiting"]
    world.end(lib, "i386", "failed")
    world.master()
    world.master()
    assert places(world, app, lib) == ["master/hold", "master/failed"]

    world.look_around()
    assert job_places(world, app) == ["build/amd64/ready"]
    assert world.published("app") is None
