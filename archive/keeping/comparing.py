"""Two publications compared: what came, went, and changed its version.

Indices are compared piece by piece: what they share is the same bytes, and is not unpacked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from archive import release, stanzas
from archive.indices import Damaged, members
from archive.indices import pieces as texts
from archive.stanzas import Stanza

Versions = Mapping[tuple[str, str], Collection[str]]


class Difference(Struct, frozen=True):
    """One package of one architecture (or `source`), and the versions that went and came; empty where none did.

    `dist` is the directory of `dists`. Several versions, which only sources have, are parted by spaces.
    """

    dist: str
    package: str
    architecture: str
    before: str
    after: str


def differences(old: Path | None, new: Path | None, dist: str) -> list[Difference]:
    """Compare two published directories of a dist; None is one that there was not. Raises Damaged."""
    before, after = _versions(only_in(old, new)), _versions(only_in(new, old))
    found = []
    for package, architecture in sorted({*before, *after}):
        went, came = set(before.get((package, architecture), ())), set(after.get((package, architecture), ()))
        if went != came:
            words = (" ".join(sorted(versions)) for versions in (went - came, came - went))
            found.append(Difference(dist, package, architecture, *words))
    return found


def only_in(one: Path | None, other: Path | None) -> Iterator[Stanza]:
    """Give the stanzas of a published directory that another one has not; one for all architectures comes for each.

    Raises Damaged.
    """
    for path in indices(one):
        assert one is not None, "it has an index"
        mine, theirs = one / path, other / path if other else None
        if theirs is None or not theirs.is_file():
            yield from _read(mine, _texts(mine, set(packed(mine))))
        elif not mine.samefile(theirs):
            here, there = set(packed(mine)), set(packed(theirs))
            yield from _read(mine, _texts(mine, here - there) - _texts(theirs, there - here))


def indices(directory: Path | None) -> list[str]:
    """Name the packed indices of Packages and Sources that a published directory lists."""
    if directory is None:
        return []
    try:
        listed = release.hashes((directory / "Release").read_bytes())
    except FileNotFoundError:
        return []
    return [f"{path}.gz" for path in listed if path.endswith(("/Packages", "/Sources"))]


def packed(index: Path) -> list[bytes]:
    """Give an index as it is packed, piece by piece; one that was not made in pieces is one. Raises Damaged."""
    try:
        file = index.read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{index} is missing; restore it from a backup") from None
    try:
        return [file[one.offset : one.offset + one.size] for one in members.walk(memoryview(file)) if one.text_size]
    except members.Foreign:
        return [file]


def unpacked(index: Path, piece: bytes) -> list[bytes]:
    """Give the stanzas of a piece of an index. Raises Damaged."""
    try:
        return [text[:-1] for text in texts.stanzas(members.unpack(piece))]
    except members.Broken as error:
        raise Damaged(f"{index}: {error}; restore it from a backup") from None


def _texts(index: Path, found: Collection[bytes]) -> set[bytes]:
    return {text for piece in found for text in unpacked(index, piece)}


def _read(index: Path, found: Collection[bytes]) -> Iterator[Stanza]:
    for text in sorted(found):
        yield stanzas.read(text, sources=index.name == "Sources.gz")


def _versions(found: Iterator[Stanza]) -> Versions:
    versions: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in found:
        versions[one.package, one.architecture].add(one.version)
    return versions
