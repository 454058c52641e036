"""Whoever brings news works on them, unless somebody is at it: then they do, and no news are lost."""

from __future__ import annotations

import threading

import pytest

from daemons.intake.turn import Turn

PATIENCE = 30


class Desk:
    """Work that is noted with its thread; `long` is given to the turn, once."""

    def __init__(self):
        self.done = []
        self.long = None
        self.looked = threading.Event()
        self.turn = Turn(self.work)

    def work(self):
        self.done.append(threading.current_thread())
        self.looked.set()
        long, self.long = self.long, None
        return long


@pytest.fixture
def desk():
    return Desk()


def test_who_brings_news_works_on_them(desk):
    desk.turn.news()
    assert desk.done == [threading.current_thread()]


def test_news_that_come_during_the_work_are_looked_at_behind_it(desk):
    def work():
        desk.done.append(len(desk.done))
        if len(desk.done) == 1:
            turn.news()
            assert desk.done == [0], "it is left to who is at work"

    turn = Turn(work)
    turn.news()
    assert desk.done == [0, 1]


def test_what_takes_long_holds_up_nobody_and_news_wait_for_it(desk):
    begun, end = threading.Event(), threading.Event()

    def long():
        begun.set()
        assert end.wait(PATIENCE)

    desk.long = long
    desk.turn.news()
    assert begun.wait(PATIENCE)
    desk.looked.clear()
    desk.turn.news()
    assert len(desk.done) == 1
    end.set()
    assert desk.looked.wait(PATIENCE)
    assert desk.done[1] is not threading.current_thread()


def test_the_last_work_waits_for_what_takes_long(desk):
    begun, end, said = threading.Event(), threading.Event(), []

    def long():
        begun.set()
        assert end.wait(PATIENCE)
        said.append("long")

    desk.long = long
    desk.turn.news()
    assert begun.wait(PATIENCE)
    last = threading.Thread(target=desk.turn.last, args=(lambda: said.append("last"),))
    last.start()
    end.set()
    last.join(PATIENCE)
    assert said == ["long", "last"]


def test_an_error_gives_the_turn_back():
    failing = Turn(lambda: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            failing.news()


def test_without_a_thread_the_turn_is_given_back(desk, monkeypatch):
    def none_left(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        desk.long = print
        with pytest.raises(RuntimeError):
            desk.turn.news()
    desk.turn.news()
    assert len(desk.done) == 2
