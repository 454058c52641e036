from __future__ import annotations

from daemons.intake.limits import Limits
from daemons.intake.pace import Pace

LIMITS = Limits(idle_seconds=10, slow_seconds=60, slow_bytes=1000)


def test_who_sends_nothing_idles():
    pace = Pace(LIMITS, 100)
    assert pace.next_look(100) == 10
    assert not pace.complaint(109.9)
    assert pace.complaint(110) == "10 idle seconds"


def test_who_drips_is_too_slow():
    pace = Pace(LIMITS, 0)
    for second in range(60):
        assert not pace.complaint(second)
        pace.came(1, second)
    assert pace.next_look(59) == 1
    assert pace.complaint(60) == "60 bytes in 60 seconds"


def test_who_sends_enough_may_go_on():
    pace = Pace(LIMITS, 0)
    for second in range(200):
        pace.came(20, second)
        assert not pace.complaint(second)
