"""A first process that is started before it is needed, one for each builder: most of what an environment costs is done.

It holds no base and no layer, and is told what to make when it is taken, so no change of these can make it wrong. It is
used at most once, ends with its builder, and is discarded when somebody sanitizes a cache of bases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from daemons.building.roots.first import First
from queues import atomic

_MARK = ".sanitized"  # in a cache; each new one discards what was started before


class Ahead:
    """Has at most one first process ready, from when it is entered until it is left."""

    def __init__(self, caches: Callable[[], Iterable[Path]]) -> None:
        """Say how to find the caches whose sanitizing counts."""
        self._caches = caches
        self._ready: First | None = None
        self._marks: list[int] = []
        self._open = False

    def __enter__(self) -> Self:
        """Allow that one is started."""
        self._open = True
        return self

    def __exit__(self, *error: object) -> None:
        """End what nobody took."""
        self._open = False
        self._discard()

    def prepare(self) -> None:
        """Have one ready; where that fails, what is in the way is said when one is taken."""
        if not self._open:
            return
        marks = [_mark(cache) for cache in self._caches()]
        if self._ready is None or not self._ready.lives or marks != self._marks:
            self._discard()
            with suppress(OSError):
                self._ready, self._marks = First(), marks

    def take(self) -> First:
        """Give a first process that nobody had, started before or now. Raises OSError."""
        self.prepare()
        taken, self._ready = self._ready, None
        return taken or First()

    def _discard(self) -> None:
        if self._ready is not None:
            self._ready.end()
            self._ready = None


def discard(cache: Path) -> None:
    """Let every builder that uses a cache discard what it has started ahead: now, if it sleeps, else before its use."""
    atomic.replace(cache / _MARK, b"")


def _mark(cache: Path) -> int:
    try:
        return (cache / _MARK).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
