"""Entries for tests of the queues: uploads and jobs of packages that need not exist."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from queues.clock import Clock, utc
from queues.layout import Spool
from queues.names import EntryName, upload_key
from queues.values import BuildJob, FileRef, Upload


def spool_at(site: Path, clock: Clock = utc) -> Spool:
    """Make a spool with queues for amd64, i386 and all."""
    spool = Spool(site, clock)
    spool.create(["amd64", "i386"])
    return spool


def upload(source: str, version: str, suite: str = "demo", files: tuple[FileRef, ...] = ()) -> Upload:
    """Make the envelope of an upload; the same arguments give the same key."""
    digest = hashlib.sha256(f"{source} {version}".encode()).hexdigest()
    return Upload(
        key=upload_key(source, version, digest),
        source=source,
        version=version,
        suite=suite,
        distribution=suite,
        uploader="ulla",
        signer="F" * 40,
        signed_by="ulla",
        maintainer="Ulla <ulla@example.org>",
        changed_by="Ulla <ulla@example.org>",
        received=datetime(2026, 1, 1, tzinfo=UTC),
        files=files or (FileRef(f"{source}_{version}.dsc", 3, "0" * 64),),
    )


def job(source: str, version: str, architecture: str) -> BuildJob:
    """Make the envelope of an upload's build job."""
    one = upload(source, version)
    return BuildJob(one.key, source, version, architecture, one.suite, one.files[0], one.files)


def put_upload(spool: Spool, one: Upload, files: Mapping[str, Path] | None = None) -> EntryName:
    """Put an upload into review, as intake does."""
    name = EntryName(spool.review.stamp(spool.clock()), one.key)
    assert spool.review.put(name, one, files or {}, [("received", {"by": one.uploader})])
    return name


def claimed(spool: Spool) -> str | None:
    """Claim the oldest upload in review, accept it, and give its version; None when there is none to claim."""
    with spool.review.claim() as entry:
        if entry is None:
            return None
        entry.move(spool.master)
        return entry.envelope.version


def file_of(spool: Spool, content: bytes) -> Path:
    """Make a file on the spool's file system that an entry may link."""
    path = spool.site / f"file-{secrets.token_hex(4)}"
    path.write_bytes(content)
    path.chmod(0o444)
    return path
