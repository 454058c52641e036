"""Watching directories: a hint that something arrived, through inotify. The scan is the truth.

The handler sets one event and does nothing else, so a burst of arrivals is one wake-up. Where inotify cannot be had
(watches exhausted, a network file system), it says so once and the timer finds everything.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.events import DirCreatedEvent, FileCreatedEvent, FileSystemEvent
from watchdog.events import FileSystemEventHandler as Handler
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import InotifyConstants, Mask

log = logging.getLogger(__name__)
ARRIVALS: list[type[FileSystemEvent]] = [DirCreatedEvent, FileCreatedEvent]


class Arrivals(InotifyEmitter):
    """Asks the kernel for arrivals only.

    watchdog keeps each departure for half a second, to pair it with an arrival, and all that comes after it waits.
    """

    def get_event_mask_from_filter(self) -> Mask:
        """Name what the kernel is to tell."""
        return Mask(InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO)


class Wakeup(Handler):
    """Something to sleep on until an entry arrives in one of the watched directories, or `ring` is called."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @contextmanager
    def watching(self, directories: Iterable[Path]) -> Iterator[None]:
        """Be woken by arrivals in these directories; what cannot be watched is left to the timer."""
        observer = BaseObserver(Arrivals)
        try:
            for directory in directories:
                observer.schedule(self, str(directory), recursive=False, event_filter=ARRIVALS)
            observer.start()
        except OSError as error:
            log.warning("no events can be had (%s): arrivals are found by scan alone", error)
        try:
            yield
        finally:
            observer.stop()  # also what had begun before it failed to start
            if observer.is_alive():
                observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 -- that there was one is all we use
        """Note that something arrived."""
        self._event.set()

    def ring(self) -> None:
        """Wake the sleeper."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep until something arrives, at most so long; True when it did. Forgets what it was woken by."""
        woken = self._event.wait(seconds)
        self._event.clear()
        return woken
