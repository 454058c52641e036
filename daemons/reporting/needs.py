"""Build dependencies that cannot be had: who would bring them, and who waits for whom in a cycle. Pure.

An upload is published as a whole, and its build dependencies come from what its suite publishes. So an upload whose
jobs miss what other uploads will make waits for those uploads; when they wait for it, nobody moves (rule 19).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct

from queues.control import compare
from queues.names import Key

# One alternative of a relationship field (Policy 7.1); what apt says besides, such as `conflict with x`, is none.
_ALTERNATIVE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?::[a-z0-9-]+)?(?: \((?P<relation><<|<=|=|>=|>>) (?P<version>[^)]+)\))?"
)
_HOLDS = {
    "<<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    "=": lambda order: order == 0,
    ">=": lambda order: order >= 0,
    ">>": lambda order: order > 0,
}


class Need(Struct, frozen=True):
    """A job in dep-wait: what it misses, as a relationship field (`libfoo (>= 2), a | b`), and since when (UTC)."""

    upload: Key
    source: str
    version: str
    suite: str
    architecture: str
    missing: str
    since: datetime

    @property
    def id(self) -> str:
        """The upload's name for people."""
        return f"{self.source}_{self.version}"


class Cycle(Struct, frozen=True):
    """Uploads to a suite that wait for each other: each for the next, the last for the first."""

    suite: str
    ids: tuple[str, ...]
    keys: tuple[Key, ...]

    def __str__(self) -> str:
        """Say it in a line."""
        return " -> ".join((*self.ids, self.ids[0]))


class Offer(Struct, frozen=True):
    """An upload on its way, as far as `place` (`review/ready`), and the binary packages that its .dsc names."""

    upload: Key
    source: str
    version: str
    suite: str
    place: str
    packages: tuple[str, ...]

    @property
    def id(self) -> str:
        """The name for people."""
        return f"{self.source}_{self.version}"


Offers = Mapping[tuple[str, str], Sequence[Offer]]  # by suite and package


def packages(missing: str) -> list[str]:
    """Name the packages in a relationship field."""
    return [match["name"] for group in _groups(missing) for match in group]


def by_package(offers: Iterable[Offer]) -> Offers:
    """Sort offers by what they make."""
    found: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for one in offers:
        for package in one.packages:
            found[one.suite, package].append(one)
    return found


def bringers(need: Need, offers: Offers) -> list[list[Offer]]:
    """Give, for each thing that is missing, the uploads to this suite that would bring it.

    A package is taken to have its source's version.
    """
    return [
        [one for choice in group for one in offers.get((need.suite, choice["name"]), ()) if _fits(one, choice)]
        for group in _groups(need.missing)
    ]


def who_brings(need: Need, offers: Offers, owners: Mapping[tuple[str, str], str]) -> str:
    """Say of each missing thing who would bring it; `owners` names, by suite and package, the published source."""
    found = zip(_groups(need.missing), bringers(need, offers), strict=True)
    return "; ".join(
        f"{' | '.join(choice[0] for choice in group)}: {_who(need, group, ours, owners)}" for group, ours in found
    )


def cycles(needs: Sequence[Need], offers: Offers) -> list[Cycle]:
    """Find the uploads that wait for each other.

    Those of one cycle are given once, the alphabetically first in front. What somebody outside would bring, too,
    closes none.
    """
    waits = {key: sorted(found) for key, found in sorted(_waits(needs, offers).items())}
    of, found = {need.upload: need for need in needs}, []
    while keys := _cycle(waits):
        first = keys.index(min(keys))
        turned = (*keys[first:], *keys[:first])
        found.append(Cycle(of[turned[0]].suite, tuple(of[key].id for key in turned), turned))
        waits = {key: [to for to in others if to not in keys] for key, others in waits.items() if key not in keys}
    return found


def _waits(needs: Sequence[Need], offers: Offers) -> Mapping[Key, set[Key]]:
    waits: dict[Key, set[Key]] = {need.upload: set() for need in needs}
    for need in needs:
        for offered in bringers(need, offers):
            keys = {one.upload for one in offered}
            if keys <= waits.keys():
                waits[need.upload] |= keys
    return waits


def _cycle(waits: Mapping[Key, Sequence[Key]]) -> list[Key]:
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        cycle: list[Key] = error.args[1]  # each is what the next one waits for; the first is also the last
        return cycle[:0:-1]
    return []


def _groups(missing: str) -> Iterator[list[re.Match[str]]]:
    for group in missing.split(", "):
        found = [match for choice in group.split(" | ") if (match := _ALTERNATIVE.fullmatch(choice))]
        if found:
            yield found


def _fits(offer: Offer, choice: re.Match[str]) -> bool:
    return not choice["relation"] or _HOLDS[choice["relation"]](compare(offer.version, choice["version"]))


def _who(
    need: Need, group: Sequence[re.Match[str]], offered: Sequence[Offer], owners: Mapping[tuple[str, str], str]
) -> str:
    if offered:
        return "would come with " + " or ".join(f"{one.id}, now in {one.place}" for one in offered)
    published = [owner for choice in group if (owner := owners.get((need.suite, choice["name"])))]
    if published:
        return f"what {published[0]} has published does not do"
    return "nothing here makes it"
