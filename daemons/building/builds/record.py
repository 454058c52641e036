"""The log of one build: what each phase printed, under headers with times. It stays whole whatever happens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from daemons.building.builds import complaint
from queues import atomic
from queues.clock import Clock
from queues.values import FileRef

_LAST_LINES, _LAST_BYTES = 40, 16 << 10


class Record:
    """A log being written at `path`; `phase` is where the build is."""

    def __init__(self, path: Path, file: BinaryIO, clock: Clock) -> None:
        self.path = path
        self.file = file
        self.clock = clock
        self.phase = ""
        self._begun = 0
        self._starts: list[tuple[str, datetime]] = []

    def begin(self, phase: str) -> None:
        """Write the header of a phase."""
        self.phase = phase
        self._starts.append((phase, self.clock()))
        self.say(f"\n=== {phase} === {self._starts[-1][1]:%Y-%m-%d %H:%M:%S} UTC")
        self._begun = self.file.tell()

    def end(self, outcome: str) -> None:
        """Write how many seconds each phase took, and what came of it all."""
        now = self.clock()
        ends = [start for _, start in self._starts[1:]] + [now]
        spent = [(phase, end - start) for (phase, start), end in zip(self._starts, ends, strict=True)]
        self.say(f"\nseconds: {', '.join(f'{phase} {time.total_seconds():.2f}' for phase, time in spent)}")
        self.say(f"=== {outcome} === {now:%Y-%m-%d %H:%M:%S} UTC")

    def say(self, line: str) -> None:
        """Write a line of ours."""
        self.file.write(f"{line}\n".encode())
        self.file.flush()

    def command(self, argv: Sequence[str]) -> None:
        """Write what is run next."""
        self.say(f"$ {' '.join(argv)}")

    def end_of_phase(self, most: int = 1 << 20) -> str:
        """Give what this phase has printed so far, or its last bytes."""
        self.file.flush()
        with self.path.open("rb") as log:
            log.seek(max(self._begun, self.file.tell() - most))
            return log.read().decode(errors="replace")

    def first_error(self) -> str:
        """Give the first line of this phase that says what went wrong."""
        return complaint.first(self._lines())

    def killed(self) -> str:
        """Give the line of this phase that says that something was killed, or nothing."""
        return complaint.killed(self._lines())

    def _lines(self) -> Iterator[bytes]:
        self.file.flush()
        with self.path.open("rb") as log:
            log.seek(self._begun)
            yield from (line for line in log if not line.startswith(b"$ "))

    def excerpt(self) -> str:
        """Give the last lines, as far as they are not monstrous."""
        with self.path.open("rb") as log:
            log.seek(-min(_LAST_BYTES, log.seek(0, os.SEEK_END)), os.SEEK_END)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-_LAST_LINES:])


@contextmanager
def recording(path: Path, clock: Clock) -> Iterator[Record]:
    """Open a new log; it is synced and never changes afterwards."""
    with atomic.disk.open_new(path) as file:
        yield Record(path, file, clock)
    atomic.disk.sync(path)
    atomic.disk.sync(path.parent)


def reference(path: Path) -> FileRef:
    """Give name, size and SHA256 of a log that is finished."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRef(path.name, path.stat().st_size, digest)
