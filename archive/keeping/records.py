"""What no index says of a snapshot: who went back to which one and why, and who pinned it.

One small JSON file each in `SITE/snapshots`: not in the document root, for it names people. `ID.rollback` is written
before its publication, and stays when the snapshot goes; `ID.pin` goes when it is unpinned.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from archive.snapshot import SnapshotId
from queues import atomic

T = TypeVar("T")


class Rollback(Struct, frozen=True):
    """A publication of what was published before: of which suite, what it was and what it became, and by whom."""

    suite: str
    undone: SnapshotId
    restored: SnapshotId
    by: str
    reason: str


class Pin(Struct, frozen=True):
    """A snapshot that stays: who wants it, why, and since when (UTC)."""

    by: str
    reason: str
    at: datetime


class Records:
    """The directory of the records; it need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def went_back(self, snapshot: SnapshotId, what: Rollback) -> None:
        """Record the rollback that a snapshot will be."""
        self._write(f"{snapshot}.rollback", what)

    def rollback(self, snapshot: SnapshotId) -> Rollback | None:
        """Give the rollback that a snapshot is."""
        return self._read(f"{snapshot}.rollback", Rollback)

    def rollbacks(self) -> dict[SnapshotId, Rollback]:
        """Give every rollback there was, the oldest first."""
        names = sorted(SnapshotId(path.stem) for path in self.path.glob("*.rollback"))
        return {name: found for name in names if (found := self.rollback(name))}

    def pin(self, snapshot: SnapshotId, pin: Pin) -> None:
        """Let a snapshot stay."""
        self._write(f"{snapshot}.pin", pin)

    def unpin(self, snapshot: SnapshotId) -> bool:
        """Let a snapshot go again; False when it was not pinned."""
        path = self.path / f"{snapshot}.pin"
        was = path.exists()
        atomic.remove(path)
        return was

    def pins(self) -> dict[SnapshotId, Pin]:
        """Give every pin."""
        names = sorted(SnapshotId(path.stem) for path in self.path.glob("*.pin"))
        return {name: found for name in names if (found := self._read(f"{name}.pin", Pin))}

    def _write(self, name: str, what: Struct) -> None:
        atomic.make(self.path)
        atomic.replace(self.path / name, msgspec.json.encode(what))

    def _read(self, name: str, kind: type[T]) -> T | None:
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=kind)
        except FileNotFoundError:
            return None
