"""Build dependencies that cannot be had: who would bring them, and who waits for whom in a circle. Pure.

An upload is published as a whole, and its build dependencies come from what its suite publishes. So an upload whose
jobs miss what other uploads will make waits for those uploads; when they wait for it, nobody moves (rule 19).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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


def packages(missing: str) -> list[str]:
    """Name the packages in a relationship field."""
    return [match["name"] for group in _groups(missing) for match in group]


def bringers(missing: str, suite: str, offers: Sequence[Offer]) -> list[list[Offer]]:
    """Give, for each thing that is missing, the uploads to this suite that would bring it.

    A package is taken to have its source's version.
    """
    return [
        [one for one in offers if one.suite == suite and any(_brings(one, choice) for choice in group)]
        for group in _groups(missing)
    ]


def who_brings(need: Need, offers: Sequence[Offer], owners: Mapping[tuple[str, str], str]) -> str:
    """Say of each missing thing who would bring it; `owners` names, by suite and package, the published source."""
    found = zip(_groups(need.missing), bringers(need.missing, need.suite, offers), strict=True)
    return "; ".join(
        f"{' | '.join(choice[0] for choice in group)}: {_who(need, group, ours, owners)}" for group, ours in found
    )


def cycles(needs: Sequence[Need], offers: Sequence[Offer]) -> list[tuple[Key, ...]]:
    """Find the uploads that wait for each other, each for the next and the last for the first.

    Those of one circle are given once, the alphabetically first in front. What somebody outside the circle would bring,
    too, closes none.
    """
    waits = {key: sorted(found) for key, found in sorted(_waits(needs, offers).items())}
    found = []
    while circle := _circle(waits):
        first = circle.index(min(circle))
        found.append((*circle[first:], *circle[:first]))
        waits = {key: [to for to in keys if to not in circle] for key, keys in waits.items() if key not in circle}
    return found


def _waits(needs: Sequence[Need], offers: Sequence[Offer]) -> Mapping[Key, set[Key]]:
    waits: dict[Key, set[Key]] = {need.upload: set() for need in needs}
    for need in needs:
        for offered in bringers(need.missing, need.suite, offers):
            keys = {one.upload for one in offered}
            if keys <= waits.keys():
                waits[need.upload] |= keys
    return waits


def _circle(waits: Mapping[Key, Sequence[Key]]) -> list[Key]:
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        circle: list[Key] = error.args[1]  # each is what the next one waits for; the first is also the last
        return circle[:0:-1]
    return []


def _groups(missing: str) -> Iterator[list[re.Match[str]]]:
    for group in missing.split(", "):
        found = [match for choice in group.split(" | ") if (match := _ALTERNATIVE.fullmatch(choice))]
        if found:
            yield found


def _brings(offer: Offer, choice: re.Match[str]) -> bool:
    if choice["name"] not in offer.packages:
        return False
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
