"""Bases made anew by command or by age: the old one stays until it is not needed, and after every failure."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.building.bases import base
from daemons.building.bases.refreshing import AGAIN, Refreshing
from daemons.command import command
from queues.clock import utc
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


class Beside:
    """What a builder does with the bases of a site of its own, and the command that it would start."""

    def __init__(self, cache: Path, days: int = 7) -> None:
        self.cache = cache
        self.site = cache / "site"
        self.site.mkdir(exist_ok=True)
        self.point()
        self.refreshing = Refreshing(self.site, days, [sys.executable, "-c", _REFRESH.format(top=TOP, cache=cache)])

    def point(self) -> None:
        link, found = self.site / "bookworm-amd64", base.find(self.cache, "bookworm", "amd64")
        assert found is not None
        link.unlink(missing_ok=True)
        link.symlink_to(found.path)

    def tend(self) -> bool:
        """Do what is to be done; say whether something runs beside us."""
        self.refreshing.tend(utc())
        return bool(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    def until_it_ended(self) -> None:
        patience = time.monotonic() + 60
        while self.tend():
            assert time.monotonic() < patience
            time.sleep(0.05)


TOP = Path(__file__).parents[2]
_REFRESH = """
import sys
sys.path.insert(0, "{top}")
from daemons.building.bases import base
from daemons.command import command
base._mmdebstrap = lambda *_: ["tar", "-C", "{cache}/mirror", "-c", "."]
command(["environment", "refresh", "--older", "7", "--cache", "{cache}", *sys.argv[1:]])
"""


@unprivileged
def test_a_builder_has_its_bases_made_anew_when_they_are_old(cache: Path) -> None:
    publish(cache, "first")
    refresh(cache)
    publish(cache, "second")
    assert not Beside(cache).tend()
    make_older(cache, 8 * DAY)
    assert not Beside(cache, days=0).tend()
    one, other = Beside(cache), Beside(cache)
    assert one.tend()
    other.refreshing.tend(utc())  # it finds that somebody does it already
    one.until_it_ended()
    assert not other.refreshing._process
    found = base.find(cache, "bookworm", "amd64")
    assert found is not None
    assert (found.path / "root/release").read_text() == "second"
    one.point()
    assert not one.tend()


@unprivileged
def test_a_builder_goes_on_with_the_old_base_and_tries_later_when_there_is_no_mirror(cache: Path) -> None:
    publish(cache, "first")
    refresh(cache)
    before = digests(cache)
    make_older(cache, 8 * DAY)
    shutil.rmtree(cache / "mirror")
    one = Beside(cache)
    assert one.tend()
    one.until_it_ended()
    assert digests(cache) == before
    assert not one.tend()
    publish(cache, "second")
    one.refreshing.tend(utc() + AGAIN + timedelta(minutes=1))
    one.until_it_ended()
    assert len(digests(cache)) == 2


@unprivileged
def test_a_cache_in_which_nothing_can_be_written_stops_no_builder(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(cache, "first")
    refresh(cache)
    make_older(cache, 8 * DAY)
    one = Beside(cache)
    cache.chmod(0o500)
    one.refreshing.tend(utc())
    cache.chmod(0o700)
    assert "nothing can be started that makes it anew" in caplog.text
    assert not one.tend()
