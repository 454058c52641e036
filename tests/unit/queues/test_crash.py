"""The crash table of queues/README.md: die at every call of every transition, recover, and look.

After each death and recovery an entry is in exactly one room, with its envelope and files whole; nothing half written
is visible, nothing is left in `tmp`; and doing the work again ends where an undisturbed run ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queues import envelope
from queues.entry import FILES
from queues.layout import Spool
from queues.names import EntryName, Key, part_key
from queues.outcomes import Done, Later, Never, Outcome
from queues.recovery import recover
from queues.rooms import Room
from queues.values import BuildJob, Plan
from tests.support.dying import deaths
from tests.support.entries import file_of, job, put_upload, spool_at, upload

ONE = upload("pkg", "1.0")
JOB = job("pkg", "1.0", "amd64")
JOB_KEY = part_key(ONE.key, "amd64")
SOON = datetime(2030, 1, 1, tzinfo=UTC)


class Site:
    """A fresh site for each death."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.number = itertools.count()
        self.spool: Spool

    def fresh(self) -> None:
        path = self.tmp_path / str(next(self.number))
        path.mkdir()
        self.spool = spool_at(path)

    def recovered(self) -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        for queue in (*self.spool.uploads(), *self.spool.builds()):
            recover(queue, later)

    def places(self, key: Key) -> list[str]:
        return sorted(str(path.parent.relative_to(self.spool.path)) for path in self.spool.path.rglob(f"*.{key}"))

    def nothing_is_left(self) -> None:
        assert list(self.spool.path.rglob("tmp/*")) == []
        assert list(self.spool.path.rglob("*.new")) == []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_put(site: Site) -> None:
    def put() -> None:
        put_upload(site.spool, ONE, {"pkg_1.0.dsc": file})

    def fresh() -> None:
        nonlocal file
        site.fresh()
        file = file_of(site.spool, b"the dsc")

    file = Path()
    for death in deaths(put, fresh=fresh):
        site.recovered()
        places = site.places(ONE.key)
        assert places in ([], ["review/ready"]), death
        if places == []:
            put()
        site.nothing_is_left()
        (name,) = site.spool.review.names(Room.READY)
        assert site.spool.review.peek(Room.READY, name) == ONE, death
        assert (site.spool.review.where(Room.READY, name) / FILES / "pkg_1.0.dsc").read_bytes() == b"the dsc", death


def test_accept(site: Site) -> None:
    """The rename from review to master is the acceptance."""

    def fresh() -> None:
        site.fresh()
        put_upload(site.spool, ONE)

    def accept() -> None:
        with site.spool.review.claim(ONE.key) as entry:
            assert entry is not None
            entry.move(site.spool.master, event="accepted", stamp=site.spool.master.stamp(SOON), by="rita")

    for death in deaths(accept, fresh=fresh):
        site.recovered()
        assert site.places(ONE.key) in (["review/ready"], ["master/ready"]), death
        if site.spool.review.names(Room.READY):
            accept()
        assert site.places(ONE.key) == ["master/ready"], death
        assert site.spool.master.names(Room.READY) == [EntryName(site.spool.master.names(Room.READY)[0].stamp, ONE.key)]


def test_dispatch(site: Site) -> None:
    """Plan, jobs and the move to `waiting`: a repeat does nothing twice."""

    def fresh() -> None:
        site.fresh()
        put_upload(site.spool, ONE, {"pkg_1.0.dsc": file_of(site.spool, b"x")})
        with site.spool.review.claim() as entry:
            assert entry is not None
            entry.move(site.spool.master)

    def dispatch() -> None:
        with site.spool.master.claim() as entry:
            assert entry is not None
            entry.paper("plan", Plan(("amd64", "i386"), "built"))
            for architecture in ("amd64", "i386"):
                name = EntryName(entry.name.stamp, part_key(ONE.key, architecture))
                files = {file.name: file for file in entry.files.iterdir()}
                site.spool.build(architecture).put(name, job("pkg", "1.0", architecture), files)
            entry.move(site.spool.master, Room.WAITING, event="dispatched")

    for death in deaths(dispatch, fresh=fresh):
        site.recovered()
        assert site.places(ONE.key) in (["master/ready"], ["master/waiting"]), death
        if site.spool.master.names(Room.READY):
            dispatch()
        site.nothing_is_left()
        assert site.places(ONE.key) == ["master/waiting"], death
        for architecture in ("amd64", "i386"):
            assert site.places(part_key(ONE.key, architecture)) == [f"build/{architecture}/ready"], death
        (name,) = site.spool.master.names(Room.WAITING)
        assert envelope.read(site.spool.master.where(Room.WAITING, name), Plan, "plan").gate == "built", death


@pytest.mark.parametrize("outcome", [Done("built"), Never("it broke"), Later("busy"), Later("busy", SOON)])
def test_settle(site: Site, outcome: Outcome) -> None:
    rooms = {Done: Room.DONE, Never: Room.FAILED}
    expected = rooms.get(type(outcome), Room.READY)  # deferred, too, is ready once its time has come

    def fresh() -> None:
        site.fresh()
        put_job(site.spool, JOB)

    def settle() -> None:
        with site.spool.build("amd64").claim() as entry:
            assert entry is not None
            entry.settle(outcome)

    for death in deaths(settle, fresh=fresh):
        recover(site.spool.build("amd64"), SOON + timedelta(days=2))
        places = site.places(JOB_KEY)
        assert places in (["build/amd64/ready"], [f"build/amd64/{expected}"]), death
        if places == ["build/amd64/ready"] and expected is not Room.READY:
            settle()
        site.nothing_is_left()
        (name,) = site.spool.build("amd64").names(expected)
        assert (site.spool.build("amd64").where(expected, name) / FILES).exists() is (expected is not Room.DONE), death


def put_job(spool: Spool, one: BuildJob) -> None:
    queue = spool.build(one.architecture)
    assert queue.put(EntryName(1, part_key(one.upload, one.architecture)), one, {"a": file_of(spool, b"x")})


@pytest.mark.parametrize("act", ["hold", "corrupt", "recover"])
def test_put_aside(site: Site, act: str) -> None:
    def fresh() -> None:
        site.fresh()
        put_job(site.spool, JOB)
        if act == "recover":
            queue = site.spool.build("amd64")
            (name,) = queue.names(Room.READY)
            queue.where(Room.READY, name).rename(queue.where(Room.ACTIVE, name))
        if act == "corrupt":
            (path,) = site.spool.path.rglob("history")
            path.write_bytes(b"")

    acts: dict[str, Callable[[], None]] = {
        "hold": lambda: hold(site.spool),
        "corrupt": lambda: claim_nothing(site.spool),
        "recover": site.recovered,
    }
    expected = {"hold": "build/amd64/hold", "corrupt": "build/amd64/corrupt", "recover": "build/amd64/ready"}[act]
    for death in deaths(acts[act], fresh=fresh):
        site.recovered()
        assert site.places(JOB_KEY) in ([expected], ["build/amd64/ready"]), death
        if site.places(JOB_KEY) != [expected]:
            acts[act]()
        assert site.places(JOB_KEY) == [expected], death


def hold(spool: Spool) -> None:
    with spool.build("amd64").claim() as entry:
        assert entry is not None
        entry.hold("for a person")


def claim_nothing(spool: Spool) -> None:
    with spool.build("amd64").claim() as entry:
        assert entry is None
