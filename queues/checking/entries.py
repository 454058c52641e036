"""A look at one entry: its papers, its files, and whether it is where its history says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from queues import envelope, history, locks, names
from queues.checking.digests import Digests
from queues.checking.findings import Finding, broken, harmless, repairable
from queues.entry import FILES
from queues.names import EntryName, Key, NotAName, part_key
from queues.recovery import LONGEST, SKEW
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob, BuildResult, FileRef, Notice, Upload

OVER = (Room.DONE, Room.FAILED, Room.REJECTED)  # whose files nobody needs
SEALED = 0o444


def look(queue: Queue[Any], room: Room, name: EntryName, digests: Digests) -> Iterator[Finding]:
    """Look at an entry. Raises FileNotFoundError when it moved on."""
    path = queue.where(room, name)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        yield broken("stranger", path, "it has an entry's name and is no directory; it is left alone: move it away")
    elif found.st_uid != queue.owner:
        yield broken(
            "owner", path, f"it belongs to user {found.st_uid} and is left alone: 'chown -R' it, or move it away"
        )
    elif room is Room.CORRUPT:
        complaint = _complaint(queue, path, name) or "it can be read again"
        yield broken("corrupt", path, f"{complaint}: look at it, then put it back into its room or away")
    elif complaint := _complaint(queue, path, name):
        yield broken("envelope", path, f"{complaint}: restore it from a backup, or bring the upload again")
    else:
        yield from _where_it_is(queue, room, name)
        yield from _files(path, room, history.carried(path, kind(queue, name)), digests)


def kind(queue: Queue[Any], name: EntryName) -> type[msgspec.Struct]:
    """Give the type of an entry's envelope; what has a part's key in the archive queue is a part."""
    return BuildResult if queue.name == "archive" and names.split(name.key).part else queue.kind


def _complaint(queue: Queue[Any], path: Path, name: EntryName) -> str:
    """Say what is wrong with an entry's papers; empty when they are right."""
    try:
        content = history.carried(path, kind(queue, name), queue.owner)
        key = key_of(content)
    except envelope.Unreadable as error:
        return f"its envelope cannot be read ({error})"
    except NotAName as error:
        return str(error)
    if key != (names.upload_of(name.key) if isinstance(content, Notice) else name.key):
        return f"its envelope is that of {key}"
    if isinstance(content, BuildJob) and queue.name != f"build/{content.architecture}":
        return f"it is a job for {content.architecture}"
    return ""


def key_of(content: msgspec.Struct) -> Key:
    """Give the key that an envelope's entry must have, or, for a notice, the upload's. Raises NotAName."""
    match content:
        case Upload():
            parts = names.split(content.key)
            return names.upload_key(content.source, content.version, parts.digest)
        case BuildJob():
            return part_key(content.upload, content.architecture)
        case BuildResult():
            return key_of(content.job)
        case Notice():
            return content.upload  # what follows it in the entry's key names the event
    raise NotAName(f"{type(content).__name__}: not what an entry carries")


def _where_it_is(queue: Queue[Any], room: Room, name: EntryName) -> Iterator[Finding]:
    path = queue.where(room, name)
    if room is Room.ACTIVE and locks.is_free(path):
        yield repairable("abandoned", path, "whoever had it in hand died: it goes back to where it was claimed from")
    elif room is Room.HOLD:
        yield harmless("held", path, f"{_reason(path)}; 'debmill why {names.upload_of(name.key)}' tells more")
    elif room is Room.DEFERRED and (absurd := _absurd(path, queue.clock())):
        yield harmless("deferred", path, f"{absurd}: it is tried again at once, or a day after it was deferred")
    elif room is Room.DONE and (path / FILES).exists() and locks.is_free(path):
        yield repairable("not-emptied", path / FILES, "it is done, and its files were to go")


def _reason(path: Path) -> str:
    events = [event for event in history.read(path) if event.event in ("held", "withheld")]
    said = events[-1].facts if events else {}
    reason = said.get("reason", "nobody said why")
    return f"held: {reason}" + (f" ({said['by']})" if "by" in said else "")


def _absurd(path: Path, now: datetime) -> str:
    event = next((one for one in reversed(history.read(path)) if one.event == "deferred"), None)
    try:
        until = datetime.fromisoformat(event.facts["until"]) if event else None
    except (KeyError, ValueError):
        until = None
    if event is None or until is None or until.tzinfo is None:
        return "deferred until no time that can be read"
    if event.at > now + SKEW:
        return f"deferred at {event.at:%F %T}, which is still to come"
    return f"deferred until {until:%F %T}, which is far away" if until > event.at + LONGEST else ""


def _files(path: Path, room: Room, content: msgspec.Struct, digests: Digests) -> Iterator[Finding]:
    refs: Sequence[FileRef] = getattr(content, "files", ())
    if room in OVER:
        return
    present = os.listdir(path / FILES) if (path / FILES).is_dir() else []
    for ref in refs:
        if objection := digests.objection(path / FILES / ref.name, ref):
            os.lstat(path)  # or the whole entry moved on
            yield broken("file", path / FILES / ref.name, f"{objection}: restore it from a backup, or upload again")
    for name in present:
        mode = os.lstat(path / FILES / name).st_mode
        if name not in {ref.name for ref in refs}:
            yield harmless("stranger", path / FILES / name, "its envelope does not name it, and nothing reads it")
        elif stat.S_ISREG(mode) and stat.S_IMODE(mode) != SEALED:
            yield repairable("unsealed", path / FILES / name, f"its mode is {stat.S_IMODE(mode):o}, not 444")
