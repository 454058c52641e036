"""The text of Contents-ARCH in pieces, and what a change makes of them. Pure.

One line for each path, sorted: the path, a space, and the packages that have it as SECTION/PACKAGE, joined by commas.
Source: the repository format page of Debian's wiki.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archive.indices import pieces
from archive.indices.pieces import Piece

SIZE = 128 << 10  # of the text of a piece, in bytes


class Line(NamedTuple):
    """A path, and a package that has it."""

    path: bytes
    location: bytes


def edit(old: Sequence[Piece], gone: Iterable[Line], new: Iterable[Line]) -> list[Piece]:
    """Take lines out and put others in; pieces that are not touched stay as they are."""
    firsts = pieces.homes(old)
    removed, added = _by_home(firsts, gone), _by_home(firsts, new)
    found: list[Piece] = []
    for number, piece in enumerate(old or [Piece(b"", 0, b"")]):
        if number in removed or number in added:
            found += _cut(_changed(_read(piece.text), removed[number], added[number]))
        else:
            found.append(piece)
    return [piece for piece in found if len(piece.text)]


def _by_home(firsts: Sequence[bytes], lines: Iterable[Line]) -> defaultdict[int, list[Line]]:
    found: defaultdict[int, list[Line]] = defaultdict(list)
    for line in lines:
        found[pieces.home(firsts, line.path)].append(line)
    return found


def _read(text: memoryview | bytes) -> dict[bytes, list[bytes]]:
    cut = (line.rpartition(b" ") for line in bytes(text).split(b"\n")[:-1])
    return {path: locations.split(b",") for path, _, locations in cut}


def _changed(table: dict[bytes, list[bytes]], gone: Iterable[Line], new: Iterable[Line]) -> Mapping[bytes, list[bytes]]:
    for path, location in gone:
        table[path] = [one for one in table.get(path, []) if one != location]
    for path, location in new:
        table[path] = sorted({*table.get(path, []), location})
    return table


def _cut(table: Mapping[bytes, list[bytes]]) -> Iterator[Piece]:
    taken: list[bytes] = []
    first, size = b"", 0
    for path in sorted(path for path, locations in table.items() if locations):
        first = first if taken else path
        taken.append(b"%b %b\n" % (path, b",".join(table[path])))
        size += len(taken[-1])
        if size >= SIZE:
            yield Piece(first, 0, b"".join(taken))
            taken, size = [], 0
    if taken:
        yield Piece(first, 0, b"".join(taken))
