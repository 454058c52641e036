"""What every way of telling has in common: a notice is told, waits for a far side, or waits for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from queues.entry import Entry
from queues.values import Notice


class Delivered(Struct, frozen=True):
    """Done; what is to be said of it."""

    note: str


class Waits(Struct, frozen=True):
    """To be tried again at a time (UTC)."""

    reason: str
    until: datetime


class Refused(Struct, frozen=True):
    """It will not be taken as it is: a person has to look."""

    reason: str


Delivery = Delivered | Waits | Refused


class Channel(Protocol):
    """A way of telling. What was told is in the entry's history, so a repeat tells only the rest."""

    def deliver(self, entry: Entry[Notice]) -> Delivery:
        """Tell a notice, as far as it was not told yet."""
