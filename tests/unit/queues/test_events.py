"""Events that fail for real: watches and instances used up in a user namespace, a queue of the kernel that overflows.

Nothing of the machine is touched: user_namespaces(7) have limits of their own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, WatchDescriptor

from daemons.process import daemon as skeleton
from daemons.process.daemon import Daemon
from queues.entry import Entry
from queues.layout import Spool
from queues.outcomes import Outcome
from queues.rooms import Room
from queues.values import Upload
from queues.watching import Wakeup
from tests.support.entries import put_upload, spool_at, upload

ROOT = Path(__file__).parents[3]
BURST = 10_000
QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())

SLEEPER = """
import logging, sys
sys.path[0] = sys.argv[1]
from pathlib import Path
from queues.watching import Wakeup
logging.basicConfig(stream=sys.stdout, format="%(message)s")
limit, room = Path("/proc/sys/user") / sys.argv[2], Path(sys.argv[3])
limit.write_text("0")
wakeup = Wakeup()
with wakeup.watching([room]):
    (room / "first").mkdir()
    print("woken by an event:", wakeup.wait(0.05))
    limit.write_text("100")
    print("woken to look:", wakeup.wait(0.05))
    (room / "second").mkdir()
    print("woken by an event:", wakeup.wait(20))
"""


def namespaces() -> bool:
    return subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not namespaces(), reason="no user namespaces here")
@pytest.mark.parametrize("limit", ["max_inotify_watches", "max_inotify_instances"])
def test_what_is_used_up_is_said_and_had_again_when_there_is_some(tmp_path: Path, limit: str) -> None:
    argv = ["unshare", "-Ur", sys.executable, "-c", SLEEPER, str(ROOT), limit, str(tmp_path)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    what = "watch" if limit == "max_inotify_watches" else "instance"
    assert said.splitlines() == [
        f"{tmp_path} cannot be watched (inotify {what} limit reached): arrivals there are found by scan alone",
        "woken by an event: False",
        "woken to look: True",
        "woken by an event: True",
    ]


def test_lost_events_wake(tmp_path: Path) -> None:
    wakeup = Wakeup()
    with wakeup.watching([tmp_path]):
        assert wakeup._inotify is not None
        lost = InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b"")
        wakeup._inotify.handle_event(lost)
        assert wakeup.wait(20) is True


class Counting(Daemon[Upload]):
    """Tells the other side of a pipe the version of each upload, and the number of its rounds when it is idle."""

    def __init__(self, spool: Spool, pipe: Connection) -> None:
        super().__init__("counting", spool.site / "run", [spool.review], spool.clock)
        self.spool = spool
        self.pipe = pipe
        self.rounds = 0

    def round(self) -> None:
        self.rounds += 1
        super().round()

    def handle(self, entry: Entry[Upload]) -> Outcome | None:
        self.pipe.send(entry.envelope.version)
        self.pipe.recv()
        entry.move(self.spool.master)
        return None

    def idle(self, now: object) -> None:  # noqa: ARG002 -- the skeleton gives it
        self.pipe.send(self.rounds)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


def test_ten_thousand_arrivals_are_one_wakeup(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton, "PERIOD", timedelta(hours=1))
    ours, theirs = multiprocessing.Pipe()
    daemon = Counting(spool, theirs)
    thread = threading.Thread(target=live, args=(daemon,))
    thread.start()
    assert ours.recv() == 1
    put_upload(spool, upload("pkg", "first"))
    assert ours.recv() == "first"
    burst(spool.review.room(Room.READY), BURST)
    put_upload(spool, upload("pkg", "last"))
    ours.send("go on")
    assert ours.recv() == "last", "without sleeping, for the scan has met it"
    ours.send("go on")
    assert ours.recv() == 2
    put_upload(spool, upload("pkg", "later"))
    while isinstance(said := ours.recv(), int):
        assert said <= 4, "the rest of the burst woke it again, once or twice"
    assert said == "later"
    daemon.stopping = True
    ours.send("go on")
    daemon.wakeup.ring()
    thread.join()


def live(daemon: Counting) -> None:
    """Run a daemon's rounds beside a test, without its signals."""
    with daemon.presence, daemon.wakeup.watching(daemon.watched()):
        while not daemon.stopping:
            daemon.round()


def burst(room: Path, count: int) -> None:
    """Let so many files come that are nobody's."""
    for number in range(count):
        (room / f"stranger-{number}").touch()


def test_an_overflow_of_the_kernels_queue_loses_no_entry(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton, "PERIOD", timedelta(hours=1))
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=lambda: Counting(spool, theirs).run())
    process.start()
    try:
        assert ours.recv() == 1
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        burst(spool.review.room(Room.READY), QUEUE + 100)
        put_upload(spool, upload("pkg", "1"))  # of this nobody hears
        os.kill(process.pid, signal.SIGCONT)
        while isinstance(said := ours.recv(), int):
            assert said < 10
        assert said == "1"
        ours.send("go on")
    finally:
        process.kill()
        process.join()
