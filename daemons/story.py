"""The story of an upload: every entry of it in every queue, told from the histories alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from queues import history, names
from queues.layout import Spool
from queues.names import EntryName, Key
from queues.problem import Problem
from queues.rooms import Room
from queues.spool import Queue

MEANING = {
    ("review", Room.READY): "waits for a reviewer: 'debmill review show {id}', then accept or reject",
    ("review", Room.ACTIVE): "a reviewer has it open",
    ("review", Room.HOLD): "a reviewer put it aside",
    ("review", Room.REJECTED): "was rejected, or superseded before a decision",
    ("master", Room.READY): "was accepted and waits for the master daemon",
    ("master", Room.WAITING): "waits for the results of its build jobs",
    ("master", Room.HOLD): "is withheld by its gate: upload a higher version, or 'debmill gate release {id}'",
    ("master", Room.FAILED): "will not be published: abandoned, or superseded",
    ("build", Room.READY): "waits for a build daemon",
    ("build", Room.ACTIVE): "is being built",
    ("build", Room.WAITING): "waits for build dependencies that cannot be had now",
    ("build", Room.DEFERRED): "is tried again in a while: the machine failed, not the package",
    ("build", Room.DONE): "was built, or was no longer wanted",
    (
        "build",
        Room.FAILED,
    ): "failed for good: 'debmill log {id}' shows why, 'debmill queue give-back {id}' builds it again",
    ("build", Room.HOLD): "is held for a person to look at; 'debmill queue release {id}' puts it back",
    ("archive", Room.PARTS): "is built and waits for its source",
    ("archive", Room.READY): "waits to be published",
    ("archive", Room.HOLD): "is held for a person to look at; 'debmill queue release {id}' puts it back",
    ("archive", Room.DONE): "is published",
}


class Chapter(msgspec.Struct, frozen=True):
    """One entry: what it is, where it is now, what that means, and its events in order."""

    key: Key
    title: str
    queue: str
    room: str
    meaning: str
    events: list[dict[str, str]]


def tell(spool: Spool, wanted: str) -> list[Chapter]:
    """Find what is meant by a source name, `source_version` or a key: each upload, then its jobs and parts.

    Raises Problem when there is nothing of that name.
    """
    chapters = sorted(_chapters(spool, wanted), key=_begun)
    if not chapters:
        raise Problem(f"nothing called '{wanted}' is or was in {spool.path}; try a source name, or source_version")
    uploads = list(dict.fromkeys(names.upload_of(one.key) for one in chapters))
    return [one for upload in uploads for one in chapters if names.upload_of(one.key) == upload]


def _begun(chapter: Chapter) -> str:
    return chapter.events[0]["at"] if chapter.events else ""


def _chapters(spool: Spool, wanted: str) -> Iterator[Chapter]:
    queues: list[Queue[Any]] = [spool.review, spool.master, *spool.builds(), spool.archive]
    for queue in queues:
        for room in queue.rooms:
            if room is not Room.TMP:
                for name in queue.names(room):
                    if meant(name, wanted):
                        yield _chapter(queue, room, name)


def meant(name: EntryName, wanted: str) -> bool:
    """Say whether a person means this entry: by its name, a key, a source, or `source_version`."""
    parts = names.split(name.key)
    return wanted in (str(name), name.key, names.upload_of(name.key), parts.source, f"{parts.source}_{parts.version}")


def _chapter(queue: Queue[Any], room: Room, name: EntryName) -> Chapter:
    meaning = MEANING.get((queue.name.partition("/")[0], room), f"is in {queue.name}/{room}")
    events = [
        {"at": event.at.isoformat(), "event": event.event, **event.facts}
        for event in history.read(queue.where(room, name))
    ]
    title = _title(names.split(name.key), queue.name)
    return Chapter(name.key, title, queue.name, room, meaning.format(id=names.upload_of(name.key)), events)


def _title(parts: names.Parts, queue: str) -> str:
    kind = {"archive": f"what was built for {parts.part}"}.get(queue, f"the build for {parts.part}")
    return f"{parts.source} {parts.version}: {kind if parts.part else 'the upload'}"
