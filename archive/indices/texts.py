"""The plain texts of indices, kept beside the published tree, for a publication hashes all of a text it changed little.

The pieces of a text lie in one file in any order, and new ones are put behind: for a little change little is written.
Its table, named by the SHA256 of the text, says where each is. All of it is derived: a text is compared with what
Release says before it is used, and what does not fit is as if it were not there. An index is named by its path below
`dists`. Only who holds the archive's lock may use this.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from archive.release import Digest
from queues import atomic

Part = memoryview | bytes
_SLACK = 16 << 20  # bytes of pieces that are no longer used, beyond as many as are
_HEAP = "pieces-"


class _Table(Struct, frozen=True, array_like=True):
    """The file that pieces lie in, and first byte and size of each."""

    heap: str
    parts: tuple[tuple[int, int], ...]


class Texts:
    """The kept texts of an archive's indices."""

    def __init__(self, path: Path) -> None:
        """Name the directory; it is made when there is something to keep."""
        self._path = path
        self._given: dict[str, _Given] = {}

    def get(self, index: str, digest: Digest) -> Sequence[memoryview] | None:
        """Give a text in its pieces, if it is here and as it should be."""
        try:
            table = msgspec.msgpack.decode((self._path / index / digest.sha256).read_bytes(), type=_Table)
            with open(self._path / index / table.heap, "rb") as file:
                heap = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError, msgspec.DecodeError):  # ValueError: an empty file
            return None
        parts = [heap[start : start + size] for start, size in table.parts]
        given = _Given(table, parts)
        if given.measure(parts) != digest:
            return None
        self._given[index] = given
        return parts

    def put(self, index: str, parts: Sequence[Part]) -> Digest:
        """Measure the text of an index, and keep it instead of the one before; where that fails, there is none."""
        given = self._given.pop(index, None)
        digest = given.measure(parts) if given else measure(parts)
        with suppress(OSError):
            atomic.make(self._path / index)
            table = self._append(self._path / index, parts, given, digest)
            (self._path / index / digest.sha256).write_bytes(msgspec.msgpack.encode(table))
            _forget(self._path / index, {digest.sha256, table.heap})
        return digest

    def _append(self, directory: Path, parts: Sequence[Part], given: _Given | None, digest: Digest) -> _Table:
        if given is None or (directory / given.table.heap).stat().st_size > 2 * digest.size + _SLACK:
            given = _Given(_Table(f"{_HEAP}{digest.sha256}", ()), [])
            (directory / given.table.heap).unlink(missing_ok=True)
        places = []
        with open(directory / given.table.heap, "ab") as heap:
            for part in parts:
                place = given.place(part)
                if place is None:
                    place = (heap.tell(), len(part))
                    heap.write(part)
                places.append(place)
        return _Table(given.table.heap, tuple(places))


class _Given:
    """A text that was given out, by which its pieces are known again, and which is hashed but once.

    What changed stands behind what did not, most of the time: a hash goes on from where the two texts part.
    """

    def __init__(self, table: _Table, parts: Sequence[memoryview]) -> None:
        self.table = table
        self._parts = parts  # kept, for the identity of what is gone may come again
        self._places = {id(part): place for part, place in zip(parts, table.parts, strict=True)}
        self._hashes = [hashlib.sha256()]  # of the text before each piece
        for part in parts:
            self._hashes.append(_and_then(self._hashes[-1], [part]))

    def measure(self, parts: Sequence[Part]) -> Digest:
        """Measure a text, which may begin as this one does."""
        pairs = enumerate(zip(parts, self._parts, strict=False))
        same = next((number for number, (one, other) in pairs if one is not other), min(len(parts), len(self._parts)))
        return Digest(sum(map(len, parts)), _and_then(self._hashes[same], parts[same:]).hexdigest())

    def place(self, part: Part) -> tuple[int, int] | None:
        """Say where a piece lies; None for a new one."""
        return self._places.get(id(part))


def measure(parts: Iterable[Part]) -> Digest:
    """Measure a text that is in parts."""
    found = [*parts]
    return Digest(sum(map(len, found)), _and_then(hashlib.sha256(), found).hexdigest())


def _and_then(before: hashlib._Hash, parts: Iterable[Part]) -> hashlib._Hash:
    found = before.copy()
    for part in parts:
        found.update(part)
    return found


def _forget(directory: Path, but: set[str]) -> None:
    for name in set(os.listdir(directory)) - but:
        atomic.remove(directory / name)
