"""A look at one published directory: Release against its signatures, its date and every index that it lists."""

from __future__ import annotations

import gzip
import re
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive import openpgp, release
from archive.openpgp import BadSignature, Certificate
from archive.release import Digest
from archive.snapshot import LIVE, SnapshotId, date
from queues.checking.digests import Digests
from queues.checking.findings import Finding, broken, repairable
from queues.values import FileRef

A_DAY = timedelta(days=1)
AGES = timedelta(days=36500)  # a published signature is as good as its key
_FIELD = re.compile(rb"^(Date|Valid-Until): (.*)$", re.MULTILINE)
_REMEDY = "publish again with 'debmill archive publish'"


def look(
    directory: Path,
    snapshot: SnapshotId,
    certificates: Sequence[Certificate],
    digests: Digests,
    now: datetime,
    *,
    current: bool,
) -> Iterator[Finding]:
    """Look at a directory of a snapshot; `current`: clients get it now. Raises FileNotFoundError when it went away."""
    directory.stat()
    text = _content(directory / "Release")
    yield from _dated(directory, text, snapshot, now, current=current)
    # The key of an older snapshot may have come to its end since.
    yield from _signed(directory, text, certificates, now if current else min(now, date(snapshot) + A_DAY))
    for path, listed in release.hashes(text).items():
        yield from _index(directory, path, listed, digests)
    yield from _by_hash(directory, digests)
    yield from _modes(directory)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # and then nothing fits it


def _dated(directory: Path, text: bytes, snapshot: SnapshotId, now: datetime, *, current: bool) -> Iterator[Finding]:
    fields = {name.decode(): value.decode() for name, value in _FIELD.findall(text)}
    if fields.get("Date") != release.moment(date(snapshot)):
        yield broken("date", directory / "Release", f"Date: {fields.get('Date')} is not its snapshot's: {_REMEDY}")
    elif date(snapshot) > now:
        yield broken("date", directory / "Release", f"it is of {fields['Date']}, ahead of the clock: set the clock")
    until = _moment(fields.get("Valid-Until"))
    if until and until < now and current and directory.parent.name == LIVE:
        yield broken("expired", directory / "Release", f"clients refuse it since {until:%F %T} UTC: {_REMEDY}")


def _moment(text: str | None) -> datetime | None:
    return datetime.strptime(text[5:], "%d %b %Y %H:%M:%S UTC").replace(tzinfo=UTC) if text else None


def _signed(directory: Path, text: bytes, certificates: Sequence[Certificate], now: datetime) -> Iterator[Finding]:
    inline, detached = directory / "InRelease", directory / "Release.gpg"
    try:
        if openpgp.verify_clearsigned(_content(inline), certificates, now, AGES).octets != text:
            yield broken("signature", inline, f"it is not the text of Release: {_REMEDY}")
    except BadSignature as error:
        yield broken("signature", inline, f"the archive's key does not verify it ({error}): {_REMEDY}")
    try:
        openpgp.verify_detached(text, _content(detached), certificates, now, AGES)
    except BadSignature as error:
        yield broken("signature", detached, f"the archive's key does not verify it ({error}): {_REMEDY}")


def _index(directory: Path, path: str, listed: Digest, digests: Digests) -> Iterator[Finding]:
    file = directory / path
    if file.suffix not in (".gz", ".xz", ".zst"):  # the plain text has its hash in Release and no file
        if (unpacked := _unpacked(file.with_name(f"{file.name}.gz"))) is not None and unpacked != listed:
            yield broken("index", file, "what is packed in its .gz is not what Release lists: restore it from a backup")
        return
    by_hash = file.parent / "by-hash" / "SHA256" / listed.sha256
    for place in (file, by_hash):
        if objection := digests.objection(place, FileRef(place.name, *listed), always=True):
            yield broken("index", place, f"{objection}, as Release lists it: restore it from a backup")


def _unpacked(file: Path) -> Digest | None:
    try:
        return release.digest(gzip.decompress(file.read_bytes()))
    except (OSError, EOFError, ValueError):
        return None  # told of the packed file itself


def _by_hash(directory: Path, digests: Digests) -> Iterator[Finding]:
    for file in (*directory.glob("*/*/by-hash/SHA256/*"), *directory.glob("*/by-hash/SHA256/*")):
        if file.is_file() and digests.of(file) != file.name:
            yield broken("index", file, "its name is not its SHA256: restore it from a backup, or remove it")


def _modes(directory: Path) -> Iterator[Finding]:
    for path in [directory, *directory.rglob("*")]:
        if not path.is_symlink():
            yield from mode(path)


def mode(path: Path) -> Iterator[Finding]:
    """Say when a published path can be written by others, or not read by all. Raises FileNotFoundError."""
    found = path.stat().st_mode
    needed = 0o555 if stat.S_ISDIR(found) else 0o444
    if found & needed != needed or found & 0o022:
        means = f"its mode is {stat.S_IMODE(found):o}: all must read what is published, and only we may write"
        yield repairable("published-mode", path, means)
