"""A daemon that is told to stop while it works: a process of its own, over a real queue."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons.process.daemon import AGAIN
from queues import history
from queues.layout import Spool
from queues.rooms import Room
from tests.support.entries import put_upload, spool_at, upload

ROOT = Path(__file__).parents[3]
# Says what it begins, works until its standard input says so, and accepts.
PROGRAM = """
import sys
from pathlib import Path
from daemons.process.daemon import Daemon
from queues.layout import Spool
class Slow(Daemon):
    def handle(self, entry):
        print(entry.envelope.version, flush=True)
        sys.stdin.readline()
        entry.move(spool.master)
spool = Spool(Path(sys.argv[1]))
slow = Slow("slow", spool.site / "run", [spool.review], spool.clock)
slow.patience = float(sys.argv[2]) if sys.argv[2:] else None
slow.run()
"""


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = spool_at(tmp_path)
    for version in ("1", "2"):
        put_upload(spool, upload("pkg", version))
    return spool


class Slow:
    """The daemon at work on its first entry."""

    def __init__(self, spool: Spool, *patience: str) -> None:
        command = [sys.executable, "-c", PROGRAM, str(spool.site), *patience]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.next() == "1"

    def next(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def finish_one(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def obeyed(self, number: signal.Signals) -> None:
        """Send a signal, and wait until its handler may have run."""
        self.process.send_signal(number)
        pending = Path(f"/proc/{self.process.pid}/status")
        while any(int(line.split()[1], 16) for line in pending.read_text().splitlines() if line[:6] == "ShdPnd"):
            pass


@pytest.fixture
def slow(spool: Spool) -> Iterator[Slow]:
    slow = Slow(spool)
    yield slow
    slow.process.kill()
    slow.process.communicate()


def versions(spool: Spool, room: Room) -> list[str]:
    return [spool.review.peek(room, name).version for name in spool.review.names(room)]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, AGAIN)], ids=str
)
def test_it_finishes_what_it_has_and_takes_nothing_new(
    spool: Spool, slow: Slow, number: signal.Signals, status: int
) -> None:
    slow.obeyed(number)
    slow.finish_one()

    assert slow.process.wait(20) == status
    assert len(spool.master.names(Room.READY)) == 1
    assert versions(spool, Room.READY) == ["2"]


@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, signal.SIGTERM, signal.SIGINT), (signal.SIGQUIT,)]
)
def test_a_second_signal_gives_back_what_it_has(spool: Spool, slow: Slow, numbers: tuple[signal.Signals, ...]) -> None:
    for number in numbers:
        slow.obeyed(number)

    assert slow.process.wait(20) == 0
    assert versions(spool, Room.READY) == ["1", "2"]
    assert versions(spool, Room.ACTIVE) == []
    last = history.read(spool.review.where(Room.READY, spool.review.names(Room.READY)[0]))[-1]
    assert (last.event, last.facts) == ("given back", {"reason": "its daemon was stopped"})


def test_a_reload_waits_although_a_drain_would_not(spool: Spool, slow: Slow) -> None:
    slow.obeyed(signal.SIGHUP)
    slow.obeyed(signal.SIGHUP)
    assert versions(spool, Room.ACTIVE) == ["1"]
    slow.finish_one()

    assert slow.process.wait(20) == AGAIN


def test_a_drain_has_an_end(spool: Spool) -> None:
    slow = Slow(spool, "0.05")
    slow.process.terminate()

    assert slow.process.wait(20) == 0
    assert versions(spool, Room.READY) == ["1", "2"]
    slow.process.communicate()
