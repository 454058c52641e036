"""The case that a reviewer has open in the tool, for as long as it is looked at."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime

from queues.names import Key
from queues.problem import Problem
from review.desk import Desk
from review.hand import Hand


class Held:
    """Holds one case at a time; the process' death frees it, too."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open = ExitStack()
        self._hand: Hand | None = None

    def take(self, key: Key, reviewer: str, now: datetime) -> str:
        """Take a case instead of the one before, and say why that cannot be; empty when it is held now."""
        self.free()
        try:
            self._hand = self._open.enter_context(self._desk.open(key, reviewer, now))
        except Problem as error:
            return str(error)
        return ""

    def holds(self, key: Key) -> Hand | None:
        """Give the hand in which a case is that was not decided on."""
        hand = self._hand
        return hand if hand is not None and hand.case.upload.key == key and not hand.entry.settled else None

    def free(self) -> None:
        """Put the case back where it was taken from, unless it was decided on."""
        self._hand = None
        self._open.close()
