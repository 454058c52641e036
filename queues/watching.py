"""Watching directories: a hint that something arrived, through inotify. The scan is the truth.

The handler sets one event and does nothing else, so a burst of arrivals is one wake-up. Where inotify cannot be had
(watches exhausted, a network file system), it says so once and the timer finds everything.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import DirCreatedEvent, DirMovedEvent, FileCreatedEvent, FileMovedEvent, FileSystemEvent
from watchdog.events import FileSystemEventHandler as Handler
from watchdog.observers import Observer

log = logging.getLogger(__name__)
ARRIVALS: list[type[FileSystemEvent]] = [DirCreatedEvent, DirMovedEvent, FileCreatedEvent, FileMovedEvent]


class Wakeup(Handler):
    """Something to sleep on until an entry arrives in one of the directories, or `ring` is called."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._event = threading.Event()
        self._directories = list(directories)
        self._observer = Observer()

    def __enter__(self) -> Self:
        """Begin to watch; what cannot be watched is left to the timer."""
        try:
            for directory in self._directories:
                self._observer.schedule(self, str(directory), recursive=False, event_filter=ARRIVALS)
            self._observer.start()
        except OSError as error:
            log.warning("no events for %s and others (%s): found by scan alone", self._directories[0], error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

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
