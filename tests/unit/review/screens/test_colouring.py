"""The colours of a diff: of what is on the screen, by what a file is, and never at the price of what stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexer import RegexLexer
from pygments.token import Keyword, Text
from textual.pilot import Pilot

from review.screens import colouring
from review.screens.colouring import Colouring
from tests.support.world import World
from tests.unit.review.screens.opened import lay, press, use, work_of

FILES = ["a.c", "debian/rules", "debian/pkg.postinst", "debian/control", "x.py", "a/b.rs", "debian/patches/fix.patch"]


def looks(path: str, *lines: str) -> dict[str, str]:
    """How the words of a file look, those that look like something."""
    return {text: look for parts in Colouring(path).parts(lines) for text, look in parts if look}


def test_a_file_is_coloured_by_its_name() -> None:
    assert looks("src/main.c", "  return 12; /* why */") == {"return": "magenta", "12": "cyan", "/* why */": "dim"}
    assert looks("debian/rules", "# why", "build:")["# why"] == "dim"
    assert looks("debian/patches/fix.patch", "+new", "-old") == {"+new": "green", "-old": "red"}
    assert not Colouring("README")
    assert Colouring("README").parts(["if x"]) == [()]


def test_what_began_above_is_known() -> None:
    assert looks("main.c", "/* a long", "   comment */") == {"/* a long": "dim", "   comment */": "dim"}


@given(st.sampled_from(FILES), st.lists(st.text(st.characters(exclude_characters="\n"), max_size=40), max_size=8))
def test_the_parts_of_a_line_are_the_line(path: str, lines: list[str]) -> None:
    found = Colouring(path).parts(lines)

    assert len(found) == len(lines)
    assert all("".join(text for text, _ in parts) in (line, "") for parts, line in zip(found, lines, strict=True))


def test_a_long_line_is_left_plain() -> None:
    found = Colouring("a.c").parts(["return 1;" * 100, "return 1;"])

    assert (found[0], bool(found[1])) == ((), True)


def test_text_made_to_take_for_ever_is_left_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bad(RegexLexer):
        tokens = {"root": [(r"(a+)+$", Keyword), (r".", Text)]}  # noqa: RUF012 -- as pygments wants it

    monkeypatch.setattr(colouring, "get_lexer_by_name", lambda _: Bad())
    one = Colouring("a.c")

    assert one.parts(["a" * 60 + "b"]) == [()]
    assert not one


@pytest.mark.parametrize("plain", [False, True])
def test_the_screen_has_colours_only_where_they_are_wanted(
    world: World, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    lay(world, world.send("1.1"))

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, "enter", "3")
        segments = [one for strip in pilot.app.screen._compositor.render_strips() for one in strip]
        colours = {one.text.strip(): one.style.color.name for one in segments if one.style and one.style.color}
        assert "  return 0;" in "".join(one.text for one in segments)
        if plain:
            assert {*colours.values()} == {"default"}
        else:
            assert (colours["return"], colours["0"]) == ("magenta", "cyan")

    use(work_of(world), steps)
