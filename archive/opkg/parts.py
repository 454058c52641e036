"""The parts that a feed's lists are put together of, and `.pieces`, which finds them again in a published feed.

A piece is a run of stanzas of apt's index. Each list of a feed is a row of parts, one for each piece and in the same
order; `.pieces` says which piece each part was made of and how long it is. So one new package costs the rendering and
packing of one piece. It is only a short cut: without it, or with one that does not fit, every part is made anew.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

PACKAGES, PACKED, NAMES, PIECES = "Packages", "Packages.gz", "index.json", ".pieces"
END = b"\n}}\n"  # of index.json, whose first line is its head
Bytes = bytes | memoryview  # of a published list, which is not copied in memory


class Piece(NamedTuple):
    """A run of stanzas of apt's index: equal keys are equal texts, and only that of an unknown key is asked for."""

    key: str
    text: Callable[[], bytes]


class Part(NamedTuple):
    """What one piece is in each list of a feed, and the CRC of the three; each line of `names` ends with a comma."""

    packages: Bytes
    packed: Bytes
    names: Bytes
    crc: int


def part(packages: Bytes, packed: Bytes, names: Bytes) -> Part:
    """Put together what a piece is in each list."""
    return Part(packages, packed, names, zlib.crc32(names, zlib.crc32(packed, zlib.crc32(packages))))


class _Line(Struct, frozen=True, array_like=True):
    """One part: the key of its piece, its length in each list, the CRC of the three."""

    key: str
    lengths: tuple[int, int, int]
    crc: int


class _Table(Struct, frozen=True):
    mark: str
    lines: tuple[_Line, ...]


def table(mark: str, pieces: Sequence[Piece], made: Sequence[Part]) -> bytes:
    """Write `.pieces`; the mark says all that the parts depend on besides the stanzas."""
    lines = [_Line(piece.key, _lengths(one), one.crc) for piece, one in zip(pieces, made, strict=True)]
    return msgspec.json.encode(_Table(mark, tuple(lines)))


def mark_of(directory: Path) -> str:
    """Give the mark of a published feed; empty when there is none."""
    found = _read(directory)
    return found.mark if found else ""


def read(directory: Path, mark: str) -> dict[str, Part]:
    """Read the parts of a published feed by the key of their piece; none where it has another mark."""
    found = _read(directory)
    if found is None or found.mark != mark:
        return {}
    try:
        packages, packed, names = (_content(directory / name) for name in (PACKAGES, PACKED, NAMES))
    except FileNotFoundError:
        return {}
    rows = [
        _cut(content, [line.lengths[at] for line in found.lines])
        for at, content in enumerate((packages, packed, memoryview(_entries(bytes(names)))))
    ]
    known = zip(found.lines, map(part, *rows), strict=True)
    return {line.key: one for line, one in known if one.crc == line.crc}


def _read(directory: Path) -> _Table | None:
    try:
        return msgspec.json.decode((directory / PIECES).read_bytes(), type=_Table)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _content(path: Path) -> memoryview:
    with path.open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # it is empty
            return memoryview(b"")


def _cut(content: memoryview, lengths: Sequence[int]) -> Iterator[memoryview]:
    return (content[end - length : end] for end, length in zip(accumulate(lengths), lengths, strict=True))


def _entries(names: bytes) -> bytes:
    inside = names.partition(b"\n")[2].removesuffix(END)
    return inside + b",\n" if inside else b""


def _lengths(one: Part) -> tuple[int, int, int]:
    return len(one.packages), len(one.packed), len(one.names)
