"""Whether one more connection is let in, and who has to go for it. Pure.

A flood must not shut out a maintainer: room for connections that have not logged in is made by cutting one of those,
the oldest of the address that has the most of them. A login takes a second; who is in is never cut for a stranger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

from daemons.intake.limits import Limits


class Guest(Protocol):
    """An open connection."""

    @property
    def host(self) -> str:
        """The client's address."""

    @property
    def is_stranger(self) -> bool:
        """Say whether it has not logged in."""


class TurnedAway(Exception):
    """There is no room for this connection; the message says why."""


G = TypeVar("G", bound=Guest)


def one_more(guests: Sequence[G], host: str, limits: Limits) -> G | None:
    """Decide about a connection from `host`. `guests` are all that are open, oldest first.

    Gives the one to cut for it, None: there is room. Raises TurnedAway.
    """
    neighbours = sum(guest.host == host for guest in guests)
    if neighbours >= limits.sessions_per_address:
        raise TurnedAway(f"{neighbours} connections from this address are open")
    strangers = [guest for guest in guests if guest.is_stranger]
    if len(guests) < limits.sessions and len(strangers) < limits.strangers:
        return None
    if not strangers:
        raise TurnedAway(f"{len(guests)} connections are open")
    of_host = Counter(stranger.host for stranger in strangers)
    return max(strangers, key=lambda stranger: of_host[stranger.host])
