from __future__ import annotations

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL

from daemons.intake import login
from daemons.intake.limits import Limits
from daemons.intake.login import Intake, Login

OURS, WRONG = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
KEYS = {"alice": [(OURS.get_name(), OURS.get_base64().encode())]}


class Transport:
    auth_handler = None


@pytest.fixture
def clock(monkeypatch):
    """A clock on which looking up takes as long as it is told to, and rests are added."""

    class Clock:
        now, lookup = 100.0, 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

        def keys(self, user):
            self.now += self.lookup
            return KEYS.get(user, [])

    clock = Clock()
    monkeypatch.setattr(login, "time", clock)
    return clock


@pytest.mark.parametrize("lookup", [0.0001, 0.0004, 0.04])
@pytest.mark.parametrize("user", ["alice", "nobody", "../alice", ""])
def test_a_refusal_takes_the_same_time_whatever_it_is_for(clock, user, lookup):
    clock.lookup = lookup
    one = Login(Transport(), Intake(Limits(), clock.keys, None, None, None), "127.0.0.1:1")
    assert one.check_auth_publickey(user, WRONG) == AUTH_FAILED
    assert clock.now == pytest.approx(100 + login.REFUSAL_SECONDS)


def test_the_right_key_waits_for_nothing(clock):
    one = Login(Transport(), Intake(Limits(), clock.keys, None, None, None), "127.0.0.1:1")
    assert one.check_auth_publickey("alice", OURS) == AUTH_SUCCESSFUL
    assert clock.now == 100
