"""A site with a clock of its own, and uploads that wait in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.repository import Repository
from daemons.deciding.asking import PLAN
from daemons.sites import Site
from queues.layout import Spool
from queues.names import EntryName, part_key
from queues.outcomes import Never
from queues.rooms import Room
from queues.values import BuildJob, FileRef, Plan, Suite, Upload
from tests.support.entries import file_of, upload
from tests.unit.archive import packages

SUITE = Suite("demo", architectures=("amd64", "i386"))
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DSC = """Format: 3.0 (native)
Source: {source}
Binary: {source}-dev
Architecture: any
Version: {version}
Maintainer: Ulla <ulla@example.org>
Package-List:
 {source}-dev deb misc optional arch=any
Checksums-Sha256:
 0000000000000000000000000000000000000000000000000000000000000000 3 {source}_{version}.tar.xz
Files:
 00000000000000000000000000000000 3 {source}_{version}.tar.xz
"""


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def site_at(path: Path, clock: Clock) -> Site:
    site = Site(path)
    site.__dict__["spool"] = Spool(path, clock)
    site.__dict__["repository"] = Repository(site.archive, {"demo": SUITE}, site.keys, signer=packages.Rubber())
    site.spool.create(["amd64", "i386"])
    if site.repository.current("demo") is None:
        site.repository._tree.create()
        site.repository.publish(["demo"], NOON)
    return site


def dispatched(site: Site, source: str, version: str = "1.0") -> Upload:
    """Put an upload to where it waits for its jobs, which are ready."""
    spool, name = site.spool, f"{source}_{version}.dsc"
    path = file_of(spool, DSC.format(source=source, version=version).encode())
    one = upload(source, version, files=(FileRef(name, path.stat().st_size, "0" * 64),))
    entry_name = EntryName(spool.master.stamp(spool.clock()), one.key)
    spool.master.put(entry_name, one, {name: path})
    with spool.master.claim(one.key) as entry:
        assert entry is not None
        entry.paper(PLAN, Plan(SUITE.architectures, "no-regression"))
        for architecture in SUITE.architectures:
            job = BuildJob(one.key, source, version, architecture, "demo", one.files[0], one.files)
            spool.build(architecture).put(entry_name._replace(key=part_key(one.key, architecture)), job, {})
        entry.note("dispatched", architectures=" ".join(SUITE.architectures), gate="no-regression")
        entry.move(spool.master, Room.WAITING)
    return one


def miss(site: Site, one: Upload, missing: str, architecture: str = "amd64") -> None:
    """Send a job into dep-wait, as its builder does."""
    with site.spool.build(architecture).claim(part_key(one.key, architecture)) as job:
        assert job is not None
        job.note("dep-wait", missing=missing, archive="")
        job.move(site.spool.build(architecture), Room.WAITING)


def fail(site: Site, one: Upload, architecture: str) -> None:
    with site.spool.build(architecture).claim(part_key(one.key, architecture)) as job:
        assert job is not None
        job.settle(Never("build: Error 1"))
