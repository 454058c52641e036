"""How much may come into one uploader's area: what lies there, what is arriving, and what is left.

The directory is looked at only when there seems to be no room. In between, what lies there is counted upwards: a look
for each of a thousand small files would cost a million.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from daemons.intake.answers import Refusal
from daemons.intake.limits import Limits


class Lying(NamedTuple):
    """Closed files that are not taken yet, and their bytes."""

    files: int
    size: int


class Room:
    """The room of one area: bytes that are arriving claim it, and give it back when their file is closed.

    `look(name)` counts all closed files but that one, which a new file of this name replaces. `quota()` gives the bytes
    that one uploader may have lying here, 0: as all.
    """

    def __init__(self, limits: Limits, quota: Callable[[], int], look: Callable[[str], Lying]) -> None:
        self._limits = limits
        self._quota = quota
        self._look = look
        self._most = 0  # bytes, as of the last file that was begun
        self._lying = look("")
        self._arriving = 0
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        """Raise Refusal when there is room for nothing more."""
        with self._lock:
            self._most = min(self._limits.area_bytes, self._quota() or self._limits.area_bytes)
            if self._is_full():
                self._lying = self._look(name)
            if self._is_full():
                raise Refusal(
                    f"{name}: {self._lying.files} files of yours wait here, {self._lying.size} of {self._most} bytes; "
                    "complete their upload or remove them (rm)"
                )

    def claim(self, name: str, end: int, more: int) -> None:
        """Claim room for `more` bytes of a file that then ends at `end`. Raises Refusal that says how many fit."""
        with self._lock:
            if more > self._left():
                self._lying = self._look(name)
            fits = min(self._limits.file_bytes, end - more + self._left())
            if end > fits:
                raise Refusal(f"{name}: more than {fits} bytes, which is all there is room for")
            self._arriving += more

    def give_back(self, claimed: int) -> None:
        """Give back what a file claimed."""
        with self._lock:
            self._arriving -= claimed

    def closed(self, size: int) -> None:
        """Count a file that lies here from now on."""
        with self._lock:
            self._lying = Lying(self._lying.files + 1, self._lying.size + size)

    def _is_full(self) -> bool:
        return self._left() <= 0 or self._lying.files >= self._limits.area_files

    def _left(self) -> int:
        return self._most - self._lying.size - self._arriving
