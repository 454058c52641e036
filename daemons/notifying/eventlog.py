"""The log of events, `logs/events.jsonl`: one JSON line (`events.Told`) for each, in the order in which they were told.

Each line is written once: a notice that was in hand before, when its daemon died, is looked for in the log's end. The
file is opened for each line, so it may be renamed (logrotate(8)) or removed at any time. What a failed build printed
last is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from daemons.notifying.events import Told, told
from queues import atomic, history
from queues.entry import Entry
from queues.values import Notice

FILE = "events.jsonl"
LEFT_OUT = "excerpt"
TAIL = 1 << 20  # bytes of the log in which a line is looked for: what one daemon wrote before it died


class EventLog:
    """The log of a site's events."""

    def __init__(self, logs: Path) -> None:
        self.path = logs / FILE

    def write(self, entry: Entry[Notice]) -> None:
        """Write the line of a notice, unless it is there."""
        event = told(entry.envelope, entry.name.key)
        if not self._is_there(entry):
            facts = {name: value for name, value in event.facts.items() if name != LEFT_OUT}
            self._append(msgspec.json.encode(replace(event, facts=facts)) + b"\n")

    def _is_there(self, entry: Entry[Notice]) -> bool:
        happened = [one.event for one in entry.history]
        if "deferred" in happened:  # which it can only be behind this
            return True
        return happened.count(history.CLAIMED) > 1 and any(one.id == entry.name.key for one in self.last())

    def last(self, most: int = TAIL) -> Iterator[Told]:
        """Read the events at the log's end; a line that is none is left out, and a missing log is empty."""
        try:
            with open(self.path, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - most))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines:
            if (one := read(line)) is not None:
                yield one

    def follow(self) -> Following:
        """Follow it from its end on, until that is closed."""
        return Following(self.path)

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # by a disk that was full
            atomic.disk.append(descriptor, b"\n" + line if torn else line)
        finally:
            os.close(descriptor)


class Following:
    """What comes into a log from now on; one that was renamed, or removed, is followed by the new one.

    The file is held open, or a new one might get its number and be taken for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._opened()
        self._rest = b""
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def new(self) -> list[Told]:
        """Give the events that came since."""
        content = self._file.read() if self._file else b""
        found = [*self._whole(content)]
        if not self._is_there():
            self.close()
            self._file, self._rest = self._opened(), b""
            found += self._whole(self._file.read() if self._file else b"")
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def _whole(self, content: bytes) -> Iterator[Told]:
        *lines, self._rest = (self._rest + content).split(b"\n")
        return filter(None, map(read, lines))

    def _opened(self) -> BinaryIO | None:
        try:
            return open(self._path, "rb")
        except FileNotFoundError:
            return None

    def _is_there(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return self._file is None
        return self._file is not None and os.path.samestat(found, os.fstat(self._file.fileno()))


def read(line: bytes) -> Told | None:
    """Read one line; None when it is no event, or cut short."""
    try:
        return msgspec.json.decode(line, type=Told)
    except msgspec.MsgspecError:
        return None
