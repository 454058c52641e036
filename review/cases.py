"""The cases on the desk: every upload in review, how a person names it, and what is known about it. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from archive import dscfile
from queues import envelope, history
from queues.entry import FILES
from queues.history import Event
from queues.layout import Spool
from queues.names import EntryName, Key
from queues.problem import Problem
from queues.rooms import Room
from queues.values import Suite, Upload
from review.inspection import architectures, changes, dsc
from review.notices import UNDONE
from review.refusal import Refusal

OPEN = (Room.READY, Room.ACTIVE, Room.HOLD)
OWNER, HELD = "owner", "held"


class NoCase(Problem):
    """No case of that name, or several."""


class Case(Struct, frozen=True):
    """An upload in review: `reviewer` holds it open at this moment, if anybody does."""

    upload: Upload
    room: Room
    path: Path
    reviewer: str = ""

    @property
    def id(self) -> str:
        """The name for people: source and version, which no two uploads on the desk share."""
        return f"{self.upload.source}_{self.upload.version}"


class Dossier(Struct, frozen=True):
    """What a reviewer is shown of a case. `published` is the version in the suite now, if there is one."""

    id: str
    key: str
    source: str
    version: str
    suite: str
    component: str
    published: str | None
    architectures: tuple[str, ...]
    uploader: str
    signed_by: str
    signer: str
    maintainer: str
    changed_by: str
    non_maintainer: bool
    received: datetime
    room: str
    reviewer: str
    directory: str
    files: tuple[str, ...]
    changes: str
    history: tuple[Event, ...]


def waiting(spool: Spool) -> list[Case]:
    """List the cases, oldest first; one that moves on while we look is left out."""
    found = {}
    for room in OPEN:
        for name in spool.review.names(room):
            case = at(spool, room, name)
            if case is not None:
                found[name] = case
    return [found[name] for name in sorted(found)]


def at(spool: Spool, room: Room, name: EntryName) -> Case | None:
    """Give the case of this name in a room; None when it moved on, or cannot be read."""
    path = spool.review.where(room, name)
    try:
        return Case(spool.review.peek(room, name), room, path, _owner(path) if room is Room.ACTIVE else "")
    except (FileNotFoundError, envelope.Unreadable):
        return None


def by_key(spool: Spool, key: Key) -> Case | None:
    """Give the case of a key, without reading any other."""
    found = spool.review.find(key)
    return at(spool, *found) if found and found[0] in OPEN else None


def find(spool: Spool, wanted: str) -> Case:
    """Find a case by its id, its key or the digest in it, or a source name that only one has. Raises NoCase."""
    case = by_key(spool, Key(wanted))
    if case is not None:
        return case
    cases = waiting(spool)
    found = [case for case in cases if wanted in (case.id, case.upload.key, case.upload.key.rpartition("~")[2])]
    found = found or [case for case in cases if case.upload.source == wanted]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(case.id for case in found or cases) or "nothing"
    if found:
        raise NoCase(f"'{wanted}' is ambiguous; name one of: {ids}")
    raise NoCase(f"'{wanted}' is not in review; there is: {ids}")


def dossier(case: Case, suite: Suite, published: str | None) -> Dossier:
    """Gather what is known about a case, from its own files."""
    upload = case.upload
    signed = _changes(case)
    source, planned = _source(case, suite)
    authors = set(dsc.addresses(upload.changed_by or upload.maintainer))
    return Dossier(
        id=case.id,
        key=upload.key,
        source=upload.source,
        version=upload.version,
        suite=upload.suite,
        component=upload.component,
        published=published,
        architectures=planned,
        uploader=upload.uploader,
        signed_by=upload.signed_by,
        signer=upload.signer,
        maintainer=upload.maintainer,
        changed_by=upload.changed_by,
        non_maintainer=not authors & set(source.maintainers),
        received=upload.received,
        room=case.room,
        reviewer=case.reviewer,
        directory=str(case.path / FILES),
        files=tuple(f"{ref.sha256}  {ref.size}  {ref.name}" for ref in upload.files),
        changes=signed.text,
        history=tuple(history.read(case.path)),
    )


def put_aside_by(events: Sequence[Event]) -> str:
    """Name the event that put a held case aside."""
    return next((event.event for event in reversed(events) if event.event in (HELD, UNDONE)), "")


def _changes(case: Case) -> changes.Changes:
    """Read the .changes again; that it is one signed message, and whose, was verified when it was taken."""
    name = next(ref.name for ref in case.upload.files if ref.name.endswith(".changes"))
    return changes.read(dscfile.paragraph((case.path / FILES / name).read_bytes()), name)


def _source(case: Case, suite: Suite) -> tuple[dsc.Dsc, tuple[str, ...]]:
    name = next(ref.name for ref in case.upload.files if ref.name.endswith(".dsc"))
    source = dsc.read((case.path / FILES / name).read_bytes(), name)
    try:
        return source, architectures.plan(source, suite)
    except Refusal:
        return source, ()  # the suite's rules changed since


def _owner(path: Path) -> str:
    try:
        return (path / OWNER).read_text().strip()
    except OSError:
        return ""
