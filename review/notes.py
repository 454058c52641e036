"""Reviewers' notes on a case: the file `notes` of its entry, one JSON object a line, in the order they were written.

Anybody who may decide may add one, also while a colleague has the case in hand: a line is written at the end in one
call, and follows the entry wherever it goes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from queues import atomic, papers

FILE = "notes"


class Note(msgspec.Struct, frozen=True):
    """Who noted what, when."""

    at: datetime
    by: str
    text: str


def add(entry: Path, note: Note) -> None:
    """Add a note, synced. Raises FileNotFoundError when the entry moved on, NotAPaper."""
    with suppress(FileExistsError):
        atomic.disk.create(entry / FILE, b"", 0o644)
    descriptor = papers.opened(entry / FILE, os.O_WRONLY | os.O_APPEND)
    try:
        atomic.disk.append(descriptor, msgspec.json.encode(note) + b"\n")
    finally:
        os.close(descriptor)


def read(entry: Path) -> tuple[Note, ...]:
    """Read the notes; a line that is none is passed over."""
    found = []
    with suppress(FileNotFoundError, papers.NotAPaper):
        for line in papers.read(entry / FILE).splitlines():
            with suppress(msgspec.MsgspecError):
                found.append(msgspec.json.decode(line, type=Note))
    return tuple(found)
