"""Whether all that is brought is published already, or was and was taken back, told by names and hashes alone.

A replay costs nothing. Pure; catalogues are looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from archive.catalogue import Catalogue, Extract
from archive.delivery import Delivery, architecture_of
from archive.snapshot import SnapshotId
from archive.stanzas import SOURCE, Stanza
from queues.values import FileRef


def repeats(catalogue: Catalogue, brought: Delivery) -> bool:
    """Say whether each .deb stands in every index it belongs in, and the .dsc as a source of its own."""
    debs = [material.ref for _, found in brought.results for material in found]
    dscs = [material.ref for material in brought.sources if material.ref.name.endswith(".dsc")]
    sources, packages = ({ref.name.partition("_")[0] for ref in refs} for refs in (dscs, debs))
    published = catalogue.about(sources, packages)
    return bool(dscs or debs) and all(
        (
            *(any(_is_of(stanza, ref) and not stanza.extra for stanza in published.sources()) for ref in dscs),
            *(_stands(published, ref) for ref in debs),
        )
    )


def taken_back(
    publications: Sequence[SnapshotId],
    undone: Iterable[SnapshotId],
    catalogue_of: Callable[[SnapshotId], Catalogue],
    brought: Delivery,
) -> SnapshotId | None:
    """Give the publication that all of it came with, where a rollback took it back later; else None.

    `publications` are those of the suite, the newest first, and `undone` those that rollbacks of it went away from.
    """
    for last in undone:
        found = None
        for snapshot in (one for one in publications if one <= last):
            if not repeats(catalogue_of(snapshot), brought):
                break
            found = snapshot
        if found:
            return found
    return None


def _stands(published: Extract, deb: FileRef) -> bool:
    binary = {place: there for place, there in published.indices.items() if place.architecture != SOURCE}
    homes = {place[:2] for place, there in binary.items() if _has(there, deb)}
    if architecture_of(deb.name) != "all":
        return bool(homes)
    return bool(homes) and all(_has(there, deb) for place, there in binary.items() if place[:2] in homes)


def _has(there: Iterable[Stanza], deb: FileRef) -> bool:
    return any(_is_of(stanza, deb) for stanza in there)


def _is_of(stanza: Stanza, ref: FileRef) -> bool:
    return ref.sha256.encode() in stanza.text
