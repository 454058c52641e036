"""The indices of one directory of `dists` as the next publication has them: of the published ones and what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from archive.catalogue import Place
from archive.inclusion import NOTHING, Difference
from archive.indices import Damaged, forms, opening, pieces, writing
from archive.indices.index import Index
from archive.indices.pieces import Piece
from archive.indices.texts import Texts
from archive.release import Digest
from archive.stanzas import Stanza
from queues.values import Suite


class Revision:
    """What a directory of `dists` becomes."""

    def __init__(self, old: Path, suite: Suite, dist: str, texts: Texts) -> None:
        """Start from a published directory; it need not be there."""
        self._old = old
        self._suite = suite
        self._entries = opening.listed(old)
        self._published = opening.opened(old, suite, dist)
        self._texts = texts

    def write(
        self, directory: Path, changes: Mapping[Place, Difference], *, merge: bool = False, check: bool = False
    ) -> dict[str, Digest]:
        """Bring every index into a new directory; gives its entries in Release. Raises Damaged.

        `merge` puts indices in order; `check` compares those that stay as they are with the Release they come from.
        """
        entries: dict[str, Digest] = {}
        for place, index in self._published.items():
            suffixes = forms.wanted(self._suite, place)
            new = self._new(place, changes.get(place, NOTHING), suffixes, merge=merge)
            if new is not None:
                entries |= writing.write(directory, place, new, suffixes, self._texts)
                continue
            assert isinstance(index, Index), "one that joins is new"
            if check:
                index.check()
            entries |= writing.link(directory, place, self._old, self._entries, suffixes)
        return entries

    def _new(
        self, place: Place, difference: Difference, suffixes: Sequence[str], *, merge: bool
    ) -> Sequence[Piece] | None:
        """Give the pieces of an index that is not as it was; None where it is."""
        index = self._published[place]
        if isinstance(index, Index) and not any(difference) and not (merge and index.loose) and index.has(suffixes):
            return None
        old = index.pieces(self._texts) if isinstance(index, Index) else [*pieces.cut(map(_text, index))]
        try:
            added = sorted(difference.added, key=lambda stanza: stanza.package)
            new = pieces.edit(old, map(_text, difference.removed), map(_text, added))
        except pieces.Missing as error:
            raise Damaged(f"{self._old / place.path}: {error}; look at it with 'debmill doctor'") from None
        return pieces.merge(new) if merge else new


def _text(stanza: Stanza) -> bytes:
    return stanza.text + b"\n"
