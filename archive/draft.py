"""A suite's catalogue while it is changed: what each inclusion of a set sees is what those before it made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archive.catalogue import Catalogue, Shelf
from archive.inclusion import Arrival, Change, Difference, Refusal, plan_inclusion
from archive.stanzas import Stanza


class Amended:
    """The stanzas of one index, and what was taken out of them and put in."""

    def __init__(self, base: Shelf) -> None:
        self._base = base
        self._removed: dict[Stanza, None] = {}
        self._added: dict[str, dict[Stanza, None]] = {}

    def named(self, names: Iterable[str]) -> list[Stanza]:
        """Give those of some packages."""
        wanted = [*names]
        kept = [stanza for stanza in self._base.named(wanted) if stanza not in self._removed]
        return [*kept, *(stanza for name in wanted for stanza in self._added.get(name, ()))]

    def __iter__(self) -> Iterator[Stanza]:
        """Give all."""
        yield from (stanza for stanza in self._base if stanza not in self._removed)
        yield from self.difference.added

    def amend(self, difference: Difference) -> None:
        """Take stanzas out and put others in."""
        for stanza in difference.removed:
            added = self._added.get(stanza.package, {})
            if stanza in added:
                del added[stanza]
            else:
                self._removed[stanza] = None
        for stanza in difference.added:
            if stanza in self._removed:
                del self._removed[stanza]
            else:
                self._added.setdefault(stanza.package, {})[stanza] = None

    @property
    def difference(self) -> Difference:
        """Give all that was taken out and put in."""
        return Difference(tuple(self._removed), tuple(stanza for found in self._added.values() for stanza in found))


class Held:
    """All stanzas of an index in memory, for very many questions."""

    def __init__(self, shelf: Iterable[Stanza]) -> None:
        self._found: dict[str, list[Stanza]] = {}
        for stanza in shelf:
            self._found.setdefault(stanza.package, []).append(stanza)

    def named(self, names: Iterable[str]) -> list[Stanza]:
        """Give those of some packages."""
        return [stanza for name in names for stanza in self._found.get(name, ())]

    def __iter__(self) -> Iterator[Stanza]:
        """Give all."""
        return (stanza for found in self._found.values() for stanza in found)


class Draft:
    """What a suite becomes; `many` says that much of it will be asked for."""

    def __init__(self, published: Catalogue, *, many: bool = False) -> None:
        """Start from what is published."""
        shelves = published.shelves.items()
        self._shelves = {place: Amended(Held(shelf) if many else shelf) for place, shelf in shelves}
        self._shelves |= {place: Amended(Held(())) for place in published.places() if place not in self._shelves}
        self._catalogue = Catalogue(published.suite, self._shelves)

    def plan(self, arrival: Arrival) -> Change | Refusal:
        """Decide on an arrival, and take in what it changes."""
        names = [*(built.stanza.package for built in arrival.binaries), *arrival.declared]
        planned = plan_inclusion(self._catalogue.about((arrival.source,), names), arrival)
        if isinstance(planned, Change):
            for place, difference in planned.indices.items():
                self._shelves[place].amend(difference)
        return planned

    @property
    def change(self) -> Change:
        """Give all that becomes different."""
        found = {place: shelf.difference for place, shelf in self._shelves.items()}
        return Change({place: difference for place, difference in found.items() if any(difference)})
