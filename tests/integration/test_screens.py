"""`debmill review` in a real terminal, on a real site to which a maintainer uploads with dput."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.account import room
from tests.support.mill import installed
from tests.support.reception import Reception, reception
from tests.support.road import REVIEWER, name_of
from tests.support.small import Small
from tests.support.sources import SourceUpload
from tests.support.terminal import Terminal

pytestmark = pytest.mark.integration
Open = Callable[..., Terminal]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with reception("screens", tmp_path_factory.mktemp("screens")) as made:
        made.mill("reviewer", "add", "otto", "--mail", "otto@example.org")
        yield made


@pytest.fixture
def sent(site: Reception) -> SourceUpload:
    """An upload of the test's own, sent with dput."""
    upload = Small(f"tiny{next(NUMBERS)}x").upload("demo", site.alice, site.work)
    site.road.send(upload)
    return upload


@pytest.fixture
def terminal(site: Reception) -> Iterator[Open]:
    """Open the tool as a reviewer, in a terminal of its own."""
    opened: list[Terminal] = []
    with tempfile.TemporaryDirectory(prefix="dm-") as folder:

        def open_tool(reviewer: str = REVIEWER, **variables: str) -> Terminal:
            argv = [installed(), "--site", site.road.site, "review", "--as", reviewer]
            one = Terminal(Path(folder) / str(len(opened)), argv, {"PATH": os.environ["PATH"], **variables})
            opened.append(one)
            one.wait("waiting")
            return one

        yield open_tool
        for one in opened:
            one.close()


def choose(one: Terminal, upload: SourceUpload) -> None:
    """Put the cursor on an upload."""
    one.type("/")
    one.write(upload.source)
    one.type("Enter")
    one.wait("1 of ")


def place(site: Reception, upload: SourceUpload) -> str:
    (chapter,) = site.mill.story(name_of(upload))
    return f"{chapter.queue}/{chapter.room}"


def test_from_the_list_to_an_acceptance(site: Reception, sent: SourceUpload, terminal: Open) -> None:
    one = terminal()
    choose(one, sent)
    one.type("Enter")
    one.wait(f"{sent.source} {sent.version} for demo")
    one.type("6")
    one.wait("taken")
    one.type("a")

    one.wait("is accepted")
    (chapter,) = site.mill.story(name_of(sent))
    assert chapter.queue == "master"
    assert chapter.events[-1]["event"] == "accepted"
    one.type("q")
    one.wait_ended()


def test_a_reason_is_written_in_the_editor(site: Reception, sent: SourceUpload, terminal: Open) -> None:
    with room() as folder:  # the tool runs as the service account
        editor = folder / "editor"
        editor.write_text('#!/bin/sh\nprintf "not yet:\\nthe manual is missing\\n" >"$1"\n')
        editor.chmod(0o755)
        one = terminal(EDITOR=str(editor), VISUAL="")
        choose(one, sent)
        one.type("r")
        one.wait("What is its uploader told?")
        one.type("F2")
        one.wait("the manual is missing")
        one.type("Enter")
        one.wait("is rejected")
    assert place(site, sent) == "review/rejected"
    (chapter,) = site.mill.story(name_of(sent))
    assert chapter.events[-1]["reason"] == "not yet:\nthe manual is missing"


def test_two_reviewers_see_each_other_and_only_one_decides(site: Reception, sent: SourceUpload, terminal: Open) -> None:
    rita, otto = terminal(), terminal("otto")
    choose(otto, sent)
    choose(rita, sent)
    rita.type("Enter")
    rita.wait(f"{sent.source} {sent.version} for demo")
    otto.wait("@rita")
    otto.type("Enter")
    otto.wait("you can read it")
    otto.type("a")
    otto.wait("in the hands of rita")
    rita.type("a")

    rita.wait("is accepted")
    assert place(site, sent) == "master/ready"


@pytest.mark.parametrize("death", [Terminal.close, Terminal.kill])
def test_a_case_is_free_again_when_the_terminal_dies(
    site: Reception, sent: SourceUpload, terminal: Open, death: Callable[[Terminal], None]
) -> None:
    rita, otto = terminal(), terminal("otto")
    choose(rita, sent)
    rita.type("Enter")
    rita.wait(f"{sent.source} {sent.version} for demo")
    choose(otto, sent)
    otto.wait("@rita")
    death(rita)

    otto.wait_gone("@rita")
    otto.type("Enter")
    otto.wait(f"{sent.source} {sent.version} for demo")
    otto.type("a")
    otto.wait("is accepted")
    assert place(site, sent) == "master/ready"


def test_nothing_is_coloured_where_that_is_not_wanted(sent: SourceUpload, terminal: Open) -> None:
    one = terminal(NO_COLOR="1")
    choose(one, sent)

    screen = one.seen(escapes=True)
    assert sent.source in screen
    assert "\x1b[3" not in screen.replace("\x1b[39m", "")


def test_without_a_terminal_the_commands_are_told(site: Reception) -> None:
    done = site.mill("review", check=False)

    assert done.status == 2
    assert "debmill review list" in done.output
