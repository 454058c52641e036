"""What is known when an upload comes: looked up in the archive and the queues, for decisions that look up nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from archive.openpgp import MAX_AGE
from archive.repository import Repository
from queues import envelope, history, names
from queues.layout import Spool
from queues.names import EntryName
from queues.rooms import Room
from queues.spool import Queue
from queues.values import FileRef, Suite, Upload
from review.inspection.changes import Changes
from review.inspection.sources import Held
from review.inspection.versions import Known, Pending
from review.people import People

TAKEN = "taken"
SIGNED = "signed"
FINISHED = (Room.REJECTED, Room.FAILED, Room.DONE)


class Published(Protocol):
    """What the archive knows."""

    def version_of(self, suite: str, source: str) -> str | None:
        """Give the version of a source in a suite."""

    def is_published(self, source: str, version: str) -> bool:
        """Say whether a version was ever published, in whatever suite."""

    def sha256_of(self, name: str) -> str | None:
        """Give the content that a file name stands for for ever, if it was ever published."""

    def find(self, ref: FileRef) -> Path | None:
        """Find a file in the pool."""


class InArchive:
    """The archive's own answers."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def version_of(self, suite: str, source: str) -> str | None:
        """Give the version of a source in a suite."""
        return self._repository.catalogue(suite).version_of(source)

    def is_published(self, source: str, version: str) -> bool:
        """Say whether a version was ever published, in whatever suite."""
        return self._repository.is_published(source, version)

    def sha256_of(self, name: str) -> str | None:
        """Give the content that a file name stands for for ever, if it was ever published."""
        return self._repository.published.sha256_of(name)

    def find(self, ref: FileRef) -> Path | None:
        """Find a file in the pool."""
        return self._repository.pool.find(ref.name, ref.size, ref.sha256)


class Facts(Struct, frozen=True):
    """Where intake looks things up, and the settings it goes by."""

    spool: Spool
    people: People
    suites: Mapping[str, Suite]
    published: Published
    max_age: timedelta = MAX_AGE
    signer_is_account: bool = False


class Found(Struct, frozen=True):
    """An upload of one source, somewhere in the queues."""

    queue: Queue[Upload]
    room: Room
    name: EntryName
    upload: Upload | None

    @property
    def where(self) -> str:
        """Name the place."""
        return f"{self.queue.name}/{self.room}"

    @property
    def path(self) -> Path:
        """Give the entry's directory."""
        return self.queue.where(self.room, self.name)


def uploads_of(spool: Spool, source: str) -> list[Found]:
    """Find every upload of a source, in whatever queue and room; looked for twice, so that one on the move is seen."""
    found = {}
    for queue in (*spool.uploads(), *spool.uploads()):
        for room in queue.rooms:
            for name in queue.names(room) if room not in (Room.TMP, Room.PARTS) else ():
                parts = names.split(name.key)
                if parts.source == source and not parts.part:
                    found[name.key] = Found(queue, room, name, _envelope(queue, room, name))
    return list(found.values())


def known(facts: Facts, changes: Changes, suite: Suite, identity: str) -> Known:
    """Gather what rules about versions ask for; `identity` names the signed text (`Verified.identity`)."""
    found = uploads_of(facts.spool, changes.source)
    in_suite = {name: facts.published.version_of(name, changes.source) for name in facts.suites}
    return Known(
        taken=next((one.where for one in found if identity in _signed(one.path)), ""),
        in_suite=in_suite[suite.name],
        published=facts.published.is_published(changes.source, changes.version),
        others=tuple(version for version in in_suite.values() if version),
        pending=tuple(_pending(one) for one in found if one.room not in FINISHED),
    )


def held(facts: Facts, source: str, refs: Iterable[FileRef]) -> Iterator[Held]:
    """Gather the files of a source that are here: remembered by the archive, or with an upload in the queues."""
    for name in {ref.name for ref in refs}:
        sha256 = facts.published.sha256_of(name)
        if sha256 is not None:
            yield Held(name, sha256, "the archive")
    for found in uploads_of(facts.spool, source):
        if found.upload is not None and found.room not in FINISHED:
            for ref in found.upload.files:
                yield Held(ref.name, ref.sha256, found.where, ref.size, found.path / "files" / ref.name)


def _pending(found: Found) -> Pending:
    version = names.split(found.name.key).version
    return Pending(version, found.upload.suite if found.upload else "", found.where)


def _envelope(queue: Queue[Upload], room: Room, name: EntryName) -> Upload | None:
    try:
        return queue.peek(room, name)
    except (FileNotFoundError, envelope.Unreadable):
        return None


def _signed(path: Path) -> set[str]:
    return {event.facts.get(SIGNED, "") for event in history.read(path) if event.event == TAKEN}
