"""Index files of one directory of `dists`: written when their text is new, hard-linked when it is not.

Each index is published as .gz and .xz; the plain text has its hash in Release and no file. Files of the last
generations stay reachable by their hash, for clients that hold an older Release.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path

from archive import release, stanzas
from archive.catalogue import Catalogue, Place, dists_of, places_of
from archive.release import Digest
from archive.snapshot import Tree
from archive.stanzas import Stanza
from queues import atomic
from queues.problem import Problem
from queues.values import Suite

KEPT = 16  # generations whose index files stay reachable by hash
MODE = 0o644
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda text: gzip.compress(text, 6, mtime=0),
    ".xz": lambda text: lzma.compress(text, preset=6),
}
Entries = Mapping[str, Digest]


class Damaged(Problem):
    """A published index whose content is not what its Release says."""


def published(directory: Path) -> Entries:
    """Give the index files that a published directory's Release lists; none when there is no such directory."""
    try:
        return release.hashes((directory / "Release").read_bytes())
    except FileNotFoundError:
        return {}


def read(directory: Path, entries: Entries, place: Place) -> tuple[Stanza, ...]:
    """Read an index back, compared with its Release; an index not published is empty. Raises Damaged."""
    if place.path not in entries:
        return ()
    try:
        text = gzip.decompress((directory / f"{place.path}.gz").read_bytes())
    except (OSError, EOFError, ValueError) as error:
        raise Damaged(f"{directory / place.path}.gz: {error}; publish the suite again from a backup") from error
    if release.digest(text) != entries[place.path]:
        raise Damaged(f"{directory / place.path}.gz: not the content its Release lists; restore it from a backup")
    return stanzas.split(text, sources=place.architecture == stanzas.SOURCE)


def committed(tree: Tree, suite: Suite, dist: str) -> Path:
    """Give the published directory of a dist, as the suite's own link, the commit, says; it need not be there."""
    current = tree.current(suite.name)
    return tree.directory(current, dist) if current else tree.dists / dist


def load(tree: Tree, suite: Suite) -> Catalogue:
    """Read what a suite publishes now; before its first publication every index is empty. Raises Damaged."""
    found: dict[Place, tuple[Stanza, ...]] = {}
    for dist in dists_of(suite):
        directory = committed(tree, suite, dist)
        entries = published(directory)
        found |= {place: read(directory, entries, place) for place in places_of(suite, dist)}
        found |= {place: _for_all(found, place) for place in places_of(suite, dist) if place.path not in entries}
    return Catalogue(suite, found)


def _for_all(found: Mapping[Place, tuple[Stanza, ...]], new: Place) -> tuple[Stanza, ...]:
    """Give the index of an architecture that is new in the suite: the packages for all architectures."""
    if new.architecture == stanzas.SOURCE:
        return ()
    beside = (found[place] for place in found if place[:2] == new[:2] and place.architecture != stanzas.SOURCE)
    return stanzas.ordered({stanza for index in beside for stanza in index if stanza.architecture == "all"})


def write(directory: Path, place: Place, text: bytes, old: Path, known: Entries) -> dict[str, Digest]:
    """Bring an index into a new directory; `old` and `known` are the published one. Gives its entries in Release."""
    plain = release.digest(text)
    new = {place.path: plain}
    atomic.make((directory / place.path).parent)
    for suffix, pack in _PACKERS.items():
        path = place.path + suffix
        if known.get(place.path) == plain and path in known:
            atomic.disk.link(old / path, directory / path)
            new[path] = known[path]
        else:
            packed = pack(text)
            atomic.disk.create(directory / path, packed, MODE)
            new[path] = release.digest(packed)
    return new


def link_by_hash(tree: Tree, dist: str, directory: Path, entries: Entries) -> None:
    """Link the index files of a new directory, and those of the last generations, by their hashes."""
    _link(directory, directory, entries)
    for snapshot in tree.generations(dist, KEPT - 1):
        old = tree.directory(snapshot, dist)
        _link(old, directory, published(old))


def _link(old: Path, new: Path, entries: Entries) -> None:
    for path, found in entries.items():
        if not path.endswith(tuple(_PACKERS)) or not (new / path).parent.is_dir():
            continue
        target = (new / path).parent / "by-hash" / "SHA256" / found.sha256
        atomic.make(target.parent)
        if not target.exists():
            atomic.disk.link(old / path, target)
