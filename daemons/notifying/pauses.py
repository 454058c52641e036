"""A far side that is away is left alone for a while that doubles, so that it delays nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(minutes=32)


def after(tries: int) -> timedelta:
    """Say how long to wait after so many tries in a row that failed. Pure."""
    return min(LONGEST, SHORTEST * (1 << min(tries - 1, 10)))


class Pause:
    """Whether a far side is left alone; known to one process, which tries once when it begins."""

    def __init__(self) -> None:
        self.until: datetime | None = None
        self.reason = ""
        self._tries = 0

    def lasts(self, now: datetime) -> bool:
        """Say whether it is too early to try."""
        return self.until is not None and now < self.until

    def begin(self, reason: str, now: datetime) -> datetime:
        """Leave it alone from now on, and say until when."""
        self._tries += 1
        self.reason = reason
        self.until = now + after(self._tries)
        return self.until

    def end(self) -> None:
        """Note that it has answered."""
        self.until, self._tries = None, 0
