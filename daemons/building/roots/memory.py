"""Whether a build writes to memory, which is faster, or to disk, because its tree may be larger than memory is."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from daemons.building.environment import in_mib

_LEAST, _GROWTH = 1 << 30, 30  # a build takes this, and this many times its packed source
_MEMORY = Path("/proc/meminfo")


class Room(Struct, frozen=True):
    """Where a build writes, and why."""

    on_disk: bool
    reason: str


def choose(size: int, available: int) -> Room:
    """Choose by the bytes of the source and those of memory that are available; a half is left to everything else."""
    needed = _LEAST + _GROWTH * size
    on_disk = needed > available // 2
    kind = "on disk" if on_disk else "in memory"
    return Room(on_disk, f"writable layer: {kind} (up to {in_mib(needed)} for it, {in_mib(available)} available)")


def available() -> int:
    """Give the bytes of memory that could be had now (proc(5), MemAvailable)."""
    return _bytes("MemAvailable:")


def size(disk: int) -> int:
    """Give how large a writable layer in memory may get: as large as one on disk, but no more than half of memory."""
    return min(disk, _bytes("MemTotal:") // 2)


def _bytes(name: str) -> int:
    lines = (line.split() for line in _MEMORY.read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == name)
