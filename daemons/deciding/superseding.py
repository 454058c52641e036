"""Superseding: a newer upload of a source for a suite takes the place of the older ones (rule 8).

An upload is superseded in review, in the master queue, or when the archive has put it aside; one that is about to be
published is published first. Its waiting jobs are removed; a running build is cancelled or may finish, and its result
is dropped by the builder, which finds the upload gone. Every step may be repeated after a death.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from daemons.deciding import results
from daemons.sites import Site
from daemons.steering import cancelling
from daemons.steering.cancelling import Cancel
from queues import envelope, names
from queues.control import compare
from queues.entry import Entry
from queues.layout import Spool
from queues.names import EntryName, Key
from queues.outcomes import Done
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob, Upload

log = logging.getLogger(__name__)
UNDER_WAY = (Room.READY, Room.ACTIVE, Room.WAITING, Room.DEFERRED, Room.HOLD)


class Rival(NamedTuple):
    """An upload that waits somewhere, as its name tells."""

    queue: Queue[Upload]
    room: Room
    name: EntryName

    @property
    def version(self) -> str:
        """The version."""
        return names.split(self.name.key).version

    def read(self) -> Upload | None:
        """Read the upload; None when it has just moved on, or cannot be read."""
        with suppress(FileNotFoundError, envelope.Unreadable):
            return self.queue.peek(self.room, self.name)
        return None


def newest(site: Site, upload: Upload) -> str | None:
    """Name a version of the source that is newer than this upload and accepted or published for its suite."""
    rivals = _rivals(site.spool).get(upload.source, {}).values()
    newer = [one.version for one in rivals if one.queue is not site.spool.review and _is_other(one, upload, newer=True)]
    return next(iter(newer), None) or published(site, upload)  # asked last: it may be published while we look


def published(site: Site, upload: Upload) -> str | None:
    """Name the version of the source that its suite has, when it is newer than this upload."""
    version = site.repository.catalogue(upload.suite).version_of(upload.source)
    return version if version and compare(version, upload.version) > 0 else None


def leaving(spool: Spool, upload: Upload) -> set[str]:
    """Name the architectures of this source that are built and wait to be published, or are being published."""
    rivals = _rivals(spool).get(upload.source, {}).values()
    older = {one.name.key for one in rivals if one.queue is spool.archive and _is_other(one, upload, newer=False)}
    parts = [name.key for name in spool.parts.names(Room.PARTS)]
    return {names.split(key).part for key in parts if names.upload_of(key) in older}


def supersede(site: Site, upload: Upload) -> None:
    """Send every older upload of this source and suite away that waits for something."""
    _supersede(site, upload, _rivals(site.spool).get(upload.source, {}))


def sweep(site: Site) -> None:
    """Supersede also what was in somebody's hands in the moment when a newer upload was dispatched."""
    for rivals in _rivals(site.spool).values():
        for one in rivals.values() if len(rivals) > 1 else ():
            upload = one.read() if one.queue is not site.spool.review else None
            if upload is not None:
                _supersede(site, upload, rivals)
    _retire_forgotten(site.spool)


def leave(site: Site, entry: Entry[Upload], by: Upload | str) -> None:
    """Send an upload in hand where the superseded go, with its jobs and parts, and tell its uploader by what."""
    old, version = entry.envelope, by if isinstance(by, str) else by.version
    why = f"superseded by {version}"
    log.info("%s is %s", entry.name, why)
    retire_jobs(site.spool, old.key, why)
    results.drop_parts(site.spool, old.key, site.spool.architectures(), why)
    site.tell("superseded", old, site.spool.clock(), by=version)
    queue, room = (entry.queue, Room.REJECTED) if entry.queue is site.spool.review else (site.spool.master, Room.FAILED)
    entry.move(queue, room, event="superseded", by=by if isinstance(by, str) else by.key)


def retire_jobs(spool: Spool, upload: Key, why: str) -> None:
    """Settle the jobs of an upload that no builder has in hand."""
    for queue in spool.builds():
        for room in (Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD):
            for name in queue.names(room):
                if names.upload_of(name.key) == upload:
                    with queue.claim(name.key, room) as job:
                        if job is not None:
                            job.settle(Done(why))


def cancel_jobs(spool: Spool, upload: Key, cancel: Cancel) -> None:
    """Ask the builders that have jobs of an upload in hand to end them."""
    for queue in spool.builds():
        for name in queue.names(Room.ACTIVE):
            if names.upload_of(name.key) == upload:
                with suppress(FileNotFoundError):  # it has just ended
                    _cancel(queue, name, cancel)


def _retire_forgotten(spool: Spool) -> None:
    """Settle the jobs that were put aside in the moment when their upload left the master queue."""
    for queue in spool.builds():
        for room in (Room.WAITING, Room.HOLD):
            for name in queue.names(room):
                found = spool.master.find(names.upload_of(name.key))
                if found is None or found[0] is Room.FAILED:
                    with queue.claim(name.key, room) as job:
                        if job is not None:
                            job.settle(Done("its upload is gone from the master queue"))


def _supersede(site: Site, upload: Upload, rivals: Mapping[Key, Rival]) -> None:
    for one in rivals.values():
        if _waits(site.spool, one) and _is_other(one, upload, newer=False):
            with one.queue.claim(one.name.key, one.room) as entry:
                if entry is not None:
                    leave(site, entry, upload)
    if site.settings.build.superseded == "cancel":
        _cancel_running(site.spool, upload)


def _cancel_running(spool: Spool, by: Upload) -> None:
    """Ask the builders to end what they build for superseded uploads of this source."""
    for queue in spool.builds():
        for name in queue.names(Room.ACTIVE):
            if names.split(name.key).source == by.source and _is_superseded(spool, names.upload_of(name.key)):
                with suppress(FileNotFoundError):  # it has just ended
                    _cancel(queue, name, Cancel(f"{by.source} {by.version}", "superseded"))


def _cancel(queue: Queue[BuildJob], name: EntryName, cancel: Cancel) -> None:
    path = queue.where(Room.ACTIVE, name)
    if cancelling.asked(path) is None:
        cancelling.lay(path, cancel)


def _is_superseded(spool: Spool, upload: Key) -> bool:
    found = spool.master.find(upload)
    return found is not None and found[0] is Room.FAILED


def _waits(spool: Spool, one: Rival) -> bool:
    """Say whether an upload may be superseded where it is: not while it is about to be published."""
    return one.room is Room.HOLD or (one.queue is not spool.archive and one.room is not Room.ACTIVE)


def _is_other(one: Rival, upload: Upload, *, newer: bool) -> bool:
    """Say whether a rival is newer, or older, than an upload and meant for the same suite."""
    order = compare(one.version, upload.version)
    if order == 0 or (order > 0) is not newer:
        return False
    other = one.read()
    return other is not None and other.suite == upload.suite


def _rivals(spool: Spool) -> dict[str, dict[Key, Rival]]:
    """Give all uploads that are under way, by source; looked for twice, so that one on the move is seen."""
    found: dict[str, dict[Key, Rival]] = defaultdict(dict)
    for one in (*_under_way(spool), *_under_way(spool)):
        parts = names.split(one.name.key)
        if not parts.part:
            found[parts.source][one.name.key] = one
    return found


def _under_way(spool: Spool) -> Iterator[Rival]:
    for queue in spool.uploads():
        for room in UNDER_WAY:
            if room in queue.rooms:
                yield from (Rival(queue, room, name) for name in queue.names(room))
