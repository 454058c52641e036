"""The list of what waits, as it is seen on 80 columns and 24 rows."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.color import Color
from textual import events
from textual.pilot import Pilot

from queues.rooms import Room
from review import together
from review.screens.tool import Tool
from tests.structure.tree import ROOT
from tests.support.world import REVIEWER, World
from tests.unit.review.evidence import of_what, of_who
from tests.unit.review.screens.opened import after, lay, press, same, seen, until, use, work_of


@pytest.fixture
def three(world: World) -> World:
    """Three uploads: an update without findings, a new source by a key that expired, one that was not looked into."""
    lay(world, world.send("1.1"))
    lay(world, world.send("1.0", "other"), of_who(key="it expired on 2025-01-01"))
    world.send("2.0~rc1", "python-a-rather-long-name")
    return world


def test_the_list_fits_a_small_terminal(three: World) -> None:
    same("list", after(work_of(three)))


def test_nothing_is_said_by_colour_alone(three: World, monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = after(work_of(three))
    monkeypatch.setenv("NO_COLOR", "1")

    async def steps(pilot: Pilot[None]) -> None:
        assert seen(pilot.app) == coloured
        strips = [
            strip.apply_filter(one, pilot.app.screen.background_colors[1])
            for strip in pilot.app.screen._compositor.render_strips()
            for one in pilot.app._filters
            if one.enabled
        ]
        assert strips
        colours = {segment.style.color for strip in strips for segment in strip if segment.style}
        assert colours <= {None, Color.default()}

    use(work_of(three), steps)


def test_an_empty_desk_is_shown_as_one(world: World) -> None:
    assert "0 waiting" in after(work_of(world), "a", "enter", "space", "j")


def test_the_filter_shows_what_has_all_its_words(three: World) -> None:
    found = after(work_of(three), "slash", *"ulla other", "enter")

    assert "1 of 3 waiting" in found
    assert "other_1.0" in found
    assert "pkg_1.1" not in found


@pytest.mark.parametrize("opened", [(), ("enter", "3")])
def test_words_typed_in_a_burst_decide_nothing(three: World, opened: tuple[str, ...]) -> None:
    """A slow link delivers many keys at once, before the field that they are for is there."""

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, *opened)
        for key in ("slash", *"zarhnu", "enter"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, "'zarhnu' is not found" if opened else "0 of 3 waiting")
        assert len(pilot.app.screen_stack) == (2 if opened else 1)

    use(work_of(three), steps)
    assert len(three.spool.review.names(Room.READY)) == 3


def test_leaving_the_filter_shows_all_again(three: World) -> None:
    assert "pkg_1.1" in after(work_of(three), "slash", *"other", "enter", "escape")


def test_a_mark_can_be_filtered_for_that_was_never_on_the_screen(three: World) -> None:
    for number in range(30):
        three.send(f"1.{number}", "quiet")
    lay(three, three.send("2.0", "last"), of_what(published=""))

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "slash", *"amber")
        await until(pilot, "last_2.0")
        assert "quiet" not in seen(pilot.app)

    use(work_of(three), steps)


def test_an_upload_that_arrives_is_shown(three: World) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "j")
        three.send("7.0", "newcomer")
        await until(pilot, "newcomer_7.0")
        await press(pilot, "enter")
        assert "other 1.0 for demo" in seen(pilot.app), "the cursor left its case"

    use(work_of(three), steps)


def test_a_case_that_a_colleague_opened_is_shown_with_the_name(three: World) -> None:
    colleague = work_of(three, "otto")
    (one, *_) = three.spool.review.names(Room.READY)

    async def steps(pilot: Pilot[None]) -> None:
        assert colleague.take(one.key) == ""
        await until(pilot, "@otto")
        colleague.held.free()
        await press(pilot, "j")

    use(work_of(three), steps)


def test_a_case_is_free_again_when_its_reviewers_terminal_dies(three: World) -> None:
    colleague = work_of(three, "otto")
    (one, *_) = three.spool.review.names(Room.READY)
    assert colleague.take(one.key) == ""
    assert "@otto" in after(work_of(three))
    held = colleague.held.holds(one.key)
    assert held is not None
    held.entry.close()  # what the kernel does at a death

    assert "@otto" not in after(work_of(three))
    assert three.place(one.key) == "review/ready"


@pytest.mark.parametrize(
    ("answer", "said", "bonds"), [("y", "2 uploads are accepted as a set", 1), ("e", "2 uploads: done", 0)]
)
def test_what_is_marked_is_accepted_as_a_set_or_each_after_a_question(
    three: World, answer: str, said: str, bonds: int
) -> None:
    names = three.spool.review.names(Room.READY)
    asked = after(work_of(three), "space", "space", "a")
    assert "Accept 2 uploads?" in asked
    assert [three.place(name.key) for name in names] == ["review/ready"] * 3

    assert said in after(work_of(three), "space", "space", "a", answer)
    assert [three.place(name.key) for name in names] == ["master/ready", "master/ready", "review/ready"]
    master = three.spool.master
    found = {together.of(master.where(Room.READY, name)) for name in master.names(Room.READY)}
    assert len(found - {None}) == bonds


def test_marks_that_can_be_no_set_stay_and_nothing_is_accepted(three: World) -> None:
    names = three.spool.review.names(Room.READY)
    three.desk().hold(names[0].key, REVIEWER, "later", three.clock())
    told = after(work_of(three), "space", "space", "space", "a", "y")
    assert "is held" in told
    assert three.spool.master.names(Room.READY) == []


def test_commands_do_not_wait_for_the_screens_library() -> None:
    script = "import sys, daemons.command.review; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_the_list_is_left_with_one_key(three: World) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("q")
        assert isinstance(pilot.app, Tool)
        assert not pilot.app.is_running or pilot.app._exit

    use(work_of(three), steps)
