from __future__ import annotations

from typing import NamedTuple

import pytest

from daemons.intake.admission import TurnedAway, one_more
from daemons.intake.limits import Limits

LIMITS = Limits(sessions=6, strangers=4, sessions_per_address=3)


class Guest(NamedTuple):
    host: str
    is_stranger: bool = True
    number: int = 0


def test_there_is_room():
    assert one_more([], "a", LIMITS) is None
    assert one_more([Guest("a"), Guest("a"), Guest("b")], "a", LIMITS) is None


def test_an_address_has_its_share_and_hurts_nobody_else_by_asking_for_more():
    with pytest.raises(TurnedAway, match="3 connections from this address"):
        one_more([Guest("a")] * 3, "a", LIMITS)


def test_a_flood_makes_room_by_the_oldest_of_the_address_that_floods():
    guests = [Guest("b"), Guest("a", number=1), Guest("a", number=2), Guest("c", is_stranger=False), Guest("d")]
    assert one_more(guests, "e", LIMITS) == Guest("a", number=1)
    assert one_more([Guest(host) for host in "abcd"], "e", LIMITS) == Guest("a")


def test_strangers_go_before_a_guest_is_turned_away_and_never_one_who_logged_in():
    inside = [Guest(host, is_stranger=False) for host in "abcde"]
    assert one_more([*inside, Guest("f")], "g", LIMITS) == Guest("f")
    with pytest.raises(TurnedAway, match="6 connections are open"):
        one_more([*inside, Guest("f", is_stranger=False)], "g", LIMITS)
