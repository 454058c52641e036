"""A whole site as daemons leave it, for tests that hurt it: all kinds of entries, and a published suite."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemons import samples, settings
from daemons.deciding import verdicts
from daemons.deciding.asking import PLAN
from daemons.intake import hostkey
from daemons.sites import Site
from queues import atomic
from queues.names import EntryName, part_key, upload_key
from queues.outcomes import Done
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, FileRef, Notice, Plan, Suite, Upload
from review.notices import lay
from tests.support.entries import file_of, upload
from tests.unit.archive import packages

NOW = datetime.now(UTC).replace(microsecond=0)
SUITE = Suite("demo", architectures=("amd64", "i386"), valid_days=7, opkg="ipk")
ULLA = '{"mail": "ulla@example.org"}'


def site_at(path: Path) -> Site:
    """Make a site as `init` and `environment create` do; its archive is published, but empty."""
    path.mkdir()
    (path / settings.FILE).write_text(samples.sample({"demo": SUITE}))
    site = Site(path)
    site.spool.create(SUITE.architectures)
    for directory in (site.environments, site.uploading, site.archive, site.keys):
        atomic.make(directory)
    atomic.make(site.spool.commands)  # as the first command file does
    (site.spool.commands / ("0" * 64)).touch()
    hostkey.make(site.host_key)
    site.repository.init(NOW - timedelta(hours=2))
    for architecture in SUITE.architectures:
        atomic.make(site.environments / f"bookworm-{architecture}-000000000000" / "root")
        base = site.environments / f"bookworm-{architecture}"
        atomic.point(base, f"{base.name}-000000000000")
    return site


def publish(site: Site, version: str, now: datetime) -> None:
    """Include a version of the package `tiny`."""
    sources, built = site.path.parent / version / "source", site.path.parent / version / "built"
    sources.mkdir(parents=True)
    built.mkdir()
    packages.dsc(sources, "tiny", version)
    packages.deb(built, "tiny", version)
    brought = packages.upload(sources, "tiny", version)
    site.repository.include(brought, sources, [packages.result(brought, "amd64", built)], now)


def add_uploader(site: Site, folder: Path) -> None:
    """Register ulla, whose key is good for ten days."""
    folder.mkdir(0o700)
    gpg = ("gpg", "--homedir", str(folder), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    subprocess.run([*gpg, "--quick-generate-key", "ulla@example.org", "ed25519", "sign", "10d"], check=True)
    key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], check=True)
    home = site.keys / "uploaders" / "ulla"
    atomic.make(home)
    ssh = hostkey.load(site.host_key)
    for name, data in {
        "uploader.json": ULLA.encode(),
        "openpgp.asc": key,
        "ssh.pub": f"{ssh.get_name()} {ssh.get_base64()}\n".encode(),
    }.items():
        atomic.disk.create(home / name, data, 0o644)


def brought(site: Site, source: str, version: str = "1.0") -> Upload:
    """Put an upload with one real file into review, as intake does."""
    content = f"{source} {version}".encode()
    ref = FileRef(f"{source}_{version}.dsc", len(content), hashlib.sha256(content).hexdigest())
    one = upload(source, version, files=(ref,))
    name = EntryName(site.spool.review.stamp(site.spool.clock()), one.key)
    site.spool.review.put(name, one, {ref.name: file_of(site.spool, content)}, [("received", {"by": "ulla"})])
    for leftover in site.path.glob("file-*"):
        leftover.unlink()
    return one


def accepted(site: Site, one: Upload, architectures: tuple[str, ...] = SUITE.architectures) -> None:
    """Accept an upload, with its plan, as a reviewer and the master daemon do."""
    with site.spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.paper(PLAN, Plan(architectures, "complete", architectures))
        entry.note("accepted", by="rita")
        entry.move(site.spool.master, stamp=site.spool.master.stamp(site.spool.clock()))


def dispatched(site: Site, source: str, version: str = "1.0") -> Upload:
    """Put an upload where it waits for two jobs, which are ready."""
    one = brought(site, source, version)
    accepted(site, one)
    with site.spool.master.claim(one.key) as entry:
        assert entry is not None
        for architecture in SUITE.architectures:
            its = BuildJob(one.key, source, version, architecture, one.suite, one.files[0], one.files)
            name = entry.name._replace(key=part_key(one.key, architecture))
            files = {file.name: entry.files / file.name for file in one.files}
            site.spool.build(architecture).put(name, its, files, [("queued", {})])
        entry.note("dispatched")
        entry.move(site.spool.master, Room.WAITING)
    return one


def built(site: Site, one: Upload, architecture: str, *, well: bool = True) -> None:
    """End a ready job as a builder does."""
    content = f"{one.key} {architecture}".encode()
    ref = FileRef(f"{one.source}_{one.version}_{architecture}.deb", len(content), hashlib.sha256(content).hexdigest())
    with site.spool.build(architecture).claim(part_key(one.key, architecture)) as entry:
        assert entry is not None
        said = ("built", "") if well else ("failed", "it has no heart")
        log = FileRef("log", 1, "0" * 64)
        result = BuildResult(entry.envelope, *said, "build", (ref,) if well else (), log, NOW, NOW)  # type: ignore[arg-type]
        if well:
            made = entry.path / "made"
            atomic.disk.create(made, content)
            site.spool.parts.put(entry.name, result, {ref.name: made}, [("built", {})], Room.PARTS)
            atomic.remove(made)
            entry.settle(Done("built"))
        else:
            entry.settle(verdicts.fail(site, entry, one, result))


def well(path: Path) -> Site:
    """Make a site with something in every queue, and nothing wrong."""
    site = site_at(path)
    publish(site, "1.0", NOW - timedelta(hours=1))
    add_uploader(site, path.parent / "g")
    brought(site, "fresh")
    dispatched(site, "ready")
    half = dispatched(site, "half")
    built(site, half, "amd64")
    built(site, half, "i386", well=False)
    digest = upload_key("digest", "20260101", "0" * 12)  # as the reviewers get it once a day
    lay(site.spool, digest, Notice("digest", digest, "digest", "2026-01-01", "", ("rita@example.org",), {}, NOW))
    return site
