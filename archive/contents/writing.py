"""Contents-ARCH.gz of a directory of `dists`: linked where nothing changed, else put together from pieces.

There is one for each architecture and one for `all`, in each component. What a package has is kept in lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from archive import release
from archive.catalogue import Place
from archive.contents import lines
from archive.contents.lines import Line
from archive.contents.lists import Lists
from archive.inclusion import NOTHING, Difference
from archive.indices import Damaged, files, members, opening
from archive.indices.index import Entries
from archive.indices.members import Member
from archive.indices.pieces import Piece
from archive.indices.texts import Texts, measure
from archive.indices.writing import MODE
from archive.release import Digest
from archive.stanzas import Stanza
from queues import atomic
from queues.values import FileRef, Suite

ALL = "all"
_LEVEL = 6
_AT_ONCE = 2000  # packages whose names are in memory
_FIELD = re.compile(rb"^(Section|Filename|SHA256): *(\S+)$", re.MULTILINE)
_SECTION = re.compile(rb"[A-Za-z0-9+./-]+")


class _File(NamedTuple):
    """One file on its way: its path in a directory of `dists`, and the index and architecture that it is of."""

    path: str
    place: Place
    architecture: str

    @property
    def name(self) -> str:
        """Name it among all of the archive."""
        return f"{self.place.dist}/{self.path}"


class Contents:
    """Writes the Contents of suites that have them."""

    def __init__(self, lists: Lists, texts: Texts) -> None:
        """Name what is kept beside the published tree."""
        self._lists = lists
        self._texts = texts

    def write(
        self, suite: Suite, dist: str, new: Path, old: Path, changes: Mapping[Place, Difference]
    ) -> dict[str, Digest]:
        """Bring them into a new directory; `old` is published. Gives their entries in Release. Raises Damaged."""
        entries: dict[str, Digest] = {}
        listed = opening.listed(old)
        for file in _files(suite, dist) if suite.contents else ():
            difference = _of(changes.get(file.place, NOTHING), file.architecture)
            if file.path in listed and not any(difference):
                entries |= _link(new, old, file.path, listed)
            else:
                entries |= self._write(new, file, self._edited(self._published(suite, old, file, listed), difference))
        return entries

    def _published(self, suite: Suite, old: Path, file: _File, listed: Entries) -> Sequence[Piece]:
        """Take a file apart, every byte compared with Release; one that there was not is made of all of its index."""
        if file.path not in listed:
            index = opening.opened(old, suite, file.place.dist)[file.place]
            return self._edited(
                [], Difference((), tuple(one for one in index if one.architecture == file.architecture))
            )
        gz = files.sound(old / f"{file.path}.gz", listed.get(f"{file.path}.gz"))
        found = [member for member in members.walk(gz) if member.text_size]
        parts = self._texts.get(file.name, listed[file.path])
        if parts is None or [*map(len, parts)] != [member.text_size for member in found]:
            parts = [memoryview(members.unpack(_cut(gz, member))) for member in found]
            if measure(parts) != listed[file.path]:
                raise Damaged(f"{old / file.path}.gz: not the text its Release lists; restore it from a backup")
        return [Piece(one.first, 0, text, _cut(gz, one)) for one, text in zip(found, parts, strict=True)]

    def _edited(self, pieces: Sequence[Piece], difference: Difference) -> Sequence[Piece]:
        removed, added = difference
        for start in range(0, max(len(removed), len(added)), _AT_ONCE):
            batch = slice(start, start + _AT_ONCE)
            pieces = lines.edit(pieces, self._lines(removed[batch]), self._lines(added[batch]))
        self._lists.forget(ref for stanza in removed if (ref := _ref(stanza)))
        return pieces

    def _lines(self, stanzas: Sequence[Stanza]) -> Iterator[Line]:
        names = self._lists.of([ref for stanza in stanzas if (ref := _ref(stanza))])
        for stanza in stanzas:
            ref, location = _ref(stanza), _location(stanza)
            yield from (Line(name, location) for name in (names[ref.sha256] if ref else ()))

    def _write(self, new: Path, file: _File, pieces: Sequence[Piece]) -> dict[str, Digest]:
        plain = self._texts.put(file.name, [piece.text for piece in pieces])
        packed = (piece.packed or members.pack(bytes(piece.text), 0, piece.first, _LEVEL) for piece in pieces)
        data = b"".join(packed) or members.pack(b"", 0, b"", _LEVEL)
        atomic.disk.create(new / f"{file.path}.gz", data, MODE)
        return {file.path: plain, f"{file.path}.gz": release.digest(data)}


def _link(new: Path, old: Path, path: str, listed: Entries) -> dict[str, Digest]:
    atomic.disk.link(old / f"{path}.gz", new / f"{path}.gz")
    return {path: listed[path], f"{path}.gz": listed[f"{path}.gz"]}


def _cut(gz: memoryview, member: Member) -> memoryview:
    return gz[member.offset : member.offset + member.size]


def _files(suite: Suite, dist: str) -> Iterator[_File]:
    for component in suite.components:
        for architecture in (*suite.architectures, ALL):
            index = suite.architectures[0] if architecture == ALL else architecture
            yield _File(f"{component}/Contents-{architecture}", Place(dist, component, index), architecture)


def _of(difference: Difference, architecture: str) -> Difference:
    return Difference(*(tuple(one for one in found if one.architecture == architecture) for found in difference))


def _ref(stanza: Stanza) -> FileRef | None:
    fields = dict(_FIELD.findall(stanza.text))
    if not {b"Filename", b"SHA256"} <= fields.keys():
        return None
    return FileRef(fields[b"Filename"].decode(), 0, fields[b"SHA256"].decode())


def _location(stanza: Stanza) -> bytes:
    section = dict(_FIELD.findall(stanza.text)).get(b"Section", b"")
    known = section if _SECTION.fullmatch(section) else b"unknown"
    return b"%b/%b" % (known, stanza.package.encode())
