"""Very many files at once, of any number of sources: read, checked and put together to an arrival for each source.

Nothing stays in memory but what the decision needs: a file's fields go when its stanza is rendered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cmp_to_key
from typing import NamedTuple

from msgspec import structs

from archive import delivery, reading, results, stanzas
from archive.delivery import Checked, Delivery, Material, Unfit, is_deb
from archive.inclusion import Arrival, Built
from archive.pool import Member, Pool
from archive.reading import Fields
from queues import control
from queues.values import Suite

_SHOWN = 20  # complaints
Source = tuple[str, str]


class _Heap(NamedTuple):
    """What was found of the binaries of one source."""

    built: list[Built]
    members: list[Member]
    architectures: set[str]


def check(materials: Sequence[Material], suite: Suite, kept: Pool) -> list[Checked]:
    """Read files and check them, source by source; the version of a name rises. Raises Unfit with every complaint."""
    complaints: list[str] = []
    sources = dict(_sources(materials, suite, kept, complaints))
    heaps = _heaps(materials, suite, {of: one.arrival.declared for of, one in sources.items()}, complaints)
    if complaints:
        more = [f"and {len(complaints) - _SHOWN} more"] if len(complaints) > _SHOWN else []
        raise Unfit("\n".join([*complaints[:_SHOWN], *more]))
    return [_together(of, sources.get(of), heaps.get(of)) for of in sorted({*sources, *heaps}, key=cmp_to_key(_order))]


def _sources(
    materials: Sequence[Material], suite: Suite, kept: Pool, complaints: list[str]
) -> Iterator[tuple[Source, Checked]]:
    dscs = [material for material in materials if material.ref.name.endswith(".dsc")]
    others = {material.ref.name: material for material in materials if not is_deb(material.ref.name)}
    for dsc, fields in zip(dscs, reading.each([dsc.path for dsc in dscs]), strict=True):
        try:
            named = delivery.listed(_sound(fields))
            brought = (dsc, *(others[ref.name] for ref in named if ref.name in others))
            found = delivery.checked(Delivery(brought, ()), suite, kept, [dsc], [_sound(fields)])
            yield (found.arrival.source, found.arrival.version), found
        except (Unfit, reading.Unreadable, stanzas.Malformed) as error:
            complaints.append(str(error))


def _heaps(
    materials: Sequence[Material], suite: Suite, declared: dict[Source, frozenset[str]], complaints: list[str]
) -> dict[Source, _Heap]:
    heaps: dict[Source, _Heap] = defaultdict(lambda: _Heap([], [], set()))
    debs = [material for material in materials if is_deb(material.ref.name)]
    for deb, fields in zip(debs, reading.each([deb.path for deb in debs]), strict=True):
        try:
            of = delivery.source_of(_sound(fields))
            architecture = delivery.architecture_of(deb.ref.name)
            found = delivery.binary(deb, _sound(fields), suite, results.Expected(*of, architecture, declared.get(of)))
        except (Unfit, reading.Unreadable, stanzas.Malformed) as error:
            complaints.append(str(error))
            continue
        heaps[of].architectures.add(architecture)
        if found:
            heaps[of].built.append(found[0])
            heaps[of].members.append(found[1])
    return heaps


def _order(one: Source, other: Source) -> int:
    if one[0] != other[0]:
        return -1 if one[0] < other[0] else 1
    return control.compare(one[1], other[1])


def _sound(fields: Fields | reading.Unreadable) -> Fields:
    if isinstance(fields, reading.Unreadable):
        raise fields
    return fields


def _together(of: Source, source: Checked | None, heap: _Heap | None) -> Checked:
    built, members, architectures = heap or _Heap([], [], set())
    if source is None:
        component = built[0].component if built else "main"
        return Checked(Arrival(*of, component, None, "", frozenset(), tuple(built)), tuple(members))
    arrival = structs.replace(source.arrival, binaries=tuple(built), built=frozenset(architectures))
    return Checked(arrival, (*source.members, *members))
