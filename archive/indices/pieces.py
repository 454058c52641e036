"""The pieces of an index's text, and what a change makes of them. Pure: pieces in, pieces out.

An index is a run of sorted pieces and behind it a tail of small ones, where new packages gather: a change recompresses
only the pieces it touches. Putting in order (`merge`) sorts the tail into its places and makes every piece full and
well compressed again. Stanzas of one package are never in two sorted pieces.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

FULL = 512 << 10  # bytes of text of a sorted piece
SMALL = 64 << 10  # of a piece of the tail, and of one that is rewritten for any change
LONGEST_TAIL = 1 << 20
TAIL, FAST = 1, 2  # marks: a piece of the tail; one that was compressed in haste
_NAME = b"Package: "


class Missing(ValueError):
    """A stanza that is to go and is not in its index."""


class Piece(NamedTuple):
    """A piece: its first package, its marks, its text, and how it is packed already, where it is."""

    first: bytes
    marks: int
    text: memoryview | bytes
    packed: Any = None

    @property
    def is_tail(self) -> bool:
        """Say whether it stands behind the sorted pieces."""
        return bool(self.marks & TAIL)


def name_of(stanza: bytes) -> bytes:
    """Give the package that a stanza is of; it is the first field of every stanza made here."""
    if not stanza.startswith(_NAME):
        raise Missing(f"a stanza that does not begin with its package: {stanza[:60]!r}")
    return stanza[len(_NAME) : stanza.index(b"\n")].strip()


def stanzas(text: memoryview | bytes) -> list[bytes]:
    """Cut text into stanzas, each with the empty line behind it."""
    return [stanza + b"\n\n" for stanza in bytes(text).split(b"\n\n") if stanza]


def homes(pieces: Sequence[Piece]) -> list[bytes]:
    """Give the first names of the sorted pieces, by which `home` finds one."""
    return [piece.first for piece in pieces if not piece.is_tail]


def home(firsts: Sequence[bytes], name: bytes) -> int:
    """Give the number of the sorted piece that a package is in, or would be in."""
    return max(bisect_right(firsts, name) - 1, 0)


def cut(found: Iterable[bytes], marks: int = 0, size: int = FULL) -> Iterator[Piece]:
    """Cut sorted stanzas into pieces of about a size."""
    taken: list[bytes] = []
    length = 0
    for _, group in groupby(found, name_of):
        if length >= size:
            yield _piece(taken, marks)
            taken, length = [], 0
        taken += (same := [*group])
        length += sum(map(len, same))
    if taken:
        yield _piece(taken, marks)


def edit(pieces: Sequence[Piece], removed: Iterable[bytes], added: Iterable[bytes]) -> list[Piece]:
    """Take stanzas out of an index and put others, which are sorted by name, in. Raises Missing.

    A new one goes to its place where that piece is rewritten anyway or small, else to the tail; where the tail would
    become too long, everything is put in order.
    """
    if not pieces:
        _without((), (), removed)
        return [*cut(added)]
    firsts = homes(pieces)
    touched = _without(pieces, firsts, removed)
    tail: list[bytes] = []
    for stanza in added:
        number = home(firsts, name_of(stanza))
        if firsts and (number in touched or len(pieces[number].text) <= SMALL):
            touched.setdefault(number, stanzas(pieces[number].text)).append(stanza)
        else:
            tail.append(stanza)
    kept = [one for number, piece in enumerate(pieces) for one in _rewritten(piece, touched.get(number))]
    grown = _with_tail(kept, tail)
    in_order = sum(len(piece.text) for piece in grown if piece.is_tail) <= LONGEST_TAIL
    return grown if in_order else merge(grown)


def merge(pieces: Sequence[Piece]) -> list[Piece]:
    """Sort the tail into its places, and make every piece full and well compressed; what is so already stays."""
    firsts = homes(pieces)
    new = defaultdict(list)
    for stanza in (stanza for piece in pieces if piece.is_tail for stanza in stanzas(piece.text)):
        new[home(firsts, name_of(stanza))].append(stanza)
    entries = [piece for piece in pieces if not piece.is_tail] or [Piece(b"", FAST, b"")]
    last = len(entries) - 1
    unfit = [_is_unfit(piece, number == last) or number in new for number, piece in enumerate(entries)]
    found: list[Piece] = []
    for is_unfit, numbers in groupby(range(len(entries)), unfit.__getitem__):
        run = [*numbers]
        if is_unfit:
            joined = (stanza for number in run for stanza in (*stanzas(entries[number].text), *new[number]))
            found += cut(sorted(joined, key=name_of))
        else:
            found += (entries[number] for number in run)
    return found


def _is_unfit(piece: Piece, is_last: bool) -> bool:
    size = len(piece.text)
    return bool(piece.marks) or size > 2 * FULL or (size < FULL // 4 and not is_last)


def _piece(found: Sequence[bytes], marks: int) -> Piece:
    return Piece(name_of(found[0]), marks, b"".join(found))


def _without(pieces: Sequence[Piece], firsts: Sequence[bytes], removed: Iterable[bytes]) -> dict[int, list[bytes]]:
    """Give the stanzas of those pieces that lose some."""
    touched: dict[int, list[bytes]] = {}
    tail = range(len(firsts), len(pieces))
    for stanza in removed:
        for number in (home(firsts, name_of(stanza)), *tail):
            found = touched.get(number) or (stanzas(pieces[number].text) if number < len(pieces) else [])
            if stanza in found:
                found.remove(stanza)
                touched[number] = found
                break
        else:
            raise Missing(f"{name_of(stanza).decode()}: to be replaced, and not in the index")
    return touched


def _rewritten(piece: Piece, found: list[bytes] | None) -> Iterator[Piece]:
    if found is None:
        yield piece
    else:
        is_small = sum(map(len, found)) <= SMALL
        marks = piece.marks & TAIL if is_small else piece.marks | FAST
        yield from cut(sorted(found, key=name_of), marks, 2 * FULL)


def _with_tail(kept: Sequence[Piece], new: list[bytes]) -> list[Piece]:
    """Put new stanzas behind, into the last piece of the tail where that is small."""
    if new and kept and kept[-1].is_tail and len(kept[-1].text) < SMALL:
        *kept, last = kept
        new = [*stanzas(last.text), *new]
    return [*kept, *cut(sorted(new, key=name_of), TAIL, SMALL)]
