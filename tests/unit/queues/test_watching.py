"""Hints: a burst is one wake-up, and without inotify the timer finds everything."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from watchdog.events import DirCreatedEvent
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from queues.watching import Wakeup


class Counting(Wakeup):
    """Knows when so many events have come."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.left = expected
        self.all = threading.Event()

    def on_any_event(self, event: object) -> None:
        super().on_any_event(event)  # type: ignore[arg-type] -- whatever it is, it is only noted
        self.left -= 1
        if self.left == 0:
            self.all.set()


def test_a_burst_of_arrivals_is_one_wakeup(tmp_path: Path) -> None:
    aside, room = tmp_path / "tmp", tmp_path / "ready"
    aside.mkdir()
    room.mkdir()
    wakeup = Counting(10_000)
    with wakeup.watching([room]):
        for number in range(10_000):
            (aside / str(number)).mkdir()
            (aside / str(number)).rename(room / str(number))
        assert wakeup.all.wait(60)

        assert wakeup.wait(0) is True
        assert wakeup.wait(0) is False


def test_a_departure_delays_no_arrival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InotifyMoveEventGrouper, "delay", 30)  # for which watchdog keeps departures back
    room = tmp_path / "ready"
    room.mkdir()
    (room / "old").mkdir()
    wakeup = Counting(1)
    with wakeup.watching([room]):
        (room / "old").rename(tmp_path / "old")
        (tmp_path / "new").mkdir()
        (tmp_path / "new").rename(room / "new")
        assert wakeup.all.wait(20)


@pytest.mark.parametrize("call", ["schedule", "start"])
def test_without_inotify_the_sleep_just_ends(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def exhausted(*args: object, **kwargs: object) -> None:  # noqa: ARG001 -- the shape of both
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(BaseObserver, call, exhausted)
    wakeup, threads = Wakeup(), threading.active_count()
    with wakeup.watching([tmp_path]):
        (tmp_path / "new").mkdir()
        assert wakeup.wait(0) is False
        wakeup.ring()
        assert wakeup.wait(0) is True

    assert "arrivals are found by scan alone" in caplog.text
    assert threading.active_count() <= threads


def test_an_event_says_only_that_something_came() -> None:
    wakeup = Wakeup()
    for _ in range(10_000):
        wakeup.on_any_event(DirCreatedEvent("ready/x"))

    assert (wakeup.wait(0), wakeup.wait(0)) == (True, False)
