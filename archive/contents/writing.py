"""Contents-ARCH.gz of a directory of `dists`: linked where nothing changed, else put together from pieces.

There is one for each architecture and one for `all`, in each component. What a package has is kept in lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from archive import release
from archive.catalogue import Place
from archive.contents import lines
from archive.contents.lines import Line
from archive.contents.lists import Lists
from archive.inclusion import NOTHING, Difference
from archive.indices import Damaged, files, members, opening
from archive.indices.pieces import Piece
from archive.indices.texts import Texts
from archive.indices.writing import MODE, digest
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
            packed = f"{file.path}.gz"
            if file.path in listed and packed in listed and not any(difference):
                atomic.disk.link(old / packed, new / packed)
                entries |= {path: listed[path] for path in (file.path, packed)}
                continue
            if file.path in listed:
                pieces = self._published(old, dist, file.path, listed)
            else:
                pieces = []
                difference = Difference((), (*_kept(old, suite, file, difference), *difference.added))
            entries |= self._write(new, f"{dist}/{file.path}", file.path, self._edited(pieces, difference))
        return entries

    def _published(self, old: Path, dist: str, path: str, listed: Mapping[str, Digest]) -> list[Piece]:
        gz = files.sound(old / f"{path}.gz", listed.get(f"{path}.gz"))
        text = self._texts.get(f"{dist}/{path}", listed[path]) or memoryview(members.unpack(gz))
        if release.digest(text) != listed[path]:
            raise Damaged(f"{old / path}.gz: not the text its Release lists; restore it from a backup")
        found, offset = [], 0
        for member in members.walk(gz):
            packed = gz[member.offset : member.offset + member.size]
            found.append(Piece(member.first, 0, text[offset : offset + member.text_size], packed))
            offset += member.text_size
        return [piece for piece in found if len(piece.text)]

    def _edited(self, pieces: Sequence[Piece], difference: Difference) -> Sequence[Piece]:
        removed, added = iter(difference.removed), iter(difference.added)
        while batch := ([*islice(removed, _AT_ONCE)], [*islice(added, _AT_ONCE)]):
            if not any(batch):
                break
            pieces = lines.edit(pieces, self._lines(batch[0]), self._lines(batch[1]))
        self._lists.forget(ref for stanza in difference.removed if (ref := _ref(stanza)))
        return pieces

    def _lines(self, stanzas: Sequence[Stanza]) -> Iterator[Line]:
        names = self._lists.of([ref for stanza in stanzas if (ref := _ref(stanza))])
        for stanza in stanzas:
            ref, location = _ref(stanza), _location(stanza)
            yield from (Line(name, location) for name in (names[ref.sha256] if ref else ()))

    def _write(self, new: Path, index: str, path: str, pieces: Sequence[Piece]) -> dict[str, Digest]:
        plain = digest(piece.text for piece in pieces)
        packed = (piece.packed or members.pack(bytes(piece.text), 0, piece.first, _LEVEL) for piece in pieces)
        data = b"".join(packed) or members.pack(b"", 0, b"", _LEVEL)
        atomic.disk.create(new / f"{path}.gz", data, MODE)
        self._texts.put(index, plain, (piece.text for piece in pieces))
        return {path: plain, f"{path}.gz": release.digest(data)}


def _files(suite: Suite, dist: str) -> Iterator[_File]:
    for component in suite.components:
        for architecture in (*suite.architectures, ALL):
            index = suite.architectures[0] if architecture == ALL else architecture
            yield _File(f"{component}/Contents-{architecture}", Place(dist, component, index), architecture)


def _of(difference: Difference, architecture: str) -> Difference:
    return Difference(*(tuple(one for one in found if one.architecture == architecture) for found in difference))


def _kept(old: Path, suite: Suite, file: _File, difference: Difference) -> Iterable[Stanza]:
    """Give what an index has of an architecture and keeps; for the first time all of it is read."""
    shelf = opening.opened(old, suite, file.place.dist)[file.place]
    return (one for one in shelf if one.architecture == file.architecture and one not in difference.removed)


def _ref(stanza: Stanza) -> FileRef | None:
    fields = dict(_FIELD.findall(stanza.text))
    if not {b"Filename", b"SHA256"} <= fields.keys():
        return None
    return FileRef(fields[b"Filename"].decode(), 0, fields[b"SHA256"].decode())


def _location(stanza: Stanza) -> bytes:
    section = dict(_FIELD.findall(stanza.text)).get(b"Section", b"")
    known = section if _SECTION.fullmatch(section) else b"unknown"
    return b"%b/%b" % (known, stanza.package.encode())
