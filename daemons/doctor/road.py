"""Looks at what the queues owe each other: every upload that waits has a job or a result, every part has an upload."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from daemons.deciding import results
from daemons.deciding.asking import PLAN
from queues import envelope
from queues.checking.findings import Finding, Look, broken, harmless, repairable
from queues.layout import Spool
from queues.names import EntryName, Key, part_key, upload_of
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob, BuildResult, Plan

E = TypeVar("E", bound=msgspec.Struct)
UNBUILT = (Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD)
PUBLISHING = (Room.READY, Room.ACTIVE, Room.DEFERRED)


def looks(spool: Spool) -> Iterator[Look]:
    """Give every look at the road."""
    for name in spool.master.names(Room.WAITING):
        yield partial(_waiting, spool, name)
    for room in PUBLISHING:
        for name in spool.archive.names(room):
            yield partial(_planned, spool.archive.where(room, name))
    for name in spool.parts.names(Room.PARTS):
        yield partial(_part, spool, name)
    for queue in spool.builds():
        for room in UNBUILT:
            for name in queue.names(room):
                yield partial(_job, spool, queue, room, name)


def _waiting(spool: Spool, name: EntryName) -> Iterator[Finding]:
    path = spool.master.where(Room.WAITING, name)
    if not (path / PLAN).exists():
        path.stat()  # or it moved on
        yield repairable("undispatched", path, "it has no plan and waits for ever: it goes back to be dispatched")
        return
    found = [*_planned(path)] or list(_missing(spool, name, path))
    path.stat()
    yield from found


def _planned(path: Path) -> Iterator[Finding]:
    try:
        envelope.read(path, Plan, PLAN)
    except envelope.Unreadable as error:
        yield broken(
            "plan", path / PLAN, f"it cannot be read ({error}): restore it from a backup, or upload a higher version"
        )


def _missing(spool: Spool, name: EntryName, path: Path) -> Iterator[Finding]:
    for architecture in envelope.read(path, Plan, PLAN).architectures:
        key = part_key(name.key, architecture)
        job = _find(spool.build(architecture), name._replace(key=key))
        if job is None and not _is_built(spool, key):  # in this order: a builder puts the part first
            means = f"it waits for {architecture}, which no job builds: it is dispatched again"
            yield repairable("undispatched", path, means)
        elif job is not None and (complaint := _complaint(spool, architecture, *job)):
            yield broken("unbuilt", path, f"it waits for {architecture}, whose job {complaint}")


def _is_built(spool: Spool, key: Key) -> bool:
    return any(part.key == key for part in spool.parts.names(Room.PARTS))


def _find(queue: Queue[E], name: EntryName) -> tuple[Room, EntryName] | None:
    """Find an entry by its name, or, when it has another stamp, by its key, for which all rooms are listed."""
    rooms = (room for room in queue.rooms if room is not Room.TMP and queue.where(room, name).exists())
    found = next(rooms, None)
    return (found, name) if found else queue.find(name.key)


def _complaint(spool: Spool, architecture: str, room: Room, name: EntryName) -> str:
    """Say why a job will never have a result; empty when it has one, or may still have."""
    if room not in (Room.DONE, Room.CORRUPT, Room.FAILED) or _is_built(spool, name.key):
        return ""
    if room is not Room.FAILED:
        return "is done and left no part: upload a higher version" if room is Room.DONE else "is corrupt"
    try:
        envelope.read(spool.build(architecture).where(room, name), BuildResult, results.RESULT)
    except envelope.Unreadable as error:
        return f"failed without a result ({error}): 'debmill queue give-back {name.key}' builds it again"
    return ""


def _part(spool: Spool, name: EntryName) -> Iterator[Finding]:
    path = spool.parts.where(Room.PARTS, name)
    if not _is_wanted(spool, name) and not results.is_wanted(spool, upload_of(name.key)):
        path.stat()
        yield harmless("orphan", path, "its upload is gone: the master daemon drops it")


def _job(spool: Spool, queue: Queue[BuildJob], room: Room, name: EntryName) -> Iterator[Finding]:
    path = queue.where(room, name)
    if not _is_wanted(spool, name):
        path.stat()
        yield harmless("orphan", path, "its upload is gone: the builder that takes it drops it")


def _is_wanted(spool: Spool, job: EntryName) -> bool:
    """Say whether the upload of a job still waits for it."""
    found = _find(spool.master, job._replace(key=upload_of(job.key)))
    return found is not None and found[0] is not Room.FAILED
