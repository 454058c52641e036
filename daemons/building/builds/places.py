"""Places for builds: as many on one machine at a time as its operator allows, whatever sites and daemons build there.

A place is a file beside the bases, locked while a build runs. The kernel frees the lock however its holder ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from queues import atomic

_PLACES = ".places"  # in a cache of bases


class Places:
    """The places of this machine, `count` of them for all that build over the same bases; 0: no end of them."""

    def __init__(self, caches: Callable[[], Iterable[Path]], count: int) -> None:
        """Say how to find the caches of bases; a build takes a place in each."""
        self._caches = caches
        self._count = count

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Have a place until this is left; says whether there was one. Raises OSError."""
        with ExitStack() as held:
            yield self._count == 0 or all(self._take(cache / _PLACES, held) for cache in self._caches())

    def _take(self, places: Path, held: ExitStack) -> bool:
        atomic.make(places, 0o700)
        return any(_lock(places / str(number), held) for number in range(self._count))


def _lock(path: Path, held: ExitStack) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    held.callback(os.close, descriptor)
    return True
