"""A published index, opened: looked up by package name piece by piece, or taken apart to be written anew."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from archive import stanzas
from archive.catalogue import ALL, Place
from archive.indices import Damaged, blocks, files, members, pieces
from archive.indices.blocks import Block
from archive.indices.members import Member
from archive.indices.pieces import TAIL, Piece
from archive.indices.texts import Part, Texts, measure
from archive.release import Digest
from archive.stanzas import SOURCE, Stanza

Entries = Mapping[str, Digest]
FORMS = (".gz", ".xz")
_OPENED = 8  # pieces kept unpacked


def forms(place: Place) -> tuple[str, ...]:
    """Name the forms that an index is published in; the one of all architectures is read by few."""
    return FORMS if place.architecture != ALL else FORMS[:1]


class Packed(NamedTuple):
    """A piece as it is published: its gzip member, and its xz block where the index is published as .xz, too."""

    member: memoryview | bytes
    block: Block | None


class Index:
    """One index of a published directory; nothing is read before it is asked for. Everything raises Damaged."""

    def __init__(self, directory: Path, place: Place, entries: Entries) -> None:
        """Name the index; `entries` is the list of index files in the directory's Release."""
        self.place = place
        self.digest = entries[place.path]
        self._directory = directory
        self._entries = entries
        self._shelf = lru_cache(_OPENED)(self._unpacked)

    def named(self, names: Iterable[str]) -> list[Stanza]:
        """Give the stanzas of some packages."""
        wanted: dict[int, list[bytes]] = defaultdict(list)
        for name in map(str.encode, names):
            for number in self._numbers(name):
                wanted[number].append(name)
        found = (self._shelf(number).get(name, ()) for number in sorted(wanted) for name in wanted[number])
        return [self._stanza(stanza) for same in found for stanza in same]

    def __iter__(self) -> Iterator[Stanza]:
        """Give every stanza, piece by piece."""
        for member in self._members:
            yield from map(self._stanza, pieces.stanzas(self._text(member)))

    def pieces(self, texts: Texts) -> list[Piece]:
        """Take the index apart, every byte compared with Release. One that was not made in pieces comes unpacked."""
        gz, *others = (self._file(suffix) for suffix in forms(self.place))
        parts = texts.get(f"{self.place.dist}/{self.place.path}", self.digest) or self._parts()
        try:
            packed = [block for xz in others for block in blocks.read(xz)]
        except blocks.Foreign:
            packed = []
        sizes = [*map(len, parts)]
        fits = [one.text_size for one in self._members] == sizes
        if not fits or (others and [one.text_size for one in packed] != sizes):
            return [*pieces.cut(pieces.stanzas(b"".join(parts)))]
        return [*_apart(parts, gz, self._members, packed if others else [None] * len(parts))]

    def check(self) -> None:
        """Compare its files with Release."""
        for suffix in forms(self.place):
            self._file(suffix)

    @property
    def loose(self) -> int:
        """Give how much text, in bytes, stands in the tail or was compressed in haste."""
        return sum(member.text_size for member in self._members if member.marks)

    def _file(self, suffix: str) -> memoryview:
        path = self.place.path + suffix
        return files.sound(self._directory / path, self._entries.get(path))

    def _parts(self) -> Sequence[bytes]:
        parts = [*map(self._text, self._members)]
        if measure(parts) != self.digest:
            raise self._damaged("not the text its Release lists")
        return parts

    @cached_property
    def _gz(self) -> memoryview:
        return files.mapped(self._directory / f"{self.place.path}.gz")

    @cached_property
    def _members(self) -> tuple[Member, ...]:
        try:
            return tuple(member for member in members.walk(self._gz) if member.text_size)
        except members.Foreign:
            return (Member(0, len(self._gz), 0, b"", 0),)  # one piece that is everything

    @cached_property
    def _firsts(self) -> list[bytes]:
        return [member.first for member in self._members if not member.marks & TAIL]

    def _numbers(self, name: bytes) -> Iterator[int]:
        """Give the pieces that a package may be in."""
        if self._members:
            yield max(bisect_right(self._firsts, name) - 1, 0)
            yield from range(max(len(self._firsts), 1), len(self._members))

    def _unpacked(self, number: int) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for stanza in pieces.stanzas(self._text(self._members[number])):
            found[pieces.name_of(stanza)].append(stanza)
        return found

    def _text(self, member: Member) -> bytes:
        try:
            return members.unpack(self._gz[member.offset : member.offset + member.size])
        except members.Broken as error:
            raise self._damaged(str(error)) from None

    def _stanza(self, text: bytes) -> Stanza:
        try:
            return stanzas.read(text[:-1], sources=self.place.architecture == SOURCE)
        except stanzas.Malformed as error:
            raise self._damaged(str(error)) from None

    def _damaged(self, means: str) -> Damaged:
        return Damaged(f"{self._directory / self.place.path}.gz: {means}; restore it from a backup")


def _apart(
    parts: Iterable[Part], gz: memoryview, found: Iterable[Member], packed: Iterable[Block | None]
) -> Iterator[Piece]:
    for text, member, block in zip(parts, found, packed, strict=True):
        compressed = Packed(gz[member.offset : member.offset + member.size], block)
        yield Piece(member.first, member.marks, text, compressed)
