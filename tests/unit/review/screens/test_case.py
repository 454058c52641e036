"""A case and its tabs, as they are seen on 80 columns and 24 rows."""

from __future__ import annotations

import unicodedata

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from queues.values import Upload
from review.evidence.values import Sign, Tag
from tests.support.world import World
from tests.unit.review.evidence import QUIET
from tests.unit.review.screens.opened import after, lay, press, same, seen, use, work_of

TABS = "123456"
SIGN = Sign("rules", "debian/rules", "dh $@ --with python3", 6)
LINTIAN = (Tag("W", "odd-tag", "at \x1b[2Jhere", True),)


@pytest.fixture
def one(world: World) -> Upload:
    """An update with a sign, a tag of lintian that would clear the screen, and a diff that would set its title."""
    found = world.send("1.1")
    lay(world, found, replace(QUIET, signs=(SIGN,), lintian=LINTIAN))
    return found


@pytest.mark.parametrize(("key", "name"), [("1", "summary"), ("3", "diff"), ("5", "checks")])
@pytest.mark.usefixtures("one")
def test_a_tab_fits_a_small_terminal(world: World, key: str, name: str) -> None:
    same(name, after(work_of(world), "enter", key))


def test_nothing_of_an_upload_steers_the_terminal(world: World, one: Upload) -> None:
    world.desk().note(one.key, "rita", "a note\x1b[31m with \u202ecolour", world.clock())

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "enter")
        for key in TABS:
            await press(pilot, key)
            text = seen(pilot.app).replace("\n", "")
            assert [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf")] == []

    use(work_of(world), steps)
    assert "<U+001B>[2Jhere" in after(work_of(world), "enter", "5")
    assert "<U+001B>]0;owned<U+0007>" in after(work_of(world), "enter", "3")
    assert "a note<U+001B>[31m with <U+202E>colour" in after(work_of(world), "enter")


@pytest.mark.usefixtures("one")
def test_a_check_leads_to_its_place_in_the_diff(world: World) -> None:
    found = after(work_of(world), "enter", "5", "slash", *"python3", "enter", "enter")

    assert "[3 diff]" in found
    assert "7/16  debian/rules" in found


def test_the_next_file_begins_at_the_top_and_what_is_found_has_lines_below_it(world: World) -> None:
    parts = [
        f"diff -ruN old/{name}.c new/{name}.c\n--- old/{name}.c\n+++ new/{name}.c\n@@ -0,0 +1,40 @@\n"
        + "".join(f"+{name} {number}\n" for number in range(40))
        for name in ("a", "b", "c")
    ]
    lay(world, world.send("1.1"), diff="".join(parts).encode())

    assert after(work_of(world), "enter", "3", "f").splitlines()[2].startswith("diff -ruN old/b.c")
    found = after(work_of(world), "enter", "3", "slash", *"b 20", "enter").splitlines()
    assert found.index("+b 20") < len(found) // 2


@pytest.mark.usefixtures("one")
def test_a_file_leads_to_its_diff(world: World) -> None:
    assert "8/16  src/main.c" in after(work_of(world), "enter", "4", "j", "j", "enter")


@pytest.mark.usefixtures("one")
def test_files_of_a_diff_are_folded_and_opened(world: World) -> None:
    work = work_of(world)

    assert "[+] debian/rules (packaging, changed, +1 -1)" in after(work, "enter", "3", "z")
    assert "dh $@" in after(work, "enter", "3", "z", "z")
    assert "1/2  debian/rules" in after(work, "enter", "3", "Z")


@pytest.mark.usefixtures("one")
def test_a_search_opens_the_file_in_which_it_finds(world: World) -> None:
    found = after(work_of(world), "enter", "3", "Z", "slash", *"return 0", "enter")

    assert "+  return 0;" in found
    assert "[+] debian/rules" in found
    assert "'return 0' is not found below" in after(work_of(world), "enter", "3", "slash", *"return 0", "enter", ".")


@pytest.mark.usefixtures("one")
def test_each_tab_is_found_where_it_was_left(world: World) -> None:
    assert "4/16" in after(work_of(world), "enter", "3", "j", "j", "j", "tab", "shift+tab")


@pytest.mark.usefixtures("one")
def test_a_diff_is_walked_file_by_file(world: World) -> None:
    assert "8/16  src/main.c" in after(work_of(world), "enter", "3", "f")
    assert "1/16  debian/rules" in after(work_of(world), "enter", "3", "f", "F")


def test_the_next_case_is_opened_from_the_one_before_which_is_put_back(world: World, one: Upload) -> None:
    other = world.send("1.0", "other")

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "enter", "J")
        assert "other 1.0 for demo" in seen(pilot.app)
        assert (world.place(one.key), world.place(other.key)) == ("review/ready", "review/active")
        await press(pilot, "K")
        assert "pkg 1.1 for demo" in seen(pilot.app)

    use(work_of(world), steps)


def test_a_case_that_was_not_looked_into_says_so(world: World) -> None:
    world.send("1.0")

    assert "it was not looked into yet" in after(work_of(world), "enter")
    assert "it was not looked into yet" in after(work_of(world), "enter", "3")
