"""The indices of one directory of `dists` as the next publication has them: of the published ones and what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archive import descriptions
from archive.catalogue import ENGLISH, Place, Shelf
from archive.draft import Held
from archive.inclusion import NOTHING, Change, Difference
from archive.indices import Damaged, forms, opening, pieces, writing
from archive.indices.index import Index
from archive.indices.pieces import Piece
from archive.indices.texts import Texts
from archive.release import Digest
from archive.stanzas import SOURCE, Stanza
from queues.values import Suite


class Revision:
    """What a directory of `dists` becomes."""

    def __init__(self, old: Path, suite: Suite, dist: str, texts: Texts) -> None:
        """Start from a published directory; it need not be there."""
        self._old = old
        self._suite = suite
        self._entries = opening.listed(old)
        self._dist = dist
        self._published = opening.opened(old, suite, dist)
        self._texts = texts

    def write(self, directory: Path, change: Change, *, merge: bool = False, check: bool = False) -> dict[str, Digest]:
        """Bring every index into a new directory; gives its entries in Release. Raises Damaged.

        `merge` puts indices in order; `check` compares those that stay as they are with the Release they come from.
        """
        apart = [*self._descriptions(change)]
        indices = self._published | {place: shelf for place, shelf, _ in apart}
        changes = {**change.indices, **{place: difference for place, _, difference in apart}}
        entries: dict[str, Digest] = {}
        for place, index in indices.items():
            suffixes = forms.wanted(self._suite, place)
            new = self._new(index, place, changes.get(place, NOTHING), suffixes, merge=merge)
            if new is not None:
                entries |= writing.write(directory, place, new, suffixes, self._texts)
                continue
            assert isinstance(index, Index), "any other is new"
            if check:
                index.check()
            entries |= writing.link(directory, place, self._old, self._entries, suffixes)
        return entries

    def _descriptions(self, change: Change) -> Iterator[tuple[Place, Shelf, Difference]]:
        """Give the indices of long descriptions, and what becomes of them; none where those do not stand apart."""
        for component in self._suite.components if self._suite.translations else ():
            place = Place(self._dist, component, ENGLISH)
            shelves = {one: shelf for one, shelf in self._published.items() if one[:2] == place[:2] and _binary(one)}
            index = opening.described(self._old, self._entries, place) or Held(descriptions.of(self._whole(place)))
            brought = [built.description for built in change.described if built[:2] == place[:2] and built.description]
            yield place, index, descriptions.difference(shelves, change.indices, index, brought)

    def _whole(self, beside: Place) -> Iterator[Stanza]:
        """Give the published Packages of a component, as they are."""
        for place in (one for one in self._published if one[:2] == beside[:2] and _binary(one)):
            if place.path in self._entries:
                yield from Index(self._old, place, self._entries)

    def _new(
        self, index: Shelf, place: Place, difference: Difference, suffixes: Sequence[str], *, merge: bool
    ) -> Sequence[Piece] | None:
        """Give the pieces of an index that is not as it was; None where it is."""
        if isinstance(index, Index) and not any(difference) and not (merge and index.loose) and index.has(suffixes):
            return None
        old = index.pieces(self._texts) if isinstance(index, Index) else [*pieces.cut(map(_text, index))]
        try:
            added = sorted(difference.added, key=lambda stanza: stanza.package)
            new = pieces.edit(old, map(_text, difference.removed), map(_text, added))
        except pieces.Missing as error:
            raise Damaged(f"{self._old / place.path}: {error}; look at it with 'debmill doctor'") from None
        return pieces.merge(new) if merge else new


def _binary(place: Place) -> bool:
    return place.architecture != SOURCE


def _text(stanza: Stanza) -> bytes:
    return stanza.text + b"\n"
