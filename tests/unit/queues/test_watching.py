"""Hints: a burst is one wake-up, and what the kernel cannot tell costs only time."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from queues.watching import Wakeup


class Counting(Wakeup):
    """Knows when so many hints have come."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.left = expected
        self.all = threading.Event()

    def ring(self) -> None:
        super().ring()
        self.left -= 1
        if self.left == 0:
            self.all.set()


def arrive(room: Path, name: str) -> None:
    """Rename a directory into a room, as an entry comes."""
    aside = room.parent / f"{name}.aside"
    aside.mkdir()
    aside.rename(room / name)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    path = tmp_path / "ready"
    path.mkdir()
    return path


def test_a_burst_of_arrivals_is_one_wakeup(room: Path) -> None:
    wakeup = Counting(1_000)
    with wakeup.watching([room]):
        for number in range(1_000):
            arrive(room, str(number))
        assert wakeup.all.wait(60)

        assert wakeup.wait(0) is True
        assert wakeup.wait(0) is False


def test_a_departure_delays_no_arrival_and_wakes_nobody(room: Path) -> None:
    (room / "old").mkdir()
    wakeup = Counting(1)
    with wakeup.watching([room]):
        (room / "old").rename(room.parent / "old")
        arrive(room, "new")
        assert wakeup.all.wait(20)
        wakeup.wait(0)
        (room / "new").rename(room.parent / "new")
        assert wakeup.wait(0) is False


@pytest.mark.parametrize("call", ["__init__", "add_callback"])
def test_without_inotify_the_sleep_just_ends(
    room: Path, call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def exhausted(*args: object, **kwargs: object) -> None:  # noqa: ARG001 -- the shape of both
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(InotifyFD, call, exhausted)
    wakeup, threads = Wakeup(), threading.active_count()
    with wakeup.watching([room]):
        arrive(room, "new")
        assert wakeup.wait(0) is False
        assert wakeup.wait(0) is False
        wakeup.ring()
        assert wakeup.wait(0) is True

    assert caplog.text.count("arrivals there are found by scan alone") == 1
    assert threading.active_count() <= threads


def test_a_directory_that_cannot_be_watched_leaves_the_others_watched(room: Path) -> None:
    wakeup = Counting(1)
    with wakeup.watching([room.parent / "missing", room]):
        arrive(room, "new")
        assert wakeup.all.wait(20)


def test_what_can_be_watched_at_last_wakes_and_is_watched(room: Path) -> None:
    late = room.parent / "late"
    wakeup = Counting(1)
    with wakeup.watching([late]):
        assert wakeup.wait(0) is False
        late.mkdir()
        assert wakeup.wait(0) is True, "something may have arrived before it was watched"
        arrive(late, "new")
        assert wakeup.all.wait(20)


def test_a_directory_that_is_removed_and_made_again_is_watched_again(room: Path) -> None:
    wakeup = Counting(2)
    with wakeup.watching([room]):
        room.rmdir()
        assert wakeup.wait(20) is True
        room.mkdir()
        arrive(room, "first")
        assert wakeup.wait(0) is True
        arrive(room, "second")
        assert wakeup.all.wait(20)


def test_ringing_often_wakes_once() -> None:
    wakeup = Wakeup()
    for _ in range(1_000):
        wakeup.ring()

    assert (wakeup.wait(0), wakeup.wait(0)) == (True, False)
