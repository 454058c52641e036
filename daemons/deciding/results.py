"""The results of an upload's jobs, found by name: a part that waits in the archive queue, or a job in `failed`.

Nothing else is a result: a job that is not there may be on its way, or pruned.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from queues import envelope, names
from queues.entry import FILES
from queues.layout import Spool
from queues.names import EntryName, Key, part_key
from queues.outcomes import Done
from queues.rooms import Room
from queues.values import BuildResult

RESULT = "result"
log = logging.getLogger(__name__)


def of(spool: Spool, upload: Key, architectures: Sequence[str]) -> dict[str, BuildResult]:
    """Read the results there are, by architecture."""
    found = {}
    for architecture in architectures:
        result = _built(spool, upload, architecture) or failed(spool, upload, architecture)
        if result is not None:
            found[architecture] = result
    return found


def parts(spool: Spool, upload: Key, architectures: Sequence[str]) -> list[tuple[BuildResult, Path]]:
    """Give the parts that were built, each with the directory of its files."""
    found = []
    for architecture in architectures:
        name = _named(spool, upload, architecture)
        if name is not None:
            path = spool.parts.where(Room.PARTS, name)
            found.append((spool.parts.peek(Room.PARTS, name), path / FILES))
    return found


def drop_parts(spool: Spool, upload: Key, architectures: Sequence[str], why: str) -> None:
    """Settle the parts of an upload: they were published, or will never be."""
    for architecture in architectures:
        with spool.parts.claim(part_key(upload, architecture), Room.PARTS) as part:
            if part is not None:
                part.settle(Done(why))


def drop_orphans(spool: Spool) -> None:
    """Settle the parts of uploads that went away while a builder was putting the part."""
    orphans = [name for name in spool.parts.names(Room.PARTS) if not is_wanted(spool, names.upload_of(name.key))]
    for name in orphans:
        with spool.parts.claim(name.key, Room.PARTS) as part:
            if part is not None:
                log.warning("the part %s is dropped: its upload is gone", name)
                part.settle(Done("its upload is gone"))


def is_wanted(spool: Spool, upload: Key) -> bool:
    """Say whether an upload still waits for parts, or for being included with them."""
    found = spool.master.find(upload) or spool.archive.find(upload)
    return found is not None and found[0] not in (Room.FAILED, Room.DONE)


def _named(spool: Spool, upload: Key, architecture: str) -> EntryName | None:
    key = part_key(upload, architecture)
    return next((name for name in spool.parts.names(Room.PARTS) if name.key == key), None)


def _built(spool: Spool, upload: Key, architecture: str) -> BuildResult | None:
    name = _named(spool, upload, architecture)
    return spool.parts.peek(Room.PARTS, name) if name else None


def failed(spool: Spool, upload: Key, architecture: str) -> BuildResult | None:
    """Read what a failed job left."""
    key, queue = part_key(upload, architecture), spool.build(architecture)
    name = next((name for name in queue.names(Room.FAILED) if name.key == key), None)
    with suppress(FileNotFoundError):  # given back in this moment: no result any more
        return envelope.read(queue.where(Room.FAILED, name), BuildResult, RESULT) if name else None
    return None
