"""The pool: every published file once, under its component and source; a file is only ever added.

Files come as hard links of an entry's files, so they have its mode (0444) and cost no copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from queues import atomic
from queues.values import FileRef

_MANY = 200  # directories that are synced together


class NameTaken(ValueError):
    """A file of this name with other content is in the pool."""


class Mismatch(ValueError):
    """A file that is not what its record says."""


class Member(NamedTuple):
    """A file on its way into the pool: the place it gets (`directory()`), what it is, where it is now."""

    directory: str
    ref: FileRef
    file: Path


class Pool:
    """The directory `pool` of an archive."""

    def __init__(self, root: Path) -> None:
        """Open the pool of the archive at `root`; nothing is made."""
        self.root = root

    def add(self, members: Sequence[Member]) -> None:
        """Link files that are not there yet, each hashed before; synced when this returns.

        Raises Mismatch when a file is not the one of its record, NameTaken when a name has other content.
        """
        for member in members:
            self._add(member)
        places = {parent for directory in {member.directory for member in members} for parent in _upwards(directory)}
        if len(places) > _MANY:
            atomic.disk.sync_all()
            return
        for place in sorted(places, reverse=True):
            atomic.disk.sync(self.root / place)

    def find(self, name: str, size: int, sha256: str) -> Path | None:
        """Find a file of a source package (`SOURCE_...`) by name, size and SHA256."""
        ref = FileRef(name, size, sha256)
        source = name.partition("_")[0]
        found = (self.root / "pool").glob(f"*/{prefix(source)}/{source}/{name}") if plain(name) else ()
        return next((path for path in found if same(ref, path)), None)

    def _add(self, member: Member) -> None:
        target = self.root / member.directory / member.ref.name
        check(member.ref, member.file)
        if not target.exists():
            atomic.make(target.parent)
            atomic.disk.link(member.file, target)
        elif not same(member.ref, target):
            raise NameTaken(f"{member.ref.name}: the pool holds another file of this name; use a new version")


def _upwards(directory: str) -> list[str]:
    """Give a directory and those it lies in, up to the document root."""
    return [directory, *map(str, Path(directory).parents)]


def prefix(source: str) -> str:
    """Give the folder that a source's own lies in: its first letter, or the first four of `lib*`."""
    return source[:4] if source.startswith("lib") and len(source) > len("lib") else source[:1]


def directory(component: str, source: str) -> str:
    """Give the place of a source's files, relative to the archive: `pool/COMPONENT/PREFIX/SOURCE`."""
    return f"pool/{component}/{prefix(source)}/{source}"


def plain(name: str) -> bool:
    """Say whether a name is one plain file name (letters, digits and `.+~_-` as in package files)."""
    return name[:1].isalnum() and all(letter.isalnum() or letter in ".+~_-" for letter in name) and name.isascii()


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Hash a file, in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def same(ref: FileRef, path: Path) -> bool:
    """Say whether a regular file has the size and SHA256 of a record."""
    return not path.is_symlink() and path.stat().st_size == ref.size and digest(path) == ref.sha256


def check(ref: FileRef, path: Path) -> None:
    """Raise Mismatch unless the file is the one of the record."""
    if not plain(ref.name):
        raise Mismatch(f"{ref.name!r}: not a name for a file of the pool")
    if not path.is_file() or not same(ref, path):
        raise Mismatch(f"{ref.name}: not the file whose size and SHA256 were recorded ({ref.size}, {ref.sha256})")
