"""The skeleton: woken by arrivals, surviving its handler, one of a name."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from daemons.process import daemon as skeleton
from daemons.process.daemon import Daemon
from daemons.process.presence import AlreadyRunning, Presence, states
from queues.entry import Entry
from queues.layout import Spool
from queues.outcomes import Outcome
from queues.rooms import Room
from queues.values import Upload
from tests.support.entries import put_upload, spool_at, upload


class Recorder(Daemon[Upload]):
    """Accepts every upload, and stops itself when it has seen `enough` of them."""

    def __init__(self, spool: Spool, enough: int) -> None:
        super().__init__("recorder", spool.site / "run", [spool.review], spool.clock)
        self.spool = spool
        self.enough = enough
        self.seen: list[str] = []
        self.idled = threading.Event()

    def handle(self, entry: Entry[Upload]) -> Outcome | None:
        self.seen.append(entry.envelope.version)
        if len(self.seen) == self.enough:
            os.kill(os.getpid(), signal.SIGTERM)
        if entry.envelope.version == "13":
            raise RuntimeError("unlucky")
        if entry.envelope.version == "0+full" and self.seen.count("0+full") == 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(entry.path))
        entry.move(self.spool.master)
        return None

    def idle(self, now: object) -> None:  # noqa: ARG002 -- the skeleton gives it
        self.idled.set()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


@contextmanager
def meanwhile(work: threading.Thread) -> Iterator[None]:
    work.start()
    yield
    work.join()


def test_what_waits_is_done_in_order_and_an_error_holds_only_its_entry(spool: Spool) -> None:
    for version in ("1", "13", "2"):
        put_upload(spool, upload("pkg", version))
    recorder = Recorder(spool, enough=3)
    recorder.run()

    assert recorder.seen == ["1", "13", "2"]
    assert [name.key.split("~")[0] for name in spool.master.names(Room.READY)] == ["pkg_1", "pkg_2"]
    assert [name.key.split("~")[0] for name in spool.review.names(Room.HOLD)] == ["pkg_13"]


def test_a_full_disk_is_waited_for_and_no_entry_is_blamed(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(skeleton, "CONVALESCENCE", 0.01)
    put_upload(spool, upload("pkg", "0+full"))
    put_upload(spool, upload("pkg", "2"))
    recorder = Recorder(spool, enough=3)
    recorder.run()

    assert recorder.seen == ["0+full", "0+full", "2"]
    assert len(spool.master.names(Room.READY)) == 2
    assert re.search("waits for the machine: .*/active/.*: No space left on device", caplog.text)


@pytest.mark.parametrize("events", [True, False])
def test_an_idle_daemon_finds_what_arrives(spool: Spool, events: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(spool, enough=1)
    if events:
        monkeypatch.setattr(skeleton, "PERIOD", timedelta(hours=1))  # only an event can end this sleep
    else:
        monkeypatch.setattr(recorder, "watched", list)
        monkeypatch.setattr(skeleton, "PERIOD", timedelta(milliseconds=10))

    def arrive() -> None:
        assert recorder.idled.wait(10)
        put_upload(spool, upload("pkg", "1"))

    with meanwhile(threading.Thread(target=arrive)):
        recorder.run()

    assert recorder.seen == ["1"]


def test_a_second_daemon_of_the_name_is_refused(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemons.process.presence.PATIENCE", 0)
    with Presence(spool.site / "run", "recorder"), pytest.raises(AlreadyRunning, match="recorder"):
        Recorder(spool, enough=1).run()


def test_presence_tells_the_living_from_the_dead(spool: Spool) -> None:
    presence = Presence(spool.site / "run", "recorder")
    with presence:
        presence.working("the entry", spool.clock())
        (alive,) = states(spool.site / "run")
        assert (alive.state, alive.entry, alive.pid) == ("working", "the entry", os.getpid())
    (dead,) = states(spool.site / "run")

    assert dead.state == "dead"
