"""Bases made anew by command or by age: the old one stays until it is not needed, and after every failure."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.building import base
from daemons.command import command
from queues.problem import Problem
from tests.support.account import room, unprivileged

pytestmark = pytest.mark.integration
DAY = 24 * 3600


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache whose bases are made of a directory, in the place of a mirror's packages; without it, they cannot be."""
    with room() as path:
        monkeypatch.setattr(base, "_mmdebstrap", lambda *_: ["tar", "-C", str(path / "mirror"), "-c", "."])
        monkeypatch.setenv("DEBMILL_SITE", "")
        yield path


def publish(cache: Path, what: str) -> None:
    (cache / "mirror").mkdir(exist_ok=True)
    (cache / "mirror/release").write_text(what)


def refresh(cache: Path, *words: str) -> Result:
    what = ("--suite", "bookworm", "--arch", "amd64", "--cache", str(cache))
    return CliRunner().invoke(command, ["environment", "refresh", *words, *what])


def digests(cache: Path) -> list[str]:
    return [one.digest for one in base.listing(cache)]


def make_older(cache: Path, seconds: float) -> None:
    for one in base.listing(cache):
        made = one.made.timestamp() - seconds
        os.utime(one.path, (made, made))


@unprivileged
def test_two_bases_are_kept_and_the_newest_is_used(cache: Path) -> None:
    made = []
    for what in ("first", "second", "third"):
        publish(cache, what)
        assert refresh(cache).exit_code == 0
        found = base.find(cache, "bookworm", "amd64")
        assert found is not None
        assert (found.path / "root/release").read_text() == what
        made.append(found.digest)
        make_older(cache, DAY)
    assert digests(cache) == [made[2], made[1]]


@unprivileged
def test_a_base_in_use_is_kept_beyond_the_two(cache: Path) -> None:
    publish(cache, "first")
    refresh(cache)
    first = base.find(cache, "bookworm", "amd64")
    assert first is not None
    held = first.hold()
    for what in ("second", "third"):
        make_older(cache, DAY)
        publish(cache, what)
        refresh(cache)
    assert first.digest in digests(cache)
    os.close(held)
    make_older(cache, DAY)
    publish(cache, "fourth")
    refresh(cache)
    assert first.digest not in digests(cache)


@unprivileged
def test_a_base_is_made_anew_by_its_age(cache: Path) -> None:
    publish(cache, "first")
    refresh(cache)
    publish(cache, "second")
    young = refresh(cache, "--older", "7")
    assert (young.exit_code, "new enough" in young.output, len(digests(cache))) == (0, True, 1)
    make_older(cache, 8 * DAY)
    assert refresh(cache, "--older", "7").exit_code == 0
    assert len(digests(cache)) == 2


@unprivileged
def test_a_mirror_that_gives_the_same_makes_the_base_young_again(cache: Path) -> None:
    publish(cache, "first")
    refresh(cache)
    before = digests(cache)
    make_older(cache, 8 * DAY)
    assert refresh(cache, "--older", "7").exit_code == 0
    assert digests(cache) == before
    (only,) = base.listing(cache)
    assert time.time() - only.made.timestamp() < DAY


@unprivileged
def test_a_failure_leaves_the_old_base_and_says_so(cache: Path) -> None:
    publish(cache, "first")
    refresh(cache)
    before = digests(cache)
    (cache / "mirror/release").unlink()
    (cache / "mirror").rmdir()
    failed = refresh(cache)
    assert isinstance(failed.exception, Problem)
    assert "bookworm amd64: not made anew" in str(failed.exception)
    assert "what was there is still used" in str(failed.exception)
    assert digests(cache) == before
    assert list((cache / ".making").iterdir()) == []
