"""The rooms of a queue: where an entry is, is what is true of it."""

from __future__ import annotations

from enum import StrEnum


class Room(StrEnum):
    """A directory inside a queue; the word is the directory's name."""

    TMP = "tmp"  # being written; nobody's yet
    READY = "ready"  # first in, first out
    ACTIVE = "active"  # claimed, as long as the lock is held
    WAITING = "waiting"  # for results (master) or for dependencies (build)
    DEFERRED = "deferred"  # until a time
    HOLD = "hold"  # for a person
    CORRUPT = "corrupt"  # unreadable, untouched
    REJECTED = "rejected"  # by a reviewer, or superseded in review
    PARTS = "parts"  # binaries that wait for their source
    DONE = "done"  # history
    FAILED = "failed"  # history, and the verdict the gate reads
