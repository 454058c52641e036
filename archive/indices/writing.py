"""Index files on their way into a new directory: hard-linked where nothing changed, else put together from pieces.

The plain text has its hash in Release and no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from archive import release
from archive.catalogue import Place
from archive.indices import forms, opening
from archive.indices.forms import FORMS, Packed
from archive.indices.index import Entries
from archive.indices.pieces import Piece
from archive.indices.texts import Texts
from archive.release import Digest
from archive.snapshot import Tree
from queues import atomic

KEPT = 16  # generations whose index files stay reachable by hash, and besides all that are not older than this
LATELY = timedelta(minutes=5)
MODE = 0o644
_THREADS = 2


def link(directory: Path, place: Place, old: Path, known: Entries, suffixes: Sequence[str]) -> dict[str, Digest]:
    """Take an index over as it is from a published directory, in some of its forms. Gives its entries in Release."""
    atomic.make((directory / place.path).parent)
    for suffix in suffixes:
        atomic.disk.link(old / f"{place.path}{suffix}", directory / f"{place.path}{suffix}")
    return {path: known[path] for path in (place.path, *(place.path + suffix for suffix in suffixes))}


def write(
    directory: Path, place: Place, pieces: Sequence[Piece], suffixes: Sequence[str], texts: Texts
) -> dict[str, Digest]:
    """Write an index of these pieces, and keep its text for the next time. Gives its entries in Release."""
    plain = texts.put(f"{place.dist}/{place.path}", [piece.text for piece in pieces])
    packed = _packed(pieces, suffixes)
    files = {suffix: FORMS[suffix].join(one[suffix] for one in packed) for suffix in suffixes}
    atomic.make((directory / place.path).parent)
    atomic.create(*((directory / f"{place.path}{suffix}", data, MODE) for suffix, data in files.items()))
    return {place.path: plain, **{place.path + suffix: release.digest(data) for suffix, data in files.items()}}


def link_by_hash(tree: Tree, dist: str, directory: Path, entries: Entries, moment: datetime) -> None:
    """Link the index files of a new directory, and those of the last generations, by their hashes."""
    linked: set[tuple[str, str]] = set()
    _link(directory, directory, entries, linked)
    for snapshot in tree.generations_since(dist, KEPT - 1, moment - LATELY):
        old = tree.directory(snapshot, dist)
        _link(old, directory, opening.listed(old), linked)


def _packed(pieces: Sequence[Piece], suffixes: Sequence[str]) -> list[Packed]:
    new = [number for number, piece in enumerate(pieces) if not {*suffixes} <= {*(piece.packed or ())}]
    pack = partial(forms.pack, suffixes=suffixes)
    with ThreadPoolExecutor(_THREADS) as pool:
        made = dict(zip(new, pool.map(pack, (pieces[number] for number in new)), strict=True))
    return [made.get(number) or piece.packed for number, piece in enumerate(pieces)]


def _link(old: Path, new: Path, entries: Entries, linked: set[tuple[str, str]]) -> None:
    for path, found in entries.items():
        parent = path.rpartition("/")[0]
        if path.endswith(tuple(FORMS)) and (parent, found.sha256) not in linked and (new / parent).is_dir():
            linked.add((parent, found.sha256))
            target = new / parent / "by-hash" / "SHA256" / found.sha256
            atomic.make(target.parent)
            atomic.disk.link(old / path, target)
