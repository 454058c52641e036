"""A machine that is not well: every call of every transition is refused, once and for good.

The error reaches the caller as it is. Nothing is lost, nothing is in two rooms or half visible, no innocent entry is
held, and when the machine is well again, the same work ends where an undisturbed run ends.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queues import atomic
from queues.entry import FILES
from queues.layout import Spool
from queues.names import EntryName, part_key
from queues.outcomes import Done, Later, Never, Outcome
from queues.recovery import recover
from queues.rooms import Room
from queues.values import Plan
from tests.support.dying import FAULTS, FailingDisk, disk, faults
from tests.support.entries import file_of, job, put_upload, spool_at, upload

ONE = upload("pkg", "1.0")
JOB = job("pkg", "1.0", "amd64")
NAME = EntryName(1, part_key(ONE.key, "amd64"))
SOON = datetime(2030, 1, 1, tzinfo=UTC)
each_fault = pytest.mark.parametrize("error", FAULTS, ids=errno.errorcode.get)


class Site:
    """A fresh spool for each fault."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.number = 0
        self.spool: Spool

    def fresh(self) -> None:
        self.number += 1
        path = self.tmp_path / str(self.number)
        path.mkdir()
        self.spool = spool_at(path)

    def with_upload(self) -> None:
        self.fresh()
        put_upload(self.spool, ONE, {"pkg_1.0.dsc": file_of(self.spool, b"the dsc")})

    def with_job(self) -> None:
        self.fresh()
        put_job(self.spool)

    def places(self) -> list[str]:
        """Where entries are, but `tmp`: there nobody looks."""
        found = (path.parent.parent.relative_to(self.spool.path) for path in self.spool.path.rglob("history"))
        return sorted(str(place) for place in found if place.name != Room.TMP)

    def settled(self) -> list[str]:
        """Where entries are once every queue was recovered; then nothing is left in `tmp`."""
        for queue in (*self.spool.uploads(), *self.spool.builds()):
            recover(queue, SOON + timedelta(days=2))
        assert list(self.spool.path.rglob("tmp/*")) == []
        return self.places()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def put_job(spool: Spool) -> bool:
    return spool.build("amd64").put(NAME, JOB, {"a": file_of(spool, b"x")}, [("queued", {})])


@each_fault
def test_put(site: Site, error: int) -> None:
    for fault in faults(lambda: put_job(site.spool), error, fresh=site.fresh):
        assert site.places() in ([], ["build/amd64/ready"]), fault
        put_job(site.spool)
        assert site.settled() == ["build/amd64/ready"], fault
        assert site.spool.build("amd64").peek(Room.READY, NAME) == JOB
        assert (site.spool.build("amd64").where(Room.READY, NAME) / FILES / "a").read_bytes() == b"x"


@each_fault
def test_accept(site: Site, error: int) -> None:
    def accept() -> None:
        with site.spool.review.claim(ONE.key) as entry:
            assert entry is not None
            entry.move(site.spool.master, event="accepted", stamp=site.spool.master.stamp(SOON), by="rita")

    for fault in faults(accept, error, fresh=site.with_upload):
        places = site.places()
        assert places in (["review/ready"], ["review/active"], ["master/ready"]), fault
        if site.settled() == ["review/ready"]:
            accept()
        assert site.settled() == ["master/ready"], fault


@each_fault
@pytest.mark.parametrize("outcome", [Done("built"), Never("it broke"), Later("busy"), Later("busy", SOON)])
def test_settle(site: Site, outcome: Outcome, error: int) -> None:
    room = {Done: Room.DONE, Never: Room.FAILED}.get(type(outcome), Room.READY)

    def settle() -> None:
        with site.spool.build("amd64").claim() as entry:
            assert entry is not None
            entry.paper("plan", Plan(("amd64",), "built"))
            entry.settle(outcome)

    for fault in faults(settle, error, fresh=site.with_job):
        (place,) = site.places()
        assert Path(place).name != Room.HOLD, fault
        if site.settled() == ["build/amd64/ready"] and room is not Room.READY:
            settle()
        assert site.settled() == [f"build/amd64/{room}"], fault
        assert (site.spool.build("amd64").where(room, NAME) / FILES).exists() is (room is not Room.DONE), fault


@each_fault
def test_recover(site: Site, error: int) -> None:
    def dead() -> None:
        site.with_job()
        queue = site.spool.build("amd64")
        queue.where(Room.READY, NAME).rename(queue.where(Room.ACTIVE, NAME))
        atomic.disk.mkdir(queue.room(Room.TMP) / f"{EntryName(2, part_key(ONE.key, 'i386'))}.01234567")

    def recovery() -> None:
        recover(site.spool.build("amd64"), SOON)

    for fault in faults(recovery, error, fresh=dead):
        assert site.places() in (["build/amd64/active"], ["build/amd64/ready"]), fault
        assert site.settled() == ["build/amd64/ready"], fault


def test_a_fault_that_comes_again_and_again_holds_nobody(site: Site) -> None:
    """The claim could be written, what came after it could not, the way back neither."""
    site.with_job()
    queue = site.spool.build("amd64")

    def plan_on_a_full_disk() -> None:
        with queue.claim() as entry, disk(FailingDisk(1, errno.ENOSPC, lasting=True)):
            assert entry is not None
            entry.paper("plan", Plan(("amd64",), "built"))

    def plan_on_a_disk_that_fills() -> None:
        with disk(FailingDisk(2, errno.ENOSPC, lasting=True)), queue.claim() as entry:
            assert entry is not None
            entry.paper("plan", Plan(("amd64",), "built"))

    for work in (plan_on_a_full_disk, plan_on_a_disk_that_fills) * 5:
        with pytest.raises(OSError, match="No space"):
            work()

    assert queue.names(Room.READY) == [NAME]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "small", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk(small: Path) -> None:
    spool = spool_at(small)
    queue = spool.build("amd64")
    put_job(spool)
    fill(small / "ballast")

    other = EntryName(2, part_key(ONE.key, "i386"))
    with pytest.raises(OSError, match="No space") as full:
        queue.put(other, JOB, {})
    assert str(small) in full.value.filename, "whoever reads it must learn which disk is full"
    for _ in range(5):
        with pytest.raises(OSError, match="No space"):
            build(spool)
    assert queue.names(Room.READY) == [NAME]
    assert os.listdir(queue.room(Room.TMP)) == []

    (small / "ballast").unlink()
    assert queue.put(other, JOB, {}) is True
    build(spool)
    assert (queue.names(Room.DONE), queue.names(Room.READY)) == ([NAME], [other])


def build(spool: Spool) -> None:
    with spool.build("amd64").claim() as entry:
        assert entry is not None
        entry.paper("plan", Plan(("amd64",), "built"))
        entry.settle(Done("built"))


def fill(path: Path) -> None:
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_an_entrys_own_missing_file_is_no_fault_of_the_machine(site: Site) -> None:
    site.with_job()

    def read() -> None:
        with site.spool.build("amd64").claim() as entry:
            assert entry is not None
            entry.file("missing")

    with pytest.raises(FileNotFoundError):
        read()
    assert site.places() == ["build/amd64/hold"]
