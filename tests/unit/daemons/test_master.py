"""The master daemon: plan, dispatch, gate and superseding, over real queues and a real archive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.deciding import results
from daemons.deciding.asking import PLAN, RELEASE
from daemons.master import Master
from daemons.settings import Build, Settings
from daemons.sites import Site
from daemons.steering import cancelling
from daemons.steering.cancelling import Cancel
from queues import envelope, history
from queues.clock import utc
from queues.names import EntryName, Key, part_key
from queues.outcomes import Done, Never
from queues.rooms import Room
from queues.values import BuildResult, FileRef, Plan, Suite, Upload, Verdict
from tests.support.entries import file_of, put_upload, upload

SUITES = {"demo": Suite("demo", architectures=("amd64", "i386"))}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DSC = """Format: 3.0 (native)
Source: pkg
Binary: pkg, pkg-doc
Architecture: any all
Version: {version}
Maintainer: Ulla <ulla@example.org>
Package-List:
 pkg deb misc optional arch=any
 pkg-doc deb doc optional arch=all
Checksums-Sha256:
 {sha256} 3 pkg_{version}.tar.xz
Files:
 00000000000000000000000000000000 3 pkg_{version}.tar.xz
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / settings.FILE).write_text(samples.sample(SUITES))
    site = Site(tmp_path)
    site.spool.create(["amd64", "i386"])
    site.archive.mkdir()
    site.repository.init(utc())
    return site


def accept(site: Site, version: str) -> Upload:
    one = upload("pkg", version, files=(FileRef(f"pkg_{version}.dsc", 3, "0" * 64),))
    put_upload(
        site.spool,
        one,
        {f"pkg_{version}.dsc": file_of(site.spool, DSC.format(version=version, sha256="0" * 64).encode())},
    )
    with site.spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.move(site.spool.master, stamp=site.spool.master.stamp(utc()))
    return one


def work(master: Master) -> None:
    while master.one():
        pass
    master.idle(utc())


def finish(site: Site, one: Upload, architecture: str, verdict: Verdict) -> None:
    """End a job as a builder does."""
    queue = site.spool.build(architecture)
    with queue.claim(part_key(one.key, architecture)) as job:
        assert job is not None
        result = BuildResult(job.envelope, verdict, "because", "build", (), FileRef("log", 1, "0" * 64), NOW, NOW)
        if verdict == "built":
            site.spool.parts.put(job.name, result, {}, room=Room.PARTS)
            job.settle(Done())
        else:
            job.paper(results.RESULT, result)
            job.settle(Never("because"))


def place(site: Site, key: Key) -> str:
    for queue in site.spool.uploads():
        found = queue.find(key)
        if found:
            return f"{queue.name}/{found[0]}"
    return "nowhere"


def test_dispatch_makes_a_job_for_every_architecture_in_the_uploads_place(site: Site) -> None:
    one = accept(site, "1.0")
    (stamp,) = [name.stamp for name in site.spool.master.names(Room.READY)]
    work(Master(site))

    assert place(site, one.key) == "master/waiting"
    plan = envelope.read(site.spool.master.where(Room.WAITING, EntryName(stamp, one.key)), Plan, PLAN)
    assert plan == Plan(("amd64", "i386", "all"), "no-regression")
    for architecture in plan.architectures:
        name = EntryName(stamp, part_key(one.key, architecture))
        assert site.spool.build(architecture).names(Room.READY) == [name]
        assert (site.spool.build(architecture).where(Room.READY, name) / "files" / "pkg_1.0.dsc").exists()


def test_a_repeated_dispatch_finds_the_job_that_was_raised_meanwhile(site: Site) -> None:
    one, master, jobs = accept(site, "1.0"), Master(site), site.spool.build("amd64")
    work(master)
    with jobs.claim() as job, site.spool.master.claim(one.key, Room.WAITING) as entry:
        assert job is not None
        assert entry is not None
        job.move(jobs, stamp=job.name.stamp - 1)
        entry.move(site.spool.master)  # as if the first dispatch had died before its last rename
    work(master)
    assert [name.key for name in jobs.names(Room.READY)] == [part_key(one.key, "amd64")]


def test_the_gate_opens_when_every_architecture_has_a_result(site: Site) -> None:
    one, master = accept(site, "1.0"), Master(site)
    work(master)
    finish(site, one, "amd64", "built")
    finish(site, one, "i386", "failed")
    work(master)
    assert place(site, one.key) == "master/waiting"

    finish(site, one, "all", "built")
    work(master)
    assert place(site, one.key) == "archive/ready"
    (name,) = site.spool.notices.names(Room.READY)
    told = site.spool.notices.peek(Room.READY, name)
    assert (told.event, told.facts) == ("built", {"built": "amd64 all", "failed": "i386: because"})


def test_nothing_built_is_abandoned_and_told(site: Site) -> None:
    one, master = accept(site, "1.0"), Master(site)
    work(master)
    for architecture in ("amd64", "i386", "all"):
        finish(site, one, architecture, "failed")
    work(master)

    assert place(site, one.key) == "master/failed"
    assert [name.key for name in site.spool.notices.names(Room.READY)] == [part_key(one.key, "abandoned")]


def test_a_withheld_upload_waits_for_a_person_who_releases_it(site: Site) -> None:
    one, master = accept(site, "1.0"), Master(site)
    work(master)
    finish(site, one, "amd64", "failed")
    finish(site, one, "i386", "failed")
    finish(site, one, "all", "built")
    work(master)
    assert place(site, one.key) == "master/hold"

    with site.spool.master.claim(one.key, Room.HOLD) as entry:
        assert entry is not None
        entry.paper(RELEASE, Plan((), "built"))
        entry.move(site.spool.master, Room.WAITING)
    work(master)
    assert place(site, one.key) == "archive/ready"


def test_a_newer_upload_takes_the_older_ones_place_everywhere(site: Site) -> None:
    waiting, master = accept(site, "1.0"), Master(site)
    work(master)
    finish(site, waiting, "all", "built")
    in_review = upload("pkg", "1.1")
    put_upload(site.spool, in_review)
    elsewhere = upload("pkg", "1.2", suite="other")
    put_upload(site.spool, elsewhere)

    newer = accept(site, "2.0")
    work(master)

    assert place(site, newer.key) == "master/waiting"
    assert place(site, waiting.key) == "master/failed"
    assert place(site, in_review.key) == "review/rejected"
    assert place(site, elsewhere.key) == "review/ready"
    assert [name.key for name in site.spool.build("amd64").names(Room.READY)] == [part_key(newer.key, "amd64")]
    assert site.spool.parts.names(Room.PARTS) == []
    told = [name.key for name in site.spool.notices.names(Room.READY)]
    assert sorted(told) == sorted(part_key(one.key, "superseded") for one in (waiting, in_review))
    found = site.spool.review.find(in_review.key)
    assert found is not None
    last = history.read(site.spool.review.where(*found))[-1]
    assert (last.event, last.facts["by"]) == ("superseded", newer.key)


def test_an_older_upload_accepted_after_a_newer_one_goes_nowhere(site: Site) -> None:
    newer, master = accept(site, "2.0"), Master(site)
    work(master)
    older = accept(site, "1.0")
    work(master)

    assert place(site, older.key) == "master/failed"
    assert place(site, newer.key) == "master/waiting"
    assert [name.key for name in site.spool.build("amd64").names(Room.READY)] == [part_key(newer.key, "amd64")]


@pytest.mark.parametrize("finish", [False, True])
def test_a_running_build_of_a_superseded_upload_is_cancelled_unless_it_may_finish(site: Site, finish: bool) -> None:
    if finish:
        changed = Settings(build=Build(superseded="finish"))
        (site.path / settings.FILE).write_text(samples.sample(SUITES, changed))
        site = Site(site.path)
    older, master = accept(site, "1.0"), Master(site)
    work(master)
    with site.spool.build("amd64").claim() as job:
        assert job is not None
        accept(site, "2.0")
        work(master)
        assert place(site, older.key) == "master/failed"
        assert [name.key for name in site.spool.build("amd64").names(Room.ACTIVE)] == [part_key(older.key, "amd64")]
        assert cancelling.asked(job.path) == (None if finish else Cancel("pkg 2.0", "superseded"))
        job.settle(Done("no longer wanted"))
