"""One broken entry or paper stops no daemon and hides nothing: what is whole goes on, what is broken is shown."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.builder import Builder
from daemons.command.status import remarks
from daemons.deciding import gate, results
from daemons.deciding.asking import PLAN, RELEASE
from daemons.master import Master
from daemons.notifier import Notifier
from daemons.process import presence
from daemons.process.daemon import Daemon
from daemons.process.presence import Presence
from daemons.sites import Site
from daemons.telling.overview import look
from queues import history
from queues.clock import utc
from queues.entry import Entry
from queues.names import EntryName, part_key
from queues.rooms import Room
from queues.values import BuildJob, Plan, Suite
from tests.support.entries import job, put_upload, upload

STALE = ("dep-wait", {"missing": "libfoo-dev", "archive": "an older snapshot"})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo", architectures=("amd64",))}))
    site = Site(tmp_path)
    site.spool.create(["amd64"])
    site.archive.mkdir()
    site.repository.init(utc())
    return site


def cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:40])


def link(path: Path) -> None:
    path.rename(path.parents[4] / "elsewhere")
    path.symlink_to(path.parents[4] / "elsewhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def gone(path: Path) -> None:
    path.unlink()


each_damage = pytest.mark.parametrize("damage", [cut_short, link, pipe, gone])


def waiting_job(site: Site, number: int) -> EntryName:
    one = job("pkg", str(number), "amd64")
    name = EntryName(number, part_key(one.upload, "amd64"))
    site.spool.build("amd64").put(name, one, {}, [STALE], Room.WAITING)
    return name


@each_damage
def test_a_broken_job_in_dep_wait_keeps_no_other_waiting(site: Site, damage: Callable[[Path], None]) -> None:
    broken, whole = waiting_job(site, 1), waiting_job(site, 2)
    queue = site.spool.build("amd64")
    damage(queue.where(Room.WAITING, broken) / history.FILE)
    Builder(site, "1").idle(utc())

    assert whole in queue.names(Room.READY)
    assert queue.names(Room.WAITING) == []
    assert queue.names(Room.CORRUPT) == [broken]


def waiting_upload(site: Site, version: str) -> EntryName:
    one = upload("pkg", version)
    put_upload(site.spool, one)
    with site.spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.paper(PLAN, Plan(("amd64",), "built"))
        entry.move(site.spool.master, Room.WAITING)
        return entry.name


@each_damage
def test_a_broken_plan_or_part_keeps_no_other_gate_shut(
    site: Site, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = waiting_upload(site, "1"), waiting_upload(site, "2")
    damage(site.spool.master.where(Room.WAITING, broken) / PLAN)
    monkeypatch.setattr(results, "of", lambda *_: {})
    monkeypatch.setattr(gate, "decide", lambda *_, **__: gate.Include(("amd64",)))
    Master(site).idle(utc())

    assert [name.key for name in site.spool.archive.names(Room.READY)] == [whole.key]
    assert site.spool.master.names(Room.HOLD) == [broken]
    assert f"{broken}: the gate could not decide" in caplog.text
    assert PLAN in caplog.text


def test_a_release_that_is_no_file_is_never_read(site: Site) -> None:
    name = waiting_upload(site, "1")
    os.mkfifo(site.spool.master.where(Room.WAITING, name) / RELEASE)
    Master(site).idle(utc())
    assert site.spool.master.names(Room.WAITING) == [name]


@each_damage
def test_a_broken_notice_keeps_no_other_from_being_sent(site: Site, damage: Callable[[Path], None]) -> None:
    for number in (1, 2):
        one = upload("pkg", str(number))
        site.tell("accepted", one, utc())
    names = site.spool.notices.names(Room.READY)
    damage(site.spool.notices.where(Room.READY, names[0]) / history.FILE)
    notifier = Notifier(site)
    while notifier.one():
        pass

    assert site.spool.notices.names(Room.CORRUPT) == [names[0]]
    assert site.spool.notices.names(Room.DONE) == [names[1]]


@each_damage
def test_a_broken_upload_keeps_no_reviewer_from_being_reminded_of_another(
    site: Site, damage: Callable[[Path], None]
) -> None:
    put_upload(site.spool, upload("pkg", "1"))
    put_upload(site.spool, upload("pkg", "2"))
    damage(site.spool.review.where(Room.READY, site.spool.review.names(Room.READY)[0]) / history.FILE)
    Notifier(site).tidy(utc() + timedelta(days=4))

    (name,) = site.spool.notices.names(Room.READY)
    assert name.key == f"{upload('pkg', '2').key}_waiting-3"


def test_status_shows_strangers_and_is_not_stopped_by_a_pipe(site: Site) -> None:
    rooms = site.spool.build("amd64")
    name = waiting_job(site, 1)
    (rooms.room(Room.READY) / "README").write_text("hello")
    (rooms.room(Room.READY) / str(EntryName(2, name.key))).symlink_to(rooms.where(Room.WAITING, name))
    with Presence(site.run, "master") as master:
        master.idle(utc())
        os.mkfifo(site.run / "other.json")
        (site.run / "third.json").write_text("{")
        seen = look(site.spool, utc())

    assert [state.name for state in seen.daemons] == ["master"]
    assert seen.strangers == [f"build/amd64/ready/{EntryName(2, name.key)}", "build/amd64/ready/README"]
    assert {count.entries for count in seen.queues if count.queue == "build/amd64" and count.room == "ready"} == {0}
    assert "no entry, and left alone: build/amd64/ready/README" in remarks(seen)


def test_a_claim_that_fails_in_a_way_unheard_of_does_not_spin(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Idler(Daemon[BuildJob]):
        def handle(self, entry: Entry[BuildJob]) -> None:
            """Never called."""

    waiting_job(site, 1)
    idler = Idler("idler", site.run, [site.spool.build("amd64")], utc)
    monkeypatch.setattr(site.spool.build("amd64"), "_claim_oldest", lambda: 1 / 0)
    assert idler.one() is False
    assert "nothing could be claimed" in caplog.text


def test_a_state_is_said_on_a_full_disk_and_without_descriptors(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with Presence(site.run, "master") as master:
        master.working("an entry with a long name", utc())

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        master.say("waiting", utc(), detail="No space left on device")
        (said,) = presence.states(site.run)
        assert (said.state, said.detail, said.entry) == ("waiting", "No space left on device", "")
        master.idle(utc())
        (said,) = presence.states(site.run)
        assert said.state == "idle"
    assert sorted(path.name for path in site.run.iterdir()) == ["master.json", "master.lock"]


def test_a_state_that_could_not_be_said_is_said_the_next_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with Presence(site.run, "master") as master:
        master.idle(utc())
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", no_descriptors)
            patched.setattr(Path, "open", no_descriptors)
            with pytest.raises(OSError, match="Too many open files"):
                master.say("waiting", utc(), detail="Too many open files")
        opened = [os.open("/", os.O_PATH) for _ in range(20)]  # who takes the number that was free must keep it
        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", no_descriptors)
            master.say("waiting", utc(), detail="Too many open files")
        for descriptor in opened:
            os.close(descriptor)
        (said,) = presence.states(site.run)
        assert said.state == "waiting"


def no_descriptors(*_: object, **__: object) -> None:
    raise OSError(errno.ENFILE, "Too many open files in system")
