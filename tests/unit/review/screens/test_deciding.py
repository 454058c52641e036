"""The keys that decide: what each does to a case, and what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from queues.values import Upload
from review import notes
from review.screens.editing import NoEditor, edited
from tests.support.world import World
from tests.unit.review.screens.opened import after, lay, press, seen, until, use, work_of


@pytest.fixture
def one(world: World) -> Upload:
    found = world.send("1.1")
    lay(world, found)
    return found


def test_one_key_accepts_an_open_case(world: World, one: Upload) -> None:
    told = after(work_of(world), "enter", "a")

    event = world.events(one.key)[-1]
    assert world.place(one.key) == "master/ready"
    assert (event.event, event.facts["by"], len(event.facts["evidence"])) == ("accepted", "rita", 64)
    assert "pkg 1.1 is accepted; u takes it back" in told
    assert "0 waiting" in told


def test_who_opened_it_is_not_said_of_a_case_that_went_on(world: World, one: Upload) -> None:
    after(work_of(world), "enter", "a")
    found = world.spool.master.find(one.key)
    assert found is not None

    assert not (world.spool.master.where(*found) / "owner").exists()


def test_a_rejection_tells_the_reason_that_was_chosen(world: World, one: Upload) -> None:
    after(work_of(world), "enter", "r", "down", "enter")

    assert world.place(one.key) == "review/rejected"
    assert world.notices(one.key)[0].facts["reason"] == "The changelog does not say what was changed, and why."


def test_a_template_is_changed_before_it_is_sent(world: World, one: Upload) -> None:
    after(work_of(world), "enter", "r", "down", "end", *" See 5.", "enter")

    assert world.notices(one.key)[0].facts["reason"].endswith("and why. See 5.")


def test_a_sites_own_reason_is_a_template_too(world: World, one: Upload) -> None:
    folder = world.site.templates / "reasons"
    folder.mkdir(parents=True)
    (folder / "house.txt").write_text("See the rules of the house.\n")
    after(work_of(world), "enter", "r", "up", "enter")

    assert world.notices(one.key)[0].facts["reason"] == "See the rules of the house."


@pytest.mark.parametrize("key", ["r", "h", "n", "m"])
def test_a_question_that_is_left_changes_nothing(world: World, one: Upload, key: str) -> None:
    after(work_of(world), "enter", key, *"words", "escape")

    assert world.place(one.key) == "review/ready"
    assert world.told(one.key) == []


def test_a_case_is_held_and_put_back(world: World, one: Upload) -> None:
    assert "held" in after(work_of(world), "enter", "h", *"later", "enter")
    assert world.place(one.key) == "review/hold"

    after(work_of(world), "enter", "h")

    assert world.place(one.key) == "review/ready"


def test_a_held_case_that_was_only_looked_at_stays_held(world: World, one: Upload) -> None:
    after(work_of(world), "h", *"later", "enter")
    assert "is held" in after(work_of(world), "enter", "a")

    assert world.place(one.key) == "review/hold"


@pytest.mark.usefixtures("one")
def test_a_note_is_seen_at_once(world: World) -> None:
    assert "rita: looks odd" in after(work_of(world), "enter", "n", *"looks odd", "enter")


def test_a_question_is_told_and_the_case_stays_open(world: World, one: Upload) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "enter", "m", *"why?", "enter")
        assert "its uploader is asked" in seen(pilot.app)
        assert world.place(one.key) == "review/active"
        await press(pilot, "a")

    use(work_of(world), steps)
    assert [notice.event.partition("-")[0] for notice in world.notices(one.key)] == ["asked", "accepted"]


def test_what_was_accepted_last_is_what_undo_offers(world: World, one: Upload) -> None:
    undone = []

    def undo(wanted: str, reason: str) -> list[Upload]:
        undone.append((wanted, reason))
        return [one]

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "enter", "a", "u", "enter")
        await until(pilot, "waits for a decision again")

    use(work_of(world, undo=undo), steps)
    assert undone == [(one.key, "rita took it back")]


def test_a_colleague_reads_an_open_case_and_notes_but_does_not_decide(world: World, one: Upload) -> None:
    async def rita(pilot: Pilot[None]) -> None:
        await press(pilot, "enter")
        otto = work_of(world, "otto")
        assert "in the hands of rita" in otto.take(one.key)
        with pytest.raises(Exception, match="in the hands of rita"):
            otto.accept(one.key)
        otto.note(one.key, "mine is the next")
        await press(pilot, "a")

    use(work_of(world), rita)
    assert world.place(one.key) == "master/ready"


def test_the_second_reviewer_is_told_who_has_it(world: World, one: Upload) -> None:
    otto = work_of(world, "otto")
    assert otto.take(one.key) == ""

    told = after(work_of(world), "enter")
    refused = after(work_of(world), "enter", "a")
    noted = after(work_of(world), "enter", "n", *"hello", "enter")

    assert "in the hands of otto" in told
    assert "in the hands of otto" in refused
    assert "rita: hello" in noted
    assert world.place(one.key) == "review/active"
    otto.accept(one.key)
    assert [note.by for note in notes.read(world.spool.master.where(*(world.spool.master.find(one.key) or ())))] == [
        "rita"
    ]


@pytest.mark.usefixtures("one")
def test_what_cannot_be_done_is_told_and_nothing_is_lost(world: World) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "enter", "a", "u", *"x", "enter")
        await until(pilot, "there is nothing to take back")

    def undo(wanted: str, reason: str) -> list[Upload]:
        from daemons.steering.operating import Refused

        raise Refused(f"there is nothing to take back: {wanted} {reason}")

    use(work_of(world, undo=undo), steps)


def test_a_reason_is_written_in_an_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "and more" >>"$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("SUDO_USER", raising=False)

    assert edited("a reason\n") == "a reason\nand more"


def test_who_came_by_sudo_starts_no_editor_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "/bin/sh")
    monkeypatch.setenv("SUDO_USER", "rita")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoEditor, match="rnano"):
        edited("a reason\n")
