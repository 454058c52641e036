"""What the indices of snapshots name: the files, and the source versions that binaries were built of and with.

A file that lies in several snapshots is read once, and so is a piece that several indices share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from archive import stanzas
from archive.indices import Damaged
from archive.keeping import comparing
from archive.snapshot import SnapshotId, Tree
from archive.stanzas import Stanza
from queues.names import without_epoch
from queues.values import FileRef

_FIELD = re.compile(
    rb"^(Filename|Size|SHA256|Built-Using|Static-Built-Using): *(\S[^\n]*(?:\n [^\n]*)*)$", re.MULTILINE
)
_FEED = re.compile(rb"^Filename: (?:\.\./)*(\S+)\nSize: ([0-9]+)\nMD5sum: \S+\nSHA256sum: (\S+)$", re.MULTILINE)
_OF_SOURCE = re.compile(rb"^ ([0-9a-f]{64}) ([0-9]+) (\S+)$", re.MULTILINE)
_DIRECTORY = re.compile(rb"^Directory: *(\S+)$", re.MULTILINE)
_BUILT_USING = re.compile(r"(\S+) \(= *([^)\s]+)\)")
Source = tuple[str, str]


class Needed(Struct, frozen=True):
    """Files, `name` being the path below the document root, and sources (name, version) that are wanted whole."""

    files: frozenset[FileRef] = frozenset()
    sources: frozenset[Source] = frozenset()


class Indices:
    """Reads the indices of snapshots."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._files: dict[tuple[int, int], tuple[Needed, ...]] = {}
        self._pieces: dict[bytes, Needed] = {}

    def named(self, without: Iterable[SnapshotId] = (), *, strict: bool = False) -> Needed:
        """Give all that snapshots name, some of them left out.

        An index that cannot be read names nothing, for doctor tells of it; `strict`: raises Damaged.
        """
        found = [*self._of_all({*self._tree.all()} - {*without}, strict=strict)]
        files, sources = (one.files for one in found), (one.sources for one in found)
        return Needed(frozenset().union(*files), frozenset().union(*sources))

    def _of_all(self, snapshots: Iterable[SnapshotId], *, strict: bool) -> Iterator[Needed]:
        for root in (self._tree.snapshots / snapshot for snapshot in snapshots):
            listed = [one / path for one in root.glob("dists/*") for path in comparing.indices(one)]
            for path in (*listed, *root.glob("opkg/*/*/*/Packages")):
                try:
                    yield from self._of(path)
                except Damaged:
                    if strict:
                        raise

    def _of(self, path: Path) -> tuple[Needed, ...]:
        try:
            found = path.stat()
        except FileNotFoundError:
            raise Damaged(f"{path} is missing; restore it from a backup") from None
        inode = (found.st_dev, found.st_ino)
        if inode not in self._files:
            self._files[inode] = (_of_feed(path),) if path.suffix != ".gz" else tuple(self._of_index(path))
        return self._files[inode]

    def _of_index(self, index: Path) -> Iterator[Needed]:
        for piece in comparing.packed(index):
            key = sha256(piece).digest()
            if key not in self._pieces:
                self._pieces[key] = _of_piece(index, piece)
            yield self._pieces[key]


def files_of(stanza: Stanza) -> Iterator[FileRef]:
    """Give the files that a stanza names, `name` being the path below the document root."""
    if stanza.architecture == stanzas.SOURCE:
        for directory in _DIRECTORY.findall(stanza.text):
            for digest, size, name in _OF_SOURCE.findall(stanza.text):
                yield FileRef(f"{directory.decode()}/{name.decode()}", int(size), digest.decode())
        return
    fields = dict(_FIELD.findall(stanza.text))
    if {b"Filename", b"Size", b"SHA256"} <= fields.keys():
        yield FileRef(fields[b"Filename"].decode(), int(fields[b"Size"]), fields[b"SHA256"].decode())


def sources_of(stanza: Stanza) -> Iterator[Source]:
    """Give the sources that a binary was built of and with (Built-Using and Static-Built-Using, Policy 7.8)."""
    if stanza.architecture == stanzas.SOURCE:
        return
    yield stanza.source, stanza.source_version
    for name, value in _FIELD.findall(stanza.text):
        if name.endswith(b"Built-Using"):
            yield from _BUILT_USING.findall(value.decode(errors="replace"))


def is_of(name: str, source: str, version: str) -> bool:
    """Say whether a file name is one of a source version's own: `SOURCE_VERSION.*`, or an upstream tarball of it."""
    own = without_epoch(version)
    return name.startswith((f"{source}_{own}.", f"{source}_{own.rpartition('-')[0] or own}.orig"))


def _of_piece(index: Path, piece: bytes) -> Needed:
    try:
        found = [stanzas.read(text, sources=index.name == "Sources.gz") for text in comparing.unpacked(index, piece)]
    except stanzas.Malformed as error:
        raise Damaged(f"{index}: {error}; restore it from a backup") from None
    return Needed(
        frozenset(ref for one in found for ref in files_of(one)),
        frozenset(source for one in found for source in sources_of(one)),
    )


def _of_feed(path: Path) -> Needed:
    named = _FEED.findall(path.read_bytes())
    return Needed(frozenset(FileRef(name.decode(), int(size), digest.decode()) for name, size, digest in named))
