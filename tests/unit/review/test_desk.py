"""The desk: notes, questions, a second pair of eyes, what rules decide, and what each decision records."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemons.telling.meaning import meaning
from queues import atomic, envelope
from queues.rooms import Room
from queues.values import Upload
from review import cases, notes
from review.desk import Desk, NotAllowed
from review.evidence import papers
from review.person import Reviewer, UnknownPerson, Uploader
from review.policy.values import Policy, Ruling
from tests.support.world import REVIEWER, Everybody, World
from tests.unit.review.evidence import QUIET


def entry(world: World, one: Upload) -> Path:
    found = world.spool.review.find(one.key)
    assert found is not None
    return world.spool.review.where(*found)


def with_evidence(world: World, one: Upload) -> str:
    """Lay evidence beside a case, and give its SHA256."""
    path = entry(world, one)
    atomic.make(path / papers.DIRECTORY)
    atomic.disk.create(path / papers.DIRECTORY / papers.FACTS, envelope.encode(QUIET))
    return papers.digest(path)


def test_a_decision_records_who_when_and_the_evidence(world: World) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    digest = with_evidence(world, one)
    world.accept(one)
    world.desk().reject(other.key, REVIEWER, "no", world.clock())

    accepted, rejected = world.events(one.key)[-1], world.events(other.key)[-1]
    assert (accepted.event, accepted.facts["by"], accepted.facts["evidence"]) == ("accepted", REVIEWER, digest)
    assert (rejected.event, rejected.facts["reason"], rejected.facts["evidence"]) == ("rejected", "no", "none")
    assert len(digest) == 64


def test_evidence_travels_with_its_upload(world: World) -> None:
    one = world.send("1.0")
    digest = with_evidence(world, one)
    world.accept(one)
    world.run_until_idle()

    room, name = world.spool.archive.find(one.key) or (Room.TMP, None)
    assert name is not None
    assert papers.digest(world.spool.archive.where(room, name)) == digest


def test_notes_are_kept_in_their_order_and_told_to_nobody(world: World) -> None:
    one = world.send("1.0")
    world.desk().note(one.key, REVIEWER, "looks odd", world.clock())
    world.desk().note(one.key, REVIEWER, "and that, too", world.clock())

    assert [(note.by, note.text) for note in notes.read(entry(world, one))] == [
        (REVIEWER, "looks odd"),
        (REVIEWER, "and that, too"),
    ]
    assert world.told(one.key) == []


def test_a_note_can_be_left_while_a_colleague_has_the_case(world: World) -> None:
    one = world.send("1.0")
    with world.spool.review.claim(one.key) as claimed:
        assert claimed is not None
        world.desk().note(one.key, REVIEWER, "wait", world.clock())
        claimed.move(world.spool.review)

    assert len(notes.read(entry(world, one))) == 1


def test_a_torn_note_hides_no_other(world: World) -> None:
    one = world.send("1.0")
    world.desk().note(one.key, REVIEWER, "first", world.clock())
    with (entry(world, one) / notes.FILE).open("ab") as file:
        file.write(b'{"at":\n')
    world.desk().note(one.key, REVIEWER, "second", world.clock())

    assert [note.text for note in notes.read(entry(world, one))] == ["first", "second"]


def test_each_question_is_told_and_the_case_keeps_its_place(world: World) -> None:
    one, other = world.send("1.0"), world.send("1.0", "other")
    for question in ("why?", "and why that?"):
        world.desk().ask(one.key, REVIEWER, question, world.clock())

    assert [notice.facts["question"] for notice in world.notices(one.key)] == ["why?", "and why that?"]
    assert [name.key for name in world.spool.review.names(Room.READY)] == [one.key, other.key]


class Own(Everybody):
    """The reviewer is the uploader, too."""

    def by_fingerprint(self, fingerprint: str) -> Uploader:  # noqa: ARG002 -- whosever it is
        return Uploader("rita", "rita@example.org", ("*",), ("*",), (), ())


class Otto(Own):
    def reviewer(self, name: str) -> Reviewer:
        return Reviewer(name, "otto@example.org")


def test_nobody_accepts_an_upload_of_their_own_where_the_suite_wants_two(world: World) -> None:
    one, site = world.send("1.0"), world.site
    strict = {"demo": Policy(second_pair=True)}
    with pytest.raises(NotAllowed, match="second pair of eyes"):
        Desk(site.spool, Own(site.keys), site.settings.suites, strict).accept(one.key, "rita", world.clock())
    assert world.place(one.key) == "review/ready"

    with (
        pytest.raises(NotAllowed, match="second pair of eyes"),
        Desk(site.spool, Own(site.keys), site.settings.suites, strict).open(one.key, "rita", world.clock()) as hand,
    ):
        hand.accept(world.clock())
    assert world.place(one.key) == "review/ready"

    Desk(site.spool, Otto(site.keys), site.settings.suites, strict).accept(one.key, "otto", world.clock())

    assert world.place(one.key) == "master/ready"


def test_one_may_where_the_suite_does_not_ask_for_it(world: World) -> None:
    one, site = world.send("1.0"), world.site
    Desk(site.spool, Own(site.keys), site.settings.suites).accept(one.key, "rita", world.clock())

    assert world.place(one.key) == "master/ready"


@pytest.mark.parametrize(("verdict", "place"), [("accept", "master/ready"), ("reject", "review/rejected")])
def test_what_a_rule_decides_is_recorded_as_the_rules(world: World, verdict: str, place: str) -> None:
    one = world.send("1.0")
    ruling = Ruling(verdict, "unpacks", "a device")  # type: ignore[arg-type]

    assert world.desk().obey(one, ruling, world.clock())
    assert world.place(one.key) == place
    assert world.events(one.key)[-1].facts["by"] == "rule:unpacks"
    assert world.notices(one.key)[0].facts["by"] == "rule:unpacks"


def test_a_rule_takes_no_case_out_of_anybodys_hands(world: World) -> None:
    one = world.send("1.0")
    with world.spool.review.claim(one.key) as claimed:
        assert claimed is not None
        assert not world.desk().obey(one, Ruling("reject", "unpacks", "a device"), world.clock())
        claimed.move(world.spool.review)
    world.desk().hold(one.key, REVIEWER, "mine", world.clock())
    assert not world.desk().obey(one, Ruling("reject", "unpacks", "a device"), world.clock())

    assert world.place(one.key) == "review/hold"


def test_who_is_no_reviewer_notes_and_asks_nothing(world: World) -> None:
    one = world.send("1.0")
    for say in (world.desk().note, world.desk().ask):
        with pytest.raises(UnknownPerson):
            say(one.key, "somebody", "words", world.clock())
    assert notes.read(entry(world, one)) == ()


def test_an_open_case_shows_by_whom_and_nobody_else_decides_on_it(world: World) -> None:
    one = world.send("1.0")
    with world.desk().open(one.key, REVIEWER, world.clock()) as hand:
        (case,) = cases.waiting(world.spool)
        assert (case.room, case.reviewer) == (Room.ACTIVE, REVIEWER)
        with pytest.raises(NotAllowed, match="in the hands of rita"):
            world.desk().reject(one.key, REVIEWER, "no", world.clock())
        hand.accept(world.clock())

    assert world.place(one.key) == "master/ready"
    assert not (world.spool.master.where(Room.READY, world.spool.master.names(Room.READY)[0]) / "owner").exists()


def test_a_case_that_is_left_without_a_decision_is_as_it_was(world: World) -> None:
    one = world.send("1.0")
    with world.desk().open(one.key, REVIEWER, world.clock()):
        pass
    with pytest.raises(NotAllowed), world.desk().open(one.key, REVIEWER, world.clock()):
        raise NotAllowed("a mistake of a person")

    (case,) = cases.waiting(world.spool)
    assert (case.room, case.reviewer) == (Room.READY, "")


def test_a_case_is_free_when_its_terminal_died(world: World) -> None:
    one = world.send("1.0")
    child = os.fork()
    if child == 0:
        with world.desk().open(one.key, REVIEWER, world.clock()):
            os._exit(0)
    os.waitpid(child, 0)

    world.accept(one)

    assert world.place(one.key) == "master/ready"


def test_the_uploader_reads_the_question_in_what_it_waits_for(world: World) -> None:
    one = world.send("1.0")
    world.desk().ask(one.key, REVIEWER, "where is its licence?", world.clock())

    assert "where is its licence?" in meaning("review", Room.READY, one.key, world.events(one.key)).state
