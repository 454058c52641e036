"""Superseding: a newer upload of a source for a suite takes the place of the older ones (rule 8).

Only uploads that are not yet on their way into the archive are superseded. Their waiting jobs are removed; a running
build is cancelled or may finish, and its result is dropped by the builder, which finds the upload gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress

from daemons import cancelling, results
from daemons.cancelling import Cancel
from queues import names
from queues.control import compare
from queues.layout import Spool
from queues.names import EntryName, Key
from queues.outcomes import Done
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob, Upload

log = logging.getLogger(__name__)
IN_REVIEW = (Room.READY, Room.HOLD)
IN_MASTER = (Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD)


def newest(spool: Spool, upload: Upload, published: str | None) -> str | None:
    """Name a version of the source that is newer than this upload and accepted or published for its suite."""
    rivals = [other.version for other in _accepted(spool, upload)] + ([published] if published else [])
    return next((version for version in rivals if compare(version, upload.version) > 0), None)


def supersede(spool: Spool, upload: Upload, *, finish: bool = False) -> list[Upload]:
    """Send every older upload of this source and suite out of review and of the master queue; gives those sent.

    `finish`: builds that run are not cancelled.
    """
    older = [
        (queue, room, other, out)
        for queue, rooms, out in ((spool.review, IN_REVIEW, Room.REJECTED), (spool.master, IN_MASTER, Room.FAILED))
        for room in rooms
        for other in _rivals(queue, room, upload)
        if compare(other.version, upload.version) < 0
    ]
    sent = [other for queue, room, other, out in older if _retire(spool, queue, room, other, out, upload)]
    for other in sent if not finish else ():
        cancel_jobs(spool, other.key, Cancel(f"{upload.source} {upload.version}", "superseded"))
    return sent


def retire_jobs(spool: Spool, upload: Key, why: str) -> None:
    """Settle the jobs of an upload that no builder has in hand."""
    for queue in spool.builds():
        for room in (Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD):
            for name in _jobs(queue, room, upload):
                with queue.claim(name.key, room) as job:
                    if job is not None:
                        job.settle(Done(why))


def cancel_jobs(spool: Spool, upload: Key, cancel: Cancel) -> None:
    """Ask the builders that have jobs of an upload in hand to end them."""
    for queue in spool.builds():
        for name in _jobs(queue, Room.ACTIVE, upload):
            with suppress(FileNotFoundError):  # it has just ended
                cancelling.lay(queue.where(Room.ACTIVE, name), cancel)


def _jobs(queue: Queue[BuildJob], room: Room, upload: Key) -> list[EntryName]:
    return [name for name in queue.names(room) if names.upload_of(name.key) == upload]


def _retire(spool: Spool, queue: Queue[Upload], room: Room, old: Upload, out: Room, by: Upload) -> bool:
    why = f"superseded by {by.version}"
    with queue.claim(old.key, room) as entry:
        if entry is None:
            return False
        log.info("%s is superseded by %s", entry.name, by.key)
        retire_jobs(spool, old.key, why)
        results.drop_parts(spool, old.key, spool.architectures(), why)
        entry.move(queue, out, event="superseded", by=by.key)
        return True


def _accepted(spool: Spool, upload: Upload) -> Iterator[Upload]:
    for queue, rooms in ((spool.master, (*IN_MASTER, Room.ACTIVE)), (spool.archive, (Room.READY, Room.ACTIVE))):
        for room in rooms:
            yield from _rivals(queue, room, upload)


def _rivals(queue: Queue[Upload], room: Room, upload: Upload) -> Iterator[Upload]:
    for name in queue.names(room):
        parts = names.split(name.key)
        if parts.source == upload.source and not parts.part and name.key != upload.key:
            other = queue.peek(room, name)
            if other.suite == upload.suite:
                yield other
