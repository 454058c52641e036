"""Index files on their way into a new directory: hard-linked where nothing changed, else put together from pieces.

Each index is published as .gz and .xz, that of the packages for all architectures as .gz only; the plain text has its
hash in Release and no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from archive import release
from archive.catalogue import Place
from archive.indices import blocks, members, opening
from archive.indices.index import FORMS, Entries, Packed, forms
from archive.indices.pieces import FAST, Piece
from archive.indices.texts import Texts
from archive.release import Digest
from archive.snapshot import Tree
from queues import atomic

KEPT = 16  # generations whose index files stay reachable by hash
MODE = 0o644
_LEVELS = (6, 1)  # of zlib: thorough, fast
_THREADS = 2


def link(directory: Path, place: Place, old: Path, known: Entries) -> dict[str, Digest]:
    """Take an index over as it is from a published directory. Gives its entries in Release."""
    atomic.make((directory / place.path).parent)
    for suffix in forms(place):
        atomic.disk.link(old / f"{place.path}{suffix}", directory / f"{place.path}{suffix}")
    return {path: known[path] for path in (place.path, *(place.path + suffix for suffix in forms(place)))}


def write(directory: Path, place: Place, pieces: Sequence[Piece], texts: Texts) -> dict[str, Digest]:
    """Write an index of these pieces, and keep its text for the next time. Gives its entries in Release."""
    plain = texts.put(f"{place.dist}/{place.path}", [piece.text for piece in pieces])
    packed = _packed(pieces, xz=".xz" in forms(place))
    files = {".gz": b"".join([one.member for one in packed]) or members.pack(b"", 0, b"", _LEVELS[0])}
    if ".xz" in forms(place):
        files[".xz"] = blocks.stream(one.block for one in packed if one.block)
    atomic.make((directory / place.path).parent)
    atomic.create(*((directory / f"{place.path}{suffix}", data, MODE) for suffix, data in files.items()))
    return {place.path: plain, **{place.path + suffix: release.digest(data) for suffix, data in files.items()}}


def link_by_hash(tree: Tree, dist: str, directory: Path, entries: Entries) -> None:
    """Link the index files of a new directory, and those of the last generations, by their hashes."""
    linked: set[tuple[str, str]] = set()
    _link(directory, directory, entries, linked)
    for snapshot in tree.generations(dist, KEPT - 1):
        old = tree.directory(snapshot, dist)
        _link(old, directory, opening.listed(old), linked)


def _packed(pieces: Sequence[Piece], *, xz: bool) -> list[Packed]:
    pack = partial(_pack, xz=xz)
    new = [piece for piece in pieces if piece.packed is None]
    if len(new) < _THREADS:
        made = iter([*map(pack, new)])
    else:
        with ThreadPoolExecutor(_THREADS) as pool:
            made = iter([*pool.map(pack, new)])
    return [piece.packed or next(made) for piece in pieces]


def _pack(piece: Piece, *, xz: bool) -> Packed:
    text, fast = bytes(piece.text), bool(piece.marks & FAST)
    block = blocks.pack(text, fast=fast) if xz else None
    return Packed(members.pack(text, piece.marks, piece.first, _LEVELS[fast]), block)


def _link(old: Path, new: Path, entries: Entries, linked: set[tuple[str, str]]) -> None:
    for path, found in entries.items():
        parent = path.rpartition("/")[0]
        if path.endswith(FORMS) and (parent, found.sha256) not in linked and (new / parent).is_dir():
            linked.add((parent, found.sha256))
            target = new / parent / "by-hash" / "SHA256" / found.sha256
            atomic.make(target.parent)
            atomic.disk.link(old / path, target)
