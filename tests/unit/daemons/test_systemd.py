"""What a service manager hears of a daemon, over a real socket."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemons.process.presence import Presence
from daemons.process.systemd import Manager
from queues.layout import Spool
from tests.support.entries import spool_at
from tests.support.notified import Heard

Start = Callable[[int], "subprocess.Popen[bytes]"]
ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from daemons.process.daemon import Daemon
from queues.layout import Spool
spool = Spool(Path(sys.argv[1]))
daemon = Daemon("patient", spool.site / "run", [spool.review], spool.clock)
daemon.patience = 20.0
daemon.run()
"""


@pytest.fixture
def heard() -> Iterator[Heard]:
    with Heard() as heard:
        yield heard


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


@pytest.fixture
def start(spool: Spool, heard: Heard) -> Iterator[Start]:
    """Starts a daemon that is heard; ends what still runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(watchdog_usec: int) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **heard.environment(watchdog_usec=watchdog_usec)}
        command = [sys.executable, "-c", PROGRAM, str(spool.site)]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        return started[-1]

    yield start
    for daemon in started:
        daemon.kill()
        daemon.wait()


def test_it_is_told_when_a_daemon_is_ready_lives_and_stops(start: Start, heard: Heard) -> None:
    daemon = start(100_000)

    assert "WATCHDOG=1" not in heard.until("READY=1"), "nobody is watched before"
    for _ in range(3):
        assert heard.until("WATCHDOG=1") == ["WATCHDOG=1"], "idle, it says nothing else, and is not silent"
    daemon.terminate()
    heard.until("STOPPING=1")
    assert daemon.wait(20) == 0


def test_a_stop_asks_for_the_patience_of_the_daemon_and_a_little_more(start: Start, heard: Heard) -> None:
    daemon = start(0)
    heard.until("READY=1")
    daemon.terminate()

    assert heard.next() == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=30000000"]
    assert daemon.wait(20) == 0


def test_a_daemon_that_cannot_begin_is_never_ready(spool: Spool, start: Start, heard: Heard) -> None:
    with Presence(spool.site / "run", "patient"):
        daemon = start(0)
        assert daemon.wait(20) == 1
    heard.socket.setblocking(False)

    with pytest.raises(BlockingIOError):
        heard.next()


def test_what_a_daemon_works_on_is_told_in_words(spool: Spool, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in heard.environment().items():
        monkeypatch.setenv(name, value)
    with Presence(spool.site / "run", "teller") as presence:
        presence.working("the entry", spool.clock())
        presence.say("waiting", spool.clock(), detail="the disk is full")

    assert [heard.next(), heard.next()] == [["STATUS=working the entry"], ["STATUS=waiting the disk is full"]]


def test_the_address_may_be_a_path(tmp_path: Path) -> None:
    with Heard(tmp_path / "notify") as heard:
        Manager(dict(heard.environment())).ready()
        assert heard.next() == ["READY=1"]


def test_no_program_that_a_daemon_starts_can_speak_for_it(heard: Heard) -> None:
    environment = {**heard.environment(watchdog_usec=100), "WATCHDOG_PID": str(os.getpid()), "PATH": "/bin"}
    Manager(environment)

    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({}, math.inf),
        ({"WATCHDOG_USEC": "60000000"}, 30),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, math.inf),
    ],
)
def test_it_wants_to_hear_twice_as_often_as_it_looks(environment: dict[str, str], period: float) -> None:
    assert Manager(environment).period == period


def test_a_manager_that_is_gone_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()

    assert "the service manager cannot be told" in caplog.text
