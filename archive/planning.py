"""What a set of arrivals changes in a suite, each seeing what others made; or why one may not come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from archive.catalogue import Catalogue
from archive.delivery import Checked
from archive.draft import Draft
from archive.inclusion import Arrival, Change, Refusal
from archive.published import Published

_MANY = 100  # sources for which indices are read whole


def plan(
    checked: Sequence[Checked], into: Catalogue, others: Mapping[str, Catalogue], published: Published
) -> Change | Refusal:
    """Decide on everything that passed its checks; `others` are the suites that have the same pool, by name."""
    conflict = published.conflict(member.ref for one in checked for member in one.members)
    if conflict:
        return Refusal(conflict)
    draft, left = Draft(into, many=len(checked) > _MANY), [*checked]
    while left:  # a package may come from a source whose turn is before that of the one which gives it up
        refused = [(one, refusal) for one in left if (refusal := _refusal(one.arrival, draft, into, others))]
        if len(refused) == len(left):
            one, refusal = refused[0]
            return refusal if len(checked) == 1 else _of(one.arrival, refusal)
        left = [one for one, _ in refused]
    described = (built for one in checked for built in one.arrival.binaries if built.description)
    return structs.replace(draft.change, described=tuple(described))


def _refusal(arrival: Arrival, draft: Draft, into: Catalogue, others: Mapping[str, Catalogue]) -> Refusal | None:
    """Take an arrival into the draft, or say why not."""
    if elsewhere := _elsewhere(arrival, into.suite.name, others):
        return Refusal(elsewhere)
    planned = draft.plan(arrival)
    return planned if isinstance(planned, Refusal) else None


def _of(arrival: Arrival, refusal: Refusal) -> Refusal:
    """Name the source of a refusal that names only a package."""
    source = f"{arrival.source} {arrival.version}: "
    return refusal if refusal.reason.startswith(source) else Refusal(f"{source}{refusal.reason}")


def _elsewhere(arrival: Arrival, suite: str, others: Mapping[str, Catalogue]) -> str:
    for name, other in others.items():
        if arrival.stanza and arrival.version in other.versions(arrival.source):
            return (
                f"{arrival.source} {arrival.version}: published in {name}; promote or copy it to {suite}, "
                "or use a ~suffix version"
            )
    return ""
