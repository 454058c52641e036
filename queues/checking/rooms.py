"""Looks at the queues as a whole: the rooms there are, what lies in them that is no entry, and keys that are twice."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from queues import locks
from queues.checking import entries
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Look, broken, harmless, repairable
from queues.layout import ROOMS, Spool
from queues.names import is_entry, split
from queues.rooms import Room
from queues.spool import Queue

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")  # where the history of a month is put aside


def looks(spool: Spool, architectures: Sequence[str], digests: Digests) -> Iterator[Look]:
    """Give every look at a spool that builds for these architectures."""
    queues = everything(spool, architectures)
    yield partial(_unknown, spool.path, [*ROOMS, spool.commands.name])
    yield partial(_unknown, spool.path / "build", [queue.path.name for queue in queues])
    yield partial(_doubled, spool, queues)
    for queue in queues:
        yield partial(_unknown, queue.path, queue.rooms)
        yield partial(_leftovers, queue)
        for room in queue.rooms:
            yield partial(_room, spool, queue, room)
            for name in queue.names(room) if room is not Room.TMP else ():
                yield partial(entries.look, queue, room, name, digests)


def everything(spool: Spool, architectures: Sequence[str]) -> list[Queue[Any]]:
    """Give the queues there are and those there should be, one for each directory."""
    left = [name for name in spool.architectures() if spool.build(name).room(Room.READY).is_dir()]
    return [*spool.uploads(), *map(spool.build, sorted({*architectures, "all", *left})), spool.notices]


def _room(spool: Spool, queue: Queue[Any], room: Room) -> Iterator[Finding]:
    path = queue.room(room)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        yield broken("stranger", path, "a room must be a directory, and this is none: put what it is elsewhere")
    elif not path.exists():
        yield repairable("missing", path, "the room is not there, and nothing can come into it: make it again")
    elif path.stat().st_dev != spool.path.stat().st_dev:
        yield broken("elsewhere", path, "it lies on another file system, where no rename reaches: mount it not here")
    else:
        yield from _strangers(path, room)


def _strangers(path: Path, room: Room) -> Iterator[Finding]:
    for name in os.listdir(path):
        if not (is_entry(name) or (room is Room.TMP and _is_leftover(name)) or _MONTH.fullmatch(name)):
            yield harmless("stranger", path / name, "it is no entry, and nothing ever touches it: it may be moved away")


def _unknown(path: Path, known: Sequence[str]) -> Iterator[Finding]:
    for name in os.listdir(path):
        if name not in known:
            yield harmless("stranger", path / name, "debmill put nothing here: it may be moved away")


def _leftovers(queue: Queue[Any]) -> Iterator[Finding]:
    tmp = queue.room(Room.TMP)
    found = [name for name in os.listdir(tmp) if _is_leftover(name)]
    if found and locks.is_free(tmp):  # else somebody writes there at this moment
        for name in found:
            yield repairable("leftover", tmp / name, "its writer died before it was put: nobody needs it")


def _doubled(spool: Spool, queues: Sequence[Queue[Any]]) -> Iterator[Finding]:
    road = {queue.name for queue in spool.uploads()}
    places = defaultdict[tuple[str, str], list[Path]](list)
    for queue in queues:
        for room in queue.rooms:
            for name in queue.names(room) if room is not Room.TMP else ():
                whole = queue.name in road and not split(name.key).part
                places["the road" if whole else queue.name, name.key].append(queue.where(room, name))
    for (_, key), paths in places.items():
        if len(paths) > 1 and all(path.exists() for path in paths):
            others = ", ".join(f"{path.parent.parent.name}/{path.parent.name}" for path in paths[1:])
            yield broken("twice", paths[0], f"{key} is in {others}, too: compare their histories, move one away")


def _is_leftover(name: str) -> bool:
    return is_entry(name.rpartition(".")[0])
