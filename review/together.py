"""Uploads that were accepted together: the paper `set`, which lies in the entry of each before any of them moves on.

The first rename from `review` to `master` is the acceptance of all: a member that a death left in review behind that is
finished by the master daemon. A paper of which no member has gone on is an attempt that died, and means nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from queues import envelope, names
from queues.envelope import Unreadable
from queues.layout import Spool
from queues.names import EntryName, Key
from queues.rooms import Room
from queues.spool import Queue
from queues.values import Set, Upload

SET = "set"
Found = tuple[Queue[Upload], Room, EntryName]


def of(entry: Path) -> Set | None:
    """Read which set an entry belongs to, if any. Raises Unreadable; FileNotFoundError when the entry moved on."""
    try:
        return envelope.read(entry, Set, SET)
    except Unreadable:
        if os.path.lexists(entry / SET):
            raise
        return None


def find(spool: Spool, key: Key) -> Found | None:
    """Say where on the road an upload is; one that moves meanwhile is met in its new place."""
    for queue in spool.uploads() * 2:
        found = queue.find(key)
        if found is not None:
            return queue, *found
    return None


def places(spool: Spool) -> dict[Key, Found]:
    """Say where all uploads are that are not put away, by one look at the names in each room."""
    found = ((queue, room, name) for queue in spool.uploads() for room in queue.rooms for name in queue.names(room))
    return {place[2].key: place for place in found if place[1] is not Room.TMP}


def member(spool: Spool, key: Key, bond: Set, known: Mapping[Key, Found] = MappingProxyType({})) -> Found | None:
    """Say where a member of a set is; None when it is nowhere, or no member any more. It is looked for where it was."""
    with suppress(FileNotFoundError, KeyError):
        queue, room, name = known[key]
        return known[key] if of(queue.where(room, name)) == bond else None
    while found := find(spool, key):
        queue, room, name = found
        with suppress(FileNotFoundError):  # it has just moved on, and is found there the next time
            return found if of(queue.where(room, name)) == bond else None
    return None


def is_begun(spool: Spool, bond: Set) -> bool:
    """Say whether a member of a set has left review with it, so that the others are accepted, too."""
    found = [member(spool, key, bond) for key in bond.members]
    return any(place[0] is not spool.review for place in found if place)


def in_words(key: Key) -> str:
    """Name an upload by its key, for people."""
    parts = names.split(key)
    return f"{parts.source}_{parts.version}"


def objections(uploads: Sequence[Upload]) -> list[str]:
    """Say why these uploads can be no set; empty when they can. Pure."""
    if len(uploads) < 2:
        return ["a set has two uploads or more; one is accepted by 'debmill review accept'"]
    first, *rest = uploads
    ids = {one.key: in_words(one.key) for one in uploads}
    others = [
        f"{ids[one.key]} is for {one.suite}, {ids[first.key]} for {first.suite}: a set is published in one suite"
        for one in rest
        if one.suite != first.suite
    ]
    twins = [
        f"{ids[one.key]} and {ids[other.key]} are of one source, and the higher version supersedes the other"
        for number, one in enumerate(uploads)
        for other in uploads[:number]
        if one.source == other.source
    ]
    return [*others, *twins]
