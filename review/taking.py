"""Taking a complete upload into review: its files are pinned, hashed, completed, and put as one entry.

Files are linked into a directory of our own first: what is hashed there is what is put, whatever happens to the names
in the uploader's area meanwhile. It never removes anything from the area itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from archive import pool
from queues import atomic, names
from queues.names import EntryName
from queues.values import FileRef, Upload
from review import facts as lookup
from review.authority import Vouched
from review.facts import Facts
from review.inspection import architectures, dsc, sources, versions
from review.inspection.changes import check_components
from review.inspection.dsc import Dsc
from review.notices import tell_received
from review.refusal import REPLAY, Refusal
from review.verdicts import Taken

STAGE = ".taking"
Digest = Callable[[Path], str]  # the SHA256 of a file, by reading it or by what is known of it


def take(
    area: Path, vouched: Vouched, account: str, facts: Facts, now: datetime, digest: Digest = pool.digest
) -> Taken:
    """Put the upload into `review`; all files of its .changes are in the area. Raises Refusal."""
    with _stage(area) as stage:
        _pin(area, stage, vouched, digest)
        found = _inspect(stage, vouched)
        with facts.spool.lock("taking"):
            check_versions(vouched, facts)
            origs = _complete(stage, vouched, found, facts)
            refs = (*vouched.changes.files, *origs, _changes_ref(vouched))
            upload = _upload(vouched, account, refs, now)
            tell_received(facts.spool, facts.people, vouched.suite, upload, now)
            _put(stage, upload, vouched, facts, now)
    return Taken(vouched.changes.name, upload.key, upload.source, upload.version, upload.suite)


def check_versions(vouched: Vouched, facts: Facts) -> None:
    """Check replays and versions by what is known now. Raises Refusal."""
    changes, suite = vouched.changes, vouched.suite
    versions.check(changes, suite, lookup.known(facts, changes, suite, vouched.verified.identity))


def sweep(area: Path) -> None:
    """Remove what a server that died while it took an upload has left; what it was taking still lies in the area."""
    atomic.remove(area / STAGE)


@contextmanager
def _stage(area: Path) -> Iterator[Path]:
    stage = area / STAGE
    sweep(area)
    atomic.disk.mkdir(stage, 0o700)
    try:
        yield stage
    finally:
        atomic.remove(stage)


def _pin(area: Path, stage: Path, vouched: Vouched, digest: Digest) -> None:
    for ref in (*vouched.changes.files, _changes_ref(vouched)):
        path = stage / ref.name
        atomic.disk.link(area / ref.name, path)
        size, sha256 = path.stat().st_size, digest(path)
        if (size, sha256) != (ref.size, ref.sha256):
            raise Refusal(
                "checksum",
                f"{ref.name}: {size} bytes with SHA256 {sha256} came, {vouched.changes.name} says {ref.size} bytes "
                f"with {ref.sha256}; it was changed or cut short, send the upload again",
            )


def _inspect(stage: Path, vouched: Vouched) -> Dsc:
    name = vouched.changes.dsc.name
    if vouched.changes.dsc.size > dsc.LARGEST:
        raise Refusal("dsc", f"{name}: larger than {dsc.LARGEST} bytes")
    found = dsc.read((stage / name).read_bytes(), name)
    dsc.check(found, vouched.changes, vouched.suite)
    check_components((package.component for package in found.packages), vouched.suite)
    architectures.plan(found, vouched.suite)
    return found


def _complete(stage: Path, vouched: Vouched, found: Dsc, facts: Facts) -> tuple[FileRef, ...]:
    refs = {*vouched.changes.files, *found.files}
    for last in (False, False, True):
        held = lookup.held(facts, found.source, refs)
        origs = sources.complete(vouched.changes, found, held, facts.published.find)
        try:
            _adopt(stage, origs)
            break
        except FileNotFoundError:
            if last:
                raise
    return tuple(origs)


def _adopt(stage: Path, origs: Mapping[FileRef, Path]) -> None:
    for ref, path in origs.items():
        if not (stage / ref.name).exists():
            atomic.disk.link(path, stage / ref.name)


def _put(stage: Path, upload: Upload, vouched: Vouched, facts: Facts, now: datetime) -> None:
    paths = {ref.name: stage / ref.name for ref in upload.files}
    for path in paths.values():
        path.chmod(0o444)
        atomic.disk.sync(path)
    queue = facts.spool.review
    event = {"by": upload.uploader, "signer": vouched.signer.name, lookup.SIGNED: vouched.verified.identity}
    if not queue.put(EntryName(queue.stamp(now), upload.key), upload, paths, [(lookup.TAKEN, event)]):
        raise Refusal(REPLAY, f"{vouched.changes.name}: was taken before; {versions.FORCE}")


def _upload(vouched: Vouched, account: str, refs: tuple[FileRef, ...], now: datetime) -> Upload:
    changes = vouched.changes
    return Upload(
        key=names.upload_key(changes.source, changes.version, vouched.sha256),
        source=changes.source,
        version=changes.version,
        suite=vouched.suite.name,
        distribution=changes.distribution,
        uploader=account,
        signer=vouched.verified.signer,
        signed_by=vouched.signed_by,
        maintainer=changes.maintainer,
        changed_by=changes.changed_by,
        received=now,
        files=refs,
        component=changes.component,
    )


def _changes_ref(vouched: Vouched) -> FileRef:
    return FileRef(vouched.changes.name, vouched.size, vouched.sha256)
