"""A published index, opened: looked up by package name piece by piece, or taken apart to be written anew."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from archive import descriptions, stanzas
from archive.catalogue import ENGLISH, Place
from archive.indices import Damaged, files, forms, members, pieces
from archive.indices.members import Member
from archive.indices.pieces import TAIL, Piece
from archive.indices.texts import Part, Texts, measure
from archive.release import Digest
from archive.stanzas import SOURCE, Stanza

Entries = Mapping[str, Digest]
_OPENED = 8  # pieces kept unpacked


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
        files = {suffix: self._file(suffix) for suffix in self.forms}
        parts: Sequence[Part] = texts.get(f"{self.place.dist}/{self.place.path}", self.digest) or self._parts()
        sizes = [*map(len, parts)]
        if [one.text_size for one in self._members] != sizes:
            return [*pieces.cut(pieces.stanzas(b"".join(parts)))]
        cuts = {suffix: found for suffix, file in files.items() if (found := _cut(suffix, file, sizes))}
        return [
            Piece(member.first, member.marks, text, {suffix: found[number] for suffix, found in cuts.items()})
            for number, (text, member) in enumerate(zip(parts, self._members, strict=True))
        ]

    @property
    def forms(self) -> list[str]:
        """Name the forms that it is published in."""
        return [suffix for suffix in forms.FORMS if self.place.path + suffix in self._entries]

    def has(self, suffixes: Collection[str]) -> bool:
        """Say whether it is published in these forms."""
        return {*suffixes} <= {*self.forms}

    def check(self) -> None:
        """Compare its files with Release."""
        for suffix in self.forms:
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
        if self.place.architecture == ENGLISH:
            return descriptions.read(text[:-1])
        try:
            return stanzas.read(text[:-1], sources=self.place.architecture == SOURCE)
        except stanzas.Malformed as error:
            raise self._damaged(str(error)) from None

    def _damaged(self, means: str) -> Damaged:
        return Damaged(f"{self._directory / self.place.path}.gz: {means}; restore it from a backup")


def _cut(suffix: str, file: memoryview, sizes: Sequence[int]) -> list[Any]:
    """Give a file in pieces of these texts; nothing where it has others."""
    try:
        found = forms.cut(suffix, file)
    except forms.Foreign:
        return []
    return found if [one.text_size for one in found] == sizes else []
