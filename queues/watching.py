"""Watching directories: a hint that something arrived, through inotify. The scan is the truth.

A hint sets one event and does nothing else, so a burst of arrivals is one wake-up. That the kernel lost events wakes,
too. What cannot be watched (watches exhausted, a directory that is gone) is said once, found by the timer, and tried
again at each sleep.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

log = logging.getLogger(__name__)
ARRIVALS = Mask(InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_ONLYDIR)
WRITTEN = Mask(ARRIVALS | InotifyConstants.IN_CLOSE_WRITE)  # where others write files under their final names
logging.getLogger("watchdog").setLevel(logging.ERROR)  # it warns of lost events, which cost us nothing


class Wakeup:
    """Something to sleep on until an entry arrives in one of the watched directories, or `ring` is called."""

    def __init__(self, events: Mask = ARRIVALS) -> None:
        self._event = threading.Event()
        self._events = events
        self._inotify: InotifyFD | None = None
        self._unwatched: set[Path] = set()
        self._said: set[Path] = set()

    @contextmanager
    def watching(self, directories: Iterable[Path]) -> Iterator[None]:
        """Be woken by arrivals in these directories; what cannot be watched is left to the timer."""
        self._unwatched = set(directories)
        self._watch()
        try:
            yield
        finally:
            inotify, self._inotify = self._inotify, None
            if inotify is not None:
                inotify.stop()
                inotify.join()
            self._unwatched.clear()

    def watch(self, directory: Path) -> None:
        """Watch one more directory from the next sleep on; at most once each."""
        self._unwatched.add(directory)

    def ring(self) -> None:
        """Wake the sleeper."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep until something arrives, at most so long; True when it did. Forgets what it was woken by."""
        if self._watch():
            return True  # what arrived before there was a watch woke nobody
        woken = self._event.wait(seconds)
        self._event.clear()
        return woken

    def lose(self, directory: Path) -> None:
        """Note that a directory is watched no more: it was removed."""
        self._unwatched.add(directory)
        self.ring()

    def _watch(self) -> bool:
        """Watch what is not watched yet; True when that is more than before."""
        before = [*self._unwatched]
        for directory in before:
            try:
                self._add(directory)
                self._unwatched.discard(directory)
            except OSError as error:
                self._complain(directory, error)
        return len(self._unwatched) < len(before)

    def _add(self, directory: Path) -> None:
        if self._inotify is None:
            self._inotify = InotifyFD()
            self._inotify.start()
        hint = _Hint(self, directory)
        self._inotify.add_callback(os.fsencode(directory), self._events, hint, CallbackId(id(hint)))

    def _complain(self, directory: Path, error: OSError) -> None:
        if directory not in self._said:
            self._said.add(directory)
            log.warning("%s cannot be watched (%s): arrivals there are found by scan alone", directory, error.strerror)


class _Hint:
    """What is known of one directory; called by the thread that reads from the kernel."""

    def __init__(self, wakeup: Wakeup, directory: Path) -> None:
        self._wakeup = wakeup
        self._directory = directory

    def on_event(self, event: InotifyEvent) -> None:  # noqa: ARG002 -- that there was one is all we use
        self._wakeup.ring()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 -- the shape of a callback
        self._wakeup.lose(self._directory)

    def on_queue_overflow(self) -> None:
        self._wakeup.ring()
