"""Uploads that were accepted together: what the others mean for one of them.

A set is published at once, so a member waits until each of the others has passed its gate. One that is lost, for it was
abandoned, superseded, rejected or taken back, lets the others be held; a person who puts them back lets them go on
without it. One that waits for a person (withheld, held) can still come, and is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from daemons.deciding.gate import Abandon, Decision, Include, Wait, Withhold
from daemons.sites import Site
from daemons.telling.meaning import cause
from queues import history
from queues.entry import Entry
from queues.history import Event
from queues.layout import Spool
from queues.names import Key
from queues.rooms import Room
from queues.values import Set, Upload
from review import together
from review.notices import anew
from review.together import Found

Standing = Literal["coming", "at its gate", "passed", "published", "lost"]
COMING = ("coming", "at its gate")
_MASTER: dict[Room, Standing] = {Room.WAITING: "at its gate", Room.FAILED: "lost"}
_ARCHIVE: dict[Room, Standing] = {Room.DONE: "published", Room.HOLD: "coming", Room.CORRUPT: "coming"}
WITHOUT = "without"  # the fact of `held`: which members were lost
_BACK = ("released", "given back")  # with `by`: a person put it back


class Mate(Struct, frozen=True):
    """Another member: how it stands, and that in words."""

    key: Key
    stands: Standing
    place: str = ""

    def __str__(self) -> str:
        """Say which it is, and where."""
        return f"{together.in_words(self.key)} ({self.place})" if self.place else together.in_words(self.key)


class Part(Struct, frozen=True):
    """It is held, for its set has lost members."""

    reason: str
    without: tuple[Key, ...]


def decide(own: Decision, mates: Sequence[Mate]) -> Decision | Part:
    """Decide for a member whose own gate decided already; `mates` are those who count for it."""
    lost = [mate for mate in mates if mate.stands == "lost"]
    if lost and not isinstance(own, Withhold | Abandon):
        return parted(lost)
    coming = tuple(f"{mate} of its set" for mate in mates if mate.stands in COMING)
    return Wait(coming) if coming and isinstance(own, Include) else own


def parted(lost: Sequence[Mate]) -> Part:
    """Say that members are lost, and what one can do."""
    who = ", ".join(map(str, lost))
    return Part(f"its set has lost {who}; put back, it goes on without", tuple(one.key for one in lost))


def forgiven(events: Iterable[Event]) -> set[Key]:
    """Name the members without which an upload with this history goes on: a person put it back when they were lost."""
    missed: set[Key] = set()
    found: set[Key] = set()
    for event in events:
        if event.event == "held":
            missed = {Key(key) for key in event.facts.get(WITHOUT, "").split()}
        elif event.event in _BACK and "by" in event.facts:
            found |= missed
    return found


def others(key: Key, bond: Set, events: Iterable[Event]) -> list[Key]:
    """Name the other members that count for one with this history."""
    without = forgiven(events)
    return [one for one in bond.members if one != key and one not in without]


def mates(spool: Spool, key: Key, bond: Set, events: Iterable[Event]) -> list[Mate]:
    """Look where the other members stand that count for one."""
    return [stand(spool, one, bond) for one in others(key, bond, events)]


def stand(spool: Spool, key: Key, bond: Set, known: Mapping[Key, Found] = MappingProxyType({})) -> Mate:
    """Look where a member stands; `known` says where it was."""
    found = together.member(spool, key, bond, known)
    if found is None:
        return Mate(key, "lost", "it goes its own way")
    queue, room, name = found
    stands: Standing = "coming"
    if queue.name == "archive":
        stands = _ARCHIVE.get(room, "passed")
    elif queue.name == "master":
        stands = _MASTER.get(room, "coming")
    elif room is Room.REJECTED:
        stands = "lost"
    last = cause(room, history.read(queue.where(room, name))) if stands == "lost" else None
    return Mate(key, stands, last.event if last else f"{queue.name}/{room}")


def in_words(mates: Sequence[Mate]) -> list[str]:
    """Name the others of a set, and where each one is."""
    return [f"accepted together with {', '.join(map(str, mates))}"] if mates else []


def part(site: Site, entry: Entry[Upload], lost: Part, now: datetime) -> None:
    """Put a member that lost others aside for a person, and tell those concerned."""
    site.tell(anew("held", entry.history), entry.envelope, now, reason=lost.reason)
    entry.hold(lost.reason, **{WITHOUT: " ".join(lost.without)})
